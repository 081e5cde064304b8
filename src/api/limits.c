#include "api/internal.h"

#include "base/clock.h"
#include "base/hash.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/*
 * DESIGN. A key has a bucket of tokens that fills at the rate and holds the burst; a request takes one. How many workflows of a
 * key are not final is asked of the store a few times a second at most; in between those that are accepted are counted on top, so
 * that the limit may be met a moment early, never passed. Child runs belong to the workflow that runs them and are not counted; a
 * retried workflow counts for the key that retries it. There is a record for each key that was ever seen: they are known ones only,
 * so their number is bounded.
 */
enum { LIMITS_BUCKETS = 256, LIMITS_LOOK_US = 200 * 1000 };

struct limit {
    struct limit *next;
    char *key_id;
    pthread_mutex_t lock;
    double tokens; /* under lock, as all below */
    int64_t filled_at;
    int64_t in_flight, looked_at;
    int waits; /* under the room's lock */
};

struct limits {
    pthread_mutex_t lock;
    struct limit *keys[LIMITS_BUCKETS]; /* under lock */
};

struct limits *limits_new(void)
{
    struct limits *limits = mem_alloc(sizeof(*limits));
    pthread_mutex_init(&limits->lock, NULL);
    return limits;
}

void limits_free(struct limits *limits)
{
    if (!limits)
        return;
    for (size_t i = 0; i < LIMITS_BUCKETS; i++) {
        while (limits->keys[i]) {
            struct limit *limit = limits->keys[i];
            limits->keys[i] = limit->next;
            pthread_mutex_destroy(&limit->lock);
            free(limit->key_id);
            free(limit);
        }
    }
    pthread_mutex_destroy(&limits->lock);
    free(limits);
}

struct limit *limits_key(struct api *api, const char *key_id)
{
    struct limits *limits = api->limits;
    struct limit **at = &limits->keys[hash_text(key_id) % (uint32_t)LIMITS_BUCKETS];
    pthread_mutex_lock(&limits->lock);
    while (*at && strcmp((*at)->key_id, key_id) != 0)
        at = &(*at)->next;
    if (!*at) {
        *at = mem_alloc(sizeof(**at));
        (*at)->key_id = mem_strdup(key_id);
        (*at)->tokens = api->settings.rate_burst;
        (*at)->filled_at = clock_monotonic_us();
        pthread_mutex_init(&(*at)->lock, NULL);
    }
    struct limit *limit = *at;
    pthread_mutex_unlock(&limits->lock);
    return limit;
}

const char *limit_key_id(const struct limit *limit)
{
    return limit->key_id;
}

/* Under the limit's lock. */
static void limit_fill(struct limit *limit, const struct api_settings *settings, int64_t now)
{
    if (now <= limit->filled_at) /* another thread's request began later */
        return;
    limit->tokens += (double)(now - limit->filled_at) / 1e6 * settings->rate;
    if (limit->tokens > settings->rate_burst)
        limit->tokens = settings->rate_burst;
    limit->filled_at = now;
}

int limits_take_request(struct api_call *call, struct err *err)
{
    const struct api_settings *settings = &call->api->settings;
    struct limit *limit = call->limit;
    pthread_mutex_lock(&limit->lock);
    limit_fill(limit, settings, http_request_started_us(call->request));
    bool taken = limit->tokens >= 1;
    if (taken)
        limit->tokens -= 1;
    pthread_mutex_unlock(&limit->lock);
    return taken ? 0
                 : err_set(err, ERR_RATE_LIMITED, NULL,
                           "The key may make %d requests a second, and %d at once.", settings->rate,
                           settings->rate_burst);
}

int limits_take_wait(struct api *api, struct limit *limit, struct err *err)
{
    if (limit->waits >= api->settings.waits_per_key)
        return err_set(err, ERR_RATE_LIMITED, NULL,
                       "The key may have %d requests that wait or listen.",
                       api->settings.waits_per_key);
    limit->waits++;
    return 0;
}

void limits_give_wait(struct limit *limit)
{
    limit->waits--;
}

int limits_take_workflow(struct api_call *call, struct err *err)
{
    struct api *api = call->api;
    int64_t most = api->settings.in_flight;
    struct limit *limit = call->limit;
    int64_t now = clock_monotonic_us();
    int rc = 0;
    pthread_mutex_lock(&limit->lock);
    if (limit->looked_at == 0 || now - limit->looked_at > LIMITS_LOOK_US) {
        rc = store_workflow_count_unfinished(api->settings.store, call->customer, limit->key_id,
                                             most, &limit->in_flight, err);
        limit->looked_at = now;
    }
    if (rc == 0 && limit->in_flight >= most)
        rc = err_set(err, ERR_RATE_LIMITED, NULL,
                     "The key may have %lld workflows that have not ended.", (long long)most);
    if (rc == 0)
        limit->in_flight++;
    pthread_mutex_unlock(&limit->lock);
    return rc;
}

int limits_check_storage(struct api_call *call, uint64_t more_bytes, struct err *err)
{
    uint64_t most = call->api->settings.storage_bytes_max;
    int64_t kept;
    if (most == 0)
        return 0;
    int rc = store_storage_bytes(call->api->settings.store, call->customer, &kept, err);
    if (rc == 0 && (uint64_t)kept + more_bytes > most)
        rc = err_set(err, ERR_TOO_LARGE, NULL,
                     "The customer keeps %lld bytes and may keep %llu; delete workflows to go on.",
                     (long long)kept, (unsigned long long)most);
    return rc;
}

size_t limits_headers(struct api_call *call, struct http_header headers[LIMITS_HEADERS])
{
    const struct api_settings *settings = &call->api->settings;
    struct limit *limit = call->limit;
    if (!limit)
        return 0;
    pthread_mutex_lock(&limit->lock);
    limit_fill(limit, settings, clock_monotonic_us());
    double tokens = limit->tokens;
    pthread_mutex_unlock(&limit->lock);
    int wait_s = tokens >= 1 ? 1 : (int)ceil((1 - tokens) / settings->rate);
    char *number = arena_printf(call->arena, "%d", wait_s);
    headers[0] = (struct http_header){"Retry-After", number};
    headers[1] = (struct http_header){"RateLimit-Limit",
                                      arena_printf(call->arena, "%d", settings->rate_burst)};
    headers[2] =
        (struct http_header){"RateLimit-Remaining", arena_printf(call->arena, "%d", (int)tokens)};
    headers[3] = (struct http_header){"RateLimit-Reset", number};
    return LIMITS_HEADERS;
}
