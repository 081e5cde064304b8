/*
 * Counters and histograms of this process, for /metrics in the form of Prometheus. Rows are in metrics.def. Any thread; counting
 * takes no lock once a pair of label values is known. Gauges are read from their owners when somebody asks.
 */
#ifndef BASE_METRIC_H
#define BASE_METRIC_H

#include "base/buffer.h"
#include <stdint.h>

enum metric {
#define METRIC(NAME, name, kind, first, second, help) METRIC_##NAME,
#include "base/metrics.def"
#undef METRIC
    METRIC_COUNT
};

/* Label values that the metric does not have are "". Beyond METRIC_SERIES_MAX pairs of a metric, new ones are not counted. */
enum { METRIC_SERIES_MAX = 512 };
void metric_add(enum metric metric, const char *first, const char *second, uint64_t amount);
void metric_observe(enum metric metric, const char *first, const char *second, double seconds);

/* All of them, text format 0.0.4. */
void metric_render(struct buffer *b);
/* One gauge with its help; `labels` is "" or {name="value",...}. */
void metric_render_gauge(struct buffer *b, const char *name, const char *help, const char *labels,
                         double value);

#endif
