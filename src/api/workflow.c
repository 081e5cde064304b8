/* What several endpoints of workflows share. */
#include "api/internal.h"

#include "base/clock.h"

#include <string.h>

bool workflow_find(struct api_call *call, struct arena *a, const char *id,
                   struct store_workflow_full **ret_workflow)
{
    struct err err;
    int rc = uuid_valid(id) ? store_workflow_get(call->api->settings.store, a, call->customer, id,
                                                 ret_workflow, &err)
                            : ERR_NOT_FOUND;
    if (rc == ERR_NOT_FOUND)
        reply_code(call, ERR_NOT_FOUND);
    else if (rc < 0)
        reply_error(call, &err);
    return rc == 0;
}

/* {"updated_at","size","url"} of every result. */
static json_t *workflow_media_result(const json_t *object)
{
    json_t *list = json_array();
    size_t index;
    const json_t *result;
    json_array_foreach(json_object_get(object, "result"), index, result)
    {
        const char *url = json_member_string(result, "url");
        if (url)
            json_array_append_new(
                list,
                json_pack("{s:O, s:I, s:s}", "updated_at", json_object_get(object, "updated_at"),
                          "size", (json_int_t)json_member_integer(result, "size", 0), "url", url));
    }
    return list;
}

const char *workflow_render(struct api_call *call, const struct store_workflow_full *workflow,
                            size_t *ret_size)
{
    const char *base = render_base(call);
    if (!call->legacy)
        return render_workflow(call->arena, call->api, base, workflow, ret_size);
    json_t *object = render_workflow_object(call->arena, call->api, base, workflow);
    json_object_set(object, "images", json_object_get(object, "image_urls"));
    json_object_set_new(object, "media_result", workflow_media_result(object));
    CLEANUP(json) json_t *body = json_pack("{s:o}", "data", object);
    const char *text = json_arena_text(call->arena, body);
    *ret_size = strlen(text);
    return text;
}

/* Without the cache, whose texts are the plain ones. */
static void workflow_answer_legacy(struct api_call *call, const char *workflow_id)
{
    struct store_workflow_full *full;
    size_t size;
    if (!workflow_find(call, call->arena, workflow_id, &full))
        return;
    const char *text = workflow_render(call, full, &size);
    reply_text(call, 200, text, size);
}

/* From the cache, if it is there at `now`; else with a ticket. */
static bool workflow_answer_kept(struct api_call *call, const char *workflow_id, const char *base,
                                 int64_t now, uint64_t *ret_ticket)
{
    struct cache_text *kept =
        cache_get(call->api->cache, workflow_id, call->customer, base, now, ret_ticket);
    size_t size;
    if (!kept)
        return false;
    const char *bytes = cache_bytes(kept, &size);
    http_reply(call->request, &(struct http_response){.status = 200,
                                                      .content_type = "application/json",
                                                      .body = bytes,
                                                      .body_size = size,
                                                      .file_fd = -1,
                                                      .shared = true,
                                                      .release = cache_release,
                                                      .release_context = kept});
    return true;
}

static void workflow_answer_rows(struct api_call *call, const struct store_workflow_full *full,
                                 const char *base, uint64_t ticket)
{
    size_t size;
    const char *text = render_workflow(call->arena, call->api, base, full, &size);
    /* A child run goes with its parent, of which the cache hears alone. */
    if (!full->workflow.parent_id)
        cache_put(call->api->cache, full->workflow.id, call->customer, base, ticket, text, size);
    reply_text(call, 200, text, size);
}

void workflow_answer(struct api_call *call, const char *workflow_id)
{
    if (call->legacy) {
        workflow_answer_legacy(call, workflow_id);
        return;
    }
    struct store_workflow_full *full;
    const char *base = render_base(call);
    uint64_t ticket;
    if (!workflow_answer_kept(call, workflow_id, base, http_request_started_us(call->request),
                              &ticket) &&
        workflow_find(call, call->arena, workflow_id, &full))
        workflow_answer_rows(call, full, base, ticket);
}

void workflow_answer_view(struct api_call *call, const char *workflow_id,
                          const struct wait_view *view)
{
    const char *base = render_base(call);
    uint64_t now_ticket; /* of after the rows were read */
    if (call->legacy || !view->full)
        workflow_answer(call, workflow_id);
    else if (!workflow_answer_kept(call, workflow_id, base, clock_monotonic_us(), &now_ticket))
        workflow_answer_rows(call, view->full, base, view->ticket);
}

void workflow_answer_path(struct api_call *call)
{
    if (uuid_valid(call->values[0]))
        workflow_answer(call, call->values[0]);
    else
        reply_code(call, ERR_NOT_FOUND);
}

void workflow_reply_poor(struct api_call *call, int64_t required)
{
    int64_t balance = 0, reserved;
    struct err err;
    int rc =
        store_credit_balance(call->api->settings.store, call->customer, &balance, &reserved, &err);
    if (rc < 0)
        reply_error(call, &err);
    else
        reply_json(call, 402,
                   json_pack("{s:s, s:I, s:I}", "message", err_wire(ERR_INSUFFICIENT_CREDIT),
                             "required", (json_int_t)required, "balance", (json_int_t)balance));
}

/* --- members of bodies, values of queries --------------------------------------------------------- */

static size_t workflow_characters(const char *text)
{
    size_t count = 0;
    for (; *text; text++)
        count += ((unsigned char)*text & 0xC0) != 0x80;
    return count;
}

/* A member that is text of limited length, or its default when it is missing or null. */
const char *workflow_text(struct api_call *call, const char *name, const char *otherwise,
                          size_t length_max, struct plan_faults *faults)
{
    const json_t *member = json_object_get(call->body, name);
    const char *path = json_pointer(call->arena, "", name);
    if (!member || json_is_null(member))
        return otherwise;
    if (!json_is_string(member)) {
        plan_fault_add(faults, path, 0, "type_error", "%s is a text, not %s.", name,
                       json_type_name(member));
        return otherwise;
    }
    const char *text = json_string_value(member);
    if (strlen(text) != json_string_length(member))
        plan_fault_add(faults, path, 0, "value_error", "%s contains a NUL character.", name);
    else if (workflow_characters(text) > length_max)
        plan_fault_add(faults, path, 0, "too_long", "%s has at most %zu characters.", name,
                       length_max);
    return text;
}

void workflow_check_visibility(const char *value, struct plan_faults *faults)
{
    if (value && strcmp(value, "0") != 0 && strcmp(value, "1") != 0 && strcmp(value, "2") != 0)
        plan_fault_add(faults, "/visibility_status", 0, "value_error",
                       "visibility_status is \"0\" (private), \"1\" (unlisted) or \"2\" (public).");
}
