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

bool definition_is_file(const char *text)
{
    size_t length = strlen(text);
    return strchr(text, '/') || (length > 5 && strcmp(text + length - 5, ".json") == 0);
}

/* --- options as arguments ----------------------------------------------------------------------- */

static bool component_is_one_of(const char *component, const char *const *names)
{
    for (; component && *names; names++) {
        if (strcmp(component, *names) == 0)
            return true;
    }
    return false;
}

static bool component_is_media(const char *component)
{
    static const char *const media[] = {"image", "images", "video", "videos", "audio", NULL};
    return component_is_one_of(component, media);
}

static bool component_is_many(const char *component)
{
    static const char *const many[] = {"images", "videos", "multiselect", "list", NULL};
    return component_is_one_of(component, many);
}

static const char *component_of(const struct plan_template *t, const char *key)
{
    const json_t *options = json_object_get(plan_template_definition(t), "available_options");
    size_t index;
    const json_t *option;
    json_array_foreach(options, index, option)
    {
        const char *name = json_member_string(option, "key");
        if (name && strcmp(name, key) == 0)
            return json_member_string(option, "component");
    }
    return NULL;
}

/* The text of key=value as the type that the option has. */
static json_t *option_value(const char *component, const char *text)
{
    if (component && (strcmp(component, "number") == 0 || strcmp(component, "toggle") == 0)) {
        json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);
        if (json_is_number(value) || json_is_boolean(value))
            return value;
        json_decref(value);
    }
    return json_string(text);
}

static void option_append(json_t *options, const char *key, json_t *given, bool as_list)
{
    json_t *before = json_object_get(options, key);
    if (json_is_array(before)) {
        json_array_append_new(before, given);
    } else if (before || as_list) {
        json_t *list = json_array();
        if (before)
            json_array_append(list, before);
        json_array_append_new(list, given);
        json_object_set_new(options, key, list);
    } else {
        json_object_set_new(options, key, given);
    }
}

int definition_add_option(struct arena *a, const struct plan_template *t, json_t *options,
                          const char *argument,
                          int (*add_file)(void *context, const char *path, const char **ret_url,
                                          struct err *err),
                          void *context, struct err *err)
{
    const char *equals = strchr(argument, '=');
    if (!equals || equals == argument)
        return err_set(err, ERR_INVALID, argument, "An option is written key=value, not %s.",
                       argument);
    const char *key = arena_strndup(a, argument, (size_t)(equals - argument));
    const char *value = equals + 1;
    const char *component = component_of(t, key);
    bool is_file = *value == '@' && component_is_media(component);
    int rc = is_file ? add_file(context, value + 1, &value, err) : 0;
    if (rc < 0)
        return rc;
    json_t *given = option_value(component, value);
    if (!given)
        return err_set(err, ERR_INVALID, argument, "The value of %s is not UTF-8.", key);
    option_append(options, key, given, component_is_many(component) && equals[1] == '@');
    return 0;
}
