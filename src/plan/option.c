#include "plan/internal.h"

#include <ctype.h>
#include <string.h>

static const char option_blanks[] = " \t\r\n";

static const char *const option_names[OPTION_COMPONENT_COUNT] = {
    "text",  "textarea", "list",   "number", "toggle", "select", "multiselect",
    "color", "image",    "images", "video",  "videos", "audio",  "grid"};

const char *option_component_name(enum option_component component)
{
    return option_names[component];
}

enum option_component option_component_find(const char *name)
{
    int component = 0;
    while (component < OPTION_COMPONENT_COUNT && strcmp(option_names[component], name) != 0)
        component++;
    return (enum option_component)component;
}

bool option_is_image(enum option_component component)
{
    return component == OPTION_IMAGE || component == OPTION_IMAGES;
}

enum expr_type option_type(enum option_component component)
{
    switch (component) {
    case OPTION_NUMBER:
        return EXPR_NUMBER;
    case OPTION_TOGGLE:
        return EXPR_BOOLEAN;
    case OPTION_LIST:
    case OPTION_MULTISELECT:
    case OPTION_IMAGES:
    case OPTION_VIDEOS:
        return EXPR_ARRAY;
    default:
        return EXPR_STRING;
    }
}

bool plan_id_valid(const char *text)
{
    size_t length = strlen(text);
    return length >= 1 && length <= 64 && islower((unsigned char)text[0]) &&
           strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_") == length;
}

/* --- given values -------------------------------------------------------------------------------
 */

static size_t option_characters(const char *text)
{
    size_t count = 0;
    for (; *text; text++)
        count += ((unsigned char)*text & 0xC0) != 0x80;
    return count;
}

static bool option_text_ok(const struct plan_option *option, const json_t *value, const char *path,
                           struct plan_faults *faults)
{
    size_t most = option->max_length ? (size_t)option->max_length : PLAN_OPTION_LENGTH_MAX;
    if (!json_is_string(value)) {
        plan_fault_add(faults, path, 0, "type_error", "%s is a text, not %s.", option->key,
                       json_type_name(value));
        return false;
    }
    if (strlen(json_string_value(value)) != json_string_length(value)) {
        plan_fault_add(faults, path, 0, "value_error", "%s contains a NUL character.", option->key);
        return false;
    }
    if (option_characters(json_string_value(value)) > most) {
        plan_fault_add(faults, path, 0, "too_long", "%s has at most %zu characters.", option->key,
                       most);
        return false;
    }
    return true;
}

static bool option_among(const struct plan_option *option, const json_t *value, const char *path,
                         struct plan_faults *faults)
{
    const char *text = json_string_value(value);
    const char *list = "";
    for (size_t i = 0; i < option->value_count; i++) {
        if (text && strcmp(option->values[i], text) == 0)
            return true;
        if (i < 20)
            list = arena_printf(faults->arena, "%s%s%s", list, i ? ", " : "", option->values[i]);
    }
    plan_fault_add(faults, path, 0, text ? "value_error" : "type_error", "%s is one of: %s%s.",
                   option->key, list, option->value_count > 20 ? ", ..." : "");
    return false;
}

static bool option_reference_ok(const struct plan_option *option, const json_t *value,
                                const char *path, struct plan_faults *faults)
{
    struct err err;
    if (!json_is_string(value)) {
        plan_fault_add(faults, path, 0, "type_error", "%s is a URL, not %s.", option->key,
                       json_type_name(value));
        return false;
    }
    if (strlen(json_string_value(value)) != json_string_length(value) ||
        plan_reference_check(json_string_value(value), false, &err) < 0) {
        plan_fault_add(faults, path, 0, "value_error", "%s", err.message);
        return false;
    }
    return true;
}

static bool option_grid_ok(const char *text)
{
    return text[0] >= '1' && text[0] <= '8' && text[1] == 'x' && text[2] >= '1' && text[2] <= '8' &&
           text[3] == '\0' && (text[0] - '0') * (text[2] - '0') <= PLAN_GRID_CELLS_MAX;
}

