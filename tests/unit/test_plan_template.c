/* What the validator says about definitions, and the graph that it makes of them. */
#include "plan_fixture.h"

/* A whole template of which `members` replace some; each is "key":value. */
static json_t *definition_with(const char *members)
{
    json_t *definition = json_of("{'id': 't', 'steps': [{'id': 'a', 'flow': 'chat'}],"
                                 " 'outputs': [{'step': 'a'}]}");
    struct buffer b = {0};
    buffer_printf(&b, "{%s}", members);
    buffer_append_char(&b, '\0');
    json_t *over = json_of(b.bytes);
    json_object_update(definition, over);
    json_decref(over);
    buffer_finish(&b);
    return definition;
}

static struct plan_template *template_with(const char *members)
{
    CLEANUP(arena) struct arena *a = arena_new();
    CLEANUP(json) json_t *definition = definition_with(members);
    struct plan_faults faults;
    plan_faults_init(&faults, a);
    struct plan_template *t = plan_template_new(definition, &faults);
    if (!t)
        fail_msg("%s: %s %s", members, faults.items[0].path, faults.items[0].message);
    return t;
}

/* Exactly one fault. */
static void assert_fault(const char *members, const char *path, int column, const char *code)
{
    CLEANUP(arena) struct arena *a = arena_new();
    CLEANUP(json) json_t *definition = definition_with(members);
    struct plan_faults faults;
    plan_faults_init(&faults, a);
    assert_null(plan_template_new(definition, &faults));
    const struct plan_fault *fault = fault_at(&faults, path, code);
    if (!fault || faults.count != 1 || fault->column != column)
        fail_msg("%s: %zu faults, first %s %s at %d: %s", members, faults.count,
                 faults.items[0].path, faults.items[0].code, faults.items[0].column,
                 faults.items[0].message);
}

struct fault_row {
    const char *members, *path;
    int column;
    const char *code;
};

static void test_faults_of_the_head(void **state)
{
    static const struct fault_row rows[] = {
        {"'id': null", "/id", 0, "missing"},
        {"'id': 'Has-Capitals'", "/id", 0, "value_error"},
        {"'id': '1a'", "/id", 0, "value_error"},
        {"'id': 'a234567890123456789012345678901234567890123456789012345678901234x'", "/id", 0,
         "value_error"},
        {"'label': 5", "/label", 0, "type_error"},
        {"'nope': 5", "/nope", 0, "extra_forbidden"},
        {"'extends': 'base'", "/extends", 0, "extra_forbidden"},
        {"'a/b~c': 5", "/a~1b~0c", 0, "extra_forbidden"},
        {"'inputs': 'camera'", "/inputs", 0, "type_error"},
        {"'thumbnails': ['x', 5]", "/thumbnails/1", 0, "type_error"},
        {"'credits': 5", "/credits", 0, "type_error"},
        {"'credits': {'image': -1}", "/credits/image", 0, "value_error"},
        {"'credits': {'video': 1.5}", "/credits/video", 0, "value_error"},
        {"'credits': {'film': 5}", "/credits/film", 0, "extra_forbidden"},
        {"'outputs': null", "/outputs", 0, "missing"},
        {"'outputs': []", "/outputs", 0, "missing"},
        {"'outputs': {}", "/outputs", 0, "type_error"},
        {"'outputs': [{'step': 'b'}]", "/outputs/0/step", 0, "unknown_step"},
        {"'outputs': [{}]", "/outputs/0/step", 0, "missing"},
        {"'outputs': [5]", "/outputs/0", 0, "type_error"},
        {"'outputs': [{'step': 'a', 'if': 1}]", "/outputs/0/if", 0, "extra_forbidden"},
        {"'outputs': [{'step': 'a', 'when': 'options.x == 1'}]", "/outputs/0/when", 1,
         "unknown_option"},
        {"'outputs': [{'step': 'a', 'when': true}]", "/outputs/0/when", 0, "type_error"},
    };
    (void)state;
    for (size_t i = 0; i < TABLE_SIZE(rows); i++)
        assert_fault(rows[i].members, rows[i].path, rows[i].column, rows[i].code);
}

