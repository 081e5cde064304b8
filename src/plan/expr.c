#include "plan/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- names --------------------------------------------------------------------------------------
 */

static const char *const expr_step_fields[] = {"url", "urls", "text", "result", "status", NULL};
static const char *const expr_result_fields[] = {"url",    "text",        "content_type", "width",
                                                 "height", "duration_ms", "size",         NULL};
static const char *const expr_workflow_fields[] = {"id", "title", "event_id", NULL};

static bool name_among(const char *name, const char *const *names)
{
    for (; name && *names; names++) {
        if (strcmp(*names, name) == 0)
            return true;
    }
    return false;
}

struct bind {
    const struct expr_scope *scope;
    const char *path;
    struct plan_faults *faults;
};

static void bind_fault(const struct bind *bind, const struct expr *expr, const char *code,
                       const char *format, ...) __attribute__((format(printf, 4, 5)));

static void bind_fault(const struct bind *bind, const struct expr *expr, const char *code,
                       const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *message = arena_vprintf(bind->faults->arena, format, args);
    va_end(args);
    plan_fault_add(bind->faults, bind->path, expr->column, code, "%s", message);
}

static void bind_steps(const struct bind *bind, struct expr *expr)
{
    const struct expr_part *parts = expr->parts;
    if (expr->part_count < 2 || !parts[0].name) {
        plan_fault_add(bind->faults, bind->path, expr->column, "unknown_field",
                       "A step is referred to as steps.ID.url, .urls, .text, .result or .status.");
        return;
    }
    expr->step = plan_template_step_index(bind->scope->template, parts[0].name);
    if (expr->step < 0) {
        bind_fault(bind, expr, "unknown_step", "There is no step %s.", parts[0].name);
        return;
    }
    if (!name_among(parts[1].name, expr_step_fields)) {
        bind_fault(bind, expr, "unknown_field",
                   "A step has url, urls, text, result and status, but no %s.",
                   parts[1].name ? parts[1].name : "item there");
        return;
    }
    bool result = strcmp(parts[1].name, "result") == 0, urls = strcmp(parts[1].name, "urls") == 0;
    size_t most = result ? 4 : urls ? 3 : 2;
    if (expr->part_count > most || (expr->part_count > 2 && parts[2].name) ||
        (expr->part_count > 3 && !name_among(parts[3].name, expr_result_fields)))
        bind_fault(bind, expr, "unknown_field", "%s has no such field.", parts[1].name);
}

static void bind_option(const struct bind *bind, struct expr *expr)
{
    const struct expr_part *parts = expr->parts;
    const struct plan_option *option = expr->part_count && parts[0].name
                                           ? template_option(bind->scope->template, parts[0].name)
                                           : NULL;
    if (expr->part_count == 0 || !parts[0].name)
        bind_fault(bind, expr, "unknown_field", "%s", "An option is referred to as options.KEY.");
    else if (!option)
        bind_fault(bind, expr, "unknown_option", "There is no option %s.", parts[0].name);
    else if (expr->part_count > 2 ||
             (expr->part_count == 2 &&
              (parts[1].name || option_type(option->component) != EXPR_ARRAY)))
        bind_fault(bind, expr, "unknown_field", "The option %s %s.", parts[0].name,
                   option_type(option->component) == EXPR_ARRAY ? "has numbered items and no fields"
                                                                : "is no list and has no fields");
}

static void bind_reference(const struct bind *bind, struct expr *expr)
{
    const struct expr_part *parts = expr->parts;
    size_t count = expr->part_count;
    switch (expr->root) {
    case EXPR_OPTIONS:
        bind_option(bind, expr);
        break;
    case EXPR_INPUTS:
        if (count == 0 || !parts[0].name || strcmp(parts[0].name, "image_urls") != 0 || count > 2 ||
            (count == 2 && parts[1].name))
            bind_fault(bind, expr, "unknown_field", "%s",
                       "inputs has image_urls and nothing else.");
        break;
    case EXPR_STEPS:
        bind_steps(bind, expr);
        break;
    case EXPR_WORKFLOW:
        if (count != 1 || !name_among(parts[0].name, expr_workflow_fields))
            bind_fault(bind, expr, "unknown_field", "%s", "workflow has id, title and event_id.");
        break;
    case EXPR_ITEM:
    case EXPR_INDEX:
        if (!bind->scope->in_fan_out)
            bind_fault(bind, expr, "unknown_name", "%s is there in a step with for_each only.",
                       expr->root == EXPR_ITEM ? "item" : "index");
        else if (expr->root == EXPR_INDEX && count > 0)
            bind_fault(bind, expr, "unknown_field", "%s", "index is a number and has no fields.");
        break;
    }
}

