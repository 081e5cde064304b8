/* Answers that are given again to requests with the same Idempotency-Key. */
#include "store/internal.h"

#include "base/clock.h"

struct replay_op {
    struct store_op op;
    const char *customer, *key, *answer;
};

static int64_t replay_oldest(void)
{
    return clock_wall_us() - STORE_REPLAY_LIFE_S * INT64_C(1000000);
}

int store_replay_put(struct store *store, const char *customer, const struct store_replay *replay,
                     struct err *err)
{
    return db_run(store->writer, QUERY_REPLAY_PUT,
                  DB_VALUES(DB_TEXT(customer), DB_TEXT(replay->key), DB_TEXT(replay->body_sha256),
                            DB_TEXT(replay->answer), DB_INT(clock_wall_us())),
                  NULL, err);
}

int store_replay_find(struct store *store, struct arena *a, const char *customer, const char *key,
                      struct store_replay **ret_replay, struct err *err)
{
    struct db *db;
    struct db_rows rows;
    struct store_replay *replay = arena_alloc(a, sizeof(*replay));
    int rc = store_reader_borrow(store, &db, err);
    if (rc < 0)
        return rc;
    rc = db_query(db, QUERY_REPLAY_GET,
                  DB_VALUES(DB_TEXT(customer), DB_TEXT(key), DB_INT(replay_oldest())), &rows, err);
    if (rc == 1) {
        replay->key = arena_strdup(a, key);
        replay->body_sha256 = db_text(&rows, a, 0);
        replay->answer = db_text(&rows, a, 1);
    }
    db_rows_end(&rows);
    store_reader_return(store, db);
    if (rc < 0)
        return rc;
    if (rc == 0)
        return err_set_default(err, ERR_NOT_FOUND);
    *ret_replay = replay;
    return 0;
}

static int replay_answer_run(struct store *store, struct store_op *op, struct err *err)
{
    const struct replay_op *replay = (const struct replay_op *)op;
    return db_run(
        store->writer, QUERY_REPLAY_ANSWER,
        DB_VALUES(DB_TEXT(replay->customer), DB_TEXT(replay->key), DB_TEXT(replay->answer)), NULL,
        err);
}

void store_replay_answer(struct store *store, const char *customer, const char *key,
                         const char *answer, store_done done, void *context)
{
    struct replay_op *replay = store_op_new(sizeof(*replay), replay_answer_run, done, context);
    replay->customer = store_op_text(&replay->op, customer);
    replay->key = store_op_text(&replay->op, key);
    replay->answer = store_op_text(&replay->op, answer);
    store_op_submit(store, &replay->op);
}

static int replay_forget_run(struct store *store, struct store_op *op, struct err *err)
{
    (void)op;
    return db_run(store->writer, QUERY_REPLAY_FORGET, DB_VALUES(DB_INT(replay_oldest())), NULL,
                  err);
}

void store_replay_forget(struct store *store, store_done done, void *context)
{
    store_op_submit(store, store_op_new(sizeof(struct store_op), replay_forget_run, done, context));
}
