/* The dry run, and templates as clients and editors see them: preview, schema, summary, catalog. */
#include "plan_fixture.h"

#include "plan_graph.h"

#include <sys/stat.h>
#include <unistd.h>

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
        "[{'id': 'film', 'reason': 'Its condition is not met: options.video.'},"
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

#define PREVIEW(options, steps, outputs)                                                           \
    "{'id': 't', 'available_options': [" options "], 'steps': [" steps "], 'outputs': [" outputs   \
    "]}"

static void test_the_preview_knows_no_workflow_yet(void **state)
{
    static const char text[] = PREVIEW(
        "{'key': 'm', 'component': 'text', 'default': 'x'}",
        "{'id': 'a', 'flow': 'chat', 'when': 'workflow.title == `x`', 'credits': 3},"
        "{'id': 'b', 'flow': 'chat', 'params': {'prompt': '{{workflow.title}} {{options.m}}'}},"
        "{'id': 'c', 'flow': 'chat', 'when': 'options.m == `y` && workflow.id == `w`'},"
        "{'id': 'd', 'flow': 'chat', 'params': {'prompt': '{{steps.a.text ?? `none`}}'}},"
        "{'id': 'e', 'flow': 'chat', 'needs': ['a']}",
        "{'step': 'a'}, {'step': 'b'}, {'step': 'd', 'when': 'workflow.event_id != null'}");
    (void)state;
    CLEANUP(json) json_t *body = preview_of(text, "{}");
    assert_json(json_object_get(body, "valid"), "true");
    assert_json(json_object_get(body, "layers"), "[['b'], ['d']]");
    assert_json(json_object_get(body, "undetermined_steps"),
                "[{'id': 'a', 'reason': 'It depends on a workflow that is not there yet.'},"
                " {'id': 'e', 'reason': 'It depends on the outcome of a step.'}]");
    const json_t *skipped = json_array_get(json_object_get(body, "skipped_steps"), 0);
    assert_int_equal(json_array_size(json_object_get(body, "skipped_steps")), 1);
    assert_string_equal(json_member_string(skipped, "id"), "c");
    assert_string_equal(json_member_string(skipped, "reason"),
                        "Its condition is not met: options.m == 'y' && workflow.id == 'w'.");
    assert_json(json_object_get(body, "outputs"), "[{'step': 'b'}]");
    assert_int_equal(json_member_integer(json_object_get(body, "credits"), "min", -1), 2);
    assert_int_equal(json_member_integer(json_object_get(body, "credits"), "max", -1), 6);
}

/* The images that are given with the options decide conditions. */
static void test_the_preview_knows_the_images(void **state)
{
    CLEANUP(arena) struct arena *a = arena_new();
    CLEANUP(plan_template)
    struct plan_template *t =
        template_of(PREVIEW("",
                            "{'id': 'a', 'flow': 'chat', 'when': 'inputs.image_urls[1] != null'},"
                            "{'id': 'b', 'flow': 'chat', 'for_each': '{{inputs.image_urls}}'}",
                            "{'step': 'a'}, {'step': 'b'}"));
    static const struct {
        const char *images, *layers;
    } rows[] = {
        {"['http://x/1', 'http://x/2']", "[['a', 'b']]"},
        {"['http://x/1']", "[['b']]"},
        {"[]", "[]"},
    };
    (void)state;
    for (size_t i = 0; i < TABLE_SIZE(rows); i++) {
        CLEANUP(json) json_t *images = json_of(rows[i].images);
        struct plan_faults faults;
        plan_faults_init(&faults, a);
        CLEANUP(json) json_t *body = plan_preview(a, t, NULL, images, &faults);
        assert_json(json_object_get(body, "layers"), rows[i].layers);
        assert_json(json_object_get(body, "valid"), i == 2 ? "false" : "true");
    }
}

