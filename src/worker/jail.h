/*
 * What a child process may still do once it works on untrusted bytes. Entered once, after the libraries are prepared and
 * before the first such byte; there is no way back.
 */
#ifndef WORKER_JAIL_H
#define WORKER_JAIL_H

#include "base/err.h"
#include <stdint.h>

struct jail_limits {
    uint64_t memory_bytes; /* address space; ignored in sanitizer builds, which reserve terabytes */
    uint64_t output_bytes; /* largest file that may be written */
    int descriptors;
};

enum jail_kind {
    JAIL_MEDIA, /* decoders: no network, no file system, no new processes, no new executable memory */
    JAIL_NET /* the outside: sockets and name resolution, no writing to the file system, no new processes */
};

/* Landlock where the kernel has it, seccomp and resource limits always. ERR_UNAVAILABLE with what could not be set: then the
 * process must not go on. */
int jail_enter(enum jail_kind kind, const struct jail_limits *limits, struct err *err);

/* Landlock's version in this kernel, 0 when it has none. */
int jail_landlock_version(void);

/* Raises the soft limit of processor time to what was used so far plus `seconds`; SIGXCPU ends the process beyond it. */
void jail_set_cpu_budget(int seconds);

#endif
