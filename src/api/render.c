/* The workflow object as clients see it. */
#include "api/internal.h"

#include "base/buffer.h"
#include "base/clock.h"

#include <string.h>

/*
 * DESIGN. Every answer about a workflow passes here, so the text is written as it goes; trees are built only for what has to be changed:
 * results, whose URLs are signed. What the store keeps as JSON was written by us and goes in as it is.
 */

static void render_name(struct buffer *b, const char *name)
{
    if (b->bytes[b->size - 1] != '{')
        buffer_append_char(b, ',');
    buffer_append_char(b, '"');
    buffer_append_text(b, name);
    buffer_append(b, "\":", 2);
}

static void render_text(struct buffer *b, const char *name, const char *text)
{
    render_name(b, name);
    if (text)
        json_append_string(b, text, strlen(text)); /* valid UTF-8, as all that the store holds */
    else
        buffer_append(b, "null", 4);
}

static void render_integer(struct buffer *b, const char *name, int64_t number)
{
    render_name(b, name);
    buffer_append_integer(b, number);
}

static void render_time(struct buffer *b, const char *name, int64_t wall_us)
{
    char text[CLOCK_TEXT_SIZE];
    if (wall_us)
        clock_format(wall_us, text);
    render_text(b, name, wall_us ? text : NULL);
}

/* JSON of the store. */
static void render_json(struct buffer *b, const char *name, const char *json, const char *otherwise)
{
    render_name(b, name);
    buffer_append_text(b, json ? json : otherwise);
}

static json_t *render_parsed(const char *text, json_t *otherwise)
{
    json_t *parsed = text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
    if (!parsed)
        return otherwise;
    json_decref(otherwise);
    return parsed;
}

const char *render_base(struct api_call *call)
{
    const char *host = http_request_host(call->request);
    const char *scheme = http_request_is_tls(call->request) ? "https://" : "http://";
    if (call->api->settings.public_url)
        return call->api->settings.public_url;
    if (!host)
        host = "localhost";
    size_t scheme_size = strlen(scheme), host_size = strlen(host);
    char *base = arena_alloc(call->arena, scheme_size + host_size + 1);
    memcpy(base, scheme, scheme_size);
    memcpy(base + scheme_size, host, host_size);
    return base;
}

/* Stored results name blobs; clients get signed URLs and the hash. */
static json_t *render_results(struct arena *a, const struct api *api, const char *base,
                              const char *workflow_id, const char *results_json)
{
    json_t *results = render_parsed(results_json, json_array());
    size_t index;
    json_t *result;
    json_array_foreach(results, index, result)
    {
        const char *blob = json_member_string(result, "blob");
        const char *type = json_member_string(result, "content_type");
        if (!blob || !type || strlen(blob) != SHA256_HEX_SIZE - 1)
            continue;
        struct media_url url = {.owner = MEDIA_WORKFLOW,
                                .expires =
                                    clock_wall_us() / 1000000 + api->settings.media_url_life_s};
        memcpy(url.id, workflow_id, strnlen(workflow_id, UUID_TEXT_SIZE - 1) + 1);
        memcpy(url.sha256, blob, SHA256_HEX_SIZE);
        json_object_set_new(
            result, "url",
            json_string(media_url_sign(a, api->settings.media_secret, base, &url, type)));
        json_object_set_new(result, "sha256", json_string(blob));
        json_object_del(result, "blob");
    }
    return results;
}

/* The results of one list without its brackets. What names no blob is shown as it is stored. */
static void render_result_items(struct buffer *b, struct arena *a, const struct api *api,
                                const char *base, const char *workflow_id, const char *results_json)
{
    size_t size = results_json ? strlen(results_json) : 0;
    if (size <= 2)
        return;
    if (b->bytes[b->size - 1] != '[')
        buffer_append_char(b, ',');
    if (!strstr(results_json, "\"blob\":")) {
        buffer_append(b, results_json + 1, size - 2);
        return;
    }
    CLEANUP(json) json_t *results = render_results(a, api, base, workflow_id, results_json);
    for (size_t i = 0; i < json_array_size(results); i++) {
        if (i > 0)
            buffer_append_char(b, ',');
        json_append_text(b, json_array_get(results, i));
    }
}

