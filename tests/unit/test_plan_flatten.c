/* Definitions that build on each other. */
#include "plan_fixture.h"

static const json_t *shelf_lookup(void *context, const char *id)
{
    return json_object_get(context, id);
}

static void assert_flat(const char *shelf, const char *id, const char *expected)
{
    CLEANUP(arena) struct arena *a = arena_new();
    CLEANUP(json) json_t *definitions = json_of(shelf);
    CLEANUP(json) json_t *untouched = json_deep_copy(definitions);
    CLEANUP(json) json_t *wanted = expected ? json_of(expected) : NULL;
    struct plan_faults faults;
    plan_faults_init(&faults, a);
    CLEANUP(json)
    json_t *flat =
        plan_flatten(json_object_get(definitions, id), shelf_lookup, definitions, &faults);
    if ((flat != NULL) != (expected != NULL) || (flat && !json_equal(flat, wanted)))
        fail_msg("%s gives %s", shelf, flat ? json_arena_text(a, flat) : faults.items[0].message);
    assert_int_equal(faults.error_count, expected ? 0 : 1);
    assert_true(json_equal(definitions, untouched));
}

static void test_definitions_build_on_each_other(void **state)
{
    (void)state;
    assert_flat("{'t': {'id': 't', 'label': 'T'}}", "t", "{'id': 't', 'label': 'T'}");
    assert_flat("{'b': {'id': 'b', 'label': 'B', 'category': 'c'},"
                " 't': {'id': 't', 'extends': 'b', 'label': 'T', 'category': null, 'inputs': []}}",
                "t", "{'id': 't', 'label': 'T', 'inputs': []}");
    assert_flat(
        "{'b': {'steps': [{'id': 'x', 'flow': 'f', 'when': 'w', 'params': {'p': 1, 'q': 1}},"
        "                 {'id': 'y'}]},"
        " 't': {'extends': 'b', 'steps': [{'id': 'z'},"
        "                                 {'id': 'x', 'when': null, 'params': {'p': 2}}]}}",
        "t", "{'steps': [{'id': 'x', 'flow': 'f', 'params': {'p': 2}}, {'id': 'y'}, {'id': 'z'}]}");
    assert_flat(
        "{'b': {'steps': [{'id': 'x'}, {'id': 'y', 'flow': 'f'}]},"
        " 't': {'extends': 'b', 'steps': {'x': null, 'y': {'credits': 1}, 'z': {'flow': 'g'}}}}",
        "t", "{'steps': [{'id': 'y', 'flow': 'f', 'credits': 1}, {'flow': 'g', 'id': 'z'}]}");
    assert_flat("{'b': {'label': 'B'}, 't': {'extends': 'b', 'steps': {'z': {'flow': 'g'}}}}", "t",
                "{'label': 'B', 'steps': [{'flow': 'g', 'id': 'z'}]}");
    assert_flat("{'b': {'available_options': [{'key': 'o', 'label': 'O', 'default': 1}]},"
                " 't': {'extends': 'b', 'available_options': [{'key': 'o', 'default': null},"
                "                                             {'key': 'p'}]}}",
                "t", "{'available_options': [{'key': 'o', 'label': 'O'}, {'key': 'p'}]}");
    assert_flat("{'b': {'outputs': [1, 2]}, 't': {'extends': 'b', 'outputs': [3]}}", "t",
                "{'outputs': [3]}");
    assert_flat("{'a': {'label': 'A', 'category': 'A'}, 'b': {'extends': 'a', 'label': 'B'},"
                " 't': {'extends': 'b', 'id': 't'}}",
                "t", "{'label': 'B', 'category': 'A', 'id': 't'}");
}

/* What is wrong in a list stays in it, so that the validator finds it. */
static void test_flattening_hides_no_fault(void **state)
{
    (void)state;
    assert_flat("{'b': {'steps': [{'id': 'x'}]}, 't': {'extends': 'b', 'steps': 5}}", "t",
                "{'steps': 5}");
    assert_flat("{'b': {'steps': [{'id': 'x'}]}, 't': {'extends': 'b', 'steps': {'x': 5}}}", "t",
                "{'steps': [{'id': 'x'}, 5]}");
    assert_flat("{'b': {'steps': [4, {'id': 'x'}]}, 't': {'extends': 'b', 'steps': [5]}}", "t",
                "{'steps': [4, {'id': 'x'}, 5]}");
}

