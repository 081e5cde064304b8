/* What a worker or an input may do to a workflow, and that it does nothing to the others. */
#include "engine_fixture.h"

#include "base/log.h"

#include <limits.h>

static void assert_ended(struct fixture *f, const char *id, enum store_status status,
                         const char *part_of_error)
{
    struct store_workflow_full *full = fixture_finish(f, id);
    const char *error = full->workflow.error_json;
    if (full->workflow.status != status || !part_of_error != !error ||
        (error && !strstr(error, part_of_error)))
        fail_msg("%s %s", store_status_text(full->workflow.status),
                 error ? error : "without error");
    assert_int_equal(full->workflow.used_credits, status == STORE_SUCCESS ? FIXTURE_PRICE : 0);
}

static void assert_works(struct fixture *f)
{
    assert_ended(f, fixture_submit_prompt(f, "fine", ""), STORE_SUCCESS, NULL);
}

/* --- attempts -----------------------------------------------------------------------------------
 */

static void test_a_pause_before_a_retry_ends_by_itself(void **state)
{
    struct fixture *f = *state;
    const char *id = fixture_submit_prompt(f, "fail-twice:TIMEOUT",
                                           ",'retry':{'max_attempts':3,'delay_s':0.2,'backoff':2}");
    int64_t begin = clock_monotonic_us();
    assert_ended(f, id, STORE_SUCCESS, NULL);
    assert_true(clock_monotonic_us() - begin >= 600000); /* 0.2 s and 0.4 s */
    struct store_workflow_full *full = fixture_get(f, id);
    assert_int_equal(full->tasks[0].attempt, 3);
    assert_null(full->tasks[0].error_json);
    assert_string_equal(full->tasks[0].provider, "fake");
    assert_int_equal(fixture_log_count(f, "fail-twice:TIMEOUT"), 3);
    fixture_assert_spent(f, FIXTURE_PRICE);
}

static void test_attempts_end(void **state)
{
    struct fixture *f = *state;
    const char *id =
        fixture_submit_prompt(f, "fail:TIMEOUT", ",'retry':{'max_attempts':2,'delay_s':0}");
    assert_ended(f, id, STORE_FAIL, "Said to fail.");
    assert_int_equal(fixture_log_count(f, "fail:TIMEOUT"), 2);
    /* Bad input is bad input every time. */
    id = fixture_submit_prompt(f, "fail:BAD_INPUT", ",'retry':{'max_attempts':5,'delay_s':0}");
    assert_ended(f, id, STORE_FAIL, "BAD_INPUT");
    assert_int_equal(fixture_log_count(f, "fail:BAD_INPUT"), 1);
    fixture_assert_spent(f, 0);
}

static void test_on_error_continue(void **state)
{
    struct fixture *f = *state;
    const char *id = fixture_submit(
        f, "{'id':'try','flow':'chat','params':{'prompt':'fail:BAD_INPUT'},'on_error':'continue'},"
           "{'id':'last','flow':'chat','params':{'prompt':'{{steps.try.text ?? "
           "\\u0027none\\u0027}}'}}");
    assert_ended(f, id, STORE_SUCCESS, NULL);
    struct store_workflow_full *full = fixture_get(f, id);
    assert_int_equal(full->tasks[0].state, STORE_TASK_FAILED);
    assert_non_null(strstr(full->tasks[0].error_json, "Said to fail."));
    assert_int_equal(full->tasks[1].state, STORE_TASK_SUCCESS);
}

/* --- workers that die ---------------------------------------------------------------------------
 */

/* While one workflow runs into the worst, others of the same time go on. */
static void assert_dies_alone(struct fixture *f, const char *prompt, const char *more,
                              const char *sentence)
{
    const char *others[6];
    const char *id = fixture_submit_prompt(f, prompt, more);
    for (int i = 0; i < 6; i++)
        others[i] = fixture_submit_prompt(f, "slow:30", "");
    for (int i = 0; i < 6; i++) {
        assert_ended(f, others[i], STORE_SUCCESS, NULL);
        assert_int_equal(fixture_get(f, others[i])->tasks[0].attempt, 1);
    }
    assert_ended(f, id, STORE_FAIL, sentence);
}

