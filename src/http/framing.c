/*
 * libmicrohttpd reads leniently here and there; a proxy before it may read the same bytes otherwise, and then somebody's body becomes
 * somebody else's request. So whatever is not plain is refused before the application sees it.
 */
#include "http/internal.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct framing {
    int lengths, encodings, hosts;
    bool bad_name, bad_value, bad_length, bad_encoding;
    size_t bytes;
};

/* RFC 9110, 5.6.2. */
static bool is_token(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (!isalnum((unsigned char)text[i]) && !memchr("!#$%&'*+-.^_`|~", text[i], 15))
            return false;
    }
    return size > 0;
}

static bool is_plain(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

static bool name_is(const char *name, size_t size, const char *wanted)
{
    return size == strlen(wanted) && strncasecmp(name, wanted, size) == 0;
}

static enum MHD_Result framing_header(void *context, enum MHD_ValueKind kind, const char *name,
                                      size_t name_size, const char *value, size_t value_size)
{
    struct framing *framing = context;
    (void)kind;
    if (!value)
        value = "";
    framing->bytes += name_size + value_size + 4;
    framing->bad_name |= !is_token(name, name_size);
    framing->bad_value |= !is_plain(value, value_size);
    framing->hosts += name_is(name, name_size, "Host");
    if (name_is(name, name_size, "Content-Length")) {
        framing->lengths++;
        framing->bad_length |=
            value_size == 0 || value_size > 18 || strspn(value, "0123456789") != value_size;
    } else if (name_is(name, name_size, "Transfer-Encoding")) {
        framing->encodings++;
        framing->bad_encoding |= !name_is(value, value_size, "chunked");
    }
    return MHD_YES;
}

int framing_check(const struct http_request *request, const char *version, const char **ret_reason)
{
    struct framing framing = {0};
    MHD_get_connection_values_n(request->connection, MHD_HEADER_KIND, framing_header, &framing);
    framing.bytes += strlen(request->raw_target) + 16;
    *ret_reason = NULL;
    if (strcmp(version, "HTTP/1.1") != 0 && strcmp(version, "HTTP/1.0") != 0)
        *ret_reason = "The server speaks HTTP/1.1.";
    else if (!is_token(request->method, strlen(request->method)))
        *ret_reason = "The method is broken.";
    else if (framing.bad_name)
        *ret_reason = "A header name is broken.";
    else if (framing.bad_value)
        *ret_reason = "A header value has control characters.";
    else if (framing.lengths > 1 || framing.bad_length)
        *ret_reason = "Content-Length is one number.";
    else if (framing.encodings > 1 || framing.bad_encoding)
        *ret_reason = "The only Transfer-Encoding is 'chunked'.";
    else if (framing.lengths > 0 && framing.encodings > 0)
        *ret_reason = "Content-Length and Transfer-Encoding exclude each other.";
    else if (framing.encodings > 0 && strcmp(version, "HTTP/1.0") == 0)
        *ret_reason = "HTTP/1.0 has no Transfer-Encoding.";
    else if (framing.hosts > 1)
        *ret_reason = "There is more than one Host header.";
    else if (request->target_is_broken)
        *ret_reason = "The path has a broken escape or control characters.";
    if (*ret_reason)
        return 400;
    if (strlen(request->raw_target) > request->server->settings.uri_bytes_max)
        return 414;
    return framing.bytes > request->server->settings.header_bytes_max ? 431 : 0;
}

bool framing_announces_body(const struct http_request *request, uint64_t *ret_length)
{
    const char *length = http_request_header(request, "Content-Length");
    bool chunked = http_request_header(request, "Transfer-Encoding") != NULL;
    *ret_length = length ? strtoull(length, NULL, 10) : 0;
    return chunked || *ret_length > 0;
}
