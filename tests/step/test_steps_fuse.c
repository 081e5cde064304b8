/* Steps in one pass give what they give one after the other. Run as "test_steps_fuse VIDEOS", the folder that
 * tests/data/make_videos.py filled. */
#include "runner.h"

#include "base/buffer.h"
#include "shared/fault.h"
#include "shared/folder.h"
#include "still.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { CHAIN_MAX = 5, RANDOM_CHAINS = 16 };

/* `params` of a step whose video comes from the one before it: $ stands for the file. */
struct link {
    const char *type, *params;
};

static int make_inputs(void **state)
{
    (void)state;
    still_write_flat("still.png", 400, 400, 3, (const uint8_t[]){200, 120, 60});
    still_write_flat("logo.png", 60, 60, 4, still_green);
    still_write_flat("glass.png", 80, 40, 4, (const uint8_t[]){240, 240, 240, 140});
    return 0;
}

static void keep_video(struct host *host, const char *name)
{
    size_t size;
    const void *bytes = host_output_bytes(host, 0, &size);
    folder_write(name, bytes, size);
}

static struct host *open_link(const struct link *link, const char *video)
{
    struct buffer params CLEANUP(buffer) = {0};
    for (const char *at = link->params; *at; at++) {
        if (*at == '$')
            buffer_append_text(&params, video);
        else
            buffer_append_char(&params, *at);
    }
    return runner_open(link->type, params.bytes);
}

/* One after the other; the last one's host. */
static struct host *run_alone(const struct link *links, size_t count)
{
    static const char *const names[] = {"0.mp4", "1.mp4"};
    struct host *host = NULL;
    char video[8] = "";
    for (size_t i = 0; i < count; i++) {
        struct host *next = open_link(&links[i], video);
        host_free(host);
        host = next;
        if (host_run(host) < 0)
            fail_msg("%s: %s", links[i].type, host->err.message);
        keep_video(host, names[i % 2]);
        snprintf(video, sizeof(video), "@%s", names[i % 2]);
    }
    return host;
}

/* In one pass, the hosts of all steps. Followers are given a video that they may not look at. */
static void run_fused(const struct link *links, size_t count, struct host *ret_hosts[CHAIN_MAX])
{
    for (size_t i = 0; i < count; i++) {
        ret_hosts[i] = open_link(&links[i], i == 0 ? "" : "%text.mp4");
        if (i > 0)
            ret_hosts[i - 1]->run.next = &ret_hosts[i]->run;
    }
    step_fuse_share(&ret_hosts[0]->run);
    if (host_run(ret_hosts[0]) < 0)
        fail_msg("%s: %s", links[0].type, ret_hosts[0]->err.message);
    assert_false(ret_hosts[0]->progress_fell);
    for (size_t i = 0; i < count; i++)
        assert_true(ret_hosts[i]->run.output_count > 0);
}

/* Steps share files, each of which is closed once. */
static void free_hosts(struct host *hosts[CHAIN_MAX], size_t count)
{
    for (size_t i = count - 1; i > 0; i--) {
        if (hosts[i]->run.outputs[0].fd == hosts[i - 1]->run.outputs[0].fd)
            hosts[i]->run.outputs[0].fd = -1;
    }
    for (size_t i = 0; i < count; i++)
        host_free(hosts[i]);
}

/* Same pictures but for what coding does to them, same lengths, same sound. */
static void check_same(int one, int other)
{
    struct judge_facts a = judge_file(one), b = judge_file(other);
    assert_int_equal(a.width, b.width);
    assert_int_equal(a.height, b.height);
    assert_int_equal(a.frames, b.frames);
    assert_true(fabs(a.rate - b.rate) < 0.001);
    assert_int_equal(a.has_sound, b.has_sound);
    assert_string_equal(a.title, b.title);
    assert_true(fabs(a.video_s - b.video_s) < 0.0005 && fabs(a.sound_s - b.sound_s) < 0.0005);
    struct judge_frames fused CLEANUP(judge_frames) = judge_decode(one);
    struct judge_frames alone CLEANUP(judge_frames) = judge_decode(other);
    assert_int_equal(fused.count, alone.count);
    for (int i = 0; i < fused.count; i += 5) {
        double similarity = judge_similarity(&fused, &alone, i);
        if (similarity < 0.97)
            fail_msg("frame %d: %.4f", i, similarity);
    }
    /* no more generations and no other sound: the very same packets */
    assert_int_equal(fused.samples, alone.samples);
    if (a.has_sound)
        assert_string_equal(judge_packets(one, AVMEDIA_TYPE_AUDIO),
                            judge_packets(other, AVMEDIA_TYPE_AUDIO));
}

