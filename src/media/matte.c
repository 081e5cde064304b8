#include "media/matte.h"

#include "base/arena.h"
#include "media/image.h"
#include "media/matte_edge.h"
#include "media/nn/nn.h"

#include <assert.h>
#include <math.h>
#include <string.h>

static const float matte_least_share = 0.015f, matte_kept_piece = 0.12f, matte_most_doubt = 0.45f;
static const double part_most = 0.6;

/* --- what the net is not sure of ----------------------------------------------------------------
 */

enum { TINT_STEPS = 16, TINTS = TINT_STEPS * TINT_STEPS * TINT_STEPS };
static const float net_sure_out = 0.05f, net_sure_in = 0.95f, evidence_most = 3;

static int tint_of(const float colour[3])
{
    int tint = 0;
    for (int c = 0; c < 3; c++)
        tint = tint * TINT_STEPS + (int)(raster_clamp(colour[c], 0, 0.9999f) * TINT_STEPS);
    return tint;
}

/* Neighbouring tints share their counts: one step along each of the three axes. */
static void tints_smooth(float *tints)
{
    float line[TINT_STEPS + 2];
    for (int axis = 1; axis < TINTS; axis *= TINT_STEPS) {
        for (int start = 0; start < TINTS; start++) {
            if (start / axis % TINT_STEPS != 0)
                continue;
            for (int i = 0; i < TINT_STEPS; i++)
                line[i + 1] = tints[start + i * axis];
            line[0] = line[1];
            line[TINT_STEPS + 1] = line[TINT_STEPS];
            for (int i = 0; i < TINT_STEPS; i++)
                tints[start + i * axis] = 0.25f * (line[i] + line[i + 2]) + 0.5f * line[i + 1];
        }
    }
}

/* 0 for greys, 1 for colours that do not come about by chance. */
static float loudness_of(int tint)
{
    int red = tint / (TINT_STEPS * TINT_STEPS), green = tint / TINT_STEPS % TINT_STEPS;
    int blue = tint % TINT_STEPS;
    int most = red > green ? red : green, least = red < green ? red : green;
    most = blue > most ? blue : most;
    least = blue < least ? blue : least;
    return raster_smoothstep(0.25f, 0.5f, (float)(most - least) / TINT_STEPS);
}

/* For every tint the logarithm of how much more it belongs to the surely inside than to the surely outside. A loud tint of the
 * outside says more than a grey one: a green wall is hardly ever part of somebody, a grey one may be the colour of a collar. */
static void tints_compare(const struct raster *guide, const struct raster *mask,
                          float ret_evidence[TINTS])
{
    float *inside = mem_array(TINTS, sizeof(float)), *outside = mem_array(TINTS, sizeof(float));
    float in_sum = 1, out_sum = 1;
    struct raster *deep CLEANUP(raster) = raster_copy(mask);
    raster_blur(deep, 2);
    for (size_t i = 0; i < (size_t)MATTE_GRID * MATTE_GRID; i++) {
        int tint = tint_of(guide->values + 3 * i);
        bool in = deep->values[i] > net_sure_in, out = mask->values[i] < net_sure_out;
        inside[tint] += in;
        outside[tint] += out;
        in_sum += in;
        out_sum += out;
    }
    tints_smooth(inside);
    tints_smooth(outside);
    for (int i = 0; i < TINTS; i++) {
        float loud = loudness_of(i);
        float says = logf((inside[i] / in_sum + 1e-5f) / (outside[i] / out_sum + 1e-5f));
        says *= says < 0 ? 1 + loud : 1;
        ret_evidence[i] = raster_clamp(says, -evidence_most - 4 * loud, evidence_most);
    }
    free(inside);
    free(outside);
}

/* Where the net is not sure, the colours of the places of which it is decide with it; against a loud tint of the outside it is never
 * sure. */
static struct raster *decide_by_colour(const struct raster *guide, const struct raster *mask)
{
    float *evidence = mem_array(TINTS, sizeof(float));
    struct raster *by_colour = raster_new(MATTE_GRID, MATTE_GRID, 1);
    tints_compare(guide, mask, evidence);
    for (size_t i = 0; i < (size_t)MATTE_GRID * MATTE_GRID; i++)
        by_colour->values[i] = evidence[tint_of(guide->values + 3 * i)];
    raster_blur(by_colour, 1);
    for (size_t i = 0; i < (size_t)MATTE_GRID * MATTE_GRID; i++) {
        float value = fminf(mask->values[i], 0.995f), says = by_colour->values[i];
        float weight = fmaxf(1 - raster_smoothstep(0.6f, net_sure_in, value),
                             raster_smoothstep(evidence_most, evidence_most + 2, -says));
        if (value > net_sure_out) {
            float odds = value / (1 - value) * expf(says * weight);
            value = odds / (1 + odds);
        }
        by_colour->values[i] = raster_clamp((value - 0.3f) / 0.4f, 0, 1);
    }
    free(evidence);
    return by_colour;
}

