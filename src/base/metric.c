#include "base/metric.h"

#include "base/arena.h"
#include "base/hash.h"
#include "base/table.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/*
 * DESIGN. The series of a metric lie in a table of fixed size, by the hash of their label values. A slot is filled once and never
 * changes, so looking up needs no lock; filling one takes the lock of all. Sums are kept in microseconds.
 */
enum metric_kind { METRIC_KIND_COUNTER, METRIC_KIND_HISTOGRAM };
enum { METRIC_SLOTS = 2 * METRIC_SERIES_MAX, METRIC_BUCKETS = 10 };

static const double metric_bounds[METRIC_BUCKETS - 1] = {0.001, 0.005, 0.025, 0.1, 0.5,
                                                         2.5,   10,    60,    300};

struct metric_series {
    char *first, *second;
    _Atomic uint64_t value;                   /* counts; of a histogram microseconds */
    _Atomic uint64_t buckets[METRIC_BUCKETS]; /* not yet summed up */
};

struct metric_table {
    _Atomic(struct metric_series *) slots[METRIC_SLOTS];
    int count; /* under metric_lock */
};

static const struct {
    const char *name;
    enum metric_kind kind;
    const char *first, *second, *help;
} metric_rows[METRIC_COUNT] = {
#define METRIC(NAME, name, kind, first, second, help)                                              \
    {name, METRIC_KIND_##kind, first, second, help},
#include "base/metrics.def"
#undef METRIC
};

static _Atomic(struct metric_table *) metric_tables[METRIC_COUNT];
static pthread_mutex_t metric_lock = PTHREAD_MUTEX_INITIALIZER;

static unsigned metric_hash(const char *first, const char *second)
{
    return hash_more(hash_text(first) * (uint32_t)HASH_PRIME, second) % METRIC_SLOTS;
}

static bool metric_is(const struct metric_series *series, const char *first, const char *second)
{
    return strcmp(series->first, first) == 0 && strcmp(series->second, second) == 0;
}

/* The series, or NULL with the free slot where it belongs. */
static struct metric_series *metric_look(struct metric_table *table, const char *first,
                                         const char *second, unsigned *ret_slot)
{
    unsigned slot = metric_hash(first, second);
    struct metric_series *series;
    while ((series = atomic_load_explicit(&table->slots[slot], memory_order_acquire))) {
        if (metric_is(series, first, second))
            return series;
        slot = (slot + 1) % METRIC_SLOTS;
    }
    *ret_slot = slot;
    return NULL;
}

static struct metric_series *metric_find(enum metric metric, const char *first, const char *second)
{
    struct metric_table *table = atomic_load(&metric_tables[metric]);
    struct metric_series *series;
    unsigned slot;
    if (table && (series = metric_look(table, first, second, &slot)))
        return series;
    pthread_mutex_lock(&metric_lock);
    table = atomic_load(&metric_tables[metric]);
    if (!table) {
        table = mem_alloc(sizeof(*table));
        atomic_store(&metric_tables[metric], table);
    }
    series = metric_look(table, first, second, &slot);
    if (!series && table->count < METRIC_SERIES_MAX) {
        series = mem_alloc(sizeof(*series));
        series->first = mem_strdup(first);
        series->second = mem_strdup(second);
        table->count++;
        atomic_store_explicit(&table->slots[slot], series, memory_order_release);
    }
    pthread_mutex_unlock(&metric_lock);
    return series;
}

void metric_add(enum metric metric, const char *first, const char *second, uint64_t amount)
{
    struct metric_series *series = metric_find(metric, first, second);
    if (series)
        atomic_fetch_add_explicit(&series->value, amount, memory_order_relaxed);
}

void metric_observe(enum metric metric, const char *first, const char *second, double seconds)
{
    struct metric_series *series = metric_find(metric, first, second);
    int bucket = 0;
    if (!series)
        return;
    while (bucket < METRIC_BUCKETS - 1 && seconds > metric_bounds[bucket])
        bucket++;
    atomic_fetch_add_explicit(&series->buckets[bucket], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&series->value, (uint64_t)(seconds * 1e6), memory_order_relaxed);
}

/* {first="..",second="..",le=".."} of what there is. Label values come from tables and need no escaping. */
static void metric_append_labels(struct buffer *b, enum metric metric,
                                 const struct metric_series *series, const char *bound)
{
    const char *names[] = {metric_rows[metric].first, metric_rows[metric].second, "le"};
    const char *values[] = {series->first, series->second, bound};
    bool any = false;
    for (size_t i = 0; i < TABLE_SIZE(names); i++) {
        if (!*names[i] || !values[i])
            continue;
        buffer_printf(b, "%s%s=\"%s\"", any ? "," : "{", names[i], values[i]);
        any = true;
    }
    if (any)
        buffer_append_char(b, '}');
}

static void metric_append_counter(struct buffer *b, enum metric metric,
                                  struct metric_series *series)
{
    buffer_append_text(b, metric_rows[metric].name);
    metric_append_labels(b, metric, series, NULL);
    buffer_printf(b, " %llu\n", (unsigned long long)atomic_load(&series->value));
}

static void metric_append_histogram(struct buffer *b, enum metric metric,
                                    struct metric_series *series)
{
    const char *name = metric_rows[metric].name;
    unsigned long long sum = 0;
    char bound[32] = "+Inf";
    for (int i = 0; i < METRIC_BUCKETS; i++) {
        sum += atomic_load(&series->buckets[i]);
        if (i < METRIC_BUCKETS - 1)
            snprintf(bound, sizeof(bound), "%g", metric_bounds[i]);
        else
            snprintf(bound, sizeof(bound), "+Inf");
        buffer_printf(b, "%s_bucket", name);
        metric_append_labels(b, metric, series, bound);
        buffer_printf(b, " %llu\n", sum);
    }
    buffer_printf(b, "%s_sum", name);
    metric_append_labels(b, metric, series, NULL);
    buffer_printf(b, " %.6f\n%s_count", (double)atomic_load(&series->value) / 1e6, name);
    metric_append_labels(b, metric, series, NULL);
    buffer_printf(b, " %llu\n", sum);
}

void metric_render(struct buffer *b)
{
    for (int i = 0; i < METRIC_COUNT; i++) {
        struct metric_table *table = atomic_load(&metric_tables[i]);
        bool is_counter = metric_rows[i].kind == METRIC_KIND_COUNTER;
        buffer_printf(b, "# HELP %s %s.\n# TYPE %s %s\n", metric_rows[i].name, metric_rows[i].help,
                      metric_rows[i].name, is_counter ? "counter" : "histogram");
        for (int k = 0; table && k < METRIC_SLOTS; k++) {
            struct metric_series *series = atomic_load(&table->slots[k]);
            if (series && is_counter)
                metric_append_counter(b, (enum metric)i, series);
            else if (series)
                metric_append_histogram(b, (enum metric)i, series);
        }
    }
}

void metric_render_gauge(struct buffer *b, const char *name, const char *help, const char *labels,
                         double value)
{
    if (*help)
        buffer_printf(b, "# HELP %s %s.\n# TYPE %s gauge\n", name, help, name);
    buffer_printf(b, "%s%s %.17g\n", name, labels, value);
}
