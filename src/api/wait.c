#include "api/internal.h"

#include "base/clock.h"
#include "base/hash.h"
#include "engine/machine.h"

#include <string.h>

/*
 * DESIGN. One thread looks after everybody who waits for news of a workflow: requests that are held, and event streams. They are
 * members of a topic, the workflow's id. A commit marks the topic when it may interest a member; the thread reads the workflow once
 * and shows it to all members of it. It sleeps until a topic is marked or the first member's time has come; those times are rounded, so that ten thousand
 * members wake it a few times a second at most. A member costs its connection and a small record, no thread.
 *
 * While a topic is looked at its members are taken out of it, without the lock. What is committed meanwhile marks the topic again.
 *
 * The thread also does the few blocking things of the API, such as making an upload durable.
 */
enum { WAIT_BUCKETS = 1024, WAIT_SECONDS_MAX = 60, WAIT_ROUND_US = 50000 };

struct topic {
    struct topic *next;        /* in its bucket */
    struct topic *next_marked; /* in the room's list, while `marked` */
    char id[UUID_TEXT_SIZE];
    struct wait_member *members;
    int curious; /* members that are interested in every change, those who are looked at included */
    bool marked;
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
    struct topic *buckets[WAIT_BUCKETS]; /* under lock, as all below */
    struct topic *marked_first, *marked_last;
    int members;
    /* monotonic us; the first time that a member asked for, INT64_MAX without one */
    int64_t next_time;
    struct wait_work *work_first, *work_last;
    struct {
        void (*run)(struct api *api);
        int64_t at; /* 0: not asked for */
    } chores[WAIT_CHORES];
    bool stopping, ended;
};

/* --- topics -------------------------------------------------------------------------------------- */

static struct topic **topic_place(struct wait_room *room, const char *id)
{
    struct topic **at = &room->buckets[hash_text(id) % (uint32_t)WAIT_BUCKETS];
    while (*at && strcmp((*at)->id, id) != 0)
        at = &(*at)->next;
    return at;
}

/* Under lock. */
static void topic_mark(struct wait_room *room, struct topic *topic)
{
    if (topic->marked)
        return;
    topic->marked = true;
    topic->next_marked = NULL;
    if (room->marked_last)
        room->marked_last->next_marked = topic;
    else
        room->marked_first = topic;
    room->marked_last = topic;
    pthread_cond_signal(&room->news);
}

void wait_changed(struct wait_room *room, const char *workflow_id, bool final)
{
    pthread_mutex_lock(&room->lock);
    struct topic *topic = *topic_place(room, workflow_id);
    if (topic && (final || topic->curious > 0))
        topic_mark(room, topic);
    pthread_mutex_unlock(&room->lock);
}

static void room_expect(struct wait_room *room, int64_t until)
{
    int64_t rounded = (until + WAIT_ROUND_US - 1) / WAIT_ROUND_US * WAIT_ROUND_US;
    if (rounded >= room->next_time)
        return;
    room->next_time = rounded;
    pthread_cond_signal(&room->news);
}

int wait_join(struct wait_room *room, struct wait_member *member, const char *workflow_id,
              struct err *err)
{
    pthread_mutex_lock(&room->lock);
    bool full = room->stopping || room->members >= room->api->settings.waits_max;
    int rc = full ? err_set(err, ERR_RATE_LIMITED, NULL, "Too many requests wait already.")
                  : limits_take_wait(room->api, member->limit, err);
    if (rc == 0) {
        struct topic **place = topic_place(room, workflow_id);
        if (!*place) {
            *place = mem_alloc(sizeof(**place));
            memcpy((*place)->id, workflow_id, strnlen(workflow_id, UUID_TEXT_SIZE - 1));
        }
        member->next = (*place)->members;
        (*place)->members = member;
        (*place)->curious += !member->end_only;
        room->members++;
        room_expect(room, member->until);
        if (!member->is_current) /* it may have changed between the caller's read and now */
            topic_mark(room, *place);
    }
    pthread_mutex_unlock(&room->lock);
    return rc;
}

/* --- the thread ---------------------------------------------------------------------------------- */

/* Shows the workflow to the members; those that stay. */
static struct wait_member *members_look(struct wait_room *room, struct topic *topic,
                                        struct wait_member *members)
{
    CLEANUP(arena) struct arena *a = arena_new();
    struct store_workflow_full *full;
    struct wait_member *kept = NULL;
    struct wait_view view = {.arena = a, .ticket = cache_ticket(room->api->cache, topic->id)};
    if (store_workflow_get(room->api->settings.store, a, NULL, topic->id, &full, NULL) == 0)
        view.full = full;
    while (members) {
        struct wait_member *member = members;
        struct limit *limit = member->limit;
        bool curious = !member->end_only;
        members = member->next;
        if (!member->look(member, &view)) {
            pthread_mutex_lock(&room->lock);
            room->members--;
            topic->curious -= curious;
            limits_give_wait(limit);
            pthread_mutex_unlock(&room->lock);
            continue;
        }
        member->next = kept;
        kept = member;
    }
    return kept;
}

/* Under lock, which is given up in between. */
static void topic_look(struct wait_room *room, struct topic *topic)
{
    struct wait_member *members = topic->members;
    topic->members = NULL;
    pthread_mutex_unlock(&room->lock);
    members = members_look(room, topic, members);
    pthread_mutex_lock(&room->lock);
    while (members) {
        struct wait_member *member = members;
        members = member->next;
        member->next = topic->members;
        topic->members = member;
        room_expect(room, member->until);
    }
    if (!topic->members && !topic->marked) {
        struct topic **place = topic_place(room, topic->id);
        *place = topic->next;
        free(topic);
    }
}

