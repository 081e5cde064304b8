/*
 * The outside, behind the one address guard. Runs inside the net worker process: one event loop on libcurl, no
 * decoders, no database. Every outgoing connection: resolve once, check every address, connect to exactly the
 * checked one, check again on each redirect; https and http only; no userinfo; caps on size, time and redirects.
 */
#ifndef NET_NET_H
#define NET_NET_H

#include "base/err.h"
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* Whether an address is on the public Internet: not private, loopback, link-local, multicast, metadata, carrier NAT,
 * documentation, benchmarking, reserved, nor one of those in IPv4-mapped, 6to4, NAT64 or Teredo form. Pure. */
bool net_address_public(const struct sockaddr *address);

struct net_loop;

int net_loop_new(struct net_loop **ret_loop, struct err *err);
void net_loop_free(struct net_loop *loop); /* NULL allowed; cancels what is open */

struct net_result {
    int rc;                   /* 0 or a negative enum err_code */
    struct err err;           /* when rc < 0 */
    long status;              /* HTTP status of the last answer, 0 without one */
    uint64_t size;            /* bytes written to the file */
    const char *content_type; /* as the peer said, NULL */
    int64_t retry_after_s;    /* -1 without one */
};

/* Called once per request on the thread that runs net_loop_step(). */
typedef void (*net_done)(void *context, const struct net_result *result);

struct net_request {
    const char *url;
    const char *method;         /* "GET" or "POST" */
    const char *const *headers; /* "Name: value", ended by NULL; NULL for none */
    const char *body;           /* POST */
    size_t body_size;
    int output_fd;      /* the body of a 2xx answer is written here; -1: read and dropped */
    uint64_t max_bytes; /* of the answer's body; ERR_TOO_LARGE over it */
    int64_t timeout_ms; /* whole exchange with redirects; ERR_TIMEOUT */
    int max_redirects;  /* 0: a redirect is an answer like any other */
    bool allow_private;
    void (*progress)(void *context,
                     double fraction); /* may be NULL; only where the length is known */
    net_done done;
    void *context;
};

/* Starts a request (all is copied; output_fd stays the caller's and must outlive it). `ret_id` for net_cancel(). Faults
 * of the URL come through `done` as well, ERR_FETCH_REFUSED. */
void net_start(struct net_loop *loop, const struct net_request *settings, uint64_t *ret_id);
/* No `done` call follows. */
void net_cancel(struct net_loop *loop, uint64_t id);

/* Waits for `extra_fd` to become readable (or -1), for the network, or `timeout_ms` at most; works on what is ready.
 * Returns whether extra_fd is readable. */
bool net_loop_step(struct net_loop *loop, int extra_fd, int timeout_ms);

#endif