static bool option_color_ok(const char *text)
{
    size_t length = strlen(text);
    return strcmp(text, "transparent") == 0 ||
           (text[0] == '#' && (length == 4 || length == 7 || length == 9) &&
            strspn(text + 1, "0123456789abcdefABCDEF") == length - 1);
}

static bool option_form_ok(const struct plan_option *option, const json_t *value, const char *path,
                           struct plan_faults *faults)
{
    if (!option_text_ok(option, value, path, faults))
        return false;
    const char *text = json_string_value(value);
    if (option->component == OPTION_GRID && !option_grid_ok(text)) {
        plan_fault_add(faults, path, 0, "value_error",
                       "%s is WxH with 1 to 8 each and at most %d cells, such as 2x2.", option->key,
                       PLAN_GRID_CELLS_MAX);
        return false;
    }
    if (option->component == OPTION_COLOR && !option_color_ok(text)) {
        plan_fault_add(faults, path, 0, "value_error",
                       "%s is #RGB, #RRGGBB, #RRGGBBAA or transparent.", option->key);
        return false;
    }
    return true;
}

static bool option_number_ok(const struct plan_option *option, const json_t *value,
                             const char *path, struct plan_faults *faults)
{
    double number = json_number_value(value);
    if (!json_is_number(value)) {
        plan_fault_add(faults, path, 0, "type_error", "%s is a number, not %s.", option->key,
                       json_type_name(value));
        return false;
    }
    if ((option->has_min && number < option->min) || (option->has_max && number > option->max)) {
        plan_fault_add(faults, path, 0, "value_error", "%s is out of its range.", option->key);
        return false;
    }
    return true;
}

/* Where the item at `text` ends. Of a text with dashes in one line, the next dash that stands alone
 * leads another one. */
static const char *option_item_end(const char *text, bool one_line)
{
    const char *end = text;
    while (*end && *end != '\n' &&
           !(one_line && strchr(option_blanks, *end) && end[1] == '-' && end[2] == ' '))
        end++;
    return end;
}

/* A text with an item a line, or after each leading dash: "- a\n- b", or in one line "- a - b". One
 * dash leads an item; another one behind it is the item's own. */
static json_t *option_list_of_text(const char *text)
{
    json_t *list = json_array();
    text += strspn(text, option_blanks);
    size_t first_line = strcspn(text, "\n");
    bool dashes = *text == '-';
    bool one_line = dashes && text[first_line + strspn(text + first_line, option_blanks)] == '\0';
    while (*text) {
        text += strspn(text, option_blanks);
        text += dashes && *text == '-';
        text += strspn(text, " \t\r");
        const char *end = option_item_end(text, one_line);
        size_t length = (size_t)(end - text);
        while (length > 0 && strchr(option_blanks, text[length - 1]))
            length--;
        if (length > 0)
            json_array_append_new(list, json_stringn(text, length));
        text = end;
    }
    return list;
}

static bool option_item_ok(const struct plan_option *option, const json_t *item, const char *path,
                           struct plan_faults *faults)
{
    switch (option->component) {
    case OPTION_LIST:
        return option_text_ok(option, item, path, faults);
    case OPTION_MULTISELECT:
        return option_among(option, item, path, faults);
    default:
        return option_reference_ok(option, item, path, faults);
    }
}

static json_t *option_check_list(const struct plan_option *option, const json_t *value,
                                 const char *path, struct plan_faults *faults)
{
    size_t most = option->max_items ? (size_t)option->max_items : PLAN_OPTION_ITEMS_MAX;
    size_t before = faults->error_count, index;
    json_t *item;
    json_t *list;
    if (json_is_string(value) && option->component == OPTION_LIST)
        list = option_list_of_text(json_string_value(value));
    else if (json_is_string(value)) /* one of them is a list of one */
        list = json_pack("[O]", value);
    else
        list = json_copy((json_t *)value);
    if (!json_is_array(list))
        plan_fault_add(faults, path, 0, "type_error", "%s is a list, not %s.", option->key,
                       json_type_name(value));
    else if (json_array_size(list) > most)
        plan_fault_add(faults, path, 0, "too_long", "%s has at most %zu items.", option->key, most);
    else if (option->required && json_array_size(list) == 0)
        plan_fault_add(faults, path, 0, "missing", "%s needs at least one item.", option->key);
    else
        json_array_foreach(list, index, item)
            option_item_ok(option, item, json_pointer_index(faults->arena, path, index), faults);
    if (faults->error_count == before)
        return list;
    json_decref(list);
    return NULL;
}

