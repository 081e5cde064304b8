#include "api/internal.h"

#include <stdlib.h>
#include <string.h>

struct template_filter {
    struct arena *arena;
    const char *category;
    const char *detail;
    const char **ids; /* NULL: all */
    size_t id_count, id_capacity;
};

static void template_filter_id(struct template_filter *filter, const char *id, size_t length)
{
    if (filter->id_count == filter->id_capacity) {
        size_t capacity = filter->id_capacity ? 2 * filter->id_capacity : 16;
        const char **grown = arena_array(filter->arena, capacity, sizeof(*grown));
        if (filter->id_count)
            memcpy(grown, filter->ids, filter->id_count * sizeof(*grown));
        filter->ids = grown;
        filter->id_capacity = capacity;
    }
    filter->ids[filter->id_count++] = arena_strndup(filter->arena, id, length);
}

/* template_ids comes comma-separated, repeated, or both. */
static bool template_visit_query(void *context, const char *name, const char *value)
{
    struct template_filter *filter = context;
    if (strcmp(name, "category") == 0)
        filter->category = value;
    else if (strcmp(name, "detail") == 0)
        filter->detail = value;
    else if (strcmp(name, "template_ids") == 0) {
        for (const char *at = value; *at;) {
            size_t length = strcspn(at, ",");
            if (length > 0)
                template_filter_id(filter, at, length);
            at += length + (at[length] == ',');
        }
    }
    return true;
}

static bool template_passes(const struct template_filter *filter, const struct plan_template *t)
{
    if (filter->category && *filter->category &&
        strcmp(filter->category, plan_template_category(t)) != 0)
        return false;
    for (size_t i = 0; i < filter->id_count; i++) {
        if (strcmp(filter->ids[i], plan_template_id(t)) == 0)
            return true;
    }
    return filter->id_count == 0;
}

static bool template_boolean(const char *text, bool *ret_value)
{
    static const char *const yes[] = {"true", "1", "yes", "on"};
    static const char *const no[] = {"false", "0", "no", "off"};
    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
        *ret_value = strcasecmp(text, yes[i]) == 0;
        if (*ret_value || strcasecmp(text, no[i]) == 0)
            return true;
    }
    return false;
}

struct template_rows {
    const struct template_filter *filter;
    bool detail;
    json_t *rows;
};

static void template_row(struct template_rows *to, const struct plan_template *t, int64_t version,
                         bool user_designed)
{
    if (template_passes(to->filter, t))
        json_array_append_new(to->rows,
                              plan_template_summary(t, to->detail, version, user_designed));
}

static int template_compare(const void *a, const void *b)
{
    return strcmp(((const struct store_template *)a)->id, ((const struct store_template *)b)->id);
}

/* The catalog and the customer's own, both by id, merged. One that a newer version cannot read any more is left out. */
static void template_merge(struct api_call *call, struct store_template *own, size_t own_count,
                           struct template_rows *to)
{
    const struct plan_catalog *catalog = call->api->settings.catalog;
    size_t at = 0, next = 0;
    if (own_count > 0)
        qsort(own, own_count, sizeof(*own), template_compare);
    while (at < plan_catalog_count(catalog) || next < own_count) {
        const struct plan_template *t =
            at < plan_catalog_count(catalog) ? plan_catalog_at(catalog, at) : NULL;
        int order = !t ? 1 : next == own_count ? -1 : strcmp(plan_template_id(t), own[next].id);
        if (order <= 0) {
            template_row(to, t, 1, false);
            at++;
            next += order == 0; /* a later catalog took the id */
        } else {
            if (template_parse_stored(call, &own[next], &t, NULL) == 0)
                template_row(to, t, own[next].version, true);
            next++;
        }
    }
}

