#include "media/move.h"

#include "base/table.h"

#include <math.h>
#include <strings.h>

struct move {
    const char *name;
    const char *words; /* separated by | */
    float from_x, to_x, from_y, to_y, anchor, pan_x, pan_y, from_dolly, to_dolly, from_zoom,
        to_zoom, roll;
    int round; /* 0 there, 1 in a circle, 2 wandering */
};

static const struct move moves[] = {
#define MOVE(row, name, words, fx, tx, fy, ty, anchor, px, py, fd, td, fz, tz, roll, round)        \
    {name, words, fx, tx, fy, ty, anchor, px, py, fd, td, fz, tz, roll, round},
#include "media/moves.def"
#undef MOVE
};

const char *const move_names[] = {
#define MOVE(row, name, words, fx, tx, fy, ty, anchor, px, py, fd, td, fz, tz, roll, round) name,
#include "media/moves.def"
#undef MOVE
    NULL};

static const float tau = 6.2831853f;

const struct move *move_choose(const char *name, const char *text)
{
    for (size_t i = 0; name && *name && i < TABLE_SIZE(moves); i++) {
        if (strcasecmp(moves[i].name, name) == 0)
            return &moves[i];
    }
    const struct move *best = &moves[0];
    size_t best_length = 0;
    for (size_t i = 0; text && i < TABLE_SIZE(moves); i++) {
        size_t length = scene_words_in(moves[i].words, text);
        if (length > best_length) {
            best = &moves[i];
            best_length = length;
        }
    }
    return best;
}

const char *move_name(const struct move *move)
{
    return move->name;
}

/* Starts and ends slowly, but never quite stands still. */
static float ease(float t)
{
    float soft = t * t * t * (t * (t * 6 - 15) + 10);
    return 0.12f * t + 0.88f * soft;
}

static float between(float from, float to, float t)
{
    return (from + (to - from) * t) * 0.01f;
}

/* Sums of whole rounds, so that they close. */
static void wander(const struct move *move, float t, struct parallax_pose *pose)
{
    float turn = t * tau;
    pose->shift_x =
        0.01f * move->to_x * (0.6f * sinf(turn) + 0.4f * sinf(2 * turn + 1.3f) - 0.385f);
    pose->shift_y =
        0.01f * move->to_y * (0.6f * sinf(turn + 2.1f) + 0.4f * sinf(3 * turn) - 0.518f);
    pose->roll = move->roll * tau / 360 * (0.5f * sinf(turn + 0.7f) + 0.5f * sinf(2 * turn));
    pose->zoom = move->to_zoom * 0.01f;
}

void move_pose(const struct move *move, float t, bool closed, float strength,
               struct parallax_pose *ret_pose)
{
    struct parallax_pose *pose = ret_pose;
    *pose = parallax_still;
    pose->anchor = move->anchor;
    /* The light breathes in whole rounds in any case. */
    pose->light = 1 - 0.012f * (1 - cosf(tau * t)) / 2;
    float way = closed ? 0.5f - 0.5f * cosf(tau * t) : ease(t);
    if (move->round == 2) {
        wander(move, t, pose);
    } else if (move->round == 1) {
        pose->shift_x = 0.01f * move->to_x * cosf(tau * t);
        pose->shift_y = 0.01f * move->to_y * sinf(tau * t);
        pose->zoom = move->to_zoom * 0.01f;
    } else {
        pose->shift_x = between(move->from_x, move->to_x, way);
        pose->shift_y = between(move->from_y, move->to_y, way);
        pose->pan_x = between(-move->pan_x / 2, move->pan_x / 2, way);
        pose->pan_y = between(-move->pan_y / 2, move->pan_y / 2, way);
        pose->dolly = between(move->from_dolly, move->to_dolly, way);
        pose->zoom = between(move->from_zoom, move->to_zoom, way);
        pose->roll = move->roll * tau / 360 * (way - 0.5f);
    }
    float *scaled[] = {&pose->shift_x, &pose->shift_y, &pose->pan_x,
                       &pose->pan_y,   &pose->dolly,   &pose->roll};
    for (size_t i = 0; i < TABLE_SIZE(scaled); i++)
        *scaled[i] *= strength;
    pose->zoom = 1 + (pose->zoom - 1) * strength;
}
