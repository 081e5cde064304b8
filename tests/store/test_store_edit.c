/* What clients do to workflows that are there: list, change, retry, delete; answers that are given again. */
#include "fixture.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>

enum { COUNT = 7 };

static void make(struct fixture *f, char ids[COUNT][UUID_TEXT_SIZE], int count)
{
    assert_int_equal(fixture_credit(f->store, "acme", 1000), 0);
    for (int i = 0; i < count; i++) {
        uuid_new(ids[i]);
        struct store_workflow w = fixture_workflow(ids[i], "acme", 10);
        w.created_at = 1000 + i;
        w.template_id = i % 2 ? "odd" : "even";
        w.event_id = i < 3 ? "first" : "second";
        assert_int_equal(fixture_create(f->store, &w), 0);
    }
}

static void end(struct fixture *f, const char *id, enum store_status status)
{
    static const struct store_task tasks[] = {
        {.step_id = "a",
         .item_count = 1,
         .state = STORE_TASK_SUCCESS,
         .attempt = 2,
         .params_json = "{}",
         .result_json = "[1]",
         .duration_ms = 5},
        {.step_id = "b",
         .item_count = 1,
         .position = 1,
         .state = STORE_TASK_FAILED,
         .attempt = 3,
         .params_json = "{\"x\":1}",
         .error_json = "{}",
         .finished_at = 9},
        {.step_id = "c",
         .item_count = 1,
         .position = 2,
         .state = STORE_TASK_SKIPPED,
         .attempt = 1,
         .reason = "r"},
    };
    static const struct store_blob blobs[] = {{"aa", 100}, {"bb", 10}};
    struct store_transition t = {.workflow_id = id,
                                 .expected_revision = 1,
                                 .status = STORE_PROCESSING,
                                 .started_at = 2,
                                 .tasks = tasks,
                                 .task_count = 1,
                                 .blobs = blobs,
                                 .blob_count = 2};
    assert_int_equal(fixture_transition(f->store, &t), 0);
    t.expected_revision = 2;
    t.status = status;
    t.tasks = tasks + 1;
    t.task_count = 2;
    t.error_json = "{\"code\":\"X\"}";
    t.result_json = "[]";
    t.progress = 50;
    t.finished_at = 3;
    t.ledger_kind = status == STORE_SUCCESS ? "settle" : "release";
    t.ledger_amount = status == STORE_SUCCESS ? 0 : 10;
    assert_int_equal(fixture_transition(f->store, &t), 0);
}

/* --- lists -------------------------------------------------------------------------------------- */

static void assert_list(struct fixture *f, const struct store_workflow_filter *filter, int limit,
                        char ids[COUNT][UUID_TEXT_SIZE], const char *expected)
{
    struct store_workflow_full *list;
    char found[COUNT + 1] = "";
    size_t count;
    assert_int_equal(
        store_workflow_list(f->store, f->arena, "acme", filter, limit, &list, &count, NULL), 0);
    for (size_t i = 0; i < count; i++) {
        for (int k = 0; k < COUNT; k++) {
            if (strcmp(list[i].workflow.id, ids[k]) == 0)
                found[i] = (char)('0' + k);
        }
    }
    assert_string_equal(found, expected);
}

