/* Proof of what is stored: each rule is a statement that finds what breaks it, or a walk over texts that no statement can read. */
#include "store/internal.h"

#include "base/table.h"

#include <string.h>

/* Every statement answers with the object that breaks the rule, and maybe with a second text. */
struct check_rule {
    enum query_id query;
    const char *object;   /* what kind of thing the first text names */
    const char *sentence; /* what is wrong with it */
};

static const struct check_rule check_rules[] = {
    {QUERY_CHECK_BALANCE, "customer", "The balance is not the sum of the ledger."},
    {QUERY_CHECK_SEQUENCE, "customer", "Rows of the ledger are missing, or there are too many."},
    {QUERY_CHECK_RUNNING, "ledger row",
     "Its balance is not the one of the row before plus its amount."},
    {QUERY_CHECK_MOVEMENT, "ledger row", "No movement of this kind has such an amount."},
    {QUERY_CHECK_CHARGE, "workflow",
     "Its movements do not sum to what it has cost, or has reserved."},
    {QUERY_CHECK_SETTLED, "workflow", "It is not settled exactly when it has succeeded, once."},
    {QUERY_CHECK_PRICE, "workflow", "Its price is not what was reserved for it."},
    {QUERY_CHECK_KEY, "workflow", "It counts for a key that its customer does not have."},
    {QUERY_CHECK_STORAGE, "customer", "What it stores is not the sum of its files."},
    {QUERY_CHECK_STATUS, "workflow", "Its status, progress and times contradict each other."},
    {QUERY_CHECK_RESULT, "workflow", "It has ended without its result or its error."},
    {QUERY_CHECK_SOURCE, "workflow", "It has a result that no step of it gave."},
    {QUERY_CHECK_TASKS, "workflow", "It has ended, but a step of it has not."},
    {QUERY_CHECK_TASK, "step", "Its state, item and result contradict each other."},
    {QUERY_CHECK_SHARES, "workflow", "The shares of its steps do not sum to what it has cost."},
    {QUERY_CHECK_WEBHOOK, "delivery", "Its status and attempts contradict each other."},
};

struct check {
    struct store *store;
    struct db *db;
    store_fault_visit visit;
    void *context;
    int64_t faults;
};

static void check_fault(struct check *check, const char *object, const char *id,
                        const char *sentence)
{
    check->faults++;
    check->visit(check->context, object, id, sentence);
}

static int check_rule_run(struct check *check, const struct check_rule *rule, struct err *err)
{
    CLEANUP(db_rows) struct db_rows rows;
    int rc = db_query(check->db, rule->query, DB_NO_VALUES, &rows, err);
    for (; rc == 1; rc = db_next(&rows, err)) {
        CLEANUP(arena) struct arena *a = arena_new();
        check_fault(check, rule->object, db_text(&rows, a, 0), rule->sentence);
    }
    return rc;
}

/* --- texts -------------------------------------------------------------------------------------- */

static bool check_is_json(const char *text, bool array)
{
    CLEANUP(json) json_t *json = text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
    return !text || (json && (array ? json_is_array(json) : json_is_object(json)));
}

static int check_workflow_texts(struct check *check, struct err *err)
{
    static const bool arrays[] = {false, true, true, false};
    CLEANUP(db_rows) struct db_rows rows;
    int rc = db_query(check->db, QUERY_CHECK_WORKFLOW_TEXTS, DB_NO_VALUES, &rows, err);
    for (; rc == 1; rc = db_next(&rows, err)) {
        CLEANUP(arena) struct arena *a = arena_new();
        bool good = true;
        for (size_t i = 0; i < TABLE_SIZE(arrays); i++)
            good &= check_is_json(db_text(&rows, a, (int)i + 1), arrays[i]);
        if (!good)
            check_fault(check, "workflow", db_text(&rows, a, 0),
                        "Its options, pictures, result or error cannot be read.");
    }
    return rc;
}

static int check_definitions(struct check *check, struct err *err)
{
    CLEANUP(db_rows) struct db_rows rows;
    int rc = db_query(check->db, QUERY_CHECK_DEFINITIONS, DB_NO_VALUES, &rows, err);
    for (; rc == 1; rc = db_next(&rows, err)) {
        CLEANUP(arena) struct arena *a = arena_new();
        const char *name = db_text(&rows, a, 0);
        const char *text = db_text(&rows, a, 1);
        char sha256[SHA256_HEX_SIZE];
        sha256_hex(text, strlen(text), sha256);
        if (strcmp(name, sha256) != 0)
            check_fault(check, "definition", name, "Its text is not the one that was stored.");
    }
    return rc;
}

