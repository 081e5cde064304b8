/*
 * Facts that survive: customers, keys, credits, workflows and their steps, assets, blobs in use, settings.
 * Domain operations only; SQL and databases stay inside this folder.
 *
 * Reads run on the caller's thread and see every write whose `done` was called. Writes are queued to one writer,
 * which commits what is queued as one group and calls `done` on its own thread after the commit (never before:
 * what was acknowledged is durable). `done` must not block. The *_wait helper turns a write into a blocking call
 * for commands and tests. Inputs of a write are copied before the call returns.
 *
 * Compare-and-swap: operations on a workflow carry the revision they expect; ERR_STALE is an ordinary answer.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/sha256.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;

/* After the commit: `rc` 0, or the error of this one operation (others in the group are not affected). */
typedef void (*store_done)(void *context, int rc, const struct err *err);

/* `location`: "sqlite:FILE" or a plain file name. Creates and migrates. ERR_STORAGE when it cannot be opened. */
int store_open(const char *location, struct store **ret_store, struct err *err);
/* Returns when everything queued, and whatever its answers queued, is committed and answered. Not from a store_done. */
void store_flush(struct store *store);
/* Commits what is queued, then closes. NULL allowed. */
void store_close(struct store *store);
CLEANUP_DEFINE(store, struct store, store_close);

/* A workflow changed. `final`: it has ended, or is gone. */
typedef void (*store_changed)(void *context, const char *workflow_id, int64_t revision, bool final);
/* Called on the writer thread after each commit that changed a workflow, before that write's `done`. One
 * subscriber list; subscribe before the first write. */
void store_subscribe(struct store *store, store_changed changed, void *context);

/* 0 when a read and a durable write work. Blocking. */
int store_check(struct store *store, struct err *err);

/* Blocking form of any write: struct store_wait w; store_wait_init(&w); OP(..., store_wait_done, &w);
 * rc = store_wait_finish(&w, err). */
struct store_wait {
    void *private[16];
    struct err err;
};
void store_wait_init(struct store_wait *wait);
void store_wait_done(void *context, int rc, const struct err *err);
int store_wait_finish(struct store_wait *wait, struct err *err);

/* --- settings: small named secrets and values --------------------------------------------------- */

/* Returns the stored value, or stores `otherwise` durably and returns that. Blocking. Arena text. */
int store_setting_init(struct store *store, struct arena *a, const char *name,
                       const char *otherwise, const char **ret_value, struct err *err);

/* --- customers, keys --------------------------------------------------------------------------- */

struct store_key {
    const char *id;       /* UUID */
    const char *customer; /* customer id = its name */
    const char *user;
    const char *label;              /* first characters of the key, for lists */
    int64_t created_at, revoked_at; /* wall us; revoked_at 0 = valid */
};

/* Creates the customer when it does not exist. `key_sha256` is the hash of the secret key text. */
void store_key_create(struct store *store, const struct store_key *key, const char *key_sha256,
                      store_done done, void *context);
/* ERR_NOT_FOUND when unknown; a revoked key is returned with revoked_at set. */
int store_key_find(struct store *store, struct arena *a, const char *key_sha256,
                   struct store_key **ret_key, struct err *err);
int store_key_list(struct store *store, struct arena *a, struct store_key **ret_keys,
                   size_t *ret_count, struct err *err);
/* ERR_NOT_FOUND. Other processes on the folder honour it within a second: see store_data_version(). */
void store_key_revoke(struct store *store, const char *id, store_done done, void *context);
/* Changes when any process has committed; cheap; for dropping caches of keys. Any thread. */
int store_data_version(struct store *store, int64_t *ret_version, struct err *err);
int store_customer_exists(struct store *store, const char *customer, bool *ret_exists,
                          struct err *err);
int store_customer_count(struct store *store, int64_t *ret_count, struct err *err);

/* --- credits ----------------------------------------------------------------------------------- */

/* kind: "grant", "reserve", "release", "settle". amount is signed; balance is the sum up to and with this row. */
struct store_ledger_row {
    int64_t sequence;
    const char *id; /* UUID */
    int64_t created_at;
    const char *kind;
    int64_t amount, balance;
    const char *workflow_id; /* NULL for grants */
    const char *note;
};

/* No balance and no single amount goes beyond this, either way: ERR_INVALID. */
#define STORE_CREDIT_MAX INT64_C(9000000000000000)

/* Creates the customer when it does not exist. amount > 0 grants; < 0 takes back, never below 0
 * (ERR_INSUFFICIENT_CREDIT). */
