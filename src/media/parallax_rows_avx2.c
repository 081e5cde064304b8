/* The loops of parallax_rows.c for processors with AVX2. */
#include "media/parallax_rows.h"

#include <stdbool.h>
#include <stddef.h>

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

/* Eight places in a sheet. */
struct places {
    int32_t at[8]; /* index of the pixel left above */
    __m256i across,
        down; /* weights of left and right in 16 bits, of above and below in bytes, twice */
};

AVX2_INLINE void places_find(const struct sheet *sheet, __m256i x, __m256i y, struct places *places)
{
    const __m256i part = _mm256_set1_epi32(127), whole = _mm256_set1_epi32(128);
    __m256i at = _mm256_add_epi32(
        _mm256_mullo_epi32(_mm256_srai_epi32(y, 16), _mm256_set1_epi32(sheet->width)),
        _mm256_srai_epi32(x, 16));
    _mm256_storeu_si256((__m256i *)(void *)places->at, at);
    x = _mm256_and_si256(_mm256_srli_epi32(x, 9), part);
    y = _mm256_and_si256(_mm256_srli_epi32(y, 9), part);
    places->across = _mm256_or_si256(_mm256_slli_epi32(x, 16), _mm256_sub_epi32(whole, x));
    y = _mm256_or_si256(_mm256_slli_epi32(y, 8), _mm256_sub_epi32(whole, y));
    places->down = _mm256_or_si256(_mm256_slli_epi32(y, 16), y);
}

/* Both pixels at one place and both below, then the same of another. */
AVX2_INLINE __m256i places_load(const struct sheet *sheet, int32_t at, int32_t other)
{
    const uint32_t *first = sheet->pixels + at, *second = sheet->pixels + other;
    __m128i low =
        _mm_castpd_si128(_mm_loadh_pd(_mm_load_sd((const double *)(const void *)first),
                                      (const double *)(const void *)(first + sheet->width)));
    __m128i high =
        _mm_castpd_si128(_mm_loadh_pd(_mm_load_sd((const double *)(const void *)second),
                                      (const double *)(const void *)(second + sheet->width)));
    return _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
}

/* Two pixels, 32 bits a colour, 128 less than they are. */
AVX2_INLINE __m256i mix(__m256i colours, __m256i down, __m256i across)
{
    const __m256i order = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, 8, 4, 12, 1, 9, 5, 13, 2, 10, 6, 14, 3, 11, 7, 15));
    colours = _mm256_xor_si256(_mm256_shuffle_epi8(colours, order), _mm256_set1_epi8(-128));
    __m256i sums = _mm256_madd_epi16(_mm256_maddubs_epi16(down, colours), across);
    return _mm256_srai_epi32(_mm256_add_epi32(sums, _mm256_set1_epi32(1 << 13)), 14);
}

AVX2_INLINE __m256i places_mix(const struct sheet *sheet, const struct places *places)
{
    const int32_t *at = places->at;
#define PAIR(k)                                                                                    \
    mix(places_load(sheet, at[k], at[(k) + 4]), _mm256_shuffle_epi32(places->down, (k)*0x55),      \
        _mm256_shuffle_epi32(places->across, (k)*0x55))
    __m256i first = _mm256_packs_epi32(PAIR(0), PAIR(1));
    __m256i second = _mm256_packs_epi32(PAIR(2), PAIR(3));
#undef PAIR
    return _mm256_xor_si256(_mm256_packs_epi16(first, second), _mm256_set1_epi8(-128));
}

/* Tells that the same columns will be wanted a few rows further down: no processor guesses that of a tilted row. */
AVX2_INLINE void cell_ahead(const struct sheet *sheet, int32_t at)
{
    enum { ROWS = 4 };
    int32_t ahead = at + ROWS * sheet->width, end = sheet->width * sheet->height;
    _mm_prefetch((const char *)(sheet->pixels + (ahead < end ? ahead : end)), _MM_HINT_T0);
}

