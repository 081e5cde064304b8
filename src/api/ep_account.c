/* The customer behind a key: what it has and what it may. */
#include "api/internal.h"

#include "base/clock.h"

static json_t *account_limits(const struct api *api)
{
    const struct api_settings *settings = &api->settings;
    return json_pack(
        "{s:i, s:i, s:i, s:I, s:I, s:I, s:o}", "requests_per_second", settings->rate, "burst",
        settings->rate_burst, "waits", settings->waits_per_key, "workflows_in_flight",
        (json_int_t)settings->in_flight, "body_bytes", (json_int_t)settings->json_bytes_max,
        "asset_bytes", (json_int_t)settings->asset_bytes_max, "storage_bytes",
        settings->storage_bytes_max ? json_integer((json_int_t)settings->storage_bytes_max)
                                    : json_null());
}

void ep_account_read(struct api_call *call)
{
    struct store *store = call->api->settings.store;
    int64_t balance, reserved, kept;
    struct err err;
    int rc = store_credit_balance(store, call->customer, &balance, &reserved, &err);
    if (rc == 0)
        rc = store_storage_bytes(store, call->customer, &kept, &err);
    if (rc != 0) {
        reply_error(call, &err);
        return;
    }
    reply_json(call, 200,
               json_pack("{s:{s:s, s:s, s:I, s:I, s:I, s:o, s:[]}}", "data", "customer_id",
                         call->customer, "user_id", call->user, "balance", (json_int_t)balance,
                         "reserved", (json_int_t)reserved, "storage_bytes", (json_int_t)kept,
                         "limits", account_limits(call->api), "providers"));
}

/* --- the ledger --------------------------------------------------------------------------------- */

static json_t *ledger_render(struct api_call *call, const void *item)
{
    const struct store_ledger_row *row = item;
    char created[CLOCK_TEXT_SIZE];
    (void)call;
    clock_format(row->created_at, created);
    return json_pack("{s:s, s:s, s:s, s:I, s:I, s:s?, s:s}", "id", row->id, "created_at", created,
                     "kind", row->kind, "amount", (json_int_t)row->amount, "balance",
                     (json_int_t)row->balance, "workflow_id", row->workflow_id, "note", row->note);
}

static const char *ledger_cursor(struct api_call *call, const void *item)
{
    const struct store_ledger_row *row = item;
    return arena_printf(call->arena, "%lld", (long long)row->sequence);
}

void ep_account_ledger(struct api_call *call)
{
    static const struct page_kind kind = {sizeof(struct store_ledger_row), ledger_render,
                                          ledger_cursor};
    struct page page = {.is_by_number = true};
    struct store_ledger_row *rows;
    struct err err;
    size_t count;
    if (!page_read(call, &page, NULL, NULL))
        return;
    if (store_ledger_list(call->api->settings.store, call->arena, call->customer,
                          page.before_number, page_rows_wanted(&page), &rows, &count, &err) < 0)
        reply_error(call, &err);
    else
        page_reply(call, &page, rows, count, &kind);
}
