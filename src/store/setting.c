#include "store/internal.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>

struct setting_op {
    struct store_op op;
    const char *name, *value;
    enum query_id query;
};

static int setting_run(struct store *store, struct store_op *op, struct err *err)
{
    struct setting_op *setting = (struct setting_op *)op;
    return db_run(store->writer, setting->query,
                  DB_VALUES(DB_TEXT(setting->name), DB_TEXT(setting->value)), NULL, err);
}

static int setting_write(struct store *store, enum query_id query, const char *name,
                         const char *value, struct err *err)
{
    struct store_wait wait;
    store_wait_init(&wait);
    struct setting_op *setting =
        store_op_new(sizeof(*setting), setting_run, store_wait_done, &wait);
    setting->name = store_op_text(&setting->op, name);
    setting->value = store_op_text(&setting->op, value);
    setting->query = query;
    store_op_submit(store, &setting->op);
    return store_wait_finish(&wait, err);
}

int store_setting_init(struct store *store, struct arena *a, const char *name,
                       const char *otherwise, const char **ret_value, struct err *err)
{
    int rc = store_read_text(store, a, QUERY_SETTING_GET, DB_VALUES(DB_TEXT(name)), ret_value, err);
    if (rc != ERR_NOT_FOUND)
        return rc;
    rc = setting_write(store, QUERY_SETTING_INIT, name, otherwise, err);
    if (rc < 0)
        return rc;
    /* Another process may have been first. */
    return store_read_text(store, a, QUERY_SETTING_GET, DB_VALUES(DB_TEXT(name)), ret_value, err);
}

int store_check(struct store *store, struct err *err)
{
    char written[32];
    const char *read;
    CLEANUP(arena) struct arena *a = arena_new();
    snprintf(written, sizeof(written), "%" PRId64, clock_wall_us());
    int rc = setting_write(store, QUERY_SETTING_SET, "checked_at", written, err);
    if (rc == 0)
        rc = store_read_text(store, a, QUERY_SETTING_GET, DB_VALUES(DB_TEXT("checked_at")), &read,
                             err);
    return rc;
}
