/* The rows of the tables say something: names, sentences, values that their own checks take. */
#include "base/err.h"
#include "base/json.h"
#include "base/table.h"
#include "step/step.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *noun, *verb, *method, *path, *summary;
} endpoints[] = {
#define ENDPOINT(noun, verb, method, path, access, body, summary)                                  \
    {#noun, #verb, method, path, summary},
#include "api/endpoints.def"
#undef ENDPOINT
};

static const struct {
    const char *name, *flag, *type, *placeholder, *help;
} settings[] = {
#define PARAM(groups, name, flag, type, otherwise, placeholder, help)                              \
    {#name, flag, #type, placeholder, help},
#include "cmd/params.def"
#undef PARAM
};

static const struct {
    const char *name, *summary;
} commands[] = {
#define CMD(name, arguments, summary) {#name, summary},
#include "cmd/cmds.def"
#undef CMD
};

static const struct {
    const char *name, *wire, *text;
    int status;
} errors[] = {
#define ERR(name, status, wire, retryable, text) {#name, wire, text, status},
#include "base/errors.def"
#undef ERR
};

/* Begins with a capital letter, has words; with a full stop where it is read as a sentence. */
static void check_sentence(const char *of, const char *text, bool full_stop)
{
    size_t length = text ? strlen(text) : 0;
    if (length < 3 || !isupper((unsigned char)text[0]) || (full_stop && text[length - 1] != '.') ||
        (!full_stop && text[length - 1] == '.'))
        fail_msg("%s: \"%s\" is no sentence of the kind that is wanted here", of,
                 text ? text : "nothing");
}

/* Whatever has a default is allowed to have it: no fault names the parameter when it alone is given. */
struct param_check {
    const char *name;
    bool refused;
};

static void report_param(void *context, const char *path, const char *code, const char *message)
{
    struct param_check *check = context;
    if (strcmp(path + 1, check->name) == 0) {
        check->refused = true;
        print_message("%s: %s: %s\n", path, code, message);
    }
}

static void check_default(const struct step_type *type, const struct step_param *param)
{
    struct arena *a = arena_new();
    json_t *value = json_loads(param->default_json, JSON_DECODE_ANY, NULL);
    json_t *params = json_object();
    struct param_check check = {.name = param->name};
    if (!value)
        fail_msg("%s.%s: the default is no JSON", type->name, param->name);
    json_object_set_new(params, param->name, value);
    step_params_check(a, type, params, "", NULL, report_param, &check);
    json_decref(params);
    arena_free(a);
    if (check.refused)
        fail_msg("%s.%s: the default is not allowed", type->name, param->name);
}

static void test_step_types_are_described(void **state)
{
    (void)state;
    assert_true(step_type_count > 5);
    for (size_t i = 0; i < step_type_count; i++) {
        const struct step_type *type = step_types[i];
        check_sentence(type->name, type->summary, true);
        assert_true(type->param_count > 0 && type->timeout_s > 0 && type->weight > 0);
        assert_true(i == 0 || strcmp(step_types[i - 1]->name, type->name) < 0);
        assert_ptr_equal(step_type_find(type->name), type);
        for (size_t k = 0; k < type->param_count; k++) {
            const struct step_param *param = &type->params[k];
            char of[128];
            snprintf(of, sizeof(of), "%s.%s", type->name, param->name);
            check_sentence(of, param->doc, true);
            assert_ptr_equal(step_param_find(type, param->name), param);
            assert_true(param->min <= param->max);
            assert_false(param->required && param->default_json);
            assert_int_equal(param->type == STEP_PARAM_CHOICE, param->values != NULL);
            if (param->default_json)
                check_default(type, param);
        }
    }
}

static void test_step_types_refuse_unknown_parameters(void **state)
{
    (void)state;
    for (size_t i = 0; i < step_type_count; i++) {
        struct arena *a = arena_new();
        json_t *params = json_pack("{s:i}", "no_such_parameter", 1);
        struct param_check check = {.name = "no_such_parameter"};
        step_params_check(a, step_types[i], params, "", NULL, report_param, &check);
        assert_true(check.refused);
        json_decref(params);
        arena_free(a);
    }
}

static void test_endpoints_are_described(void **state)
{
    (void)state;
    for (size_t i = 0; i < TABLE_SIZE(endpoints); i++) {
        check_sentence(endpoints[i].path, endpoints[i].summary, false);
        assert_int_equal(endpoints[i].path[0], '/');
        assert_non_null(strstr("GET POST PUT PATCH DELETE", endpoints[i].method));
        for (size_t k = 0; k < i; k++) {
            assert_false(strcmp(endpoints[i].path, endpoints[k].path) == 0 &&
                         strcmp(endpoints[i].method, endpoints[k].method) == 0);
            assert_false(strcmp(endpoints[i].noun, endpoints[k].noun) == 0 &&
                         strcmp(endpoints[i].verb, endpoints[k].verb) == 0);
        }
    }
}

static void test_settings_and_commands_are_described(void **state)
{
    (void)state;
    for (size_t i = 0; i < TABLE_SIZE(settings); i++) {
        check_sentence(settings[i].flag, settings[i].help, false);
        /* One that takes a value says what kind. */
        assert_int_equal(strcmp(settings[i].type, "FLAG") == 0, settings[i].placeholder == NULL);
        for (const char *at = settings[i].flag; *at; at++)
            assert_true(islower((unsigned char)*at) || isdigit((unsigned char)*at) || *at == '-');
        for (size_t k = 0; k < strlen(settings[i].name); k++)
            assert_int_equal(settings[i].flag[k] == '-' ? '_' : settings[i].flag[k],
                             tolower((unsigned char)settings[i].name[k]));
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(settings[i].flag, settings[k].flag);
    }
    for (size_t i = 0; i < TABLE_SIZE(commands); i++)
        check_sentence(commands[i].name, commands[i].summary, false);
}

static void test_errors_are_described(void **state)
{
    (void)state;
    for (size_t i = 0; i < TABLE_SIZE(errors); i++) {
        check_sentence(errors[i].name, errors[i].text, true);
        assert_in_range(errors[i].status, 400, 599);
        for (const char *at = errors[i].wire; *at; at++)
            assert_true(isupper((unsigned char)*at) || *at == '_');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_step_types_are_described),
        cmocka_unit_test(test_step_types_refuse_unknown_parameters),
        cmocka_unit_test(test_endpoints_are_described),
        cmocka_unit_test(test_settings_and_commands_are_described),
        cmocka_unit_test(test_errors_are_described),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