#define OPTION(members) "'available_options': [{" members "}]"

static void test_faults_of_options(void **state)
{
    static const struct fault_row rows[] = {
        {"'available_options': {}", "/available_options", 0, "type_error"},
        {"'available_options': [5]", "/available_options/0", 0, "type_error"},
        {OPTION("'component': 'text'"), "/available_options/0/key", 0, "missing"},
        {OPTION("'key': 'A', 'component': 'text'"), "/available_options/0/key", 0, "value_error"},
        {OPTION("'key': 'steps', 'component': 'text'"), "/available_options/0/key", 0, "reserved"},
        {OPTION("'key': 'a'"), "/available_options/0/component", 0, "missing"},
        {OPTION("'key': 'a', 'component': 'slider'"), "/available_options/0/component", 0,
         "unknown_component"},
        {OPTION("'key': 'a', 'component': 'text'}, {'key': 'a', 'component': 'number'"),
         "/available_options/1/key", 0, "duplicate"},
        {OPTION("'key': 'a', 'component': 'text', 'size': 1"), "/available_options/0/size", 0,
         "extra_forbidden"},
        {OPTION("'key': 'a', 'component': 'text', 'label': 1"), "/available_options/0/label", 0,
         "type_error"},
        {OPTION("'key': 'a', 'component': 'text', 'required': 'yes'"),
         "/available_options/0/required", 0, "type_error"},
        {OPTION("'key': 'a', 'component': 'text', 'max_length': 0"),
         "/available_options/0/max_length", 0, "value_error"},
        {OPTION("'key': 'a', 'component': 'list', 'max_items': 65"),
         "/available_options/0/max_items", 0, "value_error"},
        {OPTION("'key': 'a', 'component': 'number', 'min': 'x'"), "/available_options/0", 0,
         "type_error"},
        {OPTION("'key': 'a', 'component': 'number', 'min': 3, 'max': 2"), "/available_options/0", 0,
         "value_error"},
        {OPTION("'key': 'a', 'component': 'select'"), "/available_options/0/values", 0, "missing"},
        {OPTION("'key': 'a', 'component': 'select', 'values': []"), "/available_options/0/values",
         0, "type_error"},
        {OPTION("'key': 'a', 'component': 'select', 'values': ['x', 5]"),
         "/available_options/0/values/1", 0, "type_error"},
        {OPTION("'key': 'a', 'component': 'select', 'values': [{'value': 'x', 'label': 5}]"),
         "/available_options/0/values/0", 0, "type_error"},
        {OPTION("'key': 'a', 'component': 'select', 'values': [{'label': 'x'}]"),
         "/available_options/0/values/0", 0, "type_error"},
        {OPTION("'key': 'a', 'component': 'select', 'values': [{'value': 'x', 'price': 1}]"),
         "/available_options/0/values/0", 0, "type_error"},
        {OPTION("'key': 'a', 'component': 'multiselect', 'values': ['x', 'y', {'value': 'x'}]"),
         "/available_options/0/values/2", 0, "duplicate"},
        {OPTION("'key': 'a', 'component': 'text', 'values': ['x']"), "/available_options/0/values",
         0, "extra_forbidden"},
        {OPTION("'key': 'a', 'component': 'select', 'values': ['x'], 'default': 'y'"),
         "/available_options/0/default", 0, "value_error"},
        {OPTION("'key': 'a', 'component': 'number', 'max': 2, 'default': 3"),
         "/available_options/0/default", 0, "value_error"},
        {OPTION("'key': 'a', 'component': 'toggle', 'default': 'true'"),
         "/available_options/0/default", 0, "type_error"},
        {OPTION("'key': 'a', 'component': 'grid', 'default': '8x8'"),
         "/available_options/0/default", 0, "value_error"},
    };
    (void)state;
    for (size_t i = 0; i < TABLE_SIZE(rows); i++)
        assert_fault(rows[i].members, rows[i].path, rows[i].column, rows[i].code);
}

#define STEP(members) "'steps': [{'id': 'a', " members "}]"
#define CHAT(members) STEP("'flow': 'chat', " members)