static void test_a_crash_fails_the_attempt(void **state)
{
    struct fixture *f = *state;
    struct engine_counts counts;
    assert_dies_alone(f, "die:crash", ",'retry':{'delay_s':0}", "died: Aborted.");
    assert_int_equal(fixture_log_count(f, "die:crash"), 3);
    assert_dies_alone(f, "die:exit", ",'retry':{'delay_s':0}", "ended with status 7.");
    engine_count(f->engine, &counts);
    assert_int_equal(counts.worker_crashes, 6);
    /* A crash is not the fault of the template: it gets another attempt without being asked. */
    const char *id = fixture_submit_prompt(f, "die-once:crash", ",'retry':{'delay_s':0}");
    assert_ended(f, id, STORE_SUCCESS, NULL);
    assert_int_equal(fixture_get(f, id)->tasks[0].attempt, 2);
    assert_works(f);
    fixture_assert_spent(f, 14 * FIXTURE_PRICE);
}

static void test_a_hang_meets_the_time_limit(void **state)
{
    struct fixture *f = *state;
    assert_dies_alone(f, "die:hang", ",'timeout_s':1", "longer than its time limit");
    assert_int_equal(fixture_log_count(f, "die:hang"), 1);
    assert_works(f);
}

static void test_bombs_meet_their_limits(void **state)
{
    struct fixture *f = *state;
    assert_dies_alone(f, "die:output", "", "larger file than it may");
    assert_dies_alone(f, "die:cpu", "", "more processor time than it may");
    if (!FIXTURE_SANITIZED)
        assert_dies_alone(f, "die:memory", "", "more memory than a worker may use");
    assert_works(f);
}

static void test_lies_are_not_believed(void **state)
{
    static const struct {
        const char *prompt, *sentence;
    } lies[] = {
        {"lie:type", "broke the rules"},    {"lie:job", "broke the rules"},
        {"lie:frame", "broke the rules"},   {"lie:flood", "broke the rules"},
        {"lie:results", "cannot be read"},  {"lie:output", "cannot be read"},
        {"lie:header", "cannot be read"},   {"lie:blob", "cannot be read"},
        {"lie:outputs", "broke the rules"}, {"lie:then", "cannot be read"},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        const char *id = fixture_submit_prompt(f, lies[i].prompt, ",'retry':{'delay_s':0}");
        assert_ended(f, id, STORE_FAIL, lies[i].sentence);
        assert_int_equal(fixture_log_count(f, lies[i].prompt), 3);
    }
    assert_works(f);
}

static void test_notes_have_an_end(void **state)
{
    struct fixture *f = *state;
    struct store_note *notes;
    size_t count;
    const char *id = fixture_submit_prompt(f, "chatter:150", "");
    assert_ended(f, id, STORE_SUCCESS, NULL);
    for (int i = 0; i < 1000; i++) { /* nobody waits for notes to be stored */
        assert_int_equal(store_note_list(f->store, f->arena, id, &notes, &count, NULL), 0);
        if (count == 100)
            break;
        usleep(5000);
    }
    assert_int_equal(count, 100);
    assert_string_equal(notes[0].step_id, "last");
    assert_string_equal(notes[99].text, "Well.");
}

/* The only worker does not hear that it is to stop: it is ended, and another one takes its place. */
static void test_a_deaf_worker_is_replaced(void **state)
{
    struct fixture *f = *state;
    struct engine_counts counts;
    fixture_stop(f, 0);
    f->settings.workers = 1;
    fixture_start(f);
    const char *id = fixture_submit_prompt(f, "die:hang", "");
    fixture_wait_log(f, "die:hang");
    engine_cancel(f->engine, id);
    assert_ended(f, id, STORE_CANCEL, "CANCELLED");
    assert_works(f);
    engine_count(f->engine, &counts);
    assert_int_equal(counts.worker_crashes, 0); /* it was told to die */
}

