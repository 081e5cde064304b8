/* What every child does first: die with its parent, keep only its own descriptors, name itself in the log. */
#ifndef WORKER_CHILD_H
#define WORKER_CHILD_H

#include "wire/wire.h"

/* `last_fd` is the highest descriptor the child keeps. The name lives as long as the process. */
struct wire *child_start(const char *kind, int index, int last_fd, bool blocking);

/* Sends {"type":"failed",...} for `job`. */
int child_send_failed(struct wire *wire, int64_t job, const struct err *fault, struct err *err);
int child_send_ready(struct wire *wire, struct err *err);

#endif
