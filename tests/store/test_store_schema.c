#include "fixture.h"

#include "store/db.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* The driver of the location, and its part of it. */
static const struct db_driver *schema_driver(const char *location, const char **ret_place)
{
    *ret_place = strchr(location, ':') + 1;
#define BACKEND(name)                                                                              \
    if (strncmp(location, #name ":", sizeof(#name)) == 0)                                          \
        return &db_driver_##name;
#include "store/backends.def"
#undef BACKEND
    return NULL;
}

/* A database as an earlier version of the program left it. */
static struct db *schema_at(const struct fixture *f, size_t migrations)
{
    const char *place;
    const struct db_driver *driver = schema_driver(f->location, &place);
    struct db *db;
    assert_non_null(driver);
    assert_int_equal(driver->open(place, DB_WRITER, &db, NULL), 0);
    assert_int_equal(
        db_script(db, "CREATE TABLE schema_versions (version BIGINT PRIMARY KEY)", NULL), 0);
    for (size_t i = 0; i < migrations; i++) {
        assert_int_equal(db_script(db, driver->migrations[i].script, NULL), 0);
        assert_int_equal(db_run(db, QUERY_SCHEMA_ADVANCE,
                                DB_VALUES(DB_INT(driver->migrations[i].version)), NULL, NULL),
                         0);
    }
    return db;
}

static void schema_use(struct fixture *f)
{
    char id[UUID_TEXT_SIZE];
    uuid_new(id);
    assert_int_equal(fixture_credit(f->store, "acme", 10), 0);
    const struct store_workflow w = fixture_workflow(id, "acme", 3);
    assert_int_equal(fixture_create(f->store, &w), 0);
    assert_int_equal(fixture_get(f, id)->workflow.price, 3);
}

static void test_every_older_schema_is_brought_up(void **state)
{
    struct fixture *f = *state;
    const char *place;
    const struct db_driver *driver = schema_driver(f->location, &place);
    for (size_t from = 0; from <= driver->migration_count; from++) {
        db_close(schema_at(f, from));
        fixture_open(f);
        schema_use(f);
        fixture_reopen(f);
        assert_int_equal(fixture_balance(f->store, "acme"), 7);
        fixture_close(f);
        assert_int_equal(unlink(place), 0);
    }
}

static void test_rows_survive_a_migration(void **state)
{
    struct fixture *f = *state;
    struct db *db = schema_at(f, 1);
    assert_int_equal(
        db_run(db, QUERY_CUSTOMER_CREATE, DB_VALUES(DB_TEXT("acme"), DB_INT(5)), NULL, NULL), 0);
    assert_int_equal(
        db_run(db, QUERY_SETTING_SET, DB_VALUES(DB_TEXT("secret"), DB_TEXT("kept")), NULL, NULL),
        0);
    db_close(db);
    fixture_open(f);
    const char *value;
    assert_int_equal(store_setting_init(f->store, f->arena, "secret", "new", &value, NULL), 0);
    assert_string_equal(value, "kept");
    schema_use(f);
}

static void test_a_newer_schema_is_refused(void **state)
{
    struct fixture *f = *state;
    struct store *store = NULL;
    struct err err;
    struct db *db = schema_at(f, 0);
    assert_int_equal(db_run(db, QUERY_SCHEMA_ADVANCE, DB_VALUES(DB_INT(9999)), NULL, NULL), 0);
    db_close(db);
    assert_int_equal(store_open(f->location, &store, &err), ERR_STORAGE);
    assert_non_null(strstr(err.message, "newer version"));
    assert_null(store);
}

static void test_migrations_count_up(void **state)
{
    struct fixture *f = *state;
    const char *place;
    const struct db_driver *driver = schema_driver(f->location, &place);
    for (size_t i = 0; i < driver->migration_count; i++)
        assert_int_equal(driver->migrations[i].version, i + 1);
}

/* Several processes come to a new folder at once. */
static void test_processes_open_a_new_database_together(void **state)
{
    enum { PROCESSES = 6 };
    struct fixture *f = *state;
    int go[2], status;
    assert_int_equal(pipe(go), 0);
    for (int i = 0; i < PROCESSES; i++) {
        if (fork() == 0) {
            char word;
            struct store *store;
            close(go[1]);
            if (read(go[0], &word, 1) != 0)
                _exit(1);
            if (store_open(f->location, &store, NULL) < 0)
                _exit(2);
            if (fixture_credit(store, "acme", 1) != 0)
                _exit(3);
            store_close(store);
            _exit(0);
        }
    }
    close(go[0]);
    close(go[1]);
    for (int i = 0; i < PROCESSES; i++) {
        assert_true(wait(&status) > 0);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
    fixture_open(f);
    assert_int_equal(fixture_balance(f->store, "acme"), PROCESSES);
}

int main(int argc, char **argv)
{
    fixture_main(argc, argv);
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_new_closed, fixture_free)
    const struct CMUnitTest tests[] = {
        TEST(test_every_older_schema_is_brought_up),
        TEST(test_rows_survive_a_migration),
        TEST(test_a_newer_schema_is_refused),
        TEST(test_migrations_count_up),
        TEST(test_processes_open_a_new_database_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
