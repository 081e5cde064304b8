/* The steps that cut out and crop: known patterns at known places. Run as "test_steps_background VIDEOS PROJECT". */
#include "runner.h"

#include "media/restyle.h"
#include "media/video.h"
#include "shared/fault.h"
#include "shared/folder.h"
#include "still.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *project;
static const uint8_t screen[4] = {20, 200, 40, 255}; /* a green one */

/* --- inputs --- */

/* A rectangle on a ground. */
static void write_box(const char *name, int width, int height, int channels, const uint8_t *ground,
                      int x, int y, int box_width, int box_height, const uint8_t *color)
{
    struct picture *picture CLEANUP(picture) = still_flat(width, height, channels, ground);
    still_fill(picture, x, y, box_width, box_height, color);
    still_write(name, picture, IMAGE_PNG);
}

static double disc(double x, double y, double centre_x, double centre_y, double radius)
{
    return fmin(1, fmax(0, radius + 0.5 - hypot(x - centre_x, y - centre_y)));
}

/* A disc with a soft edge, red with a stripe of grey, on an even ground with slow shade and a little noise. */
static void write_disc(const char *name, const uint8_t *ground, double shade)
{
    struct picture *picture CLEANUP(picture) = picture_new(320, 240, 3);
    for (int y = 0; y < 240; y++) {
        for (int x = 0; x < 320; x++) {
            double a = disc(x, y, 160, 120, 70), dark = 1 - shade * x / 320;
            const uint8_t *front =
                y > 110 && y < 130 ? (const uint8_t[]){150, 150, 150} : still_red;
            for (int c = 0; c < 3; c++)
                picture_at(picture, x, y)[c] = (uint8_t)lround(
                    a * front[c] + (1 - a) * (ground[c] * dark + (x * 7 + y * 13) % 5 - 2));
        }
    }
    still_write(name, picture, IMAGE_PNG);
}

static struct video_writer *start_video(int fd, int width, int height, int frames)
{
    const struct video_writer_settings settings = {.width = width,
                                                   .height = height,
                                                   .rate_numerator = 25,
                                                   .rate_denominator = 1,
                                                   .frame_count = frames};
    struct video_writer *writer;
    OK(video_writer_new(fd, &settings, &writer, &fault));
    return writer;
}

/* A red square of 40 pixels that goes 4 pixels to the right with every frame, from x = 40. */
static void write_moving(const char *name, const uint8_t *ground, int frames)
{
    int fd CLEANUP(fd) = folder_create(name);
    struct video_writer *writer CLEANUP(video_writer) = start_video(fd, 320, 180, frames);
    for (int i = 0; i < frames; i++) {
        struct picture *frame CLEANUP(picture) = still_flat(320, 180, 3, ground);
        still_fill(frame, 40 + 4 * i, 60, 40, 40, still_red);
        OK(video_writer_frame(writer, frame, &fault));
    }
    OK(video_writer_finish(writer, &fault));
}

static struct picture *astronaut(int side)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/tests/data/astronaut.png", project);
    struct picture *photo CLEANUP(picture) = still_load(path);
    return image_resize(photo, side, side);
}

/* A person who does not move, under the noise of a camera that is different in every frame. */
static void write_person(const char *name, int frames)
{
    int fd CLEANUP(fd) = folder_create(name);
    struct picture *photo CLEANUP(picture) = astronaut(320);
    struct video_writer *writer CLEANUP(video_writer) = start_video(fd, 320, 320, frames);
    uint32_t noise = 1;
    for (int i = 0; i < frames; i++) {
        struct picture *frame CLEANUP(picture) = picture_copy(photo);
        for (int k = 0; k < 320 * 320 * 3; k++) {
            noise = noise * 1664525u + 1013904223u;
            int value = frame->pixels[k] + (int)(noise >> 28) - 8;
            frame->pixels[k] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
        }
        OK(video_writer_frame(writer, frame, &fault));
    }
    OK(video_writer_finish(writer, &fault));
}

static int make_inputs(void **state)
{
    (void)state;
    write_box("blue.png", 300, 200, 3, still_blue, 0, 0, 1, 1, still_blue);
    write_box("odd.png", 301, 201, 3, still_blue, 0, 0, 1, 1, still_blue);
    write_box("alpha.png", 100, 100, 4, still_clear, 30, 10, 40, 80, still_red);
    write_box("feet.png", 100, 100, 4, still_clear, 30, 20, 40, 80, still_red);
    write_box("half.png", 320, 240, 3, still_black, 0, 0, 160, 240, still_white);
    write_disc("screen.png", screen, 0.15);
    write_disc("studio.png", (const uint8_t[]){205, 206, 210}, 0.2);
    write_box("border.png", 120, 90, 3, still_white, 30, 20, 50, 40, still_red);
    write_box("clear.png", 120, 90, 4, still_clear, 25, 35, 60, 20, still_blue);
    write_box("flat.png", 64, 48, 3, still_blue, 0, 0, 1, 1, still_blue);
    write_box("nothing.png", 64, 48, 4, still_clear, 0, 0, 1, 1, still_clear);
    struct picture *sides CLEANUP(picture) = still_flat(200, 150, 3, screen);
    still_fill(sides, 0, 0, 200, 21, still_black);
    still_fill(sides, 0, 140, 200, 10, still_white);
    for (int i = 0; i < 200; i++) /* noise and one speck */
        picture_at(sides, i, i % 21)[1] = (uint8_t)(i % 12);
    still_fill(sides, 50, 70, 100, 10, still_red);
    still_fill(sides, 0, 60, 200, 5, still_blue);
    still_fill(sides, 90, 21, 5, 119, still_blue);
    still_write("sides.png", sides, IMAGE_PNG);
    struct picture *person CLEANUP(picture) = astronaut(512);
    still_write("person.png", person, IMAGE_PNG);
    write_moving("screen.mp4", screen, 25);
    write_moving("box.mp4", still_black, 20);
    write_person("person.mp4", 16);
    folder_write("broken.png", "no picture at all", 17);
    return 0;
}

