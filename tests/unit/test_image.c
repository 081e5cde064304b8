/*
 * Stills: decoding of every format that is taken, refusal of the rest. The files are made by
 * libvips itself; what is checked is what image.c makes of them. Run as "test_image jailed FD..."
 * it decodes those in the jail.
 */
#include "media/image.h"

#include "base/arena.h"
#include "image_fixture.h"
#include "worker/jail.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

static const char *program;

static void check_format(const char *suffix, const char *content_type, int channels, int slack)
{
    struct bytes bytes = saved(quarters_image(), suffix);
    struct picture *picture CLEANUP(picture) = load(bytes);
    assert_int_equal(picture->width, WIDTH);
    assert_int_equal(picture->height, HEIGHT);
    assert_int_equal(picture->channels, channels);
    check_quarters(picture, slack);
    struct image_info info;
    int fd CLEANUP(fd) = file_of(bytes);
    OK(image_probe(fd, "/image_url", &info, &fault));
    assert_string_equal(info.content_type, content_type);
    assert_int_equal(info.width, WIDTH);
    assert_int_equal(info.height, HEIGHT);
    assert_int_equal(info.has_alpha, channels == 4);
    g_free(bytes.at);
}

static void test_formats(void **state)
{
    (void)state;
    check_format(".jpg[Q=95]", "image/jpeg", 3, 6);
    check_format(".jpg[Q=95,interlace]", "image/jpeg", 3, 6);
    check_format(".png", "image/png", 3, 0);
    check_format(".png[interlace]", "image/png", 3, 0);
    check_format(".png[palette]", "image/png", 3, 2);
    check_format(".webp[lossless]", "image/webp", 3, 0);
    check_format(".webp[Q=95]", "image/webp", 3, 8);
    check_format(".gif", "image/gif", 4, 4); /* its palette has a clear colour */
    check_format(".avif[Q=90]", "image/avif", 3, 8);
}

static void test_orientation(void **state)
{
    (void)state;
    /* Colours of the upright picture, row by row, for each value of the EXIF tag. */
    const uint8_t *const upright[9][4] = {
        [1] = {red, green, blue, grey}, [2] = {green, red, grey, blue},
        [3] = {grey, blue, green, red}, [4] = {blue, grey, red, green},
        [5] = {red, blue, green, grey}, [6] = {blue, red, grey, green},
        [7] = {grey, green, blue, red}, [8] = {green, grey, red, blue},
    };
    static const char *const suffixes[] = {".jpg[Q=95]", ".webp[lossless]"};
    for (int i = 0; i < 16; i++) {
        int orientation = i % 8 + 1;
        VipsImage *image = quarters_image();
        vips_image_set_int(image, VIPS_META_ORIENTATION, orientation);
        struct bytes bytes = saved(image, suffixes[i / 8]);
        int fd CLEANUP(fd) = file_of(bytes);
        struct picture *whole CLEANUP(picture) = load(bytes), *half CLEANUP(picture) = NULL;
        struct image_info info;
        OK(image_probe(fd, "/image_url", &info, &fault));
        OK(image_load(fd, "/image_url", 30, 30, IMAGE_FIT_WITHIN, &half, &fault));
        bool turned = orientation >= 5;
        assert_int_equal(whole->width, turned ? HEIGHT : WIDTH);
        assert_int_equal(whole->height, turned ? WIDTH : HEIGHT);
        assert_int_equal(info.width, whole->width);
        assert_int_equal(info.height, whole->height);
        assert_int_equal(half->width, turned ? 20 : 30);
        assert_int_equal(half->height, turned ? 30 : 20);
        for (int at = 0; at < 4; at++) {
            check_at(whole, at % 2 ? 0.8 : 0.2, at / 2 ? 0.8 : 0.2, upright[orientation][at], 8);
            check_at(half, at % 2 ? 0.8 : 0.2, at / 2 ? 0.8 : 0.2, upright[orientation][at], 8);
        }
        g_free(bytes.at);
    }
}