json_t *option_check(const struct plan_option *option, const json_t *value, const char *path,
                     struct plan_faults *faults)
{
    bool ok = false;
    switch (option->component) {
    case OPTION_LIST:
    case OPTION_MULTISELECT:
    case OPTION_IMAGES:
    case OPTION_VIDEOS:
        return option_check_list(option, value, path, faults);
    case OPTION_TEXT:
    case OPTION_TEXTAREA:
    case OPTION_COLOR:
    case OPTION_GRID:
        ok = option_form_ok(option, value, path, faults);
        break;
    case OPTION_NUMBER:
        ok = option_number_ok(option, value, path, faults);
        break;
    case OPTION_TOGGLE:
        ok = json_is_boolean(value);
        if (!ok)
            plan_fault_add(faults, path, 0, "type_error", "%s is true or false, not %s.",
                           option->key, json_type_name(value));
        break;
    case OPTION_SELECT:
        ok = option_among(option, value, path, faults);
        break;
    default:
        ok = option_reference_ok(option, value, path, faults);
        break;
    }
    return ok ? json_incref((json_t *)value) : NULL;
}

/* --- definitions --------------------------------------------------------------------------------
 */

/* NULL when it is neither a text nor an object of two. */
static const char *option_value_text(const json_t *value)
{
    const json_t *label = json_object_get(value, "label");
    if (json_is_string(value))
        return json_string_value(value);
    if (json_object_size(value) != (label ? 2 : 1) || (label && !json_is_string(label)))
        return NULL;
    return json_member_string(value, "value");
}

static void option_read_values(struct plan_template *t, const json_t *definition, const char *path,
                               struct plan_option *option, struct plan_faults *faults)
{
    const json_t *values = json_object_get(definition, "values");
    bool needed = option->component == OPTION_SELECT || option->component == OPTION_MULTISELECT;
    const char *place = json_pointer(faults->arena, path, "values");
    size_t index;
    const json_t *value;
    if (!values || json_is_null(values)) {
        if (needed)
            plan_fault_add(faults, place, 0, "missing", "A %s has values.",
                           option_component_name(option->component));
        return;
    }
    if (!needed || !json_is_array(values) || json_array_size(values) == 0) {
        plan_fault_add(faults, place, 0, needed ? "type_error" : "extra_forbidden",
                       needed ? "values is a list with at least one item."
                              : "Only select and multiselect have values.");
        return;
    }
    if (json_array_size(values) > PLAN_OPTION_VALUES_MAX) {
        plan_fault_add(faults, place, 0, "too_long", "values has at most %d items.",
                       PLAN_OPTION_VALUES_MAX);
        return;
    }
    const char **texts = arena_array(t->arena, json_array_size(values), sizeof(*texts));
    json_array_foreach(values, index, value)
    {
        const char *at = json_pointer_index(faults->arena, place, index);
        texts[index] = option_value_text(value);
        if (!texts[index])
            plan_fault_add(faults, at, 0, "type_error",
                           "A value is a text, or an object with value and label, both texts.");
        for (size_t i = 0; texts[index] && i < index; i++) {
            if (texts[i] && strcmp(texts[i], texts[index]) == 0)
                plan_fault_add(faults, at, 0, "duplicate", "There are two values %s.", texts[i]);
        }
    }
    option->values = texts;
    option->value_count = json_array_size(values);
}

static void option_read_limit(const json_t *definition, const char *key, const char *path,
                              int64_t most, int64_t *ret_limit, struct plan_faults *faults)
{
    const json_t *limit = json_object_get(definition, key);
    if (!limit || json_is_null(limit))
        return;
    *ret_limit = json_integer_value(limit);
    if (!json_is_integer(limit) || *ret_limit < 1 || *ret_limit > most)
        plan_fault_add(faults, json_pointer(faults->arena, path, key), 0, "value_error",
                       "%s is a whole number from 1 to %lld.", key, (long long)most);
}

