/* The grammar of the template language and what its expressions come to. */
#include "plan/expr.h"

#include "base/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char definition_text[] =
    "{\"id\":\"t\",\"available_options\":["
    "{\"key\":\"name\",\"component\":\"text\",\"default\":\"Ada\"},"
    "{\"key\":\"trick\",\"component\":\"text\",\"default\":\"{{options.name}}\"},"
    "{\"key\":\"empty\",\"component\":\"text\"},"
    "{\"key\":\"n\",\"component\":\"number\",\"default\":3},"
    "{\"key\":\"half\",\"component\":\"number\",\"default\":0.1},"
    "{\"key\":\"flag\",\"component\":\"toggle\",\"default\":true},"
    "{\"key\":\"mode\",\"component\":\"select\",\"values\":[\"a\",\"b\"],\"default\":\"a\"},"
    "{\"key\":\"tags\",\"component\":\"list\",\"default\":[\"x\",\"y\"]}],"
    "\"steps\":[{\"id\":\"done\",\"flow\":\"chat\"},{\"id\":\"gone\",\"flow\":\"chat\"},"
    "{\"id\":\"open\",\"flow\":\"chat\"},{\"id\":\"words\",\"flow\":\"chat\"},"
    "{\"id\":\"broken\",\"flow\":\"chat\"}],"
    "\"outputs\":[{\"step\":\"done\"}]}";

struct fixture {
    struct arena *arena;
    struct plan_faults faults;
    struct plan_template *template;
    json_t *options, *images, *item;
    struct plan_outcome outcomes[5];
    struct plan_view view;
    struct expr_environment environment;
};

static json_t *json_of(const char *text)
{
    json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);
    assert_non_null(json);
    return json;
}

static int fixture_start(void **state)
{
    struct fixture *f = mem_alloc(sizeof(*f));
    f->arena = arena_new();
    plan_faults_init(&f->faults, f->arena);
    json_t *definition = json_of(definition_text);
    f->template = plan_template_new(definition, &f->faults);
    json_decref(definition);
    assert_non_null(f->template);
    f->images = json_of("[\"https://a.example/0.png\",\"https://a.example/1.png\"]");
    f->item = json_of("{\"name\":\"cup\",\"sizes\":[5,7]}");
    assert_int_equal(plan_options_check(f->template, NULL, f->images, &f->faults, &f->options), 0);
    f->outcomes[0] = (struct plan_outcome){
        PLAN_STEP_SUCCESS, json_of("[{\"url\":\"u0\",\"content_type\":\"image/png\",\"width\":8},"
                                   "{\"url\":\"u1\",\"content_type\":\"image/png\"}]")};
    f->outcomes[1].state = PLAN_STEP_SKIPPED;
    f->outcomes[3] = (struct plan_outcome){
        PLAN_STEP_SUCCESS, json_of("[{\"content_type\":\"text/plain\",\"text\":\"hi\"}]")};
    f->outcomes[4].state = PLAN_STEP_FAILED;
    f->view = (struct plan_view){.template = f->template,
                                 .options = f->options,
                                 .image_urls = f->images,
                                 .workflow_id = "w1",
                                 .workflow_title = "My film",
                                 .outcomes = f->outcomes};
    f->environment =
        (struct expr_environment){.arena = f->arena, .view = &f->view, .item = f->item, .index = 2};
    *state = f;
    return 0;
}

static int fixture_end(void **state)
{
    struct fixture *f = *state;
    json_decref((json_t *)f->outcomes[0].result);
    json_decref((json_t *)f->outcomes[3].result);
    json_decref(f->options);
    json_decref(f->images);
    json_decref(f->item);
    plan_template_free(f->template);
    arena_free(f->arena);
    free(f);
    return 0;
}

/* The value as JSON text, or what it is instead. */
static const char *outcome_text(struct fixture *f, struct expr_value value)
{
    if (value.state == EXPR_PENDING)
        return "pending";
    if (value.state == EXPR_SKIPPED)
        return "skipped";
    if (value.state == EXPR_FAULT)
        return "fault";
    const char *text = json_arena_text(f->arena, value.json);
    json_decref(value.json);
    return text;
}