static void test_lists_are_filtered_and_newest_first(void **state)
{
    struct fixture *f = *state;
    char ids[COUNT][UUID_TEXT_SIZE];
    struct store_workflow_full *list;
    size_t count;
    make(f, ids, COUNT);
    end(f, ids[2], STORE_FAIL);
    assert_list(f, &(struct store_workflow_filter){0}, 1000, ids, "6543210");
    assert_list(f, &(struct store_workflow_filter){0}, 3, ids, "654");
    assert_list(f, &(struct store_workflow_filter){.before_id = ids[4]}, 3, ids, "321");
    assert_list(f, &(struct store_workflow_filter){.before_id = ids[0]}, 3, ids, "");
    assert_list(f, &(struct store_workflow_filter){.template_id = "odd"}, 9, ids, "531");
    assert_list(f, &(struct store_workflow_filter){.event_id = "first"}, 9, ids, "210");
    assert_list(f, &(struct store_workflow_filter){.created_after = 1002}, 9, ids, "6543");
    assert_list(f, &(struct store_workflow_filter){.created_before = 1002}, 9, ids, "10");
    assert_list(f, &(struct store_workflow_filter){.has_status = true}, 9, ids, "654310");
    assert_list(f, &(struct store_workflow_filter){.has_status = true, .status = STORE_FAIL}, 9,
                ids, "2");
    assert_list(f,
                &(struct store_workflow_filter){.template_id = "even",
                                                .event_id = "second",
                                                .created_after = 1003,
                                                .created_before = 1006},
                9, ids, "4");
    assert_int_equal(store_workflow_list(f->store, f->arena, "acme",
                                         &(struct store_workflow_filter){.event_id = "first"}, 1,
                                         &list, &count, NULL),
                     0);
    assert_int_equal(list[0].task_count, 3); /* with their tasks */
    assert_int_equal(store_workflow_list(f->store, f->arena, "other",
                                         &(struct store_workflow_filter){0}, 9, &list, &count,
                                         NULL),
                     0);
    assert_int_equal(count, 0);
}

/* --- changes ------------------------------------------------------------------------------------ */

static int edit(struct fixture *f, const struct store_edit *change)
{
    struct store_wait wait;
    store_wait_init(&wait);
    store_workflow_edit(f->store, change, store_wait_done, &wait);
    return store_wait_finish(&wait, NULL);
}

static void test_what_is_given_is_changed(void **state)
{
    struct fixture *f = *state;
    char ids[COUNT][UUID_TEXT_SIZE];
    make(f, ids, 1);
    struct store_edit change = {.customer = "acme", .workflow_id = ids[0], .title = "new"};
    assert_int_equal(edit(f, &change), 0);
    const struct store_workflow *w = &fixture_get(f, ids[0])->workflow;
    assert_string_equal(w->title, "new");
    assert_string_equal(w->description, "A description");
    assert_null(w->rating);
    assert_int_equal(w->revision, 2);
    assert_true(w->updated_at > w->created_at);
    change = (struct store_edit){.customer = "acme",
                                 .workflow_id = ids[0],
                                 .description = "",
                                 .visibility_status = "2",
                                 .has_rating = true,
                                 .rating = "5",
                                 .delivered_at = 77};
    assert_int_equal(edit(f, &change), 0);
    w = &fixture_get(f, ids[0])->workflow;
    assert_string_equal(w->title, "new");
    assert_string_equal(w->description, "");
    assert_string_equal(w->visibility_status, "2");
    assert_string_equal(w->rating, "5");
    assert_int_equal(w->delivered_at, 77);
    change = (struct store_edit){.customer = "acme", .workflow_id = ids[0], .has_rating = true};
    assert_int_equal(edit(f, &change), 0);
    w = &fixture_get(f, ids[0])->workflow;
    assert_null(w->rating);
    assert_int_equal(w->delivered_at, 77);
    assert_int_equal(w->revision, 4);
    change.customer = "other";
    assert_int_equal(edit(f, &change), ERR_NOT_FOUND);
    change = (struct store_edit){.customer = "acme", .workflow_id = "none"};
    assert_int_equal(edit(f, &change), ERR_NOT_FOUND);
}

/* --- retries ------------------------------------------------------------------------------------ */

static int retry(struct fixture *f, const char *id, int64_t revision)
{
    struct store_wait wait;
    store_wait_init(&wait);
    store_workflow_retry(f->store, id, revision, NULL, store_wait_done, &wait);
    return store_wait_finish(&wait, NULL);
}

