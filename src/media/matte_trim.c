#include "media/matte_trim.h"

#include "base/arena.h"

#include <math.h>

/*
 * DESIGN. Histograms of colour for cells of place, one of what is well inside the mask and one of what is well outside, blurred over
 * place and colour so that neighbours speak for each other. The net follows its 256 pixels and takes narrow things beside an
 * arm along: a strip of wall between sleeve and table. Its colour lies outside all around and nowhere inside, which is told by the place;
 * over the whole picture the same colour may well be that of a collar.
 */
enum {
    CELLS = 12,
    LUMAS = 6,
    CHROMAS = 16,
    BINS = LUMAS * CHROMAS * CHROMAS,
    EDGE_PIXELS = 6,
    REACH = 2
};

struct places {
    float *bins; /* CELLS x CELLS x BINS */
    float sums[CELLS * CELLS];
};

float matte_tells(const float rgb[3])
{
    return 0.3f + 0.7f * raster_smoothstep(0.15f, 0.4f, fmaxf(rgb[0], fmaxf(rgb[1], rgb[2])));
}

/* Coarse in lightness, finer in colour, which light and shade leave as it is. */
static size_t shade_of(const float *rgb)
{
    const float width = 8 / 255.0f;
    float luma = 0.299f * rgb[0] + 0.587f * rgb[1] + 0.114f * rgb[2];
    int light = (int)raster_clamp(luma * LUMAS, 0, LUMAS - 1);
    int blue = (int)raster_clamp((rgb[2] - luma) * 0.5f / width + CHROMAS / 2, 0, CHROMAS - 1);
    int red = (int)raster_clamp((rgb[0] - luma) * 0.625f / width + CHROMAS / 2, 0, CHROMAS - 1);
    return ((size_t)light * CHROMAS + (size_t)blue) * CHROMAS + (size_t)red;
}

static size_t cell_of(const struct raster *mask, int x, int y)
{
    return (size_t)(y * CELLS / mask->height) * CELLS + (size_t)(x * CELLS / mask->width);
}

/* Weights 1 2 1 along one axis: `step` values between neighbours, `length` of them in a row. */
static void bins_blur(float *bins, size_t step, size_t length)
{
    size_t count = (size_t)CELLS * CELLS * BINS;
    for (size_t block = 0; block < count; block += step * length) {
        for (size_t start = block; start < block + step; start++) {
            float before = bins[start];
            for (size_t i = 0; i < length; i++) {
                float *here = bins + start + i * step, now = *here;
                float after = i + 1 < length ? here[step] : now;
                *here = 0.25f * (before + after) + 0.5f * now;
                before = now;
            }
        }
    }
}

static void places_spread(struct places *places)
{
    bins_blur(places->bins, 1, CHROMAS);
    bins_blur(places->bins, CHROMAS, CHROMAS);
    bins_blur(places->bins, (size_t)CHROMAS * CHROMAS, LUMAS);
    for (int i = 0; i < REACH; i++) {
        bins_blur(places->bins, BINS, CELLS);
        bins_blur(places->bins, (size_t)BINS * CELLS, CELLS);
    }
    for (size_t cell = 0; cell < (size_t)CELLS * CELLS; cell++) {
        for (size_t bin = 0; bin < BINS; bin++)
            places->sums[cell] += places->bins[cell * BINS + bin];
    }
}

/* 0..1: how surely a place is none of the person, by its colour against those around and by what the net said. The less the net is
 * sure, the less the colour has to say; without enough of both sides around, or without a colour of the outside, nothing is taken. */
static float outside_surely(const struct places *inside, const struct places *outside, size_t cell,
                            const float *rgb, float net)
{
    size_t shade = shade_of(rgb);
    const float enough = 20, floor = 0.0015f;
    if (inside->sums[cell] < enough || outside->sums[cell] < enough)
        return 0;
    float in = inside->bins[cell * BINS + shade] / inside->sums[cell];
    float out = outside->bins[cell * BINS + shade] / outside->sums[cell];
    float says = matte_tells(rgb) * logf((out + floor) / (in + floor));
    float known = raster_clamp(net, 0.04f, 0.985f);
    float odds = 1.3f * says + 2 - 0.8f * logf(known / (1 - known));
    return raster_smoothstep(0.2f, 0.6f, says) * raster_smoothstep(-0.5f, 0.5f, odds);
}

struct raster *matte_strangers(const struct raster *guide, const struct raster *net,
                               const struct raster *mask)
{
    size_t size = (size_t)CELLS * CELLS * BINS;
    struct places inside = {.bins = mem_array(size, sizeof(float))};
    struct places outside = {.bins = mem_array(size, sizeof(float))};
    struct raster *near = raster_copy(mask);
    raster_blur(near, EDGE_PIXELS);
    for (int y = 0; y < mask->height; y++) {
        for (int x = 0; x < mask->width; x++) {
            float value = raster_row(near, y)[x];
            struct places *side = value > 0.97f ? &inside : value < 0.03f ? &outside : NULL;
            if (side)
                side->bins[cell_of(mask, x, y) * BINS +
                           shade_of(raster_row(guide, y) + (size_t)x * 3)] += 1;
        }
    }
    places_spread(&inside);
    places_spread(&outside);
    struct raster *taken = raster_new(mask->width, mask->height, 1);
    for (int y = 0; y < mask->height; y++) {
        for (int x = 0; x < mask->width; x++) {
            float value = raster_row(near, y)[x];
            if (value > 0.03f && value < 0.92f)
                raster_row(taken, y)[x] =
                    outside_surely(&inside, &outside, cell_of(mask, x, y),
                                   raster_row(guide, y) + (size_t)x * 3, raster_row(net, y)[x]);
        }
    }
    raster_blur(taken, 0.7f);
    raster_free(near);
    free(inside.bins);
    free(outside.bins);
    return taken;
}
