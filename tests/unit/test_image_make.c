/* Stills: sizes, parts, drawing, names, encoding. */
#include "media/image.h"

#include "base/arena.h"
#include "image_fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

static void test_geometry(void **state)
{
    (void)state;
    struct picture *picture CLEANUP(picture) = quarters(3);
    struct picture *part CLEANUP(picture) =
        image_crop(picture, WIDTH / 2, 0, WIDTH / 2, HEIGHT / 2);
    assert_int_equal(part->width, WIDTH / 2);
    check_at(part, 0, 0, green, 0);
    check_at(part, 0.99, 0.99, green, 0);
    static const int sizes[][2] = {{1, 1}, {7, 300}, {96, 64}, {95, 63}, {1000, 3}, {48, 32}};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct picture *sized CLEANUP(picture) = image_resize(picture, sizes[i][0], sizes[i][1]);
        assert_int_equal(sized->width, sizes[i][0]);
        assert_int_equal(sized->height, sizes[i][1]);
        if (sized->width > 6 && sized->height > 2)
            check_at(sized, 0.05, 0.05, red, 25); /* Lanczos rings */
    }
    struct picture *left CLEANUP(picture) = image_cover(picture, 20, 64, 0.25, 0.5);
    check_at(left, 0.5, 0.25, red, 1);
    check_at(left, 0.5, 0.75, blue, 1);
    struct picture *corner CLEANUP(picture) = image_cover(picture, 64, 16, 1, 1);
    check_at(corner, 0.9, 0.9, grey, 2);
    struct picture *grey_picture CLEANUP(picture) = picture_new(8, 8, 1);
    memset(grey_picture->pixels, 77, 64);
    struct picture *grown CLEANUP(picture) = image_resize(grey_picture, 31, 5);
    assert_int_equal(grown->channels, 1);
    assert_int_equal(grown->pixels[100], 77);
}

/* Transparent black beside red must not darken the edge. */
static void test_resize_alpha(void **state)
{
    (void)state;
    struct picture *picture CLEANUP(picture) = picture_new(64, 8, 4);
    for (int y = 0; y < 8; y++) {
        for (int x = 0; x < 32; x++)
            memcpy(picture_at(picture, x, y), red, 4);
    }
    struct picture *sized CLEANUP(picture) = image_resize(picture, 21, 8);
    bool has_between = false;
    for (int x = 0; x < 21; x++) {
        const uint8_t *pixel = picture_at(sized, x, 4);
        has_between |= pixel[3] > 20 && pixel[3] < 235;
        for (int c = 0; pixel[3] > 20 && c < 3; c++)
            assert_true(abs(pixel[c] - red[c]) <= 3);
    }
    assert_true(has_between);
}

static void test_draw(void **state)
{
    (void)state;
    struct picture *base CLEANUP(picture) = quarters(3),
                         *clear CLEANUP(picture) = picture_new(10, 10, 4);
    struct picture *over CLEANUP(picture) = picture_new(10, 10, 4);
    for (int i = 0; i < 100; i++)
        memcpy(over->pixels + i * 4, (const uint8_t[]){0, 0, 0, 255}, 4);
    const uint8_t black[] = {0, 0, 0}, dimmed[] = {115, 15, 10};
    image_draw(base, over, -5, -5, 1);
    image_draw(base, over, WIDTH - 5, HEIGHT - 5, 1);
    image_draw(base, over, WIDTH + 5, -100, 1);
    image_draw(base, over, 20, 20, 0.5);
    image_draw(base, over, 30, 5, 0);
    assert_memory_equal(picture_at(base, 4, 4), black, 3);
    assert_memory_equal(picture_at(base, 5, 5), red, 3);
    assert_memory_equal(picture_at(base, WIDTH - 1, HEIGHT - 1), black, 3);
    assert_memory_equal(picture_at(base, WIDTH - 6, HEIGHT - 6), grey, 3);
    assert_memory_equal(picture_at(base, 35, 8), red, 3);
    for (int c = 0; c < 3; c++)
        assert_true(abs(picture_at(base, 25, 25)[c] - dimmed[c]) <= 1);
    /* On nothing, the colour stays and the alpha is the upper one's. */
    for (int i = 0; i < 100; i++)
        memcpy(over->pixels + i * 4, (const uint8_t[]){200, 100, 50, 128}, 4);
    image_draw(clear, over, 0, 0, 1);
    assert_memory_equal(picture_at(clear, 3, 3), ((const uint8_t[]){200, 100, 50, 128}), 4);
    image_draw(clear, over, 0, 0, 1);
    assert_in_range(picture_at(clear, 3, 3)[3], 191, 193);
    assert_in_range(picture_at(clear, 3, 3)[0], 199, 201);
}