/* A fan-out is one completion: its items' results in order, their shares and times added up. */
static void render_completion(struct buffer *b, struct arena *a, const struct api *api,
                              const char *base, const struct store_workflow_full *full,
                              size_t first, size_t count, const char *flow)
{
    const struct store_task *tasks = full->tasks + first;
    enum store_task_state state = STORE_TASK_SUCCESS;
    int64_t credits = 0, duration_ms = 0;
    const char *error = NULL, *provider = NULL;
    for (size_t i = 0; i < count; i++) {
        if (tasks[i].state != STORE_TASK_SUCCESS)
            state = tasks[i].state;
        credits += tasks[i].used_credits;
        duration_ms += tasks[i].duration_ms;
        provider = tasks[i].provider ? tasks[i].provider : provider;
        if (tasks[i].state == STORE_TASK_FAILED && tasks[i].error_json)
            error = tasks[i].error_json;
    }
    buffer_append_char(b, '{');
    render_text(b, "id", tasks[0].step_id);
    render_text(b, "flow", flow);
    render_text(b, "status", state == STORE_TASK_SUCCESS ? "success" : "fail");
    render_integer(b, "used_credits", credits);
    render_integer(b, "duration", duration_ms);
    render_name(b, "result");
    buffer_append_char(b, '[');
    for (size_t i = 0; i < count; i++)
        render_result_items(b, a, api, base, full->workflow.id, tasks[i].result_json);
    buffer_append_char(b, ']');
    render_json(b, "error", error, "null");
    if (provider)
        render_text(b, "provider", provider);
    buffer_append_char(b, '}');
}

/* The step types of a workflow's template. The catalog's parsed form serves when it is the very definition that is pinned. */
struct render_flows {
    const struct plan_template *known;
    json_t *definition; /* otherwise; parsed when it is asked for */
};

static const char *render_flow(struct render_flows *flows, const struct api *api,
                               const struct store_workflow *workflow, const char *step_id)
{
    size_t index;
    const json_t *step;
    if (!flows->known && !flows->definition) {
        flows->known = plan_catalog_find(api->settings.catalog, workflow->template_id);
        if (flows->known && strcmp(plan_template_text(flows->known), workflow->template_json) != 0)
            flows->known = NULL;
        if (!flows->known)
            flows->definition = render_parsed(workflow->template_json, json_object());
    }
    int known = flows->known ? plan_template_step_index(flows->known, step_id) : -1;
    if (known >= 0)
        return plan_template_step(flows->known, (size_t)known).type->name;
    json_array_foreach(json_object_get(flows->definition, "steps"), index, step)
    {
        const char *id = json_member_string(step, "id");
        const char *flow = json_member_string(step, "flow");
        if (id && flow && strcmp(id, step_id) == 0)
            return flow;
    }
    return "unknown";
}

/* Steps that have run to an end, all items of them. */
static void render_completions(struct buffer *b, struct arena *a, const struct api *api,
                               const char *base, const struct store_workflow_full *full)
{
    struct render_flows flows = {0};
    render_name(b, "completions");
    buffer_append_char(b, '[');
    for (size_t i = 0, count; i < full->task_count; i += count) {
        bool over = true;
        for (count = 0; i + count < full->task_count &&
                        strcmp(full->tasks[i + count].step_id, full->tasks[i].step_id) == 0;
             count++)
            over &= full->tasks[i + count].state == STORE_TASK_SUCCESS ||
                    full->tasks[i + count].state == STORE_TASK_FAILED;
        if (!over)
            continue;
        if (b->bytes[b->size - 1] == '}')
            buffer_append_char(b, ',');
        render_completion(b, a, api, base, full, i, count,
                          render_flow(&flows, api, &full->workflow, full->tasks[i].step_id));
    }
    json_decref(flows.definition);
    buffer_append_char(b, ']');
}

