#include "http/internal.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/*
 * DESIGN. libmicrohttpd could run its threads itself, but then every answer that another thread gives wakes one of them, and on a busy machine
 * each of these wakes takes the processor from the thread that is answering: the store's writer, which answers many requests
 * after one commit. Here answers gather in a list, and the loop is woken once for all of them.
 */

void loop_wake(struct http_loop *loop)
{
    uint64_t one = 1;
    while (write(loop->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
        continue;
}

void loop_rouse(struct http_loop *loop, struct http_sleeper *sleeper)
{
    pthread_mutex_lock(&loop->lock);
    bool first = !loop->woken;
    sleeper->next = loop->woken;
    loop->woken = sleeper;
    pthread_mutex_unlock(&loop->lock);
    if (first)
        loop_wake(loop);
}

/* Lets those go on that were roused; false when the loop is to end. */
static bool loop_resume(struct http_loop *loop)
{
    pthread_mutex_lock(&loop->lock);
    struct http_sleeper *sleeper = loop->woken;
    loop->woken = NULL;
    bool end = loop->end;
    pthread_mutex_unlock(&loop->lock);
    while (sleeper) {
        struct http_sleeper *next = sleeper->next;
        MHD_resume_connection(sleeper->connection);
        sleeper = next;
    }
    return !end;
}

/* Sends the answers that there are, and ends the streams. */
static void loop_finish(struct http_loop *loop)
{
    socket_streams_work(loop, true);
    loop_resume(loop);
    MHD_run(loop->daemon);
}

static int loop_patience_ms(struct http_loop *loop)
{
    enum { LONGEST_MS = 3600000, DRAINING_MS = 100 };
    MHD_UNSIGNED_LONG_LONG timeout;
    if (loop->draining)
        return DRAINING_MS;
    if (MHD_get_timeout(loop->daemon, &timeout) != MHD_YES)
        return -1;
    return timeout < LONGEST_MS ? (int)timeout : LONGEST_MS;
}

static void *loop_main(void *context)
{
    struct http_loop *loop = context;
    int epoll_fd = MHD_get_daemon_info(loop->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    struct pollfd fds[3] = {{.fd = epoll_fd, .events = POLLIN},
                            {.fd = loop->wake_fd, .events = POLLIN},
                            {.fd = loop->stream_fd, .events = POLLIN}};
    for (;;) {
        socket_streams_work(loop, false);
        bool go_on = loop_resume(loop);
        MHD_run(loop->daemon);
        if (!go_on) {
            loop_finish(loop);
            return NULL;
        }
        if (poll(fds, 3, loop_patience_ms(loop)) > 0 && fds[1].revents) {
            uint64_t count;
            while (read(loop->wake_fd, &count, sizeof(count)) < 0 && errno == EINTR)
                continue;
        }
    }
}

static void loop_close(struct http_loop *loop)
{
    if (loop->wake_fd >= 0)
        close(loop->wake_fd);
    if (loop->stream_fd >= 0)
        close(loop->stream_fd);
}

bool loop_start(struct http_loop *loop)
{
    loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    loop->stream_fd = epoll_create1(EPOLL_CLOEXEC);
    if (loop->wake_fd < 0 || loop->stream_fd < 0) {
        loop_close(loop);
        return false;
    }
    pthread_mutex_init(&loop->lock, NULL);
    if (pthread_create(&loop->thread, NULL, loop_main, loop) == 0) {
        pthread_setname_np(loop->thread, "http");
        return true;
    }
    pthread_mutex_destroy(&loop->lock);
    loop_close(loop);
    return false;
}

void loop_stop(struct http_loop *loop)
{
    pthread_mutex_lock(&loop->lock);
    loop->end = true;
    pthread_mutex_unlock(&loop->lock);
    loop_wake(loop);
    pthread_join(loop->thread, NULL);
}

void loop_free(struct http_loop *loop)
{
    loop_finish(loop);
    MHD_stop_daemon(loop->daemon);
    pthread_mutex_destroy(&loop->lock);
    loop_close(loop);
}
