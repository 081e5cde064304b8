#include "api/internal.h"

#include "base/clock.h"
#include "base/hash.h"
#include "engine/machine.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/*
 * DESIGN. Events are read off the committed rows, nothing is kept of them. A workflow's revision grows with every commit, and a task
 * knows the revision that changed it last; so the events of a revision are the tasks that say it, progress, and the
 * workflow itself. An event's id is the revision and a place within it. Who comes back with the id that it saw last gets the
 * tasks that changed after it, and the object as it is.
 */
enum { EVENT_PLACES = 10000, EVENT_PROGRESS = 9998, EVENT_WORKFLOW = 9999 };

_Static_assert(PLAN_STEPS_MAX *PLAN_FAN_OUT_MAX < EVENT_PROGRESS, "every task has a place");

static const int64_t event_heartbeat_us = 15 * 1000000;

struct listener {
    struct wait_member member;
    struct api *api;
    /* NULL when the stream has begun: with the request it may end at any time */
    struct api_call *call;
    struct http_stream *stream; /* NULL until then */
    char *base;
    char id[UUID_TEXT_SIZE];
    int64_t last_id;  /* of the last event, 0: none yet */
    int64_t revision; /* what it was shown last */
    int status;       /* of that revision; -1: not known */
    int progress;
    uint32_t running;     /* hash of what ran then */
    int64_t heartbeat_at; /* monotonic us */
    atomic_bool gone;
};

/* What listeners with the same base have rendered in one look; texts are made when they are asked for. */
struct event_batch {
    const char *base;
    const char *workflow;
    const char **tasks;
};

static struct event_batch *event_batch(struct listener *listener, struct wait_view *view)
{
    if (!view->events || strcmp(view->events->base, listener->base) != 0) {
        view->events = arena_alloc(view->arena, sizeof(*view->events));
        view->events->base = arena_strdup(view->arena, listener->base);
        view->events->tasks =
            arena_array(view->arena, view->full->task_count + 1, sizeof(*view->events->tasks));
    }
    return view->events;
}

static const char *event_text(struct arena *a, json_t *json)
{
    const char *text = json_arena_text(a, json);
    json_decref(json);
    return text;
}

static void event_append(struct buffer *text, int64_t id, const char *name, const char *data)
{
    buffer_printf(text, "id: %lld\nevent: %s\ndata: ", (long long)id, name);
    buffer_append_text(text, data);
    buffer_append_text(text, "\n\n");
}

static void event_append_workflow(struct listener *listener, struct wait_view *view,
                                  struct buffer *text)
{
    struct event_batch *batch = event_batch(listener, view);
    if (!batch->workflow)
        batch->workflow =
            event_text(view->arena, render_workflow_object(view->arena, listener->api,
                                                           listener->base, view->full));
    event_append(text, view->full->workflow.revision * EVENT_PLACES + EVENT_WORKFLOW, "workflow",
                 batch->workflow);
}

static void event_append_task(struct listener *listener, struct wait_view *view, size_t index,
                              int64_t id, struct buffer *text)
{
    struct event_batch *batch = event_batch(listener, view);
    if (!batch->tasks[index])
        batch->tasks[index] =
            event_text(view->arena, render_task(view->arena, listener->api, listener->base,
                                                view->full, &view->full->tasks[index]));
    event_append(text, id, "step", batch->tasks[index]);
}

static void event_append_progress(struct wait_view *view, struct buffer *text)
{
    const struct store_workflow *workflow = &view->full->workflow;
    buffer_printf(text,
                  "id: %lld\nevent: progress\ndata: {\"id\":\"%s\",\"processing_status\":\"%s\","
                  "\"progress_percentage\":%d,\"running_steps\":",
                  (long long)workflow->revision * EVENT_PLACES + EVENT_PROGRESS, workflow->id,
                  store_status_text(workflow->status), workflow->progress);
    buffer_append_text(text, workflow->running_json ? workflow->running_json : "[]");
    buffer_append_text(text, "}\n\n");
}

static int64_t event_task_id(const struct store_task *task)
{
    return task->revision * EVENT_PLACES + task->position * PLAN_FAN_OUT_MAX + task->item + 1;
}

static int event_compare(const void *left, const void *right)
{
    const int64_t one = *(const int64_t *)left, other = *(const int64_t *)right;
    return (one > other) - (one < other);
}

/* The tasks that changed after what the listener has seen, in the order of their ids. */
static size_t event_append_tasks(struct listener *listener, struct wait_view *view,
                                 struct buffer *text)
{
    struct {
        int64_t id;
        size_t index;
    } *changed = arena_array(view->arena, view->full->task_count + 1, sizeof(*changed));
    size_t count = 0;
    for (size_t i = 0; i < view->full->task_count; i++) {
        int64_t id = event_task_id(&view->full->tasks[i]);
        if (id <= listener->last_id)
            continue;
        changed[count].id = id;
        changed[count++].index = i;
    }
    qsort(changed, count, sizeof(*changed), event_compare);
    for (size_t i = 0; i < count; i++)
        event_append_task(listener, view, changed[i].index, changed[i].id, text);
    return count;
}

