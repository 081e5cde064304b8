#include "fixture.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static int end_workflow(struct store *store, const char *id, const char *webhook_id,
                        enum store_status status)
{
    const struct store_transition t = {.workflow_id = id,
                                       .expected_revision = 1,
                                       .status = status,
                                       .progress = status == STORE_SUCCESS ? 100 : 0,
                                       .webhook_id = webhook_id};
    return fixture_transition(store, &t);
}

/* A workflow that has ended, and its delivery. */
static void make_delivery(struct fixture *f, const char *url, char ret_id[UUID_TEXT_SIZE])
{
    char workflow[UUID_TEXT_SIZE];
    uuid_new(workflow);
    uuid_new(ret_id);
    struct store_workflow w = fixture_workflow(workflow, "acme", 0);
    w.webhook_url = url;
    assert_int_equal(fixture_create(f->store, &w), 0);
    assert_int_equal(end_workflow(f->store, workflow, ret_id, STORE_FAIL), 0);
}

static int attempt(struct fixture *f, const char *id, int code, const char *error,
                   enum store_webhook_status status, int64_t next, bool gone)
{
    const struct store_webhook_attempt made = {1000 + code, code, error};
    struct store_wait wait;
    store_wait_init(&wait);
    store_webhook_attempted(f->store, id, &made, status, next, gone, store_wait_done, &wait);
    return store_wait_finish(&wait, NULL);
}

static int redeliver(struct fixture *f, const char *customer, const char *id)
{
    struct store_wait wait;
    store_wait_init(&wait);
    store_webhook_redeliver(f->store, customer, id, store_wait_done, &wait);
    return store_wait_finish(&wait, NULL);
}

static struct store_webhook *get(struct fixture *f, const char *id)
{
    struct store_webhook *webhook = NULL;
    assert_int_equal(store_webhook_get(f->store, f->arena, NULL, id, &webhook, NULL), 0);
    return webhook;
}

static void count_visit(void *context, const char *id, const char *url, int64_t next_attempt_at)
{
    (void)url, (void)next_attempt_at;
    assert_true(uuid_valid(id));
    ++*(int *)context;
}

static int pending(struct fixture *f)
{
    int count = 0;
    assert_int_equal(store_webhook_pending(f->store, count_visit, &count, NULL), 0);
    return count;
}

static int open_fixture(void **state)
{
    int rc = fixture_new(state);
    struct fixture *f = *state;
    assert_int_equal(fixture_credit(f->store, "acme", 1000), 0);
    return rc;
}

static void test_an_end_makes_a_delivery(void **state)
{
    struct fixture *f = *state;
    char id[UUID_TEXT_SIZE], workflow[UUID_TEXT_SIZE], other[UUID_TEXT_SIZE];
    make_delivery(f, "https://example.org/a", id);
    struct store_webhook *webhook = get(f, id);
    assert_string_equal(webhook->type, "workflow.fail");
    assert_string_equal(webhook->url, "https://example.org/a");
    assert_string_equal(webhook->customer, "acme");
    assert_int_equal(webhook->status, STORE_WEBHOOK_PENDING);
    assert_int_equal(webhook->attempt_count, 0);
    assert_int_equal(pending(f), 1);
    /* Not without a receiver, and not before the end. */
    uuid_new(workflow);
    uuid_new(other);
    struct store_workflow w = fixture_workflow(workflow, "acme", 0);
    w.webhook_url = NULL;
    fixture_create(f->store, &w);
    assert_int_equal(end_workflow(f->store, workflow, other, STORE_CANCEL), 0);
    uuid_new(workflow);
    w = fixture_workflow(workflow, "acme", 0);
    fixture_create(f->store, &w);
    assert_int_equal(end_workflow(f->store, workflow, other, STORE_PROCESSING), 0);
    assert_int_equal(pending(f), 1);
}

