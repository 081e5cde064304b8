/*
 * The engine takes accepted workflows to their end. One thread decides, commits, then acts: nothing is started and nothing is
 * told to anybody before the row that says so is durable. After a crash it goes on from those rows.
 *
 * All functions are for any thread unless they say otherwise.
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include "base/err.h"
#include "blob/blob.h"
#include "plan/plan.h"
#include "store/store.h"

struct engine;

struct engine_settings {
    struct store *store;
    struct blob_store *blobs;
    /* NULL allowed; saves parsing pinned definitions that are its own */
    const struct plan_catalog *catalog;
    const char *media_secret;   /* signs media URLs */
    int workers;                /* media worker processes, 1 or more */
    const char *worker_program; /* path of reeld-worker */
    const char *net_program;    /* path of reeld: run as "reeld worker net ..." */
    int pack_fd;                /* the asset pack, -1 for none; borrowed */
    uint64_t worker_memory_bytes;
    uint64_t worker_output_bytes;
    int worker_cpu_seconds;   /* processor time of one attempt */
    uint64_t input_bytes_max; /* of one fetched or inline input */
    int fetch_timeout_s;
    int fetch_redirects_max;
    bool allow_private_networks;
    int64_t keep_workflows_s,
        keep_assets_s; /* finished workflows and assets older than this are deleted; 0: never */
    int active_max;    /* workflows held in memory at once; the rest waits in the store */
};

/* Copies the settings, starts the thread and the workers and takes up what is unfinished. ERR_UNAVAILABLE when the programs cannot
 * be run. */
int engine_new(const struct engine_settings *settings, struct engine **ret_engine, struct err *err);

/* A workflow was accepted (its creation is committed). */
void engine_submit(struct engine *engine, const char *workflow_id);
/* The same right after its creation, by what was written: nothing has to be read back. */
void engine_submit_created(struct engine *engine, const struct store_workflow *workflow);

/* Stops a workflow. The outcome shows in the store; one that is final already stays as it is. */
void engine_cancel(struct engine *engine, const char *workflow_id);

/* Whether at least one media worker and the net worker stand ready. */
bool engine_ready(struct engine *engine);

/* The workflow object as clients see it; new reference. Any thread. */
typedef json_t *(*engine_render)(void *context, struct arena *a,
                                 const struct store_workflow_full *workflow);

/* Begins to send webhooks, also those that a run before this one left; without it they wait in the store. */
void engine_serve_webhooks(struct engine *engine, engine_render render, void *context);

/* A delivery was made pending in the store. */
void engine_redeliver(struct engine *engine, const char *webhook_id, const char *url);

/* A new random secret, "whsec_" and base64; caller frees. Any thread. */
char *webhook_secret_text(void);

struct engine_counts {
    int workers_ready, workers_busy;
    int active;       /* workflows in memory */
    int waiting;      /* accepted, not taken up yet */
    int queued_tasks; /* ready to run, no worker free */
    int webhooks;     /* deliveries that are pending */
    int64_t worker_crashes;
};
void engine_count(struct engine *engine, struct engine_counts *ret_counts);

/* Starts no new step and lets running ones finish for `grace_s` seconds. What is submitted from now on waits for the next start. */
void engine_drain(struct engine *engine, int grace_s);
/* After engine_drain(), and when nobody submits any more: ends the workers and the thread. NULL allowed. */
void engine_free(struct engine *engine);

#endif