json_t *render_task(struct arena *a, const struct api *api, const char *base,
                    const struct store_workflow_full *full, const struct store_task *task)
{
    static const char *const states[] = {
        [STORE_TASK_READY] = "queue",
        [STORE_TASK_SUCCESS] = "success",
        [STORE_TASK_FAILED] = "fail",
        [STORE_TASK_SKIPPED] = "skip",
    };
    struct render_flows flows = {0};
    const char *flow = render_flow(&flows, api, &full->workflow, task->step_id);
    json_t *shown =
        json_pack("{s:s, s:s, s:i, s:i, s:s, s:i, s:I, s:I, s:o, s:o, s:s?}", "id", task->step_id,
                  "flow", flow, "item", task->item, "item_count", task->item_count, "status",
                  states[task->state], "attempt", task->attempt, "used_credits",
                  (json_int_t)task->used_credits, "duration", (json_int_t)task->duration_ms,
                  "result", render_results(a, api, base, full->workflow.id, task->result_json),
                  "error", render_parsed(task->error_json, json_null()), "reason", task->reason);
    json_decref(flows.definition);
    return shown;
}

static void render_object(struct buffer *b, struct arena *a, const struct api *api,
                          const char *base, const struct store_workflow_full *full)
{
    const struct store_workflow *workflow = &full->workflow;
    int64_t until = workflow->finished_at ? workflow->finished_at : clock_wall_us();
    int64_t total_ms = workflow->started_at ? (until - workflow->started_at) / 1000 : 0;
    bool final = workflow->finished_at != 0;
    buffer_append_char(b, '{');
    render_text(b, "id", workflow->id);
    render_text(b, "title", workflow->title);
    render_text(b, "description", workflow->description);
    render_text(b, "visibility_status", workflow->visibility_status);
    render_text(b, "model", workflow->template_id);
    render_integer(b, "template_version", workflow->template_version);
    render_json(b, "options", workflow->options_json, "{}");
    render_json(b, "image_urls", workflow->image_urls_json, "[]");
    render_text(b, "primary_user_id", workflow->user);
    render_text(b, "customer_id", workflow->customer);
    render_text(b, "processing_status", store_status_text(workflow->status));
    render_integer(b, "progress_percentage", workflow->progress);
    render_integer(b, "used_credits", workflow->used_credits);
    /* The clock may have been set back in between. */
    render_integer(b, "total_duration", final && total_ms > 0 ? total_ms : 0);
    render_text(b, "event_id", workflow->event_id);
    render_text(b, "webhook_url", workflow->webhook_url);
    render_text(b, "rating", workflow->rating);
    render_time(b, "delivered_at", workflow->delivered_at);
    render_completions(b, a, api, base, full);
    render_json(b, "running_steps", workflow->running_json, "[]");
    render_name(b, "result");
    buffer_append_char(b, '[');
    render_result_items(b, a, api, base, workflow->id, workflow->result_json);
    buffer_append_char(b, ']');
    render_json(b, "error", workflow->error_json, "null");
    render_time(b, "created_at", workflow->created_at);
    render_time(b, "updated_at", workflow->updated_at);
    buffer_append_char(b, '}');
}

json_t *render_workflow_object(struct arena *a, const struct api *api, const char *base,
                               const struct store_workflow_full *full)
{
    CLEANUP(buffer) struct buffer text = {0};
    struct err err;
    json_t *object = NULL;
    render_object(&text, a, api, base, full);
    if (json_parse(text.bytes, text.size, SIZE_MAX, &object, &err) < 0)
        return json_null(); /* the store holds what is no JSON */
    return object;
}

char *render_workflow(struct arena *a, const struct api *api, const char *base,
                      const struct store_workflow_full *workflow, size_t *ret_size)
{
    CLEANUP(buffer) struct buffer text = {0};
    buffer_reserve(&text, 2000);
    buffer_append_text(&text, "{\"data\":");
    render_object(&text, a, api, base, workflow);
    buffer_append_char(&text, '}');
    *ret_size = text.size;
    return arena_strndup(a, text.bytes, text.size);
}
