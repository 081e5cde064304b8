/*
 * Definitions with options: {"template": {..}, "bases": {ID: {..}}, "options": {..}, "image_urls":
 * [..], "ends": "sf.."}. Flattened, validated, previewed, and then run without workers: what the
 * preview says will run runs, and what it says is skipped is skipped. `ends` says step by step
 * whether it succeeds (s) or fails (f).
 */
#include "fuzz.h"

#include "plan/plan.h"

static const json_t *base_lookup(void *context, const char *id)
{
    return json_object_get(context, id);
}

static bool list_names(const json_t *list, const char *id)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (strcmp(json_member_string(json_array_get(list, i), "id"), id) == 0)
            return true;
    }
    return false;
}

static bool layers_name(const json_t *layers, const char *id)
{
    for (size_t i = 0; i < json_array_size(layers); i++) {
        const json_t *layer = json_array_get(layers, i);
        for (size_t k = 0; k < json_array_size(layer); k++) {
            if (strcmp(json_string_value(json_array_get(layer, k)), id) == 0)
                return true;
        }
    }
    return false;
}

struct world {
    struct arena *arena;
    const struct plan_template *template;
    const json_t *preview;
    struct plan_outcome *outcomes;
    json_t *result;
    const char *ends;
    bool exact; /* nothing has gone another way than the preview takes for granted */
};

/* What the preview said of a step must be what became of it, as long as no step failed. */
static void check_decision(const struct world *w, const char *id,
                           const struct plan_decision *decision)
{
    bool active = layers_name(json_object_get(w->preview, "layers"), id);
    bool skipped = list_names(json_object_get(w->preview, "skipped_steps"), id);
    bool open = list_names(json_object_get(w->preview, "undetermined_steps"), id);
    bool empty = decision->kind == PLAN_RUN && json_array_size(decision->runs) == 0;
    FUZZ_CHECK(active + skipped + open == 1);
    if (!w->exact)
        return;
    FUZZ_CHECK(!active || decision->kind == PLAN_FAIL || decision->kind == PLAN_RUN);
    FUZZ_CHECK(!skipped || decision->kind == PLAN_SKIP || empty || decision->kind == PLAN_FAIL);
}

/* One step; true when it is over. */
static bool world_step(struct world *w, const struct plan_view *view, size_t index)
{
    struct plan_step_info info = plan_template_step(w->template, index);
    struct plan_decision decision = plan_decide(w->arena, view, index);
    if (decision.kind == PLAN_WAIT)
        return false;
    check_decision(w, info.id, &decision);
    bool fails = decision.kind == PLAN_FAIL ||
                 (decision.kind == PLAN_RUN && index < strlen(w->ends) && w->ends[index] == 'f');
    if (fails)
        w->exact = false;
    if (fails || decision.kind == PLAN_SKIP)
        w->outcomes[index] = (struct plan_outcome){PLAN_STEP_SKIPPED, NULL};
    else
        w->outcomes[index] = (struct plan_outcome){
            PLAN_STEP_SUCCESS, json_array_size(decision.runs) ? w->result : decision.runs};
    return true;
}

static void run_template(struct arena *a, const struct plan_template *t, const json_t *input,
                         const json_t *preview, const json_t *options)
{
    size_t count = plan_template_step_count(t);
    json_t *no_images = json_array();
    const json_t *images = json_object_get(input, "image_urls");
    const char *ends = json_member_string(input, "ends");
    struct world w = {.arena = a,
                      .template = t,
                      .preview = preview,
                      .outcomes = arena_array(a, count, sizeof(*w.outcomes)),
                      .result = json_pack("[{s:s, s:s, s:s}]", "url", "http://x/r", "text", "t",
                                          "content_type", "image/png"),
                      .ends = ends ? ends : "",
                      .exact = true};
    struct plan_view view = {.template = t,
                             .options = options,
                             .image_urls = json_is_array(images) ? images : no_images,
                             .workflow_id = "w",
                             .workflow_title = "title",
                             .workflow_event_id = "event",
                             .outcomes = w.outcomes};
    size_t over = 0;
    for (bool moved = true; moved;) {
        moved = false;
        for (size_t i = 0; i < count; i++) {
            if (w.outcomes[i].state == PLAN_STEP_PENDING && world_step(&w, &view, i)) {
                moved = true;
                over++;
            }
        }
    }
    FUZZ_CHECK(over == count); /* nothing waits for ever */
    json_t *results;
    struct err err;
    plan_outputs(a, &view, &results, &err);
    json_decref(w.result);
    json_decref(no_images);
}

static void run_input(struct arena *a, const json_t *input)
{
    struct plan_faults faults, option_faults;
    plan_faults_init(&faults, a);
    plan_faults_init(&option_faults, a);
    const json_t *options = json_object_get(input, "options");
    const json_t *images = json_object_get(input, "image_urls");
    json_t *flat = plan_flatten(json_object_get(input, "template"), base_lookup,
                                json_object_get(input, "bases"), &faults);
    struct plan_template *t = flat ? plan_template_new(flat, &faults) : NULL;
    FUZZ_CHECK((t == NULL) == (faults.error_count > 0));
    json_t *preview = plan_preview(a, t, options, images, &faults);
    bool valid = json_is_true(json_object_get(preview, "valid"));
    FUZZ_CHECK(valid == (faults.error_count == 0));
    json_t *checked = NULL;
    if (valid) {
        json_decref(plan_template_summary(t, true, 1, true));
        FUZZ_CHECK(plan_options_check(t, options, images, &option_faults, &checked) == 0);
        run_template(a, t, input, preview, checked);
    }
    json_decref(checked);
    json_decref(preview);
    json_decref(flat);
    plan_template_free(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    json_t *input = NULL;
    struct err err;
    if (json_parse((const char *)data, size, PLAN_DEFINITION_BYTES_MAX, &input, &err) == 0)
        run_input(a, input);
    json_decref(input);
    arena_free(a);
    return 0;
}