void expr_bind(struct expr *expr, const struct expr_scope *scope, const char *path,
               struct plan_faults *faults)
{
    const struct bind bind = {scope, path, faults};
    if (expr->kind == EXPR_REFERENCE)
        bind_reference(&bind, expr);
    for (struct expr *operand = expr->first; operand; operand = operand->next)
        expr_bind(operand, scope, path, faults);
}

void expr_visit_steps(const struct expr *expr, bool optional,
                      void (*visit)(void *context, int step, bool optional), void *context)
{
    if (expr->kind == EXPR_REFERENCE && expr->step >= 0)
        visit(context, expr->step, optional);
    for (const struct expr *operand = expr->first; operand; operand = operand->next)
        expr_visit_steps(operand, optional || (expr->kind == EXPR_COALESCE && operand->next), visit,
                         context);
}

/* --- types --------------------------------------------------------------------------------------
 */

const char *expr_type_name(enum expr_type type)
{
    static const char *const names[] = {"anything", "null",   "true or false", "a number",
                                        "a text",   "a list", "an object"};
    return names[type];
}

static enum expr_type type_of_json(const json_t *json)
{
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        return EXPR_OBJECT;
    case JSON_ARRAY:
        return EXPR_ARRAY;
    case JSON_STRING:
        return EXPR_STRING;
    case JSON_INTEGER:
    case JSON_REAL:
        return EXPR_NUMBER;
    case JSON_TRUE:
    case JSON_FALSE:
        return EXPR_BOOLEAN;
    default:
        return EXPR_NULL;
    }
}

static enum expr_type type_of_reference(const struct expr *expr, const struct expr_scope *scope)
{
    const struct expr_part *parts = expr->parts;
    if (expr->root == EXPR_INDEX)
        return EXPR_NUMBER;
    if (expr->root == EXPR_WORKFLOW)
        return EXPR_STRING;
    if (expr->root == EXPR_INPUTS)
        return expr->part_count == 1 ? EXPR_ARRAY : EXPR_ANY;
    if (expr->root == EXPR_OPTIONS && expr->part_count == 1 && parts[0].name) {
        const struct plan_option *option = template_option(scope->template, parts[0].name);
        return option ? option_type(option->component) : EXPR_ANY;
    }
    if (expr->root == EXPR_STEPS && expr->part_count == 2 && parts[1].name) {
        if (strcmp(parts[1].name, "status") == 0 || strcmp(parts[1].name, "url") == 0 ||
            strcmp(parts[1].name, "text") == 0)
            return EXPR_STRING;
        return EXPR_ARRAY;
    }
    return EXPR_ANY;
}

static void check_compare(const struct expr *expr, enum expr_type left, enum expr_type right,
                          const char *path, struct plan_faults *faults)
{
    bool known = left != EXPR_ANY && right != EXPR_ANY && left != EXPR_NULL && right != EXPR_NULL;
    bool ordering = expr->operation >= EXPR_LT && expr->operation <= EXPR_GE;
    if (expr->operation == EXPR_IN) {
        if (right != EXPR_ANY && right != EXPR_ARRAY && right != EXPR_NULL)
            plan_fault_add(faults, path, expr->column, "type_error",
                           "Behind in stands a list, not %s.", expr_type_name(right));
    } else if (ordering) {
        enum expr_type wrong = left != EXPR_ANY && left != EXPR_NUMBER && left != EXPR_STRING ? left
                               : right != EXPR_ANY && right != EXPR_NUMBER && right != EXPR_STRING
                                   ? right
                                   : EXPR_ANY;
        if (wrong != EXPR_ANY)
            plan_fault_add(faults, path, expr->column, "type_error",
                           "Only numbers and texts have an order, not %s.", expr_type_name(wrong));
        else if (known && left != right)
            plan_fault_add(faults, path, expr->column, "type_error",
                           "There is no order between %s and %s.", expr_type_name(left),
                           expr_type_name(right));
    } else if (known && left != right) {
        plan_warning_add(faults, path, expr->column, "always_different",
                         "Here %s is compared with %s: they are never equal.", expr_type_name(left),
                         expr_type_name(right));
    }
}