static uint32_t event_running(const struct store_workflow *workflow)
{
    return workflow->running_json ? (uint32_t)hash_text(workflow->running_json) : 0;
}

static void event_append_news(struct listener *listener, struct wait_view *view,
                              struct buffer *text)
{
    const struct store_workflow *workflow = &view->full->workflow;
    bool final = machine_run_final(workflow->status);
    uint32_t running = event_running(workflow);
    if (listener->last_id == 0) {
        event_append_workflow(listener, view, text);
    } else if (workflow->revision > listener->revision) {
        size_t tasks = event_append_tasks(listener, view, text);
        bool moved = workflow->progress != listener->progress || running != listener->running;
        if (moved && !final)
            event_append_progress(view, text);
        if ((int)workflow->status != listener->status || final || (tasks == 0 && !moved))
            event_append_workflow(listener, view, text);
    }
    listener->last_id = workflow->revision * EVENT_PLACES + EVENT_WORKFLOW;
    listener->revision = workflow->revision;
    listener->status = (int)workflow->status;
    listener->progress = workflow->progress;
    listener->running = running;
}

/* On a thread of the HTTP server. The room's thread ends the stream. */
static void event_gone(void *context)
{
    struct listener *listener = context;
    atomic_store(&listener->gone, true);
    wait_changed(listener->api->room, listener->id, false);
}

static bool event_leave(struct listener *listener)
{
    http_stream_end(listener->stream);
    free(listener->base);
    free(listener);
    return false;
}

static bool event_look(struct wait_member *member, struct wait_view *view)
{
    struct listener *listener = (struct listener *)member;
    CLEANUP(buffer) struct buffer text = {0};
    int64_t now = clock_monotonic_us();
    if (!listener->stream)
        listener->stream =
            http_reply_stream(listener->call->request, "text/event-stream", event_gone, listener);
    listener->call = NULL;
    if (!view->full || atomic_load(&listener->gone))
        return event_leave(listener);
    event_append_news(listener, view, &text);
    if (text.size == 0 && now >= listener->heartbeat_at)
        buffer_append_text(&text, ":\n\n"); /* a comment: finds out who has gone */
    if (text.size > 0) {
        listener->heartbeat_at = (now + event_heartbeat_us) / 1000000 * 1000000;
        if (http_stream_write(listener->stream, text.bytes, text.size, NULL) < 0)
            return event_leave(listener); /* too slow; it can come back with its last id */
    }
    if (machine_run_final(view->full->workflow.status) || wait_is_stopping(listener->api->room))
        return event_leave(listener);
    member->until = listener->heartbeat_at;
    return true;
}

/* What the client saw last; 0 when it says nothing that an id of this workflow could be. */
static int64_t event_last_id(struct api_call *call, const struct store_workflow *workflow)
{
    enum { DIGITS_MAX = 17 };
    const char *text = http_request_header(call->request, "Last-Event-ID");
    size_t digits = text ? strspn(text, "0123456789") : 0;
    if (digits == 0 || digits > DIGITS_MAX || text[digits])
        return 0;
    int64_t id = strtoll(text, NULL, 10);
    return id <= workflow->revision * EVENT_PLACES + EVENT_WORKFLOW ? id : 0;
}

void ep_event_stream(struct api_call *call)
{
    CLEANUP(arena) struct arena *scratch = arena_new();
    struct store_workflow_full *full;
    struct err err;
    if (!workflow_find(call, scratch, call->values[0], &full))
        return;
    if (strcmp(http_request_method(call->request), "HEAD") == 0) {
        http_reply(call->request, &(struct http_response){.status = 200,
                                                          .content_type = "text/event-stream",
                                                          .file_fd = -1});
        return;
    }
    struct listener *listener = mem_alloc(sizeof(*listener));
    listener->member.look = event_look;
    listener->member.limit = call->limit;
    listener->api = call->api;
    listener->call = call;
    listener->base = mem_strdup(render_base(call));
    memcpy(listener->id, full->workflow.id, sizeof(listener->id));
    listener->last_id = event_last_id(call, &full->workflow);
    /* The last revision of which it saw everything: an id in the middle leaves the rest of its revision to come. */
    listener->revision = (listener->last_id + 1) / EVENT_PLACES - 1;
    bool known = listener->revision == full->workflow.revision;
    listener->status = known ? (int)full->workflow.status : -1;
    listener->progress = known ? full->workflow.progress : -1;
    listener->running = known ? event_running(&full->workflow) : 0;
    listener->heartbeat_at = clock_monotonic_us() + event_heartbeat_us;
    listener->member.until = listener->heartbeat_at;
    if (wait_join(call->api->room, &listener->member, full->workflow.id, &err) < 0) {
        free(listener->base);
        free(listener);
        reply_error(call, &err);
    }
}
