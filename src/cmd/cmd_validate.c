#include "cmd/cmd.h"
#include "cmd/definition.h"

#include <stdio.h>

static void validate_print(const struct plan_faults *faults)
{
    for (size_t i = 0; i < faults->count; i++) {
        const struct plan_fault *fault = &faults->items[i];
        printf("%s: %s", fault->warning ? "warning" : "error", *fault->path ? fault->path : "/");
        if (fault->column > 0)
            printf(" (column %d)", fault->column);
        printf(": %s\n", fault->message);
    }
}

static void validate_print_json(const struct plan_faults *faults)
{
    CLEANUP(json)
    json_t *body =
        json_pack("{s:b, s:o, s:o}", "valid", faults->error_count == 0, "errors",
                  plan_faults_json(faults, false), "warnings", plan_faults_json(faults, true));
    CLEANUP(free) char *text = json_text(body, NULL);
    printf("%s\n", text);
}

int cmd_validate(struct cmd *cmd)
{
    int status;
    struct err err;
    struct plan_faults faults;
    struct plan_template *t;
    if (!cmd_begin(cmd, 0, &status))
        return status;
    if (cmd->options.argument_count != 1)
        return cmd_usage(cmd, "One definition file is checked.");
    plan_faults_init(&faults, cmd->arena);
    if (definition_read(cmd->options.arguments[0], &faults, &t, &err) < 0 &&
        err.code != ERR_INVALID)
        return cmd_fail(&err);
    plan_template_free(t);
    if (option_flag(&cmd->options, PARAM_JSON))
        validate_print_json(&faults);
    else
        validate_print(&faults);
    if (faults.error_count > 0)
        return CMD_FAILED;
    if (!option_flag(&cmd->options, PARAM_JSON))
        printf("%s is valid.\n", cmd->options.arguments[0]);
    return CMD_OK;
}
