/*
 * HTTP on a socket of loopback, at random but always the same: what a client meant is what the application sees, however it was
 * encoded and cut into pieces; and of requests that were spoiled, none is taken that a strict reader refuses.
 */
#include "http_fixture.h"

#include "base/buffer.h"
#include "base/cleanup.h"

#include <ctype.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

/* splitmix64 */
static uint64_t random_state;

static unsigned random_below(unsigned limit)
{
    uint64_t z = (random_state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (unsigned)((z ^ (z >> 31)) % limit);
}

/* --- what a client means ------------------------------------------------------------------------ */

/* No control characters and no NUL, so that answers are texts. */
static char random_byte(void)
{
    for (;;) {
        char c = (char)random_below(256);
        if ((unsigned char)c >= 0x20 && c != 0x7f)
            return c;
    }
}

static void append_encoded(struct buffer *b, char c, bool form)
{
    bool safe = isalnum((unsigned char)c) || memchr("-._~!$'()*,;:@/", c, 15);
    if (form && c == ' ' && random_below(2) == 0)
        buffer_append_char(b, '+');
    else if (safe && random_below(4) > 0)
        buffer_append_char(b, c);
    else
        buffer_printf(b, random_below(2) ? "%%%02X" : "%%%02x", (unsigned)(unsigned char)c);
}

static void append_query(struct buffer *wire, struct buffer *meant)
{
    unsigned pairs = random_below(5);
    for (unsigned i = 0; i < pairs; i++) {
        buffer_append_char(wire, i == 0 ? '?' : '&');
        for (int side = 0; side < 2; side++) {
            unsigned length = random_below(8) + (side == 0);
            for (unsigned k = 0; k < length; k++) {
                char c = random_byte();
                append_encoded(wire, c, true);
                buffer_append_char(meant, c);
            }
            if (side == 0)
                buffer_append_char(wire, '=');
            buffer_append_char(meant, side == 0 ? '=' : ';');
        }
    }
}

static void append_blanks(struct buffer *wire)
{
    for (unsigned i = random_below(3); i > 0; i--)
        buffer_append_char(wire, random_below(2) ? ' ' : '\t');
}

/* In any order and any letters, blanks around the value. */
static void append_headers(struct buffer *wire, struct buffer *user)
{
    unsigned count = random_below(6), own = random_below(count + 1);
    for (unsigned i = 0; i <= count; i++) {
        if (i == own) {
            buffer_append_text(wire, random_below(2) ? "Username:" : "uSERNAME:");
            append_blanks(wire);
            buffer_append_char(user, 'u');
            for (unsigned k = random_below(20); k > 0; k--)
                buffer_append_char(user, random_byte());
            buffer_append_char(user, 'e');
            buffer_append(wire, user->bytes, user->size);
        } else {
            buffer_printf(wire, "X-%u!#$%%&'*+-.^_`|~:", random_below(100));
            append_blanks(wire);
            for (unsigned k = random_below(30); k > 0; k--)
                buffer_append_char(wire, random_byte());
        }
        append_blanks(wire);
        buffer_append_text(wire, "\r\n");
    }
}

static void append_chunked(struct buffer *wire, const char *body, size_t size)
{
    while (size > 0) {
        size_t part = 1 + random_below((unsigned)size);
        buffer_printf(wire, random_below(2) ? "%zx" : "0%zX", part);
        if (random_below(3) == 0)
            buffer_append_text(wire, ";name=\"value\"");
        buffer_append_text(wire, "\r\n");
        buffer_append(wire, body, part);
        buffer_append_text(wire, "\r\n");
        body += part;
        size -= part;
    }
    buffer_append_text(wire, random_below(2) ? "0\r\n\r\n" : "0\r\nX-Trailer: a\r\n\r\n");
}

static void append_body(struct buffer *wire, const struct buffer *body)
{
    if (random_below(2)) {
        buffer_printf(wire, "Content-Length: %zu\r\n\r\n", body->size);
        buffer_append(wire, body->size ? body->bytes : "", body->size);
    } else {
        buffer_append_text(wire, "Transfer-Encoding: chunked\r\n\r\n");
        append_chunked(wire, body->bytes, body->size);
    }
}

/* Looks like a boundary now and then, but has none. */
static void random_content(struct buffer *content)
{
    static const char *const tricky[] = {"\r\n", "--", "\r\n--", "--XY", "\r\n-XY", "\n--XY", "-"};
    do {
        content->size = 0;
        buffer_append_text(content, "\r\n");
        for (unsigned k = random_below(6); k > 0; k--) {
            if (random_below(2))
                buffer_append_text(content, tricky[random_below(7)]);
            else
                buffer_append_char(content, random_byte());
        }
        buffer_append_char(content, '\0');
    } while (strstr(content->bytes, "\r\n--XY") || content->size > 20);
    content->size--;
    buffer_consume(content, 2);
}

static void random_form(struct buffer *form, struct buffer *meant)
{
    unsigned parts = 1 + random_below(4);
    for (unsigned i = 0; i < parts; i++) {
        CLEANUP(buffer) struct buffer content = {0};
        bool file = random_below(2);
        random_content(&content);
        size_t size = content.size;
        buffer_printf(form, "--XY\r\nContent-Disposition: form-data; name=\"n%u\"", i);
        buffer_printf(meant, "n%u[%s]", i, file ? "f.png" : "-");
        if (file)
            buffer_append_text(form, "; filename=\"f.png\"\r\nContent-Type: image/png");
        buffer_append_text(form, "\r\n\r\n");
        buffer_append(form, content.size ? content.bytes : "", size);
        buffer_append(meant, content.size ? content.bytes : "", size);
        buffer_append_text(form, "\r\n");
        if (file)
            buffer_printf(meant, "(%zu)", size);
        buffer_append_char(meant, ';');
    }
    buffer_append_text(form, "--XY--\r\n");
}

/* A request, and the text that the application of the fixture answers. */
static void random_request(struct buffer *wire, struct buffer *answer)
{
    static const char *const targets[] = {"/x", "/memory", "/parts"};
    CLEANUP(buffer) struct buffer query = {0}, user = {0}, body = {0}, parts = {0};
    unsigned kind = random_below(3);
    size_t texts = 0;
    buffer_printf(wire, "%s ", kind == 0 ? "GET" : "POST");
    for (const char *c = targets[kind]; *c; c++) {
        if (*c == '/')
            buffer_append_char(wire, *c);
        else
            append_encoded(wire, *c, false);
    }
    append_query(wire, &query);
    buffer_append_text(wire, " HTTP/1.1\r\nConnection: close\r\n");
    append_headers(wire, &user);
    buffer_append_text(wire, "Host: a\r\n");
    if (kind == 0) {
        buffer_append_text(wire, "\r\n");
    } else if (kind == 1) {
        for (unsigned k = random_below(BODY_MAX + 1); k > 0; k--)
            buffer_append_char(&body, random_byte());
        append_body(wire, &body);
        texts = body.size;
    } else {
        random_form(&body, &parts);
        buffer_append_text(wire, "Content-Type: multipart/form-data; boundary=XY\r\n");
        append_body(wire, &body);
    }
    buffer_append(answer, parts.size ? parts.bytes : "", parts.size);
    buffer_printf(answer, "%s %s query ", kind == 0 ? "GET" : "POST", targets[kind]);
    buffer_append(answer, query.size ? query.bytes : "", query.size);
    if (kind == 2) /* how much is text depends on the parts, which are compared themselves */
        return;
    buffer_printf(answer, " body %zu ", texts);
    buffer_append(answer, texts ? body.bytes : "", texts);
    buffer_append_text(answer, " name none user ");
    buffer_append(answer, user.bytes, user.size);
    buffer_append_char(answer, '.');
}

static char *talk_in_pieces(const struct buffer *wire)
{
    const int on = 1;
    CLEANUP(fd) int fd = fixture_connect();
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    for (size_t sent = 0; sent < wire->size;) {
        size_t left = wire->size - sent;
        size_t piece = random_below(3) ? 1 + random_below(40) : left;
        ssize_t got = send(fd, wire->bytes + sent, piece < left ? piece : left, MSG_NOSIGNAL);
        if (got <= 0)
            break; /* it refused before it had read all */
        sent += (size_t)got;
    }
    return fixture_receive(fd);
}

static void test_what_is_meant_is_seen(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 500; seed++) {
        CLEANUP(buffer) struct buffer wire = {0}, expected = {0};
        random_state = seed;
        random_request(&wire, &expected);
        buffer_append_char(&wire, '\0');
        buffer_append_char(&expected, '\0');
        wire.size--;
        CLEANUP(free) char *answer = talk_in_pieces(&wire);
        const char *body = strstr(answer, "\r\n\r\n");
        if (fixture_status(answer) != 200 || !body ||
            strncmp(body + 4, expected.bytes, strlen(expected.bytes)) != 0)
            fail_msg("seed %llu:\n%s\nwas answered\n%s\nand not\n%s", (unsigned long long)seed,
                     wire.bytes, answer, expected.bytes);
    }
}

