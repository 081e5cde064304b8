/* HTTP on a socket of loopback with a small application behind it: framing, limits, bodies, forms, ranges, streams. */
#include "http/http.h"
#include "http/range.h"

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/table.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { HEADER_BYTES_MAX = 4096, URI_BYTES_MAX = 1024, BODY_MAX = 100 };

static struct http_server *server;
static int upload_fd;

/* --- the application ---------------------------------------------------------------------------- */

static int app_open_file(struct http_request *request)
{
    (void)request;
    return memfd_create("part", MFD_CLOEXEC);
}

static bool app_head(void *context, struct http_request *request, struct http_body_plan *ret_plan)
{
    const char *path = http_request_path(request);
    (void)context;
    *ret_plan = (struct http_body_plan){.mode = HTTP_BODY_NONE, .body_fd = -1};
    if (strcmp(path, "/early") == 0) {
        http_reply(request, &(struct http_response){.status = 401, .file_fd = -1});
        return false;
    }
    if (strcmp(path, "/memory") == 0)
        *ret_plan = (struct http_body_plan){HTTP_BODY_MEMORY, BODY_MAX, -1};
    else if (strcmp(path, "/file") == 0 || strcmp(path, "/form") == 0)
        *ret_plan = (struct http_body_plan){
            strcmp(path, "/file") == 0 ? HTTP_BODY_FILE : HTTP_BODY_MULTIPART, BODY_MAX, upload_fd};
    else if (strcmp(path, "/parts") == 0)
        *ret_plan = (struct http_body_plan){.mode = HTTP_BODY_FORM,
                                            .body_max = BODY_MAX,
                                            .body_fd = -1,
                                            .files_max = 2 * BODY_MAX,
                                            .open_file = app_open_file};
    return true;
}

static bool app_visit_query(void *context, const char *name, const char *value)
{
    struct buffer *text = context;
    buffer_append(text, name, strlen(name));
    buffer_append(text, "=", 1);
    buffer_append(text, value, strlen(value));
    buffer_append(text, ";", 1);
    return strcmp(name, "stop") != 0;
}

static atomic_int streams_gone, streams_slow, streams_ended;

static void app_gone(void *context)
{
    atomic_fetch_add((atomic_int *)context, 1);
}

static void app_stream(struct http_request *request)
{
    struct http_stream *stream =
        http_reply_stream(request, "text/event-stream", app_gone, &streams_gone);
    for (int i = 0; i < 3; i++)
        http_stream_write(stream, "data\n", 5, NULL);
    http_stream_end(stream);
}

/* Goes on until the client has left, or reads too slowly. */
static void *app_stream_on(void *request)
{
    struct http_stream *stream =
        http_reply_stream(request, "text/event-stream", app_gone, &streams_gone);
    static char block[60000];
    memset(block, 'x', sizeof(block));
    for (int i = 0; i < 2000 && atomic_load(&streams_gone) == 0; i++) {
        struct err err;
        if (http_stream_write(stream, block, sizeof(block), &err) < 0)
            atomic_fetch_add(&streams_slow, err.code == ERR_TOO_LARGE);
        usleep(2000);
    }
    http_stream_end(stream);
    atomic_fetch_add(&streams_ended, 1);
    return NULL;
}

static void app_show_parts(struct http_request *request, struct buffer *text)
{
    size_t count;
    const struct http_part *parts = http_request_parts(request, &count);
    for (size_t i = 0; i < count; i++) {
        const struct http_part *part = &parts[i];
        char bytes[64] = "";
        buffer_printf(text, "%s[%s]", part->name, part->file_name ? part->file_name : "-");
        if (part->fd < 0) {
            assert_null(part->file_name);
            buffer_append(text, part->text, part->text_size);
        } else {
            ssize_t size = pread(part->fd, bytes, sizeof(bytes), 0);
            buffer_append(text, bytes, size > 0 ? (size_t)size : 0);
            buffer_printf(text, "(%llu)", (unsigned long long)part->file_size);
            close(part->fd);
        }
        buffer_printf(text, ";");
    }
}