static void check_chain(const struct link *links, size_t count)
{
    struct host *hosts[CHAIN_MAX];
    run_fused(links, count, hosts);
    struct host *alone CLEANUP(host) = run_alone(links, count);
    const struct host *last = hosts[count - 1];
    assert_int_equal(last->run.output_count, alone->run.output_count);
    check_same(last->run.outputs[0].fd, alone->run.outputs[0].fd);
    assert_int_equal(last->run.outputs[0].duration_ms, alone->run.outputs[0].duration_ms);
    free_hosts(hosts, count);
}

static void test_clip(void **state)
{
    (void)state;
    static const struct link links[] = {
        {"create_video", "{'image_url':'@still.png','duration':1,'fps':24}"},
        {"overlay_logo", "{'video_url':'$','logo_url':'@logo.png','position':'top-left',"
                         "'start_time':0.25}"},
        {"overlay_logo", "{'video_url':'$','logo_url':'@glass.png','position':'bottom-center',"
                         "'opacity':0.6,'end_time':0.8}"},
        {"publish_video_with_logo", "{'video_url':'$','logo_url':'@logo.png','title':'All',"
                                    "'position':'center','poster':true}"},
    };
    check_chain(links, 2);
    check_chain(links, 4);
}

static void test_video(void **state)
{
    (void)state;
    static const struct link links[] = {
        {"overlay_logo", "{'video_url':'%green.mp4','logo_url':'@glass.png'}"},
        {"overlay_logo", "{'video_url':'$','logo_url':'@logo.png','position':'top-right'}"},
        {"publish_video_with_logo", "{'video_url':'$','logo_url':'@logo.png',"
                                    "'position':'center-left'}"},
    };
    check_chain(links, 3);
}

static void test_inset(void **state)
{
    (void)state;
    static const struct link links[] = {
        {"overlay_video", "{'video_url':'%green.mp4','overlay_url':'%blue.mp4','shape':'circle',"
                          "'end':'shortest'}"},
        {"publish_video_with_logo", "{'video_url':'$','logo_url':'@logo.png'}"},
    };
    check_chain(links, 2);
    static const struct link pictures[] = {
        {"overlay_video", "{'video_url':'%three.mp4','overlay_url':'@still.png',"
                          "'layout':'left-large'}"},
        {"overlay_logo", "{'video_url':'$','logo_url':'@glass.png','position':'center'}"},
    };
    check_chain(pictures, 2);
}

static void test_grid(void **state)
{
    (void)state;
    static const struct link links[] = {
        {"tile_grid_videos", "{'video_urls':['%high.mp4','%three.mp4','%blue.mp4'],"
                             "'grid_pattern':'2x2','gap':8,'end':'longest','audio':'mix'}"},
        {"overlay_logo", "{'video_url':'$','logo_url':'@logo.png','start_time':0.5}"},
        {"publish_video_with_logo", "{'video_url':'$','logo_url':'@glass.png','title':'Grid',"
                                    "'position':'center','poster':true}"},
    };
    check_chain(links, 2);
    check_chain(links, 3);
}

