#include "engine/internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"

#include <stdio.h>
#include <string.h>

/*
 * DESIGN. Every pending delivery is a small object in memory; its row says the same and is all that a restart needs. Those that are
 * due stand in the queue of their host. Hosts take turns and have few places each, so a receiver that hangs holds up its own news
 * and nobody else's. An attempt is prepared on the blocking thread (the workflow is read and signed anew each time), sent by the
 * net worker, and written down before the next one is thought of. A crash in between sends the same webhook-id once more.
 */
enum { WEBHOOK_IN_FLIGHT_MAX = 128, WEBHOOK_HOST_IN_FLIGHT_MAX = 8, WEBHOOK_SLACK_MS = 15000 };

enum webhook_state {
    WEBHOOK_WAITING, /* for its time */
    WEBHOOK_DUE,     /* in the queue of its host */
    WEBHOOK_OUT      /* prepared, sent or written down */
};

struct webhook_host {
    struct webhook_host *next;       /* in the hash bucket */
    struct webhook_host *next_ready; /* in turn */
    bool ready;                      /* has its turn: something is due and a place is free */
    char *name;
    struct webhook *due_first, *due_last;
    int in_flight;
    int webhook_count; /* that refer to it */
};

struct webhook {
    struct engine *engine;
    struct webhook *next;     /* in the hash bucket */
    struct webhook *next_due; /* of the host; of those that are out */
    struct webhook_host *host;
    char id[UUID_TEXT_SIZE];
    enum webhook_state state;
    struct timer timer; /* its time, or the net worker hangs */
    int64_t job;        /* of the net worker, 0 without one */
    int64_t attempt_at; /* wall us */
    int try_count;      /* before this attempt */
    bool again;         /* asked for while it was out */
};

/* --- hosts -------------------------------------------------------------------------------------- */

static size_t webhook_bucket(const char *text, size_t length)
{
    unsigned hash = 5381;
    for (size_t i = 0; i < length; i++)
        hash = hash * 33 + (unsigned char)(text[i] | 0x20);
    return hash % ENGINE_WEBHOOK_BUCKETS;
}

static struct webhook_host *webhook_host(struct engine *engine, const char *url)
{
    const char *start = strstr(url, "://");
    start = start ? start + 3 : url;
    size_t length = strcspn(start, "/?#");
    struct webhook_host **bucket = &engine->webhook_hosts[webhook_bucket(start, length)];
    struct webhook_host *host = *bucket;
    while (host && (strncasecmp(host->name, start, length) != 0 || host->name[length] != '\0'))
        host = host->next;
    if (!host) {
        host = mem_alloc(sizeof(*host));
        host->name = mem_alloc(length + 1);
        memcpy(host->name, start, length);
        host->next = *bucket;
        *bucket = host;
    }
    host->webhook_count++;
    return host;
}

static void webhook_host_release(struct engine *engine, struct webhook_host *host)
{
    if (--host->webhook_count > 0)
        return;
    struct webhook_host **at =
        &engine->webhook_hosts[webhook_bucket(host->name, strlen(host->name))];
    while (*at != host)
        at = &(*at)->next;
    *at = host->next;
    free(host->name);
    free(host);
}

/* To the end of the turn, when there is something to do. */
static void webhook_host_line_up(struct engine *engine, struct webhook_host *host)
{
    if (host->ready || !host->due_first || host->in_flight >= WEBHOOK_HOST_IN_FLIGHT_MAX)
        return;
    host->ready = true;
    host->next_ready = NULL;
    if (engine->webhook_ready_last)
        engine->webhook_ready_last->next_ready = host;
    else
        engine->webhook_ready_first = host;
    engine->webhook_ready_last = host;
}

