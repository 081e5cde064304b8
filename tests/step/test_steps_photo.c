/* Clips of photos that carry no layers: who stands in them is cut out and moves before the rest. Run as
 * "test_steps_photo VIDEOS PROJECT". */
#include "runner.h"

#include "shared/fault.h"
#include "shared/folder.h"

#include <math.h>
#include <stdlib.h>

/* How far a square of pixels around x, y in the first frame has gone across by the last one: where it looks most like itself. */
static int way_of(const struct judge_frames *frames, int x, int y)
{
    enum { HALF = 24, REACH = 60 };
    int last = frames->count - 1, best_way = 0;
    double best = INFINITY;
    for (int way = -REACH; way <= REACH; way++) {
        double sum = 0;
        for (int dy = -HALF; dy <= HALF; dy += 2) {
            for (int dx = -HALF; dx <= HALF; dx += 2) {
                const uint8_t *was = judge_pixel(frames, 0, x + dx, y + dy);
                const uint8_t *is = judge_pixel(frames, last, x + dx + way, y + dy);
                for (int c = 0; c < 3; c++)
                    sum += abs(is[c] - was[c]);
            }
        }
        best_way = sum < best ? way : best_way;
        best = fmin(sum, best);
    }
    return best_way;
}

static void test_a_person_moves_before_the_rest(void **state)
{
    (void)state;
    struct judge_facts facts;
    struct host *host CLEANUP(host) =
        runner_video("create_video",
                     "{'image_url':'$tests/data/astronaut.png','duration':1,'fps':24,"
                     "'aspect_ratio':'1:1','camera_control':'Truck right'}",
                     &facts);
    assert_int_equal(facts.frames, 24);
    struct judge_frames frames CLEANUP(judge_frames) = runner_decode(host);
    int face = way_of(&frames, 470, 230), badge = way_of(&frames, 360, 840);
    int shuttle = way_of(&frames, 880, 300), wing = way_of(&frames, 980, 440);
    print_message("face %d, badge %d, shuttle %d, wing %d\n", face, badge, shuttle, wing);
    assert_in_range(abs(face - badge), 0, 3); /* she is of one piece */
    assert_true(face < shuttle - 15 && face < wing - 15);
}

/* Without one the middle is nearer than the sides. */
static void test_a_table_has_depth(void **state)
{
    (void)state;
    struct judge_facts facts;
    struct host *host CLEANUP(host) =
        runner_video("create_video",
                     "{'image_url':'$tests/data/coffee.png','duration':1,'fps':24,"
                     "'aspect_ratio':'3:2','camera_control':'Truck right'}",
                     &facts);
    struct judge_frames frames CLEANUP(judge_frames) = runner_decode(host);
    int cup = way_of(&frames, 810, 540), corner = way_of(&frames, 150, 150);
    print_message("cup %d, corner %d\n", cup, corner);
    assert_true(cup < corner - 4);
}

int main(int argc, char **argv)
{
    if (argc != 3 || !runner_start(argc, argv))
        return 2;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_person_moves_before_the_rest),
        cmocka_unit_test(test_a_table_has_depth),
    };
    return cmocka_run_group_tests(tests, NULL, folder_remove);
}
