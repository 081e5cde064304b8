#include "media/parallax_rows.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/*
 * DESIGN. Compiled twice where that helps, for any x86-64 and for AVX2, and chosen when the program starts; what the compiler does
 * not make fast by itself is written for AVX2 in parallax_rows_avx2.c. All of it is integers, so that all ways give the same bytes.
 */
/* clang 14 gives such functions a name of its own, which nobody finds. */
#if defined(__x86_64__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) &&                \
    !defined(__SANITIZE_THREAD__)
#define ROWS_FAST __attribute__((target_clones("avx2", "default")))
#else
#define ROWS_FAST
#endif
#define ROWS_INLINE static inline __attribute__((always_inline))

typedef uint16_t words16x16 __attribute__((vector_size(32)));
typedef int32_t lanes8x32 __attribute__((vector_size(32)));
typedef uint8_t lanes8x8 __attribute__((vector_size(8)));
typedef int32_t lanes4x32 __attribute__((vector_size(16)));
typedef uint8_t lanes4x8 __attribute__((vector_size(4)));

/* --- through the camera -------------------------------------------------------------------------- */

/* Between four pixels; what lies between is divided by 128 each way and rounded once. */
ROWS_INLINE uint32_t pixel_at(const struct sheet *sheet, int32_t x, int32_t y)
{
    const uint8_t *above =
        (const uint8_t *)(sheet->pixels + (ptrdiff_t)(y >> 16) * sheet->width + (x >> 16));
    const uint8_t *below = above + (size_t)sheet->width * 4;
    int32_t across = x >> 9 & 127, down = y >> 9 & 127;
    uint8_t mixed[4];
    for (int c = 0; c < 4; c++) {
        int32_t left = above[c] * (128 - down) + below[c] * down;
        int32_t right = above[c + 4] * (128 - down) + below[c + 4] * down;
        mixed[c] = (uint8_t)((left * (128 - across) + right * across + (1 << 13)) >> 14);
    }
    uint32_t pixel;
    memcpy(&pixel, mixed, sizeof(pixel));
    return pixel;
}

void rows_cell_outside(const struct sheet *sheet, int32_t x, int32_t y, int32_t step_x,
                       int32_t step_y, uint32_t *to)
{
    int32_t right = (sheet->width - 1) << 16, bottom = (sheet->height - 1) << 16;
    for (int i = 0; i < ROWS_CELL; i++, x += step_x, y += step_y) {
        int32_t at_x = x < 0 ? 0 : x, at_y = y < 0 ? 0 : y;
        to[i] = pixel_at(sheet, at_x > right ? right : at_x, at_y > bottom ? bottom : at_y);
    }
}

static void cells_plain(const struct rows_cells *cells, uint32_t *to)
{
    const struct sheet *sheet = cells->sheet;
    for (int i = 0; i < cells->count; i++, to += ROWS_CELL) {
        int32_t x = cells->x[i], y = cells->y[i];
        if (cells->wanted[i])
            rows_cell_outside(sheet, x, y, (cells->x[i + 1] - x) / ROWS_CELL,
                              (cells->y[i + 1] - y) / ROWS_CELL, to);
    }
}

/* --- the end of a row ---------------------------------------------------------------------------- */

ROWS_FAST void rows_finish(const struct rows_finish *finish, uint32_t *row)
{
    uint8_t *block = (uint8_t *)row;
    int grain_block = finish->grain_start;
    for (int b = 0; b < finish->blocks; b++, block += 4 * ROWS_BLOCK) {
        const int8_t *grain = finish->grain + grain_block * 4 * ROWS_BLOCK;
        uint16_t gain = finish->gains[b];
        for (int i = 0; i < 4 * ROWS_BLOCK; i++) {
            int16_t v = (int16_t)((uint16_t)(block[i] * gain + 128) >> 8);
            v = (int16_t)(v + grain[i]);
            v = (int16_t)(v < 0 ? 0 : v);
            block[i] = (uint8_t)(v > 255 ? 255 : v);
        }
        grain_block = grain_block + 1 == finish->grain_blocks ? 0 : grain_block + 1;
    }
}

void rows_rgb(const uint32_t *row, int width, uint8_t *rgb)
{
    /* Four bytes at once: the next pixel covers the last of them. */
    for (int x = 0; x + 1 < width; x++)
        memcpy(rgb + 3 * x, row + x, 4);
    memcpy(rgb + 3 * (width - 1), row + width - 1, 3);
}

