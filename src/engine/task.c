#include "engine/internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "base/table.h"

#include <string.h>

/* --- waiting, queueing -------------------------------------------------------------------------- */

static void task_queue(struct task *task)
{
    struct engine *engine = task->run->engine;
    task->phase = TASK_QUEUED;
    task->next_queued = NULL;
    if (engine->queue_last)
        engine->queue_last->next_queued = task;
    else
        engine->queue_first = task;
    engine->queue_last = task;
    engine->queued++;
}

static void task_unqueue(struct task *task)
{
    struct engine *engine = task->run->engine;
    struct task *before = NULL;
    for (struct task *at = engine->queue_first; at != task; at = at->next_queued)
        before = at;
    if (before)
        before->next_queued = task->next_queued;
    else
        engine->queue_first = task->next_queued;
    if (engine->queue_last == task)
        engine->queue_last = before;
    engine->queued--;
}

static struct task *task_of(struct timer *timer)
{
    return (struct task *)((char *)timer - offsetof(struct task, timer));
}

/* A pause is over, or a running task's time is. */
static void task_timer(struct engine *engine, struct timer *timer)
{
    struct task *task = task_of(timer);
    (void)engine;
    if (task->phase == TASK_WAITING) {
        task->phase = TASK_UNCOMMITTED;
        task_start(task);
    } else if (task->phase == TASK_RUNNING) {
        pool_kill(task->worker, ERR_TIMEOUT);
    } else if (task->phase == TASK_CHILD) {
        struct err fault;
        err_set_default(&fault, ERR_TIMEOUT);
        nested_stop(task);
        task_fail(task, &fault);
    }
}

void task_start(struct task *task)
{
    struct engine *engine = task->run->engine;
    int64_t wait_us = task->not_before - clock_wall_us();
    if (engine->stopping)
        return; /* its row says what is to be done after the next start */
    task->timer.fire = task_timer;
    if (task->not_before != 0 && wait_us > 0) {
        task->phase = TASK_WAITING;
        timer_set(engine, &task->timer, clock_monotonic_us() + wait_us);
        return;
    }
    if (task->run->steps[task->step].info.type->place == STEP_PLACE_ENGINE) {
        nested_start(task);
        return;
    }
    fuse_plan(task);
    inputs_gather(task);
    if (task->input_fault.code != ERR_OK) {
        struct err fault = task->input_fault;
        task->phase = TASK_GATHERING;
        task_fail(task, &fault);
    } else if (task->inputs_missing > 0) {
        task->phase = TASK_GATHERING;
    } else {
        task_queue(task);
    }
}

/* --- dispatch ----------------------------------------------------------------------------------- */

static void task_dispatch_to(struct task *task, struct pool_worker *worker)
{
    struct engine *engine = task->run->engine;
    struct err fault;
    int rc = dispatch_send(task, worker, &fault);
    if (rc == ERR_UNAVAILABLE) {
        task_queue(task); /* that worker is gone; its end of the wire says so in a moment */
        worker->state = POOL_BUSY;
        worker->task = NULL;
        pool_kill(worker, ERR_OK);
        return;
    }
    if (rc < 0) {
        task->phase = TASK_GATHERING;
        task_fail(task, &fault);
        return;
    }
    task->phase = TASK_RUNNING;
    task->worker = worker;
    task->fraction = 0;
    task->started_at = clock_wall_us();
    task->running_since = clock_monotonic_us();
    log_line(LOG_DEBUG, "a step starts", "workflow_id", task->run->workflow.id, "step_id",
             task->run->steps[task->step].info.id, NULL);
    fuse_note(task);
    timer_set(engine, &task->timer, task->running_since + (int64_t)fuse_timeout_s(task) * 1000000);
}

void task_dispatch(struct engine *engine)
{
    struct pool_worker *worker;
    while (engine->queue_first && (worker = pool_idle(engine))) {
        struct task *task = engine->queue_first;
        task_unqueue(task);
        task_dispatch_to(task, worker);
    }
}

