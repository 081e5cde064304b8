/* HTTP on a socket of loopback: framing, limits, targets, streams. */
#include "http_fixture.h"

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/table.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- framing ------------------------------------------------------------------------------------ */

struct framing_row {
    const char *what, *bytes;
    size_t size;
    int status;
    const char *part; /* of the answer */
};

#define ROW(what, bytes, status, part)                                                             \
    {                                                                                              \
        what, bytes, sizeof(bytes) - 1, status, part                                               \
    }

#define BAD_HOST(what, host)                                                                       \
    ROW(what, "GET /x HTTP/1.1\r\nHost: " host "\r\n\r\n", 400, "fault 400: The Host header is no")

static const struct framing_row framing_rows[] = {
    ROW("plain", GET_HEAD "\r\n", 200, "GET /x query  body 0 "),
    ROW("1.0", "GET /x HTTP/1.0\r\n\r\n", 200, "GET /x"),
    ROW("empty lines first", "\r\n\r\n" GET_HEAD "\r\n", 200, "GET /x"),
    ROW("blanks around a value", GET_HEAD "Username: \t basel \t\r\n\r\n", 200, "user basel."),
    ROW("empty value", GET_HEAD "Username:\r\n\r\n", 200, "user ."),
    ROW("bytes over 127", GET_HEAD "Username: \xc3\xa4\r\n\r\n", 200, "user \xc3\xa4."),
    ROW("no host", "GET /x HTTP/1.1\r\n\r\n", 400, "fault 400: The Host header is missing."),
    ROW("two hosts", GET_HEAD "Host: b\r\n\r\n", 400, "fault 400: There is more than one Host"),
    ROW("empty host", "GET /x HTTP/1.1\r\nHost:\r\n\r\n", 200, "GET /x"),
    ROW("host with a port", "GET /x HTTP/1.1\r\nHost: a-b.c_d:65535\r\n\r\n", 200, "GET /x"),
    ROW("address with a port", "GET /x HTTP/1.1\r\nHost: [::ffff:1.2.3.4]:8080\r\n\r\n", 200,
        "GET /x"),
    ROW("host with an empty port", "GET /x HTTP/1.1\r\nHost: a:\r\n\r\n", 200, "GET /x"),
    BAD_HOST("blank in the host", "a b"),
    BAD_HOST("path in the host", "a/b"),
    BAD_HOST("user in the host", "me@a"),
    BAD_HOST("quote in the host", "a\"b"),
    BAD_HOST("port too high", "a:65536"),
    BAD_HOST("long port", "a:000080"),
    BAD_HOST("port that is none", "a:b"),
    BAD_HOST("two ports", "a:1:2"),
    BAD_HOST("brackets open", "[::1"),
    BAD_HOST("brackets empty", "[]"),
    BAD_HOST("text behind brackets", "[::1]a"),
    ROW("fold", GET_HEAD "A: b\r\n c\r\n\r\n", 400, "fault 400: The lines"),
    ROW("fold in the middle", GET_HEAD "A: b\r\n\tc\r\nD: e\r\n\r\n", 400, "fault 400: The lines"),
    ROW("fold first", "GET /x HTTP/1.1\r\n A: b\r\n" HOST "\r\n", 400, "fault 400: "),
    ROW("bare LF after the first line", "GET /x HTTP/1.1\n" HOST "\r\n", 400, "fault 400: The l"),
    ROW("bare LF after a header", GET_HEAD "A: b\nC: d\r\n\r\n", 400, "fault 400: The lines"),
    ROW("bare LF after the last header", GET_HEAD "A: b\n\r\n", 400, "fault 400: The lines"),
    ROW("bare LF at the end", GET_HEAD "A: b\r\n\n", 400, "fault 400: The lines"),
    ROW("bare CR", GET_HEAD "A: b\rc\r\n\r\n", 400, "fault 400: A header value"),
    ROW("NUL in a value", GET_HEAD "A: b\0c\r\n\r\n", 400, "fault 400: The lines"),
    ROW("NUL at a value's end", GET_HEAD "A: b\0\r\n\r\n", 400, "fault 400: The lines"),
    ROW("NUL in a name", GET_HEAD "A\0b: c\r\n\r\n", 400, ""),
    ROW("NUL in the target", "GET /x\0y HTTP/1.1\r\n" HOST "\r\n", 400, "fault 400: The lines"),
    ROW("NUL in the method", "GE\0T /x HTTP/1.1\r\n" HOST "\r\n", 400, "fault 400: The lines"),
    ROW("control character", GET_HEAD "A: b\x01\r\n\r\n", 400, "fault 400: A header value"),
    ROW("delete character", GET_HEAD "A: b\x7f\r\n\r\n", 400, "fault 400: A header value"),
    ROW("blank before the colon", GET_HEAD "A : b\r\n\r\n", 400, "fault 400: A header name"),
    ROW("blank in a name", GET_HEAD "A b: c\r\n\r\n", 400, "fault 400: A header name"),
    ROW("no name", GET_HEAD ": b\r\n\r\n", 400, "fault 400: The lines"),
    ROW("no colon", GET_HEAD "Ab\r\n\r\n", 400, ""),
    ROW("two blanks", "GET  /x HTTP/1.1\r\n" HOST "\r\n", 400, "fault 400: The lines"),
    ROW("two blanks before the version", "GET /x  HTTP/1.1\r\n" HOST "\r\n", 400, "fault 400"),
    ROW("blank in the target", "GET /x y HTTP/1.1\r\n" HOST "\r\n", 400, "fault 400: The lines"),
    ROW("blank at the end", "GET /x HTTP/1.1 \r\n" HOST "\r\n", 400, ""),
    ROW("method", "G(T /x HTTP/1.1\r\n" HOST "\r\n", 400, "fault 400: The method is broken."),
    ROW("1.2", "GET /x HTTP/1.2\r\n" HOST "\r\n", 400, "fault 400: The server speaks HTTP/1.1."),
    ROW("2.0", "GET /x HTTP/2.0\r\n" HOST "\r\n", 505, ""),
    ROW("0.9", "GET /x\r\n\r\n", 400, ""),
    ROW("small letters", "GET /x http/1.1\r\n" HOST "\r\n", 400, ""),
    ROW("absolute with a user", "GET http://me@a/x HTTP/1.1\r\n" HOST "\r\n", 400,
        "fault 400: The URL"),
    ROW("absolute with a bad port", "GET http://a:b/x HTTP/1.1\r\n" HOST "\r\n", 400,
        "fault 400: The URL"),
    ROW("absolute without a host", "GET http:///x HTTP/1.1\r\n" HOST "\r\n", 400,
        "fault 400: The URL"),
    ROW("another scheme", "GET ftp://a/x HTTP/1.1\r\n" HOST "\r\n", 400, "fault 400: The URL"),
    ROW("star", "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 400, "fault 400: The URL"),
    ROW("authority", "CONNECT a:80 HTTP/1.1\r\n" HOST "\r\n", 400, "fault 400: The URL"),
    ROW("broken escape", "GET /%zz HTTP/1.1\r\n" HOST "\r\n", 400, "fault 400: The URL"),
    ROW("cut escape", "GET /x%4 HTTP/1.1\r\n" HOST "\r\n", 400, "fault 400: The URL"),
    ROW("escaped NUL", "GET /x%00 HTTP/1.1\r\n" HOST "\r\n", 400, "fault 400: The URL"),
    ROW("broken query", "GET /x?a=%g0 HTTP/1.1\r\n" HOST "\r\n", 400, "fault 400: The URL"),
    ROW("escaped line end", "GET /x?a=%0d%0a HTTP/1.1\r\n" HOST "\r\n", 400, "fault 400: The URL"),
    ROW("length and encoding",
        POST_HEAD "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400,
        "fault 400: Content-Length and Transfer-Encoding exclude each other."),
    ROW("encoding and length",
        POST_HEAD "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n", 400,
        "fault 400: Content-Length and Transfer-Encoding exclude each other."),
    ROW("two lengths", POST_HEAD "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", 400,
        "fault 400: Content-Length is one number."),
    ROW("negative length", POST_HEAD "Content-Length: -2\r\n\r\n{}", 400, ""),
    ROW("signed length", POST_HEAD "Content-Length: +2\r\n\r\n{}", 400, ""),
    ROW("list of lengths", POST_HEAD "Content-Length: 2, 2\r\n\r\n{}", 400, ""),
    ROW("hexadecimal length", POST_HEAD "Content-Length: 0x2\r\n\r\n{}", 400, ""),
    ROW("no length", POST_HEAD "Content-Length:\r\n\r\n{}", 400, ""),
    ROW("length over 64 bits", POST_HEAD "Content-Length: 99999999999999999999\r\n\r\n{}", 413, ""),
    ROW("long length", POST_HEAD "Content-Length: 0000000000000000002\r\n\r\n{}", 400, "fault 400"),
    ROW("length over the limit", POST_HEAD "Content-Length: 101\r\n\r\n{}", 413, "fault 413: none"),
    ROW("other encoding", POST_HEAD "Transfer-Encoding: gzip\r\n\r\n{}", 400,
        "fault 400: The only"),
    ROW("two encodings", POST_HEAD "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400,
        "fault 400: The only Transfer-Encoding is 'chunked'."),
    ROW("encoding twice",
        POST_HEAD "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400,
        "fault 400: The only"),
    ROW("hidden encoding", POST_HEAD "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400,
        "fault 400: The"),
    ROW("encoding in 1.0", "POST /memory HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400, "fault 400: HTTP/1.0 has no Transfer-Encoding."),
    ROW("body", POST_HEAD "Content-Length: 2\r\n\r\n{}", 200, "body 2 {} "),
    ROW("empty body", POST_HEAD "Content-Length: 0\r\n\r\n", 200, "body 0  "),
    ROW("chunks",
        POST_HEAD "Transfer-Encoding: chunked\r\n\r\n2;a=b\r\n{}\r\n1\r\n!\r\n0\r\nT: t\r\n\r\n",
        200, "body 3 {}! "),
    ROW("chunk size", POST_HEAD "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n", 400, ""),
    ROW("negative chunk", POST_HEAD "Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n", 400,
        ""),
    ROW("long chunk", POST_HEAD "Transfer-Encoding: chunked\r\n\r\n2\r\n{}}\r\n0\r\n\r\n", 400, ""),
    ROW("chunk over 64 bits", POST_HEAD "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n{}",
        413, ""),
    ROW("body where none goes", GET_HEAD "Content-Length: 2\r\n\r\n{}", 413, "takes no body."),
    ROW("chunks where none go", GET_HEAD "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        413, "takes no body."),
    ROW("early answer", "POST /early HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\n{}", 401,
        "Connection: close"),
};

static void test_framing(void **state)
{
    (void)state;
    for (size_t i = 0; i < TABLE_SIZE(framing_rows); i++) {
        const struct framing_row *row = &framing_rows[i];
        fixture_expect(row->what, row->bytes, row->size, row->status, row->part);
    }
}

/* What follows a refused head is never taken for a request. */
static void test_nothing_is_read_after_a_refusal(void **state)
{
    static const char smuggled[] = POST_HEAD
        "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" GET_HEAD "\r\n";
    static const char folded[] = "GET /x HTTP/1.1\r\n" HOST "A: b\r\n c\r\n\r\n" GET_HEAD "\r\n";
    (void)state;
    CLEANUP(free) char *answer = fixture_talk(smuggled, sizeof(smuggled) - 1);
    assert_int_equal(fixture_count(answer, "HTTP/1.1 "), 1);
    CLEANUP(free) char *second = fixture_talk(folded, sizeof(folded) - 1);
    assert_int_equal(fixture_count(second, "HTTP/1.1 "), 1);
}

static void test_requests_share_a_connection(void **state)
{
    static const char three[] = "GET /1 HTTP/1.1\r\n" HOST "\r\n"
                                "POST /memory HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc"
                                "GET /later HTTP/1.1\r\n" HOST "\r\n" GET_HEAD "\r\n";
    (void)state;
    CLEANUP(free) char *answer = fixture_talk(three, sizeof(three) - 1);
    assert_int_equal(fixture_count(answer, "HTTP/1.1 200 OK"), 4);
    const char *at = strstr(answer, "GET /1");
    assert_non_null(at = strstr(at, "body 3 abc"));
    assert_non_null(at = strstr(at, "later"));
    assert_non_null(strstr(at, "GET /x"));
}

static void test_heads_that_come_byte_by_byte(void **state)
{
    static const char head[] = POST_HEAD "Username: basel\r\nContent-Length: 3\r\n\r\nabc";
    char answer[4096] = {0};
    size_t size = 0;
    ssize_t got;
    (void)state;
    CLEANUP(fd) int fd = fixture_connect();
    for (size_t i = 0; i < sizeof(head) - 1; i++) {
        assert_int_equal(send(fd, head + i, 1, MSG_NOSIGNAL), 1);
        usleep(200);
    }
    while ((got = recv(fd, answer + size, sizeof(answer) - 1 - size, 0)) > 0)
        size += (size_t)got;
    assert_int_equal(fixture_status(answer), 200);
    assert_non_null(strstr(answer, "body 3 abc name none user basel."));
}

/* --- limits ------------------------------------------------------------------------------------- */

static int status_with(const char *path_fill, size_t path_size, size_t header_size, int headers)
{
    CLEANUP(buffer) struct buffer text = {0};
    buffer_printf(&text, "GET /");
    for (size_t i = 0; i < path_size; i++)
        buffer_append(&text, path_fill, 1);
    buffer_printf(&text, " HTTP/1.1\r\n" HOST CLOSE);
    for (int i = 0; i < headers; i++) {
        buffer_printf(&text, "H: ");
        for (size_t k = 0; k < header_size; k++)
            buffer_append(&text, "v", 1);
        buffer_printf(&text, "\r\n");
    }
    buffer_printf(&text, "\r\n");
    CLEANUP(free) char *answer = fixture_talk(text.bytes, text.size);
    return fixture_status(answer);
}

static void test_limits_of_the_head(void **state)
{
    (void)state;
    assert_int_equal(status_with("a", URI_BYTES_MAX - 1, 0, 0), 200);
    assert_int_equal(status_with("a", URI_BYTES_MAX, 0, 0), 414);
    assert_int_equal(status_with("a", 100000, 0, 0), 414);
    assert_int_equal(status_with("a", 1, HEADER_BYTES_MAX - 100, 1), 200);
    assert_int_equal(status_with("a", 1, (HEADER_BYTES_MAX - 100) / 40 - 5, 40), 200);
    assert_int_equal(status_with("a", 1, HEADER_BYTES_MAX, 1), 431);
    assert_int_equal(status_with("a", 1, 200000, 1), 431);
    assert_int_equal(status_with("a", 1, 1, 10000), 431);
}

static void test_limits_of_the_body(void **state)
{
    CLEANUP(buffer) struct buffer text = {0};
    (void)state;
    buffer_printf(&text,
                  POST_HEAD "Transfer-Encoding: chunked\r\n\r\n64\r\n%0100d\r\n1\r\n0\r\n0\r\n\r\n",
                  0);
    CLEANUP(free) char *over = fixture_talk(text.bytes, text.size);
    assert_int_equal(fixture_status(over), 413);
    text.size = 0;
    buffer_printf(&text, POST_HEAD "Content-Length: 100\r\n\r\n%0100d", 0);
    CLEANUP(free) char *full = fixture_talk(text.bytes, text.size);
    assert_int_equal(fixture_status(full), 200);
    assert_non_null(strstr(full, "body 100 0000"));
}

/* --- requests ----------------------------------------------------------------------------------- */

static void test_paths_and_queries(void **state)
{
    static const struct {
        const char *target, *part;
    } rows[] = {
        {"/a%20b%C3%A4?", "GET /a b\xc3\xa4 query  body"},
        {"/a+b", "GET /a+b query"},
        {"/?a=1&b=2", "query a=1;b=2; body"},
        {"/?a=1&a=2", "query a=1;a=2; body"},
        {"/?a+b=c%26d%3D+e", "query a b=c&d= e; body"},
        {"/?a", "query a=; body"},
        {"/?=1", "query =1; body"},
        {"/?&&a=1&", "query a=1; body"},
        {"/?a=b=c?d", "query a=b=c?d; body"},
        {"/?stop=1&b=2", "query stop=1; body"},
        {"http://b:80/a%20b?c=d", "GET /a b query c=d; body"},
        {"HTTPS://[::1]", "GET / query  body"},
        {"http://b?a=1", "GET / query a=1; body"},
    };
    (void)state;
    for (size_t i = 0; i < TABLE_SIZE(rows); i++) {
        CLEANUP(buffer) struct buffer text = {0};
        buffer_printf(&text, "GET %s HTTP/1.1\r\n" HOST CLOSE "\r\n", rows[i].target);
        fixture_expect(rows[i].target, text.bytes, text.size, 200, rows[i].part);
    }
}

static void test_request_ids(void **state)
{
    static const struct {
        const char *given;
        bool kept;
    } rows[] = {
        {"abc-123_~", true}, {"a b", false},      {"a\"b", false},
        {"a\\b", false},     {"\xc3\xa4", false}, {"", false},
    };
    (void)state;
    for (size_t i = 0; i < TABLE_SIZE(rows); i++) {
        CLEANUP(buffer) struct buffer text = {0};
        char wanted[64];
        buffer_printf(&text, GET_HEAD "X-Request-Id: %s\r\n\r\n", rows[i].given);
        CLEANUP(free) char *answer = fixture_talk(text.bytes, text.size);
        snprintf(wanted, sizeof(wanted), "X-Request-Id: %s\r\n", rows[i].given);
        assert_int_equal(strstr(answer, wanted) != NULL, rows[i].kept);
        assert_int_equal(fixture_count(answer, "X-Request-Id: "), 1);
    }
}

static void test_head_is_get_without_a_body(void **state)
{
    static const char head[] = "HEAD /x HTTP/1.1\r\n" HOST CLOSE "\r\n";
    (void)state;
    CLEANUP(free) char *answer = fixture_talk(head, sizeof(head) - 1);
    assert_int_equal(fixture_status(answer), 200);
    assert_non_null(strstr(answer, "Content-Length: "));
    assert_null(strstr(answer, "Content-Length: 0\r\n"));
    assert_string_equal(strstr(answer, "\r\n\r\n"), "\r\n\r\n");
}

static void test_a_stream_comes_in_chunks_and_ends(void **state)
{
    static const char get[] = "GET /stream HTTP/1.1\r\n" HOST CLOSE "\r\n";
    (void)state;
    CLEANUP(free) char *answer = fixture_talk(get, sizeof(get) - 1);
    assert_int_equal(fixture_status(answer), 200);
    assert_int_equal(fixture_count(answer, "data\n"), 3);
}

/* A client that reads nothing and leaves: first it is too slow, then it is gone. */
static void test_a_client_leaves_a_stream(void **state)
{
    static const char get[] = "GET /stream-on HTTP/1.1\r\n" HOST "\r\n";
    char start[16];
    (void)state;
    int fd = fixture_connect();
    assert_int_equal(send(fd, get, sizeof(get) - 1, MSG_NOSIGNAL), sizeof(get) - 1);
    assert_true(recv(fd, start, sizeof(start), 0) > 0);
    for (int i = 0; i < 5000 && atomic_load(&fixture_streams_slow) == 0; i++)
        usleep(1000);
    assert_true(atomic_load(&fixture_streams_slow) > 0);
    assert_int_equal(atomic_load(&fixture_streams_gone), 0);
    close(fd);
    for (int i = 0; i < 5000 && atomic_load(&fixture_streams_ended) == 0; i++)
        usleep(1000);
    assert_int_equal(atomic_load(&fixture_streams_gone), 1);
    assert_int_equal(atomic_load(&fixture_streams_ended), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_framing),
        cmocka_unit_test(test_nothing_is_read_after_a_refusal),
        cmocka_unit_test(test_requests_share_a_connection),
        cmocka_unit_test(test_heads_that_come_byte_by_byte),
        cmocka_unit_test(test_limits_of_the_head),
        cmocka_unit_test(test_limits_of_the_body),
        cmocka_unit_test(test_paths_and_queries),
        cmocka_unit_test(test_request_ids),
        cmocka_unit_test(test_head_is_get_without_a_body),
        cmocka_unit_test(test_a_stream_comes_in_chunks_and_ends),
        cmocka_unit_test(test_a_client_leaves_a_stream),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
