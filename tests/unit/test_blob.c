#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "blob/blob.h"
#include "shared/folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

struct room {
    char directory[64];
    struct blob_store *store;
};

static int room_new(void **state)
{
    struct room *room = calloc(1, sizeof(*room));
    char location[80];
    strcpy(room->directory, "/tmp/reeld-blob-XXXXXX");
    if (!mkdtemp(room->directory))
        return -1;
    snprintf(location, sizeof(location), "fs:%s/blobs", room->directory);
    *state = room;
    return blob_open(location, &room->store, NULL);
}

static int room_free(void **state)
{
    struct room *room = *state;
    blob_close(room->store);
    int rc = folder_remove_tree(room->directory);
    free(room);
    return rc;
}

static int count_visit(void *context, const char *sha256, uint64_t size)
{
    uint64_t *totals = context;
    assert_true(sha256_hex_valid(sha256));
    totals[0]++;
    totals[1] += size;
    return 0;
}

static int stop_visit(void *context, const char *sha256, uint64_t size)
{
    (void)context, (void)sha256, (void)size;
    return 17;
}

/* The number of names in DIR/blobs/tmp. */
static int room_leftovers(const struct room *room)
{
    char path[96];
    int count = 0;
    snprintf(path, sizeof(path), "%s/blobs/tmp", room->directory);
    DIR *listing = opendir(path);
    assert_non_null(listing);
    while (readdir(listing))
        count++;
    closedir(listing);
    return count - 2;
}

static void test_bytes_come_back(void **state)
{
    struct room *room = *state;
    char hash[SHA256_HEX_SIZE], again[SHA256_HEX_SIZE], expected[SHA256_HEX_SIZE], bytes[16];
    uint64_t size = 0, totals[2] = {0};
    int fd;
    assert_int_equal(blob_put(room->store, "hello", 5, hash, NULL), 0);
    sha256_hex("hello", 5, expected);
    assert_string_equal(hash, expected);
    assert_int_equal(blob_put(room->store, "hello", 5, again, NULL), 0);
    assert_string_equal(hash, again);
    assert_int_equal(blob_get(room->store, hash, &fd, &size, NULL), 0);
    assert_int_equal(size, 5);
    assert_int_equal(read(fd, bytes, sizeof(bytes)), 5);
    assert_memory_equal(bytes, "hello", 5);
    assert_int_equal(write(fd, "x", 1), -1);
    close(fd);
    assert_int_equal(blob_put(room->store, "", 0, hash, NULL), 0);
    assert_int_equal(blob_get(room->store, hash, &fd, &size, NULL), 0);
    assert_int_equal(size, 0);
    close(fd);
    assert_int_equal(blob_each(room->store, count_visit, totals, NULL), 0);
    assert_int_equal(totals[0], 2);
    assert_int_equal(totals[1], 5);
    assert_int_equal(blob_each(room->store, stop_visit, NULL, NULL), 17);
    assert_int_equal(blob_remove(room->store, hash, NULL), 0);
    assert_int_equal(blob_remove(room->store, hash, NULL), 0);
    assert_int_equal(blob_get(room->store, hash, &fd, NULL, NULL), ERR_NOT_FOUND);
    assert_int_equal(room_leftovers(room), 0);
}

static void test_a_large_file_is_published(void **state)
{
    enum { CHUNK = 1 << 16, CHUNKS = 40 };
    struct room *room = *state;
    char *bytes = malloc((size_t)CHUNK * CHUNKS);
    char hash[SHA256_HEX_SIZE], expected[SHA256_HEX_SIZE];
    uint64_t size;
    int fd;
    for (int i = 0; i < CHUNK * CHUNKS; i++)
        bytes[i] = (char)(i * 31 + i / 7);
    assert_int_equal(blob_create(room->store, &fd, NULL), 0);
    for (int i = 0; i < CHUNKS; i++)
        assert_int_equal(write(fd, bytes + (size_t)i * CHUNK, CHUNK), CHUNK);
    assert_int_equal(blob_publish(room->store, fd, hash, &size, NULL), 0);
    close(fd);
    sha256_hex(bytes, (size_t)CHUNK * CHUNKS, expected);
    assert_string_equal(hash, expected);
    assert_int_equal(size, CHUNK * CHUNKS);
    assert_int_equal(blob_get(room->store, hash, &fd, &size, NULL), 0);
    assert_int_equal(size, CHUNK * CHUNKS);
    char check[SHA256_HEX_SIZE];
    assert_int_equal(sha256_fd(fd, check, NULL, NULL), 0);
    assert_string_equal(check, expected);
    close(fd);
    free(bytes);
}

