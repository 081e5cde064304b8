#include "fixture.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

static void test_created_workflow_reads_back(void **state)
{
    struct fixture *f = *state;
    char id[UUID_TEXT_SIZE];
    uuid_new(id);
    int64_t before = clock_wall_us();
    assert_int_equal(fixture_credit(f->store, "acme", 500), 0);
    struct store_workflow w = fixture_workflow(id, "acme", 120);
    assert_int_equal(fixture_create(f->store, &w), 0);
    const struct store_workflow *read = &fixture_get(f, id)->workflow;
    assert_string_equal(read->id, id);
    assert_string_equal(read->customer, "acme");
    assert_string_equal(read->user, w.user);
    assert_string_equal(read->title, w.title);
    assert_string_equal(read->description, w.description);
    assert_string_equal(read->visibility_status, "1");
    assert_string_equal(read->event_id, "no_event");
    assert_string_equal(read->template_id, w.template_id);
    assert_int_equal(read->template_version, 3);
    assert_string_equal(read->template_json, w.template_json);
    assert_string_equal(read->options_json, w.options_json);
    assert_string_equal(read->image_urls_json, w.image_urls_json);
    assert_string_equal(read->webhook_url, w.webhook_url);
    assert_string_equal(read->client_type, "test");
    assert_null(read->rating);
    assert_null(read->result_json);
    assert_null(read->error_json);
    assert_int_equal(read->status, STORE_QUEUE);
    assert_int_equal(read->price, 120);
    assert_int_equal(read->revision, 1);
    assert_true(read->created_at >= before && read->created_at == read->updated_at);
    assert_int_equal(fixture_balance(f->store, "acme"), 380);
    w.created_at = 77;
    uuid_new(id);
    assert_int_equal(fixture_create(f->store, &w), 0);
    assert_int_equal(fixture_get(f, id)->workflow.created_at, 77);
}

static void test_refused_creations_leave_nothing(void **state)
{
    struct fixture *f = *state;
    char id[UUID_TEXT_SIZE];
    uuid_new(id);
    struct store_workflow_full *full;
    struct store_workflow w = fixture_workflow(id, "nobody", 0);
    assert_int_equal(fixture_create(f->store, &w), ERR_NOT_FOUND);
    w.price = 5;
    assert_int_equal(fixture_create(f->store, &w), ERR_NOT_FOUND);
    assert_int_equal(fixture_credit(f->store, "acme", 100), 0);
    w = fixture_workflow(id, "acme", 101);
    assert_int_equal(fixture_create(f->store, &w), ERR_INSUFFICIENT_CREDIT);
    assert_int_equal(store_workflow_get(f->store, f->arena, NULL, id, &full, NULL), ERR_NOT_FOUND);
    assert_int_equal(fixture_balance(f->store, "acme"), 100);
    w.price = 60;
    assert_int_equal(fixture_create(f->store, &w), 0);
    w.price = 10;
    assert_int_equal(fixture_create(f->store, &w), ERR_EXISTS);
    assert_int_equal(fixture_balance(f->store, "acme"), 40);
}

static void test_other_customers_do_not_see_it(void **state)
{
    struct fixture *f = *state;
    char id[UUID_TEXT_SIZE];
    uuid_new(id);
    struct store_workflow_full *full;
    fixture_credit(f->store, "acme", 1);
    const struct store_workflow w = fixture_workflow(id, "acme", 0);
    assert_int_equal(fixture_create(f->store, &w), 0);
    assert_int_equal(store_workflow_get(f->store, f->arena, "acme", id, &full, NULL), 0);
    assert_int_equal(store_workflow_get(f->store, f->arena, "evil", id, &full, NULL),
                     ERR_NOT_FOUND);
    assert_int_equal(store_workflow_get(f->store, f->arena, NULL, "no-such-id", &full, NULL),
                     ERR_NOT_FOUND);
}

