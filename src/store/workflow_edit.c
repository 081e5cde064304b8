/* What clients do to workflows that are there: change, retry, delete. */
#include "store/internal.h"

#include "base/clock.h"

/* --- changing ----------------------------------------------------------------------------------- */

struct edit_op {
    struct store_op op;
    struct store_edit edit;
};

static int edit_run(struct store *store, struct store_op *op, struct err *err)
{
    const struct store_edit *edit = &((const struct edit_op *)op)->edit;
    CLEANUP(db_rows) struct db_rows rows;
    int rc = db_query(store->writer, QUERY_WORKFLOW_EDIT,
                      DB_VALUES(DB_TEXT(edit->workflow_id), DB_TEXT(edit->customer),
                                DB_TEXT(edit->title), DB_TEXT(edit->description),
                                DB_TEXT(edit->visibility_status), DB_INT(edit->has_rating),
                                DB_TEXT(edit->rating), DB_INT(edit->delivered_at),
                                DB_INT(clock_wall_us())),
                      &rows, err);
    if (rc <= 0)
        return rc < 0 ? rc : err_set(err, ERR_NOT_FOUND, NULL, "There is no such workflow.");
    op->changed_id = edit->workflow_id;
    op->changed_revision = db_int(&rows, 0);
    op->changed_final = db_int(&rows, 1) >= STORE_SUCCESS;
    rc = db_next(&rows, err);
    return rc < 0 ? rc : 0;
}

void store_workflow_edit(struct store *store, const struct store_edit *edit, store_done done,
                         void *context)
{
    struct edit_op *copy = store_op_new(sizeof(*copy), edit_run, done, context);
    struct store_op *op = &copy->op;
    copy->edit = (struct store_edit){
        .customer = store_op_text(op, edit->customer),
        .workflow_id = store_op_text(op, edit->workflow_id),
        .title = store_op_text(op, edit->title),
        .description = store_op_text(op, edit->description),
        .visibility_status = store_op_text(op, edit->visibility_status),
        .has_rating = edit->has_rating,
        .rating = store_op_text(op, edit->rating),
        .delivered_at = edit->delivered_at,
    };
    store_op_submit(store, op);
}

/* --- retrying ----------------------------------------------------------------------------------- */

struct retry_op {
    struct store_op op;
    const char *workflow_id, *key_id;
    int64_t expected_revision;
};

static int retry_reserve(struct store *store, const struct retry_op *retry, struct err *err)
{
    CLEANUP(arena) struct arena *a = arena_new();
    struct store_movement reserve = {.kind = "reserve", .workflow_id = retry->workflow_id};
    {
        CLEANUP(db_rows) struct db_rows rows;
        int rc = db_query(store->writer, QUERY_WORKFLOW_DEBT,
                          DB_VALUES(DB_TEXT(retry->workflow_id)), &rows, err);
        if (rc <= 0)
            return rc < 0 ? rc : err_set(err, ERR_NOT_FOUND, NULL, "There is no such workflow.");
        if (db_int(&rows, 0) != retry->expected_revision)
            return err_set_default(err, ERR_STALE);
        if (db_int(&rows, 1) < STORE_SUCCESS)
            return err_set_default(err, ERR_CONFLICT);
        reserve.customer = db_text(&rows, a, 2);
        reserve.note = db_text(&rows, a, 3);
        reserve.amount = -db_int(&rows, 4);
    }
    return reserve.amount < 0 ? store_credit_move(store, &reserve, err) : 0;
}

static int retry_run(struct store *store, struct store_op *op, struct err *err)
{
    const struct retry_op *retry = (const struct retry_op *)op;
    int rc = retry_reserve(store, retry, err);
    if (rc == 0)
        rc = db_run(store->writer, QUERY_WORKFLOW_RETRY,
                    DB_VALUES(DB_TEXT(retry->workflow_id), DB_INT(retry->expected_revision),
                              DB_INT(clock_wall_us()), DB_TEXT(retry->key_id)),
                    NULL, err);
    if (rc == 0)
        rc = db_run(store->writer, QUERY_TASK_RETRY,
                    DB_VALUES(DB_TEXT(retry->workflow_id), DB_INT(retry->expected_revision + 1)),
                    NULL, err);
    op->changed_id = retry->workflow_id;
    op->changed_revision = retry->expected_revision + 1;
    return rc;
}