static void test_faults_of_steps(void **state)
{
    static const struct fault_row rows[] = {
        {"'steps': [{'flow': 'chat'}, {'id': 'a', 'flow': 'chat'}]", "/steps/0/id", 0, "missing"},
        {"'steps': [5, {'id': 'a', 'flow': 'chat'}]", "/steps/0", 0, "type_error"},
        {"'steps': [{'id': 'a', 'flow': 'chat'}, {'id': 'a', 'flow': 'chat'}]", "/steps/1/id", 0,
         "duplicate"},
        {"'steps': [{'id': 'item', 'flow': 'chat'}, {'id': 'a', 'flow': 'chat'}]", "/steps/0/id", 0,
         "reserved"},
        {"'steps': [{'id': 'a'}]", "/steps/0/flow", 0, "missing"},
        {STEP("'flow': 'teleport'"), "/steps/0/flow", 0, "unknown_step_type"},
        {CHAT("'wehn': 'true'"), "/steps/0/wehn", 0, "extra_forbidden"},
        {CHAT("'params': []"), "/steps/0/params", 0, "type_error"},
        {CHAT("'local': 'x'"), "/steps/0/local", 0, "type_error"},
        {CHAT("'params': {'colour': 1}"), "/steps/0/params/colour", 0, "extra_forbidden"},
        {CHAT("'params': {'prompt': 1}"), "/steps/0/params/prompt", 0, "type_error"},
        {CHAT("'params': {'response_format': 'xml'}"), "/steps/0/params/response_format", 0,
         "value_error"},
        {CHAT("'params': {'prompt': '{{options.x}}'}"), "/steps/0/params/prompt", 3,
         "unknown_option"},
        {CHAT("'params': {'prompt': 'a {{steps.b.text}}'}"), "/steps/0/params/prompt", 5,
         "unknown_step"},
        {CHAT("'params': {'prompt': '{{'}"), "/steps/0/params/prompt", 1, "syntax"},
        {CHAT("'params': {'image_urls': ['x', '{{ options }}']}"), "/steps/0/params/image_urls/1",
         4, "unknown_field"},
        {CHAT("'params': {'prompt': 'all {{inputs.image_urls}}'}"), "/steps/0/params/prompt", 7,
         "type_error"},
        {CHAT("'params': {'prompt': '{{item}}'}"), "/steps/0/params/prompt", 3, "unknown_name"},
        {CHAT("'local': {'scene': {'name': '{{options.x}}'}}"), "/steps/0/local/scene/name", 3,
         "unknown_option"},
        {CHAT("'when': 'options.x'"), "/steps/0/when", 1, "unknown_option"},
        {CHAT("'when': '{{true}}'"), "/steps/0/when", 1, "syntax"},
        {CHAT("'when': 'workflow.title'"), "/steps/0/when", 1, "type_error"},
        {CHAT("'when': '5'"), "/steps/0/when", 1, "type_error"},
        {CHAT("'when': true"), "/steps/0/when", 0, "type_error"},
        {CHAT("'when': 'item == 1', 'for_each': '{{[1]}}'"), "/steps/0/when", 1, "unknown_name"},
        {CHAT("'needs': 'b'"), "/steps/0/needs", 0, "type_error"},
        {CHAT("'needs': ['b']"), "/steps/0/needs/0", 0, "unknown_step"},
        {CHAT("'needs': [1]"), "/steps/0/needs/0", 0, "unknown_step"},
        {CHAT("'for_each': 5"), "/steps/0/for_each", 0, "type_error"},
        {CHAT("'for_each': 'a {{[1]}}'"), "/steps/0/for_each", 0, "type_error"},
        {CHAT("'for_each': 'plain'"), "/steps/0/for_each", 0, "type_error"},
        {CHAT("'for_each': '{{[1'"), "/steps/0/for_each", 1, "syntax"},
        {CHAT("'for_each': '{{workflow.id}}'"), "/steps/0/for_each", 1, "type_error"},
        {CHAT("'retry': 3"), "/steps/0/retry", 0, "type_error"},
        {CHAT("'retry': {'max_attempts': '3'}"), "/steps/0/retry/max_attempts", 0, "value_error"},
        {CHAT("'retry': {'max_attempts': 0}"), "/steps/0/retry/max_attempts", 0, "value_error"},
        {CHAT("'retry': {'max_attempts': 1e300}"), "/steps/0/retry/max_attempts", 0, "value_error"},
        {CHAT("'retry': {'delay_s': -1}"), "/steps/0/retry/delay_s", 0, "value_error"},
        {CHAT("'retry': {'delay_s': 'x'}"), "/steps/0/retry/delay_s", 0, "value_error"},
        {CHAT("'retry': {'backoff': 0.5}"), "/steps/0/retry/backoff", 0, "value_error"},
        {CHAT("'retry': {'times': 5}"), "/steps/0/retry/times", 0, "extra_forbidden"},
        {CHAT("'timeout_s': 0"), "/steps/0/timeout_s", 0, "value_error"},
        {CHAT("'timeout_s': 1.5"), "/steps/0/timeout_s", 0, "value_error"},
        {CHAT("'on_error': 'ignore'"), "/steps/0/on_error", 0, "value_error"},
        {CHAT("'on_error': true"), "/steps/0/on_error", 0, "value_error"},
        {CHAT("'credits': -1"), "/steps/0/credits", 0, "value_error"},
        {CHAT("'provider': 1"), "/steps/0/provider", 0, "type_error"},
    };
    (void)state;
    for (size_t i = 0; i < TABLE_SIZE(rows); i++)
        assert_fault(rows[i].members, rows[i].path, rows[i].column, rows[i].code);
}

