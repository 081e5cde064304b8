#include "cmd/cmd.h"
#include "cmd/home.h"

#include <stdio.h>
#include <string.h>

static void templates_price(const json_t *credits, const char *key, const char *mark)
{
    const json_t *price = json_object_get(credits, key);
    if (json_is_integer(price))
        printf(" %s:%lld", mark, (long long)json_integer_value(price));
}

static void templates_print_row(const struct plan_template *t)
{
    CLEANUP(json) json_t *row = plan_template_summary(t, false, 1, false);
    const json_t *credits = json_object_get(row, "credits");
    printf("%-30s %-12s %s\n%30s  ", plan_template_id(t), plan_template_category(t),
           json_member_string(row, "label"), "");
    templates_price(credits, "image", "image");
    templates_price(credits, "video", "video");
    templates_price(credits, "audio", "audio");
    printf("\n");
}

static int templates_print_one(const struct plan_catalog *catalog, const char *id, bool as_json)
{
    const struct plan_template *t = plan_catalog_find(catalog, id);
    struct err err;
    if (!t) {
        err_set(&err, ERR_NOT_FOUND, id, "There is no template %s.", id);
        return cmd_fail(&err);
    }
    CLEANUP(json) json_t *row = plan_template_summary(t, true, 1, false);
    char *text = json_dumps(row, as_json ? JSON_COMPACT : JSON_INDENT(2));
    printf("%s\n", text);
    free(text);
    return CMD_OK;
}

static void templates_print_all(const struct plan_catalog *catalog, bool as_json)
{
    CLEANUP(json) json_t *rows = json_array();
    for (size_t i = 0; i < plan_catalog_count(catalog); i++) {
        const struct plan_template *t = plan_catalog_at(catalog, i);
        if (as_json)
            json_array_append_new(rows, plan_template_summary(t, false, 1, false));
        else
            templates_print_row(t);
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
        status = templates_print_one(home.catalog, cmd->options.arguments[0], as_json);
    else
        templates_print_all(home.catalog, as_json);
    home_close(&home);
    return status;
}
