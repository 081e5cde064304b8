#include "cmd/cmd.h"

#include "base/json.h"

#include <stdio.h>

static void config_print(const struct option_shown *shown)
{
    int width = shown->value ? printf("%s = %s", shown->name, shown->value)
                             : printf("; %s is not set", shown->name);
    if (shown->value)
        printf("%*s ; %s%s%s", width < 40 ? 40 - width : 0, "", shown->source,
               *shown->place ? " " : "", shown->place);
    printf("\n");
}

int cmd_config(struct cmd *cmd)
{
    int status, at = 0;
    struct option_shown shown;
    if (!cmd_begin(cmd, PARAM_GROUP_SERVE | PARAM_GROUP_ENGINE, &status))
        return status;
    if (cmd->options.argument_count > 0)
        return cmd_usage(cmd, "config takes no arguments.");
    bool as_json = option_flag(&cmd->options, PARAM_JSON);
    CLEANUP(json) json_t *body = json_object();
    while (option_next(&cmd->options, &at, &shown)) {
        if (as_json)
            json_object_set_new(body, shown.name,
                                json_pack("{s:s?, s:s, s:s}", "value", shown.value, "source",
                                          shown.source, "place", shown.place));
        else
            config_print(&shown);
    }
    CLEANUP(free) char *text = json_text(body, NULL);
    if (as_json)
        printf("%s\n", text);
    return CMD_OK;
}
