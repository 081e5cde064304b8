/* What a client may give for the options of a template, and what it costs then. */
#include "plan_fixture.h"

/* The checked options as `expected`, or one fault at `path` with `code`. */
static void assert_options(const char *template_text, const char *given, const char *images,
                           const char *expected, const char *path, const char *code)
{
    CLEANUP(arena) struct arena *a = arena_new();
    CLEANUP(plan_template) struct plan_template *t = template_of(template_text);
    CLEANUP(json) json_t *options = given ? json_of(given) : NULL;
    CLEANUP(json) json_t *image_urls = images ? json_of(images) : NULL;
    CLEANUP(json) json_t *checked = NULL;
    struct plan_faults faults;
    plan_faults_init(&faults, a);
    size_t count = plan_options_check(t, options, image_urls, &faults, &checked);
    if (expected) {
        if (count > 0)
            fail_msg("%s: %s", faults.items[0].path, faults.items[0].message);
        assert_json(checked, expected);
        return;
    }
    assert_null(checked);
    assert_int_equal(faults.count, count);
    if (count != 1 || strcmp(faults.items[0].path, path) != 0 ||
        strcmp(faults.items[0].code, code) != 0)
        fail_msg("%s: %zu faults, first %s %s", given ? given : "no options", count,
                 count ? faults.items[0].path : "", count ? faults.items[0].code : "");
}

struct option_row {
    const char *option; /* members beside the key, which is "o" */
    const char *value;
    const char *normal; /* NULL: not taken */
    const char *code;
};