/* --- looking --- */

/* The only result. */
static struct picture *still_of(const struct host *host, int width, int height)
{
    assert_int_equal(host->run.output_count, 1);
    return still_result(host, 0, "image/png", width, height);
}

/* Inside the box everything has its colour and around it nothing has, `blur` pixels at the edge excepted. */
static void check_box(const struct picture *picture, int x, int y, int width, int height,
                      const uint8_t *color, const uint8_t *ground, int blur)
{
    for (int row = 0; row < picture->height; row++) {
        for (int column = 0; column < picture->width; column++) {
            bool inside = column >= x + blur && column < x + width - blur && row >= y + blur &&
                          row < y + height - blur;
            bool outside = column < x - blur || column >= x + width + blur || row < y - blur ||
                           row >= y + height + blur;
            if (!inside && !outside)
                continue;
            const uint8_t *wanted = inside ? color : ground, *is = picture_at(picture, column, row);
            if (!still_is(picture, column, row, wanted, 3))
                fail_msg("at %d, %d: %d %d %d instead of %d %d %d", column, row, is[0], is[1],
                         is[2], wanted[0], wanted[1], wanted[2]);
        }
    }
}

/* --- replace_background: stills --- */

static void test_remove_person(void **state)
{
    (void)state;
    struct host *host CLEANUP(host) =
        runner_run("replace_background", "{'image_url':'@person.png'}");
    struct picture *cut CLEANUP(picture) = still_of(host, 512, 512);
    struct picture *photo CLEANUP(picture) = astronaut(512);
    static const int inside[][2] = {{224, 130}, {230, 30}, {200, 400}, {400, 420}};
    static const int outside[][2] = {{120, 60}, {430, 150}, {30, 60}, {495, 350}};
    assert_int_equal(cut->channels, 4);
    assert_int_equal(host->note_count, 0);
    assert_string_equal(host->run.provider, "local");
    for (size_t i = 0; i < 4; i++) {
        const uint8_t *pixel = picture_at(cut, inside[i][0], inside[i][1]);
        assert_int_equal(pixel[3], 255);
        assert_memory_equal(pixel, picture_at(photo, inside[i][0], inside[i][1]), 3);
        assert_int_equal(picture_at(cut, outside[i][0], outside[i][1])[3], 0);
    }
}

/* The disc is kept, the green is gone, at the edge and where it shone through. */
static void check_disc(const struct picture *cut, int slack)
{
    double wrong = 0, spill = 0;
    for (int y = 0; y < 240; y++) {
        for (int x = 0; x < 320; x++) {
            const uint8_t *pixel = picture_at(cut, x, y);
            wrong += fabs(pixel[3] / 255.0 - disc(x, y, 160, 120, 70));
            int most = pixel[0] > pixel[2] ? pixel[0] : pixel[2];
            if (pixel[3] > 25)
                spill = fmax(spill, pixel[1] - most);
        }
    }
    /* Per pixel of the disc's edge. */
    double off = wrong / (2 * M_PI * 70);
    printf("  %.2f pixels off at the edge, most green left over: %.0f\n", off, spill);
    assert_true(off < 0.35);
    assert_true(spill <= 12);
    assert_true(still_is(cut, 160, 80, still_red, slack));
    assert_true(still_is(cut, 160, 120, (const uint8_t[]){150, 150, 150, 255}, slack));
}

static void test_chroma_key(void **state)
{
    (void)state;
    struct host *host CLEANUP(host) = runner_run(
        "replace_background", "{'image_url':'@screen.png','chroma_key_color':'#14C828'}");
    struct picture *cut CLEANUP(picture) = still_of(host, 320, 240);
    check_disc(cut, 3);
    /* The tolerance decides: without any the shade of the screen stays. */
    struct host *narrow CLEANUP(host) =
        runner_run("replace_background", "{'image_url':'@screen.png','chroma_key_color':'#14C828',"
                                         "'chroma_tolerance':0}");
    struct picture *rest CLEANUP(picture) = still_of(narrow, 320, 240);
    assert_true(picture_at(rest, 310, 10)[3] > 5);
    assert_int_equal(picture_at(cut, 310, 10)[3], 0);
    /* Wide enough, everything goes: then there is nothing to be cut out. */
    struct host *wide CLEANUP(host) =
        runner_run("replace_background", "{'image_url':'@screen.png','chroma_key_color':'#14C828',"
                                         "'chroma_tolerance':1}");
    assert_non_null(strstr(wide->last_note, "No subject was found"));
    /* White is a key as well. */
    struct host *paper CLEANUP(host) =
        runner_run("replace_background", "{'image_url':'@border.png','chroma_key_color':'#FFF'}");
    struct picture *box CLEANUP(picture) = still_of(paper, 120, 90);
    assert_int_equal(picture_at(box, 5, 5)[3], 0);
    assert_true(still_is(box, 55, 40, still_red, 1));
}

