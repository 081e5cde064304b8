/* Pictures and sound stay together through every step. Run as "test_steps_sync VIDEOS", the folder that
 * tests/data/make_videos.py filled. */
#include "runner.h"

#include "shared/fault.h"
#include "shared/folder.h"
#include "still.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* A frame may be shown half its length early or late when rates change; sound may not. */
#define SYNC_S 0.01

static int make_inputs(void **state)
{
    (void)state;
    still_write_flat("blue.png", 60, 40, 3, (const uint8_t[]){0, 0, 254});
    return 0;
}

/* When the picture turns white at x, y; `from` on. Negative when it does not. */
static double flash_after(const struct judge_frames *frames, double rate, double from, int x, int y)
{
    bool was_dark = false;
    for (int i = (int)ceil(from * rate - 1e-6); i < frames->count; i++) {
        bool is_white = judge_pixel(frames, i, x, y)[1] > 128;
        if (is_white && was_dark)
            return i / rate;
        was_dark = !is_white;
    }
    return -1;
}

/* When a beep begins. */
static double beep_after(const struct judge_frames *frames, double from)
{
    for (size_t i = (size_t)lrint(from * 48000); i < frames->samples; i++) {
        if (fabsf(frames->sound[2 * i]) > 0.1f)
            return (double)i / 48000;
    }
    return -1;
}

/* `count` flashes at x, y, each with its beep, 0.4 s into every second. */
static void judge_sync(const char *type, const char *params, int count, int x, int y)
{
    struct judge_facts facts;
    struct host *host CLEANUP(host) = runner_video(type, params, &facts);
    struct judge_frames frames CLEANUP(judge_frames) = runner_decode(host);
    for (int i = 0; i < count; i++) {
        double flash = flash_after(&frames, facts.rate, i, x, y), beep = beep_after(&frames, i);
        if (fabs(flash - i - 0.4) > SYNC_S || fabs(beep - flash) > SYNC_S)
            fail_msg("%s %s: flash %d at %.4f s, its beep at %.4f s", type, params, i, flash, beep);
    }
}

static const char *const files[] = {"flash.mov", "flash.mp4", "flash.mkv", "flash.webm"};

static void test_every_step(void **state)
{
    (void)state;
    static const struct {
        const char *type, *params; /* ? is the file */
        int x, y;
    } rows[] = {
        {"overlay_logo", "{'video_url':'%?','logo_url':'@blue.png'}", 20, 20},
        {"publish_video_with_logo", "{'video_url':'%?'}", 20, 20},
        {"publish_video_with_logo", "{'video_url':'%?','logo_url':'@blue.png'}", 20, 20},
        {"crop_to_content", "{'video_url':'%?','padding':4}", 20, 20},
        {"tile_grid_videos",
         "{'video_urls':['%?','%flash.mp4'],'grid_pattern':'2x1','audio':'mix'}", 20, 20},
        {"tile_grid_videos", "{'video_urls':['%three.mp4','%?'],'end':'longest'}", 20, 200},
        {"overlay_video", "{'video_url':'%?','overlay_url':'%red.mp4','audio':'mix'}", 20, 20},
        {"overlay_video",
         "{'video_url':'%three.mp4','overlay_url':'%?','audio':'overlay','layout':'center-large'}",
         160, 120},
        {"video_audio_merge", "{'video_url':'%?','audio_url':'%flash.mov'}", 20, 20},
        {"video_audio_merge",
         "{'video_url':'%?','audio_url':'%flash.mov','volume':0.9,'keep_original':true}", 20, 20},
        {"video_audio_merge", "{'video_url':'%flash.mp4','audio_url':'%?'}", 20, 20},
    };
    for (size_t i = 0; i < 4 * sizeof(rows) / sizeof(rows[0]); i++) {
        const char *hole = strchr(rows[i / 4].params, '?');
        char params[256];
        snprintf(params, sizeof(params), "%.*s%s%s", (int)(hole - rows[i / 4].params),
                 rows[i / 4].params, files[i % 4], hole + 1);
        judge_sync(rows[i / 4].type, params, strstr(params, "three") ? 3 : 4, rows[i / 4].x,
                   rows[i / 4].y);
    }
}

