#include "cmd/cmd.h"

#include "base/log.h"
#include "base/table.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name, *arguments, *summary;
    int (*run)(struct cmd *cmd);
} main_commands[] = {
#define CMD(name, arguments, summary) {#name, arguments, summary, cmd_##name},
#include "cmd/cmds.def"
#undef CMD
};

static void main_print_help(void)
{
    printf("reeld turns a template, options and photos into finished pictures and clips.\n\n"
           "Usage: reeld COMMAND [options]\n\nCommands:\n");
    for (size_t i = 0; i < TABLE_SIZE(main_commands); i++) {
        if (strcmp(main_commands[i].name, "worker") != 0)
            printf("  %-10s %-26s %s\n", main_commands[i].name, main_commands[i].arguments,
                   main_commands[i].summary);
    }
    printf("\nreeld COMMAND --help says more about one of them.\n"
           "\nTo try it: reeld run vim_arctic --image me.jpg\n");
}

bool cmd_begin(struct cmd *cmd, unsigned groups, int *ret_status)
{
    struct err err;
    enum log_level level = LOG_WARNING;
    if (options_read(&cmd->options, cmd->arena, groups, cmd->argc, cmd->argv, &err) < 0) {
        *ret_status = cmd_fail(&err);
        return false;
    }
    if (option_flag(&cmd->options, PARAM_HELP)) {
        for (size_t i = 0; i < TABLE_SIZE(main_commands); i++) {
            if (strcmp(main_commands[i].name, cmd->name) == 0)
                printf("Usage: reeld %s %s\n\n%s.\n", cmd->name, main_commands[i].arguments,
                       main_commands[i].summary);
        }
        options_print_help(groups);
        *ret_status = CMD_OK;
        return false;
    }
    const char *wanted = option_text(&cmd->options, PARAM_LOG_LEVEL);
    if (!wanted && strcmp(cmd->name, "serve") == 0)
        level = LOG_INFO;
    if (wanted && !log_level_parse(wanted, &level)) {
        *ret_status = cmd_usage(cmd, "--log-level is error, warning, info or debug.");
        return false;
    }
    log_setup(level, option_flag(&cmd->options, PARAM_LOG_JSON), "server");
    return true;
}

int cmd_fail(const struct err *err)
{
    fprintf(stderr, "reeld: %s\n", err->message);
    return err->code == ERR_INVALID ? CMD_USAGE : CMD_FAILED;
}

int cmd_usage(const struct cmd *cmd, const char *sentence)
{
    fprintf(stderr, "reeld: %s\nreeld %s --help says more.\n", sentence, cmd->name);
    return CMD_USAGE;
}

int main(int argc, char **argv)
{
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        main_print_help();
        return argc < 2 ? CMD_USAGE : CMD_OK;
    }
    const char *name = strcmp(argv[1], "--version") == 0 ? "version" : argv[1];
    for (size_t i = 0; i < TABLE_SIZE(main_commands); i++) {
        if (strcmp(main_commands[i].name, name) != 0)
            continue;
        CLEANUP(arena) struct arena *a = arena_new();
        struct cmd cmd = {.name = name, .arena = a, .argc = argc - 2, .argv = argv + 2};
        return main_commands[i].run(&cmd);
    }
    fprintf(stderr, "reeld: there is no command %s; reeld --help lists them.\n", argv[1]);
    return CMD_USAGE;
}
