#include "cmd/cmd.h"
#include "cmd/definition.h"
#include "cmd/home.h"

#include <stdio.h>
#include <string.h>

/* "image 10, video 100" */
static const char *templates_prices(struct arena *a, const json_t *credits)
{
    const char *text = "", *kind;
    json_t *price;
    json_object_foreach((json_t *)credits, kind, price)
    {
        if (json_is_integer(price))
            text = arena_printf(a, "%s%s%s %lld", text, *text ? ", " : "", kind,
                                (long long)json_integer_value(price));
    }
    return text;
}

static void templates_print_row(struct arena *a, const struct plan_template *t)
{
    CLEANUP(json) json_t *row = plan_template_summary(t, false, 1, false);
    printf("%-28s %-12s %-22s %s\n", plan_template_id(t), plan_template_category(t),
           templates_prices(a, json_object_get(row, "credits")), json_member_string(row, "label"));
}

/* The choices of an option, or what it is taken to be without one; "" when there is nothing to say. */
static const char *templates_values(struct arena *a, const json_t *option)
{
    const char *text = "";
    size_t index;
    const json_t *value;
    json_array_foreach(json_object_get(option, "values"), index, value)
    {
        const char *name =
            json_is_object(value) ? json_member_string(value, "value") : json_string_value(value);
        text = arena_printf(a, "%s%s%s", text, index ? ", " : " one of ", name ? name : "?");
    }
    return text;
}

static void templates_print_option(struct arena *a, const json_t *option)
{
    const json_t *otherwise = json_object_get(option, "default");
    const char *component = json_member_string(option, "component");
    printf("  %-24s %s%s%s", json_member_string(option, "key"), component ? component : "text",
           json_member_bool(option, "required", false) ? ", required" : "",
           templates_values(a, option));
    if (otherwise && !json_is_null(otherwise))
        printf(" (default: %s)", json_is_string(otherwise) ? json_string_value(otherwise)
                                                           : json_arena_text(a, otherwise));
    printf("\n");
}

static void templates_print_whole(struct arena *a, const struct plan_template *t)
{
    CLEANUP(json) json_t *row = plan_template_summary(t, true, 1, false);
    size_t index;
    const json_t *item;
    printf("%s: %s\n%s\n\nCredits: %s\n\nOptions:\n", plan_template_id(t),
           json_member_string(row, "label"), json_member_string(row, "description"),
           templates_prices(a, json_object_get(row, "credits")));
    json_array_foreach(json_object_get(row, "available_options"), index, item)
        templates_print_option(a, item);
    printf("\nSteps:\n");
    json_array_foreach(json_object_get(row, "steps"), index, item)
    {
        const char *when = json_member_string(item, "when");
        printf("  %-24s %s%s%s\n", json_member_string(item, "id"), json_member_string(item, "flow"),
               when ? " when " : "", when ? when : "");
    }
}

static int templates_print_one(struct arena *a, const struct plan_catalog *catalog, const char *id,
                               bool as_json)
{
    const struct plan_template *t = plan_catalog_find(catalog, id);
    struct err err;
    if (!t) {
        definition_unknown(catalog, id, &err);
        return cmd_fail(&err);
    }
    if (!as_json) {
        templates_print_whole(a, t);
        return CMD_OK;
    }
    CLEANUP(json) json_t *row = plan_template_summary(t, true, 1, false);
    CLEANUP(free) char *text = json_text(row, NULL);
    printf("%s\n", text);
    return CMD_OK;
}

static void templates_print_all(struct arena *a, const struct plan_catalog *catalog, bool as_json)
{
    CLEANUP(json) json_t *rows = json_array();
    for (size_t i = 0; i < plan_catalog_count(catalog); i++) {
        const struct plan_template *t = plan_catalog_at(catalog, i);
        if (as_json)
            json_array_append_new(rows, plan_template_summary(t, false, 1, false));
        else
            templates_print_row(a, t);
    }
    CLEANUP(free) char *text = json_text(rows, NULL);
    if (as_json)
        printf("%s\n", text);
}

int cmd_templates(struct cmd *cmd)
{
    int status;
    struct err err;
    struct home home = {.pack_fd = -1, .lock_fd = -1};
    if (!cmd_begin(cmd, 0, &status))
        return status;
    if (cmd->options.argument_count > 1)
        return cmd_usage(cmd, "At most one template is shown.");
    if (home_open_catalog(&home, option_text(&cmd->options, PARAM_CATALOG), &err) < 0)
        return cmd_fail(&err);
    bool as_json = option_flag(&cmd->options, PARAM_JSON);
    status = CMD_OK;
    if (cmd->options.argument_count == 1)
        status = templates_print_one(cmd->arena, home.catalog, cmd->options.arguments[0], as_json);
    else
        templates_print_all(cmd->arena, home.catalog, as_json);
    home_close(&home);
    return status;
}
