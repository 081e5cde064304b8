#include "fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

/* --- operations that share a commit ------------------------------------------------------------- */

struct tally {
    atomic_int good, bad;
    atomic_int last_rc;
};

static void tally_done(void *context, int rc, const struct err *err)
{
    struct tally *tally = context;
    (void)err;
    atomic_fetch_add(rc == 0 ? &tally->good : &tally->bad, 1);
    if (rc < 0)
        atomic_store(&tally->last_rc, rc);
}

/* A creation with a known id fails after it has reserved the price: only that one may go. */
static void test_one_failure_spares_its_group(void **state)
{
    enum { NEIGHBOURS = 200 };
    struct fixture *f = *state;
    char known[UUID_TEXT_SIZE], id[UUID_TEXT_SIZE];
    struct tally fine = {0}, broken = {0};
    struct store_workflow_full *full;
    fixture_credit(f->store, "acme", 100000);
    uuid_new(known);
    const struct store_workflow first = fixture_workflow(known, "acme", 1);
    assert_int_equal(fixture_create(f->store, &first), 0);
    for (int i = 0; i < NEIGHBOURS; i++) {
        uuid_new(id);
        struct store_workflow w = fixture_workflow(id, "acme", 10);
        /* Texts that are stored for the first time in a transaction that is rolled back. */
        w.template_version = i;
        w.template_json = i % 2 ? "{\"odd\":1}" : "{\"even\":1}";
        store_workflow_create(f->store, &w, tally_done, &fine);
        if (i % 20 == 0) {
            w.id = known;
            w.price = 1000;
            w.template_json = "{\"never\":\"stored\"}";
            store_workflow_create(f->store, &w, tally_done, &broken);
        }
    }
    fixture_close(f);
    assert_int_equal(fine.good, NEIGHBOURS);
    assert_int_equal(fine.bad, 0);
    assert_int_equal(broken.good, 0);
    assert_int_equal(broken.bad, NEIGHBOURS / 20);
    assert_int_equal(broken.last_rc, ERR_EXISTS);
    fixture_open(f);
    assert_int_equal(fixture_balance(f->store, "acme"), 100000 - 1 - 10 * NEIGHBOURS);
    assert_int_equal(store_workflow_get(f->store, f->arena, NULL, id, &full, NULL), 0);
    assert_string_equal(full->workflow.template_json, "{\"odd\":1}");
}

static void test_ordinary_refusals_spare_the_group(void **state)
{
    struct fixture *f = *state;
    struct tally fine = {0}, broken = {0};
    char id[UUID_TEXT_SIZE];
    fixture_credit(f->store, "acme", 100);
    for (int i = 0; i < 100; i++) {
        uuid_new(id);
        const struct store_workflow w = fixture_workflow(id, "acme", i % 2 ? 1 : 1000);
        store_workflow_create(f->store, &w, tally_done, i % 2 ? &fine : &broken);
    }
    fixture_close(f);
    assert_int_equal(fine.good, 50);
    assert_int_equal(broken.bad, 50);
    assert_int_equal(broken.last_rc, ERR_INSUFFICIENT_CREDIT);
    fixture_open(f);
    assert_int_equal(fixture_balance(f->store, "acme"), 50);
}

static void test_a_long_queue_is_answered_in_order(void **state)
{
    enum { MANY = 5000 };
    struct fixture *f = *state;
    struct tally tally = {0};
    struct store_ledger_row *rows;
    size_t count;
    for (int i = 1; i <= MANY; i++)
        store_credit_add(f->store, "acme", i, "test", tally_done, &tally);
    assert_int_equal(fixture_credit(f->store, "acme", 1), 0);
    assert_int_equal(tally.good, MANY);
    assert_int_equal(fixture_balance(f->store, "acme"), (int64_t)MANY * (MANY + 1) / 2 + 1);
    assert_int_equal(store_ledger_list(f->store, f->arena, "acme", 1001, 1000, &rows, &count, NULL),
                     0);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(rows[i].amount, rows[i].sequence);
}

/* --- many threads ------------------------------------------------------------------------------- */

enum { THREADS = 16, ROUNDS = 40 };

struct shared {
    struct store *store;
    char contested[UUID_TEXT_SIZE];
    atomic_int swaps, stale, failures;
};

static int64_t shared_revision(struct shared *shared, const char *id)
{
    CLEANUP(arena) struct arena *a = arena_new();
    struct store_workflow_full *full;
    int rc = store_workflow_get(shared->store, a, NULL, id, &full, NULL);
    return rc < 0 ? -1 : full->workflow.revision;
}

