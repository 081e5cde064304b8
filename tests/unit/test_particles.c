/* Every kind of particle: repeatable, closed over the loop, in and around the frame, and to be seen when it is drawn. */
#include "media/particle/particle.h"

#include "base/cleanup.h"
#include "base/table.h"
#include "shared/fault.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 320, HEIGHT = 180, ROWS_OF_A_BAND = 45 };

static const char *const names[] = {
#define PARTICLE(name) #name,
#include "media/particle/particles.def"
#undef PARTICLE
};

static const struct particle_air air = {.seed = 7,
                                        .amount = 1,
                                        .width = (float)WIDTH / HEIGHT,
                                        .seconds = 4,
                                        .light = {1, 1, 1},
                                        .colours = {{1, 0.2f, 0.1f}, {0.1f, 0.3f, 1}},
                                        .colour_count = 2};

/* The kind's n-th particle; what a kind leaves out is 0. */
static struct particle_mark mark_of(const struct particle_kind *kind, uint32_t number, float phase)
{
    struct particle_mark mark = {0};
    kind->place(&air, number, phase, &mark);
    return mark;
}

static void check_mark(const char *name, const struct particle_mark *mark)
{
    if (!(mark->x > -1 && mark->x < air.width + 1 && mark->y > -1 && mark->y < 2))
        fail_msg("%s is at %.2f, %.2f", name, mark->x, mark->y);
    if (!(mark->radius > 0 && mark->radius < 0.3f && mark->nearness >= 0 && mark->nearness < 4))
        fail_msg("%s: radius %.3f, nearness %.2f", name, mark->radius, mark->nearness);
    assert_true(mark->opacity >= -1 && mark->opacity <= 1.01f);
    for (int c = 0; c < 3; c++)
        assert_true(mark->colour[c] >= 0 && mark->colour[c] <= 1);
}

static void test_places(void **state)
{
    (void)state;
    for (size_t i = 0; i < TABLE_SIZE(names); i++) {
        const struct particle_kind *kind = particle_find(names[i]);
        assert_non_null(kind);
        size_t count = particle_count(kind, &air);
        assert_in_range(count, 1, kind->most);
        double moved = 0;
        for (uint32_t k = 0; k < count; k++) {
            struct particle_mark first = mark_of(kind, k, 0), again = mark_of(kind, k, 0);
            struct particle_mark last = mark_of(kind, k, 1), later = mark_of(kind, k, 0.02f);
            check_mark(names[i], &first);
            check_mark(names[i], &later);
            assert_memory_equal(&first, &again, sizeof(first));
            if (fabsf(first.x - last.x) > 1e-3f || fabsf(first.y - last.y) > 1e-3f)
                fail_msg("%s %u ends at %.4f, %.4f, not at %.4f, %.4f", names[i], k, last.x, last.y,
                         first.x, first.y);
            moved += fabsf(later.x - first.x) + fabsf(later.y - first.y) +
                     fabsf(later.opacity - first.opacity);
        }
        assert_true(moved > 0);
    }
    assert_null(particle_find("no_such"));
}

/* Bands of a frame give what the frame gives at once. */
static void test_drawing(void **state)
{
    (void)state;
    for (size_t i = 0; i < TABLE_SIZE(names); i++) {
        static uint32_t whole[WIDTH * HEIGHT], bands[WIDTH * HEIGHT], empty[WIDTH * HEIGHT];
        const struct particle_kind *kind = particle_find(names[i]);
        memset(whole, 0x40, sizeof(whole));
        memset(bands, 0x40, sizeof(bands));
        memset(empty, 0x40, sizeof(empty));
        for (uint32_t k = 0; k < particle_count(kind, &air); k++) {
            struct particle_mark mark = mark_of(kind, k, 0.3f);
            particle_draw(&mark, whole, WIDTH, HEIGHT, 0, HEIGHT);
            for (int row = 0; row < HEIGHT; row += ROWS_OF_A_BAND)
                particle_draw(&mark, bands + row * WIDTH, WIDTH, HEIGHT, row, row + ROWS_OF_A_BAND);
        }
        assert_memory_equal(whole, bands, sizeof(whole));
        if (memcmp(whole, empty, sizeof(whole)) == 0)
            fail_msg("nothing is seen of %s", names[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_drawing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
