/* The steps that bring two videos, or a video and a sound, together. Run as "test_steps_merge VIDEOS", the folder that
 * tests/data/make_videos.py filled. */
#include "runner.h"

#include "shared/fault.h"
#include "shared/folder.h"
#include "still.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define RED 0xfe0000
#define LIME 0x00ff00
#define BLUE 0x0000fe
#define YELLOW 0xffff00

static int make_inputs(void **state)
{
    (void)state;
    still_write_flat("blue.png", 300, 200, 3, (const uint8_t[]){0, 0, 254});
    return 0;
}

/* --- overlay_video --- */

/* Where colours change along a line from x, y: the first and last pixel of `color`. */
static void extent(const struct judge_frames *frames, int frame, bool across, int at,
                   unsigned color, int *ret_first, int *ret_last)
{
    *ret_first = -1;
    *ret_last = -1;
    for (int i = 0; i < (across ? frames->width : frames->height); i++) {
        if (!judge_is(frames, frame, across ? i : at, across ? at : i, color, 40))
            continue;
        *ret_first = *ret_first < 0 ? i : *ret_first;
        *ret_last = i;
    }
}

/* 640 x 360 with a margin of 14; the inset is 16:9. */
static void test_layouts(void **state)
{
    (void)state;
    static const char *const places[] = {"left", "center", "right"};
    static const char *const sizes[] = {"small", "medium", "large"};
    static const int widths[] = {178, 268, 422}, heights[] = {100, 150, 236};
    for (int i = 0; i < 9; i++) {
        char params[256];
        snprintf(params, sizeof(params),
                 "{'video_url':'%%red.mp4','overlay_url':'%%short.mp4','layout':'%s-%s'}",
                 places[i / 3], sizes[i % 3]);
        int width = widths[i % 3], height = heights[i % 3], left, right, top, bottom;
        int x = i < 3 ? 14 : i < 6 ? (640 - width) / 2 : 640 - 14 - width;
        struct judge_facts facts;
        struct host *host CLEANUP(host) = runner_video("overlay_video", params, &facts);
        assert_int_equal(facts.frames, 50);
        struct judge_frames frames CLEANUP(judge_frames) = runner_decode(host);
        extent(&frames, 7, true, 320, YELLOW, &left, &right);
        extent(&frames, 7, false, x + width / 2, YELLOW, &top, &bottom);
        assert_in_range(left, x - 3, x + 3);
        assert_in_range(right - left, width - 4, width + 4);
        assert_in_range(bottom, 340, 348);
        assert_in_range(bottom - top, height - 4, height + 4);
        judge_color(&frames, 7, 5, 5, RED);
        judge_color(&frames, 20, x + width / 2, 300, RED); /* it is over after 0.6 s */
    }
}

static void test_shapes(void **state)
{
    (void)state;
    struct judge_facts facts;
    struct host *round CLEANUP(host) =
        runner_video("overlay_video",
                     "{'video_url':'%red.mp4','overlay_url':'%green.mp4','layout':'center-large',"
                     "'shape':'circle'}",
                     &facts);
    struct judge_frames circle CLEANUP(judge_frames) = runner_decode(round);
    /* 236 across, its middle at 320, 227 */
    judge_color(&circle, 10, 320, 227, LIME);
    judge_color(&circle, 10, 320 - 112, 227, LIME);
    judge_color(&circle, 10, 320, 227 + 112, LIME);
    judge_color(&circle, 10, 320 + 79, 227 - 79, LIME);
    judge_color(&circle, 10, 320 + 90, 227 - 90, RED);
    judge_color(&circle, 10, 320 - 124, 227, RED);
    struct host *soft CLEANUP(host) =
        runner_video("overlay_video",
                     "{'video_url':'%red.mp4','overlay_url':'@blue.png','layout':'left-large',"
                     "'shape':'rounded','start_time':1}",
                     &facts);
    struct judge_frames rounded CLEANUP(judge_frames) = runner_decode(soft);
    judge_color(&rounded, 24, 100, 200, RED);
    judge_color(&rounded, 25, 100, 200, BLUE);
    judge_color(&rounded, 49, 100, 200, BLUE);
    judge_color(&rounded, 30, 17, 200, BLUE);
    judge_color(&rounded, 30, 15, 344, RED); /* the corner */
    judge_color(&rounded, 30, 14 + 28, 340, BLUE);
}

