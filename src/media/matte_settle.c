#include "media/matte_settle.h"

#include "base/arena.h"

#include <math.h>
#include <string.h>

/*
 * DESIGN. Histograms of colour for cells of place, one of what is surely the person and one of what surely is not, blurred over
 * place and colour so that neighbours speak for each other. A flag behind a sleeve has the colours that lie outside a little further on;
 * hair before a dark wall has those of both sides, and the net's word stands.
 */
enum {
    CELLS = 12,
    LUMAS = 6,
    CHROMAS = 16,
    BINS = LUMAS * CHROMAS * CHROMAS,
    EDGE_PIXELS = 5,
    ROUNDS = 3
};

struct places {
    float *bins; /* CELLS x CELLS x BINS */
    float sums[CELLS * CELLS];
    float whole[BINS]; /* of the whole picture, as shares: what counts where nothing is near */
};

static size_t cell_at(const struct raster *mask, int x, int y)
{
    return (size_t)(y * CELLS / mask->height) * CELLS + (size_t)(x * CELLS / mask->width);
}

/* Coarse in lightness, finer in colour, which light and shade leave as it is. */
static size_t shade_of(const uint8_t *pixel)
{
    enum { CHROMA_WIDTH = 8 };
    int luma = (77 * pixel[0] + 150 * pixel[1] + 29 * pixel[2]) >> 8;
    int blue = (pixel[2] - luma) / 2 + CHROMAS * CHROMA_WIDTH / 2;
    int red = (pixel[0] - luma) * 5 / 8 + CHROMAS * CHROMA_WIDTH / 2;
    blue = blue < 0 ? 0 : blue / CHROMA_WIDTH;
    red = red < 0 ? 0 : red / CHROMA_WIDTH;
    blue = blue < CHROMAS ? blue : CHROMAS - 1;
    red = red < CHROMAS ? red : CHROMAS - 1;
    return (size_t)((luma * LUMAS / 256 * CHROMAS + blue) * CHROMAS + red);
}

/* Weights 1 2 1 along one axis of the five; `step` values between neighbours, `length` of them in a row. */
static void bins_blur(float *bins, size_t step, size_t length)
{
    size_t count = (size_t)CELLS * CELLS * BINS;
    for (size_t start = 0; start < count; start++) {
        if (start / step % length != 0)
            continue;
        float before = bins[start];
        for (size_t i = 0; i < length; i++) {
            float *here = bins + start + i * step, now = *here;
            float after = i + 1 < length ? here[step] : now;
            *here = 0.25f * (before + after) + 0.5f * now;
            before = now;
        }
    }
}

static void places_spread(struct places *places)
{
    enum { REACH = 2 };
    bins_blur(places->bins, 1, CHROMAS);
    bins_blur(places->bins, CHROMAS, CHROMAS);
    bins_blur(places->bins, (size_t)CHROMAS * CHROMAS, LUMAS);
    for (int i = 0; i < REACH; i++) {
        bins_blur(places->bins, BINS, CELLS);
        bins_blur(places->bins, (size_t)BINS * CELLS, CELLS);
    }
    float all = 1e-6f;
    for (size_t cell = 0; cell < (size_t)CELLS * CELLS; cell++) {
        for (size_t bin = 0; bin < BINS; bin++) {
            places->sums[cell] += places->bins[cell * BINS + bin];
            places->whole[bin] += places->bins[cell * BINS + bin];
        }
        all += places->sums[cell];
    }
    for (size_t bin = 0; bin < BINS; bin++)
        places->whole[bin] /= all;
}

/* 1 where the mask leaves something open: near its edge, and where it is grey. */
static uint8_t *open_pixels(const struct raster *mask)
{
    size_t count = (size_t)mask->width * (size_t)mask->height;
    struct raster *firm = raster_copy(mask);
    for (size_t i = 0; i < count; i++)
        firm->values[i] = mask->values[i] > 0.5f ? 1 : 0;
    raster_blur(firm, EDGE_PIXELS * 0.5f);
    uint8_t *open = mem_array(count, 1);
    for (size_t i = 0; i < count; i++) {
        bool grey = mask->values[i] > 0.04f && mask->values[i] < 0.985f;
        open[i] = grey || (firm->values[i] > 0.02f && firm->values[i] < 0.98f);
    }
    raster_free(firm);
    return open;
}

