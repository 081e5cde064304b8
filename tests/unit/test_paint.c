/* The painters: tiles without seams, sizes, both modes, stopping. */
#include "media/paint.h"

#include "base/table.h"
#include "nets_fixture.h"

#include <math.h>

/* The whole picture in one go, its edge going on around it as far as a value reaches; shrunk to the picture's size by means. */
static struct picture *painted_at_once(const struct picture *photo)
{
    enum { REACH = 18, FACTOR = 4 };
    struct nn_net *net CLEANUP(nn) = NULL;
    struct nn_shape shape;
    int width = photo->width + 2 * REACH, height = photo->height + 2 * REACH;
    OK(nn_open("painter_draw", &real_assets, width, height, &net, &fault));
    float *input = nn_input(net, &shape);
    for (int i = 0; i < width * height; i++) {
        int x = i % width - REACH, y = i / width - REACH;
        x = x < 0 ? 0 : x >= photo->width ? photo->width - 1 : x;
        y = y < 0 ? 0 : y >= photo->height ? photo->height - 1 : y;
        for (int c = 0; c < 3; c++)
            input[3 * i + c] = (float)picture_at(photo, x, y)[c] / 255;
    }
    OK(nn_run(net, NULL, &fault));
    const float *output = nn_output(net, 0, &shape);
    assert_int_equal(shape.width, width * FACTOR);
    struct picture *result = picture_new(photo->width, photo->height, 3);
    for (int i = 0; i < photo->width * photo->height * 3; i++) {
        int x = i / 3 % photo->width + REACH, y = i / 3 / photo->width + REACH;
        float sum = 0;
        for (int k = 0; k < FACTOR * FACTOR; k++) {
            size_t row = (size_t)(y * FACTOR + k / FACTOR) * (size_t)shape.width;
            float value = output[3 * (row + (size_t)(x * FACTOR + k % FACTOR)) + (size_t)(i % 3)];
            sum += fminf(fmaxf(value, 0), 1);
        }
        result->pixels[i] = (uint8_t)lroundf(sum * 255 / (FACTOR * FACTOR));
    }
    return result;
}

/* So long that it takes several tiles. */
static void test_no_seams(void **state)
{
    (void)state;
    struct picture *part CLEANUP(picture) = image_crop(astronaut, 0, 60, 512, 120);
    struct picture *tiled CLEANUP(picture) = NULL;
    OK(paint_photo(part, PAINT_SOFT, 1, &real_assets, NULL, &tiled, &fault));
    struct picture *whole CLEANUP(picture) = painted_at_once(part);
    double sum = 0, worst_column = 0;
    for (int x = 0; x < 512; x++) {
        double column = 0;
        for (int i = 0; i < 120 * 3; i++)
            column += abs(picture_at(tiled, x, i / 3)[i % 3] - picture_at(whole, x, i / 3)[i % 3]);
        sum += column / (512 * 120 * 3);
        worst_column = fmax(worst_column, column / (120 * 3));
    }
    printf("  %.2f off in the mean, %.2f in the worst column\n", sum, worst_column);
    /* Two ways of shrinking by four; a seam would be a column of its own. */
    assert_true(sum < 2 && worst_column < 6);
    /* And it is the picture. */
    double from_photo = 0;
    for (int i = 0; i < 512 * 120 * 3; i++)
        from_photo += abs(tiled->pixels[i] - part->pixels[i]) / (512.0 * 120 * 3);
    assert_true(from_photo > 1 && from_photo < 12);
}

static void test_modes(void **state)
{
    (void)state;
    static const enum paint_mode modes[] = {PAINT_SOFT, PAINT_DRAWN};
    struct picture *part CLEANUP(picture) = image_crop(astronaut, 150, 40, 151, 170);
    for (size_t i = 0; i < TABLE_SIZE(modes); i++) {
        struct picture *first CLEANUP(picture) = NULL, *second CLEANUP(picture) = NULL;
        OK(paint_photo(part, modes[i], 0.4, &real_assets, NULL, &first, &fault));
        OK(paint_photo(part, modes[i], 0.4, &real_assets, NULL, &second, &fault));
        assert_int_equal(first->width, 151);
        assert_int_equal(first->height, 170);
        assert_memory_equal(first->pixels, second->pixels, 151 * 170 * 3);
        /* Tones stay where they are: seen from far it is the same picture. */
        struct picture *far CLEANUP(picture) = image_resize(first, 8, 8);
        struct picture *photo_far CLEANUP(picture) = image_resize(part, 8, 8);
        for (int k = 0; k < 8 * 8 * 3; k++)
            assert_true(abs(far->pixels[k] - photo_far->pixels[k]) < 28);
    }
}

static void test_odd_sizes(void **state)
{
    (void)state;
    static const int sizes[][2] = {{1, 1}, {3, 200}, {260, 2}, {33, 17}};
    for (size_t i = 0; i < TABLE_SIZE(sizes); i++) {
        struct picture *flat CLEANUP(picture) = picture_new(sizes[i][0], sizes[i][1], 3);
        struct picture *painted CLEANUP(picture) = NULL;
        memset(flat->pixels, 120, (size_t)sizes[i][0] * (size_t)sizes[i][1] * 3);
        OK(paint_photo(flat, PAINT_DRAWN, 0.5, &real_assets, NULL, &painted, &fault));
        assert_int_equal(painted->width, sizes[i][0]);
        assert_int_equal(painted->height, sizes[i][1]);
        for (int k = 0; k < sizes[i][0] * sizes[i][1] * 3; k++)
            assert_true(abs(painted->pixels[k] - 120) < 12);
    }
}

struct counter {
    double fraction, stop_at;
    bool fell;
};

static bool count_call(void *context, double fraction)
{
    struct counter *counter = context;
    counter->fell |= fraction < counter->fraction;
    counter->fraction = fraction;
    return fraction < counter->stop_at;
}

static void test_progress_and_stop(void **state)
{
    (void)state;
    static const double stops[] = {2, 0, 0.1, 0.5, 0.9};
    struct picture *part CLEANUP(picture) = image_crop(astronaut, 150, 40, 100, 100);
    for (size_t i = 0; i < TABLE_SIZE(stops); i++) {
        struct counter counter = {.stop_at = stops[i]};
        const struct media_monitor monitor = {&counter, count_call};
        struct picture *painted CLEANUP(picture) = NULL;
        int rc = paint_photo(part, PAINT_DRAWN, 0.5, &real_assets, &monitor, &painted, &fault);
        assert_int_equal(rc, stops[i] > 1 ? 0 : ERR_CANCELLED);
        assert_true(!painted == (rc < 0));
        assert_false(counter.fell);
        assert_true(stops[i] < 1 || counter.fraction > 0.9);
    }
    struct project_change change = {"models/painter_draw.net", NULL, 0};
    const struct media_assets assets = {&change, project_asset};
    struct picture *painted = NULL;
    assert_int_equal(paint_photo(part, PAINT_SOFT, 0.5, &assets, NULL, &painted, &fault),
                     ERR_NOT_FOUND);
    assert_null(painted);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_seams),
        cmocka_unit_test(test_modes),
        cmocka_unit_test(test_odd_sizes),
        cmocka_unit_test(test_progress_and_stop),
    };
    return fixture_start(argc, argv) ? cmocka_run_group_tests(tests, fixture_new, fixture_free) : 2;
}
