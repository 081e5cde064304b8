/* What the names in a template mean: steps and options that are there, dependencies, cycles,
 * layers. */
#include "plan/internal.h"

#include <string.h>

static void template_bind_when(const struct plan_template *t, struct expr *when, bool in_fan_out,
                               const char *path, struct plan_faults *faults)
{
    const struct expr_scope scope = {t, in_fan_out};
    size_t before = faults->error_count;
    if (!when)
        return;
    expr_bind(when, &scope, path, faults);
    if (faults->error_count != before)
        return;
    enum expr_type type = expr_check(when, &scope, path, faults);
    if (type != EXPR_ANY && type != EXPR_BOOLEAN)
        plan_fault_add(faults, path, when->column, "type_error",
                       "A condition is true or false, not %s; write a comparison.",
                       expr_type_name(type));
}

static void step_add_dependency(void *context, int step, bool optional)
{
    (void)optional;
    ((struct plan_step *)context)->depends[step] = true;
}

static void step_bind_for_each(const struct plan_template *t, struct plan_step *step,
                               struct plan_faults *faults)
{
    const struct expr_scope scope = {t, false};
    size_t before = faults->error_count;
    if (!step->for_each || !expr_text_is_whole(step->for_each))
        return;
    expr_bind(step->for_each->expr, &scope, step->for_each_path, faults);
    if (faults->error_count != before)
        return;
    enum expr_type type = expr_check(step->for_each->expr, &scope, step->for_each_path, faults);
    if (type != EXPR_ANY && type != EXPR_ARRAY)
        plan_fault_add(faults, step->for_each_path, 1, "type_error",
                       "for_each gives a list, not %s.", expr_type_name(type));
    expr_visit_steps(step->for_each->expr, false, step_add_dependency, step);
}

static void step_bind_needs(const struct plan_template *t, struct plan_step *step,
                            const json_t *definition, const char *path, struct plan_faults *faults)
{
    const json_t *needs = json_object_get(definition, "needs");
    const char *place = json_pointer(faults->arena, path, "needs");
    size_t index;
    const json_t *need;
    if (!needs || json_is_null(needs))
        return;
    if (!json_is_array(needs))
        plan_fault_add(faults, place, 0, "type_error", "needs is a list of step ids.");
    step->needs = arena_array(t->arena, json_array_size(needs), sizeof(*step->needs));
    json_array_foreach(needs, index, need)
    {
        const char *id = json_string_value(need);
        int other = id ? plan_template_step_index(t, id) : -1;
        if (other < 0) {
            plan_fault_add(faults, json_pointer_index(faults->arena, place, index), 0,
                           "unknown_step", "There is no such step.");
        } else {
            step->needs[step->need_count++] = other;
            step->depends[other] = true;
        }
    }
}

/* Whether a parameter may be given a value of which that much is known. */
static bool param_takes(enum step_param_type param, enum expr_type given)
{
    if (given == EXPR_ANY || given == EXPR_NULL)
        return true;
    switch (param) {
    case STEP_PARAM_INTEGER:
    case STEP_PARAM_NUMBER:
        return given == EXPR_NUMBER;
    case STEP_PARAM_BOOLEAN:
        return given == EXPR_BOOLEAN;
    case STEP_PARAM_TEXTS:
    case STEP_PARAM_IMAGES:
    case STEP_PARAM_VIDEOS:
    case STEP_PARAM_MEDIA_LIST:
        return given == EXPR_ARRAY;
    case STEP_PARAM_OBJECT:
        return given == EXPR_OBJECT;
    default:
        return given == EXPR_STRING;
    }
}

/* What is substituted for a parameter has to be of its type, as far as that can be told before the
 * run. */
