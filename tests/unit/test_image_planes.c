/*
 * JPEG to JPEG without RGB in between: scaling of planes, drawing into them, cutting without loss. The general loader of image.h,
 * which has its own tests, looks at what comes out.
 */
#include "media/image_planes.h"
#include "media/resample.h"

#include "base/arena.h"
#include "image_fixture.h"

#include <math.h>

static const uint8_t white[3] = {255, 255, 255}, dark[3] = {10, 20, 60};

/* --- scaling --- */

static void scale(const uint8_t *source, int width, int height,
                  const struct resample_window *window, uint8_t *target, int target_width,
                  int target_height)
{
    const struct resample_plane from = {(uint8_t *)(uintptr_t)source, width, height, (size_t)width};
    const struct resample_plane to = {target, target_width, target_height, (size_t)target_width};
    resample(&from, window, &to);
}

static void test_scale_same_size(void **state)
{
    (void)state;
    uint8_t noise[40 * 30], copy[40 * 30];
    for (size_t i = 0; i < sizeof(noise); i++)
        noise[i] = (uint8_t)(i * 7919 >> 3);
    scale(noise, 40, 30, &(struct resample_window){0, 0, 40, 30}, copy, 40, 30);
    assert_memory_equal(noise, copy, sizeof(noise));
    /* a window of whole samples is that part */
    uint8_t part[8 * 6];
    scale(noise, 40, 30, &(struct resample_window){5, 9, 8, 6}, part, 8, 6);
    for (int y = 0; y < 6; y++)
        assert_memory_equal(part + y * 8, noise + (y + 9) * 40 + 5, 8);
}

/* Sizes down to a hundredth and up to nine times, windows between samples, planes of a single sample. */
static void test_scale_flat(void **state)
{
    (void)state;
    static const int sizes[] = {1, 2, 3, 7, 16, 33, 100, 300};
    enum { COUNT = sizeof(sizes) / sizeof(sizes[0]), MOST = 300 };
    uint8_t *plane = mem_array(MOST, MOST), *result = mem_array(MOST, MOST);
    memset(plane, 255, MOST * MOST);
    for (int i = 0; i < COUNT * COUNT; i++) {
        int width = sizes[i % COUNT], height = sizes[COUNT - 1 - i % COUNT];
        int target_width = sizes[i / COUNT], target_height = sizes[i % COUNT];
        const struct resample_window window = {width * 0.1, height * 0.25, width * 0.7,
                                               height * 0.5};
        memset(result, 0, MOST * MOST);
        scale(plane, width, height, &window, result, target_width, target_height);
        for (int k = 0; k < target_width * target_height; k++)
            assert_int_equal(result[k], 255);
    }
    free(plane);
    free(result);
}

/* A slope stays a slope through its middle, and the middle of a window lands in the middle. */
static void test_scale_slope(void **state)
{
    (void)state;
    uint8_t slope[200 * 4], result[90 * 4];
    for (int i = 0; i < 200 * 4; i++)
        slope[i] = (uint8_t)(i % 200);
    const struct resample_window window = {15.5, 0, 171, 4};
    scale(slope, 200, 4, &window, result, 90, 4);
    for (int x = 5; x < 85; x++) {
        double expected = 15.5 + (x + 0.5) * 171 / 90 - 0.5;
        if (fabs(result[x] - expected) > 1)
            fail_msg("at %d: %d instead of %g", x, result[x], expected);
    }
}

/* --- drawing --- */

static struct picture *drawn(int width, int height, const struct bytes *files, int count,
                             const struct image_rectangle *places)
{
    struct image_planes *planes CLEANUP(image_planes) = image_planes_new(width, height, dark);
    int out CLEANUP(fd) = memfd_create("out", 0);
    struct picture *picture = NULL;
    for (int i = 0; i < count; i++) {
        int fd CLEANUP(fd) = file_of(files[i]);
        assert_true(image_planes_takes(planes, &places[i]));
        OK(image_planes_draw(planes, fd, "/image_urls/0", &places[i], white, &fault));
    }
    OK(image_planes_save(planes, 95, out, &fault));
    OK(image_load(out, "result", 0, 0, IMAGE_FIT_WITHIN, &picture, &fault));
    assert_int_equal(picture->width, width);
    assert_int_equal(picture->height, height);
    return picture;
}

/* Whatever the file keeps its colours in, and also enlarged, shrunk by the decoder and cropped. */
static void check_drawn(const char *suffix, int width, int height)
{
    const struct bytes file = saved(quarters_image(), suffix);
    const struct image_rectangle place = {20, 10, width, height};
    struct picture *picture CLEANUP(picture) = drawn(width + 30, height + 30, &file, 1, &place);
    struct picture *part CLEANUP(picture) = image_crop(picture, 20, 10, width, height);
    check_quarters(part, 8);
    check_at(part, 0.1, 0.1, red, 8);
    check_at(part, 0.9, 0.9, grey, 8);
    check_at(picture, 0.01, 0.01, dark, 8);
    check_at(picture, 0.99, 0.99, dark, 8);
    g_free(file.at);
}

