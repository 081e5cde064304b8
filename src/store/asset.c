#include "store/internal.h"

#include "base/clock.h"

#include <assert.h>
#include <string.h>

struct asset_op {
    struct store_op op;
    struct store_asset asset;
};

struct input_op {
    struct store_op op;
    const char *workflow_id, *url, *sha256, *content_type;
    int64_t size;
};

/* --- blobs in use ------------------------------------------------------------------------------- */

int store_blob_use(struct store *store, const char *workflow_id, const char *sha256, int64_t size,
                   struct err *err)
{
    int64_t added = 0;
    int rc = db_run(store->writer, QUERY_BLOB_USE,
                    DB_VALUES(DB_TEXT(workflow_id), DB_TEXT(sha256), DB_INT(size)), &added, err);
    if (rc == 0 && added > 0 && size > 0)
        rc = db_run(store->writer, QUERY_STORAGE_MOVE_OF_WORKFLOW,
                    DB_VALUES(DB_TEXT(workflow_id), DB_INT(size)), NULL, err);
    return rc;
}

int store_storage_bytes(struct store *store, const char *customer, int64_t *ret_bytes,
                        struct err *err)
{
    return store_read_int(store, QUERY_STORAGE_OF, DB_VALUES(DB_TEXT(customer)), ret_bytes, err);
}

int store_blob_used(struct store *store, const char *sha256, bool *ret_used, struct err *err)
{
    int64_t used;
    int rc = store_read_int(store, QUERY_BLOB_USED, DB_VALUES(DB_TEXT(sha256)), &used, err);
    if (rc == 0)
        *ret_used = used != 0;
    return rc;
}

/* --- fetched inputs ----------------------------------------------------------------------------- */

static int input_run(struct store *store, struct store_op *op, struct err *err)
{
    const struct input_op *input = (const struct input_op *)op;
    int rc = db_run(store->writer, QUERY_INPUT_PUT,
                    DB_VALUES(DB_TEXT(input->workflow_id), DB_TEXT(input->url),
                              DB_TEXT(input->sha256), DB_INT(input->size),
                              DB_TEXT(input->content_type), DB_INT(clock_wall_us())),
                    NULL, err);
    if (rc == 0)
        rc = store_blob_use(store, input->workflow_id, input->sha256, input->size, err);
    return rc;
}

void store_input_add(struct store *store, const char *workflow_id, const char *url,
                     const char *blob_sha256, int64_t size, const char *content_type,
                     store_done done, void *context)
{
    struct input_op *input = store_op_new(sizeof(*input), input_run, done, context);
    input->workflow_id = store_op_text(&input->op, workflow_id);
    input->url = store_op_text(&input->op, url);
    input->sha256 = store_op_text(&input->op, blob_sha256);
    input->content_type = store_op_text(&input->op, content_type);
    input->size = size;
    store_op_submit(store, &input->op);
}

int store_input_find(struct store *store, struct arena *a, const char *workflow_id, const char *url,
                     const char **ret_sha256, struct err *err)
{
    return store_read_text(store, a, QUERY_INPUT_FIND,
                           DB_VALUES(DB_TEXT(workflow_id), DB_TEXT(url)), ret_sha256, err);
}

/* --- assets ------------------------------------------------------------------------------------- */

static int asset_run(struct store *store, struct store_op *op, struct err *err)
{
    const struct store_asset *asset = &((const struct asset_op *)op)->asset;
    int rc = db_run(store->writer, QUERY_ASSET_ADD,
                    DB_VALUES(DB_TEXT(asset->id), DB_TEXT(asset->customer), DB_TEXT(asset->sha256),
                              DB_TEXT(asset->content_type), DB_TEXT(asset->name),
                              DB_INT(asset->size), DB_INT(asset->created_at)),
                    NULL, err);
    if (rc == 0)
        rc = db_run(store->writer, QUERY_STORAGE_MOVE,
                    DB_VALUES(DB_TEXT(asset->customer), DB_INT(asset->size)), NULL, err);
    return rc;
}

