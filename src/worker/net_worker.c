#include "worker/worker.h"

#include "base/log.h"
#include "net/net.h"
#include "worker/child.h"
#include "worker/jail.h"

#include <string.h>

/*
 * DESIGN. One thread, one loop: net_loop_step() waits for the network and the wire at once. Every open request is a row in a
 * list, found by the server's job number when it is cancelled.
 */
enum { NET_WORKER_DESCRIPTORS = 16384, NET_WORKER_STEP_MS = 1000 };

struct net_worker {
    struct wire *wire;
    struct net_loop *loop;
    struct net_job *jobs;
    struct err err;
    int rc; /* of the wire; the worker ends when it is not 0 */
};

struct net_job {
    struct net_job *next;
    struct net_worker *worker;
    int64_t number;
    uint64_t request;
    int output_fd; /* -1 for a post */
    bool is_post;
};

static void net_worker_send(struct net_worker *worker, json_t *message)
{
    if (worker->rc == 0)
        worker->rc = wire_send(worker->wire, message, NULL, 0, &worker->err);
    json_decref(message);
}

static void net_job_free(struct net_job *job)
{
    struct net_job **at = &job->worker->jobs;
    while (*at != job)
        at = &(*at)->next;
    *at = job->next;
    if (job->output_fd >= 0)
        close(job->output_fd);
    free(job);
}

static void net_job_progress(void *context, double fraction)
{
    struct net_job *job = context;
    net_worker_send(job->worker, json_pack("{s:s, s:I, s:f}", "type", "progress", "job",
                                           (json_int_t)job->number, "fraction", fraction));
}

static void net_job_failed(struct net_job *job, const struct err *fault)
{
    struct net_worker *worker = job->worker;
    if (worker->rc == 0)
        worker->rc = child_send_failed(worker->wire, job->number, fault, &worker->err);
}

static void net_job_done(void *context, const struct net_result *result)
{
    struct net_job *job = context;
    struct net_worker *worker = job->worker;
    struct err fault;
    /* A receiver that talks on and on has said its status first. */
    bool answered = job->is_post && result->status > 0 &&
                    (result->rc == ERR_TIMEOUT || result->rc == ERR_TOO_LARGE);
    if (result->rc < 0 && !answered) {
        net_job_failed(job, &result->err);
    } else if (!job->is_post && (result->status < 200 || result->status > 299)) {
        err_set(&fault, ERR_FETCH_FAILED, NULL, "The address answered with status %ld.",
                result->status);
        net_job_failed(job, &fault);
    } else if (job->is_post) {
        json_t *retry_after =
            result->retry_after_s < 0 ? json_null() : json_integer(result->retry_after_s);
        net_worker_send(worker,
                        json_pack("{s:s, s:I, s:I, s:o}", "type", "posted", "job",
                                  (json_int_t)job->number, "status", (json_int_t)result->status,
                                  "retry_after_s", retry_after));
    } else {
        net_worker_send(worker, json_pack("{s:s, s:I, s:I, s:s?}", "type", "fetched", "job",
                                          (json_int_t)job->number, "size", (json_int_t)result->size,
                                          "content_type", result->content_type));
    }
    net_job_free(job);
}

/* "Name: value" lines out of [[name, value], ...], ended by NULL. */
static const char *const *net_worker_headers(struct arena *a, const json_t *pairs)
{
    size_t count = json_array_size(pairs);
    const char **lines = arena_array(a, count + 1, sizeof(*lines));
    for (size_t i = 0; i < count; i++) {
        const json_t *pair = json_array_get(pairs, i);
        const char *name = json_string_value(json_array_get(pair, 0));
        const char *value = json_string_value(json_array_get(pair, 1));
        lines[i] = arena_printf(a, "%s: %s", name ? name : "", value ? value : "");
    }
    return lines;
}

