#include "plan/internal.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>

struct plan_catalog {
    struct plan_template **templates; /* by id */
    size_t count, capacity;
    json_t *definitions; /* id to definition, bases as well */
};

size_t plan_catalog_count(const struct plan_catalog *catalog)
{
    return catalog->count;
}

const struct plan_template *plan_catalog_at(const struct plan_catalog *catalog, size_t index)
{
    return catalog->templates[index];
}

static int catalog_compare(const void *a, const void *b)
{
    return strcmp((*(struct plan_template *const *)a)->id, (*(struct plan_template *const *)b)->id);
}

const struct plan_template *plan_catalog_find(const struct plan_catalog *catalog, const char *id)
{
    size_t low = 0, high = catalog->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(catalog->templates[middle]->id, id);
        if (order == 0)
            return catalog->templates[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const json_t *plan_catalog_definition(const struct plan_catalog *catalog, const char *id)
{
    return json_object_get(catalog->definitions, id);
}

void plan_catalog_free(struct plan_catalog *catalog)
{
    if (!catalog)
        return;
    for (size_t i = 0; i < catalog->count; i++)
        plan_template_free(catalog->templates[i]);
    free(catalog->templates);
    json_decref(catalog->definitions);
    free(catalog);
}

static int catalog_is_json(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);
    return length > 5 && entry->d_name[0] != '.' &&
           strcmp(entry->d_name + length - 5, ".json") == 0;
}

/* Reads every definition of a folder into catalog->definitions; appends the ids to `ids` when it is
 * not NULL. */
static int catalog_read_folder(struct plan_catalog *catalog, const char *folder, json_t *ids,
                               struct plan_faults *faults, struct err *err)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, catalog_is_json, alphasort);
    int rc = 0;
    if (count < 0)
        return err_set(err, ERR_NOT_FOUND, folder, "The catalog %s cannot be read: %s.", folder,
                       strerror(errno));
    for (int i = 0; i < count; i++) {
        const char *path = arena_printf(faults->arena, "%s/%s", folder, entries[i]->d_name);
        size_t length = strlen(entries[i]->d_name) - 5;
        const char *id = arena_strndup(faults->arena, entries[i]->d_name, length);
        json_t *definition = NULL;
        struct err fault;
        if (json_parse_file(path, PLAN_DEFINITION_BYTES_MAX, &definition, &fault) < 0) {
            plan_fault_add(faults, path, 0, "syntax", "%s", fault.message);
            rc = err_set(err, ERR_INVALID, path, "%s", fault.message);
        } else {
            json_object_set_new(catalog->definitions, id, definition);
            if (ids)
                json_array_append_new(ids, json_string(id));
        }
        free(entries[i]);
    }
    free(entries);
    return rc;
}

static const json_t *catalog_lookup(void *context, const char *id)
{
    return json_object_get(((struct plan_catalog *)context)->definitions, id);
}

static int catalog_add(struct plan_catalog *catalog, const char *id, struct plan_faults *faults,
                       struct err *err)
{
    struct plan_faults own;
    plan_faults_init(&own, faults->arena);
    CLEANUP(json)
    json_t *flat = plan_flatten(catalog_lookup(catalog, id), catalog_lookup, catalog, &own);
    struct plan_template *t = flat ? plan_template_new(flat, &own) : NULL;
    if (t && strcmp(t->id, id) != 0)
        plan_fault_add(&own, "/id", 0, "value_error", "The id is not the file's name.");
    for (size_t i = 0; i < own.count; i++) {
        if (!own.items[i].warning)
            plan_fault_add(faults, arena_printf(faults->arena, "%s.json%s", id, own.items[i].path),
                           own.items[i].column, own.items[i].code, "%s", own.items[i].message);
    }
    if (own.error_count > 0) {
        plan_template_free(t);
        return err_set(err, ERR_INVALID, id, "The template %s is not valid.", id);
    }
    if (catalog->count == catalog->capacity) {
        catalog->capacity = catalog->capacity ? 2 * catalog->capacity : 64;
        catalog->templates =
            mem_resize(catalog->templates, catalog->capacity, sizeof(struct plan_template *));
    }
    catalog->templates[catalog->count++] = t;
    return 0;
}

int plan_catalog_load(const char *directory, struct plan_catalog **ret_catalog,
                      struct plan_faults *faults, struct err *err)
{
    struct plan_catalog *catalog = mem_alloc(sizeof(*catalog));
    CLEANUP(json) json_t *ids = json_array();
    size_t index;
    const json_t *id;
    catalog->definitions = json_object();
    const char *bases = arena_printf(faults->arena, "%s/bases", directory);
    int rc = catalog_read_folder(catalog, directory, ids, faults, err);
    if (rc == 0 && catalog_read_folder(catalog, bases, NULL, faults, err) == ERR_INVALID)
        rc = ERR_INVALID;
    json_array_foreach(ids, index, id)
    {
        if (rc == 0 || rc == ERR_INVALID) {
            int one = catalog_add(catalog, json_string_value(id), faults, err);
            rc = one < 0 ? one : rc;
        }
    }
    if (rc < 0) {
        plan_catalog_free(catalog);
        return rc;
    }
    if (catalog->count)
        qsort(catalog->templates, catalog->count, sizeof(*catalog->templates), catalog_compare);
    *ret_catalog = catalog;
    return 0;
}

/* --- as clients see templates -------------------------------------------------------------------
 */

static void summary_copy(json_t *row, const struct plan_template *t, const char *key,
                         json_t *otherwise)
{
    json_t *value = json_object_get(t->definition, key);
    json_object_set(row, key, value && !json_is_null(value) ? value : otherwise);
    json_decref(otherwise);
}

static json_t *summary_credits(const struct plan_template *t)
{
    static const char *const kinds[] = {"image", "video", "audio"};
    const json_t *credits = json_object_get(t->definition, "credits");
    json_t *all = json_object();
    for (size_t i = 0; i < 3; i++) {
        json_t *price = json_object_get(credits, kinds[i]);
        json_object_set_new(all, kinds[i], price ? json_incref(price) : json_null());
    }
    return all;
}

json_t *plan_template_summary(const struct plan_template *t, bool detail, int64_t version,
                              bool user_designed)
{
    json_t *row = json_pack("{s:s}", "template_id", t->id);
    json_t *options = json_object();
    for (size_t i = 0; i < t->option_count; i++)
        json_object_set_new(options, t->options[i].key,
                            t->options[i].otherwise ? json_deep_copy(t->options[i].otherwise)
                                                    : json_null());
    summary_copy(row, t, "label", json_string(t->id));
    summary_copy(row, t, "description", json_string(""));
    json_object_set_new(row, "category", json_string(t->category));
    summary_copy(row, t, "inputs", json_array());
    json_object_set_new(row, "credits", summary_credits(t));
    json_object_set_new(row, "options", options);
    summary_copy(row, t, "thumbnails", json_array());
    json_object_set_new(row, "version", json_integer(version));
    json_object_set_new(row, "user_designed", json_integer(user_designed));
    if (detail) {
        summary_copy(row, t, "available_options", json_array());
        summary_copy(row, t, "steps", json_array());
        summary_copy(row, t, "outputs", json_array());
    }
    return row;
}