/* Something due, of the host whose turn it is; it is out then. NULL when nothing is to be done now. */
static struct webhook *webhook_take_due(struct engine *engine)
{
    struct webhook_host *host = engine->webhook_ready_first;
    if (!host)
        return NULL;
    engine->webhook_ready_first = host->next_ready;
    if (!engine->webhook_ready_first)
        engine->webhook_ready_last = NULL;
    host->ready = false;
    struct webhook *webhook = host->due_first;
    host->due_first = webhook->next_due;
    if (!host->due_first)
        host->due_last = NULL;
    host->in_flight++;
    webhook_host_line_up(engine, host);
    webhook->state = WEBHOOK_OUT;
    webhook->next_due = engine->webhooks_out;
    engine->webhooks_out = webhook;
    engine->webhook_in_flight++;
    return webhook;
}

/* It is not out any more. */
static void webhook_back(struct webhook *webhook)
{
    struct engine *engine = webhook->engine;
    struct webhook **at = &engine->webhooks_out;
    while (*at != webhook)
        at = &(*at)->next_due;
    *at = webhook->next_due;
    engine->webhook_in_flight--;
    webhook->host->in_flight--;
    webhook_host_line_up(engine, webhook->host);
    timer_clear(engine, &webhook->timer);
    webhook->job = 0;
}

/* --- the objects -------------------------------------------------------------------------------- */

static struct webhook *webhook_find(const struct engine *engine, const char *id)
{
    struct webhook *webhook = engine->webhooks[webhook_bucket(id, strlen(id))];
    while (webhook && strcmp(webhook->id, id) != 0)
        webhook = webhook->next;
    return webhook;
}

static void webhook_free(struct webhook *webhook)
{
    struct engine *engine = webhook->engine;
    struct webhook **at = &engine->webhooks[webhook_bucket(webhook->id, strlen(webhook->id))];
    while (*at != webhook)
        at = &(*at)->next;
    *at = webhook->next;
    timer_clear(engine, &webhook->timer);
    webhook_host_release(engine, webhook->host);
    engine->webhook_count--;
    free(webhook);
}

static void webhook_queue(struct webhook *webhook)
{
    struct webhook_host *host = webhook->host;
    webhook->state = WEBHOOK_DUE;
    webhook->next_due = NULL;
    if (host->due_last)
        host->due_last->next_due = webhook;
    else
        host->due_first = webhook;
    host->due_last = webhook;
    webhook_host_line_up(webhook->engine, host);
}

static void webhook_timer(struct engine *engine, struct timer *timer)
{
    struct webhook *webhook = (struct webhook *)((char *)timer - offsetof(struct webhook, timer));
    if (webhook->state == WEBHOOK_WAITING)
        webhook_queue(webhook); /* the loop takes it from there */
    else
        pool_kill(&engine->net, ERR_TIMEOUT);
}

static void webhook_wait_until(struct webhook *webhook, int64_t wall_us)
{
    int64_t wait_us = wall_us - clock_wall_us();
    webhook->state = WEBHOOK_WAITING;
    timer_set(webhook->engine, &webhook->timer, clock_monotonic_us() + (wait_us > 0 ? wait_us : 0));
}

void webhook_add(struct engine *engine, const char *id, const char *url, int64_t next_attempt_at)
{
    struct webhook *webhook = webhook_find(engine, id);
    if (!webhook) {
        webhook = mem_alloc(sizeof(*webhook));
        webhook->engine = engine;
        memcpy(webhook->id, id, strnlen(id, sizeof(webhook->id) - 1));
        webhook->host = webhook_host(engine, url);
        webhook->timer.fire = webhook_timer;
        webhook->next = engine->webhooks[webhook_bucket(id, strlen(id))];
        engine->webhooks[webhook_bucket(id, strlen(id))] = webhook;
        engine->webhook_count++;
    } else if (webhook->state != WEBHOOK_WAITING) {
        webhook->again = webhook->state == WEBHOOK_OUT;
        return;
    }
    webhook_wait_until(webhook, next_attempt_at);
}

/* --- after an attempt --------------------------------------------------------------------------- */