void store_workflow_retry(struct store *store, const char *workflow_id, int64_t expected_revision,
                          const char *key_id, store_done done, void *context)
{
    struct retry_op *retry = store_op_new(sizeof(*retry), retry_run, done, context);
    retry->workflow_id = store_op_text(&retry->op, workflow_id);
    retry->expected_revision = expected_revision;
    retry->key_id = store_op_text(&retry->op, key_id);
    store_op_submit(store, &retry->op);
}

/* --- deleting ----------------------------------------------------------------------------------- */

struct delete_op {
    struct store_op op;
    const char *customer, *workflow_id;
    struct store_blobs *ret_blobs;
};

static int delete_collect(struct store *store, const struct delete_op *delete, struct err *err)
{
    struct store_blobs *blobs = delete->ret_blobs;
    CLEANUP(db_rows) struct db_rows rows;
    size_t capacity = 0;
    blobs->count = 0; /* also when the group is run again */
    int rc = db_query(store->writer, QUERY_WORKFLOW_BLOBS, DB_VALUES(DB_TEXT(delete->workflow_id)),
                      &rows, err);
    for (; rc == 1; rc = db_next(&rows, err)) {
        if (blobs->count == capacity) {
            capacity = capacity ? 2 * capacity : 16;
            const char **grown = arena_array(blobs->arena, capacity, sizeof(*grown));
            for (size_t i = 0; i < blobs->count; i++)
                grown[i] = blobs->hashes[i];
            blobs->hashes = grown;
        }
        blobs->hashes[blobs->count++] = db_text(&rows, blobs->arena, 0);
    }
    return rc;
}

static int delete_refusal(struct store *store, const struct delete_op *delete, struct err *err)
{
    CLEANUP(db_rows) struct db_rows rows;
    int rc = db_query(store->writer, QUERY_WORKFLOW_HEAD, DB_VALUES(DB_TEXT(delete->workflow_id)),
                      &rows, err);
    if (rc < 0)
        return rc;
    if (rc == 1 && db_int(&rows, 1) < STORE_SUCCESS)
        return err_set(err, ERR_CONFLICT, NULL, "The workflow has not ended.");
    return err_set(err, ERR_NOT_FOUND, NULL, "There is no such workflow.");
}

static int delete_run(struct store *store, struct store_op *op, struct err *err)
{
    const struct delete_op *delete = (const struct delete_op *)op;
    int64_t changes = 0;
    int rc = delete_collect(store, delete, err);
    if (rc == 0)
        rc = db_run(store->writer, QUERY_STORAGE_LEAVE_WORKFLOW,
                    DB_VALUES(DB_TEXT(delete->workflow_id), DB_TEXT(delete->customer)), NULL, err);
    if (rc == 0)
        rc = db_run(store->writer, QUERY_WORKFLOW_DELETE,
                    DB_VALUES(DB_TEXT(delete->workflow_id), DB_TEXT(delete->customer)), &changes,
                    err);
    if (rc == 0 && changes == 0)
        rc = delete_refusal(store, delete, err);
    op->changed_id = delete->workflow_id;
    op->changed_revision = INT64_MAX;
    op->changed_final = true;
    return rc;
}

void store_workflow_delete(struct store *store, const char *customer, const char *workflow_id,
                           struct store_blobs *ret_blobs, store_done done, void *context)
{
    struct delete_op *delete = store_op_new(sizeof(*delete), delete_run, done, context);
    delete->customer = store_op_text(&delete->op, customer);
    delete->workflow_id = store_op_text(&delete->op, workflow_id);
    delete->ret_blobs = ret_blobs;
    store_op_submit(store, &delete->op);
}