static void test_thing_before_an_even_ground(void **state)
{
    (void)state;
    struct host *host CLEANUP(host) =
        runner_run("replace_background", "{'image_url':'@studio.png'}");
    struct picture *cut CLEANUP(picture) = still_of(host, 320, 240);
    check_disc(cut, 3);
    assert_non_null(strstr(host->last_note, "No person was found"));
    /* Nothing to go by. */
    struct host *none CLEANUP(host) = runner_run(
        "replace_background", "{'image_url':'$tests/data/coffee.png','option':'ReplaceBackground',"
                              "'color':'#0000FF'}");
    struct picture *whole CLEANUP(picture) = still_of(none, 600, 400);
    assert_non_null(strstr(none->last_note, "No subject was found in the picture"));
    assert_false(still_is(whole, 5, 5, (const uint8_t[]){0, 0, 255}, 60));
}

static void test_given_masks(void **state)
{
    (void)state;
    struct host *host CLEANUP(host) =
        runner_run("replace_background", "{'image_url':'@studio.png','mask_url':'@half.png',"
                                         "'option':'ReplaceBackground','color':'#1E28DC'}");
    struct picture *half CLEANUP(picture) = still_of(host, 320, 240);
    assert_true(still_is(half, 170, 120, still_blue, 0));
    assert_true(still_is(half, 300, 10, still_blue, 0));
    assert_true(still_is(half, 130, 80, still_red, 3));
    struct host *own CLEANUP(host) =
        runner_run("replace_background",
                   "{'image_url':'@alpha.png','option':'ReplaceBackground','color':'#1E28DC'}");
    struct picture *filled CLEANUP(picture) = still_of(own, 100, 100);
    check_box(filled, 30, 10, 40, 80, still_red, still_blue, 0);
}

/* 40 x 80 pixels of still_red, laid over 300 x 200 pixels of blue at half its height. */
static void test_places(void **state)
{
    (void)state;
    static const struct {
        const char *image, *more;
        int x, y, width, height;
    } cases[] = {
        {"alpha.png", "'overlay_scale':0.5", 125, 50, 50, 100},
        {"alpha.png", "'overlay_scale':0.5,'alignment':'left'", 0, 50, 50, 100},
        {"alpha.png", "'overlay_scale':0.5,'alignment':'right'", 250, 50, 50, 100},
        {"feet.png", "'overlay_scale':0.5,'alignment':'center'", 125, 100, 50, 100},
        {"alpha.png", "'overlay_scale':0.4,'x_offset':20,'y_offset':-30", 150, 30, 40, 80},
        {"alpha.png", "'overlay_scale':0.4,'alignment':'left','x_offset':-20", -20, 60, 40, 80},
        {"alpha.png", "'overlay_scale':1", 100, 0, 100, 200},
        {"alpha.png", "'alignment':'left'", 0, 33, 67, 133},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char params[512];
        snprintf(params, sizeof(params),
                 "{'image_url':'@%s','option':'ReplaceBackground','background_url':'@blue.png',%s}",
                 cases[i].image, cases[i].more);
        struct host *host CLEANUP(host) = runner_run("replace_background", params);
        struct picture *laid CLEANUP(picture) = still_of(host, 300, 200);
        check_box(laid, cases[i].x, cases[i].y, cases[i].width, cases[i].height, still_red,
                  still_blue, 2);
    }
}

/* A still has no need of even sides. */
static void test_odd_picture_behind(void **state)
{
    (void)state;
    struct host *host CLEANUP(host) =
        runner_run("replace_background",
                   "{'image_url':'@alpha.png','option':'ReplaceBackground',"
                   "'background_url':'@odd.png','overlay_scale':0.5,'alignment':'left'}");
    struct picture *laid CLEANUP(picture) = still_of(host, 301, 201);
    check_box(laid, 0, 50, 50, 101, still_red, still_blue, 2);
}

