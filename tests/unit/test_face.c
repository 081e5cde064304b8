/* Faces: where they are in the photo, mirrored, turned, small and several; and that a cat is none. */
#include "media/face.h"

#include "base/table.h"
#include "nets_fixture.h"

#include <math.h>

/* Measured by hand on tests/data/astronaut.png: pupils, tip of the nose, middle of the mouth, chin. */
static const double eyes[2][2] = {{203.5, 101}, {247.5, 103.5}};
static const struct {
    int point; /* of the mesh */
    double x, y, slack;
} marks[] = {{1, 224, 128, 6}, {13, 224, 145, 5}, {152, 224, 177, 5}};

/* Where a point of the photo lies after it was turned around its centre, mirrored before. */
static void turn_point(double x, double y, double degrees, bool mirrored, double ret[2])
{
    double middle = (astronaut->width - 1) / 2.0, angle = degrees * M_PI / 180;
    double dx = (mirrored ? 2 * middle - x : x) - middle, dy = y - middle;
    ret[0] = middle + cos(angle) * dx - sin(angle) * dy;
    ret[1] = middle + sin(angle) * dx + cos(angle) * dy;
}

static struct picture *turn(double degrees, bool mirrored)
{
    int side = astronaut->width;
    struct picture *turned = picture_new(side, side, 3);
    double middle = (side - 1) / 2.0, angle = -degrees * M_PI / 180;
    for (int y = 0; y < side; y++) {
        for (int x = 0; x < side; x++) {
            double dx = x - middle, dy = y - middle;
            int from_x = (int)lround(middle + cos(angle) * dx - sin(angle) * dy);
            int from_y = (int)lround(middle + sin(angle) * dx + cos(angle) * dy);
            from_x = mirrored ? side - 1 - from_x : from_x;
            if (from_x >= 0 && from_y >= 0 && from_x < side && from_y < side)
                memcpy(picture_at(turned, x, y), picture_at(astronaut, from_x, from_y), 3);
        }
    }
    return turned;
}

static size_t find(const struct picture *photo, struct face faces[FACE_MAX])
{
    size_t count;
    OK(face_find(photo, &real_assets, NULL, faces, &count, &fault));
    return count;
}

static void check_near(const char *what, double x, double y, const double wanted[2], double slack)
{
    if (hypot(x - wanted[0], y - wanted[1]) > slack)
        fail_msg("%s: %.1f %.1f instead of %.1f %.1f", what, x, y, wanted[0], wanted[1]);
}

static void test_face_of_the_photo(void **state)
{
    (void)state;
    static struct face faces[FACE_MAX];
    assert_int_equal(find(astronaut, faces), 1);
    assert_true(faces[0].score > 0.99);
    check_near("left eye", faces[0].left_eye_x, faces[0].left_eye_y, eyes[0], 3);
    check_near("right eye", faces[0].right_eye_x, faces[0].right_eye_y, eyes[1], 3);
    for (size_t i = 0; i < TABLE_SIZE(marks); i++) {
        const double wanted[2] = {marks[i].x, marks[i].y};
        const struct face_point *point = &faces[0].points[marks[i].point];
        check_near("mark", point->x, point->y, wanted, marks[i].slack);
    }
    /* The box holds the face: its forehead under the hair and its chin, cheek to cheek. */
    assert_true(fabs(faces[0].x - 179) < 8 && fabs(faces[0].x + faces[0].width - 270) < 8);
    assert_true(fabs(faces[0].y - 72) < 10 && fabs(faces[0].y + faces[0].height - 175) < 8);
    /* The tip of the nose is nearer to the camera than the ears. */
    assert_true(faces[0].points[1].z < faces[0].points[234].z - 10);
    assert_true(faces[0].points[1].z < faces[0].points[454].z - 10);
}

