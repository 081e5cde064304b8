/* The steps that make stills or lay logos over things: what they make is decoded again and looked
 * at. Run as "test_steps_image VIDEOS", the folder that tests/data/make_videos.py filled. */
#include "host.h"

#include "base/sha256.h"
#include "media/image.h"
#include "media/video.h"

#include <fcntl.h>
#include <libavformat/avformat.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const char *videos;
static char folder[] = "/tmp/reeld-steps-XXXXXX";
static struct err fault;

static const uint8_t red[4] = {220, 30, 20, 255}, green[4] = {20, 180, 40, 255};
static const uint8_t blue[4] = {30, 40, 220, 255}, grey[4] = {200, 200, 200, 255};
static const uint8_t white[4] = {255, 255, 255, 255};

#define OK(call)                                                                                   \
    do {                                                                                           \
        if ((call) < 0)                                                                            \
            fail_msg("%s: %s", #call, fault.message);                                              \
    } while (0)

/* --- inputs --- */

static const char *place_of(struct arena *a, const char *name)
{
    return arena_printf(a, "%s/%s", folder, name);
}

static void write_picture(const char *name, const struct picture *picture, enum image_format format)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    int fd CLEANUP(fd) = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    OK(image_save(picture, format, 95, fd, &fault));
}

static void fill(struct picture *picture, int x, int y, int width, int height, const uint8_t *color)
{
    for (int row = y; row < y + height; row++) {
        for (int column = x; column < x + width; column++)
            memcpy(picture_at(picture, column, row), color, (size_t)picture->channels);
    }
}

static void write_flat(const char *name, int width, int height, const uint8_t *color, int channels)
{
    struct picture *picture CLEANUP(picture) = picture_new(width, height, channels);
    fill(picture, 0, 0, width, height, color);
    write_picture(name, picture, IMAGE_PNG);
}

/* Four cells of 60 x 40 with 4 white pixels between them and a green frame of 2 around each. */
static void write_grid(void)
{
    static const uint8_t *const colors[] = {red, blue, grey, white};
    struct picture *picture CLEANUP(picture) = picture_new(124, 84, 3);
    fill(picture, 0, 0, 124, 84, white);
    for (int i = 0; i < 4; i++) {
        fill(picture, i % 2 * 64, i / 2 * 44, 60, 40, green);
        fill(picture, i % 2 * 64 + 2, i / 2 * 44 + 2, 56, 36, colors[i]);
    }
    write_picture("grid.png", picture, IMAGE_PNG);
}

/* Four cells of 64 x 48, and the first half of its file. */
static void write_photo(void)
{
    static const uint8_t *const colors[] = {red, blue, grey, green};
    struct picture *picture CLEANUP(picture) = picture_new(128, 96, 3);
    for (int i = 0; i < 4; i++)
        fill(picture, i % 2 * 64, i / 2 * 48, 64, 48, colors[i]);
    write_picture("photo.jpg", picture, IMAGE_JPEG);
    write_picture("cut.jpg", picture, IMAGE_JPEG);
    char path[256];
    struct stat status;
    snprintf(path, sizeof(path), "%s/cut.jpg", folder);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(truncate(path, status.st_size - status.st_size / 8), 0);
}

static int make_inputs(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    write_grid();
    write_photo();
    write_flat("red.png", 300, 200, red, 3);
    write_flat("blue.png", 200, 300, blue, 3);
    write_flat("grey.png", 90, 60, grey, 3);
    write_flat("logo.png", 50, 50, green, 4);
    write_flat("wide.png", 500, 20, green, 3);
    write_flat("clear.png", 50, 50, (const uint8_t[]){20, 180, 40, 128}, 4);
    char path[256];
    snprintf(path, sizeof(path), "%s/text.png", folder);
    FILE *text = fopen(path, "w");
    return text && fputs("no picture at all", text) >= 0 ? fclose(text) : -1;
}

static int remove_inputs(void **state)
{
    (void)state;
    static const char *const names[] = {"grid.png",  "red.png",  "blue.png",  "grey.png",
                                        "logo.png",  "wide.png", "clear.png", "text.png",
                                        "photo.jpg", "cut.jpg"};
    char path[256];
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        unlink(path);
    }
    return rmdir(folder);
}