static void test_scene_behind(void **state)
{
    (void)state;
    struct host *host CLEANUP(host) = runner_run(
        "replace_background", "{'image_url':'@person.png','option':'ReplaceBackground','scene':"
                              "'arctic'}");
    struct picture *placed CLEANUP(picture) = still_of(host, 512, 512);
    struct host *empty CLEANUP(host) =
        runner_run("replace_background", "{'image_url':'@alpha.png','option':'ReplaceBackground',"
                                         "'scene':'the city by night'}");
    struct picture *around CLEANUP(picture) = still_of(empty, 100, 100);
    assert_true(still_is(around, 50, 50, still_red, 0));
    assert_false(still_is(around, 10, 50, still_red, 60));
    struct picture *photo CLEANUP(picture) = astronaut(512);
    double same = 0;
    for (int i = 0; i < 512 * 512 * 3; i++)
        same += abs(placed->pixels[i] - photo->pixels[i]) < 4;
    assert_true(same / (512 * 512 * 3) < 0.3);
    runner_fails("replace_background",
                 "{'image_url':'@alpha.png','option':'ReplaceBackground','scene':'the inside of a "
                 "shoe'}",
                 ERR_INVALID, "/scene", "arctic");
}

static void test_restyle(void **state)
{
    (void)state;
    struct host *host CLEANUP(host) =
        runner_run("replace_background", "{'image_url':'@person.png','option':'RestyleBackground',"
                                         "'background_url':'$tests/data/coffee.png'}");
    struct picture *made CLEANUP(picture) = still_of(host, 512, 512);
    struct picture *photo CLEANUP(picture) = astronaut(512);
    assert_memory_equal(picture_at(made, 224, 130), picture_at(photo, 224, 130), 3);
    /* The grey wall takes the brown of the table. */
    const uint8_t *wall = picture_at(made, 380, 100), *was = picture_at(photo, 380, 100);
    assert_true(was[0] - was[2] < 20);
    assert_true(wall[0] - wall[2] > 40);
}

/* --- replace_background: videos --- */

static void test_screen_of_a_video(void **state)
{
    (void)state;
    struct host *host CLEANUP(host) =
        runner_run("replace_background", "{'video_url':'@screen.mp4','chroma_key_color':'#14C828',"
                                         "'option':'ReplaceBackground','color':'#1E28DC'}");
    struct judge_facts facts = judge_file(host->run.outputs[0].fd);
    struct judge_frames frames CLEANUP(judge_frames) = runner_decode(host);
    assert_int_equal(facts.width, 320);
    assert_int_equal(facts.height, 180);
    assert_int_equal(frames.count, 25);
    assert_false(facts.has_sound);
    assert_int_equal(host->run.outputs[0].duration_ms, 1000);
    for (int i = 0; i < 25; i += 6) {
        judge_color(&frames, i, 40 + 4 * i + 20, 80, 0xdc1e14);
        judge_color(&frames, i, 40 + 4 * i - 8, 80, 0x1e28dc);
        judge_color(&frames, i, 40 + 4 * i + 48, 80, 0x1e28dc);
        judge_color(&frames, i, 20, 20, 0x1e28dc);
        for (int x = 0; x < 320; x++) { /* nowhere anything of the screen */
            const uint8_t *pixel = judge_pixel(&frames, i, x, 80);
            assert_true(pixel[1] <= (pixel[0] > pixel[2] ? pixel[0] : pixel[2]) + 12);
        }
    }
}

/* Before a video of still_red, green and still_blue, from its second second on. */
static void test_still_before_a_video(void **state)
{
    (void)state;
    struct host *host CLEANUP(host) = runner_run(
        "replace_background", "{'image_url':'@alpha.png','option':'ReplaceBackground','start_time':"
                              "1,'overlay_scale':0.5,'background_video_url':'%three.mp4'}");
    struct judge_frames frames CLEANUP(judge_frames) = runner_decode(host);
    judge_file(host->run.outputs[0].fd);
    assert_int_equal(frames.width, 320);
    assert_int_equal(frames.height, 180);
    assert_int_equal(frames.count, 50);
    judge_color(&frames, 0, 20, 20, 0x00ff00);
    judge_color(&frames, 24, 20, 20, 0x00ff00);
    judge_color(&frames, 25, 20, 20, 0x0000ff);
    judge_color(&frames, 49, 20, 20, 0x0000ff);
    judge_color(&frames, 0, 160, 90, 0xdc1e14);
    judge_color(&frames, 49, 160, 90, 0xdc1e14);
    assert_false(judge_is(&frames, 0, 160 - 30, 90, 0xdc1e14, 60));
}

/* A subject that goes on longer than what is left of the video behind it: the result is as long and as fast as the subject, and behind
 * it stays the last picture. The key is named by its hue. */
static void test_video_behind_ends_first(void **state)
{
    (void)state;
    struct host *host CLEANUP(host) = runner_run(
        "replace_background", "{'video_url':'@screen.mp4','chroma_key_color':'#00FF00','option':"
                              "'ReplaceBackground','start_time':2.6,'overlay_scale':0.5,"
                              "'alignment':'left','x_offset':-30,'y_offset':20,"
                              "'background_video_url':'%three.mp4'}");
    struct judge_facts facts = judge_file(host->run.outputs[0].fd);
    struct judge_frames frames CLEANUP(judge_frames) = runner_decode(host);
    assert_int_equal(frames.count, 25);
    assert_int_equal(lround(facts.rate), 25);
    assert_false(facts.has_sound);
    for (int i = 0; i < 25; i += 8)
        judge_color(&frames, i, 310, 10, 0x0000ff);
    /* Somewhere at the left it is there, and nowhere a veil of green. */
    int seen = 0;
    for (int x = 0; x < 320; x++) {
        seen += judge_is(&frames, 12, x, 110, 0xdc1e14, 60);
        assert_true(judge_pixel(&frames, 12, x, 110)[1] < 90);
    }
    assert_true(seen > 10);
}

