/*
 * HTTP/1.1 for the API, on libmicrohttpd (only this folder sees it). It reads requests strictly within limits,
 * calls the application, and writes its answer, at once or later.
 *
 * A request passes two calls, both on one of the server's threads, which must not block:
 *   head(): the request line and headers are there. It answers at once (http_reply: 401, 413, ...; the
 *           connection is closed when a body was announced) or says how the body is to be taken.
 *   body(): the body is there, whole. It answers, or keeps the request and answers later from any thread.
 * A request is answered exactly once; answering gives it back to this module. A client that goes away is noticed
 * when the answer is written, never before: the application owns what it keeps.
 *
 * Broken framing (Content-Length with Transfer-Encoding, differing lengths, bad chunk sizes, bare control
 * characters, ...) is answered 400 and the connection closed before any application call. What libmicrohttpd itself
 * cannot read (a header without a colon, a length that is no number, a head over all its memory) it answers by
 * itself: the status is right, the body is a page of its own instead of the application's fault().
 */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include "base/arena.h"
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_server;
struct http_request;

enum http_body_mode {
    HTTP_BODY_NONE,      /* a body, when one comes, is refused with 413 */
    HTTP_BODY_MEMORY,    /* collected in memory up to `body_max` */
    HTTP_BODY_FILE,      /* written to `body_fd` up to `body_max`, hashed by nobody */
    HTTP_BODY_MULTIPART, /* the file of a multipart/form-data body is written to `body_fd` */
    HTTP_BODY_FORM       /* all parts of a multipart/form-data body: see http_request_parts() */
};

enum { HTTP_FORM_PARTS_MAX = 128 };

struct http_body_plan {
    enum http_body_mode mode;
    uint64_t body_max; /* bytes; over it the request is refused with 413 */
    int body_fd; /* for FILE and MULTIPART; owned by the application, open until the request is answered */
    /* FORM: `body_max` is for all texts together, `files_max` for all files. open_file() gives the descriptor of the next
     * file, which is the application's, or -1. */
    uint64_t files_max;
    int (*open_file)(struct http_request *request);
};

/* A part of a form. A file has a name of its own and a descriptor, any other part its text. */
struct http_part {
    const char *name; /* valid UTF-8 */
    const char *
        file_name; /* as http_request_file_name(); "" for a file without a good one; NULL: a text */
    const char *text; /* may hold any bytes, and a NUL behind them */
    size_t text_size;
    int fd; /* -1 for a text */
    uint64_t file_size;
};

struct http_application {
    void *context;
    /* Returns true when the request goes on as *ret_plan says, false when it was answered. */
    bool (*head)(void *context, struct http_request *request, struct http_body_plan *ret_plan);
    void (*body)(void *context, struct http_request *request);
    /* Makes the answer for a fault that this module found itself (400, 413, 414, 431, 503, ...): JSON bytes
     * in the arena, their Content-Type in *ret_content_type. */
    const char *(*fault)(void *context, struct arena *a, int status, const char *reason,
                         const char **ret_content_type);
    /* After every answered request, for logs and metrics. May be NULL. */
    void (*log)(void *context, const struct http_request *request, int status, int64_t duration_us);
};

struct http_settings {
    const char *address; /* "127.0.0.1", "::1", ... */
    int port;            /* 0 takes a free one */
    int threads;
    int connections_max;
    int idle_timeout_s;      /* a silent connection is closed */
    size_t header_bytes_max; /* request line and headers together */
    size_t uri_bytes_max;
    const char *tls_cert_pem; /* PEM text, or NULL for plain HTTP */
    const char *tls_key_pem;
};

int http_server_new(const struct http_settings *settings,
                    const struct http_application *application, struct http_server **ret_server,
                    struct err *err);
int http_server_port(const struct http_server *server);
/* Accepts no new connection; open requests go on. */
void http_server_quiesce(struct http_server *server);
/* Reads no further request: from now on the application is called no more. */
void http_server_stop(struct http_server *server);
/* Every kept request must have been answered before. NULL allowed. */
void http_server_free(struct http_server *server);

/* --- the request; all strings live as long as it does ------------------------------------------ */

struct arena *http_request_arena(struct http_request *request);
const char *http_request_method(const struct http_request *request);
const char *http_request_path(const struct http_request *request); /* percent-decoded, no query */
const char *http_request_raw_target(const struct http_request *request); /* as it was sent */
/* First value of a header (any case); NULL when absent. */
const char *http_request_header(const struct http_request *request, const char *name);
/* The host that was asked, with its port if it was given; NULL when the client did not say. */
const char *http_request_host(const struct http_request *request);
/* Percent-decoded query values in order; calls `visit` for each; stops when it returns false. */
void http_request_query(const struct http_request *request,
                        bool (*visit)(void *context, const char *name, const char *value),
                        void *context);
const char *http_request_query_value(const struct http_request *request, const char *name);
const char *http_request_body(const struct http_request *request, size_t *ret_size); /* MEMORY */
uint64_t http_request_body_size(const struct http_request *request); /* what was kept, every mode */
const struct http_part *http_request_parts(const struct http_request *request,
                                           size_t *ret_count); /* FORM */
/* The file name of a multipart upload as the client gave it, valid UTF-8 without control characters; NULL without one. */
const char *http_request_file_name(const struct http_request *request);
bool http_request_is_tls(const struct http_request *request);
int64_t http_request_started_us(const struct http_request *request); /* monotonic */
const char *http_request_id(
    const struct http_request *request); /* X-Request-Id: the client's sane one or a new UUID */
void http_request_set_user_data(struct http_request *request, void *data);
void *http_request_user_data(const struct http_request *request);

/* --- the answer -------------------------------------------------------------------------------- */

struct http_header {
    const char *name;
    const char *value;
};

struct http_response {
    int status;
    const char *content_type; /* NULL when there is no body */
    const char *body;         /* copied */
    size_t body_size;
    int file_fd; /* >= 0: the body is this file range, sent by the kernel; taken over */
    uint64_t file_offset, file_size;
    const struct http_header *headers; /* further headers, copied */
    size_t header_count;
    bool close; /* close the connection afterwards */
    bool
        shared; /* `body` is immutable and outlives the answer: not copied; release(release_context) is called
                    when it was sent */
    void (*release)(void *context);
    void *release_context;
};

/* Answers the request; it may not be touched afterwards. HEAD sends the headers of the same answer. Any thread.
 * X-Request-Id, Date, Content-Length are added. */
void http_reply(struct http_request *request, const struct http_response *response);

/* --- event streams ------------------------------------------------------------------------------ */

struct http_stream;

/* Answers 200 with a body that is written as it comes (chunked), for server-sent events. The stream lives until
 * http_stream_end(). `gone` is called at most once, on any thread, when the client has gone away, and never after
 * http_stream_end() has returned; it may not call functions of the stream. The application ends the stream then. */
struct http_stream *http_reply_stream(struct http_request *request, const char *content_type,
                                      void (*gone)(void *context), void *context);
/* Queues bytes (copied). Any thread. ERR_TOO_LARGE when the client reads too slowly (over 256 KiB wait already). */
int http_stream_write(struct http_stream *stream, const void *bytes, size_t size, struct err *err);
void http_stream_end(struct http_stream *stream);

#endif
