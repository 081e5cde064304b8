#include "cmd/cmd.h"

#include "api/openapi.h"

#include <stdio.h>

int cmd_openapi(struct cmd *cmd)
{
    int status;
    if (!cmd_begin(cmd, 0, &status))
        return status;
    if (cmd->options.argument_count > 0)
        return cmd_usage(cmd, "openapi takes no arguments.");
    CLEANUP(json) json_t *document = openapi_document("http://127.0.0.1:8080");
    char *text = json_dumps(document,
                            option_flag(&cmd->options, PARAM_JSON) ? JSON_COMPACT : JSON_INDENT(1));
    printf("%s\n", text);
    free(text);
    return CMD_OK;
}