void store_credit_add(struct store *store, const char *customer, int64_t amount, const char *note,
                      store_done done, void *context);
/* ERR_NOT_FOUND without the customer. `reserved`: credits of workflows that are not final. */
int store_credit_balance(struct store *store, const char *customer, int64_t *ret_balance,
                         int64_t *ret_reserved, struct err *err);
/* Newest first, below `before_sequence` (0: from the newest). `limit` 0 to 1000. */
int store_ledger_list(struct store *store, struct arena *a, const char *customer,
                      int64_t before_sequence, int limit, struct store_ledger_row **ret_rows,
                      size_t *ret_count, struct err *err);

/* --- workflows --------------------------------------------------------------------------------- */

enum store_status { STORE_QUEUE, STORE_PROCESSING, STORE_SUCCESS, STORE_FAIL, STORE_CANCEL };
const char *store_status_text(enum store_status status); /* "queue", "processing", ... */
bool store_status_parse(const char *text, enum store_status *ret_status);

/* JSON columns are texts; they are not looked into here. */
struct store_workflow {
    const char *id, *customer, *user;
    const char *title, *description, *visibility_status, *event_id;
    const char *template_id;
    int64_t template_version;
    const char *template_json;   /* the pinned, flattened definition */
    const char *options_json;    /* after defaults */
    const char *image_urls_json; /* as given */
    const char *webhook_url;     /* NULL */
    const char *client_type;     /* NULL */
    const char *rating;          /* NULL */
    int64_t delivered_at;        /* 0: none */
    enum store_status status;
    int progress;  /* 0..100 */
    int64_t price; /* reserved at creation */
    int64_t used_credits;
    int64_t created_at, updated_at, started_at, finished_at; /* wall us, 0: not yet */
    const char *result_json;                                 /* NULL until final */
    const char *error_json;                                  /* NULL */
    /* what ran when it changed last: array of {"id","item","status","progress_percentage"}; NULL: nothing for long */
    const char *running_json;
    int64_t revision;     /* grows by 1 with every change */
    bool has_max_credits; /* the client's own limit */
    int64_t max_credits;
    const char *parent_id; /* of a child run: the workflow whose step it is; else NULL */
    const char *parent_step;
    int parent_item;
    const char *key_id; /* for whose limits it counts, NULL for a child run; written only */
};

/* State of one task: a step, or one item of a fan-out step. */
enum store_task_state {
    STORE_TASK_READY, /* to be run: waits, runs, or ran when the server died */
    STORE_TASK_SUCCESS,
    STORE_TASK_FAILED,
    STORE_TASK_SKIPPED
};

struct store_task {
    const char *step_id;
    int item;       /* 0 for a step without for_each */
    int item_count; /* 1 without for_each; 0: an empty fan-out */
    int position;   /* plan order of the step */
    enum store_task_state state;
    int attempt;             /* from 1 */
    int64_t not_before;      /* wall us; a retry waits until then; 0: at once */
    const char *params_json; /* resolved parameters, media references as strings */
    const char *
        result_json; /* array, NULL until SUCCESS. Files are {"blob": SHA256, "content_type", "width",
                                 "height", "duration_ms", "size"}, texts {"text": ..} */
    const char *error_json; /* {"code","message"}, NULL */
    const char *reason;     /* of a skip, NULL */
    const char *provider;   /* NULL */
    int64_t used_credits;
    int64_t duration_ms;
    int64_t started_at, finished_at;
    int64_t revision; /* of the workflow when the task changed last; set by the store */
    /* Written only: the row is there, and its place and parameters stay as they are (`position`, `item_count`
     * and `params_json` are not looked at). */
    bool is_stored;
};

struct store_workflow_full {
    struct store_workflow workflow;
    struct store_task *tasks; /* by position, item */
    size_t task_count;
};

/* What a request with an Idempotency-Key was answered, for those that come with the same one. */
struct store_replay {
    const char *key;
    const char *body_sha256;
    const char *answer; /* JSON text */
};

enum { STORE_REPLAY_LIFE_S = 24 * 3600 };

/* A copy in the arena of what a workflow is right after its creation, whatever `workflow` says of later things. */
struct store_workflow *store_workflow_fresh(struct arena *a, const struct store_workflow *workflow);

/* One transaction: takes `price` from the balance with a "reserve" row (no row when price is 0) and inserts the
 * workflow in STORE_QUEUE with revision 1. ERR_INSUFFICIENT_CREDIT (message has no numbers; the caller adds them),
 * ERR_EXISTS, ERR_NOT_FOUND for the customer. */
