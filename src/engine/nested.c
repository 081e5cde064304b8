#include "engine/internal.h"

#include "base/clock.h"
#include "base/log.h"

#include <string.h>

/*
 * DESIGN. A step with a place in the engine is another workflow of its own: a row that names the step, run like any other, but
 * never listed, told of or paid for by itself. Its id follows from the step and the attempt, so that a server that died
 * between the two rows finds the child that it had made. Children do not count as active: a workflow never waits for room for
 * its own children.
 */
enum { NESTED_DEPTH_MAX = 4, NESTED_FAMILY_MAX = 100 };

struct nested_letter {
    struct letter letter;
    struct task *task;
    int attempt; /* of the task when it was asked for */
    char id[UUID_TEXT_SIZE];
    int rc;
    struct err err;
};

/* A UUID of version 7 with its parent's time; the rest is a hash of what it is the child of. */
static void nested_name(const struct task *task, char ret_id[UUID_TEXT_SIZE])
{
    CLEANUP(arena) struct arena *a = arena_new();
    const char *parent = task->run->workflow.id;
    char hex[SHA256_HEX_SIZE];
    const char *text = arena_printf(a, "%s/%s/%d/%d", parent, task->run->steps[task->step].info.id,
                                    task->item, task->attempt);
    sha256_hex(text, strlen(text), hex);
    const char *name = arena_printf(a, "%.13s-7%.3s-8%.3s-%.12s", parent, hex, hex + 3, hex + 6);
    memcpy(ret_id, name, UUID_TEXT_SIZE);
}

/* --- what a child may be ------------------------------------------------------------------------ */

/* The workflow that a child run belongs to: in memory, else read. NULL when it is gone. */
static const struct store_workflow *nested_parent(struct engine *engine, struct arena *a,
                                                  const struct store_workflow *workflow)
{
    struct store_workflow_full *full;
    if (!workflow->parent_id)
        return NULL;
    const struct run *run = run_find(engine, workflow->parent_id);
    if (run)
        return &run->workflow;
    if (store_workflow_get(engine->settings.store, a, NULL, workflow->parent_id, &full, NULL) < 0)
        return NULL;
    return &full->workflow;
}

static int nested_check_line(struct task *task, struct arena *a, const char *template_id,
                             struct err *err)
{
    struct engine *engine = task->run->engine;
    const struct store_workflow *at = &task->run->workflow;
    const char *names = template_id;
    for (int depth = 1; at; depth++, at = nested_parent(engine, a, at)) {
        names = arena_printf(a, "%s -> %s", at->template_id, names);
        if (strcmp(at->template_id, template_id) == 0)
            return err_set(err, ERR_INVALID, "/template_id",
                           "The template %s would run inside itself: %s.", template_id, names);
        if (depth == NESTED_DEPTH_MAX)
            return err_set(err, ERR_INVALID, "/template_id",
                           "Templates run inside each other at most %d deep: %s.", NESTED_DEPTH_MAX,
                           names);
    }
    return 0;
}

/* A tree of children that each have children would grow without end. */
static int nested_check_family(struct task *task, struct err *err)
{
    struct run *root = task->run, *up = root;
    while (up && up->workflow.parent_id) {
        root = up;
        up = run_find(root->engine, up->workflow.parent_id);
    }
    root = up ? up : root;
    if (root->family == NESTED_FAMILY_MAX)
        return err_set(err, ERR_INVALID, NULL, "A workflow runs at most %d others.",
                       NESTED_FAMILY_MAX);
    root->family++;
    return 0;
}

struct nested_template {
    const struct plan_template *template;
    struct plan_template *own; /* to be freed; NULL when it is the catalog's */
    int64_t version;
};

static int nested_find_template(struct task *task, struct arena *a, const char *id,
                                struct nested_template *ret, struct err *err)
{
    struct engine *engine = task->run->engine;
    struct store_template *stored;
    struct plan_faults faults;
    CLEANUP(json) json_t *definition = NULL;
    *ret = (struct nested_template){.version = 1};
    if (engine->settings.catalog)
        ret->template = plan_catalog_find(engine->settings.catalog, id);
    if (ret->template)
        return 0;
    int rc = store_template_get(engine->settings.store, a, task->run->workflow.customer, id, 0,
                                &stored, err);
    if (rc == ERR_NOT_FOUND)
        return err_set(err, ERR_INVALID, "/template_id", "There is no template %s.", id);
    if (rc == 0)
        rc = json_parse(stored->json, strlen(stored->json), PLAN_DEFINITION_BYTES_MAX, &definition,
                        err);
    if (rc < 0)
        return rc;
    plan_faults_init(&faults, a);
    ret->version = stored->version;
    ret->template = ret->own = plan_template_reload(definition, &faults);
    if (!ret->template)
        return err_set(err, ERR_INVALID, "/template_id", "The template %s is no longer valid: %s",
                       id, faults.items[0].message);
    return 0;
}