static void test_names(void **state)
{
    (void)state;
    uint8_t rgba[4];
    OK(image_color("#F80", rgba, &fault));
    assert_memory_equal(rgba, ((const uint8_t[]){255, 136, 0, 255}), 4);
    OK(image_color("#0a1B2c", rgba, &fault));
    assert_memory_equal(rgba, ((const uint8_t[]){10, 27, 44, 255}), 4);
    OK(image_color("#01020380", rgba, &fault));
    assert_memory_equal(rgba, ((const uint8_t[]){1, 2, 3, 128}), 4);
    OK(image_color("transparent", rgba, &fault));
    assert_int_equal(rgba[3], 0);
    static const char *const wrong[] = {"",     "#",   "#12",      "#12345",
                                        "#GGG", "red", "#1234567", "#123456789"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(image_color(wrong[i], rgba, &fault), ERR_INVALID);
    int width, height;
    OK(image_aspect_size("3:2", &width, &height, &fault));
    assert_int_equal(width, 1620);
    assert_int_equal(height, 1080);
    OK(image_aspect_size("9:16", &width, &height, &fault));
    assert_int_equal(width, 1080);
    assert_int_equal(height, 1920);
    assert_int_equal(image_aspect_size("5:1", &width, &height, &fault), ERR_INVALID);
}

/* --- encoding --- */

static bool holds(struct bytes bytes, const char *text)
{
    return memmem(bytes.at, bytes.size, text, strlen(text)) != NULL;
}

static void test_encode(void **state)
{
    (void)state;
    static const enum image_format formats[] = {IMAGE_PNG, IMAGE_JPEG, IMAGE_WEBP};
    for (int i = 0; i < 9; i++) {
        enum image_format format = formats[i % 3];
        int channels = (const int[]){1, 3, 4}[i / 3];
        struct picture *picture CLEANUP(picture) = quarters(channels),
                                *back CLEANUP(picture) = NULL;
        if (channels == 4)
            memset(picture_at(picture, 0, 0), 0, WIDTH * 4); /* a clear row */
        struct bytes first, second;
        OK(image_save_bytes(picture, format, 92, &first.at, &first.size, &fault));
        OK(image_save_bytes(picture, format, 92, &second.at, &second.size, &fault));
        assert_int_equal(first.size, second.size);
        assert_memory_equal(first.at, second.at, first.size);
        back = load(first);
        assert_int_equal(back->channels, channels == 4 && format != IMAGE_JPEG ? 4 : 3);
        if (channels > 1)
            check_quarters(back, format == IMAGE_PNG ? 0 : 8);
        if (channels == 4 && format == IMAGE_JPEG)
            check_at(back, 0.5, 0, (const uint8_t[]){255, 255, 255}, 60);
        assert_false(holds(first, "Exif") || holds(first, "EXIF"));
        assert_true(format != IMAGE_PNG || holds(first, "sRGB"));
        assert_true(format != IMAGE_JPEG || channels == 1 || holds(first, "ICC_PROFILE"));
        free(first.at);
        free(second.at);
    }
}

/* The file is cut to the picture and begins where it was told to. */
static void test_save(void **state)
{
    (void)state;
    struct picture *picture CLEANUP(picture) = quarters(3);
    struct bytes bytes;
    int fd CLEANUP(fd) = memfd_create("out", MFD_CLOEXEC);
    assert_int_equal(ftruncate(fd, 1 << 20), 0);
    OK(image_save(picture, IMAGE_WEBP, 80, fd, &fault));
    OK(image_save_bytes(picture, IMAGE_WEBP, 80, &bytes.at, &bytes.size, &fault));
    assert_int_equal(lseek(fd, 0, SEEK_END), (off_t)bytes.size);
    void *written = mem_alloc(bytes.size);
    assert_int_equal(pread(fd, written, bytes.size, 0), (ssize_t)bytes.size);
    assert_memory_equal(written, bytes.at, bytes.size);
    free(written);
    free(bytes.at);
    int closed = open("/dev/full", O_WRONLY | O_CLOEXEC);
    assert_int_equal(image_save(picture, IMAGE_PNG, 80, closed, &fault), ERR_STORAGE);
    close(closed);
}

int main(void)
{
    if (image_init(&fault) < 0) {
        fprintf(stderr, "%s\n", fault.message);
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_geometry), cmocka_unit_test(test_resize_alpha),
        cmocka_unit_test(test_draw),     cmocka_unit_test(test_names),
        cmocka_unit_test(test_encode),   cmocka_unit_test(test_save),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