/* A file without any name cannot be linked: the way that file systems without O_TMPFILE take. */
static void test_a_file_that_cannot_be_linked_is_copied(void **state)
{
    struct room *room = *state;
    char path[96], hash[SHA256_HEX_SIZE], bytes[8];
    uint64_t size;
    snprintf(path, sizeof(path), "%s/blobs/tmp/one", room->directory);
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
    assert_true(fd >= 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(write(fd, "copied", 6), 6);
    assert_int_equal(blob_publish(room->store, fd, hash, &size, NULL), 0);
    close(fd);
    assert_int_equal(blob_get(room->store, hash, &fd, &size, NULL), 0);
    assert_int_equal(size, 6);
    assert_int_equal(read(fd, bytes, sizeof(bytes)), 6);
    assert_memory_equal(bytes, "copied", 6);
    close(fd);
    assert_int_equal(room_leftovers(room), 0);
}

static void test_names_that_are_no_hashes_lead_nowhere(void **state)
{
    struct room *room = *state;
    static const char *const names[] = {
        "",
        "..",
        "../../../../etc/passwd",
        "/etc/passwd",
        "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b85",
        "../0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    };
    int fd = -1;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_int_equal(blob_get(room->store, names[i], &fd, NULL, NULL), ERR_NOT_FOUND);
        assert_int_equal(blob_remove(room->store, names[i], NULL), 0);
    }
    assert_int_equal(fd, -1);
}

static void test_a_full_disk_leaves_nothing(void **state)
{
    enum { SIZE = 1 << 20 };
    struct room *room = *state;
    char *bytes = calloc(1, SIZE);
    char hash[SHA256_HEX_SIZE];
    uint64_t totals[2] = {0};
    struct err err;
    struct rlimit before, small;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    small = before;
    small.rlim_cur = SIZE / 2;
    setrlimit(RLIMIT_FSIZE, &small);
    int rc = blob_put(room->store, bytes, SIZE, hash, &err);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(rc, ERR_STORAGE);
    assert_string_equal(err.message, "The disk that holds the files is full.");
    assert_int_equal(blob_each(room->store, count_visit, totals, NULL), 0);
    assert_int_equal(totals[0], 0);
    assert_int_equal(room_leftovers(room), 0);
    assert_int_equal(blob_put(room->store, bytes, SIZE, hash, &err), 0);
    free(bytes);
}

static void test_old_leftovers_are_swept(void **state)
{
    struct room *room = *state;
    char path[96], location[80];
    const struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "%s/blobs/tmp/left-%d", room->directory, i);
        int fd = open(path, O_WRONLY | O_CREAT, 0600);
        if (i == 0)
            futimens(fd, times);
        close(fd);
    }
    blob_close(room->store);
    snprintf(location, sizeof(location), "%s/blobs", room->directory);
    assert_int_equal(blob_open(location, &room->store, NULL), 0);
    assert_int_equal(room_leftovers(room), 1);
    struct blob_store *none = NULL;
    snprintf(location, sizeof(location), "%s/no/such", room->directory);
    assert_int_equal(blob_open(location, &none, NULL), ERR_STORAGE);
    assert_null(none);
}

static void *publish_main(void *context)
{
    struct room *room = context;
    for (int i = 0; i < 30; i++) {
        char hash[SHA256_HEX_SIZE], expected[SHA256_HEX_SIZE];
        uint64_t size;
        int fd;
        sha256_hex(&i, sizeof(i), expected);
        if (blob_put(room->store, &i, sizeof(i), hash, NULL) < 0 || strcmp(hash, expected) != 0 ||
            blob_get(room->store, hash, &fd, &size, NULL) < 0)
            return room;
        close(fd);
        if (size != sizeof(i))
            return room;
    }
    return NULL;
}

static void test_threads_publish_the_same_bytes(void **state)
{
    enum { THREADS = 6 };
    struct room *room = *state;
    pthread_t threads[THREADS];
    uint64_t totals[2] = {0};
    void *failed;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, publish_main, room), 0);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    assert_int_equal(blob_each(room->store, count_visit, totals, NULL), 0);
    assert_int_equal(totals[0], 30);
}

