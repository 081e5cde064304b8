/* The steps that make videos: what they make is decoded by the ffmpeg program and measured. Run as "test_steps_video VIDEOS",
 * the folder that tests/data/make_videos.py filled. */
#include "runner.h"

#include "media/layers.h"
#include "media/move.h"
#include "shared/fault.h"
#include "shared/folder.h"
#include "still.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SIDE = 1080, MARGIN = 60, WHOLE = SIDE + 2 * MARGIN };

/* still_red and its like as values of a video */
#define RED 0xdc1e14
#define GREEN 0x14b428
#define BLUE 0x1e28dc

/* --- inputs --- */

/* A PNG with `layers` inside. */
static void write_layers(const char *name, const struct picture *picture,
                         const struct layers *layers)
{
    int fd CLEANUP(fd) = memfd_create("still", MFD_CLOEXEC);
    OK(image_save(picture, IMAGE_PNG, 0, fd, &fault));
    size_t size = (size_t)lseek(fd, 0, SEEK_END);
    char *png = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    assert_true(png != MAP_FAILED);
    struct buffer with_layers CLEANUP(buffer) = {0};
    OK(layers_embed(layers, png, size, &with_layers, &fault));
    folder_write(name, with_layers.bytes, with_layers.size);
    munmap(png, size);
}

static const uint8_t plate[] = {128, 128, 128};

/* A grey plate, far in its upper and near in its lower half, with a white line down its middle; a red square before it. */
static struct layers *make_scene(const char *particles)
{
    struct layers *layers = layers_new();
    layers->width = layers->height = SIDE;
    layers->margin = MARGIN;
    layers->clean = picture_new(WHOLE, WHOLE, 3);
    layers->depth = picture_new(WHOLE / 8, WHOLE / 8, 1);
    layers->subject = picture_new(WHOLE, WHOLE, 4);
    still_fill(layers->clean, 0, 0, WHOLE, WHOLE, plate);
    still_fill(layers->clean, WHOLE / 2 - 8, 0, 16, WHOLE, still_white);
    still_fill(layers->subject, WHOLE / 2 - 240, WHOLE / 2 - 120, 160, 240, still_red);
    layers->near_m = 1;
    layers->far_m = 100;
    layers->subject_m = 4;
    for (int y = 0; y < layers->depth->height; y++) {
        double metres = y < layers->depth->height / 2 ? 40 : 5;
        int value = (int)lrint(255 * log(metres) / log(100));
        memset(picture_at(layers->depth, 0, y), value, (size_t)layers->depth->width);
    }
    layers->focus_x = layers->focus_y = 0.5;
    layers->seed = 7;
    layers->colour_count = 1;
    layers->light[0] = layers->light[1] = layers->light[2] = 1;
    if (particles) {
        snprintf(layers->particles[0].kind, sizeof(layers->particles[0].kind), "%s", particles);
        layers->particles[0].amount = 1;
        layers->particle_count = 1;
    }
    return layers;
}

static void write_scene(const char *name, const char *particles)
{
    struct layers *layers CLEANUP(layers) = make_scene(particles);
    struct picture *still CLEANUP(picture) = still_flat(SIDE, SIDE, 3, plate);
    write_layers(name, still, layers);
}

static int make_inputs(void **state)
{
    (void)state;
    still_write_flat("red.png", 320, 320, 3, still_red);
    still_write_flat("blue.png", 320, 320, 3, still_blue);
    still_write_flat("logo.png", 40, 40, 4, still_green);
    write_scene("scene.png", NULL);
    write_scene("snow.png", "snow");
    return 0;
}

/* --- create_video --- */

/* Centre of what is brighter than the plate in a row of pixels. */
static double line_at(const struct judge_frames *frames, int frame, int y)
{
    double sum = 0, weight = 0;
    for (int x = 0; x < frames->width; x++) {
        int light = judge_pixel(frames, frame, x, y)[1] - 140;
        sum += light > 0 ? (double)light * x : 0;
        weight += light > 0 ? light : 0;
    }
    assert_true(weight > 0);
    return sum / weight;
}