/* Products of 16 bits are cheap: red and blue lie in the halves of their lanes. */
ROWS_INLINE void block_y(const lanes8x32 *pixels, uint8_t *to)
{
    lanes8x32 red_blue = *pixels & 0x00ff00ff, green = *pixels >> 8 & 255;
    red_blue = (lanes8x32)((words16x16)red_blue *
                           (words16x16){ROWS_Y_RED, ROWS_Y_BLUE, ROWS_Y_RED, ROWS_Y_BLUE,
                                        ROWS_Y_RED, ROWS_Y_BLUE, ROWS_Y_RED, ROWS_Y_BLUE,
                                        ROWS_Y_RED, ROWS_Y_BLUE, ROWS_Y_RED, ROWS_Y_BLUE,
                                        ROWS_Y_RED, ROWS_Y_BLUE, ROWS_Y_RED, ROWS_Y_BLUE});
    green = (lanes8x32)((words16x16)green * (uint16_t)ROWS_Y_GREEN);
    lanes8x32 light = (red_blue & 0xffff) + (red_blue >> 16) + green + ((16 << 8) + 128);
    lanes8x8 done = __builtin_convertvector(light >> 8, lanes8x8);
    memcpy(to, &done, sizeof(done));
}

/* Sums of two neighbours. */
ROWS_INLINE lanes4x32 pairs(const lanes8x32 *sums)
{
    return __builtin_shufflevector(*sums, *sums, 0, 2, 4, 6) +
           __builtin_shufflevector(*sums, *sums, 1, 3, 5, 7);
}

ROWS_INLINE void block_uv(const lanes8x32 *red, const lanes8x32 *green, const lanes8x32 *blue,
                          uint8_t *u, uint8_t *v)
{
    lanes4x32 r = pairs(red), g = pairs(green), b = pairs(blue);
    lanes4x32 blueness =
        r * ROWS_U_RED + g * ROWS_U_GREEN + b * ROWS_U_BLUE + ((128 << 18) + 4 * ROWS_HALF);
    lanes4x32 redness =
        r * ROWS_V_RED + g * ROWS_V_GREEN + b * ROWS_V_BLUE + ((128 << 18) + 4 * ROWS_HALF);
    lanes4x8 done = __builtin_convertvector(blueness >> 18, lanes4x8);
    memcpy(u, &done, sizeof(done));
    done = __builtin_convertvector(redness >> 18, lanes4x8);
    memcpy(v, &done, sizeof(done));
}

static void rows_yuv(const uint32_t *upper, const uint32_t *lower, int blocks,
                     const struct rows_planes *to)
{
    for (int at = 0; at < blocks * ROWS_BLOCK; at += ROWS_BLOCK) {
        lanes8x32 above, below;
        memcpy(&above, upper + at, sizeof(above));
        memcpy(&below, lower + at, sizeof(below));
        lanes8x32 red = above & 255, green = above >> 8 & 255, blue = above >> 16 & 255;
        lanes8x32 low_red = below & 255, low_green = below >> 8 & 255, low_blue = below >> 16 & 255;
        block_y(&above, to->upper_y + at);
        block_y(&below, to->lower_y + at);
        red += low_red;
        green += low_green;
        blue += low_blue;
        block_uv(&red, &green, &blue, to->u + at / 2, to->v + at / 2);
    }
}

static void planes_plain(const struct rows_finish *upper, uint32_t *upper_row,
                         const struct rows_finish *lower, uint32_t *lower_row,
                         const struct rows_planes *planes)
{
    rows_finish(upper, upper_row);
    rows_finish(lower, lower_row);
    rows_yuv(upper_row, lower_row, upper->blocks, planes);
}

/* --- which way ----------------------------------------------------------------------------------- */

const struct rows_way rows_way_plain = {cells_plain, planes_plain};

static const struct rows_way *rows_way(void)
{
    const struct rows_way *fast = rows_way_avx2();
    return fast ? fast : &rows_way_plain;
}

void rows_cells(const struct rows_cells *cells, uint32_t *to)
{
    rows_way()->cells(cells, to);
}

void rows_planes(const struct rows_finish *upper, uint32_t *upper_row,
                 const struct rows_finish *lower, uint32_t *lower_row,
                 const struct rows_planes *planes)
{
    rows_way()->planes(upper, upper_row, lower, lower_row, planes);
}