static void test_the_preview_sees_empty_fan_outs(void **state)
{
    static const char text[] =
        PREVIEW("{'key': 'places', 'component': 'list'}",
                "{'id': 'each', 'flow': 'chat', 'for_each': '{{options.places}}', 'credits': 9},"
                "{'id': 'all', 'flow': 'chat', 'credits': 1,"
                " 'params': {'prompt': '{{steps.each.result[0].text ?? `nowhere`}}'}}",
                "{'step': 'each'}, {'step': 'all'}");
    (void)state;
    CLEANUP(json) json_t *none = preview_of(text, "{}");
    assert_json(json_object_get(none, "layers"), "[['all']]");
    assert_json(json_object_get(none, "skipped_steps"),
                "[{'id': 'each', 'reason': 'Its for_each has no items.'}]");
    assert_json(json_object_get(none, "outputs"), "[{'step': 'all'}]");
    assert_int_equal(json_member_integer(json_object_get(none, "credits"), "total", -1), 1);
    CLEANUP(json) json_t *some = preview_of(text, "{'places': 'Rome'}");
    assert_json(json_object_get(some, "layers"), "[['each'], ['all']]");
    assert_int_equal(json_member_integer(json_object_get(some, "credits"), "total", -1), 10);
    CLEANUP(json)
    json_t *many = preview_of(
        text,
        "{'places': '1\\n2\\n3\\n4\\n5\\n6\\n7\\n8\\n9\\n10\\n11\\n12\\n13\\n14\\n15\\n16\\n17'}");
    assert_json(json_object_get(many, "valid"), "false");
    assert_string_equal(
        json_member_string(json_array_get(json_object_get(many, "errors"), 0), "path"),
        "/steps/0/for_each");
}

/* What is wrong with a later step is told although the earlier one has not brought its part yet. */
static void test_the_preview_checks_what_is_known_of_later_steps(void **state)
{
    static const char text[] = PREVIEW(
        "{'key': 'grid', 'component': 'text', 'default': '2x2'},"
        "{'key': 'format', 'component': 'text', 'default': 'text'}",
        "{'id': 'a', 'flow': 'chat'},"
        "{'id': 'tile', 'flow': 'tile_grid_videos',"
        " 'params': {'video_urls': ['{{steps.a.url}}'], 'grid_pattern': '{{options.grid}}'}},"
        "{'id': 'maybe', 'flow': 'chat', 'on_error': 'continue',"
        " 'params': {'response_format': '{{options.format}}'}}",
        "{'step': 'tile'}, {'step': 'maybe'}");
    (void)state;
    CLEANUP(json) json_t *good = preview_of(text, "{}");
    assert_json(json_object_get(good, "errors"), "[]");
    assert_json(json_object_get(good, "layers"), "[['a', 'maybe'], ['tile']]");
    CLEANUP(json) json_t *grid = preview_of(text, "{'grid': '9x9'}");
    assert_json(json_object_get(grid, "valid"), "false");
    assert_int_equal(json_array_size(json_object_get(grid, "errors")), 1);
    assert_string_equal(
        json_member_string(json_array_get(json_object_get(grid, "errors"), 0), "path"),
        "/steps/1/params/grid_pattern");
    /* A step whose failure is let pass is skipped, also when it would wait first. */
    static const char late[] = PREVIEW(
        "{'key': 'n', 'component': 'number'}",
        "{'id': 'a', 'flow': 'chat'},"
        "{'id': 'maybe', 'flow': 'chat', 'on_error': 'continue',"
        " 'params': {'prompt': '{{steps.a.text}}', 'response_format': '{{workflow.id ?? `x`}}'}},"
        "{'id': 'wrong', 'flow': 'chat', 'on_error': 'continue', 'for_each': '{{[`xml`]}}',"
        " 'params': {'prompt': '{{steps.a.text}}', 'response_format': '{{item}}'}},"
        "{'id': 'after', 'flow': 'chat', 'needs': ['wrong']}",
        "{'step': 'a', 'when': 'steps.a.text == `x` || options.n == null'},"
        "{'step': 'a', 'when': 'options.n > 3'}");
    CLEANUP(json) json_t *passed = preview_of(late, "{'n': 5}");
    assert_json(json_object_get(passed, "errors"), "[]");
    assert_json(json_object_get(passed, "layers"), "[['a'], ['maybe']]");
    assert_json(
        json_object_get(passed, "skipped_steps"),
        "[{'id': 'wrong', 'reason': 'response_format is one of: text, json.'},"
        " {'id': 'after', 'reason': 'It needs the output of the step wrong, which was skipped.'}]");
    CLEANUP(json) json_t *order = preview_of(late, "{}");
    const json_t *fault = json_array_get(json_object_get(order, "errors"), 0);
    assert_string_equal(json_member_string(fault, "path"), "/outputs/1/when");
    assert_int_equal(json_member_integer(fault, "column", 0), 11);
    CLEANUP(json) json_t *format = preview_of(text, "{'format': 'xml'}");
    assert_json(json_object_get(format, "valid"), "true");
    assert_json(json_object_get(format, "layers"), "[['a'], ['tile']]");
    assert_json(json_object_get(format, "outputs"), "[{'step': 'tile'}]");
    assert_string_equal(
        json_member_string(json_array_get(json_object_get(format, "skipped_steps"), 0), "id"),
        "maybe");
}