static void test_components_check_their_values(void **state)
{
    static const struct option_row rows[] = {
        {"'component': 'text'", "'a'", "'a'", NULL},
        {"'component': 'text', 'default': 'd'", "null", "'d'", NULL},
        {"'component': 'text', 'required': true", "null", NULL, "missing"},
        {"'component': 'text', 'max_length': 2", "'\xC3\xA4\xC3\xB6'", "'\xC3\xA4\xC3\xB6'", NULL},
        {"'component': 'text', 'max_length': 2", "'abc'", NULL, "too_long"},
        {"'component': 'text'", "['a']", NULL, "type_error"},
        {"'component': 'text'", "'{{options.o}}'", "'{{options.o}}'", NULL},
        {"'component': 'textarea'", "'a\\nb'", "'a\\nb'", NULL},
        {"'component': 'textarea'", "5", NULL, "type_error"},
        {"'component': 'textarea', 'max_length': 3", "'a\\nbc'", NULL, "too_long"},
        {"'component': 'list'", "['a', 'b']", "['a', 'b']", NULL},
        {"'component': 'list'", "' a\\n\\n b c \\r\\n'", "['a', 'b c']", NULL},
        {"'component': 'list'", "' - a - b-c - -5'", "['a', 'b-c', '-5']", NULL},
        {"'component': 'list'", "'- a -  - b\\n'", "['a', '- b']", NULL},
        {"'component': 'list'", "'- a\\n-b-c\\n-5\\n- -6'", "['a', 'b-c', '5', '-6']", NULL},
        {"'component': 'list'", "'- Rome - by day\\n-\\n\\t- Oslo - by night'",
         "['Rome - by day', 'Oslo - by night']", NULL},
        {"'component': 'list'", "'a - b\\n- c\\n-5'", "['a - b', '- c', '-5']", NULL},
        {"'component': 'list'", "'- a\\n- b'", "['a', 'b']", NULL},
        {"'component': 'list'", "'- a\\u000b- b'", "['a\\u000b- b']", NULL},
        {"'component': 'list'", "''", "[]", NULL},
        {"'component': 'list', 'required': true", "' \\n'", NULL, "missing"},
        {"'component': 'list', 'max_items': 1", "'a\\nb'", NULL, "too_long"},
        {"'component': 'list'", "{}", NULL, "type_error"},
        {"'component': 'list', 'max_items': 2", "['a', 'b']", "['a', 'b']", NULL},
        {"'component': 'list', 'required': true", "[]", NULL, "missing"},
        {"'component': 'number'", "1e300", "1e300", NULL},
        {"'component': 'number'", "true", NULL, "type_error"},
        {"'component': 'number', 'min': 0, 'max': 9", "9", "9", NULL},
        {"'component': 'number', 'min': 0, 'max': 9", "9.5", NULL, "value_error"},
        {"'component': 'number', 'min': 0", "-1", NULL, "value_error"},
        {"'component': 'number'", "'5'", NULL, "type_error"},
        {"'component': 'toggle'", "false", "false", NULL},
        {"'component': 'toggle'", "1", NULL, "type_error"},
        {"'component': 'toggle'", "'true'", NULL, "type_error"},
        {"'component': 'toggle', 'default': true", "null", "true", NULL},
        {"'component': 'select', 'values': ['x', {'value': 'y', 'label': 'Y'}]", "'y'", "'y'",
         NULL},
        {"'component': 'select', 'values': ['x', {'value': 'y', 'label': 'Y'}]", "'Y'", NULL,
         "value_error"},
        {"'component': 'select', 'values': ['x']", "5", NULL, "type_error"},
        {"'component': 'multiselect', 'values': ['x', 'y']", "['y', 'x']", "['y', 'x']", NULL},
        {"'component': 'multiselect', 'values': ['x', 'y']", "'x'", "['x']", NULL},
        {"'component': 'multiselect', 'values': ['x', 'y']", "[]", "[]", NULL},
        {"'component': 'multiselect', 'values': ['x', 'y'], 'required': true", "[]", NULL,
         "missing"},
        {"'component': 'multiselect', 'values': ['x', 'y'], 'max_items': 1", "['x', 'y']", NULL,
         "too_long"},
        {"'component': 'multiselect', 'values': ['x', 'y']", "true", NULL, "type_error"},
        {"'component': 'color'", "'#a0F'", "'#a0F'", NULL},
        {"'component': 'color'", "'transparent'", "'transparent'", NULL},
        {"'component': 'color'", "'#12345'", NULL, "value_error"},
        {"'component': 'color'", "'red'", NULL, "value_error"},
        {"'component': 'color'", "'#112233'", "'#112233'", NULL},
        {"'component': 'color'", "'#11223344'", "'#11223344'", NULL},
        {"'component': 'color'", "'#gggggg'", NULL, "value_error"},
        {"'component': 'color'", "112233", NULL, "type_error"},
        {"'component': 'grid'", "'1x1'", "'1x1'", NULL},
        {"'component': 'grid'", "'4x4'", "'4x4'", NULL},
        {"'component': 'grid'", "'8x2'", "'8x2'", NULL},
        {"'component': 'grid'", "'9x1'", NULL, "value_error"},
        {"'component': 'grid'", "'1x9'", NULL, "value_error"},
        {"'component': 'grid'", "'2X2'", NULL, "value_error"},
        {"'component': 'grid'", "'2x2 '", NULL, "value_error"},
        {"'component': 'grid'", "'02x2'", NULL, "value_error"},
        {"'component': 'grid'", "''", NULL, "value_error"},
        {"'component': 'grid'", "22", NULL, "type_error"},
        {"'component': 'grid'", "'2x8'", "'2x8'", NULL},
        {"'component': 'grid'", "'3x6'", NULL, "value_error"},
        {"'component': 'grid'", "'0x2'", NULL, "value_error"},
        {"'component': 'image'", "'https://a.example/x.png'", "'https://a.example/x.png'", NULL},
        {"'component': 'image'", "'data:image/png;base64,AA=='", "'data:image/png;base64,AA=='",
         NULL},
        {"'component': 'image'", "'ftp://a.example/x.png'", NULL, "value_error"},
        {"'component': 'video'", "'https://u:p@a.example/x'", NULL, "value_error"},
        {"'component': 'image', 'required': true", "null", NULL, "missing"},
        {"'component': 'images'", "[]", "[]", NULL},
        {"'component': 'images'", "['http://x/1', 'http://x/1']", "['http://x/1', 'http://x/1']",
         NULL},
        {"'component': 'images', 'required': true", "[]", NULL, "missing"},
        {"'component': 'images', 'max_items': 1", "['http://x/1', 'http://x/2']", NULL, "too_long"},
        {"'component': 'images'", "{}", NULL, "type_error"},
        {"'component': 'video'", "'https://a.example/x.mp4'", "'https://a.example/x.mp4'", NULL},
        {"'component': 'audio'", "'https://a.example/x.mp3'", "'https://a.example/x.mp3'", NULL},
        {"'component': 'audio'", "7", NULL, "type_error"},
        {"'component': 'videos'", "['http://a.example/1', 'http://a.example/2']",
         "['http://a.example/1', 'http://a.example/2']", NULL},
        {"'component': 'videos'", "3", NULL, "type_error"},
        {"'component': 'videos'", "'http://a.example/'", "['http://a.example/']", NULL},
    };
    (void)state;
    for (size_t i = 0; i < TABLE_SIZE(rows); i++) {
        char text[512], given[256], expected[256];
        snprintf(text, sizeof(text), WITH_OPTIONS("{'key': 'o', %s}"), rows[i].option);
        snprintf(given, sizeof(given), "{'o': %s}", rows[i].value);
        snprintf(expected, sizeof(expected), "{'o': %s}", rows[i].normal ? rows[i].normal : "null");
        assert_options(text, given, NULL, rows[i].normal ? expected : NULL, "/options/o",
                       rows[i].code);
    }
    assert_options(WITH_OPTIONS("{'key': 'o', 'component': 'videos'}"),
                   "{'o': ['http://a.example/', 'x']}", NULL, NULL, "/options/o/1", "value_error");
    assert_options(WITH_OPTIONS("{'key': 'o', 'component': 'text'}"), "{'p/q': 1}", NULL, NULL,
                   "/options/p~1q", "extra_forbidden");
    assert_options(WITH_OPTIONS("{'key': 'o', 'component': 'list'}"), "{'o': ['a', 5]}", NULL, NULL,
                   "/options/o/1", "type_error");
    assert_options(WITH_OPTIONS("{'key': 'o', 'component': 'multiselect', 'values': ['x']}"),
                   "{'o': ['x', 'y']}", NULL, NULL, "/options/o/1", "value_error");
    assert_options(WITH_OPTIONS("{'key': 'o', 'component': 'text'}"), "[1]", NULL, NULL, "/options",
                   "type_error");
}

