#include "plan/internal.h"

#include <string.h>

static const char preview_no_items[] = "Its for_each has no items.";

enum preview_state { PREVIEW_ACTIVE, PREVIEW_SKIPPED, PREVIEW_UNDETERMINED };

struct preview {
    struct arena *arena;
    const struct plan_template *template;
    struct plan_view view;
    struct plan_outcome *outcomes;
    enum preview_state *states;
    const char **reasons;
    bool needs_undetermined; /* of the step that is looked at */
    json_t *no_results;      /* [] */
    json_t *unknown;         /* stands where a value is not known yet */
    struct plan_faults *faults;
};

static void preview_visit(void *context, int step, bool optional)
{
    struct preview *preview = context;
    bool may_fail = preview->states[step] == PREVIEW_ACTIVE &&
                    preview->template->steps[step].info.continue_on_error;
    if (!optional && (may_fail || preview->states[step] == PREVIEW_UNDETERMINED))
        preview->needs_undetermined = true;
}

/* Whether the step's own condition is open, or a step that it cannot do without may be skipped or fail and be passed over. */
static bool preview_is_open(struct preview *preview, const struct plan_step *step)
{
    const struct expr_environment environment = {.arena = preview->arena, .view = &preview->view};
    struct expr_value value;
    if (when_evaluate(step->when, &environment, &value) == WHEN_PENDING)
        return true;
    preview->needs_undetermined = false;
    value_visit_steps(&step->params, preview_visit, preview);
    value_visit_steps(&step->local, preview_visit, preview);
    if (step->for_each)
        expr_visit_steps(step->for_each->expr, false, preview_visit, preview);
    for (size_t i = 0; i < step->need_count; i++)
        preview_visit(preview, step->needs[i], false);
    return preview->needs_undetermined;
}

static const char *preview_open_reason(struct preview *preview, const struct plan_step *step)
{
    const struct expr_environment environment = {.arena = preview->arena, .view = &preview->view};
    struct expr_value value;
    if (when_evaluate(step->when, &environment, &value) == WHEN_PENDING && value.step < 0)
        return "It depends on a workflow that is not there yet.";
    return "It depends on the outcome of a step.";
}

/* A check of parameters that are known in part. */
struct preview_check {
    const struct preview *preview;
    struct plan_faults faults;
};

static bool preview_is_unknown(void *context, const json_t *value)
{
    return value == ((struct preview_check *)context)->preview->unknown;
}

static void preview_param_fault(void *context, const char *path, const char *code,
                                const char *message)
{
    plan_fault_add(&((struct preview_check *)context)->faults, path, 0, code, "%s", message);
}

static void preview_check_call(struct preview_check *check, const struct plan_step *step,
                               const struct expr_environment *environment)
{
    CLEANUP(json)
    json_t *params = value_evaluate_known(&step->params, environment, check->preview->unknown);
    step_params_check(environment->arena, step->type, params, step->params_path, preview_is_unknown,
                      preview_param_fault, check);
}

/* A step that waits fails later on what is wrong with the parameters that are known by now. */
static void preview_check_known(struct preview *preview, size_t index)
{
    const struct plan_step *step = &preview->template->steps[index];
    struct expr_environment environment = {.arena = preview->arena, .view = &preview->view};
    struct preview_check check = {.preview = preview};
    plan_faults_init(&check.faults, preview->arena);
    if (!step->for_each) {
        preview_check_call(&check, step, &environment);
    } else {
        struct expr_value items = expr_text_evaluate(step->for_each, &environment);
        size_t at;
        json_array_foreach(items.state == EXPR_VALUE ? items.json : NULL, at, environment.item)
        {
            environment.index = (int64_t)at;
            preview_check_call(&check, step, &environment);
        }
        if (items.state == EXPR_VALUE)
            json_decref(items.json);
    }
    if (check.faults.count > 0 && step->info.continue_on_error) {
        preview->states[index] = PREVIEW_SKIPPED;
        preview->outcomes[index].state = PLAN_STEP_SKIPPED;
        preview->reasons[index] = check.faults.items[0].message;
        return;
    }
    for (size_t i = 0; i < check.faults.count; i++)
        plan_fault_add(preview->faults, check.faults.items[i].path, 0, check.faults.items[i].code,
                       "%s", check.faults.items[i].message);
}

