#include "engine/internal.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/metric.h"

#include <math.h>
#include <string.h>

/* --- in memory ---------------------------------------------------------------------------------- */

static size_t run_bucket(const char *id)
{
    return hash_text(id) % ENGINE_BUCKETS;
}

struct run *run_find(struct engine *engine, const char *workflow_id)
{
    struct run *run = engine->buckets[run_bucket(workflow_id)];
    while (run && strcmp(run->workflow.id, workflow_id) != 0)
        run = run->next;
    return run;
}

static void run_link(struct run *run)
{
    size_t bucket = run_bucket(run->workflow.id);
    run->next = run->engine->buckets[bucket];
    run->engine->buckets[bucket] = run;
    run->engine->active++;
}

static void run_unlink(struct run *run)
{
    struct run **at = &run->engine->buckets[run_bucket(run->workflow.id)];
    while (*at != run)
        at = &(*at)->next;
    *at = run->next;
    run->engine->active--;
}

void run_hold(struct run *run, const char *sha256)
{
    run->held = mem_resize(run->held, run->held_count + 1, sizeof(*run->held));
    memcpy(run->held[run->held_count++], sha256, SHA256_HEX_SIZE);
}

static void run_let_go(struct run *run)
{
    for (size_t i = 0; i < run->held_count; i++)
        blob_let_go(run->engine->settings.blobs, run->held[i]);
    free(run->held);
}

void run_free(struct run *run)
{
    run_unlink(run);
    run_let_go(run);
    if (run->submitted_again)
        engine_submit(run->engine, run->workflow.id);
    timer_clear(run->engine, &run->progress_timer);
    timer_clear(run->engine, &run->commit_timer);
    for (size_t i = 0; i < run->step_count; i++) {
        for (int k = 0; k < run->steps[i].task_count; k++)
            task_finish(&run->steps[i].tasks[k]);
        free(run->steps[i].tasks);
        json_decref(run->steps[i].outcome);
    }
    inputs_free(run);
    json_decref(run->options);
    json_decref(run->image_urls);
    free(run->result_json);
    free(run->error_json);
    free(run->in_commit);
    plan_template_free(run->own_template);
    arena_free(run->arena);
    free(run);
}

static void run_free_if_done(struct run *run)
{
    if (run->over && !run->changed && !run->committing && run->references == 0)
        run_free(run);
}

void run_unreference(struct run *run)
{
    run->references--;
    run_free_if_done(run);
}

/* --- beginning ---------------------------------------------------------------------------------- */

static void run_progress_timer(struct engine *engine, struct timer *timer)
{
    (void)engine;
    run_progress((struct run *)((char *)timer - offsetof(struct run, progress_timer)));
}

static void run_commit_timer(struct engine *engine, struct timer *timer)
{
    (void)engine;
    run_advance((struct run *)((char *)timer - offsetof(struct run, commit_timer)));
}

struct run *run_new(struct engine *engine, struct arena *a, const struct store_workflow *workflow)
{
    struct run *run = mem_alloc(sizeof(*run));
    run->engine = engine;
    run->arena = a;
    run->workflow = *workflow;
    run->committed_status = workflow->status;
    run->committed_progress = workflow->progress;
    run->progress_timer.fire = run_progress_timer;
    run->commit_timer.fire = run_commit_timer;
    run_link(run);
    return run;
}

struct task *run_make_tasks(struct run *run, size_t step, int count)
{
    struct run_step *made = &run->steps[step];
    made->decided = true;
    made->task_count = count;
    made->tasks = mem_array((size_t)count, sizeof(*made->tasks));
    for (int i = 0; i < count; i++) {
        struct task *task = &made->tasks[i];
        task->run = run;
        task->step = step;
        task->item = i;
        task->item_count = count;
        task->attempt = 1;
        task->state = STORE_TASK_READY;
        task->phase = TASK_UNCOMMITTED;
    }
    return made->tasks;
}

/* --- ending ------------------------------------------------------------------------------------- */