/* `params` holds @NAME for a picture of this test and %NAME for a video of the folder. */
static struct host *open_step(const char *type, const char *params)
{
    struct arena *a = arena_new();
    char *text = arena_strdup(a, "");
    for (const char *at = params; *at; at++) {
        size_t length = strcspn(at + 1, "'");
        if (*at == '@')
            text = arena_printf(a, "%s%s", text, place_of(a, arena_strndup(a, at + 1, length)));
        else if (*at == '%')
            text = arena_printf(a, "%s%s/%.*s", text, videos, (int)length, at + 1);
        else
            text = arena_printf(a, "%s%c", text, *at);
        at += *at == '@' || *at == '%' ? length : 0;
    }
    struct host *host = host_new(type, text, &fault);
    arena_free(a);
    if (!host)
        fail_msg("%s %s: %s", type, params, fault.message);
    return host;
}

static struct host *run_step(const char *type, const char *params)
{
    struct host *host = open_step(type, params);
    if (host_run(host) < 0)
        fail_msg("%s %s: %s", type, params, host->err.message);
    assert_false(host->progress_fell);
    assert_true(host->progress > 0.999);
    return host;
}

/* --- judging --- */

static struct picture *result(struct host *host, size_t index, const char *content_type, int width,
                              int height)
{
    const struct step_output *output = &host->run.outputs[index];
    assert_true(index < host->run.output_count);
    assert_string_equal(output->content_type, content_type);
    struct image_info info;
    OK(image_probe(output->fd, "result", &info, &fault));
    assert_string_equal(info.content_type, content_type);
    struct picture *picture = NULL;
    OK(image_load(output->fd, "result", 0, 0, false, &picture, &fault));
    assert_int_equal(picture->width, width);
    assert_int_equal(picture->height, height);
    assert_int_equal(output->width, width);
    assert_int_equal(output->height, height);
    return picture;
}

static bool is_color(const struct picture *picture, int x, int y, const uint8_t *color, int slack)
{
    const uint8_t *pixel = picture_at(picture, x, y);
    return abs(pixel[0] - color[0]) <= slack && abs(pixel[1] - color[1]) <= slack &&
           abs(pixel[2] - color[2]) <= slack;
}

static void check_color(const struct picture *picture, int x, int y, const uint8_t *color,
                        int slack)
{
    const uint8_t *pixel = picture_at(picture, x, y);
    if (!is_color(picture, x, y, color, slack))
        fail_msg("at %d, %d: %d %d %d instead of %d %d %d", x, y, pixel[0], pixel[1], pixel[2],
                 color[0], color[1], color[2]);
}

/* Every pixel of the part. */
static void check_part(const struct picture *picture, int x, int y, int width, int height,
                       const uint8_t *color, int slack)
{
    for (int row = y; row < y + height; row++) {
        for (int column = x; column < x + width; column++)
            check_color(picture, column, row, color, slack);
    }
}

static void check_fails(const char *type, const char *params, enum err_code code, const char *path,
                        const char *words)
{
    struct host *host CLEANUP(host) = open_step(type, params);
    assert_int_equal(host_run(host), code);
    assert_string_equal(host->err.path, path);
    if (!strstr(host->err.message, words))
        fail_msg("\"%s\" has no \"%s\"", host->err.message, words);
    assert_int_equal(host->run.output_count, 0);
}

static void check_cancel(const char *type, const char *params)
{
    struct host *host CLEANUP(host) = open_step(type, params);
    host->cancel_at = 0.2;
    assert_int_equal(host_run(host), ERR_CANCELLED);
}

static void check_repeats(const char *type, const char *params)
{
    struct host *first CLEANUP(host) = run_step(type, params);
    struct host *second CLEANUP(host) = run_step(type, params);
    assert_int_equal(first->run.output_count, second->run.output_count);
    for (size_t i = 0; i < first->run.output_count; i++) {
        size_t size, again;
        const void *bytes = host_output_bytes(first, i, &size);
        const void *other = host_output_bytes(second, i, &again);
        assert_int_equal(size, again);
        assert_memory_equal(bytes, other, size);
    }
}

/* --- split_grid_images --- */

