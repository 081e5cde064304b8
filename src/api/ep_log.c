#include "api/internal.h"

#include "base/clock.h"

#include <stdlib.h>

/*
 * DESIGN. Most of a workflow's log is in its rows already: when it and its steps began and ended, and why. Only what steps said on the
 * way, and attempts that were followed by another one, is kept apart, as notes.
 */
struct log_entry {
    int64_t at; /* wall us */
    size_t order;
    const char *level, *step_id, *text;
};

struct log_lines {
    struct arena *arena;
    struct log_entry *entries;
    size_t count, capacity;
};

static void log_add(struct log_lines *lines, int64_t at, const char *level, const char *step_id,
                    const char *text)
{
    if (at == 0)
        return;
    if (lines->count == lines->capacity) {
        size_t capacity = lines->capacity ? 2 * lines->capacity : 64;
        struct log_entry *grown = arena_array(lines->arena, capacity, sizeof(*grown));
        for (size_t i = 0; i < lines->count; i++)
            grown[i] = lines->entries[i];
        lines->entries = grown;
        lines->capacity = capacity;
    }
    lines->entries[lines->count] = (struct log_entry){at, lines->count, level, step_id, text};
    lines->count++;
}

static int log_compare(const void *left, const void *right)
{
    const struct log_entry *a = left, *b = right;
    if (a->at != b->at)
        return a->at < b->at ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

/* The sentence of a stored error. */
static const char *log_error_text(struct arena *a, const char *error_json)
{
    CLEANUP(json) json_t *error = error_json ? json_loads(error_json, 0, NULL) : NULL;
    const char *text = json_member_string(error, "message");
    return arena_strdup(a, text ? text : "Why is not known.");
}

static void log_add_task(struct log_lines *lines, const struct store_task *task)
{
    struct arena *a = lines->arena;
    const char *item = task->item_count > 1
                           ? arena_printf(a, " for item %d of %d", task->item + 1, task->item_count)
                           : "";
    const char *attempt = task->attempt > 1 ? arena_printf(a, ", attempt %d", task->attempt) : "";
    log_add(lines, task->started_at, "info", task->step_id,
            arena_printf(a, "The step began%s%s.", item, attempt));
    if (task->state == STORE_TASK_SUCCESS)
        log_add(lines, task->finished_at, "info", task->step_id,
                arena_printf(a, "The step is done%s after %.3f s.", item,
                             (double)task->duration_ms / 1000));
    else if (task->state == STORE_TASK_FAILED)
        log_add(lines, task->finished_at, "error", task->step_id,
                log_error_text(a, task->error_json));
    else if (task->state == STORE_TASK_SKIPPED && task->reason)
        log_add(lines, task->finished_at, "info", task->step_id,
                arena_printf(a, "The step was %s%s: %s", task->started_at ? "stopped" : "skipped",
                             item, task->reason));
}

static void log_add_workflow(struct log_lines *lines, const struct store_workflow_full *full)
{
    const struct store_workflow *workflow = &full->workflow;
    bool failed = workflow->status == STORE_FAIL;
    log_add(lines, workflow->created_at, "info", NULL, "The workflow was accepted.");
    log_add(lines, workflow->started_at, "info", NULL, "The workflow began.");
    for (size_t i = 0; i < full->task_count; i++)
        log_add_task(lines, &full->tasks[i]);
    log_add(lines, workflow->finished_at, failed ? "error" : "info", NULL,
            failed ? arena_printf(lines->arena, "The workflow failed: %s",
                                  log_error_text(lines->arena, workflow->error_json))
                   : arena_printf(lines->arena, "The workflow ended with %s.",
                                  store_status_text(workflow->status)));
}

static json_t *log_render(struct log_lines *lines)
{
    json_t *list = json_array();
    qsort(lines->entries, lines->count, sizeof(*lines->entries), log_compare);
    for (size_t i = 0; i < lines->count; i++) {
        const struct log_entry *entry = &lines->entries[i];
        char at[CLOCK_TEXT_SIZE];
        clock_format(entry->at, at);
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:s?, s:s}", "at", at, "level", entry->level,
                                        "step_id", entry->step_id, "text", entry->text));
    }
    return list;
}

void ep_log_read(struct api_call *call)
{
    struct store *store = call->api->settings.store;
    struct log_lines lines = {.arena = call->arena};
    struct store_workflow_full *full;
    struct store_note *notes;
    size_t count;
    struct err err;
    int rc = uuid_valid(call->values[0]) ? store_workflow_get(store, call->arena, call->customer,
                                                              call->values[0], &full, &err)
                                         : ERR_NOT_FOUND;
    if (rc == ERR_NOT_FOUND) {
        reply_code(call, ERR_NOT_FOUND);
        return;
    }
    if (rc == 0)
        rc = store_note_list(store, call->arena, call->values[0], &notes, &count, &err);
    if (rc != 0) {
        reply_error(call, &err);
        return;
    }
    log_add_workflow(&lines, full);
    for (size_t i = 0; i < count; i++)
        log_add(&lines, notes[i].at, notes[i].level, notes[i].step_id, notes[i].text);
    reply_json(call, 200, json_pack("{s:o}", "data", log_render(&lines)));
}
