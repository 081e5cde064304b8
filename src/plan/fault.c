#include "plan/plan.h"

#include <string.h>

void plan_faults_init(struct plan_faults *faults, struct arena *a)
{
    *faults = (struct plan_faults){.arena = a};
}

static void fault_append(struct plan_faults *faults, const char *path, int column, const char *code,
                         bool warning, const char *message)
{
    if (faults->count == PLAN_FAULTS_MAX + 1)
        return;
    if (faults->count == faults->capacity) {
        size_t capacity = faults->capacity ? 2 * faults->capacity : 8;
        struct plan_fault *grown = arena_array(faults->arena, capacity, sizeof(*grown));
        if (faults->count)
            memcpy(grown, faults->items, faults->count * sizeof(*grown));
        faults->items = grown;
        faults->capacity = capacity;
    }
    if (faults->count == PLAN_FAULTS_MAX) {
        path = "";
        column = 0;
        code = "too_many_faults";
        message = arena_printf(faults->arena, "There are more than %d faults.", PLAN_FAULTS_MAX);
        warning = false;
    }
    faults->items[faults->count++] =
        (struct plan_fault){arena_strdup(faults->arena, path), column, code, message, warning};
    faults->error_count += !warning;
}

void plan_fault_add(struct plan_faults *faults, const char *path, int column, const char *code,
                    const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fault_append(faults, path, column, code, false, arena_vprintf(faults->arena, format, args));
    va_end(args);
}

void plan_warning_add(struct plan_faults *faults, const char *path, int column, const char *code,
                      const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fault_append(faults, path, column, code, true, arena_vprintf(faults->arena, format, args));
    va_end(args);
}

json_t *plan_faults_json(const struct plan_faults *faults, bool warnings)
{
    json_t *list = json_array();
    for (size_t i = 0; i < faults->count; i++) {
        const struct plan_fault *fault = &faults->items[i];
        if (fault->warning != warnings)
            continue;
        json_t *row = json_pack("{s:s, s:s, s:s}", "path", fault->path, "code", fault->code,
                                "message", fault->message);
        if (fault->column > 0)
            json_object_set_new(row, "column", json_integer(fault->column));
        json_array_append_new(list, row);
    }
    return list;
}
