#include "media/parallax_rows.h"

#include <stdbool.h>
#include <string.h>

/*
 * DESIGN. Compiled twice where that helps, for any x86-64 and for AVX2, and chosen when the program starts; all of it is
 * integers, so both give the same bytes. A run that stays on one pair of rows (all but those of a rolled camera) mixes the
 * rows first and the columns after that; a tilt that is smaller than a 64th of a pixel over the piece counts as none.
 */
/* clang 14 gives such functions a name of its own, which nobody finds. */
#if defined(__x86_64__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) &&                \
    !defined(__SANITIZE_THREAD__)
#define ROWS_FAST __attribute__((target_clones("avx2", "default")))
#else
#define ROWS_FAST
#endif
#define ROWS_INLINE static inline __attribute__((always_inline))

enum {
    PIECE = 64,           /* pixels of a run at a time */
    PIECE_LEVEL = 32,     /* from here on it pays to mix rows first */
    PIECE_STEP = 2 << 16, /* at most so far apart in the sheet then */
    PIECE_SPAN = 2 * PIECE + 4,
    PIECE_TILT = 1 << 10
};

typedef uint8_t lanes16x8 __attribute__((vector_size(16)));
typedef uint8_t lanes32x8 __attribute__((vector_size(32)));
typedef int16_t lanes16x16 __attribute__((vector_size(32)));
typedef uint16_t lanes16u16 __attribute__((vector_size(32)));
typedef uint16_t words16x16 __attribute__((vector_size(32)));
typedef int32_t lanes8x32 __attribute__((vector_size(32)));
typedef uint8_t lanes8x8 __attribute__((vector_size(8)));
typedef int32_t lanes4x32 __attribute__((vector_size(16)));
typedef uint8_t lanes4x8 __attribute__((vector_size(4)));

/* --- through the camera -------------------------------------------------------------------------- */

/* Of four places in a sheet: the two pixels there and the two below, eight lanes each. */
struct places {
    lanes32x8 above, below;
    lanes16x16 down[2], across; /* how far between, 0..127 */
};

ROWS_INLINE void places_find(const struct sheet *sheet, int32_t x, int32_t y, int32_t step_x,
                             int32_t step_y, struct places *ret_places)
{
    uint64_t above[4], below[4];
    int16_t down[32], across[16];
    for (int k = 0; k < 4; k++, x += step_x, y += step_y) {
        const uint32_t *at =
            sheet->pixels + (size_t)(y >> 16) * (size_t)sheet->width + (size_t)(x >> 16);
        memcpy(&above[k], at, 8);
        memcpy(&below[k], at + sheet->width, 8);
        for (int i = 0; i < 8; i++)
            down[k * 8 + i] = (int16_t)(y >> 9 & 127);
        for (int i = 0; i < 4; i++)
            across[k * 4 + i] = (int16_t)(x >> 9 & 127);
    }
    memcpy(&ret_places->above, above, sizeof(above));
    memcpy(&ret_places->below, below, sizeof(below));
    memcpy(&ret_places->down, down, sizeof(down));
    memcpy(&ret_places->across, across, sizeof(across));
}

/* Any run that lies within the sheet. */
ROWS_INLINE void piece_anyhow(const struct sheet *sheet, int32_t x, int32_t y, int32_t step_x,
                              int32_t step_y, int count, uint32_t *to)
{
    for (int i = 0; i < count; i += 4, x += 4 * step_x, y += 4 * step_y) {
        struct places places;
        places_find(sheet, x, y, step_x, step_y, &places);
        lanes16x8 half;
        lanes16x16 mixed[2];
        for (int k = 0; k < 2; k++) {
            memcpy(&half, (const char *)&places.above + 16 * k, sizeof(half));
            lanes16x16 top = __builtin_convertvector(half, lanes16x16);
            memcpy(&half, (const char *)&places.below + 16 * k, sizeof(half));
            lanes16x16 low = __builtin_convertvector(half, lanes16x16);
            mixed[k] = top + (((low - top) * places.down[k]) >> 7);
        }
        lanes16x16 left = __builtin_shufflevector(mixed[0], mixed[1], 0, 1, 2, 3, 8, 9, 10, 11, 16,
                                                  17, 18, 19, 24, 25, 26, 27);
        lanes16x16 right = __builtin_shufflevector(mixed[0], mixed[1], 4, 5, 6, 7, 12, 13, 14, 15,
                                                   20, 21, 22, 23, 28, 29, 30, 31);
        lanes16x8 done =
            __builtin_convertvector(left + (((right - left) * places.across) >> 7), lanes16x8);
        memcpy(to + i, &done, sizeof(done));
    }
}

/* Mixes columns: four pixels at a time from pixels of four lanes each. */
ROWS_INLINE void mix_columns(const int16_t *mixed, uint32_t x, uint32_t step_x, int count,
                             uint32_t *to)
{
    lanes16u16 parts, steps; /* of a pixel; they run over */
    for (int k = 0; k < 16; k++) {
        parts[k] = (uint16_t)(x + step_x * (uint32_t)(k / 4));
        steps[k] = (uint16_t)(step_x * 4);
    }
    for (int i = 0; i < count; i += 4) {
        uint64_t left[4], right[4];
        for (int k = 0; k < 4; k++, x += step_x) {
            memcpy(&left[k], mixed + (x >> 16) * 4, 8);
            memcpy(&right[k], mixed + (x >> 16) * 4 + 4, 8);
        }
        lanes16x16 from, over, part = (lanes16x16)((parts >> 9) & 127);
        memcpy(&from, left, sizeof(from));
        memcpy(&over, right, sizeof(over));
        lanes16x8 done = __builtin_convertvector(from + (((over - from) * part) >> 7), lanes16x8);
        memcpy(to + i, &done, sizeof(done));
        parts += steps;
    }
}