/* What is run besides the workflow's own price is held against the balance and the client's limit before it starts. */
static int nested_check_credits(const struct task *task, int64_t price, struct err *err)
{
    const struct store_workflow *workflow = &task->run->workflow;
    int64_t balance, reserved;
    if (price == 0)
        return 0;
    if (workflow->has_max_credits &&
        workflow->price + run_child_credits(task->run) + price > workflow->max_credits)
        return err_set(err, ERR_INSUFFICIENT_CREDIT, NULL,
                       "The template that this step runs costs %lld credits, which is more than "
                       "max_credits leaves.",
                       (long long)price);
    int rc = store_credit_balance(task->run->engine->settings.store, workflow->customer, &balance,
                                  &reserved, err);
    if (rc == 0 && balance < price)
        return err_set(err, ERR_INSUFFICIENT_CREDIT, NULL,
                       "The template that this step runs costs %lld credits, the balance is %lld.",
                       (long long)price, (long long)balance);
    return rc;
}

/* --- making one --------------------------------------------------------------------------------- */

static void nested_attach(struct task *task);

/* Whether the task still wants that child. */
static bool nested_is_wanted(const struct task *task, int attempt)
{
    return !task->run->over && task->phase == TASK_CHILD && task->attempt == attempt;
}

static void nested_deliver_created(struct engine *engine, struct letter *letter)
{
    struct nested_letter *created = (struct nested_letter *)letter;
    struct task *task = created->task;
    struct run *run = task->run;
    bool there = created->rc == 0 || created->rc == ERR_EXISTS;
    /* One that nobody wants is cancelled here and now: a letter could come after a retry has taken it up again. */
    task->child_found |= created->rc == ERR_EXISTS;
    if (nested_is_wanted(task, created->attempt) && there)
        nested_attach(task);
    else if (nested_is_wanted(task, created->attempt))
        task_fail(task, &created->err);
    else if (there && !engine->stopping && engine_cancel_run(engine, created->id) < 0)
        engine_cancel(engine, created->id);
    free(created);
    run_unreference(run);
}

/* On the store's writer thread. */
static void nested_created(void *context, int rc, const struct err *err)
{
    struct nested_letter *created = context;
    created->rc = rc;
    if (rc < 0)
        created->err = *err;
    engine_post(created->task->run->engine, &created->letter);
}

static int nested_check_options(struct task *task, struct arena *a, const struct plan_template *t,
                                json_t **ret_checked, struct err *err)
{
    struct plan_faults faults;
    plan_faults_init(&faults, a);
    const json_t *images = json_object_get(task->params, "image_urls");
    if (plan_options_check(t, json_object_get(task->params, "options"), images, &faults,
                           ret_checked) == 0)
        return 0;
    return err_set(err, ERR_INVALID, faults.items[0].path,
                   "The options do not fit the template %s: %s", plan_template_id(t),
                   faults.items[0].message);
}

static struct nested_letter *nested_letter_new(struct task *task)
{
    struct nested_letter *letter = mem_alloc(sizeof(*letter));
    letter->letter.deliver = nested_deliver_created;
    letter->task = task;
    letter->attempt = task->attempt;
    memcpy(letter->id, task->child_id, sizeof(letter->id));
    task->run->references++;
    return letter;
}

static void nested_create(struct task *task, struct arena *a, const struct nested_template *found,
                          const json_t *options)
{
    const struct store_workflow *parent = &task->run->workflow;
    const json_t *images = json_object_get(task->params, "image_urls");
    store_workflow_create(
        task->run->engine->settings.store,
        &(struct store_workflow){
            .id = task->child_id,
            .customer = parent->customer,
            .user = parent->user,
            .title = parent->title,
            .visibility_status = "0",
            .event_id = parent->event_id,
            .template_id = plan_template_id(found->template),
            .template_version = found->version,
            .template_json = json_arena_text(a, plan_template_definition(found->template)),
            .options_json = json_arena_text(a, options),
            .image_urls_json = json_is_array(images) ? json_arena_text(a, images) : "[]",
            .client_type = parent->client_type,
            .parent_id = parent->id,
            .parent_step = task->run->steps[task->step].info.id,
            .parent_item = task->item,
        },
        nested_created, nested_letter_new(task));
}

static int nested_prepare(struct task *task, struct err *err)
{
    CLEANUP(arena) struct arena *a = arena_new();
    CLEANUP(json) json_t *options = NULL;
    struct nested_template found = {0};
    const char *id = json_member_string(task->params, "template_id");
    int rc = nested_check_line(task, a, id, err);
    if (rc == 0)
        rc = nested_check_family(task, err);
    if (rc == 0)
        rc = nested_find_template(task, a, id, &found, err);
    if (rc < 0)
        return rc;
    rc = nested_check_options(task, a, found.template, &options, err);
    if (rc == 0)
        rc = nested_check_credits(task, plan_price(found.template, options).total, err);
    if (rc == 0)
        nested_create(task, a, &found, options);
    plan_template_free(found.own);
    return rc;
}

