/* The customer behind a key: what it has and what it may. */
#include "api/internal.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

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

/* --- the ledger ---------------------------------------------------------------------------------- */

enum { LEDGER_DEFAULT = 20, LEDGER_MAX = 100 };

struct ledger_query {
    int limit;
    int64_t before;
    struct plan_faults *faults;
};

static bool ledger_query_visit(void *context, const char *name, const char *value)
{
    enum { DIGITS_MAX = 18 };
    struct ledger_query *query = context;
    if (strcmp(name, "limit") == 0) {
        query->limit = query_limit(value, LEDGER_MAX, query->faults);
    } else if (strcmp(name, "cursor") == 0) {
        size_t digits = strspn(value, "0123456789");
        query->before = digits > 0 && digits <= DIGITS_MAX ? strtoll(value, NULL, 10) : 0;
        if (value[digits] || query->before < 1)
            plan_fault_add(query->faults, "/cursor", 0, "value_error",
                           "cursor is the next_cursor of an earlier page.");
    }
    return true;
}

static json_t *ledger_row(const struct store_ledger_row *row)
{
    char created[CLOCK_TEXT_SIZE];
    clock_format(row->created_at, created);
    return json_pack("{s:s, s:s, s:s, s:I, s:I, s:s?, s:s}", "id", row->id, "created_at", created,
                     "kind", row->kind, "amount", (json_int_t)row->amount, "balance",
                     (json_int_t)row->balance, "workflow_id", row->workflow_id, "note", row->note);
}

void ep_account_ledger(struct api_call *call)
{
    struct store_ledger_row *rows;
    struct plan_faults faults;
    struct err err;
    size_t count;
    struct ledger_query query = {.limit = LEDGER_DEFAULT, .faults = &faults};
    plan_faults_init(&faults, call->arena);
    http_request_query(call->request, ledger_query_visit, &query);
    if (faults.error_count > 0) {
        reply_faults(call, "query", &faults);
        return;
    }
    int rc = store_ledger_list(call->api->settings.store, call->arena, call->customer, query.before,
                               query.limit + 1, &rows, &count, &err);
    if (rc < 0) {
        reply_error(call, &err);
        return;
    }
    bool more = count > (size_t)query.limit;
    size_t shown = more ? (size_t)query.limit : count;
    json_t *data = json_array();
    for (size_t i = 0; i < shown; i++)
        json_array_append_new(data, ledger_row(&rows[i]));
    const char *next =
        more ? arena_printf(call->arena, "%lld", (long long)rows[shown - 1].sequence) : NULL;
    reply_json(call, 200, json_pack("{s:o, s:s?}", "data", data, "next_cursor", next));
}