/* --- connected pieces --------------------------------------------------------------------------- */

struct pieces {
    int width, height;
    int *labels; /* 0: not in a piece */
    int *stack;
};

/* Marks the piece around `start` of the pixels whose side of `level` is `above`; its area, and whether it touches the border. */
static int piece_fill(struct pieces *pieces, const float *values, float level, bool above,
                      int start, int label, bool *ret_border)
{
    int area = 0, top = 0;
    pieces->stack[top++] = start;
    pieces->labels[start] = label;
    *ret_border = false;
    while (top > 0) {
        int at = pieces->stack[--top], x = at % pieces->width, y = at / pieces->width;
        const int steps[4] = {x > 0 ? at - 1 : -1, x + 1 < pieces->width ? at + 1 : -1,
                              y > 0 ? at - pieces->width : -1,
                              y + 1 < pieces->height ? at + pieces->width : -1};
        area++;
        for (int k = 0; k < 4; k++) {
            int next = steps[k];
            if (next < 0) {
                *ret_border = true;
            } else if (pieces->labels[next] == 0 && (values[next] > level) == above) {
                pieces->labels[next] = label;
                pieces->stack[top++] = next;
            }
        }
    }
    return area;
}

static void pieces_start(struct pieces *pieces, const struct raster *mask)
{
    size_t count = (size_t)mask->width * (size_t)mask->height;
    *pieces = (struct pieces){mask->width, mask->height, mem_array(count, sizeof(int)),
                              mem_array(count, sizeof(int))};
}

static void pieces_finish(struct pieces *pieces)
{
    free(pieces->labels);
    free(pieces->stack);
}

/* Keeps the largest piece and others of its order: several people are several pieces. The share of the picture that is left. */
static float keep_people(struct raster *mask)
{
    enum { PIECES_MAX = 4096 };
    struct pieces pieces;
    int areas[PIECES_MAX] = {0}, count = 0, largest = 0, left = 0;
    int size = mask->width * mask->height;
    bool border;
    pieces_start(&pieces, mask);
    for (int i = 0; i < size && count + 1 < PIECES_MAX; i++) {
        if (mask->values[i] > 0.5f && pieces.labels[i] == 0) {
            count++;
            areas[count] = piece_fill(&pieces, mask->values, 0.15f, true, i, count, &border);
            largest = areas[count] > largest ? areas[count] : largest;
        }
    }
    for (int i = 0; i < size; i++) {
        int label = pieces.labels[i];
        if (label == 0 || (float)areas[label] < matte_kept_piece * (float)largest)
            mask->values[i] = 0;
        left += mask->values[i] > 0.5f;
    }
    pieces_finish(&pieces);
    return (float)left / (float)size;
}

/* A gap inside belongs to the person; so does a tiny one at the border of the photo. */
static void fill_holes(struct raster *mask)
{
    struct pieces pieces;
    int size = mask->width * mask->height;
    pieces_start(&pieces, mask);
    for (int i = 0; i < size; i++) {
        bool border;
        if (mask->values[i] > 0.5f || pieces.labels[i] != 0)
            continue;
        int area = piece_fill(&pieces, mask->values, 0.5f, false, i, i + 1, &border);
        for (int k = i; area < size / (border ? 600 : 80) && k < size; k++) {
            if (pieces.labels[k] == i + 1)
                mask->values[k] = 1;
        }
    }
    pieces_finish(&pieces);
}

/* --- looking ------------------------------------------------------------------------------------
 */

/* What the net sees in a photo or in a part of it. */
struct sight {
    struct raster *guide, *mask; /* on the grid */
    float share;                 /* of the picture that is person */
    float doubt;                 /* share of the person's cells of which the net is not sure */
};

static void sight_finish(struct sight *sight)
{
    raster_free(sight->guide);
    raster_free(sight->mask);
    *sight = (struct sight){0};
}

static float doubt_of(const struct raster *mask)
{
    int seen = 0, unsure = 0;
    for (size_t i = 0; i < (size_t)MATTE_GRID * MATTE_GRID; i++) {
        seen += mask->values[i] > 0.1f;
        unsure += mask->values[i] > 0.1f && mask->values[i] < 0.9f;
    }
    return (float)unsure / (float)(seen > 0 ? seen : 1);
}