/* A wide-gamut profile is converted, not dropped: its numbers differ from those of sRGB. */
static void test_profile(void **state)
{
    (void)state;
    VipsImage *image = quarters_image(), *wide = NULL;
    VIPS(vips_icc_transform(image, &wide, "p3", "input_profile", "srgb", NULL));
    g_object_unref(image);
    double *numbers = NULL;
    int count;
    VIPS(vips_getpoint(wide, &numbers, &count, WIDTH / 4, HEIGHT / 4, NULL));
    assert_true(numbers[0] < red[0] - 10);
    g_free(numbers);
    g_object_ref(wide);
    struct bytes png = saved(wide, ".png"), jpeg = saved(wide, ".jpg[Q=95]");
    struct picture *exact CLEANUP(picture) = load(png), *lossy CLEANUP(picture) = load(jpeg);
    check_quarters(exact, 3);
    check_quarters(lossy, 9);
    g_free(png.at);
    g_free(jpeg.at);
}

static void test_broken_profile(void **state)
{
    (void)state;
    VipsImage *image = quarters_image();
    vips_image_set_blob_copy(image, VIPS_META_ICC_NAME, "this is no profile, but bytes", 29);
    struct bytes bytes = saved(image, ".jpg[Q=95]");
    struct picture *picture CLEANUP(picture) = load(bytes);
    check_quarters(picture, 6);
    g_free(bytes.at);
}

/* Inks cannot mix the colours exactly: what they look like is what lcms says. */
static void check_cmyk(bool with_profile)
{
    VipsImage *image = quarters_image(), *inks = NULL, *seen = NULL;
    VIPS(vips_icc_transform(image, &inks, "cmyk", "input_profile", "srgb", NULL));
    VIPS(vips_icc_transform(inks, &seen, "srgb", "input_profile", "cmyk", NULL));
    g_object_unref(image);
    assert_int_equal(inks->Bands, 4);
    struct bytes bytes = saved(inks, with_profile ? ".jpg[Q=95]" : ".jpg[Q=95,strip]");
    struct picture *picture CLEANUP(picture) = load(bytes);
    assert_int_equal(picture->channels, 3);
    for (int i = 0; i < 4; i++) {
        int x = i % 2 ? WIDTH * 3 / 4 : WIDTH / 4, y = i / 2 ? HEIGHT * 3 / 4 : HEIGHT / 4, count;
        double *point = NULL;
        VIPS(vips_getpoint(seen, &point, &count, x, y, NULL));
        const uint8_t color[] = {(uint8_t)point[0], (uint8_t)point[1], (uint8_t)point[2]};
        check_at(picture, (double)x / WIDTH, (double)y / HEIGHT, color, 8);
        g_free(point);
    }
    assert_true(abs(picture_at(picture, 5, 5)[0] - red[0]) < 30);
    g_object_unref(seen);
    g_free(bytes.at);
}

static void test_cmyk(void **state)
{
    (void)state;
    check_cmyk(true);
    check_cmyk(false);
}

static void test_deep_and_grey(void **state)
{
    (void)state;
    VipsImage *image = quarters_image(), *deep = NULL, *plain = NULL;
    VIPS(vips_colourspace(image, &deep, VIPS_INTERPRETATION_RGB16, NULL));
    VIPS(vips_colourspace(image, &plain, VIPS_INTERPRETATION_B_W, NULL));
    g_object_unref(image);
    struct bytes bytes = saved(deep, ".png"), grey_bytes = saved(plain, ".png");
    struct picture *picture CLEANUP(picture) = load(bytes);
    assert_int_equal(picture->channels, 3);
    check_quarters(picture, 1);
    struct picture *shades CLEANUP(picture) = load(grey_bytes);
    assert_int_equal(shades->channels, 3);
    check_at(shades, 0.75, 0.75, grey, 1);
    const uint8_t *pixel = picture_at(shades, 5, 5);
    assert_true(pixel[0] == pixel[1] && pixel[1] == pixel[2]);
    g_free(bytes.at);
    g_free(grey_bytes.at);
}