/* A worker dies while its program is away: another one is started when it is there again. */
static void test_workers_that_cannot_start(void **state)
{
    struct fixture *f = *state;
    struct engine_counts counts;
    fixture_stop(f, 0);
    f->settings.workers = 1;
    fixture_start(f);
    assert_works(f);
    assert_int_equal(unlink(f->program), 0);
    const char *id = fixture_submit_prompt(f, "die-once:exit", ",'retry':{'delay_s':0}");
    fixture_wait_log(f, "die-once:exit");
    do {
        usleep(10000);
        engine_count(f->engine, &counts);
    } while (counts.worker_crashes == 0);
    usleep(100000);
    assert_int_equal(fixture_log_count(f, "die-once:exit"), 1);
    assert_true(fixture_get(f, id)->workflow.status < STORE_SUCCESS);
    assert_int_equal(symlink(fixture_fake_worker, f->program), 0);
    assert_ended(f, id, STORE_SUCCESS, NULL);
    assert_int_equal(fixture_get(f, id)->tasks[0].attempt, 2);
}

static void test_files_become_blobs(void **state)
{
    struct fixture *f = *state;
    const char *id = fixture_submit_prompt(f, "file:bytes", "");
    char sha256[SHA256_HEX_SIZE];
    CLEANUP(fd) int fd = -1;
    bool used;
    assert_ended(f, id, STORE_SUCCESS, NULL);
    sha256_hex("bytes", 5, sha256);
    assert_non_null(strstr(fixture_get(f, id)->workflow.result_json, sha256));
    assert_int_equal(blob_get(f->blobs, sha256, &fd, NULL, NULL), 0);
    assert_int_equal(store_blob_used(f->store, sha256, &used, NULL), 0);
    assert_true(used);
}

/* --- inputs -------------------------------------------------------------------------------------
 */

static const char *submit_fetch(struct fixture *f, const char *url, const char *more)
{
    return fixture_submit(f, arena_printf(f->arena,
                                          "{'id':'last','flow':'chat','params':{'prompt':'seen',"
                                          "'image_urls':['%s']}%s}",
                                          url, more));
}

static void test_inputs_are_fetched_once(void **state)
{
    struct fixture *f = *state;
    const char *sha256;
    const char *id = fixture_submit(
        f,
        "{'id':'a','flow':'chat','params':{'prompt':'x','image_urls':['http://example.org/one']}},"
        "{'id':'last','flow':'chat','needs':['a'],'params':{'prompt':'fail-twice:TIMEOUT',"
        "'image_urls':['http://example.org/one']},'retry':{'max_attempts':3,'delay_s':0}}");
    assert_ended(f, id, STORE_SUCCESS, NULL);
    assert_int_equal(fixture_log_count(f, "one"), 1);
    assert_int_equal(
        store_input_find(f->store, f->arena, id, "http://example.org/one", &sha256, NULL), 0);
}

static void test_the_process_that_fetches_may_die(void **state)
{
    struct fixture *f = *state;
    const char *others[4];
    const char *id = submit_fetch(f, "http://example.org/die-once", ",'retry':{'delay_s':0}");
    for (int i = 0; i < 4; i++)
        others[i] = submit_fetch(f, "http://example.org/two", ",'retry':{'delay_s':0}");
    assert_ended(f, id, STORE_SUCCESS, NULL);
    for (int i = 0; i < 4; i++)
        assert_ended(f, others[i], STORE_SUCCESS, NULL);
    id = submit_fetch(f, "http://example.org/die", ",'retry':{'delay_s':0}");
    assert_ended(f, id, STORE_FAIL, "the process that fetches died");
    assert_int_equal(fixture_log_count(f, "die"), 3);
    assert_ended(f, submit_fetch(f, "http://example.org/two", ""), STORE_SUCCESS, NULL);
}