static void test_split(void **state)
{
    (void)state;
    static const uint8_t *const colors[] = {red, blue, grey, white};
    struct host *framed CLEANUP(host) =
        run_step("split_grid_images", "{'image_url':'@grid.png','grid_pattern':'2x2','gap':4}");
    struct host *trimmed CLEANUP(host) = run_step(
        "split_grid_images", "{'image_url':'@grid.png','grid_pattern':'2x2','gap':4,'trim':2}");
    assert_int_equal(framed->run.output_count, 4);
    assert_int_equal(trimmed->run.output_count, 4);
    for (size_t i = 0; i < 4; i++) {
        struct picture *cell CLEANUP(picture) = result(framed, i, "image/png", 60, 40);
        check_part(cell, 0, 0, 60, 2, green, 0);
        check_part(cell, 58, 0, 2, 40, green, 0);
        check_part(cell, 2, 2, 56, 36, colors[i], 0);
        struct picture *bare CLEANUP(picture) = result(trimmed, i, "image/png", 56, 36);
        check_part(bare, 0, 0, 56, 36, colors[i], 0);
    }
}

/* Without a gap every pixel is in exactly one cell, also where the sides do not divide. */
static void test_split_uneven(void **state)
{
    (void)state;
    struct host *host CLEANUP(host) =
        run_step("split_grid_images", "{'image_url':'@grid.png','grid_pattern':'5x3'}");
    assert_int_equal(host->run.output_count, 15);
    int width = 0, height = 0;
    for (size_t i = 0; i < 15; i++) {
        width += i < 5 ? host->run.outputs[i].width : 0;
        height += i % 5 == 0 ? host->run.outputs[i].height : 0;
        assert_in_range(host->run.outputs[i].width, 24, 25);
        assert_int_equal(host->run.outputs[i].height, 28);
    }
    assert_int_equal(width, 124);
    assert_int_equal(height, 84);
}

static void test_split_faults(void **state)
{
    (void)state;
    check_fails("split_grid_images", "{'image_url':'@text.png'}", ERR_BAD_INPUT, "/image_url",
                "no picture");
    check_fails("split_grid_images", "{'image_url':'@grid.png','trim':30}", ERR_BAD_INPUT,
                "/image_url", "too small");
    check_fails("split_grid_images", "{'image_url':'@grid.png','gap':200}", ERR_BAD_INPUT,
                "/image_url", "124 x 84");
    check_cancel("split_grid_images", "{'image_url':'@grid.png'}");
    check_repeats("split_grid_images", "{'image_url':'@grid.png'}");
}

/* A JPEG gives JPEGs: untouched where cells begin with blocks, else encoded anew. */
static void test_split_jpeg(void **state)
{
    (void)state;
    static const uint8_t *const colors[] = {red, blue, grey, green};
    struct host *even CLEANUP(host) =
        run_step("split_grid_images", "{'image_url':'@photo.jpg','grid_pattern':'2x2'}");
    struct host *trimmed CLEANUP(host) =
        run_step("split_grid_images", "{'image_url':'@photo.jpg','grid_pattern':'2x2','trim':3}");
    assert_int_equal(even->run.output_count, 4);
    assert_int_equal(trimmed->run.output_count, 4);
    for (size_t i = 0; i < 4; i++) {
        struct picture *cell CLEANUP(picture) = result(even, i, "image/jpeg", 64, 48);
        check_part(cell, 4, 4, 56, 40, colors[i], 6);
        struct picture *bare CLEANUP(picture) = result(trimmed, i, "image/jpeg", 58, 42);
        check_part(bare, 4, 4, 50, 34, colors[i], 6);
    }
    check_cancel("split_grid_images", "{'image_url':'@photo.jpg'}");
    check_repeats("split_grid_images", "{'image_url':'@photo.jpg'}");
    check_fails("split_grid_images", "{'image_url':'@cut.jpg'}", ERR_BAD_INPUT, "/image_url",
                "damaged or cut off");
}

/* --- tile_grid_images --- */

