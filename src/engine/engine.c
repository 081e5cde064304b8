#include "engine/internal.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

void engine_post(struct engine *engine, struct letter *letter)
{
    letter->next = NULL;
    pthread_mutex_lock(&engine->mail_lock);
    bool wake = engine->sleeping;
    engine->sleeping = false;
    if (engine->mail_last)
        engine->mail_last->next = letter;
    else
        engine->mail_first = letter;
    engine->mail_last = letter;
    pthread_mutex_unlock(&engine->mail_lock);
    uint64_t one = 1;
    while (wake && write(engine->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
        continue;
}

/* Before it sleeps: false when there is mail already. */
static bool engine_may_sleep(struct engine *engine)
{
    pthread_mutex_lock(&engine->mail_lock);
    engine->sleeping = !engine->mail_first;
    bool sleeping = engine->sleeping;
    pthread_mutex_unlock(&engine->mail_lock);
    return sleeping;
}

static void engine_clear_wake(struct engine *engine)
{
    uint64_t count;
    while (read(engine->wake_fd, &count, sizeof(count)) < 0 && errno == EINTR)
        continue;
}

static void engine_read_mail(struct engine *engine)
{
    pthread_mutex_lock(&engine->mail_lock);
    engine->sleeping = false;
    struct letter *letter = engine->mail_first;
    engine->mail_first = engine->mail_last = NULL;
    pthread_mutex_unlock(&engine->mail_lock);
    while (letter) {
        struct letter *next = letter->next;
        letter->deliver(engine, letter);
        letter = next;
    }
}

/* --- timers: a binary heap ----------------------------------------------------------------------
 */

static void timer_place(struct engine *engine, struct timer *timer, size_t index)
{
    engine->timers[index] = timer;
    timer->index = index;
}

static void timer_up(struct engine *engine, size_t index)
{
    struct timer *timer = engine->timers[index];
    for (; index > 0; index = (index - 1) / 2) {
        struct timer *parent = engine->timers[(index - 1) / 2];
        if (parent->at <= timer->at)
            break;
        timer_place(engine, parent, index);
    }
    timer_place(engine, timer, index);
}

static void timer_down(struct engine *engine, size_t index)
{
    struct timer *timer = engine->timers[index];
    for (;;) {
        size_t child = 2 * index + 1;
        if (child >= engine->timer_count)
            break;
        if (child + 1 < engine->timer_count &&
            engine->timers[child + 1]->at < engine->timers[child]->at)
            child++;
        if (engine->timers[child]->at >= timer->at)
            break;
        timer_place(engine, engine->timers[child], index);
        index = child;
    }
    timer_place(engine, timer, index);
}

void timer_clear(struct engine *engine, struct timer *timer)
{
    if (timer->at == 0)
        return;
    timer->at = 0;
    size_t index = timer->index;
    struct timer *last = engine->timers[--engine->timer_count];
    if (last == timer)
        return;
    timer_place(engine, last, index);
    timer_up(engine, index);
    timer_down(engine, last->index);
}

void timer_set(struct engine *engine, struct timer *timer, int64_t at)
{
    timer_clear(engine, timer);
    if (engine->timer_count == engine->timer_capacity) {
        engine->timer_capacity = engine->timer_capacity ? 2 * engine->timer_capacity : 64;
        engine->timers =
            mem_resize(engine->timers, engine->timer_capacity, sizeof(*engine->timers));
    }
    timer->at = at;
    timer_place(engine, timer, engine->timer_count++);
    timer_up(engine, timer->index);
}

void timers_fire(struct engine *engine)
{
    while (engine->timer_count > 0 && engine->timers[0]->at <= clock_monotonic_us()) {
        struct timer *timer = engine->timers[0];
        timer_clear(engine, timer);
        timer->fire(engine, timer);
    }
}

int timers_wait_ms(const struct engine *engine)
{
    const int64_t longest_us = 3600000000;
    if (engine->timer_count == 0)
        return -1;
    int64_t left = engine->timers[0]->at - clock_monotonic_us();
    if (left <= 0)
        return 0;
    return (int)((left < longest_us ? left : longest_us) / 1000) + 1;
}

/* --- letters from other threads -----------------------------------------------------------------
 */

struct id_letter {
    struct letter letter;
    char id[UUID_TEXT_SIZE];
};

static void engine_post_id(struct engine *engine, const char *id,
                           void (*deliver)(struct engine *engine, struct letter *letter))
{
    struct id_letter *letter = mem_alloc(sizeof(*letter));
    letter->letter.deliver = deliver;
    size_t length = strnlen(id, sizeof(letter->id) - 1);
    memcpy(letter->id, id, length);
    engine_post(engine, &letter->letter);
}

static void engine_wait_run(struct engine *engine, const char *id, bool cancel)
{
    struct waiting_run *waiting = mem_alloc(sizeof(*waiting));
    memcpy(waiting->id, id, sizeof(waiting->id));
    waiting->cancel = cancel;
    if (engine->waiting_last)
        engine->waiting_last->next = waiting;
    else
        engine->waiting_first = waiting;
    engine->waiting_last = waiting;
    engine->waiting++;
}

static void engine_hold_over(struct engine *engine, struct timer *timer)
{
    (void)engine;
    (void)timer; /* the loop takes what waits */
}

int engine_cancel_run(struct engine *engine, const char *id)
{
    int rc = run_find(engine, id) ? 0 : run_begin(engine, id);
    struct run *run = run_find(engine, id);
    if (run)
        run_cancel(run);
    return rc;
}

static bool engine_has_room(const struct engine *engine)
{
    return !engine->stopping && engine->hold_timer.at == 0 &&
           engine->active < engine->settings.active_max;
}

void engine_take_waiting(struct engine *engine)
{
    enum { AGAIN_US = 1000000 };
    while (engine->waiting_first && engine_has_room(engine)) {
        struct waiting_run *waiting = engine->waiting_first;
        int rc = waiting->cancel ? engine_cancel_run(engine, waiting->id)
                                 : run_begin(engine, waiting->id);
        if (rc < 0) {
            timer_set(engine, &engine->hold_timer, clock_monotonic_us() + AGAIN_US);
            return;
        }
        engine->waiting_first = waiting->next;
        if (!engine->waiting_first)
            engine->waiting_last = NULL;
        engine->waiting--;
        free(waiting);
    }
}

static void engine_deliver_submit(struct engine *engine, struct letter *letter)
{
    struct id_letter *submitted = (struct id_letter *)letter;
    engine_wait_run(engine, submitted->id, false);
    free(submitted);
}

struct created_letter {
    struct letter letter;
    struct arena *arena;
    struct store_workflow *workflow; /* in the arena */
};

/* One that has to wait is read when its turn comes: many may wait, and they would be in memory all the time. */
static void engine_deliver_created(struct engine *engine, struct letter *letter)
{
    struct created_letter *created = (struct created_letter *)letter;
    if (engine_has_room(engine) && !engine->waiting_first) {
        run_begin_created(engine, created->arena, created->workflow);
    } else {
        engine_wait_run(engine, created->workflow->id, false);
        arena_free(created->arena);
    }
    free(created);
}

/* The copy is for one that begins at once: the store's writer, which calls this, has others waiting. */
void engine_submit_created(struct engine *engine, const struct store_workflow *workflow)
{
    if (!atomic_load_explicit(&engine->takes_more, memory_order_relaxed)) {
        engine_submit(engine, workflow->id);
        return;
    }
    struct created_letter *letter = mem_alloc(sizeof(*letter));
    letter->letter.deliver = engine_deliver_created;
    letter->arena = arena_new();
    letter->workflow = store_workflow_fresh(letter->arena, workflow);
    engine_post(engine, &letter->letter);
}

/* One that comes at the very end is in the store: the next start finds it. */
static void engine_deliver_cancel(struct engine *engine, struct letter *letter)
{
    struct id_letter *cancelled = (struct id_letter *)letter;
    if (engine->ending || engine_cancel_run(engine, cancelled->id) < 0)
        engine_wait_run(engine, cancelled->id, true);
    free(cancelled);
}

void engine_submit(struct engine *engine, const char *workflow_id)
{
    engine_post_id(engine, workflow_id, engine_deliver_submit);
}

void engine_cancel(struct engine *engine, const char *workflow_id)
{
    engine_post_id(engine, workflow_id, engine_deliver_cancel);
}

/* --- counts -------------------------------------------------------------------------------------
 */

static void engine_publish_counts(struct engine *engine)
{
    bool takes_more = engine_has_room(engine) && !engine->waiting_first;
    atomic_store_explicit(&engine->takes_more, takes_more, memory_order_relaxed);
    int ready = 0, busy = 0;
    for (int i = 0; i < engine->settings.workers; i++) {
        ready += engine->workers[i].state == POOL_IDLE || engine->workers[i].state == POOL_BUSY;
        busy += engine->workers[i].state == POOL_BUSY;
    }
    pthread_mutex_lock(&engine->count_lock);
    engine->counts.workers_ready = ready;
    engine->counts.workers_busy = busy;
    engine->counts.active = engine->active;
    engine->counts.waiting = engine->waiting;
    engine->counts.queued_tasks = engine->queued;
    engine->counts.webhooks = engine->webhook_count;
    engine->net_ready = engine->net.state == POOL_IDLE;
    pthread_mutex_unlock(&engine->count_lock);
}

void engine_count(struct engine *engine, struct engine_counts *ret_counts)
{
    pthread_mutex_lock(&engine->count_lock);
    *ret_counts = engine->counts;
    pthread_mutex_unlock(&engine->count_lock);
}

bool engine_ready(struct engine *engine)
{
    pthread_mutex_lock(&engine->count_lock);
    bool ready = engine->counts.workers_ready > 0 && engine->net_ready;
    pthread_mutex_unlock(&engine->count_lock);
    return ready;
}

/* --- the thread ---------------------------------------------------------------------------------
 */

static bool engine_may_stop(const struct engine *engine)
{
    bool busy = engine->webhook_in_flight > 0;
    if (engine->webhook_saving > 0)
        return false;
    for (int i = 0; i < engine->settings.workers; i++)
        busy |= engine->workers[i].state == POOL_BUSY;
    for (size_t i = 0; i < ENGINE_BUCKETS; i++) {
        for (const struct run *run = engine->buckets[i]; run; run = run->next) {
            if (run->committing || run->references > 0)
                return false; /* what is on its way comes back */
        }
    }
    return !busy || clock_monotonic_us() >= engine->stop_at;
}

static void engine_tell_drained(struct engine *engine)
{
    pthread_mutex_lock(&engine->count_lock);
    engine->drained = true;
    pthread_cond_broadcast(&engine->drained_now);
    pthread_mutex_unlock(&engine->count_lock);
}

static void *engine_main(void *context)
{
    enum { EVENTS = 64, STOP_POLL_MS = 50 };
    struct engine *engine = context;
    struct epoll_event events[EVENTS];
    while (!engine->ending || !engine_may_stop(engine)) {
        /* Timers queue tasks, and dispatching sets timers: how long to wait is known only after
         * both. */
        timers_fire(engine);
        engine_take_waiting(engine);
        if (!engine->stopping) {
            task_dispatch(engine);
            webhooks_dispatch(engine);
        }
        engine_publish_counts(engine);
        int wait_ms = timers_wait_ms(engine);
        if (engine->stopping && (wait_ms < 0 || wait_ms > STOP_POLL_MS))
            wait_ms = STOP_POLL_MS;
        if (!engine_may_sleep(engine))
            wait_ms = 0;
        int count = epoll_wait(engine->epoll_fd, events, EVENTS, wait_ms);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == engine)
                engine_clear_wake(engine);
            else
                pool_handle(events[i].data.ptr, events[i].events);
        }
        engine_read_mail(engine);
        if (engine->stopping && engine_may_stop(engine))
            engine_tell_drained(engine);
    }
    return NULL;
}