static void test_refused_addresses_are_not_tried_again(void **state)
{
    struct fixture *f = *state;
    const char *id =
        submit_fetch(f, "http://example.org/refuse", ",'retry':{'max_attempts':4,'delay_s':0}");
    assert_ended(f, id, STORE_FAIL, "FETCH_REFUSED");
    assert_int_equal(fixture_log_count(f, "refuse"), 1);
    assert_ended(f, submit_fetch(f, "data:image/png;base64,!!!", ""), STORE_FAIL, "BAD_INPUT");
    assert_ended(f, submit_fetch(f, "data:image/png;base64,QUJD", ""), STORE_SUCCESS, NULL);
    assert_ended(f, submit_fetch(f, "data:,A%42%zz%4", ""), STORE_SUCCESS, NULL);
    char sha256[SHA256_HEX_SIZE];
    sha256_hex("AB%zz%4", 7, sha256); /* what is no escape stays */
    CLEANUP(fd) int fd = -1;
    assert_int_equal(blob_get(f->blobs, sha256, &fd, NULL, NULL), 0);
}

/* --- cancelling ---------------------------------------------------------------------------------
 */

static void test_cancelling_in_every_phase(void **state)
{
    struct fixture *f = *state;
    const char *fetching = submit_fetch(f, "http://example.org/hang", "");
    const char *pausing =
        fixture_submit_prompt(f, "fail:TIMEOUT", ",'retry':{'max_attempts':2,'delay_s':3000}");
    fixture_wait_log(f, "hang");
    while (fixture_get(f, pausing)->task_count == 0 ||
           fixture_get(f, pausing)->tasks[0].attempt < 2)
        usleep(5000);
    const char *running = fixture_submit_prompt(f, "slow:60000", "");
    const char *deaf = fixture_submit_prompt(f, "die:hang", "");
    fixture_wait_log(f, "slow:60000");
    fixture_wait_log(f, "die:hang");
    const char *queued = fixture_submit_prompt(f, "never", ""); /* both workers are taken */
    while (fixture_get(f, queued)->task_count == 0)
        usleep(5000);
    const char *ids[] = {queued, fetching, running, deaf, pausing};
    for (size_t i = 0; i < 5; i++)
        engine_cancel(f->engine, ids[i]);
    for (size_t i = 0; i < 5; i++)
        assert_ended(f, ids[i], STORE_CANCEL, "CANCELLED");
    fixture_wait_log(f, "cancelled");
    fixture_wait_log(f, "fetch cancelled");
    engine_cancel(f->engine, queued); /* too late, and no harm */
    assert_works(f);
    assert_int_equal(fixture_log_count(f, "never"), 0);
    fixture_assert_spent(f, FIXTURE_PRICE);
}

static void test_cancelling_while_results_are_published(void **state)
{
    struct fixture *f = *state;
    const char *ids[40];
    int cancelled = 0;
    for (int i = 0; i < 40; i++) {
        ids[i] = fixture_submit_prompt(f, arena_printf(f->arena, "file:%d", i), "");
        if (i % 2)
            usleep((useconds_t)(i * 100));
        engine_cancel(f->engine, ids[i]);
    }
    for (int i = 0; i < 40; i++)
        cancelled += fixture_finish(f, ids[i])->workflow.status == STORE_CANCEL;
    assert_true(cancelled > 0);
    fixture_assert_spent(f, (40 - cancelled) * FIXTURE_PRICE);
    assert_works(f);
}

/* --- stopping and starting ----------------------------------------------------------------------
 */

static void test_a_stop_keeps_what_is_finished_in_time(void **state)
{
    struct fixture *f = *state;
    const char *id = fixture_submit(
        f, "{'id':'first','flow':'chat','params':{'prompt':'slow:500'}},"
           "{'id':'last','flow':'chat','needs':['first'],'params':{'prompt':'end'}}");
    const char *fetching = submit_fetch(f, "http://example.org/hang", "");
    fixture_wait_log(f, "slow:500");
    fixture_wait_log(f, "hang");
    int64_t begin = clock_monotonic_us();
    fixture_stop(f, 60);
    assert_true(clock_monotonic_us() - begin < 30000000); /* a fetch does not hold it up */
    assert_int_equal(fixture_log_count(f, "end"), 0);
    fixture_start(f);
    assert_ended(f, id, STORE_SUCCESS, NULL);
    assert_int_equal(fixture_log_count(f, "slow:500"), 1);
    assert_int_equal(fixture_log_count(f, "end"), 1);
    assert_int_equal(fixture_get(f, fetching)->tasks[0].attempt, 1);
    engine_cancel(f->engine, fetching);
    assert_ended(f, fetching, STORE_CANCEL, "CANCELLED");
}