static void step_bind_param_types(const struct plan_step *step, struct plan_faults *faults)
{
    for (size_t i = 0; step->type && step->params.is_object && i < step->params.count; i++) {
        const char *name = step->params.keys[i];
        const struct step_param *param = step_param_find(step->type, name);
        const struct plan_value *value = &step->params.items[i];
        if (param && !param_takes(param->type, value->type))
            plan_fault_add(faults, json_pointer(faults->arena, step->params_path, name),
                           value->text->expr ? value->text->expr->column : 0, "type_error",
                           "%s does not take %s.", name, expr_type_name(value->type));
    }
}

void template_bind(struct plan_template *t, struct plan_faults *faults)
{
    const json_t *list = json_object_get(t->definition, "steps");
    for (size_t i = 0; i < t->step_count; i++) {
        struct plan_step *step = &t->steps[i];
        const struct expr_scope scope = {t, step->info.for_each};
        if (!step->params_path)
            continue;
        value_bind(&step->params, &scope, step->params_path, faults);
        step_bind_param_types(step, faults);
        value_bind(&step->local, &scope, step->local_path, faults);
        template_bind_when(t, step->when, false, step->when_path, faults);
        step_bind_for_each(t, step, faults);
        step_bind_needs(t, step, json_array_get(list, i),
                        json_pointer_index(faults->arena, "/steps", i), faults);
        value_visit_steps(&step->params, step_add_dependency, step);
        value_visit_steps(&step->local, step_add_dependency, step);
        if (step->when)
            expr_visit_steps(step->when, false, step_add_dependency, step);
    }
    for (size_t i = 0; i < t->output_count; i++)
        template_bind_when(t, t->outputs[i].when, false, t->outputs[i].path, faults);
}

/* Follows unsettled dependencies until a step comes twice: that is the cycle. */
static void template_name_cycle(const struct plan_template *t, const int *layers,
                                struct plan_faults *faults)
{
    int order[PLAN_STEPS_MAX] = {0};
    int at = 0, count = 0;
    while (layers[at] >= 0)
        at++;
    while (order[at] == 0) {
        order[at] = ++count;
        int next = 0;
        while (!t->steps[at].depends[next] || layers[next] >= 0)
            next++;
        at = next;
    }
    const char *names = "";
    int member = at;
    do {
        names = arena_printf(faults->arena, "%s%s -> ", names, t->steps[member].id);
        int next = 0;
        while (!t->steps[member].depends[next] || layers[next] >= 0)
            next++;
        member = next;
    } while (member != at);
    plan_fault_add(faults, json_pointer_index(faults->arena, "/steps", (size_t)at), 0, "cycle",
                   "These steps need each other: %s%s.", names, t->steps[at].id);
}

/* One more than the highest layer among its dependencies; -1 while one of them has none. */
static int step_layer(const struct plan_template *t, const struct plan_step *step,
                      const bool *left_out, const int *layers)
{
    int layer = 0;
    for (size_t k = 0; k < t->step_count; k++) {
        if (!step->depends[k] || (left_out && left_out[k]))
            continue;
        if (layers[k] < 0)
            return -1;
        layer = layers[k] >= layer ? layers[k] + 1 : layer;
    }
    return layer;
}

size_t template_layer_steps(const struct plan_template *t, const bool *left_out, int *ret_layers)
{
    size_t settled = 0;
    for (size_t i = 0; i < t->step_count; i++)
        ret_layers[i] = -1;
    for (bool moved = true; moved;) {
        moved = false;
        for (size_t i = 0; i < t->step_count; i++) {
            if (ret_layers[i] >= 0 || (left_out && left_out[i]))
                continue;
            ret_layers[i] = step_layer(t, &t->steps[i], left_out, ret_layers);
            if (ret_layers[i] >= 0) {
                moved = true;
                settled++;
            }
        }
    }
    return settled;
}

void template_layers(struct plan_template *t, struct plan_faults *faults)
{
    int layers[PLAN_STEPS_MAX];
    if (template_layer_steps(t, NULL, layers) < t->step_count)
        template_name_cycle(t, layers, faults);
    for (size_t i = 0; i < t->step_count; i++)
        t->steps[i].layer = layers[i] < 0 ? 0 : layers[i];
}