static void *app_answer_later(void *request)
{
    usleep(20000);
    http_reply(request, &(struct http_response){.status = 200,
                                                .content_type = "text/plain",
                                                .body = "later",
                                                .body_size = 5,
                                                .file_fd = -1});
    return NULL;
}

static void app_body(void *context, struct http_request *request)
{
    CLEANUP(buffer) struct buffer text = {0};
    const char *name = http_request_file_name(request);
    const char *user = http_request_header(request, "username");
    size_t size;
    pthread_t thread;
    (void)context;
    if (strcmp(http_request_path(request), "/stream") == 0) {
        app_stream(request);
        return;
    }
    bool on = strcmp(http_request_path(request), "/stream-on") == 0;
    if (on || strcmp(http_request_path(request), "/later") == 0) {
        assert_int_equal(
            pthread_create(&thread, NULL, on ? app_stream_on : app_answer_later, request), 0);
        pthread_detach(thread);
        return;
    }
    const char *body = http_request_body(request, &size);
    app_show_parts(request, &text);
    buffer_printf(&text, "%s %s query ", http_request_method(request), http_request_path(request));
    http_request_query(request, app_visit_query, &text);
    buffer_printf(&text, " body %llu ", (unsigned long long)http_request_body_size(request));
    buffer_append(&text, body, size);
    buffer_printf(&text, " name %s user %s.", name ? name : "none", user ? user : "none");
    http_reply(request, &(struct http_response){.status = 200,
                                                .content_type = "text/plain",
                                                .body = text.bytes,
                                                .body_size = text.size,
                                                .file_fd = -1});
}

static const char *app_fault(void *context, struct arena *a, int status, const char *reason,
                             const char **ret_content_type)
{
    (void)context;
    *ret_content_type = "text/plain";
    return arena_printf(a, "fault %d: %s", status, reason ? reason : "none");
}

static int start_server(void **state)
{
    const struct http_settings settings = {.address = "127.0.0.1",
                                           .threads = 2,
                                           .connections_max = 64,
                                           .idle_timeout_s = 10,
                                           .header_bytes_max = HEADER_BYTES_MAX,
                                           .uri_bytes_max = URI_BYTES_MAX};
    const struct http_application application = {
        .head = app_head, .body = app_body, .fault = app_fault};
    struct err err;
    (void)state;
    upload_fd = memfd_create("upload", MFD_CLOEXEC);
    return upload_fd < 0 || http_server_new(&settings, &application, &server, &err) < 0 ? -1 : 0;
}

static int stop_server(void **state)
{
    (void)state;
    http_server_quiesce(server);
    http_server_free(server);
    close(upload_fd);
    return 0;
}

/* --- the client --------------------------------------------------------------------------------- */

/* Sends the bytes and reads until the server closes, or until `end` was read. The answer is the caller's to free. */
static char *talk(const void *bytes, size_t size, const char *end)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t)http_server_port(server))};
    const struct timeval patience = {.tv_sec = 20};
    struct buffer answer = {0};
    CLEANUP(fd) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    for (size_t sent = 0; sent < size;) {
        ssize_t got = send(fd, (const char *)bytes + sent, size - sent, MSG_NOSIGNAL);
        if (got <= 0)
            break; /* it refused before it had read all */
        sent += (size_t)got;
    }
    for (;;) {
        buffer_reserve(&answer, 4097);
        ssize_t got = recv(fd, answer.bytes + answer.size, 4096, 0);
        if (got <= 0)
            break;
        answer.size += (size_t)got;
        answer.bytes[answer.size] = '\0';
        if (end && strstr(answer.bytes, end))
            break;
    }
    return answer.size > 0 ? answer.bytes : mem_strdup("");
}

