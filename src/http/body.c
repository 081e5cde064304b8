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

static bool body_write(struct http_request *request, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t written = write(request->plan.body_fd, bytes, size);
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
    else if (!body_write(request, bytes, size))
        body_refuse(request, 503, "The upload could not be stored.");
    request->body_size += size;
}

/* The name that a client gives its file; what is no clean text is no name. */
static void body_take_file_name(struct http_request *request, const char *name)
{
    const char *slash = strrchr(name, '/');
    const char *start = slash ? slash + 1 : name;
    CLEANUP(json) json_t *text = json_string(start); /* NULL when it is no UTF-8 */
    if (!text || *start == '\0' || strlen(start) > BODY_FILE_NAME_MAX)
        return;
    for (const char *c = start; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return;
    }
    request->file_name = arena_strdup(request->arena, start);
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
        body_take_file_name(request, file_name);
    if (request->file_parts > 1)
        body_refuse(request, 400, "The form has more than one file.");
    else
        body_keep(request, data, size);
    return MHD_YES;
}

void body_begin(struct http_request *request)
{
    if (request->plan.mode != HTTP_BODY_MULTIPART)
        return;
    request->post =
        MHD_create_post_processor(request->connection, BODY_FORM_BUFFER_BYTES, body_part, request);
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
    if (request->plan.mode != HTTP_BODY_MULTIPART)
        body_keep(request, bytes, size);
    else if (MHD_post_process(request->post, bytes, size) == MHD_NO)
        body_refuse(request, 400, "The form is broken.");
    return true;
}

void body_end(struct http_request *request)
{
    request->body_done = true;
    if (request->plan.mode != HTTP_BODY_MULTIPART || !request->post)
        return;
    if (MHD_destroy_post_processor(request->post) == MHD_NO)
        body_refuse(request, 400, "The form ends too early.");
    request->post = NULL;
    if (request->file_parts == 0)
        body_refuse(request, 400, "The form has no file.");
}
