/* What the files of api/ share. */
#ifndef API_INTERNAL_H
#define API_INTERNAL_H

#include "api/api.h"
#include "engine/media_url.h"

#include <pthread.h>

struct api_call;

enum api_access { API_OPEN, API_KEY };
enum api_body { API_BODY_NONE, API_BODY_IGNORED, API_BODY_JSON, API_BODY_UPLOAD, API_BODY_FORM };

struct api_endpoint {
    const char *name; /* NOUN_VERB */
    const char *method, *path, *summary;
    enum api_access access;
    enum api_body body;
    /* Answers, or keeps the call and answers later. On an HTTP thread: must not block. */
    void (*handle)(struct api_call *call);
};

enum { API_PATH_VALUES_MAX = 4 };

/* A request on its way through the API. Lives in the request's arena. */
struct api_call {
    struct api *api;
    struct http_request *request;
    struct arena *arena;
    const struct api_endpoint *endpoint;
    const char *values[API_PATH_VALUES_MAX]; /* of the braces, in order */
    const char *customer, *user;             /* NULL without a key */
    const char *client_type;                 /* NULL when the client did not say */
    struct limit *limit;                     /* of the key, NULL without one */
    json_t *body;                            /* JSON endpoints; owned by the arena */
    int upload_fd;                           /* UPLOAD endpoints, else -1; closed with the arena */
    bool legacy;                             /* answers have the members of the older API as well */
    struct once_ticket *once;                /* NULL without an Idempotency-Key */
    struct lifecycle_deletion *deletion;     /* of ep_lifecycle.c */
};

/* --- routes --- */

/* The endpoint, or NULL with 404 or 405 in *ret_status and the value of Allow in the arena. */
const struct api_endpoint *route_find(struct arena *a, const char *method, const char *path,
                                      const char **ret_values, int *ret_status,
                                      const char **ret_allow);

/* --- keys --- */

struct auth;
struct auth *auth_new(struct api *api);
void auth_free(struct auth *auth);
/* Fills customer, user, client type and limit from the headers. ERR_UNAUTHORIZED, ERR_BAD_REQUEST (a text that is none),
 * ERR_STORAGE. */
int auth_check(struct auth *auth, struct api_call *call, struct err *err);

/* --- limits of keys and customers --- */

struct limit;
struct limits;
struct limits *limits_new(void);
void limits_free(struct limits *limits);                       /* NULL allowed */
struct limit *limits_key(struct api *api, const char *key_id); /* lives as long as the API */
const char *limit_key_id(const struct limit *limit);
/* One request of call->limit, one more workflow in flight of it, this much more of its storage. ERR_RATE_LIMITED, ERR_TOO_LARGE,
 * ERR_STORAGE. */
int limits_take_request(struct api_call *call, struct err *err);
int limits_take_workflow(struct api_call *call, struct err *err);
int limits_check_storage(struct api_call *call, uint64_t more_bytes, struct err *err);
/* One more that waits, or less. Under the lock of the room. */
int limits_take_wait(struct api *api, struct limit *limit, struct err *err);
void limits_give_wait(struct limit *limit);
/* What goes with a 429: Retry-After and the state of the bucket. Returns how many. */
enum { LIMITS_HEADERS = 4 };
size_t limits_headers(struct api_call *call, struct http_header headers[LIMITS_HEADERS]);

/* --- answers --- */

void reply_json(struct api_call *call, int status, json_t *body); /* takes over the reference */
void reply_text(struct api_call *call, int status, const char *json_text, size_t size);
/* {"message": WIRE} and "reason" when the error says more than its code. */
void reply_error(struct api_call *call, const struct err *err);
void reply_code(struct api_call *call, enum err_code code);
/* 422 with every fault as {"loc","msg","type"}; paths are JSON Pointers below the place `where` ("body", "query"). */
void reply_faults(struct api_call *call, const char *where, const struct plan_faults *faults);
const char *reply_fault_text(struct arena *a, enum err_code code, const char *reason);

/* --- pages of lists, newest first --- */

struct page {
    bool is_by_number; /* how a cursor names the row that was shown last; set before page_read() */
    int limit;
    const char *before_id; /* NULL: from the newest on */
    int64_t before_number; /* 0: from the newest on */
    struct plan_faults faults;
};

/* A member of the query that is neither limit nor cursor. */
typedef void (*page_visit)(void *context, const char *name, const char *value,
                           struct plan_faults *faults);

/* Which page the query asks for; `visit` (may be NULL) gets the rest of it. False: it has answered with the faults. */
bool page_read(struct api_call *call, struct page *page, page_visit visit, void *context);
/* How many rows to ask the store for: one more than is shown tells whether there is a next page. */
int page_rows_wanted(const struct page *page);

