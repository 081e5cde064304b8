#include "plan/internal.h"

#include <string.h>

const struct plan_option *template_option(const struct plan_template *t, const char *key)
{
    for (size_t i = 0; i < t->option_count; i++) {
        if (strcmp(t->options[i].key, key) == 0)
            return &t->options[i];
    }
    return NULL;
}

int plan_template_step_index(const struct plan_template *t, const char *id)
{
    for (size_t i = 0; i < t->step_count; i++) {
        if (t->steps[i].id && strcmp(t->steps[i].id, id) == 0)
            return (int)i;
    }
    return -1;
}

const json_t *plan_template_definition(const struct plan_template *t)
{
    return t->definition;
}

const char *plan_template_text(const struct plan_template *t)
{
    return t->text;
}

const char *plan_template_id(const struct plan_template *t)
{
    return t->id;
}

const char *plan_template_category(const struct plan_template *t)
{
    return t->category;
}

size_t plan_template_step_count(const struct plan_template *t)
{
    return t->step_count;
}

int plan_template_layer(const struct plan_template *t, size_t step)
{
    return t->steps[step].layer;
}

struct plan_step_info plan_template_step(const struct plan_template *t, size_t step)
{
    return t->steps[step].info;
}

void plan_template_free(struct plan_template *t)
{
    if (!t)
        return;
    json_decref(t->definition);
    json_decref(t->empty);
    arena_free(t->arena);
    free(t);
}

/* --- top level ----------------------------------------------------------------------------------
 */

static void template_check_members(const json_t *object, const char *path, const char *const *known,
                                   const char *what, struct plan_faults *faults)
{
    const char *name;
    const json_t *value;
    json_object_foreach((json_t *)object, name, value)
    {
        bool found = false;
        for (size_t i = 0; known[i]; i++)
            found |= strcmp(known[i], name) == 0;
        if (!found)
            plan_fault_add(faults, json_pointer(faults->arena, path, name), 0, "extra_forbidden",
                           "%s has no member %s.", what, name);
    }
}

static void template_check_text(const json_t *object, const char *path, const char *key,
                                size_t most, struct plan_faults *faults)
{
    const json_t *value = json_object_get(object, key);
    const char *place = json_pointer(faults->arena, path, key);
    if (!value || json_is_null(value))
        return;
    if (!json_is_string(value))
        plan_fault_add(faults, place, 0, "type_error", "%s is a text.", key);
    else if (json_string_length(value) > most)
        plan_fault_add(faults, place, 0, "too_long", "%s has at most %zu bytes.", key, most);
}

static void template_check_texts(const json_t *object, const char *key, struct plan_faults *faults)
{
    const json_t *list = json_object_get(object, key);
    size_t index;
    const json_t *item;
    if (!list || json_is_null(list))
        return;
    if (!json_is_array(list))
        plan_fault_add(faults, json_pointer(faults->arena, "", key), 0, "type_error",
                       "%s is a list.", key);
    json_array_foreach(list, index, item)
    {
        if (!json_is_string(item))
            plan_fault_add(
                faults,
                json_pointer_index(faults->arena, json_pointer(faults->arena, "", key), index), 0,
                "type_error", "An item of %s is a text.", key);
    }
}

static void template_check_credits(const json_t *definition, struct plan_faults *faults)
{
    static const char *const kinds[] = {"image", "video", "audio", NULL};
    const json_t *credits = json_object_get(definition, "credits");
    const char *name;
    const json_t *price;
    if (!credits || json_is_null(credits))
        return;
    if (!json_is_object(credits)) {
        plan_fault_add(faults, "/credits", 0, "type_error",
                       "credits is an object with image, video and audio.");
        return;
    }
    template_check_members(credits, "/credits", kinds, "credits", faults);
    json_object_foreach((json_t *)credits, name, price)
    {
        if (!json_is_null(price) && (!json_is_integer(price) || json_integer_value(price) < 0 ||
                                     json_integer_value(price) > PLAN_CREDITS_MAX))
            plan_fault_add(faults, json_pointer(faults->arena, "/credits", name), 0, "value_error",
                           "A price is a whole number from 0 to 1,000,000.");
    }
}

static void template_read_head(struct plan_template *t, struct plan_faults *faults)
{
    static const char *const known[] = {"id",     "label",   "description", "category",
                                        "inputs", "credits", "thumbnails",  "available_options",
                                        "steps",  "outputs", NULL};
    const json_t *definition = t->definition;
    const json_t *id = json_object_get(definition, "id");
    template_check_members(definition, "", known, "A template", faults);
    t->id = json_string_value(id);
    if (!t->id || !plan_id_valid(t->id))
        plan_fault_add(
            faults, "/id", 0, t->id ? "value_error" : "missing",
            "A template has an id of small letters, digits and _, a letter first, at most 64.");
    template_check_text(definition, "", "label", 200, faults);
    template_check_text(definition, "", "description", 5000, faults);
    template_check_text(definition, "", "category", 64, faults);
    template_check_texts(definition, "inputs", faults);
    template_check_texts(definition, "thumbnails", faults);
    template_check_credits(definition, faults);
    const char *category = json_member_string(definition, "category");
    t->category = category ? category : "general";
}

