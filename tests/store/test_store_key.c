#include "fixture.h"

#include "base/clock.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void key_hash(const char *secret, char ret_sha256[SHA256_HEX_SIZE])
{
    sha256_hex(secret, strlen(secret), ret_sha256);
}

static void test_keys_are_found_by_their_hash(void **state)
{
    struct fixture *f = *state;
    char hash[SHA256_HEX_SIZE], other[SHA256_HEX_SIZE];
    struct store_key *key, *keys;
    size_t count;
    int64_t customers;
    bool exists;
    key_hash("one", hash);
    key_hash("two", other);
    assert_int_equal(store_key_find(f->store, f->arena, hash, &key, NULL), ERR_NOT_FOUND);
    assert_int_equal(fixture_key(f->store, "acme", "key-1", hash), 0);
    assert_int_equal(fixture_key(f->store, "acme", "key-2", hash), ERR_EXISTS);
    assert_int_equal(fixture_key(f->store, "new customer", "key-1", other), ERR_EXISTS);
    assert_int_equal(store_customer_exists(f->store, "new customer", &exists, NULL), 0);
    assert_false(exists);
    assert_int_equal(fixture_key(f->store, "acme", "key-2", other), 0);
    assert_int_equal(store_key_find(f->store, f->arena, hash, &key, NULL), 0);
    assert_string_equal(key->id, "key-1");
    assert_string_equal(key->customer, "acme");
    assert_string_equal(key->user, "user");
    assert_string_equal(key->label, "rk_ab");
    assert_int_equal(key->revoked_at, 0);
    assert_true(key->created_at > 0);
    assert_int_equal(store_key_list(f->store, f->arena, &keys, &count, NULL), 0);
    assert_int_equal(count, 2);
    assert_string_equal(keys[1].id, "key-2");
    assert_int_equal(store_customer_exists(f->store, "acme", &exists, NULL), 0);
    assert_true(exists);
    assert_int_equal(store_customer_count(f->store, &customers, NULL), 0);
    assert_int_equal(customers, 1);
    assert_int_equal(fixture_balance(f->store, "acme"), 0);
}

static void test_revoking_is_for_ever(void **state)
{
    struct fixture *f = *state;
    char hash[SHA256_HEX_SIZE];
    struct store_key *first, *second;
    key_hash("one", hash);
    assert_int_equal(fixture_revoke(f->store, "key-1"), ERR_NOT_FOUND);
    assert_int_equal(fixture_key(f->store, "acme", "key-1", hash), 0);
    assert_int_equal(fixture_revoke(f->store, "key-1"), 0);
    assert_int_equal(store_key_find(f->store, f->arena, hash, &first, NULL), 0);
    assert_true(first->revoked_at > 0);
    usleep(1000);
    assert_int_equal(fixture_revoke(f->store, "key-1"), 0);
    assert_int_equal(store_key_find(f->store, f->arena, hash, &second, NULL), 0);
    assert_int_equal(first->revoked_at, second->revoked_at);
}

/* The other process: says that it is ready, waits for the version to move, and exits 0 when it then sees the key
 * revoked within a second of the word. */
static int watch(const struct fixture *f, const char *hash, int ready, int go)
{
    struct store *store;
    struct store_key *key;
    int64_t before, version;
    char word;
    CLEANUP(arena) struct arena *a = arena_new();
    if (store_open(f->location, &store, NULL) < 0 ||
        store_key_find(store, a, hash, &key, NULL) < 0 || key->revoked_at != 0 ||
        store_data_version(store, &before, NULL) < 0 || write(ready, "r", 1) != 1 ||
        read(go, &word, 1) != 1)
        return 1;
    int64_t until = clock_monotonic_us() + 1000000;
    do {
        usleep(5000);
        if (store_data_version(store, &version, NULL) < 0)
            return 2;
    } while (version == before && clock_monotonic_us() < until);
    if (version == before)
        return 3;
    if (store_key_find(store, a, hash, &key, NULL) < 0 || key->revoked_at == 0)
        return 4;
    store_close(store);
    return 0;
}

static void test_another_process_sees_a_revoked_key(void **state)
{
    struct fixture *f = *state;
    char hash[SHA256_HEX_SIZE];
    int ready[2], go[2], status;
    char word;
    key_hash("one", hash);
    fixture_open(f);
    assert_int_equal(fixture_key(f->store, "acme", "key-1", hash), 0);
    fixture_close(f);
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(go), 0);
    pid_t child = fork();
    if (child == 0)
        _exit(watch(f, hash, ready[1], go[0]));
    assert_int_equal(read(ready[0], &word, 1), 1);
    fixture_open(f);
    assert_int_equal(fixture_revoke(f->store, "key-1"), 0);
    assert_int_equal(write(go[1], "g", 1), 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    for (int i = 0; i < 2; i++) {
        close(ready[i]);
        close(go[i]);
    }
}

static void test_own_commits_move_the_version(void **state)
{
    struct fixture *f = *state;
    int64_t first, same, moved;
    assert_int_equal(store_data_version(f->store, &first, NULL), 0);
    assert_int_equal(store_data_version(f->store, &same, NULL), 0);
    assert_int_equal(first, same);
    assert_int_equal(fixture_credit(f->store, "acme", 1), 0);
    assert_int_equal(store_data_version(f->store, &moved, NULL), 0);
    assert_int_not_equal(first, moved);
}

static void test_settings_keep_the_first_value(void **state)
{
    struct fixture *f = *state;
    const char *value;
    assert_int_equal(store_setting_init(f->store, f->arena, "secret", "one", &value, NULL), 0);
    assert_string_equal(value, "one");
    assert_int_equal(store_setting_init(f->store, f->arena, "secret", "two", &value, NULL), 0);
    assert_string_equal(value, "one");
    fixture_reopen(f);
    assert_int_equal(store_setting_init(f->store, f->arena, "secret", "two", &value, NULL), 0);
    assert_string_equal(value, "one");
    assert_int_equal(store_check(f->store, NULL), 0);
    assert_int_equal(store_check(f->store, NULL), 0);
}

int main(int argc, char **argv)
{
    fixture_main(argc, argv);
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_new, fixture_free)
    const struct CMUnitTest tests[] = {
        TEST(test_keys_are_found_by_their_hash),
        TEST(test_revoking_is_for_ever),
        cmocka_unit_test_setup_teardown(test_another_process_sees_a_revoked_key, fixture_new_closed,
                                        fixture_free),
        TEST(test_own_commits_move_the_version),
        TEST(test_settings_keep_the_first_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