static void assert_text(struct fixture *f, const char *text, const char *expected)
{
    const struct expr_scope scope = {f->template, true};
    struct expr_fault fault = {0};
    struct expr_text *parsed = expr_parse_text(f->arena, text, &fault);
    if (!parsed)
        fail_msg("%s: column %d: %s", text, fault.column, fault.message);
    for (struct expr_text *piece = parsed; piece; piece = piece->next) {
        if (piece->expr)
            expr_bind(piece->expr, &scope, "", &f->faults);
    }
    if (f->faults.error_count)
        fail_msg("%s: %s", text, f->faults.items[f->faults.count - 1].message);
    const char *found = outcome_text(f, expr_text_evaluate(parsed, &f->environment));
    if (strcmp(found, expected) != 0)
        fail_msg("%s gives %s instead of %s", text, found, expected);
}

static void assert_when(struct fixture *f, const char *text, const char *expected)
{
    const struct expr_scope scope = {f->template, false};
    struct expr_fault fault = {0};
    struct expr *parsed = expr_parse_when(f->arena, text, &fault);
    if (!parsed)
        fail_msg("%s: column %d: %s", text, fault.column, fault.message);
    expr_bind(parsed, &scope, "", &f->faults);
    const char *found = outcome_text(f, expr_evaluate(parsed, &f->environment));
    if (strcmp(found, expected) != 0)
        fail_msg("%s gives %s instead of %s", text, found, expected);
}

struct row {
    const char *text, *expected;
};

static void test_a_whole_expression_keeps_its_type(void **state)
{
    static const struct row rows[] = {
        {"plain", "\"plain\""},
        {"", "\"\""},
        {"a } b { c }}", "\"a } b { c }}\""},
        {"{{options.name}}", "\"Ada\""},
        {"{{ options.n }}", "3"},
        {"{{\toptions.n\n}}", "3"},
        {"{{options.flag}}", "true"},
        {"{{options.tags}}", "[\"x\",\"y\"]"},
        {"{{options.tags[1]}}", "\"y\""},
        {"{{options.tags[9]}}", "null"},
        {"{{options.empty}}", "null"},
        {"{{inputs.image_urls}}", "[\"https://a.example/0.png\",\"https://a.example/1.png\"]"},
        {"{{inputs.image_urls[1]}}", "\"https://a.example/1.png\""},
        {"{{workflow.id}}", "\"w1\""},
        {"{{workflow.event_id}}", "null"},
        {"{{item}}", "{\"name\":\"cup\",\"sizes\":[5,7]}"},
        {"{{item.sizes[1]}}", "7"},
        {"{{item.nothing.more}}", "null"},
        {"{{index}}", "2"},
        {"{{'it' }}", "\"it\""},
        {"{{\"it's\"}}", "\"it's\""},
        {"{{'}}'}}", "\"}}\""},
        {"{{-1.5e1}}", "-15.0"},
        {"{{null}}", "null"},
        {"{{[1, 'a', [true], options.n]}}", "[1,\"a\",[true],3]"},
        {"{{[]}}", "[]"},
        {"{{(options.mode == 'a')}}", "true"},
    };
    for (size_t i = 0; i < TABLE_SIZE(rows); i++)
        assert_text(*state, rows[i].text, rows[i].expected);
}

