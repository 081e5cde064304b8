/* Templates with options: what is given, what it costs, what may run, what comes out. */
#include "plan/plan.h"

#include "base/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* JSON with ' for " and ` for ', so that it can be read here. */
static json_t *json_of(const char *text)
{
    char *changed = mem_strdup(text);
    for (char *c = changed; *c; c++)
        *c = *c == '\'' ? '"' : *c == '`' ? '\'' : *c;
    json_error_t error;
    json_t *json = json_loads(changed, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);
    if (!json)
        fail_msg("%s: %s", error.text, changed);
    free(changed);
    return json;
}

static void assert_json(const json_t *found, const char *expected)
{
    CLEANUP(arena) struct arena *a = arena_new();
    CLEANUP(json) json_t *wanted = json_of(expected);
    if (!json_equal(found, wanted))
        fail_msg("%s instead of %s", found ? json_arena_text(a, found) : "nothing", expected);
}

static struct plan_template *template_of(const char *text)
{
    CLEANUP(arena) struct arena *a = arena_new();
    CLEANUP(json) json_t *definition = json_of(text);
    struct plan_faults faults;
    plan_faults_init(&faults, a);
    struct plan_template *t = plan_template_new(definition, &faults);
    if (!t)
        fail_msg("%s %s", faults.items[0].path, faults.items[0].message);
    return t;
}

/* --- options ------------------------------------------------------------------------------------
 */

#define ONE_STEP "'steps': [{'id': 'a', 'flow': 'chat'}], 'outputs': [{'step': 'a'}]}"
#define WITH_OPTIONS(options) "{'id': 't', 'available_options': [" options "], " ONE_STEP

/* The checked options as `expected`, or one fault at `path` with `code`. */
static void assert_options(const char *template_text, const char *given, const char *images,
                           const char *expected, const char *path, const char *code)
{
    CLEANUP(arena) struct arena *a = arena_new();
    CLEANUP(plan_template) struct plan_template *t = template_of(template_text);
    CLEANUP(json) json_t *options = given ? json_of(given) : NULL;
    CLEANUP(json) json_t *image_urls = images ? json_of(images) : NULL;
    CLEANUP(json) json_t *checked = NULL;
    struct plan_faults faults;
    plan_faults_init(&faults, a);
    size_t count = plan_options_check(t, options, image_urls, &faults, &checked);
    if (expected) {
        if (count > 0)
            fail_msg("%s: %s", faults.items[0].path, faults.items[0].message);
        assert_json(checked, expected);
        return;
    }
    assert_null(checked);
    assert_int_equal(faults.count, count);
    if (count != 1 || strcmp(faults.items[0].path, path) != 0 ||
        strcmp(faults.items[0].code, code) != 0)
        fail_msg("%s: %zu faults, first %s %s", given ? given : "no options", count,
                 count ? faults.items[0].path : "", count ? faults.items[0].code : "");
}

struct option_row {
    const char *option; /* members beside the key, which is "o" */
    const char *value;
    const char *normal; /* NULL: not taken */
    const char *code;
};

