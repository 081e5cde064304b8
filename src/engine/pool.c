#include "engine/internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/table.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * DESIGN. A worker is known by its end of the wire: when that closes the process is dead or as good as dead, is killed for
 * certain, reaped, and a new one is started. Whatever it was doing then ends with a fault that says why.
 */
enum {
    POOL_WIRE_FD = 3,
    POOL_PACK_FD = 4,
    POOL_KILL_AFTER_US = 500 * 1000,
    POOL_RESTART_US = 1000 * 1000,
    POOL_READY_WITHIN_US = 120 * 1000 * 1000
};

static void pool_timer(struct engine *engine, struct timer *timer);

static struct pool_worker *pool_worker_of(struct timer *timer)
{
    return (struct pool_worker *)((char *)timer - offsetof(struct pool_worker, timer));
}

/* Only what a worker needs of the environment: no keys of providers, no proxies. */
static char *const *pool_environment(struct arena *a)
{
    static const char *const kept[] = {"PATH=",
                                       "LANG=",
                                       "LC_ALL=",
                                       "TZ=",
                                       "ASAN_OPTIONS=",
                                       "UBSAN_OPTIONS=",
                                       "TSAN_OPTIONS=",
                                       "LSAN_OPTIONS=",
                                       "SSL_CERT_FILE=",
                                       "SSL_CERT_DIR=",
                                       "LLVM_PROFILE_FILE=",
                                       "GCOV_PREFIX="};
    char **list = arena_array(a, TABLE_SIZE(kept) + 1, sizeof(*list));
    size_t count = 0;
    for (char **at = environ; *at; at++) {
        for (size_t i = 0; i < TABLE_SIZE(kept); i++) {
            if (strncmp(*at, kept[i], strlen(kept[i])) == 0 && count < TABLE_SIZE(kept))
                list[count++] = *at;
        }
    }
    return list;
}

static char *const *pool_arguments(struct arena *a, const struct pool_worker *worker)
{
    const struct engine_settings *settings = &worker->engine->settings;
    char **list = arena_array(a, 8, sizeof(*list));
    int count = 0;
    list[count++] =
        arena_strdup(a, worker->is_net ? settings->net_program : settings->worker_program);
    if (worker->is_net) {
        list[count++] = arena_strdup(a, "worker");
        list[count++] = arena_strdup(a, "net");
    }
    list[count++] = arena_printf(a, "%d", worker->index);
    list[count++] = arena_printf(a, "%llu", (unsigned long long)settings->worker_memory_bytes);
    list[count++] = arena_printf(a, "%llu", (unsigned long long)settings->worker_output_bytes);
    list[count++] = arena_printf(a, "%d", settings->worker_cpu_seconds);
    return list;
}

static int pool_spawn(struct pool_worker *worker, int child_fd, struct err *err)
{
    CLEANUP(arena) struct arena *a = arena_new();
    const struct engine_settings *settings = &worker->engine->settings;
    CLEANUP(fd) int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    int pack_fd = !worker->is_net && settings->pack_fd >= 0 ? settings->pack_fd : nothing;
    posix_spawn_file_actions_adddup2(&actions, nothing, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, nothing, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, child_fd, POOL_WIRE_FD);
    posix_spawn_file_actions_adddup2(&actions, pack_fd, POOL_PACK_FD);
    sigset_t none;
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    char *const *arguments = pool_arguments(a, worker);
    int fault = posix_spawn(&worker->pid, arguments[0], &actions, &attributes, arguments,
                            pool_environment(a));
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (fault != 0)
        return err_set(err, ERR_UNAVAILABLE, NULL, "The program %s could not be started: %s.",
                       arguments[0], strerror(fault));
    return 0;
}

/* The wire's ends must lie above the child's fixed numbers, or dup2 would overwrite one with the other. */
static int pool_high_pair(int fds[2], struct err *err)
{
    int rc = wire_pair(fds, err);
    for (int i = 0; rc == 0 && i < 2; i++) {
        int high = fcntl(fds[i], F_DUPFD_CLOEXEC, POOL_PACK_FD + 1);
        close(fds[i]);
        fds[i] = high;
        if (high < 0)
            rc = err_set(err, ERR_UNAVAILABLE, NULL, "No descriptor is left: %s.", strerror(errno));
    }
    return rc;
}

