/* A list given as a text: an item a line or after each leading dash, none of them empty or with
 * blanks around it. */
#include "fuzz.h"

#include "plan/plan.h"

static struct plan_template *template_with_list(void)
{
    struct arena *a = arena_new();
    struct plan_faults faults;
    plan_faults_init(&faults, a);
    json_t *definition = json_pack("{s:s, s:[{s:s, s:s}], s:[{s:s, s:s}], s:[{s:s}]}", "id", "t",
                                   "available_options", "key", "list", "component", "list", "steps",
                                   "id", "a", "flow", "chat", "outputs", "step", "a");
    struct plan_template *t = plan_template_new(definition, &faults);
    FUZZ_CHECK(t);
    json_decref(definition);
    arena_free(a);
    return t;
}

static void check_item(const char *item)
{
    size_t length = strlen(item);
    FUZZ_CHECK(length > 0);
    FUZZ_CHECK(!strchr(" \t\r\n", item[0]) && !strchr(" \t\r\n", item[length - 1]));
    FUZZ_CHECK(!strchr(item, '\n'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct plan_template *t;
    if (!t)
        t = template_with_list();
    struct arena *a = arena_new();
    struct plan_faults faults;
    json_t *options = json_object(), *checked = NULL;
    plan_faults_init(&faults, a);
    json_t *text = json_stringn((const char *)data, size); /* NULL when it is no UTF-8 */
    if (text)
        json_object_set_new(options, "list", text);
    if (plan_options_check(t, options, NULL, &faults, &checked) == 0) {
        const json_t *list = json_object_get(checked, "list");
        for (size_t i = 0; i < json_array_size(list); i++)
            check_item(json_string_value(json_array_get(list, i)));
        json_decref(checked);
    }
    json_decref(options);
    arena_free(a);
    return 0;
}
