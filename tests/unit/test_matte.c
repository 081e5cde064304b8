/* Cut-outs: coverage, holes, pieces, the edge and its colours, on pictures of which the truth is known. */
#include "media/matte.h"

#include "base/table.h"
#include "media/matte_edge.h"
#include "media/portrait.h"
#include "nets_fixture.h"

#include <math.h>

/* --- pictures with a known truth --- */

static double disc_coverage(double x, double y, double centre_x, double centre_y, double radius)
{
    double d = radius - hypot(x - centre_x, y - centre_y);
    return d < -0.5 ? 0 : d > 0.5 ? 1 : d + 0.5;
}

/* A disc with an antialiased edge, striped inside, before a two-coloured ground. */
struct known {
    struct picture *photo, *truth, *front;
};

static struct known disc_picture(int width, int height, int radius)
{
    struct known known = {picture_new(width, height, 3), picture_new(width, height, 1),
                          picture_new(width, height, 3)};
    for (int y = 0; y < height; y++) {
        for (int x = 0; x < width; x++) {
            double a = disc_coverage(x, y, width / 2.0, height / 2.0, radius);
            const int front[3] = {200 + (y / 16 % 2) * 30, 90 - (y / 16 % 2) * 30, 40};
            const int back[3] = {20, x < width / 2 ? 200 : 90, x < width / 2 ? 60 : 210};
            *picture_at(known.truth, x, y) = (uint8_t)lround(255 * a);
            for (int c = 0; c < 3; c++) {
                picture_at(known.front, x, y)[c] = (uint8_t)front[c];
                picture_at(known.photo, x, y)[c] =
                    (uint8_t)lround(a * front[c] + (1 - a) * back[c]);
            }
        }
    }
    return known;
}

static void known_free(struct known *known)
{
    picture_free(known->photo);
    picture_free(known->truth);
    picture_free(known->front);
}

/* The cut-out before another ground. */
static struct picture *before(const struct picture *matte, const struct picture *colours,
                              void (*ground)(int x, int y, int ret[3]))
{
    struct picture *photo = picture_new(matte->width, matte->height, 3);
    for (int y = 0; y < matte->height; y++) {
        for (int x = 0; x < matte->width; x++) {
            int back[3], alpha = *picture_at(matte, x, y);
            ground(x, y, back);
            for (int c = 0; c < 3; c++)
                picture_at(photo, x, y)[c] = (uint8_t)((picture_at(colours, x, y)[c] * alpha +
                                                        back[c] * (255 - alpha) + 127) /
                                                       255);
        }
    }
    return photo;
}

static void loud_green(int x, int y, int ret[3])
{
    (void)x;
    (void)y;
    ret[0] = 10;
    ret[1] = 235;
    ret[2] = 20;
}

static void loud_magenta(int x, int y, int ret[3])
{
    ret[0] = 240;
    ret[1] = 10 + (x + y) % 512 / 32;
    ret[2] = 230;
}

static void checks(int x, int y, int ret[3])
{
    bool odd = (x / 24 + y / 24) % 2;
    ret[0] = odd ? 30 : 60;
    ret[1] = odd ? 60 : 170;
    ret[2] = odd ? 200 : 240;
}

/* The astronaut of the photo, whose own matte is the truth of the pictures made of her. */
static struct picture *truth, *truth_colours;

static int setup(void **state)
{
    fixture_new(state);
    OK(matte_person(astronaut, &real_assets, NULL, &truth, &truth_colours, &fault));
    return truth && truth_colours ? 0 : -1;
}

static int teardown(void **state)
{
    picture_free(truth);
    picture_free(truth_colours);
    return fixture_free(state);
}

/* --- judging --- */

static double share_of(const struct picture *matte)
{
    double sum = 0;
    for (int i = 0; i < matte->width * matte->height; i++)
        sum += matte->pixels[i];
    return sum / (255.0 * matte->width * matte->height);
}

