/* Which steps may share a pass. */
#include "plan_fixture.h"

#define CLIP                                                                                       \
    "{'id': 'clip', 'flow': 'create_video', 'params': {'image_url': 'https://x.org/a.png'}}"
#define MARK(video, more)                                                                          \
    "{'id': 'mark', 'flow': 'overlay_logo', 'params': {'video_url': '{{steps." video               \
    ".url}}', 'logo_url': 'https://x.org/l.png'" more "}}"
#define PUBLISH(video, more)                                                                       \
    "{'id': 'publish', 'flow': 'publish_video_with_logo', 'params': {'video_url': '{{steps." video \
    ".url}}'" more "}}"
#define MARK_LOCAL(local)                                                                          \
    "{'id': 'mark', 'flow': 'overlay_logo', 'params': {'video_url': '{{steps.clip.url}}', "        \
    "'logo_url': 'https://x.org/l.png'}, 'local': {" local "}}"
#define TEMPLATE(steps, outputs) "{'id': 't', 'steps': [" steps "], 'outputs': [" outputs "]}"

/* A chain of two: the step "clip" with these parameters, and one behind it that takes its video. */
#define PAIR(flow, params, next, more)                                                             \
    TEMPLATE("{'id': 'clip', 'flow': '" flow "', 'params': {" params "}}, "                        \
             "{'id': 'next', 'flow': '" next                                                       \
             "', 'params': {'video_url': '{{steps.clip.url}}'" more "}}",                          \
             "{'step': 'next'}")
#define A_VIDEO "'video_url': 'https://x.org/v.mp4'"
#define A_LOGO ", 'logo_url': 'https://x.org/l.png'"

/* The ids of the followers of the step "clip", with blanks between. */
static void check(const char *definition, const char *expected)
{
    CLEANUP(arena) struct arena *a = arena_new();
    CLEANUP(plan_template) struct plan_template *t = template_of(definition);
    CLEANUP(json) json_t *options = json_object();
    struct plan_outcome *outcomes = arena_array(a, plan_template_step_count(t), sizeof(*outcomes));
    const struct plan_view view = {.template = t, .options = options, .outcomes = outcomes};
    struct plan_follower followers[PLAN_FOLLOWERS_MAX];
    size_t clip = (size_t)plan_template_step_index(t, "clip");
    struct plan_decision decision = plan_decide(a, &view, clip);
    const json_t *first = json_array_get(decision.runs, 0);
    size_t count = plan_fuse(a, &view, clip, json_object_get(first, "params"), followers);
    const char *found = "";
    for (size_t i = 0; i < count; i++) {
        found = arena_printf(a, "%s%s%s", found, i ? " " : "",
                             plan_template_step(t, followers[i].step).id);
        assert_true(json_is_null(json_object_get(followers[i].params, "video_url")));
        assert_true(json_is_object(followers[i].local));
    }
    assert_string_equal(found, expected);
}

static void test_chain(void **state)
{
    (void)state;
    check(TEMPLATE(CLIP "," MARK("clip", "") "," PUBLISH("mark", ""), "{'step': 'publish'}"),
          "mark publish");
    /* the order in the template does not matter */
    check(TEMPLATE(PUBLISH("mark", "") "," MARK("clip", "") "," CLIP, "{'step': 'publish'}"),
          "mark publish");
    check(TEMPLATE(CLIP "," PUBLISH("clip", ", 'title': 'x'"), "{'step': 'publish'}"), "publish");
}

static void test_results_that_are_shown(void **state)
{
    (void)state;
    check(TEMPLATE(CLIP "," MARK("clip", ""), "{'step': 'mark'}, {'step': 'clip'}"), "");
    check(TEMPLATE(CLIP "," MARK("clip", "") "," PUBLISH("mark", ""),
                   "{'step': 'publish'}, {'step': 'mark'}"),
          "mark");
}

static void test_results_that_others_need(void **state)
{
    (void)state;
    check(TEMPLATE(CLIP "," MARK("clip", "") "," PUBLISH("clip", ""),
                   "{'step': 'publish'}, {'step': 'mark'}"),
          "");
    check(TEMPLATE(CLIP "," MARK("clip", "") ", {'id': 'talk', 'flow': 'chat', 'needs': ['clip']}",
                   "{'step': 'mark'}"),
          "");
    /* more of it than its address, or the address twice */
    check(TEMPLATE(CLIP "," MARK_LOCAL("'x': '{{steps.clip.result}}'"), "{'step': 'mark'}"), "");
    check(TEMPLATE(CLIP "," MARK_LOCAL("'x': '{{steps.clip.status}}'"), "{'step': 'mark'}"),
          "mark");
    check(TEMPLATE(CLIP "," PUBLISH("clip", ", 'title': '{{steps.clip.url}}'"),
                   "{'step': 'publish'}"),
          "");
}