/* What is substituted is known well enough to be refused, or is taken. */
static void test_types_of_what_is_substituted(void **state)
{
    static const struct {
        const char *params;
        const char *param; /* the one that is refused; NULL: taken */
        int column;
    } rows[] = {
        {"'prompt': '{{options.text}}', 'image_urls': '{{options.images}}'", NULL, 0},
        {"'prompt': '{{options.images[0]}}'", NULL, 0},
        {"'prompt': 'n is {{options.number}}, {{options.toggle}}'", NULL, 0},
        {"'prompt': '{{null}}', 'option': '{{options.text}}'", NULL, 0},
        {"'image_urls': ['{{options.text}}']", NULL, 0},
        {"'prompt': '{{options.text ?? options.number}}'", NULL, 0},
        {"'prompt': '{{ options.number }}'", "prompt", 4},
        {"'prompt': '{{options.toggle}}'", "prompt", 3},
        {"'prompt': '{{options.images}}'", "prompt", 3},
        {"'prompt': '{{options.number ?? 5}}'", "prompt", 18},
        {"'prompt': '{{steps.b.urls}}'", "prompt", 3},
        {"'image_urls': '{{options.text}}'", "image_urls", 3},
        {"'image_urls': 'http://x/{{options.text}}'", "image_urls", 0},
        {"'option': '{{index}}'", "option", 3},
        {"'response_format': '{{(options.text == `x`)}}'", "response_format", 17},
    };
    (void)state;
    for (size_t i = 0; i < TABLE_SIZE(rows); i++) {
        char members[1024], path[64];
        snprintf(members, sizeof(members),
                 "'available_options': [{'key': 'text', 'component': 'text'},"
                 " {'key': 'number', 'component': 'number'},"
                 " {'key': 'toggle', 'component': 'toggle'},"
                 " {'key': 'images', 'component': 'images'}],"
                 "'steps': [{'id': 'a', 'flow': 'chat', 'for_each': '{{[1]}}', 'params': {%s}},"
                 " {'id': 'b', 'flow': 'chat'}]",
                 rows[i].params);
        snprintf(path, sizeof(path), "/steps/0/params/%s", rows[i].param ? rows[i].param : "");
        if (rows[i].param)
            assert_fault(members, path, rows[i].column, "type_error");
        else
            plan_template_free(template_with(members));
    }
}