void store_workflow_create(struct store *store, const struct store_workflow *workflow,
                           store_done done, void *context);
/* The same; `replay` (NULL for none) becomes durable together with the workflow. */
void store_workflow_create_once(struct store *store, const struct store_workflow *workflow,
                                const struct store_replay *replay, store_done done, void *context);

/* ERR_NOT_FOUND when there is none that is younger than STORE_REPLAY_LIFE_S. Arena. */
int store_replay_find(struct store *store, struct arena *a, const char *customer, const char *key,
                      struct store_replay **ret_replay, struct err *err);
/* Another answer for the same key; nothing happens when it is not there. */
void store_replay_answer(struct store *store, const char *customer, const char *key,
                         const char *answer, store_done done, void *context);
/* Removes those whose time is over. */
void store_replay_forget(struct store *store, store_done done, void *context);

struct store_blob {
    const char *sha256;
    int64_t size; /* bytes */
};

/* One step of the engine, atomically. Fields that do not change repeat the old value. */
struct store_transition {
    const char *workflow_id;
    int64_t expected_revision; /* ERR_STALE when the row has another */
    enum store_status status;
    bool keeps_status; /* it is that of the expected revision, for certain: the write is cheaper */
    int progress;
    int64_t used_credits;
    const char *result_json, *error_json; /* NULL keeps what is there */
    const char *running_json;             /* NULL: nothing runs */
    int64_t started_at, finished_at;      /* 0 keeps what is there */
    const struct store_task *tasks;       /* inserted or replaced by (step_id, item) */
    size_t task_count;
    /* Credits: a ledger row of this kind is written when `ledger_kind` is not NULL ("release" with a positive amount,
     * "settle" with 0 or a negative one, which may leave the balance below 0; "reserve" with a negative one:
     * ERR_INSUFFICIENT_CREDIT). */
    const char *ledger_kind;
    int64_t ledger_amount;
    const char *ledger_note;
    const char *
        webhook_id; /* NULL, or a new id: with a final status a delivery for the workflow's receiver is added */
    const struct store_blob *blobs; /* that this workflow uses from now on */
    size_t blob_count;
};

void store_workflow_transition(struct store *store, const struct store_transition *transition,
                               store_done done, void *context);

/* `customer` NULL: whoever owns it (engine). ERR_NOT_FOUND. Arena. */
int store_workflow_get(struct store *store, struct arena *a, const char *customer, const char *id,
                       struct store_workflow_full **ret_workflow, struct err *err);

/* What a list is narrowed to; zero bytes: everything. */
struct store_workflow_filter {
    bool has_status;
    enum store_status status;
    const char *template_id, *event_id;
    int64_t created_after, created_before; /* wall us, exclusive; 0: none */
    const char *before_id;                 /* those created before this one */
};

/* Newest first, `limit` 1 to 1000. Arena. */
int store_workflow_list(struct store *store, struct arena *a, const char *customer,
                        const struct store_workflow_filter *filter, int limit,
                        struct store_workflow_full **ret_workflows, size_t *ret_count,
                        struct err *err);

/* What its owner may change. NULL and 0 keep what is there. */
struct store_edit {
    const char *customer, *workflow_id;
    const char *title, *description, *visibility_status;
    bool has_rating;
    const char *rating; /* NULL takes it away */
    int64_t delivered_at;
};

/* ERR_NOT_FOUND. */
void store_workflow_edit(struct store *store, const struct store_edit *edit, store_done done,
                         void *context);

/* A final one goes back to STORE_QUEUE: what is missing of its price is reserved, tasks that failed or were dropped are ready
 * again, the others stay. It counts for `key_id` from now on (NULL: as before). ERR_STALE, ERR_NOT_FOUND, ERR_INSUFFICIENT_CREDIT. */
void store_workflow_retry(struct store *store, const char *workflow_id, int64_t expected_revision,
                          const char *key_id, store_done done, void *context);

/* Hashes of blobs that a deleted object used; others may use them as well. */
struct store_blobs {
    struct arena *arena; /* the caller's, for the texts */
    const char **hashes;
    size_t count;
};

/* Removes a final workflow with all that belongs to it; *ret_blobs is filled before `done` and must live until then. ERR_NOT_FOUND,
 * ERR_CONFLICT while it is not final. */
void store_workflow_delete(struct store *store, const char *customer, const char *workflow_id,
                           struct store_blobs *ret_blobs, store_done done, void *context);

/* How many of a customer's key are not final, without their child runs; counting stops at `most`. */
int store_workflow_count_unfinished(struct store *store, const char *customer, const char *key_id,
                                    int64_t most, int64_t *ret_count, struct err *err);

