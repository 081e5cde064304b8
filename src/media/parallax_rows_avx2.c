/* The loops of parallax_rows.c for processors with AVX2. */
#include "media/parallax_rows.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#if defined(__x86_64__)

#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))
#define AVX2_INLINE static inline __attribute__((target("avx2"), always_inline))

/*
 * DESIGN. One instruction multiplies bytes without sign by bytes with sign and adds neighbours: the weights have none, the colours
 * get one by turning over their highest bit, which takes 128 away from each. Pixels lie in vectors so that k and k + 4 are
 * partners, which is the order that the packing instructions undo.
 */

/* --- through the camera -------------------------------------------------------------------------- */

/* Eight places in a sheet, and how far each lies between its pixel and the next. */
struct places {
    __m256i x, y;   /* 16.16 */
    __m256i across; /* weights of left and right in 16 bits */
    __m256i down;   /* weights of above and below in bytes, twice */
};

AVX2_INLINE void places_weigh(struct places *places)
{
    const __m256i part = _mm256_set1_epi32(127), whole = _mm256_set1_epi32(128);
    __m256i x = _mm256_and_si256(_mm256_srli_epi32(places->x, 9), part);
    __m256i y = _mm256_and_si256(_mm256_srli_epi32(places->y, 9), part);
    places->across = _mm256_or_si256(_mm256_slli_epi32(x, 16), _mm256_sub_epi32(whole, x));
    y = _mm256_or_si256(_mm256_slli_epi32(y, 8), _mm256_sub_epi32(whole, y));
    places->down = _mm256_or_si256(_mm256_slli_epi32(y, 16), y);
}

/* Two pixels whose left and right neighbours alternate in 16 bits; 128 less than they are. */
AVX2_INLINE __m256i mix_across(__m256i colours, __m256i across)
{
    __m256i sums = _mm256_madd_epi16(colours, across);
    return _mm256_srai_epi32(_mm256_add_epi32(sums, _mm256_set1_epi32(1 << 13)), 14);
}

AVX2_INLINE __m256i pack_pixels(__m256i a, __m256i b, __m256i c, __m256i d)
{
    __m256i bytes = _mm256_packs_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d));
    return _mm256_xor_si256(bytes, _mm256_set1_epi8(-128));
}

/* Both pixels at one place and both below. */
AVX2_INLINE __m128i load_place(const struct sheet *sheet, int32_t at)
{
    const uint32_t *above = sheet->pixels + at, *below = above + sheet->width;
    __m128d low = _mm_castsi128_pd(_mm_loadl_epi64((const __m128i *)(const void *)above));
    return _mm_castpd_si128(_mm_loadh_pd(low, (const double *)(const void *)below));
}

/* Places anywhere within the sheet. */
AVX2_INLINE __m256i places_anyhow(const struct sheet *sheet, const struct places *places)
{
    const __m256i order = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, 8, 4, 12, 1, 9, 5, 13, 2, 10, 6, 14, 3, 11, 7, 15));
    const __m256i sign = _mm256_set1_epi8(-128);
    int32_t at[8];
    __m256i rows =
        _mm256_mullo_epi32(_mm256_srai_epi32(places->y, 16), _mm256_set1_epi32(sheet->width));
    _mm256_storeu_si256((__m256i *)(void *)at,
                        _mm256_add_epi32(rows, _mm256_srai_epi32(places->x, 16)));
#define PAIR(k)                                                                                    \
    mix_across(                                                                                    \
        _mm256_maddubs_epi16(                                                                      \
            _mm256_shuffle_epi32(places->down, (k)*0x55),                                          \
            _mm256_xor_si256(_mm256_shuffle_epi8(_mm256_set_m128i(load_place(sheet, at[(k) + 4]),  \
                                                                  load_place(sheet, at[k])),       \
                                                 order),                                           \
                             sign)),                                                               \
        _mm256_shuffle_epi32(places->across, (k)*0x55))
    return pack_pixels(PAIR(0), PAIR(1), PAIR(2), PAIR(3));
#undef PAIR
}

/* Pixels at eight places within eight pixels from `row` on. */
AVX2_INLINE __m256i pick(const uint32_t *row, __m256i places)
{
    __m256i pixels = _mm256_loadu_si256((const __m256i *)(const void *)row);
    return _mm256_permutevar8x32_epi32(_mm256_xor_si256(pixels, _mm256_set1_epi8(-128)), places);
}

