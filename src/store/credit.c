#include "store/internal.h"

#include "base/clock.h"
#include "base/uuid.h"

#include <assert.h>

enum { LEDGER_LIMIT_MAX = 1000 };

struct credit_op {
    struct store_op op;
    struct store_movement movement;
};

/* The balance and the number of its row after a movement that may be. */
static int credit_next(struct store *store, const struct store_movement *movement,
                       int64_t *ret_balance, int64_t *ret_sequence, struct err *err)
{
    CLEANUP(db_rows) struct db_rows rows;
    int rc = db_query(store->writer, QUERY_CREDIT_HEAD, DB_VALUES(DB_TEXT(movement->customer)),
                      &rows, err);
    if (rc <= 0)
        return rc < 0 ? rc : err_set(err, ERR_NOT_FOUND, NULL, "There is no such customer.");
    *ret_balance = db_int(&rows, 0) + movement->amount;
    *ret_sequence = db_int(&rows, 1) + 1;
    if (*ret_balance > STORE_CREDIT_MAX)
        return err_set(err, ERR_INVALID, NULL, "The balance would be above what can be kept.");
    int64_t least = movement->overdraft || movement->amount > 0 ? -STORE_CREDIT_MAX : 0;
    return *ret_balance < least ? err_set_default(err, ERR_INSUFFICIENT_CREDIT) : 0;
}

int store_credit_move(struct store *store, const struct store_movement *movement, struct err *err)
{
    char id[UUID_TEXT_SIZE];
    int64_t balance = 0, sequence = 0;
    if (movement->amount > STORE_CREDIT_MAX || movement->amount < -STORE_CREDIT_MAX)
        return err_set(err, ERR_INVALID, NULL, "The amount is above what can be kept.");
    int rc = credit_next(store, movement, &balance, &sequence, err);
    if (rc == 0)
        rc = db_run(store->writer, QUERY_CREDIT_MOVE,
                    DB_VALUES(DB_TEXT(movement->customer), DB_INT(balance), DB_INT(sequence)), NULL,
                    err);
    if (rc < 0)
        return rc;
    uuid_new(id);
    return db_run(store->writer, QUERY_LEDGER_ADD,
                  DB_VALUES(DB_TEXT(movement->customer), DB_INT(sequence), DB_TEXT(id),
                            DB_INT(clock_wall_us()), DB_TEXT(movement->kind),
                            DB_INT(movement->amount), DB_INT(balance),
                            DB_TEXT(movement->workflow_id),
                            DB_TEXT(movement->note ? movement->note : "")),
                  NULL, err);
}

static int credit_run(struct store *store, struct store_op *op, struct err *err)
{
    const struct store_movement *movement = &((const struct credit_op *)op)->movement;
    int rc = store_customer_ensure(store, movement->customer, err);
    return rc < 0 ? rc : store_credit_move(store, movement, err);
}

void store_credit_add(struct store *store, const char *customer, int64_t amount, const char *note,
                      store_done done, void *context)
{
    struct credit_op *credit = store_op_new(sizeof(*credit), credit_run, done, context);
    credit->movement = (struct store_movement){
        .customer = store_op_text(&credit->op, customer),
        .kind = "grant",
        .note = store_op_text(&credit->op, note),
        .amount = amount,
    };
    store_op_submit(store, &credit->op);
}

int store_credit_balance(struct store *store, const char *customer, int64_t *ret_balance,
                         int64_t *ret_reserved, struct err *err)
{
    struct db *db;
    struct db_rows rows;
    int rc = store_reader_borrow(store, &db, err);
    if (rc < 0)
        return rc;
    rc = db_query(db, QUERY_CREDIT_BALANCE, DB_VALUES(DB_TEXT(customer)), &rows, err);
    if (rc == 1) {
        *ret_balance = db_int(&rows, 0);
        *ret_reserved = db_int(&rows, 1);
    }
    db_rows_end(&rows);
    store_reader_return(store, db);
    return rc == 0  ? err_set(err, ERR_NOT_FOUND, NULL, "There is no such customer.")
           : rc < 0 ? rc
                    : 0;
}

int store_ledger_list(struct store *store, struct arena *a, const char *customer,
                      int64_t before_sequence, int limit, struct store_ledger_row **ret_rows,
                      size_t *ret_count, struct err *err)
{
    struct db *db;
    struct db_rows rows;
    assert(limit >= 0 && limit <= LEDGER_LIMIT_MAX);
    struct store_ledger_row *list = arena_array(a, (size_t)limit, sizeof(*list));
    size_t count = 0;
    int rc = store_reader_borrow(store, &db, err);
    if (rc < 0)
        return rc;
    rc = db_query(db, QUERY_LEDGER_LIST,
                  DB_VALUES(DB_TEXT(customer),
                            DB_INT(before_sequence > 0 ? before_sequence : INT64_MAX),
                            DB_INT(limit)),
                  &rows, err);
    for (; rc == 1; rc = db_next(&rows, err)) {
        list[count++] = (struct store_ledger_row){
            .sequence = db_int(&rows, 0),
            .id = db_text(&rows, a, 1),
            .created_at = db_int(&rows, 2),
            .kind = db_text(&rows, a, 3),
            .amount = db_int(&rows, 4),
            .balance = db_int(&rows, 5),
            .workflow_id = db_text(&rows, a, 6),
            .note = db_text(&rows, a, 7),
        };
    }
    db_rows_end(&rows);
    store_reader_return(store, db);
    *ret_rows = list;
    *ret_count = count;
    return rc;
}
