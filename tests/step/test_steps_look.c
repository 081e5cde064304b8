/* image_2_image: people and things in scenes, what is said when something is missing, the jail; what it makes is decoded again
 * and looked at. Run as "test_steps_look SOURCE", the project's folder; as "test_steps_look jailed SOURCE FD" it works in
 * the jail. */
#include "media/face.h"

#include "base/table.h"
#include "look_fixture.h"
#include "media/layers.h"
#include "media/portrait.h"
#include "worker/jail.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- sizes and bytes --- */

static void test_sizes(void **state)
{
    (void)state;
    static const struct {
        const char *aspect;
        int width, height;
    } sizes[] = {{"16:9", 1920, 1080}, {"3:2", 1620, 1080}, {"4:3", 1440, 1080},
                 {"1:1", 1080, 1080},  {"3:4", 1080, 1440}, {"2:3", 1080, 1620},
                 {"9:16", 1080, 1920}};
    for (size_t i = 0; i < TABLE_SIZE(sizes); i++) {
        char rest[64];
        snprintf(rest, sizeof(rest), "'aspect_ratio':'%s'", sizes[i].aspect);
        struct picture *plain CLEANUP(picture) = made(photo, rest, NULL, 1);
        assert_int_equal(plain->width, sizes[i].width);
        assert_int_equal(plain->height, sizes[i].height);
        if (i % 3 != 0)
            continue;
        struct picture *placed CLEANUP(picture) = made(photo, rest, "{'scene':'city'}", 1);
        assert_int_equal(placed->width, sizes[i].width);
        assert_int_equal(placed->height, sizes[i].height);
        assert_true(difference_of(plain, placed) > 20);
    }
}

static void assert_same_bytes(struct host *a, size_t at, struct host *b, size_t other)
{
    size_t size, other_size;
    const void *bytes = host_output_bytes(a, at, &size);
    const void *other_bytes = host_output_bytes(b, other, &other_size);
    assert_int_equal(size, other_size);
    assert_memory_equal(bytes, other_bytes, size);
}

static void test_same_bytes(void **state)
{
    (void)state;
    static const char *const rests[] = {"'aspect_ratio':'1:1'", "'style':'poster'",
                                        "'style':'pencil'"};
    for (size_t i = 0; i < TABLE_SIZE(rests); i++) {
        const char *local = i == 0 ? "{'scene':'arctic'}" : "{}";
        struct host *first CLEANUP(host) = make(photo, rests[i], local, 5);
        struct host *again CLEANUP(host) = make(photo, rests[i], local, 5);
        struct host *other CLEANUP(host) = make(photo, rests[i], local, 6);
        assert_same_bytes(first, 0, again, 0);
        struct picture *a CLEANUP(picture) = picture_of(first, 0);
        struct picture *b CLEANUP(picture) = picture_of(other, 0);
        assert_true(difference_of(a, b) > 0.5);
    }
}

static void test_quantity(void **state)
{
    (void)state;
    struct host *two CLEANUP(host) = make(photo, "'quantity':2", "{'scene':'stadium'}", 9);
    struct host *one CLEANUP(host) = make(photo, "", "{'scene':'stadium'}", 9);
    assert_int_equal(two->run.output_count, 2);
    assert_same_bytes(two, 0, one, 0);
    struct picture *a CLEANUP(picture) = picture_of(two, 0);
    struct picture *b CLEANUP(picture) = picture_of(two, 1);
    assert_true(difference_of(a, b) > 3);
}

/* --- scenes --- */

struct place {
    const char *local;
    double top_least, top_most; /* luma of the upper corners */
    double low_least, low_most; /* luma of the lower left corner */
    bool green, blue;           /* colour that the lower left or the upper left corner has */
};

static const struct place places[] = {
    {"{'scene':'arctic','variant':'day'}", 90, 215, 110, 235, false, true},
    {"{'scene':'arctic','variant':'night'}", 5, 95, 25, 120, false, true},
    {"{'scene':'stadium'}", 5, 110, 35, 120, true, false},
    {"{'scene':'space'}", 2, 70, 5, 90, false, false},
    {"{'scene':'city'}", 10, 110, 5, 100, false, false},
};

