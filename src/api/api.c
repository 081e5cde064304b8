#include "api/internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static void api_close_upload(void *object)
{
    int fd = *(int *)object;
    if (fd >= 0)
        close(fd);
}

static void api_release_json(void *object)
{
    json_decref(object);
}

static struct api_call *api_call_new(struct api *api, struct http_request *request)
{
    struct arena *a = http_request_arena(request);
    struct api_call *call = arena_alloc(a, sizeof(*call));
    call->api = api;
    call->request = request;
    call->arena = a;
    call->upload_fd = -1;
    http_request_set_user_data(request, call);
    return call;
}

static void api_reply_route_fault(struct api_call *call, int status, const char *allow)
{
    enum err_code code = status == 405 ? ERR_METHOD_NOT_ALLOWED : ERR_NOT_FOUND;
    const struct http_header header = {"Allow", allow};
    const char *text = reply_fault_text(call->arena, code, NULL);
    http_reply(call->request, &(struct http_response){
                                  .status = status,
                                  .content_type = "application/json",
                                  .body = text,
                                  .body_size = strlen(text),
                                  .file_fd = -1,
                                  .headers = &header,
                                  .header_count = allow ? 1 : 0,
                              });
}

/* Whether a Content-Type is the media type `wanted`, whatever its parameters. */
static bool api_type_is(const char *type, const char *wanted)
{
    size_t length = strlen(wanted);
    return type && strncasecmp(type, wanted, length) == 0 &&
           (type[length] == '\0' || type[length] == ';' || isspace((unsigned char)type[length]));
}

static int api_plan_upload(struct api_call *call, struct http_body_plan *ret_plan, struct err *err)
{
    const char *type = http_request_header(call->request, "Content-Type");
    int rc = blob_create(call->api->settings.blobs, &call->upload_fd, err);
    if (rc < 0)
        return rc;
    arena_defer(call->arena, api_close_upload, &call->upload_fd);
    ret_plan->mode =
        api_type_is(type, "multipart/form-data") ? HTTP_BODY_MULTIPART : HTTP_BODY_FILE;
    ret_plan->body_max = call->api->settings.asset_bytes_max;
    ret_plan->body_fd = call->upload_fd;
    return 0;
}

static int api_open_file(struct http_request *request)
{
    struct api_call *call = http_request_user_data(request);
    int *fd = arena_alloc(call->arena, sizeof(*fd));
    if (blob_create(call->api->settings.blobs, fd, NULL) < 0)
        return -1;
    arena_defer(call->arena, api_close_upload, fd);
    return *fd;
}

static int api_plan_form(struct api_call *call, struct http_body_plan *ret_plan, struct err *err)
{
    if (!api_type_is(http_request_header(call->request, "Content-Type"), "multipart/form-data"))
        return err_set(err, ERR_UNSUPPORTED_TYPE, NULL,
                       "The body is sent with Content-Type: multipart/form-data.");
    ret_plan->mode = HTTP_BODY_FORM;
    ret_plan->body_max = call->api->settings.json_bytes_max;
    ret_plan->files_max = call->api->settings.asset_bytes_max;
    ret_plan->open_file = api_open_file;
    return 0;
}

static int api_plan_body(struct api_call *call, struct http_body_plan *ret_plan, struct err *err)
{
    *ret_plan = (struct http_body_plan){.mode = HTTP_BODY_NONE, .body_fd = -1};
    switch (call->endpoint->body) {
    case API_BODY_NONE:
        return 0;
    case API_BODY_UPLOAD:
        return api_plan_upload(call, ret_plan, err);
    case API_BODY_FORM:
        return api_plan_form(call, ret_plan, err);
    case API_BODY_IGNORED:
    case API_BODY_JSON:
        ret_plan->mode = HTTP_BODY_MEMORY;
        ret_plan->body_max = call->api->settings.json_bytes_max;
        break;
    }
    if (call->endpoint->body == API_BODY_JSON &&
        !api_type_is(http_request_header(call->request, "Content-Type"), "application/json"))
        return err_set(err, ERR_UNSUPPORTED_TYPE, NULL,
                       "The body is sent with Content-Type: application/json.");
    return 0;
}

static bool api_head(void *context, struct http_request *request, struct http_body_plan *ret_plan)
{
    struct api_call *call = api_call_new(context, request);
    const char *allow;
    int status;
    struct err err;
    call->endpoint = route_find(call->arena, http_request_method(request),
                                http_request_path(request), call->values, &status, &allow);
    if (!call->endpoint) {
        api_reply_route_fault(call, status, allow);
        return false;
    }
    int rc = call->endpoint->access == API_KEY ? auth_check(call->api->auth, call, &err) : 0;
    if (rc == 0 && call->limit)
        rc = limits_take_request(call, &err);
    if (rc == 0)
        rc = api_plan_body(call, ret_plan, &err);
    if (rc < 0)
        reply_error(call, &err);
    return rc == 0;
}

static int api_parse_body(struct api_call *call, struct err *err)
{
    size_t size;
    const char *text = http_request_body(call->request, &size);
    int rc = json_parse(text, size, call->api->settings.json_bytes_max, &call->body, err);
    if (rc < 0)
        return rc;
    arena_defer(call->arena, api_release_json, call->body);
    if (!json_is_object(call->body))
        return err_set(err, ERR_BAD_REQUEST, NULL, "The body is a JSON object.");
    return 0;
}

