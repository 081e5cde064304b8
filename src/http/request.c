#include "http/internal.h"

#include "base/clock.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Most targets are: then their text is what they say. */
static bool percent_plain(const char *text, size_t length, bool form)
{
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (c < ' ' || c > '~' || c == '%' || (c == '+' && form))
            return false;
    }
    return true;
}

/* NULL when an escape is broken or hides a control character. */
static char *percent_decode(struct arena *a, const char *text, size_t length, bool form)
{
    if (percent_plain(text, length, form))
        return arena_strndup(a, text, length);
    char *decoded = arena_alloc(a, length + 1);
    size_t size = 0;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (c == '%') {
            int high = i + 2 < length ? hex_value(text[i + 1]) : -1;
            int low = high < 0 ? -1 : hex_value(text[i + 2]);
            if (high < 0 || low < 0)
                return NULL;
            c = (char)(high * 16 + low);
            i += 2;
        } else if (c == '+' && form) {
            c = ' ';
        }
        if ((unsigned char)c < 0x20 || c == 0x7f)
            return NULL;
        decoded[size++] = c;
    }
    return decoded;
}

/* Whether all of a query can be decoded. */
static bool percent_valid(struct arena *a, const char *text)
{
    size_t length = strlen(text);
    return percent_plain(text, length, true) || percent_decode(a, text, length, true);
}

/* Visible ASCII, so that it can be written into a log and a header as it is. */
static bool request_id_is_sane(const char *id)
{
    size_t length = id ? strlen(id) : 0;
    if (length == 0 || length > HTTP_REQUEST_ID_MAX)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (id[i] <= 0x20 || id[i] >= 0x7f || id[i] == '"' || id[i] == '\\')
            return false;
    }
    return true;
}

/* RFC 9112, 3.2: a path, or a whole URL, whose host then counts. */
static void request_read_target(struct http_request *request)
{
    struct arena *a = request->arena;
    const char *at = request->raw_target;
    size_t scheme = strncasecmp(at, "http://", 7) == 0    ? 7
                    : strncasecmp(at, "https://", 8) == 0 ? 8
                                                          : 0;
    if (scheme > 0) {
        size_t size = strcspn(at + scheme, "/?");
        request->authority = arena_strndup(a, at + scheme, size);
        request->target_is_broken = size == 0 || !framing_host_valid(request->authority, size);
        at += scheme + size;
    }
    size_t length = strcspn(at, "?");
    request->query = at + length + (at[length] == '?');
    request->path =
        scheme > 0 && length == 0 ? arena_strdup(a, "/") : percent_decode(a, at, length, false);
    if (!request->path || request->path[0] != '/' || !percent_valid(a, request->query))
        request->target_is_broken = true;
    if (request->target_is_broken)
        request->path = request->raw_target;
}

struct http_request *request_new(struct http_loop *loop, struct MHD_Connection *connection,
                                 const char *raw_target)
{
    struct arena *a = arena_new();
    struct http_request *request = arena_alloc(a, sizeof(*request));
    request->server = loop->server;
    request->loop = loop;
    request->connection = request->sleeper.connection = connection;
    request->arena = a;
    request->started_us = clock_monotonic_us();
    request->target_at = raw_target;
    request->raw_target = arena_strdup(a, raw_target);
    request_read_target(request);
    request->method = "";
    request->id = "";
    pthread_mutex_init(&request->lock, NULL);
    return request;
}

void request_set_head(struct http_request *request, const char *method)
{
    const char *id = http_request_header(request, "X-Request-Id");
    request->method = arena_strdup(request->arena, method);
    if (request_id_is_sane(id)) {
        request->id = arena_strdup(request->arena, id);
    } else {
        char *new_id = arena_alloc(request->arena, UUID_TEXT_SIZE);
        uuid_new(new_id);
        request->id = new_id;
    }
}

void request_free(struct http_request *request)
{
    struct arena *a = request->arena;
    multipart_free(request->form);
    buffer_finish(&request->body);
    buffer_finish(&request->part_text);
    if (request->response)
        MHD_destroy_response(request->response);
    pthread_mutex_destroy(&request->lock);
    arena_free(a);
}

struct arena *http_request_arena(struct http_request *request)
{
    return request->arena;
}

const char *http_request_method(const struct http_request *request)
{
    return request->method;
}

const char *http_request_path(const struct http_request *request)
{
    return request->path;
}

const char *http_request_raw_target(const struct http_request *request)
{
    return request->raw_target;
}

const char *http_request_header(const struct http_request *request, const char *name)
{
    const char *value = MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
    size_t length = value ? strlen(value) : 0;
    size_t kept = length;
    while (kept > 0 && (value[kept - 1] == ' ' || value[kept - 1] == '\t'))
        kept--;
    return kept == length ? value : arena_strndup(request->arena, value, kept);
}

const char *http_request_host(const struct http_request *request)
{
    const char *host =
        request->authority ? request->authority : http_request_header(request, "Host");
    return host && *host ? host : NULL;
}

void http_request_query(const struct http_request *request,
                        bool (*visit)(void *context, const char *name, const char *value),
                        void *context)
{
    for (const char *at = request->query; *at;) {
        size_t length = strcspn(at, "&");
        const char *equals = memchr(at, '=', length);
        size_t name_length = equals ? (size_t)(equals - at) : length;
        const char *value_text = equals ? equals + 1 : "";
        size_t value_length = equals ? length - name_length - 1 : 0;
        const char *name = percent_decode(request->arena, at, name_length, true);
        const char *value = percent_decode(request->arena, value_text, value_length, true);
        if (length > 0 && !visit(context, name, value))
            return;
        at += length + (at[length] == '&');
    }
}

struct query_search {
    const char *name, *value;
};

static bool query_value_is(void *context, const char *name, const char *value)
{
    struct query_search *search = context;
    if (strcmp(name, search->name) != 0)
        return true;
    search->value = value;
    return false;
}

const char *http_request_query_value(const struct http_request *request, const char *name)
{
    struct query_search search = {name, NULL};
    http_request_query(request, query_value_is, &search);
    return search.value;
}

const char *http_request_body(const struct http_request *request, size_t *ret_size)
{
    *ret_size = request->body.size;
    return request->body.size > 0 ? request->body.bytes : "";
}

uint64_t http_request_body_size(const struct http_request *request)
{
    return request->body_size;
}

const struct http_part *http_request_parts(const struct http_request *request, size_t *ret_count)
{
    *ret_count = request->part_count;
    return request->parts;
}

const char *http_request_file_name(const struct http_request *request)
{
    return request->file_name;
}

bool http_request_is_tls(const struct http_request *request)
{
    return request->server->settings.tls_cert_pem != NULL;
}

int64_t http_request_started_us(const struct http_request *request)
{
    return request->started_us;
}

const char *http_request_id(const struct http_request *request)
{
    return request->id;
}

void http_request_set_user_data(struct http_request *request, void *data)
{
    request->user_data = data;
}

void *http_request_user_data(const struct http_request *request)
{
    return request->user_data;
}