/* Places within eight pixels of a row, or of two rows when `tilted`; `row` is the upper one from its first pixel on. */
AVX2_INLINE __m256i places_near(const struct sheet *sheet, const struct places *places,
                                const uint32_t *row, int32_t left, int32_t top, bool tilted)
{
    const __m256i at = _mm256_sub_epi32(_mm256_srai_epi32(places->x, 16), _mm256_set1_epi32(left));
    const uint32_t *next = row + sheet->width;
    __m256i above_left = pick(row, at), above_right = pick(row + 1, at);
    __m256i below_left = pick(next, at), below_right = pick(next + 1, at);
    if (tilted) {
        __m256i lower =
            _mm256_cmpgt_epi32(_mm256_srai_epi32(places->y, 16), _mm256_set1_epi32(top));
        above_left = _mm256_blendv_epi8(above_left, below_left, lower);
        above_right = _mm256_blendv_epi8(above_right, below_right, lower);
        next += sheet->width;
        below_left = _mm256_blendv_epi8(below_left, pick(next, at), lower);
        below_right = _mm256_blendv_epi8(below_right, pick(next + 1, at), lower);
    }
    const __m256i down = _mm256_unpacklo_epi32(places->down, places->down);
    const __m256i down_after = _mm256_unpackhi_epi32(places->down, places->down);
    __m256i left_colours = _mm256_maddubs_epi16(down, _mm256_unpacklo_epi8(above_left, below_left));
    __m256i left_after =
        _mm256_maddubs_epi16(down_after, _mm256_unpackhi_epi8(above_left, below_left));
    __m256i right_colours =
        _mm256_maddubs_epi16(down, _mm256_unpacklo_epi8(above_right, below_right));
    __m256i right_after =
        _mm256_maddubs_epi16(down_after, _mm256_unpackhi_epi8(above_right, below_right));
    return pack_pixels(mix_across(_mm256_unpacklo_epi16(left_colours, right_colours),
                                  _mm256_shuffle_epi32(places->across, 0x00)),
                       mix_across(_mm256_unpackhi_epi16(left_colours, right_colours),
                                  _mm256_shuffle_epi32(places->across, 0x55)),
                       mix_across(_mm256_unpacklo_epi16(left_after, right_after),
                                  _mm256_shuffle_epi32(places->across, 0xaa)),
                       mix_across(_mm256_unpackhi_epi16(left_after, right_after),
                                  _mm256_shuffle_epi32(places->across, 0xff)));
}

/* Tells that the same columns will be wanted a few rows further down: no processor guesses that of a tilted row. */
AVX2_INLINE void look_ahead(const struct sheet *sheet, int32_t at)
{
    enum { ROWS = 4 };
    int32_t ahead = at + ROWS * sheet->width, end = sheet->width * sheet->height;
    _mm_prefetch((const char *)(sheet->pixels + (ahead < end ? ahead : end)), _MM_HINT_T0);
}

/* Half a cell from x, y on. */
AVX2_INLINE void half_cell(const struct sheet *sheet, const struct places *places, int32_t x,
                           int32_t y, int32_t step_x, int32_t step_y, uint32_t *to)
{
    int32_t left = x >> 16, top = y >> 16, bottom = (y + 7 * step_y) >> 16;
    int32_t upper = top < bottom ? top : bottom, at = upper * sheet->width + left;
    __m256i pixels;
    if ((uint32_t)step_x > 1 << 16 || bottom - top > 1 || top - bottom > 1)
        pixels = places_anyhow(sheet, places);
    else if (top == bottom)
        pixels = places_near(sheet, places, sheet->pixels + at, left, upper, false);
    else
        pixels = places_near(sheet, places, sheet->pixels + at, left, upper, true);
    _mm256_storeu_si256((__m256i *)(void *)to, pixels);
}

