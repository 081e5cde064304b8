#include "api/internal.h"

#include "base/clock.h"
#include "engine/machine.h"

#include <errno.h>
#include <string.h>

/*
 * DESIGN. One thread answers those who wait: it wakes when a commit changed a workflow that somebody waits for, and every
 * WAIT_TICK_MS while anybody waits at all, to look for those whose time is over. It also does the few blocking things of the
 * API (making an upload durable). Waiters stand in buckets by the workflow's id; a waiting request costs its connection and a
 * small record, no thread.
 */
enum { WAIT_BUCKETS = 1024, WAIT_TICK_MS = 200, WAIT_SECONDS_MAX = 60 };

struct waiter {
    struct waiter *next;
    struct api_call *call;
    char id[UUID_TEXT_SIZE];
    int64_t until; /* monotonic us */
    bool look;     /* its workflow has changed */
};

struct wait_work {
    struct wait_work *next;
    void (*work)(struct api_call *call);
    struct api_call *call;
};

struct wait_room {
    struct api *api;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t news;
    struct waiter *buckets[WAIT_BUCKETS]; /* under lock, as all below */
    int waiters;
    struct wait_work *work_first, *work_last;
    bool changed, stopping;
};

static size_t wait_bucket(const char *id)
{
    uint32_t hash = 2166136261u;
    for (; *id; id++)
        hash = (hash ^ (unsigned char)*id) * 16777619u;
    return hash % (uint32_t)WAIT_BUCKETS;
}

void wait_changed(struct wait_room *room, const char *workflow_id)
{
    pthread_mutex_lock(&room->lock);
    for (struct waiter *waiter = room->buckets[wait_bucket(workflow_id)]; waiter;
         waiter = waiter->next) {
        if (strcmp(waiter->id, workflow_id) == 0) {
            waiter->look = true;
            room->changed = true;
        }
    }
    if (room->changed)
        pthread_cond_signal(&room->news);
    pthread_mutex_unlock(&room->lock);
}

int wait_add(struct wait_room *room, struct api_call *call, const char *workflow_id, int seconds,
             struct err *err)
{
    struct waiter *waiter = mem_alloc(sizeof(*waiter));
    waiter->call = call;
    memcpy(waiter->id, workflow_id, strnlen(workflow_id, sizeof(waiter->id) - 1));
    waiter->until = clock_monotonic_us() + (int64_t)seconds * 1000000;
    waiter->look = true; /* it may have ended between the read and now */
    pthread_mutex_lock(&room->lock);
    bool full = room->stopping || room->waiters >= room->api->settings.waits_max;
    if (!full) {
        struct waiter **bucket = &room->buckets[wait_bucket(waiter->id)];
        waiter->next = *bucket;
        *bucket = waiter;
        room->waiters++;
        room->changed = true;
        pthread_cond_signal(&room->news);
    }
    pthread_mutex_unlock(&room->lock);
    if (!full)
        return 0;
    free(waiter);
    return err_set(err, ERR_RATE_LIMITED, NULL, "Too many requests wait already.");
}

void wait_run(struct wait_room *room, void (*work)(struct api_call *call), struct api_call *call)
{
    struct wait_work *item = mem_alloc(sizeof(*item));
    item->work = work;
    item->call = call;
    pthread_mutex_lock(&room->lock);
    if (room->work_last)
        room->work_last->next = item;
    else
        room->work_first = item;
    room->work_last = item;
    pthread_cond_signal(&room->news);
    pthread_mutex_unlock(&room->lock);
}

static bool wait_is_final(struct wait_room *room, const char *id)
{
    CLEANUP(arena) struct arena *a = arena_new();
    struct store_workflow_full *full;
    return store_workflow_get(room->api->settings.store, a, NULL, id, &full, NULL) < 0 ||
           machine_run_final(full->workflow.status);
}

/* Takes out those whose time is over, and those whose workflow may have ended. Under lock. */
static struct waiter *wait_take(struct wait_room *room)
{
    struct waiter *taken = NULL;
    int64_t now = clock_monotonic_us();
    for (size_t i = 0; i < WAIT_BUCKETS; i++) {
        struct waiter **at = &room->buckets[i];
        while (*at) {
            struct waiter *waiter = *at;
            if (!waiter->look && waiter->until > now && !room->stopping) {
                at = &waiter->next;
                continue;
            }
            *at = waiter->next;
            waiter->next = taken;
            taken = waiter;
            room->waiters--;
        }
    }
    return taken;
}

