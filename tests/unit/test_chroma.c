/* The chroma key on a subject whose truth is known, before screens of many kinds: coverage, what is left of the ground, holes, cast. */
#include "media/chroma.h"

#include "base/table.h"
#include "media/raster.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { WIDTH = 480, HEIGHT = 360 };

/* --- what stands before the screen --- */

/* Somebody of four colours with a soft edge, thin hairs beside them, and a pane that lets a good part through. */
static float subject_at(int x, int y, float ret_colour[3])
{
    static const float skin[3] = {0.82f, 0.62f, 0.52f}, shirt[3] = {0.75f, 0.2f, 0.12f};
    static const float white[3] = {0.95f, 0.95f, 0.93f}, coat[3] = {0.08f, 0.07f, 0.09f};
    static const float hair[3] = {0.35f, 0.22f, 0.12f}, pane[3] = {0.8f, 0.82f, 0.84f};
    float far = hypotf((float)x - 200, (float)y - 190);
    float covers = raster_clamp((112 - far) / 4 + 0.5f, 0, 1);
    const float *colour = y < 140 ? skin : y < 200 ? shirt : y < 240 ? white : coat;
    if (covers == 0 && y < 150 && y > 30) {
        float strand = fabsf((float)(x % 24) - 12 - 3 * sinf((float)y * 0.05f));
        covers = x > 100 && x < 300 ? raster_clamp(1.2f - strand, 0, 0.9f) : 0;
        colour = hair;
    }
    if (covers == 0 && x > 350 && x < 430 && y > 60 && y < 200) {
        covers = 0.45f;
        colour = pane;
    }
    for (int c = 0; c < 3; c++)
        ret_colour[c] = colour[c];
    return covers;
}

struct screen {
    const char *name;
    uint8_t colour[3], named[3]; /* what it is and what it is called */
    float uneven;                /* how much darker and lighter than its mean */
    float tolerance;
    /* The most that may be: wrong coverage of what is partly covered, ground that is left, holes (shares), cast (of 255). */
    float soft, left, holes, cast;
};

static float noise_at(int x, int y, int c, uint32_t seed)
{
    return 4 * (raster_noise((uint32_t)(y * WIDTH + x), (uint32_t)c, seed) - 0.5f);
}

static struct picture *frame_before(const struct screen *screen, uint32_t seed)
{
    struct picture *frame = picture_new(WIDTH, HEIGHT, 3);
    for (int y = 0; y < HEIGHT; y++) {
        for (int x = 0; x < WIDTH; x++) {
            float colour[3], covers = subject_at(x, y, colour);
            float light = 1 + screen->uneven * sinf((float)x / 90) * cosf((float)y / 110);
            for (int c = 0; c < 3; c++) {
                float value = 255 * covers * colour[c] +
                              (1 - covers) * (float)screen->colour[c] * light +
                              noise_at(x, y, c, seed);
                picture_at(frame, x, y)[c] = (uint8_t)(raster_clamp(value, 0, 255) + 0.5f);
            }
        }
    }
    return frame;
}

static struct chroma_key key_of(const struct screen *screen)
{
    return (struct chroma_key){{screen->named[0], screen->named[1], screen->named[2]},
                               (double)screen->tolerance};
}

/* --- judging --- */

struct verdict {
    double soft, left, holes, cast;
};

/* How much more of the screen's colour a pixel has than its own. */
static double cast_of(const struct screen *screen, const uint8_t *is, const float own[3])
{
    double mean = (screen->colour[0] + screen->colour[1] + screen->colour[2]) / 3.0;
    double along = 0, length = 0;
    for (int c = 0; c < 3; c++) {
        double axis = screen->colour[c] - mean;
        along += ((double)is[c] - 255 * (double)own[c]) * axis;
        length += axis * axis;
    }
    return along / sqrt(length);
}

static struct verdict judge(const struct screen *screen, const struct picture *matte,
                            const struct picture *colours)
{
    struct verdict sum = {0};
    double softs = 0, grounds = 0, cores = 0, seen = 0;
    for (int y = 0; y < HEIGHT; y++) {
        for (int x = 0; x < WIDTH; x++) {
            float own[3], covers = subject_at(x, y, own);
            double is = *picture_at(matte, x, y) / 255.0;
            if (covers == 0) {
                grounds++;
                sum.left += is > 0.03;
            } else if (covers == 1) {
                cores++;
                sum.holes += is < 0.97;
            } else {
                softs++;
                sum.soft += fabs(is - (double)covers);
            }
            if (is > 0.3 && covers > 0.3f) {
                seen++;
                sum.cast += fmax(0, cast_of(screen, picture_at(colours, x, y), own));
            }
        }
    }
    return (struct verdict){sum.soft / softs, sum.left / grounds, sum.holes / cores,
                            sum.cast / seen};
}

