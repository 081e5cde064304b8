#include "cmd/cmd.h"

#include <stdio.h>

int cmd_version(struct cmd *cmd)
{
    int status;
    if (!cmd_begin(cmd, 0, &status))
        return status;
    printf(option_flag(&cmd->options, PARAM_JSON) ? "{\"version\":\"%s\"}\n" : "reeld %s\n",
           REELD_VERSION);
    return CMD_OK;
}