AVX2_INLINE void cell_inside(const struct sheet *sheet, int32_t x, int32_t y, int32_t step_x,
                             int32_t step_y, uint32_t *to)
{
    const __m256i count = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    __m256i at_x = _mm256_add_epi32(_mm256_set1_epi32(x),
                                    _mm256_mullo_epi32(count, _mm256_set1_epi32(step_x)));
    __m256i at_y = _mm256_add_epi32(_mm256_set1_epi32(y),
                                    _mm256_mullo_epi32(count, _mm256_set1_epi32(step_y)));
    for (int i = 0; i < ROWS_CELL; i += 8) {
        struct places places;
        places_find(sheet, at_x, at_y, &places);
        if (i == 0)
            cell_ahead(sheet, places.at[7]);
        _mm256_storeu_si256((__m256i *)(void *)(to + i), places_mix(sheet, &places));
        at_x = _mm256_add_epi32(at_x, _mm256_set1_epi32(8 * step_x));
        at_y = _mm256_add_epi32(at_y, _mm256_set1_epi32(8 * step_y));
    }
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

/* A finished block, 128 less than it is. */
AVX2_INLINE __m256i block_finish(const struct rows_finish *finish, const uint32_t *row, int block,
                                 int grain_block)
{
    const __m256i half = _mm256_set1_epi16(128), zero = _mm256_setzero_si256();
    __m256i pixels = _mm256_loadu_si256((const __m256i *)(const void *)(row + block * ROWS_BLOCK));
    __m256i gain = _mm256_set1_epi16((int16_t)finish->gains[block]);
    __m256i low = _mm256_mullo_epi16(_mm256_unpacklo_epi8(pixels, zero), gain);
    __m256i high = _mm256_mullo_epi16(_mm256_unpackhi_epi8(pixels, zero), gain);
    low = _mm256_srli_epi16(_mm256_add_epi16(low, half), 8);
    high = _mm256_srli_epi16(_mm256_add_epi16(high, half), 8);
    __m256i grain = _mm256_loadu_si256(
        (const __m256i *)(const void *)(finish->grain + (ptrdiff_t)grain_block * 4 * ROWS_BLOCK));
    pixels = _mm256_xor_si256(_mm256_packus_epi16(low, high), _mm256_set1_epi8(-128));
    return _mm256_adds_epi8(pixels, grain);
}

AVX2_INLINE void block_y(__m256i pixels, uint8_t *to)
{
    const __m256i weights = _mm256_set1_epi32(ROWS_Y_RED | ROWS_Y_GREEN << 8 | ROWS_Y_BLUE << 16);
    const int base = (16 << 8) + 128 + 128 * (ROWS_Y_RED + ROWS_Y_GREEN + ROWS_Y_BLUE);
    __m256i light = _mm256_madd_epi16(_mm256_maddubs_epi16(weights, pixels), _mm256_set1_epi16(1));
    light = _mm256_srli_epi32(_mm256_add_epi32(light, _mm256_set1_epi32(base)), 8);
    light = _mm256_packus_epi32(light, light);
    light = _mm256_packus_epi16(light, light);
    __m128i done =
        _mm_unpacklo_epi32(_mm256_castsi256_si128(light), _mm256_extracti128_si256(light, 1));
    _mm_storel_epi64((__m128i *)(void *)to, done);
}

AVX2_INLINE void block_uv(__m256i upper, __m256i lower, uint8_t *u, uint8_t *v)
{
    const __m256i one = _mm256_set1_epi8(1);
    const __m256i blueness =
        _mm256_set1_epi64x((int64_t)((uint16_t)ROWS_U_RED | (uint64_t)(uint16_t)ROWS_U_GREEN << 16 |
                                     (uint64_t)(uint16_t)ROWS_U_BLUE << 32));
    const __m256i redness =
        _mm256_set1_epi64x((int64_t)((uint16_t)ROWS_V_RED | (uint64_t)(uint16_t)ROWS_V_GREEN << 16 |
                                     (uint64_t)(uint16_t)ROWS_V_BLUE << 32));
    const int base = (128 << 18) + 4 * ROWS_HALF;
    const int base_u = base + 4 * 128 * (ROWS_U_RED + ROWS_U_GREEN + ROWS_U_BLUE);
    const int base_v = base + 4 * 128 * (ROWS_V_RED + ROWS_V_GREEN + ROWS_V_BLUE);
    __m256i first = _mm256_maddubs_epi16(one, _mm256_unpacklo_epi8(upper, lower));
    __m256i second = _mm256_maddubs_epi16(one, _mm256_unpackhi_epi8(upper, lower));
    __m256i sums = _mm256_add_epi16(_mm256_unpacklo_epi64(first, second),
                                    _mm256_unpackhi_epi64(first, second));
    __m256i both =
        _mm256_hadd_epi32(_mm256_madd_epi16(sums, blueness), _mm256_madd_epi16(sums, redness));
    both = _mm256_add_epi32(
        both, _mm256_broadcastsi128_si256(_mm_setr_epi32(base_u, base_u, base_v, base_v)));
    both = _mm256_srai_epi32(both, 18);
    both = _mm256_packus_epi32(both, both);
    both = _mm256_packus_epi16(both, both); /* per half: two of blueness, two of redness */
    __m128i done =
        _mm_unpacklo_epi16(_mm256_castsi256_si128(both), _mm256_extracti128_si256(both, 1));
    _mm_storeu_si32(u, done);
    _mm_storeu_si32(v, _mm_srli_si128(done, 4));
}

AVX2 static void planes_avx2(const struct rows_finish *upper, uint32_t *upper_row,
                             const struct rows_finish *lower, uint32_t *lower_row,
                             const struct rows_planes *planes)
{
    int upper_grain = upper->grain_start, lower_grain = lower->grain_start;
    for (int b = 0; b < upper->blocks; b++) {
        __m256i above = block_finish(upper, upper_row, b, upper_grain);
        __m256i below = block_finish(lower, lower_row, b, lower_grain);
        block_y(above, planes->upper_y + b * ROWS_BLOCK);
        block_y(below, planes->lower_y + b * ROWS_BLOCK);
        block_uv(above, below, planes->u + b * ROWS_BLOCK / 2, planes->v + b * ROWS_BLOCK / 2);
        upper_grain = upper_grain + 1 == upper->grain_blocks ? 0 : upper_grain + 1;
        lower_grain = lower_grain + 1 == lower->grain_blocks ? 0 : lower_grain + 1;
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