static void test_longer_texts_take_scalars(void **state)
{
    static const struct row rows[] = {
        {"A fan of {{options.name}}!", "\"A fan of Ada!\""},
        {"{{options.name}}{{options.n}}", "\"Ada3\""},
        {" {{options.n}}", "\" 3\""},
        {"{{options.half}} s, {{options.flag}}", "\"0.1 s, true\""},
        {"{{2.0}} {{1e3}} {{0.30000000000000004}}", "\"2 1000 0.30000000000000004\""},
        {"-{{options.empty}}-", "\"--\""},
        {"{{options.trick}}", "\"{{options.name}}\""}, /* put in, never read again */
        {"x{{options.trick}}", "\"x{{options.name}}\""},
        {"{{options.tags}} and", "fault"},
        {"{{item}} and", "fault"},
        {"{{steps.open.text}} and {{options.tags}}", "fault"},
        {"{{steps.open.text}} and {{steps.gone.text}}", "skipped"},
        {"{{steps.open.text}} and more", "pending"},
    };
    for (size_t i = 0; i < TABLE_SIZE(rows); i++)
        assert_text(*state, rows[i].text, rows[i].expected);
}

static void test_steps_give_their_results(void **state)
{
    static const struct row rows[] = {
        {"{{steps.done.url}}", "\"u0\""},
        {"{{steps.done.urls}}", "[\"u0\",\"u1\"]"},
        {"{{steps.done.urls[1]}}", "\"u1\""},
        {"{{steps.done.text}}", "null"},
        {"{{steps.words.text}}", "\"hi\""},
        {"{{steps.words.urls}}", "[]"},
        {"{{steps.done.result[1].url}}", "\"u1\""},
        {"{{steps.done.result[0].width}}", "8"},
        {"{{steps.done.result[5].url}}", "null"},
        {"{{steps.done.status}}", "\"success\""},
        {"{{steps.gone.status}}", "\"skipped\""},
        {"{{steps.broken.status}}", "\"fail\""},
        {"{{steps.open.status}}", "pending"},
        {"{{steps.gone.url}}", "skipped"},
        {"{{steps.broken.url}}", "skipped"},
        {"{{steps.open.url}}", "pending"},
        {"{{[steps.done.url, steps.gone.url]}}", "skipped"},
    };
    for (size_t i = 0; i < TABLE_SIZE(rows); i++)
        assert_text(*state, rows[i].text, rows[i].expected);
}

static void test_an_alternative_stands_in(void **state)
{
    static const struct row rows[] = {
        {"{{options.empty ?? 'none'}}", "\"none\""},
        {"{{options.name ?? 'none'}}", "\"Ada\""},
        {"{{options.empty ?? null ?? 4}}", "4"},
        {"{{options.empty ?? null}}", "null"},
        {"{{steps.gone.url ?? steps.done.url}}", "\"u0\""},
        {"{{steps.gone.url ?? steps.broken.url}}", "skipped"},
        {"{{steps.done.url ?? steps.open.url}}", "\"u0\""},
        {"{{steps.open.url ?? 'x'}}", "pending"},
        {"{{steps.words.url ?? 'no url'}}", "\"no url\""},
        {"{{options.flag ?? false}}", "true"},
        {"{{false ?? true}}", "false"},
        {"{{'' ?? 'x'}}", "\"\""},
        {"It is {{options.empty ?? 'nobody'}}.", "\"It is nobody.\""},
    };
    for (size_t i = 0; i < TABLE_SIZE(rows); i++)
        assert_text(*state, rows[i].text, rows[i].expected);
}