static void test_components_check_their_values(void **state)
{
    static const struct option_row rows[] = {
        {"'component': 'text'", "'a'", "'a'", NULL},
        {"'component': 'text', 'default': 'd'", "null", "'d'", NULL},
        {"'component': 'text', 'required': true", "null", NULL, "missing"},
        {"'component': 'text', 'max_length': 2", "'\xC3\xA4\xC3\xB6'", "'\xC3\xA4\xC3\xB6'", NULL},
        {"'component': 'text', 'max_length': 2", "'abc'", NULL, "too_long"},
        {"'component': 'textarea'", "5", NULL, "type_error"},
        {"'component': 'list'", "['a', 'b']", "['a', 'b']", NULL},
        {"'component': 'list'", "' a\\n\\n b c \\r\\n'", "['a', 'b c']", NULL},
        {"'component': 'list'", "' - a - b-c - -5'", "['a', 'b-c', '5']", NULL},
        {"'component': 'list'", "'- a\\n- b'", "['a', 'b']", NULL},
        {"'component': 'list'", "'- a\\u000b- b'", "['a\\u000b- b']", NULL},
        {"'component': 'list'", "''", "[]", NULL},
        {"'component': 'list', 'required': true", "' \\n'", NULL, "missing"},
        {"'component': 'list', 'max_items': 1", "'a\\nb'", NULL, "too_long"},
        {"'component': 'list'", "{}", NULL, "type_error"},
        {"'component': 'number', 'min': 0, 'max': 9", "9", "9", NULL},
        {"'component': 'number', 'min': 0, 'max': 9", "9.5", NULL, "value_error"},
        {"'component': 'number', 'min': 0", "-1", NULL, "value_error"},
        {"'component': 'number'", "'5'", NULL, "type_error"},
        {"'component': 'toggle'", "false", "false", NULL},
        {"'component': 'toggle'", "1", NULL, "type_error"},
        {"'component': 'select', 'values': ['x', {'value': 'y', 'label': 'Y'}]", "'y'", "'y'",
         NULL},
        {"'component': 'select', 'values': ['x', {'value': 'y', 'label': 'Y'}]", "'Y'", NULL,
         "value_error"},
        {"'component': 'select', 'values': ['x']", "5", NULL, "type_error"},
        {"'component': 'multiselect', 'values': ['x', 'y']", "['y', 'x']", "['y', 'x']", NULL},
        {"'component': 'multiselect', 'values': ['x', 'y']", "'x'", "['x']", NULL},
        {"'component': 'color'", "'#a0F'", "'#a0F'", NULL},
        {"'component': 'color'", "'transparent'", "'transparent'", NULL},
        {"'component': 'color'", "'#12345'", NULL, "value_error"},
        {"'component': 'color'", "'red'", NULL, "value_error"},
        {"'component': 'grid'", "'2x8'", "'2x8'", NULL},
        {"'component': 'grid'", "'3x6'", NULL, "value_error"},
        {"'component': 'grid'", "'0x2'", NULL, "value_error"},
        {"'component': 'image'", "'https://a.example/x.png'", "'https://a.example/x.png'", NULL},
        {"'component': 'image'", "'data:image/png;base64,AA=='", "'data:image/png;base64,AA=='",
         NULL},
        {"'component': 'image'", "'ftp://a.example/x.png'", NULL, "value_error"},
        {"'component': 'video'", "'https://u:p@a.example/x'", NULL, "value_error"},
        {"'component': 'audio'", "7", NULL, "type_error"},
        {"'component': 'videos'", "'http://a.example/'", "['http://a.example/']", NULL},
    };
    (void)state;
    for (size_t i = 0; i < TABLE_SIZE(rows); i++) {
        char text[512], given[256], expected[256];
        snprintf(text, sizeof(text), WITH_OPTIONS("{'key': 'o', %s}"), rows[i].option);
        snprintf(given, sizeof(given), "{'o': %s}", rows[i].value);
        snprintf(expected, sizeof(expected), "{'o': %s}", rows[i].normal ? rows[i].normal : "null");
        assert_options(text, given, NULL, rows[i].normal ? expected : NULL, "/options/o",
                       rows[i].code);
    }
    assert_options(WITH_OPTIONS("{'key': 'o', 'component': 'videos'}"),
                   "{'o': ['http://a.example/', 'x']}", NULL, NULL, "/options/o/1", "value_error");
    assert_options(WITH_OPTIONS("{'key': 'o', 'component': 'text'}"), "{'p/q': 1}", NULL, NULL,
                   "/options/p~1q", "extra_forbidden");
    assert_options(WITH_OPTIONS("{'key': 'o', 'component': 'text'}"), "[1]", NULL, NULL, "/options",
                   "type_error");
}

#define IMAGE_OPTIONS                                                                              \
    WITH_OPTIONS("{'key': 'one', 'component': 'image', 'required': true},"                         \
                 "{'key': 'clip', 'component': 'video'},"                                          \
                 "{'key': 'two', 'component': 'image'},"                                           \
                 "{'key': 'more', 'component': 'images', 'max_items': 2}")

