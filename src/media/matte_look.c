#include "media/matte_look.h"

#include "base/arena.h"
#include "media/matte_edge.h"
#include "media/matte_pieces.h"
#include "media/matte_settle.h"
#include "media/matte_trim.h"

#include <assert.h>
#include <math.h>
#include <string.h>

static const float hold_least = 0.028f, hold_most = 0.5f, hold_stranger = 0.3f;

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
        says *= says < 0 ? matte_tells(guide->values + 3 * i) : 1;
        float weight = fmaxf(1 - raster_smoothstep(0.6f, net_sure_in, value),
                             raster_smoothstep(evidence_most, evidence_most + 2, -says));
        if (value > net_sure_out) {
            float odds = value / (1 - value) * expf(says * weight);
            value = odds / (1 + odds);
        }
        by_colour->values[i] = value;
    }
    free(evidence);
    return by_colour;
}

static float sureness(float value)
{
    return (2 * value - 1) * (2 * value - 1);
}

/* Where the net and the colours are sure they hold; the rest goes with what it looks like and is connected to. What has the
 * colours of the surroundings alone goes with them where no edge lies between. */
static void settle(const struct raster *guide, const struct raster *net, struct raster *mask)
{
    struct raster *rough CLEANUP(raster) = raster_copy(mask);
    for (size_t i = 0; i < (size_t)MATTE_GRID * MATTE_GRID; i++)
        rough->values[i] = raster_clamp((mask->values[i] - 0.3f) / 0.4f, 0, 1);
    struct raster *strange CLEANUP(raster) = matte_strangers(guide, net, rough);
    struct raster *hold CLEANUP(raster) = raster_new(MATTE_GRID, MATTE_GRID, 1);
    for (size_t i = 0; i < (size_t)MATTE_GRID * MATTE_GRID; i++) {
        float stranger = rough->values[i] * raster_smoothstep(0.35f, 0.75f, strange->values[i]);
        float holds = hold_least + hold_most * sureness(net->values[i]) * sureness(mask->values[i]);
        float parts = hold_least + hold_stranger * (1 - sureness(net->values[i]));
        hold->values[i] = holds + (parts - holds) * stranger;
        mask->values[i] = rough->values[i] * (1 - stranger);
    }
    matte_settle(guide, hold, 2e-4f, mask);
    for (size_t i = 0; i < (size_t)MATTE_GRID * MATTE_GRID; i++)
        mask->values[i] = raster_clamp((mask->values[i] - 0.4f) / 0.2f, 0, 1);
}

/* --- looking ------------------------------------------------------------------------------------
 */

void matte_sight_finish(struct matte_sight *sight)
{
    raster_free(sight->guide);
    raster_free(sight->mask);
    raster_free(sight->seen);
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
    settle(ret_sight->guide, mask, ret_sight->mask);
    ret_sight->share = matte_keep_largest(ret_sight->mask, mask);
    matte_fill_enclosed(ret_sight->mask, mask);
    matte_fill_gaps(ret_sight->mask, MATTE_GRID * MATTE_GRID / 80, MATTE_GRID * MATTE_GRID / 600);
    matte_keep_largest(mask, NULL);
    ret_sight->seen = TAKE(mask);
    return 0;
}