static double difference(const struct picture *a, const struct picture *b)
{
    double sum = 0;
    assert_int_equal(a->width, b->width);
    assert_int_equal(a->height, b->height);
    for (int i = 0; i < a->width * a->height; i++)
        sum += abs(a->pixels[i] - b->pixels[i]);
    return sum / (255.0 * a->width * a->height);
}

/* Area of each piece on one side of half, the largest first; pieces at the border count when `border`. */
static size_t pieces_of(const struct picture *matte, bool inside, bool border, int ret_areas[8])
{
    int size = matte->width * matte->height;
    bool *seen = mem_array((size_t)size, sizeof(bool));
    int *stack = mem_array((size_t)size, sizeof(int));
    size_t count = 0;
    memset(ret_areas, 0, 8 * sizeof(int));
    for (int start = 0; start < size; start++) {
        int top = 0, area = 0;
        bool touches = false;
        if (seen[start] || (matte->pixels[start] >= 128) != inside)
            continue;
        seen[start] = true;
        stack[top++] = start;
        while (top > 0) {
            int at = stack[--top], x = at % matte->width, y = at / matte->width;
            const int next[4] = {x > 0 ? at - 1 : -1, x + 1 < matte->width ? at + 1 : -1,
                                 y > 0 ? at - matte->width : -1,
                                 y + 1 < matte->height ? at + matte->width : -1};
            area++;
            for (int k = 0; k < 4; k++) {
                touches |= next[k] < 0;
                if (next[k] >= 0 && !seen[next[k]] && (matte->pixels[next[k]] >= 128) == inside) {
                    seen[next[k]] = true;
                    stack[top++] = next[k];
                }
            }
        }
        if (touches && !border)
            continue;
        count++;
        for (int k = 0; k < 8; k++) {
            if (area > ret_areas[k]) {
                memmove(ret_areas + k + 1, ret_areas + k, (size_t)(7 - k) * sizeof(int));
                ret_areas[k] = area;
                break;
            }
        }
    }
    free(seen);
    free(stack);
    return count;
}

/* The mean, over what is partly or wholly covered at the edge, of how far the colours lie from the true ones towards the old ground's,
 * as a share of the way there. */
static double halo(const struct picture *matte, const struct picture *colours,
                   const struct picture *true_colours, void (*ground)(int x, int y, int ret[3]))
{
    double sum = 0, weight = 0;
    for (int y = 0; y < matte->height; y++) {
        for (int x = 0; x < matte->width; x++) {
            int back[3], alpha = *picture_at(matte, x, y);
            double along = 0, apart = 0;
            if (alpha < 13 || alpha > 242)
                continue;
            ground(x, y, back);
            for (int c = 0; c < 3; c++) {
                double way = back[c] - picture_at(true_colours, x, y)[c];
                along += (picture_at(colours, x, y)[c] - picture_at(true_colours, x, y)[c]) * way;
                apart += way * way;
            }
            if (apart > 60 * 60) {
                sum += alpha * along / apart;
                weight += alpha;
            }
        }
    }
    assert_true(weight > 0);
    return sum / weight;
}

/* --- the edge, from a rough mask --- */

/* The disc's mask as a net would give it: a few pixels off and blurred. */
static struct raster *rough_disc(int width, int height, int radius, double off)
{
    struct raster *mask = raster_new(MATTE_GRID, MATTE_GRID, 1);
    for (int i = 0; i < MATTE_GRID * MATTE_GRID; i++) {
        double x = (i % MATTE_GRID + 0.5) * width / MATTE_GRID - 0.5 - off;
        double y = (i / MATTE_GRID + 0.5) * height / MATTE_GRID - 0.5 - off;
        mask->values[i] = (float)disc_coverage(x, y, width / 2.0, height / 2.0, radius);
    }
    raster_blur(mask, 1);
    return mask;
}