static void test_warnings_do_not_refuse(void **state)
{
    CLEANUP(arena) struct arena *a = arena_new();
    CLEANUP(json)
    json_t *definition =
        definition_with("'available_options': [{'key': 'n', 'component': 'number'}]," CHAT(
            "'when': 'options.n != `3`', 'params': {'prompt': '{{(options.n == `4`)}} x'}"));
    struct plan_faults faults;
    (void)state;
    plan_faults_init(&faults, a);
    CLEANUP(plan_template) struct plan_template *t = plan_template_new(definition, &faults);
    assert_non_null(t);
    assert_int_equal(faults.error_count, 0);
    assert_int_equal(faults.count, 2);
    CLEANUP(json) json_t *errors = plan_faults_json(&faults, false);
    CLEANUP(json) json_t *warnings = plan_faults_json(&faults, true);
    assert_int_equal(json_array_size(errors), 0);
    assert_json(warnings,
                "[{'path': '/steps/0/params/prompt', 'code': 'always_different', 'column': 14,"
                "  'message': 'Here a number is compared with a text: they are never equal.'},"
                " {'path': '/steps/0/when', 'code': 'always_different', 'column': 11,"
                "  'message': 'Here a number is compared with a text: they are never equal.'}]");
}

static void test_every_fault_is_told(void **state)
{
    CLEANUP(arena) struct arena *a = arena_new();
    CLEANUP(json)
    json_t *definition = definition_with(
        "'id': 5, 'label': 5, 'available_options': [{'key': 'o', 'component': 'select'}],"
        "'steps': [{'id': 'a', 'flow': 'chat', 'when': 'options.o == 5 &&',"
        "           'params': {'prompt': '{{options.nope}}', 'x': 1}},"
        "          {'id': 'b', 'flow': 'no', 'needs': ['c']}], 'outputs': [{'step': 'd'}]");
    struct plan_faults faults;
    (void)state;
    plan_faults_init(&faults, a);
    assert_null(plan_template_new(definition, &faults));
    assert_non_null(fault_at(&faults, "/id", "missing"));
    assert_non_null(fault_at(&faults, "/label", "type_error"));
    assert_non_null(fault_at(&faults, "/available_options/0/values", "missing"));
    assert_non_null(fault_at(&faults, "/steps/0/when", "syntax"));
    assert_non_null(fault_at(&faults, "/steps/0/params/prompt", "unknown_option"));
    assert_non_null(fault_at(&faults, "/steps/0/params/x", "extra_forbidden"));
    assert_non_null(fault_at(&faults, "/steps/1/flow", "unknown_step_type"));
    assert_non_null(fault_at(&faults, "/steps/1/needs/0", "unknown_step"));
    assert_non_null(fault_at(&faults, "/outputs/0/step", "unknown_step"));
    assert_int_equal(faults.count, 9);
    CLEANUP(json) json_t *errors = plan_faults_json(&faults, false);
    assert_int_equal(json_array_size(errors), 9);
    for (size_t i = 0; i < 9; i++) {
        const json_t *row = json_array_get(errors, i);
        assert_true(strlen(json_member_string(row, "message")) > 10);
        if (strcmp(json_member_string(row, "path"), "/steps/0/when") == 0)
            assert_int_equal(json_member_integer(row, "column", 0), 18);
    }
}

static void test_the_list_of_faults_ends(void **state)
{
    CLEANUP(arena) struct arena *a = arena_new();
    CLEANUP(json) json_t *definition = json_object();
    struct plan_faults faults;
    (void)state;
    for (int i = 0; i < 1000; i++)
        json_object_set_new(definition, arena_printf(a, "k%d", i), json_null());
    plan_faults_init(&faults, a);
    assert_null(plan_template_new(definition, &faults));
    assert_int_equal(faults.count, PLAN_FAULTS_MAX + 1);
    assert_string_equal(faults.items[PLAN_FAULTS_MAX].code, "too_many_faults");
    plan_faults_init(&faults, a);
    CLEANUP(json) json_t *list = json_array();
    assert_null(plan_template_new(list, &faults));
    assert_non_null(fault_at(&faults, "", "type_error"));
}

