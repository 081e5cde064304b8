/* Templates with options and what has happened so far: what may run, with what, and what comes out.
 */
#include "plan_fixture.h"

#include "plan_graph.h"

struct world {
    struct arena *arena;
    struct plan_template *template;
    json_t *options, *images;
    struct plan_outcome outcomes[8];
    struct plan_view view;
};

static void world_start(struct world *w, const char *template_text, const char *options)
{
    struct plan_faults faults;
    memset(w, 0, sizeof(*w));
    w->arena = arena_new();
    w->template = template_of(template_text);
    w->images = json_of("['http://x/in']");
    plan_faults_init(&faults, w->arena);
    CLEANUP(json) json_t *given = json_of(options);
    if (plan_options_check(w->template, given, w->images, &faults, &w->options) > 0)
        fail_msg("%s %s", faults.items[0].path, faults.items[0].message);
    w->view = (struct plan_view){.template = w->template,
                                 .options = w->options,
                                 .image_urls = w->images,
                                 .workflow_id = "w",
                                 .workflow_title = "title",
                                 .workflow_event_id = "event",
                                 .outcomes = w->outcomes};
}

static void world_set(struct world *w, const char *step, enum plan_step_state state,
                      const char *result)
{
    int index = plan_template_step_index(w->template, step);
    assert_in_range(index, 0, 7);
    json_decref((json_t *)w->outcomes[index].result);
    w->outcomes[index] = (struct plan_outcome){state, result ? json_of(result) : NULL};
}

static void world_end(struct world *w)
{
    for (size_t i = 0; i < TABLE_SIZE(w->outcomes); i++)
        json_decref((json_t *)w->outcomes[i].result);
    json_decref(w->options);
    json_decref(w->images);
    plan_template_free(w->template);
    arena_free(w->arena);
}

static struct plan_decision world_decide(struct world *w, const char *step)
{
    return plan_decide(w->arena, &w->view, (size_t)plan_template_step_index(w->template, step));
}

static void assert_decision(struct world *w, const char *step, enum plan_decision_kind kind,
                            const char *reason)
{
    struct plan_decision decision = world_decide(w, step);
    if (decision.kind != kind || (reason && (!decision.reason || !strstr(decision.reason, reason))))
        fail_msg("%s: %d \"%s\" instead of %d", step, (int)decision.kind,
                 decision.reason ? decision.reason : "", (int)kind);
}

static void test_steps_wait_run_and_are_skipped(void **state)
{
    struct world w;
    (void)state;
    world_start(&w, graph, "{}");
    struct plan_decision decision = world_decide(&w, "text");
    assert_int_equal(decision.kind, PLAN_RUN);
    assert_int_equal(json_array_size(decision.runs), 1);
    const json_t *run = json_array_get(decision.runs, 0);
    assert_json(json_object_get(json_object_get(run, "params"), "prompt"), "'For Ada'");
    assert_json(json_object_get(json_object_get(run, "params"), "response_format"), "'text'");
    assert_json(json_object_get(json_object_get(run, "params"), "option"), "null");
    assert_json(json_object_get(run, "local"), "{'n': 'Ada'}");
    assert_decision(&w, "film", PLAN_SKIP, "condition is not met");
    assert_decision(&w, "after", PLAN_WAIT, NULL);
    assert_decision(&w, "either", PLAN_WAIT, NULL);
    assert_decision(&w, "each", PLAN_WAIT, NULL);
    assert_decision(&w, "told", PLAN_WAIT, NULL);
    world_set(&w, "film", PLAN_STEP_SKIPPED, NULL);
    assert_decision(&w, "after", PLAN_SKIP, "the step film, which was skipped");
    assert_decision(&w, "either", PLAN_WAIT, NULL);
    world_set(&w, "text", PLAN_STEP_SUCCESS, "[{'text': 'a poem', 'content_type': 'text/plain'}]");
    decision = world_decide(&w, "either");
    assert_int_equal(decision.kind, PLAN_RUN);
    assert_json(
        json_object_get(json_object_get(json_array_get(decision.runs, 0), "params"), "prompt"),
        "'a poem'");
    assert_decision(&w, "told", PLAN_SKIP, "condition is not met");
    world_set(&w, "text", PLAN_STEP_SKIPPED, NULL); /* failed with on_error: continue */
    assert_decision(&w, "told", PLAN_RUN, NULL);
    assert_decision(&w, "each", PLAN_SKIP, "the step text, which was skipped");
    world_set(&w, "text", PLAN_STEP_FAILED, NULL);
    assert_decision(&w, "each", PLAN_SKIP, "the step text, which failed");
    world_end(&w);
}