static void test_edge_follows_the_photo(void **state)
{
    (void)state;
    static const int sizes[][3] = {{1024, 1024, 300}, {900, 600, 200}, {300, 400, 100}};
    for (size_t i = 0; i < TABLE_SIZE(sizes); i++) {
        int width = sizes[i][0], height = sizes[i][1], radius = sizes[i][2], soft = 0;
        struct known known = disc_picture(width, height, radius);
        struct raster *guide CLEANUP(raster) = matte_grid(known.photo);
        struct raster *mask CLEANUP(raster) = rough_disc(width, height, radius, width / 400.0);
        struct picture *matte CLEANUP(picture) = NULL, *colours CLEANUP(picture) = NULL;
        matte_refine(known.photo, guide, mask, &matte, &colours);
        double wrong = difference(matte, known.truth);
        double around = 2 * M_PI * radius;
        for (int k = 0; k < width * height; k++)
            soft += matte->pixels[k] > 12 && matte->pixels[k] < 243;
        printf("  %dx%d: %.2f pixels wrong per pixel of edge, %.2f soft\n", width, height,
               wrong * width * height / around, soft / around);
        assert_true(wrong * width * height / around < 0.2);
        assert_true(soft / around > 0.5 && soft / around < 2);
        known_free(&known);
    }
}

/* Where both sides look alike the mask has the edge: a clear one, not a haze that is as wide as what was compared. */
static void test_edge_without_contrast(void **state)
{
    (void)state;
    enum { SIDE = 1024, RADIUS = 300 };
    struct picture *photo CLEANUP(picture) = picture_new(SIDE, SIDE, 3);
    for (int i = 0; i < SIDE * SIDE * 3; i++)
        photo->pixels[i] = (uint8_t)(20 + (raster_hash((uint32_t)i, 1, 2) & 3));
    struct raster *guide CLEANUP(raster) = matte_grid(photo);
    struct raster *mask CLEANUP(raster) = rough_disc(SIDE, SIDE, RADIUS, 0);
    struct picture *matte CLEANUP(picture) = NULL, *colours CLEANUP(picture) = NULL;
    matte_refine(photo, guide, mask, &matte, &colours);
    int soft = 0;
    for (int i = 0; i < SIDE * SIDE; i++)
        soft += matte->pixels[i] > 12 && matte->pixels[i] < 243;
    double wide = soft / (2 * M_PI * RADIUS);
    printf("  dark before dark: %.1f pixels soft\n", wide);
    assert_true(wide < 14);
}

static void test_colours_of_the_edge(void **state)
{
    (void)state;
    struct known known = disc_picture(800, 800, 250);
    struct picture *colours CLEANUP(picture) = matte_colours(known.photo, known.truth);
    int count = 0;
    double worst = 0, sum = 0;
    for (int i = 0; i < 800 * 800; i++) {
        const uint8_t *found = colours->pixels + 3 * i, *front = known.front->pixels + 3 * i;
        if (known.truth->pixels[i] == 255)
            assert_memory_equal(found, known.photo->pixels + 3 * i, 3);
        if (known.truth->pixels[i] < 26 || known.truth->pixels[i] == 255)
            continue;
        double far = hypot(hypot(found[0] - front[0], found[1] - front[1]), found[2] - front[2]);
        worst = fmax(worst, far);
        sum += far;
        count++;
    }
    printf("  colours at the edge: %.1f off in the mean, %.1f at worst\n", sum / count, worst);
    assert_true(count > 1000 && sum / count < 15 && worst < 50);
    /* Outside, too, there is nothing of the old ground: it would show when the cut-out is resized. */
    const uint8_t *outside = picture_at(colours, 400, 140);
    assert_true(outside[0] > 150 && outside[1] < 130 && outside[2] < 90);
    known_free(&known);
}

