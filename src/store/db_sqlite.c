#include "store/db.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

/*
 * DESIGN. The log (WAL) is copied back into the database by a thread of its own, so that commits do not wait for it. While
 * commits keep coming that thread never gets to the end of the log, and only a log that was copied to its end starts over.
 * So once the log is long, the writer copies the short rest itself, right after a commit.
 */
enum {
    SQLITE_BUSY_MS = 10000,
    SQLITE_COPY_PAGES = 2000,   /* log pages between two copies in the background */
    SQLITE_FINISH_PAGES = 16000 /* log pages from which the writer finishes the copy */
};

struct db_statement {
    struct db_sqlite *db;
    sqlite3_stmt *statement;
    bool writes;
    int index[DB_VALUES_MAX]; /* of $1, $2, ... */
    int value_count;
};

struct sqlite_copier {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool wanted, stop; /* under lock */
    sqlite3 *connection;
};

struct db_sqlite {
    struct db base;
    sqlite3 *connection;
    struct db_statement *statements[QUERY_COUNT];
    sqlite3_stmt *verbs[DB_ROLLBACK_TO + 1];
    struct sqlite_copier *copier; /* of the writer */
    int copy_asked_at;            /* log pages */
};

static const char *const sqlite_queries[QUERY_COUNT] = {
#define QUERY(name, text) [QUERY_##name] = text,
#include "store/queries.def"
#undef QUERY
};

static const struct db_migration sqlite_migrations[] = {
#define CLUSTERED " WITHOUT ROWID"
#define MIGRATION(version, script) {version, script},
#include "store/migrations.def"
#undef MIGRATION
};

static int sqlite_fault(sqlite3 *connection, int code, struct err *err)
{
    switch (code & 0xFF) {
    case SQLITE_FULL:
        return err_set(err, ERR_STORAGE, NULL, "The disk that holds the database is full.");
    case SQLITE_BUSY:
        return err_set(err, ERR_STORAGE, NULL, "The database is held by another process.");
    case SQLITE_TOOBIG:
        return err_set(err, ERR_TOO_LARGE, NULL, "A value is too large for the database.");
    case SQLITE_NOMEM:
        return err_set(err, ERR_STORAGE, NULL, "The database ran out of memory.");
    case SQLITE_CONSTRAINT:
        if (code == SQLITE_CONSTRAINT_FOREIGNKEY)
            return err_set(err, ERR_NOT_FOUND, NULL,
                           "The object that this belongs to is not there.");
        if (code == SQLITE_CONSTRAINT_PRIMARYKEY || code == SQLITE_CONSTRAINT_UNIQUE)
            return err_set_default(err, ERR_EXISTS);
        break;
    }
    return err_set(err, ERR_STORAGE, NULL, "The database failed: %s (%d).",
                   connection ? sqlite3_errmsg(connection) : sqlite3_errstr(code), code);
}

/* --- copying the log back ----------------------------------------------------------------------- */

