/* The steps that make stills or lay logos over things: what they make is decoded again and looked
 * at. Run as "test_steps_image VIDEOS", the folder that tests/data/make_videos.py filled. */
#include "runner.h"

#include "media/video.h"
#include "shared/fault.h"
#include "shared/folder.h"
#include "still.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- inputs --- */

/* Four cells of 60 x 40 with 4 white pixels between them and a green frame of 2 around each. */
static void write_grid(void)
{
    static const uint8_t *const colors[] = {still_red, still_blue, still_grey, still_white};
    struct picture *picture CLEANUP(picture) = picture_new(124, 84, 3);
    still_fill(picture, 0, 0, 124, 84, still_white);
    for (int i = 0; i < 4; i++) {
        still_fill(picture, i % 2 * 64, i / 2 * 44, 60, 40, still_green);
        still_fill(picture, i % 2 * 64 + 2, i / 2 * 44 + 2, 56, 36, colors[i]);
    }
    still_write("grid.png", picture, IMAGE_PNG);
}

/* Four cells of 64 x 48, and the first half of its file. */
static void write_photo(void)
{
    static const uint8_t *const colors[] = {still_red, still_blue, still_grey, still_green};
    struct picture *picture CLEANUP(picture) = picture_new(128, 96, 3);
    for (int i = 0; i < 4; i++)
        still_fill(picture, i % 2 * 64, i / 2 * 48, 64, 48, colors[i]);
    still_write("photo.jpg", picture, IMAGE_JPEG);
    still_write("cut.jpg", picture, IMAGE_JPEG);
    struct stat status;
    const char *path = folder_file("cut.jpg");
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(truncate(path, status.st_size - status.st_size / 8), 0);
}

static int make_inputs(void **state)
{
    (void)state;
    write_grid();
    write_photo();
    still_write_flat("red.png", 300, 200, 3, still_red);
    still_write_flat("blue.png", 200, 300, 3, still_blue);
    still_write_flat("grey.png", 90, 60, 3, still_grey);
    still_write_flat("logo.png", 50, 50, 4, still_green);
    still_write_flat("wide.png", 500, 20, 3, still_green);
    still_write_flat("clear.png", 50, 50, 4, (const uint8_t[]){20, 180, 40, 128});
    folder_write("text.png", "no picture at all", 17);
    return 0;
}

/* --- split_grid_images --- */

static void test_split(void **state)
{
    (void)state;
    static const uint8_t *const colors[] = {still_red, still_blue, still_grey, still_white};
    struct host *framed CLEANUP(host) =
        runner_run("split_grid_images", "{'image_url':'@grid.png','grid_pattern':'2x2','gap':4}");
    struct host *trimmed CLEANUP(host) = runner_run(
        "split_grid_images", "{'image_url':'@grid.png','grid_pattern':'2x2','gap':4,'trim':2}");
    assert_int_equal(framed->run.output_count, 4);
    assert_int_equal(trimmed->run.output_count, 4);
    for (size_t i = 0; i < 4; i++) {
        struct picture *cell CLEANUP(picture) = still_result(framed, i, "image/png", 60, 40);
        still_check_part(cell, 0, 0, 60, 2, still_green, 0);
        still_check_part(cell, 58, 0, 2, 40, still_green, 0);
        still_check_part(cell, 2, 2, 56, 36, colors[i], 0);
        struct picture *bare CLEANUP(picture) = still_result(trimmed, i, "image/png", 56, 36);
        still_check_part(bare, 0, 0, 56, 36, colors[i], 0);
    }
}

/* Without a gap every pixel is in exactly one cell, also where the sides do not divide. */
static void test_split_uneven(void **state)
{
    (void)state;
    struct host *host CLEANUP(host) =
        runner_run("split_grid_images", "{'image_url':'@grid.png','grid_pattern':'5x3'}");
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
    runner_fails("split_grid_images", "{'image_url':'@text.png'}", ERR_BAD_INPUT, "/image_url",
                 "no picture");
    runner_fails("split_grid_images", "{'image_url':'@grid.png','trim':30}", ERR_BAD_INPUT,
                 "/image_url", "too small");
    runner_fails("split_grid_images", "{'image_url':'@grid.png','gap':200}", ERR_BAD_INPUT,
                 "/image_url", "124 x 84");
    runner_cancel_at("split_grid_images", "{'image_url':'@grid.png'}", 0.2);
    runner_repeats("split_grid_images", "{'image_url':'@grid.png'}");
}

