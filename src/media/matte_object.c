#include "base/arena.h"
#include "media/matte.h"
#include "media/matte_edge.h"
#include "media/matte_pieces.h"
#include "media/matte_settle.h"

#include <math.h>
#include <string.h>

/*
 * DESIGN. The border of the photo shows the ground. A smooth surface (second order in place, each colour for itself) is laid through
 * its cells; those that do not fit, because the thing reaches the border, lose their weight. Where the ground fits well, everything that
 * differs from it and is not connected to the border by ground is the thing, but for its shadow: that has the ground's hue and fades into
 * it.
 */
enum { OBJECT_TERMS = 6, OBJECT_RING = 5, OBJECT_ROUNDS = 6, OBJECT_SPOT = 40 };
static const float object_least_share = 0.008f, object_most_share = 0.9f;
static const double shadow_darkest = 0.2, shadow_brightest = 1.25;
static const float shadow_hold = 0.0005f, shadow_step = 0.003f;
static const float end_hold = 0.15f, end_step = 0.12f, least_left = 0.3f;
static const float faint_step = 0.03f, faint_most = 0.35f;
static const double ground_roughest = 0.045, ground_least_fit = 0.72;

/* The surface through the ground, and how far its cells lie from it. */
struct ground {
    double terms[3][OBJECT_TERMS];
    double rough; /* usual distance of a cell that belongs to it */
    double fit;   /* share of the border that belongs to it */
};

static void terms_at(int x, int y, double ret[OBJECT_TERMS])
{
    double u = (x + 0.5) * 2 / MATTE_GRID - 1, v = (y + 0.5) * 2 / MATTE_GRID - 1;
    const double terms[OBJECT_TERMS] = {1, u, v, u * u, u * v, v * v};
    memcpy(ret, terms, sizeof(terms));
}

static bool in_ring(int x, int y)
{
    return x < OBJECT_RING || y < OBJECT_RING || x >= MATTE_GRID - OBJECT_RING ||
           y >= MATTE_GRID - OBJECT_RING;
}

static void ground_at(const struct ground *ground, int x, int y, double ret_colour[3])
{
    double terms[OBJECT_TERMS];
    terms_at(x, y, terms);
    for (int c = 0; c < 3; c++) {
        ret_colour[c] = 0;
        for (int k = 0; k < OBJECT_TERMS; k++)
            ret_colour[c] += ground->terms[c][k] * terms[k];
    }
}

static double distance_at(const struct ground *ground, const struct raster *guide, int x, int y)
{
    const float *colour = raster_row(guide, y) + 3 * x;
    double here[3], sum = 0;
    ground_at(ground, x, y, here);
    for (int c = 0; c < 3; c++)
        sum += (colour[c] - here[c]) * (colour[c] - here[c]);
    return sqrt(sum);
}

/* 0..1: how well the cell is the ground in shadow, or in the light that a thing throws on it: the same colour, darker or brighter. */
static float shadow_at(const struct ground *ground, const struct raster *guide, int x, int y)
{
    const float *colour = raster_row(guide, y) + 3 * x;
    double here[3], both = 0, own = 0, off = 0;
    ground_at(ground, x, y, here);
    for (int c = 0; c < 3; c++) {
        both += colour[c] * here[c];
        own += here[c] * here[c];
    }
    double light = both / fmax(own, 1e-6);
    for (int c = 0; c < 3; c++)
        off += (colour[c] - light * here[c]) * (colour[c] - light * here[c]);
    if (light < shadow_darkest || light > shadow_brightest)
        return 0;
    float slack = (float)(ground->rough + 0.02);
    return 1 - raster_smoothstep(slack, 2 * slack, (float)sqrt(off));
}

/* Solves the symmetric system for three right sides, in place (the columns after the matrix). */
static void solve(double rows[OBJECT_TERMS][OBJECT_TERMS + 3])
{
    for (int k = 0; k < OBJECT_TERMS; k++) {
        double pivot = rows[k][k] + 1e-9;
        for (int j = k; j < OBJECT_TERMS + 3; j++)
            rows[k][j] /= pivot;
        for (int i = 0; i < OBJECT_TERMS; i++) {
            double factor = rows[i][k];
            for (int j = k; i != k && j < OBJECT_TERMS + 3; j++)
                rows[i][j] -= factor * rows[k][j];
        }
    }
}