static void *sqlite_copier_main(void *context)
{
    struct sqlite_copier *copier = context;
    pthread_mutex_lock(&copier->lock);
    for (;;) {
        while (!copier->wanted && !copier->stop)
            pthread_cond_wait(&copier->wake, &copier->lock);
        if (copier->stop)
            break;
        copier->wanted = false;
        pthread_mutex_unlock(&copier->lock);
        /* A failure is met again, and reported, by the writer when the log cannot grow any more. */
        sqlite3_wal_checkpoint_v2(copier->connection, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
        pthread_mutex_lock(&copier->lock);
    }
    pthread_mutex_unlock(&copier->lock);
    return NULL;
}

static void sqlite_copier_free(struct sqlite_copier *copier)
{
    if (!copier)
        return;
    pthread_mutex_lock(&copier->lock);
    copier->stop = true;
    pthread_cond_signal(&copier->wake);
    pthread_mutex_unlock(&copier->lock);
    pthread_join(copier->thread, NULL);
    pthread_mutex_destroy(&copier->lock);
    pthread_cond_destroy(&copier->wake);
    sqlite3_close(copier->connection);
    free(copier);
}

static int sqlite_committed(void *context, sqlite3 *connection, const char *schema, int pages)
{
    struct db_sqlite *db = context;
    if (pages < db->copy_asked_at)
        db->copy_asked_at = 0;
    if (pages >= SQLITE_FINISH_PAGES) {
        sqlite3_wal_checkpoint_v2(connection, schema, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    } else if (pages - db->copy_asked_at >= SQLITE_COPY_PAGES) {
        db->copy_asked_at = pages;
        pthread_mutex_lock(&db->copier->lock);
        db->copier->wanted = true;
        pthread_cond_signal(&db->copier->wake);
        pthread_mutex_unlock(&db->copier->lock);
    }
    return SQLITE_OK;
}

/* --- opening ------------------------------------------------------------------------------------ */

static void sqlite_configure(void)
{
    /* Fails harmlessly when the program has used SQLite before: the lock of its statistics stays. */
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

/* The change to WAL does not wait for other processes by itself. */
static int sqlite_exec_patiently(sqlite3 *connection, const char *text)
{
    enum { PAUSE_MS = 5 };
    int code = SQLITE_BUSY;
    for (int waited = 0; code == SQLITE_BUSY && waited < SQLITE_BUSY_MS; waited += PAUSE_MS) {
        if (waited > 0)
            sqlite3_sleep(PAUSE_MS);
        code = sqlite3_exec(connection, text, NULL, NULL, NULL) & 0xFF;
    }
    return code;
}

static int sqlite_connect(const char *location, const char *pragmas, sqlite3 **ret_connection,
                          struct err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    sqlite3 *connection;
    pthread_once(&once, sqlite_configure);
    int code = sqlite3_open_v2(location, &connection,
                               SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
                                   SQLITE_OPEN_EXRESCODE,
                               NULL);
    if (code == SQLITE_OK)
        code = sqlite3_busy_timeout(connection, SQLITE_BUSY_MS);
    if (code == SQLITE_OK)
        code = sqlite_exec_patiently(connection, pragmas);
    if (code != SQLITE_OK) {
        err_set(err, ERR_STORAGE, location, "The database %s cannot be opened: %s.", location,
                connection ? sqlite3_errmsg(connection) : sqlite3_errstr(code));
        sqlite3_close(connection);
        return ERR_STORAGE;
    }
    *ret_connection = connection;
    return 0;
}

static int sqlite_copier_new(const char *location, struct sqlite_copier **ret_copier,
                             struct err *err)
{
    struct sqlite_copier *copier = mem_alloc(sizeof(*copier));
    sigset_t all, before;
    int rc = sqlite_connect(location, "PRAGMA synchronous = FULL; PRAGMA cache_size = 8",
                            &copier->connection, err);
    if (rc < 0) {
        free(copier);
        return rc;
    }
    pthread_mutex_init(&copier->lock, NULL);
    pthread_cond_init(&copier->wake, NULL);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&copier->thread, NULL, sqlite_copier_main, copier);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0) {
        pthread_mutex_destroy(&copier->lock);
        pthread_cond_destroy(&copier->wake);
        sqlite3_close(copier->connection);
        free(copier);
        return err_set(err, ERR_STORAGE, NULL, "A thread of the database could not be started.");
    }
    *ret_copier = copier;
    return 0;
}

static void sqlite_close(struct db *base)
{
    struct db_sqlite *db = (struct db_sqlite *)base;
    sqlite_copier_free(db->copier);
    for (size_t i = 0; i < QUERY_COUNT; i++) {
        if (db->statements[i])
            sqlite3_finalize(db->statements[i]->statement);
        free(db->statements[i]);
    }
    for (size_t i = 0; i <= DB_ROLLBACK_TO; i++)
        sqlite3_finalize(db->verbs[i]);
    sqlite3_close(db->connection);
    free(db);
}

static int sqlite_open(const char *location, enum db_role role, struct db **ret_db, struct err *err)
{
    /* temp_store keeps what savepoints remember in memory; journal_size_limit keeps one burst from
     * holding the disk for ever. */
    static const char writer[] = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                                 "PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;"
                                 "PRAGMA cache_size = -4096; PRAGMA wal_autocheckpoint = 0;"
                                 "PRAGMA journal_size_limit = 134217728";
    static const char reader[] = "PRAGMA query_only = ON; PRAGMA temp_store = MEMORY;"
                                 "PRAGMA cache_size = -1024; PRAGMA wal_autocheckpoint = 0";
    struct db_sqlite *db = mem_alloc(sizeof(*db));
    db->base.driver = &db_driver_sqlite;
    int rc = sqlite_connect(location, role == DB_WRITER ? writer : reader, &db->connection, err);
    if (rc == 0 && role == DB_WRITER)
        rc = sqlite_copier_new(location, &db->copier, err);
    if (rc < 0) {
        sqlite_close(&db->base);
        return rc;
    }
    if (role == DB_WRITER)
        sqlite3_wal_hook(db->connection, sqlite_committed, db);
    *ret_db = &db->base;
    return 0;
}

/* --- statements --------------------------------------------------------------------------------- */

static int sqlite_transact(struct db *base, enum db_verb verb, struct err *err)
{
    static const char *const texts[] = {
        [DB_BEGIN_READ] = "BEGIN",
        [DB_BEGIN_WRITE] = "BEGIN IMMEDIATE",
        [DB_COMMIT] = "COMMIT",
        [DB_ROLLBACK] = "ROLLBACK",
        [DB_SAVEPOINT] = "SAVEPOINT one",
        [DB_RELEASE] = "RELEASE one",
        [DB_ROLLBACK_TO] = "ROLLBACK TO one",
    };
    struct db_sqlite *db = (struct db_sqlite *)base;
    int code = SQLITE_OK;
    /* Some failures have rolled back already. */
    if (verb == DB_ROLLBACK && sqlite3_get_autocommit(db->connection))
        return 0;
    if (!db->verbs[verb])
        code = sqlite3_prepare_v3(db->connection, texts[verb], -1, SQLITE_PREPARE_PERSISTENT,
                                  &db->verbs[verb], NULL);
    if (code == SQLITE_OK) {
        code = sqlite3_step(db->verbs[verb]);
        sqlite3_reset(db->verbs[verb]);
    }
    if (code != SQLITE_DONE)
        return sqlite_fault(db->connection, code, err);
    return verb == DB_ROLLBACK_TO ? sqlite_transact(base, DB_RELEASE, err) : 0;
}

static int sqlite_script(struct db *base, const char *text, struct err *err)
{
    struct db_sqlite *db = (struct db_sqlite *)base;
    int code = sqlite3_exec(db->connection, text, NULL, NULL, NULL);
    return code == SQLITE_OK ? 0 : sqlite_fault(db->connection, code, err);
}

static int sqlite_prepare(struct db_sqlite *db, enum query_id id, struct err *err)
{
    sqlite3_stmt *prepared;
    int code = sqlite3_prepare_v3(db->connection, sqlite_queries[id], -1, SQLITE_PREPARE_PERSISTENT,
                                  &prepared, NULL);
    if (code != SQLITE_OK)
        return sqlite_fault(db->connection, code, err);
    struct db_statement *statement = mem_alloc(sizeof(*statement));
    statement->db = db;
    statement->statement = prepared;
    statement->writes = !sqlite3_stmt_readonly(prepared);
    statement->value_count = sqlite3_bind_parameter_count(prepared);
    assert(statement->value_count <= DB_VALUES_MAX);
    for (int i = 0; i < statement->value_count; i++) {
        char name[16];
        snprintf(name, sizeof(name), "$%d", i + 1);
        statement->index[i] = sqlite3_bind_parameter_index(prepared, name);
        assert(statement->index[i] > 0);
    }
    db->statements[id] = statement;
    return 0;
}

static int sqlite_query(struct db *base, enum query_id id, const struct db_value *values,
                        size_t count, struct db_statement **ret_statement, struct err *err)
{
    struct db_sqlite *db = (struct db_sqlite *)base;
    if (!db->statements[id]) {
        int rc = sqlite_prepare(db, id, err);
        if (rc < 0)
            return rc;
    }
    struct db_statement *statement = db->statements[id];
    assert((int)count == statement->value_count);
    for (size_t i = 0; i < count; i++) {
        int code =
            values[i].kind == DB_VALUE_INT
                ? sqlite3_bind_int64(statement->statement, statement->index[i], values[i].number)
                : sqlite3_bind_text(statement->statement, statement->index[i], values[i].text, -1,
                                    SQLITE_STATIC);
        if (code != SQLITE_OK)
            return sqlite_fault(db->connection, code, err);
    }
    *ret_statement = statement;
    return 0;
}

static int sqlite_step(struct db_statement *statement, struct err *err)
{
    int code = sqlite3_step(statement->statement);
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        return sqlite_fault(statement->db->connection, code, err);
    if (statement->writes && (code == SQLITE_ROW || sqlite3_changes(statement->db->connection) > 0))
        statement->db->base.dirty = true;
    return code == SQLITE_ROW;
}

static int64_t sqlite_column_int(struct db_statement *statement, int column)
{
    return sqlite3_column_int64(statement->statement, column);
}

static const char *sqlite_column_text(struct db_statement *statement, int column, size_t *ret_size)
{
    const char *text = (const char *)sqlite3_column_text(statement->statement, column);
    *ret_size = (size_t)sqlite3_column_bytes(statement->statement, column);
    return text;
}

static void sqlite_end(struct db_statement *statement)
{
    sqlite3_reset(statement->statement);
}

static int64_t sqlite_changes(struct db *base)
{
    return sqlite3_changes(((struct db_sqlite *)base)->connection);
}

static int sqlite_version(struct db *base, int64_t *ret_version, struct err *err)
{
    struct db_sqlite *db = (struct db_sqlite *)base;
    sqlite3_stmt *statement;
    int code = sqlite3_prepare_v2(db->connection, "PRAGMA data_version", -1, &statement, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    if (code == SQLITE_ROW)
        *ret_version = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return code == SQLITE_ROW ? 0 : sqlite_fault(db->connection, code, err);
}

static int sqlite_check_pragma(struct db_sqlite *db, const char *pragma, const char *sentence,
                               void (*fault)(void *context, const char *sentence), void *context,
                               struct err *err)
{
    sqlite3_stmt *statement;
    int code = sqlite3_prepare_v2(db->connection, pragma, -1, &statement, NULL);
    while (code == SQLITE_OK || code == SQLITE_ROW) {
        code = sqlite3_step(statement);
        if (code != SQLITE_ROW)
            break;
        CLEANUP(arena) struct arena *a = arena_new();
        const char *text = (const char *)sqlite3_column_text(statement, 0);
        if (text && strcmp(text, "ok") != 0)
            fault(context, arena_printf(a, "%s: %s.", sentence, text));
    }
    sqlite3_finalize(statement);
    return code == SQLITE_DONE ? 0 : sqlite_fault(db->connection, code, err);
}

static int sqlite_check(struct db *base, void (*fault)(void *context, const char *sentence),
                        void *context, struct err *err)
{
    struct db_sqlite *db = (struct db_sqlite *)base;
    int rc = sqlite_check_pragma(db, "PRAGMA integrity_check(20)",
                                 "The file of the database is damaged", fault, context, err);
    if (rc == 0)
        rc = sqlite_check_pragma(db, "PRAGMA foreign_key_check",
                                 "A row belongs to something that is not there, in the table",
                                 fault, context, err);
    return rc;
}

const struct db_driver db_driver_sqlite = {
    .name = "sqlite",
    .migrations = sqlite_migrations,
    .migration_count = sizeof(sqlite_migrations) / sizeof(sqlite_migrations[0]),
    .open = sqlite_open,
    .close = sqlite_close,
    .transact = sqlite_transact,
    .script = sqlite_script,
    .query = sqlite_query,
    .step = sqlite_step,
    .column_int = sqlite_column_int,
    .column_text = sqlite_column_text,
    .end = sqlite_end,
    .changes = sqlite_changes,
    .check = sqlite_check,
    .version = sqlite_version,
};
