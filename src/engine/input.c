#include "engine/internal.h"

#include "base/clock.h"
#include "base/log.h"

#include <ctype.h>
#include <string.h>

/*
 * DESIGN. A reference is looked up once per run: our own signed URL names its blob, a data: URI is decoded, anything else is
 * fetched by the net worker through the address guard. What came is recorded in the store, so that a run that is resumed or
 * retried sees the same bytes.
 */

static struct run_input *input_find(const struct run *run, const char *url)
{
    for (struct run_input *input = run->inputs; input; input = input->next) {
        if (strcmp(input->url, url) == 0)
            return input;
    }
    return NULL;
}

const char *inputs_find(const struct run *run, const char *url)
{
    const struct run_input *input = input_find(run, url);
    return input && input->state == INPUT_READY ? input->sha256 : NULL;
}

/* The name under which a reference is recorded: inline data by its hash, the rest as it is. */
static const char *input_record_name(struct arena *a, const char *url)
{
    char hex[SHA256_HEX_SIZE];
    if (strncasecmp(url, "data:", 5) != 0)
        return url;
    sha256_hex(url, strlen(url), hex);
    return arena_printf(a, "data:sha256,%s", hex);
}

static void input_recorded(void *context, int rc, const struct err *err)
{
    struct run_input *input = context;
    (void)input;
    if (rc < 0)
        log_line(LOG_WARNING, "an input could not be recorded", "reason", err->message, NULL);
}

static void input_record(struct run_input *input, uint64_t size)
{
    CLEANUP(arena) struct arena *a = arena_new();
    store_input_add(input->run->engine->settings.store, input->run->workflow.id,
                    input_record_name(a, input->url), input->sha256, (int64_t)size, NULL,
                    input_recorded, NULL);
}

/* --- what tasks wait for ------------------------------------------------------------------------ */

static void input_visit_value(struct task *task, const json_t *value,
                              void (*visit)(struct task *task, const char *url))
{
    if (json_is_string(value)) {
        visit(task, json_string_value(value));
        return;
    }
    size_t index;
    const json_t *item;
    json_array_foreach(value, index, item)
    {
        if (json_is_string(item))
            visit(task, json_string_value(item));
    }
}

static void input_visit_params(struct task *task, const struct step_type *type,
                               const json_t *params,
                               void (*visit)(struct task *task, const char *url))
{
    for (size_t i = 0; i < type->param_count; i++) {
        if (step_param_is_media(type->params[i].type))
            input_visit_value(task, json_object_get(params, type->params[i].name), visit);
    }
}

/* Also what is needed by the steps that run with it. */
static void input_visit(struct task *task, void (*visit)(struct task *task, const char *url))
{
    const struct run *run = task->run;
    input_visit_params(task, run->steps[task->step].info.type, task->params, visit);
    for (size_t i = 0; task->fuse && i < task->fuse->count; i++)
        input_visit_params(task, run->steps[task->fuse->steps[i].step].info.type,
                           task->fuse->steps[i].params, visit);
}

static void input_count_missing(struct task *task, const char *url)
{
    const struct run_input *input = input_find(task->run, url);
    if (!input || input->state == INPUT_PENDING)
        task->inputs_missing++;
    else if (input->state == INPUT_FAILED && task->input_fault.code == ERR_OK)
        task->input_fault = input->fault;
}

static void input_look(struct task *task)
{
    task->inputs_missing = 0;
    task->input_fault.code = ERR_OK;
    input_visit(task, input_count_missing);
}

/* Looks again at every task of the run that waits for inputs. */
static void inputs_changed(struct run *run)
{
    for (size_t i = 0; i < run->step_count; i++) {
        for (int k = 0; k < run->steps[i].task_count; k++) {
            struct task *task = &run->steps[i].tasks[k];
            if (task->phase == TASK_GATHERING)
                task_start(task);
        }
    }
}