void nested_start(struct task *task)
{
    struct engine *engine = task->run->engine;
    struct err fault;
    task->phase = TASK_CHILD;
    task->fraction = 0;
    task->started_at = clock_wall_us();
    task->running_since = clock_monotonic_us();
    nested_name(task, task->child_id);
    task->child_found = false;
    timer_set(engine, &task->timer,
              task->running_since + (int64_t)task->run->steps[task->step].info.timeout_s * 1000000);
    if (nested_prepare(task, &fault) < 0)
        task_fail(task, &fault);
}

/* --- its end ------------------------------------------------------------------------------------ */

static void nested_fail_task(struct task *task, const struct store_workflow *child)
{
    CLEANUP(json) json_t *error = NULL;
    struct err fault;
    if (child->error_json)
        json_parse(child->error_json, strlen(child->error_json), 1 << 20, &error, NULL);
    const char *code = json_member_string(error, "code");
    const char *message = json_member_string(error, "message");
    const char *step = json_member_string(error, "step_id");
    err_set(&fault, child->status == STORE_CANCEL ? ERR_CANCELLED : err_from_wire(code ? code : ""),
            NULL, "%s%s%s: %s", child->template_id, step ? ", step " : "", step ? step : "",
            message ? message : "It failed.");
    task_fail(task, &fault);
}

static void nested_finish_task(struct task *task, const struct store_workflow *child)
{
    json_t *results = NULL;
    struct err fault;
    if (child->status != STORE_SUCCESS) {
        nested_fail_task(task, child);
        return;
    }
    if (json_parse(child->result_json, strlen(child->result_json), 64 << 20, &results, &fault) <
        0) {
        task_fail(task, &fault);
        return;
    }
    task->used_credits = child->used_credits;
    task_succeed(task, results, NULL);
}

static struct task *nested_task(struct engine *engine, const struct store_workflow *child)
{
    struct run *parent = child->parent_id ? run_find(engine, child->parent_id) : NULL;
    int step = parent ? plan_template_step_index(parent->template, child->parent_step) : -1;
    if (step < 0 || child->parent_item < 0 || child->parent_item >= parent->steps[step].task_count)
        return NULL;
    struct task *task = &parent->steps[step].tasks[child->parent_item];
    bool waits = task->phase == TASK_CHILD && strcmp(task->child_id, child->id) == 0;
    return waits ? task : NULL;
}

/* Brings the child into memory; nested_ended() follows when it has ended already. */
static void nested_attach(struct task *task)
{
    struct engine *engine = task->run->engine;
    struct err fault;
    int rc = engine->stopping ? 0 : run_begin(engine, task->child_id);
    const struct run *child = run_find(engine, task->child_id);
    task->child_leaves = child && child->over;
    if (rc == 0)
        return;
    err_set(&fault, rc, NULL, "The template that this step runs could not be started.");
    task_fail(task, &fault);
}

void nested_ended(struct engine *engine, const struct store_workflow *child)
{
    struct task *task = nested_task(engine, child);
    if (!task)
        return;
    task->child_leaves = false;
    /* One that was there already and has failed goes on from what is missing in it: its parent was retried. */
    if (child->status != STORE_SUCCESS && task->child_found) {
        task->child_found = false;
        store_workflow_retry(engine->settings.store, child->id, child->revision, NULL,
                             nested_created, nested_letter_new(task));
        return;
    }
    nested_finish_task(task, child);
}

void nested_over(struct run *run)
{
    struct task *task = nested_task(run->engine, &run->workflow);
    if (!task || task->child_leaves) /* then it is taken up again, and nested_ended() follows */
        return;
    run->workflow.result_json = run->result_json ? run->result_json : run->workflow.result_json;
    run->workflow.error_json = run->error_json ? run->error_json : run->workflow.error_json;
    nested_finish_task(task, &run->workflow);
}

void nested_moved(struct run *run)
{
    struct task *task = nested_task(run->engine, &run->workflow);
    if (!task)
        return;
    task->fraction = run->workflow.progress / 100.0;
    run_progress(task->run);
}

void nested_stop(struct task *task)
{
    struct run *run = run_find(task->run->engine, task->child_id);
    if (run)
        run_cancel(run); /* else it is being made, and is not wanted any more when it is there */
}

bool nested_is_orphan(struct run *run)
{
    CLEANUP(arena) struct arena *a = arena_new();
    if (!run->workflow.parent_id)
        return false;
    const struct store_workflow *parent = nested_parent(run->engine, a, &run->workflow);
    return !parent || machine_run_final(parent->status);
}

int64_t run_child_credits(const struct run *run)
{
    int64_t sum = 0;
    for (size_t i = 0; i < run->step_count; i++) {
        bool is_child = run->steps[i].info.type->place == STEP_PLACE_ENGINE;
        for (int k = 0; is_child && k < run->steps[i].task_count; k++)
            sum += run->steps[i].tasks[k].used_credits;
    }
    return sum;
}
