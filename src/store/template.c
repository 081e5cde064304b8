#include "store/internal.h"

#include "base/clock.h"

#include <string.h>

struct template_put_op {
    struct store_op op;
    struct store_template template;
    int64_t *ret_version;
};

struct template_remove_op {
    struct store_op op;
    const char *customer, *id;
    int64_t *ret_version;
};

/* A customer's definitions would otherwise fill the disk. */
static int template_make_room(struct store *store, const struct store_template *t, struct err *err)
{
    CLEANUP(db_rows) struct db_rows rows;
    int rc = db_query(store->writer, QUERY_TEMPLATE_COUNT_OTHERS,
                      DB_VALUES(DB_TEXT(t->customer), DB_TEXT(t->id)), &rows, err);
    if (rc < 0)
        return rc;
    if (rc == 1 && db_int(&rows, 0) >= STORE_TEMPLATES_MAX)
        return err_set(err, ERR_CONFLICT, NULL, "A customer has at most %d templates.",
                       STORE_TEMPLATES_MAX);
    return 0;
}

static int template_next_version(struct store *store, struct template_put_op *put, struct err *err)
{
    CLEANUP(db_rows) struct db_rows rows;
    int rc =
        db_query(store->writer, QUERY_TEMPLATE_PUT,
                 DB_VALUES(DB_TEXT(put->template.customer), DB_TEXT(put->template.id)), &rows, err);
    if (rc == 1)
        *put->ret_version = db_int(&rows, 0);
    return rc < 0 ? rc : 0;
}

static int template_put_run(struct store *store, struct store_op *op, struct err *err)
{
    struct template_put_op *put = (struct template_put_op *)op;
    const struct store_template *t = &put->template;
    char sha256[SHA256_HEX_SIZE];
    int rc = store_customer_ensure(store, t->customer, err);
    if (rc == 0)
        rc = template_make_room(store, t, err);
    if (rc == 0)
        rc = template_next_version(store, put, err);
    sha256_hex(t->json, strlen(t->json), sha256);
    if (rc == 0)
        rc = db_run(store->writer, QUERY_DEFINITION_ADD,
                    DB_VALUES(DB_TEXT(sha256), DB_TEXT(t->json)), NULL, err);
    if (rc == 0)
        rc = db_run(store->writer, QUERY_TEMPLATE_VERSION_ADD,
                    DB_VALUES(DB_TEXT(t->customer), DB_TEXT(t->id), DB_INT(*put->ret_version),
                              DB_TEXT(sha256), DB_TEXT(t->user), DB_INT(clock_wall_us())),
                    NULL, err);
    return rc;
}

void store_template_put(struct store *store, const struct store_template *template,
                        int64_t *ret_version, store_done done, void *context)
{
    struct template_put_op *put = store_op_new(sizeof(*put), template_put_run, done, context);
    put->template = (struct store_template){
        .customer = store_op_text(&put->op, template->customer),
        .id = store_op_text(&put->op, template->id),
        .user = store_op_text_required(&put->op, template->user),
        .json = store_op_text(&put->op, template->json),
    };
    put->ret_version = ret_version;
    store_op_submit(store, &put->op);
}

static int template_remove_run(struct store *store, struct store_op *op, struct err *err)
{
    struct template_remove_op *remove = (struct template_remove_op *)op;
    CLEANUP(db_rows) struct db_rows rows;
    int rc = db_query(store->writer, QUERY_TEMPLATE_REMOVE,
                      DB_VALUES(DB_TEXT(remove->customer), DB_TEXT(remove->id)), &rows, err);
    if (rc <= 0)
        return rc < 0 ? rc : err_set(err, ERR_NOT_FOUND, NULL, "There is no such template.");
    *remove->ret_version = db_int(&rows, 0);
    return 0;
}

void store_template_remove(struct store *store, const char *customer, const char *id,
                           int64_t *ret_version, store_done done, void *context)
{
    struct template_remove_op *remove =
        store_op_new(sizeof(*remove), template_remove_run, done, context);
    remove->customer = store_op_text(&remove->op, customer);
    remove->id = store_op_text(&remove->op, id);
    remove->ret_version = ret_version;
    store_op_submit(store, &remove->op);
}

static struct store_template template_read(struct db_rows *rows, struct arena *a,
                                           const char *customer)
{
    return (struct store_template){
        .customer = customer,
        .id = db_text(rows, a, 0),
        .version = db_int(rows, 1),
        .user = db_text(rows, a, 2),
        .created_at = db_int(rows, 3),
        .json = db_text(rows, a, 4),
    };
}

int store_template_get(struct store *store, struct arena *a, const char *customer, const char *id,
                       int64_t version, struct store_template **ret_template, struct err *err)
{
    struct db *db;
    struct db_rows rows;
    int rc = store_reader_borrow(store, &db, err);
    if (rc < 0)
        return rc;
    rc = db_query(db, QUERY_TEMPLATE_GET,
                  DB_VALUES(DB_TEXT(customer), DB_TEXT(id), DB_INT(version)), &rows, err);
    if (rc == 1) {
        *ret_template = arena_alloc(a, sizeof(**ret_template));
        **ret_template = template_read(&rows, a, arena_strdup(a, customer));
    }
    db_rows_end(&rows);
    store_reader_return(store, db);
    return rc == 0  ? err_set(err, ERR_NOT_FOUND, NULL, "There is no such template.")
           : rc < 0 ? rc
                    : 0;
}

int store_template_list(struct store *store, struct arena *a, const char *customer,
                        struct store_template **ret_templates, size_t *ret_count, struct err *err)
{
    struct db *db;
    struct db_rows rows;
    size_t count = 0;
    const char *owner = arena_strdup(a, customer);
    struct store_template *templates = arena_array(a, STORE_TEMPLATES_MAX, sizeof(*templates));
    int rc = store_reader_borrow(store, &db, err);
    if (rc < 0)
        return rc;
    for (rc = db_query(db, QUERY_TEMPLATE_LIST, DB_VALUES(DB_TEXT(customer)), &rows, err);
         rc == 1 && count < STORE_TEMPLATES_MAX; rc = db_next(&rows, err))
        templates[count++] = template_read(&rows, a, owner);
    db_rows_end(&rows);
    store_reader_return(store, db);
    if (rc < 0)
        return rc;
    *ret_templates = templates;
    *ret_count = count;
    return 0;
}