static void test_sizes(void **state)
{
    (void)state;
    static const int sizes[][2] = {{1, 1}, {2, 500}, {700, 1}, {16, 16}, {511, 513}, {37, 1200}};
    for (size_t i = 0; i < TABLE_SIZE(sizes); i++) {
        struct picture *photo CLEANUP(picture) = image_resize(astronaut, sizes[i][0], sizes[i][1]);
        struct picture *matte CLEANUP(picture) = NULL, *colours CLEANUP(picture) = NULL;
        OK(matte_person(photo, &real_assets, NULL, &matte, &colours, &fault));
        assert_true(!matte == !colours);
        struct picture *flat CLEANUP(picture) = picture_new(sizes[i][0], sizes[i][1], 1);
        struct picture *given CLEANUP(picture) = matte_colours(photo, flat);
        assert_int_equal(given->width, sizes[i][0]);
        assert_int_equal(given->height, sizes[i][1]);
    }
}

/* --- people --- */

static void test_person_of_the_photo(void **state)
{
    (void)state;
    int areas[8];
    assert_true(share_of(truth) > 0.50 && share_of(truth) < 0.58);
    pieces_of(truth, true, true, areas);
    assert_true(areas[1] < 64); /* one piece and some pixels at its edge */
    pieces_of(truth, false, false, areas);
    assert_true(areas[0] < 64); /* no holes */
    /* Where she surely is: face, hair, chest, helmet in her arm, arm. */
    static const int inside[][2] = {{224, 130}, {230, 30}, {200, 400}, {400, 420}, {60, 400}};
    /* Where she surely is not: wall, shuttle, flag above and below, black at the right, the strip of wall
     * between sleeve and table. */
    static const int outside[][2] = {{120, 60}, {430, 150}, {30, 60},
                                     {8, 440},  {495, 350}, {362, 308}};
    for (size_t i = 0; i < TABLE_SIZE(inside); i++)
        assert_true(*picture_at(truth, inside[i][0], inside[i][1]) > 250);
    for (size_t i = 0; i < TABLE_SIZE(outside); i++)
        assert_true(*picture_at(truth, outside[i][0], outside[i][1]) < 5);
    for (int i = 0; i < 512 * 512; i++) {
        if (truth->pixels[i] == 255)
            assert_memory_equal(truth_colours->pixels + 3 * i, astronaut->pixels + 3 * i, 3);
    }
}

static void test_other_grounds(void **state)
{
    (void)state;
    static void (*const grounds[])(int x, int y, int ret[3]) = {loud_green, loud_magenta, checks};
    for (size_t i = 0; i < TABLE_SIZE(grounds); i++) {
        struct picture *photo CLEANUP(picture) = before(truth, truth_colours, grounds[i]);
        struct picture *matte CLEANUP(picture) = NULL, *colours CLEANUP(picture) = NULL;
        OK(matte_person(photo, &real_assets, NULL, &matte, &colours, &fault));
        assert_non_null(matte);
        double wrong = difference(matte, truth);
        double left = halo(matte, colours, truth_colours, grounds[i]);
        printf("  ground %zu: %.4f of the picture wrong, %.3f of the ground left at the edge\n", i,
               wrong, left);
        assert_true(wrong < 0.006);
        assert_true(left < 0.15);
    }
}

/* People who fill little of the photo, one and two of them. */
static void test_small_people(void **state)
{
    (void)state;
    for (int people = 1; people <= 2; people++) {
        enum { WIDTH = 1400, HEIGHT = 900, SIDE = 380 };
        struct picture *small CLEANUP(picture) = image_resize(truth, SIDE, SIDE);
        struct picture *small_colours CLEANUP(picture) = image_resize(truth_colours, SIDE, SIDE);
        struct picture *placed CLEANUP(picture) = picture_new(WIDTH, HEIGHT, 1);
        struct picture *placed_colours CLEANUP(picture) = picture_new(WIDTH, HEIGHT, 3);
        for (int k = 0; k < people; k++) {
            for (int y = 0; y < SIDE; y++) {
                int left = 200 + 520 * k, top = HEIGHT - SIDE;
                memcpy(picture_at(placed, left, top + y), picture_at(small, 0, y), SIDE);
                memcpy(picture_at(placed_colours, left, top + y), picture_at(small_colours, 0, y),
                       SIDE * 3);
            }
        }
        struct picture *photo CLEANUP(picture) = before(placed, placed_colours, checks);
        struct picture *matte CLEANUP(picture) = NULL, *colours CLEANUP(picture) = NULL;
        int areas[8];
        OK(matte_person(photo, &real_assets, NULL, &matte, &colours, &fault));
        assert_non_null(matte);
        assert_int_equal(matte->width, WIDTH);
        assert_int_equal(colours->height, HEIGHT);
        double wrong = difference(matte, placed) / share_of(placed);
        pieces_of(matte, true, true, areas);
        printf("  %d small: %.3f of the people wrong, pieces %d and %d\n", people, wrong, areas[0],
               areas[1]);
        assert_true(wrong < 0.08);
        assert_true(people == 1 ? areas[1] < 200 : areas[1] > areas[0] / 2);
    }
}