/* A run on one pair of rows. */
ROWS_INLINE void piece_level(const struct sheet *sheet, int32_t x, int32_t y, int32_t step_x,
                             int count, uint32_t *to)
{
    int16_t mixed[PIECE_SPAN * 4 + 32];
    int left = x >> 16, span = ((x + step_x * (count - 1)) >> 16) - left + 2;
    const uint8_t *above =
        (const uint8_t *)(sheet->pixels + (size_t)(y >> 16) * (size_t)sheet->width + left);
    const uint8_t *below = above + (size_t)sheet->width * 4;
    int16_t part = (int16_t)((y >> 9) & 127);
    for (int at = 0; at < span * 4; at += 32) {
        for (int i = at; i < at + 32; i++)
            mixed[i] =
                (int16_t)(above[i] + (int16_t)((int16_t)((below[i] - above[i]) * part) >> 7));
    }
    mix_columns(mixed, (uint32_t)(x & 0xffff), (uint32_t)step_x, count, to);
}

/* Where a run leaves the sheet. */
ROWS_INLINE void piece_outside(const struct sheet *sheet, int32_t x, int32_t y, int32_t step_x,
                               int32_t step_y, int count, uint32_t *to)
{
    int32_t right = (sheet->width - 1) << 16, bottom = (sheet->height - 1) << 16;
    for (int i = 0; i < count; i++, x += step_x, y += step_y) {
        int32_t at_x = x < 0       ? 0
                       : x > right ? right
                                   : x,
                at_y = y < 0        ? 0
                       : y > bottom ? bottom
                                    : y;
        uint32_t same[4];
        piece_anyhow(sheet, at_x, at_y, 0, 0, 4, same);
        to[i] = same[0];
    }
}

ROWS_FAST void rows_sheet(const struct sheet *sheet, int32_t x, int32_t y, int32_t step_x,
                          int32_t step_y, int count, uint32_t *to)
{
    int32_t right = (sheet->width - 1) << 16, bottom = (sheet->height - 1) << 16;
    bool level = step_x > 0 && step_x <= PIECE_STEP;
    count = (count + 3) & ~3;
    for (int done = 0; done < count; done += PIECE) {
        int piece = count - done < PIECE ? count - done : PIECE;
        int64_t end_x = x + (int64_t)step_x * piece, end_y = y + (int64_t)step_y * piece;
        bool inside = x >= 0 && x < right && end_x >= 0 && end_x < right && y >= 0 && y < bottom &&
                      end_y >= 0 && end_y < bottom;
        int32_t tilt = step_y * piece;
        if (!inside)
            piece_outside(sheet, x, y, step_x, step_y, piece, to + done);
        else if (level && piece >= PIECE_LEVEL && tilt < PIECE_TILT && tilt > -PIECE_TILT)
            piece_level(sheet, x, y + tilt / 2, step_x, piece, to + done);
        else
            piece_anyhow(sheet, x, y, step_x, step_y, piece, to + done);
        x += step_x * piece;
        y += step_y * piece;
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

/* BT.709 in limited range: lightness in 1/256, which is right to a third of a value, colour in 1/65536. */
enum {
    Y_RED = 47,
    Y_GREEN = 157,
    Y_BLUE = 16,
    U_RED = -6596,
    U_GREEN = -22189,
    U_BLUE = 28784,
    V_RED = 28784,
    V_GREEN = -26145,
    V_BLUE = -2639,
    HALF = 1 << 15
};

/* Products of 16 bits are cheap: red and blue lie in the halves of their lanes. */
ROWS_INLINE void block_y(const lanes8x32 *pixels, uint8_t *to)
{
    lanes8x32 red_blue = *pixels & 0x00ff00ff, green = *pixels >> 8 & 255;
    red_blue =
        (lanes8x32)((words16x16)red_blue * (words16x16){Y_RED, Y_BLUE, Y_RED, Y_BLUE, Y_RED, Y_BLUE,
                                                        Y_RED, Y_BLUE, Y_RED, Y_BLUE, Y_RED, Y_BLUE,
                                                        Y_RED, Y_BLUE, Y_RED, Y_BLUE});
    green = (lanes8x32)((words16x16)green * (uint16_t)Y_GREEN);
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
    lanes4x32 blueness = r * U_RED + g * U_GREEN + b * U_BLUE + ((128 << 18) + 4 * HALF);
    lanes4x32 redness = r * V_RED + g * V_GREEN + b * V_BLUE + ((128 << 18) + 4 * HALF);
    lanes4x8 done = __builtin_convertvector(blueness >> 18, lanes4x8);
    memcpy(u, &done, sizeof(done));
    done = __builtin_convertvector(redness >> 18, lanes4x8);
    memcpy(v, &done, sizeof(done));
}

ROWS_FAST void rows_yuv(const uint32_t *upper, const uint32_t *lower, int blocks, uint8_t *upper_y,
                        uint8_t *lower_y, uint8_t *u, uint8_t *v)
{
    for (int at = 0; at < blocks * ROWS_BLOCK; at += ROWS_BLOCK) {
        lanes8x32 above, below;
        memcpy(&above, upper + at, sizeof(above));
        memcpy(&below, lower + at, sizeof(below));
        lanes8x32 red = above & 255, green = above >> 8 & 255, blue = above >> 16 & 255;
        lanes8x32 low_red = below & 255, low_green = below >> 8 & 255, low_blue = below >> 16 & 255;
        block_y(&above, upper_y + at);
        block_y(&below, lower_y + at);
        red += low_red;
        green += low_green;
        blue += low_blue;
        block_uv(&red, &green, &blue, u + at / 2, v + at / 2);
    }
}
