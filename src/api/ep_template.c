#include "api/internal.h"

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

void ep_template_list(struct api_call *call)
{
    const struct plan_catalog *catalog = call->api->settings.catalog;
    struct template_filter filter = {.arena = call->arena};
    struct plan_faults faults;
    bool detail = false;
    plan_faults_init(&faults, call->arena);
    http_request_query(call->request, template_visit_query, &filter);
    if (filter.detail && !template_boolean(filter.detail, &detail)) {
        plan_fault_add(&faults, "/detail", 0, "type_error", "detail is true or false.");
        reply_faults(call, "query", &faults);
        return;
    }
    json_t *rows = json_array();
    for (size_t i = 0; i < plan_catalog_count(catalog); i++) {
        const struct plan_template *t = plan_catalog_at(catalog, i);
        if (template_passes(&filter, t))
            json_array_append_new(rows, plan_template_summary(t, detail, 1, false));
    }
    reply_json(call, 200,
               json_pack("{s:b, s:o, s:I}", "detail", detail, "workflow_templates", rows, "count",
                         (json_int_t)json_array_size(rows)));
}