/* `count` items of a list of the definition. */
static void assert_list_limit(const char *member, int count, const char *item, const char *path,
                              bool good)
{
    CLEANUP(arena) struct arena *a = arena_new();
    CLEANUP(buffer) struct buffer b = {0};
    struct plan_faults faults;
    buffer_printf(&b, "'%s': [", member);
    for (int i = 0; i < count; i++) {
        if (i > 0)
            buffer_append_text(&b, ", ");
        for (const char *c = item; *c; c++) {
            if (*c == '#')
                buffer_printf(&b, "%d", i);
            else
                buffer_append_char(&b, *c);
        }
    }
    buffer_append(&b, "]", 2);
    CLEANUP(json) json_t *definition = definition_with(b.bytes);
    plan_faults_init(&faults, a);
    CLEANUP(plan_template) struct plan_template *t = plan_template_new(definition, &faults);
    assert_int_equal(t != NULL, good);
    assert_int_equal(fault_at(&faults, path, "too_long") != NULL, !good);
}

static void test_limits_of_lists(void **state)
{
    static const char option[] = "{'key': 'o#', 'component': 'text'}";
    static const char output[] = "{'step': 'a'}";
    (void)state;
    assert_list_limit("available_options", PLAN_OPTIONS_MAX, option, "/available_options", true);
    assert_list_limit("available_options", PLAN_OPTIONS_MAX + 1, option, "/available_options",
                      false);
    assert_list_limit("outputs", PLAN_OUTPUTS_MAX, output, "/outputs", true);
    assert_list_limit("outputs", PLAN_OUTPUTS_MAX + 1, output, "/outputs", false);
    CLEANUP(arena) struct arena *a = arena_new();
    for (int count = 500; count <= 501; count++) {
        const char *values = "'0'";
        for (int i = 1; i < count; i++)
            values = arena_printf(a, "%s,'%d'", values, i);
        const char *members = arena_printf(
            a, OPTION("'key': 'a', 'component': 'multiselect', 'values': [%s]"), values);
        if (count == 501)
            assert_fault(members, "/available_options/0/values", 0, "too_long");
        else
            plan_template_free(template_with(members));
    }
}

/* A definition that would take long to go through is left to the run. */
static void test_many_combinations_are_not_tried(void **state)
{
    CLEANUP(arena) struct arena *a = arena_new();
    const char *options = "";
    const char *when = "false";
    (void)state;
    for (int i = 0; i < 13; i++) {
        options = arena_printf(a, "%s%s{'key': 'o%d', 'component': 'toggle', 'default': true}",
                               options, i ? "," : "", i);
        when = arena_printf(a, "%s || options.o%d", when, i);
        const char *members =
            arena_printf(a, "'available_options': [%s], 'outputs': [{'step': 'a', 'when': '%s'}]",
                         options, when);
        if (i < 12)
            assert_fault(members, "/outputs", 0, "no_output");
        else
            plan_template_free(template_with(members));
    }
}

static void test_limits_of_a_template(void **state)
{
    CLEANUP(arena) struct arena *a = arena_new();
    struct plan_faults faults;
    (void)state;
    for (int count = PLAN_STEPS_MAX; count <= PLAN_STEPS_MAX + 1; count++) {
        CLEANUP(json) json_t *definition = definition_with("'label': 'x'");
        json_t *steps = json_array();
        for (int i = 0; i < count; i++)
            json_array_append_new(
                steps,
                json_pack("{s:s, s:s}", "id", i ? arena_printf(a, "a%d", i) : "a", "flow", "chat"));
        json_object_set_new(definition, "steps", steps);
        plan_faults_init(&faults, a);
        CLEANUP(plan_template) struct plan_template *t = plan_template_new(definition, &faults);
        assert_int_equal(t != NULL, count == PLAN_STEPS_MAX);
        assert_int_equal(fault_at(&faults, "/steps", "too_long") != NULL, count > PLAN_STEPS_MAX);
    }
}

/* --- the graph ----------------------------------------------------------------------------------
 */