static void option_read_range(const json_t *definition, const char *path,
                              struct plan_option *option, struct plan_faults *faults)
{
    const json_t *min = json_object_get(definition, "min"),
                 *max = json_object_get(definition, "max");
    option->has_min = json_is_number(min);
    option->has_max = json_is_number(max);
    option->min = json_number_value(min);
    option->max = json_number_value(max);
    if ((min && !json_is_null(min) && !option->has_min) ||
        (max && !json_is_null(max) && !option->has_max))
        plan_fault_add(faults, path, 0, "type_error", "min and max are numbers.");
    else if (option->has_min && option->has_max && option->min > option->max)
        plan_fault_add(faults, path, 0, "value_error", "min is greater than max.");
}

static void option_check_members(const json_t *definition, const char *path,
                                 struct plan_faults *faults)
{
    static const char *const known[] = {"key",      "label",      "help",     "component",
                                        "required", "default",    "values",   "min",
                                        "max",      "max_length", "max_items"};
    const char *name;
    const json_t *value;
    json_object_foreach((json_t *)definition, name, value)
    {
        bool found = false;
        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
            found |= strcmp(known[i], name) == 0;
        const char *place = json_pointer(faults->arena, path, name);
        if (!found)
            plan_fault_add(faults, place, 0, "extra_forbidden", "An option has no member %s.",
                           name);
        else if (json_is_null(value))
            continue; /* as if it were not there */
        else if ((strcmp(name, "label") == 0 || strcmp(name, "help") == 0) &&
                 !json_is_string(value))
            plan_fault_add(faults, place, 0, "type_error", "%s is a text.", name);
        else if (strcmp(name, "required") == 0 && !json_is_boolean(value))
            plan_fault_add(faults, place, 0, "type_error", "required is true or false.");
    }
}

bool option_read(struct plan_template *t, const json_t *definition, const char *path,
                 struct plan_option *option, struct plan_faults *faults)
{
    static const char *const reserved[] = {"options",  "inputs", "steps",
                                           "workflow", "item",   "index"};
    size_t before = faults->error_count;
    const char *component = json_member_string(definition, "component");
    if (!json_is_object(definition)) {
        plan_fault_add(faults, path, 0, "type_error", "An option is an object.");
        return false;
    }
    option->key = json_member_string(definition, "key");
    if (!option->key || !plan_id_valid(option->key)) {
        plan_fault_add(
            faults, json_pointer(faults->arena, path, "key"), 0,
            option->key ? "value_error" : "missing",
            "An option has a key of small letters, digits and _, a letter first, at most 64.");
        return false;
    }
    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
        if (strcmp(option->key, reserved[i]) == 0)
            plan_fault_add(faults, json_pointer(faults->arena, path, "key"), 0, "reserved",
                           "%s is a reserved word.", option->key);
    }
    option->component = component ? option_component_find(component) : OPTION_COMPONENT_COUNT;
    if (option->component == OPTION_COMPONENT_COUNT) {
        plan_fault_add(faults, json_pointer(faults->arena, path, "component"), 0,
                       component ? "unknown_component" : "missing",
                       component ? "There is no component of that name."
                                 : "An option has a component.");
        return false;
    }
    option_check_members(definition, path, faults);
    option->required = json_member_bool(definition, "required", false);
    option_read_range(definition, path, option, faults);
    option_read_limit(definition, "max_length", path, PLAN_OPTION_LENGTH_MAX, &option->max_length,
                      faults);
    option_read_limit(definition, "max_items", path, PLAN_OPTION_ITEMS_MAX, &option->max_items,
                      faults);
    option_read_values(t, definition, path, option, faults);
    const json_t *otherwise = json_object_get(definition, "default");
    if (faults->error_count == before && otherwise && !json_is_null(otherwise)) {
        json_t *checked =
            option_check(option, otherwise, json_pointer(faults->arena, path, "default"), faults);
        json_decref(checked);
        option->otherwise = otherwise;
    }
    return faults->error_count == before;
}

/* --- a client's options -------------------------------------------------------------------------
 */

static const json_t *option_given(const json_t *options, const char *key)
{
    const json_t *value = json_object_get(options, key);
    return json_is_null(value) ? NULL : value;
}