/* Middle of the red square, in linear light, in which edges are mixed. */
static double square_at(const struct judge_frames *frames, int frame)
{
    double sum = 0, weight = 0;
    for (int x = 0; x < SIDE / 2 - 40; x++) {
        double light = pow(judge_pixel(frames, frame, x, SIDE / 2)[1] / 128.0, 2.2);
        double dark = fmax(0, 0.98 - light);
        sum += dark * x;
        weight += dark;
    }
    assert_true(weight > 0);
    return sum / weight;
}

/* The camera goes to the right by 4.8 % around a point between: near things go left, the far ones right. */
static void check_depth(const struct judge_frames *frames)
{
    int last = frames->count - 1;
    double far_way = line_at(frames, last, 100) - line_at(frames, 0, 100);
    double near_way = line_at(frames, last, 980) - line_at(frames, 0, 980);
    double subject_way = square_at(frames, last) - square_at(frames, 0);
    assert_true(far_way > 5 && near_way < -15 && subject_way < near_way - 5);
}

static void test_create_depth(void **state)
{
    (void)state;
    struct judge_facts facts;
    struct host *host CLEANUP(host) = runner_video(
        "create_video",
        "{'image_url':'@scene.png','duration':2,'fps':24,'camera_control':'Truck right'}", &facts);
    assert_int_equal(facts.width, SIDE);
    assert_int_equal(facts.height, SIDE);
    assert_int_equal(facts.frames, 48);
    assert_true(fabs(facts.rate - 24) < 0.001);
    assert_string_equal(host->run.provider, "local");
    struct judge_frames frames CLEANUP(judge_frames) = runner_decode(host);
    assert_int_equal(frames.count, 48);
    check_depth(&frames);
}

/* What is rendered, before coding: the way is cut into even parts of pixels, slow at its ends. */
static void test_camera_is_smooth(void **state)
{
    (void)state;
    enum { COUNT = 48 };
    struct layers *layers CLEANUP(layers) = make_scene(NULL);
    struct parallax *camera CLEANUP(parallax) = parallax_new(layers, 2);
    struct picture *frame CLEANUP(picture) = picture_new(SIDE, SIDE, 3);
    const struct move *move = move_choose("Truck right", NULL);
    double at[COUNT], fastest = 0;
    for (int i = 0; i < COUNT; i++) {
        struct parallax_pose pose;
        move_pose(move, (float)i / (COUNT - 1), false, 1, &pose);
        parallax_render(camera, &pose, 0, 0, frame);
        const struct judge_frames one = {SIDE, SIDE, 1, frame->pixels, NULL, 0};
        at[i] = square_at(&one, 0);
        fastest = i > 0 ? fmin(fastest, at[i] - at[i - 1]) : 0;
        assert_true(i == 0 || at[i] < at[i - 1]);
        assert_true(i < 2 || fabs(at[i] - 2 * at[i - 1] + at[i - 2]) < 0.13);
    }
    assert_true(fastest < -0.8);
    assert_true(at[1] - at[0] > fastest / 4 && at[COUNT - 1] - at[COUNT - 2] > fastest / 4);
}

/* Nothing tears: every pixel is of the plate, the line, the square or between two of them. */
static void test_create_is_whole(void **state)
{
    (void)state;
    static const char *const moves[] = {"Orbit left", "Dolly zoom", "Aerial"};
    for (size_t m = 0; m < sizeof(moves) / sizeof(moves[0]); m++) {
        char params[256];
        snprintf(params, sizeof(params),
                 "{'image_url':'@scene.png','duration':1,'fps':24,'camera_control':'%s'}",
                 moves[m]);
        struct judge_facts facts;
        struct host *host CLEANUP(host) = runner_video("create_video", params, &facts);
        struct judge_frames frames CLEANUP(judge_frames) = runner_decode(host);
        assert_int_equal(frames.count, 24);
        for (int i = 0; i < 24; i += 23) {
            for (int y = 0; y < SIDE; y += 3) {
                for (int x = 0; x < SIDE; x += 3) {
                    const uint8_t *pixel = judge_pixel(&frames, i, x, y);
                    if (pixel[0] < 110 || pixel[1] < 15)
                        fail_msg("%s: frame %d at %d, %d: %d %d %d", moves[m], i, x, y, pixel[0],
                                 pixel[1], pixel[2]);
                }
            }
        }
    }
}