static void test_a_cycle_names_its_members(void **state)
{
    CLEANUP(arena) struct arena *a = arena_new();
    CLEANUP(json)
    json_t *definition = definition_with(
        "'steps': [{'id': 'a', 'flow': 'chat', 'params': {'prompt': '{{steps.b.text}}'}},"
        "          {'id': 'b', 'flow': 'chat', 'needs': ['c']},"
        "          {'id': 'c', 'flow': 'chat', 'when': 'steps.d.status == `x`'},"
        "          {'id': 'd', 'flow': 'chat', 'local': {'x': '{{steps.b.text ?? 1}}'}}]");
    struct plan_faults faults;
    (void)state;
    plan_faults_init(&faults, a);
    assert_null(plan_template_new(definition, &faults));
    assert_int_equal(faults.count, 1);
    assert_string_equal(faults.items[0].code, "cycle");
    assert_string_equal(faults.items[0].path, "/steps/1");
    assert_string_equal(faults.items[0].message, "These steps need each other: b -> c -> d -> b.");
    assert_fault(CHAT("'needs': ['a']"), "/steps/0", 0, "cycle");
}

static void test_layers_follow_from_dependencies(void **state)
{
    (void)state;
    CLEANUP(plan_template)
    struct plan_template *t = template_with(
        "'steps': [{'id': 'last', 'flow': 'chat', 'params': {'prompt': '{{steps.mid.text}}'}},"
        "          {'id': 'mid', 'flow': 'chat', 'needs': ['a'], 'credits': 7, 'timeout_s': 5,"
        "           'on_error': 'continue', 'provider': 'acme',"
        "           'retry': {'max_attempts': 3, 'delay_s': 0.5}},"
        "          {'id': 'a', 'flow': 'chat'},"
        "          {'id': 'each', 'flow': 'chat', 'for_each': '{{steps.a.urls}}'},"
        "          {'id': 'cond', 'flow': 'chat', 'when': 'steps.mid.status == `success`'}]");
    static const int layers[] = {2, 1, 0, 1, 2};
    for (size_t i = 0; i < TABLE_SIZE(layers); i++)
        assert_int_equal(plan_template_layer(t, i), layers[i]);
    struct plan_step_info info = plan_template_step(t, 1);
    assert_string_equal(info.id, "mid");
    assert_string_equal(info.type->name, "chat");
    assert_int_equal(info.credits, 7);
    assert_int_equal(info.timeout_s, 5);
    assert_true(info.continue_on_error);
    assert_string_equal(info.provider, "acme");
    assert_int_equal(info.retry.max_attempts, 3);
    assert_true(info.retry.delay_s == 0.5 && info.retry.backoff == 2);
    info = plan_template_step(t, 3);
    assert_true(info.for_each);
    assert_false(info.continue_on_error);
    assert_string_equal(info.provider, "auto");
    assert_int_equal(info.retry.max_attempts, 1);
    assert_int_equal(info.credits, info.type->credits);
    assert_int_equal(info.timeout_s, info.type->timeout_s);
    assert_int_equal(plan_template_step_index(t, "cond"), 4);
    assert_int_equal(plan_template_step_index(t, "nope"), -1);
    assert_string_equal(plan_template_category(t), "general");
}

/* What was valid when it was stored is read again, whatever its outputs; what cannot be read is not. */
static void test_stored_definitions_are_read_again(void **state)
{
    CLEANUP(arena) struct arena *a = arena_new();
    CLEANUP(json)
    json_t *off = definition_with("'outputs': [{'step': 'a', 'when': 'false'}]");
    CLEANUP(json) json_t *broken = definition_with("'outputs': [{'step': 'a', 'when': '1'}]");
    struct plan_faults faults;
    (void)state;
    plan_faults_init(&faults, a);
    assert_null(plan_template_new(off, &faults));
    plan_faults_init(&faults, a);
    CLEANUP(plan_template) struct plan_template *t = plan_template_reload(off, &faults);
    assert_non_null(t);
    assert_int_equal(faults.count, 0);
    assert_null(plan_template_reload(broken, &faults));
    assert_int_equal(faults.error_count, 1);
}