void ep_template_list(struct api_call *call)
{
    struct template_filter filter = {.arena = call->arena};
    struct template_rows to = {.filter = &filter};
    struct store_template *own;
    size_t own_count;
    struct plan_faults faults;
    struct err err;
    plan_faults_init(&faults, call->arena);
    http_request_query(call->request, template_visit_query, &filter);
    if (filter.detail && !template_boolean(filter.detail, &to.detail)) {
        plan_fault_add(&faults, "/detail", 0, "type_error", "detail is true or false.");
        reply_faults(call, "query", &faults);
        return;
    }
    if (store_template_list(call->api->settings.store, call->arena, call->customer, &own,
                            &own_count, &err) < 0) {
        reply_error(call, &err);
        return;
    }
    to.rows = json_array();
    template_merge(call, own, own_count, &to);
    reply_json(call, 200,
               json_pack("{s:b, s:o, s:I}", "detail", to.detail, "workflow_templates", to.rows,
                         "count", (json_int_t)json_array_size(to.rows)));
}

void ep_template_schema(struct api_call *call)
{
    reply_json(call, 200, plan_schema());
}

/* The definition in a body that is one, or has one as its `template`. */
static const json_t *template_in_body(const struct api_call *call)
{
    const json_t *inside = json_object_get(call->body, "template");
    return inside ? inside : call->body;
}

void ep_template_validate(struct api_call *call)
{
    struct plan_faults faults;
    plan_faults_init(&faults, call->arena);
    template_read_definition(call, template_in_body(call), &faults);
    reply_json(call, 200,
               json_pack("{s:b, s:o, s:o}", "valid", faults.error_count == 0, "errors",
                         plan_faults_json(&faults, false), "warnings",
                         plan_faults_json(&faults, true)));
}

/* The template that a body names by `template_id`. False when the call was answered. */
static bool template_named(struct api_call *call, const struct plan_template **ret_template)
{
    const json_t *id = json_object_get(call->body, "template_id");
    struct template_found found;
    struct plan_faults faults;
    struct err err;
    if (json_is_string(id)) {
        if (template_find(call, json_string_value(id), &found, &err) == 0) {
            *ret_template = found.template;
            return true;
        }
        reply_error(call, &err);
        return false;
    }
    bool given = id && !json_is_null(id);
    plan_faults_init(&faults, call->arena);
    plan_fault_add(&faults, "/template_id", 0, given ? "type_error" : "missing",
                   given ? "template_id is a text." : "A template or a template_id is required.");
    reply_faults(call, "body", &faults);
    return false;
}

void ep_template_preview(struct api_call *call)
{
    const json_t *definition = json_object_get(call->body, "template");
    const struct plan_template *t = NULL;
    struct plan_faults faults;
    plan_faults_init(&faults, call->arena);
    if (definition && !json_is_null(definition))
        t = template_read_definition(call, definition, &faults);
    else if (!template_named(call, &t))
        return;
    reply_json(call, 200,
               plan_preview(call->arena, t, json_object_get(call->body, "options"),
                            json_object_get(call->body, "image_urls"), &faults));
}

/* --- the customer's own ------------------------------------------------------------------------- */

struct template_change {
    struct api_call *call;
    const char *id;
    int64_t version;
    bool active;
};

/* On the store's writer thread, after the commit. */
static void template_changed(void *context, int rc, const struct err *err)
{
    const struct template_change *change = context;
    if (rc == ERR_NOT_FOUND)
        reply_code(change->call, rc);
    else if (rc < 0)
        reply_error(change->call, err);
    else
        reply_json(change->call, 200,
                   json_pack("{s:s, s:I, s:i, s:i}", "id", change->id, "version",
                             (json_int_t)change->version, "active", change->active, "user_designed",
                             1));
}

static bool template_is_built_in(const struct api_call *call, const char *id)
{
    return id && plan_catalog_find(call->api->settings.catalog, id);
}

static void template_refuse_built_in(struct api_call *call)
{
    struct err err;
    err_set(&err, ERR_FORBIDDEN, NULL, "The template comes with the server and cannot be changed.");
    reply_error(call, &err);
}

void ep_template_save(struct api_call *call)
{
    const json_t *definition = template_in_body(call);
    struct template_change *change = arena_alloc(call->arena, sizeof(*change));
    struct plan_faults faults;
    plan_faults_init(&faults, call->arena);
    if (template_is_built_in(call, json_member_string(definition, "id"))) {
        template_refuse_built_in(call);
        return;
    }
    const struct plan_template *t = template_read_definition(call, definition, &faults);
    if (t && template_is_built_in(call, plan_template_id(t)))
        plan_fault_add(&faults, "/id", 0, "missing",
                       "A template that extends another one has an id of its own.");
    if (faults.error_count > 0) {
        reply_faults(call, "body", &faults);
        return;
    }
    *change = (struct template_change){.call = call, .id = plan_template_id(t), .active = true};
    store_template_put(call->api->settings.store,
                       &(struct store_template){
                           .customer = call->customer,
                           .id = change->id,
                           .user = call->user,
                           .json = json_arena_text(call->arena, plan_template_definition(t)),
                       },
                       &change->version, template_changed, change);
}