/* A JPEG gives JPEGs: untouched where cells begin with blocks, else encoded anew. */
static void test_split_jpeg(void **state)
{
    (void)state;
    static const uint8_t *const colors[] = {still_red, still_blue, still_grey, still_green};
    struct host *even CLEANUP(host) =
        runner_run("split_grid_images", "{'image_url':'@photo.jpg','grid_pattern':'2x2'}");
    struct host *trimmed CLEANUP(host) =
        runner_run("split_grid_images", "{'image_url':'@photo.jpg','grid_pattern':'2x2','trim':3}");
    assert_int_equal(even->run.output_count, 4);
    assert_int_equal(trimmed->run.output_count, 4);
    for (size_t i = 0; i < 4; i++) {
        struct picture *cell CLEANUP(picture) = still_result(even, i, "image/jpeg", 64, 48);
        still_check_part(cell, 4, 4, 56, 40, colors[i], 6);
        struct picture *bare CLEANUP(picture) = still_result(trimmed, i, "image/jpeg", 58, 42);
        still_check_part(bare, 4, 4, 50, 34, colors[i], 6);
    }
    runner_cancel_at("split_grid_images", "{'image_url':'@photo.jpg'}", 0.2);
    runner_repeats("split_grid_images", "{'image_url':'@photo.jpg'}");
    runner_fails("split_grid_images", "{'image_url':'@cut.jpg'}", ERR_BAD_INPUT, "/image_url",
                 "damaged or cut off");
}

/* --- tile_grid_images --- */

/* Photos alone give a photo, whether their cells begin at even pixels or not; with another picture it is PNG. */
static void test_tile_jpeg(void **state)
{
    (void)state;
    static const uint8_t *const colors[] = {still_red, still_blue, still_grey, still_green};
    const uint8_t back[] = {16, 32, 48};
    static const int gaps[] = {10, 7};
    for (int g = 0; g < 2; g++) {
        char params[256];
        snprintf(params, sizeof(params),
                 "{'image_urls':['@photo.jpg','@photo.jpg'],'grid_pattern':'1x2','gap':%d,"
                 "'background':'#102030'}",
                 gaps[g]);
        struct host *host CLEANUP(host) = runner_run("tile_grid_images", params);
        struct picture *grid CLEANUP(picture) =
            still_result(host, 0, "image/jpeg", 128, 192 + gaps[g]);
        for (int i = 0; i < 8; i++) {
            int y = i / 4 * (96 + gaps[g]) + i % 4 / 2 * 48;
            still_check_part(grid, i % 2 * 64 + 4, y + 4, 56, 40, colors[i % 4], 8);
        }
        still_check(grid, 60, 96 + gaps[g] / 2, back, 12);
        runner_repeats("tile_grid_images", params);
    }
    struct host *mixed CLEANUP(host) = runner_run(
        "tile_grid_images", "{'image_urls':['@photo.jpg','@red.png'],'grid_pattern':'2x1'}");
    struct picture *both CLEANUP(picture) = still_result(mixed, 0, "image/png", 256, 96);
    still_check(both, 200, 50, still_red, 0);
    runner_fails("tile_grid_images", "{'image_urls':['@photo.jpg','@cut.jpg']}", ERR_BAD_INPUT,
                 "/image_urls/1", "damaged or cut off");
}

static void test_tile(void **state)
{
    (void)state;
    const uint8_t back[] = {16, 32, 48};
    struct host *host CLEANUP(host) =
        runner_run("tile_grid_images", "{'image_urls':['@red.png','@blue.png','@grey.png'],"
                                       "'grid_pattern':'2x2','gap':10,'background':'#102030'}");
    assert_int_equal(host->run.output_count, 1);
    struct picture *grid CLEANUP(picture) = still_result(host, 0, "image/png", 610, 410);
    assert_int_equal(grid->channels, 3);
    still_check_part(grid, 0, 0, 300, 200, still_red, 0);
    still_check_part(grid, 310, 0, 300, 200, still_blue, 0);
    still_check_part(grid, 0, 210, 300, 200, still_grey, 0);
    still_check_part(grid, 300, 0, 10, 410, back, 0);
    still_check_part(grid, 0, 200, 610, 10, back, 0);
    still_check_part(grid, 310, 210, 300, 200, back, 0);
}

