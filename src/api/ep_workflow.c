#include "api/internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "engine/machine.h"

#include <stdio.h>
#include <string.h>

enum { WORKFLOW_EVENT_MAX = 200, WORKFLOW_WEBHOOK_MAX = 2000, WORKFLOW_IMAGES_MAX = 64 };

/* --- reading ------------------------------------------------------------------------------------ */

static void workflow_read_later(struct api_call *call, int rc, int seconds,
                                struct plan_faults *faults)
{
    CLEANUP(arena) struct arena *scratch = arena_new();
    const char *id = call->values[0];
    struct store_workflow_full *full;
    struct err err;
    if (!workflow_find(call, scratch, id, &full))
        return;
    if (rc < 0)
        reply_faults(call, "query", faults);
    else if (machine_run_final(full->workflow.status))
        workflow_answer(call, id);
    else if (wait_add(call->api->room, call, id, seconds, false, workflow_answer_view, &err) < 0)
        reply_error(call, &err);
}

void ep_workflow_read(struct api_call *call)
{
    struct plan_faults faults;
    int seconds = 0;
    plan_faults_init(&faults, call->arena);
    int rc = wait_seconds(call, &seconds, &faults);
    if (rc == 0 && seconds == 0)
        workflow_answer_path(call);
    else
        workflow_read_later(call, rc, seconds, &faults);
}

/* --- creating ----------------------------------------------------------------------------------- */

struct workflow_creation {
    struct api_call *call;
    struct store_workflow workflow;
    int wait_seconds;
    const char *answer; /* rendered before the commit, sent after it */
    size_t answer_size;
};

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
    workflow->key_id = limit_key_id(call->limit);
    workflow->user = call->user;
    workflow->client_type = call->client_type;
    workflow->title = workflow_text(call, "title", "", WORKFLOW_TITLE_MAX, faults);
    workflow->description =
        workflow_text(call, "description", "", WORKFLOW_DESCRIPTION_MAX, faults);
    workflow->visibility_status = workflow_text(call, "visibility_status", "1", 1, faults);
    workflow_check_visibility(workflow->visibility_status, faults);
    workflow->event_id = workflow_text(call, "event_id", "no_event", WORKFLOW_EVENT_MAX, faults);
    workflow->webhook_url = workflow_text(call, "webhook_url", NULL, WORKFLOW_WEBHOOK_MAX, faults);
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
    workflow->template_json = plan_template_text(t);
    workflow->price = plan_price(t, checked).total;
}

/* After the wait: with a key, what is answered now is what comes with the same key later. */
static void workflow_created_and_ended(struct api_call *call, const char *workflow_id,
                                       const struct wait_view *view)
{
    if (call->once)
        once_answer(call, workflow_id);
    else
        workflow_answer_view(call, workflow_id, view);
}

/* On the store's writer thread, after the commit: what changes next is told on the same thread, later. */
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
    log_line(LOG_INFO, "workflow accepted", "workflow_id", creation->workflow.id, "template",
             creation->workflow.template_id, "customer", call->customer, "request_id",
             http_request_id(call->request), NULL);
    engine_submit_created(call->api->settings.engine, &creation->workflow);
    if (creation->wait_seconds == 0 ||
        wait_add(call->api->room, call, creation->workflow.id, creation->wait_seconds, true,
                 workflow_created_and_ended, &fault) < 0)
        reply_text(call, 200, creation->answer, creation->answer_size);
}

static void workflow_create(struct api_call *call, const struct store_workflow *checked)
{
    struct workflow_creation *creation = arena_alloc(call->arena, sizeof(*creation));
    char id[UUID_TEXT_SIZE];
    struct plan_faults unused;
    struct store_replay replay;
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
    creation->answer = workflow_render(call, &full, &creation->answer_size);
    store_workflow_create_once(call->api->settings.store, &creation->workflow,
                               once_replay(call, creation->answer, &replay), workflow_created,
                               creation);
}

/* The client's own limit, and whether the price keeps it. */
static void workflow_check_limit(struct api_call *call, struct store_workflow *workflow,
                                 struct plan_faults *faults)
{
    const json_t *limit = json_object_get(call->body, "max_credits");
    if (!limit || json_is_null(limit))
        return;
    workflow->has_max_credits = true;
    workflow->max_credits = json_integer_value(limit);
    if (!json_is_integer(limit))
        plan_fault_add(faults, "/max_credits", 0, "type_error",
                       "max_credits is a whole number, not %s.",
                       json_is_real(limit) ? "a fraction" : json_type_name(limit));
    else if (workflow->max_credits < 0)
        plan_fault_add(faults, "/max_credits", 0, "value_error", "max_credits is 0 or more.");
    else if (faults->error_count == 0 && workflow->price > workflow->max_credits)
        plan_fault_add(faults, "/max_credits", 0, "value_error",
                       "The workflow costs %lld credits, more than max_credits, which is %lld.",
                       (long long)workflow->price, (long long)workflow->max_credits);
}

void workflow_create_from_body(struct api_call *call)
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
    workflow_check_limit(call, &workflow, &faults);
    if (faults.error_count > 0)
        reply_faults(call, "body", &faults);
    else if (limits_check_storage(call, 0, &err) < 0 || limits_take_workflow(call, &err) < 0)
        reply_error(call, &err);
    else
        workflow_create(call, &workflow);
}

