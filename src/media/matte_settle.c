#include "media/matte_settle.h"

#include "base/arena.h"
#include "media/matte_edge.h"

#include <string.h>

/*
 * DESIGN. What is minimised is the sum, over cells, of hold * (mask - wanted) ^ 2 and, over neighbours, of alike * (mask - mask) ^ 2:
 * a linear system, solved by Gauss-Seidel sweeps from a coarse grid to the fine one, each level starting where the coarser
 * one ended. The number of sweeps is fixed, so that the same picture gives the same mask. Around every level lies a rim of cells that
 * nothing draws to, so that the sweep need not ask where it is.
 */
enum { LEVELS = 4, SWEEPS = 5 };
static const float alike_least = 0.001f, over_relaxation = 1.4f;

struct level {
    int side;
    size_t stride;       /* with the rim; cell 0, 0 is at stride + 1 */
    float *guide;        /* RGB */
    float *hold, *pull;  /* pull is hold * wanted */
    float *right, *down; /* alike: the cell and its neighbour there */
    float *share;        /* 1 / the sum of all that draws at a cell */
    float *values;
};

static struct level level_new(int side)
{
    size_t stride = (size_t)side + 2, count = stride * stride;
    return (struct level){
        .side = side,
        .stride = stride,
        .guide = mem_array(3 * count, sizeof(float)),
        .hold = mem_array(count, sizeof(float)),
        .pull = mem_array(count, sizeof(float)),
        .right = mem_array(count, sizeof(float)),
        .down = mem_array(count, sizeof(float)),
        .share = mem_array(count, sizeof(float)),
        .values = mem_array(count, sizeof(float)),
    };
}

static void level_free(struct level *level)
{
    free(level->guide);
    free(level->hold);
    free(level->pull);
    free(level->right);
    free(level->down);
    free(level->share);
    free(level->values);
}

static size_t level_at(const struct level *level, int x, int y)
{
    return ((size_t)y + 1) * level->stride + (size_t)x + 1;
}

static struct level level_of(const struct raster *guide, const struct raster *hold,
                             const struct raster *wanted)
{
    struct level level = level_new(MATTE_GRID);
    for (int y = 0; y < MATTE_GRID; y++) {
        size_t at = level_at(&level, 0, y);
        memcpy(level.guide + 3 * at, raster_row(guide, y), 3 * MATTE_GRID * sizeof(float));
        memcpy(level.hold + at, raster_row(hold, y), MATTE_GRID * sizeof(float));
        for (int x = 0; x < MATTE_GRID; x++)
            level.pull[at + (size_t)x] = raster_row(hold, y)[x] * raster_row(wanted, y)[x];
    }
    return level;
}

/* Means of the colours, sums of what holds. */
static struct level level_halved(const struct level *fine)
{
    struct level half = level_new(fine->side / 2);
    for (int i = 0; i < half.side * half.side; i++) {
        int x = i % half.side, y = i / half.side;
        size_t to = level_at(&half, x, y), at = level_at(fine, 2 * x, 2 * y);
        const size_t from[4] = {at, at + 1, at + fine->stride, at + fine->stride + 1};
        for (int k = 0; k < 4; k++) {
            half.hold[to] += fine->hold[from[k]];
            half.pull[to] += fine->pull[from[k]];
            for (size_t c = 0; c < 3; c++)
                half.guide[3 * to + c] += 0.25f * fine->guide[3 * from[k] + c];
        }
    }
    return half;
}

static float apart(const float *a, const float *b)
{
    float red = a[0] - b[0], green = a[1] - b[1], blue = a[2] - b[2];
    return red * red + green * green + blue * blue;
}

static float alike(float apart, float scale)
{
    float far = apart * scale;
    return alike_least + 1 / (1 + far + far * far);
}

/* How large a step usually is in this picture decides what is an edge in it. */
static void level_compare(struct level *level, float same)
{
    int side = level->side;
    size_t stride = level->stride;
    float sum = 0;
    for (int i = 0; i < side * side; i++) {
        size_t at = level_at(level, i % side, i / side);
        const float *colour = level->guide + 3 * at;
        level->right[at] = i % side + 1 < side ? apart(colour, colour + 3) : 0;
        level->down[at] = i / side + 1 < side ? apart(colour, colour + 3 * stride) : 0;
        sum += level->right[at] + level->down[at];
    }
    float scale = 1 / (sum / (float)(side * side) + same);
    for (int i = 0; i < side * side; i++) {
        size_t at = level_at(level, i % side, i / side);
        level->right[at] = i % side + 1 < side ? alike(level->right[at], scale) : 0;
        level->down[at] = i / side + 1 < side ? alike(level->down[at], scale) : 0;
        level->share[at] = 1 / (level->hold[at] + level->right[at] + level->right[at - 1] +
                                level->down[at] + level->down[at - stride]);
    }
}

static inline void level_relax(const struct level *level, size_t at)
{
    const float *values = level->values;
    float around = level->down[at - level->stride] * values[at - level->stride] +
                   level->down[at] * values[at + level->stride] + level->pull[at];
    around += level->right[at - 1] * values[at - 1] + level->right[at] * values[at + 1];
    level->values[at] += over_relaxation * (around * level->share[at] - values[at]);
}

/* Forward or backward, so that what is agreed upon travels in all directions. */
static void level_sweep(const struct level *level, bool forward)
{
    for (int k = 0; k < level->side; k++) {
        size_t row = level_at(level, 0, forward ? k : level->side - 1 - k);
        for (size_t i = 0; i < (size_t)level->side; i++)
            level_relax(level, row + (forward ? i : (size_t)level->side - 1 - i));
    }
}

static void level_start(struct level *level, const struct level *coarser)
{
    for (int i = 0; i < level->side * level->side; i++) {
        int x = i % level->side, y = i / level->side;
        size_t at = level_at(level, x, y);
        level->values[at] = coarser ? coarser->values[level_at(coarser, x / 2, y / 2)]
                                    : level->pull[at] / (level->hold[at] + 1e-6f);
    }
}

void matte_settle(const struct raster *guide, const struct raster *hold, float same,
                  struct raster *mask)
{
    struct level levels[LEVELS] = {level_of(guide, hold, mask)};
    for (int k = 1; k < LEVELS; k++)
        levels[k] = level_halved(&levels[k - 1]);
    for (int k = LEVELS - 1; k >= 0; k--) {
        level_compare(&levels[k], same);
        level_start(&levels[k], k + 1 < LEVELS ? &levels[k + 1] : NULL);
        for (int sweep = 0; sweep < 2 * SWEEPS; sweep++)
            level_sweep(&levels[k], sweep % 2 == 0);
    }
    for (int i = 0; i < MATTE_GRID * MATTE_GRID; i++)
        mask->values[i] = raster_clamp(
            levels[0].values[level_at(&levels[0], i % MATTE_GRID, i / MATTE_GRID)], 0, 1);
    for (int k = 0; k < LEVELS; k++)
        level_free(&levels[k]);
}