/* Photos alone give a photo, whether their cells begin at even pixels or not; with another picture it is PNG. */
static void test_tile_jpeg(void **state)
{
    (void)state;
    static const uint8_t *const colors[] = {red, blue, grey, green};
    const uint8_t back[] = {16, 32, 48};
    static const int gaps[] = {10, 7};
    for (int g = 0; g < 2; g++) {
        char params[256];
        snprintf(params, sizeof(params),
                 "{'image_urls':['@photo.jpg','@photo.jpg'],'grid_pattern':'1x2','gap':%d,"
                 "'background':'#102030'}",
                 gaps[g]);
        struct host *host CLEANUP(host) = run_step("tile_grid_images", params);
        struct picture *grid CLEANUP(picture) = result(host, 0, "image/jpeg", 128, 192 + gaps[g]);
        for (int i = 0; i < 8; i++) {
            int y = i / 4 * (96 + gaps[g]) + i % 4 / 2 * 48;
            check_part(grid, i % 2 * 64 + 4, y + 4, 56, 40, colors[i % 4], 8);
        }
        check_color(grid, 60, 96 + gaps[g] / 2, back, 12);
        check_repeats("tile_grid_images", params);
    }
    struct host *mixed CLEANUP(host) = run_step(
        "tile_grid_images", "{'image_urls':['@photo.jpg','@red.png'],'grid_pattern':'2x1'}");
    struct picture *both CLEANUP(picture) = result(mixed, 0, "image/png", 256, 96);
    check_color(both, 200, 50, red, 0);
    check_fails("tile_grid_images", "{'image_urls':['@photo.jpg','@cut.jpg']}", ERR_BAD_INPUT,
                "/image_urls/1", "damaged or cut off");
}

static void test_tile(void **state)
{
    (void)state;
    const uint8_t back[] = {16, 32, 48};
    struct host *host CLEANUP(host) =
        run_step("tile_grid_images", "{'image_urls':['@red.png','@blue.png','@grey.png'],"
                                     "'grid_pattern':'2x2','gap':10,'background':'#102030'}");
    assert_int_equal(host->run.output_count, 1);
    struct picture *grid CLEANUP(picture) = result(host, 0, "image/png", 610, 410);
    assert_int_equal(grid->channels, 3);
    check_part(grid, 0, 0, 300, 200, red, 0);
    check_part(grid, 310, 0, 300, 200, blue, 0);
    check_part(grid, 0, 210, 300, 200, grey, 0);
    check_part(grid, 300, 0, 10, 410, back, 0);
    check_part(grid, 0, 200, 610, 10, back, 0);
    check_part(grid, 310, 210, 300, 200, back, 0);
}

static void test_tile_contain(void **state)
{
    (void)state;
    struct host *host CLEANUP(host) =
        run_step("tile_grid_images", "{'image_urls':['@red.png','@blue.png'],'grid_pattern':'1x2',"
                                     "'fit':'contain','background':'transparent','width':150}");
    struct picture *grid CLEANUP(picture) = result(host, 0, "image/png", 150, 200);
    assert_int_equal(grid->channels, 4);
    check_part(grid, 0, 0, 150, 100, red, 0);
    check_color(grid, 75, 150, blue, 0);
    assert_int_equal(picture_at(grid, 75, 150)[3], 255);
    assert_int_equal(picture_at(grid, 10, 150)[3], 0);
    assert_int_equal(picture_at(grid, 140, 150)[3], 0);
    /* a clear picture shows the background */
    struct host *clear CLEANUP(host) =
        run_step("tile_grid_images",
                 "{'image_urls':['@clear.png'],'grid_pattern':'1x1','background':'#FFFFFF'}");
    struct picture *mixed CLEANUP(picture) = result(clear, 0, "image/png", 50, 50);
    check_part(mixed, 0, 0, 50, 50, (const uint8_t[]){137, 217, 147}, 1);
}

static void test_tile_sizes(void **state)
{
    (void)state;
    static const struct {
        const char *params;
        int width, height;
    } cases[] = {
        {"{'image_urls':['@red.png'],'grid_pattern':'8x1'}", 1920, 160},
        {"{'image_urls':['@blue.png'],'grid_pattern':'2x8'}", 320, 1920},
        {"{'image_urls':['@red.png'],'grid_pattern':'3x1','width':1001}", 1001, 222},
        {"{'image_urls':['@red.png'],'grid_pattern':'3x1','width':100,'gap':7}", 100, 19},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct host *host CLEANUP(host) = run_step("tile_grid_images", cases[i].params);
        struct picture *grid CLEANUP(picture) =
            result(host, 0, "image/png", cases[i].width, cases[i].height);
        check_color(grid, 5, 5, i == 1 ? blue : red, 0);
    }
}