/* A workflow of its own from creation to the end; every acknowledged change is read back at once. */
static void shared_own(struct shared *shared)
{
    char id[UUID_TEXT_SIZE];
    uuid_new(id);
    const struct store_workflow w = fixture_workflow(id, "acme", 3);
    if (fixture_create(shared->store, &w) != 0 || shared_revision(shared, id) != 1)
        atomic_fetch_add(&shared->failures, 1);
    const struct store_task task = {.step_id = "a", .item_count = 1, .params_json = "{}"};
    struct store_transition t = {.workflow_id = id,
                                 .expected_revision = 1,
                                 .status = STORE_PROCESSING,
                                 .tasks = &task,
                                 .task_count = 1};
    if (fixture_transition(shared->store, &t) != 0 || shared_revision(shared, id) != 2)
        atomic_fetch_add(&shared->failures, 1);
    t.expected_revision = 2;
    t.status = STORE_FAIL;
    t.ledger_kind = "release";
    t.ledger_amount = 3;
    if (fixture_transition(shared->store, &t) != 0 || shared_revision(shared, id) != 3)
        atomic_fetch_add(&shared->failures, 1);
}

static void *shared_main(void *context)
{
    struct shared *shared = context;
    for (int i = 0; i < ROUNDS; i++) {
        shared_own(shared);
        const struct store_transition t = {
            .workflow_id = shared->contested,
            .expected_revision = shared_revision(shared, shared->contested),
            .status = STORE_PROCESSING,
            .progress = i,
        };
        int rc = fixture_transition(shared->store, &t);
        atomic_fetch_add(rc == 0           ? &shared->swaps
                         : rc == ERR_STALE ? &shared->stale
                                           : &shared->failures,
                         1);
    }
    return NULL;
}

static void test_sixteen_threads(void **state)
{
    struct fixture *f = *state;
    struct shared shared = {.store = f->store};
    pthread_t threads[THREADS];
    fixture_credit(f->store, "acme", 1000);
    uuid_new(shared.contested);
    const struct store_workflow w = fixture_workflow(shared.contested, "acme", 0);
    assert_int_equal(fixture_create(f->store, &w), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, shared_main, &shared), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(shared.failures, 0);
    assert_int_equal(shared.swaps + shared.stale, THREADS * ROUNDS);
    assert_int_equal(fixture_get(f, shared.contested)->workflow.revision, 1 + shared.swaps);
    assert_int_equal(fixture_balance(f->store, "acme"), 1000);
    int64_t balance, reserved;
    store_credit_balance(f->store, "acme", &balance, &reserved, NULL);
    assert_int_equal(reserved, 0);
}

/* The log is copied back and starts over while writes go on. */
static void test_the_log_does_not_grow_for_ever(void **state)
{
    enum { BATCHES = 60, BATCH = 200, TEXT = 24000 };
    struct fixture *f = *state;
    struct tally tally = {0};
    char id[UUID_TEXT_SIZE], path[128];
    char *options = malloc(TEXT + 1);
    for (int i = 0; i < TEXT; i++)
        options[i] = 'x';
    options[TEXT] = '\0';
    fixture_credit(f->store, "acme", 1);
    for (int i = 0; i < BATCHES; i++) {
        for (int k = 0; k < BATCH; k++) {
            uuid_new(id);
            struct store_workflow w = fixture_workflow(id, "acme", 0);
            w.options_json = options;
            store_workflow_create(f->store, &w, tally_done, &tally);
        }
        assert_int_equal(fixture_credit(f->store, "acme", 1), 0);
    }
    assert_int_equal(tally.good, BATCHES * BATCH);
    snprintf(path, sizeof(path), "%s/store.db-wal", f->directory);
    FILE *log = fopen(path, "r");
    if (log) {
        fseek(log, 0, SEEK_END);
        assert_true(ftell(log) < 160L * 1024 * 1024);
        fclose(log);
    }
    free(options);
}

int main(int argc, char **argv)
{
    fixture_main(argc, argv);
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_new, fixture_free)
    const struct CMUnitTest tests[] = {
        TEST(test_one_failure_spares_its_group),      TEST(test_ordinary_refusals_spare_the_group),
        TEST(test_a_long_queue_is_answered_in_order), TEST(test_sixteen_threads),
        TEST(test_the_log_does_not_grow_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
