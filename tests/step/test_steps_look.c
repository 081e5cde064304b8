/* image_2_image: people in scenes, styles, what is said when something is missing; what it makes is decoded again and looked at.
 * Run as "test_steps_look SOURCE", the project's folder; as "test_steps_look jailed SOURCE FD" it works in the jail. */
#include "host.h"

#include "base/table.h"
#include "media/face.h"
#include "media/image.h"
#include "media/layers.h"
#include "media/portrait.h"
#include "worker/jail.h"

#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const char *source;
static char folder[] = "/tmp/reeld-look-XXXXXX";
static struct err fault;

#define OK(call)                                                                                   \
    do {                                                                                           \
        if ((call) < 0)                                                                            \
            fail_msg("%s: %s", #call, fault.message);                                              \
    } while (0)

/* --- assets, which live as long as the process --- */

struct held {
    char *name;
    void *bytes;
    size_t size;
};

static struct held held[64];
static size_t held_count;
static const char *missing; /* what a name begins with that is not there; NULL */

static int held_find(void *context, const char *name, const void **ret_bytes, size_t *ret_size,
                     struct err *err)
{
    (void)context;
    if (missing && strncmp(name, missing, strlen(missing)) == 0)
        return err_set(err, ERR_NOT_FOUND, name, "There is no asset %s.", name);
    for (size_t i = 0; i < held_count; i++) {
        if (strcmp(held[i].name, name) != 0)
            continue;
        *ret_bytes = held[i].bytes;
        *ret_size = held[i].size;
        return 0;
    }
    char path[512];
    snprintf(path, sizeof(path), "%s/assets/%s", source, name);
    int fd CLEANUP(fd) = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) < 0 || held_count == TABLE_SIZE(held))
        return err_set(err, ERR_NOT_FOUND, name, "There is no asset %s.", name);
    struct held *new = &held[held_count++];
    *new = (struct held){mem_dup(name, strlen(name) + 1), mem_alloc((size_t)status.st_size),
                         (size_t)status.st_size};
    if (read(fd, new->bytes, new->size) != status.st_size)
        return err_set_default(err, ERR_STORAGE);
    *ret_bytes = new->bytes;
    *ret_size = new->size;
    return 0;
}

static const struct media_assets assets = {NULL, held_find};

/* --- running --- */

static char photo[512]; /* path of the usual one */

static struct host *start(const char *path, const char *rest, const char *local)
{
    char params[1024];
    snprintf(params, sizeof(params), "{'image_url':'%s'%s%s}", path, *rest ? "," : "", rest);
    struct host *host = host_new("image_2_image", params, &fault);
    if (!host)
        fail_msg("%s: %s", params, fault.message);
    host->run.host.asset = held_find;
    if (local)
        host_set_local(host, local);
    return host;
}

static struct host *make(const char *path, const char *rest, const char *local, uint64_t seed)
{
    struct host *host = start(path, rest, local);
    host->run.seed = seed;
    if (host_run(host) < 0)
        fail_msg("%s: %s", rest, host->err.message);
    assert_string_equal(host->run.provider, "local");
    assert_false(host->progress_fell);
    return host;
}

static struct picture *picture_of(struct host *host, size_t index)
{
    size_t size;
    struct picture *picture = NULL;
    const void *bytes = host_output_bytes(host, index, &size);
    assert_string_equal(host->run.outputs[index].content_type, "image/png");
    OK(image_load_bytes(bytes, size, "result", &picture, &fault));
    assert_int_equal(picture->width, host->run.outputs[index].width);
    assert_int_equal(picture->height, host->run.outputs[index].height);
    return picture;
}

/* One picture of a scene or a style. */
static struct picture *made(const char *path, const char *rest, const char *local, uint64_t seed)
{
    struct host *host CLEANUP(host) = make(path, rest, local, seed);
    assert_int_equal(host->run.output_count, 1);
    return picture_of(host, 0);
}

static void write_picture(const char *path, const struct picture *picture)
{
    int fd CLEANUP(fd) = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    OK(image_save(picture, IMAGE_PNG, 0, fd, &fault));
}

/* --- measuring --- */

struct mean {
    double red, green, blue, luma, chroma;
};

static double luma_of(const uint8_t *pixel)
{
    return 0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2];
}