static void test_times(void **state)
{
    (void)state;
    struct judge_facts facts;
    struct host *host CLEANUP(host) =
        runner_video("overlay_video",
                     "{'video_url':'%three.mp4','overlay_url':'%green.mp4','start_time':0.4,"
                     "'layout':'right-medium'}",
                     &facts);
    assert_int_equal(facts.frames, 75);
    struct judge_frames frames CLEANUP(judge_frames) = runner_decode(host);
    judge_color(&frames, 9, 270, 140, RED);
    judge_color(&frames, 10, 270, 140, LIME);
    judge_color(&frames, 74, 270, 140, LIME);
    struct host *shortest CLEANUP(host) =
        runner_video("overlay_video",
                     "{'video_url':'%three.mp4','overlay_url':'%short.mp4','start_time':1,"
                     "'end':'shortest'}",
                     &facts);
    assert_int_equal(facts.frames, 40);
    assert_false(facts.has_sound);
    runner_fails("overlay_video",
                 "{'video_url':'%three.mp4','overlay_url':'%short.mp4','start_time':3}",
                 ERR_INVALID, "/start_time", "3 s long");
}

static void test_overlay_sound(void **state)
{
    (void)state;
    struct judge_facts facts;
    struct host *base CLEANUP(host) = runner_video(
        "overlay_video", "{'video_url':'%green.mp4','overlay_url':'%blue.mp4'}", &facts);
    const char *given = judge_packets(base->run.inputs[0].fd, AVMEDIA_TYPE_AUDIO);
    assert_string_equal(given, judge_packets(base->run.outputs[0].fd, AVMEDIA_TYPE_AUDIO));
    struct host *over CLEANUP(host) =
        runner_video("overlay_video",
                     "{'video_url':'%green.mp4','overlay_url':'%blue.mp4','audio':'overlay',"
                     "'start_time':1}",
                     &facts);
    struct judge_frames frames CLEANUP(judge_frames) = runner_decode(over);
    assert_true(judge_tone(&frames, 880, 0.1, 2.9) < 0.005);
    assert_true(judge_tone(&frames, 660, 0.1, 0.9) < 0.005);
    assert_true(judge_tone(&frames, 660, 1.1, 1.9) > 0.05);
    assert_true(judge_tone(&frames, 660, 2.1, 2.9) < 0.005);
    struct host *mix CLEANUP(host) =
        runner_video("overlay_video",
                     "{'video_url':'%green.mp4','overlay_url':'%blue.mp4','audio':'mix',"
                     "'end':'shortest'}",
                     &facts);
    assert_int_equal(facts.frames, 24);
    struct judge_frames both CLEANUP(judge_frames) = runner_decode(mix);
    assert_true(judge_tone(&both, 880, 0.1, 0.9) > 0.05);
    assert_true(judge_tone(&both, 660, 0.1, 0.9) > 0.05);
    runner_fails("overlay_video",
                 "{'video_url':'%green.mp4','overlay_url':'@blue.png','audio':'overlay'}",
                 ERR_INVALID, "/audio", "has no sound");
    runner_fails("overlay_video",
                 "{'video_url':'%green.mp4','overlay_url':'%red.mp4','audio':'overlay'}",
                 ERR_INVALID, "/audio", "/overlay_url has no sound");
}

static void test_overlay_faults(void **state)
{
    (void)state;
    static const char *const files[] = {"%cut.mp4", "%text.mp4", "%empty.mp4", "%sound_only.mp4"};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        char params[256];
        snprintf(params, sizeof(params), "{'video_url':'%%front.mp4','overlay_url':'%s'}",
                 files[i]);
        runner_fails("overlay_video", params, ERR_BAD_INPUT, "/overlay_url", "/overlay_url");
        snprintf(params, sizeof(params), "{'overlay_url':'%%blue.mp4','video_url':'%s'}", files[i]);
        runner_fails("overlay_video", params, ERR_BAD_INPUT, "/video_url", "/video_url");
    }
    runner_repeats("overlay_video", "{'video_url':'%blue.mp4','overlay_url':'%short.mp4',"
                                    "'shape':'circle','audio':'mix'}");
    runner_cancel("overlay_video", "{'video_url':'%three.mp4','overlay_url':'%green.mp4'}");
}

/* --- video_audio_merge --- */

/* Sound and picture are equally long, to a block of AAC. */
static struct host *merge(const char *params, struct judge_facts *ret_facts)
{
    struct host *host = runner_video("video_audio_merge", params, ret_facts);
    assert_true(ret_facts->has_sound);
    assert_true(fabs(ret_facts->sound_s - ret_facts->video_s) < 0.025);
    return host;
}

