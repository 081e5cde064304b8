#include "store/internal.h"

#include "base/clock.h"
#include "base/metric.h"

#include <signal.h>

/*
 * DESIGN. The writer takes whatever is queued, up to GROUP_MAX, runs it in one transaction, commits, and answers. While it
 * commits, the next group gathers by itself; there is no timer.
 *
 * An operation that fails is to leave no trace, and the others of its group are to stay. Nearly every failure (stale, no
 * credit, not there) is found before the operation has written anything, so operations run without savepoints, which would
 * cost more than the statements. When one fails after it has written, the group is rolled back and run again, this time
 * with a savepoint around each operation.
 */
enum { GROUP_MAX = 1024 };

void *store_op_new(size_t size,
                   int (*run)(struct store *store, struct store_op *op, struct err *err),
                   store_done done, void *context)
{
    struct arena *a = arena_new();
    struct store_op *op = arena_alloc(a, size);
    op->arena = a;
    op->run = run;
    op->done = done;
    op->context = context;
    return op;
}

const char *store_text(struct arena *a, const char *text)
{
    return text ? arena_strdup(a, text) : NULL;
}

const char *store_text_required(struct arena *a, const char *text)
{
    return text ? arena_strdup(a, text) : "";
}

const char *store_op_text(struct store_op *op, const char *text)
{
    return store_text(op->arena, text);
}

const char *store_op_text_required(struct store_op *op, const char *text)
{
    return store_text_required(op->arena, text);
}

void store_op_submit(struct store *store, struct store_op *op)
{
    pthread_mutex_lock(&store->queue_lock);
    *store->queue_last = op;
    store->queue_last = &op->next;
    bool wake = store->queue_waiting;
    store->queue_waiting = false;
    pthread_mutex_unlock(&store->queue_lock);
    if (wake)
        pthread_cond_signal(&store->queue_ready);
}

void store_flush(struct store *store)
{
    pthread_mutex_lock(&store->queue_lock);
    while (store->queue_first || !store->queue_idle)
        pthread_cond_wait(&store->queue_empty, &store->queue_lock);
    pthread_mutex_unlock(&store->queue_lock);
}

/* The next group, in the order of submission; NULL when the store closes and nothing is left. */
static struct store_op *writer_take(struct store *store)
{
    pthread_mutex_lock(&store->queue_lock);
    while (!store->queue_first && !store->queue_end) {
        store->queue_waiting = store->queue_idle = true;
        pthread_cond_broadcast(&store->queue_empty);
        pthread_cond_wait(&store->queue_ready, &store->queue_lock);
    }
    store->queue_waiting = store->queue_idle = false;
    struct store_op *group = store->queue_first;
    struct store_op **end = &store->queue_first;
    for (int count = 0; *end && count < GROUP_MAX; count++)
        end = &(*end)->next;
    struct store_op *rest = *end;
    *end = NULL;
    store->queue_first = rest;
    if (!rest)
        store->queue_last = &store->queue_first;
    pthread_mutex_unlock(&store->queue_lock);
    return group;
}

/* Texts that were stored in a transaction that is gone are not stored. */
static void writer_forget_definitions(struct store *store)
{
    for (size_t i = 0; i < STORE_DEFINITIONS; i++) {
        free(store->definitions[i].json);
        store->definitions[i].json = NULL;
    }
}

static int writer_run_op(struct store *store, struct store_op *op)
{
    store->writer->dirty = false;
    op->changed_id = NULL;
    op->rc = op->run(store, op, &op->err);
    return op->rc;
}

/* Runs all without savepoints; false when one failed after it had written. */
static bool writer_run_plain(struct store *store, struct store_op *group)
{
    for (struct store_op *op = group; op; op = op->next) {
        if (writer_run_op(store, op) < 0 && (store->writer->dirty || op->rc == ERR_STORAGE))
            return false;
    }
    return true;
}

static int writer_run_guarded(struct store *store, struct store_op *group, struct err *err)
{
    for (struct store_op *op = group; op; op = op->next) {
        int rc = db_transact(store->writer, DB_SAVEPOINT, err);
        if (rc < 0)
            return rc;
        bool failed = writer_run_op(store, op) < 0;
        if (failed)
            writer_forget_definitions(store);
        rc = db_transact(store->writer, failed ? DB_ROLLBACK_TO : DB_RELEASE, err);
        if (rc < 0) {
            /* The database gave the whole transaction up: the operation knows why. */
            if (failed && op->rc == ERR_STORAGE)
                *err = op->err;
            return rc;
        }
    }
    return 0;
}

static int writer_commit(struct store *store, struct store_op *group, struct err *err)
{
    int rc = db_transact(store->writer, DB_BEGIN_WRITE, err);
    if (rc < 0)
        return rc;
    if (!writer_run_plain(store, group)) {
        db_transact(store->writer, DB_ROLLBACK, NULL);
        writer_forget_definitions(store);
        rc = db_transact(store->writer, DB_BEGIN_WRITE, err);
        if (rc == 0)
            rc = writer_run_guarded(store, group, err);
    }
    if (rc == 0)
        rc = db_transact(store->writer, DB_COMMIT, err);
    if (rc < 0) {
        db_transact(store->writer, DB_ROLLBACK, NULL);
        writer_forget_definitions(store);
    }
    return rc;
}

static void writer_tell(struct store *store, const struct store_op *op)
{
    for (struct store_subscriber *s = store->subscribers; s; s = s->next)
        s->changed(s->context, op->changed_id, op->changed_revision, op->changed_final);
}

static void writer_answer(struct store *store, struct store_op *group, int rc,
                          const struct err *err)
{
    while (group) {
        struct store_op *op = group;
        group = op->next;
        if (rc < 0) {
            op->rc = ERR_STORAGE;
            op->err = *err;
            op->err.code = ERR_STORAGE;
        } else if (op->rc == 0) {
            op->err.code = ERR_OK;
            if (op->changed_id)
                writer_tell(store, op);
        }
        op->done(op->context, op->rc, &op->err);
        arena_free(op->arena);
    }
}

static void writer_count(const struct store_op *group, int rc, int64_t duration_us)
{
    uint64_t count = 0;
    for (; group; group = group->next)
        count++;
    metric_add(METRIC_STORE_COMMITS, rc < 0 ? "failed" : "done", "", 1);
    metric_add(METRIC_STORE_WRITES, "", "", count);
    metric_observe(METRIC_STORE_SECONDS, "", "", (double)duration_us / 1e6);
}

static void *writer_main(void *context)
{
    struct store *store = context;
    struct store_op *group;
    while ((group = writer_take(store))) {
        struct err err;
        int64_t started = clock_monotonic_us();
        int rc = writer_commit(store, group, &err);
        writer_count(group, rc, clock_monotonic_us() - started);
        writer_answer(store, group, rc, &err);
    }
    return NULL;
}

int store_writer_start(struct store *store, struct err *err)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int code = pthread_create(&store->thread, NULL, writer_main, store);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (code != 0)
        return err_set(err, ERR_STORAGE, NULL, "The writing thread could not be started.");
    return 0;
}

void store_writer_stop(struct store *store)
{
    pthread_mutex_lock(&store->queue_lock);
    store->queue_end = true;
    pthread_cond_signal(&store->queue_ready);
    pthread_mutex_unlock(&store->queue_lock);
    pthread_join(store->thread, NULL);
    writer_forget_definitions(store);
}