/* The array at a key, or NULL with a fault when it is missing, no array or too long. */
static const json_t *template_list(const struct plan_template *t, const char *key, bool required,
                                   size_t most, struct plan_faults *faults)
{
    const json_t *list = json_object_get(t->definition, key);
    const char *path = json_pointer(faults->arena, "", key);
    if (!list || json_is_null(list)) {
        if (required)
            plan_fault_add(faults, path, 0, "missing", "A template has %s.", key);
        return NULL;
    }
    if (!json_is_array(list)) {
        plan_fault_add(faults, path, 0, "type_error", "%s is a list.", key);
        return NULL;
    }
    if (required && json_array_size(list) == 0)
        plan_fault_add(faults, path, 0, "missing", "%s is not empty.", key);
    if (json_array_size(list) > most) {
        plan_fault_add(faults, path, 0, "too_long", "%s has at most %zu items.", key, most);
        return NULL;
    }
    return list;
}

static void template_read_options(struct plan_template *t, struct plan_faults *faults)
{
    const json_t *list = template_list(t, "available_options", false, PLAN_OPTIONS_MAX, faults);
    size_t index;
    const json_t *definition;
    t->options = arena_array(t->arena, json_array_size(list), sizeof(*t->options));
    json_array_foreach(list, index, definition)
    {
        const char *path = json_pointer_index(faults->arena, "/available_options", index);
        struct plan_option option = {0};
        bool whole = option_read(t, definition, path, &option, faults);
        bool named =
            option.key && option.component < OPTION_COMPONENT_COUNT && plan_id_valid(option.key);
        if (named && template_option(t, option.key))
            plan_fault_add(faults, json_pointer(faults->arena, path, "key"), 0, "duplicate",
                           "There are two options %s.", option.key);
        else if (named || whole)
            t->options[t->option_count++] =
                option; /* known although faulty: no second fault for its users */
    }
}

/* --- steps --------------------------------------------------------------------------------------
 */

/* A whole number between limits; *value keeps its default when the member is missing. */
static void step_read_integer(const json_t *definition, const char *path, const char *key, int low,
                              int high, int *value, struct plan_faults *faults)
{
    const json_t *json = json_object_get(definition, key);
    if (!json || json_is_null(json))
        return;
    if (!json_is_integer(json) || json_integer_value(json) < low || json_integer_value(json) > high)
        plan_fault_add(faults, json_pointer(faults->arena, path, key), 0, "value_error",
                       "%s is a whole number from %d to %d.", key, low, high);
    else
        *value = (int)json_integer_value(json);
}

static void step_read_number(const json_t *definition, const char *path, const char *key,
                             double low, double high, double *value, struct plan_faults *faults)
{
    const json_t *json = json_object_get(definition, key);
    if (!json || json_is_null(json))
        return;
    *value = json_number_value(json);
    if (!json_is_number(json) || *value < low || *value > high)
        plan_fault_add(faults, json_pointer(faults->arena, path, key), 0, "value_error",
                       "%s is a number from %g to %g.", key, low, high);
}

static void step_read_retry(const json_t *definition, const char *path, struct plan_retry *retry,
                            struct plan_faults *faults)
{
    static const char *const known[] = {"max_attempts", "delay_s", "backoff", NULL};
    const json_t *json = json_object_get(definition, "retry");
    *retry = (struct plan_retry){1, 1, 2};
    if (!json || json_is_null(json))
        return;
    const char *place = json_pointer(faults->arena, path, "retry");
    if (!json_is_object(json)) {
        plan_fault_add(faults, place, 0, "type_error", "retry is an object.");
        return;
    }
    template_check_members(json, place, known, "retry", faults);
    step_read_integer(json, place, "max_attempts", 1, PLAN_ATTEMPTS_MAX, &retry->max_attempts,
                      faults);
    step_read_number(json, place, "delay_s", 0, PLAN_DELAY_S_MAX, &retry->delay_s, faults);
    step_read_number(json, place, "backoff", 1, PLAN_BACKOFF_MAX, &retry->backoff, faults);
}