static void api_body(void *context, struct http_request *request)
{
    struct api_call *call = http_request_user_data(request);
    struct err err;
    (void)context;
    if (call->endpoint->body == API_BODY_JSON && api_parse_body(call, &err) < 0)
        reply_error(call, &err);
    else
        call->endpoint->handle(call);
}

static const char *api_fault(void *context, struct arena *a, int status, const char *reason,
                             const char **ret_content_type)
{
    enum err_code code = status == 413   ? ERR_TOO_LARGE
                         : status == 414 ? ERR_URI_TOO_LONG
                         : status == 431 ? ERR_HEADERS_TOO_LARGE
                         : status == 503 ? ERR_UNAVAILABLE
                         : status == 500 ? ERR_INTERNAL
                                         : ERR_BAD_REQUEST;
    (void)context;
    *ret_content_type = "application/json";
    return reply_fault_text(a, code, reason);
}

static void api_log(void *context, const struct http_request *request, int status,
                    int64_t duration_us)
{
    enum log_level level = status >= 500 ? LOG_ERROR : LOG_DEBUG;
    const struct api_call *call = http_request_user_data(request);
    const char *operation = call && call->endpoint ? call->endpoint->name : "none";
    char duration[32];
    (void)context;
    const char code[] = {(char)('0' + status / 100), (char)('0' + status / 10 % 10),
                         (char)('0' + status % 10), '\0'}; /* for every request: no printf */
    metric_add(METRIC_HTTP_REQUESTS, operation, code, 1);
    metric_observe(METRIC_HTTP_SECONDS, operation, "", (double)duration_us / 1e6);
    if (!log_wants(level))
        return;
    snprintf(duration, sizeof(duration), "%lld", (long long)duration_us);
    log_line(level, "request", "method", http_request_method(request), "path",
             http_request_path(request), "status", code, "duration_us", duration, "request_id",
             http_request_id(request), NULL);
}

static void api_replays_forgotten(void *context, int rc, const struct err *err)
{
    (void)context;
    if (rc < 0)
        log_line(LOG_WARNING, "old answers could not be removed", "reason", err->message, NULL);
}

static void api_forget_replays(struct api *api)
{
    const int64_t hour_us = INT64_C(3600) * 1000000;
    store_replay_forget(api->settings.store, api_replays_forgotten, NULL);
    wait_chore(api->room, WAIT_CHORE_REPLAYS, api_forget_replays, clock_monotonic_us() + hour_us);
}

static void api_changed(void *context, const char *workflow_id, int64_t revision, bool final)
{
    struct api *api = context;
    (void)revision;
    cache_drop(api->cache, workflow_id);
    wait_changed(api->room, workflow_id, final);
}

/* Whoever gets a webhook is no client of this server that could say how it is reached. */
static char *api_own_url(const struct api *api)
{
    CLEANUP(arena) struct arena *a = arena_new();
    const struct http_settings *http = &api->settings.http;
    const char *address = http->address;
    if (api->settings.public_url)
        return mem_strdup(api->settings.public_url);
    if (strcmp(address, "0.0.0.0") == 0 || strcmp(address, "::") == 0)
        address = "localhost";
    bool brackets = strchr(address, ':') != NULL;
    return mem_strdup(arena_printf(a, "%s://%s%s%s:%d", http->tls_cert_pem ? "https" : "http",
                                   brackets ? "[" : "", address, brackets ? "]" : "",
                                   http_server_port(api->server)));
}

static json_t *api_render(void *context, struct arena *a,
                          const struct store_workflow_full *workflow)
{
    const struct api *api = context;
    return render_workflow_object(a, api, api->own_url, workflow);
}

int api_new(const struct api_settings *settings, struct api **ret_api, struct err *err)
{
    struct api *api = mem_alloc(sizeof(*api));
    api->settings = *settings;
    api->auth = auth_new(api);
    api->cache = cache_new(settings->media_url_life_s);
    api->once = once_new();
    api->sweep = sweep_new();
    api->limits = limits_new();
    int rc = wait_new(api, &api->room, err);
    if (rc == 0) {
        const struct http_application application = {
            .context = api, .head = api_head, .body = api_body, .fault = api_fault, .log = api_log};
        store_subscribe(settings->store, api_changed, api);
        wait_chore(api->room, WAIT_CHORE_REPLAYS, api_forget_replays, clock_monotonic_us() + 1);
        rc = http_server_new(&settings->http, &application, &api->server, err);
        if (rc < 0)
            wait_stop(api->room);
    }
    if (rc < 0) {
        api_free(api);
        return rc;
    }
    api->own_url = api_own_url(api);
    engine_serve_webhooks(settings->engine, api_render, api);
    *ret_api = api;
    return 0;
}

int api_port(const struct api *api)
{
    return http_server_port(api->server);
}

void api_quiesce(struct api *api)
{
    http_server_quiesce(api->server);
    once_stop(api->once);
    wait_stop(api->room);
}

void api_stop(struct api *api)
{
    http_server_stop(api->server);
}

void api_free(struct api *api)
{
    if (!api)
        return;
    http_server_free(api->server);
    wait_free(api->room);
    once_free(api->once);
    sweep_free(api->sweep);
    limits_free(api->limits);
    cache_free(api->cache);
    auth_free(api->auth);
    free(api->own_url);
    free(api);
}
