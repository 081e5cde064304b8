/* What the files of image share. Only they see libvips. */
#ifndef MEDIA_IMAGE_INTERNAL_H
#define MEDIA_IMAGE_INTERNAL_H

#include "media/image.h"

#include <vips/vips.h>

/* A view on the picture's pixels, which must outlive it. g_object_unref() it. */
VipsImage *image_view(const struct picture *picture);
/* Renders into a new picture; 1, 3 or 4 bands of uchar. Takes over `image`. ERR_BAD_INPUT when
 * pixels cannot be read. */
int image_render(VipsImage *image, const char *path, struct picture **ret_picture, struct err *err);
/* To exactly this size, alpha premultiplied meanwhile. Takes over `image`; NULL when libvips
 * failed. */
VipsImage *image_scale(VipsImage *image, int width, int height);
/* The sentence of the last libvips fault is for its developers; forgets it and fills *err: with a
 * lack of memory, or with the damage of the picture at `path`. */
int image_fault(const char *path, struct err *err);

#endif
