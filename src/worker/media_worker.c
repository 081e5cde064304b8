#include "worker/worker.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/pack.h"
#include "step/step.h"
#include "worker/child.h"
#include "worker/jail.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

/*
 * DESIGN. One step at a time on the main thread. While a step runs, the wire is looked at whenever the step reports progress
 * or asks whether it was cancelled; a step that does neither is ended by the server, which kills the process.
 */
enum { WORKER_DESCRIPTORS = 256, WORKER_OUTPUTS_MAX = 64 };

struct media_worker {
    struct wire *wire;
    struct pack *pack; /* NULL when the server gave none */
    const struct worker_settings *settings;
    int64_t job;
    bool cancelled;
    bool broken; /* the wire failed while a step ran */
    int64_t progress_sent_at;
    int output_fds[WORKER_OUTPUTS_MAX]; /* as they were handed out, in order */
    int output_count;
    struct err err;
};

/* Cancels are the only message that may come on its own while a step runs. */
static void media_worker_take_cancel(struct media_worker *worker,
                                     const struct wire_message *message)
{
    const char *type = json_member_string(message->json, "type");
    if (strcmp(type, "cancel") == 0 && json_member_integer(message->json, "job", -1) == worker->job)
        worker->cancelled = true;
}

static bool media_worker_cancelled(void *context)
{
    struct media_worker *worker = context;
    while (!worker->broken && wire_has_message(worker->wire)) {
        CLEANUP(wire_message) struct wire_message message = {0};
        if (wire_receive(worker->wire, &message, &worker->err) != 1)
            worker->broken = true;
        else
            media_worker_take_cancel(worker, &message);
    }
    return worker->cancelled || worker->broken;
}

static void media_worker_progress(void *context, double fraction)
{
    enum { INTERVAL_US = 100 * 1000 };
    struct media_worker *worker = context;
    int64_t now = clock_monotonic_us();
    if (now - worker->progress_sent_at < INTERVAL_US || worker->broken)
        return;
    worker->progress_sent_at = now;
    CLEANUP(json)
    json_t *message = json_pack("{s:s, s:I, s:f}", "type", "progress", "job",
                                (json_int_t)worker->job, "fraction", fraction);
    if (wire_send(worker->wire, message, NULL, 0, &worker->err) < 0)
        worker->broken = true;
}

static void media_worker_note(void *context, const char *sentence)
{
    struct media_worker *worker = context;
    CLEANUP(json)
    json_t *message = json_pack("{s:s, s:I, s:s}", "type", "note", "job", (json_int_t)worker->job,
                                "text", sentence);
    if (!worker->broken && wire_send(worker->wire, message, NULL, 0, &worker->err) < 0)
        worker->broken = true;
}

static int media_worker_open_output(void *context, int *ret_fd, struct err *err)
{
    struct media_worker *worker = context;
    if (worker->output_count == WORKER_OUTPUTS_MAX)
        return err_set(err, ERR_TOO_LARGE, NULL, "A step may have at most %d output files.",
                       WORKER_OUTPUTS_MAX);
    CLEANUP(json)
    json_t *request = json_pack("{s:s, s:I}", "type", "output", "job", (json_int_t)worker->job);
    int rc = wire_send(worker->wire, request, NULL, 0, err);
    while (rc == 0) {
        CLEANUP(wire_message) struct wire_message message = {0};
        rc = wire_receive(worker->wire, &message, err);
        if (rc < 0)
            break;
        rc = 0;
        if (strcmp(json_member_string(message.json, "type"), "output") != 0) {
            media_worker_take_cancel(worker, &message);
            continue;
        }
        if (message.fd_count != 1)
            return err_set(err, ERR_STORAGE, NULL, "No space could be had for a result.");
        *ret_fd = message.fds[0];
        message.fds[0] = -1;
        worker->output_fds[worker->output_count++] = *ret_fd;
        return 0;
    }
    worker->broken = true;
    return rc;
}

