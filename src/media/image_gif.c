#include "media/image_internal.h"

#include <string.h>

enum {
    GIF_HEAD = 13,
    GIF_TABLE_FOLLOWS = 0x80,
    GIF_TABLE_SIZE = 7,
    GIF_EXTENSION = 0x21,
    GIF_IMAGE = 0x2C,
    GIF_IMAGE_HEAD = 9
};

/* The head of the first image behind its separator; NULL when the file ends before. */
static const uint8_t *gif_first_image(const struct image_file *file)
{
    const uint8_t *bytes = file->bytes;
    size_t at = GIF_HEAD;
    if (file->size < GIF_HEAD)
        return NULL;
    if (bytes[10] & GIF_TABLE_FOLLOWS)
        at += (size_t)3 << ((bytes[10] & GIF_TABLE_SIZE) + 1);
    while (at + 1 + GIF_IMAGE_HEAD <= file->size && bytes[at] == GIF_EXTENSION) {
        at += 2;
        while (at < file->size && bytes[at] != 0)
            at += 1 + (size_t)bytes[at];
        at++;
    }
    bool found = at + 1 + GIF_IMAGE_HEAD <= file->size && bytes[at] == GIF_IMAGE;
    return found ? bytes + at + 1 : NULL;
}

static int gif_number(const uint8_t *at)
{
    return at[0] | at[1] << 8;
}

/* The opacity of a canvas of which one part is covered. */
static VipsImage *gif_cover(int canvas_width, int canvas_height, const VipsRect *part)
{
    VipsImage *steps[3] = {NULL}, *cover = NULL;
    int rc = vips_black(&steps[0], part->width, part->height, NULL) ||
             vips_linear1(steps[0], &steps[1], 0, 255, NULL) ||
             vips_cast_uchar(steps[1], &steps[2], NULL) ||
             vips_embed(steps[2], &cover, part->left, part->top, canvas_width, canvas_height, NULL);
    for (int i = 0; i < 3; i++) {
        if (steps[i])
            g_object_unref(steps[i]);
    }
    return rc == 0 ? cover : NULL;
}

VipsImage *image_gif_clear(VipsImage *image, const struct image_file *file)
{
    const uint8_t *head = gif_first_image(file);
    if (!head || vips_image_hasalpha(image))
        return image;
    VipsRect part = {gif_number(head), gif_number(head + 2), gif_number(head + 4),
                     gif_number(head + 6)};
    VipsRect canvas = {0, 0, image->Xsize, image->Ysize};
    vips_rect_intersectrect(&part, &canvas, &part);
    if (vips_rect_isempty(&part) || (part.width == canvas.width && part.height == canvas.height))
        return image;
    VipsImage *cover = gif_cover(canvas.width, canvas.height, &part), *clear = NULL;
    int rc = cover ? vips_bandjoin2(image, cover, &clear, NULL) : -1;
    if (cover)
        g_object_unref(cover);
    g_object_unref(image);
    return rc == 0 ? clear : NULL;
}