static void assert_place(const struct place *place, const struct picture *picture)
{
    struct mean left = mean_of(picture, 0.01, 0.02, 0.16, 0.10);
    struct mean right = mean_of(picture, 0.83, 0.02, 0.16, 0.10);
    struct mean low = mean_of(picture, 0.01, 0.86, 0.12, 0.12);
    double top = fmin(left.luma, right.luma);
    if (top < place->top_least || top > place->top_most || low.luma < place->low_least ||
        low.luma > place->low_most)
        fail_msg("%s: %.0f above, %.0f below", place->local, top, low.luma);
    if (place->green)
        assert_true(low.green > 1.25 * low.red && low.green > 1.25 * low.blue);
    if (place->blue)
        assert_true(left.blue + right.blue > left.red + right.red + 6);
}

/* Exactly one face, near the middle and the upper third, and the orange suit below it. */
static void assert_person(const struct place *place, const struct picture *picture)
{
    struct face *faces = mem_array(FACE_MAX, sizeof(*faces));
    size_t count;
    OK(face_find(picture, &assets, NULL, faces, &count, &fault));
    if (count != 1)
        fail_msg("%s: %zu faces", place->local, count);
    double width = picture->width, height = picture->height;
    double x = (faces[0].left_eye_x + faces[0].right_eye_x) / 2 / width;
    double y = (faces[0].left_eye_y + faces[0].right_eye_y) / 2 / height;
    double tall = faces[0].height / height;
    if (x < 0.3 || x > 0.7 || y < 0.26 || y > 0.46 || tall < 0.13 || tall > 0.4)
        fail_msg("%s: eyes at %.2f %.2f, face %.2f of the height", place->local, x, y, tall);
    struct mean skin = mean_of(picture, x - 0.02, y + tall * 0.25, 0.04, tall * 0.2);
    assert_true(skin.luma > 45 && skin.luma < 235);
    double across = faces[0].width / width;
    struct mean suit = mean_of(picture, x - across * 1.15, y + 1.75 * tall, across * 0.3, 0.03);
    if (suit.red < 1.25 * suit.blue || suit.chroma < 25)
        fail_msg("%s: suit %.0f %.0f %.0f", place->local, suit.red, suit.green, suit.blue);
    free(faces);
}

static void test_scenes(void **state)
{
    (void)state;
    static const char *const aspects[] = {"'aspect_ratio':'16:9'", "'aspect_ratio':'1:1'"};
    double face_day = 0, face_night = 0;
    for (size_t i = 0; i < TABLE_SIZE(places); i++) {
        for (size_t k = 0; k < (i < 2 ? 2 : 1); k++) {
            struct picture *picture CLEANUP(picture) =
                made(photo, aspects[k], places[i].local, 3 + i);
            assert_place(&places[i], picture);
            assert_person(&places[i], picture);
            double middle = mean_of(picture, 0.4, 0.3, 0.2, 0.2).luma;
            face_day = i == 0 ? middle : face_day;
            face_night = i == 1 ? middle : face_night;
        }
    }
    /* Somebody in the night is not lit as by day. */
    assert_true(face_night < 0.85 * face_day);
}

/* What was chosen, as the layers of the result say. */
static struct layers *layers_of(struct host *host)
{
    size_t size;
    const void *bytes = host_output_bytes(host, 0, &size);
    struct layers *layers = layers_read(bytes, size);
    assert_non_null(layers);
    return layers;
}

/* Confetti flies before the person, but not before the face, which the layers of the file know. */
static void test_confetti(void **state)
{
    (void)state;
    struct picture *pictures[2];
    struct layers *layers CLEANUP(layers) = NULL;
    for (int i = 0; i < 2; i++) {
        char hints[64];
        snprintf(hints, sizeof(hints), "{'scene':'stadium','weather':'%s'}",
                 i == 0 ? "confetti" : "clear");
        struct host *host CLEANUP(host) = make(photo, "'aspect_ratio':'9:16'", hints, 2);
        pictures[i] = picture_of(host, 0);
        if (i == 0)
            layers = layers_of(host);
    }
    assert_true(layers->face_width > 150 && layers->face_height > 150);
    struct picture *faces[2];
    for (int i = 0; i < 2; i++)
        faces[i] = image_crop(pictures[i], (int)layers->face_x, (int)layers->face_y,
                              (int)layers->face_width, (int)layers->face_height);
    double face = difference_of(faces[0], faces[1]), all = difference_of(pictures[0], pictures[1]);
    if (face > 0.4 || all < 0.8)
        fail_msg("%.2f in the face, %.2f in the picture", face, all);
    for (int i = 0; i < 2; i++) {
        picture_free(faces[i]);
        picture_free(pictures[i]);
    }
}

