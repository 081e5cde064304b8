/* Checking parameters against the rows of a step type. Pure. */
#include "step/step.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { PARAM_LENGTH_DEFAULT = 5000, PARAM_ITEMS_DEFAULT = 16, PARAM_GRID_CELLS_MAX = 16 };

struct param_check {
    struct arena *arena;
    const struct step_type *type;
    bool (*is_open)(void *context, const json_t *value);
    step_fault report;
    void *context;
    size_t faults;
};

static void param_fault(struct param_check *check, const char *path, const char *code,
                        const char *format, ...) __attribute__((format(printf, 4, 5)));

static void param_fault(struct param_check *check, const char *path, const char *code,
                        const char *format, ...)
{
    va_list args;
    va_start(args, format);
    check->report(check->context, path, code, arena_vprintf(check->arena, format, args));
    va_end(args);
    check->faults++;
}

int step_param_length_most(const struct step_param *param)
{
    bool has_text = param->type == STEP_PARAM_TEXT || param->type == STEP_PARAM_TEXTS;
    return !has_text ? 0 : param->max_length ? param->max_length : PARAM_LENGTH_DEFAULT;
}

int step_param_items_most(const struct step_param *param)
{
    bool has_items = param->type == STEP_PARAM_TEXTS || step_param_is_media_list(param->type);
    return !has_items ? 0 : param->max_items ? param->max_items : PARAM_ITEMS_DEFAULT;
}

static size_t param_characters(const char *text)
{
    size_t count = 0;
    for (; *text; text++)
        count += ((unsigned char)*text & 0xC0) != 0x80;
    return count;
}

static void param_check_length(struct param_check *check, const struct step_param *param,
                               const json_t *value, const char *path)
{
    size_t most = (size_t)step_param_length_most(param);
    if (strlen(json_string_value(value)) != json_string_length(value))
        param_fault(check, path, "value_error", "%s contains a NUL character.", param->name);
    else if (param_characters(json_string_value(value)) > most)
        param_fault(check, path, "too_long", "%s has at most %zu characters.", param->name, most);
}

static void param_check_number(struct param_check *check, const struct step_param *param,
                               const json_t *value, const char *path)
{
    bool whole = param->type == STEP_PARAM_INTEGER;
    double number = json_number_value(value);
    if (!json_is_number(value) || (whole && number != floor(number)))
        param_fault(check, path, "type_error", "%s is a %snumber.", param->name,
                    whole ? "whole " : "");
    else if ((param->min != 0 || param->max != 0) && (number < param->min || number > param->max))
        param_fault(check, path, "value_error", "%s lies between %g and %g.", param->name,
                    param->min, param->max);
}

static void param_check_choice(struct param_check *check, const struct step_param *param,
                               const json_t *value, const char *path)
{
    const char *text = json_string_value(value);
    const char *list = "";
    for (size_t i = 0; param->values[i]; i++) {
        if (text && strcmp(param->values[i], text) == 0)
            return;
        list = arena_printf(check->arena, "%s%s%s", list, i ? ", " : "", param->values[i]);
    }
    param_fault(check, path, text ? "value_error" : "type_error", "%s is one of: %s.", param->name,
                list);
}

static bool param_is_color(const char *text)
{
    size_t length = strlen(text);
    if (strcmp(text, "transparent") == 0)
        return true;
    return text[0] == '#' && (length == 4 || length == 7 || length == 9) &&
           strspn(text + 1, "0123456789abcdefABCDEF") == length - 1;
}

static bool param_is_grid(const char *text)
{
    return text[0] >= '1' && text[0] <= '8' && text[1] == 'x' && text[2] >= '1' && text[2] <= '8' &&
           text[3] == '\0' && (text[0] - '0') * (text[2] - '0') <= PARAM_GRID_CELLS_MAX;
}

static void param_check_form(struct param_check *check, const struct step_param *param,
                             const json_t *value, const char *path)
{
    const char *text = json_string_value(value);
    if (!text)
        param_fault(check, path, "type_error", "%s is a text.", param->name);
    else if (param->type == STEP_PARAM_COLOR && !param_is_color(text))
        param_fault(check, path, "value_error", "%s is #RGB, #RRGGBB, #RRGGBBAA or transparent.",
                    param->name);
    else if (param->type == STEP_PARAM_GRID && !param_is_grid(text))
        param_fault(check, path, "value_error",
                    "%s is WxH with 1 to 8 each and at most %d cells, such as 2x2.", param->name,
                    PARAM_GRID_CELLS_MAX);
}

