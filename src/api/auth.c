#include "api/internal.h"

#include <string.h>
#include <strings.h>

/*
 * DESIGN. Keys are kept by the hash of their text in a small table, so that a request costs one SHA-256 and one look-up. The
 * table is dropped when any process has committed to the database, which is asked for twice a second at most: a revoked key
 * is honoured for less than a second. Unknown keys are not kept.
 */
enum { AUTH_SLOTS = 1024, AUTH_CHECK_US = 500 * 1000, AUTH_KEY_MAX = 256, AUTH_TEXT_MAX = 128 };

struct auth_slot {
    uint8_t digest[SHA256_SIZE];
    char *customer, *user; /* NULL when empty */
    struct limit *limit;
};

struct auth {
    struct api *api;
    struct store *store;
    pthread_mutex_t lock;
    struct auth_slot slots[AUTH_SLOTS]; /* under lock, as all below */
    int64_t checked_at;
    int64_t version;
};

struct auth *auth_new(struct api *api)
{
    struct auth *auth = mem_alloc(sizeof(*auth));
    auth->api = api;
    auth->store = api->settings.store;
    pthread_mutex_init(&auth->lock, NULL);
    return auth;
}

static void auth_clear(struct auth *auth)
{
    for (size_t i = 0; i < AUTH_SLOTS; i++) {
        free(auth->slots[i].customer);
        free(auth->slots[i].user);
        auth->slots[i] = (struct auth_slot){0};
    }
}

void auth_free(struct auth *auth)
{
    if (!auth)
        return;
    auth_clear(auth);
    pthread_mutex_destroy(&auth->lock);
    free(auth);
}

/* Drops what is kept when the database has moved on. Under lock. */
static void auth_refresh(struct auth *auth, int64_t now)
{
    int64_t version;
    if (now - auth->checked_at < AUTH_CHECK_US)
        return;
    auth->checked_at = now;
    if (store_data_version(auth->store, &version, NULL) < 0 || version != auth->version) {
        auth_clear(auth);
        auth->version = version;
    }
}

static struct auth_slot *auth_slot(struct auth *auth, const uint8_t digest[SHA256_SIZE])
{
    unsigned index = (unsigned)digest[0] << 8 | digest[1];
    return &auth->slots[index % AUTH_SLOTS];
}

static bool auth_find_kept(struct auth *auth, const uint8_t digest[SHA256_SIZE],
                           struct api_call *call)
{
    pthread_mutex_lock(&auth->lock);
    auth_refresh(auth, http_request_started_us(call->request));
    const struct auth_slot *slot = auth_slot(auth, digest);
    bool found = slot->customer && bytes_equal_constant_time(slot->digest, digest, SHA256_SIZE);
    if (found) {
        call->customer = arena_strdup(call->arena, slot->customer);
        call->user = arena_strdup(call->arena, slot->user);
        call->limit = slot->limit;
    }
    pthread_mutex_unlock(&auth->lock);
    return found;
}

static void auth_keep(struct auth *auth, const uint8_t digest[SHA256_SIZE],
                      const struct store_key *key, struct limit *limit)
{
    pthread_mutex_lock(&auth->lock);
    struct auth_slot *slot = auth_slot(auth, digest);
    free(slot->customer);
    free(slot->user);
    memcpy(slot->digest, digest, SHA256_SIZE);
    slot->customer = mem_strdup(key->customer);
    slot->user = mem_strdup(key->user);
    slot->limit = limit;
    pthread_mutex_unlock(&auth->lock);
}

/* The key as it was sent, or NULL. X-Api-Key wins. */
static const char *auth_given(const struct http_request *request)
{
    const char *key = http_request_header(request, "X-Api-Key");
    if (key)
        return key;
    const char *bearer = http_request_header(request, "Authorization");
    if (bearer && strncasecmp(bearer, "Bearer ", 7) == 0)
        return bearer + 7 + strspn(bearer + 7, " ");
    return NULL;
}

/* A header that is kept as text. NULL in *ret_text when it is absent or empty. */
static int auth_text(struct api_call *call, const char *name, const char **ret_text,
                     struct err *err)
{
    const char *text = http_request_header(call->request, name);
    if (!text || !*text)
        return 0;
    CLEANUP(json) json_t *utf8 = json_string(text);
    if (!utf8 || strlen(text) > AUTH_TEXT_MAX)
        return err_set(err, ERR_BAD_REQUEST, NULL,
                       "The %s header is UTF-8 text of at most %d bytes.", name, AUTH_TEXT_MAX);
    *ret_text = text;
    return 0;
}

/* A key that is not kept. */
static int auth_look_up(struct auth *auth, const uint8_t digest[SHA256_SIZE], struct api_call *call,
                        struct err *err)
{
    char sha256[SHA256_HEX_SIZE];
    struct store_key *key;
    hex_encode(digest, SHA256_SIZE, sha256);
    int rc = store_key_find(auth->store, call->arena, sha256, &key, err);
    if (rc == ERR_NOT_FOUND || (rc == 0 && key->revoked_at != 0))
        return err_set_default(err, ERR_UNAUTHORIZED);
    if (rc < 0)
        return rc;
    call->limit = limits_key(auth->api, key->id);
    auth_keep(auth, digest, key, call->limit);
    call->customer = key->customer;
    call->user = key->user;
    return 0;
}

int auth_check(struct auth *auth, struct api_call *call, struct err *err)
{
    const char *given = auth_given(call->request);
    uint8_t digest[SHA256_SIZE];
    if (!given || !*given || strlen(given) > AUTH_KEY_MAX)
        return err_set_default(err, ERR_UNAUTHORIZED);
    sha256_bytes(given, strlen(given), digest);
    int rc = auth_find_kept(auth, digest, call) ? 0 : auth_look_up(auth, digest, call, err);
    if (rc == 0)
        rc = auth_text(call, "Username", &call->user, err);
    return rc < 0 ? rc : auth_text(call, "X-Client-Type", &call->client_type, err);
}
