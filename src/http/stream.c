#include "http/internal.h"

#include <string.h>

/*
 * DESIGN. A stream goes out on the connection's socket, beside libmicrohttpd, which meanwhile lets the connection sleep: it would use a
 * large part of its memory for each. With TLS that cannot be; there libmicrohttpd reads the stream as it reads any body.
 */
enum { STREAM_WAITING_BYTES_MAX = 256 << 10, STREAM_BLOCK_BYTES = 512 };

void stream_free(struct http_stream *stream)
{
    buffer_finish(&stream->waiting);
    pthread_mutex_destroy(&stream->lock);
    free(stream);
}

/* On the connection's thread. With nothing to send the connection sleeps until a write wakes it. */
static ssize_t stream_read(void *context, uint64_t position, char *bytes, size_t size)
{
    struct http_stream *stream = context;
    (void)position;
    pthread_mutex_lock(&stream->lock);
    ssize_t taken = 0;
    if (stream->waiting.size > 0) {
        taken = (ssize_t)(stream->waiting.size < size ? stream->waiting.size : size);
        memcpy(bytes, stream->waiting.bytes, (size_t)taken);
        buffer_consume(&stream->waiting, (size_t)taken);
        if (stream->waiting.size == 0)
            buffer_finish(&stream->waiting); /* most of its life a stream has nothing to say */
    } else if (stream->ended) {
        taken = MHD_CONTENT_READER_END_OF_STREAM;
    } else {
        stream->suspended = true;
        MHD_suspend_connection(stream->sleeper.connection);
    }
    pthread_mutex_unlock(&stream->lock);
    return taken;
}

/* The answer is over, whoever ended it; whoever comes second frees. Under the lock the application cannot end the stream, and free
 * its context, while it is told. */
static void stream_closed(void *context)
{
    struct http_stream *stream = context;
    pthread_mutex_lock(&stream->lock);
    bool ended = stream->ended;
    stream->closed = true;
    if (!ended)
        stream->gone(stream->context);
    pthread_mutex_unlock(&stream->lock);
    if (ended)
        stream_free(stream);
}

static void stream_wake(struct http_stream *stream)
{
    if (stream->suspended && !stream->closed) {
        stream->suspended = false;
        loop_rouse(stream->loop, &stream->sleeper);
    }
}

static void stream_begin(struct http_stream *stream, struct http_request *request,
                         const char *content_type)
{
    stream->sleeper.connection = request->connection;
    struct MHD_Response *answer = MHD_create_response_from_callback(
        MHD_SIZE_UNKNOWN, STREAM_BLOCK_BYTES, stream_read, stream, stream_closed);
    if (!answer)
        abort(); /* out of memory, the only cause */
    MHD_add_response_header(answer, "Content-Type", content_type);
    MHD_add_response_header(answer, "Cache-Control", "no-store");
    response_add_headers(request, answer, false);
    response_hand_over(request, 200, answer);
}

struct http_stream *http_reply_stream(struct http_request *request, const char *content_type,
                                      void (*gone)(void *context), void *context)
{
    struct http_stream *stream = mem_alloc(sizeof(*stream));
    pthread_mutex_init(&stream->lock, NULL);
    stream->loop = request->loop;
    stream->gone = gone;
    stream->context = context;
    if (http_request_is_tls(request)) {
        stream_begin(stream, request, content_type);
    } else {
        stream->request = request;
        socket_stream_begin(stream, content_type);
    }
    return stream;
}

int http_stream_write(struct http_stream *stream, const void *bytes, size_t size, struct err *err)
{
    pthread_mutex_lock(&stream->lock);
    bool slow = stream->waiting.size > STREAM_WAITING_BYTES_MAX;
    if (!slow && !stream->closed && size > 0) {
        if (stream->request)
            socket_stream_write(stream, bytes, size);
        else
            buffer_append(&stream->waiting, bytes, size);
        stream_wake(stream);
    }
    pthread_mutex_unlock(&stream->lock);
    return slow ? err_set(err, ERR_TOO_LARGE, NULL, "The client reads too slowly.") : 0;
}

void http_stream_end(struct http_stream *stream)
{
    if (stream->request) {
        socket_stream_end(stream);
        return;
    }
    pthread_mutex_lock(&stream->lock);
    bool closed = stream->closed;
    stream->ended = true;
    stream_wake(stream);
    pthread_mutex_unlock(&stream->lock);
    if (closed)
        stream_free(stream);
}
