/* News for the receivers of customers: what is to be delivered, what became of it, and the secrets it is signed with. */
#include "store/internal.h"

#include "base/clock.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* --- deliveries --------------------------------------------------------------------------------- */

int store_webhook_add(struct store *store, const char *workflow_id, const char *webhook_id,
                      enum store_status status, struct err *err)
{
    char type[32];
    snprintf(type, sizeof(type), "workflow.%s", store_status_text(status));
    return db_run(store->writer, QUERY_WEBHOOK_ADD,
                  DB_VALUES(DB_TEXT(workflow_id), DB_TEXT(webhook_id), DB_TEXT(type),
                            DB_INT(clock_wall_us())),
                  NULL, err);
}

struct attempt_op {
    struct store_op op;
    struct store_webhook_attempt attempt;
    const char *id;
    enum store_webhook_status status;
    int64_t next_attempt_at;
    bool gone;
};

static int attempt_run(struct store *store, struct store_op *op, struct err *err)
{
    const struct attempt_op *attempt = (const struct attempt_op *)op;
    int64_t changes;
    int rc = db_run(
        store->writer, QUERY_WEBHOOK_MOVE,
        DB_VALUES(DB_TEXT(attempt->id), DB_INT(attempt->status), DB_INT(attempt->next_attempt_at)),
        &changes, err);
    if (rc == 0 && changes == 0)
        return err_set(err, ERR_NOT_FOUND, NULL, "There is no such delivery.");
    if (rc == 0)
        rc =
            db_run(store->writer, QUERY_WEBHOOK_ATTEMPT_ADD,
                   DB_VALUES(DB_TEXT(attempt->id), DB_INT(attempt->attempt.at),
                             DB_INT(attempt->attempt.status_code), DB_TEXT(attempt->attempt.error)),
                   NULL, err);
    if (rc == 0)
        rc =
            db_run(store->writer, QUERY_WEBHOOK_ATTEMPT_TRIM,
                   DB_VALUES(DB_TEXT(attempt->id), DB_INT(STORE_WEBHOOK_ATTEMPTS_KEPT)), NULL, err);
    if (rc == 0 && attempt->gone)
        rc = db_run(store->writer, QUERY_WEBHOOK_GONE_ADD,
                    DB_VALUES(DB_TEXT(attempt->id), DB_INT(attempt->attempt.at)), NULL, err);
    return rc;
}

void store_webhook_attempted(struct store *store, const char *id,
                             const struct store_webhook_attempt *attempt,
                             enum store_webhook_status status, int64_t next_attempt_at, bool gone,
                             store_done done, void *context)
{
    struct attempt_op *op = store_op_new(sizeof(*op), attempt_run, done, context);
    op->id = store_op_text(&op->op, id);
    op->attempt = *attempt;
    op->attempt.error = store_op_text(&op->op, attempt->error);
    op->status = status;
    op->next_attempt_at = next_attempt_at;
    op->gone = gone;
    store_op_submit(store, &op->op);
}

struct redeliver_op {
    struct store_op op;
    const char *customer, *id;
};

static int redeliver_run(struct store *store, struct store_op *op, struct err *err)
{
    const struct redeliver_op *redeliver = (const struct redeliver_op *)op;
    int64_t changes;
    int rc = db_run(
        store->writer, QUERY_WEBHOOK_REDELIVER,
        DB_VALUES(DB_TEXT(redeliver->id), DB_TEXT(redeliver->customer), DB_INT(clock_wall_us())),
        &changes, err);
    if (rc == 0 && changes == 0)
        return err_set(err, ERR_NOT_FOUND, NULL, "There is no such delivery.");
    if (rc == 0)
        rc = db_run(store->writer, QUERY_WEBHOOK_GONE_REMOVE, DB_VALUES(DB_TEXT(redeliver->id)),
                    NULL, err);
    return rc;
}

void store_webhook_redeliver(struct store *store, const char *customer, const char *id,
                             store_done done, void *context)
{
    struct redeliver_op *op = store_op_new(sizeof(*op), redeliver_run, done, context);
    op->customer = store_op_text(&op->op, customer);
    op->id = store_op_text(&op->op, id);
    store_op_submit(store, &op->op);
}

/* --- reading ------------------------------------------------------------------------------------ */