/* The very decision that the engine will make, with every step that is not settled still pending.
 */
static void preview_step(struct preview *preview, size_t index)
{
    const struct plan_step *step = &preview->template->steps[index];
    struct plan_decision decision = plan_decide(preview->arena, &preview->view, index);
    if (decision_settles(preview->template, index, &decision, &preview->outcomes[index])) {
        preview->states[index] = PREVIEW_SKIPPED;
        preview->reasons[index] = decision.kind == PLAN_RUN ? preview_no_items : decision.reason;
    } else if (decision.kind == PLAN_FAIL) {
        plan_fault_add(preview->faults, decision.path, 0, "value_error", "%s", decision.reason);
    } else if (decision.kind == PLAN_WAIT && preview_is_open(preview, step)) {
        preview->states[index] = PREVIEW_UNDETERMINED;
        preview->reasons[index] = preview_open_reason(preview, step);
    } else if (decision.kind == PLAN_WAIT &&
               step_has_no_items(preview->arena, &preview->view, index)) {
        preview->states[index] = PREVIEW_SKIPPED;
        preview->reasons[index] = preview_no_items;
        preview->outcomes[index] = (struct plan_outcome){PLAN_STEP_SUCCESS, preview->no_results};
    } else if (decision.kind == PLAN_WAIT) {
        preview_check_known(preview, index);
    }
}

static void preview_steps(struct preview *preview)
{
    const struct plan_template *t = preview->template;
    for (int layer = 0; layer < (int)t->step_count; layer++) {
        for (size_t i = 0; i < t->step_count; i++) {
            if (t->steps[i].layer == layer)
                preview_step(preview, i);
        }
    }
}

/* Of what runs: a step that waits for a skipped one only stands in the first layer. */
static json_t *preview_layers(const struct preview *preview)
{
    const struct plan_template *t = preview->template;
    bool *skipped = arena_array(preview->arena, t->step_count, sizeof(*skipped));
    int *of_steps = arena_array(preview->arena, t->step_count, sizeof(*of_steps));
    json_t *layers = json_array();
    for (size_t i = 0; i < t->step_count; i++)
        skipped[i] = preview->states[i] == PREVIEW_SKIPPED;
    template_layer_steps(t, skipped, of_steps);
    for (int layer = 0; layer < (int)t->step_count; layer++) {
        json_t *ids = json_array();
        for (size_t i = 0; i < t->step_count; i++) {
            if (of_steps[i] == layer && preview->states[i] == PREVIEW_ACTIVE)
                json_array_append_new(ids, json_string(t->steps[i].id));
        }
        if (json_array_size(ids) > 0)
            json_array_append(layers, ids);
        json_decref(ids);
    }
    return layers;
}

static json_t *preview_list(const struct preview *preview, enum preview_state state)
{
    const struct plan_template *t = preview->template;
    json_t *list = json_array();
    for (size_t i = 0; i < t->step_count; i++) {
        if (preview->states[i] == state)
            json_array_append_new(
                list, json_pack("{s:s, s:s}", "id", t->steps[i].id, "reason", preview->reasons[i]));
    }
    return list;
}

static json_t *preview_outputs(struct preview *preview)
{
    const struct plan_template *t = preview->template;
    const struct expr_environment environment = {.arena = preview->arena, .view = &preview->view};
    json_t *outputs = json_array();
    for (size_t i = 0; i < t->output_count; i++) {
        const struct plan_output *output = &t->outputs[i];
        struct expr_value value;
        enum when_result when = when_evaluate(output->when, &environment, &value);
        if (when == WHEN_FAULT)
            plan_fault_add(preview->faults, output->path, value.column, "value_error", "%s",
                           value.message);
        if (when == WHEN_TRUE && preview->states[output->step] == PREVIEW_ACTIVE)
            json_array_append_new(outputs, json_pack("{s:s}", "step", t->steps[output->step].id));
    }
    return outputs;
}