/* Ids of all that are not final, oldest first: what a starting engine takes up. */
int store_workflow_unfinished(struct store *store, struct arena *a, const char *const **ret_ids,
                              size_t *ret_count, struct err *err);
/* Cheap for STORE_QUEUE and STORE_PROCESSING; for the others it looks at every workflow. */
int store_workflow_count(struct store *store, const char *customer, enum store_status status,
                         int64_t *ret_count, struct err *err);

/* --- fetched inputs: what a URL gave, per workflow, so that a resumed run sees the same bytes ---- */

void store_input_add(struct store *store, const char *workflow_id, const char *url,
                     const char *blob_sha256, int64_t size, const char *content_type,
                     store_done done, void *context);
/* ERR_NOT_FOUND when it was not fetched yet. */
int store_input_find(struct store *store, struct arena *a, const char *workflow_id, const char *url,
                     const char **ret_sha256, struct err *err);

/* --- templates that customers made ------------------------------------------------------------- */

enum { STORE_TEMPLATES_MAX = 500 }; /* of one customer, deleted ones with them */

struct store_template {
    const char *customer, *id;
    int64_t version;    /* from 1 */
    const char *user;   /* who saved it */
    int64_t created_at; /* of this version */
    const char *json;   /* the flattened definition */
};

/* Saves the next version, which is active whatever was before; creates the customer when it does not exist. Reads customer, id,
 * user and json. *ret_version is set before `done` and must live until then. ERR_CONFLICT above STORE_TEMPLATES_MAX. */
void store_template_put(struct store *store, const struct store_template *template,
                        int64_t *ret_version, store_done done, void *context);
/* Makes it inactive; its versions stay. *ret_version as above: the last one. ERR_NOT_FOUND when none is active. */
void store_template_remove(struct store *store, const char *customer, const char *id,
                           int64_t *ret_version, store_done done, void *context);
/* `version` 0: the newest. ERR_NOT_FOUND when it is not there or not active. Arena. */
int store_template_get(struct store *store, struct arena *a, const char *customer, const char *id,
                       int64_t version, struct store_template **ret_template, struct err *err);
/* The newest versions of all that are active, in no order. Arena. */
int store_template_list(struct store *store, struct arena *a, const char *customer,
                        struct store_template **ret_templates, size_t *ret_count, struct err *err);

/* --- webhooks: news for the receivers that workflows name ---------------------------------------- */

enum store_webhook_status { STORE_WEBHOOK_PENDING, STORE_WEBHOOK_DELIVERED, STORE_WEBHOOK_FAILED };

enum {
    STORE_WEBHOOK_ATTEMPTS_KEPT = 50, /* the newest of a delivery */
    STORE_WEBHOOK_SECRETS_MAX = 10,   /* valid at the same time */
    STORE_WEBHOOK_SECRET_KEPT_S = 24 * 3600
};

struct store_webhook_attempt {
    int64_t at;        /* wall us */
    int status_code;   /* 0: there was no answer */
    const char *error; /* NULL when it was delivered */
};

struct store_webhook {
    const char *id; /* UUID; the webhook-id of every attempt */
    const char *customer, *workflow_id;
    const char *type; /* "workflow.success" ... */
    const char *url;
    enum store_webhook_status status;
    int try_count;           /* attempts since it was made, or asked for again */
    int64_t next_attempt_at; /* of a pending one, wall us */
    int64_t created_at;
    bool gone; /* the receiver has said that it does not want any more */
    struct store_webhook_attempt *attempts; /* oldest first */
    size_t attempt_count;
};

/* `customer` NULL: whoever owns it (engine). ERR_NOT_FOUND. Arena. */
int store_webhook_get(struct store *store, struct arena *a, const char *customer, const char *id,
                      struct store_webhook **ret_webhook, struct err *err);

struct store_webhook_filter {
    const char *before_id;   /* those made before this one; NULL: from the newest */
    const char *workflow_id; /* NULL: of all */
    bool has_status;
    enum store_webhook_status status;
};

/* Newest first, `limit` 1 to 1000. Arena. */
int store_webhook_list(struct store *store, struct arena *a, const char *customer,
                       const struct store_webhook_filter *filter, int limit,
                       struct store_webhook **ret_webhooks, size_t *ret_count, struct err *err);

/* Calls `visit` for every pending one, those that are due first; the texts live as long as the call. */
int store_webhook_pending(struct store *store,
                          void (*visit)(void *context, const char *id, const char *url,
                                        int64_t next_attempt_at),
                          void *context, struct err *err);