/* Alpha comes through in 8 and 16 bits, with colour and with grey. */
static void check_alpha(VipsInterpretation kind, const char *suffix, int slack)
{
    struct picture *clear CLEANUP(picture) = quarters(4);
    for (int y = 0; y < HEIGHT; y++) {
        for (int x = 0; x < WIDTH; x++)
            picture_at(clear, x, y)[3] = x < WIDTH / 2 ? 128 : 255;
    }
    VipsImage *image = source_image(clear), *changed = NULL;
    VIPS(vips_colourspace(image, &changed, kind, NULL));
    g_object_unref(image);
    struct bytes bytes = saved(changed, suffix);
    int fd CLEANUP(fd) = file_of(bytes);
    struct image_info info;
    OK(image_probe(fd, "/image_url", &info, &fault));
    assert_true(info.has_alpha);
    struct picture *whole CLEANUP(picture) = load(bytes), *half CLEANUP(picture) = NULL;
    OK(image_load(fd, "/image_url", WIDTH / 2, HEIGHT / 2, IMAGE_FIT_WITHIN, &half, &fault));
    const struct picture *both[] = {whole, half};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(both[i]->channels, 4);
        int y = both[i]->height / 4;
        assert_in_range(picture_at(both[i], both[i]->width / 4, y)[3], 127, 129);
        assert_int_equal(picture_at(both[i], both[i]->width * 3 / 4, y)[3], 255);
        if (kind != VIPS_INTERPRETATION_GREY16)
            check_quarters(both[i], slack);
    }
    g_free(bytes.at);
}

static void test_alpha(void **state)
{
    (void)state;
    check_alpha(VIPS_INTERPRETATION_sRGB, ".png", 1);
    check_alpha(VIPS_INTERPRETATION_RGB16, ".png", 2);
    check_alpha(VIPS_INTERPRETATION_GREY16, ".png", 2);
    check_alpha(VIPS_INTERPRETATION_sRGB, ".webp[lossless]", 1);
    check_alpha(VIPS_INTERPRETATION_sRGB, ".avif[Q=90]", 10);
}

/* --- refusals --- */

static void check_refused(const void *bytes, size_t size, enum err_code code, const char *words)
{
    struct picture *picture = NULL;
    struct image_info info;
    int fd CLEANUP(fd) = file_of((struct bytes){(void *)(uintptr_t)bytes, size});
    fault = (struct err){0};
    assert_int_equal(image_load(fd, "/logo_url", 0, 0, IMAGE_FIT_WITHIN, &picture, &fault), code);
    assert_null(picture);
    assert_string_equal(fault.path, "/logo_url");
    assert_non_null(strstr(fault.message, "/logo_url"));
    if (!strstr(fault.message, words))
        fail_msg("\"%s\" has no \"%s\"", fault.message, words);
    assert_int_equal(image_load_bytes(bytes, size, "/logo_url", &picture, &fault), code);
    assert_int_equal(image_load(fd, "/logo_url", 16, 16, IMAGE_FIT_COVER, &picture, &fault), code);
    if (code == ERR_TOO_LARGE)
        assert_int_equal(image_probe(fd, "/logo_url", &info, &fault), code);
}

static void test_other_formats(void **state)
{
    (void)state;
    static const char *const suffixes[] = {".tif", ".ppm", ".jp2"};
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        struct bytes bytes = saved(quarters_image(), suffixes[i]);
        check_refused(bytes.at, bytes.size, ERR_BAD_INPUT, "no picture that is taken");
        g_free(bytes.at);
    }
    static const char *const texts[] = {
        "<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'><path d='M0 0H9'/></svg>",
        "%PDF-1.4 1 0 obj << >> endobj", "push graphic-context", "", "x"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        check_refused(texts[i], strlen(texts[i]), ERR_BAD_INPUT, "");
}

static void test_truncated(void **state)
{
    (void)state;
    static const char *const suffixes[] = {
        ".jpg[Q=95]", ".jpg[interlace]", ".png", ".png[interlace]", ".webp[lossless]", ".gif",
        ".avif"};
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        VipsImage *noise = NULL, *image = NULL;
        VIPS(vips_gaussnoise(&noise, 300, 200, "mean", 128.0, "sigma", 60.0, "seed", 3, NULL));
        VIPS(vips_cast(noise, &image, VIPS_FORMAT_UCHAR, NULL));
        g_object_unref(noise);
        VipsImage *three[3] = {image, image, image}, *joined = NULL;
        VIPS(vips_bandjoin(three, &joined, 3, NULL));
        g_object_unref(image);
        VIPS(vips_copy(joined, &image, "interpretation", VIPS_INTERPRETATION_sRGB, NULL));
        g_object_unref(joined);
        struct bytes bytes = saved(image, suffixes[i]);
        for (int part = 1; part < 10; part++)
            check_refused(bytes.at, bytes.size * (size_t)part / 10, ERR_BAD_INPUT, "damaged");
        g_free(bytes.at);
    }
}