static struct store_webhook webhook_read(struct db_rows *rows, struct arena *a)
{
    return (struct store_webhook){
        .id = db_text(rows, a, 0),
        .customer = db_text(rows, a, 1),
        .workflow_id = db_text(rows, a, 2),
        .type = db_text(rows, a, 3),
        .url = db_text(rows, a, 4),
        .status = (enum store_webhook_status)db_int(rows, 5),
        .try_count = (int)db_int(rows, 6),
        .next_attempt_at = db_int(rows, 7),
        .created_at = db_int(rows, 8),
        .gone = db_int(rows, 9) != 0,
    };
}

static int webhook_read_attempts(struct db *db, struct arena *a, struct store_webhook *webhook,
                                 struct err *err)
{
    CLEANUP(db_rows) struct db_rows rows;
    webhook->attempts = arena_array(a, STORE_WEBHOOK_ATTEMPTS_KEPT, sizeof(*webhook->attempts));
    int rc = db_query(db, QUERY_WEBHOOK_ATTEMPT_LIST, DB_VALUES(DB_TEXT(webhook->id)), &rows, err);
    for (; rc == 1 && webhook->attempt_count < STORE_WEBHOOK_ATTEMPTS_KEPT;
         rc = db_next(&rows, err))
        webhook->attempts[webhook->attempt_count++] = (struct store_webhook_attempt){
            .at = db_int(&rows, 0),
            .status_code = (int)db_int(&rows, 1),
            .error = db_text(&rows, a, 2),
        };
    return rc < 0 ? rc : 0;
}

/* 1 when it is there. */
static int webhook_read_one(struct db *db, struct arena *a, const char *customer, const char *id,
                            struct store_webhook *webhook, struct err *err)
{
    {
        CLEANUP(db_rows) struct db_rows rows;
        int rc = db_query(db, QUERY_WEBHOOK_GET, DB_VALUES(DB_TEXT(id)), &rows, err);
        if (rc <= 0)
            return rc;
        *webhook = webhook_read(&rows, a);
    }
    if (customer && strcmp(customer, webhook->customer) != 0)
        return 0;
    int rc = webhook_read_attempts(db, a, webhook, err);
    return rc < 0 ? rc : 1;
}

int store_webhook_get(struct store *store, struct arena *a, const char *customer, const char *id,
                      struct store_webhook **ret_webhook, struct err *err)
{
    struct db *db;
    struct store_webhook webhook = {0};
    int rc = store_reader_borrow(store, &db, err);
    if (rc < 0)
        return rc;
    rc = db_transact(db, DB_BEGIN_READ, err);
    if (rc == 0) {
        rc = webhook_read_one(db, a, customer, id, &webhook, err);
        db_transact(db, DB_ROLLBACK, NULL);
    }
    store_reader_return(store, db);
    if (rc == 0)
        return err_set(err, ERR_NOT_FOUND, NULL, "There is no such delivery.");
    if (rc < 0)
        return rc;
    *ret_webhook = arena_memdup(a, &webhook, sizeof(webhook));
    return 0;
}

static int webhook_read_list(struct db *db, struct arena *a, const char *customer,
                             const struct store_webhook_filter *filter, int limit,
                             struct store_webhook *list, size_t *ret_count, struct err *err)
{
    CLEANUP(db_rows) struct db_rows rows;
    int rc =
        db_query(db, QUERY_WEBHOOK_LIST,
                 DB_VALUES(DB_TEXT(customer), DB_TEXT(filter->before_id ? filter->before_id : "g"),
                           DB_TEXT(filter->workflow_id),
                           DB_INT(filter->has_status ? (int)filter->status : -1), DB_INT(limit)),
                 &rows, err);
    for (; rc == 1; rc = db_next(&rows, err))
        list[(*ret_count)++] = webhook_read(&rows, a);
    return rc;
}

int store_webhook_list(struct store *store, struct arena *a, const char *customer,
                       const struct store_webhook_filter *filter, int limit,
                       struct store_webhook **ret_webhooks, size_t *ret_count, struct err *err)
{
    enum { LIMIT_MAX = 1000 };
    struct db *db;
    size_t count = 0;
    assert(limit >= 1 && limit <= LIMIT_MAX);
    struct store_webhook *list = arena_array(a, (size_t)limit, sizeof(*list));
    int rc = store_reader_borrow(store, &db, err);
    if (rc < 0)
        return rc;
    rc = db_transact(db, DB_BEGIN_READ, err);
    if (rc == 0) {
        rc = webhook_read_list(db, a, customer, filter, limit, list, &count, err);
        for (size_t i = 0; rc == 0 && i < count; i++)
            rc = webhook_read_attempts(db, a, &list[i], err);
        db_transact(db, DB_ROLLBACK, NULL);
    }
    store_reader_return(store, db);
    *ret_webhooks = list;
    *ret_count = count;
    return rc;
}