/* A grid has 1 to 8 columns and rows, and at most 16 cells. */
static void test_every_grid_within_the_limits(void **state)
{
    (void)state;
    for (int width = 0; width <= 9; width++) {
        for (int height = 0; height <= 9; height++) {
            char given[32];
            bool good =
                width >= 1 && width <= 8 && height >= 1 && height <= 8 && width * height <= 16;
            snprintf(given, sizeof(given), "{'o': '%dx%d'}", width, height);
            assert_options(WITH_OPTIONS("{'key': 'o', 'component': 'grid'}"), given, NULL,
                           good ? given : NULL, "/options/o", "value_error");
        }
    }
}

static void test_every_wrong_option_is_told(void **state)
{
    CLEANUP(arena) struct arena *a = arena_new();
    CLEANUP(plan_template)
    struct plan_template *t = template_of(
        WITH_OPTIONS("{'key': 'a', 'component': 'text', 'max_length': 2},"
                     "{'key': 'b', 'component': 'number'}, {'key': 'c', 'component': 'toggle'},"
                     "{'key': 'd', 'component': 'image', 'required': true}"));
    CLEANUP(json) json_t *given = json_of("{'a': 'abc', 'b': 'x', 'c': 0, 'e': 1}");
    static const char *const paths[] = {"/options/e", "/options/a", "/options/b", "/options/c",
                                        "/options/d"};
    json_t *checked = NULL;
    struct plan_faults faults;
    (void)state;
    plan_faults_init(&faults, a);
    assert_int_equal(plan_options_check(t, given, NULL, &faults, &checked), TABLE_SIZE(paths));
    assert_null(checked);
    for (size_t i = 0; i < TABLE_SIZE(paths); i++)
        assert_string_equal(faults.items[i].path, paths[i]);
}

#define IMAGE_OPTIONS                                                                              \
    WITH_OPTIONS("{'key': 'one', 'component': 'image', 'required': true},"                         \
                 "{'key': 'clip', 'component': 'video'},"                                          \
                 "{'key': 'two', 'component': 'image'},"                                           \
                 "{'key': 'more', 'component': 'images', 'max_items': 2}")