/* A result names its file, and the workflow is known to use it. */
static int check_result_blobs(struct check *check, const char *workflow_id, const char *step,
                              const json_t *results, struct err *err)
{
    size_t index;
    const json_t *result;
    json_array_foreach(results, index, result)
    {
        const char *blob = json_member_string(result, "blob");
        if (!blob)
            continue;
        CLEANUP(db_rows) struct db_rows rows;
        int rc = db_query(check->db, QUERY_CHECK_BLOB_USED,
                          DB_VALUES(DB_TEXT(workflow_id), DB_TEXT(blob)), &rows, err);
        if (rc < 0)
            return rc;
        if (rc == 0)
            check_fault(check, "step", step, "A file of its result is not kept for the workflow.");
    }
    return 0;
}

static int check_task_texts(struct check *check, struct err *err)
{
    CLEANUP(db_rows) struct db_rows rows;
    int rc = db_query(check->db, QUERY_CHECK_TASK_TEXTS, DB_NO_VALUES, &rows, err);
    for (; rc == 1; rc = db_next(&rows, err)) {
        CLEANUP(arena) struct arena *a = arena_new();
        const char *step = db_text(&rows, a, 0);
        const char *workflow_id = db_text(&rows, a, 1);
        const char *result = db_text(&rows, a, 2);
        if (!check_is_json(result, true) || !check_is_json(db_text(&rows, a, 3), false) ||
            !check_is_json(db_text(&rows, a, 4), false)) {
            check_fault(check, "step", step, "Its result, error or parameters cannot be read.");
            continue;
        }
        CLEANUP(json) json_t *results = result ? json_loads(result, 0, NULL) : NULL;
        int bad = check_result_blobs(check, workflow_id, step, results, err);
        if (bad < 0)
            return bad;
    }
    return rc;
}

/* --- the whole ---------------------------------------------------------------------------------- */

static void check_driver_fault(void *context, const char *sentence)
{
    check_fault(context, "database", "", sentence);
}

static int check_count(struct check *check, enum query_id query, int64_t *ret_count,
                       struct err *err)
{
    CLEANUP(db_rows) struct db_rows rows;
    int rc = db_query(check->db, query, DB_NO_VALUES, &rows, err);
    if (rc == 1)
        *ret_count = db_int(&rows, 0);
    return rc < 0 ? rc : 0;
}

static int check_all(struct check *check, struct store_check_counts *counts, struct err *err)
{
    int rc = check->db->driver->check(check->db, check_driver_fault, check, err);
    for (size_t i = 0; rc == 0 && i < TABLE_SIZE(check_rules); i++)
        rc = check_rule_run(check, &check_rules[i], err);
    if (rc == 0)
        rc = check_workflow_texts(check, err);
    if (rc == 0)
        rc = check_definitions(check, err);
    if (rc == 0)
        rc = check_task_texts(check, err);
    if (rc == 0)
        rc = check_count(check, QUERY_CUSTOMER_COUNT, &counts->customers, err);
    if (rc == 0)
        rc = check_count(check, QUERY_CHECK_COUNT_WORKFLOWS, &counts->workflows, err);
    if (rc == 0)
        rc = check_count(check, QUERY_CHECK_COUNT_LEDGER, &counts->ledger_rows, err);
    return rc;
}

int store_verify(struct store *store, store_fault_visit visit, void *context,
                 struct store_check_counts *ret_counts, struct err *err)
{
    struct check check = {.store = store, .visit = visit, .context = context};
    *ret_counts = (struct store_check_counts){0};
    int rc = store_reader_borrow(store, &check.db, err);
    if (rc < 0)
        return rc;
    rc = db_transact(check.db, DB_BEGIN_READ, err);
    if (rc == 0)
        rc = check_all(&check, ret_counts, err);
    db_transact(check.db, DB_ROLLBACK, NULL);
    store_reader_return(store, check.db);
    ret_counts->faults = check.faults;
    return rc;
}

int store_blob_each(struct store *store,
                    int (*visit)(void *context, const char *sha256, int64_t size,
                                 const char *owner),
                    void *context, struct err *err)
{
    struct db *db;
    struct db_rows rows;
    int rc = store_reader_borrow(store, &db, err);
    if (rc < 0)
        return rc;
    rc = db_query(db, QUERY_CHECK_BLOBS, DB_NO_VALUES, &rows, err);
    while (rc == 1) {
        CLEANUP(arena) struct arena *a = arena_new();
        int visited = visit(context, db_text(&rows, a, 0), db_int(&rows, 1), db_text(&rows, a, 2));
        rc = visited != 0 ? visited : db_next(&rows, err);
    }
    db_rows_end(&rows);
    store_reader_return(store, db);
    return rc;
}