/* The end leads into the beginning, and what is in the air moves. */
static void test_create_loop(void **state)
{
    (void)state;
    struct judge_facts facts;
    struct host *host CLEANUP(host) = runner_video(
        "create_video",
        "{'image_url':'@snow.png','duration':1,'loop':2,'fps':24,'camera_control':'Orbit right'}",
        &facts);
    assert_int_equal(facts.frames, 48);
    struct judge_frames frames CLEANUP(judge_frames) = runner_decode(host);
    double step = judge_distance(&frames, 5, 6), seam = judge_distance(&frames, 23, 24);
    assert_true(judge_distance(&frames, 0, 24) < 0.5);
    assert_true(seam > 0.02 && seam < step * 1.5);
    assert_true(judge_distance(&frames, 47, 0) < step * 1.5);
    assert_true(judge_distance(&frames, 0, 12) > 1.5 * step);
    /* a single round that is told to close */
    struct host *closed CLEANUP(host) =
        runner_open("create_video", "{'image_url':'@scene.png','duration':1,'fps':24,"
                                    "'camera_control':'Orbit right'}");
    host_set_local(closed, "{'closed':true}");
    assert_int_equal(host_run(closed), 0);
    struct judge_frames round CLEANUP(judge_frames) = runner_decode(closed);
    assert_true(fabs(line_at(&round, 23, 100) - line_at(&round, 0, 100)) < 2);
    assert_true(fabs(line_at(&round, 12, 100) - line_at(&round, 0, 100)) > 15);
}

static void test_create_last_frame(void **state)
{
    (void)state;
    struct judge_facts facts;
    struct host *host CLEANUP(host) =
        runner_video("create_video",
                     "{'image_url':'@red.png','last_frame_url':'@blue.png','duration':1,"
                     "'aspect_ratio':'9:16','fps':24}",
                     &facts);
    assert_int_equal(facts.width, 1080);
    assert_int_equal(facts.height, 1920);
    struct judge_frames frames CLEANUP(judge_frames) = runner_decode(host);
    assert_true(judge_is(&frames, 0, 540, 960, RED, 14));
    assert_true(judge_is(&frames, 23, 540, 960, BLUE, 14));
    const uint8_t *middle = judge_pixel(&frames, 12, 540, 960);
    assert_true(middle[0] > 50 && middle[0] < 200 && middle[2] > 40 && middle[2] < 200);
}

static void test_create_settings(void **state)
{
    (void)state;
    struct judge_facts facts;
    struct host *wide CLEANUP(host) =
        runner_video("create_video",
                     "{'image_url':'@red.png','duration':1,'aspect_ratio':'16:9',"
                     "'motion_type':'StaticMotion','fps':60}",
                     &facts);
    assert_int_equal(facts.width, 1920);
    assert_int_equal(facts.height, 1080);
    assert_int_equal(facts.frames, 60);
    runner_repeats("create_video", "{'image_url':'@snow.png','duration':1,'fps':24}");
    runner_cancel("create_video", "{'image_url':'@scene.png','duration':2}");
    runner_fails("create_video", "{'image_url':'%text.mp4'}", ERR_BAD_INPUT, "/image_url",
                 "/image_url");
}

