#include "api/internal.h"

#include "base/clock.h"
#include "base/log.h"

#include <string.h>

/*
 * DESIGN. Files of deleted objects go when nothing uses them any more. Some are still held for a moment by what published them;
 * those stay in a list that is gone through again every second, on the room's thread.
 */
enum { SWEEP_AGAIN_US = 1000000 };

struct sweep_item {
    struct sweep_item *next;
    char sha256[SHA256_HEX_SIZE];
};

struct sweep {
    struct sweep_item *held; /* the room's thread alone */
};

struct sweep *sweep_new(void)
{
    return mem_alloc(sizeof(struct sweep));
}

void sweep_free(struct sweep *sweep)
{
    while (sweep && sweep->held) {
        struct sweep_item *next = sweep->held->next;
        free(sweep->held);
        sweep->held = next;
    }
    free(sweep);
}

static int sweep_is_used(void *context, const char *sha256, bool *ret_used, struct err *err)
{
    return store_blob_used(context, sha256, ret_used, err);
}

/* False when it is to be tried again. */
static bool sweep_one(struct api *api, const char *sha256)
{
    struct err err;
    int rc =
        blob_remove_unused(api->settings.blobs, sha256, sweep_is_used, api->settings.store, &err);
    if (rc < 0 && rc != ERR_CONFLICT)
        log_line(LOG_WARNING, "a file could not be removed", "blob", sha256, "reason", err.message,
                 NULL);
    return rc == 0;
}

static void sweep_again(struct api *api)
{
    struct sweep_item **at = &api->sweep->held;
    while (*at) {
        struct sweep_item *item = *at;
        if (!sweep_one(api, item->sha256)) {
            at = &item->next;
            continue;
        }
        *at = item->next;
        free(item);
    }
    if (api->sweep->held)
        wait_chore(api->room, WAIT_CHORE_SWEEP, sweep_again, clock_monotonic_us() + SWEEP_AGAIN_US);
}

void sweep_blobs(struct api *api, const struct store_blobs *blobs)
{
    for (size_t i = 0; i < blobs->count; i++) {
        if (sweep_one(api, blobs->hashes[i]))
            continue;
        struct sweep_item *item = mem_alloc(sizeof(*item));
        memcpy(item->sha256, blobs->hashes[i], strnlen(blobs->hashes[i], SHA256_HEX_SIZE - 1));
        item->next = api->sweep->held;
        api->sweep->held = item;
    }
    if (api->sweep->held)
        wait_chore(api->room, WAIT_CHORE_SWEEP, sweep_again, clock_monotonic_us() + SWEEP_AGAIN_US);
}