/* A second of sound four times: each round begins where it has to. */
static void test_rounds_do_not_drift(void **state)
{
    (void)state;
    static const char *const sounds[] = {"beep.wav", "beep.m4a", "beep.mp3", "beep.ogg",
                                         "beep.flac"};
    for (size_t i = 0; i < sizeof(sounds) / sizeof(sounds[0]); i++) {
        char params[256];
        struct judge_facts facts;
        snprintf(params, sizeof(params), "{'video_url':'%%flash.mp4','audio_url':'%%%s'}",
                 sounds[i]);
        struct host *host CLEANUP(host) = runner_video("video_audio_merge", params, &facts);
        struct judge_frames frames CLEANUP(judge_frames) = runner_decode(host);
        for (int round = 0; round < 4; round++) {
            double beep = beep_after(&frames, round);
            if (fabs(beep - round - 0.4) > 0.003)
                fail_msg("%s: beep %d at %.4f s", sounds[i], round, beep);
        }
    }
}

/* What a codec needs at both ends to start and to fill its last block is no sound. */
static void test_lengths_are_those_of_the_sound(void **state)
{
    (void)state;
    static const char *const sounds[] = {"beep.wav", "beep.m4a", "beep.mp3", "beep.ogg",
                                         "beep.flac"};
    static const char *const modes[] = {"MatchAudio", "SpeedAdjust"};
    for (size_t i = 0; i < 2 * sizeof(sounds) / sizeof(sounds[0]); i++) {
        char params[256];
        struct judge_facts facts;
        snprintf(params, sizeof(params),
                 "{'video_url':'%%flash.mp4','audio_url':'%%%s','attach_mode':'%s'}", sounds[i / 2],
                 modes[i % 2]);
        struct host *host CLEANUP(host) = runner_video("video_audio_merge", params, &facts);
        assert_int_equal(facts.frames, 25);
    }
}

/* A rendered clip takes a sound with it: cut, or again and again until the end of all rounds. */
static void test_a_clip_with_sound(void **state)
{
    (void)state;
    static const char *const sounds[] = {"beep.mp3", "beep.ogg", "flash.mp4", "flash.mov"};
    for (size_t i = 0; i < sizeof(sounds) / sizeof(sounds[0]); i++) {
        char params[256];
        struct judge_facts facts;
        snprintf(params, sizeof(params),
                 "{'image_url':'@blue.png','duration':1,'loop':2,'fps':24,'aspect_ratio':'1:1',"
                 "'motion_type':'StaticMotion','audio_url':'%%%s'}",
                 sounds[i]);
        struct host *host CLEANUP(host) = runner_video("create_video", params, &facts);
        assert_int_equal(facts.frames, 48);
        struct judge_frames frames CLEANUP(judge_frames) = runner_decode(host);
        for (int second = 0; second < 2; second++)
            assert_true(fabs(beep_after(&frames, second) - second - 0.4) < 0.003);
        assert_int_equal(facts.sound_codec, AV_CODEC_ID_AAC);
    }
    runner_repeats("create_video", "{'image_url':'@blue.png','duration':1,'fps':24,"
                                   "'aspect_ratio':'1:1','audio_url':'%beep.flac'}");
    runner_fails("create_video", "{'image_url':'@blue.png','duration':1,'audio_url':'%three.mp4'}",
                 ERR_BAD_INPUT, "/audio_url", "holds no sound");
    runner_fails("create_video", "{'image_url':'@blue.png','duration':1,'audio_url':'@blue.png'}",
                 ERR_BAD_INPUT, "/audio_url", "no sound that is taken here");
}

/* Pictures are as many as there are, also in a file that says only how long all of it is. */
static void test_sound_that_goes_on(void **state)
{
    (void)state;
    struct judge_facts facts;
    struct host *logo CLEANUP(host) =
        runner_run("overlay_logo", "{'video_url':'%overhang.mkv','logo_url':'@blue.png'}");
    struct judge_frames frames CLEANUP(judge_frames) = runner_decode(logo);
    assert_int_equal(frames.count, 75);
    struct host *crop CLEANUP(host) =
        runner_video("crop_to_content", "{'video_url':'%overhang.mkv','padding':2}", &facts);
    assert_int_equal(facts.frames, 75);
    struct host *grid CLEANUP(host) =
        runner_video("tile_grid_videos",
                     "{'video_urls':['%overhang.mkv','%flash.mp4'],'grid_pattern':'2x1'}", &facts);
    assert_int_equal(facts.frames, 75);
}

int main(int argc, char **argv)
{
    if (!runner_start(argc, argv))
        return 2;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_step),
        cmocka_unit_test(test_rounds_do_not_drift),
        cmocka_unit_test(test_lengths_are_those_of_the_sound),
        cmocka_unit_test(test_a_clip_with_sound),
        cmocka_unit_test(test_sound_that_goes_on),
    };
    return cmocka_run_group_tests(tests, make_inputs, folder_remove);
}
