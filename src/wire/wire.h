/*
 * Framed JSON messages with passed file descriptors between the server and its children.
 *
 * A frame is 8 bytes (payload length and descriptor count, 32-bit little endian each) and the payload,
 * one JSON object; the descriptors travel with the first byte. A peer that breaks the framing, goes over
 * WIRE_PAYLOAD_MAX or WIRE_FDS_MAX, or sends something that is no JSON object gives ERR_INTERNAL: the
 * connection is of no use afterwards. The children are hostile as far as the server is concerned.
 *
 * Messages (member "type"):
 *   server to media worker  {"type":"run","job":N,"flow":..,"params":{..},"local":{..},"seed":"DECIMAL"}
 *                           "then":[{"flow":..,"params":{..},"local":{..}}, ..] with the inputs of all as descriptors:
 *                           `then` are the steps that run in the same pass; {"type":"cancel","job":N};
 *                           {"type":"output","job":N} with one descriptor, the answer to an "output"
 *   media worker to server  {"type":"ready"}; {"type":"progress","job":N,"fraction":0.5};
 *                           {"type":"note","job":N,"text":..}; {"type":"output","job":N};
 *                           {"type":"done","job":N,"provider":"local"|null,"results":[{"text":..} |
 *                           {"output":I,"content_type":..,"width":..,"height":..,"duration_ms":..}]}
 *                           where I counts the job's outputs from 0, and "then":[[..], ..] with the
 *                           results of each of the steps that ran with it;
 *                           {"type":"failed","job":N,"code":WIRE_WORD,"message":..,"path":..}
 *   server to net worker    {"type":"fetch","job":N,"url":..,"max_bytes":..,"timeout_ms":..,
 *                           "max_redirects":..,"allow_private":false} with the file to write;
 *                           {"type":"post","job":N,"url":..,"headers":[[name,value],..],"body":..,
 *                           "timeout_ms":..,"allow_private":..}; {"type":"cancel","job":N}
 *   net worker to server    {"type":"ready"}; {"type":"progress","job":N,"fraction":..};
 *                           {"type":"fetched","job":N,"size":..,"content_type":..|null};
 *                           {"type":"posted","job":N,"status":200,"retry_after_s":N|null};
 *                           {"type":"failed","job":N,"code":..,"message":..,"path":..}
 * Job numbers are never reused within the life of a server process.
 */
#ifndef WIRE_WIRE_H
#define WIRE_WIRE_H

#include "base/buffer.h"
#include "base/err.h"
#include "base/json.h"
#include <stdbool.h>

enum { WIRE_PAYLOAD_MAX = 8 * 1024 * 1024, WIRE_FDS_MAX = 64 };

struct wire_message {
    json_t *json; /* an object with a string member "type" */
    int fds[WIRE_FDS_MAX];
    int fd_count;
};

/* Frees the object and closes the descriptors that were not taken (set to -1). */
void wire_message_finish(struct wire_message *message);

static inline void cleanup_wire_message(struct wire_message *message)
{
    wire_message_finish(message);
}

/* One end of a connection. Owned by one thread. */
struct wire;

/* Takes over `fd`, a connected SOCK_STREAM Unix socket. `blocking`: send waits until all is written and
 * receive until a message is there; otherwise both do what they can. */
struct wire *wire_new(int fd, bool blocking);
void wire_free(struct wire *wire); /* NULL allowed; closes */
int wire_fd(const struct wire *wire);

/* Sends or queues a message; descriptors are duplicated at once, the caller keeps its own. ERR_UNAVAILABLE
 * when the peer is gone, ERR_TOO_LARGE over the limits. */
int wire_send(struct wire *wire, const json_t *message, const int *fds, int fd_count,
              struct err *err);
/* The same with a message that is text already: one compact JSON object. */
int wire_send_text(struct wire *wire, const struct buffer *message, const int *fds, int fd_count,
                   struct err *err);

/* Non-blocking: whether queued bytes wait for the socket to become writable, and writing them. */
bool wire_wants_write(const struct wire *wire);
int wire_flush(struct wire *wire, struct err *err);

/* 1 and a message, 0 when none is complete yet (non-blocking only), ERR_UNAVAILABLE when the peer closed,
 * ERR_INTERNAL when it broke the rules. */
int wire_receive(struct wire *wire, struct wire_message *ret_message, struct err *err);

/* Whether a receive would find a message or the end, without taking it; never blocks. */
bool wire_has_message(struct wire *wire);

/* A connected pair, both close-on-exec. ERR_UNAVAILABLE when the system has none left. */
int wire_pair(int ret_fds[2], struct err *err);

CLEANUP_DEFINE(wire, struct wire, wire_free);

#endif
