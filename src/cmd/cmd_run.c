#include "cmd/cmd.h"
#include "cmd/definition.h"
#include "cmd/home.h"

#include "base/clock.h"
#include "base/uuid.h"
#include "engine/machine.h"
#include "engine/media_url.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * DESIGN. The same engine as the server's, on a data folder of its own that is thrown away afterwards (or on --data). Input files
 * become blobs and are handed over by signed reference, so the run takes the very path that a client's would.
 */
enum { RUN_CREDITS = 1000000, RUN_POLL_US = 100 * 1000, RUN_BAR = 30 };

static const char run_customer[] = "local";

struct run_state {
    struct cmd *cmd;
    struct home home;
    struct engine *engine;
    const struct plan_template *template;
    struct plan_template *own_template;
    char *scratch; /* the folder to remove, NULL with --data */
    char id[UUID_TEXT_SIZE];
};

static int run_remove_entry(const char *path, const struct stat *status, int kind,
                            struct FTW *position)
{
    (void)status;
    (void)kind;
    (void)position;
    return remove(path);
}

static int run_open(struct run_state *state, struct err *err)
{
    const struct options *options = &state->cmd->options;
    const char *data = option_text(options, PARAM_DATA);
    if (!option_given(options, PARAM_DATA)) {
        const char *folder = getenv("TMPDIR");
        state->scratch = mem_strdup(
            arena_printf(state->cmd->arena, "%s/reeld-run-XXXXXX", folder ? folder : "/tmp"));
        if (!mkdtemp(state->scratch)) {
            int fault = errno;
            free(TAKE(state->scratch));
            return err_set(err, ERR_STORAGE, NULL, "No temporary folder can be made: %s.",
                           strerror(fault));
        }
        data = state->scratch;
    }
    int rc = home_open_store(&state->home, data, true, err);
    if (rc == 0)
        rc = home_lock(&state->home, err);
    if (rc == 0)
        rc = home_open_blobs(&state->home, err);
    if (rc == 0)
        rc = home_open_catalog(&state->home, option_text(&state->cmd->options, PARAM_CATALOG), err);
    if (rc == 0)
        rc = home_find_programs(&state->home, err);
    if (rc == 0)
        rc = home_add_credits(&state->home, run_customer, RUN_CREDITS, "reeld run", err);
    return rc;
}

