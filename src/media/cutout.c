#include "media/cutout.h"

#include "media/image.h"

#include <string.h>

void cutout_finish(struct cutout *cutout)
{
    picture_free(cutout->matte);
    picture_free(cutout->colours);
    *cutout = (struct cutout){0};
}

bool cutout_bounds(const struct picture *matte, struct cutout_box *ret_box)
{
    enum { COVERED = 255 / 20 };
    int left = matte->width, top = matte->height, right = 0, bottom = 0;
    for (int y = 0; y < matte->height; y++) {
        const uint8_t *row = picture_at(matte, 0, y);
        int first = 0, last = matte->width;
        while (first < last && row[first] <= COVERED)
            first++;
        while (last > first && row[last - 1] <= COVERED)
            last--;
        if (first == last)
            continue;
        left = first < left ? first : left;
        right = last > right ? last : right;
        top = y < top ? y : top;
        bottom = y + 1;
    }
    *ret_box = (struct cutout_box){left, top, right - left, bottom - top};
    return right > left;
}

struct cutout_box cutout_union(const struct cutout_box *a, const struct cutout_box *b)
{
    if (a->width == 0 || b->width == 0)
        return a->width == 0 ? *b : *a;
    int x = a->x < b->x ? a->x : b->x, y = a->y < b->y ? a->y : b->y;
    int right = a->x + a->width > b->x + b->width ? a->x + a->width : b->x + b->width;
    int bottom = a->y + a->height > b->y + b->height ? a->y + a->height : b->y + b->height;
    return (struct cutout_box){x, y, right - x, bottom - y};
}

static struct picture *rgba_of(const struct cutout *cutout, const struct cutout_box *from)
{
    struct picture *rgba = picture_new(from->width, from->height, 4);
    for (int y = 0; y < from->height; y++) {
        const uint8_t *alpha = picture_at(cutout->matte, from->x, from->y + y);
        const uint8_t *colour = picture_at(cutout->colours, from->x, from->y + y);
        uint8_t *to = picture_at(rgba, 0, y);
        for (int x = 0; x < from->width; x++, to += 4, colour += 3) {
            if (alpha[x] == 0)
                continue;
            memcpy(to, colour, 3);
            to[3] = alpha[x];
        }
    }
    return rgba;
}

struct picture *cutout_picture(const struct cutout *cutout)
{
    const struct cutout_box whole = {0, 0, cutout->matte->width, cutout->matte->height};
    return rgba_of(cutout, &whole);
}

/* Pixel on pixel. */
static void lay_exactly(struct picture *base, const struct cutout *cutout,
                        const struct cutout_box *from, const struct cutout_box *to)
{
    int first = to->x < 0 ? -to->x : 0;
    int last = to->x + to->width > base->width ? base->width - to->x : to->width;
    for (int y = to->y < 0 ? -to->y : 0; y < to->height && to->y + y < base->height; y++) {
        const uint8_t *alpha = picture_at(cutout->matte, from->x, from->y + y);
        const uint8_t *colour = picture_at(cutout->colours, from->x, from->y + y);
        uint8_t *row = picture_at(base, 0, to->y + y) + (ptrdiff_t)to->x * 3;
        for (int x = first; x < last; x++) {
            unsigned share = alpha[x];
            for (int c = 3 * x; share > 0 && c < 3 * x + 3; c++)
                row[c] = (uint8_t)((colour[c] * share + row[c] * (255 - share) + 127) / 255);
        }
    }
}

void cutout_lay(struct picture *base, const struct cutout *cutout, const struct cutout_box *from,
                const struct cutout_box *to)
{
    if (to->width == from->width && to->height == from->height) {
        lay_exactly(base, cutout, from, to);
        return;
    }
    struct picture *rgba CLEANUP(picture) = rgba_of(cutout, from);
    struct picture *sized CLEANUP(picture) = image_resize(rgba, to->width, to->height);
    image_draw(base, sized, to->x, to->y, 1);
}