static int media_worker_asset(void *context, const char *name, const void **ret_bytes,
                              size_t *ret_size, struct err *err)
{
    struct media_worker *worker = context;
    if (!worker->pack)
        return err_set(err, ERR_NOT_FOUND, name, "This installation has no asset pack.");
    return pack_find(worker->pack, name, ret_bytes, ret_size, err);
}

/* The outputs' descriptors are the server's own files; a result names the one it is in. */
static int media_worker_output_index(const struct media_worker *worker, int fd)
{
    for (int i = 0; i < worker->output_count; i++) {
        if (worker->output_fds[i] == fd)
            return i;
    }
    return -1;
}

static json_t *media_worker_result(const struct media_worker *worker,
                                   const struct step_output *output)
{
    if (output->text)
        return json_pack("{s:s, s:s}", "content_type", output->content_type, "text", output->text);
    json_t *result =
        json_pack("{s:i, s:s}", "output", media_worker_output_index(worker, output->fd),
                  "content_type", output->content_type);
    if (output->width > 0)
        json_object_set_new(result, "width", json_integer(output->width));
    if (output->height > 0)
        json_object_set_new(result, "height", json_integer(output->height));
    if (output->duration_ms > 0)
        json_object_set_new(result, "duration_ms", json_integer(output->duration_ms));
    return result;
}

static json_t *media_worker_results(const struct media_worker *worker, const struct step_run *run)
{
    json_t *results = json_array();
    for (size_t i = 0; i < run->output_count; i++)
        json_array_append_new(results, media_worker_result(worker, &run->outputs[i]));
    return results;
}

static int media_worker_send_done(struct media_worker *worker, const struct step_run *run,
                                  struct err *err)
{
    json_t *then = json_array();
    for (const struct step_run *next = run->next; next; next = next->next)
        json_array_append_new(then, media_worker_results(worker, next));
    CLEANUP(json)
    json_t *message = json_pack("{s:s, s:I, s:s?, s:o, s:o}", "type", "done", "job",
                                (json_int_t)worker->job, "provider", run->provider, "results",
                                media_worker_results(worker, run), "then", then);
    return wire_send(worker->wire, message, NULL, 0, err);
}

/* The steps that run with the first one, on the same inputs. */
static int media_worker_prepare_then(const struct wire_message *message, struct step_run *head,
                                     struct err *err)
{
    struct step_run *last = head;
    size_t index;
    const json_t *step;
    json_array_foreach(json_object_get(message->json, "then"), index, step)
    {
        const char *flow = json_member_string(step, "flow");
        struct step_run *run = arena_alloc(head->arena, sizeof(*run));
        *run = (struct step_run){
            .arena = head->arena,
            .type = flow ? step_type_find(flow) : NULL,
            .params = json_object_get(step, "params"),
            .local = json_object_get(step, "local"),
            .inputs = head->inputs,
            .input_count = head->input_count,
            .host = head->host,
        };
        if (!run->type || !run->type->fuse || !head->type->fuse_begins ||
            !json_is_object(run->params) || !json_is_object(run->local))
            return err_set(err, ERR_INTERNAL, NULL, "The worker was given steps that do not fit.");
        last->next = run;
        last = run;
    }
    step_fuse_share(head);
    return 0;
}

