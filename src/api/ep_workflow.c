#include "api/internal.h"

#include "base/clock.h"
#include "engine/machine.h"

#include <stdio.h>
#include <string.h>

enum {
    WORKFLOW_TITLE_MAX = 200,
    WORKFLOW_DESCRIPTION_MAX = 5000,
    WORKFLOW_EVENT_MAX = 200,
    WORKFLOW_IMAGES_MAX = 64
};

/* --- reading ------------------------------------------------------------------------------------ */

static void workflow_reply_text(struct api_call *call, const char *text, size_t size)
{
    reply_text(call, 200, text, size);
}

void workflow_answer(struct api_call *call, const char *workflow_id)
{
    struct api *api = call->api;
    const char *base = render_base(call);
    uint64_t ticket;
    struct cache_text *kept = cache_get(api->cache, workflow_id, call->customer, base, &ticket);
    struct store_workflow_full *full;
    struct err err;
    size_t size;
    if (kept) {
        const char *bytes = cache_bytes(kept, &size);
        http_reply(call->request, &(struct http_response){.status = 200,
                                                          .content_type = "application/json",
                                                          .body = bytes,
                                                          .body_size = size,
                                                          .file_fd = -1,
                                                          .shared = true,
                                                          .release = cache_release,
                                                          .release_context = kept});
        return;
    }
    int rc = store_workflow_get(api->settings.store, call->arena, call->customer, workflow_id,
                                &full, &err);
    if (rc < 0) {
        if (rc == ERR_NOT_FOUND)
            reply_code(call, ERR_NOT_FOUND);
        else
            reply_error(call, &err);
        return;
    }
    const char *text = render_workflow(call->arena, api, base, full, &size);
    cache_put(api->cache, workflow_id, call->customer, base, ticket, text, size);
    workflow_reply_text(call, text, size);
}

/* Whether there is anything to wait for. *ret_exists is false when the customer has no such workflow. */
static bool workflow_is_open(struct api_call *call, const char *id, bool *ret_exists)
{
    struct store_workflow_full *full;
    int rc =
        store_workflow_get(call->api->settings.store, call->arena, call->customer, id, &full, NULL);
    *ret_exists = rc == 0;
    return rc == 0 && !machine_run_final(full->workflow.status);
}

void ep_workflow_read(struct api_call *call)
{
    const char *id = call->values[0];
    struct plan_faults faults;
    struct err err;
    bool exists;
    int seconds = 0;
    plan_faults_init(&faults, call->arena);
    if (!uuid_valid(id)) {
        reply_code(call, ERR_NOT_FOUND);
        return;
    }
    int rc = wait_seconds(call, &seconds, &faults);
    if (rc == 0 && seconds == 0) {
        workflow_answer(call, id);
        return;
    }
    bool open = workflow_is_open(call, id, &exists);
    if (!exists)
        reply_code(call, ERR_NOT_FOUND);
    else if (rc < 0)
        reply_faults(call, "query", &faults);
    else if (!open)
        workflow_answer(call, id);
    else if (wait_add(call->api->room, call, id, seconds, workflow_answer, &err) < 0)
        reply_error(call, &err);
}

/* --- creating ----------------------------------------------------------------------------------- */

struct workflow_creation {
    struct api_call *call;
    struct store_workflow workflow;
    int wait_seconds;
    const char *answer; /* rendered before the commit, sent after it */
    size_t answer_size;
};

static size_t workflow_characters(const char *text)
{
    size_t count = 0;
    for (; *text; text++)
        count += ((unsigned char)*text & 0xC0) != 0x80;
    return count;
}