static void step_read_when(struct plan_template *t, const json_t *definition, const char *path,
                           struct expr **ret_when, struct plan_faults *faults)
{
    const json_t *when = json_object_get(definition, "when");
    const char *place = json_pointer(t->arena, path, "when");
    struct expr_fault fault;
    if (!when || json_is_null(when))
        return;
    if (!json_is_string(when)) {
        plan_fault_add(faults, place, 0, "type_error", "when is a text with a condition.");
        return;
    }
    *ret_when = expr_parse_when(t->arena, json_string_value(when), &fault);
    if (!*ret_when)
        plan_fault_add(faults, place, fault.column, "syntax", "%s", fault.message);
}

static void step_read_for_each(struct plan_template *t, const json_t *definition, const char *path,
                               struct plan_step *step, struct plan_faults *faults)
{
    const json_t *for_each = json_object_get(definition, "for_each");
    struct expr_fault fault;
    step->for_each_path = json_pointer(t->arena, path, "for_each");
    if (!for_each || json_is_null(for_each))
        return;
    step->info.for_each = true;
    const char *text = json_string_value(for_each);
    step->for_each = text ? expr_parse_text(t->arena, text, &fault) : NULL;
    if (text && !step->for_each)
        plan_fault_add(faults, step->for_each_path, fault.column, "syntax", "%s", fault.message);
    else if (!text || !expr_text_is_whole(step->for_each))
        plan_fault_add(faults, step->for_each_path, 0, "type_error",
                       "for_each is one whole {{...}} that gives a list.");
}

static void step_read_choices(const json_t *definition, const char *path, struct plan_step *step,
                              struct plan_faults *faults)
{
    const json_t *on_error = json_object_get(definition, "on_error");
    const char *text = json_string_value(on_error);
    step->info.continue_on_error = text && strcmp(text, "continue") == 0;
    if (on_error && !json_is_null(on_error) &&
        (!text || (strcmp(text, "fail") != 0 && !step->info.continue_on_error)))
        plan_fault_add(faults, json_pointer(faults->arena, path, "on_error"), 0, "value_error",
                       "on_error is fail or continue.");
    template_check_text(definition, path, "provider", 64, faults);
    const char *provider = json_member_string(definition, "provider");
    step->info.provider = provider ? provider : "auto";
}

static const json_t *step_object(struct plan_template *t, const json_t *definition,
                                 const char *path, const char *key, struct plan_faults *faults)
{
    const json_t *object = json_object_get(definition, key);
    if (object && !json_is_null(object) && !json_is_object(object))
        plan_fault_add(faults, json_pointer(faults->arena, path, key), 0, "type_error",
                       "%s is an object.", key);
    return json_is_object(object) ? object : t->empty;
}

static bool step_value_is_open(void *context, const json_t *value)
{
    (void)context;
    return json_is_string(value) && strstr(json_string_value(value), "{{") != NULL;
}

static void step_param_fault(void *context, const char *path, const char *code, const char *message)
{
    plan_fault_add(context, path, 0, code, "%s", message);
}

static void step_read(struct plan_template *t, const json_t *definition, const char *path,
                      struct plan_step *step, struct plan_faults *faults)
{
    static const char *const known[] = {"id",       "flow",  "params",    "when",     "needs",
                                        "for_each", "retry", "timeout_s", "on_error", "credits",
                                        "provider", "local", NULL};
    const char *flow = json_member_string(definition, "flow");
    template_check_members(definition, path, known, "A step", faults);
    step->params_path = json_pointer(t->arena, path, "params");
    step->local_path = json_pointer(t->arena, path, "local");
    step->when_path = json_pointer(t->arena, path, "when");
    step->type = flow ? step_type_find(flow) : NULL;
    if (!step->type)
        plan_fault_add(faults, json_pointer(faults->arena, path, "flow"), 0,
                       flow ? "unknown_step_type" : "missing",
                       flow ? "There is no such step type." : "A step has a flow: its type.");
    step_read_retry(definition, path, &step->info.retry, faults);
    step_read_choices(definition, path, step, faults);
    step->info.timeout_s = step->type ? step->type->timeout_s : 60;
    step->info.credits = step->type ? step->type->credits : 0;
    step_read_integer(definition, path, "timeout_s", 1, PLAN_TIMEOUT_S_MAX, &step->info.timeout_s,
                      faults);
    step_read_integer(definition, path, "credits", 0, PLAN_CREDITS_MAX, &step->info.credits,
                      faults);
    step_read_when(t, definition, path, &step->when, faults);
    if (step->when)
        step->when_text =
            arena_strdup(t->arena, json_string_value(json_object_get(definition, "when")));
    step_read_for_each(t, definition, path, step, faults);
    const json_t *params = step_object(t, definition, path, "params", faults);
    const json_t *local = step_object(t, definition, path, "local", faults);
    step->info.local = local;
    step->info.id = step->id;
    step->info.type = step->type;
    value_read(t->arena, params, step->params_path, &step->params, faults);
    value_read(t->arena, local, step->local_path, &step->local, faults);
    if (step->type)
        step_params_check(faults->arena, step->type, params, step->params_path, step_value_is_open,
                          step_param_fault, faults);
}