static int status_of(const char *answer)
{
    return strncmp(answer, "HTTP/1.1 ", 9) == 0 ? atoi(answer + 9) : 0;
}

static int count_of(const char *text, const char *part)
{
    int count = 0;
    while ((text = strstr(text, part))) {
        count++;
        text += strlen(part);
    }
    return count;
}

#define HOST "Host: a\r\n"
#define CLOSE "Connection: close\r\n"
#define GET_HEAD "GET /x HTTP/1.1\r\n" HOST CLOSE
#define POST_HEAD "POST /memory HTTP/1.1\r\n" HOST CLOSE

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

static const struct framing_row framing_rows[] = {
    ROW("plain", GET_HEAD "\r\n", 200, "GET /x query  body 0 "),
    ROW("1.0", "GET /x HTTP/1.0\r\n\r\n", 200, "GET /x"),
    ROW("empty lines first", "\r\n\r\n" GET_HEAD "\r\n", 200, "GET /x"),
    ROW("blanks around a value", GET_HEAD "Username: \t basel \t\r\n\r\n", 200, "user basel."),
    ROW("empty value", GET_HEAD "Username:\r\n\r\n", 200, "user ."),
    ROW("bytes over 127", GET_HEAD "Username: \xc3\xa4\r\n\r\n", 200, "user \xc3\xa4."),
    ROW("no host", "GET /x HTTP/1.1\r\n\r\n", 400, "fault 400: The Host header is missing."),
    ROW("two hosts", GET_HEAD "Host: b\r\n\r\n", 400, "fault 400: There is more than one Host"),
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
    ROW("absolute", "GET http://a/x HTTP/1.1\r\n" HOST "\r\n", 400, "fault 400: The URL"),
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
        CLEANUP(free) char *answer = talk(row->bytes, row->size, NULL);
        if (status_of(answer) != row->status || !strstr(answer, row->part))
            fail_msg("%s: %s", row->what, answer);
    }
}

/* What follows a refused head is never taken for a request. */
static void test_nothing_is_read_after_a_refusal(void **state)
{
    static const char smuggled[] = POST_HEAD
        "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" GET_HEAD "\r\n";
    static const char folded[] = "GET /x HTTP/1.1\r\n" HOST "A: b\r\n c\r\n\r\n" GET_HEAD "\r\n";
    (void)state;
    CLEANUP(free) char *answer = talk(smuggled, sizeof(smuggled) - 1, NULL);
    assert_int_equal(count_of(answer, "HTTP/1.1 "), 1);
    CLEANUP(free) char *second = talk(folded, sizeof(folded) - 1, NULL);
    assert_int_equal(count_of(second, "HTTP/1.1 "), 1);
}

static void test_requests_share_a_connection(void **state)
{
    static const char three[] = "GET /1 HTTP/1.1\r\n" HOST "\r\n"
                                "POST /memory HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc"
                                "GET /later HTTP/1.1\r\n" HOST "\r\n" GET_HEAD "\r\n";
    (void)state;
    CLEANUP(free) char *answer = talk(three, sizeof(three) - 1, NULL);
    assert_int_equal(count_of(answer, "HTTP/1.1 200 OK"), 4);
    const char *at = strstr(answer, "GET /1");
    assert_non_null(at = strstr(at, "body 3 abc"));
    assert_non_null(at = strstr(at, "later"));
    assert_non_null(strstr(at, "GET /x"));
}

static void test_heads_that_come_byte_by_byte(void **state)
{
    static const char head[] = POST_HEAD "Username: basel\r\nContent-Length: 3\r\n\r\nabc";
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t)http_server_port(server))};
    char answer[4096] = {0};
    size_t size = 0;
    ssize_t got;
    (void)state;
    CLEANUP(fd) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    for (size_t i = 0; i < sizeof(head) - 1; i++) {
        assert_int_equal(send(fd, head + i, 1, MSG_NOSIGNAL), 1);
        usleep(200);
    }
    while ((got = recv(fd, answer + size, sizeof(answer) - 1 - size, 0)) > 0)
        size += (size_t)got;
    assert_int_equal(status_of(answer), 200);
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
    CLEANUP(free) char *answer = talk(text.bytes, text.size, NULL);
    return status_of(answer);
}