/* Every named move goes its own way, closes when told to, and stays at its place when it has no strength. */
static void test_moves(void **state)
{
    (void)state;
    struct parallax_pose poses[40][2];
    size_t count = 0;
    for (; move_names[count]; count++) {
        const struct move *move = move_choose(move_names[count], NULL);
        assert_string_equal(move_name(move), move_names[count]);
        move_pose(move, 0.2f, false, 1, &poses[count][0]);
        move_pose(move, 1, false, 1, &poses[count][1]);
        for (size_t i = 0; i < count; i++)
            assert_memory_not_equal(poses[i], poses[count], sizeof(poses[0]));
        struct parallax_pose start, end;
        move_pose(move, 0, true, 1, &start);
        move_pose(move, 1, true, 1, &end);
        assert_true(fabsf(start.shift_x - end.shift_x) < 1e-5f &&
                    fabsf(start.shift_y - end.shift_y) < 1e-5f &&
                    fabsf(start.zoom - end.zoom) < 1e-5f && fabsf(start.roll - end.roll) < 1e-5f &&
                    fabsf(start.dolly - end.dolly) < 1e-5f &&
                    fabsf(start.pan_x - end.pan_x) < 1e-5f);
        move_pose(move, 0.7f, false, 0, &end);
        assert_true(end.shift_x == 0 && end.dolly == 0 && end.roll == 0 && end.zoom == 1);
    }
    assert_true(count > 15 && count < 40);
    assert_string_equal(move_name(move_choose(NULL, "slowly pan left, then wait")), "Pan left");
}

/* --- overlay_logo --- */

static void test_logo_positions(void **state)
{
    (void)state;
    static const char *const rows[] = {"top", "center", "bottom"};
    static const char *const columns[] = {"left", "center", "right"};
    for (int i = 0; i < 9; i++) {
        char params[256], position[32];
        snprintf(position, sizeof(position), "%s-%s", rows[i / 3], columns[i % 3]);
        snprintf(params, sizeof(params),
                 "{'video_url':'%%short.mp4','logo_url':'@logo.png','position':'%s','scale':0.2,"
                 "'margin':0.1}",
                 i == 4 ? "center" : position);
        struct judge_facts facts;
        struct host *host CLEANUP(host) = runner_video("overlay_logo", params, &facts);
        assert_int_equal(facts.frames, 30);
        assert_int_equal(facts.width, 160);
        struct judge_frames frames CLEANUP(judge_frames) = runner_decode(host);
        /* 18 x 18 pixels, 9 from the edges of 160 x 90 */
        static const int xs[] = {18, 80, 142}, ys[] = {18, 45, 72};
        for (int j = 0; j < 9; j++) {
            unsigned color = i == j ? GREEN : 0xffff00;
            judge_color(&frames, 0, xs[j % 3], ys[j / 3], color);
            judge_color(&frames, 29, xs[j % 3], ys[j / 3], color);
        }
        judge_color(&frames, 15, xs[i % 3] - 14, ys[i / 3], 0xffff00);
        judge_color(&frames, 15, xs[i % 3], ys[i / 3] + 14, 0xffff00);
    }
}

static void test_logo_times(void **state)
{
    (void)state;
    struct judge_facts facts;
    struct host *host CLEANUP(host) = runner_video(
        "overlay_logo",
        "{'video_url':'%three.mp4','logo_url':'@logo.png','position':'center','opacity':0.5,"
        "'scale':0.4,'start_time':0.52,'end_time':2}",
        &facts);
    assert_int_equal(facts.frames, 75);
    struct judge_frames frames CLEANUP(judge_frames) = runner_decode(host);
    judge_color(&frames, 12, 160, 90, 0xfe0000);
    judge_color(&frames, 13, 160, 90, (0xfe0000 + GREEN) / 2 & 0xffffff);
    assert_true(judge_is(&frames, 20, 160, 90, 0x895a14, 10));
    assert_true(judge_is(&frames, 49, 160, 90, 0x0ada14, 10));
    judge_color(&frames, 50, 160, 90, 0x0000fe);
}