static double chroma_of(const uint8_t *pixel)
{
    int most = pixel[0] > pixel[1] ? pixel[0] : pixel[1],
        least = pixel[0] < pixel[1] ? pixel[0] : pixel[1];
    most = pixel[2] > most ? pixel[2] : most;
    least = pixel[2] < least ? pixel[2] : least;
    return most - least;
}

/* Of a part given in fractions of the picture. */
static struct mean mean_of(const struct picture *picture, double x, double y, double width,
                           double height)
{
    struct mean mean = {0};
    int count = 0;
    for (int row = (int)(y * picture->height); row < (int)((y + height) * picture->height); row++) {
        for (int column = (int)(x * picture->width); column < (int)((x + width) * picture->width);
             column++, count++) {
            const uint8_t *pixel = picture_at(picture, column, row);
            mean.red += pixel[0];
            mean.green += pixel[1];
            mean.blue += pixel[2];
            mean.luma += luma_of(pixel);
            mean.chroma += chroma_of(pixel);
        }
    }
    assert_true(count > 0);
    return (struct mean){mean.red / count, mean.green / count, mean.blue / count, mean.luma / count,
                         mean.chroma / count};
}

/* Share of pixels whose luma lies in a range. */
static double share_of(const struct picture *picture, double from, double to)
{
    size_t count = (size_t)picture->width * (size_t)picture->height, found = 0;
    for (size_t i = 0; i < count; i++) {
        double luma = luma_of(picture->pixels + i * (size_t)picture->channels);
        found += luma >= from && luma < to;
    }
    return (double)found / (double)count;
}

static double difference_of(const struct picture *a, const struct picture *b)
{
    assert_int_equal(a->width * a->height * a->channels, b->width * b->height * b->channels);
    size_t count = (size_t)a->width * (size_t)a->height * (size_t)a->channels;
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += abs(a->pixels[i] - b->pixels[i]);
    return sum / (double)count;
}

/* Mean difference of neighbours across: what flat drawing lowers. */
static double roughness_of(const struct picture *picture)
{
    double sum = 0;
    for (int y = 0; y < picture->height; y++) {
        for (int x = 1; x < picture->width; x++)
            sum +=
                fabs(luma_of(picture_at(picture, x, y)) - luma_of(picture_at(picture, x - 1, y)));
    }
    return sum / picture->width / picture->height;
}

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
static void write_loud(const char *path, const uint8_t color[3])
{
    struct picture *original = NULL;
    int fd CLEANUP(fd) = open(photo, O_RDONLY | O_CLOEXEC);
    OK(image_load(fd, photo, 0, 0, false, &original, &fault));
    struct portrait *portrait CLEANUP(portrait) = NULL;
    OK(portrait_open(original, &assets, NULL, &portrait, &fault));
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
    write_picture(path, portrait->photo);
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
        char path[64];
        bool green = i % 2 == 0;
        snprintf(path, sizeof(path), "%s/loud%zu.png", folder, i % 2);
        if (i < 2)
            write_loud(path, colors[i]);
        struct host *host CLEANUP(host) = make(path, "'aspect_ratio':'1:1'", locals[i / 2], 4);
        struct picture *picture CLEANUP(picture) = picture_of(host, 0);
        struct layers *layers CLEANUP(layers) = layers_of(host);
        assert_non_null(layers->subject);
        struct edge edge = edge_of(picture, layers->subject, 3, layers->margin, green);
        if (edge.length < 4000 || edge.loud > 0.01 * edge.length)
            fail_msg("%s before %s: %.0f of %.0f pixels", locals[i / 2],
                     green ? "green" : "magenta", edge.loud, edge.length);
        /* The colour would be found if it were there: the same measure where it is. */
        struct picture *loud CLEANUP(picture) = NULL;
        int fd CLEANUP(fd) = open(path, O_RDONLY | O_CLOEXEC);
        OK(image_load(fd, path, 0, 0, false, &loud, &fault));
        struct picture *matte CLEANUP(picture) = picture_new(loud->width, loud->height, 1);
        for (size_t k = 0; k < (size_t)loud->width * (size_t)loud->height; k++)
            matte->pixels[k] = is_loud(loud->pixels + 3 * k, green) ? 0 : 255;
        edge = edge_of(loud, matte, 0, 0, green);
        assert_true(edge.loud > 0.3 * edge.length);
    }
}