static int pool_worker_start(struct pool_worker *worker, struct err *err)
{
    int fds[2];
    int rc = pool_high_pair(fds, err);
    if (rc < 0)
        return rc;
    rc = pool_spawn(worker, fds[1], err);
    close(fds[1]);
    if (rc < 0) {
        close(fds[0]);
        return rc;
    }
    worker->wire = wire_new(fds[0], false);
    worker->state = POOL_STARTING;
    worker->ended_by = ERR_OK;
    worker->started_at = clock_monotonic_us();
    worker->job = 0;
    worker->awaits_room = false;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = worker};
    if (epoll_ctl(worker->engine->epoll_fd, EPOLL_CTL_ADD, fds[0], &event) < 0)
        return err_set(err, ERR_UNAVAILABLE, NULL, "A worker could not be watched: %s.",
                       strerror(errno));
    timer_set(worker->engine, &worker->timer, worker->started_at + POOL_READY_WITHIN_US);
    return 0;
}

int pool_start(struct engine *engine, struct err *err)
{
    int rc = 0;
    for (int i = 0; i <= engine->settings.workers && rc == 0; i++) {
        bool is_net = i == engine->settings.workers;
        struct pool_worker *worker = is_net ? &engine->net : &engine->workers[i];
        worker->engine = engine;
        worker->is_net = is_net;
        worker->index = is_net ? 0 : i;
        worker->timer.fire = pool_timer;
        rc = pool_worker_start(worker, err);
    }
    return rc;
}

static void pool_watch(struct pool_worker *worker)
{
    bool full = wire_wants_write(worker->wire);
    struct epoll_event event = {.events = full ? EPOLLIN | EPOLLOUT : EPOLLIN, .data.ptr = worker};
    if (full == worker->awaits_room)
        return;
    worker->awaits_room = full;
    epoll_ctl(worker->engine->epoll_fd, EPOLL_CTL_MOD, wire_fd(worker->wire), &event);
}

void pool_release_outputs(struct pool_worker *worker)
{
    for (int i = 0; i < worker->output_count; i++) {
        if (worker->outputs[i] >= 0)
            close(worker->outputs[i]);
    }
    worker->output_count = 0;
}

/* Turns the way a process ended into the fault of the attempt it was running. */
static void pool_fault(const struct pool_worker *worker, int status, struct err *ret_fault)
{
    if (worker->ended_by == ERR_TIMEOUT)
        err_set_default(ret_fault, ERR_TIMEOUT);
    else if (worker->ended_by == ERR_WORKER_CRASHED)
        err_set(ret_fault, ERR_WORKER_CRASHED, NULL,
                "The worker process that ran the step broke the rules and was ended.");
    else if (worker->ended_by != ERR_OK)
        err_set_default(ret_fault, worker->ended_by);
    else if (WIFEXITED(status) && WEXITSTATUS(status) == MEM_EXHAUSTED_STATUS)
        err_set_default(ret_fault, ERR_OUT_OF_MEMORY);
    else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU)
        err_set(ret_fault, ERR_TIMEOUT, NULL, "The step used more processor time than it may.");
    else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ)
        err_set(ret_fault, ERR_TOO_LARGE, NULL, "The step wrote a larger file than it may.");
    else if (WIFSIGNALED(status))
        err_set(ret_fault, ERR_WORKER_CRASHED, NULL,
                "The worker process that ran the step died: %s.", strsignal(WTERMSIG(status)));
    else
        err_set(ret_fault, ERR_WORKER_CRASHED, NULL,
                "The worker process that ran the step ended with status %d.",
                WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}

/* The process closes the wire a moment before it is gone, and its own end says more than our SIGKILL: that comes only when it is
 * still there after `patience_ms`. */
static int pool_reap(struct pool_worker *worker, int patience_ms)
{
    int status = 0;
    pid_t pid = worker->pid;
    worker->pid = 0;
    for (int i = 0; i < patience_ms; i++) {
        if (waitpid(pid, &status, WNOHANG) == pid)
            return status;
        usleep(1000);
    }
    kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return status;
}

static void pool_log_death(const struct pool_worker *worker, const struct err *fault)
{
    char index[16];
    snprintf(index, sizeof(index), "%d", worker->index);
    log_line(worker->ended_by == ERR_OK ? LOG_WARNING : LOG_INFO, "a worker process ended", "kind",
             worker->is_net ? "net" : "media", "index", index, "reason", fault->message,
             "workflow_id", worker->task ? worker->task->run->workflow.id : NULL, NULL);
}

/* Starts the next process at once, or after a pause when this one did not even get ready. */
static void pool_replace(struct pool_worker *worker, bool was_ready)
{
    struct err err;
    worker->failed_starts = was_ready ? 0 : worker->failed_starts + 1;
    if (worker->engine->stopping)
        return;
    if (worker->failed_starts < 3 && pool_worker_start(worker, &err) == 0)
        return;
    timer_set(worker->engine, &worker->timer, clock_monotonic_us() + POOL_RESTART_US);
}

