#include "api/internal.h"

#include <string.h>

static const char reply_content_type[] = "application/json";

void reply_text(struct api_call *call, int status, const char *json_text, size_t size)
{
    struct http_header headers[LIMITS_HEADERS] = {{"Retry-After", "1"}};
    size_t count = status == 429 ? limits_headers(call, headers) : 0;
    if (count == 0 && (status == 429 || status == 503))
        count = 1;
    http_reply(call->request, &(struct http_response){
                                  .status = status,
                                  .content_type = reply_content_type,
                                  .body = json_text,
                                  .body_size = size,
                                  .file_fd = -1,
                                  .headers = headers,
                                  .header_count = count,
                              });
}

void reply_json(struct api_call *call, int status, json_t *body)
{
    size_t size;
    CLEANUP(free) char *text = json_text(body, &size);
    json_decref(body);
    reply_text(call, status, text, size);
}

const char *reply_fault_text(struct arena *a, enum err_code code, const char *reason)
{
    json_t *body = json_pack("{s:s}", "message", err_wire(code));
    if (reason && strcmp(reason, err_text(code)) != 0)
        json_object_set_new(body, "reason", json_string(reason));
    const char *text = json_arena_text(a, body);
    json_decref(body);
    return text;
}

void reply_error(struct api_call *call, const struct err *err)
{
    const char *text = reply_fault_text(call->arena, err->code, err->message);
    reply_text(call, err_http_status(err->code), text, strlen(text));
}

void reply_code(struct api_call *call, enum err_code code)
{
    struct err err;
    err_set_default(&err, code);
    reply_error(call, &err);
}

/* "/options/team" below "body" as ["body","options","team"]; digits become numbers. */
static json_t *reply_location(const char *where, const char *pointer)
{
    json_t *location = json_pack("[s]", where);
    while (*pointer == '/') {
        size_t length = strcspn(++pointer, "/");
        char token[ERR_PATH_MAX];
        size_t size = 0;
        for (size_t i = 0; i < length && size < sizeof(token) - 1; i++) {
            bool escaped = pointer[i] == '~' && i + 1 < length;
            token[size++] = (char)(!escaped ? pointer[i] : pointer[++i] == '1' ? '/' : '~');
        }
        token[size] = '\0';
        pointer += length;
        bool number = size > 0 && size < 9 && strspn(token, "0123456789") == size;
        json_array_append_new(location, number ? json_integer(atoi(token))
                                               : json_stringn_nocheck(token, size));
    }
    return location;
}

void reply_faults(struct api_call *call, const char *where, const struct plan_faults *faults)
{
    json_t *detail = json_array();
    for (size_t i = 0; i < faults->count; i++) {
        const struct plan_fault *fault = &faults->items[i];
        if (fault->warning)
            continue;
        json_array_append_new(detail, json_pack("{s:o, s:s, s:s}", "loc",
                                                reply_location(where, fault->path), "msg",
                                                fault->message, "type", fault->code));
    }
    reply_json(call, 422, json_pack("{s:o}", "detail", detail));
}
