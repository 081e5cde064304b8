/* What a backend implements; the contracts are those of the functions in blob.h. Hashes were checked by the caller. */
#ifndef BLOB_BACKEND_H
#define BLOB_BACKEND_H

#include "blob/blob.h"

#include <pthread.h>

enum { BLOB_HOLD_BUCKETS = 256 };

struct blob_hold;

/* First member of every store. A backend's open() fills in `backend`; the rest is blob.c's. */
struct blob_store {
    const struct blob_backend *backend;
    pthread_mutex_t hold_lock;
    pthread_cond_t hold_changed;
    struct blob_hold *holds[BLOB_HOLD_BUCKETS]; /* under hold_lock */
};

struct blob_backend {
    const char *name;
    int (*open)(const char *location, struct blob_store **ret_store, struct err *err);
    void (*close)(struct blob_store *store);
    int (*create)(struct blob_store *store, int *ret_fd, struct err *err);
    int (*publish)(struct blob_store *store, int fd, const char *sha256, struct err *err);
    int (*get)(struct blob_store *store, const char *sha256, int *ret_fd, uint64_t *ret_size,
               struct err *err);
    int (*remove)(struct blob_store *store, const char *sha256, struct err *err);
    int (*each)(struct blob_store *store,
                int (*visit)(void *context, const char *sha256, uint64_t size), void *context,
                struct err *err);
};

/* Writes all. ERR_STORAGE. */
int blob_write(int fd, const void *bytes, size_t size, struct err *err);
/* The sentence for an errno of the storage; returns ERR_STORAGE. */
int blob_fault(int number, struct err *err);

#define BLOB(name) extern const struct blob_backend blob_backend_##name;
#include "blob/blobs.def"
#undef BLOB

#endif