static void step_read_id(struct plan_template *t, const json_t *definition, const char *path,
                         struct plan_step *step, struct plan_faults *faults)
{
    static const char *const reserved[] = {"options",  "inputs", "steps",
                                           "workflow", "item",   "index"};
    const char *id = json_member_string(definition, "id");
    const char *place = json_pointer(faults->arena, path, "id");
    if (!id || !plan_id_valid(id)) {
        plan_fault_add(
            faults, place, 0, id ? "value_error" : "missing",
            "A step has an id of small letters, digits and _, a letter first, at most 64.");
        return;
    }
    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
        if (strcmp(id, reserved[i]) == 0)
            plan_fault_add(faults, place, 0, "reserved", "%s is a reserved word.", id);
    }
    if (plan_template_step_index(t, id) >= 0)
        plan_fault_add(faults, place, 0, "duplicate", "There are two steps %s.", id);
    step->id = id;
}

static void template_read_steps(struct plan_template *t, struct plan_faults *faults)
{
    const json_t *list = template_list(t, "steps", true, PLAN_STEPS_MAX, faults);
    size_t index;
    const json_t *definition;
    t->step_count = json_array_size(list);
    t->steps = arena_array(t->arena, t->step_count, sizeof(*t->steps));
    json_array_foreach(list, index, definition)
    {
        const char *path = json_pointer_index(faults->arena, "/steps", index);
        if (json_is_object(definition))
            step_read_id(t, definition, path, &t->steps[index], faults);
    }
    json_array_foreach(list, index, definition)
    {
        const char *path = json_pointer_index(faults->arena, "/steps", index);
        t->steps[index].depends = arena_array(t->arena, t->step_count, sizeof(bool));
        if (json_is_object(definition))
            step_read(t, definition, path, &t->steps[index], faults);
        else
            plan_fault_add(faults, path, 0, "type_error", "A step is an object.");
    }
}

/* --- outputs ------------------------------------------------------------------------------------
 */

static void template_read_outputs(struct plan_template *t, struct plan_faults *faults)
{
    static const char *const known[] = {"step", "when", NULL};
    const json_t *list = template_list(t, "outputs", true, PLAN_OUTPUTS_MAX, faults);
    size_t index;
    const json_t *definition;
    t->output_count = json_array_size(list);
    t->outputs = arena_array(t->arena, t->output_count, sizeof(*t->outputs));
    json_array_foreach(list, index, definition)
    {
        const char *path = json_pointer_index(t->arena, "/outputs", index);
        const char *step = json_member_string(definition, "step");
        struct plan_output *output = &t->outputs[index];
        output->path = json_pointer(t->arena, path, "when");
        output->step = step ? plan_template_step_index(t, step) : -1;
        if (!json_is_object(definition)) {
            plan_fault_add(faults, path, 0, "type_error", "An output is an object.");
            continue;
        }
        template_check_members(definition, path, known, "An output", faults);
        if (output->step < 0)
            plan_fault_add(faults, json_pointer(faults->arena, path, "step"), 0,
                           step ? "unknown_step" : "missing",
                           step ? "There is no such step." : "An output names a step.");
        step_read_when(t, definition, path, &output->when, faults);
    }
}

static struct plan_template *template_make(const json_t *definition, bool stored,
                                           struct plan_faults *faults)
{
    size_t before = faults->error_count;
    if (!json_is_object(definition)) {
        plan_fault_add(faults, "", 0, "type_error", "A template definition is an object.");
        return NULL;
    }
    struct plan_template *t = mem_alloc(sizeof(*t));
    t->arena = arena_new();
    t->definition = json_deep_copy(definition);
    t->empty = json_object();
    template_read_head(t, faults);
    template_read_options(t, faults);
    template_read_steps(t, faults);
    template_read_outputs(t, faults);
    template_bind(t, faults);
    template_layers(t, faults);
    if (faults->error_count == before && !stored)
        outputs_check(t, faults);
    if (faults->error_count == before) {
        t->text = json_arena_text(t->arena, t->definition);
        return t;
    }
    plan_template_free(t);
    return NULL;
}

struct plan_template *plan_template_new(const json_t *definition, struct plan_faults *faults)
{
    return template_make(definition, false, faults);
}

struct plan_template *plan_template_reload(const json_t *definition, struct plan_faults *faults)
{
    return template_make(definition, true, faults);
}
