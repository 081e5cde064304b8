/*
 * The templates that come with reeld against the facts that clients rely on: ids, labels, prices, option keys, values and
 * defaults. Usage: test_catalog CATALOG-FOLDER FACTS.json
 */
#include "plan_fixture.h"

static const char *catalog_folder, *facts_path;

struct shelf {
    struct arena *arena;
    struct plan_catalog *catalog;
    json_t *facts;
};

static int shelf_start(void **state)
{
    struct shelf *shelf = mem_alloc(sizeof(*shelf));
    struct plan_faults faults;
    struct err err = {0};
    shelf->arena = arena_new();
    plan_faults_init(&faults, shelf->arena);
    if (plan_catalog_load(catalog_folder, &shelf->catalog, &faults, &err) < 0)
        fail_msg("%s %s: %s", err.message, faults.count ? faults.items[0].path : "",
                 faults.count ? faults.items[0].message : "");
    assert_int_equal(json_parse_file(facts_path, 1 << 20, &shelf->facts, NULL), 0);
    *state = shelf;
    return 0;
}

static int shelf_end(void **state)
{
    struct shelf *shelf = *state;
    plan_catalog_free(shelf->catalog);
    json_decref(shelf->facts);
    arena_free(shelf->arena);
    free(shelf);
    return 0;
}

static const json_t *option_of(const json_t *row, const char *key)
{
    const json_t *options = json_object_get(row, "available_options");
    for (size_t i = 0; i < json_array_size(options); i++) {
        const json_t *option = json_array_get(options, i);
        if (strcmp(json_member_string(option, "key"), key) == 0)
            return option;
    }
    return NULL;
}

static void assert_same(const char *id, const char *what, const json_t *found, const json_t *wanted)
{
    CLEANUP(arena) struct arena *a = arena_new();
    if (found != wanted && !json_equal(found, wanted))
        fail_msg("%s: %s is %s instead of %s", id, what,
                 found ? json_arena_text(a, found) : "nothing",
                 wanted ? json_arena_text(a, wanted) : "nothing");
}

static void check_option(const char *id, const json_t *row, const char *key, const json_t *fact)
{
    const json_t *option = option_of(row, key);
    const json_t *takes = json_object_get(fact, "takes");
    if (!option)
        fail_msg("%s has no option %s", id, key);
    if (takes)
        assert_same(id, key, json_object_get(option, "component"), takes);
    else
        assert_same(id, key, json_object_get(option, "default"), json_object_get(fact, "default"));
    const json_t *values = json_object_get(fact, "values");
    if (values)
        assert_same(id, key, json_object_get(option, "values"), values);
}

static void test_the_facts_hold(void **state)
{
    const struct shelf *shelf = *state;
    static const char *const members[] = {"label", "category", "credits"};
    assert_true(json_array_size(shelf->facts) > 0);
    for (size_t i = 0; i < json_array_size(shelf->facts); i++) {
        const json_t *fact = json_array_get(shelf->facts, i);
        const char *id = json_member_string(fact, "template_id");
        const struct plan_template *t = plan_catalog_find(shelf->catalog, id);
        if (!t)
            fail_msg("there is no template %s", id);
        CLEANUP(json) json_t *row = plan_template_summary(t, true, 1, false);
        for (size_t k = 0; k < TABLE_SIZE(members); k++)
            assert_same(id, members[k], json_object_get(row, members[k]),
                        json_object_get(fact, members[k]));
        const json_t *options = json_object_get(fact, "options");
        assert_int_equal(json_array_size(json_object_get(row, "available_options")),
                         json_object_size(options));
        const char *key;
        const json_t *option;
        json_object_foreach((json_t *)options, key, option) check_option(id, row, key, option);
    }
}

/* Media for whatever is required. */
static json_t *options_for(const struct plan_template *t)
{
    json_t *options = json_object();
    const json_t *available = json_object_get(plan_template_definition(t), "available_options");
    for (size_t i = 0; i < json_array_size(available); i++) {
        const json_t *option = json_array_get(available, i);
        const char *component = json_member_string(option, "component");
        if (!json_member_bool(option, "required", false))
            continue;
        bool several = component[strlen(component) - 1] == 's';
        bool media = strncmp(component, "image", 5) == 0 || strncmp(component, "video", 5) == 0 ||
                     strcmp(component, "audio") == 0;
        json_t *value = json_string(media ? "https://a.example/file" : "some words");
        if (several)
            value = json_pack("[o, s]", value, "https://a.example/other");
        json_object_set_new(options, json_member_string(option, "key"), value);
    }
    return options;
}

static void check_preview(const struct shelf *shelf, const struct plan_template *t,
                          const char *mode)
{
    const char *id = plan_template_id(t);
    CLEANUP(json) json_t *options = options_for(t);
    if (mode)
        json_object_set_new(options, "pipeline_mode", json_string(mode));
    struct plan_faults faults;
    plan_faults_init(&faults, shelf->arena);
    CLEANUP(json) json_t *preview = plan_preview(shelf->arena, t, options, NULL, &faults);
    if (!json_is_true(json_object_get(preview, "valid")))
        fail_msg("%s: %s %s", id, faults.items[0].path, faults.items[0].message);
    assert_int_equal(json_array_size(json_object_get(preview, "undetermined_steps")), 0);
    assert_true(json_array_size(json_object_get(preview, "layers")) > 0);
    assert_true(json_array_size(json_object_get(preview, "outputs")) > 0);
    const json_t *prices = json_object_get(plan_template_definition(t), "credits");
    int64_t total = json_member_integer(json_object_get(preview, "credits"), "total", -1);
    if (mode && json_is_integer(json_object_get(prices, mode)))
        assert_int_equal(total, json_member_integer(prices, mode, -1));
    assert_true(total > 0);
}

/* Every template, the ones without facts too: no warning, something to read, a dry run in each of its modes. */
static void test_every_template_previews(void **state)
{
    const struct shelf *shelf = *state;
    for (size_t i = 0; i < plan_catalog_count(shelf->catalog); i++) {
        const struct plan_template *t = plan_catalog_at(shelf->catalog, i);
        CLEANUP(json) json_t *row = plan_template_summary(t, true, 1, false);
        struct plan_faults faults;
        plan_faults_init(&faults, shelf->arena);
        plan_template_free(plan_template_new(plan_template_definition(t), &faults));
        if (faults.count > 0)
            fail_msg("%s: %s %s", plan_template_id(t), faults.items[0].path,
                     faults.items[0].message);
        assert_true(strlen(json_member_string(row, "label")) > 2);
        assert_true(strlen(json_member_string(row, "description")) > 20);
        assert_true(json_array_size(json_object_get(row, "inputs")) > 0);
        const json_t *modes = json_object_get(option_of(row, "pipeline_mode"), "values");
        for (size_t k = 0; k < json_array_size(modes); k++)
            check_preview(shelf, t, json_string_value(json_array_get(modes, k)));
        if (!modes)
            check_preview(shelf, t, NULL);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_facts_hold, shelf_start, shelf_end),
        cmocka_unit_test_setup_teardown(test_every_template_previews, shelf_start, shelf_end),
    };
    if (argc != 3) {
        fprintf(stderr, "usage: test_catalog CATALOG FACTS\n");
        return 2;
    }
    catalog_folder = argv[1];
    facts_path = argv[2];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
