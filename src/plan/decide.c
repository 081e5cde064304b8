#include "plan/internal.h"

#include <string.h>

static void decide_release(void *object)
{
    json_decref(object);
}

enum when_result when_evaluate(const struct expr *when, const struct expr_environment *environment,
                               struct expr_value *ret_value)
{
    if (!when)
        return WHEN_TRUE;
    *ret_value = expr_evaluate(when, environment);
    if (ret_value->state == EXPR_VALUE) {
        bool boolean = json_is_boolean(ret_value->json), truth = json_is_true(ret_value->json);
        json_decref(ret_value->json);
        if (boolean)
            return truth ? WHEN_TRUE : WHEN_FALSE;
        *ret_value = (struct expr_value){.state = EXPR_FAULT,
                                         .column = when->column,
                                         .message = "The condition is neither true nor false."};
    }
    return ret_value->state == EXPR_SKIPPED   ? WHEN_SKIPPED
           : ret_value->state == EXPR_PENDING ? WHEN_PENDING
                                              : WHEN_FAULT;
}

static struct plan_decision decide_skip(const char *reason)
{
    return (struct plan_decision){.kind = PLAN_SKIP, .reason = reason};
}

static struct plan_decision decide_fail(const char *path, const char *reason)
{
    return (struct plan_decision){.kind = PLAN_FAIL, .path = path, .reason = reason};
}

/* Any state but a value as a decision. */
static struct plan_decision decide_state(struct arena *a, const struct plan_view *view,
                                         const struct expr_value *value, const char *path)
{
    const struct plan_template *t = view->template;
    if (value->state == EXPR_PENDING)
        return (struct plan_decision){.kind = PLAN_WAIT};
    if (value->state == EXPR_SKIPPED)
        return decide_skip(arena_printf(
            a, "It needs the output of the step %s, which %s.", t->steps[value->step].id,
            view->outcomes[value->step].state == PLAN_STEP_FAILED ? "failed" : "was skipped"));
    return decide_fail(path, value->message);
}

struct decide_faults {
    const char *path, *message;
};

static void decide_param_fault(void *context, const char *path, const char *code,
                               const char *message)
{
    struct decide_faults *first = context;
    (void)code;
    if (!first->message)
        *first = (struct decide_faults){path, message};
}

/* Parameters of one run with real values, checked and completed. */
static struct plan_decision decide_call(struct arena *a, const struct plan_view *view,
                                        const struct plan_step *step,
                                        const struct expr_environment *environment, json_t *calls)
{
    struct expr_value params = value_evaluate(&step->params, environment);
    if (params.state != EXPR_VALUE)
        return decide_state(a, view, &params, step->params_path);
    struct expr_value local = value_evaluate(&step->local, environment);
    if (local.state != EXPR_VALUE) {
        json_decref(params.json);
        return decide_state(a, view, &local, step->local_path);
    }
    struct decide_faults first = {0};
    step_params_check(a, step->type, params.json, step->params_path, NULL, decide_param_fault,
                      &first);
    if (first.message) {
        json_decref(params.json);
        json_decref(local.json);
        return decide_fail(first.path, first.message);
    }
    json_array_append_new(calls, json_pack("{s:o, s:o}", "params",
                                           step_params_complete(step->type, params.json), "local",
                                           local.json));
    json_decref(params.json);
    return (struct plan_decision){.kind = PLAN_RUN, .runs = calls};
}

static struct plan_decision decide_fan_out(struct arena *a, const struct plan_view *view,
                                           const struct plan_step *step,
                                           struct expr_environment *environment, json_t *calls)
{
    struct expr_value items = expr_text_evaluate(step->for_each, environment);
    size_t index;
    const json_t *item;
    if (items.state != EXPR_VALUE)
        return decide_state(a, view, &items, step->for_each_path);
    struct plan_decision decision = {.kind = PLAN_RUN, .runs = calls};
    if (!json_is_array(items.json) && !json_is_null(items.json))
        decision = decide_fail(step->for_each_path, "for_each gives a list.");
    else if (json_array_size(items.json) > PLAN_FAN_OUT_MAX)
        decision =
            decide_fail(step->for_each_path,
                        arena_printf(a, "A fan-out has at most %d items.", PLAN_FAN_OUT_MAX));
    json_array_foreach(items.json, index, item)
    {
        if (decision.kind != PLAN_RUN)
            break;
        environment->item = item;
        environment->index = (int64_t)index;
        decision = decide_call(a, view, step, environment, calls);
    }
    json_decref(items.json);
    return decision;
}

