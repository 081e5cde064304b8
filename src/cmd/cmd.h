/* What the commands share. Exit statuses: 0 success, 1 failure, 2 wrong usage. */
#ifndef CMD_CMD_H
#define CMD_CMD_H

#include "cmd/options.h"

enum { CMD_OK = 0, CMD_FAILED = 1, CMD_USAGE = 2 };

struct cmd {
    const char *name;
    struct arena *arena;
    int argc; /* what follows the command */
    char **argv;
    struct options options;
};

/* Reads the options of these groups; prints help or the fault. True when the command goes on; else *ret_status is how it ends. */
bool cmd_begin(struct cmd *cmd, unsigned groups, int *ret_status);
/* Prints a fault on standard error, with --json also {"error":{"code","message"}} on standard output. CMD_FAILED, or CMD_USAGE
 * for ERR_INVALID. */
int cmd_fail(const struct err *err);
/* The same for wrong usage; points to the help. */
int cmd_usage(const struct cmd *cmd, const char *sentence);

#define CMD(name, arguments, summary) int cmd_##name(struct cmd *cmd);
#include "cmd/cmds.def"
#undef CMD

#endif