static void input_ready(struct run_input *input, const char *sha256)
{
    memcpy(input->sha256, sha256, SHA256_HEX_SIZE);
    input->state = INPUT_READY;
}

static void input_failed(struct run_input *input, const struct err *fault)
{
    input->fault = *fault;
    input->state = INPUT_FAILED;
}

/* --- bytes to blobs, off the engine's thread ---------------------------------------------------- */

struct input_errand {
    struct errand errand;
    struct run_input *input;
    int rc;
    struct err err;
    char sha256[SHA256_HEX_SIZE];
    uint64_t size;
};

static void input_errand_done(struct engine *engine, struct errand *errand)
{
    struct input_errand *publish = (struct input_errand *)errand;
    struct run_input *input = publish->input;
    struct run *run = input->run;
    (void)engine;
    if (publish->rc == 0) {
        run_hold(run, publish->sha256);
        input_ready(input, publish->sha256);
        input_record(input, publish->size);
    } else {
        input_failed(input, &publish->err);
    }
    if (input->fd >= 0)
        close(input->fd);
    input->fd = -1;
    free(publish);
    if (!run->over)
        inputs_changed(run);
    run_unreference(run);
}

static void input_run_errand(struct run_input *input,
                             void (*work)(struct engine *engine, struct errand *errand))
{
    struct input_errand *publish = mem_alloc(sizeof(*publish));
    publish->errand.work = work;
    publish->errand.done = input_errand_done;
    publish->input = input;
    input->run->references++;
    engine_run_errand(input->run->engine, &publish->errand);
}

static void input_publish_work(struct engine *engine, struct errand *errand)
{
    struct input_errand *publish = (struct input_errand *)errand;
    publish->rc = blob_publish(engine->settings.blobs, publish->input->fd, publish->sha256,
                               &publish->size, &publish->err);
}

static int input_hex_digit(char c)
{
    return isdigit((unsigned char)c) ? c - '0' : (c | 0x20) - 'a' + 10;
}

static void *input_percent_decode(const char *text, size_t length, size_t *ret_size)
{
    char *bytes = mem_alloc(length + 1);
    size_t size = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '%' && i + 2 < length && isxdigit((unsigned char)text[i + 1]) &&
            isxdigit((unsigned char)text[i + 2])) {
            bytes[size++] =
                (char)(input_hex_digit(text[i + 1]) << 4 | input_hex_digit(text[i + 2]));
            i += 2;
        } else {
            bytes[size++] = text[i];
        }
    }
    *ret_size = size;
    return bytes;
}

static void input_decode_work(struct engine *engine, struct errand *errand)
{
    struct input_errand *publish = (struct input_errand *)errand;
    const char *url = publish->input->url;
    const char *comma = strchr(url, ',');
    CLEANUP(free) void *bytes = NULL;
    size_t size = 0;
    if (comma) {
        bool is_base64 = comma - url >= 7 && strncasecmp(comma - 7, ";base64", 7) == 0;
        size_t length = strlen(comma + 1);
        bytes = is_base64 ? base64_decode(comma + 1, length, &size)
                          : input_percent_decode(comma + 1, length, &size);
    }
    if (!bytes) {
        publish->rc = err_set(&publish->err, ERR_BAD_INPUT, NULL,
                              "An inline input is not a readable data: URI.");
        return;
    }
    publish->size = size;
    publish->rc = blob_put(engine->settings.blobs, bytes, size, publish->sha256, &publish->err);
}

/* --- fetching ----------------------------------------------------------------------------------- */

static void input_unlink_fetch(struct run_input *input)
{
    timer_clear(input->run->engine, &input->timer);
    struct run_input **at = &input->run->engine->fetches;
    while (*at != input)
        at = &(*at)->next_fetch;
    *at = input->next_fetch;
    input->job = 0;
    input->sent = false;
}

/* The net worker keeps the time itself; when it has not even said so, it hangs. */
static void input_timer(struct engine *engine, struct timer *timer)
{
    (void)timer;
    pool_kill(&engine->net, ERR_TIMEOUT);
}

