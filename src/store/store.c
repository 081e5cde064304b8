#include "store/internal.h"

#include "base/clock.h"
#include "base/table.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct db_driver *const store_drivers[] = {
#define BACKEND(name) &db_driver_##name,
#include "store/backends.def"
#undef BACKEND
};

/* Cuts "sqlite:" off; the first backend takes a location without a known name. */
static const struct db_driver *store_driver(const char **location)
{
    for (size_t i = 0; i < TABLE_SIZE(store_drivers); i++) {
        size_t length = strlen(store_drivers[i]->name);
        if (strncmp(*location, store_drivers[i]->name, length) == 0 && (*location)[length] == ':') {
            *location += length + 1;
            return store_drivers[i];
        }
    }
    return store_drivers[0];
}

static void store_release(struct store *store)
{
    while (store->subscribers) {
        struct store_subscriber *next = store->subscribers->next;
        free(store->subscribers);
        store->subscribers = next;
    }
    for (size_t i = 0; i < store->reader_count; i++)
        db_close(store->readers[i]);
    db_close(store->version_reader);
    db_close(store->writer);
    pthread_mutex_destroy(&store->queue_lock);
    pthread_cond_destroy(&store->queue_ready);
    pthread_cond_destroy(&store->queue_empty);
    pthread_mutex_destroy(&store->reader_lock);
    pthread_mutex_destroy(&store->version_lock);
    free(store->location);
    free(store);
}

int store_open(const char *location, struct store **ret_store, struct err *err)
{
    struct store *store = mem_alloc(sizeof(*store));
    store->driver = store_driver(&location);
    store->location = mem_strdup(location);
    store->queue_last = &store->queue_first;
    pthread_mutex_init(&store->queue_lock, NULL);
    pthread_cond_init(&store->queue_ready, NULL);
    pthread_cond_init(&store->queue_empty, NULL);
    pthread_mutex_init(&store->reader_lock, NULL);
    pthread_mutex_init(&store->version_lock, NULL);
    int rc = store->driver->open(location, DB_WRITER, &store->writer, err);
    if (rc == 0)
        rc = db_migrate(store->writer, err);
    if (rc == 0)
        rc = store_writer_start(store, err);
    if (rc < 0) {
        store_release(store);
        return rc;
    }
    *ret_store = store;
    return 0;
}

void store_close(struct store *store)
{
    if (!store)
        return;
    store_writer_stop(store);
    store_release(store);
}

void store_subscribe(struct store *store, store_changed changed, void *context)
{
    struct store_subscriber *subscriber = mem_alloc(sizeof(*subscriber));
    struct store_subscriber **last = &store->subscribers;
    subscriber->changed = changed;
    subscriber->context = context;
    while (*last)
        last = &(*last)->next;
    *last = subscriber;
}

/* --- reading ------------------------------------------------------------------------------------ */

int store_reader_borrow(struct store *store, struct db **ret_db, struct err *err)
{
    struct db *db = NULL;
    pthread_mutex_lock(&store->reader_lock);
    if (store->reader_count > 0)
        db = store->readers[--store->reader_count];
    pthread_mutex_unlock(&store->reader_lock);
    if (!db) {
        int rc = store->driver->open(store->location, DB_READER, &db, err);
        if (rc < 0)
            return rc;
    }
    *ret_db = db;
    return 0;
}

void store_reader_return(struct store *store, struct db *db)
{
    pthread_mutex_lock(&store->reader_lock);
    if (store->reader_count < STORE_READERS_KEPT) {
        store->readers[store->reader_count++] = db;
        db = NULL;
    }
    pthread_mutex_unlock(&store->reader_lock);
    db_close(db);
}

/* The first column of the one row: a number where there is no room for a text. */
static int store_read_one(struct store *store, enum query_id id, const struct db_value *values,
                          size_t count, struct arena *a, int64_t *ret_number, const char **ret_text,
                          struct err *err)
{
    struct db *db;
    struct db_rows rows;
    int rc = store_reader_borrow(store, &db, err);
    if (rc < 0)
        return rc;
    rc = db_query(db, id, values, count, &rows, err);
    if (rc == 1 && ret_text)
        *ret_text = db_text(&rows, a, 0);
    else if (rc == 1 && ret_number)
        *ret_number = db_int(&rows, 0);
    db_rows_end(&rows);
    store_reader_return(store, db);
    return rc == 0 ? err_set_default(err, ERR_NOT_FOUND) : rc < 0 ? rc : 0;
}

int store_read_int(struct store *store, enum query_id id, const struct db_value *values,
                   size_t count, int64_t *ret_number, struct err *err)
{
    return store_read_one(store, id, values, count, NULL, ret_number, NULL, err);
}

int store_read_text(struct store *store, struct arena *a, enum query_id id,
                    const struct db_value *values, size_t count, const char **ret_text,
                    struct err *err)
{
    return store_read_one(store, id, values, count, a, NULL, ret_text, err);
}

int store_data_version(struct store *store, int64_t *ret_version, struct err *err)
{
    int rc = 0;
    pthread_mutex_lock(&store->version_lock);
    /* Numbers of different connections do not compare, so this one is kept for the purpose. */
    if (!store->version_reader)
        rc = store->driver->open(store->location, DB_READER, &store->version_reader, err);
    if (rc == 0)
        rc = store->driver->version(store->version_reader, ret_version, err);
    pthread_mutex_unlock(&store->version_lock);
    return rc;
}

/* --- waiting ------------------------------------------------------------------------------------ */

struct wait_state {
    pthread_mutex_t lock;
    pthread_cond_t ready;
    bool over; /* under lock */
    int rc;
};

_Static_assert(sizeof(struct wait_state) <= sizeof(((struct store_wait *)0)->private),
               "store_wait has room for its state");

static struct wait_state *wait_state(struct store_wait *wait)
{
    return (struct wait_state *)(void *)wait->private;
}

void store_wait_init(struct store_wait *wait)
{
    struct wait_state *state = wait_state(wait);
    pthread_mutex_init(&state->lock, NULL);
    pthread_cond_init(&state->ready, NULL);
    state->over = false;
}

void store_wait_done(void *context, int rc, const struct err *err)
{
    struct store_wait *wait = context;
    struct wait_state *state = wait_state(wait);
    pthread_mutex_lock(&state->lock);
    state->rc = rc;
    if (rc < 0)
        wait->err = *err;
    state->over = true;
    pthread_cond_signal(&state->ready);
    pthread_mutex_unlock(&state->lock);
}

int store_wait_finish(struct store_wait *wait, struct err *err)
{
    struct wait_state *state = wait_state(wait);
    pthread_mutex_lock(&state->lock);
    while (!state->over)
        pthread_cond_wait(&state->ready, &state->lock);
    pthread_mutex_unlock(&state->lock);
    pthread_mutex_destroy(&state->lock);
    pthread_cond_destroy(&state->ready);
    if (state->rc < 0 && err)
        *err = wait->err;
    return state->rc;
}
