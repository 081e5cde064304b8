#include "cmd/cmd.h"
#include "cmd/definition.h"
#include "cmd/home.h"

#include <stdio.h>
#include <unistd.h>

/* A file is not read for a dry run; that it is there is enough. */
static int preview_add_file(void *context, const char *path, const char **ret_url, struct err *err)
{
    (void)context;
    if (access(path, R_OK) < 0)
        return err_set(err, ERR_NOT_FOUND, path, "The file %s cannot be read.", path);
    *ret_url = "data:application/octet-stream,";
    return 0;
}

static void preview_print_layers(const json_t *layers)
{
    for (size_t i = 0; i < json_array_size(layers); i++) {
        const json_t *layer = json_array_get(layers, i);
        printf("%zu.", i + 1);
        for (size_t k = 0; k < json_array_size(layer); k++)
            printf(" %s", json_string_value(json_array_get(layer, k)));
        printf("\n");
    }
}

static void preview_print_list(const char *what, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *row = json_array_get(list, i);
        printf("%s: %s: %s\n", what, json_member_string(row, "id"),
               json_member_string(row, "reason"));
    }
}

static void preview_print_faults(const char *what, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *row = json_array_get(list, i);
        const char *path = json_member_string(row, "path");
        int64_t column = json_member_integer(row, "column", 0);
        printf("%s: %s", what, *path ? path : "/");
        if (column > 0)
            printf(" (column %lld)", (long long)column);
        printf(": %s\n", json_member_string(row, "message"));
    }
}

static void preview_print(const json_t *body)
{
    const json_t *credits = json_object_get(body, "credits");
    const json_t *outputs = json_object_get(body, "outputs");
    preview_print_faults("error", json_object_get(body, "errors"));
    preview_print_faults("warning", json_object_get(body, "warnings"));
    preview_print_layers(json_object_get(body, "layers"));
    preview_print_list("skipped", json_object_get(body, "skipped_steps"));
    preview_print_list("open", json_object_get(body, "undetermined_steps"));
    if (json_array_size(outputs) > 0)
        printf("outputs:");
    for (size_t i = 0; i < json_array_size(outputs); i++)
        printf(" %s", json_member_string(json_array_get(outputs, i), "step"));
    if (json_array_size(outputs) > 0)
        printf("\n");
    if (json_is_true(json_object_get(body, "valid")))
        printf("credits: %lld\n", (long long)json_member_integer(credits, "total", 0));
}

/* The template of the first argument: a file, or an id of the catalog. NULL with faults when a file is not valid. */
static int preview_open(struct cmd *cmd, struct home *home, struct plan_faults *faults,
                        struct plan_template **ret_own, const struct plan_template **ret_template,
                        struct err *err)
{
    const char *text = cmd->options.arguments[0];
    *ret_own = NULL;
    if (definition_is_file(text)) {
        int rc = definition_read(text, faults, ret_own, err);
        *ret_template = *ret_own;
        return rc == ERR_INVALID ? 0 : rc;
    }
    int rc = home_open_catalog(home, option_text(&cmd->options, PARAM_CATALOG), err);
    if (rc < 0)
        return rc;
    *ret_template = plan_catalog_find(home->catalog, text);
    return *ret_template ? 0 : definition_unknown(home->catalog, text, err);
}

static int preview_options(struct cmd *cmd, const struct plan_template *t, json_t *options,
                           json_t *images, struct err *err)
{
    int rc = 0;
    for (size_t i = 1; t && i < cmd->options.argument_count && rc == 0; i++)
        rc = definition_add_option(cmd->arena, t, options, cmd->options.arguments[i],
                                   preview_add_file, NULL, err);
    for (size_t i = 0; i < cmd->options.image_count && rc == 0; i++) {
        const char *url;
        rc = preview_add_file(NULL, cmd->options.images[i], &url, err);
        if (rc == 0)
            json_array_append_new(images, json_string(url));
    }
    return rc;
}

int cmd_preview(struct cmd *cmd)
{
    struct home home = {.pack_fd = -1, .lock_fd = -1};
    CLEANUP(json) json_t *options = json_object();
    CLEANUP(json) json_t *images = json_array();
    CLEANUP(plan_template) struct plan_template *own = NULL;
    const struct plan_template *t = NULL;
    struct plan_faults faults;
    struct err err;
    int status;
    if (!cmd_begin(cmd, PARAM_GROUP_INPUT, &status))
        return status;
    if (cmd->options.argument_count < 1)
        return cmd_usage(cmd, "Which template? A definition file, or an id of reeld templates.");
    plan_faults_init(&faults, cmd->arena);
    int rc = preview_open(cmd, &home, &faults, &own, &t, &err);
    if (rc == 0)
        rc = preview_options(cmd, t, options, images, &err);
    status = CMD_OK;
    if (rc < 0) {
        status = cmd_fail(&err);
    } else {
        CLEANUP(json) json_t *body = plan_preview(cmd->arena, t, options, images, &faults);
        CLEANUP(free) char *text = json_text(body, NULL);
        if (option_flag(&cmd->options, PARAM_JSON))
            printf("%s\n", text);
        else
            preview_print(body);
        status = faults.error_count > 0 ? CMD_FAILED : CMD_OK;
    }
    home_close(&home);
    return status;
}