/* The subject's sound stays; before it stands what was there in the other file from the start. */
static void test_sound(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"{'video_url':'%green.mp4','option':'ReplaceBackground','chroma_key_color':'#FF0000',"
         "'background_url':'@blue.png','overlay_scale':0.5}",
         "880"},
        {"{'image_url':'@alpha.png','option':'ReplaceBackground','background_video_url':'%hd.mp4',"
         "'start_time':1}",
         "440"},
        {"{'video_url':'%vp9.webm','option':'RemoveBackground','mask_url':'@half.png'}", "300"},
    };
    for (size_t i = 0; i < 3; i++) {
        struct host *host CLEANUP(host) = runner_run("replace_background", cases[i][0]);
        struct judge_facts facts = judge_file(host->run.outputs[0].fd);
        struct judge_frames frames CLEANUP(judge_frames) = runner_decode(host);
        assert_true(facts.has_sound);
        double length = (double)frames.count / facts.rate;
        assert_true(judge_tone(&frames, atof(cases[i][1]), 0.2, length - 0.2) > 0.05);
    }
}

/* How many values of a result jump from one frame to the next, as a share of all. */
static double jumps(const struct judge_frames *frames)
{
    size_t size = (size_t)frames->width * (size_t)frames->height * 3, count = 0;
    for (int i = 1; i < frames->count; i++) {
        const uint8_t *before = frames->rgb + size * (size_t)(i - 1), *now = before + size;
        for (size_t k = 0; k < size; k++)
            count += abs(now[k] - before[k]) > 24;
    }
    return (double)count / ((double)size * (frames->count - 1));
}

static void test_no_flicker(void **state)
{
    (void)state;
    struct host *host CLEANUP(host) =
        runner_run("replace_background",
                   "{'video_url':'@person.mp4','option':'ReplaceBackground','color':'#1E28DC'}");
    struct judge_frames frames CLEANUP(judge_frames) = runner_decode(host);
    judge_file(host->run.outputs[0].fd);
    assert_int_equal(frames.count, 16);
    double share = jumps(&frames);
    printf("  %.5f of the values jump\n", share);
    assert_true(share < 0.0004);
    for (int i = 0; i < 16; i += 5) {
        judge_color(&frames, i, 75, 38, 0x1e28dc);                  /* the wall */
        assert_false(judge_is(&frames, i, 140, 80, 0x1e28dc, 60));  /* her face */
        assert_false(judge_is(&frames, i, 250, 262, 0x1e28dc, 60)); /* the helmet */
    }
}

static void test_video_in_other_ways(void **state)
{
    (void)state;
    struct host *removed CLEANUP(host) =
        runner_run("replace_background", "{'video_url':'@person.mp4'}");
    struct judge_frames frames CLEANUP(judge_frames) = judge_decode(removed->run.outputs[0].fd);
    assert_non_null(strstr(removed->last_note, "no transparency"));
    judge_color(&frames, 3, 75, 38, 0x00b140);
    struct host *laid CLEANUP(host) =
        runner_run("replace_background", "{'video_url':'@person.mp4','option':'ReplaceBackground',"
                                         "'background_url':'@blue.png','alignment':'right'}");
    struct judge_frames small CLEANUP(judge_frames) = judge_decode(laid->run.outputs[0].fd);
    assert_int_equal(small.width, 300);
    assert_int_equal(small.height, 200);
    judge_color(&small, 3, 40, 100, 0x1e28dc);
    assert_false(judge_is(&small, 3, 230, 180, 0x1e28dc, 60)); /* she stands at the bottom */
    struct host *tinted CLEANUP(host) =
        runner_run("replace_background", "{'video_url':'@person.mp4','option':'RestyleBackground',"
                                         "'background_url':'$tests/data/coffee.png'}");
    struct judge_frames brown CLEANUP(judge_frames) = judge_decode(tinted->run.outputs[0].fd);
    const uint8_t *wall = judge_pixel(&brown, 3, 75, 38);
    assert_true(wall[0] - wall[2] > 40);
    struct host *none CLEANUP(host) =
        runner_run("replace_background",
                   "{'video_url':'%high.mp4','option':'ReplaceBackground','color':'#1E28DC'}");
    assert_non_null(strstr(none->last_note, "No subject was found in the video"));
}