static void check_boolean(const struct expr *operand, enum expr_type type, const char *path,
                          struct plan_faults *faults)
{
    if (type != EXPR_ANY && type != EXPR_BOOLEAN)
        plan_fault_add(faults, path, operand->column, "type_error",
                       "Here stands true or false, not %s; write a comparison.",
                       expr_type_name(type));
}

enum expr_type expr_check(const struct expr *expr, const struct expr_scope *scope, const char *path,
                          struct plan_faults *faults)
{
    enum expr_type first = EXPR_ANY, last = EXPR_ANY;
    bool same = true;
    bool boolean = expr->kind == EXPR_NOT || expr->kind == EXPR_AND || expr->kind == EXPR_OR;
    for (const struct expr *operand = expr->first; operand; operand = operand->next) {
        last = expr_check(operand, scope, path, faults);
        if (operand == expr->first)
            first = last;
        same = same && last == first;
        if (boolean)
            check_boolean(operand, last, path, faults);
    }
    switch (expr->kind) {
    case EXPR_LITERAL:
        return type_of_json(expr->literal);
    case EXPR_REFERENCE:
        return type_of_reference(expr, scope);
    case EXPR_LIST:
        return EXPR_ARRAY;
    case EXPR_COALESCE:
        return same ? first : EXPR_ANY;
    case EXPR_COMPARE:
        check_compare(expr, first, last, path, faults);
        return EXPR_BOOLEAN;
    default:
        return EXPR_BOOLEAN;
    }
}

/* --- values -------------------------------------------------------------------------------------
 */

static struct expr_value value_of(json_t *json)
{
    return (struct expr_value){.state = EXPR_VALUE, .json = json};
}

static struct expr_value value_fault(const struct expr *expr, const char *message)
{
    return (struct expr_value){.state = EXPR_FAULT, .column = expr->column, .message = message};
}

/* Of two values that are none yet the one that weighs more: a fault, a skipped step, a pending one.
 */
static struct expr_value value_worse(struct expr_value a, struct expr_value b)
{
    static const int weights[] = {
        [EXPR_VALUE] = 0, [EXPR_PENDING] = 1, [EXPR_SKIPPED] = 2, [EXPR_FAULT] = 3};
    return weights[b.state] > weights[a.state] ? b : a;
}

/* Follows the remaining parts; what is not there is null. */
static struct expr_value follow(const struct expr *expr, const json_t *json, size_t from)
{
    for (size_t i = from; i < expr->part_count && json; i++)
        json = expr->parts[i].name ? json_object_get(json, expr->parts[i].name)
                                   : json_array_get(json, (size_t)expr->parts[i].index);
    return value_of(json ? json_incref((json_t *)json) : json_null());
}

static struct expr_value step_urls(const struct expr *expr, const json_t *result)
{
    json_t *urls = json_array();
    size_t index;
    const json_t *item;
    json_array_foreach(result, index, item)
    {
        json_t *url = json_object_get(item, "url");
        if (url)
            json_array_append(urls, url);
    }
    struct expr_value value = follow(expr, urls, 2);
    json_decref(urls);
    return value;
}

/* The first result that has the member. */
static struct expr_value step_first(const json_t *result, const char *member)
{
    size_t index;
    const json_t *item;
    json_array_foreach(result, index, item)
    {
        json_t *found = json_object_get(item, member);
        if (found)
            return value_of(json_incref(found));
    }
    return value_of(json_null());
}

static struct expr_value step_field(const struct expr *expr,
                                    const struct expr_environment *environment)
{
    const struct plan_outcome *outcome = &environment->view->outcomes[expr->step];
    const char *field = expr->parts[1].name;
    if (outcome->state == PLAN_STEP_PENDING)
        return (struct expr_value){.state = EXPR_PENDING, .step = expr->step};
    if (strcmp(field, "status") == 0) {
        static const char *const names[] = {"pending", "success", "skipped", "fail"};
        return value_of(json_string(names[outcome->state]));
    }
    if (outcome->state != PLAN_STEP_SUCCESS)
        return (struct expr_value){.state = EXPR_SKIPPED, .step = expr->step};
    if (strcmp(field, "result") == 0)
        return follow(expr, outcome->result, 2);
    if (strcmp(field, "urls") == 0)
        return step_urls(expr, outcome->result);
    return step_first(outcome->result, field);
}

