/* What is sent to a receiver: the news about a workflow, signed by the rules of Standard Webhooks. */
#include "engine/internal.h"

#include "base/clock.h"

#include <string.h>

enum { WEBHOOK_BODY_MAX = 4 * 1024 * 1024, WEBHOOK_SECRET_BYTES = 32 };

char *webhook_secret_text(void)
{
    uint8_t random[WEBHOOK_SECRET_BYTES];
    random_bytes(random, sizeof(random));
    CLEANUP(free) char *base64 = base64_encode(random, sizeof(random));
    char *text = mem_alloc(strlen(base64) + sizeof("whsec_"));
    stpcpy(stpcpy(text, "whsec_"), base64);
    return text;
}

/* A customer's first news bring the first secret. */
static int webhook_secrets(struct store *store, struct arena *a, const char *customer,
                           const char **ret_secrets, size_t *ret_count, struct err *err)
{
    struct store_wait wait;
    int rc = store_webhook_secrets(store, a, customer, ret_secrets, ret_count, err);
    if (rc < 0 || *ret_count > 0)
        return rc;
    CLEANUP(free) char *secret = webhook_secret_text();
    store_wait_init(&wait);
    store_webhook_secret_add(store, customer, secret, false, store_wait_done, &wait);
    rc = store_wait_finish(&wait, err);
    return rc < 0 ? rc : store_webhook_secrets(store, a, customer, ret_secrets, ret_count, err);
}

/* "v1,BASE64" for every valid secret, by the rules of Standard Webhooks. */
static int webhook_sign(struct store *store, struct arena *a, const struct store_webhook *row,
                        const char *timestamp, const struct buffer *body, const char **ret_text,
                        struct err *err)
{
    const char *secrets[STORE_WEBHOOK_SECRETS_MAX];
    CLEANUP(buffer) struct buffer signatures = {0};
    CLEANUP(buffer) struct buffer content = {0};
    size_t count = 0;
    int rc = webhook_secrets(store, a, row->customer, secrets, &count, err);
    if (rc < 0)
        return rc;
    buffer_append_text(&content, arena_printf(a, "%s.%s.", row->id, timestamp));
    buffer_append(&content, body->bytes, body->size);
    for (size_t i = 0; i < count; i++) {
        uint8_t digest[SHA256_SIZE];
        size_t size;
        CLEANUP(free)
        void *key = base64_decode(secrets[i] + 6, strlen(secrets[i]) - 6, &size);
        if (!key)
            continue;
        hmac_sha256(key, size, content.bytes, content.size, digest);
        CLEANUP(free) char *base64 = base64_encode(digest, sizeof(digest));
        buffer_append_text(&signatures,
                           arena_printf(a, "%sv1,%s", signatures.size ? " " : "", base64));
    }
    *ret_text = arena_strndup(a, signatures.bytes, signatures.size);
    return 0;
}

/* A workflow that is too large to be sent is left out: the receiver knows its id. */
static void webhook_append_body(struct buffer *body, const struct store_webhook *row,
                                const struct store_workflow *workflow, json_t *data)
{
    char timestamp[CLOCK_TEXT_SIZE];
    clock_format(workflow->finished_at, timestamp);
    CLEANUP(json)
    json_t *json = json_pack("{s:s, s:s, s:s, s:s, s:s, s:o}", "type", row->type, "timestamp",
                             timestamp, "customer_id", row->customer, "batch_id", row->workflow_id,
                             "status", strchr(row->type, '.') + 1, "data", data);
    json_append_text(body, json);
    if (body->size <= WEBHOOK_BODY_MAX)
        return;
    body->size = 0;
    json_object_set_new(json, "data", json_null());
    json_append_text(body, json);
}

int webhook_compose(struct engine *engine, struct arena *a, const struct store_webhook *row,
                    json_t **ret_message, struct err *err)
{
    const struct engine_settings *settings = &engine->settings;
    struct store_workflow_full *full;
    CLEANUP(buffer) struct buffer body = {0};
    const char *signatures;
    int rc = store_workflow_get(settings->store, a, NULL, row->workflow_id, &full, err);
    if (rc < 0)
        return rc;
    webhook_append_body(&body, row, &full->workflow,
                        engine->webhook_render(engine->webhook_context, a, full));
    const char *timestamp = arena_printf(a, "%lld", (long long)(clock_wall_us() / 1000000));
    rc = webhook_sign(settings->store, a, row, timestamp, &body, &signatures, err);
    if (rc < 0)
        return rc;
    *ret_message =
        json_pack("{s:s, s:s, s:[[s,s],[s,s],[s,s],[s,s],[s,s]], s:s%, s:i, s:b}", "type", "post",
                  "url", row->url, "headers", "Content-Type", "application/json", "User-Agent",
                  "reeld", "webhook-id", row->id, "webhook-timestamp", timestamp,
                  "webhook-signature", signatures, "body", body.bytes, body.size, "timeout_ms",
                  WEBHOOK_TIMEOUT_MS, "allow_private", settings->allow_private_networks);
    return *ret_message ? 0 : err_set(err, ERR_INTERNAL, NULL, "The news could not be written.");
}
