#include "cmd/cmd.h"
#include "cmd/home.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int credits_show(struct cmd *cmd, struct home *home, struct err *err)
{
    const char *customer = option_text(&cmd->options, PARAM_CUSTOMER);
    int64_t balance, reserved;
    int rc = store_credit_balance(home->store, customer, &balance, &reserved, err);
    if (rc == ERR_NOT_FOUND)
        return err_set(err, ERR_NOT_FOUND, NULL, "There is no customer %s.", customer);
    if (rc < 0)
        return rc;
    if (option_flag(&cmd->options, PARAM_JSON)) {
        CLEANUP(json)
        json_t *body = json_pack("{s:s, s:I, s:I}", "customer", customer, "balance",
                                 (json_int_t)balance, "reserved", (json_int_t)reserved);
        CLEANUP(free) char *text = json_text(body, NULL);
        printf("%s\n", text);
    } else {
        printf("%s has %lld credits; %lld more are reserved by running workflows.\n", customer,
               (long long)balance, (long long)reserved);
    }
    return 0;
}

static int credits_add(struct cmd *cmd, struct home *home, int64_t amount, struct err *err)
{
    const char *note = option_text(&cmd->options, PARAM_NOTE);
    int rc = home_add_credits(home, option_text(&cmd->options, PARAM_CUSTOMER), amount,
                              note ? note : "granted by hand", err);
    return rc < 0 ? rc : credits_show(cmd, home, err);
}

int cmd_credits(struct cmd *cmd)
{
    int status;
    struct err err;
    struct home home;
    char *end = NULL;
    if (!cmd_begin(cmd, PARAM_GROUP_CUSTOMER | PARAM_GROUP_CREDITS, &status))
        return status;
    const char *verb = cmd->options.argument_count ? cmd->options.arguments[0] : "";
    bool add = strcmp(verb, "add") == 0;
    if (!add && strcmp(verb, "show") != 0)
        return cmd_usage(cmd, "Credits are added or shown.");
    if (cmd->options.argument_count != (add ? 2 : 1))
        return cmd_usage(cmd, add ? "One amount is added." : "There is an argument too many.");
    long long amount = add ? strtoll(cmd->options.arguments[1], &end, 10) : 1;
    if (add && (*end || amount == 0 || amount > INT32_MAX || amount < -INT32_MAX))
        return cmd_usage(cmd, "The amount is a whole number other than 0.");
    if (!option_text(&cmd->options, PARAM_CUSTOMER))
        return cmd_usage(cmd, "--customer says whose credits they are.");
    int rc = home_open_store(&home, option_text(&cmd->options, PARAM_DATA), add, &err);
    if (rc == 0)
        rc = add ? credits_add(cmd, &home, amount, &err) : credits_show(cmd, &home, &err);
    home_close(&home);
    return rc == 0 ? CMD_OK : cmd_fail(&err);
}