/* A crowd: spots of the tints that she has herself, skin above all. */
static void crowd(int x, int y, int ret[3])
{
    static const int places[][2] = {{224, 130}, {200, 150}, {240, 160}, {215, 90},
                                    {180, 60},  {230, 30},  {100, 60},  {250, 120}};
    uint32_t spot = raster_hash((uint32_t)x / 9, (uint32_t)y / 9, 3);
    const uint8_t *tint = picture_at(astronaut, places[spot % 8][0], places[spot % 8][1]);
    for (int c = 0; c < 3; c++)
        ret[c] = tint[c] * (70 + (int)(spot >> 8) % 30) / 100;
}

static void night(int x, int y, int ret[3])
{
    for (int c = 0; c < 3; c++)
        ret[c] = (int)(raster_hash((uint32_t)x, (uint32_t)y, (uint32_t)c) & 3);
}

/* The share of her that is missing when she stands before this, `side` pixels high. */
static double missing_before(void (*ground)(int x, int y, int ret[3]), int side)
{
    enum { WIDTH = 640, HEIGHT = 400 };
    int left = (WIDTH - side) / 2, missing = 0;
    struct picture *small CLEANUP(picture) = image_resize(truth, side, side);
    struct picture *small_colours CLEANUP(picture) = image_resize(truth_colours, side, side);
    struct picture *placed CLEANUP(picture) = picture_new(WIDTH, HEIGHT, 1);
    struct picture *placed_colours CLEANUP(picture) = picture_new(WIDTH, HEIGHT, 3);
    for (int y = 0; y < side; y++) {
        memcpy(picture_at(placed, left, HEIGHT - side + y), picture_at(small, 0, y), (size_t)side);
        memcpy(picture_at(placed_colours, left, HEIGHT - side + y), picture_at(small_colours, 0, y),
               (size_t)side * 3);
    }
    struct picture *photo CLEANUP(picture) = before(placed, placed_colours, ground);
    struct picture *matte CLEANUP(picture) = NULL, *colours CLEANUP(picture) = NULL;
    OK(matte_person(photo, &real_assets, NULL, &matte, &colours, &fault));
    assert_non_null(matte);
    for (int k = 0; k < WIDTH * HEIGHT; k++)
        missing += placed->pixels[k] > 250 && matte->pixels[k] < 128;
    return missing / (share_of(placed) * WIDTH * HEIGHT);
}

/* Neither a face whose tints are all around nor the black helmet before black is taken for the surroundings. */
static void test_like_the_surroundings(void **state)
{
    (void)state;
    static const struct {
        void (*ground)(int x, int y, int ret[3]);
        int side;
        double most;
    } cases[] = {{crowd, 240, 0.03}, {crowd, 380, 0.08}, {night, 240, 0.03}};
    for (size_t i = 0; i < TABLE_SIZE(cases); i++) {
        double missing = missing_before(cases[i].ground, cases[i].side);
        printf("  %zu: %.4f of her missing\n", i, missing);
        assert_true(missing < cases[i].most);
    }
}

