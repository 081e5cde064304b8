#include "blob/backend.h"

#include "base/arena.h"
#include "base/table.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

static const struct blob_backend *const blob_backends[] = {
#define BLOB(name) &blob_backend_##name,
#include "blob/blobs.def"
#undef BLOB
};

int blob_fault(int number, struct err *err)
{
    if (number == ENOSPC || number == EDQUOT || number == EFBIG)
        return err_set(err, ERR_STORAGE, NULL, "The disk that holds the files is full.");
    return err_set(err, ERR_STORAGE, NULL, "The storage of files failed: %s.", strerror(number));
}

int blob_write(int fd, const void *bytes, size_t size, struct err *err)
{
    const char *at = bytes;
    while (size) {
        ssize_t written = write(fd, at, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return blob_fault(errno, err);
        at += written;
        size -= (size_t)written;
    }
    return 0;
}

static int blob_refuse(struct err *err)
{
    return err_set(err, ERR_NOT_FOUND, NULL, "There is no such file.");
}

/* --- holds -------------------------------------------------------------------------------------- */

struct blob_hold {
    struct blob_hold *next;
    char sha256[SHA256_HEX_SIZE];
    int count;
    bool removing; /* then count is 0 */
};

static struct blob_hold **hold_place(struct blob_store *store, const char *sha256)
{
    unsigned bucket = 0;
    for (int i = 0; i < 2; i++)
        bucket =
            bucket * 16 + (unsigned)(sha256[i] <= '9' ? sha256[i] - '0' : sha256[i] - 'a' + 10);
    struct blob_hold **at = &store->holds[bucket % BLOB_HOLD_BUCKETS];
    while (*at && strcmp((*at)->sha256, sha256) != 0)
        at = &(*at)->next;
    return at;
}

static struct blob_hold *hold_add(struct blob_hold **at, const char *sha256)
{
    struct blob_hold *hold = mem_alloc(sizeof(*hold));
    memcpy(hold->sha256, sha256, SHA256_HEX_SIZE);
    *at = hold;
    return hold;
}

static void hold_drop(struct blob_hold **at)
{
    struct blob_hold *hold = *at;
    *at = hold->next;
    free(hold);
}

void blob_hold(struct blob_store *store, const char *sha256)
{
    struct blob_hold **at;
    pthread_mutex_lock(&store->hold_lock);
    while (*(at = hold_place(store, sha256)) && (*at)->removing)
        pthread_cond_wait(&store->hold_changed, &store->hold_lock);
    (*at ? *at : hold_add(at, sha256))->count++;
    pthread_mutex_unlock(&store->hold_lock);
}

void blob_let_go(struct blob_store *store, const char *sha256)
{
    pthread_mutex_lock(&store->hold_lock);
    struct blob_hold **at = hold_place(store, sha256);
    assert(*at && (*at)->count > 0);
    if (--(*at)->count == 0)
        hold_drop(at);
    pthread_mutex_unlock(&store->hold_lock);
}

int blob_remove_unused(struct blob_store *store, const char *sha256,
                       int (*is_used)(void *context, const char *sha256, bool *ret_used,
                                      struct err *err),
                       void *context, struct err *err)
{
    bool used = true;
    if (!sha256_hex_valid(sha256))
        return 0;
    pthread_mutex_lock(&store->hold_lock);
    struct blob_hold **at = hold_place(store, sha256);
    bool free_to_go = !*at;
    if (free_to_go)
        hold_add(at, sha256)->removing = true;
    pthread_mutex_unlock(&store->hold_lock);
    if (!free_to_go)
        return err_set(err, ERR_CONFLICT, NULL, "The file is in use.");
    int rc = is_used(context, sha256, &used, err);
    if (rc == 0 && !used)
        rc = store->backend->remove(store, sha256, err);
    pthread_mutex_lock(&store->hold_lock);
    hold_drop(hold_place(store, sha256));
    pthread_cond_broadcast(&store->hold_changed);
    pthread_mutex_unlock(&store->hold_lock);
    return rc;
}

/* --- the backends ------------------------------------------------------------------------------- */

int blob_open(const char *location, struct blob_store **ret_store, struct err *err)
{
    const struct blob_backend *backend = blob_backends[0];
    for (size_t i = 0; i < TABLE_SIZE(blob_backends); i++) {
        size_t length = strlen(blob_backends[i]->name);
        if (strncmp(location, blob_backends[i]->name, length) == 0 && location[length] == ':') {
            backend = blob_backends[i];
            location += length + 1;
            break;
        }
    }
    int rc = backend->open(location, ret_store, err);
    if (rc < 0)
        return rc;
    pthread_mutex_init(&(*ret_store)->hold_lock, NULL);
    pthread_cond_init(&(*ret_store)->hold_changed, NULL);
    return 0;
}

void blob_close(struct blob_store *store)
{
    if (!store)
        return;
    for (size_t i = 0; i < BLOB_HOLD_BUCKETS; i++) {
        while (store->holds[i])
            hold_drop(&store->holds[i]);
    }
    pthread_mutex_destroy(&store->hold_lock);
    pthread_cond_destroy(&store->hold_changed);
    store->backend->close(store);
}

int blob_create(struct blob_store *store, int *ret_fd, struct err *err)
{
    return store->backend->create(store, ret_fd, err);
}

int blob_publish(struct blob_store *store, int fd, char ret_sha256[SHA256_HEX_SIZE],
                 uint64_t *ret_size, struct err *err)
{
    int rc = sha256_fd(fd, ret_sha256, ret_size, err);
    if (rc < 0)
        return rc;
    blob_hold(store, ret_sha256);
    rc = store->backend->publish(store, fd, ret_sha256, err);
    if (rc < 0)
        blob_let_go(store, ret_sha256);
    return rc;
}

int blob_put(struct blob_store *store, const void *bytes, size_t size,
             char ret_sha256[SHA256_HEX_SIZE], struct err *err)
{
    CLEANUP(fd) int fd = -1;
    int rc = blob_create(store, &fd, err);
    if (rc == 0)
        rc = blob_write(fd, bytes, size, err);
    return rc < 0 ? rc : blob_publish(store, fd, ret_sha256, NULL, err);
}

int blob_get(struct blob_store *store, const char *sha256, int *ret_fd, uint64_t *ret_size,
             struct err *err)
{
    if (!sha256_hex_valid(sha256))
        return blob_refuse(err);
    return store->backend->get(store, sha256, ret_fd, ret_size, err);
}

int blob_remove(struct blob_store *store, const char *sha256, struct err *err)
{
    return sha256_hex_valid(sha256) ? store->backend->remove(store, sha256, err) : 0;
}

int blob_each(struct blob_store *store,
              int (*visit)(void *context, const char *sha256, uint64_t size), void *context,
              struct err *err)
{
    return store->backend->each(store, visit, context, err);
}