/* Adds an attempt and says what follows. `gone`: nothing more is sent to this URL of the customer until a delivery to it is asked
 * for again. ERR_NOT_FOUND when the delivery was deleted meanwhile. */
void store_webhook_attempted(struct store *store, const char *id,
                             const struct store_webhook_attempt *attempt,
                             enum store_webhook_status status, int64_t next_attempt_at, bool gone,
                             store_done done, void *context);

/* Makes a delivery pending and due, whatever became of it. ERR_NOT_FOUND. */
void store_webhook_redeliver(struct store *store, const char *customer, const char *id,
                             store_done done, void *context);

/* Makes `secret` the newest one. `rotate` false: only when there is no valid one yet. Older ones stay valid for
 * STORE_WEBHOOK_SECRET_KEPT_S. */
void store_webhook_secret_add(struct store *store, const char *customer, const char *secret,
                              bool rotate, store_done done, void *context);
/* The valid ones, newest first; `ret_secrets` has room for STORE_WEBHOOK_SECRETS_MAX. Arena. */
int store_webhook_secrets(struct store *store, struct arena *a, const char *customer,
                          const char **ret_secrets, size_t *ret_count, struct err *err);

/* --- assets ------------------------------------------------------------------------------------ */

struct store_asset {
    const char *id, *customer, *sha256, *content_type, *name;
    int64_t size, created_at;
};

void store_asset_add(struct store *store, const struct store_asset *asset, store_done done,
                     void *context);
/* `customer` NULL: any. ERR_NOT_FOUND. */
int store_asset_get(struct store *store, struct arena *a, const char *customer, const char *id,
                    struct store_asset **ret_asset, struct err *err);

/* An object that was finished, or made, before some time. */
struct store_expired {
    const char *id, *customer;
    const char *sha256; /* of an asset */
};

/* Final workflows, and assets, from before `before` (wall us), at most `limit` (1 to 1000) of them. Arena. */
int store_workflow_expired(struct store *store, struct arena *a, int64_t before, int limit,
                           struct store_expired **ret_expired, size_t *ret_count, struct err *err);
int store_asset_expired(struct store *store, struct arena *a, int64_t before, int limit,
                        struct store_expired **ret_expired, size_t *ret_count, struct err *err);
/* ERR_NOT_FOUND. */
void store_asset_delete(struct store *store, const char *id, store_done done, void *context);

/* Calls `visit` for every blob that rows refer to, with its size (-1: not known) and a text that says who does. Stops when it
 * returns anything but 0 and returns that. */
int store_blob_each(struct store *store,
                    int (*visit)(void *context, const char *sha256, int64_t size,
                                 const char *owner),
                    void *context, struct err *err);

/* --- proof --- */

struct store_check_counts {
    int64_t faults;
    int64_t customers, workflows, ledger_rows;
};

/* `object` is a kind of thing ("customer", "workflow" ...), `id` names it, the sentence says what is wrong. */
typedef void (*store_fault_visit)(void *context, const char *object, const char *id,
                                  const char *sentence);

/* Checks every rule that holds for what is stored and calls `visit` for each breach. */
int store_verify(struct store *store, store_fault_visit visit, void *context,
                 struct store_check_counts *ret_counts, struct err *err);

/* What is kept for a customer: the sizes of its assets and of the files of its workflows, each use counted. ERR_NOT_FOUND. */
int store_storage_bytes(struct store *store, const char *customer, int64_t *ret_bytes,
                        struct err *err);

/* Whether any row still uses a blob: for sweeps and fsck. */
int store_blob_used(struct store *store, const char *sha256, bool *ret_used, struct err *err);

/* --- notes --------------------------------------------------------------------------------------- */

enum { STORE_NOTES_MAX = 500 }; /* of a workflow; more are not kept */

/* What a step said on its way, or why it was passed over, for the log of its workflow. */
struct store_note {
    int64_t at; /* wall us; 0: now */
    const char *step_id;
    const char *level; /* "info", "warning" or "error" */
    const char *text;  /* a sentence */
};

/* Nobody waits for it; nothing happens when the workflow is gone. */
void store_note_add(struct store *store, const char *workflow_id, const struct store_note *note);
/* The same, unless the step has said just that already: for what is found out anew after a restart. */
void store_note_add_once(struct store *store, const char *workflow_id,
                         const struct store_note *note);
/* In the order in which they came, in the arena. */
int store_note_list(struct store *store, struct arena *a, const char *workflow_id,
                    struct store_note **ret_notes, size_t *ret_count, struct err *err);

#endif