static void test_outputs_that_may_all_be_off(void **state)
{
    CLEANUP(arena) struct arena *a = arena_new();
    static const struct {
        const char *more, *rest;
        const char *message; /* NULL: valid */
    } rows[] = {
        {"'default': 'x'", "'outputs': [{'step': 'a', 'when': 'options.m == `x`'}]",
         "No output is active when m is \"y\"."},
        {"'default': 'x'", "'outputs': [{'step': 'a', 'when': 'options.m in [`x`, `y`, `z`]'}]",
         NULL},
        {"'required': true", "'outputs': [{'step': 'a', 'when': 'options.m in [`x`, `y`, `z`]'}]",
         NULL},
        {"'label': 'M'", "'outputs': [{'step': 'a', 'when': 'options.m in [`x`, `y`, `z`]'}]",
         "No output is active when m is null."},
        {"'default': 'x'",
         "'steps': [{'id': 'a', 'flow': 'chat', 'when': 'options.m != `z`'},"
         "          {'id': 'b', 'flow': 'chat', 'params': {'prompt': '{{steps.a.text}}'}}],"
         "'outputs': [{'step': 'b'}]",
         "No output is active when m is \"z\"."},
        {"'default': 'x'",
         "'steps': [{'id': 'a', 'flow': 'chat', 'when': 'options.m != `z`'},"
         "          {'id': 'b', 'flow': 'chat', 'params': {'prompt': '{{steps.a.text ?? 1}}'}}],"
         "'outputs': [{'step': 'b'}]",
         NULL},
        {"'default': 'x'", "'outputs': [{'step': 'a', 'when': 'false'}]", "No output is active."},
        {"'default': 'x'", "'outputs': [{'step': 'a', 'when': 'workflow.title == `y`'}]", NULL},
        {"'default': 'x'", "'outputs': [{'step': 'a', 'when': 'inputs.image_urls == []'}]", NULL},
        {"'default': 'x'", "'outputs': [{'step': 'a', 'when': 'false && inputs.image_urls == []'}]",
         "No output is active."},
        {"'default': 'x'", "'steps': [{'id': 'a', 'flow': 'chat', 'for_each': '{{[]}}'}]",
         "No output is active."},
        {"'default': 'x'",
         "'steps': [{'id': 'a', 'flow': 'chat', 'when': 'options.m == `x`'},"
         "          {'id': 'b', 'flow': 'chat', 'when': 'options.m != `x`'}],"
         "'outputs': [{'step': 'a'}, {'step': 'b'}]",
         NULL},
        {"'default': 'x'",
         "'steps': [{'id': 'a', 'flow': 'chat', 'when': 'options.m == `x`'},"
         "          {'id': 'b', 'flow': 'chat', 'when': 'options.m == `y`'}],"
         "'outputs': [{'step': 'a'}, {'step': 'b'}]",
         "No output is active when m is \"z\"."},
        {"'default': 'x'", "'outputs': [{'step': 'a', 'when': 'steps.a.status == `fail`'}]", NULL},
    };
    (void)state;
    for (size_t i = 0; i < TABLE_SIZE(rows); i++) {
        struct plan_faults faults;
        char members[1024];
        snprintf(members, sizeof(members),
                 "'available_options': [{'key': 'm', 'component': 'select',"
                 " 'values': ['x', 'y', 'z'], %s}], %s",
                 rows[i].more, rows[i].rest);
        CLEANUP(json) json_t *definition = definition_with(members);
        plan_faults_init(&faults, a);
        CLEANUP(plan_template) struct plan_template *t = plan_template_new(definition, &faults);
        const struct plan_fault *fault = fault_at(&faults, "/outputs", "no_output");
        assert_int_equal(t == NULL, rows[i].message != NULL);
        assert_string_equal(fault ? fault->message : "", rows[i].message ? rows[i].message : "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_faults_of_the_head),
        cmocka_unit_test(test_faults_of_options),
        cmocka_unit_test(test_faults_of_steps),
        cmocka_unit_test(test_types_of_what_is_substituted),
        cmocka_unit_test(test_warnings_do_not_refuse),
        cmocka_unit_test(test_every_fault_is_told),
        cmocka_unit_test(test_the_list_of_faults_ends),
        cmocka_unit_test(test_limits_of_lists),
        cmocka_unit_test(test_many_combinations_are_not_tried),
        cmocka_unit_test(test_limits_of_a_template),
        cmocka_unit_test(test_a_cycle_names_its_members),
        cmocka_unit_test(test_layers_follow_from_dependencies),
        cmocka_unit_test(test_stored_definitions_are_read_again),
        cmocka_unit_test(test_outputs_that_may_all_be_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