static void test_images_fill_the_options_in_order(void **state)
{
    (void)state;
    assert_options(IMAGE_OPTIONS, NULL, "['http://x/1', 'http://x/2', 'http://x/3', 'http://x/4']",
                   "{'one': 'http://x/1', 'clip': null, 'two': 'http://x/2',"
                   " 'more': ['http://x/3', 'http://x/4']}",
                   NULL, NULL);
    assert_options(IMAGE_OPTIONS, "{'one': 'http://x/o'}", "['http://x/1']",
                   "{'one': 'http://x/o', 'clip': null, 'two': 'http://x/1', 'more': null}", NULL,
                   NULL);
    assert_options(
        IMAGE_OPTIONS, "{'more': 'http://x/m'}",
        "['http://x/1', 'http://x/2', 'http://x/3', 'http://x/4']",
        "{'one': 'http://x/1', 'clip': null, 'two': 'http://x/2', 'more': ['http://x/m']}", NULL,
        NULL);
    assert_options(IMAGE_OPTIONS, NULL, "[]", NULL, "/options/one", "missing");
    assert_options(IMAGE_OPTIONS, NULL,
                   "['http://x/1', 'http://x/2', 'http://x/3', 'http://x/4', 'http://x/5']", NULL,
                   "/options/more", "too_long");
    assert_options(IMAGE_OPTIONS, NULL, "['http://x/1', 5]", NULL, "/image_urls/1", "type_error");
    assert_options(IMAGE_OPTIONS, NULL, "['file:///etc/passwd']", NULL, "/image_urls/0",
                   "value_error");
    assert_options(IMAGE_OPTIONS, NULL, "'http://x/1'", NULL, "/image_urls", "type_error");
}

static void test_references_have_a_form(void **state)
{
    static const char *const good[] = {
        "http://a.example",
        "HTTPS://a.example:8443/p?q=1#f",
        "http://[::1]:80/",
        "http://1.2.3.4/",
        "https://b\xC3\xBC"
        "cher.example/",
        "data:,x",
        "DATA:image/png;base64,AAAA",
    };
    static const char *const bad[] = {
        "",
        "a.png",
        "//a.example/x",
        "ftp://a.example/",
        "file:///etc/passwd",
        "http://",
        "http:///x",
        "http://u@a.example/",
        "http://a b/",
        "http://a.example:0/",
        "http://a.example:99999/",
        "http://a.example:x/",
        "http://a\\@b/",
        "http://[::1/",
        "http://a.example/\"",
        "http://a.example/\n",
        "http://?x",
        "data:image/png",
        "data:a b,c",
        "javascript:alert(1)",
    };
    (void)state;
    for (size_t i = 0; i < TABLE_SIZE(good); i++)
        assert_int_equal(plan_reference_check(good[i], false, NULL), 0);
    for (size_t i = 0; i < TABLE_SIZE(bad); i++) {
        struct err err = {0};
        if (plan_reference_check(bad[i], false, &err) != ERR_INVALID)
            fail_msg("%s is taken", bad[i]);
        assert_true(strlen(err.message) > 10);
    }
    assert_int_equal(plan_reference_check("data:,x", true, NULL), ERR_INVALID);
    assert_int_equal(plan_reference_check("https://a.example/hook", true, NULL), 0);
}

/* --- prices -------------------------------------------------------------------------------------
 */

static void assert_price(const char *members, const char *options, int64_t total,
                         const char *applied)
{
    char text[1024];
    snprintf(
        text, sizeof(text),
        "{'id': 't', %s 'available_options': [{'key': 'pipeline_mode', 'component': 'select',"
        " 'values': ['image', 'video', 'draft'], 'default': 'image'}],"
        "'steps': [{'id': 'a', 'flow': 'chat', 'credits': 4},"
        "{'id': 'b', 'flow': 'chat', 'credits': 20, 'when': 'options.pipeline_mode == `video`'},"
        "{'id': 'c', 'flow': 'chat', 'credits': 300, 'params': {'prompt': '{{steps.b.text}}'}}],"
        "'outputs': [{'step': 'a'}]}",
        members);
    CLEANUP(plan_template) struct plan_template *t = template_of(text);
    CLEANUP(json) json_t *given = json_of(options);
    struct plan_price price = plan_price(t, given);
    assert_int_equal(price.total, total);
    assert_string_equal(price.applied, applied);
}

static void test_list_prices(void **state)
{
    static const char both[] = "'credits': {'image': 20, 'video': 100, 'audio': null},";
    (void)state;
    assert_price(both, "{'pipeline_mode': 'video'}", 100, "video");
    assert_price(both, "{'pipeline_mode': 'image'}", 20, "image");
    assert_price(both, "{}", 20, "image");
    assert_price(both, "{'pipeline_mode': 'draft'}", 100, "video");
    assert_price("'credits': {'video': 70},", "{'pipeline_mode': 'image'}", 70, "video");
    assert_price("", "{'pipeline_mode': 'video'}", 324, "steps");
    assert_price("", "{}", 4, "steps"); /* the default switches b off, and c with it */
    assert_price("'credits': {'image': null},", "{}", 4, "steps");
}

