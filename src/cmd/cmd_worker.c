#include "cmd/cmd.h"
#include "worker/worker.h"

#include <stdlib.h>
#include <string.h>

/* The arguments are the engine's: net INDEX MEMORY OUTPUT CPU. */
int cmd_worker(struct cmd *cmd)
{
    if (cmd->argc != 5 || strcmp(cmd->argv[0], "net") != 0)
        return cmd_usage(cmd, "Workers are started by the server.");
    const struct worker_settings settings = {
        .index = atoi(cmd->argv[1]),
        .memory_bytes = strtoull(cmd->argv[2], NULL, 10),
        .output_bytes = strtoull(cmd->argv[3], NULL, 10),
        .cpu_seconds = atoi(cmd->argv[4]),
    };
    return worker_net_main(&settings);
}
