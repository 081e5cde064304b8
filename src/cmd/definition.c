#include "cmd/definition.h"

#include "cmd/suggest.h"

#include <string.h>

struct definition_folder {
    struct arena *arena;
    const char *folder;
};

static void definition_release(void *object)
{
    json_decref(object);
}

/* Ids are checked by plan/ before they come here, so they name no path. */
static const json_t *definition_lookup(void *context, const char *id)
{
    const struct definition_folder *in = context;
    json_t *json = NULL;
    if (strchr(id, '/'))
        return NULL;
    const char *direct = arena_printf(in->arena, "%s/%s.json", in->folder, id);
    const char *base = arena_printf(in->arena, "%s/bases/%s.json", in->folder, id);
    if (json_parse_file(direct, PLAN_DEFINITION_BYTES_MAX, &json, NULL) < 0 &&
        json_parse_file(base, PLAN_DEFINITION_BYTES_MAX, &json, NULL) < 0)
        return NULL;
    arena_defer(in->arena, definition_release, json);
    return json;
}

int definition_read(const char *path, struct plan_faults *faults,
                    struct plan_template **ret_template, struct err *err)
{
    CLEANUP(json) json_t *definition = NULL;
    const char *slash = strrchr(path, '/');
    struct definition_folder folder = {
        faults->arena, slash ? arena_strndup(faults->arena, path, (size_t)(slash - path)) : "."};
    *ret_template = NULL;
    int rc = json_parse_file(path, PLAN_DEFINITION_BYTES_MAX, &definition, err);
    if (rc == ERR_BAD_REQUEST)
        plan_fault_add(faults, "", 0, "syntax", "%s", err->message);
    if (rc == ERR_BAD_REQUEST)
        return err_set(err, ERR_INVALID, path, "%s is not JSON.", path);
    if (rc < 0)
        return rc;
    CLEANUP(json) json_t *flat = plan_flatten(definition, definition_lookup, &folder, faults);
    if (flat)
        *ret_template = plan_template_new(flat, faults);
    if (!*ret_template)
        return err_set(err, ERR_INVALID, path, "%s is not a valid template.", path);
    return 0;
}

int definition_unknown(const struct plan_catalog *catalog, const char *id, struct err *err)
{
    struct suggest suggest;
    suggest_init(&suggest, id);
    for (size_t i = 0; i < plan_catalog_count(catalog); i++)
        suggest_offer(&suggest, plan_template_id(plan_catalog_at(catalog, i)));
    if (suggest.best)
        return err_set(err, ERR_NOT_FOUND, id, "There is no template %s; did you mean %s?", id,
                       suggest.best);
    return err_set(err, ERR_NOT_FOUND, id, "There is no template %s; reeld templates lists them.",
                   id);
}
