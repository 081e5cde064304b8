#include "store/internal.h"

#include "base/table.h"

#include <assert.h>
#include <string.h>

static const char *const status_texts[] = {
    [STORE_QUEUE] = "queue", [STORE_PROCESSING] = "processing", [STORE_SUCCESS] = "success",
    [STORE_FAIL] = "fail",   [STORE_CANCEL] = "cancel",
};

const char *store_status_text(enum store_status status)
{
    return status_texts[status];
}

bool store_status_parse(const char *text, enum store_status *ret_status)
{
    for (size_t i = 0; i < TABLE_SIZE(status_texts); i++) {
        if (strcmp(status_texts[i], text) == 0) {
            *ret_status = (enum store_status)i;
            return true;
        }
    }
    return false;
}

static void workflow_read(struct db_rows *rows, struct arena *a, struct store_workflow *ret)
{
    *ret = (struct store_workflow){
        .id = db_text(rows, a, 0),
        .customer = db_text(rows, a, 1),
        .user = db_text(rows, a, 2),
        .title = db_text(rows, a, 3),
        .description = db_text(rows, a, 4),
        .visibility_status = db_text(rows, a, 5),
        .event_id = db_text(rows, a, 6),
        .template_id = db_text(rows, a, 7),
        .template_version = db_int(rows, 8),
        .template_json = db_text(rows, a, 9),
        .options_json = db_text(rows, a, 10),
        .image_urls_json = db_text(rows, a, 11),
        .webhook_url = db_text(rows, a, 12),
        .client_type = db_text(rows, a, 13),
        .rating = db_text(rows, a, 14),
        .delivered_at = db_int(rows, 15),
        .status = (enum store_status)db_int(rows, 16),
        .progress = (int)db_int(rows, 17),
        .price = db_int(rows, 18),
        .used_credits = db_int(rows, 19),
        .created_at = db_int(rows, 20),
        .updated_at = db_int(rows, 21),
        .started_at = db_int(rows, 22),
        .finished_at = db_int(rows, 23),
        .result_json = db_text(rows, a, 24),
        .error_json = db_text(rows, a, 25),
        .revision = db_int(rows, 26),
        .has_max_credits = db_int(rows, 27) >= 0,
        .max_credits = db_int(rows, 27),
        .parent_id = db_text(rows, a, 28),
        .parent_step = db_text(rows, a, 29),
        .parent_item = (int)db_int(rows, 30),
        .running_json = db_text(rows, a, 31),
    };
}

static void task_read(struct db_rows *rows, struct arena *a, struct store_task *ret)
{
    *ret = (struct store_task){
        .step_id = db_text(rows, a, 0),
        .item = (int)db_int(rows, 1),
        .item_count = (int)db_int(rows, 2),
        .position = (int)db_int(rows, 3),
        .state = (enum store_task_state)db_int(rows, 4),
        .attempt = (int)db_int(rows, 5),
        .not_before = db_int(rows, 6),
        .params_json = db_text(rows, a, 7),
        .result_json = db_text(rows, a, 8),
        .error_json = db_text(rows, a, 9),
        .reason = db_text(rows, a, 10),
        .provider = db_text(rows, a, 11),
        .used_credits = db_int(rows, 12),
        .duration_ms = db_int(rows, 13),
        .started_at = db_int(rows, 14),
        .finished_at = db_int(rows, 15),
        .revision = db_int(rows, 16),
    };
}

static int workflow_read_tasks(struct db *db, struct arena *a, struct store_workflow_full *full,
                               struct err *err)
{
    CLEANUP(db_rows) struct db_rows rows;
    size_t capacity = 0;
    int rc = db_query(db, QUERY_TASK_LIST, DB_VALUES(DB_TEXT(full->workflow.id)), &rows, err);
    for (; rc == 1; rc = db_next(&rows, err)) {
        if (full->task_count == capacity) {
            capacity = capacity ? capacity * 2 : 8;
            struct store_task *tasks = arena_array(a, capacity, sizeof(*tasks));
            if (full->task_count > 0)
                memcpy(tasks, full->tasks, full->task_count * sizeof(*tasks));
            full->tasks = tasks;
        }
        task_read(&rows, a, &full->tasks[full->task_count++]);
    }
    return rc;
}

/* 1 when it is there. */
static int workflow_read_full(struct db *db, struct arena *a, const char *customer, const char *id,
                              struct store_workflow_full *full, struct err *err)
{
    int rc;
    {
        CLEANUP(db_rows) struct db_rows rows;
        rc = db_query(db, QUERY_WORKFLOW_GET, DB_VALUES(DB_TEXT(id)), &rows, err);
        if (rc <= 0)
            return rc;
        workflow_read(&rows, a, &full->workflow);
    }
    if (customer && strcmp(full->workflow.customer, customer) != 0)
        return 0;
    rc = workflow_read_tasks(db, a, full, err);
    return rc < 0 ? rc : 1;
}