static void test_attempts_are_kept_to_a_number(void **state)
{
    struct fixture *f = *state;
    char id[UUID_TEXT_SIZE];
    make_delivery(f, "https://example.org/a", id);
    for (int i = 1; i <= STORE_WEBHOOK_ATTEMPTS_KEPT + 7; i++)
        assert_int_equal(attempt(f, id, i, "no", STORE_WEBHOOK_PENDING, i, false), 0);
    struct store_webhook *webhook = get(f, id);
    assert_int_equal(webhook->attempt_count, STORE_WEBHOOK_ATTEMPTS_KEPT);
    assert_int_equal(webhook->try_count, STORE_WEBHOOK_ATTEMPTS_KEPT + 7);
    assert_int_equal(webhook->attempts[0].status_code, 8);
    assert_int_equal(webhook->attempts[0].at, 1008);
    assert_int_equal(webhook->next_attempt_at, STORE_WEBHOOK_ATTEMPTS_KEPT + 7);
    assert_int_equal(attempt(f, id, 200, NULL, STORE_WEBHOOK_DELIVERED, 0, false), 0);
    webhook = get(f, id);
    assert_int_equal(webhook->status, STORE_WEBHOOK_DELIVERED);
    assert_null(webhook->attempts[STORE_WEBHOOK_ATTEMPTS_KEPT - 1].error);
    assert_int_equal(pending(f), 0);
    fixture_reopen(f);
    assert_int_equal(get(f, id)->status, STORE_WEBHOOK_DELIVERED);
    assert_int_equal(attempt(f, "no such", 1, "no", STORE_WEBHOOK_FAILED, 0, false), ERR_NOT_FOUND);
}

static void test_gone_holds_for_the_url_of_the_customer(void **state)
{
    struct fixture *f = *state;
    char first[UUID_TEXT_SIZE], second[UUID_TEXT_SIZE], other[UUID_TEXT_SIZE];
    make_delivery(f, "https://example.org/a", first);
    make_delivery(f, "https://example.org/a", second);
    make_delivery(f, "https://example.org/b", other);
    assert_int_equal(attempt(f, first, 410, "gone", STORE_WEBHOOK_FAILED, 0, true), 0);
    assert_true(get(f, second)->gone);
    assert_false(get(f, other)->gone);
    assert_int_equal(redeliver(f, "stranger", second), ERR_NOT_FOUND);
    assert_true(get(f, second)->gone);
    assert_int_equal(redeliver(f, "acme", first), 0);
    assert_false(get(f, second)->gone);
    assert_int_equal(get(f, first)->status, STORE_WEBHOOK_PENDING);
    assert_int_equal(get(f, first)->try_count, 0);
    assert_int_equal(get(f, first)->attempt_count, 1);
}

static void test_lists(void **state)
{
    struct fixture *f = *state;
    char ids[5][UUID_TEXT_SIZE];
    struct store_webhook *list;
    size_t count;
    for (int i = 0; i < 5; i++)
        make_delivery(f, "https://example.org/a", ids[i]);
    attempt(f, ids[1], 200, NULL, STORE_WEBHOOK_DELIVERED, 0, false);
    struct store_webhook_filter filter = {0};
    assert_int_equal(
        store_webhook_list(f->store, f->arena, "acme", &filter, 3, &list, &count, NULL), 0);
    assert_int_equal(count, 3);
    assert_string_equal(list[0].id, ids[4]);
    filter.before_id = list[2].id;
    assert_int_equal(
        store_webhook_list(f->store, f->arena, "acme", &filter, 3, &list, &count, NULL), 0);
    assert_int_equal(count, 2);
    assert_string_equal(list[0].id, ids[1]);
    filter = (struct store_webhook_filter){.has_status = true, .status = STORE_WEBHOOK_DELIVERED};
    assert_int_equal(
        store_webhook_list(f->store, f->arena, "acme", &filter, 9, &list, &count, NULL), 0);
    assert_int_equal(count, 1);
    assert_int_equal(list[0].attempt_count, 1);
    filter = (struct store_webhook_filter){.workflow_id = get(f, ids[3])->workflow_id};
    assert_int_equal(
        store_webhook_list(f->store, f->arena, "acme", &filter, 9, &list, &count, NULL), 0);
    assert_int_equal(count, 1);
    assert_int_equal(
        store_webhook_list(f->store, f->arena, "stranger", &filter, 9, &list, &count, NULL), 0);
    assert_int_equal(count, 0);
}

