#include "cmd/cmd.h"
#include "cmd/home.h"

#include "base/clock.h"
#include "base/uuid.h"

#include <stdio.h>
#include <string.h>

static void key_print_created(const char *id, const char *key, const char *customer,
                              const char *user, int64_t credits)
{
    CLEANUP(json)
    json_t *body = json_pack("{s:s, s:s, s:s, s:s, s:I}", "id", id, "key", key, "customer",
                             customer, "user", user, "credits", (json_int_t)credits);
    CLEANUP(free) char *text = json_text(body, NULL);
    printf("%s\n", text);
}

static int key_create(struct cmd *cmd, struct home *home, struct err *err)
{
    const char *customer = option_text(&cmd->options, PARAM_CUSTOMER);
    const char *user = option_text(&cmd->options, PARAM_USER);
    char key[80], id[UUID_TEXT_SIZE];
    user = user ? user : customer;
    home_new_key(key);
    int rc = home_create_key(home, customer, user, key, id, err);
    int64_t credits = option_integer(&cmd->options, PARAM_CREDITS);
    if (rc == 0 && credits > 0)
        rc = home_add_credits(home, customer, credits, "granted with a key", err);
    if (rc < 0)
        return rc;
    if (option_flag(&cmd->options, PARAM_JSON))
        key_print_created(id, key, customer, user, credits);
    else
        printf("%s\n\nThe key is shown only this once. Its id is %s.\n", key, id);
    return 0;
}

static void key_print(const struct store_key *key, json_t *list)
{
    char created[CLOCK_TEXT_SIZE];
    clock_format(key->created_at, created);
    if (list)
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:s, s:s, s:s, s:b}", "id", key->id, "customer",
                                        key->customer, "user", key->user, "label", key->label,
                                        "created_at", created, "revoked", key->revoked_at != 0));
    else
        printf("%s  %-12s... %-20s %-20s %s%s\n", key->id, key->label, key->customer, key->user,
               created, key->revoked_at ? "  revoked" : "");
}

static int key_list(struct cmd *cmd, struct home *home, struct err *err)
{
    struct store_key *keys;
    size_t count;
    int rc = store_key_list(home->store, cmd->arena, &keys, &count, err);
    if (rc < 0)
        return rc;
    CLEANUP(json) json_t *list = json_array();
    bool as_json = option_flag(&cmd->options, PARAM_JSON);
    for (size_t i = 0; i < count; i++)
        key_print(&keys[i], as_json ? list : NULL);
    CLEANUP(free) char *text = json_text(list, NULL);
    if (as_json)
        printf("%s\n", text);
    return 0;
}

static int key_revoke(struct cmd *cmd, struct home *home, struct err *err)
{
    struct store_wait wait;
    store_wait_init(&wait);
    store_key_revoke(home->store, cmd->options.arguments[1], store_wait_done, &wait);
    int rc = store_wait_finish(&wait, err);
    if (rc == ERR_NOT_FOUND)
        return err_set(err, ERR_NOT_FOUND, NULL, "There is no key with the id %s.",
                       cmd->options.arguments[1]);
    if (rc == 0 && option_flag(&cmd->options, PARAM_JSON))
        printf("{\"revoked\":\"%s\"}\n", cmd->options.arguments[1]);
    else if (rc == 0)
        printf("The key is revoked.\n");
    return rc;
}

int cmd_key(struct cmd *cmd)
{
    int status;
    struct err err;
    struct home home;
    if (!cmd_begin(cmd, PARAM_GROUP_CUSTOMER | PARAM_GROUP_KEY, &status))
        return status;
    const char *verb = cmd->options.argument_count ? cmd->options.arguments[0] : "";
    bool create = strcmp(verb, "create") == 0, revoke = strcmp(verb, "revoke") == 0;
    if (!create && !revoke && strcmp(verb, "list") != 0)
        return cmd_usage(cmd, "A key is created, listed or revoked.");
    if (cmd->options.argument_count != (revoke ? 2 : 1))
        return cmd_usage(cmd, revoke ? "One key id is revoked." : "There is an argument too many.");
    if (create && !option_text(&cmd->options, PARAM_CUSTOMER))
        return cmd_usage(cmd, "--customer says whose key it is.");
    int rc = home_open_store(&home, option_text(&cmd->options, PARAM_DATA), create, &err);
    if (rc == 0)
        rc = create   ? key_create(cmd, &home, &err)
             : revoke ? key_revoke(cmd, &home, &err)
                      : key_list(cmd, &home, &err);
    home_close(&home);
    return rc == 0 ? CMD_OK : cmd_fail(&err);
}
