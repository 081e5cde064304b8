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
    struct plan_template *t = plan_template_new(definition, &faults);
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
    if (t)
        arena_defer(call->arena, template_release, t);
    return t;
}
