/* Rows of a camera's frame: right to half a value, and the same bytes whichever way of the processor makes them. */
#include "base/arena.h"
#include "media/parallax_cover.h"
#include "media/parallax_rows.h"
#include "media/raster.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { WIDTH = 203, HEIGHT = 61, CELLS = 24, PIXELS = CELLS * ROWS_CELL };

static uint32_t random_at(uint32_t *seed)
{
    return raster_hash((*seed)++, 5, 9);
}

static int32_t random_between(uint32_t *seed, int32_t low, int32_t high)
{
    return low + (int32_t)(random_at(seed) % (uint32_t)(high - low + 1));
}

static struct sheet make_sheet(uint32_t seed)
{
    struct sheet sheet = {.width = WIDTH, .height = HEIGHT};
    size_t count = (size_t)WIDTH * (HEIGHT + 1) + SHEET_SPARE;
    sheet.pixels = mem_array(count, sizeof(uint32_t));
    for (size_t i = 0; i < (size_t)WIDTH * HEIGHT; i++)
        sheet.pixels[i] = random_at(&seed);
    return sheet;
}

struct corners {
    int32_t x[CELLS + 1], y[CELLS + 1];
    uint8_t wanted[CELLS];
};

/* From cells within the sheet to steep, mirrored ones far outside. */
static void corners_fill(struct corners *corners, uint32_t *seed, int wildness)
{
    int32_t x = random_between(seed, -wildness * 200, 40 * 65536);
    int32_t y = random_between(seed, -wildness * 200, (HEIGHT - 1) * 65536);
    for (int i = 0; i <= CELLS; i++) {
        corners->x[i] = x;
        corners->y[i] = y;
        x += random_between(seed, wildness > 100 ? -wildness * 4096 : 4 * 65536, 7 * 65536);
        y += random_between(seed, -wildness * 512, wildness * 512);
    }
    for (int i = 0; i < CELLS; i++)
        corners->wanted[i] = random_at(seed) % 5 != 0;
}

static double exact_at(const struct sheet *sheet, double x, double y, int shift)
{
    x = fmin(fmax(x, 0), sheet->width - 1);
    y = fmin(fmax(y, 0), sheet->height - 1);
    /* Places are told apart to a 128th of a pixel. */
    x = floor(x * 128) / 128;
    y = floor(y * 128) / 128;
    int left = (int)x, top = (int)y, right = left + 1 < sheet->width ? left + 1 : left,
        below = top + 1 < sheet->height ? top + 1 : top;
    const uint32_t *upper = sheet->pixels + top * sheet->width,
                   *lower = sheet->pixels + below * sheet->width;
    double a = (upper[left] >> shift) & 255, b = (upper[right] >> shift) & 255;
    double c = (lower[left] >> shift) & 255, d = (lower[right] >> shift) & 255;
    double high = a + (b - a) * (x - left), low = c + (d - c) * (x - left);
    return high + (low - high) * (y - top);
}

static void check_cells(const struct sheet *sheet, const struct corners *corners,
                        const uint32_t *row)
{
    for (int i = 0; i < PIXELS; i++) {
        int cell = i / ROWS_CELL, k = i % ROWS_CELL;
        if (!corners->wanted[cell]) {
            assert_int_equal(row[i], 0x12345678);
            continue;
        }
        int32_t step_x = (corners->x[cell + 1] - corners->x[cell]) / ROWS_CELL;
        int32_t step_y = (corners->y[cell + 1] - corners->y[cell]) / ROWS_CELL;
        for (int shift = 0; shift < 32; shift += 8) {
            double exact = exact_at(sheet, (corners->x[cell] + k * step_x) / 65536.0,
                                    (corners->y[cell] + k * step_y) / 65536.0, shift);
            assert_true(fabs(exact - (double)((row[i] >> shift) & 255)) <= 0.5);
        }
    }
}

static void row_clear(uint32_t *row)
{
    for (int i = 0; i < PIXELS; i++)
        row[i] = 0x12345678;
}

static void test_cells_are_exact_and_alike(void **state)
{
    (void)state;
    const struct rows_way *fast = rows_way_avx2();
    struct sheet sheet = make_sheet(77);
    uint32_t seed = 1, *plain = mem_array(PIXELS, sizeof(*plain)),
             *other = mem_array(PIXELS, sizeof(*other));
    for (int round = 0; round < 400; round++) {
        struct corners corners;
        corners_fill(&corners, &seed, round);
        const struct rows_cells cells = {&sheet, corners.x, corners.y, corners.wanted, CELLS};
        row_clear(plain);
        rows_way_plain.cells(&cells, plain);
        check_cells(&sheet, &corners, plain);
        row_clear(other);
        if (fast)
            fast->cells(&cells, other);
        assert_true(!fast || memcmp(plain, other, PIXELS * sizeof(*plain)) == 0);
    }
    free(plain);
    free(other);
    free(sheet.pixels);
}

struct frame {
    uint8_t y[2][PIXELS], u[PIXELS / 2], v[PIXELS / 2];
};

static void run_planes(const struct rows_way *way, const struct rows_finish finish[2],
                       uint32_t rows[2][PIXELS], struct frame *ret_frame)
{
    uint32_t copies[2][PIXELS];
    memcpy(copies, rows, sizeof(copies));
    memset(ret_frame, 7, sizeof(*ret_frame));
    const struct rows_planes planes = {ret_frame->y[0], ret_frame->y[1], ret_frame->u,
                                       ret_frame->v};
    way->planes(&finish[0], copies[0], &finish[1], copies[1], &planes);
}

