/*
 * What the store needs of a database. A driver is one file, db_NAME.c, and one row in backends.def.
 *
 * A connection belongs to one thread at a time. Statements are the rows of queries.def: shared SQL whose $1, $2, ...
 * take values[0], values[1], ... A driver prepares each at most once per connection.
 */
#ifndef STORE_DB_H
#define STORE_DB_H

#include "base/arena.h"
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum query_id {
#define QUERY(name, text) QUERY_##name,
#include "store/queries.def"
#undef QUERY
    QUERY_COUNT
};

enum { DB_VALUES_MAX = 40 };

struct db_value {
    enum { DB_VALUE_INT, DB_VALUE_TEXT } kind;
    int64_t number;
    const char *text; /* NULL is SQL's NULL; lives until the statement ended */
};

#define DB_INT(value) ((struct db_value){.kind = DB_VALUE_INT, .number = (value)})
#define DB_TEXT(value) ((struct db_value){.kind = DB_VALUE_TEXT, .text = (value)})
/* The two arguments `values` and `count` of db_query() and db_run(). */
#define DB_VALUES(...)                                                                             \
    (const struct db_value[]){__VA_ARGS__},                                                        \
        sizeof((const struct db_value[]){__VA_ARGS__}) / sizeof(struct db_value)
#define DB_NO_VALUES NULL, 0

enum db_role {
    DB_WRITER, /* one per process; creates the database; keeps it in shape in the background */
    DB_READER
};

enum db_verb {
    DB_BEGIN_READ, /* one snapshot for several statements */
    DB_BEGIN_WRITE,
    DB_COMMIT, /* durable when it returns 0 */
    DB_ROLLBACK,
    DB_SAVEPOINT,
    DB_RELEASE,
    DB_ROLLBACK_TO /* and releases */
};

struct db_statement;

/* First member of every connection. */
struct db {
    const struct db_driver *driver;
    bool dirty; /* set by the driver when a statement changed rows; cleared by the store */
};

struct db_migration {
    int64_t version; /* 1, 2, ... */
    const char *script;
};

struct db_driver {
    const char *name;
    const struct db_migration *migrations;
    size_t migration_count;

    int (*open)(const char *location, enum db_role role, struct db **ret_db, struct err *err);
    void (*close)(struct db *db); /* NULL allowed */
    int (*transact)(struct db *db, enum db_verb verb, struct err *err);
    /* Several statements without values. */
    int (*script)(struct db *db, const char *text, struct err *err);
    /* Starts a statement, which must be ended; rows come by step. ERR_STORAGE. */
    int (*query)(struct db *db, enum query_id id, const struct db_value *values, size_t count,
                 struct db_statement **ret_statement, struct err *err);
    /* 1: a row is there, 0: no more. ERR_EXISTS and ERR_NOT_FOUND for a broken key or reference (nothing of this
     * statement stays), ERR_TOO_LARGE, ERR_STORAGE. */
    int (*step)(struct db_statement *statement, struct err *err);
    int64_t (*column_int)(struct db_statement *statement, int column); /* 0 for NULL */
    /* NULL for NULL; lives until the next step. */
    const char *(*column_text)(struct db_statement *statement, int column, size_t *ret_size);
    void (*end)(struct db_statement *statement);
    /* Rows changed by the statement that stepped last. */
    int64_t (*changes)(struct db *db);
    /* Calls `fault` for everything that is wrong with the database as such: pages, indexes, references. */
    int (*check)(struct db *db, void (*fault)(void *context, const char *sentence), void *context,
                 struct err *err);
    /* A number that differs whenever anybody else has committed in between. */
    int (*version)(struct db *db, int64_t *ret_version, struct err *err);
};

#define BACKEND(name) extern const struct db_driver db_driver_##name;
#include "store/backends.def"
#undef BACKEND

static inline void db_close(struct db *db)
{
    if (db)
        db->driver->close(db);
}

static inline int db_transact(struct db *db, enum db_verb verb, struct err *err)
{
    return db->driver->transact(db, verb, err);
}

static inline int db_script(struct db *db, const char *text, struct err *err)
{
    return db->driver->script(db, text, err);
}

/* An open result: the statement and its driver. `statement` NULL: none. */
struct db_rows {
    const struct db_driver *driver;
    struct db_statement *statement;
};

/* Returns 1 with the first row, 0 when there is none, or an error. `ret_rows` is to be ended with CLEANUP(db_rows) or
 * db_rows_end() in every case. */
int db_query(struct db *db, enum query_id id, const struct db_value *values, size_t count,
             struct db_rows *ret_rows, struct err *err);
/* Runs a statement without result to its end. `ret_changes` may be NULL. */
int db_run(struct db *db, enum query_id id, const struct db_value *values, size_t count,
           int64_t *ret_changes, struct err *err);

static inline int db_next(struct db_rows *rows, struct err *err)
{
    return rows->driver->step(rows->statement, err);
}

static inline int64_t db_int(struct db_rows *rows, int column)
{
    return rows->driver->column_int(rows->statement, column);
}

/* A copy in the arena; NULL for NULL. */
char *db_text(struct db_rows *rows, struct arena *a, int column);

static inline void db_rows_end(struct db_rows *rows)
{
    if (rows->statement)
        rows->driver->end(rows->statement);
    rows->statement = NULL;
}

static inline void cleanup_db_rows(struct db_rows *rows)
{
    db_rows_end(rows);
}

/* Brings the schema up to the newest version in one transaction, which also keeps out another process that does the same.
 * ERR_STORAGE when the database is newer than this program. */
int db_migrate(struct db *db, struct err *err);

CLEANUP_DEFINE(db, struct db, db_close);

#endif