struct page_kind {
    size_t row_size;
    json_t *(*render)(struct api_call *call, const void *row); /* a new reference */
    const char *(*cursor)(struct api_call *call, const void *row);
};

/* 200 with those of the `count` rows that go on the page. */
void page_reply(struct api_call *call, const struct page *page, const void *rows, size_t count,
                const struct page_kind *kind);

/* --- templates --- */

struct template_found {
    const struct plan_template *template; /* lives as long as the request */
    int64_t version;
    bool user_designed;
};

/* Of the catalog, else the customer's own (none without a key). ERR_NOT_FOUND, ERR_CONFLICT when a stored one is no longer valid. */
int template_find(struct api_call *call, const char *id, struct template_found *ret_found,
                  struct err *err);
int template_parse_stored(struct api_call *call, const struct store_template *stored,
                          const struct plan_template **ret_template, struct err *err);
/* A definition as a client wrote it: flattened and validated, also against the templates that it runs. NULL, or something else, with
 * faults. */
const struct plan_template *template_read_definition(struct api_call *call,
                                                     const json_t *definition,
                                                     struct plan_faults *faults);

/* --- the workflow object --- */

/* A task as an event shows it; a new reference. */
json_t *render_task(struct arena *a, const struct api *api, const char *base,
                    const struct store_workflow_full *full, const struct store_task *task);
/* The base of URLs in this answer. */
const char *render_base(struct api_call *call);
/* The object; a new reference. */
json_t *render_workflow_object(struct arena *a, const struct api *api, const char *base,
                               const struct store_workflow_full *full);
/* {"data": {...}} as text in the arena. */
char *render_workflow(struct arena *a, const struct api *api, const char *base,
                      const struct store_workflow_full *workflow, size_t *ret_size);

/* --- rendered objects, kept while they are true --- */

struct cache;
struct cache *cache_new(int url_life_s);
void cache_free(struct cache *cache);
/* For cache_put(); taken before the rows are read. */
uint64_t cache_ticket(struct cache *cache, const char *id);
/* A text that is shared: release with cache_release(). NULL when it is not there. `now` in monotonic us; *ret_ticket as
 * cache_ticket(). */
struct cache_text;
struct cache_text *cache_get(struct cache *cache, const char *id, const char *customer,
                             const char *base, int64_t now, uint64_t *ret_ticket);
/* Keeps a copy unless the object changed since the ticket was given. */
void cache_put(struct cache *cache, const char *id, const char *customer, const char *base,
               uint64_t ticket, const char *bytes, size_t size);
void cache_drop(struct cache *cache, const char *id); /* any thread */
void cache_release(void *object);
const char *cache_bytes(const struct cache_text *text, size_t *ret_size);

/* --- waiting for the end of a workflow, and blocking work --- */

struct wait_room;
int wait_new(struct api *api, struct wait_room **ret_room, struct err *err);
/* Answers all who wait, finishes the work and ends the thread. */
void wait_stop(struct wait_room *room);
void wait_free(struct wait_room *room); /* after wait_stop(); NULL allowed */
/* A workflow as it is shown to all who wait for it. */
struct wait_view {
    const struct store_workflow_full *full; /* NULL when it is gone */
    uint64_t ticket;                        /* of the cache, from before it was read */
    struct arena *arena;                    /* of this look */
    struct event_batch *events;             /* what streams have rendered for one another */
};

/* Somebody who is shown a workflow whenever it may have changed. First member of the owner's record. */
struct wait_member {
    struct wait_member *next; /* the room's */
    struct limit *limit;      /* of the key that it counts for */
    bool end_only;            /* nothing before the end of the workflow is of interest */
    bool is_current;          /* nothing can have changed since its owner saw the workflow */
    int64_t until;            /* monotonic us: looked at then in any case; set again by look() */
    /* On the room's thread. False: it has left, and freed itself. */
    bool (*look)(struct wait_member *member, struct wait_view *view);
};
/* look() follows soon unless the member is current, and after every commit that interests it. ERR_RATE_LIMITED when too many wait. */
int wait_join(struct wait_room *room, struct wait_member *member, const char *workflow_id,
              struct err *err);
bool wait_is_stopping(struct wait_room *room); /* then everybody leaves */

/* What is answered after the wait, on the room's thread; `view` is what was just read. */
typedef void (*wait_answer)(struct api_call *call, const char *workflow_id,
                            const struct wait_view *view);
/* Keeps the call until the workflow is final or `seconds` are over, then answers on the room's thread.
 * `is_current` as in struct wait_member. ERR_RATE_LIMITED when too many wait. */