static int look(struct nn_net *net, const struct picture *photo, struct sight *ret_sight,
                struct err *err)
{
    struct nn_shape shape;
    float *input = nn_input(net, &shape);
    assert(shape.width == MATTE_GRID && shape.height == MATTE_GRID);
    ret_sight->guide = matte_grid(photo);
    memcpy(input, ret_sight->guide->values, (size_t)MATTE_GRID * MATTE_GRID * 3 * sizeof(float));
    int rc = nn_run(net, NULL, err);
    if (rc < 0)
        return rc;
    CLEANUP(raster) struct raster *mask = raster_new(MATTE_GRID, MATTE_GRID, 1);
    memcpy(mask->values, nn_output(net, 0, &shape),
           (size_t)MATTE_GRID * MATTE_GRID * sizeof(float));
    ret_sight->doubt = doubt_of(mask);
    ret_sight->mask = decide_by_colour(ret_sight->guide, mask);
    ret_sight->share = keep_people(ret_sight->mask);
    fill_holes(ret_sight->mask);
    return 0;
}

struct part {
    int x, y, width, height; /* photo pixels */
};

/* The part of the photo around the people, with room around them; the whole when that is not much smaller. */
static struct part part_of_people(const struct picture *photo, const struct raster *mask)
{
    int left = MATTE_GRID, top = MATTE_GRID, right = 0, bottom = 0;
    for (int i = 0; i < MATTE_GRID * MATTE_GRID; i++) {
        int x = i % MATTE_GRID, y = i / MATTE_GRID;
        if (mask->values[i] < 0.25f)
            continue;
        left = x < left ? x : left;
        right = x >= right ? x + 1 : right;
        top = y < top ? y : top;
        bottom = y >= bottom ? y + 1 : bottom;
    }
    double across = (double)photo->width / MATTE_GRID, down = (double)photo->height / MATTE_GRID;
    double room = 0.15 * fmax((right - left) * across, (bottom - top) * down) + 8;
    int x0 = (int)fmax(0, left * across - room),
        x1 = (int)fmin(photo->width, right * across + room);
    int y0 = (int)fmax(0, top * down - room), y1 = (int)fmin(photo->height, bottom * down + room);
    if ((double)(x1 - x0) * (y1 - y0) > part_most * photo->width * photo->height)
        return (struct part){0, 0, photo->width, photo->height};
    return (struct part){x0, y0, x1 - x0, y1 - y0};
}

/* Puts the part's matte and colours where they belong; around them there is nobody. */
static void widen(const struct picture *photo, const struct part *part, struct picture **matte,
                  struct picture **colours)
{
    struct picture *whole = picture_new(photo->width, photo->height, 1);
    struct picture *around = picture_copy(photo);
    for (int y = 0; y < part->height; y++) {
        memcpy(picture_at(whole, part->x, part->y + y), picture_at(*matte, 0, y),
               (size_t)part->width);
        memcpy(picture_at(around, part->x, part->y + y), picture_at(*colours, 0, y),
               (size_t)part->width * 3);
    }
    picture_free(*matte);
    picture_free(*colours);
    *matte = whole;
    *colours = around;
}

/* A person who fills little of the photo is looked at again, closer. */
static int look_closer(struct nn_net *net, const struct picture *photo, struct part *part,
                       struct sight *sight, struct picture **ret_close, struct err *err)
{
    *part = part_of_people(photo, sight->mask);
    if (part->width == photo->width && part->height == photo->height)
        return 0;
    sight_finish(sight);
    *ret_close = image_crop(photo, part->x, part->y, part->width, part->height);
    return look(net, *ret_close, sight, err);
}

int matte_person(const struct picture *photo, const struct media_assets *assets,
                 const struct media_monitor *monitor, struct picture **ret_matte,
                 struct picture **ret_colours, struct err *err)
{
    CLEANUP(nn) struct nn_net *net = NULL;
    CLEANUP(picture) struct picture *close = NULL;
    struct sight sight = {0};
    struct part part = {0};
    *ret_matte = *ret_colours = NULL;
    int rc = nn_open("selfie", assets, 0, 0, &net, err);
    if (rc == 0)
        rc = look(net, photo, &sight, err);
    if (rc == 0 && !media_advance(monitor, 0.3))
        rc = err_set_default(err, ERR_CANCELLED);
    if (rc == 0 && sight.share >= matte_least_share)
        rc = look_closer(net, photo, &part, &sight, &close, err);
    if (rc == 0 && !media_advance(monitor, 0.6))
        rc = err_set_default(err, ERR_CANCELLED);
    if (rc == 0 && sight.share >= matte_least_share && sight.doubt <= matte_most_doubt) {
        matte_refine(close ? close : photo, sight.guide, sight.mask, ret_matte, ret_colours);
        if (close)
            widen(photo, &part, ret_matte, ret_colours);
    }
    sight_finish(&sight);
    return rc;
}