static void pool_died(struct pool_worker *worker)
{
    enum { PATIENCE_MS = 100 };
    struct engine *engine = worker->engine;
    /* One that comes up only to die again is not to be started over and over without a pause. */
    bool was_ready =
        worker->state != POOL_STARTING &&
        (worker->job > 0 || clock_monotonic_us() - worker->started_at >= POOL_RESTART_US);
    struct err fault;
    epoll_ctl(engine->epoll_fd, EPOLL_CTL_DEL, wire_fd(worker->wire), NULL);
    wire_free(worker->wire);
    worker->wire = NULL;
    pool_fault(worker, pool_reap(worker, worker->ended_by == ERR_OK ? PATIENCE_MS : 0), &fault);
    if (!engine->stopping)
        pool_log_death(worker, &fault);
    pthread_mutex_lock(&engine->count_lock);
    engine->counts.worker_crashes +=
        worker->ended_by == ERR_OK || worker->ended_by == ERR_WORKER_CRASHED;
    pthread_mutex_unlock(&engine->count_lock);
    worker->state = POOL_DEAD;
    timer_clear(engine, &worker->timer);
    if (worker->is_net) {
        webhooks_net_lost(engine);
        input_net_lost(engine);
    } else if (worker->task) {
        task_worker_failed(worker, &fault);
    }
    pool_release_outputs(worker);
    pool_replace(worker, was_ready);
}

static void pool_timer(struct engine *engine, struct timer *timer)
{
    struct pool_worker *worker = pool_worker_of(timer);
    struct err err;
    if (worker->state != POOL_DEAD)
        pool_kill(worker, ERR_CANCELLED);
    else if (!engine->stopping && pool_worker_start(worker, &err) < 0)
        timer_set(engine, timer, clock_monotonic_us() + POOL_RESTART_US);
}

void pool_kill(struct pool_worker *worker, enum err_code why)
{
    if (worker->pid <= 0)
        return;
    worker->ended_by = why;
    kill(worker->pid, SIGKILL);
}

void pool_cancel(struct pool_worker *worker)
{
    CLEANUP(json)
    json_t *message = json_pack("{s:s, s:I}", "type", "cancel", "job", (json_int_t)worker->job);
    worker->task = NULL;
    if (wire_send(worker->wire, message, NULL, 0, NULL) < 0)
        pool_kill(worker, ERR_CANCELLED);
    pool_watch(worker);
    timer_set(worker->engine, &worker->timer, clock_monotonic_us() + POOL_KILL_AFTER_US);
}

struct pool_worker *pool_idle(struct engine *engine)
{
    for (int i = 0; i < engine->settings.workers; i++) {
        if (engine->workers[i].state == POOL_IDLE && engine->workers[i].ended_by == ERR_OK)
            return &engine->workers[i];
    }
    return NULL;
}

int pool_run(struct pool_worker *worker, struct task *task, int64_t job,
             const struct buffer *message, const int *fds, int fd_count, struct err *err)
{
    int rc = wire_send_text(worker->wire, message, fds, fd_count, err);
    if (rc < 0)
        return rc;
    worker->state = POOL_BUSY;
    worker->task = task;
    worker->job = job;
    worker->output_count = 0;
    worker->message_count = worker->note_count = 0;
    pool_watch(worker);
    return 0;
}

int pool_net_send(struct engine *engine, const json_t *message, int fd, struct err *err)
{
    if (engine->net.state != POOL_IDLE || engine->net.ended_by != ERR_OK)
        return err_set(err, ERR_UNAVAILABLE, NULL, "The net worker is not ready.");
    int rc = wire_send(engine->net.wire, message, &fd, fd >= 0 ? 1 : 0, err);
    if (rc == ERR_UNAVAILABLE)
        pool_kill(&engine->net, ERR_OK);
    else if (rc == 0)
        pool_watch(&engine->net);
    return rc;
}

/* An empty file for a result; without one the worker gets no descriptor and fails the step with a sentence. */
static int pool_give_output(struct pool_worker *worker, const json_t *request)
{
    CLEANUP(json)
    json_t *answer =
        json_pack("{s:s, s:O}", "type", "output", "job", json_object_get(request, "job"));
    struct err err;
    int fd = -1;
    if (!answer || worker->output_count == (int)TABLE_SIZE(worker->outputs))
        return -1;
    if (blob_create(worker->engine->settings.blobs, &fd, &err) < 0)
        log_line(LOG_ERROR, "no file for a result", "reason", err.message, NULL);
    else
        worker->outputs[worker->output_count++] = fd;
    int rc = wire_send(worker->wire, answer, &fd, fd >= 0 ? 1 : 0, NULL);
    pool_watch(worker);
    return rc;
}

