#include "http/internal.h"

#include "base/json.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { BODY_FORM_BUFFER_BYTES = 16 << 10, BODY_FILE_NAME_MAX = 255 };

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

static enum MHD_Result body_part(void *context, enum MHD_ValueKind kind, const char *key,
                                 const char *file_name, const char *content_type,
                                 const char *encoding, const char *data, uint64_t offset,
                                 size_t size)
{
    struct http_request *request = context;
    (void)kind, (void)content_type, (void)encoding;
    if (!file_name && (!key || strcmp(key, "file") != 0)) /* a part may have no name */
        return MHD_YES;
    if (offset == 0 && request->file_parts++ == 0 && file_name)
        request->file_name = body_file_name(request, file_name);
    if (request->file_parts > 1)
        body_refuse(request, 400, "The form has more than one file.");
    else
        body_keep(request, data, size);
    return MHD_YES;
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

static void form_begin_part(struct http_request *request, const char *key, const char *file_name)
{
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

static enum MHD_Result form_part(void *context, enum MHD_ValueKind kind, const char *key,
                                 const char *file_name, const char *content_type,
                                 const char *encoding, const char *data, uint64_t offset,
                                 size_t size)
{
    struct http_request *request = context;
    (void)kind, (void)content_type, (void)encoding;
    if (offset == 0)
        form_begin_part(request, key, file_name);
    if (request->fault_status != 0)
        return MHD_YES;
    struct http_part *part = &request->parts[request->part_count - 1];
    uint64_t *total = part->fd >= 0 ? &request->files_size : &request->body_size;
    if (size > (part->fd >= 0 ? request->plan.files_max : request->plan.body_max) - *total) {
        body_refuse(request, 413, NULL);
        return MHD_YES;
    }
    *total += size;
    if (part->fd < 0)
        buffer_append(&request->part_text, data, size);
    else if (!body_write(part->fd, data, size))
        body_refuse(request, 503, "The upload could not be stored.");
    part->file_size += part->fd >= 0 ? size : 0;
    return MHD_YES;
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
    request->post = MHD_create_post_processor(request->connection, BODY_FORM_BUFFER_BYTES,
                                              whole ? form_part : body_part, request);
    if (!request->post)
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
    else if (MHD_post_process(request->post, bytes, size) == MHD_NO)
        body_refuse(request, 400, "The form is broken.");
    return true;
}

void body_end(struct http_request *request)
{
    request->body_done = true;
    if (!body_is_form(request) || !request->post)
        return;
    if (MHD_destroy_post_processor(request->post) == MHD_NO)
        body_refuse(request, 400, "The form ends too early.");
    request->post = NULL;
    if (request->plan.mode == HTTP_BODY_FORM) {
        form_finish_text(request);
        if (request->part_count == 0)
            body_refuse(request, 400, "The form has no parts.");
    } else if (request->file_parts == 0) {
        body_refuse(request, 400, "The form has no file.");
    }
}