/* Against the definition of BT.709, with the rounding of brightness and grain. */
static void check_planes(const struct rows_finish finish[2], uint32_t rows[2][PIXELS],
                         const struct frame *frame)
{
    for (int x = 0; x < finish[0].blocks * ROWS_BLOCK; x++) {
        double sums[3] = {0};
        for (int line = 0; line < 4; line++) {
            int at = (x & ~1) + line % 2, block = at / ROWS_BLOCK;
            const struct rows_finish *own = &finish[line / 2];
            const int8_t *grain = own->grain + (own->grain_start + block) % own->grain_blocks * 32 +
                                  at % ROWS_BLOCK * 4;
            double rgb[3];
            for (int c = 0; c < 3; c++) {
                int value = (int)((rows[line / 2][at] >> (8 * c)) & 255);
                value = ((value * own->gains[block] + 128) >> 8) + grain[c];
                rgb[c] = fmin(fmax(value, 0), 255);
                sums[c] += rgb[c] / 4;
            }
            double light = 16 + 0.182586 * rgb[0] + 0.614231 * rgb[1] + 0.062007 * rgb[2];
            assert_true(fabs(frame->y[line / 2][at] - light) < 0.9);
        }
        double u = 128 - 0.100644 * sums[0] - 0.338572 * sums[1] + 0.439216 * sums[2];
        double v = 128 + 0.439216 * sums[0] - 0.398942 * sums[1] - 0.040274 * sums[2];
        assert_true(fabs(frame->u[x / 2] - u) < 0.52 && fabs(frame->v[x / 2] - v) < 0.52);
    }
}

static void test_planes_are_exact_and_alike(void **state)
{
    (void)state;
    enum { GRAIN_BLOCKS = 5, BLOCKS = PIXELS / ROWS_BLOCK };
    static uint32_t rows[2][PIXELS];
    static uint16_t gains[2][BLOCKS];
    static int8_t grain[2][GRAIN_BLOCKS * 4 * ROWS_BLOCK];
    static struct frame plain, other;
    const struct rows_way *fast = rows_way_avx2();
    uint32_t seed = 400;
    for (int round = 0; round < 200; round++) {
        struct rows_finish finish[2];
        for (int line = 0; line < 2; line++) {
            for (int i = 0; i < PIXELS; i++)
                rows[line][i] = round == 0 ? 0 : round == 1 ? 0xffffffffu : random_at(&seed);
            for (int i = 0; i < BLOCKS; i++)
                gains[line][i] = (uint16_t)random_between(&seed, round < 2 ? 256 : 0, 256);
            for (size_t i = 0; i < sizeof(grain[0]); i++)
                grain[line][i] = (int8_t)random_between(&seed, -128, 127);
            finish[line] =
                (struct rows_finish){gains[line], grain[line], BLOCKS - round % 3,
                                     random_between(&seed, 0, GRAIN_BLOCKS - 1), GRAIN_BLOCKS};
        }
        run_planes(&rows_way_plain, finish, rows, &plain);
        check_planes(finish, rows, &plain);
        if (fast)
            run_planes(fast, finish, rows, &other);
        assert_true(!fast || memcmp(&plain, &other, sizeof(plain)) == 0);
    }
}

/* By looking at every pixel of the tiles that the rectangle touches. */
static enum parallax_cover look(const struct sheet *sheet, int left, int top, int right, int bottom)
{
    uint32_t any = 0, all = 255;
    left = left < 0 ? 0 : left >= sheet->width ? sheet->width - 1 : left;
    top = top < 0 ? 0 : top >= sheet->height ? sheet->height - 1 : top;
    right = right < 0 ? 0 : right >= sheet->width ? sheet->width - 1 : right;
    bottom = bottom < 0 ? 0 : bottom >= sheet->height ? sheet->height - 1 : bottom;
    for (int y = top; y <= bottom; y++) {
        for (int x = left; x <= right; x++) {
            any |= sheet->pixels[y * sheet->width + x] >> 24;
            all &= sheet->pixels[y * sheet->width + x] >> 24;
        }
    }
    return any == 0 ? PARALLAX_COVER_NONE : all == 255 ? PARALLAX_COVER_WHOLE : PARALLAX_COVER_PART;
}

/* What is said to be empty or opaque is; and most of what is, is found. */
static void test_cover_is_never_wrong(void **state)
{
    (void)state;
    struct sheet sheet = make_sheet(3);
    struct parallax_tiles tiles;
    uint32_t seed = 9;
    int found = 0, there = 0;
    for (int y = 0; y < HEIGHT; y++) {
        for (int x = 0; x < WIDTH; x++) {
            double far = hypot(x - 120, y - 70);
            sheet.pixels[y * WIDTH + x] = far < 55 ? 0xff112233u : far < 60 ? 0x7f112233u : 0;
        }
    }
    parallax_tiles_init(&tiles, &sheet);
    for (int i = 0; i < 20000; i++) {
        int left = random_between(&seed, -20, WIDTH + 20),
            top = random_between(&seed, -20, HEIGHT + 20);
        int right = left + random_between(&seed, 0, 18), bottom = top + random_between(&seed, 0, 9);
        enum parallax_cover is = look(&sheet, left, top, right, bottom),
                            said = parallax_tiles_cover(&tiles, left, top, right, bottom);
        assert_true(said == is || said == PARALLAX_COVER_PART);
        there += is != PARALLAX_COVER_PART;
        found += said != PARALLAX_COVER_PART;
    }
    assert_true(found > there * 3 / 4 && there > 10000);
    parallax_tiles_finish(&tiles);
    free(sheet.pixels);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cells_are_exact_and_alike),
        cmocka_unit_test(test_planes_are_exact_and_alike),
        cmocka_unit_test(test_cover_is_never_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
