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

enum { CHAIN_MAX = 4 };

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
    if (host_run(ret_hosts[0]) < 0)
        fail_msg("%s: %s", links[0].type, ret_hosts[0]->err.message);
    for (size_t i = 0; i < count; i++)
        assert_true(ret_hosts[i]->run.output_count > 0);
}

/* Followers share the head's file, which is closed once. */
static void free_hosts(struct host *hosts[CHAIN_MAX], size_t count)
{
    for (size_t i = 1; i < count; i++) {
        if (hosts[i]->run.outputs[0].fd == hosts[0]->run.outputs[0].fd)
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
    assert_true(fabs(a.sound_s - b.sound_s) < 0.025);
    struct judge_frames fused CLEANUP(judge_frames) = judge_decode(one);
    struct judge_frames alone CLEANUP(judge_frames) = judge_decode(other);
    assert_int_equal(fused.count, alone.count);
    size_t frame = (size_t)fused.width * (size_t)fused.height * 3;
    for (int i = 0; i < fused.count; i += 7) {
        double sum = 0;
        for (size_t k = 0; k < frame; k++)
            sum += abs(fused.rgb[(size_t)i * frame + k] - alone.rgb[(size_t)i * frame + k]);
        if (sum / (double)frame > 1.5)
            fail_msg("frame %d differs by %.2f", i, sum / (double)frame);
    }
    assert_int_equal(fused.samples, alone.samples);
    for (double at = 0.1; a.has_sound && at + 0.2 < a.video_s; at += 0.2)
        assert_true(fabs(judge_tone(&fused, 880, at, at + 0.2) -
                         judge_tone(&alone, 880, at, at + 0.2)) < 0.01);
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
        cmocka_unit_test(test_fault),
    };
    return cmocka_run_group_tests(tests, make_inputs, folder_remove);
}