static void test_every_phase_is_taken_up_again(void **state)
{
    struct fixture *f = *state;
    const char *running = fixture_submit_prompt(f, "slow:1500", "");
    const char *pausing =
        fixture_submit_prompt(f, "fail-twice:TIMEOUT", ",'retry':{'max_attempts':3,'delay_s':1}");
    const char *fetching = submit_fetch(f, "http://example.org/die-once", ",'retry':{'delay_s':1}");
    fixture_wait_log(f, "slow:1500");
    fixture_wait_log(f, "fail-twice:TIMEOUT");
    fixture_wait_log(f, "die-once");
    const char *queued[5];
    for (int i = 0; i < 5; i++)
        queued[i] = fixture_submit_prompt(f, "slow:20", "");
    fixture_stop(f, 0);
    fixture_start(f);
    assert_ended(f, running, STORE_SUCCESS, NULL);
    assert_ended(f, pausing, STORE_SUCCESS, NULL);
    assert_ended(f, fetching, STORE_SUCCESS, NULL);
    for (int i = 0; i < 5; i++)
        assert_ended(f, queued[i], STORE_SUCCESS, NULL);
    assert_int_equal(fixture_get(f, pausing)->tasks[0].attempt, 3);
    assert_int_equal(fixture_log_count(f, "slow:1500"), 2);
    fixture_assert_spent(f, 8 * FIXTURE_PRICE);
}

/* More than are held in memory: the rest follows as room comes. */
static void test_the_active_limit_feeds(void **state)
{
    enum { COUNT = 60 };
    struct fixture *f = *state;
    const char *ids[COUNT];
    fixture_stop(f, 0);
    f->settings.active_max = 4;
    fixture_start(f);
    for (int i = 0; i < COUNT; i++)
        ids[i] = fixture_submit_prompt(f, "slow:10", "");
    struct engine_counts counts;
    do {
        engine_count(f->engine, &counts);
        assert_true(counts.active <= 4);
        usleep(1000);
    } while (fixture_get(f, ids[COUNT / 2])->workflow.status < STORE_SUCCESS);
    fixture_stop(f, 0);
    fixture_start(f);
    for (int i = 0; i < COUNT; i++)
        assert_ended(f, ids[i], STORE_SUCCESS, NULL);
    fixture_assert_spent(f, COUNT * FIXTURE_PRICE);
}

/* --- webhooks ----------------------------------------------------------------------------------- */

/* The delivery of a workflow once it has that many attempts. */
static struct store_webhook *delivery_of(struct fixture *f, const char *id, size_t attempts)
{
    const struct store_webhook_filter filter = {.workflow_id = id};
    for (int64_t until = clock_monotonic_us() + 120000000;;) {
        struct store_webhook *list;
        size_t count;
        assert_int_equal(
            store_webhook_list(f->store, f->arena, "acme", &filter, 2, &list, &count, NULL), 0);
        assert_true(count <= 1);
        if (count == 1 && list[0].attempt_count >= attempts)
            return list;
        if (clock_monotonic_us() > until)
            fail_msg("the workflow has no delivery");
        usleep(5000);
    }
}

static void test_many_webhooks_at_once(void **state)
{
    enum { COUNT = 100 };
    struct fixture *f = *state;
    const char *ids[COUNT];
    for (int i = 0; i < COUNT; i++) {
        f->webhook_url =
            arena_printf(f->arena, "http://host%d.example/%s", i % 7, i % 2 ? "ok" : "refuse");
        ids[i] = fixture_submit_prompt(f, i % 3 ? "fine" : "fail:BAD_INPUT", "");
    }
    for (int i = 0; i < COUNT; i++) {
        struct store_webhook *webhook = delivery_of(f, ids[i], 1);
        assert_string_equal(webhook->type, i % 3 ? "workflow.success" : "workflow.fail");
        assert_int_equal(webhook->attempts[0].status_code, i % 2 ? 200 : 500);
        assert_int_equal(webhook->status, i % 2 ? STORE_WEBHOOK_DELIVERED : STORE_WEBHOOK_PENDING);
    }
    struct engine_counts counts;
    do {
        usleep(1000);
        engine_count(f->engine, &counts);
    } while (counts.webhooks != COUNT / 2);
    engine_redeliver(f->engine, delivery_of(f, ids[0], 1)->id, "http://host0.example/refuse");
    assert_int_equal(delivery_of(f, ids[0], 2)->status, STORE_WEBHOOK_PENDING);
}