/* --- a video of somebody --- */

/* The person at a size and place of a wide frame; nobody when `left` is below 0. */
static void video_frame(int side, int left, struct picture **ret_frame, struct picture **ret_truth)
{
    enum { WIDTH = 1000, HEIGHT = 640 };
    struct picture *small CLEANUP(picture) = image_resize(truth, side, side);
    struct picture *small_colours CLEANUP(picture) = image_resize(truth_colours, side, side);
    struct picture *colours CLEANUP(picture) = picture_new(WIDTH, HEIGHT, 3);
    *ret_truth = picture_new(WIDTH, HEIGHT, 1);
    for (int y = 0; left >= 0 && y < side; y++) {
        memcpy(picture_at(*ret_truth, left, HEIGHT - side + y), picture_at(small, 0, y),
               (size_t)side);
        memcpy(picture_at(colours, left, HEIGHT - side + y), picture_at(small_colours, 0, y),
               (size_t)side * 3);
    }
    *ret_frame = before(*ret_truth, colours, checks);
}

static void test_stream(void **state)
{
    (void)state;
    /* Walks through the frame, out of what was looked at first; goes; comes nearer. */
    static const int walk[][2] = {{280, 40},  {280, 70},  {280, 130}, {280, 260},
                                  {280, 420}, {280, 600}, {280, -1},  {280, -1},
                                  {280, 300}, {400, 280}, {540, 200}, {600, 180}};
    struct matte_stream *stream CLEANUP(matte_stream) = NULL;
    OK(matte_stream_new(&real_assets, &stream, &fault));
    for (size_t i = 0; i < TABLE_SIZE(walk); i++) {
        struct picture *frame CLEANUP(picture) = NULL, *wanted CLEANUP(picture) = NULL;
        struct picture *matte CLEANUP(picture) = NULL, *colours CLEANUP(picture) = NULL;
        video_frame(walk[i][0], walk[i][1], &frame, &wanted);
        OK(matte_stream_next(stream, frame, &matte, &colours, &fault));
        assert_true(!matte == !colours);
        if (walk[i][1] < 0) {
            assert_null(matte);
            continue;
        }
        assert_non_null(matte);
        double wrong = difference(matte, wanted) / share_of(wanted);
        if (wrong > 0.08)
            fail_msg("frame %zu: %.3f of the person wrong", i, wrong);
    }
    struct project_change change = {"models/selfie.net", NULL, 0};
    const struct media_assets assets = {&change, project_asset};
    struct matte_stream *none = NULL;
    assert_int_equal(matte_stream_new(&assets, &none, &fault), ERR_NOT_FOUND);
    assert_null(none);
}

/* --- things --- */

/* A ring before a ground that goes from light to dark, with the noise of a camera. */
static struct known ring_picture(int noise)
{
    struct known known = disc_picture(640, 480, 150);
    uint32_t seed = 7;
    for (int i = 0; i < 640 * 480; i++) {
        int x = i % 640, y = i / 640;
        double a = known.truth->pixels[i] / 255.0 * (1 - disc_coverage(x, y, 320, 240, 60));
        known.truth->pixels[i] = (uint8_t)lround(255 * a);
        for (int c = 0; c < 3; c++) {
            seed = seed * 1664525u + 1013904223u;
            double back = 225 - 60.0 * x / 640 - 25.0 * y * y / (480 * 480) - 4 * c +
                          (int)(seed >> 16) % (noise + 1) - noise / 2;
            back = fmin(255, fmax(0, back));
            known.photo->pixels[3 * i + c] =
                (uint8_t)lround(a * known.front->pixels[3 * i + c] + (1 - a) * back);
        }
    }
    return known;
}

