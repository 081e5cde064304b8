/* Steps that are run in one pass with the one before them: plan_fuse() finds them, a worker gets them in one job, and their rows
 * become durable in the same transition as that of the first, so that after a crash either all or none of them are done. */
#include "engine/internal.h"

#include "base/clock.h"
#include "base/metric.h"

void fuse_drop(struct task *task)
{
    struct fuse *fuse = task->fuse;
    task->fuse = NULL;
    for (size_t i = 0; fuse && i < fuse->count; i++) {
        json_decref(fuse->steps[i].params);
        json_decref(fuse->steps[i].local);
    }
    free(fuse);
}

void fuse_plan(struct task *task)
{
    struct run *run = task->run;
    CLEANUP(arena) struct arena *a = arena_new();
    fuse_drop(task);
    if (task->unfused || task->item_count != 1 || !run->steps[task->step].info.type->fuse_begins)
        return;
    struct plan_outcome *outcomes = arena_array(a, run->step_count, sizeof(*outcomes));
    struct plan_view view = run_view(run, outcomes);
    struct plan_follower followers[PLAN_FOLLOWERS_MAX];
    size_t count = plan_fuse(a, &view, task->step, task->params, followers);
    if (count == 0)
        return;
    task->fuse = mem_alloc(sizeof(*task->fuse));
    for (size_t i = 0; i < count; i++) {
        const json_t *local = followers[i].local;
        task->fuse->steps[task->fuse->count++] = (struct fuse_step){
            .step = followers[i].step,
            .params = json_deep_copy(followers[i].params),
            .local = local ? json_deep_copy(local) : json_object(),
        };
    }
}

void fuse_note(const struct task *task)
{
    CLEANUP(arena) struct arena *a = arena_new();
    const struct run *run = task->run;
    const char *names = "";
    for (size_t i = 0; task->fuse && i < task->fuse->count; i++)
        names = arena_printf(a, "%s%s%s", names, i ? ", " : "",
                             run->steps[task->fuse->steps[i].step].info.id);
    if (*names)
        store_note_add(run->engine->settings.store, run->workflow.id,
                       &(struct store_note){
                           .step_id = run->steps[task->step].info.id,
                           .level = "info",
                           .text = arena_printf(a, "One pass makes this step and %s.", names)});
}

bool fuse_undo(struct task *task)
{
    if (!task->fuse)
        return false;
    fuse_drop(task);
    task->unfused = true;
    return true;
}

void fuse_succeed(struct task *task, json_t *const *results)
{
    struct run *run = task->run;
    for (size_t i = 0; task->fuse && i < task->fuse->count; i++) {
        const struct fuse_step *from = &task->fuse->steps[i];
        enum store_task_state next;
        unsigned effects;
        if (run->over || run->steps[from->step].decided)
            continue;
        struct task *made = run_make_tasks(run, from->step, 1);
        if (machine_task(made->state, MACHINE_TASK_SUCCEED, &next, &effects))
            made->state = next;
        made->phase = TASK_OVER;
        made->dirty = true;
        made->fraction = 1;
        made->params = json_incref(from->params);
        made->local = json_incref(from->local);
        made->results = json_incref(results[i]);
        made->started_at = task->started_at;
        made->finished_at = clock_wall_us();
        metric_add(METRIC_STEPS, run->steps[from->step].info.type->name, "success", 1);
    }
    fuse_drop(task);
}

double fuse_weight(const struct task *task)
{
    double weight = 0;
    for (size_t i = 0; task->fuse && i < task->fuse->count; i++)
        weight += task->run->steps[task->fuse->steps[i].step].info.type->weight;
    return weight;
}

int fuse_timeout_s(const struct task *task)
{
    const struct run *run = task->run;
    int seconds = run->steps[task->step].info.timeout_s;
    for (size_t i = 0; task->fuse && i < task->fuse->count; i++)
        seconds += run->steps[task->fuse->steps[i].step].info.timeout_s;
    return seconds;
}
