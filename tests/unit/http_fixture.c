#include "http_fixture.h"

#include "base/buffer.h"
#include "base/cleanup.h"
#include "http/http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

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

atomic_int fixture_streams_gone, fixture_streams_slow, fixture_streams_ended;

static void app_gone(void *context)
{
    atomic_fetch_add((atomic_int *)context, 1);
}

static void app_stream(struct http_request *request)
{
    struct http_stream *stream =
        http_reply_stream(request, "text/event-stream", app_gone, &fixture_streams_gone);
    for (int i = 0; i < 3; i++)
        http_stream_write(stream, "data\n", 5, NULL);
    http_stream_end(stream);
}

/* Goes on until the client has left, or reads too slowly. */
static void *app_stream_on(void *request)
{
    struct http_stream *stream =
        http_reply_stream(request, "text/event-stream", app_gone, &fixture_streams_gone);
    static char block[60000];
    memset(block, 'x', sizeof(block));
    for (int i = 0; i < 2000 && atomic_load(&fixture_streams_gone) == 0; i++) {
        struct err err;
        if (http_stream_write(stream, block, sizeof(block), &err) < 0)
            atomic_fetch_add(&fixture_streams_slow, err.code == ERR_TOO_LARGE);
        usleep(2000);
    }
    http_stream_end(stream);
    atomic_fetch_add(&fixture_streams_ended, 1);
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

int fixture_start(void **state)
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

int fixture_stop(void **state)
{
    (void)state;
    http_server_quiesce(server);
    http_server_free(server);
    close(upload_fd);
    return 0;
}

int fixture_upload(void)
{
    assert_int_equal(ftruncate(upload_fd, 0), 0);
    assert_int_equal(lseek(upload_fd, 0, SEEK_SET), 0);
    return upload_fd;
}

/* --- the client --------------------------------------------------------------------------------- */

int fixture_connect(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t)http_server_port(server))};
    const struct timeval patience = {.tv_sec = 20};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    return fd;
}

char *fixture_receive(int fd)
{
    struct buffer answer = {0};
    for (;;) {
        buffer_reserve(&answer, 4097);
        ssize_t got = recv(fd, answer.bytes + answer.size, 4096, 0);
        if (got <= 0)
            break;
        answer.size += (size_t)got;
        answer.bytes[answer.size] = '\0';
    }
    return answer.size > 0 ? answer.bytes : mem_strdup("");
}

char *fixture_talk(const void *bytes, size_t size)
{
    CLEANUP(fd) int fd = fixture_connect();
    for (size_t sent = 0; sent < size;) {
        ssize_t got = send(fd, (const char *)bytes + sent, size - sent, MSG_NOSIGNAL);
        if (got <= 0)
            break; /* it refused before it had read all */
        sent += (size_t)got;
    }
    return fixture_receive(fd);
}

int fixture_status(const char *answer)
{
    return strncmp(answer, "HTTP/1.1 ", 9) == 0 ? atoi(answer + 9) : 0;
}

int fixture_count(const char *text, const char *part)
{
    int count = 0;
    while ((text = strstr(text, part))) {
        count++;
        text += strlen(part);
    }
    return count;
}

void fixture_expect(const char *what, const void *bytes, size_t size, int status, const char *part)
{
    CLEANUP(free) char *answer = fixture_talk(bytes, size);
    if (fixture_status(answer) != status || !strstr(answer, part))
        fail_msg("%s: %s", what, answer);
}
