#include "media/parallax_cover.h"

#include "base/arena.h"

#include <stdbool.h>

enum { TILE_SIDE = 8 };

static void tile_look(const struct sheet *sheet, int column, int row, bool *ret_seen,
                      bool *ret_open)
{
    uint32_t any = 0, all = 255;
    int left = column * TILE_SIDE, right = left + TILE_SIDE;
    int top = row * TILE_SIDE, bottom = top + TILE_SIDE;
    right = right < sheet->width ? right : sheet->width;
    bottom = bottom < sheet->height ? bottom : sheet->height;
    for (int y = top; y < bottom; y++) {
        const uint32_t *pixels = sheet->pixels + (size_t)y * (size_t)sheet->width;
        for (int x = left; x < right; x++) {
            any |= pixels[x] >> 24;
            all &= pixels[x] >> 24;
        }
    }
    *ret_seen = any > 0;
    *ret_open = all < 255;
}

void parallax_tiles_init(struct parallax_tiles *tiles, const struct sheet *sheet)
{
    tiles->columns = (sheet->width + TILE_SIDE - 1) / TILE_SIDE;
    tiles->rows = (sheet->height + TILE_SIDE - 1) / TILE_SIDE;
    size_t stride = (size_t)tiles->columns + 1, count = stride * ((size_t)tiles->rows + 1);
    tiles->seen = mem_array(count, sizeof(*tiles->seen));
    tiles->open = mem_array(count, sizeof(*tiles->open));
    for (int row = 0; row < tiles->rows; row++) {
        size_t at = ((size_t)row + 1) * stride + 1;
        uint32_t seen_so_far = 0, open_so_far = 0;
        for (int column = 0; column < tiles->columns; column++, at++) {
            bool seen, open;
            tile_look(sheet, column, row, &seen, &open);
            seen_so_far += seen;
            open_so_far += open;
            tiles->seen[at] = tiles->seen[at - stride] + seen_so_far;
            tiles->open[at] = tiles->open[at - stride] + open_so_far;
        }
    }
}

void parallax_tiles_finish(struct parallax_tiles *tiles)
{
    free(tiles->seen);
    free(tiles->open);
}

static size_t clamped(int pixel, int count)
{
    int tile = pixel < 0 ? 0 : pixel / TILE_SIDE;
    return (size_t)(tile < count ? tile : count - 1);
}

/* The four corners of a sum over a rectangle. */
static uint32_t sum_between(const uint32_t *sums, size_t stride, size_t left, size_t top,
                            size_t right, size_t bottom)
{
    return sums[bottom * stride + right] - sums[top * stride + right] -
           sums[bottom * stride + left] + sums[top * stride + left];
}

enum parallax_cover parallax_tiles_cover(const struct parallax_tiles *tiles, int left, int top,
                                         int right, int bottom)
{
    size_t stride = (size_t)tiles->columns + 1;
    size_t from_x = clamped(left, tiles->columns), to_x = clamped(right, tiles->columns) + 1;
    size_t from_y = clamped(top, tiles->rows), to_y = clamped(bottom, tiles->rows) + 1;
    if (sum_between(tiles->seen, stride, from_x, from_y, to_x, to_y) == 0)
        return PARALLAX_COVER_NONE;
    return sum_between(tiles->open, stride, from_x, from_y, to_x, to_y) == 0 ? PARALLAX_COVER_WHOLE
                                                                             : PARALLAX_COVER_PART;
}