/* Under lock. Marks the topics with a member whose time has come. */
static void room_mark_due(struct wait_room *room)
{
    int64_t now = clock_monotonic_us();
    if (now < room->next_time && !room->stopping)
        return;
    room->next_time = INT64_MAX;
    for (size_t i = 0; i < WAIT_BUCKETS; i++) {
        for (struct topic *topic = room->buckets[i]; topic; topic = topic->next) {
            for (struct wait_member *member = topic->members; member; member = member->next) {
                if (member->until <= now || room->stopping)
                    topic_mark(room, topic);
                else
                    room_expect(room, member->until);
            }
        }
    }
}

/* Under lock, which is given up in between. */
static void room_do_chores(struct wait_room *room)
{
    for (size_t i = 0; i < WAIT_CHORES && !room->stopping; i++) {
        if (room->chores[i].at == 0)
            continue;
        if (room->chores[i].at > clock_monotonic_us()) {
            room_expect(room, room->chores[i].at);
            continue;
        }
        room->chores[i].at = 0;
        pthread_mutex_unlock(&room->lock);
        room->chores[i].run(room->api);
        pthread_mutex_lock(&room->lock);
    }
}

void wait_chore(struct wait_room *room, enum wait_chore_kind kind, void (*chore)(struct api *api),
                int64_t at)
{
    pthread_mutex_lock(&room->lock);
    room->chores[kind].run = chore;
    room->chores[kind].at = at;
    room_expect(room, at);
    pthread_mutex_unlock(&room->lock);
}

static void room_sleep(struct wait_room *room)
{
    if (room->next_time == INT64_MAX) {
        pthread_cond_wait(&room->news, &room->lock);
        return;
    }
    const struct timespec until = {.tv_sec = room->next_time / 1000000,
                                   .tv_nsec = room->next_time % 1000000 * 1000};
    pthread_cond_timedwait(&room->news, &room->lock, &until);
}

static void room_do_work(struct wait_room *room)
{
    struct wait_work *work = room->work_first;
    room->work_first = room->work_last = NULL;
    pthread_mutex_unlock(&room->lock);
    while (work) {
        struct wait_work *next = work->next;
        work->work(work->call);
        free(work);
        work = next;
    }
    pthread_mutex_lock(&room->lock);
}

static void *wait_main(void *context)
{
    struct wait_room *room = context;
    pthread_mutex_lock(&room->lock);
    while (!room->stopping || room->members > 0 || room->work_first) {
        room_mark_due(room);
        room_do_chores(room);
        if (room->work_first) {
            room_do_work(room);
        } else if (room->marked_first) {
            struct topic *topic = room->marked_first;
            room->marked_first = topic->next_marked;
            if (!room->marked_first)
                room->marked_last = NULL;
            topic->marked = false;
            topic_look(room, topic);
        } else {
            room_sleep(room);
        }
    }
    room->ended = true;
    pthread_mutex_unlock(&room->lock);
    return NULL;
}

void wait_run(struct wait_room *room, void (*work)(struct api_call *call), struct api_call *call)
{
    pthread_mutex_lock(&room->lock);
    if (room->ended) {
        pthread_mutex_unlock(&room->lock);
        work(call);
        return;
    }
    struct wait_work *item = mem_alloc(sizeof(*item));
    item->work = work;
    item->call = call;
    if (room->work_last)
        room->work_last->next = item;
    else
        room->work_first = item;
    room->work_last = item;
    pthread_cond_signal(&room->news);
    pthread_mutex_unlock(&room->lock);
}

bool wait_is_stopping(struct wait_room *room)
{
    pthread_mutex_lock(&room->lock);
    bool stopping = room->stopping;
    pthread_mutex_unlock(&room->lock);
    return stopping;
}

int wait_new(struct api *api, struct wait_room **ret_room, struct err *err)
{
    struct wait_room *room = mem_alloc(sizeof(*room));
    pthread_condattr_t attributes;
    room->api = api;
    room->next_time = INT64_MAX;
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
    for (size_t i = 0; i < WAIT_BUCKETS; i++) {
        while (room->buckets[i]) {
            struct topic *next = room->buckets[i]->next;
            free(room->buckets[i]);
            room->buckets[i] = next;
        }
    }
    pthread_mutex_destroy(&room->lock);
    pthread_cond_destroy(&room->news);
    free(room);
}

/* --- requests that are held ---------------------------------------------------------------------- */

struct waiter {
    struct wait_member member;
    struct api_call *call;
    wait_answer answer;
    char id[UUID_TEXT_SIZE];
};

static bool waiter_look(struct wait_member *member, struct wait_view *view)
{
    struct waiter *waiter = (struct waiter *)member;
    if (view->full && !machine_run_final(view->full->workflow.status) &&
        member->until > clock_monotonic_us() && !wait_is_stopping(waiter->call->api->room))
        return true;
    waiter->answer(waiter->call, waiter->id, view);
    free(waiter);
    return false;
}

int wait_add(struct wait_room *room, struct api_call *call, const char *workflow_id, int seconds,
             bool is_current, wait_answer answer, struct err *err)
{
    struct waiter *waiter = mem_alloc(sizeof(*waiter));
    waiter->member.look = waiter_look;
    waiter->member.limit = call->limit;
    waiter->member.end_only = true;
    waiter->member.is_current = is_current;
    waiter->member.until = clock_monotonic_us() + (int64_t)seconds * 1000000;
    waiter->call = call;
    waiter->answer = answer;
    memcpy(waiter->id, workflow_id, strnlen(workflow_id, sizeof(waiter->id) - 1));
    int rc = wait_join(room, &waiter->member, workflow_id, err);
    if (rc < 0)
        free(waiter);
    return rc;
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