static void test_logo_copies_sound(void **state)
{
    (void)state;
    struct judge_facts facts;
    struct host *host CLEANUP(host) =
        runner_video("overlay_logo", "{'video_url':'%green.mp4','logo_url':'@logo.png'}", &facts);
    assert_int_equal(facts.sound_codec, AV_CODEC_ID_AAC);
    const struct step_input *input = step_run_input(&host->run, "video_url");
    const char *given = judge_packets(input->fd, AVMEDIA_TYPE_AUDIO);
    assert_string_equal(given, judge_packets(host->run.outputs[0].fd, AVMEDIA_TYPE_AUDIO));
    struct host *odd CLEANUP(host) =
        runner_video("overlay_logo", "{'video_url':'%odd.mp4','logo_url':'@logo.png'}", &facts);
    assert_int_equal(facts.width, 640);
    assert_int_equal(facts.height, 358);
}

static void test_logo_faults(void **state)
{
    (void)state;
    runner_cancel("overlay_logo", "{'video_url':'%three.mp4','logo_url':'@logo.png'}");
    runner_repeats("overlay_logo", "{'video_url':'%blue.mp4','logo_url':'@logo.png'}");
    runner_fails("overlay_logo", "{'logo_url':'@logo.png'}", ERR_INVALID, "/image_url", "needed");
    runner_fails("overlay_logo", "{'video_url':'%three.mp4','logo_url':'@logo.png','start_time':4}",
                 ERR_INVALID, "/start_time", "3 s long");
    runner_fails("overlay_logo",
                 "{'video_url':'%three.mp4','logo_url':'@logo.png','start_time':2,'end_time':1}",
                 ERR_INVALID, "/end_time", "not after");
    runner_fails("overlay_logo", "{'video_url':'%three.mp4','logo_url':'%text.mp4'}", ERR_BAD_INPUT,
                 "/logo_url", "no picture");
}

/* --- publish_video_with_logo --- */

static void check_published(const char *name, int width, int height)
{
    char params[256];
    struct judge_facts facts;
    snprintf(params, sizeof(params),
             "{'video_url':'%%%s','logo_url':'@logo.png','position':'top-left','title':'A title',"
             "'poster':true}",
             name);
    struct host *host CLEANUP(host) = runner_video("publish_video_with_logo", params, &facts);
    assert_int_equal(facts.width, width);
    assert_int_equal(facts.height, height);
    assert_string_equal(facts.title, "A title");
    assert_int_equal(facts.sound_codec, AV_CODEC_ID_AAC);
    assert_int_equal(facts.sound_channels, 2);
    double lufs = judge_loudness(host->run.outputs[0].fd);
    if (fabs(lufs + 16) > 1)
        fail_msg("%s is published at %.1f LUFS", name, lufs);
    assert_int_equal(host->run.output_count, 2);
    struct picture *poster CLEANUP(picture) = still_result(host, 1, "image/jpeg", width, height);
    int side = width < height ? width : height;
    still_check(poster, side / 10, side / 10, still_green, 15);
}

static void test_publish(void **state)
{
    (void)state;
    check_published("quiet_mono.mp4", 640, 360);
    check_published("surround.mp4", 640, 360);
    check_published("spikes.mp4", 640, 360);
    check_published("vp9.webm", 640, 360);
    check_published("green.mp4", 320, 400);
    runner_cancel("publish_video_with_logo", "{'video_url':'%three.mp4','logo_url':'@logo.png'}");
    runner_repeats("publish_video_with_logo", "{'video_url':'%blue.mp4','logo_url':'@logo.png'}");
}

/* What a step has made is web-ready: publishing it is no second encode. */
static void test_publish_copies(void **state)
{
    (void)state;
    struct judge_facts facts;
    struct host *made CLEANUP(host) =
        runner_video("create_video", "{'image_url':'@scene.png','duration':1,'fps':24}", &facts);
    size_t size;
    const void *bytes = host_output_bytes(made, 0, &size);
    folder_write("made.mp4", bytes, size);
    struct host *published CLEANUP(host) =
        runner_video("publish_video_with_logo", "{'video_url':'@made.mp4','title':'Made'}", &facts);
    assert_string_equal(facts.title, "Made");
    const char *given = judge_packets(made->run.outputs[0].fd, AVMEDIA_TYPE_VIDEO);
    assert_string_equal(given, judge_packets(published->run.outputs[0].fd, AVMEDIA_TYPE_VIDEO));
}