static void test_shares_sum_to_what_was_used(void **state)
{
    CLEANUP(plan_template)
    struct plan_template *t = template_of("{'id': 't', 'steps': ["
                                          "{'id': 'a', 'flow': 'chat', 'credits': 4},"
                                          "{'id': 'b', 'flow': 'chat', 'credits': 80},"
                                          "{'id': 'c', 'flow': 'chat', 'credits': 10}],"
                                          "'outputs': [{'step': 'a'}]}");
    static const struct {
        bool ran[3];
        int64_t used, shares[3];
    } rows[] = {
        {{true, true, true}, 100, {4, 80, 16}}, {{true, false, true}, 100, {4, 0, 96}},
        {{true, true, false}, 100, {4, 96, 0}}, {{true, true, true}, 50, {4, 46, 0}},
        {{true, true, true}, 0, {0, 0, 0}},     {{false, false, false}, 50, {0, 0, 0}},
    };
    (void)state;
    for (size_t i = 0; i < TABLE_SIZE(rows); i++) {
        int64_t shares[3];
        plan_share_credits(t, rows[i].ran, rows[i].used, shares);
        for (int k = 0; k < 3; k++)
            assert_int_equal(shares[k], rows[i].shares[k]);
    }
}

/* --- deciding -----------------------------------------------------------------------------------
 */

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

static const char graph[] =
    "{'id': 't', 'available_options': ["
    "  {'key': 'name', 'component': 'text', 'default': 'Ada'},"
    "  {'key': 'video', 'component': 'toggle', 'default': false},"
    "  {'key': 'grid', 'component': 'text'},"
    "  {'key': 'places', 'component': 'list', 'default': ['Rome', 'Oslo']}],"
    "'steps': ["
    "  {'id': 'text', 'flow': 'chat', 'params': {'prompt': 'For {{options.name}}'}, 'local': {'n': "
    "'{{options.name}}'}},"
    "  {'id': 'film', 'flow': 'publish_video_with_logo', 'when': 'options.video',"
    "   'params': {'video_url': '{{steps.text.url}}'}},"
    "  {'id': 'after', 'flow': 'chat', 'needs': ['film']},"
    "  {'id': 'either', 'flow': 'chat', 'params': {'prompt': '{{steps.film.url ?? steps.text.text "
    "?? `none`}}'}},"
    "  {'id': 'each', 'flow': 'chat', 'for_each': '{{options.places}}',"
    "   'params': {'prompt': '{{index}}: {{item}} with {{steps.text.text}}'}},"
    "  {'id': 'told', 'flow': 'chat', 'when': 'steps.text.status == `skipped`'},"
    "  {'id': 'tile', 'flow': 'tile_grid_videos',"
    "   'params': {'video_urls': ['{{steps.text.url}}'], 'grid_pattern': '{{options.grid}}'}}],"
    "'outputs': [{'step': 'film'}, {'step': 'each'}, {'step': 'either', 'when': "
    "'!options.video'}]}";

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

/* --- the preview --------------------------------------------------------------------------------
 */

static json_t *preview_of(const char *template_text, const char *options)
{
    CLEANUP(arena) struct arena *a = arena_new();
    CLEANUP(plan_template) struct plan_template *t = template_of(template_text);
    CLEANUP(json) json_t *given = json_of(options);
    struct plan_faults faults;
    plan_faults_init(&faults, a);
    return plan_preview(a, t, given, NULL, &faults);
}