static void test_merge_copies(void **state)
{
    (void)state;
    static const char *const modes[] = {"MatchVideo", "PadAudio"};
    for (size_t i = 0; i < 2; i++) {
        char params[256];
        struct judge_facts facts;
        snprintf(params, sizeof(params),
                 "{'video_url':'%%high.mp4','audio_url':'%%long_tone.m4a','attach_mode':'%s'}",
                 modes[i]);
        struct host *host CLEANUP(host) = merge(params, &facts);
        assert_int_equal(facts.frames, 60);
        int out = host->run.outputs[0].fd;
        const char *given = judge_packets(host->run.inputs[0].fd, AVMEDIA_TYPE_VIDEO);
        assert_string_equal(given, judge_packets(out, AVMEDIA_TYPE_VIDEO));
        /* the sound is a copy, too: published sound of the same bit rate would have other bytes */
        struct judge_frames frames CLEANUP(judge_frames) = runner_decode(host);
        assert_true(judge_tone(&frames, 550, 0.1, 1.9) > 0.08);
        assert_true(judge_tone(&frames, 300, 0.1, 1.9) < 0.005); /* the video's own */
    }
    struct judge_facts facts;
    struct host *strict CLEANUP(host) = merge(
        "{'video_url':'%red.mp4','audio_url':'%quiet_mono.mp4','attach_mode':'Strict'}", &facts);
    const char *given = judge_packets(strict->run.inputs[1].fd, AVMEDIA_TYPE_AUDIO);
    assert_string_equal(given, judge_packets(strict->run.outputs[0].fd, AVMEDIA_TYPE_AUDIO));
}

/* 1.5 s of tone under 3 s of pictures. */
static void test_merge_longer_video(void **state)
{
    (void)state;
    static const char *const files[] = {"tone.wav", "tone.mp3", "tone.ogg", "tone.flac",
                                        "tone.aac"};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        char params[256];
        struct judge_facts facts;
        snprintf(params, sizeof(params), "{'video_url':'%%three.mp4','audio_url':'%%%s'}",
                 files[i]);
        struct host *host CLEANUP(host) = merge(params, &facts);
        assert_int_equal(facts.frames, 75);
        struct judge_frames frames CLEANUP(judge_frames) = runner_decode(host);
        for (int at = 1; at < 14; at++) /* again and again; joins are let pass */
            assert_true(at == 7 ||
                        judge_tone(&frames, 550, at * 0.2 + 0.05, at * 0.2 + 0.2) > 0.07);
    }
    struct judge_facts facts;
    struct host *padded CLEANUP(host) = merge(
        "{'video_url':'%three.mp4','audio_url':'%tone.wav','attach_mode':'PadAudio'}", &facts);
    struct judge_frames frames CLEANUP(judge_frames) = runner_decode(padded);
    assert_true(judge_tone(&frames, 550, 0.1, 1.4) > 0.08);
    assert_true(judge_tone(&frames, 550, 1.6, 2.9) < 0.001);
}

static void test_merge_changes_video(void **state)
{
    (void)state;
    struct judge_facts facts;
    struct host *cut CLEANUP(host) = merge(
        "{'video_url':'%three.mp4','audio_url':'%tone.wav','attach_mode':'MatchAudio'}", &facts);
    assert_in_range(facts.frames, 37, 38);
    struct judge_frames frames CLEANUP(judge_frames) = runner_decode(cut);
    judge_color(&frames, 24, 160, 90, RED);
    judge_color(&frames, 36, 160, 90, LIME);
    struct host *held CLEANUP(host) =
        merge("{'video_url':'%three.mp4','audio_url':'%long_tone.m4a','attach_mode':'MatchAudio'}",
              &facts);
    assert_int_equal(facts.frames, 100);
    struct judge_frames still CLEANUP(judge_frames) = runner_decode(held);
    judge_color(&still, 99, 160, 90, BLUE);
    struct host *fast CLEANUP(host) = merge(
        "{'video_url':'%three.mp4','audio_url':'%tone.wav','attach_mode':'SpeedAdjust'}", &facts);
    assert_in_range(facts.frames, 37, 38);
    struct judge_frames quick CLEANUP(judge_frames) = runner_decode(fast);
    judge_color(&quick, 10, 160, 90, RED);
    judge_color(&quick, 18, 160, 90, LIME);
    judge_color(&quick, 36, 160, 90, BLUE);
    runner_fails("video_audio_merge",
                 "{'video_url':'%three.mp4','audio_url':'%short.mp4','attach_mode':'SpeedAdjust'}",
                 ERR_BAD_INPUT, "/audio_url", "at most 4");
    runner_fails("video_audio_merge",
                 "{'video_url':'%three.mp4','audio_url':'%tone.wav','attach_mode':'Strict'}",
                 ERR_BAD_INPUT, "/audio_url", "1.50 seconds long and the video 3.00");
}

