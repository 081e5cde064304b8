/*
 * Pictures as floats, for everything that has to happen in linear light, and the few operations that the
 * look is made of: resampling of a part, blurs, row bands on two threads. Linear light runs from 0 to 1
 * and may go over it. Any thread; an object belongs to one thread at a time.
 */
#ifndef MEDIA_RASTER_H
#define MEDIA_RASTER_H

#include "base/cleanup.h"
#include "media/picture.h"
#include <stdbool.h>

/* Pictures have up to four; the moments of a guided filter have more. */
enum { RASTER_CHANNELS_MAX = 16 };

struct raster {
    int width, height, channels;
    float *values; /* interleaved, rows without padding */
};

struct raster *raster_new(int width, int height, int channels); /* zeroed */
struct raster *raster_copy(const struct raster *source);
void raster_free(struct raster *raster); /* NULL allowed */
CLEANUP_DEFINE(raster, struct raster, raster_free);

static inline float *raster_row(const struct raster *raster, int y)
{
    return raster->values + (size_t)y * (size_t)raster->width * (size_t)raster->channels;
}

/* Bilinear value of one channel at pixel centres 0..width-1; the edge goes on outside. */
float raster_at(const struct raster *raster, float x, float y, int channel);
/* The first three channels at once. */
void raster_at3(const struct raster *raster, float x, float y, float ret[3]);

/* A row at a height between rows, all channels: width * channels values. With raster_along() this reads many neighbours of one
 * row cheaper than raster_at(). */
void raster_line(const struct raster *raster, float y, float *ret_line);

static inline void raster_along(const struct raster *raster, const float *line, float x, int count,
                                float *ret)
{
    float most = (float)(raster->width - 1);
    x = x < 0 ? 0 : x > most ? most : x;
    int at = (int)x, channels = raster->channels;
    float part = x - (float)at;
    const float *a = line + at * channels, *b = at + 1 < raster->width ? a + channels : a;
    for (int c = 0; c < count; c++)
        ret[c] = a[c] + (b[c] - a[c]) * part;
}

/* 8-bit sRGB to linear light and back (0..255 with a fraction, before rounding). */
const float *raster_linear_table(void); /* 256 entries */
float raster_encode(float linear);

/* A part of a picture in source pixels (may have fractions and lie partly outside: the edge goes on). */
struct raster_part {
    double x, y, width, height;
    bool mirrored; /* left and right exchanged */
};

enum raster_light { RASTER_LINEAR, RASTER_AS_IS /* value / 255 */ };

/* The part resampled to width x height. Alpha (channel 4, or a 1-channel picture with RASTER_AS_IS) stays as it is; colour is not
 * premultiplied here. */
struct raster *raster_sample(const struct picture *source, const struct raster_part *part,
                             int width, int height, enum raster_light light);
/* The same for a region of that result only, which then is the whole of what comes back. */
struct raster_region {
    int x, y, width, height;
};
struct raster *raster_sample_region(const struct picture *source, const struct raster_part *part,
                                    int width, int height, const struct raster_region *region,
                                    enum raster_light light);
struct raster *raster_resize(const struct raster *source, int width, int height);
/* Means of squares of `factor` pixels; what is left over at the right and below is dropped. */
struct raster *raster_shrink(const struct raster *source, int factor);

/* Nearly gaussian blur with the given standard deviation in pixels, in place; below 0.3 nothing happens. */
void raster_blur(struct raster *raster, float sigma);

/* Rounds to 8 bit; RASTER_LINEAR encodes. 1, 3 or 4 channels; alpha is never encoded. */
struct picture *raster_picture(const struct raster *raster, enum raster_light light);

/* Calls work(context, first, last) for bands of the rows 0..rows, on up to two threads; returns when all are done. */
void raster_bands(int rows, void (*work)(void *context, int first, int last), void *context);

/* Repeatable noise: a hash of three numbers, and the same as 0..1. */
static inline uint32_t raster_hash(uint32_t a, uint32_t b, uint32_t c)
{
    uint32_t h =
        a * 0x9e3779b1u ^ (b + 0x7f4a7c15u) * 0x85ebca6bu ^ (c + 0x165667b1u) * 0xc2b2ae35u;
    h = (h ^ (h >> 15)) * 0x2c1b3c6du;
    h = (h ^ (h >> 12)) * 0x297a2d39u;
    return h ^ (h >> 15);
}

static inline float raster_noise(uint32_t a, uint32_t b, uint32_t c)
{
    return (float)(raster_hash(a, b, c) >> 8) * (1.0f / 16777216.0f);
}

/* Smooth value noise 0..1 with about one bump per unit. */
float raster_smooth_noise(float x, float y, uint32_t seed);

static inline float raster_clamp(float v, float low, float high)
{
    return v < low ? low : v > high ? high : v;
}

static inline float raster_smoothstep(float low, float high, float v)
{
    float t = raster_clamp((v - low) / (high - low), 0.0f, 1.0f);
    return t * t * (3.0f - 2.0f * t);
}

#endif