/* `version` of the query; 0 without one. */
static int template_version(struct api_call *call, int64_t *ret_version, struct plan_faults *faults)
{
    const char *text = http_request_query_value(call->request, "version");
    size_t length = text ? strlen(text) : 0;
    *ret_version = 0;
    if (!text)
        return 0;
    if (length == 0 || length > 9 || strspn(text, "0123456789") != length || atoi(text) == 0) {
        plan_fault_add(faults, "/version", 0, "value_error", "version is a whole number from 1.");
        return ERR_INVALID;
    }
    *ret_version = atoi(text);
    return 0;
}

static void template_reply_definition(struct api_call *call, json_t *definition, int64_t version,
                                      bool user_designed)
{
    json_object_set_new(definition, "version", json_integer(version));
    json_object_set_new(definition, "active", json_integer(1));
    json_object_set_new(definition, "user_designed", json_integer(user_designed));
    reply_json(call, 200, definition);
}

void ep_template_read(struct api_call *call)
{
    const struct plan_template *t = plan_catalog_find(call->api->settings.catalog, call->values[0]);
    struct store_template *stored = NULL;
    struct plan_faults faults;
    struct err err;
    int64_t version;
    plan_faults_init(&faults, call->arena);
    bool version_ok = template_version(call, &version, &faults) == 0;
    int rc = 0;
    if (!t)
        rc = store_template_get(call->api->settings.store, call->arena, call->customer,
                                call->values[0], version, &stored, &err);
    else if (version > 1)
        rc = ERR_NOT_FOUND;
    json_t *definition = NULL;
    if (rc == 0 && !t)
        rc = json_parse(stored->json, strlen(stored->json), PLAN_DEFINITION_BYTES_MAX, &definition,
                        &err);
    if (rc == ERR_NOT_FOUND)
        reply_code(call, rc);
    else if (rc < 0)
        reply_error(call, &err);
    else if (!version_ok)
        reply_faults(call, "query", &faults);
    else if (t)
        template_reply_definition(call, json_deep_copy(plan_template_definition(t)), 1, false);
    else
        template_reply_definition(call, json_incref(definition), stored->version, true);
    json_decref(definition);
}

void ep_template_remove(struct api_call *call)
{
    struct template_change *change = arena_alloc(call->arena, sizeof(*change));
    if (template_is_built_in(call, call->values[0])) {
        template_refuse_built_in(call);
        return;
    }
    *change = (struct template_change){.call = call, .id = call->values[0]};
    store_template_remove(call->api->settings.store, call->customer, change->id, &change->version,
                          template_changed, change);
}

/* --- what a workflow would cost ----------------------------------------------------------------- */

/* Open to everybody; who sends a key has templates of their own as well. */
void ep_template_credits(struct api_call *call)
{
    const json_t *id = json_object_get(call->body, "template_id");
    struct template_found found = {0};
    struct plan_faults faults;
    struct err err;
    CLEANUP(json) json_t *checked = NULL;
    plan_faults_init(&faults, call->arena);
    if (auth_check(call->api->auth, call, &err) < 0)
        call->customer = NULL;
    if (!json_is_string(id))
        plan_fault_add(&faults, "/template_id", 0,
                       !id || json_is_null(id) ? "missing" : "type_error",
                       "template_id is the id of a template.");
    else if (template_find(call, json_string_value(id), &found, &err) < 0)
        plan_fault_add(&faults, "/template_id", 0, "value_error", "There is no such template.");
    else
        plan_options_check_given(found.template, json_object_get(call->body, "options"), &faults,
                                 &checked);
    if (faults.error_count > 0)
        reply_faults(call, "body", &faults);
    else
        reply_json(call, 200, plan_estimate(found.template, checked));
}
