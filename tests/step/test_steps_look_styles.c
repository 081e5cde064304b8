/* The styles of image_2_image: what each does to a picture. Run as "test_steps_look_styles SOURCE", the project's folder. */
#include "media/face.h"

#include "base/table.h"
#include "look_fixture.h"

static void test_pencil(void **state)
{
    (void)state;
    struct picture *page CLEANUP(picture) =
        made(photo, "'style':'pencil','aspect_ratio':'1:1'", NULL, 1);
    assert_int_equal(page->channels, 3);
    assert_true(mean_of(page, 0, 0, 1, 1).chroma < 12);
    assert_true(mean_of(page, 0, 0, 1, 0.06).luma > 225); /* paper */
    assert_true(mean_of(page, 0, 0.97, 1, 0.03).luma > 215);
    double dark = share_of(page, 0, 110), paper = share_of(page, 215, 256);
    assert_true(dark > 0.02 && dark < 0.35);
    assert_true(paper > 0.45);
    /* It fills the page: the head reaches into the upper fifth, strokes into the lower one. */
    double low = 0;
    for (double x = 0.1; x < 0.9; x += 0.1)
        low = fmax(low, 240 - mean_of(page, x, 0.8, 0.1, 0.08).luma);
    assert_true(low > 8);
    assert_true(mean_of(page, 0.4, 0.1, 0.2, 0.1).luma < 238);
}

static void test_poster(void **state)
{
    (void)state;
    enum { STEPS = 5, BINS = STEPS * STEPS * STEPS };
    for (uint64_t seed = 1; seed <= 2; seed++) {
        struct picture *page CLEANUP(picture) =
            made(photo, "'style':'poster','aspect_ratio':'3:4'", NULL, seed);
        size_t count = (size_t)page->width * (size_t)page->height, counts[BINS] = {0}, inks = 0,
               held_by = 0;
        for (size_t i = 0; i < count; i++) {
            const uint8_t *pixel = page->pixels + 3 * i;
            counts[(pixel[0] * STEPS / 256 * STEPS + pixel[1] * STEPS / 256) * STEPS +
                   pixel[2] * STEPS / 256]++;
        }
        for (size_t i = 0; i < BINS; i++) {
            inks += counts[i] * 100 > count;
            held_by += counts[i] * 100 > count ? counts[i] : 0;
        }
        if (inks < 4 || inks > 10 || held_by * 100 < count * 88)
            fail_msg("seed %d: %zu inks hold %zu of 100", (int)seed, inks, held_by * 100 / count);
    }
}

static void test_sticker(void **state)
{
    (void)state;
    const char *rest = "'style':'sticker','aspect_ratio':'1:1'";
    struct picture *page CLEANUP(picture) = made(photo, rest, NULL, 1);
    struct picture *cut CLEANUP(picture) = made(photo, rest, "{'transparent':true}", 1);
    assert_int_equal(page->channels, 3);
    assert_int_equal(cut->channels, 4);
    assert_int_equal(picture_at(cut, 4, 4)[3], 0);
    assert_int_equal(picture_at(cut, cut->width - 5, 4)[3], 0);
    assert_int_equal(picture_at(cut, cut->width / 2, cut->height / 2)[3], 255);
    /* From the left into the sticker: first a white rim, of about the same width in every row. */
    int rows = 0, rims = 0;
    for (int y = cut->height / 5; y < cut->height * 4 / 5; y += 8, rows++) {
        int x = 0, rim = 0;
        while (x < cut->width && picture_at(cut, x, y)[3] < 250)
            x++;
        while (x < cut->width && luma_of(picture_at(cut, x, y)) > 240) {
            x++;
            rim++;
        }
        rims += rim >= 9 && rim <= 60;
    }
    if (rims * 10 < rows * 9)
        fail_msg("%d of %d rows have a rim", rims, rows);
}

static void test_drawn(void **state)
{
    (void)state;
    char rest[64];
    struct picture *pictures[3];
    static const char *const names[] = {"none", "comic", "cartoon"};
    for (size_t i = 0; i < 3; i++) {
        snprintf(rest, sizeof(rest), "'style':'%s','aspect_ratio':'1:1'", names[i]);
        pictures[i] = made(photo, rest, NULL, 1);
    }
    const struct picture *plain = pictures[0], *comic = pictures[1], *cartoon = pictures[2];
    /* Inked: more black, and lines around the person where the photo has none. Cartoons are flatter than photos. */
    assert_true(share_of(comic, 0, 20) > share_of(plain, 0, 20) + 0.03);
    assert_true(roughness_of(cartoon) < 0.8 * roughness_of(plain));
    assert_true(mean_of(comic, 0, 0, 1, 1).chroma > mean_of(plain, 0, 0, 1, 1).chroma);
    assert_true(mean_of(cartoon, 0, 0, 1, 1).chroma > mean_of(plain, 0, 0, 1, 1).chroma);
    /* Still the same picture. */
    assert_true(difference_of(plain, cartoon) < 30 && difference_of(plain, comic) < 45);
    struct face *faces = mem_array(FACE_MAX, sizeof(*faces));
    for (size_t i = 0; i < 3; i++) {
        size_t count;
        OK(face_find(pictures[i], &assets, NULL, faces, &count, &fault));
        assert_int_equal(count, 1);
        picture_free(pictures[i]);
    }
    free(faces);
}