static void test_images_fill_the_options_in_order(void **state)
{
    (void)state;
    assert_options(IMAGE_OPTIONS, NULL, "['http://x/1', 'http://x/2', 'http://x/3', 'http://x/4']",
                   "{'one': 'http://x/1', 'clip': null, 'two': 'http://x/2',"
                   " 'more': ['http://x/3', 'http://x/4']}",
                   NULL, NULL);
    assert_options(IMAGE_OPTIONS, "{'one': 'http://x/o'}", "['http://x/1']",
                   "{'one': 'http://x/o', 'clip': null, 'two': 'http://x/1', 'more': null}", NULL,
                   NULL);
    assert_options(
        IMAGE_OPTIONS, "{'more': 'http://x/m'}",
        "['http://x/1', 'http://x/2', 'http://x/3', 'http://x/4']",
        "{'one': 'http://x/1', 'clip': null, 'two': 'http://x/2', 'more': ['http://x/m']}", NULL,
        NULL);
    assert_options(IMAGE_OPTIONS, NULL, "[]", NULL, "/options/one", "missing");
    assert_options(IMAGE_OPTIONS, NULL,
                   "['http://x/1', 'http://x/2', 'http://x/3', 'http://x/4', 'http://x/5']", NULL,
                   "/options/more", "too_long");
    assert_options(IMAGE_OPTIONS, NULL, "['http://x/1', 5]", NULL, "/image_urls/1", "type_error");
    assert_options(IMAGE_OPTIONS, NULL, "['file:///etc/passwd']", NULL, "/image_urls/0",
                   "value_error");
    assert_options(IMAGE_OPTIONS, NULL, "'http://x/1'", NULL, "/image_urls", "type_error");
}

static void test_references_have_a_form(void **state)
{
    static const char *const good[] = {
        "http://a.example",
        "HTTPS://a.example:8443/p?q=1#f",
        "http://[::1]:80/",
        "http://1.2.3.4/",
        ("https://b\xC3\xBC"
         "cher.example/"),
        "data:,x",
        "DATA:image/png;base64,AAAA",
    };
    static const char *const bad[] = {
        "",
        "a.png",
        "//a.example/x",
        "ftp://a.example/",
        "file:///etc/passwd",
        "http://",
        "http:///x",
        "http://u@a.example/",
        "http://a b/",
        "http://a.example:0/",
        "http://a.example:99999/",
        "http://a.example:x/",
        "http://a\\@b/",
        "http://[::1/",
        "http://a.example/\"",
        "http://a.example/\n",
        "http://?x",
        "data:image/png",
        "data:a b,c",
        "javascript:alert(1)",
    };
    (void)state;
    for (size_t i = 0; i < TABLE_SIZE(good); i++)
        assert_int_equal(plan_reference_check(good[i], false, NULL), 0);
    for (size_t i = 0; i < TABLE_SIZE(bad); i++) {
        struct err err = {0};
        if (plan_reference_check(bad[i], false, &err) != ERR_INVALID)
            fail_msg("%s is taken", bad[i]);
        assert_true(strlen(err.message) > 10);
    }
    assert_int_equal(plan_reference_check("data:,x", true, NULL), ERR_INVALID);
    assert_int_equal(plan_reference_check("https://a.example/hook", true, NULL), 0);
}

/* --- prices -------------------------------------------------------------------------------------
 */

static void assert_price(const char *members, const char *options, int64_t total,
                         const char *applied)
{
    char text[1024];
    snprintf(
        text, sizeof(text),
        "{'id': 't', %s 'available_options': [{'key': 'pipeline_mode', 'component': 'select',"
        " 'values': ['image', 'video', 'draft'], 'default': 'image'}],"
        "'steps': [{'id': 'a', 'flow': 'chat', 'credits': 4},"
        "{'id': 'b', 'flow': 'chat', 'credits': 20, 'when': 'options.pipeline_mode == `video`'},"
        "{'id': 'c', 'flow': 'chat', 'credits': 300, 'params': {'prompt': '{{steps.b.text}}'}}],"
        "'outputs': [{'step': 'a'}]}",
        members);
    CLEANUP(plan_template) struct plan_template *t = template_of(text);
    CLEANUP(json) json_t *given = json_of(options);
    struct plan_price price = plan_price(t, given);
    assert_int_equal(price.total, total);
    assert_string_equal(price.applied, applied);
}