static void run_close(struct run_state *state)
{
    if (state->engine)
        engine_drain(state->engine, 0);
    engine_free(state->engine);
    plan_template_free(state->own_template);
    home_close(&state->home);
    if (state->scratch)
        nftw(state->scratch, run_remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(state->scratch);
}

static void run_print_faults(const struct plan_faults *faults)
{
    for (size_t i = 0; i < faults->count; i++) {
        if (!faults->items[i].warning)
            fprintf(stderr, "  %s: %s\n", faults->items[i].path, faults->items[i].message);
    }
}

static int run_find_template(struct run_state *state, const char *text, struct err *err)
{
    struct plan_faults faults;
    plan_faults_init(&faults, state->cmd->arena);
    if (!definition_is_file(text)) {
        state->template = plan_catalog_find(state->home.catalog, text);
        if (!state->template)
            return definition_unknown(state->home.catalog, text, err);
        return 0;
    }
    int rc = definition_read(text, &faults, &state->own_template, err);
    state->template = state->own_template;
    if (rc != ERR_INVALID)
        return rc;
    run_print_faults(&faults);
    return err_set(err, ERR_BAD_INPUT, text, "%s is not a valid template.", text);
}

static int run_copy(int from, int to, uint64_t size)
{
    off_t offset = 0;
    while ((uint64_t)offset < size) {
        if (sendfile(to, from, &offset, size - (uint64_t)offset) <= 0)
            return -1;
    }
    return 0;
}

/* A local file as a reference that the engine takes. */
static int run_add_file(void *context, const char *path, const char **ret_url, struct err *err)
{
    struct run_state *state = context;
    struct stat status;
    CLEANUP(fd) int from = open(path, O_RDONLY | O_CLOEXEC);
    if (from < 0 || fstat(from, &status) < 0 || !S_ISREG(status.st_mode))
        return err_set(err, ERR_NOT_FOUND, path, "The file %s cannot be read.", path);
    CLEANUP(fd) int to = -1;
    struct media_url url = {.owner = MEDIA_ASSET, .expires = clock_wall_us() / 1000000 + 86400};
    int rc = blob_create(state->home.blobs, &to, err);
    if (rc == 0 && run_copy(from, to, (uint64_t)status.st_size) < 0)
        rc = err_set(err, ERR_STORAGE, path, "The file %s could not be copied: %s.", path,
                     strerror(errno));
    if (rc == 0)
        rc = blob_publish(state->home.blobs, to, url.sha256, NULL, err);
    uuid_new(url.id);
    *ret_url = media_url_sign(state->cmd->arena, state->home.media_secret, MEDIA_URL_INTERNAL_BASE,
                              &url, "application/octet-stream");
    return rc;
}

static int run_create(struct run_state *state, struct err *err)
{
    struct cmd *cmd = state->cmd;
    CLEANUP(json) json_t *options = json_object();
    CLEANUP(json) json_t *images = json_array();
    CLEANUP(json) json_t *checked = NULL;
    struct plan_faults faults;
    int rc = 0;
    plan_faults_init(&faults, cmd->arena);
    for (size_t i = 1; i < cmd->options.argument_count && rc == 0; i++)
        rc = definition_add_option(cmd->arena, state->template, options, cmd->options.arguments[i],
                                   run_add_file, state, err);
    for (size_t i = 0; i < cmd->options.image_count && rc == 0; i++) {
        const char *url;
        rc = run_add_file(state, cmd->options.images[i], &url, err);
        if (rc == 0)
            json_array_append_new(images, json_string(url));
    }
    if (rc < 0)
        return rc;
    if (plan_options_check(state->template, options, images, &faults, &checked) > 0) {
        run_print_faults(&faults);
        return err_set(err, ERR_INVALID, NULL, "The options do not fit the template.");
    }
    uuid_new(state->id);
    const struct store_workflow workflow = {
        .id = state->id,
        .customer = run_customer,
        .user = run_customer,
        .title = "",
        .description = "",
        .visibility_status = "0",
        .event_id = "no_event",
        .template_id = plan_template_id(state->template),
        .template_version = 1,
        .template_json = plan_template_text(state->template),
        .options_json = json_arena_text(cmd->arena, checked),
        .image_urls_json = json_arena_text(cmd->arena, images),
        .status = STORE_QUEUE,
        .price = plan_price(state->template, checked).total,
        .created_at = clock_wall_us(),
        .updated_at = clock_wall_us(),
        .revision = 1,
    };
    struct store_wait wait;
    store_wait_init(&wait);
    store_workflow_create(state->home.store, &workflow, store_wait_done, &wait);
    return store_wait_finish(&wait, err);
}

/* --- watching ----------------------------------------------------------------------------------- */

static const char *run_current_step(const struct store_workflow_full *full)
{
    for (size_t i = 0; i < full->task_count; i++) {
        if (full->tasks[i].state == STORE_TASK_READY)
            return full->tasks[i].step_id;
    }
    return "";
}

static void run_show_progress(const struct store_workflow_full *full, bool terminal, int *shown)
{
    int progress = full->workflow.progress;
    if (progress == *shown)
        return;
    *shown = progress;
    if (!terminal) {
        fprintf(stderr, "%3d%% %s\n", progress, run_current_step(full));
        return;
    }
    char bar[RUN_BAR + 1];
    int filled = progress * RUN_BAR / 100;
    memset(bar, '#', (size_t)filled);
    memset(bar + filled, '.', (size_t)(RUN_BAR - filled));
    bar[RUN_BAR] = '\0';
    fprintf(stderr, "\r[%s] %3d%% %-30.30s", bar, progress, run_current_step(full));
}

static volatile sig_atomic_t run_interrupted;

static void run_interrupt(int number)
{
    run_interrupted = number;
}

/* Until it is final. The rows live in the command's arena. */
static int run_watch(struct run_state *state, struct store_workflow_full **ret_full,
                     struct err *err)
{
    bool terminal = isatty(STDERR_FILENO);
    bool cancelled = false;
    int shown = -1;
    signal(SIGINT, run_interrupt);
    signal(SIGTERM, run_interrupt);
    engine_submit(state->engine, state->id);
    for (;;) {
        struct arena *a = arena_new();
        int rc = store_workflow_get(state->home.store, a, NULL, state->id, ret_full, err);
        if (rc < 0 || machine_run_final((*ret_full)->workflow.status)) {
            arena_defer(state->cmd->arena, (void (*)(void *))arena_free, a);
            if (rc == 0)
                run_show_progress(*ret_full, terminal, &shown);
            if (terminal)
                fprintf(stderr, "\n");
            return rc;
        }
        run_show_progress(*ret_full, terminal, &shown);
        arena_free(a);
        if (run_interrupted && !cancelled) {
            engine_cancel(state->engine, state->id);
            cancelled = true;
        }
        usleep(RUN_POLL_US);
    }
}

/* --- results ------------------------------------------------------------------------------------ */

static int run_write_result(struct run_state *state, const json_t *result, size_t number,
                            const char **ret_path, struct err *err)
{
    struct cmd *cmd = state->cmd;
    const char *blob = json_member_string(result, "blob");
    const char *type = json_member_string(result, "content_type");
    const char *text = json_member_string(result, "text");
    CLEANUP(fd) int from = -1;
    uint64_t size = 0;
    const char *path =
        arena_printf(cmd->arena, "%s/%s-%zu.%s", option_text(&cmd->options, PARAM_OUT),
                     plan_template_id(state->template), number,
                     text ? "txt" : media_extension(type ? type : ""));
    int rc = blob ? blob_get(state->home.blobs, blob, &from, &size, err) : 0;
    if (rc < 0)
        return rc;
    CLEANUP(fd) int to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    bool written = to >= 0 && (text ? write(to, text, strlen(text)) == (ssize_t)strlen(text)
                                    : run_copy(from, to, size) == 0);
    if (!written)
        return err_set(err, ERR_STORAGE, path, "The result %s cannot be written: %s.", path,
                       strerror(errno));
    *ret_path = path;
    return 0;
}

static int run_write_results(struct run_state *state, const struct store_workflow_full *full,
                             struct err *err)
{
    CLEANUP(json) json_t *paths = json_array();
    CLEANUP(json) json_t *results = NULL;
    const char *stored = full->workflow.result_json ? full->workflow.result_json : "[]";
    const char *out = option_text(&state->cmd->options, PARAM_OUT);
    int rc = json_parse(stored, strlen(stored), SIZE_MAX / 4, &results, err);
    if (rc == 0 && mkdir(out, 0777) < 0 && errno != EEXIST)
        rc = err_set(err, ERR_STORAGE, out, "The folder %s cannot be made: %s.", out,
                     strerror(errno));
    for (size_t i = 0; rc == 0 && i < json_array_size(results); i++) {
        const char *path = NULL;
        rc = run_write_result(state, json_array_get(results, i), i + 1, &path, err);
        if (rc == 0)
            json_array_append_new(paths, json_string(path));
        if (rc == 0 && !option_flag(&state->cmd->options, PARAM_JSON))
            printf("%s\n", path);
    }
    CLEANUP(free) char *text = json_text(paths, NULL);
    if (rc == 0 && option_flag(&state->cmd->options, PARAM_JSON))
        printf("{\"status\":\"success\",\"results\":%s}\n", text);
    return rc;
}

static int run_report(struct run_state *state, const struct store_workflow_full *full,
                      struct err *err)
{
    if (full->workflow.status == STORE_SUCCESS)
        return run_write_results(state, full, err);
    CLEANUP(json)
    json_t *error =
        full->workflow.error_json ? json_loads(full->workflow.error_json, 0, NULL) : NULL;
    const char *message = json_member_string(error, "message");
    const char *step = json_member_string(error, "step_id");
    const char *code = json_member_string(error, "code");
    return err_set(err, code ? err_from_wire(code) : ERR_INTERNAL, NULL, "%s%s%s%s",
                   message ? message : "The workflow did not succeed.", step ? " (step " : "",
                   step ? step : "", step ? ")" : "");
}

int cmd_run(struct cmd *cmd)
{
    int status;
    struct err err;
    struct run_state state = {.cmd = cmd, .home = {.pack_fd = -1, .lock_fd = -1}};
    struct store_workflow_full *full;
    if (!cmd_begin(cmd, PARAM_GROUP_INPUT | PARAM_GROUP_RUN | PARAM_GROUP_ENGINE, &status))
        return status;
    if (cmd->options.argument_count < 1)
        return cmd_usage(cmd, "Which template? reeld templates lists them.");
    signal(SIGPIPE, SIG_IGN);
    int rc = run_open(&state, &err);
    if (rc == 0)
        rc = run_find_template(&state, cmd->options.arguments[0], &err);
    if (rc == 0)
        rc = run_create(&state, &err);
    if (rc == 0) {
        const struct engine_settings settings = home_engine_settings(&state.home, &cmd->options);
        rc = engine_new(&settings, &state.engine, &err);
    }
    if (rc == 0)
        rc = run_watch(&state, &full, &err);
    if (rc == 0)
        rc = run_report(&state, full, &err);
    status = rc == 0 ? CMD_OK : cmd_fail(&err);
    /* Whatever its fault was called, a run that had begun was no wrong usage. */
    if (status == CMD_USAGE && state.engine)
        status = CMD_FAILED;
    run_close(&state);
    return status;
}
