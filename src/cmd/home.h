/*
 * The data folder (store, blobs, lock) and what the installation brings (catalog, asset pack, worker program), opened together.
 */
#ifndef CMD_HOME_H
#define CMD_HOME_H

#include "base/pack.h"
#include "blob/blob.h"
#include "cmd/options.h"
#include "engine/engine.h"
#include "plan/plan.h"
#include "store/store.h"

struct home {
    char *data; /* the folder */
    struct store *store;
    struct blob_store *blobs;
    struct plan_catalog *catalog;
    char *media_secret;
    char *program, *worker_program;
    int pack_fd;       /* -1: none */
    struct pack *pack; /* mapped by home_map_pack(), else NULL */
    void *pack_bytes;
    size_t pack_size;
    int lock_fd;
};

/* Opens the store of the data folder; with `create` makes the folder when it is not there. */
int home_open_store(struct home *home, const char *data, bool create, struct err *err);
/* The folder belongs to one engine at a time. ERR_CONFLICT when another has it. */
int home_lock(struct home *home, struct err *err);
/* Blobs and the secret of media URLs. */
int home_open_blobs(struct home *home, struct err *err);
/* Pack and programs, found beside the running program or below its prefix; the catalog too without a `directory`. */
int home_open_catalog(struct home *home, const char *directory, struct err *err);
int home_find_programs(struct home *home, struct err *err);
/* The asset pack for reading in this process, when there is one. After home_find_programs(). */
int home_map_pack(struct home *home, struct err *err);
void home_close(struct home *home);

/* Engine settings out of options and home. */
struct engine_settings home_engine_settings(const struct home *home, const struct options *options);

/* A new key of 256 random bits as text: "reeld_" and 64 hex digits. */
void home_new_key(char ret_key[80]);
/* Creates a key durably; `key` is the secret text. */
int home_create_key(struct home *home, const char *customer, const char *user, const char *key,
                    char ret_id[37], struct err *err);
int home_add_credits(struct home *home, const char *customer, int64_t amount, const char *note,
                     struct err *err);

#endif
