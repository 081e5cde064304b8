#include "media/resample.h"

#include "base/arena.h"
#include "base/cleanup.h"

#include <math.h>
#include <string.h>

/*
 * DESIGN. Row by row of the target: the source rows under the kernel are summed into one row of 16-bit samples with
 * RESAMPLE_FRACTION bits behind the point, then that row is summed sideways. Both loops are plain enough for the compiler to make
 * vectors of them. Weights have WEIGHT_BITS behind the point; the largest, 1, just fits 16 bits.
 */
enum { LOBES = 3, WEIGHT_BITS = 14, FRACTION_BITS = 6, TAPS_STEP = 8, BLOCK = 256 };

struct axis {
    int taps;  /* a multiple of TAPS_STEP */
    int *from; /* first source sample of each target sample; may lie outside */
    int16_t *weights;
};

static double lanczos(double x)
{
    if (x == 0)
        return 1;
    double t = M_PI * x;
    return fabs(x) < LOBES ? LOBES * sin(t) * sin(t / LOBES) / (t * t) : 0;
}

/* Whole numbers that sum to 1 exactly: the largest takes what rounding left. */
static void round_weights(const double *exact, double sum, int taps, int16_t *ret_weights)
{
    int left = 1 << WEIGHT_BITS, largest = 0;
    for (int k = 0; k < taps; k++) {
        ret_weights[k] = (int16_t)lrint(exact[k] / sum * (1 << WEIGHT_BITS));
        left -= ret_weights[k];
        if (exact[k] > exact[largest])
            largest = k;
    }
    ret_weights[largest] = (int16_t)(ret_weights[largest] + left);
}

static void axis_init(struct axis *axis, double from, double length, int count)
{
    double scale = length / count, widen = scale > 1 ? scale : 1, reach = LOBES * widen;
    int taps = (int)ceil(2 * reach) + 1;
    axis->taps = (taps + TAPS_STEP - 1) / TAPS_STEP * TAPS_STEP;
    axis->from = mem_array((size_t)count, sizeof(*axis->from));
    axis->weights = mem_array((size_t)count * (size_t)axis->taps, sizeof(*axis->weights));
    CLEANUP(free) double *exact = mem_array((size_t)axis->taps, sizeof(*exact));
    for (int i = 0; i < count; i++) {
        double centre = from + (i + 0.5) * scale, sum = 0;
        int first = (int)ceil(centre - 0.5 - reach);
        for (int k = 0; k < axis->taps; k++) {
            exact[k] = lanczos((first + k + 0.5 - centre) / widen);
            sum += exact[k];
        }
        axis->from[i] = first;
        round_weights(exact, sum, axis->taps, axis->weights + (size_t)i * (size_t)axis->taps);
    }
}

static void axis_finish(struct axis *axis)
{
    free(axis->from);
    free(axis->weights);
}

static int clamp(int value, int low, int high)
{
    return value < low ? low : value > high ? high : value;
}

/* Sums the rows under the kernel for `width` columns from `left` on. */
static void sum_rows(const struct resample_plane *source, int from, const int16_t *weights,
                     int taps, int left, int width, int16_t *row)
{
    for (int start = 0; start < width; start += BLOCK) {
        int count = width - start < BLOCK ? width - start : BLOCK;
        int32_t sums[BLOCK];
        for (int x = 0; x < BLOCK; x++)
            sums[x] = 1 << (WEIGHT_BITS - FRACTION_BITS - 1);
        for (int k = 0; k < taps; k++) {
            if (weights[k] == 0)
                continue;
            int y = clamp(from + k, 0, source->height - 1);
            const uint8_t *samples = source->samples + (size_t)y * source->stride + left + start;
            const int16_t weight = weights[k];
            for (int x = 0; x < count; x++)
                sums[x] += (int16_t)samples[x] * weight;
        }
        for (int x = 0; x < count; x++)
            row[start + x] = (int16_t)(sums[x] >> (WEIGHT_BITS - FRACTION_BITS));
    }
}

static inline __attribute__((always_inline)) uint8_t sum_columns(const int16_t *row,
                                                                 const int16_t *weights, int taps)
{
    int32_t sum = 0;
    for (int k = 0; k < taps; k++)
        sum += row[k] * weights[k];
    return (uint8_t)clamp(
        (sum + (1 << (WEIGHT_BITS + FRACTION_BITS - 1))) >> (WEIGHT_BITS + FRACTION_BITS), 0, 255);
}

/* A loop for each of the common kernel sizes, since a known size makes it several times faster. */
static void scale_row(const int16_t *row, const struct axis *axis, int width, uint8_t *target)
{
    const int16_t *weights = axis->weights;
#define COLUMNS(count)                                                                             \
    for (int x = 0; x < width; x++, weights += (count))                                            \
    target[x] = sum_columns(row + axis->from[x], weights, count)
    if (axis->taps == TAPS_STEP)
        COLUMNS(TAPS_STEP);
    else if (axis->taps == 2 * TAPS_STEP)
        COLUMNS(2 * TAPS_STEP);
    else if (axis->taps == 3 * TAPS_STEP)
        COLUMNS(3 * TAPS_STEP);
    else
        COLUMNS(axis->taps);
#undef COLUMNS
}

void resample(const struct resample_plane *source, const struct resample_window *window,
              const struct resample_plane *target)
{
    struct axis across, down;
    axis_init(&across, window->x, window->width, target->width);
    axis_init(&down, window->y, window->height, target->height);
    /* The row goes on beyond both edges as far as the kernel reaches, and begins where it does. */
    int first = across.from[0], size = across.from[target->width - 1] + across.taps - first;
    int left = clamp(first, 0, source->width - 1);
    int before = left - first, width = clamp(first + size, left + 1, source->width) - left;
    CLEANUP(free) int16_t *row = mem_array((size_t)size, sizeof(*row));
    for (int x = 0; x < target->width; x++)
        across.from[x] -= first;
    for (int y = 0; y < target->height; y++) {
        sum_rows(source, down.from[y], down.weights + (size_t)y * (size_t)down.taps, down.taps,
                 left, width, row + before);
        for (int x = 0; x < before; x++)
            row[x] = row[before];
        for (int x = before + width; x < size; x++)
            row[x] = row[before + width - 1];
        scale_row(row, &across, target->width, target->samples + (size_t)y * target->stride);
    }
    axis_finish(&across);
    axis_finish(&down);
}