/* --- publish_frames_with_logo --- */

static void test_frames(void **state)
{
    (void)state;
    static const uint8_t colors[][3] = {{254, 0, 0}, {0, 255, 0}, {0, 0, 254}};
    static const char *const params[] = {
        "{'video_url':'%three.mp4','count':3,'logo_url':'@logo.png','position':'top-left'}",
        "{'video_url':'%three.mp4','every_s':1,'logo_url':'@logo.png','position':'top-left',"
        "'format':'png'}",
    };
    for (int i = 0; i < 2; i++) {
        struct host *host CLEANUP(host) = runner_run("publish_frames_with_logo", params[i]);
        assert_int_equal(host->run.output_count, 3);
        for (size_t j = 0; j < 3; j++) {
            struct picture *still CLEANUP(picture) =
                still_result(host, j, i == 0 ? "image/jpeg" : "image/png", 320, 180);
            still_check(still, 160, 90, colors[j], 9);
            still_check(still, 20, 20, still_green, 15);
        }
    }
    struct host *usual CLEANUP(host) =
        runner_run("publish_frames_with_logo", "{'video_url':'%three.mp4'}");
    assert_int_equal(usual->run.output_count, 4);
    struct host *often CLEANUP(host) =
        runner_run("publish_frames_with_logo", "{'video_url':'%three.mp4','every_s':0.5}");
    assert_int_equal(often->run.output_count, 6);
    runner_repeats("publish_frames_with_logo", "{'video_url':'%three.mp4','count':2}");
    runner_fails("publish_frames_with_logo", "{'video_url':'%three.mp4','every_s':0.04}",
                 ERR_INVALID, "/every_s", "at most 64");
    runner_fails("publish_frames_with_logo", "{'video_url':'%three.mp4','every_s':1,'count':3}",
                 ERR_INVALID, "/every_s", "not both");
    runner_fails("publish_frames_with_logo", "{'video_url':'%three.mp4','image_urls':['@red.png']}",
                 ERR_INVALID, "/image_urls", "not both");
}

/* --- tile_grid_videos --- */

static void test_grid(void **state)
{
    (void)state;
    struct judge_facts facts;
    struct host *host CLEANUP(host) = runner_video(
        "tile_grid_videos",
        "{'video_urls':['%three.mp4','%blue.mp4','%short.mp4'],'grid_pattern':'2x2','gap':12}",
        &facts);
    assert_int_equal(facts.width, 652);
    assert_int_equal(facts.height, 372);
    assert_true(fabs(facts.rate - 50) < 0.001); /* the highest */
    assert_int_equal(facts.frames, 30);         /* the shortest */
    assert_true(facts.has_sound);
    struct judge_frames frames CLEANUP(judge_frames) = runner_decode(host);
    judge_color(&frames, 10, 160, 90, 0xfe0000);
    judge_color(&frames, 10, 492, 90, 0x0000fe);
    judge_color(&frames, 10, 160, 282, 0xffff00);
    judge_color(&frames, 10, 492, 282, 0x000000);
    judge_color(&frames, 10, 326, 90, 0x000000); /* the gap */
    judge_color(&frames, 10, 160, 186, 0x000000);
    judge_color(&frames, 10, 317, 177, 0xfe0000); /* up to the gap */
    judge_color(&frames, 10, 335, 90, 0x0000fe);
    /* the first that has sound: blue's tone, not short's */
    assert_true(judge_tone(&frames, 660, 0.1, 0.5) > 0.05);
    assert_true(judge_tone(&frames, 1320, 0.1, 0.5) < 0.01);
}