/* How far colours of one luma lie apart, in the mean: 0 when the luma alone decides. */
static double spread_of(const struct picture *picture)
{
    enum { BINS = 32 };
    double sums[BINS][3] = {0}, squares[BINS][3] = {0}, counts[BINS] = {0}, spread = 0;
    size_t count = (size_t)picture->width * (size_t)picture->height;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *pixel = picture->pixels + 3 * i;
        int bin = (int)(luma_of(pixel) * BINS / 256);
        counts[bin]++;
        for (int c = 0; c < 3; c++) {
            sums[bin][c] += pixel[c];
            squares[bin][c] += pixel[c] * pixel[c];
        }
    }
    for (int bin = 0; bin < BINS; bin++) {
        for (int c = 0; c < 3 && counts[bin] > 0; c++) {
            double mean = sums[bin][c] / counts[bin];
            spread += sqrt(fmax(0, squares[bin][c] / counts[bin] - mean * mean)) * counts[bin];
        }
    }
    return spread / (double)count / 3;
}

static struct picture *in_style(const char *path, const char *name)
{
    char rest[64];
    snprintf(rest, sizeof(rest), "'style':'%s','aspect_ratio':'1:1'", name);
    return made(path, rest, NULL, 1);
}

static void test_printed(void **state)
{
    (void)state;
    struct picture *plain CLEANUP(picture) = in_style(photo, "none");
    struct picture *duotone CLEANUP(picture) = in_style(photo, "duotone");
    struct picture *halftone CLEANUP(picture) = in_style(photo, "halftone");
    struct picture *risograph CLEANUP(picture) = in_style(photo, "risograph");
    assert_true(spread_of(plain) > 12);
    assert_true(spread_of(duotone) < 6);
    assert_true(mean_of(duotone, 0, 0, 1, 1).chroma > 40);
    assert_true(roughness_of(halftone) > 2 * roughness_of(plain));
    assert_true(roughness_of(risograph) > 1.5 * roughness_of(plain));
    /* Printed dots average to the photo again. */
    struct mean dots = mean_of(halftone, 0.2, 0.6, 0.2, 0.1),
                suit = mean_of(plain, 0.2, 0.6, 0.2, 0.1);
    assert_true(fabs(dots.red - suit.red) < 45 && fabs(dots.blue - suit.blue) < 60);
    /* No black is printed in a risograph, only its darkest ink. */
    assert_true(share_of(risograph, 0, 12) < 0.02);
}

static void test_on_paper(void **state)
{
    (void)state;
    struct picture *ink CLEANUP(picture) = in_style(photo, "ink");
    struct picture *crayon CLEANUP(picture) = in_style(photo, "coloured_pencil");
    struct picture *wash CLEANUP(picture) = in_style(photo, "watercolour");
    const struct picture *const pages[] = {ink, crayon, wash};
    for (size_t i = 0; i < TABLE_SIZE(pages); i++) {
        assert_true(mean_of(pages[i], 0, 0, 1, 0.012).luma > 225);
        assert_true(mean_of(pages[i], 0, 0.988, 1, 0.012).luma > 225);
    }
    assert_true(mean_of(ink, 0, 0, 1, 1).chroma < 20);
    double black = share_of(ink, 0, 60), light = share_of(ink, 170, 256);
    assert_true(black > 0.04 && black < 0.45 && black + light > 0.75);
    assert_true(mean_of(crayon, 0, 0, 1, 1).chroma > 1.5 * mean_of(ink, 0, 0, 1, 1).chroma);
    struct mean suit = mean_of(wash, 0.1, 0.6, 0.12, 0.1);
    assert_true(suit.red > 1.4 * suit.blue && suit.chroma > 60);
}

static void test_oil(void **state)
{
    (void)state;
    struct picture *plain CLEANUP(picture) = in_style(photo, "none");
    struct picture *oil CLEANUP(picture) = in_style(photo, "oil");
    double difference = difference_of(plain, oil);
    assert_true(difference > 4 && difference < 30);
    /* The even ground of the photo shows strokes. */
    struct picture *even CLEANUP(picture) = image_crop(plain, 760, 130, 60, 300);
    struct picture *strokes CLEANUP(picture) = image_crop(oil, 760, 130, 60, 300);
    assert_true(roughness_of(strokes) > 1.5 * roughness_of(even));
    assert_true(mean_of(oil, 0.2, 0.6, 0.2, 0.1).chroma >
                mean_of(plain, 0.2, 0.6, 0.2, 0.1).chroma);
}

/* Photos without a person are drawn, too. */
static void test_nobody(void **state)
{
    (void)state;
    const char *coffee = project_file("tests/data/coffee.png");
    static const char *const names[] = {"pencil",          "comic",       "poster",    "sticker",
                                        "duotone",         "halftone",    "risograph", "ink",
                                        "coloured_pencil", "watercolour", "oil"};
    for (size_t i = 0; i < TABLE_SIZE(names); i++) {
        char rest[64];
        snprintf(rest, sizeof(rest), "'style':'%s','aspect_ratio':'4:3'", names[i]);
        struct picture *drawn CLEANUP(picture) = made(coffee, rest, NULL, 1);
        assert_int_equal(drawn->width, 1440);
        assert_true(share_of(drawn, 0, 120) > 0.002);
    }
}

int main(int argc, char **argv)
{
    if (argc != 2 || fixture_open(argv[1]) < 0) {
        fprintf(stderr, "test_steps_look_styles SOURCE %s\n", fault.message);
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pencil),  cmocka_unit_test(test_poster),
        cmocka_unit_test(test_sticker), cmocka_unit_test(test_drawn),
        cmocka_unit_test(test_printed), cmocka_unit_test(test_on_paper),
        cmocka_unit_test(test_oil),     cmocka_unit_test(test_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, fixture_close);
}