/* ERR_UNAVAILABLE while there is no net worker to ask. */
static int input_send(struct run_input *input, struct err *err)
{
    enum { SLACK_S = 15 };
    struct engine *engine = input->run->engine;
    const struct engine_settings *settings = &engine->settings;
    int rc = input->fd >= 0 ? 0 : blob_create(settings->blobs, &input->fd, err);
    if (rc < 0)
        return rc;
    CLEANUP(json)
    json_t *message = json_pack(
        "{s:s, s:I, s:s, s:I, s:I, s:i, s:b}", "type", "fetch", "job", (json_int_t)input->job,
        "url", input->url, "max_bytes", (json_int_t)settings->input_bytes_max, "timeout_ms",
        (json_int_t)settings->fetch_timeout_s * 1000, "max_redirects",
        settings->fetch_redirects_max, "allow_private", settings->allow_private_networks);
    rc = pool_net_send(engine, message, input->fd, err);
    input->sent = rc == 0;
    if (rc == 0)
        timer_set(engine, &input->timer,
                  clock_monotonic_us() + ((int64_t)settings->fetch_timeout_s + SLACK_S) * 1000000);
    return rc;
}

static void input_fetch(struct run_input *input)
{
    struct engine *engine = input->run->engine;
    struct err fault;
    input->timer.fire = input_timer;
    input->job = engine->next_job++;
    input->next_fetch = engine->fetches;
    engine->fetches = input;
    int rc = input_send(input, &fault);
    if (rc == 0 || rc == ERR_UNAVAILABLE) {
        input->run->references++;
        return;
    }
    input_unlink_fetch(input);
    input_failed(input, &fault);
}

/* A file that is here already, as its signed URL says. */
static void input_take_own(struct run_input *input, const struct media_url *own)
{
    struct run *run = input->run;
    CLEANUP(fd) int fd = -1;
    struct err fault;
    blob_hold(run->engine->settings.blobs, own->sha256);
    run_hold(run, own->sha256);
    int rc = blob_get(run->engine->settings.blobs, own->sha256, &fd, NULL, &fault);
    if (rc == ERR_NOT_FOUND)
        err_set(&fault, ERR_BAD_INPUT, NULL, "The file behind an input is no longer there.");
    if (rc < 0) {
        input_failed(input, &fault);
        return;
    }
    input_ready(input, own->sha256);
    if (own->owner != MEDIA_WORKFLOW || strcmp(own->id, run->workflow.id) != 0)
        input_record(input, 0);
}

static void input_begin(struct run_input *input)
{
    struct run *run = input->run;
    const struct engine_settings *settings = &run->engine->settings;
    CLEANUP(arena) struct arena *a = arena_new();
    struct media_url own;
    struct err fault;
    const char *sha256;
    input->state = INPUT_PENDING;
    int rc = media_url_verify(settings->media_secret, input->url, clock_wall_us() / 1000000, &own,
                              &fault);
    if (rc == 0) {
        input_take_own(input, &own);
    } else if (store_input_find(settings->store, a, run->workflow.id,
                                input_record_name(a, input->url), &sha256, NULL) == 0) {
        input_ready(input, sha256); /* also when its signature has run out meanwhile */
    } else if (rc == ERR_FORBIDDEN) {
        err_set(&fault, ERR_FETCH_REFUSED, NULL, "%s", fault.message);
        input_failed(input, &fault);
    } else if (strncasecmp(input->url, "data:", 5) == 0) {
        input_run_errand(input, input_decode_work);
    } else if (plan_reference_check(input->url, true, &fault) < 0) {
        /* Whatever string ended up here, out of a text option or a step, passes the same check. */
        err_set(&fault, ERR_FETCH_REFUSED, NULL, "%s", fault.message);
        input_failed(input, &fault);
    } else {
        input_fetch(input);
    }
}