/* Where sound changes on the way, and pictures do not. */
static void test_sound(void **state)
{
    (void)state;
    static const struct link links[] = {
        {"video_audio_merge", "{'video_url':'%high.mp4','audio_url':'%tone.wav','volume':0.5,"
                              "'attach_mode':'MatchAudio'}"},
        {"overlay_video", "{'video_url':'$','overlay_url':'%blue.mp4','shape':'circle',"
                          "'start_time':0.41,'audio':'mix'}"},
        {"video_audio_merge", "{'video_url':'$','audio_url':'%long_tone.m4a','fade_s':0.5,"
                              "'keep_original':true}"},
        {"overlay_logo", "{'video_url':'$','logo_url':'@logo.png'}"},
        {"publish_video_with_logo", "{'video_url':'$','title':'Sound'}"},
    };
    check_chain(links, 5);
}

/* Steps that make every picture themselves. */
static void test_rendered(void **state)
{
    (void)state;
    static const struct link cropped[] = {
        {"crop_to_content", "{'video_url':'%high.mp4','padding':20}"},
        {"overlay_logo", "{'video_url':'$','logo_url':'@logo.png'}"},
    };
    static const struct link keyed[] = {
        {"replace_background", "{'video_url':'%green.mp4','option':'ReplaceBackground',"
                               "'color':'#203080','chroma_key_color':'#00FF00'}"},
        {"overlay_video", "{'video_url':'$','overlay_url':'@still.png','layout':'center-large'}"},
    };
    check_chain(cropped, 2);
    check_chain(keyed, 2);
}

static const struct link heads[] = {
    {"create_video", "{'image_url':'@still.png','duration':1,'fps':25,'camera_control':'Static'}"},
    {"overlay_logo", "{'video_url':'%vp9.webm','logo_url':'@logo.png','end_time':0.7}"},
    {"overlay_video", "{'video_url':'%high.mp4','overlay_url':'%short.mp4','end':'base',"
                      "'audio':'mix','start_time':0.33,'layout':'left-medium','shape':'rounded'}"},
    {"overlay_video", "{'video_url':'%high.mp4','overlay_url':'%blue.mp4','end':'shortest'}"},
    {"tile_grid_videos", "{'video_urls':['%three.mp4','%blue.mp4'],'fit':'contain'}"},
    {"crop_to_content", "{'video_url':'%halves.mp4','padding':16}"},
    {"replace_background", "{'video_url':'%halves.mp4','option':'ReplaceBackground',"
                           "'color':'#A0A020','chroma_key_color':'#FF0000'}"},
    {"replace_background", "{'image_url':'@logo.png','option':'ReplaceBackground',"
                           "'background_video_url':'%blue.mp4','mask_url':'@glass.png'}"},
    {"video_audio_merge", "{'video_url':'%three.mp4','audio_url':'%tone.mp3',"
                          "'attach_mode':'SpeedAdjust'}"},
    {"video_audio_merge", "{'video_url':'%red.mp4','audio_url':'%tone.flac'}"},
    {"publish_video_with_logo", "{'video_url':'%spikes.mp4','title':'First'}"},
    {"publish_video_with_logo", "{'video_url':'%surround.mp4','logo_url':'@glass.png'}"},
};

static const char *const positions[] = {"top-left", "top-right", "center", "bottom-center"};
static const char *const layouts[] = {"left-small", "center-large", "right-medium"};
static const char *const shapes[] = {"rectangle", "rounded", "circle"};
static const char *const audios[] = {"base", "overlay", "mix"};
static const struct {
    const char *name;
    bool has_sound;
} overlays[] = {{"%blue.mp4", true}, {"%short.mp4", true}, {"%turned.mp4", false}};
static const char *const modes[] = {"MatchVideo", "PadAudio"};
static const char *const sounds[] = {"%tone.wav", "%tone.ogg", "%long_tone.m4a", "%green.mp4"};

static uint32_t draw(uint32_t *state, uint32_t count)
{
    *state = *state * 1664525 + 1013904223;
    return (*state >> 16) % count;
}

#define PICK(list) list[draw(state, sizeof(list) / sizeof((list)[0]))]

