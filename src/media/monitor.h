/* Progress and cancellation for long media work, without knowing who asks for it. */
#ifndef MEDIA_MONITOR_H
#define MEDIA_MONITOR_H

#include <stdbool.h>

struct media_monitor {
    void *context;
    /* Reports 0..1; returns false when the work is to stop, which then ends with ERR_CANCELLED. Called at least every
     * 200 ms of work, on the thread that does it. */
    bool (*advance)(void *context, double fraction);
};

/* NULL monitor: always goes on. */
static inline bool media_advance(const struct media_monitor *monitor, double fraction)
{
    return !monitor || monitor->advance(monitor->context, fraction);
}

#endif
