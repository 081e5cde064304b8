/*
 * Still pictures on libvips: decoding of untrusted files within limits, geometry, encoding. Runs in worker processes
 * only. image_init() once per process, before any jail. Functions run on one thread at a time per picture.
 *
 * What is decoded: JPEG (EXIF rotation applied), PNG, WebP, GIF (first frame), AVIF, HEIF where the library has it, TIFF
 * is refused. Colour is managed to sRGB (ICC, CMYK, 16 bit, palettes); metadata is dropped. Content is told by its bytes.
 */
#ifndef MEDIA_IMAGE_H
#define MEDIA_IMAGE_H

#include "base/err.h"
#include "media/monitor.h"
#include "media/picture.h"
#include <stdbool.h>
#include <stdint.h>

int image_init(struct err *err);

struct image_info {
    int width, height; /* upright */
    bool has_alpha;
    const char *content_type; /* static: "image/jpeg", ... */
};

/* Reads the header only. `path` names the input in error sentences. ERR_BAD_INPUT when it is no picture that is taken
 * here, ERR_TOO_LARGE over the limits. */
int image_probe(int fd, const char *path, struct image_info *ret_info, struct err *err);

/* What a picture's size has to do with a box. */
enum image_fit {
    IMAGE_FIT_WITHIN,
    IMAGE_FIT_COVER,
    /* It covers the box and is less than twice as large each way, as its decoder can give it. For what is resampled later in any
     * case: scaling it here takes most of the time. */
    IMAGE_FIT_LEAST
};

/* Decodes upright. When `fit_width` and `fit_height` are not 0 the picture is shrunk while it is decoded (never enlarged) so
 * that it fits that box. 3 channels, or 4 when it has transparency. */
int image_load(int fd, const char *path, int fit_width, int fit_height, enum image_fit fit,
               struct picture **ret_picture, struct err *err);
/* The same, told of while it decodes. ERR_CANCELLED. */
int image_load_watched(int fd, const char *path, int fit_width, int fit_height, enum image_fit fit,
                       const struct media_monitor *monitor, struct picture **ret_picture,
                       struct err *err);
/* The same from memory (assets of the pack, parts of files). */
int image_load_bytes(const void *bytes, size_t size, const char *path, struct picture **ret_picture,
                     struct err *err);

/* Lanczos in linear light is not needed here: high-quality resampling, alpha premultiplied meanwhile. New picture. */
struct picture *image_resize(const struct picture *source, int width, int height);
/* The part x, y, width, height, which lies inside. New picture. */
struct picture *image_crop(const struct picture *source, int x, int y, int width, int height);
/* Scales to cover the size, then takes the part around `centre_x`, `centre_y` (0..1 of the source). New picture. */
struct picture *image_cover(const struct picture *source, int width, int height, double centre_x,
                            double centre_y);
/* RGB and RGBA as RGBA. New picture. */
struct picture *image_with_alpha(const struct picture *source);
/* A copy in RGB; transparent places become white. */
struct picture *image_on_white(const struct picture *source);
/* Draws RGBA `over` onto RGB or RGBA `base` in place at x, y (may lie partly outside), times `opacity` 0..1. */
void image_draw(struct picture *base, const struct picture *over, int x, int y, double opacity);
/* "#RGB", "#RRGGBB", "#RRGGBBAA", "transparent" to RGBA. ERR_INVALID. */
int image_color(const char *text, uint8_t ret_rgba[4], struct err *err);

enum image_format { IMAGE_PNG, IMAGE_JPEG, IMAGE_WEBP };

const char *image_format_content_type(enum image_format format);

/* Encodes into the file (from its current start, truncated first). `quality` 1..100 for JPEG and WebP. sRGB marked, no other
 * metadata, same picture same bytes. JPEG flattens alpha onto white. */
int image_save(const struct picture *picture, enum image_format format, int quality, int fd,
               struct err *err);
/* The same, told of while it encodes. ERR_CANCELLED. */
int image_save_watched(const struct picture *picture, enum image_format format, int quality, int fd,
                       const struct media_monitor *monitor, struct err *err);
/* The same into memory; caller frees. */
int image_save_bytes(const struct picture *picture, enum image_format format, int quality,
                     void **ret_bytes, size_t *ret_size, struct err *err);

/* Makes encoded bytes the content of the file. ERR_STORAGE. */
int image_write(const void *bytes, size_t size, int fd, struct err *err);

/* Output size of an aspect ratio ("16:9", "3:2", "4:3", "1:1", "3:4", "2:3", "9:16") at the documented base: 1920x1080,
 * 1620x1080, 1440x1080, 1080x1080 and their upright forms. ERR_INVALID for another text. */
int image_aspect_size(const char *aspect_ratio, int *ret_width, int *ret_height, struct err *err);

#endif