static void check_too_large(int width, int height)
{
    VipsImage *image = NULL;
    VIPS(vips_black(&image, width, height, NULL));
    struct bytes bytes = saved(image, ".png[bitdepth=1,compression=1,filter=none]");
    check_refused(bytes.at, bytes.size, ERR_TOO_LARGE, "pixels");
    g_free(bytes.at);
}

static void test_limits(void **state)
{
    (void)state;
    check_too_large(PICTURE_SIDE_MAX + 1, 2);
    check_too_large(2, PICTURE_SIDE_MAX + 1);
    check_too_large(10001, 10000);
    struct picture *picture = NULL;
    int fd CLEANUP(fd) = memfd_create("large", 0);
    assert_int_equal(ftruncate(fd, (64 << 20) + 1), 0);
    assert_int_equal(image_load(fd, "/image_url", 0, 0, IMAGE_FIT_WITHIN, &picture, &fault),
                     ERR_TOO_LARGE);
    assert_non_null(strstr(fault.message, "/image_url"));
}

/* A polyglot is decoded as what its first bytes say, so that it is refused when that fails. */
static void test_signature_decides(void **state)
{
    (void)state;
    struct bytes png = saved(quarters_image(), ".png");
    uint8_t *mixed = mem_dup(png.at, png.size);
    memcpy(mixed, "GIF89a", 6);
    check_refused(mixed, png.size, ERR_BAD_INPUT, "damaged");
    free(mixed);
    g_free(png.at);
}

/* --- sizes --- */

static void test_fit(void **state)
{
    (void)state;
    static const char *const suffixes[] = {".jpg[Q=95]", ".webp[Q=95]", ".png", ".avif", ".gif"};
    struct picture *small CLEANUP(picture) = quarters(3);
    struct picture *large CLEANUP(picture) = image_resize(small, 1200, 800);
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        struct bytes bytes = saved(source_image(large), suffixes[i]);
        int fd CLEANUP(fd) = file_of(bytes);
        static const int cases[][5] = {/* box, cover, result */
                                       {300, 300, 0, 300, 200},    {300, 300, 1, 450, 300},
                                       {130, 1000, 0, 130, 87},    {130, 700, 1, 1050, 700},
                                       {5000, 5000, 0, 1200, 800}, {1, 1, 0, 1, 1}};
        for (size_t j = 0; j < sizeof(cases) / sizeof(cases[0]); j++) {
            struct picture *picture CLEANUP(picture) = NULL;
            OK(image_load(fd, "/image_url", cases[j][0], cases[j][1], cases[j][2], &picture,
                          &fault));
            assert_int_equal(picture->width, cases[j][3]);
            assert_int_equal(picture->height, cases[j][4]);
            if (picture->width > 1)
                check_quarters(picture, 12);
        }
        g_free(bytes.at);
    }
}

/* As the decoder gives it, above the box and below twice its size; exactly the box where that would be too much. */
static void test_least(void **state)
{
    (void)state;
    static const char *const suffixes[] = {".jpg[Q=95]", ".webp[Q=95]", ".png"};
    static const int cases[][2] = {{1200, 800}, {700, 10}, {300, 220}, {601, 300}, {5000, 1}};
    /* Only JPEG and WebP are shrunk by their decoders. */
    static const int widths[][5] = {{1200, 1200, 600, 1200, 1200},
                                    {1200, 1200, 600, 1200, 1200},
                                    {1200, 1200, 330, 1200, 1200}};
    struct picture *small CLEANUP(picture) = quarters(3);
    struct picture *large CLEANUP(picture) = image_resize(small, 1200, 800);
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        struct bytes bytes = saved(source_image(large), suffixes[i]);
        int fd CLEANUP(fd) = file_of(bytes);
        for (size_t j = 0; j < sizeof(cases) / sizeof(cases[0]); j++) {
            struct picture *picture CLEANUP(picture) = NULL;
            OK(image_load(fd, "/image_url", cases[j][0], cases[j][1], IMAGE_FIT_LEAST, &picture,
                          &fault));
            assert_int_equal(picture->width, widths[i][j]);
            assert_int_equal(picture->height, widths[i][j] * 2 / 3);
            check_quarters(picture, 12);
        }
        g_free(bytes.at);
    }
}

