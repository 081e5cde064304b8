#include "api/internal.h"

#include "base/clock.h"
#include "base/table.h"

#include <stdlib.h>
#include <string.h>

/* --- secrets ------------------------------------------------------------------------------------ */

/* Adds a secret where there is none yet, or in any case, and answers with those that are valid. */
static void webhook_answer_secrets(struct api_call *call, bool rotate)
{
    struct store *store = call->api->settings.store;
    const char *secrets[STORE_WEBHOOK_SECRETS_MAX];
    CLEANUP(free) char *secret = webhook_secret_text();
    struct store_wait wait;
    struct err err;
    size_t count;
    store_wait_init(&wait);
    store_webhook_secret_add(store, call->customer, secret, rotate, store_wait_done, &wait);
    int rc = store_wait_finish(&wait, &err);
    if (rc == 0)
        rc = store_webhook_secrets(store, call->arena, call->customer, secrets, &count, &err);
    if (rc != 0) {
        reply_error(call, &err);
        return;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_string(secrets[i]));
    reply_json(call, 200, json_pack("{s:o}", "secrets", list));
}

static void webhook_show_secrets(struct api_call *call)
{
    webhook_answer_secrets(call, false);
}

static void webhook_rotate_secrets(struct api_call *call)
{
    webhook_answer_secrets(call, true);
}

void ep_webhook_secret(struct api_call *call)
{
    wait_run(call->api->room, webhook_show_secrets, call);
}

void ep_webhook_rotate(struct api_call *call)
{
    wait_run(call->api->room, webhook_rotate_secrets, call);
}

/* --- deliveries --------------------------------------------------------------------------------- */

static const char *const webhook_status_texts[] = {"pending", "delivered", "failed"};

static json_t *webhook_time(int64_t wall_us)
{
    char text[CLOCK_TEXT_SIZE];
    if (wall_us == 0)
        return json_null();
    clock_format(wall_us, text);
    return json_string(text);
}

static json_t *webhook_render(const struct store_webhook *webhook)
{
    bool pending = webhook->status == STORE_WEBHOOK_PENDING;
    json_t *attempts = json_array();
    for (size_t i = 0; i < webhook->attempt_count; i++) {
        const struct store_webhook_attempt *attempt = &webhook->attempts[i];
        json_array_append_new(
            attempts,
            json_pack("{s:o, s:o, s:s?}", "at", webhook_time(attempt->at), "status_code",
                      attempt->status_code ? json_integer(attempt->status_code) : json_null(),
                      "error", attempt->error));
    }
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o}", "id", webhook->id, "workflow_id",
                     webhook->workflow_id, "type", webhook->type, "url", webhook->url, "status",
                     webhook_status_texts[webhook->status], "attempts", attempts, "next_attempt_at",
                     webhook_time(pending ? webhook->next_attempt_at : 0), "created_at",
                     webhook_time(webhook->created_at));
}

static void webhook_query_visit(void *context, const char *name, const char *value,
                                struct plan_faults *faults)
{
    struct store_webhook_filter *filter = context;
    if (strcmp(name, "workflow_id") == 0)
        filter->workflow_id = value;
    if (strcmp(name, "status") != 0)
        return;
    for (size_t i = 0; i < TABLE_SIZE(webhook_status_texts); i++) {
        if (strcmp(value, webhook_status_texts[i]) == 0) {
            filter->status = (enum store_webhook_status)i;
            filter->has_status = true;
            return;
        }
    }
    plan_fault_add(faults, "/status", 0, "value_error", "status is pending, delivered or failed.");
}

static json_t *webhook_list_render(struct api_call *call, const void *item)
{
    (void)call;
    return webhook_render(item);
}

static const char *webhook_list_cursor(struct api_call *call, const void *item)
{
    const struct store_webhook *webhook = item;
    (void)call;
    return webhook->id;
}

void ep_webhook_list(struct api_call *call)
{
    static const struct page_kind kind = {sizeof(struct store_webhook), webhook_list_render,
                                          webhook_list_cursor};
    struct store_webhook_filter filter = {0};
    struct page page = {0};
    struct store_webhook *webhooks;
    struct err err;
    size_t count;
    if (!page_read(call, &page, webhook_query_visit, &filter))
        return;
    filter.before_id = page.before_id;
    if (store_webhook_list(call->api->settings.store, call->arena, call->customer, &filter,
                           page_rows_wanted(&page), &webhooks, &count, &err) < 0)
        reply_error(call, &err);
    else
        page_reply(call, &page, webhooks, count, &kind);
}

static void webhook_redeliver(struct api_call *call)
{
    struct store *store = call->api->settings.store;
    struct store_webhook *webhook;
    struct store_wait wait;
    struct err err;
    store_wait_init(&wait);
    store_webhook_redeliver(store, call->customer, call->values[0], store_wait_done, &wait);
    int rc = store_wait_finish(&wait, &err);
    if (rc == 0)
        rc = store_webhook_get(store, call->arena, call->customer, call->values[0], &webhook, &err);
    if (rc == ERR_NOT_FOUND) {
        reply_code(call, ERR_NOT_FOUND);
        return;
    }
    if (rc != 0) {
        reply_error(call, &err);
        return;
    }
    engine_redeliver(call->api->settings.engine, webhook->id, webhook->url);
    reply_json(call, 202, json_pack("{s:o}", "data", webhook_render(webhook)));
}

void ep_webhook_redeliver(struct api_call *call)
{
    wait_run(call->api->room, webhook_redeliver, call);
}
