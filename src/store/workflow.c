#include "store/internal.h"

#include "base/clock.h"
#include "base/table.h"

#include <assert.h>
#include <string.h>

/* The partial index and the queries of what is unfinished say "status < 2". */
_Static_assert(STORE_QUEUE == 0 && STORE_PROCESSING == 1 && STORE_SUCCESS == 2,
               "the numbers of the states are in the database");

struct create_op {
    struct store_op op;
    struct store_workflow workflow;
    struct store_replay replay; /* `key` NULL: none */
};

struct transition_op {
    struct store_op op;
    struct store_transition transition;
};

/* --- creating ----------------------------------------------------------------------------------- */

static struct store_definition *definition_slot(struct store *store,
                                                const struct store_workflow *workflow)
{
    unsigned hash = (unsigned)workflow->template_version;
    for (const char *c = workflow->template_id; *c; c++)
        hash = hash * 31 + (unsigned char)*c;
    return &store->definitions[hash % STORE_DEFINITIONS];
}

/* Many workflows share one definition: it is kept once, under its hash. */
static int definition_store(struct store *store, const struct store_workflow *workflow,
                            const char **ret_sha256, struct err *err)
{
    struct store_definition *slot = definition_slot(store, workflow);
    *ret_sha256 = slot->sha256;
    if (slot->json && strcmp(slot->json, workflow->template_json) == 0)
        return 0;
    free(slot->json);
    slot->json = NULL;
    sha256_hex(workflow->template_json, strlen(workflow->template_json), slot->sha256);
    int rc = db_run(store->writer, QUERY_DEFINITION_ADD,
                    DB_VALUES(DB_TEXT(slot->sha256), DB_TEXT(workflow->template_json)), NULL, err);
    if (rc == 0)
        slot->json = mem_strdup(workflow->template_json);
    return rc;
}

static int create_reserve(struct store *store, const struct store_workflow *workflow,
                          struct err *err)
{
    if (workflow->price > 0) {
        const struct store_movement reserve = {
            .customer = workflow->customer,
            .kind = "reserve",
            .workflow_id = workflow->id,
            .note = workflow->template_id,
            .amount = -workflow->price,
        };
        return store_credit_move(store, &reserve, err);
    }
    CLEANUP(db_rows) struct db_rows rows;
    int rc = db_query(store->writer, QUERY_CUSTOMER_EXISTS, DB_VALUES(DB_TEXT(workflow->customer)),
                      &rows, err);
    return rc == 0  ? err_set(err, ERR_NOT_FOUND, NULL, "There is no such customer.")
           : rc < 0 ? rc
                    : 0;
}

static int create_run(struct store *store, struct store_op *op, struct err *err)
{
    const struct create_op *create = (const struct create_op *)op;
    const struct store_workflow *w = &create->workflow;
    const char *definition;
    int rc = create_reserve(store, w, err);
    if (rc == 0)
        rc = definition_store(store, w, &definition, err);
    if (rc == 0)
        rc = db_run(
            store->writer, QUERY_WORKFLOW_CREATE,
            DB_VALUES(DB_TEXT(w->id), DB_TEXT(w->customer), DB_TEXT(w->user), DB_TEXT(w->title),
                      DB_TEXT(w->description), DB_TEXT(w->visibility_status), DB_TEXT(w->event_id),
                      DB_TEXT(w->template_id), DB_INT(w->template_version), DB_TEXT(definition),
                      DB_TEXT(w->options_json), DB_TEXT(w->image_urls_json),
                      DB_TEXT(w->webhook_url), DB_TEXT(w->client_type), DB_TEXT(w->rating),
                      DB_INT(w->delivered_at), DB_INT(w->price), DB_INT(w->created_at),
                      w->has_max_credits ? DB_INT(w->max_credits) : DB_TEXT(NULL),
                      DB_TEXT(w->parent_id), DB_TEXT(w->parent_step),
                      w->parent_id ? DB_INT(w->parent_item) : DB_TEXT(NULL), DB_TEXT(w->key_id)),
            NULL, err);
    if (rc == 0 && create->replay.key)
        rc = store_replay_put(store, w->customer, &create->replay, err);
    op->changed_id = w->id;
    op->changed_revision = 1;
    return rc;
}

