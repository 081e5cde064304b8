#include "http/internal.h"

#include "base/json.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { BODY_FILE_NAME_MAX = 255 };

static void body_refuse(struct http_request *request, int status, const char *reason)
{
    if (request->fault_status == 0) {
        request->fault_status = status;
        request->fault_reason = reason;
    }
}

static bool body_write(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t written = write(fd, bytes, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return false;
        bytes += written;
        size -= (size_t)written;
    }
    return true;
}

/* What is over the limit is counted, not kept. */
static void body_keep(struct http_request *request, const char *bytes, size_t size)
{
    if (request->fault_status != 0)
        return;
    if (size > request->plan.body_max - request->body_size) {
        body_refuse(request, 413, NULL);
        return;
    }
    if (request->plan.mode == HTTP_BODY_MEMORY)
        buffer_append(&request->body, bytes, size);
    else if (!body_write(request->plan.body_fd, bytes, size))
        body_refuse(request, 503, "The upload could not be stored.");
    request->body_size += size;
}

/* The name that a client gives its file; NULL for what is no clean text. */
static char *body_file_name(struct http_request *request, const char *name)
{
    const char *slash = strrchr(name, '/');
    const char *start = slash ? slash + 1 : name;
    CLEANUP(json) json_t *text = json_string(start); /* NULL when it is no UTF-8 */
    if (!text || *start == '\0' || strlen(start) > BODY_FILE_NAME_MAX)
        return NULL;
    for (const char *c = start; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return NULL;
    }
    return arena_strdup(request->arena, start);
}

/* The one file of a form: a part with a file name, or the one called `file`; other parts are passed over. */
static void file_begin_part(void *context, const char *name, const char *file_name)
{
    struct http_request *request = context;
    request->part_is_file = file_name || (name && strcmp(name, "file") == 0);
    if (!request->part_is_file)
        return;
    if (request->file_parts++ > 0)
        body_refuse(request, 400, "The form has more than one file.");
    else if (file_name)
        request->file_name = body_file_name(request, file_name);
}

static void file_part_data(void *context, const char *bytes, size_t size)
{
    struct http_request *request = context;
    if (request->part_is_file)
        body_keep(request, bytes, size);
}

/* --- whole forms -------------------------------------------------------------------------------- */

/* The text of the last part is whole. */
static void form_finish_text(struct http_request *request)
{
    struct http_part *part =
        request->part_count > 0 ? &request->parts[request->part_count - 1] : NULL;
    if (!part || part->fd >= 0 || part->text)
        return;
    part->text_size = request->part_text.size;
    part->text =
        arena_strndup(request->arena, request->part_text.size ? request->part_text.bytes : "",
                      request->part_text.size);
    request->part_text.size = 0;
}

static void form_begin_part(void *context, const char *key, const char *file_name)
{
    struct http_request *request = context;
    if (request->fault_status != 0)
        return;
    form_finish_text(request);
    CLEANUP(json) json_t *name = key ? json_string(key) : NULL; /* NULL when it is no UTF-8 */
    if (request->part_count == HTTP_FORM_PARTS_MAX) {
        body_refuse(request, 413, "The form has too many parts.");
        return;
    }
    if (!name) {
        body_refuse(request, 400, "A part of the form has no name.");
        return;
    }
    struct http_part *part = &request->parts[request->part_count++];
    part->name = arena_strdup(request->arena, key);
    part->fd = -1;
    if (!file_name)
        return;
    const char *clean = body_file_name(request, file_name);
    part->file_name = clean ? clean : "";
    part->text = "";
    part->fd = request->plan.open_file(request);
    if (part->fd < 0)
        body_refuse(request, 503, "The upload could not be stored.");
}

static void form_part_data(void *context, const char *data, size_t size)
{
    struct http_request *request = context;
    if (request->fault_status != 0)
        return;
    struct http_part *part = &request->parts[request->part_count - 1];
    uint64_t *total = part->fd >= 0 ? &request->files_size : &request->body_size;
    if (size > (part->fd >= 0 ? request->plan.files_max : request->plan.body_max) - *total) {
        body_refuse(request, 413, NULL);
        return;
    }
    *total += size;
    if (part->fd < 0)
        buffer_append(&request->part_text, data, size);
    else if (!body_write(part->fd, data, size))
        body_refuse(request, 503, "The upload could not be stored.");
    part->file_size += part->fd >= 0 ? size : 0;
}

/* --- by mode ------------------------------------------------------------------------------------ */

static bool body_is_form(const struct http_request *request)
{
    return request->plan.mode == HTTP_BODY_MULTIPART || request->plan.mode == HTTP_BODY_FORM;
}

uint64_t body_length_max(const struct http_request *request)
{
    const uint64_t form_around = 65536; /* what stands between the parts */
    const struct http_body_plan *plan = &request->plan;
    return plan->body_max + (plan->mode == HTTP_BODY_FORM ? plan->files_max : 0) +
           (body_is_form(request) ? form_around : 0);
}

void body_begin(struct http_request *request)
{
    if (!body_is_form(request))
        return;
    bool whole = request->plan.mode == HTTP_BODY_FORM;
    if (whole)
        request->parts = arena_array(request->arena, HTTP_FORM_PARTS_MAX, sizeof(*request->parts));
    const struct multipart_sink sink = {request, whole ? form_begin_part : file_begin_part,
                                        whole ? form_part_data : file_part_data};
    request->form = multipart_new(http_request_header(request, "Content-Type"), &sink);
    if (!request->form)
        body_refuse(request, 400, "The form has no boundary.");
}

bool body_take(struct http_request *request, const char *bytes, size_t size)
{
    if (request->fault_status != 0 || request->plan.mode == HTTP_BODY_NONE) {
        body_refuse(request, 413, "This request takes no body.");
        request->drained += size;
        return request->drained <= HTTP_DRAIN_BYTES_MAX;
    }
    if (!body_is_form(request))
        body_keep(request, bytes, size);
    else if (!multipart_take(request->form, bytes, size))
        body_refuse(request, 400, "The form is broken.");
    return true;
}

void body_end(struct http_request *request)
{
    request->body_done = true;
    if (!body_is_form(request) || !request->form)
        return;
    if (!multipart_is_complete(request->form))
        body_refuse(request, 400, "The form ends too early.");
    if (request->plan.mode == HTTP_BODY_FORM) {
        form_finish_text(request);
        if (request->part_count == 0)
            body_refuse(request, 400, "The form has no parts.");
    } else if (request->file_parts == 0) {
        body_refuse(request, 400, "The form has no file.");
    }
}