/* --- holds -------------------------------------------------------------------------------------- */

struct removal {
    struct blob_store *store;
    const char *sha256;
    bool used;
    int rc, asked;
    pthread_t publisher;
    bool publish_meanwhile, published;
};

static void *publish_again(void *context)
{
    struct removal *removal = context;
    char sha256[SHA256_HEX_SIZE];
    assert_int_equal(blob_put(removal->store, "hello", 5, sha256, NULL), 0);
    assert_string_equal(sha256, removal->sha256);
    removal->published = true;
    return NULL;
}

static int removal_is_used(void *context, const char *sha256, bool *ret_used, struct err *err)
{
    struct removal *removal = context;
    assert_string_equal(sha256, removal->sha256);
    removal->asked++;
    *ret_used = removal->used;
    if (removal->publish_meanwhile) {
        assert_int_equal(pthread_create(&removal->publisher, NULL, publish_again, removal), 0);
        usleep(50000);
        assert_false(removal->published); /* it waits until the removal is over */
    }
    return removal->rc < 0 ? err_set_default(err, removal->rc) : 0;
}

static int remove_unused(struct removal *removal)
{
    return blob_remove_unused(removal->store, removal->sha256, removal_is_used, removal, NULL);
}

static bool blob_is_there(struct blob_store *store, const char *sha256)
{
    int fd;
    if (blob_get(store, sha256, &fd, NULL, NULL) < 0)
        return false;
    close(fd);
    return true;
}

static void test_what_is_held_or_used_stays(void **state)
{
    const struct room *room = *state;
    char sha256[SHA256_HEX_SIZE];
    struct removal removal = {.store = room->store, .sha256 = sha256};
    assert_int_equal(blob_put(room->store, "hello", 5, sha256, NULL), 0);
    blob_hold(room->store, sha256);
    assert_int_equal(remove_unused(&removal), ERR_CONFLICT);
    blob_let_go(room->store, sha256);
    assert_int_equal(remove_unused(&removal), ERR_CONFLICT);
    assert_int_equal(removal.asked, 0);
    blob_let_go(room->store, sha256);
    removal.used = true;
    assert_int_equal(remove_unused(&removal), 0);
    removal.rc = ERR_STORAGE;
    assert_int_equal(remove_unused(&removal), ERR_STORAGE);
    assert_int_equal(removal.asked, 2);
    assert_true(blob_is_there(room->store, sha256));
    removal.rc = 0;
    removal.used = false;
    assert_int_equal(remove_unused(&removal), 0);
    assert_false(blob_is_there(room->store, sha256));
    assert_int_equal(remove_unused(&removal), 0); /* nothing there is no error */
    removal.sha256 = "../../etc/passwd";
    assert_int_equal(remove_unused(&removal), 0);
    assert_int_equal(removal.asked, 4);
}

static void test_a_publisher_waits_for_a_removal(void **state)
{
    const struct room *room = *state;
    char sha256[SHA256_HEX_SIZE];
    struct removal removal = {.store = room->store, .sha256 = sha256, .publish_meanwhile = true};
    assert_int_equal(blob_put(room->store, "hello", 5, sha256, NULL), 0);
    blob_let_go(room->store, sha256);
    assert_int_equal(remove_unused(&removal), 0);
    pthread_join(removal.publisher, NULL);
    assert_true(removal.published);
    assert_true(blob_is_there(room->store, sha256)); /* linked anew, and held */
    removal.publish_meanwhile = false;
    assert_int_equal(remove_unused(&removal), ERR_CONFLICT);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, room_new, room_free)
    const struct CMUnitTest tests[] = {
        TEST(test_bytes_come_back),
        TEST(test_a_large_file_is_published),
        TEST(test_a_file_that_cannot_be_linked_is_copied),
        TEST(test_names_that_are_no_hashes_lead_nowhere),
        TEST(test_a_full_disk_leaves_nothing),
        TEST(test_old_leftovers_are_swept),
        TEST(test_threads_publish_the_same_bytes),
        TEST(test_what_is_held_or_used_stays),
        TEST(test_a_publisher_waits_for_a_removal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
