/*
 * Bytes by their SHA-256. A blob is immutable; publishing the same bytes twice is one blob. Which rows use a
 * blob is the store's business; this only keeps bytes. Any thread.
 *
 * A backend is one file, blob_NAME.c, and one row in blobs.def.
 */
#ifndef BLOB_BLOB_H
#define BLOB_BLOB_H

#include "base/cleanup.h"
#include "base/err.h"
#include "base/sha256.h"
#include <stdbool.h>
#include <stdint.h>

struct blob_store;

/* `location`: a directory for the file system backend ("fs:DIR" or a plain path). Creates it. */
int blob_open(const char *location, struct blob_store **ret_store, struct err *err);
void blob_close(struct blob_store *store); /* NULL allowed */

/* An unnamed, empty file on the same file system, for reading and writing; caller closes. A crash leaves
 * nothing behind. ERR_STORAGE when the disk is full or fails. */
int blob_create(struct blob_store *store, int *ret_fd, struct err *err);

/* Hashes the whole file and makes it durable under its hash (data and directory entry synced). The descriptor
 * stays the caller's and must come from blob_create() of this store. Blocking: seconds for large files. */
int blob_publish(struct blob_store *store, int fd, char ret_sha256[SHA256_HEX_SIZE],
                 uint64_t *ret_size, struct err *err);

/* blob_create + write + blob_publish. */
int blob_put(struct blob_store *store, const void *bytes, size_t size,
             char ret_sha256[SHA256_HEX_SIZE], struct err *err);

/* Opens for reading. ERR_NOT_FOUND when there is no such blob. `ret_size` may be NULL. */
int blob_get(struct blob_store *store, const char *sha256, int *ret_fd, uint64_t *ret_size,
             struct err *err);

/* Removing what is not there is no error. */
int blob_remove(struct blob_store *store, const char *sha256, struct err *err);

/*
 * A blob is published before the row that names it is committed. Between the two nobody may find it unused and remove it, so a
 * publisher holds it (counted, in the memory of this process) until the row is there, or will never be. A blob that is never
 * let go is only never removed.
 */
void blob_hold(struct blob_store *store, const char *sha256); /* waits while it is being removed */
void blob_let_go(struct blob_store *store, const char *sha256);

/* Removes a blob that nobody holds and nothing uses: `is_used` is asked while no hold can begin. ERR_CONFLICT when it is held, an
 * error of `is_used` or of the removal; 0 when it is gone or stays because it is used. */
int blob_remove_unused(struct blob_store *store, const char *sha256,
                       int (*is_used)(void *context, const char *sha256, bool *ret_used,
                                      struct err *err),
                       void *context, struct err *err);

/* Calls `visit` for every blob; stops and returns its value when that is not 0. For fsck and sweeps. */
int blob_each(struct blob_store *store,
              int (*visit)(void *context, const char *sha256, uint64_t size), void *context,
              struct err *err);

CLEANUP_DEFINE(blob_store, struct blob_store, blob_close);

#endif