static void test_a_retry_keeps_what_is_finished(void **state)
{
    struct fixture *f = *state;
    char ids[COUNT][UUID_TEXT_SIZE];
    make(f, ids, 1);
    assert_int_equal(retry(f, ids[0], 1), ERR_CONFLICT); /* not final */
    end(f, ids[0], STORE_FAIL);
    assert_int_equal(fixture_balance(f->store, "acme"), 1000);
    assert_int_equal(retry(f, ids[0], 2), ERR_STALE);
    assert_int_equal(retry(f, "none", 1), ERR_NOT_FOUND);
    assert_int_equal(retry(f, ids[0], 3), 0);
    assert_int_equal(fixture_balance(f->store, "acme"), 990);
    const struct store_workflow_full *full = fixture_get(f, ids[0]);
    assert_int_equal(full->workflow.status, STORE_QUEUE);
    assert_int_equal(full->workflow.revision, 4);
    assert_int_equal(full->workflow.progress, 0);
    assert_int_equal(full->workflow.finished_at, 0);
    assert_null(full->workflow.error_json);
    assert_null(full->workflow.result_json);
    assert_int_equal(full->tasks[0].state, STORE_TASK_SUCCESS);
    assert_int_equal(full->tasks[0].attempt, 2);
    assert_int_equal(full->tasks[0].revision, 2);
    for (int i = 1; i < 3; i++) {
        assert_int_equal(full->tasks[i].state, STORE_TASK_READY);
        assert_int_equal(full->tasks[i].attempt, 1);
        assert_int_equal(full->tasks[i].revision, 4);
        assert_null(full->tasks[i].error_json);
        assert_null(full->tasks[i].reason);
    }
    assert_string_equal(full->tasks[1].params_json, "{\"x\":1}");
    assert_int_equal(retry(f, ids[0], 4), ERR_CONFLICT);
}

static void test_a_retry_needs_its_credits(void **state)
{
    struct fixture *f = *state;
    char ids[COUNT][UUID_TEXT_SIZE];
    make(f, ids, 1);
    end(f, ids[0], STORE_CANCEL);
    assert_int_equal(fixture_credit(f->store, "acme", -995), 0);
    assert_int_equal(retry(f, ids[0], 3), ERR_INSUFFICIENT_CREDIT);
    assert_int_equal(fixture_get(f, ids[0])->workflow.status, STORE_CANCEL);
    assert_int_equal(fixture_balance(f->store, "acme"), 5);
}

/* --- deletions ---------------------------------------------------------------------------------- */

static int delete_one(struct fixture *f, const char *customer, const char *id,
                      struct store_blobs *blobs)
{
    struct store_wait wait;
    *blobs = (struct store_blobs){.arena = f->arena};
    store_wait_init(&wait);
    store_workflow_delete(f->store, customer, id, blobs, store_wait_done, &wait);
    return store_wait_finish(&wait, NULL);
}

static void test_a_deletion_takes_all_rows_and_tells_the_blobs(void **state)
{
    struct fixture *f = *state;
    char ids[COUNT][UUID_TEXT_SIZE];
    struct store_blobs blobs;
    struct store_workflow_full *full;
    const char *sha256;
    int64_t storage;
    bool used;
    make(f, ids, 2);
    assert_int_equal(delete_one(f, "acme", ids[0], &blobs), ERR_CONFLICT);
    end(f, ids[0], STORE_SUCCESS);
    struct store_transition t = {.workflow_id = ids[1],
                                 .expected_revision = 1,
                                 .status = STORE_PROCESSING,
                                 .blobs = (const struct store_blob[]){{"aa", 100}},
                                 .blob_count = 1};
    assert_int_equal(fixture_transition(f->store, &t), 0);
    assert_int_equal(store_storage_bytes(f->store, "acme", &storage, NULL), 0);
    assert_int_equal(storage, 210);
    assert_int_equal(delete_one(f, "other", ids[0], &blobs), ERR_NOT_FOUND);
    assert_int_equal(delete_one(f, "acme", "none", &blobs), ERR_NOT_FOUND);
    assert_int_equal(delete_one(f, "acme", ids[0], &blobs), 0);
    assert_int_equal(store_storage_bytes(f->store, "acme", &storage, NULL), 0);
    assert_int_equal(storage, 100); /* of the other one */
    assert_int_equal(blobs.count, 2);
    assert_string_equal(blobs.hashes[0], "aa");
    assert_string_equal(blobs.hashes[1], "bb");
    assert_int_equal(store_blob_used(f->store, "aa", &used, NULL), 0);
    assert_true(used);
    assert_int_equal(store_blob_used(f->store, "bb", &used, NULL), 0);
    assert_false(used);
    assert_int_equal(store_workflow_get(f->store, f->arena, NULL, ids[0], &full, NULL),
                     ERR_NOT_FOUND);
    assert_int_equal(store_input_find(f->store, f->arena, ids[0], "u", &sha256, NULL),
                     ERR_NOT_FOUND);
    assert_int_equal(delete_one(f, "acme", ids[0], &blobs), ERR_NOT_FOUND);
    assert_int_equal(fixture_balance(f->store, "acme"), 980); /* the ledger stays */
}

