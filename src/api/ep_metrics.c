#include "api/internal.h"

#include "base/clock.h"
#include "base/metric.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* Resident memory of this process in bytes; 0 when it cannot be told. */
static double metrics_memory(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file)
        return 0;
    if (fscanf(file, "%*d %ld", &pages) != 1)
        pages = 0;
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static void metrics_render_engine(struct buffer *b, struct engine *engine)
{
    struct engine_counts counts;
    engine_count(engine, &counts);
    metric_render_gauge(b, "reeld_workers", "Media workers by what they do", "{state=\"idle\"}",
                        counts.workers_ready - counts.workers_busy);
    metric_render_gauge(b, "reeld_workers", "", "{state=\"busy\"}", counts.workers_busy);
    metric_render_gauge(b, "reeld_workflows_active", "Workflows that are being run", "",
                        counts.active);
    metric_render_gauge(b, "reeld_workflows_waiting",
                        "Workflows that are accepted and not yet taken up", "", counts.waiting);
    metric_render_gauge(b, "reeld_steps_queued", "Steps that are ready and have no worker", "",
                        counts.queued_tasks);
    metric_render_gauge(b, "reeld_webhooks_pending", "Webhooks that are not delivered yet", "",
                        counts.webhooks);
    buffer_printf(b,
                  "# HELP reeld_worker_crashes_total Workers that died.\n"
                  "# TYPE reeld_worker_crashes_total counter\nreeld_worker_crashes_total %lld\n",
                  (long long)counts.worker_crashes);
}

static bool metrics_key_is_right(struct api_call *call)
{
    const char *wanted = call->api->settings.metrics_key;
    const char *given = http_request_header(call->request, "X-Api-Key");
    const char *bearer = http_request_header(call->request, "Authorization");
    char sha256[2][SHA256_HEX_SIZE];
    if (!wanted)
        return true;
    if (!given && bearer && strncasecmp(bearer, "Bearer ", 7) == 0)
        given = bearer + 7 + strspn(bearer + 7, " ");
    if (!given)
        return false;
    sha256_hex(wanted, strlen(wanted), sha256[0]);
    sha256_hex(given, strlen(given), sha256[1]);
    return bytes_equal_constant_time(sha256[0], sha256[1], SHA256_HEX_SIZE);
}

void ep_metrics_read(struct api_call *call)
{
    if (!metrics_key_is_right(call)) {
        reply_code(call, ERR_UNAUTHORIZED);
        return;
    }
    CLEANUP(buffer) struct buffer b = {0};
    metric_render(&b);
    metrics_render_engine(&b, call->api->settings.engine);
    metric_render_gauge(&b, "reeld_info", "Which program this is",
                        "{version=\"" REELD_VERSION "\"}", 1);
    metric_render_gauge(&b, "process_resident_memory_bytes", "Memory of the server process", "",
                        metrics_memory());
    http_reply(call->request, &(struct http_response){
                                  .status = 200,
                                  .content_type = "text/plain; version=0.0.4; charset=utf-8",
                                  .body = b.bytes,
                                  .body_size = b.size,
                                  .file_fd = -1,
                              });
}