static void test_draw_formats(void **state)
{
    (void)state;
    static const char *const suffixes[] = {".jpg[Q=95]", ".jpg[Q=95,subsample_mode=off]",
                                           ".jpg[Q=95,interlace]", ".png", ".webp[lossless]"};
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        check_drawn(suffixes[i], WIDTH, HEIGHT);
        check_drawn(suffixes[i], WIDTH / 4, HEIGHT / 4);
        check_drawn(suffixes[i], 240, 160);
        check_drawn(suffixes[i], 60, 120);
        check_drawn(suffixes[i], 300, 40);
    }
}

static void test_draw_turned(void **state)
{
    (void)state;
    VipsImage *image = quarters_image(), *file_image;
    VIPS(vips_copy(image, &file_image, NULL));
    vips_image_set_int(file_image, VIPS_META_ORIENTATION, 3);
    const struct bytes file = saved(file_image, ".jpg[Q=95]");
    const struct image_rectangle place = {0, 0, WIDTH, HEIGHT};
    struct picture *picture CLEANUP(picture) = drawn(WIDTH, HEIGHT, &file, 1, &place);
    check_at(picture, 0.25, 0.25, grey, 8);
    check_at(picture, 0.75, 0.75, red, 8);
    g_object_unref(image);
    g_free(file.at);
}

static void test_draw_clear(void **state)
{
    (void)state;
    struct picture *picture CLEANUP(picture) = picture_new(20, 20, 4);
    for (int i = 0; i < 400; i++)
        memcpy(picture->pixels + (size_t)i * 4, (const uint8_t[]){0, 0, 0, i % 20 < 10 ? 0 : 255},
               4);
    const struct bytes file = saved(source_image(picture), ".png");
    const struct image_rectangle place = {0, 0, 21, 21}; /* odd, and ends with the picture */
    struct picture *result CLEANUP(picture) = drawn(21, 21, &file, 1, &place);
    check_at(result, 0.2, 0.5, white, 8);
    check_at(result, 0.8, 0.5, (const uint8_t[]){0, 0, 0}, 8);
    g_free(file.at);
}

static void test_takes(void **state)
{
    (void)state;
    struct image_planes *planes CLEANUP(image_planes) = image_planes_new(51, 40, white);
    assert_true(image_planes_takes(planes, &(struct image_rectangle){0, 0, 20, 20}));
    assert_true(image_planes_takes(planes, &(struct image_rectangle){30, 20, 21, 20}));
    assert_false(image_planes_takes(planes, &(struct image_rectangle){31, 20, 20, 20}));
    assert_false(image_planes_takes(planes, &(struct image_rectangle){30, 21, 20, 18}));
    assert_false(image_planes_takes(planes, &(struct image_rectangle){0, 0, 21, 20}));
    assert_false(image_planes_takes(planes, &(struct image_rectangle){0, 0, 20, 21}));
}

static void test_draw_faults(void **state)
{
    (void)state;
    struct bytes file = saved(quarters_image(), ".jpg[Q=95]");
    struct image_planes *planes CLEANUP(image_planes) = image_planes_new(40, 40, white);
    const struct image_rectangle place = {0, 0, 40, 40};
    file.size = file.size * 2 / 3; /* cut off */
    int cut_off CLEANUP(fd) = file_of(file);
    int none CLEANUP(fd) = file_of((struct bytes){(void *)(uintptr_t) "no picture", 10});
    assert_int_equal(image_planes_draw(planes, cut_off, "/image_urls/3", &place, white, &fault),
                     ERR_BAD_INPUT);
    assert_non_null(strstr(fault.message, "/image_urls/3 is damaged or cut off"));
    assert_int_equal(image_planes_draw(planes, none, "/image_urls/3", &place, white, &fault),
                     ERR_BAD_INPUT);
    g_free(file.at);
}

/* --- cutting --- */

static int cut_file(struct bytes file, const struct image_rectangle *areas, int count,
                    struct image_cut *ret_cuts)
{
    int fd CLEANUP(fd) = file_of(file);
    int made = image_cut(fd, "/image_url", areas, count, 95, ret_cuts);
    if (made == 0) {
        for (int i = 0; i < count; i++)
            assert_null(ret_cuts[i].bytes);
    }
    return made;
}

