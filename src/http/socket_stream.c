#include "http/internal.h"

#include "base/clock.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

/*
 * DESIGN. The connection is suspended, so libmicrohttpd does not touch its socket. Whoever writes sends at once; what does not go
 * through waits in the stream, and the loop sends it when the socket takes it. The loop also sees who has gone. Only the loop frees
 * streams, after it has worked off the events that it was given, which name them.
 */
enum { SOCKET_STREAM_PATIENCE_S = 10 };

static void socket_stream_poll(struct http_stream *stream, int operation, bool writable)
{
    struct epoll_event event = {.events = EPOLLRDHUP | (writable ? EPOLLOUT : 0),
                                .data.ptr = stream};
    epoll_ctl(stream->loop->stream_fd, operation, stream->fd, &event);
    stream->polled = writable;
}

/* Under lock. A broken connection shows in the loop's events. */
static void socket_stream_flush(struct http_stream *stream)
{
    size_t sent = 0;
    while (!stream->closed && sent < stream->waiting.size) {
        ssize_t count = send(stream->fd, stream->waiting.bytes + sent, stream->waiting.size - sent,
                             MSG_DONTWAIT | MSG_NOSIGNAL);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            break;
        sent += (size_t)count;
    }
    if (stream->closed || sent == stream->waiting.size)
        buffer_finish(&stream->waiting); /* most of its life a stream has nothing to say */
    else
        buffer_consume(&stream->waiting, sent);
    bool left = stream->waiting.size > 0;
    if (!stream->closed && left != stream->polled)
        socket_stream_poll(stream, EPOLL_CTL_MOD, left);
}

void socket_stream_begin(struct http_stream *stream, const char *content_type)
{
    struct http_request *request = stream->request;
    const int on = 1;
    pthread_mutex_lock(&stream->lock);
    stream->fd =
        MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    stream->chunked = !request->is_1_0;
    setsockopt(stream->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    socket_stream_poll(stream, EPOLL_CTL_ADD, false);
    buffer_printf(&stream->waiting,
                  "HTTP/1.1 200 OK\r\nDate: %s\r\nConnection: close\r\nContent-Type: %s\r\n"
                  "Cache-Control: no-store\r\nX-Request-Id: %s\r\n%s\r\n",
                  response_date(), content_type, request->id,
                  stream->chunked ? "Transfer-Encoding: chunked\r\n" : "");
    socket_stream_flush(stream);
    pthread_mutex_unlock(&stream->lock);
}

void socket_stream_write(struct http_stream *stream, const void *bytes, size_t size)
{
    if (stream->chunked)
        buffer_printf(&stream->waiting, "%zx\r\n", size);
    buffer_append(&stream->waiting, bytes, size);
    if (stream->chunked)
        buffer_append(&stream->waiting, "\r\n", 2);
    socket_stream_flush(stream);
}

void socket_stream_end(struct http_stream *stream)
{
    struct http_loop *loop = stream->loop;
    pthread_mutex_lock(&stream->lock);
    stream->ended = true;
    stream->give_up_at = clock_monotonic_us() + INT64_C(1000000) * SOCKET_STREAM_PATIENCE_S;
    if (stream->chunked && !stream->closed)
        buffer_append(&stream->waiting, "0\r\n\r\n", 5);
    socket_stream_flush(stream);
    pthread_mutex_unlock(&stream->lock);
    pthread_mutex_lock(&loop->lock);
    bool first = !loop->ended;
    stream->next = loop->ended;
    loop->ended = stream;
    pthread_mutex_unlock(&loop->lock);
    if (first)
        loop_wake(loop);
}

/* --- on the loop's thread ------------------------------------------------------------------------ */

static void socket_stream_event(struct http_stream *stream, uint32_t events)
{
    pthread_mutex_lock(&stream->lock);
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
        stream->closed = true;
        epoll_ctl(stream->loop->stream_fd, EPOLL_CTL_DEL, stream->fd, NULL);
        if (!stream->ended)
            stream->gone(stream->context);
    }
    socket_stream_flush(stream);
    pthread_mutex_unlock(&stream->lock);
}

static void socket_stream_finish(struct http_stream *stream)
{
    struct http_request *request = stream->request;
    struct http_loop *loop = stream->loop;
    if (!stream->closed)
        epoll_ctl(loop->stream_fd, EPOLL_CTL_DEL, stream->fd, NULL);
    stream_free(stream);
    /* Not suspended, the request may be gone as soon as the lock is. */
    pthread_mutex_lock(&request->lock);
    request->stream_over = true;
    bool wake = request->suspended;
    request->suspended = false;
    pthread_mutex_unlock(&request->lock);
    if (wake)
        loop_rouse(loop, &request->sleeper);
}

static void socket_streams_take_ended(struct http_loop *loop)
{
    pthread_mutex_lock(&loop->lock);
    while (loop->ended) {
        struct http_stream *stream = loop->ended;
        loop->ended = stream->next;
        stream->next = loop->draining;
        loop->draining = stream;
    }
    pthread_mutex_unlock(&loop->lock);
}

void socket_streams_work(struct http_loop *loop, bool force)
{
    enum { EVENTS = 64 };
    struct epoll_event events[EVENTS];
    int count = epoll_wait(loop->stream_fd, events, EVENTS, 0);
    for (int i = 0; i < count; i++)
        socket_stream_event(events[i].data.ptr, events[i].events);
    socket_streams_take_ended(loop);
    int64_t now = loop->draining ? clock_monotonic_us() : 0;
    struct http_stream **at = &loop->draining;
    while (*at) {
        struct http_stream *stream = *at;
        if (stream->waiting.size > 0 && now < stream->give_up_at && !force) {
            at = &stream->next;
            continue;
        }
        *at = stream->next;
        socket_stream_finish(stream);
    }
}
