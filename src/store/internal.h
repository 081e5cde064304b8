/*
 * What the files of the store share. A write is a struct store_op at the start of a larger struct, made and filled by the
 * caller's thread in an arena of its own, run and answered by the writer thread.
 */
#ifndef STORE_INTERNAL_H
#define STORE_INTERNAL_H

#include "store/db.h"
#include "store/store.h"

#include <pthread.h>

struct store_op {
    struct store_op *next;
    struct arena *arena; /* everything of this operation */
    /* Changes the database, inside a transaction of the writer. Runs again from the start when the group had to be
     * rolled back. Results of an earlier run are overwritten. */
    int (*run)(struct store *store, struct store_op *op, struct err *err);
    store_done done;
    void *context;
    int rc;
    struct err err;
    const char *changed_id; /* of a workflow, set by `run` */
    int64_t changed_revision;
    bool changed_final; /* it has ended, or is gone */
};

struct store_subscriber {
    struct store_subscriber *next;
    store_changed changed;
    void *context;
};

enum { STORE_DEFINITIONS = 64 };

/* The template texts that were stored last, so that a text is hashed and looked up once. */
struct store_definition {
    char *json;
    char sha256[SHA256_HEX_SIZE];
};

enum { STORE_READERS_KEPT = 16 };

struct store {
    const struct db_driver *driver;
    char *location;

    pthread_mutex_t queue_lock;
    pthread_cond_t queue_ready, queue_empty;
    struct store_op *queue_first, **queue_last; /* under queue_lock */
    bool queue_waiting, queue_end;              /* under queue_lock */
    bool queue_idle;                            /* under queue_lock: all is answered */
    pthread_t thread;

    /* The writer thread's. */
    struct db *writer;
    struct store_definition definitions[STORE_DEFINITIONS];
    struct store_subscriber *subscribers; /* complete before the first write */

    pthread_mutex_t reader_lock;
    struct db *readers[STORE_READERS_KEPT]; /* idle ones, under reader_lock */
    size_t reader_count;

    pthread_mutex_t version_lock;
    struct db *version_reader; /* under version_lock */
};

/* --- writing ------------------------------------------------------------------------------------ */

/* A new operation of `size` bytes that starts with a struct store_op; the rest is zero. */
void *store_op_new(size_t size,
                   int (*run)(struct store *store, struct store_op *op, struct err *err),
                   store_done done, void *context);
/* Hands it to the writer. */
void store_op_submit(struct store *store, struct store_op *op);
int store_writer_start(struct store *store, struct err *err);
/* Returns when all that is queued was answered. */
void store_writer_stop(struct store *store);

/* A copy in the arena; NULL stays NULL. */
const char *store_text(struct arena *a, const char *text);
/* The same, but "" for NULL: for columns that are never NULL. */
const char *store_text_required(struct arena *a, const char *text);
/* Both in the operation's arena. */
const char *store_op_text(struct store_op *op, const char *text);
const char *store_op_text_required(struct store_op *op, const char *text);

/* --- parts of operations, for `run` ------------------------------------------------------------- */

int store_customer_ensure(struct store *store, const char *customer, struct err *err);

struct store_movement {
    const char *customer, *kind, *workflow_id, *note;
    int64_t amount;
    bool overdraft; /* the balance may become negative */
};

/* Adds a ledger row and moves the balance. ERR_NOT_FOUND for the customer, ERR_INSUFFICIENT_CREDIT, ERR_INVALID above
 * STORE_CREDIT_MAX. */
int store_credit_move(struct store *store, const struct store_movement *movement, struct err *err);

int store_replay_put(struct store *store, const char *customer, const struct store_replay *replay,
                     struct err *err);

/* A delivery for the receiver that the workflow names, if it names one. */
int store_webhook_add(struct store *store, const char *workflow_id, const char *webhook_id,
                      enum store_status status, struct err *err);

int store_blob_use(struct store *store, const char *workflow_id, const char *sha256, int64_t size,
                   struct err *err);

/* --- reading ------------------------------------------------------------------------------------ */

/* Lends a connection; give it back with store_reader_return(), also after an error in between. */
int store_reader_borrow(struct store *store, struct db **ret_db, struct err *err);
void store_reader_return(struct store *store, struct db *db);

/* Runs one statement that gives one number. ERR_NOT_FOUND when there is no row. */
int store_read_int(struct store *store, enum query_id id, const struct db_value *values,
                   size_t count, int64_t *ret_number, struct err *err);
/* The same for a text. */
int store_read_text(struct store *store, struct arena *a, enum query_id id,
                    const struct db_value *values, size_t count, const char **ret_text,
                    struct err *err);

#endif
