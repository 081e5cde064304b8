#include "cmd/cmd.h"

#include "base/json.h"
#include "base/log.h"
#include "base/table.h"
#include "cmd/suggest.h"

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

static const struct {
    const char *command, *line, *what;
} main_examples[] = {
#define EXAMPLE(command, line, what) {#command, line, what},
#include "cmd/examples.def"
#undef EXAMPLE
};

/* --json was asked for: failures are told on standard output too. */
static bool main_as_json;

/* Children of the server are no commands for people. */
static bool main_is_hidden(size_t command)
{
    return strcmp(main_commands[command].name, "worker") == 0;
}

static void main_print_help(FILE *to)
{
    fprintf(to, "reeld turns a template, options and photos into finished pictures and clips.\n\n"
                "Usage: reeld COMMAND [options]\n\nCommands:\n");
    for (size_t i = 0; i < TABLE_SIZE(main_commands); i++) {
        if (!main_is_hidden(i))
            fprintf(to, "  %-10s %-26s %s\n", main_commands[i].name, main_commands[i].arguments,
                    main_commands[i].summary);
    }
    fprintf(to, "\nreeld COMMAND --help says more about one of them.\n"
                "\nTo try it: reeld run vim_arctic --image me.jpg\n");
}

static void main_print_command_help(const char *name, unsigned groups)
{
    bool any = false;
    for (size_t i = 0; i < TABLE_SIZE(main_commands); i++) {
        if (strcmp(main_commands[i].name, name) == 0)
            printf("Usage: reeld %s %s%s[options]\n\n%s.\n", name, main_commands[i].arguments,
                   *main_commands[i].arguments ? " " : "", main_commands[i].summary);
    }
    options_print_help(groups);
    for (size_t i = 0; i < TABLE_SIZE(main_examples); i++) {
        if (strcmp(main_examples[i].command, name) != 0)
            continue;
        printf("%s  %s\n", any ? "" : "\nExamples:\n", main_examples[i].line);
        if (*main_examples[i].what)
            printf("      %s\n", main_examples[i].what);
        any = true;
    }
}

bool cmd_begin(struct cmd *cmd, unsigned groups, int *ret_status)
{
    struct err err;
    enum log_level level = strcmp(cmd->name, "serve") == 0 ? LOG_INFO : LOG_WARNING;
    int rc = options_read(&cmd->options, cmd->arena, groups, cmd->argc, cmd->argv, &err);
    if (option_flag(&cmd->options, PARAM_HELP)) {
        main_print_command_help(cmd->name, groups);
        *ret_status = CMD_OK;
        return false;
    }
    main_as_json = option_flag(&cmd->options, PARAM_JSON);
    if (rc < 0) {
        *ret_status = cmd_usage(cmd, err.message);
        return false;
    }
    const char *wanted = option_text(&cmd->options, PARAM_LOG_LEVEL);
    if (wanted)
        log_level_parse(wanted, &level);
    log_setup(level, option_flag(&cmd->options, PARAM_LOG_JSON), "server");
    return true;
}

static void main_print_failure(const char *word, const char *sentence)
{
    fprintf(stderr, "reeld: %s\n", sentence);
    if (!main_as_json)
        return;
    CLEANUP(json)
    json_t *body = json_pack("{s:{s:s, s:s}}", "error", "code", word, "message", sentence);
    CLEANUP(free) char *text = json_text(body, NULL);
    printf("%s\n", text);
}

int cmd_fail(const struct err *err)
{
    main_print_failure(err_wire(err->code), err->message);
    return err->code == ERR_INVALID ? CMD_USAGE : CMD_FAILED;
}

int cmd_usage(const struct cmd *cmd, const char *sentence)
{
    main_print_failure(err_wire(ERR_INVALID), sentence);
    fprintf(stderr, "reeld %s --help says more.\n", cmd->name);
    return CMD_USAGE;
}

static int main_unknown(const char *name)
{
    struct suggest suggest;
    suggest_init(&suggest, name);
    for (size_t i = 0; i < TABLE_SIZE(main_commands); i++) {
        if (!main_is_hidden(i))
            suggest_offer(&suggest, main_commands[i].name);
    }
    fprintf(stderr, "reeld: There is no command %s%s%s%s\nreeld --help lists them.\n", name,
            suggest.best ? "; did you mean " : ".", suggest.best ? suggest.best : "",
            suggest.best ? "?" : "");
    return CMD_USAGE;
}

static int main_run(const char *name, int argc, char **argv)
{
    for (size_t i = 0; i < TABLE_SIZE(main_commands); i++) {
        if (strcmp(main_commands[i].name, name) != 0)
            continue;
        CLEANUP(arena) struct arena *a = arena_new();
        struct cmd cmd = {.name = name, .arena = a, .argc = argc, .argv = argv};
        int status = main_commands[i].run(&cmd);
        if (fflush(stdout) != 0 && status == CMD_OK) {
            fprintf(stderr, "reeld: The output could not be written.\n");
            status = CMD_FAILED;
        }
        return status;
    }
    return main_unknown(name);
}

int main(int argc, char **argv)
{
    static char help_flag[] = "--help";
    char *help[] = {help_flag};
    const char *name = argc < 2 ? "" : argv[1];
    bool is_help =
        strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0;
    if (is_help && argc > 2)
        return main_run(argv[2], 1, help);
    if (is_help || argc < 2) {
        main_print_help(is_help ? stdout : stderr);
        return is_help ? CMD_OK : CMD_USAGE;
    }
    if (strcmp(name, "--version") == 0)
        name = "version";
    return main_run(name, argc - 2, argv + 2);
}
