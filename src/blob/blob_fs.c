#include "blob/backend.h"

#include "base/arena.h"
#include "base/uuid.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <time.h>

/*
 * DESIGN. DIR/ab/abcdef... holds the blob abcdef..., DIR/tmp what is being copied. New files have no name (O_TMPFILE) until
 * they are linked under their hash, so a crash leaves nothing. Where the file system cannot do that, a new file is made in
 * tmp and unlinked at once, and publishing copies it to a second file in tmp that is renamed to its place; what a crash
 * leaves of those is swept when the store is opened.
 */
enum { FS_SWEEP_AGE_S = 3600, FS_FANS = 256 };

struct fs_store {
    struct blob_store base;
    int directory, temporary;
    /* By the first two digits: their folder is on the disk itself. */
    atomic_bool fan_is_durable[FS_FANS];
};

/* --- opening ------------------------------------------------------------------------------------ */

static int fs_open_directory(int at, const char *name)
{
    return openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void fs_close(struct blob_store *base)
{
    struct fs_store *store = (struct fs_store *)base;
    if (store->temporary >= 0)
        close(store->temporary);
    if (store->directory >= 0)
        close(store->directory);
    free(store);
}

/* Removes what copies left behind when the process died; young ones may be another process's. */
static void fs_sweep(struct fs_store *store)
{
    int fd = fs_open_directory(store->temporary, ".");
    DIR *listing = fd < 0 ? NULL : fdopendir(fd);
    if (!listing) {
        if (fd >= 0)
            close(fd);
        return;
    }
    const struct dirent *entry;
    while ((entry = readdir(listing))) {
        struct stat status;
        if (fstatat(store->temporary, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(status.st_mode) && time(NULL) - status.st_mtime > FS_SWEEP_AGE_S)
            unlinkat(store->temporary, entry->d_name, 0);
    }
    closedir(listing);
}

static int fs_open(const char *location, struct blob_store **ret_store, struct err *err)
{
    struct fs_store *store = mem_alloc(sizeof(*store));
    store->base.backend = &blob_backend_fs;
    store->directory = store->temporary = -1;
    if (mkdir(location, 0700) == 0 || errno == EEXIST)
        store->directory = fs_open_directory(AT_FDCWD, location);
    if (store->directory >= 0 && (mkdirat(store->directory, "tmp", 0700) == 0 || errno == EEXIST))
        store->temporary = fs_open_directory(store->directory, "tmp");
    if (store->temporary < 0) {
        err_set(err, ERR_STORAGE, location, "The folder %s cannot be used for files: %s.", location,
                strerror(errno));
        fs_close(&store->base);
        return ERR_STORAGE;
    }
    fs_sweep(store);
    *ret_store = &store->base;
    return 0;
}

/* --- publishing --------------------------------------------------------------------------------- */

/* A new file in tmp; its name is in `ret_name`. */
static int fs_create_named(struct fs_store *store, char ret_name[UUID_TEXT_SIZE], int *ret_fd,
                           struct err *err)
{
    uuid_new(ret_name);
    *ret_fd = openat(store->temporary, ret_name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return *ret_fd < 0 ? blob_fault(errno, err) : 0;
}

static int fs_create(struct blob_store *base, int *ret_fd, struct err *err)
{
    struct fs_store *store = (struct fs_store *)base;
    char name[UUID_TEXT_SIZE];
    *ret_fd = openat(store->temporary, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (*ret_fd >= 0)
        return 0;
    if (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT && errno != EINVAL)
        return blob_fault(errno, err);
    int rc = fs_create_named(store, name, ret_fd, err);
    if (rc == 0)
        unlinkat(store->temporary, name, 0);
    return rc;
}

static atomic_bool *fs_fan_is_durable(struct fs_store *store, const char *sha256)
{
    const char digits[] = {sha256[0], sha256[1], '\0'};
    return &store->fan_is_durable[strtoul(digits, NULL, 16)];
}

/* The folder of the hash, made when it is not there. */
static int fs_open_fan(struct fs_store *store, const char *sha256, int *ret_fd, struct err *err)
{
    const char fan[] = {sha256[0], sha256[1], '\0'};
    *ret_fd = fs_open_directory(store->directory, fan);
    if (*ret_fd < 0 && errno == ENOENT) {
        if (mkdirat(store->directory, fan, 0700) < 0 && errno != EEXIST)
            return blob_fault(errno, err);
        atomic_store(fs_fan_is_durable(store, sha256), false);
        *ret_fd = fs_open_directory(store->directory, fan);
    }
    if (*ret_fd < 0)
        return blob_fault(errno, err);
    return 0;
}

static int fs_copy(int from, int to, struct err *err)
{
    struct stat status;
    if (fstat(from, &status) < 0)
        return blob_fault(errno, err);
    for (off_t at = 0; at < status.st_size;) {
        ssize_t copied = sendfile(to, from, &at, (size_t)(status.st_size - at));
        if (copied < 0 && errno == EINTR)
            continue;
        if (copied <= 0)
            return blob_fault(copied < 0 ? errno : EIO, err);
    }
    return 0;
}

static int fs_publish_copy(struct fs_store *store, int fd, int fan, const char *sha256,
                           struct err *err)
{
    char name[UUID_TEXT_SIZE];
    CLEANUP(fd) int copy = -1;
    int rc = fs_create_named(store, name, &copy, err);
    if (rc < 0)
        return rc;
    rc = fs_copy(fd, copy, err);
    if (rc == 0 && (fchmod(copy, 0400) < 0 || fdatasync(copy) < 0 ||
                    renameat(store->temporary, name, fan, sha256) < 0))
        rc = blob_fault(errno, err);
    if (rc < 0)
        unlinkat(store->temporary, name, 0);
    return rc;
}

/* Gives an unnamed file its name; 1 when that cannot be done here. */
static int fs_publish_link(int fd, int fan, const char *sha256, struct err *err)
{
    char path[32];
    if (fchmod(fd, 0400) < 0 || fdatasync(fd) < 0)
        return blob_fault(errno, err);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (linkat(AT_FDCWD, path, fan, sha256, AT_SYMLINK_FOLLOW) == 0 || errno == EEXIST)
        return 0;
    if (errno == ENOSPC || errno == EDQUOT || errno == EIO || errno == EROFS)
        return blob_fault(errno, err);
    return 1;
}

/* Makes the names durable: that of the file and, once in the life of the process, that of its folder. Also when they were there:
 * whoever made them may not have come to this yet. */
static int fs_sync_names(struct fs_store *store, int fan, const char *sha256, struct err *err)
{
    atomic_bool *is_durable = fs_fan_is_durable(store, sha256);
    if (fsync(fan) < 0 || (!atomic_load(is_durable) && fsync(store->directory) < 0))
        return blob_fault(errno, err);
    atomic_store(is_durable, true);
    return 0;
}

static int fs_publish(struct blob_store *base, int fd, const char *sha256, struct err *err)
{
    struct fs_store *store = (struct fs_store *)base;
    CLEANUP(fd) int fan = -1;
    int rc = fs_open_fan(store, sha256, &fan, err);
    /* What has its name is whole and durable: files are named after that. */
    if (rc == 0 && faccessat(fan, sha256, F_OK, AT_SYMLINK_NOFOLLOW) < 0) {
        rc = fs_publish_link(fd, fan, sha256, err);
        if (rc == 1)
            rc = fs_publish_copy(store, fd, fan, sha256, err);
    }
    return rc < 0 ? rc : fs_sync_names(store, fan, sha256, err);
}

/* --- using -------------------------------------------------------------------------------------- */

static int fs_get(struct blob_store *base, const char *sha256, int *ret_fd, uint64_t *ret_size,
                  struct err *err)
{
    const struct fs_store *store = (const struct fs_store *)base;
    char path[3 + SHA256_HEX_SIZE];
    struct stat status;
    snprintf(path, sizeof(path), "%.2s/%s", sha256, sha256);
    CLEANUP(fd) int fd = openat(store->directory, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return err_set(err, ERR_NOT_FOUND, NULL, "There is no such file.");
    if (fd < 0 || fstat(fd, &status) < 0)
        return blob_fault(errno, err);
    if (ret_size)
        *ret_size = (uint64_t)status.st_size;
    *ret_fd = TAKE_FD(fd);
    return 0;
}

static int fs_remove(struct blob_store *base, const char *sha256, struct err *err)
{
    const struct fs_store *store = (const struct fs_store *)base;
    char path[3 + SHA256_HEX_SIZE];
    snprintf(path, sizeof(path), "%.2s/%s", sha256, sha256);
    if (unlinkat(store->directory, path, 0) < 0 && errno != ENOENT)
        return blob_fault(errno, err);
    return 0;
}

static int fs_each_in(int directory, const char *fan,
                      int (*visit)(void *context, const char *sha256, uint64_t size), void *context,
                      struct err *err)
{
    int fd = fs_open_directory(directory, fan);
    if (fd < 0)
        return errno == ENOENT ? 0 : blob_fault(errno, err);
    DIR *listing = fdopendir(fd);
    if (!listing) {
        close(fd);
        return blob_fault(errno, err);
    }
    const struct dirent *entry;
    int rc = 0;
    while (rc == 0 && (entry = readdir(listing))) {
        struct stat status;
        if (sha256_hex_valid(entry->d_name) && strncmp(entry->d_name, fan, 2) == 0 &&
            fstatat(fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(status.st_mode))
            rc = visit(context, entry->d_name, (uint64_t)status.st_size);
    }
    closedir(listing);
    return rc;
}

static int fs_each(struct blob_store *base,
                   int (*visit)(void *context, const char *sha256, uint64_t size), void *context,
                   struct err *err)
{
    const struct fs_store *store = (const struct fs_store *)base;
    int rc = 0;
    for (int i = 0; rc == 0 && i < 256; i++) {
        char fan[3];
        snprintf(fan, sizeof(fan), "%02x", i);
        rc = fs_each_in(store->directory, fan, visit, context, err);
    }
    return rc;
}

const struct blob_backend blob_backend_fs = {
    .name = "fs",
    .open = fs_open,
    .close = fs_close,
    .create = fs_create,
    .publish = fs_publish,
    .get = fs_get,
    .remove = fs_remove,
    .each = fs_each,
};
