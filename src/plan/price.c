#include "plan/internal.h"

#include <string.h>

static const char *const price_kinds[] = {"image", "video", "audio"};

static json_t *price_list(const struct plan_template *t)
{
    json_t *credits = json_object_get(t->definition, "credits");
    for (size_t i = 0; i < 3; i++) {
        if (json_is_integer(json_object_get(credits, price_kinds[i])))
            return credits;
    }
    return NULL;
}

/* The mode that decides where a template has several prices: what was asked for, else the option's
 * default. */
static const char *price_mode(const struct plan_template *t, const json_t *options)
{
    const char *mode = json_member_string(options, "pipeline_mode");
    const struct plan_option *option = template_option(t, "pipeline_mode");
    if (!mode && option)
        mode = json_string_value(option->otherwise);
    return mode ? mode : "";
}

/* Marks the steps that options alone leave: the others, with those that need them, cost nothing; neither do fan-outs over
 * nothing. Returns what the marked ones cost. */
static int64_t price_mark_steps(const struct plan_template *t, const json_t *options,
                                bool ret_left[PLAN_STEPS_MAX])
{
    CLEANUP(arena) struct arena *a = arena_new();
    CLEANUP(json) json_t *filled = json_object();
    struct plan_outcome *outcomes = arena_array(a, t->step_count, sizeof(*outcomes));
    const struct plan_view view = {.template = t, .options = filled, .outcomes = outcomes};
    int64_t total = 0;
    for (size_t i = 0; i < t->option_count; i++) {
        const struct plan_option *option = &t->options[i];
        json_t *value = json_object_get(options, option->key);
        if (!value || json_is_null(value))
            value = option->otherwise ? (json_t *)option->otherwise : json_null();
        json_object_set(filled, option->key, value);
    }
    decide_skips(a, &view, outcomes);
    for (size_t i = 0; i < t->step_count; i++) {
        ret_left[i] = outcomes[i].state == PLAN_STEP_PENDING && !step_has_no_items(a, &view, i);
        total += ret_left[i] ? t->steps[i].info.credits : 0;
    }
    return total;
}

struct plan_price plan_price(const struct plan_template *t, const json_t *options)
{
    json_t *list = price_list(t);
    struct plan_price price = {.applied = "steps", .list_price = list};
    const char *mode = price_mode(t, options);
    bool left[PLAN_STEPS_MAX];
    if (!list) {
        price.total = price_mark_steps(t, options, left);
        return price;
    }
    /* The mode's own price; else the only one, of several the dearest. */
    for (size_t i = 0; i < 3; i++) {
        const json_t *one = json_object_get(list, price_kinds[i]);
        bool named = strcmp(mode, price_kinds[i]) == 0;
        if (!json_is_integer(one))
            continue;
        if (named || strcmp(price.applied, "steps") == 0 || json_integer_value(one) > price.total) {
            price.total = json_integer_value(one);
            price.applied = price_kinds[i];
        }
        if (named)
            break;
    }
    return price;
}

void plan_share_credits(const struct plan_template *t, const bool *ran, int64_t used,
                        int64_t *ret_shares)
{
    int64_t left = used;
    int last = -1;
    for (size_t i = 0; i < t->step_count; i++) {
        ret_shares[i] = 0;
        if (!ran[i])
            continue;
        int64_t share = t->steps[i].info.credits;
        ret_shares[i] = share < left ? share : left;
        left -= ret_shares[i];
        last = (int)i;
    }
    if (last >= 0)
        ret_shares[last] += left;
}

json_t *plan_estimate(const struct plan_template *t, const json_t *options)
{
    struct plan_price price = plan_price(t, options);
    bool left[PLAN_STEPS_MAX];
    json_t *steps = json_array();
    price_mark_steps(t, options, left);
    for (size_t i = 0; i < t->step_count; i++) {
        const struct plan_step *step = &t->steps[i];
        if (left[i])
            json_array_append_new(steps,
                                  json_pack("{s:s, s:s, s:i}", "id", step->id, "flow",
                                            step->type->name, "credits", step->info.credits));
    }
    json_t *list = price.list_price ? json_deep_copy(price.list_price) : json_null();
    return json_pack("{s:I, s:{s:o, s:s, s:o}}", "total_credits", (json_int_t)price.total,
                     "breakdown", "list_price", list, "applied", price.applied, "steps", steps);
}