static void test_transition_swaps_on_the_revision(void **state)
{
    struct fixture *f = *state;
    char id[UUID_TEXT_SIZE];
    uuid_new(id);
    fixture_credit(f->store, "acme", 100);
    const struct store_workflow w = fixture_workflow(id, "acme", 30);
    assert_int_equal(fixture_create(f->store, &w), 0);
    const struct store_task tasks[] = {
        {.step_id = "b",
         .item_count = 1,
         .position = 1,
         .state = STORE_TASK_READY,
         .attempt = 1,
         .params_json = "{}"},
        {.step_id = "a",
         .item = 1,
         .item_count = 2,
         .state = STORE_TASK_SUCCESS,
         .attempt = 2,
         .result_json = "[]",
         .used_credits = 7,
         .duration_ms = 8,
         .started_at = 9,
         .finished_at = 10,
         .provider = "p",
         .not_before = 11},
        {.step_id = "a",
         .item = 0,
         .item_count = 2,
         .state = STORE_TASK_SKIPPED,
         .reason = "r",
         .error_json = "{\"code\":\"X\"}"},
    };
    struct store_transition t = {.workflow_id = id,
                                 .expected_revision = 1,
                                 .status = STORE_PROCESSING,
                                 .progress = 40,
                                 .started_at = 1234,
                                 .tasks = tasks,
                                 .task_count = 3};
    assert_int_equal(fixture_transition(f->store, &t), 0);
    assert_int_equal(fixture_transition(f->store, &t), ERR_STALE);
    const struct store_workflow_full *full = fixture_get(f, id);
    assert_int_equal(full->workflow.revision, 2);
    assert_int_equal(full->workflow.status, STORE_PROCESSING);
    assert_int_equal(full->workflow.progress, 40);
    assert_int_equal(full->workflow.started_at, 1234);
    assert_int_equal(full->task_count, 3);
    assert_string_equal(full->tasks[0].step_id, "a");
    assert_int_equal(full->tasks[0].item, 0);
    assert_int_equal(full->tasks[0].state, STORE_TASK_SKIPPED);
    assert_string_equal(full->tasks[0].reason, "r");
    assert_string_equal(full->tasks[0].error_json, "{\"code\":\"X\"}");
    assert_int_equal(full->tasks[1].item, 1);
    assert_int_equal(full->tasks[1].attempt, 2);
    assert_int_equal(full->tasks[1].used_credits, 7);
    assert_int_equal(full->tasks[1].duration_ms, 8);
    assert_int_equal(full->tasks[1].finished_at, 10);
    assert_int_equal(full->tasks[1].not_before, 11);
    assert_string_equal(full->tasks[1].provider, "p");
    assert_string_equal(full->tasks[2].params_json, "{}");
    assert_null(full->tasks[2].result_json);
    t.workflow_id = "no-such-id";
    assert_int_equal(fixture_transition(f->store, &t), ERR_NOT_FOUND);
}

static void test_transition_keeps_and_replaces(void **state)
{
    struct fixture *f = *state;
    char id[UUID_TEXT_SIZE];
    uuid_new(id);
    fixture_credit(f->store, "acme", 100);
    const struct store_workflow w = fixture_workflow(id, "acme", 30);
    assert_int_equal(fixture_create(f->store, &w), 0);
    struct store_task task = {.step_id = "a", .item_count = 1, .attempt = 1};
    struct store_transition t = {.workflow_id = id,
                                 .expected_revision = 1,
                                 .status = STORE_PROCESSING,
                                 .progress = 10,
                                 .result_json = "[1]",
                                 .error_json = "{}",
                                 .started_at = 5,
                                 .tasks = &task,
                                 .task_count = 1};
    assert_int_equal(fixture_transition(f->store, &t), 0);
    task.attempt = 2;
    task.result_json = "[{}]";
    t = (struct store_transition){.workflow_id = id,
                                  .expected_revision = 2,
                                  .progress = 20,
                                  .status = STORE_PROCESSING,
                                  .finished_at = 6,
                                  .tasks = &task,
                                  .task_count = 1};
    assert_int_equal(fixture_transition(f->store, &t), 0);
    const struct store_workflow_full *full = fixture_get(f, id);
    assert_string_equal(full->workflow.result_json, "[1]");
    assert_string_equal(full->workflow.error_json, "{}");
    assert_int_equal(full->workflow.started_at, 5);
    assert_int_equal(full->workflow.finished_at, 6);
    assert_int_equal(full->workflow.progress, 20);
    assert_int_equal(full->task_count, 1);
    assert_int_equal(full->tasks[0].attempt, 2);
    assert_string_equal(full->tasks[0].result_json, "[{}]");
}

