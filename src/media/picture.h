/*
 * Pixels in memory: 8-bit sRGB, interleaved, rows without padding. 1 (grey or matte), 3 (RGB) or 4 (RGBA, not
 * premultiplied) channels. A picture belongs to one thread at a time.
 */
#ifndef MEDIA_PICTURE_H
#define MEDIA_PICTURE_H

#include "base/cleanup.h"
#include <stddef.h>
#include <stdint.h>

/* Larger sides or areas are refused by the decoders before a picture is made. */
enum { PICTURE_SIDE_MAX = 16384 };
#define PICTURE_PIXELS_MAX (100u * 1000u * 1000u)

struct picture {
    int width, height, channels;
    uint8_t *pixels; /* width * height * channels bytes */
};

/* Zeroed. Sizes within the limits are asserted. */
struct picture *picture_new(int width, int height, int channels);
struct picture *picture_copy(const struct picture *source);
void picture_free(struct picture *picture); /* NULL allowed */

static inline uint8_t *picture_at(const struct picture *picture, int x, int y)
{
    return picture->pixels +
           ((size_t)y * (size_t)picture->width + (size_t)x) * (size_t)picture->channels;
}

/* A frame for the encoder: yuv420p, BT.709 in limited range, even sides. Borrowed memory. */
struct picture_planes {
    int width, height;
    uint8_t *planes[3]; /* Y, U, V */
    int strides[3];     /* bytes; at least the width rounded up to eight, and half of that */
};

CLEANUP_DEFINE(picture, struct picture, picture_free);

#endif