/* How much of what is known around a pixel has that colour; mixed from four cells. */
static float place_share(const struct places *places, const struct raster *mask, int x, int y,
                         size_t shade)
{
    const float far = 12;
    float u = ((float)x + 0.5f) / (float)mask->width * CELLS - 0.5f;
    float v = ((float)y + 0.5f) / (float)mask->height * CELLS - 0.5f;
    u = raster_clamp(u, 0, CELLS - 1.001f);
    v = raster_clamp(v, 0, CELLS - 1.001f);
    size_t cell = (size_t)v * CELLS + (size_t)u;
    float fu = u - floorf(u), fv = v - floorf(v), found = far * places->whole[shade], sum = far;
    const float weights[4] = {(1 - fu) * (1 - fv), fu * (1 - fv), (1 - fu) * fv, fu * fv};
    const size_t cells[4] = {cell, cell + 1, cell + CELLS, cell + CELLS + 1};
    for (int i = 0; i < 4; i++) {
        found += weights[i] * places->bins[cells[i] * BINS + shade];
        sum += weights[i] * places->sums[cells[i]];
    }
    return found / sum;
}

/* The net's word and that of the colours, as odds. Where it hesitates widely there mostly is nobody. */
static float settle(float in, float out, float value)
{
    const float floor = 0.0015f, most = 3.5f;
    float colour = raster_clamp(logf((in + floor) / (out + floor)), -most, most);
    float known = raster_clamp(value, 0.04f, 0.97f);
    float odds = 0.8f * logf(known / (1 - known)) - 2.0f + 1.3f * colour;
    return 1 / (1 + expf(-odds));
}

/* Counts what is sure by now: what was never open, and what the rounds before left no doubt about. */
static void places_fill(struct places *places, const struct picture *small,
                        const struct raster *mask, const uint8_t *open, bool inside)
{
    memset(places->bins, 0, (size_t)CELLS * CELLS * BINS * sizeof(float));
    memset(places->sums, 0, sizeof(places->sums));
    memset(places->whole, 0, sizeof(places->whole));
    for (int y = 0; y < mask->height; y++) {
        for (int x = 0; x < mask->width; x++) {
            size_t i = (size_t)y * (size_t)mask->width + (size_t)x;
            float value = mask->values[i];
            bool sure =
                inside ? value > (open[i] ? 0.93f : 0.5f) : value < (open[i] ? 0.07f : 0.5f);
            if (sure)
                places->bins[cell_at(mask, x, y) * BINS + shade_of(picture_at(small, x, y))] += 1;
        }
    }
    places_spread(places);
}

void matte_settle(const struct picture *small, struct raster *mask)
{
    size_t size = (size_t)CELLS * CELLS * BINS;
    struct places inside = {.bins = mem_array(size, sizeof(float))};
    struct places outside = {.bins = mem_array(size, sizeof(float))};
    uint8_t *open = open_pixels(mask);
    struct raster *first = raster_copy(mask);
    for (int round = 0; round < ROUNDS; round++) {
        places_fill(&inside, small, mask, open, true);
        places_fill(&outside, small, mask, open, false);
        for (int y = 0; y < mask->height; y++) {
            for (int x = 0; x < mask->width; x++) {
                size_t i = (size_t)y * (size_t)mask->width + (size_t)x;
                size_t shade = shade_of(picture_at(small, x, y));
                if (open[i])
                    mask->values[i] =
                        settle(place_share(&inside, mask, x, y, shade),
                               place_share(&outside, mask, x, y, shade), first->values[i]);
            }
        }
    }
    raster_blur(mask, 0.6f);
    for (size_t i = 0; i < (size_t)mask->width * (size_t)mask->height; i++)
        mask->values[i] = raster_smoothstep(0.2f, 0.8f, mask->values[i]);
    raster_free(first);
    free(open);
    free(inside.bins);
    free(outside.bins);
}