static void test_moods(void **state)
{
    (void)state;
    bool day = false, dawn = false;
    for (uint64_t seed = 1; seed <= 12 && !(day && dawn); seed++) {
        struct host *host CLEANUP(host) =
            make(photo, "'aspect_ratio':'1:1'", "{'scene':'arctic','variant':'day'}", seed);
        struct layers *layers CLEANUP(layers) = layers_of(host);
        day |= strcmp(layers->variant, "day") == 0;
        dawn |= strcmp(layers->variant, "dawn") == 0;
        assert_true(strcmp(layers->variant, "day") == 0 || strcmp(layers->variant, "dawn") == 0);
    }
    assert_true(day && dawn);
    /* Fog takes the far away: a blizzard leaves little of the mountains, but all of the person. */
    const char *rest = "'aspect_ratio':'1:1','prompt':'in a blizzard'";
    struct host *host CLEANUP(host) = make(photo, rest, "{'scene':'arctic'}", 3);
    struct layers *layers CLEANUP(layers) = layers_of(host);
    assert_string_equal(layers->variant, "blizzard");
    struct picture *foggy CLEANUP(picture) = picture_of(host, 0);
    struct picture *clear CLEANUP(picture) =
        made(photo, "'aspect_ratio':'1:1'", "{'scene':'arctic','variant':'night'}", 3);
    assert_true(mean_of(foggy, 0.02, 0.3, 0.2, 0.2).chroma <
                0.5 * mean_of(clear, 0.02, 0.3, 0.2, 0.2).chroma);
    assert_person(&places[0], foggy);
}

static void test_words_choose(void **state)
{
    (void)state;
    struct host *host CLEANUP(host) =
        make(photo,
             "'prompt':'me on the pitch of a football stadium, it is snowing','aspect_ratio':'1:1'",
             NULL, 2);
    struct layers *layers CLEANUP(layers) = layers_of(host);
    assert_string_equal(layers->scene, "stadium");
    assert_int_equal(layers->particle_count, 1);
    assert_string_equal(layers->particles[0].kind, "snow");
}

/* --- no halo --- */

/* The person of the usual photo before one loud colour. */
static void write_loud(const char *name, const uint8_t color[3])
{
    struct portrait *portrait CLEANUP(portrait) = NULL;
    OK(portrait_open(still_load(photo), &assets, NULL, &portrait, &fault));
    assert_non_null(portrait->matte);
    size_t count = (size_t)portrait->photo->width * (size_t)portrait->photo->height;
    for (size_t i = 0; i < count; i++) {
        int alpha = portrait->matte->pixels[i];
        for (size_t c = 0; c < 3; c++)
            portrait->photo->pixels[3 * i + c] =
                (uint8_t)((portrait->colours->pixels[3 * i + c] * alpha +
                           color[c] * (255 - alpha)) /
                          255);
    }
    still_write(name, portrait->photo, IMAGE_PNG);
}

static bool is_loud(const uint8_t *pixel, bool green)
{
    if (green)
        return pixel[1] > pixel[0] + 24 && pixel[1] > pixel[2] + 24;
    return pixel[0] > pixel[1] + 40 && pixel[2] > pixel[1] + 40;
}

struct edge {
    double loud, length; /* pixels */
};