static void run_end(struct run *run, enum machine_run_event event, const char *reason)
{
    unsigned effects;
    if (run->over || !machine_run(run->workflow.status, event, &run->workflow.status, &effects))
        return;
    run->over = true;
    run->changed = true;
    if (run->workflow.webhook_url)
        uuid_new(run->webhook_id);
    run->workflow.finished_at = clock_wall_us();
    if (effects & MACHINE_STOP_TASKS) {
        inputs_cancel(run);
        for (size_t i = 0; i < run->step_count; i++) {
            for (int k = 0; k < run->steps[i].task_count; k++)
                task_drop(&run->steps[i].tasks[k], reason);
        }
    }
    if (effects & MACHINE_SETTLE) {
        run->workflow.used_credits = run->workflow.price + run->child_credits;
        run->ledger_kind =
            run->workflow.parent_id ? NULL : "settle"; /* a parent pays for its children */
        run->ledger_amount = -run->child_credits;
    } else if (run->workflow.price > 0) {
        run->ledger_kind = "release";
        run->ledger_amount = run->workflow.price;
    }
}

void run_fail(struct run *run, const struct err *fault, const char *step_id)
{
    if (run->over)
        return;
    CLEANUP(json)
    json_t *error = json_pack("{s:s, s:s, s:s?}", "code", err_wire(fault->code), "message",
                              fault->message, "step_id", step_id);
    run->error_json = json_text(error, NULL);
    run_end(run, MACHINE_RUN_FAIL, "The workflow failed before this step was done.");
}

void run_succeed(struct run *run)
{
    run_end(run, MACHINE_RUN_SUCCEED, NULL);
}

void run_cancel(struct run *run)
{
    if (run->over)
        return;
    CLEANUP(json)
    json_t *error = json_pack("{s:s, s:s, s:n}", "code", err_wire(ERR_CANCELLED), "message",
                              err_text(ERR_CANCELLED), "step_id");
    run->error_json = json_text(error, NULL);
    run_end(run, MACHINE_RUN_CANCEL, "The workflow was cancelled before this step was done.");
    run_advance(run);
}

/* --- progress ----------------------------------------------------------------------------------- */

int run_compute_progress(const struct run *run)
{
    double done = 0, total = 0;
    for (size_t i = 0; i < run->step_count; i++) {
        const struct run_step *step = &run->steps[i];
        double weight = step->info.type->weight;
        if (step->state == PLAN_STEP_SKIPPED && step->task_count == 0)
            continue;
        total += weight * (step->task_count > 0 ? step->task_count : 1);
        for (int k = 0; k < step->task_count; k++)
            done += (weight + fuse_weight(&step->tasks[k])) * step->tasks[k].fraction;
    }
    int percent = total > 0 ? (int)floor(100 * done / total) : 0;
    if (percent > 99)
        percent = 99;
    return percent > run->workflow.progress ? percent : run->workflow.progress;
}

static void run_add_running(json_t *list, const struct task *task, size_t step)
{
    json_array_append_new(list,
                          json_pack("{s:s, s:i, s:s, s:f}", "id", task->run->steps[step].info.id,
                                    "item", task->item, "status", "processing",
                                    "progress_percentage", floor(task->fraction * 1000) / 10));
}

/* The steps that have been running for a moment, those in one pass each with the progress of the pass; NULL for none. */
static const char *run_running(struct arena *a, const struct run *run)
{
    enum { MOMENT_US = 200 * 1000 };
    CLEANUP(json) json_t *list = json_array();
    int64_t since = clock_monotonic_us() - MOMENT_US;
    for (size_t i = 0; i < run->step_count && !run->over; i++) {
        for (int k = 0; k < run->steps[i].task_count; k++) {
            const struct task *task = &run->steps[i].tasks[k];
            if (task->running_since == 0 || task->running_since > since)
                continue;
            run_add_running(list, task, i);
            for (size_t f = 0; task->fuse && f < task->fuse->count; f++)
                run_add_running(list, task, task->fuse->steps[f].step);
        }
    }
    return json_array_size(list) > 0 ? json_arena_text(a, list) : NULL;
}

/* A step that takes minutes moves the whole by less than a percent a second: it is told every second nevertheless. */
void run_progress(struct run *run)
{
    enum { INTERVAL_US = 250 * 1000, STILL_US = 1000 * 1000 };
    int64_t now = clock_monotonic_us();
    if (run->over || run->committing)
        return;
    bool moved = run_compute_progress(run) != run->committed_progress;
    int64_t next = run->progress_at + (moved ? INTERVAL_US : STILL_US);
    if (now < next) {
        if (run->progress_timer.at == 0 || run->progress_timer.at > next)
            timer_set(run->engine, &run->progress_timer, next);
        return;
    }
    run->progress_at = now;
    run->changed = true;
    run_advance(run);
}

