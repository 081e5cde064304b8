#include "engine/machine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_final_states_never_change(void **state)
{
    (void)state;
    static const enum store_status finals[] = {STORE_SUCCESS, STORE_FAIL, STORE_CANCEL};
    for (size_t i = 0; i < 3; i++) {
        assert_true(machine_run_final(finals[i]));
        for (int event = MACHINE_RUN_BEGIN; event <= MACHINE_RUN_CANCEL; event++) {
            enum store_status next = STORE_QUEUE;
            unsigned effects = 77;
            assert_false(machine_run(finals[i], (enum machine_run_event)event, &next, &effects));
            assert_int_equal(effects, 77);
        }
    }
    assert_false(machine_run_final(STORE_QUEUE));
    assert_false(machine_run_final(STORE_PROCESSING));
}

static void test_only_what_failed_or_was_cancelled_is_retried(void **state)
{
    (void)state;
    for (int from = STORE_QUEUE; from <= STORE_CANCEL; from++) {
        enum store_status next = STORE_PROCESSING;
        unsigned effects = 0;
        bool taken = machine_run((enum store_status)from, MACHINE_RUN_RETRY, &next, &effects);
        assert_int_equal(taken, from == STORE_FAIL || from == STORE_CANCEL);
        assert_int_equal(next, taken ? STORE_QUEUE : STORE_PROCESSING);
        assert_int_equal(effects, taken ? MACHINE_RESERVE : 0);
    }
}

/* Credits reserved at creation move exactly once on every way to an end. */
static void test_every_end_settles_or_releases(void **state)
{
    (void)state;
    for (int from = STORE_QUEUE; from <= STORE_PROCESSING; from++) {
        for (int event = MACHINE_RUN_BEGIN; event <= MACHINE_RUN_CANCEL; event++) {
            enum store_status next;
            unsigned effects;
            if (!machine_run((enum store_status)from, (enum machine_run_event)event, &next,
                             &effects))
                continue;
            bool settles = effects & MACHINE_SETTLE, releases = effects & MACHINE_RELEASE;
            assert_int_equal(machine_run_final(next), settles != releases);
            assert_int_equal(next == STORE_SUCCESS, settles);
            assert_int_equal(releases, (effects & MACHINE_STOP_TASKS) != 0);
        }
    }
}

static void test_tasks_leave_ready_only(void **state)
{
    (void)state;
    for (int from = STORE_TASK_SUCCESS; from <= STORE_TASK_SKIPPED; from++) {
        for (int event = MACHINE_TASK_SUCCEED; event <= MACHINE_TASK_DROP; event++) {
            enum store_task_state next;
            unsigned effects;
            assert_false(machine_task((enum store_task_state)from, (enum machine_task_event)event,
                                      &next, &effects));
        }
    }
}

static void test_what_follows_a_failure(void **state)
{
    (void)state;
    static const struct {
        int max_attempts, attempt;
        bool quiet;
        enum err_code code;
        enum machine_task_event event;
        double delay_s;
    } cases[] = {
        {1, 1, false, ERR_BAD_INPUT, MACHINE_TASK_GIVE_UP, 0},
        {5, 1, false, ERR_BAD_INPUT, MACHINE_TASK_GIVE_UP, 0}, /* bad input stays bad */
        {5, 1, true, ERR_BAD_INPUT, MACHINE_TASK_GIVE_UP_QUIETLY, 0},
        {1, 1, false, ERR_WORKER_CRASHED, MACHINE_TASK_RETRY, 2}, /* three in all */
        {1, 2, false, ERR_WORKER_CRASHED, MACHINE_TASK_RETRY, 6},
        {1, 3, false, ERR_WORKER_CRASHED, MACHINE_TASK_GIVE_UP, 0},
        {1, 1, false, ERR_TIMEOUT, MACHINE_TASK_GIVE_UP, 0},
        {2, 1, false, ERR_TIMEOUT, MACHINE_TASK_RETRY, 2},
        {2, 2, false, ERR_TIMEOUT, MACHINE_TASK_GIVE_UP, 0},
        {5, 4, true, ERR_FETCH_FAILED, MACHINE_TASK_RETRY, 54},
        {1, 1, false, ERR_FETCH_REFUSED, MACHINE_TASK_GIVE_UP, 0},
        {100, 90, false, ERR_TIMEOUT, MACHINE_TASK_RETRY, 3600}, /* bounded */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct plan_step_info step = {.type = step_type_find("chat"),
                                            .retry = {cases[i].max_attempts, 2, 3},
                                            .continue_on_error = cases[i].quiet};
        double delay_s = 0;
        assert_int_equal(machine_after_failure(&step, cases[i].attempt, cases[i].code, &delay_s),
                         cases[i].event);
        assert_true(delay_s == cases[i].delay_s);
    }
}

/* The steps of a child run were tried again already; only what the template asks for comes on top. */
static void test_a_child_is_not_run_again_by_itself(void **state)
{
    (void)state;
    double delay_s = 0;
    struct plan_step_info step = {.type = step_type_find("each_workflow"), .retry = {1, 2, 3}};
    assert_int_equal(machine_after_failure(&step, 1, ERR_FETCH_FAILED, &delay_s),
                     MACHINE_TASK_GIVE_UP);
    step.retry.max_attempts = 2;
    assert_int_equal(machine_after_failure(&step, 1, ERR_FETCH_FAILED, &delay_s),
                     MACHINE_TASK_RETRY);
}

/* 5 s first, always longer, about a day in all, then no more. */
static void test_pauses_of_webhooks_grow(void **state)
{
    (void)state;
    const int64_t second = 1000000, day = 24 * 3600 * second;
    int64_t least = 0, most = 0, before = 0;
    int attempts = 1;
    assert_int_equal(machine_webhook_pause_us(1, 0), 5 * second);
    for (; machine_webhook_pause_us(attempts, 0) >= 0; attempts++) {
        assert_true(machine_webhook_pause_us(attempts, 0) > before);
        before = machine_webhook_pause_us(attempts, UINT32_MAX);
        assert_int_equal(before, machine_webhook_pause_us(attempts, 0) * 6 / 5);
        least += machine_webhook_pause_us(attempts, 0);
        most += before;
    }
    assert_true(attempts > 5 && attempts < 20);
    assert_true(least > day / 2 && most < 2 * day);
    assert_int_equal(machine_webhook_pause_us(attempts + 1, 0), -1);
    assert_int_equal(machine_webhook_pause_us(0, 0), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_final_states_never_change),
        cmocka_unit_test(test_only_what_failed_or_was_cancelled_is_retried),
        cmocka_unit_test(test_every_end_settles_or_releases),
        cmocka_unit_test(test_tasks_leave_ready_only),
        cmocka_unit_test(test_what_follows_a_failure),
        cmocka_unit_test(test_a_child_is_not_run_again_by_itself),
        cmocka_unit_test(test_pauses_of_webhooks_grow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