static void test_what_is_stored_is_written_without_its_rest(void **state)
{
    struct fixture *f = *state;
    char id[UUID_TEXT_SIZE];
    uuid_new(id);
    fixture_credit(f->store, "acme", 100);
    const struct store_workflow w = fixture_workflow(id, "acme", 30);
    assert_int_equal(fixture_create(f->store, &w), 0);
    struct store_task task = {
        .step_id = "a", .item_count = 3, .position = 2, .attempt = 1, .params_json = "{\"x\":1}"};
    struct store_transition t = {.workflow_id = id,
                                 .expected_revision = 1,
                                 .status = STORE_PROCESSING,
                                 .tasks = &task,
                                 .task_count = 1};
    assert_int_equal(fixture_transition(f->store, &t), 0);
    task = (struct store_task){.step_id = "a",
                               .is_stored = true,
                               .state = STORE_TASK_SUCCESS,
                               .attempt = 2,
                               .result_json = "[]",
                               .provider = "local",
                               .used_credits = 7,
                               .duration_ms = 8,
                               .started_at = 9,
                               .finished_at = 10};
    t.expected_revision = 2;
    t.keeps_status = true;
    assert_int_equal(fixture_transition(f->store, &t), 0);
    assert_int_equal(fixture_transition(f->store, &t), ERR_STALE);
    const struct store_workflow_full *full = fixture_get(f, id);
    assert_int_equal(full->workflow.status, STORE_PROCESSING);
    assert_int_equal(full->task_count, 1);
    assert_int_equal(full->tasks[0].item_count, 3);
    assert_int_equal(full->tasks[0].position, 2);
    assert_string_equal(full->tasks[0].params_json, "{\"x\":1}");
    assert_int_equal(full->tasks[0].state, STORE_TASK_SUCCESS);
    assert_int_equal(full->tasks[0].attempt, 2);
    assert_string_equal(full->tasks[0].result_json, "[]");
    assert_string_equal(full->tasks[0].provider, "local");
    assert_int_equal(full->tasks[0].used_credits, 7);
    assert_int_equal(full->tasks[0].duration_ms, 8);
    assert_int_equal(full->tasks[0].started_at, 9);
    assert_int_equal(full->tasks[0].finished_at, 10);
    assert_int_equal(full->tasks[0].revision, 3);
    /* One that is not there leaves nothing of the transition. */
    t.expected_revision = 3;
    task.step_id = "b";
    assert_int_equal(fixture_transition(f->store, &t), ERR_NOT_FOUND);
    assert_int_equal(fixture_get(f, id)->workflow.revision, 3);
    t.workflow_id = w.customer;
    assert_int_equal(fixture_transition(f->store, &t), ERR_NOT_FOUND);
}

static void test_final_transition_moves_credits(void **state)
{
    struct fixture *f = *state;
    char id[UUID_TEXT_SIZE];
    int64_t balance, reserved;
    uuid_new(id);
    fixture_credit(f->store, "acme", 100);
    struct store_workflow w = fixture_workflow(id, "acme", 30);
    assert_int_equal(fixture_create(f->store, &w), 0);
    store_credit_balance(f->store, "acme", &balance, &reserved, NULL);
    assert_int_equal(balance, 70);
    assert_int_equal(reserved, 30);
    struct store_transition t = {.workflow_id = id,
                                 .expected_revision = 1,
                                 .status = STORE_FAIL,
                                 .ledger_kind = "release",
                                 .ledger_amount = 25,
                                 .ledger_note = "football_fan",
                                 .used_credits = 5};
    assert_int_equal(fixture_transition(f->store, &t), 0);
    assert_int_equal(fixture_transition(f->store, &t), ERR_STALE);
    store_credit_balance(f->store, "acme", &balance, &reserved, NULL);
    assert_int_equal(reserved, 0);
    assert_int_equal(fixture_balance(f->store, "acme"), 95);
    struct store_ledger_row *rows;
    size_t count;
    assert_int_equal(store_ledger_list(f->store, f->arena, "acme", 0, 10, &rows, &count, NULL), 0);
    assert_int_equal(count, 3);
    assert_string_equal(rows[0].kind, "release");
    assert_int_equal(rows[0].amount, 25);
    assert_string_equal(rows[0].workflow_id, id);
    assert_string_equal(rows[1].kind, "reserve");
    assert_int_equal(rows[1].amount, -30);
    assert_string_equal(rows[2].kind, "grant");
    assert_null(rows[2].workflow_id);
    assert_true(uuid_valid(rows[2].id));
    /* A surcharge is due even when the balance does not cover it. */
    uuid_new(id);
    w = fixture_workflow(id, "acme", 95);
    assert_int_equal(fixture_create(f->store, &w), 0);
    t = (struct store_transition){.workflow_id = id,
                                  .expected_revision = 1,
                                  .status = STORE_SUCCESS,
                                  .progress = 100,
                                  .used_credits = 105,
                                  .ledger_kind = "settle",
                                  .ledger_amount = -10};
    assert_int_equal(fixture_transition(f->store, &t), 0);
    assert_int_equal(fixture_balance(f->store, "acme"), -10);
    assert_int_equal(fixture_credit(f->store, "acme", 4), 0);
    assert_int_equal(fixture_balance(f->store, "acme"), -6);
}