static int engine_take_unfinished(struct engine *engine, struct err *err)
{
    CLEANUP(arena) struct arena *a = arena_new();
    const char *const *ids;
    size_t count;
    int rc = store_workflow_unfinished(engine->settings.store, a, &ids, &count, err);
    for (size_t i = 0; rc == 0 && i < count; i++)
        engine_submit(engine, ids[i]);
    return rc;
}

static int engine_open(struct engine *engine, struct err *err)
{
    engine->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    engine->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = engine};
    if (engine->epoll_fd < 0 || engine->wake_fd < 0 ||
        epoll_ctl(engine->epoll_fd, EPOLL_CTL_ADD, engine->wake_fd, &event) < 0)
        return err_set(err, ERR_UNAVAILABLE, NULL, "The engine's event loop could not be made: %s.",
                       strerror(errno));
    return 0;
}

static void engine_release(struct engine *engine)
{
    while (engine->waiting_first) {
        struct waiting_run *next = engine->waiting_first->next;
        free(engine->waiting_first);
        engine->waiting_first = next;
    }
    if (engine->epoll_fd >= 0)
        close(engine->epoll_fd);
    if (engine->wake_fd >= 0)
        close(engine->wake_fd);
    pthread_mutex_destroy(&engine->mail_lock);
    pthread_mutex_destroy(&engine->count_lock);
    pthread_cond_destroy(&engine->drained_now);
    free(engine->timers);
    free(engine);
}