static void test_limits_of_the_head(void **state)
{
    (void)state;
    assert_int_equal(status_with("a", URI_BYTES_MAX - 1, 0, 0), 200);
    assert_int_equal(status_with("a", URI_BYTES_MAX, 0, 0), 414);
    assert_int_equal(status_with("a", 100000, 0, 0), 414);
    assert_int_equal(status_with("a", 1, HEADER_BYTES_MAX - 100, 1), 200);
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
    CLEANUP(free) char *over = talk(text.bytes, text.size, NULL);
    assert_int_equal(status_of(over), 413);
    text.size = 0;
    buffer_printf(&text, POST_HEAD "Content-Length: 100\r\n\r\n%0100d", 0);
    CLEANUP(free) char *full = talk(text.bytes, text.size, NULL);
    assert_int_equal(status_of(full), 200);
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
    };
    (void)state;
    for (size_t i = 0; i < TABLE_SIZE(rows); i++) {
        CLEANUP(buffer) struct buffer text = {0};
        buffer_printf(&text, "GET %s HTTP/1.1\r\n" HOST CLOSE "\r\n", rows[i].target);
        CLEANUP(free) char *answer = talk(text.bytes, text.size, NULL);
        if (status_of(answer) != 200 || !strstr(answer, rows[i].part))
            fail_msg("%s: %s", rows[i].target, answer);
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
        CLEANUP(free) char *answer = talk(text.bytes, text.size, NULL);
        snprintf(wanted, sizeof(wanted), "X-Request-Id: %s\r\n", rows[i].given);
        assert_int_equal(strstr(answer, wanted) != NULL, rows[i].kept);
        assert_int_equal(count_of(answer, "X-Request-Id: "), 1);
    }
}

static void test_head_is_get_without_a_body(void **state)
{
    static const char head[] = "HEAD /x HTTP/1.1\r\n" HOST CLOSE "\r\n";
    (void)state;
    CLEANUP(free) char *answer = talk(head, sizeof(head) - 1, NULL);
    assert_int_equal(status_of(answer), 200);
    assert_non_null(strstr(answer, "Content-Length: "));
    assert_null(strstr(answer, "Content-Length: 0\r\n"));
    assert_string_equal(strstr(answer, "\r\n\r\n"), "\r\n\r\n");
}

static void test_a_stream_comes_in_chunks_and_ends(void **state)
{
    static const char get[] = "GET /stream HTTP/1.1\r\n" HOST CLOSE "\r\n";
    (void)state;
    CLEANUP(free) char *answer = talk(get, sizeof(get) - 1, NULL);
    assert_int_equal(status_of(answer), 200);
    assert_int_equal(count_of(answer, "data\n"), 3);
}

/* A client that reads nothing and leaves: first it is too slow, then it is gone. */
static void test_a_client_leaves_a_stream(void **state)
{
    static const char get[] = "GET /stream-on HTTP/1.1\r\n" HOST "\r\n";
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t)http_server_port(server))};
    char start[16];
    (void)state;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(send(fd, get, sizeof(get) - 1, MSG_NOSIGNAL), sizeof(get) - 1);
    assert_true(recv(fd, start, sizeof(start), 0) > 0);
    for (int i = 0; i < 5000 && atomic_load(&streams_slow) == 0; i++)
        usleep(1000);
    assert_true(atomic_load(&streams_slow) > 0);
    assert_int_equal(atomic_load(&streams_gone), 0);
    close(fd);
    for (int i = 0; i < 5000 && atomic_load(&streams_ended) == 0; i++)
        usleep(1000);
    assert_int_equal(atomic_load(&streams_gone), 1);
    assert_int_equal(atomic_load(&streams_ended), 1);
}