static struct expr_value reference_evaluate(const struct expr *expr,
                                            const struct expr_environment *environment)
{
    const struct plan_view *view = environment->view;
    const char *field = expr->part_count ? expr->parts[0].name : "";
    switch (expr->root) {
    case EXPR_OPTIONS:
        /* Checked options have every declared key: one that is not there is not known yet. */
        if (!json_object_get(view->options, field))
            return (struct expr_value){.state = EXPR_PENDING, .step = -1};
        return follow(expr, view->options, 0);
    case EXPR_INPUTS:
        if (!view->image_urls)
            return (struct expr_value){.state = EXPR_PENDING, .step = -1};
        return follow(expr, view->image_urls, 1);
    case EXPR_STEPS:
        return step_field(expr, environment);
    case EXPR_ITEM:
        return follow(expr, environment->item, 0);
    case EXPR_INDEX:
        return value_of(json_integer(environment->index));
    case EXPR_WORKFLOW:
        if (!view->workflow_id)
            return (struct expr_value){.state = EXPR_PENDING, .step = -1};
        break;
    }
    const char *text = strcmp(field, "id") == 0      ? view->workflow_id
                       : strcmp(field, "title") == 0 ? view->workflow_title
                                                     : view->workflow_event_id;
    return value_of(text ? json_string(text) : json_null());
}

static bool json_same(const json_t *a, const json_t *b)
{
    if (json_is_number(a) && json_is_number(b))
        return json_number_value(a) == json_number_value(b);
    return json_equal((json_t *)a, (json_t *)b);
}

static struct expr_value compare_values(const struct expr *expr, const json_t *left,
                                        const json_t *right)
{
    size_t index;
    const json_t *item;
    int order;
    if (expr->operation == EXPR_EQ || expr->operation == EXPR_NE)
        return value_of(json_boolean(json_same(left, right) == (expr->operation == EXPR_EQ)));
    if (expr->operation == EXPR_IN) {
        if (!json_is_array(right) &&
            !json_is_null(right)) /* a list that was not given has no items */
            return value_fault(expr, "Behind in stands a list.");
        json_array_foreach(right, index, item)
        {
            if (json_same(left, item))
                return value_of(json_true());
        }
        return value_of(json_false());
    }
    if (json_is_number(left) && json_is_number(right)) {
        double a = json_number_value(left), b = json_number_value(right);
        order = a < b ? -1 : a > b;
    } else if (json_is_string(left) && json_is_string(right)) {
        order = strcmp(json_string_value(left), json_string_value(right));
    } else {
        return value_fault(expr, "Only two numbers or two texts have an order.");
    }
    bool truth = expr->operation == EXPR_LT   ? order < 0
                 : expr->operation == EXPR_LE ? order <= 0
                 : expr->operation == EXPR_GT ? order > 0
                                              : order >= 0;
    return value_of(json_boolean(truth));
}

static struct expr_value compare_evaluate(const struct expr *expr,
                                          const struct expr_environment *environment)
{
    struct expr_value left = expr_evaluate(expr->first, environment);
    struct expr_value right = expr_evaluate(expr->first->next, environment);
    struct expr_value result = left.state == EXPR_VALUE && right.state == EXPR_VALUE
                                   ? compare_values(expr, left.json, right.json)
                                   : value_worse(left, right);
    if (left.state == EXPR_VALUE)
        json_decref(left.json);
    if (right.state == EXPR_VALUE)
        json_decref(right.json);
    return result;
}

/* A known operand decides although the other one is not known yet. A fault counts when it is sure that it is reached: what stands
 * before it may decide without it. */