/* One round: cells further away than a few times the roughness count little. */
static void ground_fit(struct ground *ground, const struct raster *guide, bool first)
{
    double rows[OBJECT_TERMS][OBJECT_TERMS + 3] = {{0}};
    for (int i = 0; i < MATTE_GRID * MATTE_GRID; i++) {
        int x = i % MATTE_GRID, y = i / MATTE_GRID;
        double terms[OBJECT_TERMS], weight = 1;
        if (!in_ring(x, y))
            continue;
        if (!first) {
            double far = distance_at(ground, guide, x, y) / (2 * ground->rough + 0.01);
            weight = 1 / ((1 + far * far) * (1 + far * far));
        }
        terms_at(x, y, terms);
        for (int k = 0; k < OBJECT_TERMS; k++) {
            for (int j = 0; j < OBJECT_TERMS; j++)
                rows[k][j] += weight * terms[k] * terms[j];
            for (int c = 0; c < 3; c++)
                rows[k][OBJECT_TERMS + c] += weight * terms[k] * guide->values[3 * i + c];
        }
    }
    solve(rows);
    for (int c = 0; c < 3; c++) {
        for (int k = 0; k < OBJECT_TERMS; k++)
            ground->terms[c][k] = rows[k][OBJECT_TERMS + c];
    }
}

static int by_value(const void *a, const void *b)
{
    double first = *(const double *)a, second = *(const double *)b;
    return first < second ? -1 : first > second;
}

static void ground_judge(struct ground *ground, const struct raster *guide)
{
    double *distances = mem_array((size_t)MATTE_GRID * MATTE_GRID, sizeof(double));
    size_t count = 0, near = 0;
    for (int i = 0; i < MATTE_GRID * MATTE_GRID; i++) {
        if (in_ring(i % MATTE_GRID, i / MATTE_GRID))
            distances[count++] = distance_at(ground, guide, i % MATTE_GRID, i / MATTE_GRID);
    }
    qsort(distances, count, sizeof(*distances), by_value);
    ground->rough = distances[count / 2];
    while (near < count && distances[near] < 3 * ground->rough + 0.03)
        near++;
    ground->fit = (double)near / (double)count;
    free(distances);
}

/* At the outline of what differs: 0 where the difference fades away into the ground, as a shadow does, 1 where it ends with a step, as a
 * thing does; below 0 where there is no outline. `step` is that of a thing. */
static float end_at(const struct raster *guide, const struct raster *differs, int x, int y,
                    float step)
{
    enum { NEAR = 2, FAR = 4 };
    static const int ways[4][2] = {{1, 0}, {-1, 0}, {0, 1}, {0, -1}};
    float most = -1;
    for (int k = 0; k < 4; k++) {
        int far_x = x + FAR * ways[k][0], far_y = y + FAR * ways[k][1];
        if (far_x < 0 || far_y < 0 || far_x >= MATTE_GRID || far_y >= MATTE_GRID ||
            raster_row(differs, y + NEAR * ways[k][1])[x + NEAR * ways[k][0]] > 0.5f ||
            raster_row(differs, far_y)[far_x] > 0.5f)
            continue;
        const float *here = raster_row(guide, y) + 3 * x;
        const float *there = raster_row(guide, far_y) + 3 * far_x;
        float apart = 0;
        for (int c = 0; c < 3; c++)
            apart = fmaxf(apart, fabsf(here[c] - there[c]));
        most = fmaxf(most, raster_smoothstep(0.6f * step, step, apart));
    }
    return most;
}

/* The thing without its shadow: both differ from the ground, and a grey thing is to a grey ground what shadow is. But a thing ends with
 * a step and shadow fades; what the outline says goes inwards, as far as no edge is in the way. NULL when nearly all of it was
 * taken for shadow: then it cannot be told. */