static void test_grid_modes(void **state)
{
    (void)state;
    struct judge_facts facts;
    struct host *host CLEANUP(host) =
        runner_video("tile_grid_videos",
                     "{'video_urls':['%short.mp4','%green.mp4','%blue.mp4'],'grid_pattern':'3x1',"
                     "'fit':'contain','end':'longest','audio':'mix'}",
                     &facts);
    assert_int_equal(facts.width, 480);
    assert_int_equal(facts.height, 90);
    assert_int_equal(facts.frames, 150);
    struct judge_frames frames CLEANUP(judge_frames) = runner_decode(host);
    judge_color(&frames, 149, 80, 45, 0xffff00); /* holds its last picture */
    judge_color(&frames, 149, 400, 45, 0x0000fe);
    judge_color(&frames, 149, 240, 45, 0x00ff00);
    judge_color(&frames, 149, 165, 45, 0x000000); /* bars beside the upright one */
    assert_true(judge_tone(&frames, 1320, 0.1, 0.5) > 0.03);
    assert_true(judge_tone(&frames, 660, 0.1, 0.5) > 0.03);
    assert_true(judge_tone(&frames, 880, 0.1, 0.5) > 0.03);
    assert_true(judge_tone(&frames, 880, 2, 2.9) > 0.03);
    assert_true(judge_tone(&frames, 660, 2, 2.9) < 0.01);
    struct host *mute CLEANUP(host) = runner_video(
        "tile_grid_videos", "{'video_urls':['%odd.mp4','%short.mp4'],'audio':'none'}", &facts);
    assert_false(facts.has_sound);
    assert_int_equal(facts.width, 640); /* 1x2: one below the other, odd sides made even */
    assert_int_equal(facts.height, 716);
    runner_fails("tile_grid_videos",
                 "{'video_urls':['%three.mp4','%three.mp4','%three.mp4'],'grid_pattern':'2x1'}",
                 ERR_INVALID, "/video_urls", "1 to 2 videos; 3 were given");
    runner_cancel("tile_grid_videos", "{'video_urls':['%three.mp4','%red.mp4']}");
    runner_repeats("tile_grid_videos", "{'video_urls':['%blue.mp4','%short.mp4']}");
}

/* --- rare input --- */

/* How many pixels of a column change from one row to the next: lines of fields that do not fit show as a comb. */
static int comb_teeth(const struct judge_frames *frames, int frame, int x)
{
    int teeth = 0;
    for (int y = 1; y < frames->height; y++)
        teeth +=
            abs(judge_pixel(frames, frame, x, y)[1] - judge_pixel(frames, frame, x, y - 1)[1]) > 60;
    return teeth;
}

static void test_interlaced(void **state)
{
    (void)state;
    struct judge_facts facts;
    struct host *host CLEANUP(host) =
        runner_video("publish_video_with_logo", "{'video_url':'%interlaced.mp4'}", &facts);
    assert_true(fabs(facts.rate - 25) < 0.01);
    struct judge_frames frames CLEANUP(judge_frames) = runner_decode(host);
    for (int x = 0; x < 320; x += 2)
        assert_true(comb_teeth(&frames, 12, x) < 12);
    struct host *stills CLEANUP(host) =
        runner_run("publish_frames_with_logo", "{'video_url':'%interlaced.mp4','count':1}");
    const struct step_output *output = &stills->run.outputs[0];
    struct picture *still CLEANUP(picture) =
        still_result(stills, 0, "image/jpeg", output->width, output->height);
    const struct judge_frames one = {still->width, still->height, 1, still->pixels, NULL, 0};
    for (int x = 0; x < 320; x += 2)
        assert_true(comb_teeth(&one, 0, x) < 12);
}

static void test_edges_of_time(void **state)
{
    (void)state;
    struct judge_facts facts;
    struct host *instant CLEANUP(host) =
        runner_video("overlay_logo", "{'video_url':'%instant.mp4','logo_url':'@logo.png'}", &facts);
    assert_int_equal(facts.frames, 1);
    struct host *edited CLEANUP(host) =
        runner_video("overlay_logo", "{'video_url':'%edited.mp4','logo_url':'@logo.png'}", &facts);
    struct judge_frames frames CLEANUP(judge_frames) = runner_decode(edited);
    judge_color(&frames, 0, 160, 90, 0x00ff00); /* from 1.4 s on */
    assert_in_range(facts.frames, 39, 41);
    judge_color(&frames, 20, 160, 90, 0x0000fe);
    struct host *unsized CLEANUP(host) =
        runner_video("publish_video_with_logo", "{'video_url':'%unsized.webm'}", &facts);
    assert_int_equal(facts.frames, 48);
}