int wait_add(struct wait_room *room, struct api_call *call, const char *workflow_id, int seconds,
             bool is_current, wait_answer answer, struct err *err);
/* `final`: it has ended. Any thread, never blocks for long. */
void wait_changed(struct wait_room *room, const char *workflow_id, bool final);
/* Runs `work` on the room's thread; on the caller's when the room has stopped. */
void wait_run(struct wait_room *room, void (*work)(struct api_call *call), struct api_call *call);

/* What the room does beside: one of each kind, on its thread, not before `at` (monotonic us). Any thread. */
enum wait_chore_kind { WAIT_CHORE_SWEEP, WAIT_CHORE_REPLAYS, WAIT_CHORES };
void wait_chore(struct wait_room *room, enum wait_chore_kind kind, void (*chore)(struct api *api),
                int64_t at);

/* --- workflows --- */

enum { WORKFLOW_TITLE_MAX = 200, WORKFLOW_DESCRIPTION_MAX = 5000 };

/* Answers with the workflow as it is now (200), or the error. Any thread that may read the store. */
void workflow_answer(struct api_call *call, const char *workflow_id);
/* The same for a call that has waited. */
void workflow_answer_view(struct api_call *call, const char *workflow_id,
                          const struct wait_view *view);
void workflow_answer_path(
    struct api_call *call); /* the one whose id is the first value of the path */
/* The customer's workflow; false when it was answered that there is none. A call that is kept for long reads into another arena
 * than its own. */
bool workflow_find(struct api_call *call, struct arena *a, const char *id,
                   struct store_workflow_full **ret_workflow);
void workflow_reply_poor(struct api_call *call, int64_t required); /* 402 */
/* A member of the body that is text of limited length, or `otherwise` when it is missing or null. */
const char *workflow_text(struct api_call *call, const char *name, const char *otherwise,
                          size_t length_max, struct plan_faults *faults);
void workflow_check_visibility(const char *value, struct plan_faults *faults); /* NULL is fine */

/* The object as the call is to see it, {"data": {...}}, as text in the arena. */
const char *workflow_render(struct api_call *call, const struct store_workflow_full *workflow,
                            size_t *ret_size);
/* Creates what call->body says. */
void workflow_create_from_body(struct api_call *call);

/* --- uploads --- */

/* Checks and publishes the file, which takes a while: on the room's thread. The asset is in the arena, its blob held. ERR_BAD_REQUEST,
 * ERR_UNSUPPORTED_TYPE, ERR_TOO_LARGE, ERR_STORAGE. */
int asset_publish(struct api_call *call, int fd, const char *name, uint64_t size,
                  struct store_asset *ret_asset, struct err *err);
const char *asset_url(struct api_call *call, const struct store_asset *asset);

/* --- requests with an Idempotency-Key --- */

struct once;
struct once_ticket;
struct once *once_new(void);
/* Refuses all who wait behind another, and who come from now on. Before wait_stop(). */
void once_stop(struct once *once);
void once_free(struct once *once); /* NULL allowed */
/* Whether the call goes on; call->once is set then if it has a key. False: it was answered, or `again` will be called with it on the
 * room's thread. */
bool once_begin(struct api_call *call, void (*again)(struct api_call *call));
/* What is kept with the creation, in *replay; NULL without a key. */
const struct store_replay *once_replay(struct api_call *call, const char *answer,
                                       struct store_replay *replay);
/* Answers like workflow_answer(), and keeps that as the answer to the key. Needs call->once. */
void once_answer(struct api_call *call, const char *workflow_id);

/* --- files of deleted objects --- */

struct sweep;
struct sweep *sweep_new(void);
void sweep_free(struct sweep *sweep); /* NULL allowed */
/* Removes those that nothing uses, at once or when they are let go. On the room's thread. */
void sweep_blobs(struct api *api, const struct store_blobs *blobs);

/* --- waiting, continued --- */

/* `wait` of the query or Prefer of the header; 0 for none. ERR_INVALID when it is no number of 1 to 60. */
int wait_seconds(struct api_call *call, int *ret_seconds, struct plan_faults *faults);

struct api {
    struct api_settings settings;
    struct http_server *server;
    struct auth *auth;
    struct cache *cache;
    struct wait_room *room;
    struct once *once;
    struct sweep *sweep;
    char *own_url; /* base of media URLs where no request says one */
    struct limits *limits;
};

/* The handlers. */
#define ENDPOINT(noun, verb, method, path, access, body, summary)                                  \
    void ep_##noun##_##verb(struct api_call *call);
#include "api/endpoints.def"
#undef ENDPOINT

#endif