static void test_merge_changes_sound(void **state)
{
    (void)state;
    struct judge_facts facts;
    struct host *both CLEANUP(host) =
        merge("{'video_url':'%green.mp4','audio_url':'%long_tone.m4a','keep_original':true,"
              "'volume':0.5}",
              &facts);
    struct judge_frames mixed CLEANUP(judge_frames) = runner_decode(both);
    double own = judge_tone(&mixed, 880, 0.2, 2.8), added = judge_tone(&mixed, 550, 0.2, 2.8);
    assert_true(fabs(own - 0.088) < 0.01 && fabs(added - 0.044) < 0.005);
    struct host *faded CLEANUP(host) =
        merge("{'video_url':'%three.mp4','audio_url':'%long_tone.m4a','fade_s':1}", &facts);
    struct judge_frames frames CLEANUP(judge_frames) = runner_decode(faded);
    double middle = judge_tone(&frames, 550, 1.3, 1.7);
    assert_true(middle > 0.08);
    assert_true(judge_tone(&frames, 550, 0.01, 0.1) < middle / 8);
    assert_true(fabs(judge_tone(&frames, 550, 0.45, 0.55) - middle / 2) < middle / 8);
    assert_true(judge_tone(&frames, 550, 2.9, 2.99) < middle / 8);
    struct host *loud CLEANUP(host) =
        merge("{'video_url':'%three.mp4','audio_url':'%spikes.mp4','volume':4}", &facts);
    struct judge_frames limited CLEANUP(judge_frames) = runner_decode(loud);
    for (size_t i = 0; i < 2 * limited.samples; i++)
        assert_true(fabsf(limited.sound[i]) < 1);
}

/* Rate and channels of the sound, then the size of the video change in the middle of a file. */
static void test_merge_of_what_changes(void **state)
{
    (void)state;
    struct judge_facts facts;
    struct host *sound CLEANUP(host) =
        merge("{'video_url':'%three.mp4','audio_url':'%changing.mp3','volume':1.5}", &facts);
    struct judge_frames heard CLEANUP(judge_frames) = runner_decode(sound);
    for (int at = 1; at < 28; at++) /* joins are let pass */
        assert_true(at % 10 == 0 || at % 10 == 9 ||
                    judge_tone(&heard, 550, at * 0.1, at * 0.1 + 0.1) > 0.12);
    int clicks = 0;
    for (size_t i = 2; i < 2 * heard.samples; i += 2)
        clicks += fabsf(heard.sound[i] - heard.sound[i - 2]) > 0.05f;
    assert_in_range(clicks, 0, 20); /* each join has a few, each frame would have one more */
    struct host *picture CLEANUP(host) =
        merge("{'video_url':'%changing.webm','audio_url':'%long_tone.m4a'}", &facts);
    assert_int_equal(facts.width, 320);
    assert_in_range(facts.frames, 49, 51);
    struct judge_frames seen CLEANUP(judge_frames) = runner_decode(picture);
    judge_color(&seen, 10, 310, 170, RED);
    judge_color(&seen, 40, 310, 170, BLUE);
}

static void test_merge_faults(void **state)
{
    (void)state;
    static const char *const files[] = {"%text.mp4", "%empty.mp4", "%three.mp4", "@blue.png"};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        char params[256];
        snprintf(params, sizeof(params), "{'video_url':'%%red.mp4','audio_url':'%s'}", files[i]);
        runner_fails("video_audio_merge", params, ERR_BAD_INPUT, "/audio_url", "/audio_url");
    }
    runner_fails("video_audio_merge", "{'video_url':'%tone.wav','audio_url':'%tone.wav'}",
                 ERR_BAD_INPUT, "/video_url", "no video");
    runner_fails("video_audio_merge", "{'video_url':'%cut.mp4','audio_url':'%tone.wav'}",
                 ERR_BAD_INPUT, "/video_url", "cut off");
    runner_repeats("video_audio_merge", "{'video_url':'%three.mp4','audio_url':'%tone.wav'}");
    runner_cancel("video_audio_merge", "{'video_url':'%three.mp4','audio_url':'%tone.wav',"
                                       "'attach_mode':'SpeedAdjust'}");
}

int main(int argc, char **argv)
{
    if (!runner_start(argc, argv))
        return 2;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layouts),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_overlay_sound),
        cmocka_unit_test(test_overlay_faults),
        cmocka_unit_test(test_merge_copies),
        cmocka_unit_test(test_merge_longer_video),
        cmocka_unit_test(test_merge_changes_video),
        cmocka_unit_test(test_merge_changes_sound),
        cmocka_unit_test(test_merge_of_what_changes),
        cmocka_unit_test(test_merge_faults),
    };
    return cmocka_run_group_tests(tests, make_inputs, folder_remove);
}
