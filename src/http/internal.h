/* What the files of http/ share. */
#ifndef HTTP_INTERNAL_H
#define HTTP_INTERNAL_H

#include "base/buffer.h"
#include "base/uuid.h"
#include "http/http.h"
#include "http/multipart.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

/* A client's own X-Request-Id is taken up to this length. */
enum { HTTP_REQUEST_ID_MAX = 128 };
/* Past an upload's limit this much more is read and dropped, so that the client gets to read the answer. */
#define HTTP_DRAIN_BYTES_MAX (64u << 20)

/* A suspended connection that is to go on. */
struct http_sleeper {
    struct MHD_Connection *connection;
    struct http_sleeper *next; /* under the loop's lock */
};

/* A thread that serves connections of its own. */
struct http_loop {
    struct http_server *server;
    struct MHD_Daemon *daemon;
    pthread_t thread;
    int wake_fd;
    int stream_fd;                /* an epoll of the sockets that event streams go out on */
    struct http_stream *draining; /* ended, not sent to the end; the loop's */
    pthread_mutex_t lock;
    struct http_sleeper *woken; /* under lock, as all below */
    struct http_stream *ended;
    bool end;
};

struct http_server {
    struct http_loop *loops;
    int loop_count;
    struct http_settings settings;
    struct http_application application;
    int port;
    bool quiesced;
    atomic_bool stopped; /* the application is called no more */
};

struct http_request {
    struct http_server *server;
    struct http_loop *loop;
    struct MHD_Connection *connection;
    struct arena *arena;
    void *user_data;
    int64_t started_us;
    const char *method, *raw_target, *path, *query, *id;
    const char *authority; /* of a target that is a whole URL, else NULL */
    const char *target_at; /* where the target stands in libmicrohttpd's memory, for framing.c */
    bool target_is_broken, is_1_0;
    bool announces_body; /* framing.c: what the head says of the body */
    uint64_t announced;  /* its length; 0 when it comes in chunks */
    bool in_chunks;

    /* The body, while it comes. */
    struct http_body_plan plan;
    struct buffer body;
    struct multipart *form; /* MULTIPART and FORM */
    char *file_name;
    int file_parts;
    bool part_is_file;       /* MULTIPART: the part that comes is the file */
    struct http_part *parts; /* FORM; HTTP_FORM_PARTS_MAX of them */
    size_t part_count;
    struct buffer part_text; /* of the last part, while it comes */
    uint64_t files_size;
    uint64_t body_size, drained;
    int fault_status; /* 0, or what the body is refused with when it has come */
    const char *fault_reason;
    bool head_done, body_done;

    /* Between the thread that answers and the one that owns the connection. */
    pthread_mutex_t lock;
    bool suspended, queued;
    bool stream_over; /* it was answered beside libmicrohttpd, and the connection is to be closed */
    struct MHD_Response *response;
    int status;
    struct http_sleeper sleeper;
};

/* loop.c: the daemon is there, without threads of its own. */
bool loop_start(struct http_loop *loop);
/* Sends what was answered before, then ends the thread. */
void loop_stop(struct http_loop *loop);
/* After loop_stop(): sends what was answered since, then closes the connections. */
void loop_free(struct http_loop *loop);
/* Lets a suspended connection go on: any thread. The sleeper is not touched once the connection has gone on. */
void loop_rouse(struct http_loop *loop, struct http_sleeper *sleeper);
void loop_wake(struct http_loop *loop);

/* stream.c: what a stream is; socket_stream.c: those without TLS, on their sockets. */
struct http_stream {
    pthread_mutex_t lock;
    struct http_loop *loop;
    bool ended, closed; /* by the application, by the client */
    void (*gone)(void *context);
    void *context;
    struct buffer waiting;

    /* Through libmicrohttpd. */
    struct http_sleeper sleeper;
    bool suspended;

    /* Beside it. */
    struct http_request *request; /* NULL for one through libmicrohttpd */
    int fd;                       /* the connection's */
    bool chunked, polled;         /* polled for being writable */
    struct http_stream *next;     /* in the loop's lists */
    int64_t give_up_at;           /* monotonic us, once it has ended */
};

void stream_free(struct http_stream *stream);
/* Sends the head. */
void socket_stream_begin(struct http_stream *stream, const char *content_type);
/* Under the stream's lock. */
void socket_stream_write(struct http_stream *stream, const void *bytes, size_t size);
void socket_stream_end(struct http_stream *stream); /* the loop's thread frees it */
/* On the loop's thread: sends what can be sent, tells who is gone, frees what has ended. With `force` nothing is waited for. */
void socket_streams_work(struct http_loop *loop, bool force);

/* response.c: of this moment. */
const char *response_date(void);

/* request.c: `raw_target` as it stood in the request line. */
struct http_request *request_new(struct http_loop *loop, struct MHD_Connection *connection,
                                 const char *raw_target);
void request_free(struct http_request *request);
void request_set_head(struct http_request *request, const char *method);

/* framing.c: 0, or the status that the head is refused with; nothing that two readers could read differently passes. */
/* `method` and `version` as libmicrohttpd gave them. */
/* Of a Host header; an empty one is fine. */
bool framing_host_valid(const char *text, size_t size);
int framing_check(struct http_request *request, const char *method, const char *version,
                  const char **ret_reason);

/* body.c */
uint64_t body_length_max(const struct http_request *request); /* that may be announced */
void body_begin(struct http_request *request);
/* false: the connection is to be closed. */
bool body_take(struct http_request *request, const char *bytes, size_t size);
void body_end(struct http_request *request);

/* response.c: answers with what the application makes of a fault. */
void response_fault(struct http_request *request, int status, const char *reason, bool close);
/* Hands over a finished answer: queues it at once inside a call, else wakes the connection. */
void response_hand_over(struct http_request *request, int status, struct MHD_Response *response);
enum MHD_Result response_queue(struct http_request *request);
void response_add_headers(struct http_request *request, struct MHD_Response *response, bool close);

#endif