static void test_tile_contain(void **state)
{
    (void)state;
    struct host *host CLEANUP(host) = runner_run(
        "tile_grid_images", "{'image_urls':['@red.png','@blue.png'],'grid_pattern':'1x2',"
                            "'fit':'contain','background':'transparent','width':150}");
    struct picture *grid CLEANUP(picture) = still_result(host, 0, "image/png", 150, 200);
    assert_int_equal(grid->channels, 4);
    still_check_part(grid, 0, 0, 150, 100, still_red, 0);
    still_check(grid, 75, 150, still_blue, 0);
    assert_int_equal(picture_at(grid, 75, 150)[3], 255);
    assert_int_equal(picture_at(grid, 10, 150)[3], 0);
    assert_int_equal(picture_at(grid, 140, 150)[3], 0);
    /* a clear picture shows the background */
    struct host *clear CLEANUP(host) =
        runner_run("tile_grid_images",
                   "{'image_urls':['@clear.png'],'grid_pattern':'1x1','background':'#FFFFFF'}");
    struct picture *mixed CLEANUP(picture) = still_result(clear, 0, "image/png", 50, 50);
    still_check_part(mixed, 0, 0, 50, 50, (const uint8_t[]){137, 217, 147}, 1);
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
        struct host *host CLEANUP(host) = runner_run("tile_grid_images", cases[i].params);
        struct picture *grid CLEANUP(picture) =
            still_result(host, 0, "image/png", cases[i].width, cases[i].height);
        still_check(grid, 5, 5, i == 1 ? still_blue : still_red, 0);
    }
}

static void test_tile_faults(void **state)
{
    (void)state;
    runner_fails("tile_grid_images",
                 "{'image_urls':['@red.png','@red.png','@red.png'],'grid_pattern':'2x1'}",
                 ERR_INVALID, "/image_urls", "takes 1 to 2 pictures; 3 were given");
    runner_fails("tile_grid_images", "{'image_urls':['@red.png','@text.png']}", ERR_BAD_INPUT,
                 "/image_urls/1", "/image_urls/1");
    runner_fails("tile_grid_images",
                 "{'image_urls':['@red.png'],'grid_pattern':'8x1','gap':200,'width':64}",
                 ERR_INVALID, "/gap", "no space");
    runner_fails("tile_grid_images",
                 "{'image_urls':['@blue.png'],'grid_pattern':'1x8','width':8192}", ERR_TOO_LARGE,
                 "/width", "98304");
    runner_cancel_at("tile_grid_images", "{'image_urls':['@red.png','@red.png']}", 0.2);
    runner_repeats("tile_grid_images", "{'image_urls':['@red.png','@blue.png']}");
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
        struct host *host CLEANUP(host) = runner_run("overlay_logo", params);
        struct picture *picture CLEANUP(picture) = still_result(host, 0, "image/png", 300, 200);
        still_check_part(picture, cases[i].x, cases[i].y, 40, 40, still_green, 0);
        still_check(picture, cases[i].x - 1, cases[i].y + 20, still_red, 0);
        still_check(picture, cases[i].x + 40, cases[i].y + 20, still_red, 0);
        still_check(picture, cases[i].x + 20, cases[i].y - 1, still_red, 0);
        still_check(picture, cases[i].x + 20, cases[i].y + 40, still_red, 0);
    }
}

static void test_overlay_look(void **state)
{
    (void)state;
    const uint8_t half[] = {120, 105, 30}, quarter[] = {170, 68, 25};
    struct host *faint CLEANUP(host) =
        runner_run("overlay_logo", "{'image_url':'@red.png','logo_url':'@logo.png',"
                                   "'position':'center','opacity':0.5}");
    struct picture *picture CLEANUP(picture) = still_result(faint, 0, "image/png", 300, 200);
    still_check(picture, 150, 100, half, 1);
    struct host *clear CLEANUP(host) =
        runner_run("overlay_logo", "{'image_url':'@red.png','logo_url':'@clear.png',"
                                   "'position':'center','opacity':0.5}");
    struct picture *fainter CLEANUP(picture) = still_result(clear, 0, "image/png", 300, 200);
    still_check(fainter, 150, 100, quarter, 1);
    /* A wide logo becomes 2.5 times as wide as the height that was asked for. */
    struct host *wide CLEANUP(host) =
        runner_run("overlay_logo", "{'image_url':'@red.png','logo_url':'@wide.png','scale':0.2,"
                                   "'position':'top-left','margin':0}");
    struct picture *strip CLEANUP(picture) = still_result(wide, 0, "image/png", 300, 200);
    still_check_part(strip, 0, 0, 100, 4, still_green, 0);
    still_check(strip, 101, 2, still_red, 0);
    still_check(strip, 50, 5, still_red, 0);
    /* However large, it stays inside the margins. */
    struct host *large CLEANUP(host) =
        runner_run("overlay_logo", "{'image_url':'@red.png','logo_url':'@logo.png','scale':1,"
                                   "'position':'center','margin':0.1}");
    struct picture *filled CLEANUP(picture) = still_result(large, 0, "image/png", 300, 200);
    still_check_part(filled, 70, 20, 160, 160, still_green, 0);
    still_check(filled, 150, 19, still_red, 0);
    still_check(filled, 150, 180, still_red, 0);
}

