#include "fixture.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * A full disk is a small tmpfs in a mount namespace of the child where that may be made, and a limit on the size of files
 * otherwise. The child exits 0 when all is as it should be; other values say what was not.
 */
enum { TEXT = 20000, TRIES = 2000 };

static bool disk_shrink(const struct fixture *f)
{
    if (unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
        mount("tmpfs", f->directory, "tmpfs", 0, "size=3m") == 0)
        return true;
    signal(SIGXFSZ, SIG_IGN);
    return false;
}

static void disk_limit(rlim_t size)
{
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = size;
    setrlimit(RLIMIT_FSIZE, &limit);
}

static int disk_create(struct store *store, const char *options, char ret_id[UUID_TEXT_SIZE],
                       struct err *err)
{
    struct store_wait wait;
    uuid_new(ret_id);
    struct store_workflow w = fixture_workflow(ret_id, "acme", 1);
    w.options_json = options;
    store_wait_init(&wait);
    store_workflow_create(store, &w, store_wait_done, &wait);
    return store_wait_finish(&wait, err);
}

static bool disk_holds(struct store *store, char (*ids)[UUID_TEXT_SIZE], int count)
{
    for (int i = 0; i < count; i++) {
        CLEANUP(arena) struct arena *a = arena_new();
        struct store_workflow_full *full;
        if (store_workflow_get(store, a, NULL, ids[i], &full, NULL) < 0 ||
            strlen(full->workflow.options_json) != TEXT)
            return false;
    }
    return true;
}

static int disk_child(const struct fixture *f)
{
    static char ids[TRIES][UUID_TEXT_SIZE];
    static char options[TEXT + 1];
    struct store *store;
    struct err err = {0};
    char id[UUID_TEXT_SIZE];
    int count = 0, rc = 0;
    bool small = disk_shrink(f);
    memset(options, 'x', TEXT);
    if (store_open(f->location, &store, &err) < 0 || fixture_credit(store, "acme", 100000) != 0)
        return 1;
    if (!small)
        disk_limit(3 << 20);
    while (count < TRIES && (rc = disk_create(store, options, ids[count], &err)) == 0)
        count++;
    if (rc != ERR_STORAGE || count < 20 || !strchr(err.message, '.'))
        return 2;
    /* It stays an error, not a crash, and reading goes on. */
    for (int i = 0; i < 5; i++) {
        if (disk_create(store, options, id, &err) != ERR_STORAGE)
            return 3;
    }
    if (store_check(store, &err) == 0 && small && disk_create(store, options, id, &err) == 0)
        return 4;
    if (!disk_holds(store, ids, count) || fixture_balance(store, "acme") != 100000 - count)
        return 5;
    /* Room again: the same store goes on. */
    if (small && mount("tmpfs", f->directory, "tmpfs", MS_REMOUNT, "size=64m") < 0)
        return 6;
    if (!small)
        disk_limit(RLIM_INFINITY);
    if (disk_create(store, options, ids[count], &err) != 0)
        return 7;
    count++;
    store_close(store);
    if (store_open(f->location, &store, &err) < 0)
        return 8;
    if (!disk_holds(store, ids, count) || fixture_balance(store, "acme") != 100000 - count)
        return 9;
    store_close(store);
    return 0;
}

static void test_a_full_disk_is_an_error_and_passes(void **state)
{
    struct fixture *f = *state;
    int status;
    pid_t child = fork();
    if (child == 0)
        _exit(disk_child(f));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_an_unusable_place_is_refused(void **state)
{
    struct fixture *f = *state;
    char location[160];
    struct store *store = NULL;
    struct err err;
    snprintf(location, sizeof(location), "%s/no/such/folder.db", f->directory);
    assert_int_equal(store_open(location, &store, &err), ERR_STORAGE);
    assert_non_null(strstr(err.message, "no/such/folder.db"));
    snprintf(location, sizeof(location), "%s/noise.db", f->directory);
    FILE *noise = fopen(location, "w");
    for (int i = 0; i < 10000; i++)
        fputc(i * 7 % 251, noise);
    fclose(noise);
    assert_int_equal(store_open(location, &store, &err), ERR_STORAGE);
    assert_null(store);
}

int main(int argc, char **argv)
{
    fixture_main(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_full_disk_is_an_error_and_passes, fixture_new_closed,
                                        fixture_free),
        cmocka_unit_test_setup_teardown(test_an_unusable_place_is_refused, fixture_new_closed,
                                        fixture_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