static void test_turned(void **state)
{
    (void)state;
    static const double angles[] = {-60, -45, -30, -15, 0, 15, 30, 45, 60};
    static struct face faces[FACE_MAX];
    for (size_t i = 0; i < 2 * TABLE_SIZE(angles); i++) {
        bool mirrored = i % 2;
        double degrees = angles[i / 2], found[2][2], wanted[2];
        struct picture *photo CLEANUP(picture) = turn(degrees, mirrored);
        assert_int_equal(find(photo, faces), 1);
        found[0][0] = faces[0].left_eye_x;
        found[0][1] = faces[0].left_eye_y;
        found[1][0] = faces[0].right_eye_x;
        found[1][1] = faces[0].right_eye_y;
        for (int eye = 0; eye < 2; eye++) {
            /* What is the left eye for the viewer is the right one in the mirror. */
            const double *from = eyes[mirrored ? 1 - eye : eye];
            turn_point(from[0], from[1], degrees, mirrored, wanted);
            check_near(mirrored ? "eye, mirrored" : "eye", found[eye][0], found[eye][1], wanted, 5);
        }
    }
}

/* The photo at a size, laid into a larger one; twice when there are two. */
static void test_small_and_several(void **state)
{
    (void)state;
    static const int sides[] = {512, 300, 200};
    static struct face faces[FACE_MAX];
    for (size_t i = 0; i < TABLE_SIZE(sides); i++) {
        int side = sides[i];
        double scale = side / 512.0;
        struct picture *part CLEANUP(picture) = image_resize(astronaut, side, side);
        struct picture *photo CLEANUP(picture) = picture_new(1100, 640, 3);
        memset(photo->pixels, 128, 1100 * 640 * 3);
        for (int y = 0; y < side; y++) {
            memcpy(picture_at(photo, 10, 40 + y), picture_at(part, 0, y), (size_t)side * 3);
            memcpy(picture_at(photo, 570, 100 + y), picture_at(part, 0, y), (size_t)side * 3);
        }
        assert_int_equal(find(photo, faces), 2);
        int first = faces[0].x < faces[1].x ? 0 : 1;
        const double one[2] = {10 + eyes[0][0] * scale, 40 + eyes[0][1] * scale};
        const double other[2] = {570 + eyes[0][0] * scale, 100 + eyes[0][1] * scale};
        check_near("one", faces[first].left_eye_x, faces[first].left_eye_y, one, 4);
        check_near("other", faces[1 - first].left_eye_x, faces[1 - first].left_eye_y, other, 4);
    }
}

static void test_no_face(void **state)
{
    (void)state;
    static struct face faces[FACE_MAX];
    static const char *const names[] = {"tests/data/chelsea.png", "tests/data/coffee.png"};
    for (size_t i = 0; i < TABLE_SIZE(names); i++) {
        struct picture *photo CLEANUP(picture) = fixture_photo(names[i]);
        struct picture *large CLEANUP(picture) =
            image_resize(photo, photo->width * 2, photo->height * 2);
        assert_int_equal(find(photo, faces), 0);
        assert_int_equal(find(large, faces), 0);
    }
    static const int sizes[][2] = {{1, 1}, {3, 900}, {900, 3}, {64, 64}};
    for (size_t i = 0; i < TABLE_SIZE(sizes); i++) {
        struct picture *flat CLEANUP(picture) = picture_new(sizes[i][0], sizes[i][1], 3);
        assert_int_equal(find(flat, faces), 0);
    }
}

static bool stop(void *context, double fraction)
{
    (void)context;
    (void)fraction;
    return false;
}

static void test_stopped_and_missing(void **state)
{
    (void)state;
    static struct face faces[FACE_MAX];
    const struct media_monitor monitor = {NULL, stop};
    size_t count = 9;
    assert_int_equal(face_find(astronaut, &real_assets, &monitor, faces, &count, &fault),
                     ERR_CANCELLED);
    static const char *const files[] = {"models/face_detector.net", "models/face_mesh.net"};
    for (size_t i = 0; i < TABLE_SIZE(files); i++) {
        struct project_change change = {files[i], NULL, 0};
        const struct media_assets assets = {&change, project_asset};
        assert_int_equal(face_find(astronaut, &assets, NULL, faces, &count, &fault), ERR_NOT_FOUND);
        assert_int_equal(count, 0);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_face_of_the_photo),   cmocka_unit_test(test_turned),
        cmocka_unit_test(test_small_and_several),   cmocka_unit_test(test_no_face),
        cmocka_unit_test(test_stopped_and_missing),
    };
    return fixture_start(argc, argv) ? cmocka_run_group_tests(tests, fixture_new, fixture_free) : 2;
}