static void net_worker_begin(struct net_worker *worker, struct wire_message *message, bool is_post)
{
    CLEANUP(arena) struct arena *a = arena_new();
    const json_t *body = json_object_get(message->json, "body");
    struct net_job *job = mem_alloc(sizeof(*job));
    job->worker = worker;
    job->number = json_member_integer(message->json, "job", -1);
    job->is_post = is_post;
    job->output_fd = -1;
    if (message->fd_count == 1) {
        job->output_fd = message->fds[0];
        message->fds[0] = -1;
    }
    job->next = worker->jobs;
    worker->jobs = job;
    struct net_request request = {
        .url = json_member_string(message->json, "url"),
        .method = is_post ? "POST" : "GET",
        .headers = net_worker_headers(a, json_object_get(message->json, "headers")),
        .body = json_string_value(body),
        .body_size = json_string_length(body),
        .output_fd = job->output_fd,
        .max_bytes = (uint64_t)json_member_integer(message->json, "max_bytes", 0),
        .timeout_ms = json_member_integer(message->json, "timeout_ms", 1),
        .max_redirects = (int)json_member_integer(message->json, "max_redirects", 0),
        .allow_private = json_member_bool(message->json, "allow_private", false),
        .progress = is_post ? NULL : net_job_progress,
        .done = net_job_done,
        .context = job,
    };
    net_start(worker->loop, &request, &job->request);
}

static void net_worker_cancel(struct net_worker *worker, int64_t number)
{
    for (struct net_job *job = worker->jobs; job; job = job->next) {
        if (job->number == number) {
            net_cancel(worker->loop, job->request);
            net_job_free(job);
            return;
        }
    }
}

static int net_worker_take(struct net_worker *worker)
{
    for (;;) {
        CLEANUP(wire_message) struct wire_message message = {0};
        int rc = wire_receive(worker->wire, &message, &worker->err);
        if (rc <= 0)
            return rc;
        const char *type = json_member_string(message.json, "type");
        if (strcmp(type, "fetch") == 0)
            net_worker_begin(worker, &message, false);
        else if (strcmp(type, "post") == 0)
            net_worker_begin(worker, &message, true);
        else if (strcmp(type, "cancel") == 0)
            net_worker_cancel(worker, json_member_integer(message.json, "job", -1));
    }
}

static void net_worker_loop(struct net_worker *worker)
{
    enum { BUSY_MS = 5 };
    worker->rc = child_send_ready(worker->wire, &worker->err);
    while (worker->rc == 0) {
        int wait_ms = wire_wants_write(worker->wire) ? BUSY_MS : NET_WORKER_STEP_MS;
        bool readable = net_loop_step(worker->loop, wire_fd(worker->wire), wait_ms);
        if (worker->rc == 0 && wire_wants_write(worker->wire))
            worker->rc = wire_flush(worker->wire, &worker->err);
        if (worker->rc == 0 && readable)
            worker->rc = net_worker_take(worker);
    }
}

int worker_net_main(const struct worker_settings *settings)
{
    struct net_worker worker = {.wire = child_start("net", settings->index, WORKER_WIRE_FD, false)};
    const struct jail_limits limits = {settings->memory_bytes, settings->output_bytes,
                                       NET_WORKER_DESCRIPTORS};
    int rc = net_loop_new(&worker.loop, &worker.err);
    if (rc == 0)
        rc = jail_enter(JAIL_NET, &limits, &worker.err);
    if (rc < 0) {
        log_line(LOG_ERROR, "the net worker cannot start", "reason", worker.err.message, NULL);
        return 1;
    }
    net_worker_loop(&worker);
    net_loop_free(worker.loop);
    /* The analyzer does not see that freeing a job takes it off the list. */
    while (worker.jobs)
        net_job_free(worker.jobs); /* NOLINT(clang-analyzer-unix.Malloc) */
    wire_free(worker.wire);
    if (worker.rc == ERR_UNAVAILABLE)
        return 0;
    log_line(LOG_ERROR, "the net worker ends", "reason", worker.err.message, NULL);
    return 1;
}