int engine_new(const struct engine_settings *settings, struct engine **ret_engine, struct err *err)
{
    struct engine *engine = mem_alloc(sizeof(*engine));
    engine->settings = *settings;
    engine->epoll_fd = engine->wake_fd = -1;
    engine->next_job = 1;
    engine->hold_timer.fire = engine_hold_over;
    retention_start(engine);
    pthread_mutex_init(&engine->mail_lock, NULL);
    pthread_mutex_init(&engine->count_lock, NULL);
    pthread_cond_init(&engine->drained_now, NULL);
    int rc = engine_open(engine, err);
    if (rc == 0)
        rc = engine_take_unfinished(engine, err);
    if (rc == 0)
        rc = blocking_start(engine, err);
    if (rc < 0) {
        engine_release(engine);
        return rc;
    }
    rc = pool_start(engine, err);
    if (rc == 0 && pthread_create(&engine->thread, NULL, engine_main, engine) != 0)
        rc = err_set(err, ERR_UNAVAILABLE, NULL, "The engine's thread could not be started.");
    if (rc < 0) {
        pool_stop(engine);
        blocking_stop(engine);
        engine_release(engine);
        return rc;
    }
    *ret_engine = engine;
    return 0;
}

struct stop_letter {
    struct letter letter;
    int grace_s;
};