static struct expr_value logic_evaluate(const struct expr *expr,
                                        const struct expr_environment *environment)
{
    bool decides = expr->kind == EXPR_OR;
    struct expr_value open = {.state = EXPR_VALUE};
    for (const struct expr *operand = expr->first; operand; operand = operand->next) {
        struct expr_value value = expr_evaluate(operand, environment);
        if (value.state == EXPR_VALUE) {
            bool boolean = json_is_boolean(value.json), truth = json_is_true(value.json);
            json_decref(value.json);
            if (!boolean)
                return value_fault(operand, "Here stands true or false; write a comparison.");
            if (expr->kind == EXPR_NOT)
                return value_of(json_boolean(!truth));
            if (truth == decides)
                return value_of(json_boolean(truth));
        } else if (value.state == EXPR_FAULT) {
            return open.state == EXPR_PENDING ? open : value;
        } else if (open.state == EXPR_VALUE || value.state == EXPR_PENDING) {
            open = value;
        }
    }
    return open.state == EXPR_VALUE ? value_of(json_boolean(!decides)) : open;
}

static struct expr_value list_evaluate(const struct expr *expr,
                                       const struct expr_environment *environment)
{
    json_t *list = json_array();
    struct expr_value worst = {.state = EXPR_VALUE};
    for (const struct expr *item = expr->first; item; item = item->next) {
        struct expr_value value = expr_evaluate(item, environment);
        if (value.state == EXPR_VALUE)
            json_array_append_new(list, value.json);
        else
            worst = value_worse(worst, value);
    }
    if (worst.state == EXPR_VALUE)
        return value_of(list);
    json_decref(list);
    return worst;
}

/* The first that is neither null nor the output of a skipped step; the last one stands as it is. */
static struct expr_value coalesce_evaluate(const struct expr *expr,
                                           const struct expr_environment *environment)
{
    struct expr_value value = {.state = EXPR_VALUE};
    for (const struct expr *operand = expr->first; operand; operand = operand->next) {
        value = expr_evaluate(operand, environment);
        bool missing =
            value.state == EXPR_SKIPPED || (value.state == EXPR_VALUE && json_is_null(value.json));
        if (!missing || !operand->next)
            return value;
        json_decref(value.json);
    }
    return value;
}

struct expr_value expr_evaluate(const struct expr *expr, const struct expr_environment *environment)
{
    switch (expr->kind) {
    case EXPR_LITERAL:
        /* Copied: literals are shared by threads, and reference counts are the only thing they
         * would write. */
        return value_of(json_deep_copy(expr->literal));
    case EXPR_REFERENCE:
        return reference_evaluate(expr, environment);
    case EXPR_LIST:
        return list_evaluate(expr, environment);
    case EXPR_COMPARE:
        return compare_evaluate(expr, environment);
    case EXPR_COALESCE:
        return coalesce_evaluate(expr, environment);
    default:
        return logic_evaluate(expr, environment);
    }
}

/* The shortest text that is this number again: people read it. */
static void text_append_real(struct buffer *b, double number)
{
    char text[32];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, number);
        if (strtod(text, NULL) == number)
            break;
    }
    buffer_append_text(b, text);
}

static bool text_append(struct buffer *b, const json_t *json)
{
    if (json_is_string(json))
        buffer_append(b, json_string_value(json), json_string_length(json));
    else if (json_is_real(json))
        text_append_real(b, json_real_value(json));
    else if (json_is_integer(json) || json_is_boolean(json))
        json_append_text(b, json);
    return json_is_string(json) || json_is_number(json) || json_is_boolean(json) ||
           json_is_null(json);
}

struct expr_value expr_text_evaluate(const struct expr_text *text,
                                     const struct expr_environment *environment)
{
    if (expr_text_is_whole(text))
        return expr_evaluate(text->expr, environment);
    CLEANUP(buffer) struct buffer b = {0};
    struct expr_value worst = {.state = EXPR_VALUE};
    for (; text; text = text->next) {
        if (text->text) {
            buffer_append_text(&b, text->text);
            continue;
        }
        struct expr_value value = expr_evaluate(text->expr, environment);
        if (value.state != EXPR_VALUE) {
            worst = value_worse(worst, value);
            continue;
        }
        bool scalar = text_append(&b, value.json);
        json_decref(value.json);
        if (!scalar)
            return value_fault(
                text->expr, "Inside a longer text only texts, numbers, true and false can stand.");
    }
    if (worst.state != EXPR_VALUE)
        return worst;
    return value_of(json_stringn(b.bytes ? b.bytes : "", b.size));
}
