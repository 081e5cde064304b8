#include "http/internal.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

enum { RESPONSE_DATE_SIZE = 32 };

/* The Date header, written anew once a second. */
const char *response_date(void)
{
    static _Thread_local char text[RESPONSE_DATE_SIZE];
    static _Thread_local time_t written;
    time_t now = time(NULL);
    if (now != written) {
        struct tm tm;
        gmtime_r(&now, &tm);
        strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &tm);
        written = now;
    }
    return text;
}

void response_add_headers(struct http_request *request, struct MHD_Response *response, bool close)
{
    MHD_add_response_header(response, "Date", response_date());
    MHD_add_response_header(response, "X-Request-Id", request->id);
    if (close)
        MHD_add_response_header(response, "Connection", "close");
}

enum MHD_Result response_queue(struct http_request *request)
{
    struct MHD_Response *response = request->response;
    enum MHD_Result result =
        MHD_queue_response(request->connection, (unsigned)request->status, response);
    request->response = NULL;
    request->queued = true;
    MHD_destroy_response(response);
    return result;
}

void response_hand_over(struct http_request *request, int status, struct MHD_Response *response)
{
    /* Not suspended, the request may be gone as soon as the lock is. */
    struct http_loop *loop = request->loop;
    pthread_mutex_lock(&request->lock);
    request->response = response;
    request->status = status;
    bool wake = request->suspended;
    request->suspended = false;
    pthread_mutex_unlock(&request->lock);
    if (wake)
        loop_rouse(loop, &request->sleeper);
}

struct shared_body {
    void (*release)(void *context);
    void *context;
};

static void shared_body_release(void *context)
{
    struct shared_body *body = context;
    body->release(body->context);
    free(body);
}

static struct MHD_Response *response_shared(const struct http_response *response)
{
    struct shared_body *body = mem_alloc(sizeof(*body));
    *body = (struct shared_body){response->release, response->release_context};
    return MHD_create_response_from_buffer_with_free_callback_cls(
        response->body_size, (void *)(uintptr_t)response->body, shared_body_release, body);
}

static struct MHD_Response *response_make(struct http_request *request,
                                          const struct http_response *response)
{
    if (response->file_fd >= 0)
        return MHD_create_response_from_fd_at_offset64(response->file_size, response->file_fd,
                                                       response->file_offset);
    if (response->shared)
        return response_shared(response);
    /* The arena lives until the answer was sent. */
    void *copy = response->body_size > 0
                     ? arena_memdup(request->arena, response->body, response->body_size)
                     : NULL;
    return MHD_create_response_from_buffer(response->body_size, copy, MHD_RESPMEM_PERSISTENT);
}

void http_reply(struct http_request *request, const struct http_response *response)
{
    struct MHD_Response *answer = response_make(request, response);
    if (!answer)
        abort(); /* out of memory, the only cause */
    if (response->content_type)
        MHD_add_response_header(answer, "Content-Type", response->content_type);
    for (size_t i = 0; i < response->header_count; i++)
        MHD_add_response_header(answer, response->headers[i].name, response->headers[i].value);
    bool last = request->in_chunks || (!request->body_done && request->announces_body);
    response_add_headers(request, answer, response->close || last);
    response_hand_over(request, response->status, answer);
}

void response_fault(struct http_request *request, int status, const char *reason, bool close)
{
    const struct http_application *application = &request->server->application;
    const char *type;
    const char *text =
        application->fault(application->context, request->arena, status, reason, &type);
    http_reply(request, &(struct http_response){.status = status,
                                                .content_type = type,
                                                .body = text,
                                                .body_size = strlen(text),
                                                .file_fd = -1,
                                                .close = close});
}