static void test_tile_faults(void **state)
{
    (void)state;
    check_fails("tile_grid_images",
                "{'image_urls':['@red.png','@red.png','@red.png'],'grid_pattern':'2x1'}",
                ERR_INVALID, "/image_urls", "takes 1 to 2 pictures; 3 were given");
    check_fails("tile_grid_images", "{'image_urls':['@red.png','@text.png']}", ERR_BAD_INPUT,
                "/image_urls/1", "/image_urls/1");
    check_fails("tile_grid_images",
                "{'image_urls':['@red.png'],'grid_pattern':'8x1','gap':200,'width':64}",
                ERR_INVALID, "/gap", "no space");
    check_fails("tile_grid_images",
                "{'image_urls':['@blue.png'],'grid_pattern':'1x8','width':8192}", ERR_TOO_LARGE,
                "/width", "98304");
    check_cancel("tile_grid_images", "{'image_urls':['@red.png','@red.png']}");
    check_repeats("tile_grid_images", "{'image_urls':['@red.png','@blue.png']}");
}

/* --- overlay_logo --- */

static void test_overlay_positions(void **state)
{
    (void)state;
    static const struct {
        const char *position;
        int x, y;
    } cases[] = {
        {"top-left", 20, 20},     {"top-center", 130, 20},     {"top-right", 240, 20},
        {"center-left", 20, 80},  {"center", 130, 80},         {"center-right", 240, 80},
        {"bottom-left", 20, 140}, {"bottom-center", 130, 140}, {"bottom-right", 240, 140},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char params[256];
        snprintf(params, sizeof(params),
                 "{'image_url':'@red.png','logo_url':'@logo.png','position':'%s','scale':0.2,"
                 "'margin':0.1}",
                 cases[i].position);
        struct host *host CLEANUP(host) = run_step("overlay_logo", params);
        struct picture *picture CLEANUP(picture) = result(host, 0, "image/png", 300, 200);
        check_part(picture, cases[i].x, cases[i].y, 40, 40, green, 0);
        check_color(picture, cases[i].x - 1, cases[i].y + 20, red, 0);
        check_color(picture, cases[i].x + 40, cases[i].y + 20, red, 0);
        check_color(picture, cases[i].x + 20, cases[i].y - 1, red, 0);
        check_color(picture, cases[i].x + 20, cases[i].y + 40, red, 0);
    }
}

static void test_overlay_look(void **state)
{
    (void)state;
    const uint8_t half[] = {120, 105, 30}, quarter[] = {170, 68, 25};
    struct host *faint CLEANUP(host) =
        run_step("overlay_logo", "{'image_url':'@red.png','logo_url':'@logo.png',"
                                 "'position':'center','opacity':0.5}");
    struct picture *picture CLEANUP(picture) = result(faint, 0, "image/png", 300, 200);
    check_color(picture, 150, 100, half, 1);
    struct host *clear CLEANUP(host) =
        run_step("overlay_logo", "{'image_url':'@red.png','logo_url':'@clear.png',"
                                 "'position':'center','opacity':0.5}");
    struct picture *fainter CLEANUP(picture) = result(clear, 0, "image/png", 300, 200);
    check_color(fainter, 150, 100, quarter, 1);
    /* A wide logo becomes 2.5 times as wide as the height that was asked for. */
    struct host *wide CLEANUP(host) =
        run_step("overlay_logo", "{'image_url':'@red.png','logo_url':'@wide.png','scale':0.2,"
                                 "'position':'top-left','margin':0}");
    struct picture *strip CLEANUP(picture) = result(wide, 0, "image/png", 300, 200);
    check_part(strip, 0, 0, 100, 4, green, 0);
    check_color(strip, 101, 2, red, 0);
    check_color(strip, 50, 5, red, 0);
    /* However large, it stays inside the margins. */
    struct host *large CLEANUP(host) =
        run_step("overlay_logo", "{'image_url':'@red.png','logo_url':'@logo.png','scale':1,"
                                 "'position':'center','margin':0.1}");
    struct picture *filled CLEANUP(picture) = result(large, 0, "image/png", 300, 200);
    check_part(filled, 70, 20, 160, 160, green, 0);
    check_color(filled, 150, 19, red, 0);
    check_color(filled, 150, 180, red, 0);
}