static struct raster *mask_without_shadow(const struct ground *ground, const struct raster *guide)
{
    double bright = (ground->terms[0][0] + ground->terms[1][0] + ground->terms[2][0]) / 3;
    float near = (float)(2.5 * ground->rough + 0.02), far = (float)(4 * ground->rough + 0.08);
    struct raster *differs CLEANUP(raster) = raster_new(MATTE_GRID, MATTE_GRID, 1);
    struct raster *hold CLEANUP(raster) = raster_new(MATTE_GRID, MATTE_GRID, 1);
    for (int i = 0; i < MATTE_GRID * MATTE_GRID; i++)
        differs->values[i] = raster_smoothstep(
            near, far, (float)distance_at(ground, guide, i % MATTE_GRID, i / MATTE_GRID));
    struct raster *mask = raster_copy(differs);
    for (int i = 0; i < MATTE_GRID * MATTE_GRID; i++) {
        int x = i % MATTE_GRID, y = i / MATTE_GRID;
        float shadow = differs->values[i] > 0 ? shadow_at(ground, guide, x, y) : 0;
        float end = shadow > 0 ? end_at(guide, differs, x, y, end_step * (float)bright) : -1;
        float holds = end < 0 ? shadow_hold : end_hold;
        mask->values[i] += shadow * ((end < 0 ? 0.5f : end) - mask->values[i]);
        hold->values[i] = 1 + (holds - 1) * shadow;
    }
    /* A shadow's steps are as large as its ground is bright. */
    matte_settle(guide, hold, shadow_step * (float)(bright * bright) + 5e-5f, mask);
    float all = 0, left = 0;
    for (int i = 0; i < MATTE_GRID * MATTE_GRID; i++) {
        mask->values[i] = raster_clamp((mask->values[i] - 0.4f) / 0.2f, 0, 1);
        all += differs->values[i];
        left += mask->values[i];
    }
    if (left >= least_left * all)
        return mask;
    raster_free(mask);
    return NULL;
}

/* The share of the outline along which there is hardly any step to the ground: something white before white, half of it guessed. */
static float faintness(const struct raster *guide, const struct raster *mask)
{
    enum { STEP = 3 };
    int steps = 0, faint = 0;
    for (int i = 0; i < MATTE_GRID * (MATTE_GRID - STEP); i++) {
        int x = i % (MATTE_GRID - STEP), y = i / (MATTE_GRID - STEP);
        const int from[2] = {y * MATTE_GRID + x, x * MATTE_GRID + y};
        const int to[2] = {from[0] + STEP, from[1] + STEP * MATTE_GRID};
        for (int k = 0; k < 2; k++) {
            float most = 0;
            if ((mask->values[from[k]] > 0.5f) == (mask->values[to[k]] > 0.5f))
                continue;
            for (int c = 0; c < 3; c++)
                most = fmaxf(most,
                             fabsf(guide->values[3 * from[k] + c] - guide->values[3 * to[k] + c]));
            steps++;
            faint += most < faint_step;
        }
    }
    return steps > 0 ? (float)faint / (float)steps : 1;
}

/* NULL when the ground cannot be told from the thing. */
static struct raster *mask_by_ground(const struct raster *guide)
{
    struct ground ground = {0};
    for (int round = 0; round < OBJECT_ROUNDS; round++) {
        ground_fit(&ground, guide, round == 0);
        ground_judge(&ground, guide);
    }
    if (ground.rough > ground_roughest || ground.fit < ground_least_fit)
        return NULL;
    struct raster *mask = mask_without_shadow(&ground, guide);
    if (!mask)
        return NULL;
    /* A spot of the ground's colour on the thing is none; larger gaps are seen through. */
    matte_fill_gaps(mask, OBJECT_SPOT, 0);
    float share = matte_keep_largest(mask, mask); /* a whole piece is sure of itself */
    if (share < object_least_share || share > object_most_share ||
        faintness(guide, mask) > faint_most) {
        raster_free(mask);
        return NULL;
    }
    return mask;
}

void matte_object(const struct picture *photo, struct picture **ret_matte,
                  struct picture **ret_colours)
{
    CLEANUP(raster) struct raster *guide = matte_grid(photo);
    CLEANUP(raster) struct raster *mask = mask_by_ground(guide);
    *ret_matte = *ret_colours = NULL;
    if (mask)
        matte_refine(photo, guide, mask, ret_matte, ret_colours);
}
