#include "api/internal.h"

void ep_service_health(struct api_call *call)
{
    reply_json(call, 200, json_pack("{s:s, s:s}", "status", "ok", "version", REELD_VERSION));
}

static void service_check(struct api_call *call)
{
    struct err err = {0};
    bool store_ok = store_check(call->api->settings.store, &err) == 0;
    bool workers_ok = engine_ready(call->api->settings.engine);
    struct engine_counts counts;
    engine_count(call->api->settings.engine, &counts);
    json_t *body = json_pack("{s:s, s:b, s:b, s:{s:i, s:i}}", "status",
                             store_ok && workers_ok ? "ready" : "unavailable", "store", store_ok,
                             "workers", workers_ok, "counts", "workers_ready", counts.workers_ready,
                             "workers_busy", counts.workers_busy);
    if (store_ok && workers_ok) {
        reply_json(call, 200, body);
        return;
    }
    json_object_set_new(body, "message", json_string(err_wire(ERR_UNAVAILABLE)));
    json_object_set_new(body, "reason",
                        json_string(store_ok ? "No worker stands ready." : err.message));
    reply_json(call, 503, body);
}

/* The check writes to the store and waits for it, so it runs on the room's thread. */
void ep_service_ready(struct api_call *call)
{
    wait_run(call->api->room, service_check, call);
}