static void param_check_media(struct param_check *check, const struct step_param *param,
                              const json_t *value, const char *path)
{
    if (check->is_open && check->is_open(check->context, value))
        return;
    if (!json_is_string(value) || json_string_length(value) == 0)
        param_fault(check, path, "type_error", "%s is the URL of a file.", param->name);
}

static void param_check_list(struct param_check *check, const struct step_param *param,
                             const json_t *value, const char *path)
{
    size_t most = (size_t)step_param_items_most(param);
    size_t index;
    const json_t *item;
    if (!json_is_array(value)) {
        param_fault(check, path, "type_error", "%s is a list.", param->name);
        return;
    }
    if (json_array_size(value) > most)
        param_fault(check, path, "too_long", "%s has at most %zu items.", param->name, most);
    if (param->required && json_array_size(value) == 0)
        param_fault(check, path, "missing", "%s needs at least one item.", param->name);
    json_array_foreach(value, index, item)
    {
        const char *place = json_pointer_index(check->arena, path, index);
        if (param->type != STEP_PARAM_TEXTS)
            param_check_media(check, param, item, place);
        else if (check->is_open && check->is_open(check->context, item))
            continue;
        else if (!json_is_string(item))
            param_fault(check, place, "type_error", "An item of %s is a text.", param->name);
        else
            param_check_length(check, param, item, place);
    }
}

static void param_check_value(struct param_check *check, const struct step_param *param,
                              const json_t *value, const char *path)
{
    switch (param->type) {
    case STEP_PARAM_TEXT:
        if (json_is_string(value))
            param_check_length(check, param, value, path);
        else
            param_fault(check, path, "type_error", "%s is a text.", param->name);
        break;
    case STEP_PARAM_INTEGER:
    case STEP_PARAM_NUMBER:
        param_check_number(check, param, value, path);
        break;
    case STEP_PARAM_BOOLEAN:
        if (!json_is_boolean(value))
            param_fault(check, path, "type_error", "%s is true or false.", param->name);
        break;
    case STEP_PARAM_CHOICE:
        param_check_choice(check, param, value, path);
        break;
    case STEP_PARAM_COLOR:
    case STEP_PARAM_GRID:
        param_check_form(check, param, value, path);
        break;
    case STEP_PARAM_IMAGE:
    case STEP_PARAM_VIDEO:
    case STEP_PARAM_AUDIO:
    case STEP_PARAM_MEDIA:
        param_check_media(check, param, value, path);
        break;
    case STEP_PARAM_TEXTS:
    case STEP_PARAM_IMAGES:
    case STEP_PARAM_VIDEOS:
    case STEP_PARAM_MEDIA_LIST:
        param_check_list(check, param, value, path);
        break;
    case STEP_PARAM_OBJECT:
        if (!json_is_object(value))
            param_fault(check, path, "type_error", "%s is an object.", param->name);
        break;
    }
}

size_t step_params_check(struct arena *a, const struct step_type *type, const json_t *params,
                         const char *base_path, bool (*is_open)(void *context, const json_t *value),
                         step_fault report, void *context)
{
    struct param_check check = {a, type, is_open, report, context, 0};
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)params, name, value)
    {
        if (!step_param_find(type, name))
            param_fault(&check, json_pointer(a, base_path, name), "extra_forbidden",
                        "%s has no parameter %s.", type->name, name);
    }
    for (size_t i = 0; i < type->param_count; i++) {
        const struct step_param *param = &type->params[i];
        const json_t *given = json_object_get(params, param->name);
        bool missing = !given || json_is_null(given);
        if (missing && !param->required)
            continue;
        const char *path = json_pointer(a, base_path, param->name);
        if (missing)
            param_fault(&check, path, "missing", "%s is required.", param->name);
        else if (!is_open || !is_open(context, given))
            param_check_value(&check, param, given, path);
    }
    return check.faults;
}

/* A new reference. That every default is JSON is for the test of the tables to say. */
static json_t *param_default(const struct step_param *param)
{
    size_t size = strlen(param->default_json);
    json_t *value = NULL;
    json_parse(param->default_json, size, size, &value, NULL);
    return value;
}

json_t *step_params_complete(const struct step_type *type, const json_t *params)
{
    json_t *complete = json_object();
    for (size_t i = 0; i < type->param_count; i++) {
        const struct step_param *param = &type->params[i];
        json_t *given = json_object_get(params, param->name);
        if (given && !json_is_null(given))
            json_object_set(complete, param->name, given);
        else if (param->default_json)
            json_object_set_new(complete, param->name, param_default(param));
        else
            json_object_set_new(complete, param->name, json_null());
    }
    return complete;
}