static void test_conditions(void **state)
{
    static const struct row rows[] = {
        {"options.mode == 'a'", "true"},
        {"options.mode != \"a\"", "false"},
        {"options.n == 3.0", "true"},
        {"options.n == '3'", "false"},
        {"options.empty == null", "true"},
        {"options.n < 4 && options.n >= 3", "true"},
        {"options.n > 3 || options.n <= 2", "false"},
        {"'abc' < 'abd'", "true"},
        {"options.mode in ['b', 'a']", "true"},
        {"options.mode in ['b']", "false"},
        {"options.mode in options.tags", "false"},
        {"'x' in options.tags", "true"},
        {"!options.flag", "false"},
        {"!!options.flag", "true"},
        {"! options.flag == false", "true"}, /* ! binds weaker than == */
        {"false && false || true", "true"},
        {"true || true && false", "true"},
        {"(true || true) && false", "false"},
        {"options.tags == ['x', 'y']", "true"},
        {"steps.gone.status == 'skipped'", "true"},
        {"steps.done.status in ['success', 'skipped']", "true"},
        {"steps.open.status == 'success'", "pending"},
        {"steps.gone.url == 'x'", "skipped"},
        {"options.mode == 'b' && steps.open.url == 'x'", "false"},
        {"steps.open.url == 'x' && options.mode == 'b'", "false"},
        {"steps.open.url == 'x' || options.mode == 'a'", "true"},
        {"steps.open.url == 'x' || options.mode == 'b'", "pending"},
        {"steps.gone.url == 'x' || steps.open.url == 'x'", "pending"},
        {"steps.open.url == 'x' || options.n < 'x'", "pending"},
        {"steps.open.url == 'x' && options.n < 'x'", "pending"},
        {"steps.gone.url == 'x' || options.n < 'x'", "fault"},
        {"options.mode == 'a' || options.n < 'x'", "true"},
        {"options.n < 'x' || options.mode == 'a'", "fault"},
        {"options.n < 'x' || steps.open.url == 'x'", "fault"},
        {"options.n < 'x'", "fault"},
        {"options.n < options.empty", "fault"},
        {"options.n && true", "fault"},
        {"!options.name", "fault"},
        {"options.n in options.name", "fault"},
        {"'x' in options.empty", "false"},
        {"'x' in null", "false"},
        {"steps.gone.url == 'x' == true", NULL},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < TABLE_SIZE(rows); i++) {
        struct expr_fault fault;
        if (rows[i].expected)
            assert_when(f, rows[i].text, rows[i].expected);
        else
            assert_null(expr_parse_when(f->arena, rows[i].text, &fault));
    }
}

static void assert_syntax(struct fixture *f, bool when, const char *text, int column,
                          const char *part)
{
    struct expr_fault fault = {0};
    bool parsed = when ? expr_parse_when(f->arena, text, &fault) != NULL
                       : expr_parse_text(f->arena, text, &fault) != NULL;
    if (parsed)
        fail_msg("%s should not be read", text);
    if (fault.column != column || !strstr(fault.message, part))
        fail_msg("%s: column %d \"%s\" instead of %d \"%s\"", text, fault.column, fault.message,
                 column, part);
}

static void test_syntax_faults_have_a_column(void **state)
{
    static const struct {
        bool when;
        const char *text;
        int column;
        const char *part;
    } rows[] = {
        {true, "", 1, "too early"},
        {true, "options.a ==", 13, "too early"},
        {true, "options.a = 'b'", 11, "should end"},
        {true, "options.a and true", 11, "should end"},
        {true, "{{options.a}} == 1", 1, "without braces"},
        {true, "options.a == {{1}}", 14, "without braces"},
        {true, "options.a }} ", 11, "without braces"},
        {true, "options.a ?? true", 11, "?? belongs into"},
        {true, "options. == 1", 9, "a name is expected"},
        {true, "option.a", 1, "begins with options"},
        {true, "len(options.a)", 1, "begins with options"},
        {true, "options.a == 'x", 14, "not closed"},
        {true, "options.a == 1x", 15, "should end"},
        {true, "options.a == 1-2", 14, "no number"},
        {true, "options.a == 007", 14, "no number"},
        {true, "options.a == 1.", 14, "no number"},
        {true, "options.a == 0x10", 14, "no number"},
        {true, "options.a == 1e999", 14, "no number"},
        {true, "options.a == -", 14, "no number"},
        {true, "options.a == -inf", 14, "no number"},
        {true, "options.a == .5", 14, "a value is expected"},
        {true, "(options.a", 11, ") is expected"},
        {true, "options.a)", 10, "should end"},
        {true, "[1, 2", 6, ", or ]"},
        {true, "[1,]", 4, "a value is expected"},
        {true, "options.a[x]", 11, "a whole number"},
        {true, "options.a[-1]", 11, "a whole number"},
        {true, "options.a[99999999999999999999]", 11, "a whole number"},
        {true, "1 + 1 == 2", 3, "should end"},
        {true, "options.a &&", 13, "too early"},
        {true, "'\xC3\xA4\xC3\xB6' == ?", 9, "a value is expected"}, /* characters, not bytes */
        {false, "{{options.a", 1, "not closed"},
        {false, "ab {{options.a", 4, "not closed"},
        {false, "{{}}", 3, "Braces do not nest"},
        {false, "{{ {{options.a}} }}", 4, "Braces do not nest"},
        {false, "{{options.a options.b}}", 13, "}} or ??"},
        {false, "{{options.a == 1}}", 13, "}} or ??"},
        {false, "{{options.a ??}}", 15, "Braces do not nest"},
        {false, "ok {{options.a}} then {{nothing}}", 25, "begins with options"},
    };
    for (size_t i = 0; i < TABLE_SIZE(rows); i++)
        assert_syntax(*state, rows[i].when, rows[i].text, rows[i].column, rows[i].part);
}

