#include "blob/backend.h"

#include "base/table.h"

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

int blob_open(const char *location, struct blob_store **ret_store, struct err *err)
{
    for (size_t i = 0; i < TABLE_SIZE(blob_backends); i++) {
        size_t length = strlen(blob_backends[i]->name);
        if (strncmp(location, blob_backends[i]->name, length) == 0 && location[length] == ':')
            return blob_backends[i]->open(location + length + 1, ret_store, err);
    }
    return blob_backends[0]->open(location, ret_store, err);
}

void blob_close(struct blob_store *store)
{
    if (store)
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
    return rc < 0 ? rc : store->backend->publish(store, fd, ret_sha256, err);
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
