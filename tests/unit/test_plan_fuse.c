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

/* The ids of the followers of the step "clip", with blanks between. */
static void check(const char *definition, const char *expected)
{
    CLEANUP(arena) struct arena *a = arena_new();
    CLEANUP(plan_template) struct plan_template *t = template_of(definition);
    CLEANUP(json) json_t *options = json_object();
    struct plan_outcome *outcomes = arena_array(a, plan_template_step_count(t), sizeof(*outcomes));
    const struct plan_view view = {.template = t, .options = options, .outcomes = outcomes};
    struct plan_follower followers[PLAN_FOLLOWERS_MAX];
    size_t count = plan_fuse(a, &view, (size_t)plan_template_step_index(t, "clip"), followers);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chain),
        cmocka_unit_test(test_results_that_are_shown),
        cmocka_unit_test(test_results_that_others_need),
        cmocka_unit_test(test_steps_that_do_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