/* Where, when, by whom and with what a video was taken stays with its owner. */
static void test_nothing_private(void **state)
{
    (void)state;
    static const char *const steps[][2] = {
        {"overlay_logo", "{'video_url':'%private.mp4','logo_url':'@logo.png'}"},
        {"publish_video_with_logo", "{'video_url':'%private.mp4'}"},
        {"tile_grid_videos", "{'video_urls':['%private.mp4','%private.mp4']}"},
        {"overlay_video", "{'video_url':'%private.mp4','overlay_url':'%private.mp4'}"},
        {"video_audio_merge", "{'video_url':'%private.mp4','audio_url':'%private.mp4'}"},
        {"publish_frames_with_logo", "{'video_url':'%private.mp4','count':1}"},
    };
    static const char *const words[] = {"Secret", "48.137", "quicktime.model", "2021-05-06"};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct host *host CLEANUP(host) = runner_run(steps[i][0], steps[i][1]);
        size_t size;
        const void *bytes = host_output_bytes(host, 0, &size);
        for (size_t j = 0; j < sizeof(words) / sizeof(words[0]); j++) {
            if (memmem(bytes, size, words[j], strlen(words[j])))
                fail_msg("%s gives away \"%s\"", steps[i][0], words[j]);
        }
    }
}

/* --- bad input --- */

static void test_bad_videos(void **state)
{
    (void)state;
    static const struct {
        const char *type, *before, *after, *path;
    } steps[] = {
        {"overlay_logo", "{'logo_url':'@logo.png','video_url':", "}", "/video_url"},
        {"publish_video_with_logo", "{'video_url':", "}", "/video_url"},
        {"publish_video_with_logo", "{'logo_url':'@logo.png','video_url':", "}", "/video_url"},
        {"publish_frames_with_logo", "{'video_url':", "}", "/video_url"},
        {"tile_grid_videos", "{'video_urls':['%three.mp4',", "]}", "/video_urls/1"},
    };
    static const struct {
        const char *file, *words;
    } files[] = {
        {"'%cut.mp4'", "cut off"},       {"'%headless.mp4'", "damaged"},
        {"'%text.mp4'", "no video"},     {"'%empty.mp4'", "no video"},
        {"'@red.png'", "no video"},      {"'%sound_only.mp4'", "holds no video"},
        {"'%playlist.mp4'", "no video"},
    };
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        for (size_t j = 0; j < sizeof(files) / sizeof(files[0]); j++) {
            char params[256];
            snprintf(params, sizeof(params), "%s%s%s", steps[i].before, files[j].file,
                     steps[i].after);
            runner_fails(steps[i].type, params, ERR_BAD_INPUT, steps[i].path, files[j].words);
        }
    }
}

int main(int argc, char **argv)
{
    if (!runner_start(argc, argv))
        return 2;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create_depth),
        cmocka_unit_test(test_camera_is_smooth),
        cmocka_unit_test(test_create_is_whole),
        cmocka_unit_test(test_create_loop),
        cmocka_unit_test(test_create_last_frame),
        cmocka_unit_test(test_create_settings),
        cmocka_unit_test(test_moves),
        cmocka_unit_test(test_logo_positions),
        cmocka_unit_test(test_logo_times),
        cmocka_unit_test(test_logo_copies_sound),
        cmocka_unit_test(test_logo_faults),
        cmocka_unit_test(test_publish),
        cmocka_unit_test(test_publish_copies),
        cmocka_unit_test(test_frames),
        cmocka_unit_test(test_grid),
        cmocka_unit_test(test_grid_modes),
        cmocka_unit_test(test_interlaced),
        cmocka_unit_test(test_edges_of_time),
        cmocka_unit_test(test_nothing_private),
        cmocka_unit_test(test_bad_videos),
    };
    return cmocka_run_group_tests(tests, make_inputs, folder_remove);
}