struct store_workflow *store_workflow_fresh(struct arena *a, const struct store_workflow *workflow)
{
    struct store_workflow *fresh = arena_alloc(a, sizeof(*fresh));
    int64_t created_at = workflow->created_at ? workflow->created_at : clock_wall_us();
    *fresh = (struct store_workflow){
        .id = store_text(a, workflow->id),
        .customer = store_text(a, workflow->customer),
        .user = store_text_required(a, workflow->user),
        .title = store_text_required(a, workflow->title),
        .description = store_text_required(a, workflow->description),
        .visibility_status = store_text_required(a, workflow->visibility_status),
        .event_id = store_text_required(a, workflow->event_id),
        .template_id = store_text(a, workflow->template_id),
        .template_version = workflow->template_version,
        .template_json = store_text(a, workflow->template_json),
        .options_json = store_text(a, workflow->options_json),
        .image_urls_json = store_text(a, workflow->image_urls_json),
        .webhook_url = store_text(a, workflow->webhook_url),
        .client_type = store_text(a, workflow->client_type),
        .rating = store_text(a, workflow->rating),
        .delivered_at = workflow->delivered_at,
        .status = STORE_QUEUE,
        .price = workflow->price,
        .created_at = created_at,
        .updated_at = created_at,
        .revision = 1,
        .has_max_credits = workflow->has_max_credits,
        .max_credits = workflow->max_credits,
        .parent_id = store_text(a, workflow->parent_id),
        .parent_step = store_text(a, workflow->parent_step),
        .parent_item = workflow->parent_item,
        .key_id = store_text(a, workflow->key_id),
    };
    return fresh;
}

void store_workflow_create(struct store *store, const struct store_workflow *workflow,
                           store_done done, void *context)
{
    store_workflow_create_once(store, workflow, NULL, done, context);
}

void store_workflow_create_once(struct store *store, const struct store_workflow *workflow,
                                const struct store_replay *replay, store_done done, void *context)
{
    assert(workflow->price >= 0);
    struct create_op *create = store_op_new(sizeof(*create), create_run, done, context);
    struct store_op *op = &create->op;
    create->workflow = *store_workflow_fresh(op->arena, workflow);
    if (replay)
        create->replay = (struct store_replay){
            .key = store_op_text(op, replay->key),
            .body_sha256 = store_op_text(op, replay->body_sha256),
            .answer = store_op_text(op, replay->answer),
        };
    store_op_submit(store, op);
}

/* --- moving on ---------------------------------------------------------------------------------- */

/* The owner of a workflow that is at the expected revision. */
static int transition_customer(struct store *store, struct transition_op *op,
                               const char **ret_customer, struct err *err)
{
    const struct store_transition *t = &op->transition;
    CLEANUP(db_rows) struct db_rows rows;
    int rc = db_query(store->writer, QUERY_WORKFLOW_HEAD, DB_VALUES(DB_TEXT(t->workflow_id)), &rows,
                      err);
    if (rc <= 0)
        return rc < 0 ? rc : err_set(err, ERR_NOT_FOUND, NULL, "There is no such workflow.");
    if (db_int(&rows, 0) != t->expected_revision)
        return err_set_default(err, ERR_STALE);
    *ret_customer = db_text(&rows, op->op.arena, 2);
    return 0;
}

/* Before the row: without credits the transition must leave no trace. */
static int transition_ledger(struct store *store, struct transition_op *op, struct err *err)
{
    const struct store_transition *t = &op->transition;
    const char *customer;
    int rc = transition_customer(store, op, &customer, err);
    if (rc < 0)
        return rc;
    const struct store_movement movement = {
        .customer = customer,
        .kind = t->ledger_kind,
        .workflow_id = t->workflow_id,
        .note = t->ledger_note,
        .amount = t->ledger_amount,
        .overdraft = strcmp(t->ledger_kind, "settle") == 0,
    };
    return store_credit_move(store, &movement, err);
}

/* Why no row was changed. */
static int transition_refusal(struct store *store, struct transition_op *op, struct err *err)
{
    const char *customer;
    int rc = transition_customer(store, op, &customer, err);
    return rc == 0 ? err_set_default(err, ERR_STALE) : rc;
}

static int transition_row(struct store *store, struct transition_op *op, struct err *err)
{
    const struct store_transition *t = &op->transition;
    int64_t changes;
    int rc;
    if (!t->keeps_status)
        rc = db_run(store->writer, QUERY_WORKFLOW_MOVE,
                    DB_VALUES(DB_TEXT(t->workflow_id), DB_INT(t->expected_revision),
                              DB_INT(t->status), DB_INT(t->progress), DB_INT(t->used_credits),
                              DB_TEXT(t->result_json), DB_TEXT(t->error_json),
                              DB_INT(t->started_at), DB_INT(t->finished_at),
                              DB_INT(clock_wall_us()), DB_TEXT(t->running_json)),
                    &changes, err);
    else
        rc = db_run(store->writer, QUERY_WORKFLOW_ADVANCE,
                    DB_VALUES(DB_TEXT(t->workflow_id), DB_INT(t->expected_revision),
                              DB_INT(t->progress), DB_INT(t->used_credits), DB_TEXT(t->result_json),
                              DB_TEXT(t->error_json), DB_INT(t->started_at), DB_INT(t->finished_at),
                              DB_INT(clock_wall_us()), DB_TEXT(t->running_json)),
                    &changes, err);
    return rc == 0 && changes == 0 ? transition_refusal(store, op, err) : rc;
}

