/*
 * Pictures the way JPEG keeps them: a plane of brightness and two of colour at half the size. What comes from JPEG files and goes into
 * one need not become RGB in between, which is most of the work of a grid of photos. Runs in worker processes only; a picture belongs
 * to one thread at a time.
 */
#ifndef MEDIA_IMAGE_PLANES_H
#define MEDIA_IMAGE_PLANES_H

#include "base/cleanup.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct image_planes;

/* Filled with one colour. Sides and area within the limits of picture.h. */
struct image_planes *image_planes_new(int width, int height, const uint8_t rgb[3]);
void image_planes_free(struct image_planes *planes); /* NULL allowed */
CLEANUP_DEFINE(image_planes, struct image_planes, image_planes_free);

/* The rectangle must lie inside and begin at even x and y; its sides are even or end with the picture. */
struct image_rectangle {
    int x, y, width, height;
};

/* Whether a rectangle may be drawn into. */
bool image_planes_takes(const struct image_planes *planes, const struct image_rectangle *place);
/* Decodes a picture file of any kind and draws it so that it covers the rectangle; what is transparent shows `rgb`.
 * Errors as of image_load(). */
int image_planes_draw(struct image_planes *planes, int fd, const char *path,
                      const struct image_rectangle *place, const uint8_t rgb[3], struct err *err);
/* Encodes as JPEG into the file, as image_save() does. */
int image_planes_save(const struct image_planes *planes, int quality, int fd, struct err *err);

/* Cuts a JPEG file into JPEG files: where every area begins with a block of the file as its blocks are, so that nothing is lost, else by
 * encoding its planes anew with `quality`. Returns the number of files, which the caller frees with image_cuts_free(), or 0 when this
 * picture cannot be cut so: it is no plain JPEG in sRGB, it lies on its side, it is damaged, or an area begins between two samples of
 * colour. Areas lie inside. */
struct image_cut {
    void *bytes;
    size_t size;
};
int image_cut(int fd, const char *path, const struct image_rectangle *areas, int count, int quality,
              struct image_cut *ret_cuts);
void image_cuts_free(struct image_cut *cuts, int count);

#endif