static const struct screen screens[] = {
    {"even", {0, 177, 64}, {0, 177, 64}, 0, 0.1f, 0.13f, 0.001f, 0.001f, 2},
    {"lit unevenly", {0, 177, 64}, {0, 177, 64}, 0.25f, 0.1f, 0.13f, 0.001f, 0.001f, 2},
    {"bright", {20, 200, 40}, {20, 200, 40}, 0.35f, 0.1f, 0.15f, 0.001f, 0.001f, 2},
    {"named by its hue", {0, 177, 64}, {0, 255, 0}, 0.2f, 0.1f, 0.13f, 0.001f, 0.001f, 2},
    {"dark", {30, 100, 50}, {30, 100, 50}, 0.2f, 0.1f, 0.5f, 0.001f, 0.001f, 2.5f},
    {"blue", {0, 71, 187}, {0, 71, 187}, 0.25f, 0.1f, 0.15f, 0.001f, 0.001f, 2.5f},
    {"blue by its hue", {20, 80, 170}, {0, 0, 255}, 0.15f, 0.1f, 0.11f, 0.001f, 0.001f, 2.5f},
    {"pale", {110, 190, 120}, {110, 190, 120}, 0.1f, 0.1f, 0.4f, 0.001f, 0.001f, 2},
    {"narrow", {0, 177, 64}, {0, 177, 64}, 0.1f, 0.04f, 0.27f, 0.001f, 0.001f, 2},
    {"wide", {0, 177, 64}, {0, 177, 64}, 0.3f, 0.2f, 0.42f, 0.001f, 0.001f, 2},
};

static void test_screens(void **state)
{
    (void)state;
    bool good = true;
    for (size_t i = 0; i < TABLE_SIZE(screens); i++) {
        const struct screen *screen = &screens[i];
        struct picture *frame CLEANUP(picture) = frame_before(screen, 1);
        struct picture *matte CLEANUP(picture) = NULL, *colours CLEANUP(picture) = NULL;
        struct chroma_key key = key_of(screen);
        chroma_meet(frame, &key);
        chroma_cut(frame, &key, &matte, &colours);
        struct verdict is = judge(screen, matte, colours);
        printf("  %-17s soft %.3f off, %.4f ground left, %.4f holes, cast %.1f\n", screen->name,
               is.soft, is.left, is.holes, is.cast);
        good = good && is.soft < (double)screen->soft && is.left < (double)screen->left &&
               is.holes < (double)screen->holes && is.cast < (double)screen->cast;
    }
    assert_true(good);
}

/* The noise of a camera moves the edge by little from one frame to the next, and the ground not at all. */
static void test_noise(void **state)
{
    (void)state;
    struct picture *mattes[2], *colours[2];
    for (int i = 0; i < 2; i++) {
        struct picture *frame CLEANUP(picture) = frame_before(&screens[1], (uint32_t)i + 5);
        const struct chroma_key key = key_of(&screens[1]);
        chroma_cut(frame, &key, &mattes[i], &colours[i]);
    }
    double sum = 0, most = 0, soft = 0;
    for (int i = 0; i < WIDTH * HEIGHT; i++) {
        float own[3], covers = subject_at(i % WIDTH, i / WIDTH, own);
        double apart = abs(mattes[0]->pixels[i] - mattes[1]->pixels[i]) / 255.0;
        if (covers == 0 || covers == 1)
            most = fmax(most, apart);
        else
            sum += apart, soft++;
    }
    printf("  soft edge moves by %.4f, the rest by %.4f at most\n", sum / soft, most);
    assert_true(sum / soft < 0.02);
    assert_true(most < 0.05);
    for (int i = 0; i < 2; i++) {
        picture_free(mattes[i]);
        picture_free(colours[i]);
    }
}

/* A key stays what it was called when nothing like it fills the frame, when it is there as it is, and when it has no colour. */
static void test_meet(void **state)
{
    (void)state;
    static const struct {
        uint8_t ground[3], key[3], wanted[3];
    } cases[] = {
        {{0, 177, 64}, {0, 255, 0}, {0, 177, 64}},
        {{0, 177, 64}, {0, 180, 60}, {0, 180, 60}},
        {{0, 177, 64}, {0, 0, 255}, {0, 0, 255}},
        {{120, 120, 120}, {0, 255, 0}, {0, 255, 0}},
        {{0, 177, 64}, {255, 255, 255}, {255, 255, 255}},
    };
    for (size_t i = 0; i < TABLE_SIZE(cases); i++) {
        struct picture *frame CLEANUP(picture) = picture_new(90, 60, 3);
        for (int k = 0; k < 90 * 60 * 3; k++)
            frame->pixels[k] = cases[i].ground[k % 3];
        struct chroma_key key = {{cases[i].key[0], cases[i].key[1], cases[i].key[2]}, 0.1};
        chroma_meet(frame, &key);
        for (int c = 0; c < 3; c++)
            assert_in_range(key.colour[c], cases[i].wanted[c] - (cases[i].wanted[c] > 0),
                            cases[i].wanted[c] + 1);
    }
}

static void test_sizes(void **state)
{
    (void)state;
    static const int sizes[][2] = {{1, 1}, {3, 500}, {700, 2}, {257, 255}};
    for (size_t i = 0; i < TABLE_SIZE(sizes); i++) {
        struct picture *frame CLEANUP(picture) = picture_new(sizes[i][0], sizes[i][1], 3);
        struct picture *matte CLEANUP(picture) = NULL, *colours CLEANUP(picture) = NULL;
        struct chroma_key key = {{0, 0, 0}, 0.1};
        chroma_meet(frame, &key);
        chroma_cut(frame, &key, &matte, &colours);
        assert_int_equal(matte->pixels[0], 0);
        assert_int_equal(colours->height, sizes[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_screens),
        cmocka_unit_test(test_noise),
        cmocka_unit_test(test_meet),
        cmocka_unit_test(test_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