struct webhook_letter {
    struct letter letter;
    struct webhook *webhook;
    enum store_webhook_status status;
    int64_t next_attempt_at;
    int rc;
    struct err err;
};

static void webhook_deliver_saved(struct engine *engine, struct letter *letter)
{
    enum { AGAIN_US = 5000000 };
    struct webhook_letter *saved = (struct webhook_letter *)letter;
    struct webhook *webhook = saved->webhook;
    engine->webhook_saving--;
    webhook_back(webhook);
    if (saved->rc < 0 && saved->rc != ERR_NOT_FOUND) {
        log_line(LOG_ERROR, "a delivery could not be written down", "delivery", webhook->id,
                 "reason", saved->err.message, NULL);
        webhook_wait_until(webhook, clock_wall_us() + AGAIN_US);
    } else if (saved->rc == 0 && webhook->again) {
        webhook->again = false;
        webhook_wait_until(webhook, clock_wall_us());
    } else if (saved->rc == 0 && saved->status == STORE_WEBHOOK_PENDING) {
        webhook_wait_until(webhook, saved->next_attempt_at);
    } else {
        webhook_free(webhook);
    }
    free(saved);
}

/* On the store's writer thread. */
static void webhook_saved(void *context, int rc, const struct err *err)
{
    struct webhook_letter *saved = context;
    saved->rc = rc;
    if (rc < 0)
        saved->err = *err;
    engine_post(saved->webhook->engine, &saved->letter);
}

/* What an attempt came to. */
struct webhook_outcome {
    int status_code;   /* 0 without an answer */
    const char *error; /* NULL when it was delivered */
    int64_t retry_after_s;
    bool final, gone;
};

static void webhook_conclude(struct webhook *webhook, const struct webhook_outcome *outcome)
{
    const int64_t retry_after_max_s = 24 * 3600;
    uint32_t chance;
    random_bytes(&chance, sizeof(chance));
    const struct store_webhook_attempt attempt = {webhook->attempt_at, outcome->status_code,
                                                  outcome->error};
    struct webhook_letter *saved = mem_alloc(sizeof(*saved));
    int64_t pause_us = machine_webhook_pause_us(webhook->try_count + 1, chance);
    int64_t asked_s =
        outcome->retry_after_s < retry_after_max_s ? outcome->retry_after_s : retry_after_max_s;
    saved->letter.deliver = webhook_deliver_saved;
    saved->webhook = webhook;
    saved->status = !outcome->error                  ? STORE_WEBHOOK_DELIVERED
                    : outcome->final || pause_us < 0 ? STORE_WEBHOOK_FAILED
                                                     : STORE_WEBHOOK_PENDING;
    if (webhook->again)
        saved->status = STORE_WEBHOOK_PENDING;
    if (saved->status == STORE_WEBHOOK_PENDING && !webhook->again)
        saved->next_attempt_at =
            clock_wall_us() + (pause_us > asked_s * 1000000 ? pause_us : asked_s * 1000000);
    else if (webhook->again)
        saved->next_attempt_at = clock_wall_us();
    log_line(outcome->error ? LOG_WARNING : LOG_INFO,
             outcome->error ? "a delivery failed" : "a delivery arrived", "delivery", webhook->id,
             "host", webhook->host->name, "reason", outcome->error, "then",
             saved->status == STORE_WEBHOOK_PENDING ? "retry" : "end", NULL);
    webhook->engine->webhook_saving++;
    metric_add(METRIC_WEBHOOKS,
               saved->status == STORE_WEBHOOK_DELIVERED ? "delivered"
               : saved->status == STORE_WEBHOOK_PENDING ? "retry"
                                                        : "failed",
               "", 1);
    store_webhook_attempted(webhook->engine->settings.store, webhook->id, &attempt, saved->status,
                            saved->next_attempt_at, outcome->gone, webhook_saved, saved);
}