static void test_the_preview_decides_what_options_decide(void **state)
{
    (void)state;
    CLEANUP(json) json_t *off = preview_of(graph, "{}");
    assert_json(json_object_get(off, "valid"), "true");
    assert_json(json_object_get(off, "errors"), "[]");
    assert_json(json_object_get(off, "layers"), "[['text'], ['either', 'each', 'tile']]");
    assert_json(
        json_object_get(off, "skipped_steps"),
        "[{'id': 'film', 'reason': 'Its condition is not met.'},"
        " {'id': 'after', 'reason': 'It needs the output of the step film, which was skipped.'}]");
    assert_json(json_object_get(off, "undetermined_steps"),
                "[{'id': 'told', 'reason': 'It depends on the outcome of a step.'}]");
    assert_json(json_object_get(off, "outputs"), "[{'step': 'each'}, {'step': 'either'}]");
    /* text, either, each 1 each, tile 10, told 1 if it runs */
    const json_t *credits = json_object_get(off, "credits");
    assert_int_equal(json_member_integer(credits, "min", -1), 13);
    assert_int_equal(json_member_integer(credits, "max", -1), 14);
    assert_int_equal(json_member_integer(credits, "total", -1), 14);
    assert_int_equal(json_array_size(json_object_get(credits, "steps")), 5);
    CLEANUP(json) json_t *on = preview_of(graph, "{'video': true}");
    assert_json(json_object_get(on, "layers"),
                "[['text'], ['film', 'each', 'tile'], ['after', 'either']]");
    assert_json(json_object_get(on, "outputs"), "[{'step': 'film'}, {'step': 'each'}]");
}

static void test_the_preview_tells_faults(void **state)
{
    (void)state;
    CLEANUP(json) json_t *wrong = preview_of(graph, "{'video': 'yes', 'x': 1}");
    assert_json(json_object_get(wrong, "valid"), "false");
    assert_int_equal(json_array_size(json_object_get(wrong, "errors")), 2);
    assert_json(json_object_get(wrong, "layers"), "[]");
    static const char open[] =
        "{'id': 't', 'available_options': [{'key': 'm', 'component': 'text', 'default': 'x'}],"
        "'steps': [{'id': 'a', 'flow': 'chat', 'params': {'response_format': '{{options.m}}'}}],"
        "'outputs': [{'step': 'a', 'when': 'options.m != `off`'}]}";
    CLEANUP(json) json_t *param = preview_of(open, "{}");
    assert_json(json_object_get(param, "valid"), "false");
    const json_t *error = json_array_get(json_object_get(param, "errors"), 0);
    assert_string_equal(json_member_string(error, "path"), "/steps/0/params/response_format");
    CLEANUP(json) json_t *none = preview_of(open, "{'m': 'off'}");
    bool found = false;
    for (size_t i = 0; i < json_array_size(json_object_get(none, "errors")); i++) {
        error = json_array_get(json_object_get(none, "errors"), i);
        found |= strcmp(json_member_string(error, "code"), "no_output") == 0;
    }
    assert_true(found);
    CLEANUP(arena) struct arena *a = arena_new();
    struct plan_faults faults;
    plan_faults_init(&faults, a);
    plan_fault_add(&faults, "/id", 0, "missing", "%s", "An id is missing.");
    CLEANUP(json) json_t *without = plan_preview(a, NULL, NULL, NULL, &faults);
    assert_json(json_object_get(without, "valid"), "false");
    assert_int_equal(json_array_size(json_object_get(without, "errors")), 1);
}

/* --- the schema and the catalog -----------------------------------------------------------------
 */

static void test_the_schema_tells_everything(void **state)
{
    (void)state;
    CLEANUP(json) json_t *schema = plan_schema();
    const json_t *limits = json_object_get(schema, "limits");
    assert_int_equal(json_array_size(json_object_get(schema, "step_types")), step_type_count);
    assert_int_equal(json_array_size(json_object_get(schema, "components")), 14);
    assert_json(json_object_get(schema, "functions"), "[]");
    assert_int_equal(json_array_size(json_object_get(json_object_get(schema, "when"), "operators")),
                     10);
    assert_int_equal(json_member_integer(limits, "fan_out", 0), PLAN_FAN_OUT_MAX);
    assert_int_equal(json_member_integer(limits, "expression_length", 0),
                     PLAN_EXPRESSION_LENGTH_MAX);
    assert_int_equal(json_object_size(limits), 8);
    for (size_t i = 0; i < step_type_count; i++) {
        const json_t *type = json_array_get(json_object_get(schema, "step_types"), i);
        assert_string_equal(json_member_string(type, "flow"), step_types[i]->name);
        assert_int_equal(json_array_size(json_object_get(type, "params")),
                         step_types[i]->param_count);
    }
}