int store_webhook_pending(struct store *store,
                          void (*visit)(void *context, const char *id, const char *url,
                                        int64_t next_attempt_at),
                          void *context, struct err *err)
{
    struct db *db;
    struct db_rows rows;
    int rc = store_reader_borrow(store, &db, err);
    if (rc < 0)
        return rc;
    for (rc = db_query(db, QUERY_WEBHOOK_PENDING, DB_NO_VALUES, &rows, err); rc == 1;
         rc = db_next(&rows, err)) {
        CLEANUP(arena) struct arena *a = arena_new();
        visit(context, db_text(&rows, a, 0), db_text(&rows, a, 1), db_int(&rows, 2));
    }
    db_rows_end(&rows);
    store_reader_return(store, db);
    return rc;
}

/* --- secrets ------------------------------------------------------------------------------------ */

struct secret_op {
    struct store_op op;
    const char *customer, *secret;
    bool rotate;
};

static int secret_has_one(struct store *store, const char *customer, bool *ret_has, struct err *err)
{
    CLEANUP(db_rows) struct db_rows rows;
    int rc = db_query(store->writer, QUERY_WEBHOOK_SECRET_LIST,
                      DB_VALUES(DB_TEXT(customer), DB_INT(clock_wall_us()), DB_INT(1)), &rows, err);
    *ret_has = rc == 1;
    return rc < 0 ? rc : 0;
}

static int secret_run(struct store *store, struct store_op *op, struct err *err)
{
    const struct secret_op *secret = (const struct secret_op *)op;
    const int64_t now = clock_wall_us();
    bool has = false;
    int rc = secret->rotate ? 0 : secret_has_one(store, secret->customer, &has, err);
    if (rc < 0 || has)
        return rc;
    rc = db_run(store->writer, QUERY_WEBHOOK_SECRET_EXPIRE,
                DB_VALUES(DB_TEXT(secret->customer),
                          DB_INT(now + STORE_WEBHOOK_SECRET_KEPT_S * INT64_C(1000000))),
                NULL, err);
    if (rc == 0)
        rc = db_run(store->writer, QUERY_WEBHOOK_SECRET_FORGET,
                    DB_VALUES(DB_TEXT(secret->customer), DB_INT(now),
                              DB_INT(STORE_WEBHOOK_SECRETS_MAX - 1)),
                    NULL, err);
    if (rc == 0)
        rc = db_run(store->writer, QUERY_WEBHOOK_SECRET_ADD,
                    DB_VALUES(DB_TEXT(secret->customer), DB_INT(now), DB_TEXT(secret->secret)),
                    NULL, err);
    return rc;
}

void store_webhook_secret_add(struct store *store, const char *customer, const char *secret,
                              bool rotate, store_done done, void *context)
{
    struct secret_op *op = store_op_new(sizeof(*op), secret_run, done, context);
    op->customer = store_op_text(&op->op, customer);
    op->secret = store_op_text(&op->op, secret);
    op->rotate = rotate;
    store_op_submit(store, &op->op);
}

int store_webhook_secrets(struct store *store, struct arena *a, const char *customer,
                          const char **ret_secrets, size_t *ret_count, struct err *err)
{
    struct db *db;
    struct db_rows rows;
    size_t count = 0;
    int rc = store_reader_borrow(store, &db, err);
    if (rc < 0)
        return rc;
    for (rc = db_query(db, QUERY_WEBHOOK_SECRET_LIST,
                       DB_VALUES(DB_TEXT(customer), DB_INT(clock_wall_us()),
                                 DB_INT(STORE_WEBHOOK_SECRETS_MAX)),
                       &rows, err);
         rc == 1 && count < STORE_WEBHOOK_SECRETS_MAX; rc = db_next(&rows, err))
        ret_secrets[count++] = db_text(&rows, a, 0);
    db_rows_end(&rows);
    store_reader_return(store, db);
    *ret_count = count;
    return rc < 0 ? rc : 0;
}
