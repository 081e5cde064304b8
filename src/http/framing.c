/*
 * DESIGN. libmicrohttpd reads leniently here and there; a proxy before it may read the same bytes otherwise, and then somebody's body
 * becomes somebody else's request. So whatever is not plain is refused before the application sees it.
 *
 * What it forgave in the layout of the head (a bare line feed, a folded line, a NUL, a second space, a header without a name) no
 * function of it tells. But it parses in place: in the memory of the connection the head still stands as it came, with NULs for
 * the separators. So the parts that it hands out must lie behind one another, with nothing but those separators between them.
 * Two line ends cannot be told from CR LF any more: NUL LF, and, where the head ends, a colon and LF. A proxy that passes either on
 * would have to be looked for.
 * A library that did it otherwise would have every request refused, never a bad one taken.
 *
 * Of the lines between chunks nothing is left to look at. So a body in chunks is the last of its connection: what another reader
 * would find behind it is never read as a request.
 */
#include "http/internal.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct framing {
    uint64_t length;
    int lengths, encodings, hosts;
    bool bad_name, bad_value, bad_length, bad_encoding, bad_host;
    size_t bytes;
    const char *expected; /* where the next line begins */
    bool whole;           /* the lines are all of the head */
};

/* Behind a line that ended with CR LF; NULL when it did not. */
static const char *line_end(const char *end)
{
    return end && end[0] == '\0' && end[1] == '\0' ? end + 2 : NULL;
}

static void framing_request_line(struct framing *framing, const struct http_request *request,
                                 const char *method, const char *version)
{
    const char *target = method + strlen(method) + 1;
    bool plain = target == request->target_at && !strchr(request->raw_target, ' ') &&
                 version == target + strlen(request->raw_target) + 1;
    framing->expected = plain ? line_end(version + strlen(version)) : NULL;
}

static void framing_header_line(struct framing *framing, const char *name, size_t name_size,
                                const char *value, size_t value_size)
{
    const char *colon = name + name_size;
    if (framing->expected != name || value <= colon ||
        strspn(colon + 1, " \t") != (size_t)(value - colon - 1)) {
        framing->expected = NULL;
        return;
    }
    framing->expected = line_end(value + value_size);
}

/* RFC 9110, 5.6.2. */
static bool is_token(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (!isalnum((unsigned char)text[i]) && !memchr("!#$%&'*+-.^_`|~", text[i], 15))
            return false;
    }
    return size > 0;
}

/* RFC 3986, 3.2.2 and 3.2.3: a name or an address, and a port. */
bool framing_host_valid(const char *text, size_t size)
{
    static const char in_names[] = "-._~%!$&'()*+,;=", in_brackets[] = ":.";
    bool brackets = size > 0 && text[0] == '[';
    size_t at = brackets;
    for (; at < size && text[at] != (brackets ? ']' : ':'); at++) {
        if (brackets ? !isxdigit((unsigned char)text[at]) && !memchr(in_brackets, text[at], 2)
                     : !isalnum((unsigned char)text[at]) &&
                           !memchr(in_names, text[at], sizeof(in_names) - 1))
            return false;
    }
    if (brackets && (at == 1 || at++ == size))
        return false;
    if (at == size)
        return true;
    long port = 0;
    if (text[at++] != ':' || size - at > 5)
        return false;
    for (; at < size; at++) {
        if (!isdigit((unsigned char)text[at]))
            return false;
        port = port * 10 + (text[at] - '0');
    }
    return port <= 65535;
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
    framing_header_line(framing, name, name_size, value, value_size);
    framing->bytes += name_size + value_size + 4;
    framing->bad_name |= !is_token(name, name_size);
    framing->bad_value |= !is_plain(value, value_size);
    if (name_is(name, name_size, "Host")) {
        framing->hosts++;
        framing->bad_host |= !framing_host_valid(value, value_size);
    }
    if (name_is(name, name_size, "Content-Length")) {
        framing->lengths++;
        framing->bad_length |=
            value_size == 0 || value_size > 18 || strspn(value, "0123456789") != value_size;
        framing->length = strtoull(value, NULL, 10);
    } else if (name_is(name, name_size, "Transfer-Encoding")) {
        framing->encodings++;
        framing->bad_encoding |= !name_is(value, value_size, "chunked");
    }
    return MHD_YES;
}

/* Behind the headers the empty line, and with that the head ends. */
static bool framing_ends(const struct framing *framing, const struct http_request *request,
                         const char *method)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    return info && framing->expected && method + info->header_size == framing->expected + 2 &&
           line_end(framing->expected);
}

static const char *framing_fault(const struct http_request *request, const struct framing *framing,
                                 const char *version)
{
    bool is_1_0 = strcmp(version, "HTTP/1.0") == 0;
    if (!is_1_0 && strcmp(version, "HTTP/1.1") != 0)
        return "The server speaks HTTP/1.1.";
    if (!is_token(request->method, strlen(request->method)))
        return "The method is broken.";
    if (framing->bad_name)
        return "A header name is broken.";
    if (framing->bad_value)
        return "A header value has control characters.";
    if (!framing->whole)
        return "The lines of the head are not those of HTTP.";
    if (framing->lengths > 1 || framing->bad_length)
        return "Content-Length is one number.";
    if (framing->encodings > 1 || framing->bad_encoding)
        return "The only Transfer-Encoding is 'chunked'.";
    if (framing->lengths > 0 && framing->encodings > 0)
        return "Content-Length and Transfer-Encoding exclude each other.";
    if (framing->encodings > 0 && is_1_0)
        return "HTTP/1.0 has no Transfer-Encoding.";
    if (framing->hosts > 1)
        return "There is more than one Host header.";
    if (framing->hosts == 0 && !is_1_0)
        return "The Host header is missing.";
    if (framing->bad_host)
        return "The Host header is no host with a port.";
    if (request->target_is_broken)
        return "The URL is no path, or has a broken escape or control characters.";
    return NULL;
}

int framing_check(struct http_request *request, const char *method, const char *version,
                  const char **ret_reason)
{
    struct framing framing = {0};
    framing_request_line(&framing, request, method, version);
    MHD_get_connection_values_n(request->connection, MHD_HEADER_KIND, framing_header, &framing);
    framing.bytes += strlen(request->raw_target) + 16;
    framing.whole = framing_ends(&framing, request, method);
    request->announced = framing.length;
    request->in_chunks = framing.encodings > 0;
    request->announces_body = framing.length > 0 || request->in_chunks;
    *ret_reason = framing_fault(request, &framing, version);
    if (*ret_reason)
        return 400;
    if (strlen(request->raw_target) > request->server->settings.uri_bytes_max)
        return 414;
    return framing.bytes > request->server->settings.header_bytes_max ? 431 : 0;
}
