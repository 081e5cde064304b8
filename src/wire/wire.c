#include "wire/wire.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * DESIGN. Bytes are read into one buffer and descriptors into one queue. A frame's descriptors are sent with its
 * first bytes, so they have arrived when the frame is complete, and frames take them off the queue in order.
 * Sent messages that the socket does not take at once wait as whole frames, because their descriptors must go
 * with their first byte.
 */
enum { WIRE_HEADER_SIZE = 8, WIRE_READ_SIZE = 64 * 1024, WIRE_FD_QUEUE_MAX = 4 * WIRE_FDS_MAX };

struct wire_frame {
    struct wire_frame *next;
    char *bytes;
    size_t size, sent;
    int fds[WIRE_FDS_MAX];
    int fd_count;
};

struct wire {
    int fd;
    bool blocking;
    bool dry; /* nothing is left to read, as far as the last read could tell */
    struct buffer in;
    int in_fds[WIRE_FD_QUEUE_MAX];
    int in_fd_count;
    struct wire_frame *out_first, *out_last;
};

static void wire_close_all(int *fds, int count)
{
    for (int i = 0; i < count; i++) {
        if (fds[i] >= 0)
            close(fds[i]);
        fds[i] = -1;
    }
}

void wire_message_finish(struct wire_message *message)
{
    json_decref(message->json);
    message->json = NULL;
    wire_close_all(message->fds, message->fd_count);
    message->fd_count = 0;
}

struct wire *wire_new(int fd, bool blocking)
{
    struct wire *wire = mem_alloc(sizeof(*wire));
    wire->fd = fd;
    wire->blocking = blocking;
    int flags = fcntl(fd, F_GETFL);
    assert(flags >= 0);
    fcntl(fd, F_SETFL, blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK);
    return wire;
}

static void wire_frame_free(struct wire_frame *frame)
{
    wire_close_all(frame->fds, frame->fd_count);
    free(frame->bytes);
    free(frame);
}

void wire_free(struct wire *wire)
{
    if (!wire)
        return;
    while (wire->out_first) {
        struct wire_frame *frame = wire->out_first;
        wire->out_first = frame->next;
        wire_frame_free(frame);
    }
    wire_close_all(wire->in_fds, wire->in_fd_count);
    buffer_finish(&wire->in);
    close(wire->fd);
    free(wire);
}

int wire_fd(const struct wire *wire)
{
    return wire->fd;
}

static void wire_store_u32(char *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (char)(value >> (8 * i) & 0xFF);
}

static uint32_t wire_load_u32(const char *at)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++)
        value |= (uint32_t)(unsigned char)at[i] << (8 * i);
    return value;
}

/* Sends what the socket takes of one frame; 1 when it is all sent, 0 when the socket is full. */
static int wire_send_frame(struct wire *wire, struct wire_frame *frame, struct err *err)
{
    while (frame->sent < frame->size) {
        struct iovec part = {frame->bytes + frame->sent, frame->size - frame->sent};
        union {
            struct cmsghdr align;
            char bytes[CMSG_SPACE(sizeof(int) * WIRE_FDS_MAX)];
        } control;
        struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
        if (frame->sent == 0 && frame->fd_count > 0) {
            size_t size = sizeof(int) * (size_t)frame->fd_count;
            header.msg_control = control.bytes;
            header.msg_controllen = CMSG_SPACE(size);
            struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
            rights->cmsg_level = SOL_SOCKET;
            rights->cmsg_type = SCM_RIGHTS;
            rights->cmsg_len = CMSG_LEN(size);
            memcpy(CMSG_DATA(rights), frame->fds, size);
        }
        ssize_t sent = sendmsg(wire->fd, &header, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ETOOMANYREFS))
            return 0;
        if (sent < 0)
            return err_set(err, ERR_UNAVAILABLE, NULL, "The other process is gone: %s.",
                           strerror(errno));
        frame->sent += (size_t)sent;
    }
    return 1;
}