/* Fills an unfilled image option from the list that is left. */
static json_t *option_take_images(const struct plan_option *option, const json_t *image_urls,
                                  size_t *next)
{
    size_t count = json_array_size(image_urls);
    if (!option_is_image(option->component) || *next >= count)
        return NULL;
    if (option->component == OPTION_IMAGE)
        return json_incref(json_array_get(image_urls, (*next)++));
    json_t *rest = json_array();
    while (*next < count)
        json_array_append(rest, json_array_get(image_urls, (*next)++));
    return rest;
}

/* What no option takes is checked as well: steps may name it as inputs.image_urls. */
static bool option_images_ok(const json_t *image_urls, struct plan_faults *faults)
{
    const struct plan_option item = {.key = "An image", .component = OPTION_IMAGE};
    size_t before = faults->error_count, index;
    const json_t *url;
    if (image_urls && !json_is_null(image_urls) && !json_is_array(image_urls))
        plan_fault_add(faults, "/image_urls", 0, "type_error", "image_urls is a list, not %s.",
                       json_type_name(image_urls));
    json_array_foreach(image_urls, index, url) option_reference_ok(
        &item, url, json_pointer_index(faults->arena, "/image_urls", index), faults);
    return faults->error_count == before;
}

/* What is checked, and what has come of it. */
struct option_request {
    const json_t *options, *image_urls;
    size_t next;   /* of image_urls */
    bool in_parts; /* what is missing is no fault */
    struct plan_faults *faults;
};

static json_t *option_value(const struct plan_option *option, struct option_request *request)
{
    struct plan_faults *faults = request->faults;
    const char *path = json_pointer(faults->arena, "/options", option->key);
    const json_t *given = option_given(request->options, option->key);
    CLEANUP(json)
    json_t *taken = given ? NULL : option_take_images(option, request->image_urls, &request->next);
    if (given || taken)
        return option_check(option, given ? given : taken, path, faults);
    if (option->otherwise)
        return option_check(option, option->otherwise, path, faults);
    if (option->required && !request->in_parts)
        plan_fault_add(faults, path, 0, "missing", "%s is required.", option->key);
    return json_null();
}

static void option_check_names(const struct plan_template *t, const json_t *options,
                               struct plan_faults *faults)
{
    const char *key;
    const json_t *value;
    if (options && !json_is_null(options) && !json_is_object(options))
        plan_fault_add(faults, "/options", 0, "type_error", "options is an object, not %s.",
                       json_type_name(options));
    json_object_foreach((json_t *)options, key, value)
    {
        if (!template_option(t, key))
            plan_fault_add(faults, json_pointer(faults->arena, "/options", key), 0,
                           "extra_forbidden", "The template has no option %s.", key);
    }
}

static size_t options_check(const struct plan_template *t, struct option_request *request,
                            json_t **ret_options)
{
    struct plan_faults *faults = request->faults;
    size_t before = faults->error_count;
    json_t *checked = json_object();
    bool images_ok = option_images_ok(request->image_urls, faults);
    option_check_names(t, request->options, faults);
    for (size_t i = 0; i < t->option_count; i++) {
        const struct plan_option *option = &t->options[i];
        if (!images_ok && option_is_image(option->component) &&
            !option_given(request->options, option->key))
            continue; /* what it would take has been found wrong already */
        json_t *one = option_value(option, request);
        if (one)
            json_object_set_new(checked, option->key, one);
    }
    if (faults->error_count == before)
        *ret_options = checked;
    else
        json_decref(checked);
    return faults->error_count - before;
}

size_t plan_options_check(const struct plan_template *t, const json_t *options,
                          const json_t *image_urls, struct plan_faults *faults,
                          json_t **ret_options)
{
    struct option_request request = {
        .options = options, .image_urls = image_urls, .faults = faults};
    return options_check(t, &request, ret_options);
}

size_t plan_options_check_given(const struct plan_template *t, const json_t *options,
                                struct plan_faults *faults, json_t **ret_options)
{
    struct option_request request = {.options = options, .in_parts = true, .faults = faults};
    return options_check(t, &request, ret_options);
}