/* The bytes of the sound's packets, and how many. */
static int sound_hash(const char *path, char ret_hex[SHA256_HEX_SIZE])
{
    AVFormatContext *file = NULL;
    assert_int_equal(avformat_open_input(&file, path, NULL, NULL), 0);
    assert_true(avformat_find_stream_info(file, NULL) >= 0);
    int index = av_find_best_stream(file, AVMEDIA_TYPE_AUDIO, -1, -1, NULL, 0), count = 0;
    assert_true(index >= 0);
    AVPacket *packet = av_packet_alloc();
    struct buffer all CLEANUP(buffer) = {0};
    while (av_read_frame(file, packet) >= 0) {
        if (packet->stream_index == index) {
            buffer_append(&all, packet->data, (size_t)packet->size);
            count++;
        }
        av_packet_unref(packet);
    }
    av_packet_free(&packet);
    avformat_close_input(&file);
    sha256_hex(all.bytes, all.size, ret_hex);
    return count;
}

static void test_overlay_video(void **state)
{
    (void)state;
    struct host *host CLEANUP(host) =
        run_step("overlay_logo", "{'video_url':'%hd.mp4','logo_url':'@logo.png',"
                                 "'position':'top-left','scale':0.2,'margin':0.1,"
                                 "'start_time':1,'end_time':2}");
    const struct step_output *output = &host->run.outputs[0];
    assert_int_equal(host->run.output_count, 1);
    assert_string_equal(output->content_type, "video/mp4");
    assert_int_equal(output->width, 1280);
    assert_int_equal(output->height, 720);
    assert_in_range(output->duration_ms, 2950, 3100);
    struct video_reader *reader CLEANUP(video_reader) = NULL;
    OK(video_reader_new(output->fd, "result", &reader, &fault));
    const uint8_t ground[] = {0x20, 0x40, 0x60};
    for (int i = 0; i < 3; i++) {
        struct picture *frame CLEANUP(picture) = NULL;
        OK(video_reader_at(reader, 0.5 + i, &frame, &fault));
        check_color(frame, 72 + 72, 72 + 72, i == 1 ? green : ground, 8);
        check_color(frame, 72 + 10, 72 + 130, i == 1 ? green : ground, 8);
        check_color(frame, 60, 140, ground, 8);
        check_color(frame, 72 + 160, 140, ground, 8);
    }
    char before[SHA256_HEX_SIZE], after[SHA256_HEX_SIZE], path[512];
    snprintf(path, sizeof(path), "%s/hd.mp4", videos);
    int count = sound_hash(path, before);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", output->fd);
    assert_int_equal(sound_hash(path, after), count);
    assert_true(count > 100);
    assert_string_equal(before, after);
}

static void test_overlay_faults(void **state)
{
    (void)state;
    check_fails("overlay_logo", "{'logo_url':'@logo.png'}", ERR_INVALID, "/image_url", "needed");
    check_fails("overlay_logo",
                "{'image_url':'@red.png','video_url':'%hd.mp4','logo_url':'@logo.png'}",
                ERR_INVALID, "/image_url", "not both");
    check_fails("overlay_logo", "{'image_url':'@red.png','logo_url':'@text.png'}", ERR_BAD_INPUT,
                "/logo_url", "no picture");
    check_fails("overlay_logo", "{'video_url':'@red.png','logo_url':'@logo.png'}", ERR_BAD_INPUT,
                "/video_url", "no video");
    check_fails("overlay_logo",
                "{'video_url':'%hd.mp4','logo_url':'@logo.png','start_time':2,'end_time':1}",
                ERR_INVALID, "/end_time", "not after");
    check_fails("overlay_logo", "{'video_url':'%hd.mp4','logo_url':'@logo.png','start_time':9}",
                ERR_INVALID, "/start_time", "3 s long");
    check_cancel("overlay_logo", "{'image_url':'@red.png','logo_url':'@logo.png'}");
    check_cancel("overlay_logo", "{'video_url':'%hd.mp4','logo_url':'@logo.png'}");
    check_repeats("overlay_logo", "{'image_url':'@red.png','logo_url':'@logo.png'}");
}

/* --- publish_frames_with_logo --- */