/* --- a strict reader ---------------------------------------------------------------------------- */

struct reader {
    const char *at, *end;
};

static bool read_text(struct reader *reader, const char *text)
{
    size_t size = strlen(text);
    if ((size_t)(reader->end - reader->at) < size || memcmp(reader->at, text, size) != 0)
        return false;
    reader->at += size;
    return true;
}

/* CR LF. A NUL in the place of the CR, and a colon at the end of a head, cannot be told from it any more: see framing.c. */
static bool read_line_end(struct reader *reader)
{
    if (reader->end - reader->at < 2 || reader->at[1] != '\n' || !memchr("\r\0:", reader->at[0], 3))
        return false;
    reader->at += 2;
    return true;
}

static bool is_token_byte(char c)
{
    return isalnum((unsigned char)c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool read_token(struct reader *reader)
{
    const char *start = reader->at;
    while (reader->at < reader->end && is_token_byte(*reader->at))
        reader->at++;
    return reader->at > start;
}

struct strict_head {
    int hosts, lengths, encodings;
    bool bad;
    size_t length;
};

static bool is_named(const char *name, size_t size, const char *wanted)
{
    return size == strlen(wanted) && strncasecmp(name, wanted, size) == 0;
}

/* A field line; false when it is none. */
static bool read_field(struct reader *reader, struct strict_head *head)
{
    const char *name = reader->at;
    if (!read_token(reader))
        return false;
    size_t name_size = (size_t)(reader->at - name);
    if (!read_text(reader, ":"))
        return false;
    while (reader->at < reader->end && (*reader->at == ' ' || *reader->at == '\t'))
        reader->at++;
    const char *value = reader->at;
    while (reader->at < reader->end &&
           ((unsigned char)*reader->at >= 0x20 || *reader->at == '\t') && *reader->at != 0x7f)
        reader->at++;
    size_t size = (size_t)(reader->at - value);
    while (size > 0 && (value[size - 1] == ' ' || value[size - 1] == '\t'))
        size--;
    head->hosts += is_named(name, name_size, "Host");
    if (is_named(name, name_size, "Content-Length")) {
        head->lengths++;
        head->length = 0;
        head->bad |= size == 0 || size > 9;
        for (size_t i = 0; i < size; i++) {
            head->bad |= !isdigit((unsigned char)value[i]);
            head->length = head->length * 10 + (size_t)(value[i] - '0');
        }
    } else if (is_named(name, name_size, "Transfer-Encoding")) {
        head->encodings++;
        head->bad |= !is_named(value, size, "chunked");
    }
    return read_line_end(reader);
}

/* One whole request. A body in chunks is the last thing that is read of a connection, and counts by its head. */
static bool read_request(struct reader *reader)
{
    struct strict_head head = {0};
    while (read_line_end(reader) || read_text(reader, "\n"))
        continue; /* empty lines before a request are nothing */
    if (!read_token(reader) || !read_text(reader, " "))
        return false;
    const char *target = reader->at;
    while (reader->at < reader->end && (unsigned char)*reader->at > 0x20 && *reader->at != 0x7f)
        reader->at++;
    if (reader->at == target || !read_text(reader, " HTTP/1."))
        return false;
    bool is_1_0 = read_text(reader, "0");
    if ((!is_1_0 && !read_text(reader, "1")) || !read_line_end(reader))
        return false;
    while (!read_line_end(reader)) {
        if (!read_field(reader, &head))
            return false;
    }
    if (head.bad || head.hosts > 1 || (head.hosts == 0 && !is_1_0) || head.lengths > 1 ||
        head.encodings > 1 || (head.lengths > 0 && head.encodings > 0) ||
        (head.encodings > 0 && is_1_0))
        return false;
    if (head.encodings > 0) {
        reader->at = reader->end;
        return true;
    }
    if ((size_t)(reader->end - reader->at) < head.length)
        return false;
    reader->at += head.length;
    return true;
}

static int count_strict(const struct buffer *wire)
{
    struct reader reader = {wire->bytes, wire->bytes + wire->size};
    int count = 0;
    while (reader.at < reader.end && read_request(&reader))
        count++;
    return count;
}

/* --- spoiled requests --------------------------------------------------------------------------- */

static void spoil(struct buffer *wire)
{
    static const char bytes[] = {'\r', '\n', '\n', '\r', ' ', '\t', ':', ';',    ',',  '\0',  '\1',
                                 '0',  '1',  '5',  'a',  'f', '-',  '+', '\x7f', '\v', '\x80'};
    for (unsigned times = 1 + random_below(3); times > 0; times--) {
        size_t at = random_below((unsigned)wire->size);
        size_t size = 1 + random_below(6);
        struct buffer made = {0};
        buffer_append(&made, wire->bytes, at);
        switch (random_below(4)) {
        case 0: /* another byte */
            buffer_append_char(&made, bytes[random_below(sizeof(bytes))]);
            at++;
            break;
        case 1: /* a byte more */
            buffer_append_char(&made, bytes[random_below(sizeof(bytes))]);
            break;
        case 2: /* some less */
            at += size < wire->size - at ? size : wire->size - at;
            break;
        default: /* some twice */
            buffer_append(&made, wire->bytes + at, size < wire->size - at ? size : wire->size - at);
            break;
        }
        buffer_append(&made, wire->bytes + at, wire->size - at);
        buffer_finish(wire);
        *wire = made;
        if (wire->size == 0)
            buffer_append_char(wire, 'x');
    }
}

static void append_plain_requests(struct buffer *wire)
{
    static const char *const plain[] = {
        "GET /x HTTP/1.1\r\nHost: a\r\nA: b\r\n\r\n",
        "POST /memory HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
        "POST /memory HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        "5\r\nhello\r\n3;a=b\r\nyou\r\n0\r\n\r\n",
        "POST /memory HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        "1\r\nh\r\n0\r\nTrailer: a\r\n\r\n"};
    for (int i = 0; i < 3; i++)
        buffer_append_text(wire, plain[random_below(4)]);
}

/* The server may refuse more than the strict reader, but never take more requests. */
static void test_nothing_is_taken_that_a_strict_reader_refuses(void **state)
{
    /* The last request may have become the body of another one, which then waits for the rest of it. */
    const struct timeval patience = {.tv_usec = 100000};
    (void)state;
    for (uint64_t seed = 1; seed <= 2000; seed++) {
        CLEANUP(buffer) struct buffer wire = {0};
        random_state = seed;
        append_plain_requests(&wire);
        spoil(&wire);
        buffer_append_text(&wire, "GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        int allowed = count_strict(&wire);
        CLEANUP(fd) int fd = fixture_connect();
        CLEANUP(buffer) struct buffer answer = {0};
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        assert_int_equal(send(fd, wire.bytes, wire.size, MSG_NOSIGNAL), wire.size);
        shutdown(fd, SHUT_WR);
        for (ssize_t got = 1; got > 0; answer.size += got > 0 ? (size_t)got : 0) {
            buffer_reserve(&answer, 4097);
            got = recv(fd, answer.bytes + answer.size, 4096, 0);
        }
        answer.bytes[answer.size] = '\0';
        int taken = fixture_count(answer.bytes, "HTTP/1.1 200 ");
        if (taken > allowed)
            fail_msg("seed %llu: %d taken, %d allowed:\n%.*s\n", (unsigned long long)seed, taken,
                     allowed, (int)wire.size, wire.bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_meant_is_seen),
        cmocka_unit_test(test_nothing_is_taken_that_a_strict_reader_refuses),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
