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

/* One of several parts of a work: its 0..1 becomes start..start + length of the whole. */
struct media_span {
    const struct media_monitor *whole; /* may be NULL */
    double start, length;
};

static inline bool media_span_advance(void *context, double fraction)
{
    const struct media_span *span = context;
    return media_advance(span->whole, span->start + span->length * fraction);
}

#endif