/* A step that may fail without ending the workflow leaves those open that cannot do without it. */
static void test_the_preview_minds_steps_that_may_fail(void **state)
{
    static const char text[] = PREVIEW(
        "",
        "{'id': 'maybe', 'flow': 'chat', 'on_error': 'continue', 'credits': 2},"
        "{'id': 'needs', 'flow': 'chat', 'needs': ['maybe'], 'credits': 10},"
        "{'id': 'uses', 'flow': 'chat', 'params': {'prompt': '{{steps.maybe.text}}'}},"
        "{'id': 'spares', 'flow': 'chat', 'params': {'prompt': '{{steps.maybe.text ?? `x`}}'}}",
        "{'step': 'spares'}");
    (void)state;
    CLEANUP(json) json_t *body = preview_of(text, "{}");
    assert_json(json_object_get(body, "layers"), "[['maybe'], ['spares']]");
    assert_json(json_object_get(body, "undetermined_steps"),
                "[{'id': 'needs', 'reason': 'It depends on the outcome of a step.'},"
                " {'id': 'uses', 'reason': 'It depends on the outcome of a step.'}]");
    assert_int_equal(json_member_integer(json_object_get(body, "credits"), "min", -1), 3);
    assert_int_equal(json_member_integer(json_object_get(body, "credits"), "max", -1), 14);
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
    assert_int_equal(json_member_integer(limits, "option_values", 0), PLAN_OPTION_VALUES_MAX);
    assert_int_equal(json_object_size(limits), 19);
    const char *name;
    const json_t *limit;
    json_object_foreach((json_t *)limits, name, limit) assert_true(json_integer_value(limit) > 0);
    const json_t *references =
        json_object_get(json_object_get(schema, "substitution"), "references");
    assert_int_equal(json_array_size(json_object_get(references, "steps")), 5);
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
        cmocka_unit_test(test_the_preview_decides_what_options_decide),
        cmocka_unit_test(test_the_preview_knows_no_workflow_yet),
        cmocka_unit_test(test_the_preview_knows_the_images),
        cmocka_unit_test(test_the_preview_sees_empty_fan_outs),
        cmocka_unit_test(test_the_preview_checks_what_is_known_of_later_steps),
        cmocka_unit_test(test_the_preview_minds_steps_that_may_fail),
        cmocka_unit_test(test_the_preview_tells_faults),
        cmocka_unit_test(test_the_schema_tells_everything),
        cmocka_unit_test(test_a_summary_shows_defaults),
        cmocka_unit_test(test_a_catalog_is_a_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