/* --- the end of an attempt ---------------------------------------------------------------------- */

static void task_leave_worker(struct task *task)
{
    timer_clear(task->run->engine, &task->timer);
    if (task->running_since) {
        task->duration_ms = (clock_monotonic_us() - task->running_since) / 1000;
        task->running_since = 0;
    }
    task->worker = NULL;
}

static void task_count(const struct task *task, const char *outcome)
{
    const char *flow = task->run->steps[task->step].info.type->name;
    metric_add(METRIC_STEPS, flow, outcome, 1);
    metric_observe(METRIC_STEP_SECONDS, flow, "", (double)task->duration_ms / 1000);
}

static void task_note_retry(const struct task *task, const struct err *fault, double delay_s)
{
    CLEANUP(arena) struct arena *a = arena_new();
    store_note_add(
        task->run->engine->settings.store, task->run->workflow.id,
        &(struct store_note){.step_id = task->run->steps[task->step].info.id,
                             .level = "warning",
                             .text = arena_printf(a, "%s Attempt %d follows in %.1f s.",
                                                  fault->message, task->attempt + 1, delay_s)});
}

static void task_set_error(struct task *task, const struct err *fault)
{
    CLEANUP(json)
    json_t *error =
        json_pack("{s:s, s:s}", "code", err_wire(fault->code), "message", fault->message);
    free(task->error_json);
    task->error_json = json_text(error, NULL);
}

void task_fail(struct task *task, const struct err *fault)
{
    struct run *run = task->run;
    const struct plan_step_info *info = &run->steps[task->step].info;
    double delay_s = 0;
    enum store_task_state next;
    unsigned effects;
    enum machine_task_event event =
        machine_after_failure(info, task->attempt, fault->code, &delay_s);
    task_leave_worker(task);
    if (!run->over && fault->code != ERR_CANCELLED && fuse_undo(task)) {
        log_line(LOG_INFO, "steps in one pass failed, they are run one by one", "workflow_id",
                 run->workflow.id, "step_id", info->id, "reason", fault->message, NULL);
        task_start(task);
        return;
    }
    task_count(task, event == MACHINE_TASK_RETRY ? "retry" : "fail");
    if (run->over || !machine_task(task->state, event, &next, &effects))
        return;
    log_line(LOG_WARNING, "a step failed", "workflow_id", run->workflow.id, "step_id", info->id,
             "code", err_wire(fault->code), "reason", fault->message, "then",
             effects & MACHINE_WAIT ? "retry" : "end", NULL);
    task_set_error(task, fault);
    task->state = next;
    task->dirty = true;
    if (effects & MACHINE_WAIT) {
        task_note_retry(task, fault, delay_s);
        task->phase = TASK_UNCOMMITTED;
        task->attempt++;
        task->not_before = clock_wall_us() + (int64_t)(delay_s * 1e6);
    } else {
        task->phase = TASK_OVER;
        task->finished_at = clock_wall_us();
    }
    if (effects & MACHINE_FAIL_RUN)
        run_fail(run, fault, info->id);
    run_advance(run);
}

void task_succeed(struct task *task, json_t *results, const char *provider)
{
    enum store_task_state next;
    unsigned effects;
    task_leave_worker(task);
    task_count(task, "success");
    if (task->run->over || !machine_task(task->state, MACHINE_TASK_SUCCEED, &next, &effects)) {
        json_decref(results);
        return;
    }
    task->state = next;
    task->phase = TASK_OVER;
    task->dirty = true;
    task->fraction = 1;
    task->results = results;
    task->provider = provider ? mem_strdup(provider) : NULL;
    task->finished_at = clock_wall_us();
    free(task->error_json);
    task->error_json = NULL;
    run_advance(task->run);
}