/* A step that can follow, with parameters by chance. */
static struct link follower(uint32_t *state, char params[256])
{
    static const char *const types[] = {"overlay_logo", "overlay_video", "overlay_video",
                                        "video_audio_merge", "publish_video_with_logo"};
    uint32_t kind = draw(state, 5);
    double start = draw(state, 40) / 100.0, size = 0.05 + draw(state, 30) / 100.0;
    if (kind == 0)
        snprintf(params, 256,
                 "{'video_url':'$','logo_url':'@%s.png','position':'%s','scale':%.2f,"
                 "'opacity':%.2f,'start_time':%.2f,'end_time':%.2f}",
                 draw(state, 2) ? "logo" : "glass", PICK(positions), size, 1 - size / 2, start,
                 start + 0.01 + size);
    else if (kind == 1)
        snprintf(params, 256,
                 "{'video_url':'$','overlay_url':'@still.png','layout':'%s','shape':'%s',"
                 "'start_time':%.2f}",
                 PICK(layouts), PICK(shapes), start);
    else if (kind == 2) {
        uint32_t over = draw(state, sizeof(overlays) / sizeof(overlays[0]));
        snprintf(params, 256,
                 "{'video_url':'$','overlay_url':'%s','layout':'%s','shape':'%s','audio':'%s',"
                 "'start_time':%.2f}",
                 overlays[over].name, PICK(layouts), PICK(shapes),
                 overlays[over].has_sound ? PICK(audios) : "mix", start);
    } else if (kind == 3)
        snprintf(params, 256,
                 "{'video_url':'$','audio_url':'%s','attach_mode':'%s','volume':%.2f,"
                 "'fade_s':%.2f,'keep_original':%s}",
                 PICK(sounds), PICK(modes), 0.2 + size, start, draw(state, 2) ? "true" : "false");
    else
        snprintf(params, 256, "{'video_url':'$'%s,'position':'%s','poster':%s,'title':'T%.0f'}",
                 draw(state, 2) ? ",'logo_url':'@logo.png'" : "", PICK(positions),
                 draw(state, 2) ? "true" : "false", size * 100);
    return (struct link){types[kind], params};
}

/* Every head once, then again, with followers that are never the same. */
static void test_chains_by_chance(void **unused)
{
    (void)unused;
    uint32_t seed = 20260;
    uint32_t *state = &seed;
    for (size_t i = 0; i < RANDOM_CHAINS; i++) {
        struct link links[CHAIN_MAX];
        char params[CHAIN_MAX][256];
        size_t count = 2 + draw(state, CHAIN_MAX - 1);
        links[0] = heads[i % (sizeof(heads) / sizeof(heads[0]))];
        for (size_t k = 1; k < count; k++)
            links[k] = follower(state, params[k]);
        print_message("chain %zu:", i);
        for (size_t k = 0; k < count; k++)
            print_message(" %s %s", links[k].type, links[k].params);
        print_message("\n");
        check_chain(links, count);
    }
}

/* The fault of a follower is that of the pass. */
static void test_fault(void **state)
{
    (void)state;
    static const struct link links[] = {
        {"overlay_logo", "{'video_url':'%three.mp4','logo_url':'@glass.png'}"},
        {"overlay_logo", "{'video_url':'$','logo_url':'@logo.png','start_time':5}"},
    };
    struct host *head CLEANUP(host) = open_link(&links[0], "");
    struct host *follower CLEANUP(host) = open_link(&links[1], "%text.mp4");
    head->run.next = &follower->run;
    assert_int_equal(host_run(head), ERR_INVALID);
    assert_string_equal(head->err.path, "/start_time");
    assert_int_equal(head->run.output_count, 0);
}

int main(int argc, char **argv)
{
    if (!runner_start(argc, argv))
        return 2;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clip),
        cmocka_unit_test(test_video),
        cmocka_unit_test(test_inset),
        cmocka_unit_test(test_grid),
        cmocka_unit_test(test_sound),
        cmocka_unit_test(test_rendered),
        cmocka_unit_test(test_chains_by_chance),
        cmocka_unit_test(test_fault),
    };
    return cmocka_run_group_tests(tests, make_inputs, folder_remove);
}
