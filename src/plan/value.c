/* JSON values with expressions in their strings: parsed once, substituted once; what is put in is
 * never looked into again. */
#include "plan/internal.h"

#include <string.h>

static bool value_has_expressions(const json_t *json)
{
    size_t index;
    const char *key;
    const json_t *item;
    if (json_is_string(json))
        return strstr(json_string_value(json), "{{") != NULL;
    json_array_foreach(json, index, item)
    {
        if (value_has_expressions(item))
            return true;
    }
    json_object_foreach((json_t *)json, key, item)
    {
        if (value_has_expressions(item))
            return true;
    }
    return false;
}

static void value_read_text(struct arena *a, const json_t *json, const char *path,
                            struct plan_value *value, struct plan_faults *faults)
{
    struct expr_fault fault;
    value->text = expr_parse_text(a, json_string_value(json), &fault);
    if (value->text)
        return;
    plan_fault_add(faults, path, fault.column, "syntax", "%s", fault.message);
    value->plain = json;
}

void value_read(struct arena *a, const json_t *json, const char *path, struct plan_value *value,
                struct plan_faults *faults)
{
    size_t index = 0;
    const char *key;
    json_t *item;
    if (!value_has_expressions(json)) {
        value->plain = json;
        return;
    }
    if (json_is_string(json)) {
        value_read_text(a, json, path, value, faults);
        return;
    }
    value->is_object = json_is_object(json);
    value->count = value->is_object ? json_object_size(json) : json_array_size(json);
    value->items = arena_array(a, value->count, sizeof(*value->items));
    value->keys = arena_array(a, value->count, sizeof(*value->keys));
    if (value->is_object) {
        json_object_foreach((json_t *)json, key, item)
        {
            value->keys[index] = key;
            value_read(a, item, json_pointer(a, path, key), &value->items[index++], faults);
        }
    } else {
        json_array_foreach(json, index, item)
            value_read(a, item, json_pointer_index(a, path, index), &value->items[index], faults);
    }
}

static const char *value_path(struct arena *a, const struct plan_value *value, const char *path,
                              size_t index)
{
    return value->is_object ? json_pointer(a, path, value->keys[index])
                            : json_pointer_index(a, path, index);
}

void value_bind(struct plan_value *value, const struct expr_scope *scope, const char *path,
                struct plan_faults *faults)
{
    bool whole = value->text && expr_text_is_whole(value->text);
    if (value->text && !whole)
        value->type = EXPR_STRING;
    for (struct expr_text *piece = value->text; piece; piece = piece->next) {
        if (!piece->expr)
            continue;
        size_t before = faults->error_count;
        expr_bind(piece->expr, scope, path, faults);
        if (faults->error_count != before)
            continue;
        enum expr_type type = expr_check(piece->expr, scope, path, faults);
        if (whole)
            value->type = type;
        if (!whole && (type == EXPR_ARRAY || type == EXPR_OBJECT))
            plan_fault_add(faults, path, piece->expr->column, "type_error",
                           "Inside a longer text %s cannot stand.", expr_type_name(type));
    }
    for (size_t i = 0; i < value->count; i++)
        value_bind(&value->items[i], scope, value_path(faults->arena, value, path, i), faults);
}

void value_visit_steps(const struct plan_value *value,
                       void (*visit)(void *context, int step, bool optional), void *context)
{
    for (const struct expr_text *piece = value->text; piece; piece = piece->next) {
        if (piece->expr)
            expr_visit_steps(piece->expr, false, visit, context);
    }
    for (size_t i = 0; i < value->count; i++)
        value_visit_steps(&value->items[i], visit, context);
}

struct expr_value value_evaluate(const struct plan_value *value,
                                 const struct expr_environment *environment)
{
    if (value->plain)
        return (struct expr_value){.state = EXPR_VALUE, .json = json_deep_copy(value->plain)};
    if (value->text)
        return expr_text_evaluate(value->text, environment);
    json_t *made = value->is_object ? json_object() : json_array();
    struct expr_value pending = {.state = EXPR_VALUE};
    for (size_t i = 0; i < value->count; i++) {
        struct expr_value item = value_evaluate(&value->items[i], environment);
        if (item.state == EXPR_PENDING) {
            pending = item; /* a skip or a fault among the others weighs more */
        } else if (item.state != EXPR_VALUE) {
            json_decref(made);
            return item;
        } else if (value->is_object) {
            json_object_set_new(made, value->keys[i], item.json);
        } else {
            json_array_append_new(made, item.json);
        }
    }
    if (pending.state == EXPR_VALUE)
        return (struct expr_value){.state = EXPR_VALUE, .json = made};
    json_decref(made);
    return pending;
}

json_t *value_evaluate_known(const struct plan_value *value,
                             const struct expr_environment *environment, json_t *unknown)
{
    if (value->plain || value->text) {
        struct expr_value known = value_evaluate(value, environment);
        return known.state == EXPR_VALUE ? known.json : json_incref(unknown);
    }
    json_t *made = value->is_object ? json_object() : json_array();
    for (size_t i = 0; i < value->count; i++) {
        json_t *item = value_evaluate_known(&value->items[i], environment, unknown);
        if (value->is_object)
            json_object_set_new(made, value->keys[i], item);
        else
            json_array_append_new(made, item);
    }
    return made;
}