static void test_list_prices(void **state)
{
    static const char both[] = "'credits': {'image': 20, 'video': 100, 'audio': null},";
    (void)state;
    assert_price(both, "{'pipeline_mode': 'video'}", 100, "video");
    assert_price(both, "{'pipeline_mode': 'image'}", 20, "image");
    assert_price(both, "{}", 20, "image");
    assert_price(both, "{'pipeline_mode': 'draft'}", 100, "video");
    assert_price("'credits': {'video': 70},", "{'pipeline_mode': 'image'}", 70, "video");
    assert_price("", "{'pipeline_mode': 'video'}", 324, "steps");
    assert_price("", "{}", 4, "steps"); /* the default switches b off, and c with it */
    assert_price("'credits': {'image': null},", "{}", 4, "steps");
    assert_price("'credits': {'audio': 7},", "{'pipeline_mode': 'video'}", 7, "audio");
}

static void test_what_does_not_run_costs_nothing(void **state)
{
    CLEANUP(plan_template)
    struct plan_template *t =
        template_of("{'id': 't', 'available_options': [{'key': 'places', 'component': 'list'},"
                    " {'key': 'format', 'component': 'text', 'default': 'text'}],"
                    "'steps': [{'id': 'a', 'flow': 'chat', 'credits': 1},"
                    " {'id': 'b', 'flow': 'chat', 'credits': 20, 'for_each': '{{options.places}}'},"
                    " {'id': 'c', 'flow': 'chat', 'credits': 300, 'on_error': 'continue',"
                    "  'params': {'response_format': '{{options.format}}'}},"
                    " {'id': 'd', 'flow': 'chat', 'credits': 4000, 'needs': ['c']}],"
                    "'outputs': [{'step': 'a'}]}");
    static const struct {
        const char *options;
        int64_t total;
    } rows[] = {
        {"{}", 4301},
        {"{'places': []}", 4301},
        {"{'places': ['x']}", 4321},
        {"{'places': ['x', 'y'], 'format': 'xml'}", 21},
        {"{'format': 'json'}", 4301},
    };
    (void)state;
    for (size_t i = 0; i < TABLE_SIZE(rows); i++) {
        CLEANUP(json) json_t *options = json_of(rows[i].options);
        assert_int_equal(plan_price(t, options).total, rows[i].total);
    }
}

static void test_shares_sum_to_what_was_used(void **state)
{
    CLEANUP(plan_template)
    struct plan_template *t = template_of("{'id': 't', 'steps': ["
                                          "{'id': 'a', 'flow': 'chat', 'credits': 4},"
                                          "{'id': 'b', 'flow': 'chat', 'credits': 80},"
                                          "{'id': 'c', 'flow': 'chat', 'credits': 10}],"
                                          "'outputs': [{'step': 'a'}]}");
    static const struct {
        bool ran[3];
        int64_t used, shares[3];
    } rows[] = {
        {{true, true, true}, 100, {4, 80, 16}}, {{true, false, true}, 100, {4, 0, 96}},
        {{true, true, false}, 100, {4, 96, 0}}, {{true, true, true}, 50, {4, 46, 0}},
        {{true, true, true}, 0, {0, 0, 0}},     {{false, false, false}, 50, {0, 0, 0}},
    };
    (void)state;
    for (size_t i = 0; i < TABLE_SIZE(rows); i++) {
        int64_t shares[3];
        plan_share_credits(t, rows[i].ran, rows[i].used, shares);
        for (int k = 0; k < 3; k++)
            assert_int_equal(shares[k], rows[i].shares[k]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_components_check_their_values),
        cmocka_unit_test(test_every_grid_within_the_limits),
        cmocka_unit_test(test_every_wrong_option_is_told),
        cmocka_unit_test(test_images_fill_the_options_in_order),
        cmocka_unit_test(test_references_have_a_form),
        cmocka_unit_test(test_list_prices),
        cmocka_unit_test(test_what_does_not_run_costs_nothing),
        cmocka_unit_test(test_shares_sum_to_what_was_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
