/* Templates as a request sees them: those of the catalog, and those of its own customer. */
#include "api/internal.h"

#include <string.h>

static void template_release(void *object)
{
    plan_template_free(object);
}

static void template_release_json(void *object)
{
    json_decref(object);
}

int template_parse_stored(struct api_call *call, const struct store_template *stored,
                          const struct plan_template **ret_template, struct err *err)
{
    json_t *definition;
    struct plan_faults faults;
    plan_faults_init(&faults, call->arena);
    int rc =
        json_parse(stored->json, strlen(stored->json), PLAN_DEFINITION_BYTES_MAX, &definition, err);
    if (rc < 0)
        return rc;
    struct plan_template *t = plan_template_reload(definition, &faults);
    json_decref(definition);
    if (!t)
        return err_set(err, ERR_CONFLICT, NULL,
                       "The template %s was saved by an older version and is no longer valid: %s",
                       stored->id, faults.items[0].message);
    arena_defer(call->arena, template_release, t);
    *ret_template = t;
    return 0;
}

int template_find(struct api_call *call, const char *id, struct template_found *ret_found,
                  struct err *err)
{
    struct store_template *stored;
    *ret_found = (struct template_found){
        .template = plan_catalog_find(call->api->settings.catalog, id), .version = 1};
    if (ret_found->template)
        return 0;
    if (!call->customer)
        return err_set_default(err, ERR_NOT_FOUND);
    int rc = store_template_get(call->api->settings.store, call->arena, call->customer, id, 0,
                                &stored, err);
    if (rc < 0)
        return rc == ERR_NOT_FOUND ? err_set_default(err, ERR_NOT_FOUND) : rc;
    ret_found->version = stored->version;
    ret_found->user_designed = true;
    return template_parse_stored(call, stored, &ret_found->template, err);
}

/* What a definition may extend: what comes with reeld, bases too, and what the customer has saved. */
static const json_t *template_lookup(void *context, const char *id)
{
    struct api_call *call = context;
    const json_t *built_in = plan_catalog_definition(call->api->settings.catalog, id);
    struct store_template *stored;
    json_t *definition = NULL;
    if (built_in)
        definition = json_deep_copy(built_in); /* what threads share is not referred to */
    else if (store_template_get(call->api->settings.store, call->arena, call->customer, id, 0,
                                &stored, NULL) < 0 ||
             json_parse(stored->json, strlen(stored->json), PLAN_DEFINITION_BYTES_MAX, &definition,
                        NULL) < 0)
        return NULL;
    arena_defer(call->arena, template_release_json, definition);
    return definition;
}

/* --- templates that run others ------------------------------------------------------------------- */

enum { TEMPLATE_DEPTH_MAX = 4 /* as the engine has it */, TEMPLATE_LOOKS_MAX = 200 };

/* The way from the definition that is checked down to a template that it runs. */
struct template_line {
    const struct template_line *up;
    const char *id;
    int depth; /* 1 for the definition itself */
    int *left; /* templates that may still be looked at; the rest is left to the run */
};

static const char *template_line_text(struct arena *a, const struct template_line *line)
{
    return line->up ? arena_printf(a, "%s -> %s", template_line_text(a, line->up), line->id)
                    : line->id;
}

/* The template that a step runs, when it is written out and not told by an option. */
static const char *template_child_id(const json_t *step)
{
    const char *flow = json_member_string(step, "flow");
    const char *id = json_member_string(json_object_get(step, "params"), "template_id");
    return flow && strcmp(flow, "each_workflow") == 0 && id && !strstr(id, "{{") ? id : NULL;
}

/* What is wrong with the templates below the line, as a sentence; NULL when it is all right. Nothing is said of those that are not
 * there yet. */
static const char *template_check_below(struct api_call *call, const struct template_line *line)
{
    struct template_found found;
    for (const struct template_line *up = line->up; up; up = up->up) {
        if (strcmp(up->id, line->id) == 0)
            return arena_printf(call->arena, "The template %s would run inside itself: %s.",
                                line->id, template_line_text(call->arena, line));
    }
    if (line->depth > TEMPLATE_DEPTH_MAX)
        return arena_printf(call->arena,
                            "Templates run inside each other at most %d deep, and not %s.",
                            TEMPLATE_DEPTH_MAX, template_line_text(call->arena, line));
    if (--*line->left < 0 || template_find(call, line->id, &found, NULL) < 0)
        return NULL;
    const json_t *steps = json_object_get(plan_template_definition(found.template), "steps");
    for (size_t i = 0; i < json_array_size(steps); i++) {
        const char *id = template_child_id(json_array_get(steps, i));
        const struct template_line below = {line, id, line->depth + 1, line->left};
        const char *fault = id ? template_check_below(call, &below) : NULL;
        if (fault)
            return fault;
    }
    return NULL;
}

static void template_check_children(struct api_call *call, const struct plan_template *t,
                                    struct plan_faults *faults)
{
    const json_t *steps = json_object_get(plan_template_definition(t), "steps");
    int left = TEMPLATE_LOOKS_MAX;
    const struct template_line top = {NULL, plan_template_id(t), 1, &left};
    for (size_t i = 0; i < json_array_size(steps); i++) {
        const char *id = template_child_id(json_array_get(steps, i));
        const struct template_line below = {&top, id, 2, &left};
        const char *path = arena_printf(call->arena, "/steps/%zu/params/template_id", i);
        struct template_found found;
        const char *fault = id ? template_check_below(call, &below) : NULL;
        if (fault)
            plan_fault_add(faults, path, 0, "cycle", "%s", fault);
        else if (id && template_find(call, id, &found, NULL) == ERR_NOT_FOUND)
            plan_warning_add(faults, path, 0, "unknown_template",
                             "There is no template %s, or not yet.", id);
    }
}

const struct plan_template *template_read_definition(struct api_call *call,
                                                     const json_t *definition,
                                                     struct plan_faults *faults)
{
    CLEANUP(json) json_t *flat = plan_flatten(definition, template_lookup, call, faults);
    size_t size = flat ? json_dumpb(flat, NULL, 0, JSON_COMPACT) : 0;
    if (size > PLAN_DEFINITION_BYTES_MAX) {
        plan_fault_add(faults, "", 0, "too_long", "A definition has at most %d bytes.",
                       PLAN_DEFINITION_BYTES_MAX);
        return NULL;
    }
    struct plan_template *t = flat ? plan_template_new(flat, faults) : NULL;
    if (!t)
        return NULL;
    arena_defer(call->arena, template_release, t);
    template_check_children(call, t, faults);
    return t;
}
