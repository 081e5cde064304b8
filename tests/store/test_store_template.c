#include "fixture.h"

#include <stdio.h>
#include <string.h>

static int put(struct fixture *f, const char *customer, const char *id, const char *json,
               int64_t *ret_version)
{
    struct store_wait wait;
    store_wait_init(&wait);
    store_template_put(
        f->store,
        &(struct store_template){.customer = customer, .id = id, .user = "ada", .json = json},
        ret_version, store_wait_done, &wait);
    return store_wait_finish(&wait, NULL);
}

static int drop(struct fixture *f, const char *customer, const char *id, int64_t *ret_version)
{
    struct store_wait wait;
    store_wait_init(&wait);
    store_template_remove(f->store, customer, id, ret_version, store_wait_done, &wait);
    return store_wait_finish(&wait, NULL);
}

static void assert_template(struct fixture *f, const char *customer, const char *id,
                            int64_t version, const char *json, int64_t found_version)
{
    struct store_template *t;
    int rc = store_template_get(f->store, f->arena, customer, id, version, &t, NULL);
    assert_int_equal(rc, json ? 0 : ERR_NOT_FOUND);
    if (!json)
        return;
    assert_string_equal(t->customer, customer);
    assert_string_equal(t->id, id);
    assert_string_equal(t->user, "ada");
    assert_string_equal(t->json, json);
    assert_int_equal(t->version, found_version);
    assert_true(t->created_at > 0);
}

static void test_every_save_is_a_version(void **state)
{
    struct fixture *f = *state;
    int64_t version;
    assert_int_equal(put(f, "acme", "card", "{\"a\":1}", &version), 0);
    assert_int_equal(version, 1);
    assert_int_equal(put(f, "acme", "card", "{\"a\":2}", &version), 0);
    assert_int_equal(version, 2);
    assert_int_equal(put(f, "acme", "card", "{\"a\":1}", &version), 0);
    assert_int_equal(version, 3);
    fixture_reopen(f);
    assert_template(f, "acme", "card", 0, "{\"a\":1}", 3);
    assert_template(f, "acme", "card", 1, "{\"a\":1}", 1);
    assert_template(f, "acme", "card", 2, "{\"a\":2}", 2);
    assert_template(f, "acme", "card", 4, NULL, 0);
    assert_template(f, "acme", "cards", 0, NULL, 0);
}

static void test_customers_do_not_see_each_other(void **state)
{
    struct fixture *f = *state;
    struct store_template *templates;
    size_t count;
    int64_t version;
    assert_int_equal(put(f, "acme", "card", "{\"a\":1}", &version), 0);
    assert_int_equal(put(f, "other", "card", "{\"b\":1}", &version), 0);
    assert_int_equal(version, 1);
    assert_int_equal(put(f, "other", "poster", "{\"c\":1}", &version), 0);
    assert_template(f, "acme", "card", 0, "{\"a\":1}", 1);
    assert_template(f, "acme", "poster", 0, NULL, 0);
    assert_int_equal(drop(f, "acme", "poster", &version), ERR_NOT_FOUND);
    assert_int_equal(store_template_list(f->store, f->arena, "other", &templates, &count, NULL), 0);
    assert_int_equal(count, 2);
    assert_int_equal(store_template_list(f->store, f->arena, "nobody", &templates, &count, NULL),
                     0);
    assert_int_equal(count, 0);
}

static void test_a_removed_one_comes_back_as_the_next_version(void **state)
{
    struct fixture *f = *state;
    struct store_template *templates;
    size_t count;
    int64_t version;
    assert_int_equal(put(f, "acme", "card", "{\"a\":1}", &version), 0);
    assert_int_equal(drop(f, "acme", "card", &version), 0);
    assert_int_equal(version, 1);
    assert_int_equal(drop(f, "acme", "card", &version), ERR_NOT_FOUND);
    assert_template(f, "acme", "card", 0, NULL, 0);
    assert_template(f, "acme", "card", 1, NULL, 0);
    assert_int_equal(store_template_list(f->store, f->arena, "acme", &templates, &count, NULL), 0);
    assert_int_equal(count, 0);
    assert_int_equal(put(f, "acme", "card", "{\"a\":2}", &version), 0);
    assert_int_equal(version, 2);
    assert_template(f, "acme", "card", 1, "{\"a\":1}", 1);
    assert_int_equal(store_template_list(f->store, f->arena, "acme", &templates, &count, NULL), 0);
    assert_int_equal(count, 1);
    assert_int_equal(templates[0].version, 2);
    assert_string_equal(templates[0].json, "{\"a\":2}");
}

static void test_there_is_an_end(void **state)
{
    struct fixture *f = *state;
    int64_t version;
    char id[16];
    for (int i = 0; i < STORE_TEMPLATES_MAX; i++) {
        snprintf(id, sizeof(id), "t%d", i);
        assert_int_equal(put(f, "acme", id, "{}", &version), 0);
    }
    assert_int_equal(put(f, "acme", "more", "{}", &version), ERR_CONFLICT);
    assert_int_equal(put(f, "acme", "t7", "{}", &version), 0);
    assert_int_equal(version, 2);
    assert_int_equal(put(f, "other", "more", "{}", &version), 0);
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_new, fixture_free)
    const struct CMUnitTest tests[] = {
        TEST(test_every_save_is_a_version),
        TEST(test_customers_do_not_see_each_other),
        TEST(test_a_removed_one_comes_back_as_the_next_version),
        TEST(test_there_is_an_end),
    };
    fixture_main(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