static void test_frames_of_images(void **state)
{
    (void)state;
    static const char *const types[] = {"image/jpeg", "image/png", "image/webp"};
    for (int i = 0; i < 3; i++) {
        char params[256];
        snprintf(params, sizeof(params),
                 "{'image_urls':['@red.png','@blue.png','@red.png'],'logo_url':'@logo.png',"
                 "'format':'%s'}",
                 types[i] + strlen("image/"));
        struct host *host CLEANUP(host) = run_step("publish_frames_with_logo", params);
        assert_int_equal(host->run.output_count, 3);
        struct picture *first CLEANUP(picture) = result(host, 0, types[i], 300, 200);
        struct picture *second CLEANUP(picture) = result(host, 1, types[i], 200, 300);
        /* 32 pixels with 7 to the edges */
        check_color(first, 300 - 7 - 16, 200 - 7 - 16, green, 8);
        check_color(second, 200 - 7 - 16, 300 - 7 - 16, green, 8);
        check_color(first, 50, 50, red, 8);
        check_color(second, 50, 50, blue, 8);
    }
    struct host *plain CLEANUP(host) =
        run_step("publish_frames_with_logo", "{'image_urls':['@red.png'],'format':'png'}");
    struct picture *picture CLEANUP(picture) = result(plain, 0, "image/png", 300, 200);
    check_part(picture, 0, 0, 300, 200, red, 0);
}

/* dark.mp4 is black until 1.5 s and then a test picture. */
static void check_frames(const char *params, const char *dark)
{
    struct host *host CLEANUP(host) = run_step("publish_frames_with_logo", params);
    assert_int_equal(host->run.output_count, strlen(dark));
    for (size_t i = 0; i < strlen(dark); i++) {
        struct picture *frame CLEANUP(picture) = result(host, i, "image/jpeg", 1280, 720);
        bool is_dark = is_color(frame, 400, 300, (const uint8_t[]){0, 0, 0}, 12) &&
                       is_color(frame, 900, 100, (const uint8_t[]){0, 0, 0}, 12);
        assert_int_equal(is_dark, dark[i] == 'd');
        check_color(frame, 1280 - 25 - 57, 720 - 25 - 57, green, 12);
    }
}

static void test_frames_of_video(void **state)
{
    (void)state;
    check_frames("{'video_url':'%dark.mp4','logo_url':'@logo.png'}", "dd--");
    check_frames("{'video_url':'%dark.mp4','logo_url':'@logo.png','count':3}", "d--");
    check_frames("{'video_url':'%dark.mp4','logo_url':'@logo.png','every_s':1}", "dd-");
    check_frames("{'video_url':'%dark.mp4','logo_url':'@logo.png','every_s':100}", "d");
}

static void test_frames_faults(void **state)
{
    (void)state;
    check_fails("publish_frames_with_logo", "{}", ERR_INVALID, "/image_urls", "needed");
    check_fails("publish_frames_with_logo", "{'image_urls':['@red.png'],'video_url':'%dark.mp4'}",
                ERR_INVALID, "/image_urls", "not both");
    check_fails("publish_frames_with_logo", "{'video_url':'%dark.mp4','every_s':0.04}", ERR_INVALID,
                "/every_s", "75 frames; at most 64");
    check_fails("publish_frames_with_logo", "{'video_url':'%dark.mp4','every_s':1,'count':2}",
                ERR_INVALID, "/every_s", "not both");
    check_fails("publish_frames_with_logo", "{'image_urls':['@text.png']}", ERR_BAD_INPUT,
                "/image_urls/0", "/image_urls/0");
    check_fails("publish_frames_with_logo", "{'image_urls':['@red.png'],'logo_url':'@text.png'}",
                ERR_BAD_INPUT, "/logo_url", "no picture");
    check_cancel("publish_frames_with_logo", "{'video_url':'%dark.mp4'}");
    check_repeats("publish_frames_with_logo", "{'video_url':'%dark.mp4','count':2}");
}

int main(int argc, char **argv)
{
    if (argc != 2 || image_init(&fault) < 0 || video_init(&fault) < 0) {
        fprintf(stderr, "test_steps_image VIDEOS %s\n", fault.message);
        return 1;
    }
    videos = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split),           cmocka_unit_test(test_split_uneven),
        cmocka_unit_test(test_split_faults),    cmocka_unit_test(test_split_jpeg),
        cmocka_unit_test(test_tile_jpeg),       cmocka_unit_test(test_tile),
        cmocka_unit_test(test_tile_contain),    cmocka_unit_test(test_tile_sizes),
        cmocka_unit_test(test_tile_faults),     cmocka_unit_test(test_overlay_positions),
        cmocka_unit_test(test_overlay_look),    cmocka_unit_test(test_overlay_video),
        cmocka_unit_test(test_overlay_faults),  cmocka_unit_test(test_frames_of_images),
        cmocka_unit_test(test_frames_of_video), cmocka_unit_test(test_frames_faults),
    };
    return cmocka_run_group_tests(tests, make_inputs, remove_inputs);
}