void task_drop(struct task *task, const char *reason)
{
    enum store_task_state next;
    unsigned effects;
    if (task->phase == TASK_QUEUED)
        task_unqueue(task);
    if (task->phase == TASK_RUNNING)
        pool_cancel(task->worker);
    if (task->phase == TASK_CHILD) {
        task->phase = TASK_OVER; /* its end is no news any more */
        nested_stop(task);
    }
    task_leave_worker(task);
    if (!machine_task(task->state, MACHINE_TASK_DROP, &next, &effects))
        return;
    task->state = next;
    task->phase = TASK_OVER;
    task->dirty = true;
    task->finished_at = clock_wall_us();
    task->reason = mem_strdup(reason);
}

void task_finish(struct task *task)
{
    timer_clear(task->run->engine, &task->timer);
    fuse_drop(task);
    json_decref(task->params);
    json_decref(task->local);
    json_decref(task->results);
    free(task->error_json);
    free(task->reason);
    free(task->provider);
}

void task_worker_failed(struct pool_worker *worker, const struct err *fault)
{
    struct task *task = worker->task;
    worker->task = NULL;
    task_fail(task, fault);
}

/* --- results ------------------------------------------------------------------------------------ */

struct publish {
    struct errand errand;
    struct task *task;
    json_t *results; /* each with "output": index into fds until it was published */
    json_t *then[PLAN_FOLLOWERS_MAX]; /* of the steps that ran with it; NULL */
    int fds[64];
    char sha256[64][SHA256_HEX_SIZE]; /* of those that are published */
    uint64_t sizes[64];
    int rc;
    struct err err;
    char *provider;
};

/* A worker is not to be trusted: members are checked and copied one by one. */
static json_t *result_checked(const json_t *said, const struct pool_worker *worker, bool taken[64])
{
    enum { TYPE_MAX = 64 };
    const char *type = json_member_string(said, "content_type");
    const json_t *text = json_object_get(said, "text");
    int64_t output = json_member_integer(said, "output", -1);
    if (!type || strlen(type) > TYPE_MAX || strpbrk(type, "\r\n\"\\ "))
        return NULL;
    if (json_is_string(text))
        return json_pack("{s:s, s:O}", "content_type", type, "text", text);
    if (output < 0 || output >= worker->output_count || taken[output])
        return NULL;
    taken[output] = true;
    json_t *result = json_pack("{s:s, s:I}", "content_type", type, "output", (json_int_t)output);
    static const char *const measures[] = {"width", "height", "duration_ms"};
    for (size_t i = 0; i < TABLE_SIZE(measures); i++) {
        int64_t value = json_member_integer(said, measures[i], 0);
        if (value > 0 && value < INT32_MAX)
            json_object_set_new(result, measures[i], json_integer(value));
    }
    return result;
}

static json_t *results_checked(const struct pool_worker *worker, const json_t *said,
                               bool *ret_has_files)
{
    enum { RESULTS_MAX = 64 };
    bool taken[64] = {false};
    *ret_has_files = false;
    if (!json_is_array(said) || json_array_size(said) > RESULTS_MAX)
        return NULL;
    json_t *results = json_array();
    for (size_t i = 0; i < json_array_size(said); i++) {
        json_t *result = result_checked(json_array_get(said, i), worker, taken);
        if (!result) {
            json_decref(results);
            return NULL;
        }
        *ret_has_files |= json_object_get(result, "output") != NULL;
        json_array_append_new(results, result);
    }
    return results;
}

/* A file may be the result of several steps. */
static int publish_file(struct engine *engine, struct publish *publish, size_t output)
{
    if (*publish->sha256[output])
        return 0;
    int rc = blob_publish(engine->settings.blobs, publish->fds[output], publish->sha256[output],
                          &publish->sizes[output], &publish->err);
    if (rc < 0)
        *publish->sha256[output] = '\0'; /* nothing is held */
    return rc;
}