static void wait_put_back(struct wait_room *room, struct waiter *waiter)
{
    pthread_mutex_lock(&room->lock);
    struct waiter **bucket = &room->buckets[wait_bucket(waiter->id)];
    waiter->next = *bucket;
    *bucket = waiter;
    room->waiters++;
    pthread_mutex_unlock(&room->lock);
}

/* A change that is committed while a waiter is out of its bucket would be missed: so it goes back first with `look` cleared, and
 * whoever finds the workflow final afterwards takes it out again. */
static void wait_answer(struct wait_room *room, struct waiter *taken)
{
    while (taken) {
        struct waiter *waiter = taken;
        taken = waiter->next;
        if (waiter->until <= clock_monotonic_us() || room->stopping ||
            wait_is_final(room, waiter->id)) {
            workflow_answer(waiter->call, waiter->id);
            free(waiter);
        } else {
            waiter->look = false;
            wait_put_back(room, waiter);
            if (wait_is_final(room, waiter->id))
                wait_changed(room, waiter->id);
        }
    }
}

static void wait_sleep(struct wait_room *room)
{
    if (room->waiters == 0) {
        pthread_cond_wait(&room->news, &room->lock);
        return;
    }
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += WAIT_TICK_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_cond_timedwait(&room->news, &room->lock, &until);
}

static void *wait_main(void *context)
{
    struct wait_room *room = context;
    pthread_mutex_lock(&room->lock);
    for (;;) {
        if (!room->changed && !room->work_first && !room->stopping)
            wait_sleep(room);
        room->changed = false;
        struct wait_work *work = room->work_first;
        room->work_first = room->work_last = NULL;
        struct waiter *taken = wait_take(room);
        bool end = room->stopping && !work && !taken;
        pthread_mutex_unlock(&room->lock);
        while (work) {
            struct wait_work *next = work->next;
            work->work(work->call);
            free(work);
            work = next;
        }
        wait_answer(room, taken);
        if (end)
            return NULL;
        pthread_mutex_lock(&room->lock);
    }
}

int wait_new(struct api *api, struct wait_room **ret_room, struct err *err)
{
    struct wait_room *room = mem_alloc(sizeof(*room));
    pthread_condattr_t attributes;
    room->api = api;
    pthread_mutex_init(&room->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&room->news, &attributes);
    pthread_condattr_destroy(&attributes);
    if (pthread_create(&room->thread, NULL, wait_main, room) != 0) {
        pthread_mutex_destroy(&room->lock);
        pthread_cond_destroy(&room->news);
        free(room);
        return err_set(err, ERR_UNAVAILABLE, NULL, "A thread of the API could not be started.");
    }
    *ret_room = room;
    return 0;
}

void wait_stop(struct wait_room *room)
{
    pthread_mutex_lock(&room->lock);
    room->stopping = true;
    pthread_cond_signal(&room->news);
    pthread_mutex_unlock(&room->lock);
    pthread_join(room->thread, NULL);
}

void wait_free(struct wait_room *room)
{
    if (!room)
        return;
    pthread_mutex_destroy(&room->lock);
    pthread_cond_destroy(&room->news);
    free(room);
}

/* "wait=10" among the preferences of RFC 7240. */
static const char *wait_preference(const struct http_request *request)
{
    const char *at = http_request_header(request, "Prefer");
    while (at && *at) {
        at += strspn(at, " \t,;");
        if (strncasecmp(at, "wait=", 5) == 0)
            return at + 5;
        at += strcspn(at, ",;");
    }
    return NULL;
}

int wait_seconds(struct api_call *call, int *ret_seconds, struct plan_faults *faults)
{
    const char *query = http_request_query_value(call->request, "wait");
    const char *preferred = wait_preference(call->request);
    char *end;
    *ret_seconds = 0;
    if (query) {
        size_t digits = strspn(query, "0123456789");
        long seconds = digits == 1 || digits == 2 ? strtol(query, NULL, 10) : 0;
        if (query[digits] || seconds < 1 || seconds > WAIT_SECONDS_MAX) {
            plan_fault_add(faults, "/wait", 0, "value_error",
                           "wait is a number of seconds from 1 to %d.", WAIT_SECONDS_MAX);
            return ERR_INVALID;
        }
        *ret_seconds = (int)seconds;
    } else if (preferred) {
        /* A preference that cannot be met is ignored, as the RFC asks; a longer one is cut. */
        long seconds = strtol(preferred, &end, 10);
        if (end != preferred && seconds >= 1)
            *ret_seconds = seconds > WAIT_SECONDS_MAX ? WAIT_SECONDS_MAX : (int)seconds;
    }
    return 0;
}
