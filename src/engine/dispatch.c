/* What a worker is told about a task: its step and those that run with it, parameters, input files, the seed. */
#include "engine/internal.h"

#include "base/sha256.h"

#include <unistd.h>

struct dispatch {
    struct task *task;
    const struct step_type *type;
    json_t *params;      /* with {"input": N} for every reference */
    json_t *fingerprint; /* with {"blob": SHA} instead: what the seed is made of */
    json_t *then;        /* the steps that run with it */
    json_t *paths;
    int fds[WIRE_FDS_MAX];
    int fd_count;
};

static int dispatch_reference(struct dispatch *dispatch, const char *url, const char *path,
                              json_t **ret_input, json_t **ret_blob, struct err *err)
{
    struct run *run = dispatch->task->run;
    const char *sha256 = inputs_find(run, url);
    if (dispatch->fd_count == WIRE_FDS_MAX)
        return err_set(err, ERR_TOO_LARGE, path, "A step may have at most %d input files.",
                       WIRE_FDS_MAX);
    int fd;
    int rc = blob_get(run->engine->settings.blobs, sha256, &fd, NULL, err);
    if (rc == ERR_NOT_FOUND)
        return err_set(err, ERR_BAD_INPUT, path, "The file behind an input is no longer there.");
    if (rc < 0)
        return rc;
    *ret_input = json_pack("{s:i}", "input", dispatch->fd_count);
    *ret_blob = json_pack("{s:s}", "blob", sha256);
    json_array_append_new(dispatch->paths, json_string(path));
    dispatch->fds[dispatch->fd_count++] = fd;
    return 0;
}

static int dispatch_value(struct dispatch *dispatch, const json_t *value, const char *path,
                          json_t **ret_input, json_t **ret_blob, struct err *err)
{
    CLEANUP(arena) struct arena *a = arena_new();
    if (json_is_string(value))
        return dispatch_reference(dispatch, json_string_value(value), path, ret_input, ret_blob,
                                  err);
    *ret_input = json_array();
    *ret_blob = json_array();
    int rc = 0;
    for (size_t i = 0; i < json_array_size(value) && rc == 0; i++) {
        json_t *input = NULL, *blob = NULL;
        rc = dispatch_reference(dispatch, json_string_value(json_array_get(value, i)),
                                json_pointer_index(a, path, i), &input, &blob, err);
        json_array_append_new(*ret_input, input);
        json_array_append_new(*ret_blob, blob);
    }
    return rc;
}

static int dispatch_params(struct dispatch *dispatch, const struct step_type *type,
                           const json_t *given, json_t *params, json_t *fingerprint,
                           struct err *err)
{
    CLEANUP(arena) struct arena *a = arena_new();
    int rc = 0;
    for (size_t i = 0; i < type->param_count && rc == 0; i++) {
        const char *name = type->params[i].name;
        const json_t *value = json_object_get(given, name);
        if (!step_param_is_media(type->params[i].type) || !value || json_is_null(value))
            continue;
        json_t *input = NULL, *blob = NULL;
        rc = dispatch_value(dispatch, value, json_pointer(a, "", name), &input, &blob, err);
        json_object_set_new(params, name, input);
        json_object_set_new(fingerprint, name, blob);
    }
    return rc;
}

static int dispatch_all_params(struct dispatch *dispatch, struct err *err)
{
    struct task *task = dispatch->task;
    const struct run_step *steps = task->run->steps;
    dispatch->params = json_copy(task->params);
    dispatch->fingerprint = json_copy(task->params);
    dispatch->paths = json_array();
    dispatch->then = json_array();
    int rc = dispatch_params(dispatch, steps[task->step].info.type, task->params, dispatch->params,
                             dispatch->fingerprint, err);
    for (size_t i = 0; rc == 0 && task->fuse && i < task->fuse->count; i++) {
        const struct fuse_step *step = &task->fuse->steps[i];
        const struct step_type *type = steps[step->step].info.type;
        json_t *params = json_copy(step->params);
        CLEANUP(json) json_t *unused = json_object();
        json_array_append_new(dispatch->then, json_pack("{s:s, s:o, s:O}", "flow", type->name,
                                                        "params", params, "local", step->local));
        rc = dispatch_params(dispatch, type, step->params, params, unused, err);
    }
    return rc;
}

/* The same step on the same bytes draws the same numbers, in every workflow. A seed parameter is part of the parameters. */
static uint64_t dispatch_seed(const struct dispatch *dispatch, const struct buffer *params,
                              const struct buffer *local)
{
    CLEANUP(buffer) struct buffer text = {0};
    uint8_t digest[SHA256_SIZE];
    uint64_t seed = 0;
    buffer_append_text(&text, dispatch->type->name);
    if (dispatch->fd_count == 0)
        buffer_append(&text, params->bytes, params->size);
    else
        json_append_text(&text, dispatch->fingerprint);
    buffer_append(&text, local->bytes, local->size);
    sha256_bytes(text.bytes, text.size, digest);
    for (int i = 0; i < 8; i++)
        seed = seed << 8 | digest[i];
    return seed;
}

/* The message as text: parameters are written once, for it and for the seed. */
static void dispatch_write(const struct dispatch *dispatch, int64_t job, struct buffer *message)
{
    CLEANUP(buffer) struct buffer params = {0};
    CLEANUP(buffer) struct buffer local = {0};
    json_append_text(&params, dispatch->params);
    json_append_text(&local, dispatch->task->local);
    buffer_append_text(message, "{\"type\":\"run\",\"job\":");
    buffer_append_integer(message, job);
    buffer_append_text(message, ",\"flow\":\"");
    buffer_append_text(message, dispatch->type->name);
    buffer_append_text(message, "\",\"params\":");
    buffer_append(message, params.bytes, params.size);
    buffer_append_text(message, ",\"local\":");
    buffer_append(message, local.bytes, local.size);
    buffer_printf(message, ",\"seed\":\"%llu\",\"paths\":",
                  (unsigned long long)dispatch_seed(dispatch, &params, &local));
    json_append_text(message, dispatch->paths);
    buffer_append_text(message, ",\"then\":");
    json_append_text(message, dispatch->then);
    buffer_append_char(message, '}');
}

static void dispatch_finish(struct dispatch *dispatch)
{
    for (int i = 0; i < dispatch->fd_count; i++)
        close(dispatch->fds[i]);
    json_decref(dispatch->params);
    json_decref(dispatch->fingerprint);
    json_decref(dispatch->then);
    json_decref(dispatch->paths);
}

int dispatch_send(struct task *task, struct pool_worker *worker, struct err *err)
{
    int64_t job = task->run->engine->next_job++;
    struct dispatch dispatch = {.task = task, .type = task->run->steps[task->step].info.type};
    CLEANUP(buffer) struct buffer message = {0};
    int rc = dispatch_all_params(&dispatch, err);
    if (rc == 0) {
        dispatch_write(&dispatch, job, &message);
        rc = pool_run(worker, task, job, &message, dispatch.fds, dispatch.fd_count, err);
    }
    dispatch_finish(&dispatch);
    return rc;
}