void ep_workflow_create(struct api_call *call)
{
    if (once_begin(call, ep_workflow_create))
        workflow_create_from_body(call);
}

/* --- lists -------------------------------------------------------------------------------------- */

static void workflow_query_time(const char *name, const char *value, struct plan_faults *faults,
                                int64_t *ret_time)
{
    char path[32];
    snprintf(path, sizeof(path), "/%s", name);
    if (clock_parse(value, ret_time, NULL) < 0)
        plan_fault_add(faults, path, 0, "value_error", "%s is a time like 2026-05-16T16:34:59Z.",
                       name);
}

static void workflow_query_visit(void *context, const char *name, const char *value,
                                 struct plan_faults *faults)
{
    struct store_workflow_filter *filter = context;
    if (strcmp(name, "status") == 0) {
        filter->has_status = true;
        if (!store_status_parse(value, &filter->status))
            plan_fault_add(faults, "/status", 0, "value_error",
                           "status is queue, processing, success, fail or cancel.");
    } else if (strcmp(name, "template_id") == 0) {
        filter->template_id = value;
    } else if (strcmp(name, "event_id") == 0) {
        filter->event_id = value;
    } else if (strcmp(name, "created_after") == 0) {
        workflow_query_time(name, value, faults, &filter->created_after);
    } else if (strcmp(name, "created_before") == 0) {
        workflow_query_time(name, value, faults, &filter->created_before);
    }
}

static json_t *workflow_list_render(struct api_call *call, const void *item)
{
    return render_workflow_object(call->arena, call->api, render_base(call), item);
}

static const char *workflow_list_cursor(struct api_call *call, const void *item)
{
    const struct store_workflow_full *full = item;
    (void)call;
    return full->workflow.id;
}

void ep_workflow_list(struct api_call *call)
{
    static const struct page_kind kind = {sizeof(struct store_workflow_full), workflow_list_render,
                                          workflow_list_cursor};
    struct store_workflow_filter filter = {0};
    struct page page = {0};
    struct store_workflow_full *list;
    struct err err;
    size_t count;
    if (!page_read(call, &page, workflow_query_visit, &filter))
        return;
    filter.before_id = page.before_id;
    if (store_workflow_list(call->api->settings.store, call->arena, call->customer, &filter,
                            page_rows_wanted(&page), &list, &count, &err) < 0)
        reply_error(call, &err);
    else
        page_reply(call, &page, list, count, &kind);
}

/* --- changes ------------------------------------------------------------------------------------ */

static void workflow_edit_rating(struct api_call *call, struct store_edit *edit,
                                 struct plan_faults *faults)
{
    enum { RATING_MAX = 20 };
    edit->has_rating = json_object_get(call->body, "rating") != NULL;
    edit->rating = workflow_text(call, "rating", NULL, RATING_MAX, faults);
}

static void workflow_edit_delivered(struct api_call *call, struct store_edit *edit,
                                    struct plan_faults *faults)
{
    const json_t *time = json_object_get(call->body, "delivered_at");
    if (!time)
        return;
    if (json_is_null(time))
        edit->delivered_at = clock_wall_us();
    else if (!json_is_string(time))
        plan_fault_add(faults, "/delivered_at", 0, "type_error",
                       "delivered_at is a time or null, not %s.", json_type_name(time));
    else if (clock_parse(json_string_value(time), &edit->delivered_at, NULL) < 0 ||
             edit->delivered_at == 0)
        plan_fault_add(faults, "/delivered_at", 0, "value_error",
                       "delivered_at is a time like 2026-05-16T16:34:59Z.");
}

static void workflow_edit_refuse_others(struct api_call *call, struct plan_faults *faults)
{
    static const char *const known[] = {"title", "description", "visibility_status", "rating",
                                        "delivered_at"};
    const char *key;
    json_t *value;
    json_object_foreach(call->body, key, value)
    {
        bool found = false;
        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
            found |= strcmp(known[i], key) == 0;
        if (!found)
            plan_fault_add(faults, json_pointer(call->arena, "", key), 0, "unknown_field",
                           "%s cannot be changed.", key);
    }
}

/* On the store's writer thread, after the commit. */
static void workflow_edited(void *context, int rc, const struct err *err)
{
    struct api_call *call = context;
    if (rc < 0)
        reply_error(call, err);
    else
        wait_run(call->api->room, workflow_answer_path, call);
}

void ep_workflow_update(struct api_call *call)
{
    const char *id = call->values[0];
    struct store_edit edit = {.customer = call->customer, .workflow_id = id};
    struct store_workflow_full *full;
    struct plan_faults faults;
    plan_faults_init(&faults, call->arena);
    if (!workflow_find(call, call->arena, id, &full))
        return;
    if (!call->legacy) /* the older API ignores them */
        workflow_edit_refuse_others(call, &faults);
    edit.title = workflow_text(call, "title", NULL, WORKFLOW_TITLE_MAX, &faults);
    edit.description = workflow_text(call, "description", NULL, WORKFLOW_DESCRIPTION_MAX, &faults);
    edit.visibility_status = workflow_text(call, "visibility_status", NULL, 1, &faults);
    workflow_check_visibility(edit.visibility_status, &faults);
    workflow_edit_rating(call, &edit, &faults);
    workflow_edit_delivered(call, &edit, &faults);
    if (faults.error_count > 0)
        reply_faults(call, "body", &faults);
    else
        store_workflow_edit(call->api->settings.store, &edit, workflow_edited, call);
}