/* --- uploads ------------------------------------------------------------------------------------ */

#define FORM_TYPE "Content-Type: multipart/form-data; boundary=XY\r\n"
#define PART(name, rest) "--XY\r\nContent-Disposition: form-data; name=\"" name "\"" rest

static const struct {
    const char *what, *head, *body;
    int status;
    const char *part;
} form_rows[] = {
    {"file", FORM_TYPE, PART("file", "; filename=\"a.png\"\r\n\r\nhello\r\n--XY--\r\n"), 200,
     "body 5  name a.png"},
    {"field", FORM_TYPE, PART("file", "\r\n\r\nhello\r\n--XY--\r\n"), 200, "body 5  name none"},
    {"other fields", FORM_TYPE,
     PART("a", "\r\n\r\n1\r\n") PART("file", "; filename=\"a\"\r\n\r\nhello\r\n")
         PART("b", "\r\n\r\n2\r\n--XY--\r\n"),
     200, "body 5  name a "},
    {"any file", FORM_TYPE, PART("upload", "; filename=\"a\"\r\n\r\nhi\r\n--XY--\r\n"), 200,
     "body 2  name a "},
    {"quoted boundary", "Content-Type: multipart/form-data; boundary=\"XY\"\r\n",
     PART("file", "\r\n\r\nhello\r\n--XY--\r\n"), 200, "body 5"},
    {"path in the name", FORM_TYPE,
     PART("file", "; filename=\"/etc/a.png\"\r\n\r\nhi\r\n--XY--\r\n"), 200, "name a.png"},
    {"bytes in the name", FORM_TYPE, PART("file", "; filename=\"\xff\"\r\n\r\nhi\r\n--XY--\r\n"),
     200, "name none"},
    {"empty file", FORM_TYPE, PART("file", "; filename=\"a\"\r\n\r\n\r\n--XY--\r\n"), 200,
     "body 0 "},
    {"two files", FORM_TYPE,
     PART("file", "; filename=\"a\"\r\n\r\n1\r\n")
         PART("file", "; filename=\"b\"\r\n\r\n2\r\n--XY--\r\n"),
     400, "fault 400: The form has more than one file."},
    {"no file", FORM_TYPE, PART("a", "\r\n\r\n1\r\n--XY--\r\n"), 400,
     "fault 400: The form has no file."},
    {"no boundary", "Content-Type: multipart/form-data\r\n",
     PART("file", "\r\n\r\nhi\r\n--XY--\r\n"), 400, "fault 400"},
    {"other boundary", FORM_TYPE, "--Y\r\n\r\nhello\r\n--Y--\r\n", 400, "fault 400: The form"},
    {"cut in the data", FORM_TYPE, PART("file", "; filename=\"a\"\r\n\r\nhel"), 400,
     "fault 400: The form ends too early."},
    {"cut in the head", FORM_TYPE, PART("file", "; filen"), 400, "fault 400: The form"},
    {"no end", FORM_TYPE, PART("file", "; filename=\"a\"\r\n\r\nhello\r\n"), 400,
     "fault 400: The form ends too early."},
    {"nothing", FORM_TYPE, "", 400, "fault 400: The form has no file."},
    {"too large", FORM_TYPE,
     PART("file", "; filename=\"a\"\r\n\r\n"
                  "0123456789012345678901234567890123456789012345678901234567890123456789"
                  "0123456789012345678901234567890123456789\r\n--XY--\r\n"),
     413, "fault 413: none"},
};