static json_t *preview_credits(const struct preview *preview)
{
    const struct plan_template *t = preview->template;
    struct plan_price price = plan_price(t, preview->view.options);
    json_t *steps = json_array();
    int64_t least = 0, most = 0;
    for (size_t i = 0; i < t->step_count; i++) {
        int credits = t->steps[i].info.credits;
        if (preview->states[i] == PREVIEW_SKIPPED)
            continue;
        most += credits;
        least += preview->states[i] == PREVIEW_ACTIVE ? credits : 0;
        json_array_append_new(steps, json_pack("{s:s, s:s, s:i}", "id", t->steps[i].id, "flow",
                                               t->steps[i].type->name, "credits", credits));
    }
    if (price.list_price)
        least = most = price.total;
    return json_pack("{s:I, s:I, s:I, s:o}", "total", (json_int_t)price.total, "min",
                     (json_int_t)least, "max", (json_int_t)most, "steps", steps);
}

/* Whether some output is or may be active under these options; `image_urls` may be NULL. */
static bool outputs_possible(const struct plan_template *t, struct arena *a, const json_t *options,
                             const json_t *image_urls)
{
    struct plan_outcome *outcomes = arena_array(a, t->step_count, sizeof(*outcomes));
    struct plan_view view = {
        .template = t, .options = options, .image_urls = image_urls, .outcomes = outcomes};
    const struct expr_environment environment = {.arena = a, .view = &view};
    decide_skips(a, &view, outcomes);
    for (size_t i = 0; i < t->output_count; i++) {
        struct expr_value value;
        enum when_result when = when_evaluate(t->outputs[i].when, &environment, &value);
        if ((when == WHEN_TRUE || when == WHEN_PENDING || when == WHEN_FAULT) &&
            outcomes[t->outputs[i].step].state == PLAN_STEP_PENDING &&
            !step_has_no_items(a, &view, (size_t)t->outputs[i].step))
            return true;
    }
    return false;
}

static json_t *preview_body(const struct plan_faults *faults)
{
    return json_pack("{s:b, s:o, s:o, s:[], s:[], s:[], s:[], s:{s:i, s:i, s:i, s:[]}}", "valid",
                     faults->error_count == 0, "errors", plan_faults_json(faults, false),
                     "warnings", plan_faults_json(faults, true), "layers", "skipped_steps",
                     "undetermined_steps", "outputs", "credits", "total", 0, "min", 0, "max", 0,
                     "steps");
}

json_t *plan_preview(struct arena *a, const struct plan_template *t, const json_t *options,
                     const json_t *image_urls, struct plan_faults *faults)
{
    CLEANUP(json) json_t *checked = NULL;
    CLEANUP(json) json_t *empty = json_object();
    CLEANUP(json) json_t *no_images = json_array();
    CLEANUP(json) json_t *no_results = json_array();
    const json_t *images = json_is_array(image_urls) ? image_urls : no_images;
    if (!t || plan_options_check(t, options ? options : empty, image_urls, faults, &checked) > 0)
        return preview_body(faults);
    struct preview preview = {
        .arena = a,
        .template = t,
        .outcomes = arena_array(a, t->step_count, sizeof(*preview.outcomes)),
        .states = arena_array(a, t->step_count, sizeof(*preview.states)),
        .reasons = arena_array(a, t->step_count, sizeof(*preview.reasons)),
        .no_results = no_results,
        .unknown = empty,
        .faults = faults,
    };
    preview.view = (struct plan_view){
        .template = t, .options = checked, .image_urls = images, .outcomes = preview.outcomes};
    preview_steps(&preview);
    if (!outputs_possible(t, a, checked, images))
        plan_fault_add(faults, "/outputs", 0, "no_output",
                       "No output is active with these options.");
    json_t *outputs = preview_outputs(&preview);
    json_t *body = preview_body(faults);
    json_object_set_new(body, "layers", preview_layers(&preview));
    json_object_set_new(body, "skipped_steps", preview_list(&preview, PREVIEW_SKIPPED));
    json_object_set_new(body, "undetermined_steps", preview_list(&preview, PREVIEW_UNDETERMINED));
    json_object_set_new(body, "outputs", outputs);
    json_object_set_new(body, "credits", preview_credits(&preview));
    return body;
}