static int transition_stored_task(struct store *store, const struct store_transition *t,
                                  const struct store_task *task, struct err *err)
{
    int64_t changes;
    int rc =
        db_run(store->writer, QUERY_TASK_MOVE,
               DB_VALUES(DB_TEXT(t->workflow_id), DB_TEXT(task->step_id), DB_INT(task->item),
                         DB_INT(task->state), DB_INT(task->attempt), DB_INT(task->not_before),
                         DB_TEXT(task->result_json), DB_TEXT(task->error_json),
                         DB_TEXT(task->reason), DB_TEXT(task->provider), DB_INT(task->used_credits),
                         DB_INT(task->duration_ms), DB_INT(task->started_at),
                         DB_INT(task->finished_at), DB_INT(t->expected_revision + 1)),
               &changes, err);
    return rc == 0 && changes == 0
               ? err_set(err, ERR_NOT_FOUND, NULL, "There is no such step of the workflow.")
               : rc;
}

static int transition_task(struct store *store, const struct store_transition *t,
                           const struct store_task *task, struct err *err)
{
    if (task->is_stored)
        return transition_stored_task(store, t, task, err);
    return db_run(store->writer, QUERY_TASK_PUT,
                  DB_VALUES(DB_TEXT(t->workflow_id), DB_TEXT(task->step_id), DB_INT(task->item),
                            DB_INT(task->item_count), DB_INT(task->position), DB_INT(task->state),
                            DB_INT(task->attempt), DB_INT(task->not_before),
                            DB_TEXT(task->params_json), DB_TEXT(task->result_json),
                            DB_TEXT(task->error_json), DB_TEXT(task->reason),
                            DB_TEXT(task->provider), DB_INT(task->used_credits),
                            DB_INT(task->duration_ms), DB_INT(task->started_at),
                            DB_INT(task->finished_at), DB_INT(t->expected_revision + 1)),
                  NULL, err);
}

static int transition_run(struct store *store, struct store_op *op, struct err *err)
{
    struct transition_op *transition = (struct transition_op *)op;
    const struct store_transition *t = &transition->transition;
    int rc = t->ledger_kind ? transition_ledger(store, transition, err) : 0;
    if (rc == 0)
        rc = transition_row(store, transition, err);
    for (size_t i = 0; rc == 0 && i < t->task_count; i++)
        rc = transition_task(store, t, &t->tasks[i], err);
    if (rc == 0 && t->webhook_id && t->status >= STORE_SUCCESS)
        rc = store_webhook_add(store, t->workflow_id, t->webhook_id, t->status, err);
    for (size_t i = 0; rc == 0 && i < t->blob_count; i++)
        rc = store_blob_use(store, t->workflow_id, t->blobs[i].sha256, t->blobs[i].size, err);
    op->changed_id = t->workflow_id;
    op->changed_revision = t->expected_revision + 1;
    op->changed_final = t->status >= STORE_SUCCESS;
    return rc;
}

static void transition_copy_tasks(struct store_op *op, const struct store_transition *from,
                                  struct store_transition *to)
{
    struct store_task *tasks = arena_array(op->arena, from->task_count, sizeof(*tasks));
    for (size_t i = 0; i < from->task_count; i++) {
        tasks[i] = from->tasks[i];
        tasks[i].step_id = store_op_text(op, from->tasks[i].step_id);
        tasks[i].params_json = store_op_text(op, from->tasks[i].params_json);
        tasks[i].result_json = store_op_text(op, from->tasks[i].result_json);
        tasks[i].error_json = store_op_text(op, from->tasks[i].error_json);
        tasks[i].reason = store_op_text(op, from->tasks[i].reason);
        tasks[i].provider = store_op_text(op, from->tasks[i].provider);
    }
    to->tasks = tasks;
}

static bool transition_ledger_valid(const struct store_transition *t)
{
    if (!t->ledger_kind)
        return true;
    if (strcmp(t->ledger_kind, "release") == 0)
        return t->ledger_amount > 0;
    return t->ledger_amount <= 0 &&
           (strcmp(t->ledger_kind, "settle") == 0 || strcmp(t->ledger_kind, "reserve") == 0);
}

void store_workflow_transition(struct store *store, const struct store_transition *transition,
                               store_done done, void *context)
{
    assert(transition_ledger_valid(transition));
    struct transition_op *copy = store_op_new(sizeof(*copy), transition_run, done, context);
    struct store_op *op = &copy->op;
    struct store_transition *t = &copy->transition;
    *t = *transition;
    t->workflow_id = store_op_text(op, transition->workflow_id);
    t->result_json = store_op_text(op, transition->result_json);
    t->error_json = store_op_text(op, transition->error_json);
    t->running_json = store_op_text(op, transition->running_json);
    t->ledger_kind = store_op_text(op, transition->ledger_kind);
    t->ledger_note = store_op_text(op, transition->ledger_note);
    t->webhook_id = store_op_text(op, transition->webhook_id);
    transition_copy_tasks(op, transition, t);
    struct store_blob *blobs = arena_array(op->arena, transition->blob_count, sizeof(*blobs));
    for (size_t i = 0; i < transition->blob_count; i++) {
        blobs[i].sha256 = store_op_text(op, transition->blobs[i].sha256);
        blobs[i].size = transition->blobs[i].size;
    }
    t->blobs = blobs;
    store_op_submit(store, op);
}
