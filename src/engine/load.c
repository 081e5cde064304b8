/* Workflows are taken into memory: out of their rows, or right after their creation. */
#include "engine/internal.h"

#include "base/clock.h"
#include "base/log.h"

#include <string.h>

/* The pinned definition; the catalog's parsed form serves when it is the very same definition. */
static int run_load_template(struct run *run, struct err *err)
{
    CLEANUP(json) json_t *definition = NULL;
    const struct plan_catalog *catalog = run->engine->settings.catalog;
    const char *pinned = run->workflow.template_json;
    const struct plan_template *known =
        catalog ? plan_catalog_find(catalog, run->workflow.template_id) : NULL;
    if (known && strcmp(pinned, plan_template_text(known)) == 0) {
        run->template = known;
        return 0;
    }
    int rc = json_parse(pinned, strlen(pinned), PLAN_DEFINITION_BYTES_MAX * 4, &definition, err);
    if (rc < 0)
        return rc;
    struct plan_faults faults;
    plan_faults_init(&faults, run->arena);
    run->own_template = plan_template_reload(definition, &faults);
    run->template = run->own_template;
    if (!run->template)
        return err_set(err, ERR_INTERNAL, NULL, "The pinned template can no longer be read: %s",
                       faults.count ? faults.items[0].message : "no reason is known");
    return 0;
}

static int run_load_json(const char *text, json_t **ret_json, struct err *err)
{
    enum { COLUMN_MAX = 64 * 1024 * 1024 };
    return json_parse(text, strlen(text), COLUMN_MAX, ret_json, err);
}

static int run_load_task(struct run *run, const struct store_task *row, struct err *err)
{
    int step = plan_template_step_index(run->template, row->step_id);
    if (step < 0 || row->item < 0 || row->item >= row->item_count ||
        row->item_count > PLAN_FAN_OUT_MAX)
        return err_set(err, ERR_INTERNAL, NULL, "A step of the workflow is not in its template.");
    if (!run->steps[step].decided)
        run_make_tasks(run, (size_t)step, row->item_count);
    struct task *task = &run->steps[step].tasks[row->item];
    task->is_stored = true;
    task->state = row->state;
    task->attempt = row->attempt;
    task->not_before = row->not_before;
    task->used_credits = row->used_credits;
    task->duration_ms = row->duration_ms;
    task->started_at = row->started_at;
    task->finished_at = row->finished_at;
    task->phase = row->state == STORE_TASK_READY ? TASK_UNCOMMITTED : TASK_OVER;
    task->fraction = row->state == STORE_TASK_READY ? 0 : 1;
    task->error_json = row->error_json ? mem_strdup(row->error_json) : NULL;
    task->reason = row->reason ? mem_strdup(row->reason) : NULL;
    task->provider = row->provider ? mem_strdup(row->provider) : NULL;
    CLEANUP(json) json_t *call = NULL;
    int rc = row->params_json ? run_load_json(row->params_json, &call, err) : 0;
    if (rc == 0 && row->result_json)
        rc = run_load_json(row->result_json, &task->results, err);
    task->params = json_incref(json_object_get(call, "params"));
    task->local = json_incref(json_object_get(call, "local"));
    return rc;
}

static int run_load(struct run *run, const struct store_workflow_full *stored, struct err *err)
{
    int rc = run_load_template(run, err);
    if (rc == 0)
        rc = run_load_json(run->workflow.options_json, &run->options, err);
    if (rc == 0)
        rc = run_load_json(run->workflow.image_urls_json, &run->image_urls, err);
    if (rc < 0)
        return rc;
    run->step_count = plan_template_step_count(run->template);
    run->steps = arena_array(run->arena, run->step_count, sizeof(*run->steps));
    for (size_t i = 0; i < run->step_count; i++)
        run->steps[i].info = plan_template_step(run->template, i);
    for (size_t i = 0; i < stored->task_count && rc == 0; i++)
        rc = run_load_task(run, &stored->tasks[i], err);
    return rc;
}

/* Begins or resumes what is not final. Takes over the arena. */
static void run_take_up(struct engine *engine, struct arena *a,
                        const struct store_workflow_full *stored)
{
    struct err err;
    struct run *run = run_new(engine, a, &stored->workflow);
    if (run_load(run, stored, &err) < 0) {
        run_fail(run, &err, NULL);
        run_advance(run);
        return;
    }
    if (nested_is_orphan(run)) {
        run_cancel(run);
        return;
    }
    if (run->workflow.status == STORE_QUEUE) {
        unsigned effects;
        machine_run(STORE_QUEUE, MACHINE_RUN_BEGIN, &run->workflow.status, &effects);
        run->workflow.started_at = clock_wall_us();
        run->changed = true;
    }
    for (size_t i = 0; i < run->step_count; i++) {
        for (int k = 0; k < run->steps[i].task_count && !run->over; k++) {
            if (run->steps[i].tasks[k].state == STORE_TASK_READY)
                task_start(&run->steps[i].tasks[k]);
        }
    }
    run_advance(run);
}

int run_begin(struct engine *engine, const char *workflow_id)
{
    struct store_workflow_full *stored;
    struct err err;
    struct run *known = run_find(engine, workflow_id);
    if (known) {
        known->submitted_again |= known->over;
        return 0;
    }
    struct arena *a = arena_new();
    int rc = store_workflow_get(engine->settings.store, a, NULL, workflow_id, &stored, &err);
    if (rc < 0 || machine_run_final(stored->workflow.status)) {
        if (rc < 0)
            log_line(LOG_ERROR, "a workflow cannot be read", "workflow_id", workflow_id, "reason",
                     err.message, NULL);
        else
            nested_ended(engine, &stored->workflow);
        arena_free(a);
        return rc == ERR_STORAGE ? rc : 0;
    }
    run_take_up(engine, a, stored);
    return 0;
}

void run_begin_created(struct engine *engine, struct arena *a,
                       const struct store_workflow *workflow)
{
    const struct store_workflow_full stored = {.workflow = *workflow};
    if (run_find(engine, workflow->id))
        arena_free(a);
    else
        run_take_up(engine, a, &stored);
}
