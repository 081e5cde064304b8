#include "base/cleanup.h"
#include "base/metric.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void assert_has(const char *text, const char *line)
{
    const char *at = strstr(text, line);
    while (at && at != text && at[-1] != '\n')
        at = strstr(at + 1, line);
    if (!at)
        fail_msg("there is no line '%s' in:\n%s", line, text);
}

static void test_counters_are_summed_by_their_labels(void **state)
{
    CLEANUP(buffer) struct buffer b = {0};
    (void)state;
    metric_add(METRIC_STEPS, "chat", "success", 2);
    metric_add(METRIC_STEPS, "chat", "success", 3);
    metric_add(METRIC_STEPS, "chat", "fail", 1);
    metric_add(METRIC_STORE_WRITES, "", "", 7);
    metric_render(&b);
    assert_has(b.bytes, "# TYPE reeld_steps_total counter\n");
    assert_has(b.bytes, "reeld_steps_total{flow=\"chat\",outcome=\"success\"} 5\n");
    assert_has(b.bytes, "reeld_steps_total{flow=\"chat\",outcome=\"fail\"} 1\n");
    assert_has(b.bytes, "reeld_store_writes_total 7\n");
}

static void test_buckets_hold_all_that_is_not_longer(void **state)
{
    CLEANUP(buffer) struct buffer b = {0};
    (void)state;
    metric_observe(METRIC_STEP_SECONDS, "chat", "", 0.0005);
    metric_observe(METRIC_STEP_SECONDS, "chat", "", 0.3);
    metric_observe(METRIC_STEP_SECONDS, "chat", "", 1000);
    metric_render(&b);
    assert_has(b.bytes, "# TYPE reeld_step_seconds histogram\n");
    assert_has(b.bytes, "reeld_step_seconds_bucket{flow=\"chat\",le=\"0.001\"} 1\n");
    assert_has(b.bytes, "reeld_step_seconds_bucket{flow=\"chat\",le=\"0.1\"} 1\n");
    assert_has(b.bytes, "reeld_step_seconds_bucket{flow=\"chat\",le=\"0.5\"} 2\n");
    assert_has(b.bytes, "reeld_step_seconds_bucket{flow=\"chat\",le=\"300\"} 2\n");
    assert_has(b.bytes, "reeld_step_seconds_bucket{flow=\"chat\",le=\"+Inf\"} 3\n");
    assert_has(b.bytes, "reeld_step_seconds_count{flow=\"chat\"} 3\n");
    assert_has(b.bytes, "reeld_step_seconds_sum{flow=\"chat\"} 1000.300500\n");
}

static void test_there_is_an_end_to_label_values(void **state)
{
    CLEANUP(buffer) struct buffer b = {0};
    char name[16];
    (void)state;
    for (int i = 0; i < METRIC_SERIES_MAX + 100; i++) {
        snprintf(name, sizeof(name), "n%d", i);
        metric_add(METRIC_WEBHOOKS, name, "", 1);
    }
    metric_render(&b);
    int count = 0;
    for (const char *at = b.bytes; (at = strstr(at, "reeld_webhook_attempts_total{")); at++)
        count++;
    assert_int_equal(count, METRIC_SERIES_MAX);
}

enum { THREADS = 4, ROUNDS = 2000 };

static void *count_much(void *context)
{
    char name[16];
    (void)context;
    for (int i = 0; i < ROUNDS; i++) {
        snprintf(name, sizeof(name), "%d", i % 50);
        metric_add(METRIC_HTTP_REQUESTS, "threads", name, 1);
        metric_observe(METRIC_HTTP_SECONDS, "threads", "", 0.001);
    }
    return NULL;
}

static void test_threads_lose_nothing(void **state)
{
    CLEANUP(buffer) struct buffer b = {0};
    pthread_t threads[THREADS];
    char line[96];
    (void)state;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_much, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    metric_render(&b);
    for (int i = 0; i < 50; i++) {
        snprintf(line, sizeof(line),
                 "reeld_http_requests_total{operation=\"threads\",status=\"%d\"} %d\n", i,
                 THREADS * ROUNDS / 50);
        assert_has(b.bytes, line);
    }
    snprintf(line, sizeof(line), "reeld_http_request_seconds_count{operation=\"threads\"} %d\n",
             THREADS * ROUNDS);
    assert_has(b.bytes, line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counters_are_summed_by_their_labels),
        cmocka_unit_test(test_buckets_hold_all_that_is_not_longer),
        cmocka_unit_test(test_there_is_an_end_to_label_values),
        cmocka_unit_test(test_threads_lose_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