/* A child run goes with its parent, and its children with it; it is not listed. */
static void test_a_deletion_takes_the_children(void **state)
{
    struct fixture *f = *state;
    char ids[3][UUID_TEXT_SIZE];
    struct store_blobs blobs;
    struct store_workflow_full *full, *rows;
    size_t count;
    assert_int_equal(fixture_credit(f->store, "acme", 10), 0);
    for (int i = 0; i < 3; i++) {
        uuid_new(ids[i]);
        struct store_workflow w = fixture_workflow(ids[i], "acme", 0);
        w.parent_id = i > 0 ? ids[i - 1] : NULL;
        w.parent_step = i > 0 ? "sub" : NULL;
        w.parent_item = 3;
        assert_int_equal(fixture_create(f->store, &w), 0);
        struct store_transition t = {
            .workflow_id = ids[i],
            .expected_revision = 1,
            .status = STORE_SUCCESS,
            .progress = 100,
            .blobs = (const struct store_blob[]){{"aa", 100}, {i == 2 ? "cc" : "bb", 10}},
            .blob_count = 2};
        assert_int_equal(fixture_transition(f->store, &t), 0);
    }
    assert_null(fixture_get(f, ids[0])->workflow.parent_id);
    assert_string_equal(fixture_get(f, ids[1])->workflow.parent_id, ids[0]);
    assert_string_equal(fixture_get(f, ids[1])->workflow.parent_step, "sub");
    assert_int_equal(fixture_get(f, ids[1])->workflow.parent_item, 3);
    const struct store_workflow_filter all = {0};
    assert_int_equal(store_workflow_list(f->store, f->arena, "acme", &all, 10, &rows, &count, NULL),
                     0);
    assert_int_equal(count, 1);
    assert_int_equal(delete_one(f, "acme", ids[0], &blobs), 0);
    assert_int_equal(blobs.count, 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(store_workflow_get(f->store, f->arena, NULL, ids[i], &full, NULL),
                         ERR_NOT_FOUND);
}

/* --- answers that are given again --------------------------------------------------------------- */

/* A retry counts for the key that makes it; a child run counts for none. */
static void test_a_key_counts_what_has_not_ended(void **state)
{
    struct fixture *f = *state;
    char ids[3][UUID_TEXT_SIZE];
    int64_t count;
    struct store_wait wait;
    assert_int_equal(fixture_credit(f->store, "acme", 10), 0);
    for (int i = 0; i < 3; i++) {
        uuid_new(ids[i]);
        struct store_workflow w = fixture_workflow(ids[i], "acme", 0);
        w.key_id = i < 2 ? "one" : NULL;
        w.parent_id = i < 2 ? NULL : ids[0];
        assert_int_equal(fixture_create(f->store, &w), 0);
    }
    assert_int_equal(store_workflow_count_unfinished(f->store, "acme", "one", 9, &count, NULL), 0);
    assert_int_equal(count, 2);
    assert_int_equal(store_workflow_count_unfinished(f->store, "acme", "one", 1, &count, NULL), 0);
    assert_int_equal(count, 1);
    const struct store_transition t = {
        .workflow_id = ids[1], .expected_revision = 1, .status = STORE_CANCEL};
    assert_int_equal(fixture_transition(f->store, &t), 0);
    store_wait_init(&wait);
    store_workflow_retry(f->store, ids[1], 2, "two", store_wait_done, &wait);
    assert_int_equal(store_wait_finish(&wait, NULL), 0);
    for (int i = 0; i < 2; i++) {
        const char *key = i == 0 ? "one" : "two";
        assert_int_equal(store_workflow_count_unfinished(f->store, "acme", key, 9, &count, NULL),
                         0);
        assert_int_equal(count, 1);
    }
    assert_int_equal(store_workflow_count_unfinished(f->store, "other", "one", 9, &count, NULL), 0);
    assert_int_equal(count, 0);
}

static int create_once(struct fixture *f, const char *id, const struct store_replay *replay,
                       int64_t price)
{
    struct store_wait wait;
    const struct store_workflow w = fixture_workflow(id, "acme", price);
    store_wait_init(&wait);
    store_workflow_create_once(f->store, &w, replay, store_wait_done, &wait);
    return store_wait_finish(&wait, NULL);
}

static void test_an_answer_lives_with_its_workflow(void **state)
{
    struct fixture *f = *state;
    char id[UUID_TEXT_SIZE];
    struct store_replay *found;
    const struct store_replay replay = {.key = "k", .body_sha256 = "b", .answer = "{\"a\":1}"};
    uuid_new(id);
    assert_int_equal(fixture_credit(f->store, "acme", 10), 0);
    assert_int_equal(create_once(f, id, &replay, 11), ERR_INSUFFICIENT_CREDIT);
    assert_int_equal(store_replay_find(f->store, f->arena, "acme", "k", &found, NULL),
                     ERR_NOT_FOUND);
    assert_int_equal(create_once(f, id, &replay, 1), 0);
    fixture_reopen(f);
    assert_int_equal(store_replay_find(f->store, f->arena, "acme", "k", &found, NULL), 0);
    assert_string_equal(found->body_sha256, "b");
    assert_string_equal(found->answer, "{\"a\":1}");
    assert_int_equal(store_replay_find(f->store, f->arena, "other", "k", &found, NULL),
                     ERR_NOT_FOUND);
    assert_int_equal(store_replay_find(f->store, f->arena, "acme", "K", &found, NULL),
                     ERR_NOT_FOUND);
    struct store_wait wait;
    store_wait_init(&wait);
    store_replay_answer(f->store, "acme", "k", "{\"a\":2}", store_wait_done, &wait);
    assert_int_equal(store_wait_finish(&wait, NULL), 0);
    store_wait_init(&wait);
    store_replay_forget(f->store, store_wait_done, &wait);
    assert_int_equal(store_wait_finish(&wait, NULL), 0);
    assert_int_equal(store_replay_find(f->store, f->arena, "acme", "k", &found, NULL), 0);
    assert_string_equal(found->answer, "{\"a\":2}");
}

static void test_the_clients_limit_is_kept(void **state)
{
    struct fixture *f = *state;
    char id[UUID_TEXT_SIZE];
    uuid_new(id);
    assert_int_equal(fixture_credit(f->store, "acme", 10), 0);
    struct store_workflow w = fixture_workflow(id, "acme", 0);
    assert_int_equal(fixture_create(f->store, &w), 0);
    assert_false(fixture_get(f, id)->workflow.has_max_credits);
    uuid_new(id);
    w.has_max_credits = true;
    assert_int_equal(fixture_create(f->store, &w), 0);
    assert_true(fixture_get(f, id)->workflow.has_max_credits);
    assert_int_equal(fixture_get(f, id)->workflow.max_credits, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_new, fixture_free)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(test_lists_are_filtered_and_newest_first),
        TEST(test_what_is_given_is_changed),
        TEST(test_a_retry_keeps_what_is_finished),
        TEST(test_a_retry_needs_its_credits),
        TEST(test_a_key_counts_what_has_not_ended),
        TEST(test_a_deletion_takes_all_rows_and_tells_the_blobs),
        TEST(test_a_deletion_takes_the_children),
        TEST(test_an_answer_lives_with_its_workflow),
        TEST(test_the_clients_limit_is_kept),
    };
    fixture_main(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
