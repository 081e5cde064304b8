#include "store/internal.h"

#include "base/clock.h"

struct key_create_op {
    struct store_op op;
    struct store_key key;
    const char *sha256;
};

struct key_revoke_op {
    struct store_op op;
    const char *id;
    int64_t revoked_at;
};

int store_customer_ensure(struct store *store, const char *customer, struct err *err)
{
    return db_run(store->writer, QUERY_CUSTOMER_CREATE,
                  DB_VALUES(DB_TEXT(customer), DB_INT(clock_wall_us())), NULL, err);
}

static int key_create_run(struct store *store, struct store_op *op, struct err *err)
{
    const struct key_create_op *create = (const struct key_create_op *)op;
    const struct store_key *key = &create->key;
    int rc = store_customer_ensure(store, key->customer, err);
    if (rc < 0)
        return rc;
    return db_run(store->writer, QUERY_KEY_CREATE,
                  DB_VALUES(DB_TEXT(create->sha256), DB_TEXT(key->id), DB_TEXT(key->customer),
                            DB_TEXT(key->user), DB_TEXT(key->label), DB_INT(key->created_at),
                            DB_INT(key->revoked_at)),
                  NULL, err);
}

void store_key_create(struct store *store, const struct store_key *key, const char *key_sha256,
                      store_done done, void *context)
{
    struct key_create_op *create = store_op_new(sizeof(*create), key_create_run, done, context);
    struct store_op *op = &create->op;
    create->key = (struct store_key){
        .id = store_op_text(op, key->id),
        .customer = store_op_text(op, key->customer),
        .user = store_op_text_required(op, key->user),
        .label = store_op_text_required(op, key->label),
        .created_at = key->created_at ? key->created_at : clock_wall_us(),
        .revoked_at = key->revoked_at,
    };
    create->sha256 = store_op_text(op, key_sha256);
    store_op_submit(store, op);
}

static int key_revoke_run(struct store *store, struct store_op *op, struct err *err)
{
    const struct key_revoke_op *revoke = (const struct key_revoke_op *)op;
    CLEANUP(db_rows) struct db_rows rows;
    int rc = db_query(store->writer, QUERY_KEY_EXISTS, DB_VALUES(DB_TEXT(revoke->id)), &rows, err);
    if (rc <= 0)
        return rc < 0 ? rc : err_set(err, ERR_NOT_FOUND, NULL, "There is no such key.");
    /* A second time changes nothing: the first moment counts. */
    return db_run(store->writer, QUERY_KEY_REVOKE,
                  DB_VALUES(DB_TEXT(revoke->id), DB_INT(revoke->revoked_at)), NULL, err);
}

void store_key_revoke(struct store *store, const char *id, store_done done, void *context)
{
    struct key_revoke_op *revoke = store_op_new(sizeof(*revoke), key_revoke_run, done, context);
    revoke->id = store_op_text(&revoke->op, id);
    revoke->revoked_at = clock_wall_us();
    store_op_submit(store, &revoke->op);
}

static void key_read(struct db_rows *rows, struct arena *a, struct store_key *ret_key)
{
    ret_key->id = db_text(rows, a, 0);
    ret_key->customer = db_text(rows, a, 1);
    ret_key->user = db_text(rows, a, 2);
    ret_key->label = db_text(rows, a, 3);
    ret_key->created_at = db_int(rows, 4);
    ret_key->revoked_at = db_int(rows, 5);
}

int store_key_find(struct store *store, struct arena *a, const char *key_sha256,
                   struct store_key **ret_key, struct err *err)
{
    struct db *db;
    struct db_rows rows;
    int rc = store_reader_borrow(store, &db, err);
    if (rc < 0)
        return rc;
    rc = db_query(db, QUERY_KEY_FIND, DB_VALUES(DB_TEXT(key_sha256)), &rows, err);
    if (rc == 1) {
        *ret_key = arena_alloc(a, sizeof(**ret_key));
        key_read(&rows, a, *ret_key);
    }
    db_rows_end(&rows);
    store_reader_return(store, db);
    return rc == 0 ? err_set(err, ERR_NOT_FOUND, NULL, "There is no such key.") : rc < 0 ? rc : 0;
}

int store_key_list(struct store *store, struct arena *a, struct store_key **ret_keys,
                   size_t *ret_count, struct err *err)
{
    struct db *db;
    struct db_rows rows;
    struct store_key *keys = NULL;
    size_t count = 0, capacity = 0;
    int rc = store_reader_borrow(store, &db, err);
    if (rc < 0)
        return rc;
    for (rc = db_query(db, QUERY_KEY_LIST, DB_NO_VALUES, &rows, err); rc == 1;
         rc = db_next(&rows, err)) {
        if (count == capacity) {
            capacity = capacity ? capacity * 2 : 16;
            keys = mem_resize(keys, capacity, sizeof(*keys));
        }
        key_read(&rows, a, &keys[count++]);
    }
    db_rows_end(&rows);
    store_reader_return(store, db);
    if (rc == 0) {
        *ret_keys = arena_memdup(a, keys, count * sizeof(*keys));
        *ret_count = count;
    }
    free(keys);
    return rc;
}

int store_customer_exists(struct store *store, const char *customer, bool *ret_exists,
                          struct err *err)
{
    int64_t one;
    int rc = store_read_int(store, QUERY_CUSTOMER_EXISTS, DB_VALUES(DB_TEXT(customer)), &one, err);
    if (rc < 0 && rc != ERR_NOT_FOUND)
        return rc;
    *ret_exists = rc == 0;
    return 0;
}

int store_customer_count(struct store *store, int64_t *ret_count, struct err *err)
{
    return store_read_int(store, QUERY_CUSTOMER_COUNT, DB_NO_VALUES, ret_count, err);
}