/* With a plane of colour as large as the picture nothing is made up between samples, so that the cuts decode to the very pixels. */
static void check_cut(const char *suffix)
{
    static const struct image_rectangle areas[] = {
        {0, 0, 48, 32}, {48, 0, 48, 32}, {0, 32, 45, 31}};
    struct image_cut cuts[3];
    const struct bytes file = saved(quarters_image(), suffix);
    struct picture *whole CLEANUP(picture) = load(file);
    assert_int_equal(cut_file(file, areas, 3, cuts), 3);
    for (int i = 0; i < 3; i++) {
        struct picture *cell CLEANUP(picture) = load((struct bytes){cuts[i].bytes, cuts[i].size});
        struct picture *part CLEANUP(picture) =
            image_crop(whole, areas[i].x, areas[i].y, areas[i].width, areas[i].height);
        assert_int_equal(cell->width, part->width);
        assert_int_equal(cell->height, part->height);
        assert_memory_equal(cell->pixels, part->pixels, (size_t)(part->width * part->height * 3));
    }
    image_cuts_free(cuts, 3);
    g_free(file.at);
}

static void test_cut(void **state)
{
    (void)state;
    check_cut(".jpg[Q=90,subsample_mode=off]");
    check_cut(".jpg[Q=90,subsample_mode=off,interlace]");
}

/* Areas between blocks are encoded anew, and still lie where they should. */
static void test_cut_between(void **state)
{
    (void)state;
    static const char *const suffixes[] = {".jpg[Q=95]", ".jpg[Q=95,subsample_mode=off]"};
    static const struct image_rectangle areas[] = {{2, 4, 90, 57}, {40, 26, 17, 11}};
    for (int i = 0; i < 2; i++) {
        struct image_cut cuts[2];
        const struct bytes file = saved(quarters_image(), suffixes[i]);
        struct picture *whole CLEANUP(picture) = load(file);
        assert_int_equal(cut_file(file, areas, 2, cuts), 2);
        for (int k = 0; k < 2; k++) {
            struct picture *cell CLEANUP(picture) =
                load((struct bytes){cuts[k].bytes, cuts[k].size});
            assert_int_equal(cell->width, areas[k].width);
            assert_int_equal(cell->height, areas[k].height);
            for (int at = 0; at < 4; at++) {
                int x = at % 2 ? areas[k].width - 3 : 2, y = at / 2 ? areas[k].height - 3 : 2;
                check_at(cell, (x + 0.5) / cell->width, (y + 0.5) / cell->height,
                         picture_at(whole, areas[k].x + x, areas[k].y + y), 10);
            }
        }
        image_cuts_free(cuts, 2);
        g_free(file.at);
    }
}

static void test_cut_private(void **state)
{
    (void)state;
    VipsImage *image = quarters_image();
    vips_image_set_string(image, "exif-ifd0-Model", "Camera of mine");
    const struct bytes file = saved(image, ".jpg");
    const struct image_rectangle area = {0, 0, 48, 32};
    struct image_cut cut;
    assert_non_null(memmem(file.at, file.size, "Camera of mine", 14));
    assert_int_equal(cut_file(file, &area, 1, &cut), 1);
    assert_null(memmem(cut.bytes, cut.size, "Camera of mine", 14));
    assert_null(memmem(cut.bytes, cut.size, "Exif", 4));
    assert_non_null(memmem(cut.bytes, cut.size, "ICC_PROFILE", 11));
    image_cuts_free(&cut, 1);
    g_free(file.at);
}

static void test_cut_refused(void **state)
{
    (void)state;
    struct image_cut cut;
    const struct image_rectangle between = {9, 0, 48, 32}, whole = {0, 0, WIDTH, HEIGHT};
    VipsImage *turned = NULL, *image = quarters_image();
    VIPS(vips_copy(image, &turned, NULL));
    g_object_unref(image);
    vips_image_set_int(turned, VIPS_META_ORIENTATION, 6);
    struct bytes jpeg = saved(quarters_image(), ".jpg[Q=80]"),
                 png = saved(quarters_image(), ".png");
    struct bytes upright = saved(turned, ".jpg[Q=80]");
    struct bytes other = saved(quarters_image(), ".jpg[Q=80,profile=p3]");
    assert_int_equal(cut_file(jpeg, &between, 1, &cut), 0);
    assert_int_equal(cut_file(png, &whole, 1, &cut), 0);
    assert_int_equal(cut_file(upright, &whole, 1, &cut), 0);
    assert_int_equal(cut_file(other, &whole, 1, &cut), 0);
    assert_int_equal(cut_file((struct bytes){jpeg.at, jpeg.size / 2}, &whole, 1, &cut), 0);
    g_free(jpeg.at);
    g_free(png.at);
    g_free(upright.at);
    g_free(other.at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scale_same_size),
        cmocka_unit_test(test_scale_flat),
        cmocka_unit_test(test_scale_slope),
        cmocka_unit_test(test_draw_formats),
        cmocka_unit_test(test_draw_turned),
        cmocka_unit_test(test_draw_clear),
        cmocka_unit_test(test_takes),
        cmocka_unit_test(test_draw_faults),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_cut_private),
        cmocka_unit_test(test_cut_between),
        cmocka_unit_test(test_cut_refused),
    };
    struct err err;
    if (image_init(&err) < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