/* --- preparing an attempt ----------------------------------------------------------------------- */

struct webhook_errand {
    struct errand errand;
    struct webhook *webhook;
    struct arena *arena;
    int rc; /* ERR_NOT_FOUND: there is nothing to deliver any more */
    struct err err;
    const struct store_webhook *row;
    json_t *message; /* for the net worker, but the job; NULL when the receiver wants no more */
};

static void webhook_prepare(struct engine *engine, struct errand *errand)
{
    struct webhook_errand *prepared = (struct webhook_errand *)errand;
    struct store_webhook *row;
    prepared->rc = store_webhook_get(engine->settings.store, prepared->arena, NULL,
                                     prepared->webhook->id, &row, &prepared->err);
    if (prepared->rc < 0)
        return;
    prepared->row = row;
    if (row->status != STORE_WEBHOOK_PENDING)
        prepared->rc = ERR_NOT_FOUND;
    else if (!row->gone)
        prepared->rc =
            webhook_compose(engine, prepared->arena, row, &prepared->message, &prepared->err);
}

/* --- sending ------------------------------------------------------------------------------------ */

static void webhook_send(struct webhook *webhook, json_t *message)
{
    struct engine *engine = webhook->engine;
    struct err fault;
    webhook->job = engine->next_job++;
    webhook->attempt_at = clock_wall_us();
    json_object_set_new(message, "job", json_integer(webhook->job));
    int rc = pool_net_send(engine, message, -1, &fault);
    if (rc == 0) {
        timer_set(engine, &webhook->timer,
                  clock_monotonic_us() + (WEBHOOK_TIMEOUT_MS + WEBHOOK_SLACK_MS) * INT64_C(1000));
    } else if (rc == ERR_UNAVAILABLE) {
        webhook_back(webhook);
        webhook_queue(webhook);
    } else {
        webhook_conclude(webhook, &(struct webhook_outcome){.error = fault.message, .final = true});
    }
}

static void webhook_prepared(struct engine *engine, struct errand *errand)
{
    enum { AGAIN_US = 5000000 };
    struct webhook_errand *prepared = (struct webhook_errand *)errand;
    struct webhook *webhook = prepared->webhook;
    if (prepared->rc == ERR_NOT_FOUND) {
        webhook_back(webhook);
        webhook_free(webhook);
    } else if (prepared->rc < 0) {
        log_line(LOG_ERROR, "a delivery could not be prepared", "delivery", webhook->id, "reason",
                 prepared->err.message, NULL);
        webhook_back(webhook);
        webhook_wait_until(webhook, clock_wall_us() + AGAIN_US);
    } else if (engine->stopping) {
        webhook_back(webhook);
        webhook_queue(webhook);
    } else if (prepared->message) {
        webhook->try_count = prepared->row->try_count;
        webhook_send(webhook, prepared->message);
    } else {
        webhook->attempt_at = clock_wall_us();
        webhook_conclude(
            webhook,
            &(struct webhook_outcome){
                .error = "The receiver has answered 410 before: it wants no more.", .final = true});
    }
    json_decref(prepared->message);
    arena_free(prepared->arena);
    free(prepared);
}

void webhooks_dispatch(struct engine *engine)
{
    struct webhook *webhook;
    while (engine->webhook_render && engine->net.state == POOL_IDLE &&
           engine->webhook_in_flight < WEBHOOK_IN_FLIGHT_MAX &&
           (webhook = webhook_take_due(engine))) {
        struct webhook_errand *prepared = mem_alloc(sizeof(*prepared));
        prepared->errand.work = webhook_prepare;
        prepared->errand.done = webhook_prepared;
        prepared->webhook = webhook;
        prepared->arena = arena_new();
        engine_run_errand(engine, &prepared->errand);
    }
}

/* --- what the net worker says ------------------------------------------------------------------- */