static void test_unfinished_and_counts(void **state)
{
    struct fixture *f = *state;
    char ids[5][UUID_TEXT_SIZE];
    const char *const *unfinished;
    size_t count;
    int64_t number;
    fixture_credit(f->store, "acme", 1);
    for (int i = 0; i < 5; i++) {
        uuid_new(ids[i]);
        struct store_workflow w = fixture_workflow(ids[i], "acme", 0);
        w.created_at = 1000 - i;
        assert_int_equal(fixture_create(f->store, &w), 0);
    }
    static const enum store_status ends[] = {STORE_SUCCESS, STORE_FAIL, STORE_PROCESSING};
    for (int i = 0; i < 3; i++) {
        const struct store_transition t = {
            .workflow_id = ids[i], .expected_revision = 1, .status = ends[i]};
        assert_int_equal(fixture_transition(f->store, &t), 0);
    }
    assert_int_equal(store_workflow_unfinished(f->store, f->arena, &unfinished, &count, NULL), 0);
    assert_int_equal(count, 3);
    assert_string_equal(unfinished[0], ids[4]);
    assert_string_equal(unfinished[1], ids[3]);
    assert_string_equal(unfinished[2], ids[2]);
    static const int expected[] = {2, 1, 1, 1, 0};
    for (int i = 0; i < 5; i++) {
        assert_int_equal(
            store_workflow_count(f->store, "acme", (enum store_status)i, &number, NULL), 0);
        assert_int_equal(number, expected[i]);
    }
    assert_int_equal(store_workflow_count(f->store, "none", STORE_QUEUE, &number, NULL), 0);
    assert_int_equal(number, 0);
}

static void test_blobs_inputs_and_assets(void **state)
{
    struct fixture *f = *state;
    char id[UUID_TEXT_SIZE], asset_id[UUID_TEXT_SIZE], hashes[4][SHA256_HEX_SIZE];
    struct store_wait wait;
    const char *found;
    struct store_asset *asset;
    bool used;
    uuid_new(id);
    uuid_new(asset_id);
    for (int i = 0; i < 4; i++)
        sha256_hex(&i, sizeof(i), hashes[i]);
    fixture_credit(f->store, "acme", 1);
    const struct store_workflow w = fixture_workflow(id, "acme", 0);
    assert_int_equal(fixture_create(f->store, &w), 0);
    const struct store_blob blobs[] = {{hashes[0], 7}, {hashes[0], 7}};
    const struct store_transition t = {.workflow_id = id,
                                       .expected_revision = 1,
                                       .status = STORE_PROCESSING,
                                       .blobs = blobs,
                                       .blob_count = 2};
    assert_int_equal(fixture_transition(f->store, &t), 0);
    assert_int_equal(store_input_find(f->store, f->arena, id, "http://a/", &found, NULL),
                     ERR_NOT_FOUND);
    store_wait_init(&wait);
    store_input_add(f->store, id, "http://a/", hashes[1], 12, "image/png", store_wait_done, &wait);
    assert_int_equal(store_wait_finish(&wait, NULL), 0);
    assert_int_equal(store_input_find(f->store, f->arena, id, "http://a/", &found, NULL), 0);
    assert_string_equal(found, hashes[1]);
    store_wait_init(&wait);
    store_input_add(f->store, "no-such-id", "http://a/", hashes[1], 12, NULL, store_wait_done,
                    &wait);
    assert_int_equal(store_wait_finish(&wait, NULL), ERR_NOT_FOUND);
    const struct store_asset given = {.id = asset_id,
                                      .customer = "acme",
                                      .sha256 = hashes[2],
                                      .content_type = "image/jpeg",
                                      .size = 99};
    store_wait_init(&wait);
    store_asset_add(f->store, &given, store_wait_done, &wait);
    assert_int_equal(store_wait_finish(&wait, NULL), 0);
    store_wait_init(&wait);
    store_asset_add(f->store, &given, store_wait_done, &wait);
    assert_int_equal(store_wait_finish(&wait, NULL), ERR_EXISTS);
    assert_int_equal(store_asset_get(f->store, f->arena, "acme", asset_id, &asset, NULL), 0);
    assert_string_equal(asset->sha256, hashes[2]);
    assert_string_equal(asset->content_type, "image/jpeg");
    assert_null(asset->name);
    assert_int_equal(asset->size, 99);
    assert_true(asset->created_at > 0);
    assert_int_equal(store_asset_get(f->store, f->arena, "evil", asset_id, &asset, NULL),
                     ERR_NOT_FOUND);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(store_blob_used(f->store, hashes[i], &used, NULL), 0);
        assert_int_equal(used, i < 3);
    }
}