/* Along the outline of `alpha` (channel `channel`, shifted by `margin`), a few pixels to both sides. */
static struct edge edge_of(const struct picture *picture, const struct picture *alpha, int channel,
                           int margin, bool green)
{
    enum { NEAR = 4 };
    struct edge edge = {0};
    for (int y = NEAR; y < picture->height - NEAR; y++) {
        for (int x = NEAR; x < picture->width - NEAR; x++) {
            bool inside = false, outside = false;
            for (int k = 0; k < 4; k++) {
                int dx = k == 0   ? -NEAR
                         : k == 1 ? NEAR
                                  : 0,
                    dy = k == 2   ? -NEAR
                         : k == 3 ? NEAR
                                  : 0;
                int value = picture_at(alpha, x + dx + margin, y + dy + margin)[channel];
                inside |= value > 200;
                outside |= value < 55;
            }
            if (!inside || !outside)
                continue;
            edge.length++;
            edge.loud += is_loud(picture_at(picture, x, y), green);
        }
    }
    return edge;
}

static void test_no_halo(void **state)
{
    (void)state;
    static const uint8_t colors[2][3] = {{20, 230, 40}, {235, 20, 225}};
    static const char *const locals[] = {"{'scene':'space'}",
                                         "{'scene':'arctic','weather':'none'}"};
    for (size_t i = 0; i < 3; i++) {
        bool green = i % 2 == 0;
        const char *name = green ? "green.png" : "magenta.png", *path = folder_file(name);
        if (i < 2)
            write_loud(name, colors[i]);
        struct host *host CLEANUP(host) = make(path, "'aspect_ratio':'1:1'", locals[i / 2], 4);
        struct picture *picture CLEANUP(picture) = picture_of(host, 0);
        struct layers *layers CLEANUP(layers) = layers_of(host);
        assert_non_null(layers->subject);
        struct edge edge = edge_of(picture, layers->subject, 3, layers->margin, green);
        if (edge.length < 4000 || edge.loud > 0.01 * edge.length)
            fail_msg("%s before %s: %.0f of %.0f pixels", locals[i / 2],
                     green ? "green" : "magenta", edge.loud, edge.length);
        /* The colour would be found if it were there: the same measure where it is. */
        struct picture *loud CLEANUP(picture) = still_load(path);
        struct picture *matte CLEANUP(picture) = picture_new(loud->width, loud->height, 1);
        for (size_t k = 0; k < (size_t)loud->width * (size_t)loud->height; k++)
            matte->pixels[k] = is_loud(loud->pixels + 3 * k, green) ? 0 : 255;
        edge = edge_of(loud, matte, 0, 0, green);
        assert_true(edge.loud > 0.3 * edge.length);
    }
}

/* --- nobody, nothing, nonsense --- */

static void test_nobody(void **state)
{
    (void)state;
    const char *coffee = project_file("tests/data/coffee.png");
    struct host *host CLEANUP(host) = make(coffee, "", "{'scene':'arctic'}", 1);
    assert_int_equal(host->note_count, 1);
    assert_string_equal(host->last_note, "Neither a person nor a thing before an even ground was "
                                         "found in the photo, so the photo keeps its place "
                                         "and only takes the light of the scene Arctic.");
    struct picture *picture CLEANUP(picture) = picture_of(host, 0);
    assert_int_equal(picture->width, 1920);
    struct mean mean = mean_of(picture, 0, 0, 1, 1);
    assert_true(mean.red > 1.3 * mean.blue);
}

/* A red can before an even light ground, or cut out already. */
static void write_can(const char *name, int channels)
{
    struct picture *picture CLEANUP(picture) = picture_new(400, 500, channels);
    for (int y = 0; y < 500; y++) {
        for (int x = 0; x < 400; x++) {
            uint8_t *pixel = picture_at(picture, x, y);
            bool inside = x >= 120 && x < 280 && y >= 130 && y < 420;
            float shade = 0.55f + 0.45f * sinf((float)(x - 120) / 160 * 3.14159f);
            pixel[0] = inside ? (uint8_t)(210 * shade) : 226;
            pixel[1] = inside ? (uint8_t)(30 * shade) : 228;
            pixel[2] = inside ? (uint8_t)(40 * shade) : 230;
            if (channels == 4)
                pixel[3] = inside ? 255 : 0;
        }
    }
    still_write(name, picture, IMAGE_PNG);
}