static int add_secret(struct fixture *f, const char *secret, bool rotate)
{
    struct store_wait wait;
    store_wait_init(&wait);
    store_webhook_secret_add(f->store, "acme", secret, rotate, store_wait_done, &wait);
    return store_wait_finish(&wait, NULL);
}

static void test_secrets(void **state)
{
    struct fixture *f = *state;
    const char *secrets[STORE_WEBHOOK_SECRETS_MAX];
    size_t count;
    char name[32];
    assert_int_equal(add_secret(f, "one", false), 0);
    assert_int_equal(add_secret(f, "two", false), 0); /* there is one already */
    assert_int_equal(store_webhook_secrets(f->store, f->arena, "acme", secrets, &count, NULL), 0);
    assert_int_equal(count, 1);
    assert_string_equal(secrets[0], "one");
    assert_int_equal(add_secret(f, "three", true), 0);
    assert_int_equal(store_webhook_secrets(f->store, f->arena, "acme", secrets, &count, NULL), 0);
    assert_int_equal(count, 2);
    assert_string_equal(secrets[0], "three");
    for (int i = 0; i < 2 * STORE_WEBHOOK_SECRETS_MAX; i++) {
        snprintf(name, sizeof(name), "more %d", i);
        assert_int_equal(add_secret(f, name, true), 0);
    }
    assert_int_equal(store_webhook_secrets(f->store, f->arena, "acme", secrets, &count, NULL), 0);
    assert_int_equal(count, STORE_WEBHOOK_SECRETS_MAX);
    assert_string_equal(secrets[0], name);
    assert_int_equal(store_webhook_secrets(f->store, f->arena, "stranger", secrets, &count, NULL),
                     0);
    assert_int_equal(count, 0);
}

static void assert_of_one_moment(const struct store_webhook *webhook)
{
    size_t count = webhook->attempt_count;
    bool delivered = count > 0 && webhook->attempts[count - 1].status_code % 2 == 0;
    assert_int_equal(webhook->status, delivered ? STORE_WEBHOOK_DELIVERED : STORE_WEBHOOK_PENDING);
}

static void set_written(void *context, int rc, const struct err *err)
{
    (void)rc, (void)err;
    atomic_store((atomic_bool *)context, true);
}

/* Read all the while that attempts are written: the state is that of the last attempt, even ones deliver. */
static void test_a_delivery_and_its_attempts_are_of_one_moment(void **state)
{
    struct fixture *f = *state;
    const struct store_webhook_filter filter = {0};
    char id[UUID_TEXT_SIZE];
    make_delivery(f, "https://example.org/a", id);
    for (int i = 1; i <= 300; i++) {
        const struct store_webhook_attempt made = {i, i, NULL};
        const enum store_webhook_status status =
            i % 2 ? STORE_WEBHOOK_PENDING : STORE_WEBHOOK_DELIVERED;
        atomic_bool written = false;
        store_webhook_attempted(f->store, id, &made, status, i, false, set_written, &written);
        do {
            struct store_webhook *list;
            size_t count;
            assert_of_one_moment(get(f, id));
            assert_int_equal(
                store_webhook_list(f->store, f->arena, "acme", &filter, 1, &list, &count, NULL), 0);
            assert_of_one_moment(list);
        } while (!atomic_load(&written));
    }
}

int main(int argc, char **argv)
{
    fixture_main(argc, argv);
#define WEBHOOK_TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, fixture_free)
    const struct CMUnitTest tests[] = {
        WEBHOOK_TEST(test_an_end_makes_a_delivery),
        WEBHOOK_TEST(test_attempts_are_kept_to_a_number),
        WEBHOOK_TEST(test_gone_holds_for_the_url_of_the_customer),
        WEBHOOK_TEST(test_lists),
        WEBHOOK_TEST(test_a_delivery_and_its_attempts_are_of_one_moment),
        WEBHOOK_TEST(test_secrets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
