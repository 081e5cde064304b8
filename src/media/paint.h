/*
 * The painter nets: a small copy of a photo drawn again as a clean picture with flat tones and drawn contours. One thread at a
 * time.
 */
#ifndef MEDIA_PAINT_H
#define MEDIA_PAINT_H

#include "base/err.h"
#include "media/assets.h"
#include "media/monitor.h"
#include "media/picture.h"

enum paint_mode {
    PAINT_SOFT, /* one drawing pass: gouache, safe for any subject */
    PAINT_DRAWN /* clean, shrink, clean, shrink, draw: cel shading with inked contours */
};

/* `photo` RGB. `scale` 0..1: the share of the photo that the first net sees; choose it so that the largest face is 48 to 64 pixels
 * high there (36 bold .. 90 soft), 0.5 without a face. Works in tiles of bounded memory. The result has the photo's
 * size. Deterministic. ERR_NOT_FOUND or ERR_UNAVAILABLE without the nets, ERR_CANCELLED. */
int paint_photo(const struct picture *photo, enum paint_mode mode, double scale,
                const struct media_assets *assets, const struct media_monitor *monitor,
                struct picture **ret_picture, struct err *err);

#endif
