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
/* The same, told of while it renders. ERR_CANCELLED. */
int image_render_watched(VipsImage *image, const char *path, const struct media_monitor *monitor,
                         struct picture **ret_picture, struct err *err);
/* Tells the monitor (NULL: nobody) how far libvips is with what it computes from `image`, and stops it for a cancel. It lives, at
 * its place, as long as the image is used; `stopped` says that it was cancelled. */
struct image_watch {
    const struct media_monitor *monitor;
    bool stopped;
};
void image_watch(VipsImage *image, struct image_watch *watch);
/* To exactly this size, alpha premultiplied meanwhile. Takes over `image`; NULL when libvips
 * failed. */
VipsImage *image_scale(VipsImage *image, int width, int height);
/* The sentence of the last libvips fault is for its developers; forgets it and fills *err: with a
 * lack of memory, or with the damage of the picture at `path`. */
int image_fault(const char *path, struct err *err);
#ifdef __clang_analyzer__
/* See err_set(). */
#define image_fault(...) (image_fault(__VA_ARGS__), -1)
#endif

/* A file in memory, checked for its size. Errors of image_load(). */
struct image_file {
    const void *bytes;
    size_t size;
};
int image_file_read(int fd, const char *path, struct image_file *ret_file, struct err *err);
void image_file_free(struct image_file *file);
/* As image_load_watched(). */
int image_file_decode(const struct image_file *file, const char *path, int fit_width,
                      int fit_height, enum image_fit fit, const struct media_monitor *monitor,
                      struct picture **ret_picture, struct err *err);
/* Whether it is a JPEG within the limits whose three planes are those of an upright sRGB picture. */
bool image_file_is_plain_jpeg(const struct image_file *file, int *ret_width, int *ret_height);

/* What the first image of a GIF does not cover is clear, as browsers show it; libvips leaves it black. Takes over `image`; NULL when
 * libvips failed. */
VipsImage *image_gif_clear(VipsImage *image, const struct image_file *file);

/* The encoded file with the mark that it is sRGB, for free(). */
void *image_mark(const void *bytes, size_t *size, enum image_format format, bool has_colour);

#endif