/* Reads the job's members and descriptors into a run; the server checked the parameters before. */
static int media_worker_prepare(struct media_worker *worker, struct wire_message *message,
                                struct arena *a, struct step_run *run, struct err *err)
{
    const char *flow = json_member_string(message->json, "flow");
    const char *seed = json_member_string(message->json, "seed");
    run->arena = a;
    run->type = flow ? step_type_find(flow) : NULL;
    run->params = json_object_get(message->json, "params");
    run->local = json_object_get(message->json, "local");
    run->seed = seed ? strtoull(seed, NULL, 10) : 0;
    if (!run->type || !run->type->run || !json_is_object(run->params) ||
        !json_is_object(run->local))
        return err_set(err, ERR_INTERNAL, NULL, "The worker was given a job it does not know.");
    const json_t *paths = json_object_get(message->json, "paths");
    struct step_input *inputs = arena_array(a, (size_t)message->fd_count, sizeof(*inputs));
    for (int i = 0; i < message->fd_count; i++) {
        struct stat status;
        if (fstat(message->fds[i], &status) < 0)
            return err_set(err, ERR_INTERNAL, NULL, "An input file could not be looked at: %s.",
                           strerror(errno));
        const char *path = json_string_value(json_array_get(paths, (size_t)i));
        inputs[i] =
            (struct step_input){message->fds[i], (uint64_t)status.st_size, path ? path : ""};
    }
    run->inputs = inputs;
    run->input_count = (size_t)message->fd_count;
    run->host = (struct step_host){worker,
                                   media_worker_progress,
                                   media_worker_cancelled,
                                   media_worker_open_output,
                                   media_worker_asset,
                                   media_worker_note};
    return media_worker_prepare_then(message, run, err);
}

static int media_worker_run(struct media_worker *worker, struct wire_message *message,
                            struct err *err)
{
    CLEANUP(arena) struct arena *a = arena_new();
    struct step_run run = {0};
    struct err fault = {0};
    worker->job = json_member_integer(message->json, "job", -1);
    worker->cancelled = false;
    worker->output_count = 0;
    jail_set_cpu_budget(worker->settings->cpu_seconds);
    int rc = media_worker_prepare(worker, message, a, &run, &fault);
    if (rc == 0)
        rc = run.type->run(&run, &fault);
    if (worker->broken) {
        *err = worker->err;
        rc = err->code ? (int)err->code : ERR_UNAVAILABLE;
    } else if (rc == 0) {
        rc = media_worker_send_done(worker, &run, err);
    } else {
        rc = child_send_failed(worker->wire, worker->job, &fault, err);
    }
    for (int i = 0; i < worker->output_count; i++)
        close(worker->output_fds[i]);
    return rc;
}

static int media_worker_loop(struct media_worker *worker, struct err *err)
{
    int rc = child_send_ready(worker->wire, err);
    while (rc == 0) {
        CLEANUP(wire_message) struct wire_message message = {0};
        rc = wire_receive(worker->wire, &message, err);
        if (rc < 0)
            break;
        rc = 0;
        if (strcmp(json_member_string(message.json, "type"), "run") == 0)
            rc = media_worker_run(worker, &message, err);
    }
    return rc;
}

static struct pack *media_worker_map_pack(void)
{
    struct stat status;
    if (fstat(WORKER_PACK_FD, &status) < 0 || !S_ISREG(status.st_mode) || status.st_size == 0)
        return NULL;
    void *bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, WORKER_PACK_FD, 0);
    if (bytes == MAP_FAILED)
        return NULL;
    struct pack *pack = NULL;
    struct err err;
    if (pack_open(bytes, (size_t)status.st_size, &pack, &err) < 0)
        log_line(LOG_ERROR, "the asset pack cannot be used", "reason", err.message, NULL);
    return pack;
}

int worker_media_main(const struct worker_settings *settings)
{
    struct media_worker worker = {
        .wire = child_start("media", settings->index, WORKER_PACK_FD, true), .settings = settings};
    struct err err = {0};
    worker.pack = media_worker_map_pack();
    const struct jail_limits limits = {settings->memory_bytes, settings->output_bytes,
                                       WORKER_DESCRIPTORS};
    int rc = step_process_init(&err);
    if (rc == 0)
        rc = jail_enter(JAIL_MEDIA, &limits, &err);
    if (rc < 0) {
        log_line(LOG_ERROR, "the worker cannot start", "reason", err.message, NULL);
        return 1;
    }
    rc = media_worker_loop(&worker, &err);
    wire_free(worker.wire);
    if (rc == ERR_UNAVAILABLE)
        return 0;
    log_line(LOG_ERROR, "the worker ends", "reason", err.message, NULL);
    return 1;
}