static void test_object(void **state)
{
    (void)state;
    struct known ring = ring_picture(9);
    struct picture *matte CLEANUP(picture) = NULL, *colours CLEANUP(picture) = NULL;
    matte_object(ring.photo, &matte, &colours);
    assert_non_null(matte);
    double off = difference(matte, ring.truth) * 640 * 480 / (2 * M_PI * (150 + 60));
    printf("  a ring: %.2f pixels wrong per pixel of edge\n", off);
    assert_true(off < 0.3);
    assert_true(*picture_at(matte, 320, 240) < 5); /* seen through */
    assert_true(*picture_at(matte, 320, 130) > 250);
    known_free(&ring);
    /* Where it cannot be told: noise all over, one colour, a ground of many. */
    struct known noisy = ring_picture(220);
    struct picture *flat CLEANUP(picture) = picture_new(300, 200, 3);
    struct picture *coffee CLEANUP(picture) = fixture_photo("tests/data/coffee.png");
    const struct picture *const none[] = {noisy.photo, flat, coffee, astronaut};
    for (size_t i = 0; i < TABLE_SIZE(none); i++) {
        struct picture *no_matte = astronaut, *no_colours = astronaut;
        matte_object(none[i], &no_matte, &no_colours);
        assert_null(no_matte);
        assert_null(no_colours);
    }
    known_free(&noisy);
    static const int sizes[][2] = {{1, 1}, {2, 300}, {300, 2}, {40, 30}};
    for (size_t i = 0; i < TABLE_SIZE(sizes); i++) {
        struct picture *tiny CLEANUP(picture) = image_resize(astronaut, sizes[i][0], sizes[i][1]);
        struct picture *tiny_matte CLEANUP(picture) = NULL, *tiny_colours CLEANUP(picture) = NULL;
        matte_object(tiny, &tiny_matte, &tiny_colours);
    }
}

/* Three balls on a light table, the smallest a twentieth of the largest, each with the soft shadow that lies beside it. */
static struct known balls(const uint8_t colour[3], const uint8_t ground[3])
{
    enum { WIDTH = 640, HEIGHT = 400 };
    static const int places[][3] = {{170, 200, 90}, {400, 220, 60}, {560, 250, 25}};
    struct known known = {picture_new(WIDTH, HEIGHT, 3), picture_new(WIDTH, HEIGHT, 1), NULL};
    for (int y = 0; y < HEIGHT; y++) {
        for (int x = 0; x < WIDTH; x++) {
            double covers = 0, light = 1.03 - 0.1 * y / HEIGHT;
            for (size_t k = 0; k < TABLE_SIZE(places); k++) {
                const int *at = places[k];
                double far = hypot(x - at[0] - 0.25 * at[2], (y - at[1] - 0.9 * at[2]) * 2.2);
                covers = fmax(covers, disc_coverage(x, y, at[0], at[1], at[2]));
                light *= 1 - 0.4 / (1 + exp((far - at[2]) / 12));
            }
            *picture_at(known.truth, x, y) = (uint8_t)lround(255 * covers);
            for (int c = 0; c < 3; c++) {
                double noise = raster_noise((uint32_t)(y * WIDTH + x), (uint32_t)c, 4) * 4 - 2;
                double value = covers * colour[c] + (1 - covers) * ground[c] * light + noise;
                picture_at(known.photo, x, y)[c] = (uint8_t)fmin(255, fmax(0, value));
            }
        }
    }
    return known;
}

/* What is cut out is the thing, not the piece of table in its shadow; what cannot be told from the table is left. */
static void test_shadow(void **state)
{
    (void)state;
    static const uint8_t red[3] = {190, 40, 30}, black[3] = {26, 26, 29},
                         white[3] = {250, 250, 248};
    static const uint8_t paper[3] = {238, 238, 236}, beige[3] = {215, 195, 170};
    static const uint8_t grey[3] = {120, 120, 119};
    static const struct {
        const uint8_t *colour, *ground;
        double most; /* of the things that is too much or too little; 0: nothing is found */
    } cases[] = {
        {red, paper, 0.11}, {black, paper, 0.01}, {white, beige, 0.01},
        {red, beige, 0.11}, {grey, paper, 0.3},   {paper, paper, 0},
    };
    for (size_t i = 0; i < TABLE_SIZE(cases); i++) {
        struct known known = balls(cases[i].colour, cases[i].ground);
        struct picture *matte CLEANUP(picture) = NULL, *colours CLEANUP(picture) = NULL;
        matte_object(known.photo, &matte, &colours);
        double wrong = matte ? difference(matte, known.truth) / share_of(known.truth) : 0;
        printf("  shadow %zu: %.4f of the things wrong\n", i, wrong);
        known_free(&known);
        assert_true(!matte == (cases[i].most == 0));
        assert_true(wrong <= cases[i].most);
    }
}