struct news {
    struct store *store;
    int count;
    int64_t revision;
    char id[UUID_TEXT_SIZE];
    int64_t read_revision;
    bool answered, final;
};

static void news_changed(void *context, const char *workflow_id, int64_t revision, bool final)
{
    struct news *news = context;
    CLEANUP(arena) struct arena *a = arena_new();
    struct store_workflow_full *full;
    assert_false(news->answered);
    news->count++;
    news->revision = revision;
    news->final = final;
    strcpy(news->id, workflow_id);
    if (store_workflow_get(news->store, a, NULL, workflow_id, &full, NULL) == 0)
        news->read_revision = full->workflow.revision;
}

static int rename_workflow(struct store *store, const char *id)
{
    const struct store_edit edit = {.workflow_id = id, .customer = "acme", .title = "New"};
    struct store_wait wait;
    store_wait_init(&wait);
    store_workflow_edit(store, &edit, store_wait_done, &wait);
    return store_wait_finish(&wait, NULL);
}

static void test_subscribers_hear_of_every_change_first(void **state)
{
    struct fixture *f = *state;
    char id[UUID_TEXT_SIZE];
    struct news news = {.store = f->store};
    uuid_new(id);
    store_subscribe(f->store, news_changed, &news);
    fixture_credit(f->store, "acme", 1);
    assert_int_equal(news.count, 0);
    const struct store_workflow w = fixture_workflow(id, "acme", 0);
    assert_int_equal(fixture_create(f->store, &w), 0);
    assert_int_equal(news.count, 1);
    assert_int_equal(news.revision, 1);
    assert_int_equal(news.read_revision, 1);
    assert_string_equal(news.id, id);
    struct store_transition t = {
        .workflow_id = id, .expected_revision = 1, .status = STORE_PROCESSING};
    assert_int_equal(fixture_transition(f->store, &t), 0);
    assert_int_equal(news.revision, 2);
    assert_int_equal(news.read_revision, 2);
    assert_int_equal(fixture_transition(f->store, &t), ERR_STALE);
    assert_int_equal(news.count, 2);
    assert_false(news.final);
    assert_int_equal(rename_workflow(f->store, id), 0);
    assert_int_equal(news.revision, 3);
    assert_false(news.final);
    t = (struct store_transition){.workflow_id = id,
                                  .expected_revision = 3,
                                  .status = STORE_CANCEL,
                                  .error_json = "{}",
                                  .finished_at = 1};
    assert_int_equal(fixture_transition(f->store, &t), 0);
    assert_true(news.final);
    assert_int_equal(rename_workflow(f->store, id), 0);
    assert_true(news.final);
}

static void test_status_words(void **state)
{
    (void)state;
    enum store_status status;
    for (int i = STORE_QUEUE; i <= STORE_CANCEL; i++) {
        assert_true(store_status_parse(store_status_text((enum store_status)i), &status));
        assert_int_equal(status, i);
    }
    assert_string_equal(store_status_text(STORE_CANCEL), "cancel");
    assert_false(store_status_parse("done", &status));
}

int main(int argc, char **argv)
{
    fixture_main(argc, argv);
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_new, fixture_free)
    const struct CMUnitTest tests[] = {
        TEST(test_created_workflow_reads_back),
        TEST(test_refused_creations_leave_nothing),
        TEST(test_other_customers_do_not_see_it),
        TEST(test_transition_swaps_on_the_revision),
        TEST(test_transition_keeps_and_replaces),
        TEST(test_what_is_stored_is_written_without_its_rest),
        TEST(test_final_transition_moves_credits),
        TEST(test_unfinished_and_counts),
        TEST(test_blobs_inputs_and_assets),
        TEST(test_subscribers_hear_of_every_change_first),
        cmocka_unit_test(test_status_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
