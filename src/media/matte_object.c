#include "base/arena.h"
#include "media/matte.h"
#include "media/matte_edge.h"
#include "media/matte_pieces.h"

#include <math.h>
#include <string.h>

/*
 * DESIGN. The border of the photo shows the ground. A smooth surface (second order in place, each colour for itself) is laid through
 * its cells; those that do not fit, because the thing reaches the border, lose their weight. Where the ground fits well, everything that
 * differs from it and is not connected to the border by ground is the thing.
 */
enum { OBJECT_TERMS = 6, OBJECT_RING = 5, OBJECT_ROUNDS = 6, OBJECT_SPOT = 40 };
static const float object_least_share = 0.008f, object_most_share = 0.9f;
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

static double distance_at(const struct ground *ground, const struct raster *guide, int x, int y)
{
    const float *colour = raster_row(guide, y) + 3 * x;
    double terms[OBJECT_TERMS], sum = 0;
    terms_at(x, y, terms);
    for (int c = 0; c < 3; c++) {
        double value = 0;
        for (int k = 0; k < OBJECT_TERMS; k++)
            value += ground->terms[c][k] * terms[k];
        sum += (colour[c] - value) * (colour[c] - value);
    }
    return sqrt(sum);
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
    struct raster *mask = raster_new(MATTE_GRID, MATTE_GRID, 1);
    float near = (float)(2.5 * ground.rough + 0.02), far = (float)(4 * ground.rough + 0.08);
    for (int i = 0; i < MATTE_GRID * MATTE_GRID; i++)
        mask->values[i] = raster_smoothstep(
            near, far, (float)distance_at(&ground, guide, i % MATTE_GRID, i / MATTE_GRID));
    /* A spot of the ground's colour on the thing is none; larger gaps are seen through. */
    matte_fill_gaps(mask, OBJECT_SPOT, 0);
    float share = matte_keep_largest(mask, NULL);
    if (share < object_least_share || share > object_most_share) {
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