static void test_a_summary_shows_defaults(void **state)
{
    (void)state;
    CLEANUP(plan_template) struct plan_template *t = template_of(graph);
    CLEANUP(json) json_t *row = plan_template_summary(t, false, 3, true);
    assert_json(
        row,
        "{'template_id': 't', 'label': 't', 'description': '', 'category': 'general',"
        " 'inputs': [], 'credits': {'image': null, 'video': null, 'audio': null},"
        " 'options': {'name': 'Ada', 'video': false, 'grid': null, 'places': ['Rome', 'Oslo']},"
        " 'thumbnails': [], 'version': 3, 'user_designed': 1}");
    CLEANUP(json) json_t *detail = plan_template_summary(t, true, 1, false);
    assert_int_equal(json_array_size(json_object_get(detail, "steps")), 7);
    assert_int_equal(json_array_size(json_object_get(detail, "outputs")), 3);
    assert_int_equal(json_array_size(json_object_get(detail, "available_options")), 4);
}

static void folder_write(const char *folder, const char *name, const char *text)
{
    char path[256];
    CLEANUP(json) json_t *json = json_of(text);
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    assert_int_equal(json_dump_file(json, path, 0), 0);
}

static void folder_remove(const char *folder)
{
    static const char *const names[] = {"bases/base.json", "bases", "b.json", "a.json", "c.json"};
    char path[256];
    for (size_t i = 0; i < TABLE_SIZE(names); i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        remove(path);
    }
    assert_int_equal(rmdir(folder), 0);
}

static void test_a_catalog_is_a_folder(void **state)
{
    CLEANUP(arena) struct arena *a = arena_new();
    char folder[] = "/tmp/test_plan_XXXXXX", bases[64];
    struct plan_catalog *catalog = NULL;
    struct plan_faults faults;
    struct err err;
    (void)state;
    plan_faults_init(&faults, a);
    assert_non_null(mkdtemp(folder));
    snprintf(bases, sizeof(bases), "%s/bases", folder);
    assert_int_equal(mkdir(bases, 0700), 0);
    folder_write(bases, "base.json", "{'label': 'Base', " ONE_STEP);
    folder_write(folder, "b.json", "{'id': 'b', 'extends': 'base'}");
    folder_write(folder, "a.json", "{'id': 'a', 'extends': 'b', 'label': 'A'}");
    assert_int_equal(plan_catalog_load(folder, &catalog, &faults, &err), 0);
    assert_int_equal(plan_catalog_count(catalog), 2);
    assert_string_equal(plan_template_id(plan_catalog_at(catalog, 0)), "a");
    assert_string_equal(plan_template_id(plan_catalog_at(catalog, 1)), "b");
    assert_null(plan_catalog_find(catalog, "base"));
    assert_ptr_equal(plan_catalog_find(catalog, "b"), plan_catalog_at(catalog, 1));
    assert_json(json_object_get(plan_template_definition(plan_catalog_find(catalog, "a")), "label"),
                "'A'");
    assert_null(
        json_object_get(plan_template_definition(plan_catalog_find(catalog, "a")), "extends"));
    plan_catalog_free(catalog);
    folder_write(folder, "c.json",
                 "{'id': 'other', 'extends': 'base', 'steps': {'a': {'when': '1'}}}");
    assert_int_equal(plan_catalog_load(folder, &catalog, &faults, &err), ERR_INVALID);
    assert_int_equal(faults.count, 1);
    assert_string_equal(faults.items[0].path, "c.json/steps/0/when");
    folder_write(folder, "c.json", "{'id': 'other', 'extends': 'base'}");
    assert_int_equal(plan_catalog_load(folder, &catalog, &faults, &err), ERR_INVALID);
    assert_string_equal(faults.items[1].path, "c.json/id");
    folder_remove(folder);
    assert_int_equal(plan_catalog_load(folder, &catalog, &faults, &err), ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_components_check_their_values),
        cmocka_unit_test(test_images_fill_the_options_in_order),
        cmocka_unit_test(test_references_have_a_form),
        cmocka_unit_test(test_list_prices),
        cmocka_unit_test(test_shares_sum_to_what_was_used),
        cmocka_unit_test(test_steps_wait_run_and_are_skipped),
        cmocka_unit_test(test_a_fan_out_runs_once_per_item),
        cmocka_unit_test(test_real_values_are_checked_again),
        cmocka_unit_test(test_outputs_come_in_order),
        cmocka_unit_test(test_the_preview_decides_what_options_decide),
        cmocka_unit_test(test_the_preview_tells_faults),
        cmocka_unit_test(test_the_schema_tells_everything),
        cmocka_unit_test(test_a_summary_shows_defaults),
        cmocka_unit_test(test_a_catalog_is_a_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