/* `open` count times, then `middle`, then `close` count times. */
static char *nested(struct fixture *f, const char *open, const char *middle, const char *close,
                    int count)
{
    struct buffer b = {0};
    for (int i = 0; i < count; i++)
        buffer_append_text(&b, open);
    buffer_append_text(&b, middle);
    for (int i = 0; i < count; i++)
        buffer_append_text(&b, close);
    char *text = arena_strndup(f->arena, b.bytes, b.size);
    buffer_finish(&b);
    return text;
}

static void test_expressions_have_limits(void **state)
{
    struct fixture *f = *state;
    struct expr_fault fault;
    assert_non_null(expr_parse_when(f->arena, nested(f, "(", "true", ")", 31), &fault));
    assert_syntax(f, true, nested(f, "(", "true", ")", 32), 33, "nests too deep");
    assert_syntax(f, true, nested(f, "(", "true", ")", 400), 33, "nests too deep");
    assert_syntax(f, true, nested(f, "[", "true", "]", 400), 32, "nests too deep");
    assert_non_null(expr_parse_when(f->arena, nested(f, "!", "true", "", 199), &fault));
    assert_syntax(f, true, nested(f, "!", "true", "", 200), 1, "too many parts");
    assert_syntax(f, true, nested(f, "1<1&&", "true", "", 99), 253, "too many parts");
    assert_syntax(f, true, nested(f, "    ", "true", "", 250), 1, "at most 1000 bytes");
    assert_non_null(expr_parse_when(f->arena, nested(f, "", "options", ".a", 32), &fault));
    assert_syntax(f, true, nested(f, "", "options", ".a", 33), 72, "too many parts");
}

static void test_a_long_text_literal_counts_in_whole(void **state)
{
    struct fixture *f = *state;
    char text[1200];
    memset(text, 'x', sizeof(text));
    memcpy(text, "{{'}}", 5);
    memcpy(text + sizeof(text) - 4, "'}}", 4);
    assert_syntax(f, false, text, 1, "at most 1000 bytes");
}