int wire_flush(struct wire *wire, struct err *err)
{
    while (wire->out_first) {
        struct wire_frame *frame = wire->out_first;
        int rc = wire_send_frame(wire, frame, err);
        if (rc <= 0)
            return rc;
        wire->out_first = frame->next;
        if (!wire->out_first)
            wire->out_last = NULL;
        wire_frame_free(frame);
    }
    return 0;
}

bool wire_wants_write(const struct wire *wire)
{
    return wire->out_first != NULL;
}

/* Takes over the buffer, which has room for the header in front of the payload. */
static int wire_send_frame_of(struct wire *wire, struct buffer *b, const int *fds, int fd_count,
                              struct err *err)
{
    size_t payload = b->size - WIRE_HEADER_SIZE;
    if (payload > WIRE_PAYLOAD_MAX)
        return err_set(err, ERR_TOO_LARGE, NULL, "A message is larger than %d bytes.",
                       WIRE_PAYLOAD_MAX);
    if (fd_count > WIRE_FDS_MAX)
        return err_set(err, ERR_TOO_LARGE, NULL, "More than %d files in one message.",
                       WIRE_FDS_MAX);
    struct wire_frame *frame = mem_alloc(sizeof(*frame));
    frame->bytes = buffer_take(b, &frame->size);
    wire_store_u32(frame->bytes, (uint32_t)payload);
    wire_store_u32(frame->bytes + 4, (uint32_t)fd_count);
    for (int i = 0; i < fd_count; i++) {
        frame->fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);
        frame->fd_count = i + 1;
        if (frame->fds[i] < 0) {
            wire_frame_free(frame);
            return err_set(err, ERR_UNAVAILABLE, NULL, "No descriptor is left: %s.",
                           strerror(errno));
        }
    }
    if (wire->out_last)
        wire->out_last->next = frame;
    else
        wire->out_first = frame;
    wire->out_last = frame;
    return wire_flush(wire, err);
}

static const char wire_no_header[WIRE_HEADER_SIZE];

int wire_send(struct wire *wire, const json_t *message, const int *fds, int fd_count,
              struct err *err)
{
    CLEANUP(buffer) struct buffer b = {0};
    buffer_append(&b, wire_no_header, WIRE_HEADER_SIZE);
    json_append_text(&b, message);
    return wire_send_frame_of(wire, &b, fds, fd_count, err);
}

int wire_send_text(struct wire *wire, const struct buffer *message, const int *fds, int fd_count,
                   struct err *err)
{
    CLEANUP(buffer) struct buffer b = {0};
    buffer_reserve(&b, WIRE_HEADER_SIZE + message->size);
    buffer_append(&b, wire_no_header, WIRE_HEADER_SIZE);
    buffer_append(&b, message->bytes, message->size);
    return wire_send_frame_of(wire, &b, fds, fd_count, err);
}

/* Keeps the descriptors of one recvmsg(); more than the queue takes is a broken peer. */
static int wire_take_control(struct wire *wire, struct msghdr *header)
{
    int rc = header->msg_flags & MSG_CTRUNC ? -1 : 0;
    for (struct cmsghdr *at = CMSG_FIRSTHDR(header); at; at = CMSG_NXTHDR(header, at)) {
        if (at->cmsg_level != SOL_SOCKET || at->cmsg_type != SCM_RIGHTS)
            continue;
        int count = (int)((at->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        for (int i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(at) + (size_t)i * sizeof(int), sizeof(fd));
            if (wire->in_fd_count < WIRE_FD_QUEUE_MAX) {
                wire->in_fds[wire->in_fd_count++] = fd;
            } else {
                close(fd);
                rc = -1;
            }
        }
    }
    return rc;
}

/* 1 when bytes came, 0 when none are there now. */
static int wire_read(struct wire *wire, struct err *err)
{
    buffer_reserve(&wire->in, WIRE_READ_SIZE);
    wire->dry = false;
    struct iovec part = {wire->in.bytes + wire->in.size, WIRE_READ_SIZE};
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int) * WIRE_FDS_MAX)];
    } control;
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = control.bytes,
                            .msg_controllen = sizeof(control.bytes)};
    ssize_t got = recvmsg(wire->fd, &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (got < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK)) {
        wire->dry = errno != EINTR;
        return 0;
    }
    if (got < 0)
        return err_set(err, ERR_UNAVAILABLE, NULL, "The other process is gone: %s.",
                       strerror(errno));
    if (got == 0)
        return err_set(err, ERR_UNAVAILABLE, NULL, "The other process has closed the connection.");
    if (wire_take_control(wire, &header) < 0)
        return err_set(err, ERR_INTERNAL, NULL, "The other process sent too many files.");
    wire->in.size += (size_t)got;
    wire->dry = got < WIRE_READ_SIZE;
    return 1;
}