static void test_a_webhook_that_kills_the_process_that_sends(void **state)
{
    struct fixture *f = *state;
    f->webhook_url = "http://one.example/die-once";
    const char *id = fixture_submit_prompt(f, "fine", "");
    struct store_webhook *webhook = delivery_of(f, id, 1);
    assert_int_equal(webhook->status, STORE_WEBHOOK_PENDING);
    assert_int_equal(webhook->attempts[0].status_code, 0);
    assert_string_equal(webhook->attempts[0].error, "The process that sends died.");
    f->webhook_url = "http://two.example/ok";
    assert_int_equal(delivery_of(f, fixture_submit_prompt(f, "fine", ""), 1)->status,
                     STORE_WEBHOOK_DELIVERED);
}

/* Cut off by a stop: sent again after the next start, as the same news. */
static void test_a_stop_does_not_wait_for_receivers_for_ever(void **state)
{
    struct fixture *f = *state;
    f->webhook_url = "http://one.example/hang-once";
    const char *id = fixture_submit_prompt(f, "fine", "");
    fixture_wait_log(f, "hang-once");
    int64_t begin = clock_monotonic_us();
    fixture_stop(f, 1);
    assert_true(clock_monotonic_us() - begin < 20000000);
    fixture_start(f);
    struct store_webhook *webhook = delivery_of(f, id, 1);
    assert_int_equal(webhook->status, STORE_WEBHOOK_DELIVERED);
    assert_int_equal(fixture_log_count(f, "hang-once"), 2);
    assert_int_equal(fixture_log_count(f, arena_printf(f->arena, "hang-once %s", webhook->id)), 2);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    static char program[PATH_MAX]; /* whole: the folder of a test links to it */
    fixture_fake_worker = realpath(argv[1], program);
    if (!fixture_fake_worker) {
        perror(argv[1]);
        return 2;
    }
    log_setup(LOG_ERROR, false, "engine");
#define ENGINE_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_new, fixture_free)
    const struct CMUnitTest tests[] = {
        ENGINE_TEST(test_a_pause_before_a_retry_ends_by_itself),
        ENGINE_TEST(test_attempts_end),
        ENGINE_TEST(test_on_error_continue),
        ENGINE_TEST(test_a_crash_fails_the_attempt),
        ENGINE_TEST(test_a_hang_meets_the_time_limit),
        ENGINE_TEST(test_bombs_meet_their_limits),
        ENGINE_TEST(test_lies_are_not_believed),
        ENGINE_TEST(test_notes_have_an_end),
        ENGINE_TEST(test_a_deaf_worker_is_replaced),
        ENGINE_TEST(test_workers_that_cannot_start),
        ENGINE_TEST(test_files_become_blobs),
        ENGINE_TEST(test_inputs_are_fetched_once),
        ENGINE_TEST(test_the_process_that_fetches_may_die),
        ENGINE_TEST(test_refused_addresses_are_not_tried_again),
        ENGINE_TEST(test_cancelling_in_every_phase),
        ENGINE_TEST(test_cancelling_while_results_are_published),
        ENGINE_TEST(test_a_stop_keeps_what_is_finished_in_time),
        ENGINE_TEST(test_every_phase_is_taken_up_again),
        ENGINE_TEST(test_the_active_limit_feeds),
        ENGINE_TEST(test_many_webhooks_at_once),
        ENGINE_TEST(test_a_webhook_that_kills_the_process_that_sends),
        ENGINE_TEST(test_a_stop_does_not_wait_for_receivers_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