static struct webhook *webhook_of_job(struct engine *engine, int64_t job)
{
    struct webhook *webhook = job > 0 ? engine->webhooks_out : NULL;
    while (webhook && webhook->job != job)
        webhook = webhook->next_due;
    return webhook;
}

bool webhook_net_answer(struct engine *engine, const json_t *message)
{
    struct webhook *webhook = webhook_of_job(engine, json_member_integer(message, "job", -1));
    const char *type = json_member_string(message, "type");
    char sentence[80];
    if (!webhook)
        return false;
    if (strcmp(type, "posted") == 0) {
        int status = (int)json_member_integer(message, "status", 0);
        struct webhook_outcome outcome = {
            .status_code = status,
            .retry_after_s = json_member_integer(message, "retry_after_s", 0),
            .final = status == 410,
            .gone = status == 410,
        };
        snprintf(sentence, sizeof(sentence), "The receiver answered %d.", status);
        if (status < 200 || status > 299)
            outcome.error = sentence;
        webhook->job = 0;
        webhook_conclude(webhook, &outcome);
    } else if (strcmp(type, "failed") == 0) {
        const char *code = json_member_string(message, "code");
        const char *text = json_member_string(message, "message");
        webhook->job = 0;
        webhook_conclude(webhook, &(struct webhook_outcome){
                                      .error = text ? text : "The receiver could not be reached.",
                                      .final = code && err_from_wire(code) == ERR_FETCH_REFUSED});
    }
    return true;
}

void webhooks_net_lost(struct engine *engine)
{
    for (struct webhook *webhook = engine->webhooks_out; webhook; webhook = webhook->next_due) {
        if (webhook->job == 0)
            continue;
        webhook->job = 0;
        webhook_conclude(webhook,
                         &(struct webhook_outcome){.error = "The process that sends died."});
    }
}

/* --- beginning and end -------------------------------------------------------------------------- */

static void webhook_visit(void *context, const char *id, const char *url, int64_t next_attempt_at)
{
    webhook_add(context, id, url, next_attempt_at);
}

struct serve_letter {
    struct letter letter;
    engine_render render;
    void *context;
};

static void webhook_deliver_serve(struct engine *engine, struct letter *letter)
{
    struct serve_letter *serve = (struct serve_letter *)letter;
    struct err err;
    if (store_webhook_pending(engine->settings.store, webhook_visit, engine, &err) < 0)
        log_line(LOG_ERROR, "pending deliveries cannot be read", "reason", err.message, NULL);
    engine->webhook_context = serve->context;
    engine->webhook_render = serve->render;
    free(serve);
}

void engine_serve_webhooks(struct engine *engine, engine_render render, void *context)
{
    struct serve_letter *serve = mem_alloc(sizeof(*serve));
    serve->letter.deliver = webhook_deliver_serve;
    serve->render = render;
    serve->context = context;
    engine_post(engine, &serve->letter);
}

struct redeliver_letter {
    struct letter letter;
    char *id, *url;
};

static void webhook_deliver_again(struct engine *engine, struct letter *letter)
{
    struct redeliver_letter *again = (struct redeliver_letter *)letter;
    webhook_add(engine, again->id, again->url, clock_wall_us());
    free(again->id);
    free(again->url);
    free(again);
}

void engine_redeliver(struct engine *engine, const char *webhook_id, const char *url)
{
    struct redeliver_letter *again = mem_alloc(sizeof(*again));
    again->letter.deliver = webhook_deliver_again;
    again->id = mem_strdup(webhook_id);
    again->url = mem_strdup(url);
    engine_post(engine, &again->letter);
}

void webhooks_free(struct engine *engine)
{
    for (size_t i = 0; i < ENGINE_WEBHOOK_BUCKETS; i++) {
        /* The analyzer does not see that freeing a webhook takes it off the list. */
        while (engine->webhooks[i])
            webhook_free(engine->webhooks[i]); /* NOLINT(clang-analyzer-unix.Malloc) */
    }
}