static void test_overlay_video(void **state)
{
    (void)state;
    struct host *host CLEANUP(host) =
        runner_run("overlay_logo", "{'video_url':'%hd.mp4','logo_url':'@logo.png',"
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
        still_check(frame, 72 + 72, 72 + 72, i == 1 ? still_green : ground, 8);
        still_check(frame, 72 + 10, 72 + 130, i == 1 ? still_green : ground, 8);
        still_check(frame, 60, 140, ground, 8);
        still_check(frame, 72 + 160, 140, ground, 8);
    }
    const char *given =
        judge_packets(step_run_input(&host->run, "video_url")->fd, AVMEDIA_TYPE_AUDIO);
    assert_string_equal(given, judge_packets(output->fd, AVMEDIA_TYPE_AUDIO));
}

static void test_overlay_faults(void **state)
{
    (void)state;
    runner_fails("overlay_logo", "{'logo_url':'@logo.png'}", ERR_INVALID, "/image_url", "needed");
    runner_fails("overlay_logo",
                 "{'image_url':'@red.png','video_url':'%hd.mp4','logo_url':'@logo.png'}",
                 ERR_INVALID, "/image_url", "not both");
    runner_fails("overlay_logo", "{'image_url':'@red.png','logo_url':'@text.png'}", ERR_BAD_INPUT,
                 "/logo_url", "no picture");
    runner_fails("overlay_logo", "{'video_url':'@red.png','logo_url':'@logo.png'}", ERR_BAD_INPUT,
                 "/video_url", "no video");
    runner_fails("overlay_logo",
                 "{'video_url':'%hd.mp4','logo_url':'@logo.png','start_time':2,'end_time':1}",
                 ERR_INVALID, "/end_time", "not after");
    runner_fails("overlay_logo", "{'video_url':'%hd.mp4','logo_url':'@logo.png','start_time':9}",
                 ERR_INVALID, "/start_time", "3 s long");
    runner_cancel_at("overlay_logo", "{'image_url':'@red.png','logo_url':'@logo.png'}", 0.2);
    runner_cancel_at("overlay_logo", "{'video_url':'%hd.mp4','logo_url':'@logo.png'}", 0.2);
    runner_repeats("overlay_logo", "{'image_url':'@red.png','logo_url':'@logo.png'}");
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
        struct host *host CLEANUP(host) = runner_run("publish_frames_with_logo", params);
        assert_int_equal(host->run.output_count, 3);
        struct picture *first CLEANUP(picture) = still_result(host, 0, types[i], 300, 200);
        struct picture *second CLEANUP(picture) = still_result(host, 1, types[i], 200, 300);
        /* 32 pixels with 7 to the edges */
        still_check(first, 300 - 7 - 16, 200 - 7 - 16, still_green, 8);
        still_check(second, 200 - 7 - 16, 300 - 7 - 16, still_green, 8);
        still_check(first, 50, 50, still_red, 8);
        still_check(second, 50, 50, still_blue, 8);
    }
    struct host *plain CLEANUP(host) =
        runner_run("publish_frames_with_logo", "{'image_urls':['@red.png'],'format':'png'}");
    struct picture *picture CLEANUP(picture) = still_result(plain, 0, "image/png", 300, 200);
    still_check_part(picture, 0, 0, 300, 200, still_red, 0);
}