int store_workflow_get(struct store *store, struct arena *a, const char *customer, const char *id,
                       struct store_workflow_full **ret_workflow, struct err *err)
{
    struct db *db;
    struct store_workflow_full *full = arena_alloc(a, sizeof(*full));
    int rc = store_reader_borrow(store, &db, err);
    if (rc < 0)
        return rc;
    rc = db_transact(db, DB_BEGIN_READ, err);
    if (rc == 0) {
        rc = workflow_read_full(db, a, customer, id, full, err);
        db_transact(db, DB_ROLLBACK, NULL);
    }
    store_reader_return(store, db);
    if (rc < 0)
        return rc;
    if (rc == 0)
        return err_set(err, ERR_NOT_FOUND, NULL, "There is no such workflow.");
    *ret_workflow = full;
    return 0;
}

static int workflow_read_list(struct db *db, struct arena *a, const char *customer,
                              const struct store_workflow_filter *filter, int limit,
                              struct store_workflow_full *list, size_t *ret_count, struct err *err)
{
    CLEANUP(db_rows) struct db_rows rows;
    int rc =
        db_query(db, QUERY_WORKFLOW_LIST,
                 DB_VALUES(DB_TEXT(customer), DB_INT(filter->has_status ? (int)filter->status : -1),
                           DB_TEXT(filter->template_id), DB_TEXT(filter->event_id),
                           DB_INT(filter->created_after ? filter->created_after : INT64_MIN),
                           DB_INT(filter->created_before ? filter->created_before : INT64_MAX),
                           DB_TEXT(filter->before_id ? filter->before_id : "g"), DB_INT(limit)),
                 &rows, err);
    for (; rc == 1; rc = db_next(&rows, err))
        workflow_read(&rows, a, &list[(*ret_count)++].workflow);
    return rc;
}

int store_workflow_list(struct store *store, struct arena *a, const char *customer,
                        const struct store_workflow_filter *filter, int limit,
                        struct store_workflow_full **ret_workflows, size_t *ret_count,
                        struct err *err)
{
    enum { LIMIT_MAX = 1000 };
    struct db *db;
    assert(limit >= 1 && limit <= LIMIT_MAX);
    struct store_workflow_full *list = arena_array(a, (size_t)limit, sizeof(*list));
    size_t count = 0;
    int rc = store_reader_borrow(store, &db, err);
    if (rc < 0)
        return rc;
    rc = db_transact(db, DB_BEGIN_READ, err);
    if (rc == 0) {
        rc = workflow_read_list(db, a, customer, filter, limit, list, &count, err);
        for (size_t i = 0; rc == 0 && i < count; i++)
            rc = workflow_read_tasks(db, a, &list[i], err);
        db_transact(db, DB_ROLLBACK, NULL);
    }
    store_reader_return(store, db);
    *ret_workflows = list;
    *ret_count = count;
    return rc;
}

int store_workflow_unfinished(struct store *store, struct arena *a, const char *const **ret_ids,
                              size_t *ret_count, struct err *err)
{
    struct db *db;
    struct db_rows rows;
    const char **ids = NULL;
    size_t count = 0, capacity = 0;
    int rc = store_reader_borrow(store, &db, err);
    if (rc < 0)
        return rc;
    for (rc = db_query(db, QUERY_WORKFLOW_UNFINISHED, DB_NO_VALUES, &rows, err); rc == 1;
         rc = db_next(&rows, err)) {
        if (count == capacity) {
            capacity = capacity ? capacity * 2 : 64;
            ids = mem_resize(ids, capacity, sizeof(*ids));
        }
        ids[count++] = db_text(&rows, a, 0);
    }
    db_rows_end(&rows);
    store_reader_return(store, db);
    if (rc == 0) {
        *ret_ids = arena_memdup(a, ids, count * sizeof(*ids));
        *ret_count = count;
    }
    free(ids);
    return rc;
}

int store_workflow_count(struct store *store, const char *customer, enum store_status status,
                         int64_t *ret_count, struct err *err)
{
    /* Only a query that says so can use the index of what is unfinished. */
    enum query_id query =
        status < STORE_SUCCESS ? QUERY_WORKFLOW_COUNT_UNFINISHED : QUERY_WORKFLOW_COUNT;
    return store_read_int(store, query, DB_VALUES(DB_TEXT(customer), DB_INT(status)), ret_count,
                          err);
}

int store_workflow_count_unfinished(struct store *store, const char *customer, const char *key_id,
                                    int64_t most, int64_t *ret_count, struct err *err)
{
    return store_read_int(store, QUERY_WORKFLOW_COUNT_SOME,
                          DB_VALUES(DB_TEXT(customer), DB_TEXT(key_id), DB_INT(most)), ret_count,
                          err);
}
