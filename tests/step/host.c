#include "host.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum { HOST_INPUTS_MAX = 64, HOST_JSON_MAX = 1 << 20 };

static void host_report_progress(void *context, double fraction)
{
    struct host *host = context;
    /* The end of one part and the start of the next may differ in their last bit. */
    host->progress_fell |= fraction < host->progress - 1e-9;
    host->progress = fraction;
    host->progress_count++;
}

static bool host_is_cancelled(void *context)
{
    const struct host *host = context;
    return host->progress >= host->cancel_at;
}

static int host_open_output(void *context, int *ret_fd, struct err *err)
{
    (void)context;
    *ret_fd = memfd_create("output", MFD_CLOEXEC);
    return *ret_fd < 0 ? err_set_default(err, ERR_STORAGE) : 0;
}

static void *host_read(struct arena *a, int fd, size_t *ret_size)
{
    struct stat status;
    if (fstat(fd, &status) < 0)
        return NULL;
    size_t size = (size_t)status.st_size, done = 0;
    char *bytes = arena_alloc(a, size + 1);
    while (done < size) {
        ssize_t count = pread(fd, bytes + done, size - done, (off_t)done);
        if (count <= 0)
            return NULL;
        done += (size_t)count;
    }
    *ret_size = size;
    return bytes;
}

static int host_asset(void *context, const char *name, const void **ret_bytes, size_t *ret_size,
                      struct err *err)
{
    struct host *host = context;
    int fd CLEANUP(fd) = -1;
    if (host->asset_directory)
        fd = open(arena_printf(host->arena, "%s/%s", host->asset_directory, name),
                  O_RDONLY | O_CLOEXEC);
    *ret_bytes = fd >= 0 ? host_read(host->arena, fd, ret_size) : NULL;
    return *ret_bytes ? 0 : err_set(err, ERR_NOT_FOUND, name, "There is no asset %s.", name);
}

static void host_note(void *context, const char *sentence)
{
    struct host *host = context;
    host->note_count++;
    host->last_note = sentence;
}

static json_t *host_parse(struct host *host, const char *text, struct err *err)
{
    char *json = arena_strdup(host->arena, text);
    for (char *at = strchr(json, '\''); at; at = strchr(at, '\''))
        *at = '"';
    json_t *value = NULL;
    if (json_parse(json, strlen(json), HOST_JSON_MAX, &value, err) < 0)
        return NULL;
    return value;
}

static void host_fault(void *context, const char *path, const char *code, const char *message)
{
    (void)code;
    err_set(context, ERR_INVALID, path, "%s", message);
}

/* Opens the file that `value` names and gives the reference that takes its place. */
static json_t *host_open_input(struct host *host, const json_t *value, const char *path,
                               struct err *err)
{
    int fd = open(json_string_value(value), O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) < 0) {
        err_set(err, ERR_NOT_FOUND, path, "%s cannot be opened.", json_string_value(value));
        return NULL;
    }
    assert(host->run.input_count < HOST_INPUTS_MAX);
    struct step_input *inputs = (struct step_input *)host->run.inputs;
    inputs[host->run.input_count] = (struct step_input){fd, (uint64_t)status.st_size, path};
    return json_pack("{s:I}", "input", (json_int_t)host->run.input_count++);
}

static int host_open_inputs(struct host *host, struct err *err)
{
    for (size_t i = 0; i < host->run.type->param_count; i++) {
        const struct step_param *param = &host->run.type->params[i];
        json_t *value = json_object_get(host->params, param->name);
        const char *path = json_pointer(host->arena, "", param->name);
        if (!step_param_is_media(param->type) || json_is_null(value))
            continue;
        for (size_t j = 0; j < json_array_size(value); j++) {
            json_t *item = host_open_input(host, json_array_get(value, j),
                                           json_pointer_index(host->arena, path, j), err);
            if (!item)
                return ERR_NOT_FOUND;
            json_array_set_new(value, j, item);
        }
        if (json_is_array(value))
            continue;
        json_t *item = host_open_input(host, value, path, err);
        if (!item)
            return ERR_NOT_FOUND;
        json_object_set_new(host->params, param->name, item);
    }
    return 0;
}

static int host_prepare(struct host *host, const char *type, const char *params, struct err *err)
{
    host->run.type = step_type_find(type);
    if (!host->run.type)
        return err_set(err, ERR_NOT_FOUND, NULL, "There is no step type %s.", type);
    json_t *given CLEANUP(json) = host_parse(host, params, err);
    if (!given)
        return ERR_BAD_REQUEST;
    if (step_params_check(host->arena, host->run.type, given, "", NULL, host_fault, err) > 0)
        return ERR_INVALID;
    host->params = step_params_complete(host->run.type, given);
    host->run.params = host->params;
    return host_open_inputs(host, err);
}

struct host *host_new(const char *type, const char *params, struct err *err)
{
    struct host *host = mem_alloc(sizeof(*host));
    host->arena = arena_new();
    host->cancel_at = 2;
    host->local = json_object();
    host->run = (struct step_run){
        .arena = host->arena,
        .local = host->local,
        .inputs = arena_array(host->arena, HOST_INPUTS_MAX, sizeof(struct step_input)),
        .host = {host, host_report_progress, host_is_cancelled, host_open_output, host_asset,
                 host_note},
    };
    if (host_prepare(host, type, params, err) == 0)
        return host;
    host_free(host);
    return NULL;
}

void host_set_local(struct host *host, const char *local)
{
    json_decref(host->local);
    host->local = host_parse(host, local, NULL);
    assert(json_is_object(host->local));
    host->run.local = host->local;
}

void host_free(struct host *host)
{
    if (!host)
        return;
    for (size_t i = 0; i < host->run.input_count; i++)
        close(host->run.inputs[i].fd);
    for (size_t i = 0; i < host->run.output_count; i++) {
        if (host->run.outputs[i].fd >= 0)
            close(host->run.outputs[i].fd);
    }
    json_decref(host->params);
    json_decref(host->local);
    arena_free(host->arena);
    free(host);
}

int host_run(struct host *host)
{
    host->err = (struct err){0};
    return host->run.type->run(&host->run, &host->err);
}

const void *host_output_bytes(struct host *host, size_t index, size_t *ret_size)
{
    assert(index < host->run.output_count);
    return host_read(host->arena, host->run.outputs[index].fd, ret_size);
}