static void test_steps_that_do_not_fit(void **state)
{
    (void)state;
    check(TEMPLATE(CLIP ", {'id': 'mark', 'flow': 'publish_frames_with_logo', 'params': "
                        "{'video_url': '{{steps.clip.url}}'}}",
                   "{'step': 'mark'}"),
          "");
    /* a follower that waits for something else, a head that runs for each of a list */
    check(TEMPLATE(CLIP ", {'id': 'talk', 'flow': 'chat'}, " PUBLISH(
                       "clip", ", 'title': '{{steps.talk.text}}'"),
                   "{'step': 'publish'}"),
          "");
    check(TEMPLATE("{'id': 'list', 'flow': 'chat'}, {'id': 'clip', 'flow': 'create_video', "
                   "'for_each': '{{steps.list.result}}', "
                   "'params': {'image_url': '{{item.url}}'}}, " PUBLISH("clip", ""),
                   "{'step': 'publish'}"),
          "");
}

/* What may begin a chain, as docs/TEMPLATES.md lists it. */
static void test_steps_that_begin(void **state)
{
    (void)state;
    check(PAIR("overlay_logo", A_VIDEO A_LOGO, "publish_video_with_logo", ""), "next");
    check(PAIR("overlay_logo", "'image_url': 'https://x.org/a.png'" A_LOGO,
               "publish_video_with_logo", ""),
          "");
    check(PAIR("overlay_video", A_VIDEO ", 'overlay_url': 'https://x.org/o.mp4'",
               "publish_video_with_logo", ""),
          "next");
    check(PAIR("tile_grid_videos", "'video_urls': ['https://x.org/v.mp4']", "overlay_logo", A_LOGO),
          "next");
    check(PAIR("crop_to_content", A_VIDEO, "overlay_logo", A_LOGO), "next");
    check(PAIR("crop_to_content", "'image_url': 'https://x.org/a.png'", "overlay_logo", A_LOGO),
          "");
    check(PAIR("replace_background", A_VIDEO, "overlay_logo", A_LOGO), "next");
    check(PAIR("replace_background",
               "'image_url': 'https://x.org/a.png', 'option': 'ReplaceBackground', "
               "'background_video_url': 'https://x.org/v.mp4'",
               "overlay_logo", A_LOGO),
          "next");
    check(PAIR("replace_background", "'image_url': 'https://x.org/a.png'", "overlay_logo", A_LOGO),
          "");
    check(PAIR("video_audio_merge", A_VIDEO ", 'audio_url': 'https://x.org/s.mp3'", "overlay_logo",
               A_LOGO),
          "next");
    check(PAIR("publish_video_with_logo", A_VIDEO, "overlay_logo", A_LOGO), "next");
}

/* What may follow, by its parameters. */
static void test_steps_that_follow(void **state)
{
    (void)state;
#define BEHIND(next, more) PAIR("publish_video_with_logo", A_VIDEO, next, more)
    check(BEHIND("overlay_video", ", 'overlay_url': 'https://x.org/o.mp4'"), "next");
    check(BEHIND("overlay_video", ", 'overlay_url': 'https://x.org/o.mp4', 'end': 'shortest'"), "");
    check(BEHIND("overlay_logo", A_LOGO ", 'image_url': 'https://x.org/a.png'"), "");
    check(BEHIND("video_audio_merge", ", 'audio_url': 'https://x.org/s.mp3'"), "next");
    check(BEHIND("video_audio_merge",
                 ", 'audio_url': 'https://x.org/s.mp3', 'attach_mode': 'PadAudio'"),
          "next");
    check(BEHIND("video_audio_merge",
                 ", 'audio_url': 'https://x.org/s.mp3', 'attach_mode': 'Strict'"),
          "next");
    check(BEHIND("video_audio_merge",
                 ", 'audio_url': 'https://x.org/s.mp3', 'attach_mode': 'MatchAudio'"),
          "");
    check(BEHIND("video_audio_merge",
                 ", 'audio_url': 'https://x.org/s.mp3', 'attach_mode': 'SpeedAdjust'"),
          "");
    check(BEHIND("publish_video_with_logo", ""), "next");
    check(BEHIND("crop_to_content", ""), "");
    check(BEHIND("replace_background", ""), "");
#undef BEHIND
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chain),
        cmocka_unit_test(test_results_that_are_shown),
        cmocka_unit_test(test_results_that_others_need),
        cmocka_unit_test(test_steps_that_do_not_fit),
        cmocka_unit_test(test_steps_that_begin),
        cmocka_unit_test(test_steps_that_follow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