static void test_nobody(void **state)
{
    (void)state;
    struct picture *coffee CLEANUP(picture) = fixture_photo("tests/data/coffee.png");
    struct picture *flat CLEANUP(picture) = picture_new(640, 480, 3);
    memset(flat->pixels, 140, 640 * 480 * 3);
    const struct picture *const photos[] = {coffee, flat};
    for (size_t i = 0; i < TABLE_SIZE(photos); i++) {
        struct picture *matte = astronaut, *colours = astronaut;
        OK(matte_person(photos[i], &real_assets, NULL, &matte, &colours, &fault));
        assert_null(matte);
        assert_null(colours);
    }
}

static void test_same_bytes(void **state)
{
    (void)state;
    struct picture *matte CLEANUP(picture) = NULL, *colours CLEANUP(picture) = NULL;
    OK(matte_person(astronaut, &real_assets, NULL, &matte, &colours, &fault));
    assert_memory_equal(matte->pixels, truth->pixels, 512 * 512);
    assert_memory_equal(colours->pixels, truth_colours->pixels, 512 * 512 * 3);
}

/* --- without the net, and stopped --- */

static void test_missing_net(void **state)
{
    (void)state;
    struct project_change change = {"models/selfie.net", NULL, 0};
    const struct media_assets assets = {&change, project_asset};
    struct picture *matte = astronaut, *colours = astronaut;
    assert_int_equal(matte_person(astronaut, &assets, NULL, &matte, &colours, &fault),
                     ERR_NOT_FOUND);
    assert_null(matte);
    assert_null(colours);
    /* Whoever wants a portrait goes on without, and can say why. */
    struct portrait *portrait CLEANUP(portrait) = NULL;
    OK(portrait_open(picture_copy(astronaut), &assets, NULL, &portrait, &fault));
    assert_null(portrait->matte);
    assert_int_equal(portrait->face_count, 0);
    assert_string_equal(portrait->fault, "The nets that find people cannot be used here.");
}

static bool stop(void *context, double fraction)
{
    double *least = context;
    return fraction < *least;
}

static void test_cancel(void **state)
{
    (void)state;
    double stops[] = {0, 0.5};
    for (size_t i = 0; i < TABLE_SIZE(stops); i++) {
        const struct media_monitor monitor = {&stops[i], stop};
        struct picture *matte = astronaut, *colours = astronaut;
        assert_int_equal(matte_person(astronaut, &real_assets, &monitor, &matte, &colours, &fault),
                         ERR_CANCELLED);
        assert_null(matte);
        assert_null(colours);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_edge_follows_the_photo),
        cmocka_unit_test(test_edge_without_contrast),
        cmocka_unit_test(test_colours_of_the_edge),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_person_of_the_photo),
        cmocka_unit_test(test_other_grounds),
        cmocka_unit_test(test_small_people),
        cmocka_unit_test(test_like_the_surroundings),
        cmocka_unit_test(test_stream),
        cmocka_unit_test(test_object),
        cmocka_unit_test(test_shadow),
        cmocka_unit_test(test_nobody),
        cmocka_unit_test(test_same_bytes),
        cmocka_unit_test(test_missing_net),
        cmocka_unit_test(test_cancel),
    };
    return fixture_start(argc, argv) ? cmocka_run_group_tests(tests, setup, teardown) : 2;
}
