#include "media/matte_look.h"

#include "base/arena.h"
#include "media/matte_edge.h"
#include "media/matte_trim.h"

#include <assert.h>
#include <math.h>
#include <string.h>

static const float matte_kept_piece = 0.12f;

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

/* Several people are several pieces. */
float matte_keep_largest(struct raster *mask)
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

void matte_fill_gaps(struct raster *mask, int most_inside, int most_at_border)
{
    struct pieces pieces;
    int size = mask->width * mask->height;
    pieces_start(&pieces, mask);
    for (int i = 0; i < size; i++) {
        bool border;
        if (mask->values[i] > 0.5f || pieces.labels[i] != 0)
            continue;
        int area = piece_fill(&pieces, mask->values, 0.5f, false, i, i + 1, &border);
        for (int k = i; area < (border ? most_at_border : most_inside) && k < size; k++) {
            if (pieces.labels[k] == i + 1)
                mask->values[k] = 1;
        }
    }
    pieces_finish(&pieces);
}

/* --- looking ------------------------------------------------------------------------------------
 */

void matte_sight_finish(struct matte_sight *sight)
{
    raster_free(sight->guide);
    raster_free(sight->mask);
    *sight = (struct matte_sight){0};
}

void matte_memory_forget(struct matte_memory *memory)
{
    raster_free(memory->guide);
    raster_free(memory->mask);
    *memory = (struct matte_memory){0};
}

/* What has not changed since the last frame keeps most of what it was; what moved is as it is now. */
static void remember(struct matte_memory *memory, const struct raster *guide, struct raster *mask)
{
    size_t count = (size_t)MATTE_GRID * MATTE_GRID;
    if (memory->guide) {
        CLEANUP(raster) struct raster *change = raster_new(MATTE_GRID, MATTE_GRID, 1);
        for (size_t i = 0; i < 3 * count; i++)
            change->values[i / 3] += fabsf(guide->values[i] - memory->guide->values[i]) / 3;
        raster_blur(change, 2);
        for (size_t i = 0; i < count; i++) {
            float share = 0.2f + 0.8f * raster_smoothstep(0.012f, 0.06f, change->values[i]);
            float before = memory->mask->values[i];
            mask->values[i] = before + (mask->values[i] - before) * share;
        }
    }
    matte_memory_forget(memory);
    memory->guide = raster_copy(guide);
    memory->mask = raster_copy(mask);
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

int matte_look(struct nn_net *net, const struct picture *photo, struct matte_memory *memory,
               struct matte_sight *ret_sight, struct err *err)
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
    if (memory)
        remember(memory, ret_sight->guide, mask);
    ret_sight->doubt = doubt_of(mask);
    ret_sight->mask = decide_by_colour(ret_sight->guide, mask);
    if (!memory)
        matte_trim(ret_sight->guide, mask, ret_sight->mask);
    ret_sight->share = matte_keep_largest(ret_sight->mask);
    matte_fill_gaps(ret_sight->mask, MATTE_GRID * MATTE_GRID / 80, MATTE_GRID * MATTE_GRID / 600);
    return 0;
}
