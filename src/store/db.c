#include "store/db.h"

#include <inttypes.h>

int db_query(struct db *db, enum query_id id, const struct db_value *values, size_t count,
             struct db_rows *ret_rows, struct err *err)
{
    ret_rows->driver = db->driver;
    ret_rows->statement = NULL;
    int rc = db->driver->query(db, id, values, count, &ret_rows->statement, err);
    if (rc < 0)
        return rc;
    return db->driver->step(ret_rows->statement, err);
}

int db_run(struct db *db, enum query_id id, const struct db_value *values, size_t count,
           int64_t *ret_changes, struct err *err)
{
    CLEANUP(db_rows) struct db_rows rows;
    int rc = db_query(db, id, values, count, &rows, err);
    if (rc < 0)
        return rc;
    if (ret_changes)
        *ret_changes = db->driver->changes(db);
    return 0;
}

char *db_text(struct db_rows *rows, struct arena *a, int column)
{
    size_t size;
    const char *text = rows->driver->column_text(rows->statement, column, &size);
    return text ? arena_strndup(a, text, size) : NULL;
}

static int db_schema_version(struct db *db, int64_t *ret_version, struct err *err)
{
    CLEANUP(db_rows) struct db_rows rows;
    int rc = db_query(db, QUERY_SCHEMA_VERSION, DB_NO_VALUES, &rows, err);
    *ret_version = rc == 1 ? db_int(&rows, 0) : 0;
    return rc < 0 ? rc : 0;
}

static int db_migrate_steps(struct db *db, struct err *err)
{
    const struct db_driver *driver = db->driver;
    int64_t newest = driver->migrations[driver->migration_count - 1].version;
    int64_t version = 0;
    int rc = db_script(
        db, "CREATE TABLE IF NOT EXISTS schema_versions (version BIGINT PRIMARY KEY)", err);
    if (rc == 0)
        rc = db_schema_version(db, &version, err);
    if (rc == 0 && version > newest)
        return err_set(err, ERR_STORAGE, NULL,
                       "The database was written by a newer version of this program (schema "
                       "%" PRId64 ", this one knows %" PRId64 ").",
                       version, newest);
    for (size_t i = 0; rc == 0 && i < driver->migration_count; i++) {
        const struct db_migration *migration = &driver->migrations[i];
        if (migration->version <= version)
            continue;
        rc = db_script(db, migration->script, err);
        if (rc == 0)
            rc = db_run(db, QUERY_SCHEMA_ADVANCE, DB_VALUES(DB_INT(migration->version)), NULL, err);
    }
    return rc;
}

int db_migrate(struct db *db, struct err *err)
{
    int rc = db_transact(db, DB_BEGIN_WRITE, err);
    if (rc < 0)
        return rc;
    rc = db_migrate_steps(db, err);
    if (rc == 0)
        rc = db_transact(db, DB_COMMIT, err);
    if (rc < 0)
        db_transact(db, DB_ROLLBACK, NULL);
    return rc;
}