static bool is_can(const uint8_t *pixel)
{
    return pixel[0] > 60 && pixel[0] > 2.2 * pixel[1] && pixel[0] > 1.8 * pixel[2];
}

static void test_thing(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        const char *path = folder_file("can.png");
        write_can("can.png", i + 3);
        struct host *host CLEANUP(host) = make(
            path, "'aspect_ratio':'1:1'", "{'scene':'arctic','variant':'day','weather':'none'}", 2);
        assert_int_equal(host->note_count, 0);
        struct picture *picture CLEANUP(picture) = picture_of(host, 0);
        int top = picture->height, bottom = 0, left = picture->width, right = 0;
        for (int y = 0; y < picture->height; y++) {
            for (int x = 0; x < picture->width; x++) {
                if (!is_can(picture_at(picture, x, y)))
                    continue;
                top = y < top ? y : top;
                bottom = y > bottom ? y : bottom;
                left = x < left ? x : left;
                right = x > right ? x : right;
            }
        }
        /* It stands whole in the middle, near the lower edge, and darkens the ground that it stands on. */
        double height = (bottom - top) / 1080.0, middle = (left + right) / 2160.0;
        if (height < 0.5 || height > 0.7 || middle < 0.45 || middle > 0.55 || bottom < 900 ||
            bottom > 990)
            fail_msg("%d to %d, %d to %d", left, right, top, bottom);
        double at = bottom / 1080.0;
        double under = mean_of(picture, middle - 0.1, at + 0.005, 0.2, 0.01).luma;
        double beside = mean_of(picture, middle - 0.1, at + 0.08, 0.2, 0.03).luma;
        if (under > 0.85 * beside)
            fail_msg("the ground is %.0f under it, %.0f before it", under, beside);
    }
}

static void test_missing(void **state)
{
    (void)state;
    static const struct {
        const char *missing, *rest, *local, *note;
    } rows[] = {
        {"models/", "", "{'scene':'arctic'}",
         "The nets that find people cannot be used here. The photo keeps its place and only takes "
         "the "
         "light of the scene Arctic."},
        {"models/painter", "'style':'cartoon'", "{}",
         "The nets that draw cannot be used here, so the picture is flattened and inked instead."},
        {"scenes/", "", "{'scene':'arctic'}",
         "There is no scene arctic, so the photo keeps its place."},
        {"scenes/space/orbit.webp", "", "{'scene':'space'}",
         "The plate of the scene cannot be used, so the photo keeps its place."},
    };
    for (size_t i = 0; i < TABLE_SIZE(rows); i++) {
        change.beginning = rows[i].missing;
        struct host *host CLEANUP(host) = make(photo, rows[i].rest, rows[i].local, 1);
        change.beginning = NULL;
        assert_int_equal(host->note_count, 1);
        assert_string_equal(host->last_note, rows[i].note);
        struct picture *picture CLEANUP(picture) = picture_of(host, 0);
        struct mean suit = mean_of(picture, 0.2, 0.8, 0.6, 0.2);
        assert_true(suit.red > 1.1 * suit.blue);
    }
}

static void test_faults(void **state)
{
    (void)state;
    const char *path = folder_file("cut.png");
    still_write_flat("cut.png", 64, 64, 3, still_black);
    assert_int_equal(truncate(path, 60), 0);
    for (int i = 0; i < 2; i++) {
        struct host *host CLEANUP(host) = start(path, "", "{'scene':'arctic'}");
        assert_int_equal(host_run(host), ERR_BAD_INPUT);
        assert_string_equal(host->err.path, "/image_url");
        assert_true(strlen(host->err.message) > 20);
        assert_int_equal(host->run.output_count, 0);
        folder_write("cut.png", "just some words", 15);
    }
    assert_null(host_new("image_2_image", "{'image_url':'/dev/null','style':'cubism'}", &fault));
    assert_string_equal(fault.path, "/style");
    assert_null(host_new("image_2_image", "{'image_url':'/dev/null','quantity':9}", &fault));
    assert_string_equal(fault.path, "/quantity");
    assert_null(host_new("image_2_image", "{}", &fault));
}