static int publish_list(struct engine *engine, struct publish *publish, json_t *results)
{
    size_t index;
    json_t *result;
    json_array_foreach(results, index, result)
    {
        int64_t output = json_member_integer(result, "output", -1);
        if (output < 0)
            continue;
        int rc = publish_file(engine, publish, (size_t)output);
        if (rc < 0)
            return rc;
        json_object_del(result, "output");
        json_object_set_new(result, "blob", json_string(publish->sha256[output]));
        json_object_set_new(result, "size", json_integer((json_int_t)publish->sizes[output]));
    }
    return 0;
}

static void publish_work(struct engine *engine, struct errand *errand)
{
    struct publish *publish = (struct publish *)errand;
    publish->rc = publish_list(engine, publish, publish->results);
    for (size_t i = 0; publish->rc == 0 && i < PLAN_FOLLOWERS_MAX; i++)
        publish->rc = publish_list(engine, publish, publish->then[i]);
}

static void publish_free(struct publish *publish)
{
    for (size_t i = 0; i < TABLE_SIZE(publish->fds); i++) {
        if (publish->fds[i] >= 0)
            close(publish->fds[i]);
    }
    for (size_t i = 0; i < PLAN_FOLLOWERS_MAX; i++)
        json_decref(publish->then[i]);
    json_decref(publish->results);
    free(publish->provider);
    free(publish);
}

static void publish_done(struct engine *engine, struct errand *errand)
{
    struct publish *publish = (struct publish *)errand;
    struct task *task = publish->task;
    struct run *run = task->run;
    (void)engine;
    for (size_t i = 0; i < TABLE_SIZE(publish->sha256); i++) {
        if (*publish->sha256[i])
            run_hold(run, publish->sha256[i]);
    }
    if (publish->rc == 0) {
        fuse_succeed(task, publish->then);
        task_succeed(task, json_incref(publish->results), publish->provider);
    } else {
        task_fail(task, &publish->err);
    }
    publish_free(publish);
    run_unreference(run);
}

/* Reads what the worker says into lists that were checked; false when it is not as it should be. */
static bool publish_read(struct publish *publish, const struct pool_worker *worker,
                         const json_t *message, bool *ret_has_files)
{
    const struct fuse *fuse = publish->task->fuse;
    const json_t *then = json_object_get(message, "then");
    size_t count = fuse ? fuse->count : 0;
    publish->results = results_checked(worker, json_object_get(message, "results"), ret_has_files);
    if (!publish->results || json_array_size(then) != count)
        return false;
    for (size_t i = 0; i < count; i++) {
        bool has_files;
        publish->then[i] = results_checked(worker, json_array_get(then, i), &has_files);
        if (!publish->then[i])
            return false;
        *ret_has_files |= has_files;
    }
    return true;
}

void task_worker_done(struct pool_worker *worker, const json_t *message)
{
    struct task *task = worker->task;
    const char *provider = json_member_string(message, "provider");
    bool has_files = false;
    struct publish *publish = mem_alloc(sizeof(*publish));
    publish->task = task;
    for (size_t i = 0; i < TABLE_SIZE(publish->fds); i++)
        publish->fds[i] = -1;
    worker->task = NULL;
    if (!publish_read(publish, worker, message, &has_files)) {
        struct err fault;
        publish_free(publish);
        err_set(&fault, ERR_WORKER_CRASHED, NULL, "The worker gave a result that cannot be read.");
        task_fail(task, &fault);
        return;
    }
    timer_clear(task->run->engine, &task->timer);
    task->worker = NULL;
    if (!has_files) {
        fuse_succeed(task, publish->then);
        task_succeed(task, json_incref(publish->results), provider);
        publish_free(publish);
        return;
    }
    publish->errand.work = publish_work;
    publish->errand.done = publish_done;
    publish->provider = provider ? mem_strdup(provider) : NULL;
    for (int i = 0; i < worker->output_count; i++) {
        publish->fds[i] = worker->outputs[i];
        worker->outputs[i] = -1;
    }
    task->phase = TASK_PUBLISHING;
    task->run->references++;
    engine_run_errand(task->run->engine, &publish->errand);
}