static struct run_input *fetch_of_job(struct engine *engine, int64_t job)
{
    for (struct run_input *input = engine->fetches; input; input = input->next_fetch) {
        if (input->job == job)
            return input;
    }
    return NULL;
}

static void input_fetch_failed(struct run_input *input, const struct err *fault)
{
    struct run *run = input->run;
    input_unlink_fetch(input);
    close(input->fd);
    input->fd = -1;
    input_failed(input, fault);
    if (!run->over)
        inputs_changed(run);
    run_unreference(run);
}

void input_net_answer(struct engine *engine, const json_t *message)
{
    const char *type = json_member_string(message, "type");
    struct run_input *input = fetch_of_job(engine, json_member_integer(message, "job", -1));
    if (!input)
        return;
    if (strcmp(type, "failed") == 0) {
        const char *code = json_member_string(message, "code");
        const char *text = json_member_string(message, "message");
        struct err fault;
        err_set(&fault, code ? err_from_wire(code) : ERR_FETCH_FAILED, NULL, "%s",
                text ? text : err_text(ERR_FETCH_FAILED));
        input_fetch_failed(input, &fault);
    } else if (strcmp(type, "fetched") == 0) {
        struct run *run = input->run;
        input_unlink_fetch(input);
        input_run_errand(input, input_publish_work);
        run_unreference(run);
    }
}

/* The first fetch that is, or is not, with the net worker. What follows from one may take others
 * off the list. */
static struct run_input *fetch_first(struct engine *engine, bool sent)
{
    struct run_input *input = engine->fetches;
    while (input && input->sent != sent)
        input = input->next_fetch;
    return input;
}

void input_net_ready(struct engine *engine)
{
    struct run_input *input;
    struct err fault;
    while ((input = fetch_first(engine, false))) {
        int rc = input_send(input, &fault);
        if (rc == ERR_UNAVAILABLE)
            return;
        if (rc < 0)
            input_fetch_failed(input, &fault);
    }
}

void input_net_lost(struct engine *engine)
{
    struct run_input *input;
    struct err lost;
    err_set(&lost, ERR_FETCH_FAILED, NULL,
            "The input could not be fetched: the process that fetches died.");
    while ((input = fetch_first(engine, true)))
        input_fetch_failed(input, &lost);
}

void inputs_stop(struct engine *engine)
{
    while (engine->fetches) {
        struct run_input *input = engine->fetches;
        input_unlink_fetch(input);
        run_unreference(input->run);
    }
}

/* --- for tasks and runs ------------------------------------------------------------------------- */

static void input_want(struct task *task, const char *url)
{
    struct run *run = task->run;
    struct run_input *input = input_find(run, url);
    if (!input) {
        input = mem_alloc(sizeof(*input));
        input->run = run;
        input->url = mem_strdup(url);
        input->fd = -1;
        input->next = run->inputs;
        run->inputs = input;
        input_begin(input);
    } else if (input->state == INPUT_FAILED && task->phase == TASK_UNCOMMITTED) {
        input_begin(input); /* a further attempt asks again */
    }
}

void inputs_gather(struct task *task)
{
    if (task->phase != TASK_GATHERING)
        input_visit(task, input_want);
    input_look(task);
}

void inputs_cancel(struct run *run)
{
    for (struct run_input *input = run->inputs; input; input = input->next) {
        if (input->job == 0)
            continue;
        CLEANUP(json)
        json_t *message = json_pack("{s:s, s:I}", "type", "cancel", "job", (json_int_t)input->job);
        if (input->sent)
            pool_net_send(run->engine, message, -1, NULL);
        input_unlink_fetch(input);
        close(input->fd);
        input->fd = -1;
        run->references--;
    }
}

void inputs_free(struct run *run)
{
    while (run->inputs) {
        struct run_input *input = run->inputs;
        run->inputs = input->next;
        if (input->job != 0)
            input_unlink_fetch(input);
        if (input->fd >= 0)
            close(input->fd);
        free(input->url);
        free(input);
    }
}
