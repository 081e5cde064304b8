/* Ends and new beginnings of workflows: cancel, retry, delete. */
#include "api/internal.h"

#include "engine/machine.h"

/* The engine stops a workflow at once; what takes this long is a store that does not answer. */
enum { LIFECYCLE_STOP_SECONDS = 30 };

static void lifecycle_conflict(struct api_call *call, const char *reason)
{
    struct err err;
    err_set(&err, ERR_CONFLICT, NULL, "%s", reason);
    reply_error(call, &err);
}

/* A child run follows the workflow that it is a step of. Answers the call then. */
static bool lifecycle_is_child(struct api_call *call, const struct store_workflow *workflow)
{
    if (workflow->parent_id)
        lifecycle_conflict(call, arena_printf(call->arena, "It is a step of the workflow %s.",
                                              workflow->parent_id));
    return workflow->parent_id != NULL;
}

static void lifecycle_still_stopping(struct api_call *call)
{
    struct err err;
    err_set(&err, ERR_UNAVAILABLE, NULL, "The workflow is still being stopped; ask again.");
    reply_error(call, &err);
}

/* Stops it, then calls `then` on the room's thread. */
static void lifecycle_stop(struct api_call *call, const char *id, wait_answer then)
{
    struct err err;
    engine_cancel(call->api->settings.engine, id);
    if (wait_add(call->api->room, call, id, LIFECYCLE_STOP_SECONDS, false, then, &err) < 0)
        reply_error(call, &err);
}

/* --- cancel -------------------------------------------------------------------------------------- */

static void lifecycle_cancelled(struct api_call *call, const char *id, const struct wait_view *view)
{
    struct store_workflow_full *full;
    (void)view;
    if (!workflow_find(call, call->arena, id, &full))
        return;
    if (full->workflow.status == STORE_CANCEL)
        workflow_answer(call, id);
    else if (machine_run_final(full->workflow.status))
        lifecycle_conflict(call, "The workflow ended before it could be cancelled.");
    else
        lifecycle_still_stopping(call);
}

void ep_lifecycle_cancel(struct api_call *call)
{
    struct store_workflow_full *full;
    if (!workflow_find(call, call->arena, call->values[0], &full) ||
        lifecycle_is_child(call, &full->workflow))
        return;
    if (machine_run_final(full->workflow.status))
        lifecycle_conflict(call, "The workflow has ended already.");
    else
        lifecycle_stop(call, full->workflow.id, lifecycle_cancelled);
}

/* --- retry --------------------------------------------------------------------------------------- */

struct lifecycle_retry {
    struct api_call *call;
    int64_t required;
};

/* On the store's writer thread, after the commit. */
static void lifecycle_retried(void *context, int rc, const struct err *err)
{
    struct lifecycle_retry *retry = context;
    struct api_call *call = retry->call;
    if (rc == ERR_INSUFFICIENT_CREDIT) {
        workflow_reply_poor(call, retry->required);
    } else if (rc < 0) {
        reply_error(call, err);
    } else {
        engine_submit(call->api->settings.engine, call->values[0]);
        wait_run(call->api->room, workflow_answer_path, call);
    }
}

void ep_lifecycle_retry(struct api_call *call)
{
    struct lifecycle_retry *retry = arena_alloc(call->arena, sizeof(*retry));
    struct store_workflow_full *full;
    enum store_status next;
    unsigned effects;
    struct err err;
    if (!workflow_find(call, call->arena, call->values[0], &full) ||
        lifecycle_is_child(call, &full->workflow))
        return;
    const struct store_workflow *workflow = &full->workflow;
    if (!machine_run(workflow->status, MACHINE_RUN_RETRY, &next, &effects)) {
        lifecycle_conflict(call, machine_run_final(workflow->status)
                                     ? "The workflow has succeeded; nothing is missing."
                                     : "The workflow has not ended.");
        return;
    }
    if (limits_take_workflow(call, &err) < 0) {
        reply_error(call, &err);
        return;
    }
    retry->call = call;
    retry->required = workflow->price - workflow->used_credits;
    call->values[0] = workflow->id;
    store_workflow_retry(call->api->settings.store, workflow->id, workflow->revision,
                         limit_key_id(call->limit), lifecycle_retried, retry);
}

/* --- delete -------------------------------------------------------------------------------------- */

struct lifecycle_deletion {
    struct api_call *call;
    struct store_blobs blobs;
    const char *answer; /* the object as it was */
    size_t answer_size;
};

static void lifecycle_remove_files(struct api_call *call)
{
    const struct lifecycle_deletion *deletion = call->deletion;
    sweep_blobs(call->api, &deletion->blobs);
    reply_text(call, 200, deletion->answer, deletion->answer_size);
}

/* On the store's writer thread, after the commit. */
static void lifecycle_deleted(void *context, int rc, const struct err *err)
{
    struct lifecycle_deletion *deletion = context;
    if (rc == ERR_NOT_FOUND)
        reply_code(deletion->call, ERR_NOT_FOUND);
    else if (rc < 0)
        reply_error(deletion->call, err);
    else
        wait_run(deletion->call->api->room, lifecycle_remove_files, deletion->call);
}

static void lifecycle_delete(struct api_call *call, const char *id, const struct wait_view *view)
{
    struct lifecycle_deletion *deletion = arena_alloc(call->arena, sizeof(*deletion));
    struct store_workflow_full *full;
    (void)view;
    if (!workflow_find(call, call->arena, id, &full))
        return;
    if (!machine_run_final(full->workflow.status)) {
        lifecycle_still_stopping(call);
        return;
    }
    deletion->call = call;
    deletion->blobs.arena = call->arena;
    deletion->answer = workflow_render(call, full, &deletion->answer_size);
    call->deletion = deletion;
    store_workflow_delete(call->api->settings.store, call->customer, full->workflow.id,
                          &deletion->blobs, lifecycle_deleted, deletion);
}

void ep_lifecycle_delete(struct api_call *call)
{
    struct store_workflow_full *full;
    if (!workflow_find(call, call->arena, call->values[0], &full) ||
        lifecycle_is_child(call, &full->workflow))
        return;
    if (machine_run_final(full->workflow.status))
        lifecycle_delete(call, full->workflow.id, NULL);
    else
        lifecycle_stop(call, full->workflow.id, lifecycle_delete);
}
