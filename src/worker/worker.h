/*
 * The children's main functions. The server starts them with the wire on descriptor WORKER_WIRE_FD and, for media workers, the
 * asset pack on WORKER_PACK_FD; everything else is closed. They end when the wire closes or the parent dies.
 */
#ifndef WORKER_WORKER_H
#define WORKER_WORKER_H

#include <stdint.h>

enum { WORKER_WIRE_FD = 3, WORKER_PACK_FD = 4 };

struct worker_settings {
    int index; /* for log lines */
    uint64_t memory_bytes;
    uint64_t output_bytes;
    int cpu_seconds; /* of one attempt */
};

/* Exit status of the process: 0 when the wire was closed in order. */
int worker_media_main(const struct worker_settings *settings);
int worker_net_main(const struct worker_settings *settings);

#endif