static void test_names_must_exist(void **state)
{
    static const struct {
        const char *text, *code;
        int column;
    } rows[] = {
        {"options.nope == 1", "unknown_option", 1},
        {"true && options.nope == 1", "unknown_option", 9},
        {"options == 1", "unknown_field", 1},
        {"options[0] == 1", "unknown_field", 1},
        {"options.name.first == 1", "unknown_field", 1},
        {"options.name[0] == 1", "unknown_field", 1},
        {"options.tags.first == 1", "unknown_field", 1},
        {"options.tags[0][0] == 1", "unknown_field", 1},
        {"inputs.images == 1", "unknown_field", 1},
        {"inputs == 1", "unknown_field", 1},
        {"inputs.image_urls[0].x == 1", "unknown_field", 1},
        {"steps == 1", "unknown_field", 1},
        {"steps.done == 1", "unknown_field", 1},
        {"steps.nope.url == 1", "unknown_step", 1},
        {"steps.done.uri == 1", "unknown_field", 1},
        {"steps.done[0] == 1", "unknown_field", 1},
        {"steps.done.url[0] == 1", "unknown_field", 1},
        {"steps.done.urls.x == 1", "unknown_field", 1},
        {"steps.done.result.url == 1", "unknown_field", 1},
        {"steps.done.result[0].color == 1", "unknown_field", 1},
        {"steps.done.result[0].url.x == 1", "unknown_field", 1},
        {"workflow.owner == 1", "unknown_field", 1},
        {"workflow == 1", "unknown_field", 1},
        {"item == 1", "unknown_name", 1},
        {"1 == index", "unknown_name", 6},
    };
    struct fixture *f = *state;
    const struct expr_scope scope = {f->template, false};
    for (size_t i = 0; i < TABLE_SIZE(rows); i++) {
        struct plan_faults faults;
        struct expr_fault fault;
        plan_faults_init(&faults, f->arena);
        struct expr *expr = expr_parse_when(f->arena, rows[i].text, &fault);
        assert_non_null(expr);
        expr_bind(expr, &scope, "/steps/0/when", &faults);
        if (faults.count != 1 || strcmp(faults.items[0].code, rows[i].code) != 0)
            fail_msg("%s: %zu faults, %s", rows[i].text, faults.count,
                     faults.count ? faults.items[0].code : "none");
        assert_int_equal(faults.items[0].column, rows[i].column);
        assert_string_equal(faults.items[0].path, "/steps/0/when");
    }
}

static void test_types_are_checked_before_the_run(void **state)
{
    static const struct {
        const char *text, *code;
        bool warning;
    } rows[] = {
        {"options.mode == 'a'", NULL, false},
        {"options.n == '3'", "always_different", true},
        {"options.flag != 'true'", "always_different", true},
        {"options.empty == null", NULL, false},
        {"options.n < 'x'", "type_error", false},
        {"options.tags < ['x']", "type_error", false},
        {"options.flag > 1", "type_error", false},
        {"options.n in 'abc'", "type_error", false},
        {"options.n in options.tags", NULL, false},
        {"options.tags[0] == 4", NULL, false},
        {"!options.name", "type_error", false},
        {"options.n && true", "type_error", false},
        {"true || options.tags", "type_error", false},
        {"steps.done.url == 1", "always_different", true},
        {"steps.done.result[0].width > 5", NULL, false},
    };
    struct fixture *f = *state;
    const struct expr_scope scope = {f->template, false};
    for (size_t i = 0; i < TABLE_SIZE(rows); i++) {
        struct plan_faults faults;
        struct expr_fault fault;
        plan_faults_init(&faults, f->arena);
        struct expr *expr = expr_parse_when(f->arena, rows[i].text, &fault);
        assert_non_null(expr);
        expr_bind(expr, &scope, "/w", &faults);
        assert_int_equal(expr_check(expr, &scope, "/w", &faults), EXPR_BOOLEAN);
        if (faults.count != (rows[i].code ? 1u : 0u))
            fail_msg("%s: %zu faults", rows[i].text, faults.count);
        if (rows[i].code) {
            assert_string_equal(faults.items[0].code, rows[i].code);
            assert_int_equal(faults.items[0].warning, rows[i].warning);
        }
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_start, fixture_end)
    const struct CMUnitTest tests[] = {
        TEST(test_a_whole_expression_keeps_its_type),
        TEST(test_longer_texts_take_scalars),
        TEST(test_steps_give_their_results),
        TEST(test_an_alternative_stands_in),
        TEST(test_conditions),
        TEST(test_syntax_faults_have_a_column),
        TEST(test_expressions_have_limits),
        TEST(test_a_long_text_literal_counts_in_whole),
        TEST(test_names_must_exist),
        TEST(test_types_are_checked_before_the_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