/* A step that is needed without a reference: it has to be over, and must not have failed or been
 * skipped. */
static struct plan_decision decide_needs(struct arena *a, const struct plan_view *view,
                                         const struct plan_step *step)
{
    for (size_t i = 0; i < step->need_count; i++) {
        enum plan_step_state state = view->outcomes[step->needs[i]].state;
        const struct expr_value value = {.state = state == PLAN_STEP_PENDING ? EXPR_PENDING
                                                                             : EXPR_SKIPPED,
                                         .step = step->needs[i]};
        if (state != PLAN_STEP_SUCCESS)
            return decide_state(a, view, &value, step->when_path);
    }
    return (struct plan_decision){.kind = PLAN_RUN};
}

struct plan_decision plan_decide(struct arena *a, const struct plan_view *view, size_t index)
{
    const struct plan_step *step = &view->template->steps[index];
    struct expr_environment environment = {.arena = a, .view = view};
    struct expr_value value;
    switch (when_evaluate(step->when, &environment, &value)) {
    case WHEN_TRUE:
        break;
    case WHEN_FALSE:
        return decide_skip(arena_printf(a, "Its condition is not met: %s.", step->when_text));
    default:
        return decide_state(a, view, &value, step->when_path);
    }
    struct plan_decision needs = decide_needs(a, view, step);
    if (needs.kind == PLAN_SKIP)
        return needs;
    json_t *calls = json_array();
    arena_defer(a, decide_release, calls);
    struct plan_decision decision = step->for_each
                                        ? decide_fan_out(a, view, step, &environment, calls)
                                        : decide_call(a, view, step, &environment, calls);
    /* What it refers to may be skipped for sure before what it needs besides is over. */
    return needs.kind == PLAN_WAIT && decision.kind != PLAN_SKIP ? needs : decision;
}

bool decision_settles(const struct plan_template *t, size_t step,
                      const struct plan_decision *decision, struct plan_outcome *ret_outcome)
{
    bool empty = decision->kind == PLAN_RUN && json_array_size(decision->runs) == 0;
    if (empty) /* a fan-out over nothing: a success with no results */
        *ret_outcome = (struct plan_outcome){PLAN_STEP_SUCCESS, decision->runs};
    else if (decision->kind == PLAN_SKIP ||
             (decision->kind == PLAN_FAIL && t->steps[step].info.continue_on_error))
        *ret_outcome = (struct plan_outcome){PLAN_STEP_SKIPPED, NULL};
    else
        return false;
    return true;
}

bool step_has_no_items(struct arena *a, const struct plan_view *view, size_t index)
{
    const struct plan_step *step = &view->template->steps[index];
    const struct expr_environment environment = {.arena = a, .view = view};
    if (!step->for_each)
        return false;
    struct expr_value items = expr_text_evaluate(step->for_each, &environment);
    if (items.state != EXPR_VALUE)
        return false;
    bool empty =
        json_is_null(items.json) || (json_is_array(items.json) && json_array_size(items.json) == 0);
    json_decref(items.json);
    return empty;
}

void decide_skips(struct arena *a, const struct plan_view *view, struct plan_outcome *outcomes)
{
    const struct plan_template *t = view->template;
    for (int layer = 0; layer < (int)t->step_count; layer++) {
        for (size_t i = 0; i < t->step_count; i++) {
            if (t->steps[i].layer != layer)
                continue;
            struct plan_decision decision = plan_decide(a, view, i);
            decision_settles(t, i, &decision, &outcomes[i]);
        }
    }
}

int plan_outputs(struct arena *a, const struct plan_view *view, json_t **ret_results,
                 struct err *err)
{
    const struct plan_template *t = view->template;
    const struct expr_environment environment = {.arena = a, .view = view};
    json_t *results = json_array();
    arena_defer(a, decide_release, results);
    for (size_t i = 0; i < t->output_count; i++) {
        const struct plan_output *output = &t->outputs[i];
        struct expr_value value;
        enum when_result when = when_evaluate(output->when, &environment, &value);
        if (when == WHEN_FAULT)
            return err_set(err, ERR_INVALID, output->path, "%s", value.message);
        size_t index;
        json_t *result;
        if (when == WHEN_TRUE && view->outcomes[output->step].state == PLAN_STEP_SUCCESS)
            json_array_foreach((json_t *)view->outcomes[output->step].result, index, result)
                json_array_append_new(results, json_copy(result));
    }
    if (json_array_size(results) == 0)
        return err_set(
            err, ERR_NO_OUTPUT, NULL,
            "No output of the template was active: every step that gives one was skipped.");
    *ret_results = results;
    return 0;
}
