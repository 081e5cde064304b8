#include "plan/internal.h"

#include <string.h>

/*
 * DESIGN. What follows a step is found by deciding it as if that step had succeeded already, with a video behind an address that
 * only stands for it. Doing so twice, with other sizes and lengths, shows whether a step looks at more than the address: then it
 * has to wait for the real thing.
 */
static const char fuse_address[] = "https://video.invalid/of-the-same-pass";

static bool fuse_is_output(const struct plan_template *t, size_t index)
{
    for (size_t i = 0; i < t->output_count; i++) {
        if (t->outputs[i].step == (int)index)
            return true;
    }
    return false;
}

/* The only step that depends on `index` in any way; -1 when there is none or more than one. */
static int fuse_only_user(const struct plan_template *t, size_t index)
{
    int user = -1;
    for (size_t i = 0; i < t->step_count; i++) {
        if (!t->steps[i].depends[index])
            continue;
        if (user >= 0)
            return -1;
        user = (int)i;
    }
    return user;
}

/* A result that differs in all but its address and kind. */
static json_t *fuse_result(struct arena *a, int variant)
{
    json_t *result = json_pack("[{s:s, s:s, s:i, s:i, s:i, s:i}]", "url", fuse_address,
                               "content_type", "video/mp4", "width", 16 + variant, "height",
                               16 + variant, "duration_ms", 1 + variant, "size", 1 + variant);
    arena_defer(a, (void (*)(void *))json_decref, result);
    return result;
}

/* How often the address stands in a value. */
static int fuse_count(const json_t *value)
{
    int count = 0;
    const char *key;
    size_t index;
    json_t *member;
    if (json_is_string(value))
        return strstr(json_string_value(value), fuse_address) ? 1 : 0;
    if (json_is_array(value))
        json_array_foreach(value, index, member) count += fuse_count(member);
    json_object_foreach((json_t *)value, key, member) count += fuse_count(member);
    return count;
}

/* The one call of step `user`, given what `index` would give; NULL when it cannot be told before. */
static const json_t *fuse_call(struct arena *a, struct plan_view *view,
                               struct plan_outcome *outcomes, size_t index, size_t user)
{
    const json_t *calls[2];
    const char *input = view->template->steps[user].type->fuse_input;
    for (int variant = 0; variant < 2; variant++) {
        outcomes[index] = (struct plan_outcome){PLAN_STEP_SUCCESS, fuse_result(a, variant)};
        struct plan_decision decision = plan_decide(a, view, user);
        if (decision.kind != PLAN_RUN || json_array_size(decision.runs) != 1)
            return NULL;
        calls[variant] = json_array_get(decision.runs, 0);
    }
    const char *taken = json_member_string(json_object_get(calls[0], "params"), input);
    const struct step_type *type = view->template->steps[user].type;
    bool fits = json_equal(calls[0], calls[1]) && taken && strcmp(taken, fuse_address) == 0 &&
                fuse_count(calls[0]) == 1 &&
                (!type->fuse_follows || type->fuse_follows(json_object_get(calls[0], "params")));
    return fits ? calls[0] : NULL;
}

size_t plan_fuse(struct arena *a, const struct plan_view *view, size_t index, const json_t *params,
                 struct plan_follower ret_followers[PLAN_FOLLOWERS_MAX])
{
    const struct plan_template *t = view->template;
    struct plan_view as_if = *view;
    struct plan_outcome *outcomes = arena_array(a, t->step_count, sizeof(*outcomes));
    memcpy(outcomes, view->outcomes, t->step_count * sizeof(*outcomes));
    as_if.outcomes = outcomes;
    size_t count = 0;
    const struct step_type *head = t->steps[index].type;
    if (!head->fuse_begins || !head->fuse_begins(params))
        return 0;
    while (count < PLAN_FOLLOWERS_MAX && !t->steps[index].for_each && !fuse_is_output(t, index)) {
        int user = fuse_only_user(t, index);
        if (user < 0 || !t->steps[user].type->fuse_input || t->steps[user].for_each ||
            outcomes[user].state != PLAN_STEP_PENDING)
            break;
        const json_t *call = fuse_call(a, &as_if, outcomes, index, (size_t)user);
        if (!call)
            break;
        json_t *given = json_copy(json_object_get(call, "params"));
        arena_defer(a, (void (*)(void *))json_decref, given);
        json_object_set_new(given, t->steps[user].type->fuse_input, json_null());
        ret_followers[count++] =
            (struct plan_follower){(size_t)user, given, json_object_get(call, "local")};
        index = (size_t)user;
    }
    return count;
}