/* --- committing --------------------------------------------------------------------------------- */

/* What it is called with, as its row keeps it. */
static const char *run_call_text(struct arena *a, const struct task *task)
{
    CLEANUP(buffer) struct buffer b = {0};
    buffer_append_text(&b, "{\"params\":");
    json_append_text(&b, task->params);
    buffer_append_text(&b, ",\"local\":");
    json_append_text(&b, task->local);
    buffer_append_char(&b, '}');
    return arena_strndup(a, b.bytes, b.size);
}

static void run_fill_task(struct arena *a, const struct task *task, struct store_task *row)
{
    *row = (struct store_task){
        .step_id = task->run->steps[task->step].info.id,
        .item = task->item,
        .item_count = task->item_count,
        .position = (int)task->step,
        .state = task->state,
        .attempt = task->attempt,
        .not_before = task->not_before,
        .params_json = task->is_stored ? NULL : run_call_text(a, task),
        .is_stored = task->is_stored,
        .result_json = task->results ? json_arena_text(a, task->results) : NULL,
        .error_json = task->error_json,
        .reason = task->reason,
        .provider = task->provider,
        .used_credits = task->used_credits,
        .duration_ms = task->duration_ms,
        .started_at = task->started_at,
        .finished_at = task->finished_at,
    };
}

static void run_collect_blobs(const struct task *task, struct store_blob *blobs, size_t *count)
{
    size_t index;
    const json_t *result;
    json_array_foreach(task->results, index, result)
    {
        const char *blob = json_member_string(result, "blob");
        if (blob)
            blobs[(*count)++] = (struct store_blob){blob, json_member_integer(result, "size", 0)};
    }
}

struct commit_letter {
    struct letter letter;
    struct run *run;
    int rc;
    struct err err;
};

static void run_committed(struct run *run, int rc, const struct err *err);

static void run_deliver_commit(struct engine *engine, struct letter *letter)
{
    struct commit_letter *commit = (struct commit_letter *)letter;
    (void)engine;
    run_committed(commit->run, commit->rc, &commit->err);
    free(commit);
}

/* On the store's writer thread. */
static void run_commit_done(void *context, int rc, const struct err *err)
{
    struct commit_letter *commit = context;
    commit->rc = rc;
    if (rc < 0)
        commit->err = *err;
    engine_post(commit->run->engine, &commit->letter);
}

static size_t run_dirty_tasks(const struct run *run, size_t *ret_results)
{
    size_t count = 0;
    *ret_results = 0;
    for (size_t i = 0; i < run->step_count; i++) {
        for (int k = 0; k < run->steps[i].task_count; k++) {
            const struct task *task = &run->steps[i].tasks[k];
            count += task->dirty;
            *ret_results += task->dirty ? json_array_size(task->results) : 0;
        }
    }
    return count;
}