static void engine_deliver_stop(struct engine *engine, struct letter *letter)
{
    struct stop_letter *stop = (struct stop_letter *)letter;
    engine->stopping = true;
    engine->stop_at = clock_monotonic_us() + (int64_t)stop->grace_s * 1000000;
    inputs_stop(engine);
    free(stop);
}

void engine_drain(struct engine *engine, int grace_s)
{
    struct stop_letter *stop = mem_alloc(sizeof(*stop));
    stop->letter.deliver = engine_deliver_stop;
    stop->grace_s = grace_s;
    engine_post(engine, &stop->letter);
    pthread_mutex_lock(&engine->count_lock);
    while (!engine->drained)
        pthread_cond_wait(&engine->drained_now, &engine->count_lock);
    pthread_mutex_unlock(&engine->count_lock);
}

static void engine_deliver_end(struct engine *engine, struct letter *letter)
{
    engine->ending = true;
    free(letter);
}

void engine_free(struct engine *engine)
{
    if (!engine)
        return;
    struct letter *end = mem_alloc(sizeof(*end));
    end->deliver = engine_deliver_end;
    engine_post(engine, end);
    pthread_join(engine->thread, NULL);
    pool_stop(engine);
    blocking_stop(engine);
    engine_read_mail(engine);
    for (size_t i = 0; i < ENGINE_BUCKETS; i++) {
        while (engine->buckets[i])
            run_free(engine->buckets[i]);
    }
    webhooks_free(engine);
    engine_release(engine);
}
