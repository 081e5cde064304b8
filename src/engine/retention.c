#include "engine/internal.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdio.h>

/*
 * DESIGN. What has outlived its time is deleted in small batches on the blocking thread, so that results of running workflows are
 * published in between. The row goes first, then the files that nothing else uses; a crash in between leaves files that fsck
 * counts and removes.
 */
enum { RETENTION_BATCH = 50, RETENTION_FIRST_US = 1000 * 1000, RETENTION_PAUSE_S = 600 };

struct retention_errand {
    struct errand errand;
    int workflows, assets; /* deleted by this errand */
    bool more;             /* a batch was full */
};

static int retention_is_used(void *context, const char *sha256, bool *ret_used, struct err *err)
{
    return store_blob_used(context, sha256, ret_used, err);
}

static void retention_remove_file(struct engine *engine, const char *sha256)
{
    struct err err;
    int rc = blob_remove_unused(engine->settings.blobs, sha256, retention_is_used,
                                engine->settings.store, &err);
    if (rc < 0 && rc != ERR_CONFLICT)
        log_line(LOG_WARNING, "a file could not be removed", "blob", sha256, "reason", err.message,
                 NULL);
}

static bool retention_delete_workflow(struct engine *engine, const struct store_expired *expired)
{
    CLEANUP(arena) struct arena *a = arena_new();
    struct store_blobs blobs = {.arena = a};
    struct store_wait wait;
    store_wait_init(&wait);
    store_workflow_delete(engine->settings.store, expired->customer, expired->id, &blobs,
                          store_wait_done, &wait);
    if (store_wait_finish(&wait, NULL) < 0)
        return false;
    for (size_t i = 0; i < blobs.count; i++)
        retention_remove_file(engine, blobs.hashes[i]);
    return true;
}

static bool retention_delete_asset(struct engine *engine, const struct store_expired *expired)
{
    struct store_wait wait;
    store_wait_init(&wait);
    store_asset_delete(engine->settings.store, expired->id, store_wait_done, &wait);
    if (store_wait_finish(&wait, NULL) < 0)
        return false;
    retention_remove_file(engine, expired->sha256);
    return true;
}

/* One batch of one kind; the number of objects that were deleted. */
static int
retention_batch(struct engine *engine, int64_t keep_s,
                int (*find)(struct store *store, struct arena *a, int64_t before, int limit,
                            struct store_expired **ret_expired, size_t *ret_count, struct err *err),
                bool (*delete)(struct engine *engine, const struct store_expired *expired),
                bool *more)
{
    CLEANUP(arena) struct arena *a = arena_new();
    struct store_expired *expired;
    struct err err;
    size_t count = 0;
    int deleted = 0;
    if (keep_s == 0)
        return 0;
    if (find(engine->settings.store, a, clock_wall_us() - keep_s * 1000000, RETENTION_BATCH,
             &expired, &count, &err) < 0) {
        log_line(LOG_ERROR, "what is old cannot be read", "reason", err.message, NULL);
        return 0;
    }
    for (size_t i = 0; i < count; i++)
        deleted += delete (engine, &expired[i]);
    *more |= deleted == RETENTION_BATCH;
    return deleted;
}

static void retention_work(struct engine *engine, struct errand *errand)
{
    struct retention_errand *retention = (struct retention_errand *)errand;
    retention->workflows =
        retention_batch(engine, engine->settings.keep_workflows_s, store_workflow_expired,
                        retention_delete_workflow, &retention->more);
    retention->assets = retention_batch(engine, engine->settings.keep_assets_s, store_asset_expired,
                                        retention_delete_asset, &retention->more);
}

static void retention_done(struct engine *engine, struct errand *errand)
{
    struct retention_errand *retention = (struct retention_errand *)errand;
    int64_t pause_us = retention->more ? 0 : RETENTION_PAUSE_S * INT64_C(1000000);
    if (retention->workflows + retention->assets > 0) {
        char workflows[16], assets[16];
        snprintf(workflows, sizeof(workflows), "%d", retention->workflows);
        snprintf(assets, sizeof(assets), "%d", retention->assets);
        log_line(LOG_INFO, "what was old is deleted", "workflows", workflows, "assets", assets,
                 NULL);
    }
    free(retention);
    if (!engine->stopping)
        timer_set(engine, &engine->retention_timer, clock_monotonic_us() + pause_us);
}

static void retention_timer(struct engine *engine, struct timer *timer)
{
    struct retention_errand *retention = mem_alloc(sizeof(*retention));
    (void)timer;
    retention->errand.work = retention_work;
    retention->errand.done = retention_done;
    engine_run_errand(engine, &retention->errand);
}

void retention_start(struct engine *engine)
{
    engine->retention_timer.fire = retention_timer;
    if (engine->settings.keep_workflows_s > 0 || engine->settings.keep_assets_s > 0)
        timer_set(engine, &engine->retention_timer, clock_monotonic_us() + RETENTION_FIRST_US);
}