static void test_forms(void **state)
{
    (void)state;
    for (size_t i = 0; i < TABLE_SIZE(form_rows); i++) {
        CLEANUP(buffer) struct buffer text = {0};
        assert_int_equal(ftruncate(upload_fd, 0), 0);
        assert_int_equal(lseek(upload_fd, 0, SEEK_SET), 0);
        buffer_printf(&text, "POST /form HTTP/1.1\r\n" HOST CLOSE "%sContent-Length: %zu\r\n\r\n%s",
                      form_rows[i].head, strlen(form_rows[i].body), form_rows[i].body);
        CLEANUP(free) char *answer = talk(text.bytes, text.size, NULL);
        if (status_of(answer) != form_rows[i].status || !strstr(answer, form_rows[i].part))
            fail_msg("%s: %s", form_rows[i].what, answer);
    }
}

#define FILE_PART(name, file, rest) PART(name, "; filename=\"" file "\"\r\n\r\n" rest "\r\n")
#define TEXT_PART(name, rest) PART(name, "\r\n\r\n" rest "\r\n")
#define FIFTY "01234567890123456789012345678901234567890123456789"

static const struct {
    const char *what, *body;
    int status;
    const char *part;
} whole_form_rows[] = {
    {"texts", TEXT_PART("a", "1") TEXT_PART("b", "") TEXT_PART("a", "22") "--XY--\r\n", 200,
     "a[-]1;b[-];a[-]22;"},
    {"files", FILE_PART("f", "x.png", "hello") FILE_PART("f", "y/z", "") "--XY--\r\n", 200,
     "f[x.png]hello(5);f[z](0);"},
    {"both", TEXT_PART("a", "1") FILE_PART("f", "\xff", "hi") TEXT_PART("b", "2") "--XY--\r\n", 200,
     "a[-]1;f[]hi(2);b[-]2;"},
    {"nothing", "--XY--\r\n", 400, "has no parts"},
    {"a name that is none", TEXT_PART("\xff", "1") "--XY--\r\n", 400, "has no name"},
    {"no name", "--XY\r\nContent-Disposition: form-data\r\n\r\n1\r\n--XY--\r\n", 400, "fault 400"},
    {"no end", TEXT_PART("a", "1"), 400, "ends too early"},
    {"texts at the limit", TEXT_PART("a", FIFTY) TEXT_PART("b", FIFTY) "--XY--\r\n", 200,
     "b[-]0123"},
    {"texts over it", TEXT_PART("a", FIFTY) TEXT_PART("b", FIFTY) TEXT_PART("c", "1") "--XY--\r\n",
     413, "fault 413"},
    {"files at their limit",
     FILE_PART("a", "a", FIFTY FIFTY) FILE_PART("b", "b", FIFTY FIFTY) "--XY--\r\n", 200, "(100);"},
    {"files over it",
     FILE_PART("a", "a", FIFTY FIFTY) FILE_PART("b", "b", FIFTY FIFTY "1") "--XY--\r\n", 413,
     "fault 413"},
};

static void post_form(const char *what, const char *body, size_t size, int status, const char *part)
{
    CLEANUP(buffer) struct buffer text = {0};
    buffer_printf(
        &text, "POST /parts HTTP/1.1\r\n" HOST CLOSE FORM_TYPE "Content-Length: %zu\r\n\r\n", size);
    buffer_append(&text, body, size);
    CLEANUP(free) char *answer = talk(text.bytes, text.size, NULL);
    if (status_of(answer) != status || !strstr(answer, part))
        fail_msg("%s: %s", what, answer);
}

static void test_whole_forms(void **state)
{
    CLEANUP(buffer) struct buffer many = {0};
    (void)state;
    for (size_t i = 0; i < TABLE_SIZE(whole_form_rows); i++)
        post_form(whole_form_rows[i].what, whole_form_rows[i].body, strlen(whole_form_rows[i].body),
                  whole_form_rows[i].status, whole_form_rows[i].part);
    for (int i = 0; i < HTTP_FORM_PARTS_MAX; i++)
        buffer_printf(&many, TEXT_PART("a", ""));
    size_t full = many.size;
    buffer_printf(&many, "--XY--\r\n");
    post_form("many parts", many.bytes, many.size, 200, "a[-];");
    many.size = full;
    buffer_printf(&many, TEXT_PART("a", "") "--XY--\r\n");
    post_form("too many parts", many.bytes, many.size, 413, "too many parts");
}

