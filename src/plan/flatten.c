/* `extends`: one definition laid over another. */
#include "plan/internal.h"

#include <string.h>

/* Items of lists that merge one by one, and what they are known by. */
static const char *flatten_merge_key(const char *member)
{
    return strcmp(member, "available_options") == 0 ? "key"
           : strcmp(member, "steps") == 0           ? "id"
                                                    : NULL;
}

static int flatten_find(const json_t *list, const char *by, const char *name)
{
    size_t index;
    const json_t *item;
    json_array_foreach(list, index, item)
    {
        const char *other = json_member_string(item, by);
        if (other && strcmp(other, name) == 0)
            return (int)index;
    }
    return -1;
}

/* Members replace members; null removes one. */
static json_t *flatten_object(const json_t *base, const json_t *over)
{
    json_t *merged = json_copy((json_t *)base);
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)over, key, value)
    {
        if (json_is_null(value))
            json_object_del(merged, key);
        else
            json_object_set(merged, key, value);
    }
    return merged;
}

/* A list merges item by item; an object {"x": {...}, "y": null} merges x and removes y. */
static json_t *flatten_list(const json_t *base, const json_t *over, const char *by)
{
    json_t *merged = json_copy((json_t *)base);
    size_t index;
    const char *name;
    json_t *item;
    json_array_foreach(over, index, item)
    {
        const char *known = json_member_string(item, by);
        int at = known ? flatten_find(merged, by, known) : -1;
        if (at >= 0)
            json_array_set_new(merged, (size_t)at,
                               flatten_object(json_array_get(merged, (size_t)at), item));
        else
            json_array_append(merged, item);
    }
    json_object_foreach((json_t *)over, name, item)
    {
        int at = flatten_find(merged, by, name);
        if (json_is_null(item) && at >= 0) {
            json_array_remove(merged, (size_t)at);
        } else if (!json_is_object(item) && !json_is_null(item)) {
            json_array_append(merged, item); /* the validator says what is wrong with it */
        } else if (json_is_object(item)) {
            json_t *named = json_copy(item);
            json_object_set_new(named, by, json_string(name));
            if (at >= 0)
                json_array_set_new(merged, (size_t)at,
                                   flatten_object(json_array_get(merged, (size_t)at), named));
            else
                json_array_append(merged, named);
            json_decref(named);
        }
    }
    return merged;
}

static json_t *flatten_onto(const json_t *base, const json_t *over)
{
    CLEANUP(json) json_t *none = json_array();
    json_t *merged = json_copy((json_t *)base);
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)over, key, value)
    {
        const char *by = flatten_merge_key(key);
        const json_t *before = json_object_get(merged, key);
        if (strcmp(key, "extends") == 0)
            continue;
        if (json_is_null(value))
            json_object_del(merged, key);
        else if (by && json_is_array(before) && (json_is_array(value) || json_is_object(value)))
            json_object_set_new(merged, key, flatten_list(before, value, by));
        else if (by && json_is_object(value))
            json_object_set_new(merged, key, flatten_list(none, value, by));
        else
            json_object_set(merged, key, value);
    }
    return merged;
}

/* The definitions that are being laid over each other, the first one first; without a name when it
 * comes from outside. */
struct flatten_chain {
    const json_t *(*lookup)(void *context, const char *id);
    void *context;
    struct plan_faults *faults;
    const json_t *members[PLAN_EXTENDS_DEPTH_MAX + 1];
    const char
        *names[PLAN_EXTENDS_DEPTH_MAX + 1]; /* names[i] extends names[i + 1]; names[0] is NULL */
    size_t count;
};

static void flatten_fault_cycle(const struct flatten_chain *chain, size_t first, const char *id)
{
    const char *names = "";
    for (size_t i = first; i < chain->count; i++)
        names = arena_printf(chain->faults->arena, "%s%s -> ", names,
                             chain->names[i] ? chain->names[i] : id);
    plan_fault_add(chain->faults, "/extends", 0, "cycle",
                   "These definitions extend each other: %s%s.", names, id);
}

static json_t *flatten_at(struct flatten_chain *chain, const json_t *definition, const char *name)
{
    struct plan_faults *faults = chain->faults;
    const json_t *extends = json_object_get(definition, "extends");
    if (!extends || json_is_null(extends))
        return json_copy((json_t *)definition);
    const char *id = json_string_value(extends);
    const json_t *base = id && plan_id_valid(id) ? chain->lookup(chain->context, id) : NULL;
    if (!base) {
        plan_fault_add(faults, "/extends", 0, id ? "unknown_base" : "type_error",
                       "There is no definition %s to extend.", id ? id : "of that kind");
        return NULL;
    }
    if (chain->count == PLAN_EXTENDS_DEPTH_MAX) {
        plan_fault_add(faults, "/extends", 0, "too_deep",
                       "Definitions extend each other at most %d deep.", PLAN_EXTENDS_DEPTH_MAX);
        return NULL;
    }
    chain->members[chain->count] = definition;
    chain->names[chain->count++] = name;
    for (size_t i = 0; i < chain->count; i++) {
        if (chain->members[i] == base || (chain->names[i] && strcmp(chain->names[i], id) == 0)) {
            flatten_fault_cycle(chain, i, id);
            return NULL;
        }
    }
    CLEANUP(json) json_t *flat = flatten_at(chain, base, id);
    return flat ? flatten_onto(flat, definition) : NULL;
}

json_t *plan_flatten(const json_t *definition,
                     const json_t *(*lookup)(void *context, const char *id), void *context,
                     struct plan_faults *faults)
{
    if (!json_is_object(definition)) {
        plan_fault_add(faults, "", 0, "type_error", "A template definition is an object.");
        return NULL;
    }
    struct flatten_chain chain = {.lookup = lookup, .context = context, .faults = faults};
    return flatten_at(&chain, definition, NULL);
}