/* --- can the outputs be empty? ------------------------------------------------------------------
 */

/* Combinations of values that are tried: as many as keep the whole within some tens of
 * milliseconds. */
enum { OUTPUTS_COMBINATIONS_MAX = 4096, OUTPUTS_BYTES_MAX = 16 * 1024 * 1024 };

/* Values that can be enumerated; null is one where nothing has to be given. */
static size_t outputs_choices(const struct plan_option *option)
{
    size_t null = !option->required && !option->otherwise;
    return option->component == OPTION_TOGGLE   ? 2 + null
           : option->component == OPTION_SELECT ? option->value_count + null
                                                : 1;
}

static json_t *outputs_choice(const struct plan_option *option, size_t choice)
{
    bool toggle = option->component == OPTION_TOGGLE;
    if (choice >= (toggle ? 2 : option->value_count))
        return json_null();
    return toggle ? json_boolean(choice) : json_string(option->values[choice]);
}

static bool expr_names_option(const struct expr *expr, const char *key)
{
    if (expr->kind == EXPR_REFERENCE && expr->root == EXPR_OPTIONS &&
        strcmp(expr->parts[0].name, key) == 0)
        return true;
    for (const struct expr *operand = expr->first; operand; operand = operand->next) {
        if (expr_names_option(operand, key))
            return true;
    }
    return false;
}

static bool outputs_depend_on(const struct plan_template *t, const struct plan_option *option)
{
    for (size_t i = 0; i < t->step_count; i++) {
        if (t->steps[i].when && expr_names_option(t->steps[i].when, option->key))
            return true;
    }
    for (size_t i = 0; i < t->output_count; i++) {
        if (t->outputs[i].when && expr_names_option(t->outputs[i].when, option->key))
            return true;
    }
    return false;
}

/* Sets the options of one combination; what cannot be enumerated stays unknown. Returns a
 * description. */
static const char *outputs_combination(const struct plan_template *t, struct arena *a,
                                       size_t number, json_t *options)
{
    const char *text = "";
    for (size_t i = 0; i < t->option_count; i++) {
        const struct plan_option *option = &t->options[i];
        size_t choices = outputs_choices(option);
        if (choices < 2 || !outputs_depend_on(t, option))
            continue;
        size_t choice = number % choices;
        number /= choices;
        json_t *value = outputs_choice(option, choice);
        text = arena_printf(a, "%s%s%s is %s", text, *text ? ", " : "", option->key,
                            json_arena_text(a, value));
        json_object_set_new(options, option->key, value);
    }
    return text;
}

void outputs_check(const struct plan_template *t, struct plan_faults *faults)
{
    size_t combinations = 1, size = json_dumpb(t->definition, NULL, 0, 0);
    for (size_t i = 0; i < t->option_count; i++) {
        if (outputs_choices(&t->options[i]) > 1 && outputs_depend_on(t, &t->options[i]))
            combinations *= outputs_choices(&t->options[i]);
        if (combinations > OUTPUTS_COMBINATIONS_MAX || combinations * size > OUTPUTS_BYTES_MAX)
            return; /* left to the run, which says so clearly */
    }
    CLEANUP(arena) struct arena *a = arena_new();
    for (size_t number = 0; number < combinations; number++) {
        CLEANUP(json) json_t *options = json_object();
        const char *text = outputs_combination(t, a, number, options);
        if (!outputs_possible(t, a, options, NULL)) {
            plan_fault_add(faults, "/outputs", 0, "no_output", "No output is active%s%s.",
                           *text ? " when " : "", text);
            return;
        }
        arena_reset(a);
    }
}