/* dark.mp4 is black until 1.5 s and then a test picture. */
static void check_frames(const char *params, const char *dark)
{
    struct host *host CLEANUP(host) = runner_run("publish_frames_with_logo", params);
    assert_int_equal(host->run.output_count, strlen(dark));
    for (size_t i = 0; i < strlen(dark); i++) {
        struct picture *frame CLEANUP(picture) = still_result(host, i, "image/jpeg", 1280, 720);
        bool is_dark = still_is(frame, 400, 300, (const uint8_t[]){0, 0, 0}, 12) &&
                       still_is(frame, 900, 100, (const uint8_t[]){0, 0, 0}, 12);
        assert_int_equal(is_dark, dark[i] == 'd');
        still_check(frame, 1280 - 25 - 57, 720 - 25 - 57, still_green, 12);
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
    runner_fails("publish_frames_with_logo", "{}", ERR_INVALID, "/image_urls", "needed");
    runner_fails("publish_frames_with_logo", "{'image_urls':['@red.png'],'video_url':'%dark.mp4'}",
                 ERR_INVALID, "/image_urls", "not both");
    runner_fails("publish_frames_with_logo", "{'video_url':'%dark.mp4','every_s':0.04}",
                 ERR_INVALID, "/every_s", "75 frames; at most 64");
    runner_fails("publish_frames_with_logo", "{'video_url':'%dark.mp4','every_s':1,'count':2}",
                 ERR_INVALID, "/every_s", "not both");
    runner_fails("publish_frames_with_logo", "{'image_urls':['@text.png']}", ERR_BAD_INPUT,
                 "/image_urls/0", "/image_urls/0");
    runner_fails("publish_frames_with_logo", "{'image_urls':['@red.png'],'logo_url':'@text.png'}",
                 ERR_BAD_INPUT, "/logo_url", "no picture");
    runner_cancel_at("publish_frames_with_logo", "{'video_url':'%dark.mp4'}", 0.2);
    runner_repeats("publish_frames_with_logo", "{'video_url':'%dark.mp4','count':2}");
}

/* Decoding and encoding tell how far they are, and stop in the middle when they are to. */
static void test_large(void **state)
{
    (void)state;
    static const struct {
        const char *type, *params;
    } steps[] = {
        {"overlay_logo", "{'image_url':'@large.png','logo_url':'@logo.png'}"},
        {"crop_to_content", "{'image_url':'@large.png'}"},
        {"split_grid_images", "{'image_url':'@large.png','grid_pattern':'1x1'}"},
        {"publish_frames_with_logo", "{'image_urls':['@large.png'],'format':'png'}"},
        {"tile_grid_images", "{'image_urls':['@large.png'],'grid_pattern':'1x1','width':2000}"},
    };
    still_write_flat("large.png", 2000, 3000, 3, still_blue);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct host *host CLEANUP(host) = runner_run(steps[i].type, steps[i].params);
        if (host->progress_count < 40)
            fail_msg("%s: %zu reports", steps[i].type, host->progress_count);
        for (double at = 0.1; at < 1; at += 0.6) { /* while it decodes, while it encodes */
            struct host *stopped CLEANUP(host) = runner_open(steps[i].type, steps[i].params);
            stopped->cancel_at = at;
            assert_int_equal(host_run(stopped), ERR_CANCELLED);
            if (stopped->progress > at + 0.1)
                fail_msg("%s: %.2f instead of %.2f", steps[i].type, stopped->progress, at);
        }
    }
}

int main(int argc, char **argv)
{
    if (!runner_start(argc, argv))
        return 2;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split),           cmocka_unit_test(test_split_uneven),
        cmocka_unit_test(test_split_faults),    cmocka_unit_test(test_split_jpeg),
        cmocka_unit_test(test_tile_jpeg),       cmocka_unit_test(test_tile),
        cmocka_unit_test(test_tile_contain),    cmocka_unit_test(test_tile_sizes),
        cmocka_unit_test(test_tile_faults),     cmocka_unit_test(test_overlay_positions),
        cmocka_unit_test(test_overlay_look),    cmocka_unit_test(test_overlay_video),
        cmocka_unit_test(test_overlay_faults),  cmocka_unit_test(test_frames_of_images),
        cmocka_unit_test(test_frames_of_video), cmocka_unit_test(test_frames_faults),
        cmocka_unit_test(test_large),
    };
    return cmocka_run_group_tests(tests, make_inputs, folder_remove);
}
