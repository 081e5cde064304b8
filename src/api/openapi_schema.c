#include "api/openapi.h"

#include "base/table.h"
#include "step/step.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SCHEMA_NAME_MAX = 80 };

static const struct {
    const char *name, *extent, *doc;
} schema_rows[] = {
#define SCHEMA(name, extent, doc) {#name, #extent, doc},
#define MEMBER(schema, name, type, presence, more, doc)
#include "api/schemas.def"
#undef SCHEMA
#undef MEMBER
};

static const struct schema_member {
    const char *schema, *name, *type, *presence, *more, *doc;
} schema_members[] = {
#define SCHEMA(name, extent, doc)
#define MEMBER(schema, name, type, presence, more, doc)                                            \
    {#schema, name, #type, #presence, more, doc},
#include "api/schemas.def"
#undef SCHEMA
#undef MEMBER
};

json_t *openapi_ref(const char *schema)
{
    char place[SCHEMA_NAME_MAX];
    if (!*schema)
        return json_pack("{s:s}", "type", "object");
    snprintf(place, sizeof(place), "#/components/schemas/%s", schema);
    return json_pack("{s:s}", "$ref", place);
}

static json_t *schema_typed(const char *type)
{
    return json_pack("{s:s}", "type", type);
}

/* "1..60", "0..", "..9" */
static json_t *schema_number(const char *type, const char *more)
{
    json_t *schema = schema_typed(type);
    const char *dots = strstr(more, "..");
    if (dots && dots > more)
        json_object_set_new(schema, "minimum", json_integer(strtol(more, NULL, 10)));
    if (dots && dots[2])
        json_object_set_new(schema, "maximum", json_integer(strtol(dots + 2, NULL, 10)));
    return schema;
}

static json_t *schema_choice(const char *more)
{
    json_t *values = json_array();
    for (const char *at = more; *at;) {
        size_t length = strcspn(at, "|");
        json_array_append_new(values, json_stringn(at, length));
        at += length + (at[length] == '|');
    }
    return json_pack("{s:s, s:o}", "type", "string", "enum", values);
}

static json_t *schema_text(const char *more)
{
    json_t *schema = schema_typed("string");
    if (*more)
        json_object_set_new(schema, "maxLength", json_integer(strtol(more, NULL, 10)));
    return schema;
}

static json_t *schema_items(const char *more)
{
    if (strcmp(more, "text") == 0)
        return schema_typed("string");
    if (strcmp(more, "integer") == 0 || strcmp(more, "object") == 0)
        return schema_typed(more);
    if (strcmp(more, "any") == 0)
        return json_object();
    return openapi_ref(more);
}

static json_t *schema_step_type(void)
{
    json_t *names = json_array();
    for (size_t i = 0; i < step_type_count; i++)
        json_array_append_new(names, json_string(step_types[i]->name));
    return json_pack("{s:s, s:o}", "type", "string", "examples", names);
}

static json_t *schema_step_params(void)
{
    json_t *any = json_array();
    for (size_t i = 0; i < step_type_count; i++) {
        char name[SCHEMA_NAME_MAX];
        snprintf(name, sizeof(name), "step_%s", step_types[i]->name);
        json_array_append_new(any, openapi_ref(name));
    }
    json_array_append_new(any, schema_typed("object"));
    return json_pack("{s:o}", "anyOf", any);
}

static json_t *schema_bare(const char *type, const char *more)
{
    if (strcmp(type, "TEXT") == 0)
        return schema_text(more);
    if (strcmp(type, "INTEGER") == 0)
        return schema_number("integer", more);
    if (strcmp(type, "NUMBER") == 0)
        return schema_number("number", more);
    if (strcmp(type, "BOOLEAN") == 0)
        return schema_typed("boolean");
    if (strcmp(type, "ID") == 0)
        return json_pack("{s:s, s:s}", "type", "string", "format", "uuid");
    if (strcmp(type, "TIME") == 0)
        return json_pack("{s:s, s:s, s:[s]}", "type", "string", "pattern",
                         "^\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d\\.\\d{6}\\+00:00$", "examples",
                         "2026-05-16 16:34:59.780864+00:00");
    if (strcmp(type, "URL") == 0)
        return json_pack("{s:s, s:s}", "type", "string", "format", "uri");
    if (strcmp(type, "FILE") == 0)
        return json_pack("{s:s, s:s}", "type", "string", "contentMediaType",
                         "application/octet-stream");
    if (strcmp(type, "CHOICE") == 0)
        return schema_choice(more);
    if (strcmp(type, "LIST") == 0)
        return json_pack("{s:s, s:o}", "type", "array", "items", schema_items(more));
    if (strcmp(type, "REF") == 0)
        return openapi_ref(more);
    if (strcmp(type, "STEP_TYPE") == 0)
        return schema_step_type();
    if (strcmp(type, "STEP_PARAMS") == 0)
        return schema_step_params();
    return strcmp(type, "OBJECT") == 0 ? schema_typed("object") : json_object();
}

json_t *openapi_type(const char *type, const char *more, const char *doc)
{
    json_t *schema = schema_bare(type, more);
    if (*doc)
        json_object_set_new(schema, "description", json_string(doc));
    return schema;
}

/* The same, or null. Takes over the reference. */
static json_t *schema_or_null(json_t *schema)
{
    json_t *type = json_object_get(schema, "type");
    if (!type)
        return json_pack("{s:[o, {s:s}]}", "anyOf", schema, "type", "null");
    json_t *types = json_pack("[O, s]", type, "null");
    json_object_set_new(schema, "type", types);
    json_t *choices = json_object_get(schema, "enum");
    if (choices)
        json_array_append_new(choices, json_null());
    return schema;
}

static json_t *schema_of_row(size_t row)
{
    json_t *properties = json_object(), *required = json_array();
    for (size_t i = 0; i < TABLE_SIZE(schema_members); i++) {
        const struct schema_member *member = &schema_members[i];
        if (strcmp(member->schema, schema_rows[row].name) != 0)
            continue;
        json_t *schema = openapi_type(member->type, member->more, member->doc);
        if (strstr(member->presence, "NULL"))
            schema = schema_or_null(schema);
        json_object_set_new(properties, member->name, schema);
        if (strncmp(member->presence, "MAYBE", 5) != 0)
            json_array_append_new(required, json_string(member->name));
    }
    json_t *schema = json_pack("{s:s, s:s, s:o}", "type", "object", "description",
                               schema_rows[row].doc, "properties", properties);
    if (json_array_size(required) > 0)
        json_object_set(schema, "required", required);
    json_decref(required);
    if (strcmp(schema_rows[row].extent, "CLOSED") == 0)
        json_object_set_new(schema, "additionalProperties", json_false());
    return schema;
}

/* --- parameters of step types ------------------------------------------------------------------- */

static json_t *schema_values(const char *const *values)
{
    json_t *list = json_array();
    for (; *values; values++)
        json_array_append_new(list, json_string(*values));
    return list;
}

static json_t *schema_list_of(json_t *items, const struct step_param *param)
{
    return json_pack("{s:s, s:o, s:i}", "type", "array", "items", items, "maxItems",
                     step_param_items_most(param));
}

static json_t *schema_step_text(const struct step_param *param)
{
    return json_pack("{s:s, s:i}", "type", "string", "maxLength", step_param_length_most(param));
}

static json_t *schema_pattern(const char *pattern)
{
    return json_pack("{s:s, s:s}", "type", "string", "pattern", pattern);
}

static json_t *schema_bounds(json_t *schema, const struct step_param *param)
{
    if (param->min != 0 || param->max != 0) {
        json_object_set_new(schema, "minimum", json_real(param->min));
        json_object_set_new(schema, "maximum", json_real(param->max));
    }
    return schema;
}

static json_t *schema_step_value(const struct step_param *param)
{
    switch (param->type) {
    case STEP_PARAM_INTEGER:
        return schema_bounds(schema_typed("integer"), param);
    case STEP_PARAM_NUMBER:
        return schema_bounds(schema_typed("number"), param);
    case STEP_PARAM_BOOLEAN:
        return schema_typed("boolean");
    case STEP_PARAM_CHOICE:
        return json_pack("{s:s, s:o}", "type", "string", "enum", schema_values(param->values));
    case STEP_PARAM_GRID:
        return schema_pattern("^([12]x[1-8]|3x[1-5]|4x[1-4]|5x[1-3]|[678]x[12])$");
    case STEP_PARAM_COLOR:
        return schema_pattern("^(transparent|#([0-9A-Fa-f]{3}|[0-9A-Fa-f]{6}|[0-9A-Fa-f]{8}))$");
    case STEP_PARAM_OBJECT:
        return schema_typed("object");
    case STEP_PARAM_TEXTS:
        return schema_list_of(schema_step_text(param), param);
    case STEP_PARAM_IMAGE:
    case STEP_PARAM_VIDEO:
    case STEP_PARAM_AUDIO:
    case STEP_PARAM_MEDIA:
        return json_pack("{s:s, s:s}", "type", "string", "format", "uri");
    case STEP_PARAM_IMAGES:
    case STEP_PARAM_VIDEOS:
    case STEP_PARAM_MEDIA_LIST:
        return schema_list_of(json_pack("{s:s, s:s}", "type", "string", "format", "uri"), param);
    case STEP_PARAM_TEXT:
        break;
    }
    return schema_step_text(param);
}

static json_t *schema_of_step(const struct step_type *type)
{
    json_t *properties = json_object(), *required = json_array();
    for (size_t i = 0; i < type->param_count; i++) {
        const struct step_param *param = &type->params[i];
        json_t *schema = schema_step_value(param);
        json_object_set_new(schema, "description", json_string(param->doc));
        if (param->default_json)
            json_object_set_new(schema, "default",
                                json_loads(param->default_json, JSON_DECODE_ANY, NULL));
        json_object_set_new(properties, param->name, schema);
        if (param->required)
            json_array_append_new(required, json_string(param->name));
    }
    json_t *schema = json_pack("{s:s, s:s, s:o}", "type", "object", "description", type->summary,
                               "properties", properties);
    if (json_array_size(required) > 0)
        json_object_set(schema, "required", required);
    json_decref(required);
    return schema;
}

json_t *openapi_schemas(void)
{
    json_t *schemas = json_object();
    for (size_t i = 0; i < TABLE_SIZE(schema_rows); i++)
        json_object_set_new(schemas, schema_rows[i].name, schema_of_row(i));
    for (size_t i = 0; i < step_type_count; i++) {
        char name[SCHEMA_NAME_MAX];
        snprintf(name, sizeof(name), "step_%s", step_types[i]->name);
        json_object_set_new(schemas, name, schema_of_step(step_types[i]));
    }
    return schemas;
}