/* A member that is text of limited length, or its default when it is missing or null. */
static const char *workflow_text(struct api_call *call, const char *name, const char *otherwise,
                                 size_t length_max, struct plan_faults *faults)
{
    const json_t *member = json_object_get(call->body, name);
    const char *path = json_pointer(call->arena, "", name);
    if (!member || json_is_null(member))
        return otherwise;
    if (!json_is_string(member)) {
        plan_fault_add(faults, path, 0, "type_error", "%s is a text, not a %s.", name,
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

static void workflow_check_visibility(const char *value, struct plan_faults *faults)
{
    if (strcmp(value, "0") != 0 && strcmp(value, "1") != 0 && strcmp(value, "2") != 0)
        plan_fault_add(faults, "/visibility_status", 0, "value_error",
                       "visibility_status is \"0\" (private), \"1\" (unlisted) or \"2\" (public).");
}

static void workflow_check_webhook(const char *url, struct plan_faults *faults)
{
    struct err err;
    if (url && plan_reference_check(url, true, &err) < 0)
        plan_fault_add(faults, "/webhook_url", 0, "value_error", "%s", err.message);
}

static const json_t *workflow_image_urls(struct api_call *call, struct plan_faults *faults)
{
    const json_t *urls = json_object_get(call->body, "image_urls");
    size_t before = faults->error_count;
    size_t index;
    const json_t *url;
    if (!urls || json_is_null(urls))
        return NULL;
    if (!json_is_array(urls)) {
        plan_fault_add(faults, "/image_urls", 0, "type_error", "image_urls is an array of texts.");
        return NULL;
    }
    if (json_array_size(urls) > WORKFLOW_IMAGES_MAX)
        plan_fault_add(faults, "/image_urls", 0, "too_long", "image_urls has at most %d items.",
                       WORKFLOW_IMAGES_MAX);
    json_array_foreach(urls, index, url)
    {
        struct err err;
        const char *path = json_pointer_index(call->arena, "/image_urls", index);
        if (!json_is_string(url))
            plan_fault_add(faults, path, 0, "type_error", "An image URL is a text.");
        else if (plan_reference_check(json_string_value(url), false, &err) < 0)
            plan_fault_add(faults, path, 0, "value_error", "%s", err.message);
    }
    return faults->error_count == before ? urls : NULL;
}

static const json_t *workflow_options(struct api_call *call, struct plan_faults *faults)
{
    const json_t *options = json_object_get(call->body, "options");
    if (!options || json_is_null(options))
        return NULL;
    if (!json_is_object(options)) {
        plan_fault_add(faults, "/options", 0, "type_error", "options is an object.");
        return NULL;
    }
    return options;
}

/* Fills the members of the body that do not depend on the template. */
static void workflow_read_body(struct api_call *call, struct store_workflow *workflow,
                               struct plan_faults *faults)
{
    workflow->customer = call->customer;
    workflow->user = call->user;
    workflow->client_type = call->client_type;
    workflow->title = workflow_text(call, "title", "", WORKFLOW_TITLE_MAX, faults);
    workflow->description =
        workflow_text(call, "description", "", WORKFLOW_DESCRIPTION_MAX, faults);
    workflow->visibility_status = workflow_text(call, "visibility_status", "1", 1, faults);
    workflow_check_visibility(workflow->visibility_status, faults);
    workflow->event_id = workflow_text(call, "event_id", "no_event", WORKFLOW_EVENT_MAX, faults);
    workflow->webhook_url = workflow_text(call, "webhook_url", NULL, 2000, faults);
    workflow_check_webhook(workflow->webhook_url, faults);
}

static void workflow_fill_options(struct api_call *call, const struct plan_template *t,
                                  struct store_workflow *workflow, struct plan_faults *faults)
{
    const json_t *options = workflow_options(call, faults);
    const json_t *image_urls = workflow_image_urls(call, faults);
    CLEANUP(json) json_t *empty = json_object();
    CLEANUP(json) json_t *checked = NULL;
    if (plan_options_check(t, options ? options : empty, image_urls, faults, &checked) > 0 ||
        faults->error_count > 0)
        return;
    workflow->options_json = json_arena_text(call->arena, checked);
    workflow->image_urls_json = image_urls ? json_arena_text(call->arena, image_urls) : "[]";
    workflow->template_id = plan_template_id(t);
    workflow->template_json = json_arena_text(call->arena, plan_template_definition(t));
    workflow->price = plan_price(t, checked).total;
}

static void workflow_reply_poor(struct api_call *call, int64_t required)
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

/* On the store's writer thread, after the commit. */
static void workflow_created(void *context, int rc, const struct err *err)
{
    struct workflow_creation *creation = context;
    struct api_call *call = creation->call;
    struct err fault;
    if (rc == ERR_INSUFFICIENT_CREDIT) {
        workflow_reply_poor(call, creation->workflow.price);
        return;
    }
    if (rc < 0) {
        reply_error(call, err);
        return;
    }
    engine_submit(call->api->settings.engine, creation->workflow.id);
    if (creation->wait_seconds == 0 ||
        wait_add(call->api->room, call, creation->workflow.id, creation->wait_seconds,
                 workflow_answer, &fault) < 0)
        reply_text(call, 200, creation->answer, creation->answer_size);
}

static void workflow_create(struct api_call *call, const struct store_workflow *checked)
{
    struct workflow_creation *creation = arena_alloc(call->arena, sizeof(*creation));
    char id[UUID_TEXT_SIZE];
    struct plan_faults unused;
    uuid_new(id);
    plan_faults_init(&unused, call->arena);
    creation->call = call;
    creation->workflow = *checked;
    creation->workflow.id = arena_strdup(call->arena, id);
    creation->workflow.status = STORE_QUEUE;
    creation->workflow.created_at = creation->workflow.updated_at = clock_wall_us();
    creation->workflow.revision = 1;
    wait_seconds(call, &creation->wait_seconds, &unused);
    const struct store_workflow_full full = {.workflow = creation->workflow};
    creation->answer =
        render_workflow(call->arena, call->api, render_base(call), &full, &creation->answer_size);
    store_workflow_create(call->api->settings.store, &creation->workflow, workflow_created,
                          creation);
}

void ep_workflow_create(struct api_call *call)
{
    const json_t *template_id = json_object_get(call->body, "template_id");
    struct store_workflow workflow = {0};
    struct plan_faults faults;
    struct err err;
    plan_faults_init(&faults, call->arena);
    if (json_is_string(template_id)) {
        struct template_found found;
        if (template_find(call, json_string_value(template_id), &found, &err) < 0) {
            reply_error(call, &err);
            return;
        }
        workflow_read_body(call, &workflow, &faults);
        workflow_fill_options(call, found.template, &workflow, &faults);
        workflow.template_version = found.version;
    } else {
        bool given = template_id && !json_is_null(template_id);
        plan_fault_add(&faults, "/template_id", 0, given ? "type_error" : "missing",
                       given ? "template_id is a text." : "template_id is required.");
        workflow_read_body(call, &workflow, &faults);
        workflow_options(call, &faults);
        workflow_image_urls(call, &faults);
    }
    if (faults.error_count > 0)
        reply_faults(call, "body", &faults);
    else
        workflow_create(call, &workflow);
}