/* --- styles --- */

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

/* --- nobody, nothing, nonsense --- */

static void test_nobody(void **state)
{
    (void)state;
    char coffee[512];
    snprintf(coffee, sizeof(coffee), "%s/tests/data/coffee.png", source);
    struct host *host CLEANUP(host) = make(coffee, "", "{'scene':'arctic'}", 1);
    assert_int_equal(host->note_count, 1);
    assert_string_equal(host->last_note, "Neither a person nor a thing before an even ground was "
                                         "found in the photo, so the photo keeps its place "
                                         "and only takes the light of the scene Arctic.");
    struct picture *picture CLEANUP(picture) = picture_of(host, 0);
    assert_int_equal(picture->width, 1920);
    struct mean mean = mean_of(picture, 0, 0, 1, 1);
    assert_true(mean.red > 1.3 * mean.blue);
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

/* A red can before an even light ground, or cut out already. */
static void write_can(const char *path, int channels)
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
    write_picture(path, picture);
}

static bool is_can(const uint8_t *pixel)
{
    return pixel[0] > 60 && pixel[0] > 2.2 * pixel[1] && pixel[0] > 1.8 * pixel[2];
}

static void test_thing(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        char path[64];
        snprintf(path, sizeof(path), "%s/can%d.png", folder, i + 3);
        write_can(path, i + 3);
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
        missing = rows[i].missing;
        struct host *host CLEANUP(host) = make(photo, rows[i].rest, rows[i].local, 1);
        missing = NULL;
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
    char path[64];
    struct picture *picture CLEANUP(picture) = picture_new(64, 64, 3);
    snprintf(path, sizeof(path), "%s/cut.png", folder);
    write_picture(path, picture);
    assert_int_equal(truncate(path, 60), 0);
    for (int i = 0; i < 2; i++) {
        struct host *host CLEANUP(host) = start(path, "", "{'scene':'arctic'}");
        assert_int_equal(host_run(host), ERR_BAD_INPUT);
        assert_string_equal(host->err.path, "/image_url");
        assert_true(strlen(host->err.message) > 20);
        assert_int_equal(host->run.output_count, 0);
        int fd CLEANUP(fd) = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
        assert_int_equal(write(fd, "just some words", 15), 15);
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
        if (held_find(NULL, names[i], &bytes, &size, &fault) < 0)
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
    snprintf(place, sizeof(place), "%s", source);
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

/* --- all of it --- */

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    static const char *const names[] = {"loud0.png", "loud1.png", "cut.png", "can3.png",
                                        "can4.png"};
    for (size_t i = 0; i < TABLE_SIZE(names); i++) {
        char path[64];
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        unlink(path);
    }
    for (size_t i = 0; i < held_count; i++) {
        free(held[i].name);
        free(held[i].bytes);
    }
    return rmdir(folder);
}

int main(int argc, char **argv)
{
    bool jailed = argc == 4 && strcmp(argv[1], "jailed") == 0;
    if ((argc != 2 && !jailed) || step_process_init(&fault) < 0) {
        fprintf(stderr, "test_steps_look SOURCE %s\n", fault.message);
        return 1;
    }
    source = argv[jailed ? 2 : 1];
    snprintf(photo, sizeof(photo), "%s/tests/data/astronaut.png", source);
    if (jailed)
        return jailed_main(argv[3]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),        cmocka_unit_test(test_same_bytes),
        cmocka_unit_test(test_quantity),     cmocka_unit_test(test_scenes),
        cmocka_unit_test(test_words_choose), cmocka_unit_test(test_moods),
        cmocka_unit_test(test_no_halo),      cmocka_unit_test(test_pencil),
        cmocka_unit_test(test_poster),       cmocka_unit_test(test_sticker),
        cmocka_unit_test(test_drawn),        cmocka_unit_test(test_printed),
        cmocka_unit_test(test_on_paper),     cmocka_unit_test(test_oil),
        cmocka_unit_test(test_nobody),       cmocka_unit_test(test_thing),
        cmocka_unit_test(test_missing),      cmocka_unit_test(test_faults),
        cmocka_unit_test(test_cancel),       cmocka_unit_test(test_in_jail),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
