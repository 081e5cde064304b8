#include "worker/child.h"

#include "base/log.h"
#include "worker/worker.h"

#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

struct wire *child_start(const char *kind, int index, int last_fd, bool blocking)
{
    static char name[32];
    /* A parent that died before this line has closed the wire, which ends the child as well. */
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    close_range((unsigned)last_fd + 1, ~0U, 0);
    /* A terminal's Ctrl-C goes to the whole group; the server alone decides how its children end. */
    signal(SIGINT, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    snprintf(name, sizeof(name), "%s-%d", kind, index);
    prctl(PR_SET_NAME, name, 0, 0, 0);
    log_setup(LOG_INFO, false, name);
    return wire_new(WORKER_WIRE_FD, blocking);
}

int child_send_failed(struct wire *wire, int64_t job, const struct err *fault, struct err *err)
{
    CLEANUP(json)
    json_t *message =
        json_pack("{s:s, s:I, s:s, s:s, s:s}", "type", "failed", "job", (json_int_t)job, "code",
                  err_wire(fault->code), "message", fault->message, "path", fault->path);
    return wire_send(wire, message, NULL, 0, err);
}

int child_send_ready(struct wire *wire, struct err *err)
{
    CLEANUP(json) json_t *message = json_pack("{s:s}", "type", "ready");
    return wire_send(wire, message, NULL, 0, err);
}
