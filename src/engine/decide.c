/* What follows from what has happened: the template's decisions, applied to the tasks of a run. */
#include "engine/internal.h"

#include "base/clock.h"

#include <string.h>

static const int64_t decide_reference_life_s = 7 * 24 * 3600;

/* A stored result as the template language shows it: files get a signed reference. */
static json_t *decide_shown_result(const struct run *run, const json_t *result)
{
    CLEANUP(arena) struct arena *a = arena_new();
    json_t *shown = json_copy((json_t *)result);
    const char *blob = json_member_string(result, "blob");
    if (blob) {
        struct media_url url = {.owner = MEDIA_WORKFLOW,
                                .expires = clock_wall_us() / 1000000 + decide_reference_life_s};
        memcpy(url.id, run->workflow.id, sizeof(url.id));
        memcpy(url.sha256, blob, sizeof(url.sha256));
        json_object_set_new(shown, "url",
                            json_string(media_url_sign(
                                a, run->engine->settings.media_secret, MEDIA_URL_INTERNAL_BASE,
                                &url, json_member_string(result, "content_type"))));
    }
    return shown;
}

static void decide_succeeded(struct run *run, struct run_step *step)
{
    step->state = PLAN_STEP_SUCCESS;
    step->outcome = json_array();
    for (int k = 0; k < step->task_count; k++) {
        size_t index;
        const json_t *result;
        json_array_foreach(step->tasks[k].results, index, result)
            json_array_append_new(step->outcome, decide_shown_result(run, result));
    }
}

/* The state of a step out of those of its tasks. */
static void decide_settle(struct run *run, struct run_step *step)
{
    bool failed = false, skipped = false;
    if (!step->decided || step->state != PLAN_STEP_PENDING)
        return;
    for (int k = 0; k < step->task_count; k++) {
        if (step->tasks[k].state == STORE_TASK_READY)
            return;
        failed |= step->tasks[k].state == STORE_TASK_FAILED;
        skipped |= step->tasks[k].state == STORE_TASK_SKIPPED;
    }
    if (failed || skipped)
        step->state =
            failed && !step->info.continue_on_error ? PLAN_STEP_FAILED : PLAN_STEP_SKIPPED;
    else
        decide_succeeded(run, step);
}

static void decide_make_tasks(struct run *run, size_t index, const json_t *calls)
{
    struct task *tasks = run_make_tasks(run, index, (int)json_array_size(calls));
    for (size_t i = 0; i < json_array_size(calls); i++) {
        const json_t *call = json_array_get(calls, i);
        tasks[i].dirty = true;
        tasks[i].params = json_incref(json_object_get(call, "params"));
        tasks[i].local = json_incref(json_object_get(call, "local"));
        if (!tasks[i].local)
            tasks[i].local = json_object();
    }
}

/* Fills the view that plan/ decides on. */
struct plan_view run_view(const struct run *run, struct plan_outcome *outcomes)
{
    for (size_t i = 0; i < run->step_count; i++)
        outcomes[i] = (struct plan_outcome){run->steps[i].state, run->steps[i].outcome};
    return (struct plan_view){
        .template = run->template,
        .options = run->options,
        .image_urls = run->image_urls,
        .workflow_id = run->workflow.id,
        .workflow_title = run->workflow.title,
        .workflow_event_id = run->workflow.event_id,
        .outcomes = outcomes,
    };
}

/* A step without tasks has no row that could say it. Decisions are made anew after a restart. */
static void decide_note_skip(struct run *run, struct arena *a, const struct run_step *step,
                             const char *level, const char *reason)
{
    store_note_add_once(
        run->engine->settings.store, run->workflow.id,
        &(struct store_note){.step_id = step->info.id,
                             .level = level,
                             .text = arena_printf(a, "The step was skipped: %s", reason)});
}

/* Decides one step; true when something followed from it. */
static bool decide_step(struct run *run, struct arena *a, const struct plan_view *view,
                        size_t index)
{
    struct run_step *step = &run->steps[index];
    struct plan_decision decision = plan_decide(a, view, index);
    struct err fault;
    switch (decision.kind) {
    case PLAN_WAIT:
        return false;
    case PLAN_RUN:
        decide_make_tasks(run, index, decision.runs);
        decide_settle(run, step);
        return true;
    case PLAN_SKIP:
        step->decided = true;
        step->state = PLAN_STEP_SKIPPED;
        decide_note_skip(run, a, step, "info", decision.reason);
        return true;
    case PLAN_FAIL:
        break;
    }
    step->decided = true;
    step->state = step->info.continue_on_error ? PLAN_STEP_SKIPPED : PLAN_STEP_FAILED;
    if (step->info.continue_on_error) {
        decide_note_skip(run, a, step, "warning", decision.reason);
    } else {
        err_set(&fault, ERR_INVALID, decision.path, "%s", decision.reason);
        run_fail(run, &fault, step->info.id);
    }
    return true;
}

static bool decide_all_over(const struct run *run)
{
    for (size_t i = 0; i < run->step_count; i++) {
        if (run->steps[i].state == PLAN_STEP_PENDING)
            return false;
    }
    return true;
}

/* Its price, split over the steps that ran. */
static void decide_share_credits(struct run *run, struct arena *a, int64_t price)
{
    bool *ran = arena_array(a, run->step_count, sizeof(*ran));
    int64_t *shares = arena_array(a, run->step_count, sizeof(*shares));
    for (size_t i = 0; i < run->step_count; i++)
        ran[i] = run->steps[i].task_count > 0 && run->steps[i].state == PLAN_STEP_SUCCESS;
    plan_share_credits(run->template, ran, price, shares);
    for (size_t i = 0; i < run->step_count; i++) {
        if (!ran[i] || shares[i] == 0)
            continue;
        run->steps[i].tasks[0].used_credits += shares[i]; /* on top of what a child run cost */
        run->steps[i].tasks[0].dirty = true;
    }
}

static void run_finish(struct run *run, struct arena *a, const struct plan_view *view)
{
    json_t *results;
    struct err fault;
    if (plan_outputs(a, view, &results, &fault) < 0) {
        run_fail(run, &fault, NULL);
        return;
    }
    size_t index;
    json_t *result;
    json_array_foreach(results, index, result)
    {
        if (json_object_get(result, "blob"))
            json_object_del(result, "url"); /* signed anew on every read */
    }
    run->result_json = json_text(results, NULL);
    run->child_credits = run_child_credits(run);
    int64_t price = run->workflow.price;
    if (run->workflow.parent_id) { /* charged to the parent, as what it would have cost by itself */
        price = plan_price(run->template, run->options).total;
        run->child_credits += price;
    }
    decide_share_credits(run, a, price);
    run_succeed(run);
}

void run_decide(struct run *run)
{
    CLEANUP(arena) struct arena *a = arena_new();
    struct plan_outcome *outcomes = arena_array(a, run->step_count, sizeof(*outcomes));
    bool moved = true;
    while (moved && !run->over) {
        moved = false;
        for (size_t i = 0; i < run->step_count; i++)
            decide_settle(run, &run->steps[i]);
        struct plan_view view = run_view(run, outcomes);
        for (size_t i = 0; i < run->step_count && !run->over; i++) {
            if (!run->steps[i].decided)
                moved |= decide_step(run, a, &view, i);
        }
    }
    if (!run->over && decide_all_over(run)) {
        struct plan_view view = run_view(run, outcomes);
        run_finish(run, a, &view);
    }
}
