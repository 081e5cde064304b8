/* The grammar: conditions and texts with substitutions, read, bound to a template, checked and
 * evaluated. */
#include "fuzz.h"

#include "plan/expr.h"

static const char definition[] =
    "{\"id\":\"t\",\"available_options\":["
    "{\"key\":\"text\",\"component\":\"text\"},{\"key\":\"n\",\"component\":\"number\"},"
    "{\"key\":\"flag\",\"component\":\"toggle\"},{\"key\":\"tags\",\"component\":\"list\"}],"
    "\"steps\":[{\"id\":\"a\",\"flow\":\"chat\"},{\"id\":\"b\",\"flow\":\"chat\"},"
    "{\"id\":\"c\",\"flow\":\"chat\"},{\"id\":\"d\",\"flow\":\"chat\"}],\"outputs\":[{\"step\":"
    "\"a\"}]}";

struct world {
    struct plan_template *template;
    json_t *options, *images, *item, *result;
    struct plan_outcome outcomes[4];
};

static json_t *json_of(const char *text)
{
    json_t *json = json_loads(text, 0, NULL);
    FUZZ_CHECK(json);
    return json;
}

static struct world *world_start(void)
{
    static struct world world;
    if (world.template)
        return &world;
    struct arena *a = arena_new();
    struct plan_faults faults;
    plan_faults_init(&faults, a);
    json_t *json = json_of(definition);
    world.template = plan_template_new(json, &faults);
    FUZZ_CHECK(world.template);
    json_decref(json);
    world.options = json_of("{\"text\":\"{{x}}\",\"n\":3,\"flag\":true,\"tags\":[\"x\",\"y\"]}");
    world.images = json_of("[\"http://x/1\"]");
    world.item = json_of("{\"name\":\"cup\",\"sizes\":[5,7.5]}");
    world.result = json_of("[{\"url\":\"http://x/2\",\"width\":3},{\"text\":\"t\"}]");
    world.outcomes[0] = (struct plan_outcome){PLAN_STEP_SUCCESS, world.result};
    world.outcomes[1] = (struct plan_outcome){PLAN_STEP_SKIPPED, NULL};
    world.outcomes[2] = (struct plan_outcome){PLAN_STEP_PENDING, NULL};
    world.outcomes[3] = (struct plan_outcome){PLAN_STEP_FAILED, NULL};
    arena_free(a);
    return &world;
}

static void check_value(struct expr_value value)
{
    switch (value.state) {
    case EXPR_VALUE:
        FUZZ_CHECK(value.json);
        json_decref(value.json);
        break;
    case EXPR_SKIPPED:
        FUZZ_CHECK(value.step >= 0 && value.step < 4);
        break;
    case EXPR_PENDING:
        FUZZ_CHECK(value.step >= -1 && value.step < 4);
        break;
    case EXPR_FAULT:
        FUZZ_CHECK(value.message && value.column >= 1);
        break;
    }
}

static void check_fault(const struct expr_fault *fault, const char *text)
{
    FUZZ_CHECK(fault->message && *fault->message);
    FUZZ_CHECK(fault->column >= 1 && (size_t)fault->column <= strlen(text) + 1);
}

static void run_when(const struct expr_environment *environment, const char *text)
{
    const struct expr_scope scope = {environment->view->template, false};
    struct plan_faults faults;
    struct expr_fault fault = {0};
    struct expr *expr = expr_parse_when(environment->arena, text, &fault);
    plan_faults_init(&faults, environment->arena);
    if (!expr) {
        check_fault(&fault, text);
        return;
    }
    expr_bind(expr, &scope, "/when", &faults);
    if (faults.error_count > 0)
        return;
    expr_check(expr, &scope, "/when", &faults);
    check_value(expr_evaluate(expr, environment));
}

static void run_text(const struct expr_environment *environment, const char *text)
{
    const struct expr_scope scope = {environment->view->template, true};
    struct plan_faults faults;
    struct expr_fault fault = {0};
    struct expr_text *parsed = expr_parse_text(environment->arena, text, &fault);
    plan_faults_init(&faults, environment->arena);
    if (!parsed) {
        check_fault(&fault, text);
        return;
    }
    for (struct expr_text *piece = parsed; piece; piece = piece->next) {
        if (piece->expr)
            expr_bind(piece->expr, &scope, "/text", &faults);
    }
    if (faults.error_count > 0)
        return;
    for (struct expr_text *piece = parsed; piece; piece = piece->next) {
        if (piece->expr)
            expr_check(piece->expr, &scope, "/text", &faults);
    }
    check_value(expr_text_evaluate(parsed, environment));
}

/* The first byte says which of the two it is. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct world *world = world_start();
    if (size == 0)
        return 0;
    struct arena *a = arena_new();
    const struct plan_view view = {.template = world->template,
                                   .options = world->options,
                                   .image_urls = world->images,
                                   .workflow_id = "w",
                                   .workflow_title = "title",
                                   .outcomes = world->outcomes};
    const struct expr_environment environment = {
        .arena = a, .view = &view, .item = world->item, .index = 1};
    char *text = fuzz_text(data + 1, size - 1);
    json_t *utf8 =
        json_string(text); /* NULL when it is none, and then it cannot have come from JSON */
    if (!utf8)
        memset(text, '?', strlen(text));
    json_decref(utf8);
    if (data[0] & 1)
        run_when(&environment, text);
    else
        run_text(&environment, text);
    free(text);
    arena_free(a);
    return 0;
}