/* --- in the jail --- */

static bool is_near(const struct picture *picture, int x, int y, const uint8_t *color, int slack)
{
    const uint8_t *pixel = picture_at(picture, x, y);
    return abs(pixel[0] - color[0]) <= slack && abs(pixel[1] - color[1]) <= slack &&
           abs(pixel[2] - color[2]) <= slack;
}

/* 0, or a number that says what failed. */
static int work_in_jail(int fd)
{
    struct picture *picture CLEANUP(picture) = NULL;
    if (image_load(fd, "/image_url", 48, 32, IMAGE_FIT_WITHIN, &picture, &fault) < 0)
        return 2;
    if (picture->width != 48 || !is_near(picture, 12, 8, red, 45) ||
        !is_near(picture, 36, 24, grey, 45))
        return 3;
    struct picture *rgba CLEANUP(picture) = image_with_alpha(picture);
    struct picture *sized CLEANUP(picture) = image_resize(rgba, 301, 77);
    if (!is_near(sized, 40, 20, red, 45))
        return 4;
    for (int format = IMAGE_PNG; format <= (int)IMAGE_WEBP; format++) {
        void *bytes CLEANUP(free) = NULL;
        size_t size;
        if (image_save_bytes(sized, (enum image_format)format, 90, &bytes, &size, &fault) < 0)
            return 5;
    }
    return 0;
}

static int jailed_main(int count, char **fds)
{
    const struct jail_limits limits = {4ULL << 30, 1 << 24, 128};
    if (image_init(&fault) < 0 || jail_enter(JAIL_MEDIA, &limits, &fault) < 0) {
        fprintf(stderr, "%s\n", fault.message);
        return 99;
    }
    int status = 0;
    for (int i = 0; i < count && status == 0; i++) {
        status = work_in_jail(atoi(fds[i]));
        if (status != 0)
            fprintf(stderr, "file %d: %d %s\n", i, status, fault.message);
    }
    return status;
}

static void test_in_jail(void **state)
{
    (void)state;
    static const char *const suffixes[] = {".jpg[Q=95]", ".png",  ".webp[Q=95]",
                                           ".gif",       ".avif", NULL};
    char numbers[8][16];
    char word[] = "jailed";
    char *arguments[16] = {(char *)(uintptr_t)program, word};
    int count = 2;
    for (int i = 0; suffixes[i]; i++) {
        struct bytes bytes = saved(quarters_image(), suffixes[i]);
        snprintf(numbers[i], sizeof(numbers[i]), "%d", file_of(bytes));
        arguments[count++] = numbers[i];
        g_free(bytes.at);
    }
    VipsImage *image = quarters_image(), *inks = NULL;
    VIPS(vips_icc_transform(image, &inks, "cmyk", "input_profile", "srgb", NULL));
    g_object_unref(image);
    struct bytes bytes = saved(inks, ".jpg[Q=95,strip]");
    snprintf(numbers[7], sizeof(numbers[7]), "%d", file_of(bytes));
    arguments[count++] = numbers[7];
    g_free(bytes.at);
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        execv("/proc/self/exe", arguments);
        _exit(98);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    for (int i = 2; i < count; i++)
        close(atoi(arguments[i]));
}

int main(int argc, char **argv)
{
    program = argv[0];
    if (argc > 1 && strcmp(argv[1], "jailed") == 0)
        _exit(jailed_main(argc - 2, argv + 2)); /* nothing that runs at exit works in there */
    if (image_init(&fault) < 0) {
        fprintf(stderr, "%s\n", fault.message);
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formats),
        cmocka_unit_test(test_orientation),
        cmocka_unit_test(test_profile),
        cmocka_unit_test(test_broken_profile),
        cmocka_unit_test(test_cmyk),
        cmocka_unit_test(test_deep_and_grey),
        cmocka_unit_test(test_alpha),
        cmocka_unit_test(test_other_formats),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_signature_decides),
        cmocka_unit_test(test_fit),
        cmocka_unit_test(test_least),
        cmocka_unit_test(test_in_jail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