AVX2_INLINE void cell_inside(const struct sheet *sheet, int32_t x, int32_t y, int32_t step_x,
                             int32_t step_y, uint32_t *to)
{
    const __m256i count = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    struct places places = {
        .x = _mm256_add_epi32(_mm256_set1_epi32(x),
                              _mm256_mullo_epi32(count, _mm256_set1_epi32(step_x))),
        .y = _mm256_add_epi32(_mm256_set1_epi32(y),
                              _mm256_mullo_epi32(count, _mm256_set1_epi32(step_y))),
    };
    look_ahead(sheet, ((y + 8 * step_y) >> 16) * sheet->width + ((x + 8 * step_x) >> 16));
    places_weigh(&places);
    half_cell(sheet, &places, x, y, step_x, step_y, to);
    x += 8 * step_x;
    y += 8 * step_y;
    places.x = _mm256_add_epi32(places.x, _mm256_set1_epi32(8 * step_x));
    places.y = _mm256_add_epi32(places.y, _mm256_set1_epi32(8 * step_y));
    places_weigh(&places);
    half_cell(sheet, &places, x, y, step_x, step_y, to + 8);
}

AVX2 static void cells_avx2(const struct rows_cells *cells, uint32_t *to)
{
    const struct sheet *sheet = cells->sheet;
    uint32_t right = (uint32_t)(sheet->width - 1) << 16, bottom = (uint32_t)(sheet->height - 1)
                                                                  << 16;
    for (int i = 0; i < cells->count; i++, to += ROWS_CELL) {
        int32_t x = cells->x[i], y = cells->y[i], next_x = cells->x[i + 1],
                next_y = cells->y[i + 1];
        if (!cells->wanted[i])
            continue;
        int32_t step_x = (next_x - x) / ROWS_CELL, step_y = (next_y - y) / ROWS_CELL;
        /* Without sign, what is negative is too large as well. */
        if ((uint32_t)x < right && (uint32_t)next_x < right && (uint32_t)y < bottom &&
            (uint32_t)next_y < bottom)
            cell_inside(sheet, x, y, step_x, step_y, to);
        else
            rows_cell_outside(sheet, x, y, step_x, step_y, to);
    }
}

/* --- the end of a row ---------------------------------------------------------------------------- */

/* A row on its way to its end. */
struct ending {
    const struct rows_finish *finish;
    const uint32_t *row;
    int block, grain_block;
};

/* The next block, finished, 128 less than it is. */
AVX2_INLINE __m256i ending_next(struct ending *ending)
{
    const struct rows_finish *finish = ending->finish;
    const __m256i zero = _mm256_setzero_si256();
    __m256i pixels = _mm256_loadu_si256(
        (const __m256i *)(const void *)(ending->row + ending->block * ROWS_BLOCK));
    __m256i gain = _mm256_set1_epi16((int16_t)finish->gains[ending->block]);
    /* Times 128, since the product is divided by 32768 and rounded. */
    __m256i low = _mm256_srli_epi16(_mm256_unpacklo_epi8(zero, pixels), 1);
    __m256i high = _mm256_srli_epi16(_mm256_unpackhi_epi8(zero, pixels), 1);
    pixels = _mm256_packus_epi16(_mm256_mulhrs_epi16(low, gain), _mm256_mulhrs_epi16(high, gain));
    __m256i grain = _mm256_loadu_si256(
        (const __m256i *)(const void *)(finish->grain +
                                        (ptrdiff_t)ending->grain_block * 4 * ROWS_BLOCK));
    ending->block++;
    ending->grain_block =
        ending->grain_block + 1 == finish->grain_blocks ? 0 : ending->grain_block + 1;
    return _mm256_adds_epi8(_mm256_xor_si256(pixels, _mm256_set1_epi8(-128)), grain);
}

/* Two blocks of two rows. */
struct quarters {
    __m256i upper[2], lower[2];
};

/* Lightness of two blocks, in 16 bits: first halves, then second ones. */
AVX2_INLINE __m256i blocks_y(const __m256i blocks[2])
{
    const __m256i weights = _mm256_set1_epi32(ROWS_Y_RED | ROWS_Y_GREEN << 8 | ROWS_Y_BLUE << 16);
    const int base = (16 << 8) + 128 + 128 * (ROWS_Y_RED + ROWS_Y_GREEN + ROWS_Y_BLUE);
    __m256i light = _mm256_hadd_epi16(_mm256_maddubs_epi16(weights, blocks[0]),
                                      _mm256_maddubs_epi16(weights, blocks[1]));
    return _mm256_srli_epi16(_mm256_add_epi16(light, _mm256_set1_epi16((int16_t)base)), 8);
}

AVX2_INLINE void quarters_y(const struct quarters *quarters, uint8_t *upper, uint8_t *lower)
{
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    __m256i both = _mm256_permutevar8x32_epi32(
        _mm256_packus_epi16(blocks_y(quarters->upper), blocks_y(quarters->lower)), order);
    _mm_storeu_si128((__m128i *)(void *)upper, _mm256_castsi256_si128(both));
    _mm_storeu_si128((__m128i *)(void *)lower, _mm256_extracti128_si256(both, 1));
}

