#include "media/content.h"

#include "base/arena.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- transparency --- */

static bool has_transparency(const struct picture *picture)
{
    size_t count = (size_t)picture->width * (size_t)picture->height;
    for (size_t i = 0; picture->channels == 4 && i < count; i++) {
        if (picture->pixels[4 * i + 3] < 128)
            return true;
    }
    return false;
}

static bool find_opaque(const struct picture *picture, int level, struct cutout_box *ret_box)
{
    int left = picture->width, top = picture->height, right = 0, bottom = 0;
    for (int y = 0; y < picture->height; y++) {
        for (int x = 0; x < picture->width; x++) {
            if (picture_at(picture, x, y)[3] <= level)
                continue;
            left = x < left ? x : left;
            right = x >= right ? x + 1 : right;
            top = y < top ? y : top;
            bottom = y + 1;
        }
    }
    *ret_box = (struct cutout_box){left, top, right - left, bottom - top};
    return right > left;
}

/* --- even borders --- */

/* A row or column within the box. */
struct line {
    const struct picture *picture;
    int x, y, step_x, step_y, count;
};

static struct line line_of(const struct picture *picture, const struct cutout_box *box, int side)
{
    switch (side) {
    case 0:
        return (struct line){picture, box->x, box->y, 1, 0, box->width};
    case 1:
        return (struct line){picture, box->x, box->y + box->height - 1, 1, 0, box->width};
    case 2:
        return (struct line){picture, box->x, box->y, 0, 1, box->height};
    default:
        return (struct line){picture, box->x + box->width - 1, box->y, 0, 1, box->height};
    }
}

static const uint8_t *line_at(const struct line *line, int index)
{
    return picture_at(line->picture, line->x + index * line->step_x,
                      line->y + index * line->step_y);
}

/* The middle value of each channel. */
static void line_colour(const struct line *line, uint8_t ret_colour[3])
{
    for (int c = 0; c < 3; c++) {
        int counts[256] = {0}, seen = 0, value = 0;
        for (int i = 0; i < line->count; i++)
            counts[line_at(line, i)[c]]++;
        while (seen + counts[value] <= line->count / 2)
            seen += counts[value++];
        ret_colour[c] = (uint8_t)value;
    }
}

static bool line_is_even(const struct line *line, const uint8_t colour[3], int level)
{
    int others = 0, most = line->count / 400;
    for (int i = 0; i < line->count && others <= most; i++) {
        const uint8_t *pixel = line_at(line, i);
        bool differs = false;
        for (int c = 0; c < 3; c++)
            differs |= abs(pixel[c] - colour[c]) > level;
        others += differs;
    }
    return others <= most;
}

static void drop_line(struct cutout_box *box, int side)
{
    box->y += side == 0;
    box->x += side == 2;
    box->height -= side < 2;
    box->width -= side >= 2;
}

static bool find_uneven(const struct picture *picture, int level, struct cutout_box *box,
                        uint8_t ret_border[4])
{
    for (int side = 0; side < 4; side++) {
        struct line line = line_of(picture, box, side);
        uint8_t colour[3];
        line_colour(&line, colour);
        bool first = true;
        while (box->width > 0 && box->height > 0 && line_is_even(&line, colour, level)) {
            if (first && ret_border[3] == 0) {
                memcpy(ret_border, colour, 3);
                ret_border[3] = 255;
            }
            first = false;
            drop_line(box, side);
            if (box->width > 0 && box->height > 0)
                line = line_of(picture, box, side);
        }
        if (box->width == 0 || box->height == 0)
            return false;
    }
    return true;
}

bool content_find(const struct picture *picture, double threshold, struct cutout_box *ret_box,
                  uint8_t ret_border[4])
{
    const struct cutout_box whole = {0, 0, picture->width, picture->height};
    int level = (int)lrint(threshold * 255);
    bool found;
    memset(ret_border, 0, 4);
    *ret_box = whole;
    if (has_transparency(picture)) {
        found = find_opaque(picture, level, ret_box);
    } else {
        found = find_uneven(picture, level, ret_box, ret_border);
        if (ret_border[3] == 0) { /* without a border it goes on in the colour of its first row */
            const struct line line = line_of(picture, &whole, 0);
            line_colour(&line, ret_border);
            ret_border[3] = 255;
        }
    }
    if (!found)
        *ret_box = whole;
    return found;
}

struct picture *content_cut(const struct picture *picture, const struct cutout_box *box,
                            const uint8_t border[4])
{
    struct picture *result = picture_new(box->width, box->height, picture->channels);
    size_t channels = (size_t)picture->channels;
    for (int y = 0; y < box->height; y++) {
        uint8_t *to = picture_at(result, 0, y);
        int from_y = box->y + y;
        int first = box->x < 0 ? -box->x : 0;
        int last = box->x + box->width > picture->width ? picture->width - box->x : box->width;
        for (int x = 0; x < box->width; x++)
            memcpy(to + (size_t)x * channels, border, channels);
        if (from_y >= 0 && from_y < picture->height && last > first)
            memcpy(to + (size_t)first * channels, picture_at(picture, box->x + first, from_y),
                   (size_t)(last - first) * channels);
    }
    return result;
}
