#include "api/internal.h"

#include <string.h>

/*
 * DESIGN. A request with an Idempotency-Key is carried out once. Its answer becomes durable together with what it made. While it is
 * under way its key stands in a list; others with the same key wait behind it and are handled anew when it is over: then they
 * find the answer in the store, or, when it made nothing, the first of them has its turn. It is over when its answer was sent.
 */
enum { ONCE_KEY_MAX = 255 };

struct once_ticket {
    struct once_ticket *next;
    struct api *api;
    const char *customer, *key, *body_sha256; /* of the call, whose arena ends after the ticket */
    struct once_follower *followers;
};

struct once_follower {
    struct once_follower *next;
    struct api_call *call;
    void (*again)(struct api_call *call);
};

struct once {
    pthread_mutex_t lock;
    struct once_ticket *tickets; /* under lock */
    bool stopping;               /* under lock */
};

struct once *once_new(void)
{
    struct once *once = mem_alloc(sizeof(*once));
    pthread_mutex_init(&once->lock, NULL);
    return once;
}

void once_free(struct once *once)
{
    if (!once)
        return;
    pthread_mutex_destroy(&once->lock);
    free(once);
}

static void once_refuse(struct once_follower *followers)
{
    while (followers) {
        struct once_follower *next = followers->next;
        reply_code(followers->call, ERR_UNAVAILABLE);
        free(followers);
        followers = next;
    }
}

void once_stop(struct once *once)
{
    struct once_follower *followers = NULL;
    pthread_mutex_lock(&once->lock);
    once->stopping = true;
    for (struct once_ticket *ticket = once->tickets; ticket; ticket = ticket->next) {
        while (ticket->followers) {
            struct once_follower *follower = ticket->followers;
            ticket->followers = follower->next;
            follower->next = followers;
            followers = follower;
        }
    }
    pthread_mutex_unlock(&once->lock);
    once_refuse(followers);
}

/* With the arena of the call: it was answered, or the client has gone. */
static void once_release(void *object)
{
    struct once_ticket *ticket = object;
    struct once *once = ticket->api->once;
    pthread_mutex_lock(&once->lock);
    struct once_ticket **at = &once->tickets;
    while (*at != ticket)
        at = &(*at)->next;
    *at = ticket->next;
    for (struct once_follower *follower = ticket->followers; follower;) {
        struct once_follower *next = follower->next;
        wait_run(ticket->api->room, follower->again, follower->call);
        free(follower);
        follower = next;
    }
    pthread_mutex_unlock(&once->lock);
}

static bool once_key_ok(const char *key)
{
    size_t length = strlen(key);
    for (size_t i = 0; i < length; i++) {
        if (key[i] < 0x20 || key[i] > 0x7e)
            return false;
    }
    return length > 0 && length <= ONCE_KEY_MAX;
}

enum once_turn { ONCE_FIRST, ONCE_FOLLOWS, ONCE_STOPPING };

static enum once_turn once_enter(struct api_call *call, struct once_ticket *ticket,
                                 void (*again)(struct api_call *call))
{
    struct once *once = call->api->once;
    enum once_turn turn = ONCE_FIRST;
    pthread_mutex_lock(&once->lock);
    struct once_ticket *other = once->tickets;
    while (other &&
           (strcmp(other->key, ticket->key) != 0 || strcmp(other->customer, ticket->customer) != 0))
        other = other->next;
    if (once->stopping) {
        turn = ONCE_STOPPING;
    } else if (other) {
        struct once_follower *follower = mem_alloc(sizeof(*follower));
        struct once_follower **last = &other->followers;
        follower->call = call;
        follower->again = again;
        while (*last)
            last = &(*last)->next;
        *last = follower;
        turn = ONCE_FOLLOWS;
    } else {
        ticket->next = once->tickets;
        once->tickets = ticket;
    }
    pthread_mutex_unlock(&once->lock);
    return turn;
}

static void once_reply(struct api_call *call, const struct store_replay *replay)
{
    static const struct http_header replayed = {"Idempotent-Replayed", "true"};
    if (strcmp(replay->body_sha256, call->once->body_sha256) != 0) {
        struct err err;
        err_set(&err, ERR_CONFLICT, NULL, "The idempotency key was used for another body.");
        reply_error(call, &err);
        return;
    }
    http_reply(call->request, &(struct http_response){.status = 200,
                                                      .content_type = "application/json",
                                                      .body = replay->answer,
                                                      .body_size = strlen(replay->answer),
                                                      .file_fd = -1,
                                                      .headers = &replayed,
                                                      .header_count = 1});
}

static struct once_ticket *once_ticket_new(struct api_call *call, const char *key)
{
    struct once_ticket *ticket = arena_alloc(call->arena, sizeof(*ticket));
    char sha256[SHA256_HEX_SIZE];
    size_t size;
    const char *body = http_request_body(call->request, &size);
    sha256_hex(body, size, sha256);
    ticket->api = call->api;
    ticket->customer = call->customer;
    ticket->key = key;
    ticket->body_sha256 = arena_strdup(call->arena, sha256);
    return ticket;
}

bool once_begin(struct api_call *call, void (*again)(struct api_call *call))
{
    const char *key = http_request_header(call->request, "Idempotency-Key");
    struct store_replay *replay;
    struct err err;
    if (!key)
        return true;
    if (!once_key_ok(key)) {
        err_set(&err, ERR_BAD_REQUEST, NULL,
                "The Idempotency-Key header is 1 to %d printable ASCII characters.", ONCE_KEY_MAX);
        reply_error(call, &err);
        return false;
    }
    struct once_ticket *ticket = once_ticket_new(call, key);
    enum once_turn turn = once_enter(call, ticket, again);
    if (turn == ONCE_STOPPING)
        reply_code(call, ERR_UNAVAILABLE);
    if (turn != ONCE_FIRST)
        return false;
    call->once = ticket;
    arena_defer(call->arena, once_release, ticket);
    int rc = store_replay_find(call->api->settings.store, call->arena, call->customer, key, &replay,
                               &err);
    if (rc == 0)
        once_reply(call, replay);
    else if (rc != ERR_NOT_FOUND)
        reply_error(call, &err);
    return rc == ERR_NOT_FOUND;
}

const struct store_replay *once_replay(struct api_call *call, const char *answer,
                                       struct store_replay *replay)
{
    if (!call->once)
        return NULL;
    *replay = (struct store_replay){
        .key = call->once->key, .body_sha256 = call->once->body_sha256, .answer = answer};
    return replay;
}

struct once_answer {
    struct api_call *call;
    const char *text;
    size_t size;
};

/* On the store's writer thread. An answer that could not be kept is given all the same; the one from the creation stays. */
static void once_answer_kept(void *context, int rc, const struct err *err)
{
    struct once_answer *answer = context;
    (void)rc, (void)err;
    reply_text(answer->call, 200, answer->text, answer->size);
}

void once_answer(struct api_call *call, const char *workflow_id)
{
    struct store_workflow_full *full;
    struct once_answer *answer = arena_alloc(call->arena, sizeof(*answer));
    if (!workflow_find(call, call->arena, workflow_id, &full))
        return;
    answer->call = call;
    answer->text = workflow_render(call, full, &answer->size);
    store_replay_answer(call->api->settings.store, call->customer, call->once->key, answer->text,
                        once_answer_kept, answer);
}