/* Sums of two by two pixels. */
AVX2_INLINE __m256i squares(__m256i upper, __m256i lower)
{
    const __m256i one = _mm256_set1_epi8(1);
    __m256i first = _mm256_maddubs_epi16(one, _mm256_unpacklo_epi8(upper, lower));
    __m256i second = _mm256_maddubs_epi16(one, _mm256_unpackhi_epi8(upper, lower));
    return _mm256_add_epi16(_mm256_unpacklo_epi64(first, second),
                            _mm256_unpackhi_epi64(first, second));
}

AVX2_INLINE __m256i squares_weigh(const __m256i sums[2], int red, int green, int blue)
{
    const __m256i weights = _mm256_set1_epi64x((
        int64_t)((uint16_t)red | (uint64_t)(uint16_t)green << 16 | (uint64_t)(uint16_t)blue << 32));
    const int base = (128 << 18) + 4 * ROWS_HALF + 4 * 128 * (red + green + blue);
    __m256i colours =
        _mm256_hadd_epi32(_mm256_madd_epi16(sums[0], weights), _mm256_madd_epi16(sums[1], weights));
    return _mm256_srai_epi32(_mm256_add_epi32(colours, _mm256_set1_epi32(base)), 18);
}

AVX2_INLINE void quarters_uv(const struct quarters *quarters, uint8_t *u, uint8_t *v)
{
    const __m256i sums[2] = {squares(quarters->upper[0], quarters->lower[0]),
                             squares(quarters->upper[1], quarters->lower[1])};
    __m256i both = _mm256_packs_epi32(squares_weigh(sums, ROWS_U_RED, ROWS_U_GREEN, ROWS_U_BLUE),
                                      squares_weigh(sums, ROWS_V_RED, ROWS_V_GREEN, ROWS_V_BLUE));
    both = _mm256_packus_epi16(both, both);
    __m128i done =
        _mm_unpacklo_epi16(_mm256_castsi256_si128(both), _mm256_extracti128_si256(both, 1));
    _mm_storel_epi64((__m128i *)(void *)u, done);
    _mm_storel_epi64((__m128i *)(void *)v, _mm_srli_si128(done, 8));
}

AVX2 static void planes_avx2(const struct rows_finish *upper, uint32_t *upper_row,
                             const struct rows_finish *lower, uint32_t *lower_row,
                             const struct rows_planes *planes)
{
    struct ending above = {upper, upper_row, 0, upper->grain_start},
                  below = {lower, lower_row, 0, lower->grain_start};
    uint8_t spare[6 * ROWS_BLOCK];
    for (int b = 0; b < upper->blocks; b += 2) {
        bool last =
            b + 1 == upper->blocks; /* alone: its partner is nothing, and nothing is kept of it */
        int at = b * ROWS_BLOCK, half = at / 2;
        struct quarters quarters = {{ending_next(&above)}, {ending_next(&below)}};
        if (!last) {
            quarters.upper[1] = ending_next(&above);
            quarters.lower[1] = ending_next(&below);
            quarters_y(&quarters, planes->upper_y + at, planes->lower_y + at);
            quarters_uv(&quarters, planes->u + half, planes->v + half);
            continue;
        }
        quarters_y(&quarters, spare, spare + 2 * ROWS_BLOCK);
        quarters_uv(&quarters, spare + 4 * ROWS_BLOCK, spare + 5 * ROWS_BLOCK);
        memcpy(planes->upper_y + at, spare, ROWS_BLOCK);
        memcpy(planes->lower_y + at, spare + 2 * ROWS_BLOCK, ROWS_BLOCK);
        memcpy(planes->u + half, spare + 4 * ROWS_BLOCK, ROWS_BLOCK / 2);
        memcpy(planes->v + half, spare + 5 * ROWS_BLOCK, ROWS_BLOCK / 2);
    }
}

const struct rows_way *rows_way_avx2(void)
{
    static const struct rows_way way = {cells_avx2, planes_avx2};
    return __builtin_cpu_supports("avx2") ? &way : NULL;
}

#else

const struct rows_way *rows_way_avx2(void)
{
    return NULL;
}

#endif