static void test_cancel(void **state)
{
    (void)state;
    static const char *const rests[] = {"", "'style':'cartoon'", "'style':'pencil'"};
    for (size_t i = 0; i < TABLE_SIZE(rests); i++) {
        struct host *host CLEANUP(host) =
            start(photo, rests[i], i == 0 ? "{'scene':'arctic'}" : "{}");
        host->cancel_at = 0.4;
        assert_int_equal(host_run(host), ERR_CANCELLED);
        assert_int_equal(host->run.output_count, 0);
        assert_true(host->progress < 0.95);
    }
}

/* --- in the jail --- */

static const char jail_rest[] = "'aspect_ratio':'1:1','style':'comic'";
static const char jail_local[] = "{'scene':'city'}";
static int jail_output = -1;

static int jail_open_output(void *context, int *ret_fd, struct err *err)
{
    (void)context;
    (void)err;
    *ret_fd = jail_output;
    return 0;
}

/* All assets are read first, as a worker maps its pack. */
static int jailed_main(const char *fd)
{
    static const struct jail_limits limits = {4ULL << 30, 1 << 26, 128};
    static const char *const names[] = {"models/selfie.net",        "models/face_detector.net",
                                        "models/face_mesh.net",     "models/painter_clean.net",
                                        "models/painter_draw.net",  "scenes/index.json",
                                        "scenes/arctic/scene.json", "scenes/city/scene.json",
                                        "scenes/space/scene.json",  "scenes/stadium/scene.json",
                                        "scenes/city/night.webp",   "scenes/city/night.depth.webp",
                                        "data/teams.json"};
    for (size_t i = 0; i < TABLE_SIZE(names); i++) {
        const void *bytes;
        size_t size;
        if (find_asset(NULL, names[i], &bytes, &size, &fault) < 0)
            return 97;
    }
    struct host *host CLEANUP(host) = start(photo, jail_rest, jail_local);
    jail_output = atoi(fd);
    host->run.host.open_output = jail_open_output;
    host->run.seed = 11;
    int rc = jail_enter(JAIL_MEDIA, &limits, &fault);
    rc = rc < 0 ? rc : host_run(host);
    if (rc < 0)
        fprintf(stderr, "%s\n", host->err.message[0] ? host->err.message : fault.message);
    fflush(NULL);
    _exit(rc < 0 ? 99 : 0);
}

static void test_in_jail(void **state)
{
    (void)state;
    char word[] = "jailed", number[16], place[512];
    int fd CLEANUP(fd) = memfd_create("inside", 0), status;
    snprintf(number, sizeof(number), "%d", fd);
    snprintf(place, sizeof(place), "%s", project_file("."));
    char *arguments[] = {word, word, place, number, NULL};
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        execv("/proc/self/exe", arguments);
        _exit(98);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    struct host *host CLEANUP(host) = make(photo, jail_rest, jail_local, 11);
    size_t size;
    const void *outside = host_output_bytes(host, 0, &size);
    assert_int_equal(lseek(fd, 0, SEEK_END), (off_t)size);
    void *inside CLEANUP(free) = mem_alloc(size);
    assert_int_equal(pread(fd, inside, size, 0), (ssize_t)size);
    assert_memory_equal(inside, outside, size);
}

int main(int argc, char **argv)
{
    bool jailed = argc == 4 && strcmp(argv[1], "jailed") == 0;
    if ((argc != 2 && !jailed) || fixture_open(argv[jailed ? 2 : 1]) < 0) {
        fprintf(stderr, "test_steps_look SOURCE %s\n", fault.message);
        return 1;
    }
    if (jailed)
        return jailed_main(argv[3]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),        cmocka_unit_test(test_same_bytes),
        cmocka_unit_test(test_quantity),     cmocka_unit_test(test_scenes),
        cmocka_unit_test(test_words_choose), cmocka_unit_test(test_moods),
        cmocka_unit_test(test_confetti),     cmocka_unit_test(test_no_halo),
        cmocka_unit_test(test_nobody),       cmocka_unit_test(test_thing),
        cmocka_unit_test(test_missing),      cmocka_unit_test(test_faults),
        cmocka_unit_test(test_cancel),       cmocka_unit_test(test_in_jail),
    };
    return cmocka_run_group_tests(tests, NULL, fixture_close);
}