static void pool_job_over(struct pool_worker *worker, const json_t *message, bool failed)
{
    timer_clear(worker->engine, &worker->timer);
    worker->state = POOL_IDLE;
    if (worker->task && failed) {
        struct err fault;
        const char *code = json_member_string(message, "code");
        const char *text = json_member_string(message, "message");
        err_set(&fault, code ? err_from_wire(code) : ERR_INTERNAL,
                json_member_string(message, "path"), "%s", text ? text : "The step failed.");
        task_worker_failed(worker, &fault);
    } else if (worker->task) {
        task_worker_done(worker, message);
    }
    pool_release_outputs(worker);
}

static void pool_note(struct pool_worker *worker, const json_t *message)
{
    enum { NOTES_MAX = 100, TEXT_MAX = 500 };
    const struct task *task = worker->task;
    const char *text = json_member_string(message, "text");
    char shown[TEXT_MAX + 1];
    if (!task || !text || ++worker->note_count > NOTES_MAX)
        return;
    snprintf(shown, sizeof(shown), "%s", text);
    store_note_add(worker->engine->settings.store, task->run->workflow.id,
                   &(struct store_note){.step_id = task->run->steps[task->step].info.id,
                                        .level = "info",
                                        .text = shown});
    log_line(LOG_INFO, "a step says", "workflow_id", task->run->workflow.id, "step_id",
             task->run->steps[task->step].info.id, "text", shown, NULL);
}

static void pool_progress(struct pool_worker *worker, const json_t *message)
{
    double fraction = json_member_number(message, "fraction", 0);
    if (worker->task && fraction > worker->task->fraction && fraction <= 1) {
        worker->task->fraction = fraction;
        run_progress(worker->task->run);
    }
}

/* 0, or -1 when the worker says what no worker says. */
static int pool_media_message(struct pool_worker *worker, const json_t *message)
{
    enum { MESSAGES_MAX = 100000 };
    const char *type = json_member_string(message, "type");
    if (worker->ended_by != ERR_OK)
        return 0; /* it was killed; what it managed to say before is too late */
    if (worker->state == POOL_STARTING && strcmp(type, "ready") == 0) {
        timer_clear(worker->engine, &worker->timer);
        worker->state = POOL_IDLE;
        return 0;
    }
    if (worker->state != POOL_BUSY || json_member_integer(message, "job", -1) != worker->job ||
        ++worker->message_count > MESSAGES_MAX)
        return -1;
    if (strcmp(type, "progress") == 0)
        pool_progress(worker, message);
    else if (strcmp(type, "note") == 0)
        pool_note(worker, message);
    else if (strcmp(type, "output") == 0)
        return pool_give_output(worker, message);
    else if (strcmp(type, "done") == 0)
        pool_job_over(worker, message, false);
    else if (strcmp(type, "failed") == 0)
        pool_job_over(worker, message, true);
    else
        return -1;
    return 0;
}

static int pool_net_message(struct pool_worker *worker, const json_t *message)
{
    if (worker->ended_by != ERR_OK)
        return 0;
    if (worker->state != POOL_STARTING) {
        worker->job = json_member_integer(message, "job", 0);
        if (!webhook_net_answer(worker->engine, message))
            input_net_answer(worker->engine, message);
        return 0;
    }
    if (strcmp(json_member_string(message, "type"), "ready") != 0)
        return -1;
    timer_clear(worker->engine, &worker->timer);
    worker->state = POOL_IDLE;
    input_net_ready(worker->engine);
    return 0;
}

void pool_handle(struct pool_worker *worker, unsigned events)
{
    struct err err;
    if (!worker->wire)
        return;
    if (events & EPOLLOUT) {
        if (wire_flush(worker->wire, &err) < 0) {
            pool_died(worker);
            return;
        }
        pool_watch(worker);
    }
    for (;;) {
        CLEANUP(wire_message) struct wire_message message = {0};
        int rc = wire_receive(worker->wire, &message, &err);
        if (rc == 0)
            return;
        if (rc > 0)
            rc = worker->is_net ? pool_net_message(worker, message.json)
                                : pool_media_message(worker, message.json);
        if (rc < 0) {
            if (rc != ERR_UNAVAILABLE && worker->ended_by == ERR_OK)
                worker->ended_by = ERR_WORKER_CRASHED;
            pool_died(worker);
            return;
        }
    }
}

void pool_stop(struct engine *engine)
{
    for (int i = 0; i <= engine->settings.workers; i++) {
        struct pool_worker *worker =
            i == engine->settings.workers ? &engine->net : &engine->workers[i];
        if (worker->pid > 0)
            pool_reap(worker, 0);
        wire_free(worker->wire);
        worker->wire = NULL;
        pool_release_outputs(worker);
    }
}