static void test_a_body_goes_into_a_file(void **state)
{
    static const char post[] =
        "POST /file HTTP/1.1\r\n" HOST CLOSE "Content-Length: 5\r\n\r\nhello";
    char kept[16] = {0};
    (void)state;
    assert_int_equal(ftruncate(upload_fd, 0), 0);
    assert_int_equal(lseek(upload_fd, 0, SEEK_SET), 0);
    CLEANUP(free) char *answer = talk(post, sizeof(post) - 1, NULL);
    assert_int_equal(status_of(answer), 200);
    assert_int_equal(pread(upload_fd, kept, sizeof(kept), 0), 5);
    assert_string_equal(kept, "hello");
}

/* --- ranges ------------------------------------------------------------------------------------- */

static void test_ranges(void **state)
{
    static const struct {
        const char *header;
        uint64_t size;
        enum http_range_kind kind;
        uint64_t offset, part;
    } rows[] = {
        {"bytes=0-0", 10, HTTP_RANGE_PART, 0, 1},
        {"bytes=0-9", 10, HTTP_RANGE_PART, 0, 10},
        {"bytes=0-99", 10, HTTP_RANGE_PART, 0, 10},
        {"bytes=3-", 10, HTTP_RANGE_PART, 3, 7},
        {"bytes=9-", 10, HTTP_RANGE_PART, 9, 1},
        {"BYTES=2-4", 10, HTTP_RANGE_PART, 2, 3},
        {"bytes=-3", 10, HTTP_RANGE_PART, 7, 3},
        {"bytes=-99", 10, HTTP_RANGE_PART, 0, 10},
        {"bytes=10-", 10, HTTP_RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=10-20", 10, HTTP_RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=-0", 10, HTTP_RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=0-", 0, HTTP_RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=-1", 0, HTTP_RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=0-18446744073709551614", 10, HTTP_RANGE_WHOLE, 0, 10},
        {"bytes=99999999999999999999-", 10, HTTP_RANGE_WHOLE, 0, 10},
        {"bytes=1844674407370955160-", 10, HTTP_RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=5-4", 10, HTTP_RANGE_WHOLE, 0, 10},
        {"bytes=0-1,3-4", 10, HTTP_RANGE_WHOLE, 0, 10},
        {"bytes=", 10, HTTP_RANGE_WHOLE, 0, 10},
        {"bytes=-", 10, HTTP_RANGE_WHOLE, 0, 10},
        {"bytes=a-b", 10, HTTP_RANGE_WHOLE, 0, 10},
        {"bytes= 0-1", 10, HTTP_RANGE_WHOLE, 0, 10},
        {"bytes=0-1 ", 10, HTTP_RANGE_WHOLE, 0, 10},
        {"bytes=+1-2", 10, HTTP_RANGE_WHOLE, 0, 10},
        {"bytes=--1", 10, HTTP_RANGE_WHOLE, 0, 10},
        {"items=0-1", 10, HTTP_RANGE_WHOLE, 0, 10},
        {"", 10, HTTP_RANGE_WHOLE, 0, 10},
    };
    (void)state;
    for (size_t i = 0; i < TABLE_SIZE(rows); i++) {
        struct http_range range = http_range_parse(rows[i].header, rows[i].size);
        if (range.kind != rows[i].kind || range.offset != rows[i].offset ||
            range.size != rows[i].part)
            fail_msg("%s of %llu: %d, %llu, %llu", rows[i].header, (unsigned long long)rows[i].size,
                     range.kind, (unsigned long long)range.offset, (unsigned long long)range.size);
    }
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
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_whole_forms),
        cmocka_unit_test(test_a_body_goes_into_a_file),
        cmocka_unit_test(test_ranges),
    };
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