/* A skip is certain as soon as something that the step refers to is skipped, whatever it waits for besides. */
static void test_a_skip_does_not_wait(void **state)
{
    static const char text[] =
        "{'id': 't', 'available_options': [{'key': 'on', 'component': 'toggle', 'default': false}],"
        "'steps': ["
        "  {'id': 'slow', 'flow': 'chat'},"
        "  {'id': 'off', 'flow': 'chat', 'when': 'options.on'},"
        "  {'id': 'params', 'flow': 'chat', 'needs': ['slow'], 'params': {'prompt': "
        "'{{steps.off.text}}'}},"
        "  {'id': 'each', 'flow': 'chat', 'needs': ['slow'], 'for_each': '{{steps.off.result}}'},"
        "  {'id': 'wrong', 'flow': 'chat', 'needs': ['slow'], 'params': {'response_format': "
        "'{{workflow.id}}'}},"
        "  {'id': 'fine', 'flow': 'chat', 'needs': ['slow']}],"
        "'outputs': [{'step': 'slow'}]}";
    struct world w;
    (void)state;
    world_start(&w, text, "{}");
    world_set(&w, "off", PLAN_STEP_SKIPPED, NULL);
    assert_decision(&w, "params", PLAN_SKIP, "the step off, which was skipped");
    assert_decision(&w, "each", PLAN_SKIP, "the step off, which was skipped");
    assert_decision(&w, "wrong", PLAN_WAIT, NULL);
    assert_decision(&w, "fine", PLAN_WAIT, NULL);
    world_set(&w, "slow", PLAN_STEP_SUCCESS, "[{'text': 'x'}]");
    assert_decision(&w, "params", PLAN_SKIP, NULL);
    assert_decision(&w, "wrong", PLAN_FAIL, "response_format");
    assert_decision(&w, "fine", PLAN_RUN, NULL);
    world_end(&w);
}

static void test_a_fan_out_runs_once_per_item(void **state)
{
    struct world w;
    (void)state;
    world_start(&w, graph, "{}");
    world_set(&w, "text", PLAN_STEP_SUCCESS, "[{'text': 'me'}]");
    struct plan_decision decision = world_decide(&w, "each");
    assert_int_equal(decision.kind, PLAN_RUN);
    assert_int_equal(json_array_size(decision.runs), 2);
    static const char *const prompts[] = {"'0: Rome with me'", "'1: Oslo with me'"};
    for (size_t i = 0; i < 2; i++)
        assert_json(
            json_object_get(json_object_get(json_array_get(decision.runs, i), "params"), "prompt"),
            prompts[i]);
    world_end(&w);
    world_start(&w, graph, "{'places': []}");
    world_set(&w, "text", PLAN_STEP_SUCCESS, "[{'text': 'me'}]");
    decision = world_decide(&w, "each");
    assert_int_equal(decision.kind, PLAN_RUN);
    assert_int_equal(json_array_size(decision.runs), 0);
    world_end(&w);
    world_start(
        &w, graph,
        "{'places': '1\\n2\\n3\\n4\\n5\\n6\\n7\\n8\\n9\\n10\\n11\\n12\\n13\\n14\\n15\\n16\\n17'}");
    world_set(&w, "text", PLAN_STEP_SUCCESS, "[{'text': 'me'}]");
    assert_decision(&w, "each", PLAN_FAIL, "at most 16 items");
    world_end(&w);
}

static void test_real_values_are_checked_again(void **state)
{
    struct world w;
    (void)state;
    world_start(&w, graph, "{'grid': '9x9'}");
    world_set(&w, "text", PLAN_STEP_SUCCESS, "[{'url': 'u'}]");
    struct plan_decision decision = world_decide(&w, "tile");
    assert_int_equal(decision.kind, PLAN_FAIL);
    assert_string_equal(decision.path, "/steps/6/params/grid_pattern");
    assert_non_null(strstr(decision.reason, "grid_pattern"));
    world_set(&w, "text", PLAN_STEP_SUCCESS, "[{'text': 'no url'}]");
    decision = world_decide(&w, "tile");
    assert_int_equal(decision.kind, PLAN_FAIL);
    assert_string_equal(decision.path, "/steps/6/params/video_urls/0");
    world_end(&w);
}

static void test_outputs_come_in_order(void **state)
{
    struct world w;
    json_t *results = NULL;
    struct err err = {0};
    (void)state;
    world_start(&w, graph, "{}");
    world_set(&w, "film", PLAN_STEP_SKIPPED, NULL);
    world_set(&w, "each", PLAN_STEP_SUCCESS, "[{'text': '1'}, {'text': '2'}]");
    world_set(&w, "either", PLAN_STEP_SUCCESS, "[{'text': '3'}]");
    assert_int_equal(plan_outputs(w.arena, &w.view, &results, NULL), 0);
    assert_json(results, "[{'text': '1'}, {'text': '2'}, {'text': '3'}]");
    world_end(&w);
    world_start(&w, graph, "{'video': true}");
    world_set(&w, "film", PLAN_STEP_SKIPPED, NULL);
    world_set(&w, "each", PLAN_STEP_SKIPPED, NULL);
    world_set(&w, "either", PLAN_STEP_SUCCESS, "[{'text': '3'}]"); /* its output is off */
    assert_int_equal(plan_outputs(w.arena, &w.view, &results, &err), ERR_NO_OUTPUT);
    assert_non_null(strstr(err.message, "No output"));
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps_wait_run_and_are_skipped),
        cmocka_unit_test(test_a_skip_does_not_wait),
        cmocka_unit_test(test_a_fan_out_runs_once_per_item),
        cmocka_unit_test(test_real_values_are_checked_again),
        cmocka_unit_test(test_outputs_come_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