static void run_commit(struct run *run, size_t dirty, size_t results)
{
    CLEANUP(arena) struct arena *a = arena_new();
    struct store_task *rows = arena_array(a, dirty, sizeof(*rows));
    struct store_blob *blobs = arena_array(a, results, sizeof(*blobs));
    size_t blob_count = 0;
    run->in_commit = mem_resize(run->in_commit, dirty, sizeof(struct task *));
    run->in_commit_count = 0;
    for (size_t i = 0; i < run->step_count; i++) {
        for (int k = 0; k < run->steps[i].task_count; k++) {
            struct task *task = &run->steps[i].tasks[k];
            if (!task->dirty)
                continue;
            task->dirty = false;
            run_fill_task(a, task, &rows[run->in_commit_count]);
            run_collect_blobs(task, blobs, &blob_count);
            run->in_commit[run->in_commit_count++] = task;
        }
    }
    if (!run->over)
        run->workflow.progress = run_compute_progress(run);
    else if (run->workflow.status == STORE_SUCCESS)
        run->workflow.progress = 100;
    const struct store_transition transition = {
        .workflow_id = run->workflow.id,
        .expected_revision = run->workflow.revision,
        .status = run->workflow.status,
        .keeps_status = run->workflow.status == run->committed_status,
        .progress = run->workflow.progress,
        .used_credits = run->workflow.used_credits,
        .result_json = run->result_json,
        .error_json = run->error_json,
        .running_json = run_running(a, run),
        .started_at = run->workflow.started_at,
        .finished_at = run->workflow.finished_at,
        .tasks = rows,
        .task_count = run->in_commit_count,
        .ledger_kind = run->ledger_kind,
        .ledger_amount = run->ledger_amount,
        .ledger_note = run->workflow.template_id,
        .webhook_id = *run->webhook_id ? run->webhook_id : NULL,
        .blobs = blobs,
        .blob_count = blob_count,
    };
    struct commit_letter *commit = mem_alloc(sizeof(*commit));
    commit->letter.deliver = run_deliver_commit;
    commit->run = run;
    run->changed = false;
    run->committing = true;
    run->sent_status = run->workflow.status;
    store_workflow_transition(run->engine->settings.store, &transition, run_commit_done, commit);
}

static void run_ended(const struct run *run)
{
    if (*run->webhook_id)
        webhook_add(run->engine, run->webhook_id, run->workflow.webhook_url, clock_wall_us());
    metric_add(METRIC_WORKFLOWS, store_status_text(run->workflow.status), "", 1);
    log_line(LOG_INFO, "workflow ended", "workflow_id", run->workflow.id, "template",
             run->workflow.template_id, "status", store_status_text(run->workflow.status), "error",
             run->error_json, NULL);
}

/* What was on its way did not become durable: it is tried again, on top of what the row says now. */
static void run_commit_failed(struct run *run, int rc, const struct err *err)
{
    enum { AGAIN_US = 1000000 };
    CLEANUP(arena) struct arena *a = arena_new();
    struct store_workflow_full *stored;
    run->changed = true;
    for (size_t i = 0; i < run->in_commit_count; i++)
        run->in_commit[i]->dirty = true;
    if (rc == ERR_STALE || rc == ERR_NOT_FOUND) {
        rc = store_workflow_get(run->engine->settings.store, a, NULL, run->workflow.id, &stored,
                                NULL);
        if (rc == ERR_NOT_FOUND || (rc == 0 && machine_run_final(stored->workflow.status))) {
            run_end(run, MACHINE_RUN_CANCEL, "The workflow has ended.");
            run->over = true;
            run->changed = false;
            run_free_if_done(run);
            return;
        }
        if (rc == 0) {
            run->workflow.revision = stored->workflow.revision;
            run->committed_status = stored->workflow.status;
            run_advance(run);
            return;
        }
    }
    log_line(LOG_ERROR, "a transition could not be stored", "workflow_id", run->workflow.id,
             "reason", err->message, NULL);
    timer_set(run->engine, &run->commit_timer, clock_monotonic_us() + AGAIN_US);
}

static void run_committed(struct run *run, int rc, const struct err *err)
{
    run->committing = false;
    if (rc < 0) {
        run_commit_failed(run, rc, err);
        return;
    }
    run->workflow.revision++;
    run->committed_status = run->sent_status;
    for (size_t i = 0; i < run->in_commit_count; i++)
        run->in_commit[i]->is_stored = true;
    run->committed_progress = run->workflow.progress;
    if (!run->over)
        nested_moved(run);
    if (run->over) {
        if (run->changed) {
            run_advance(run);
        } else {
            run_ended(run);
            nested_over(run);
        }
        run_free_if_done(run);
        return;
    }
    for (size_t i = 0; i < run->in_commit_count && !run->over; i++) {
        struct task *task = run->in_commit[i];
        if (task->state == STORE_TASK_READY && task->phase == TASK_UNCOMMITTED && !task->dirty)
            task_start(task);
    }
    run_advance(run);
}

void run_advance(struct run *run)
{
    size_t results;
    if (run->committing || run->commit_timer.at != 0)
        return;
    if (!run->over)
        run_decide(run);
    size_t dirty = run_dirty_tasks(run, &results);
    if (dirty > 0 || run->changed)
        run_commit(run, dirty, results);
}