void store_asset_add(struct store *store, const struct store_asset *asset, store_done done,
                     void *context)
{
    struct asset_op *add = store_op_new(sizeof(*add), asset_run, done, context);
    add->asset = (struct store_asset){
        .id = store_op_text(&add->op, asset->id),
        .customer = store_op_text(&add->op, asset->customer),
        .sha256 = store_op_text(&add->op, asset->sha256),
        .content_type = store_op_text_required(&add->op, asset->content_type),
        .name = store_op_text(&add->op, asset->name),
        .size = asset->size,
        .created_at = asset->created_at ? asset->created_at : clock_wall_us(),
    };
    store_op_submit(store, &add->op);
}

int store_asset_get(struct store *store, struct arena *a, const char *customer, const char *id,
                    struct store_asset **ret_asset, struct err *err)
{
    struct db *db;
    struct db_rows rows;
    struct store_asset asset;
    int rc = store_reader_borrow(store, &db, err);
    if (rc < 0)
        return rc;
    rc = db_query(db, QUERY_ASSET_GET, DB_VALUES(DB_TEXT(id)), &rows, err);
    if (rc == 1)
        asset = (struct store_asset){
            .id = db_text(&rows, a, 0),
            .customer = db_text(&rows, a, 1),
            .sha256 = db_text(&rows, a, 2),
            .content_type = db_text(&rows, a, 3),
            .name = db_text(&rows, a, 4),
            .size = db_int(&rows, 5),
            .created_at = db_int(&rows, 6),
        };
    db_rows_end(&rows);
    store_reader_return(store, db);
    if (rc < 0)
        return rc;
    if (rc != 1 || (customer && strcmp(asset.customer, customer) != 0))
        return err_set(err, ERR_NOT_FOUND, NULL, "There is no such asset.");
    *ret_asset = arena_memdup(a, &asset, sizeof(asset));
    return 0;
}

/* --- what has outlived its time ----------------------------------------------------------------- */

static int expired_read(struct store *store, struct arena *a, enum query_id query, int64_t before,
                        int limit, struct store_expired **ret_expired, size_t *ret_count,
                        struct err *err)
{
    struct db *db;
    struct db_rows rows;
    size_t count = 0;
    assert(limit >= 1 && limit <= 1000);
    struct store_expired *expired = arena_array(a, (size_t)limit, sizeof(*expired));
    int rc = store_reader_borrow(store, &db, err);
    if (rc < 0)
        return rc;
    for (rc = db_query(db, query, DB_VALUES(DB_INT(before), DB_INT(limit)), &rows, err); rc == 1;
         rc = db_next(&rows, err))
        expired[count++] = (struct store_expired){db_text(&rows, a, 0), db_text(&rows, a, 1),
                                                  db_text(&rows, a, 2)};
    db_rows_end(&rows);
    store_reader_return(store, db);
    *ret_expired = expired;
    *ret_count = count;
    return rc;
}

int store_workflow_expired(struct store *store, struct arena *a, int64_t before, int limit,
                           struct store_expired **ret_expired, size_t *ret_count, struct err *err)
{
    return expired_read(store, a, QUERY_WORKFLOW_EXPIRED, before, limit, ret_expired, ret_count,
                        err);
}

int store_asset_expired(struct store *store, struct arena *a, int64_t before, int limit,
                        struct store_expired **ret_expired, size_t *ret_count, struct err *err)
{
    return expired_read(store, a, QUERY_ASSET_EXPIRED, before, limit, ret_expired, ret_count, err);
}

struct asset_delete_op {
    struct store_op op;
    const char *id;
};

static int asset_delete_run(struct store *store, struct store_op *op, struct err *err)
{
    const struct asset_delete_op *delete = (const struct asset_delete_op *)op;
    int64_t changes = 0;
    int rc =
        db_run(store->writer, QUERY_STORAGE_LEAVE_ASSET, DB_VALUES(DB_TEXT(delete->id)), NULL, err);
    if (rc == 0)
        rc = db_run(store->writer, QUERY_ASSET_DELETE, DB_VALUES(DB_TEXT(delete->id)), &changes,
                    err);
    if (rc == 0 && changes == 0)
        return err_set(err, ERR_NOT_FOUND, NULL, "There is no such asset.");
    return rc;
}

void store_asset_delete(struct store *store, const char *id, store_done done, void *context)
{
    struct asset_delete_op *delete = store_op_new(sizeof(*delete), asset_delete_run, done, context);
    delete->id = store_op_text(&delete->op, id);
    store_op_submit(store, &delete->op);
}