static void test_null_removes(void **state)
{
    (void)state;
    assert_flat(
        "{'b': {'label': 'B', 'available_options': [{'key': 'o'}, {'key': 'p'}]},"
        " 't': {'extends': 'b', 'label': null, 'available_options': {'o': null, 'q': null}}}",
        "t", "{'available_options': [{'key': 'p'}]}");
    assert_flat("{'b': {'steps': [{'id': 'x', 'local': {'s': 1}}]},"
                " 't': {'extends': 'b', 'steps': {'x': {'local': null, 'when': 'w'}}}}",
                "t", "{'steps': [{'id': 'x', 'when': 'w'}]}");
    assert_flat("{'b': {'steps': [{'id': 'x'}]}, 't': {'extends': 'b', 'steps': null}}", "t", "{}");
    /* It comes back when a later one adds it. */
    assert_flat("{'a': {'steps': [{'id': 'x', 'flow': 'f'}]},"
                " 'b': {'extends': 'a', 'steps': {'x': null}},"
                " 't': {'extends': 'b', 'steps': [{'id': 'x', 'flow': 'g'}]}}",
                "t", "{'steps': [{'id': 'x', 'flow': 'g'}]}");
}

/* Bases may be chained, but not without end. */
static void test_chains_of_bases(void **state)
{
    CLEANUP(arena) struct arena *a = arena_new();
    struct plan_faults faults;
    (void)state;
    for (int depth = PLAN_EXTENDS_DEPTH_MAX; depth <= PLAN_EXTENDS_DEPTH_MAX + 1; depth++) {
        CLEANUP(json) json_t *shelf = json_object();
        for (int i = 0; i < depth; i++)
            json_object_set_new(shelf, arena_printf(a, "d%d", i),
                                json_pack("{s:s, s:i}", "extends", arena_printf(a, "d%d", i + 1),
                                          arena_printf(a, "k%d", i), i));
        json_object_set_new(shelf, arena_printf(a, "d%d", depth), json_pack("{s:i}", "last", 1));
        plan_faults_init(&faults, a);
        CLEANUP(json)
        json_t *flat = plan_flatten(json_object_get(shelf, "d0"), shelf_lookup, shelf, &faults);
        assert_int_equal(flat != NULL, depth == PLAN_EXTENDS_DEPTH_MAX);
        assert_int_equal(json_object_size(flat), flat ? PLAN_EXTENDS_DEPTH_MAX + 1 : 0);
        assert_int_equal(fault_at(&faults, "/extends", "too_deep") != NULL, !flat);
    }
}

static void assert_extends_cycle(const char *shelf, const char *message)
{
    CLEANUP(arena) struct arena *a = arena_new();
    CLEANUP(json) json_t *definitions = json_of(shelf);
    struct plan_faults faults;
    plan_faults_init(&faults, a);
    assert_null(
        plan_flatten(json_object_get(definitions, "t"), shelf_lookup, definitions, &faults));
    assert_int_equal(faults.count, 1);
    assert_string_equal(faults.items[0].path, "/extends");
    assert_string_equal(faults.items[0].code, "cycle");
    assert_string_equal(faults.items[0].message, message);
}

static void test_bases_that_extend_each_other(void **state)
{
    (void)state;
    assert_extends_cycle("{'t': {'extends': 't'}}", "These definitions extend each other: t -> t.");
    assert_extends_cycle("{'t': {'extends': 'u'}, 'u': {'extends': 't'}}",
                         "These definitions extend each other: t -> u -> t.");
    assert_extends_cycle("{'t': {'extends': 'a'}, 'a': {'extends': 'b'}, 'b': {'extends': 'c'}, "
                         "'c': {'extends': 'a'}}",
                         "These definitions extend each other: a -> b -> c -> a.");
}

static void test_extends_that_leads_nowhere(void **state)
{
    (void)state;
    assert_flat("{'t': {'extends': 'b'}}", "t", NULL);
    assert_flat("{'t': {'extends': 5}}", "t", NULL);
    assert_flat("{'t': {'extends': '../etc/passwd'}}", "t", NULL);
    assert_flat("{'t': {'extends': 't'}}", "t", NULL);
    assert_flat("{'t': {'extends': 'u'}, 'u': {'extends': 't'}}", "t", NULL);
    assert_flat("{'t': 5}", "t", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_definitions_build_on_each_other),
        cmocka_unit_test(test_flattening_hides_no_fault),
        cmocka_unit_test(test_null_removes),
        cmocka_unit_test(test_chains_of_bases),
        cmocka_unit_test(test_bases_that_extend_each_other),
        cmocka_unit_test(test_extends_that_leads_nowhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