/* 1 when the buffer begins with a whole frame, 0 when not yet. */
static int wire_frame_ready(const struct wire *wire, struct err *err)
{
    if (wire->in.size < WIRE_HEADER_SIZE)
        return 0;
    uint32_t payload = wire_load_u32(wire->in.bytes);
    uint32_t fd_count = wire_load_u32(wire->in.bytes + 4);
    if (payload > WIRE_PAYLOAD_MAX || fd_count > WIRE_FDS_MAX)
        return err_set(err, ERR_INTERNAL, NULL, "The other process sent a broken frame.");
    return wire->in.size - WIRE_HEADER_SIZE >= payload;
}

static int wire_take_frame(struct wire *wire, struct wire_message *ret_message, struct err *err)
{
    uint32_t payload = wire_load_u32(wire->in.bytes);
    int fd_count = (int)wire_load_u32(wire->in.bytes + 4);
    if (fd_count > wire->in_fd_count)
        return err_set(err, ERR_INTERNAL, NULL, "The other process sent fewer files than it said.");
    CLEANUP(json) json_t *json = NULL;
    if (json_parse(wire->in.bytes + WIRE_HEADER_SIZE, payload, WIRE_PAYLOAD_MAX, &json, NULL) < 0 ||
        !json_member_string(json, "type"))
        return err_set(err, ERR_INTERNAL, NULL, "The other process sent a broken message.");
    memset(ret_message, 0, sizeof(*ret_message));
    memcpy(ret_message->fds, wire->in_fds, sizeof(int) * (size_t)fd_count);
    ret_message->fd_count = fd_count;
    wire->in_fd_count -= fd_count;
    memmove(wire->in_fds, wire->in_fds + fd_count, sizeof(int) * (size_t)wire->in_fd_count);
    buffer_consume(&wire->in, WIRE_HEADER_SIZE + payload);
    ret_message->json = TAKE(json);
    return 1;
}

/* A process that waits inside recvmsg() is woken also when the other one has read what was sent; one that polls is not. */
static void wire_await(const struct wire *wire)
{
    struct pollfd ready = {.fd = wire->fd, .events = POLLIN};
    poll(&ready, 1, -1);
}

int wire_receive(struct wire *wire, struct wire_message *ret_message, struct err *err)
{
    for (;;) {
        int rc = wire_frame_ready(wire, err);
        if (rc < 0)
            return rc;
        if (rc > 0)
            return wire_take_frame(wire, ret_message, err);
        if (wire->dry && !wire->blocking) {
            wire->dry = false; /* whoever polls is told again when more comes */
            return 0;
        }
        if (wire->dry)
            wire_await(wire);
        rc = wire_read(wire, err);
        if (rc < 0)
            return rc;
    }
}

bool wire_has_message(struct wire *wire)
{
    if (wire_frame_ready(wire, NULL) != 0)
        return true;
    struct pollfd ready = {.fd = wire->fd, .events = POLLIN};
    while (poll(&ready, 1, 0) > 0) {
        int rc = wire_read(wire, NULL);
        if (rc < 0 || wire_frame_ready(wire, NULL) != 0)
            return true;
        if (rc == 0)
            return false;
    }
    return false;
}

int wire_pair(int ret_fds[2], struct err *err)
{
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ret_fds) < 0)
        return err_set(err, ERR_UNAVAILABLE, NULL, "No socket is left: %s.", strerror(errno));
    return 0;
}