/* A pattern with noise that is another in every frame, and a square that moves across it. */
static struct picture *noisy_frame(int number)
{
    struct picture *frame = picture_new(320, 180, 3);
    uint32_t state = 77 + (uint32_t)number * 1000003;
    for (int y = 0; y < frame->height; y++) {
        for (int x = 0; x < frame->width; x++) {
            bool square = x >= 40 + 20 * number && x < 80 + 20 * number && y >= 60 && y < 100;
            for (int c = 0; c < 3; c++) {
                state = state * 1664525 + 1013904223;
                int noise = (int)(state >> 24) % 17 - 8;
                int light = square ? (c == 0 ? 220 : 30) : 60 + x / 4 + 20 * c + (y / 30 % 2) * 40;
                picture_at(frame, x, y)[c] = (uint8_t)(light + noise);
            }
        }
    }
    return frame;
}

static double mean_difference(const struct picture *a, const struct picture *b, int from_y,
                              int to_y)
{
    double sum = 0;
    size_t first = (size_t)from_y * (size_t)a->width * 3,
           last = (size_t)to_y * (size_t)a->width * 3;
    for (size_t i = first; i < last; i++)
        sum += abs(a->pixels[i] - b->pixels[i]);
    return sum / (double)(last - first);
}

/* Brush strokes stand still where nothing happens, and go with what moves. */
static void test_restyled_frames(void **state)
{
    (void)state;
    enum { FRAMES = 8 };
    struct picture *first CLEANUP(picture) = noisy_frame(0);
    const struct restyle_manner manner = restyle_read(first);
    struct restyle_stream *stream CLEANUP(restyle_stream) = restyle_stream_new(&manner, &manner);
    struct picture *before = NULL, *given = NULL, *raw = NULL;
    for (int i = 0; i < FRAMES; i++) {
        picture_free(before);
        picture_free(raw);
        before = given;
        raw = i > 0 ? noisy_frame(i - 1) : NULL;
        given = noisy_frame(i);
        restyle_stream_next(stream, given);
    }
    struct picture *last CLEANUP(picture) = noisy_frame(FRAMES - 1);
    /* above the square: a tenth of the flicker */
    assert_true(mean_difference(before, given, 0, 50) < 0.1 * mean_difference(raw, last, 0, 50));
    /* the square is where it is now and not where it was */
    const uint8_t *now = picture_at(given, 60 + 20 * (FRAMES - 1), 80);
    const uint8_t *gone = picture_at(given, 20 + 20 * (FRAMES - 1) - 8, 80);
    assert_true(now[0] > 180 && now[1] < 80);
    assert_true(gone[0] < 150 && gone[1] > 70);
    picture_free(before);
    picture_free(given);
    picture_free(raw);
}

static void test_faults(void **state)
{
    (void)state;
    static const struct {
        const char *params;
        enum err_code code;
        const char *path, *words;
    } cases[] = {
        {"{}", ERR_INVALID, "/image_url", "not both"},
        {"{'image_url':'@flat.png','video_url':'@box.mp4'}", ERR_INVALID, "/image_url", "not both"},
        {"{'image_url':'@flat.png','option':'ReplaceBackground'}", ERR_INVALID, "/background_url",
         "needs one of"},
        {"{'image_url':'@flat.png','option':'ReplaceBackground','color':'#000','scene':'arctic'}",
         ERR_INVALID, "/background_video_url", "Only one"},
        {"{'image_url':'@flat.png','option':'RestyleBackground','color':'#000'}", ERR_INVALID,
         "/background_url", "manner"},
        {"{'image_url':'@flat.png','color':'#000'}", ERR_INVALID, "/option", "takes no background"},
        {"{'image_url':'@flat.png','option':'ReplaceBackground','color':'#00000080'}", ERR_INVALID,
         "/color", "opaque"},
        {"{'image_url':'@flat.png','chroma_key_color':'leaf green'}", ERR_INVALID,
         "/chroma_key_color", "origin or a colour"},
        {"{'image_url':'@flat.png','chroma_key_color':'#0F0','mask_url':'@half.png'}", ERR_INVALID,
         "/mask_url", "not both"},
        {"{'image_url':'@flat.png','option':'ReplaceBackground','background_video_url':"
         "'%three.mp4','start_time':3}",
         ERR_INVALID, "/start_time", "3 s long"},
        {"{'image_url':'@broken.png'}", ERR_BAD_INPUT, "/image_url", "image_url"},
        {"{'image_url':'@flat.png','mask_url':'@broken.png'}", ERR_BAD_INPUT, "/mask_url",
         "mask_url"},
        {"{'video_url':'@broken.png'}", ERR_BAD_INPUT, "/video_url", "video_url"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        runner_fails("replace_background", cases[i].params, cases[i].code, cases[i].path,
                     cases[i].words);
}

static void test_cancel_and_repeat(void **state)
{
    (void)state;
    static const char still[] = "{'image_url':'@person.png','option':'RestyleBackground',"
                                "'background_url':'@blue.png'}";
    static const char video[] = "{'video_url':'@screen.mp4','chroma_key_color':'#14C828'}";
    assert_int_equal(runner_cancel_at("replace_background", still, 0.05), 0);
    assert_int_equal(runner_cancel_at("replace_background", still, 0.5), 0);
    assert_int_equal(runner_cancel_at("replace_background", video, 0.05), 0);
    assert_int_equal(runner_cancel_at("replace_background", video, 0.5), 0);
    runner_repeats("replace_background", "{'image_url':'@person.png'}");
    runner_repeats("replace_background", video);
}

/* --- crop_to_content --- */

static void test_crop_stills(void **state)
{
    (void)state;
    static const struct {
        const char *params;
        int width, height, x, y, box_width, box_height;
        const uint8_t *color, *ground;
    } cases[] = {
        {"'image_url':'@border.png'", 50, 40, 0, 0, 50, 40, still_red, still_white},
        {"'image_url':'@border.png','padding':7", 64, 54, 7, 7, 50, 40, still_red, still_white},
        {"'image_url':'@border.png','padding':60", 170, 160, 60, 60, 50, 40, still_red,
         still_white},
        {"'image_url':'@border.png','aspect_ratio':'1:1'", 50, 50, 0, 5, 50, 40, still_red,
         still_white},
        {"'image_url':'@border.png','aspect_ratio':'21:9'", 94, 40, 22, 0, 50, 40, still_red,
         still_white},
        {"'image_url':'@border.png','padding':5,'aspect_ratio':'9:16'", 60, 107, 5, 33, 50, 40,
         still_red, still_white},
        {"'image_url':'@clear.png'", 60, 20, 0, 0, 60, 20, still_blue, still_clear},
        {"'image_url':'@clear.png','padding':40", 140, 100, 40, 40, 60, 20, still_blue,
         still_clear},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char params[256];
        snprintf(params, sizeof(params), "{%s}", cases[i].params);
        struct host *host CLEANUP(host) = runner_run("crop_to_content", params);
        struct picture *cut CLEANUP(picture) = still_of(host, cases[i].width, cases[i].height);
        check_box(cut, cases[i].x, cases[i].y, cases[i].box_width, cases[i].box_height,
                  cases[i].color, cases[i].ground, 0);
        assert_int_equal(host->note_count, 0);
    }
}

/* Each side has its own colour; noise under the threshold is border, over it content. */
static void test_crop_sides(void **state)
{
    (void)state;
    struct host *host CLEANUP(host) = runner_run("crop_to_content", "{'image_url':'@sides.png'}");
    struct picture *cut CLEANUP(picture) = still_of(host, 200, 119);
    assert_true(still_is(cut, 92, 0, still_blue, 0));
    assert_true(still_is(cut, 92, 118, still_blue, 0));
    struct host *strict CLEANUP(host) =
        runner_run("crop_to_content", "{'image_url':'@sides.png','threshold':0.02}");
    struct picture *noisy CLEANUP(picture) = still_of(strict, 200, 140);
    assert_true(still_is(noisy, 92, 21, still_blue, 0));
    static const char *const even[] = {"{'image_url':'@flat.png'}", "{'image_url':'@nothing.png'}"};
    for (size_t i = 0; i < 2; i++) {
        struct host *whole CLEANUP(host) = runner_run("crop_to_content", even[i]);
        struct picture *same CLEANUP(picture) = still_of(whole, 64, 48);
        assert_true(still_is(same, 5, 40, i == 0 ? still_blue : still_clear, 0));
        assert_non_null(strstr(whole->last_note, "nothing but border"));
    }
}

/* The square goes from 40 to 116 + 40: the union of its places. */
static void test_crop_video(void **state)
{
    (void)state;
    struct host *host CLEANUP(host) = runner_run("crop_to_content", "{'video_url':'@box.mp4'}");
    struct judge_facts facts = judge_file(host->run.outputs[0].fd);
    struct judge_frames frames CLEANUP(judge_frames) = runner_decode(host);
    assert_in_range(facts.width, 116, 118); /* the codec smears the edge over a pixel */
    assert_in_range(facts.height, 40, 42);
    assert_int_equal(frames.count, 20);
    assert_int_equal(host->run.outputs[0].width, facts.width);
    judge_color(&frames, 0, 20, 20, 0xdc1e14);
    judge_color(&frames, 0, 60, 20, 0x000000);
    judge_color(&frames, 19, 96, 20, 0xdc1e14);
    judge_color(&frames, 19, 60, 20, 0x000000);
    struct host *padded CLEANUP(host) =
        runner_run("crop_to_content", "{'video_url':'@box.mp4','padding':9,'aspect_ratio':'1:1'}");
    struct judge_frames square CLEANUP(judge_frames) = judge_decode(padded->run.outputs[0].fd);
    assert_in_range(square.width, 134, 136);
    assert_int_equal(square.height, square.width);
    judge_color(&square, 0, 9 + 20, 67, 0xdc1e14);
    judge_color(&square, 0, 9 + 20, 20, 0x000000);
    /* Nothing but one colour: stays whole, with its sound. */
    struct host *whole CLEANUP(host) = runner_run("crop_to_content", "{'video_url':'%blue.mp4'}");
    struct judge_facts same = judge_file(whole->run.outputs[0].fd);
    assert_int_equal(same.width, 640);
    assert_true(same.has_sound);
    assert_non_null(strstr(whole->last_note, "nothing but border"));
}

static void test_crop_faults(void **state)
{
    (void)state;
    runner_fails("crop_to_content", "{}", ERR_INVALID, "/image_url", "not both");
    runner_fails("crop_to_content", "{'image_url':'@flat.png','video_url':'@box.mp4'}", ERR_INVALID,
                 "/image_url", "not both");
    runner_fails("crop_to_content", "{'image_url':'@broken.png'}", ERR_BAD_INPUT, "/image_url",
                 "image_url");
    runner_fails("crop_to_content", "{'video_url':'@box.mp4','padding':2000}", ERR_INVALID,
                 "/padding", "at most 4096");
    assert_int_equal(runner_cancel_at("crop_to_content", "{'video_url':'@box.mp4'}", 0.2), 0);
    assert_int_equal(runner_cancel_at("crop_to_content", "{'video_url':'@box.mp4'}", 0.7), 0);
    assert_int_equal(runner_cancel_at("crop_to_content", "{'image_url':'@border.png'}", 0.2), 0);
    runner_repeats("crop_to_content", "{'image_url':'@border.png','padding':3}");
    runner_repeats("crop_to_content", "{'video_url':'@box.mp4'}");
}

/* --- whatever the schema allows --- */

static uint32_t random_state = 20261127;

static int random_below(int most)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (int)((uint64_t)(random_state >> 8) * (uint64_t)most >> 24);
}

static void test_any_crop(void **state)
{
    (void)state;
    static const char *const shapes[] = {"21:9", "16:9", "3:2",  "4:3", "1:1",
                                         "3:4",  "2:3",  "9:16", "9:21"};
    for (int i = 0; i < 40; i++) {
        char params[256];
        int padding = random_below(80), across, down;
        const char *shape = shapes[random_below(9)];
        bool transparent = i % 2;
        snprintf(params, sizeof(params),
                 "{'image_url':'@%s.png','padding':%d,'aspect_ratio':'%s','threshold':0.%02d}",
                 transparent ? "clear" : "border", padding, shape, 1 + random_below(60));
        struct host *host CLEANUP(host) = runner_run("crop_to_content", params);
        int width = host->run.outputs[0].width, height = host->run.outputs[0].height;
        int box_width = transparent ? 60 : 50, box_height = transparent ? 20 : 40;
        assert_int_equal(sscanf(shape, "%d:%d", &across, &down), 2);
        assert_true(width >= box_width + 2 * padding && height >= box_height + 2 * padding);
        assert_true(width == box_width + 2 * padding || height == box_height + 2 * padding);
        assert_true(fabs((double)width * down / across - height) < fmax(1, (double)down / across));
        struct picture *cut CLEANUP(picture) = still_of(host, width, height);
        check_box(cut, (width - box_width) / 2, (height - box_height) / 2, box_width, box_height,
                  transparent ? still_blue : still_red, transparent ? still_clear : still_white, 1);
    }
}

/* The rectangle keeps its shape and goes where it was sent, as far as that lies in the frame. */
static void test_any_place(void **state)
{
    (void)state;
    static const char *const alignments[] = {"left", "center", "right"};
    for (int i = 0; i < 40; i++) {
        char params[256];
        int side = random_below(3), right = random_below(500) - 250,
            below = random_below(300) - 150;
        double scale = 0.1 + random_below(90) / 100.0, height = scale * 200, width = height / 2;
        snprintf(params, sizeof(params),
                 "{'image_url':'@alpha.png','option':'ReplaceBackground','background_url':"
                 "'@blue.png','overlay_scale':%.2f,'alignment':'%s','x_offset':%d,'y_offset':%d}",
                 scale, alignments[side], right, below);
        struct host *host CLEANUP(host) = runner_run("replace_background", params);
        struct picture *laid CLEANUP(picture) = still_of(host, 300, 200);
        check_box(laid, (int)lrint((300 - width) * side / 2) + right,
                  (int)lrint((200 - height) / 2) + below, (int)lrint(width), (int)lrint(height),
                  still_red, still_blue, 4);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_remove_person),
        cmocka_unit_test(test_chroma_key),
        cmocka_unit_test(test_thing_before_an_even_ground),
        cmocka_unit_test(test_given_masks),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_odd_picture_behind),
        cmocka_unit_test(test_scene_behind),
        cmocka_unit_test(test_restyle),
        cmocka_unit_test(test_restyled_frames),
        cmocka_unit_test(test_screen_of_a_video),
        cmocka_unit_test(test_still_before_a_video),
        cmocka_unit_test(test_video_behind_ends_first),
        cmocka_unit_test(test_sound),
        cmocka_unit_test(test_no_flicker),
        cmocka_unit_test(test_video_in_other_ways),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_cancel_and_repeat),
        cmocka_unit_test(test_crop_stills),
        cmocka_unit_test(test_crop_sides),
        cmocka_unit_test(test_crop_video),
        cmocka_unit_test(test_crop_faults),
        cmocka_unit_test(test_any_crop),
        cmocka_unit_test(test_any_place),
    };
    if (argc != 3 || !runner_start(argc, argv))
        return 2;
    project = argv[2];
    return cmocka_run_group_tests(tests, make_inputs, folder_remove);
}
