/*
 * Bytes of a connection to the real HTTP server: framing, limits, escapes, plain and multipart
 * bodies. The path says how a body is taken: /form, /file, /memory, else not at all. Every input
 * ends with a closed connection; an answer begins as one.
 */
#include "fuzz.h"

#include "http/internal.h"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static int upload = -1;

static int application_open_file(struct http_request *request)
{
    (void)request;
    return upload; /* all files into one */
}

static bool application_head(void *context, struct http_request *request,
                             struct http_body_plan *ret_plan)
{
    static const struct {
        const char *path;
        enum http_body_mode mode;
    } paths[] = {{"/form", HTTP_BODY_MULTIPART},
                 {"/parts", HTTP_BODY_FORM},
                 {"/file", HTTP_BODY_FILE},
                 {"/memory", HTTP_BODY_MEMORY}};
    (void)context;
    *ret_plan = (struct http_body_plan){.mode = HTTP_BODY_NONE,
                                        .body_max = 8192,
                                        .body_fd = upload,
                                        .files_max = 8192,
                                        .open_file = application_open_file};
    for (size_t i = 0; i < 4; i++) {
        if (strcmp(http_request_path(request), paths[i].path) == 0)
            ret_plan->mode = paths[i].mode;
    }
    return true;
}

static bool visit_query(void *context, const char *name, const char *value)
{
    *(size_t *)context += strlen(name) + strlen(value);
    return true;
}

static void application_body(void *context, struct http_request *request)
{
    size_t seen = 0;
    (void)context;
    http_request_query(request, visit_query, &seen);
    if (request->plan.mode == HTTP_BODY_MULTIPART)
        FUZZ_CHECK(request->body_size <= 8192 && request->file_parts == 1);
    size_t count;
    const struct http_part *parts = http_request_parts(request, &count);
    for (size_t i = 0; i < count; i++)
        FUZZ_CHECK(parts[i].name && parts[i].text && strlen(parts[i].text) <= parts[i].text_size);
    FUZZ_CHECK(strlen(http_request_id(request)) > 0);
    const struct http_response response = {.status = 200,
                                           .content_type = "application/json",
                                           .body = "{}",
                                           .body_size = 2,
                                           .file_fd = -1};
    http_reply(request, &response);
}

static const char *application_fault(void *context, struct arena *a, int status, const char *reason,
                                     const char **ret_content_type)
{
    (void)context, (void)a, (void)reason;
    FUZZ_CHECK(status >= 400 && status < 600);
    *ret_content_type = "application/json";
    return "{}";
}

static struct http_server *server_start(void)
{
    static const struct http_settings settings = {.address = "127.0.0.1",
                                                  .threads = 1,
                                                  .connections_max = 64,
                                                  .idle_timeout_s = 5,
                                                  .header_bytes_max = 4096,
                                                  .uri_bytes_max = 1024};
    static const struct http_application application = {
        .head = application_head, .body = application_body, .fault = application_fault};
    struct http_server *server;
    struct err err;
    upload = memfd_create("upload", MFD_CLOEXEC);
    FUZZ_CHECK(upload >= 0);
    FUZZ_CHECK(http_server_new(&settings, &application, &server, &err) == 0);
    return server;
}

/* libmicrohttpd notices the end of a connection only when it comes after what it has read. */
static void wait_until_taken(int fd)
{
    struct pollfd answered = {.fd = fd, .events = POLLIN};
    int left;
    while (ioctl(fd, SIOCOUTQ, &left) == 0 && left > 0 && poll(&answered, 1, 0) == 0)
        sched_yield();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct http_server *server;
    const struct sockaddr_in peer = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    char answer[65536];
    int ends[2];
    size_t got = 0;
    ssize_t count;
    if (!server)
        server = server_start();
    if (size > sizeof(answer) / 2 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return 0;
    FUZZ_CHECK(MHD_add_connection(server->loops[0].daemon, ends[1], (const struct sockaddr *)&peer,
                                  sizeof(peer)) == MHD_YES);
    count = send(ends[0], data, size, MSG_NOSIGNAL);
    wait_until_taken(ends[0]);
    shutdown(ends[0], SHUT_WR);
    while ((count = read(ends[0], answer + got, sizeof(answer) - got)) > 0 &&
           got < sizeof(answer) - 1)
        got += (size_t)count;
    FUZZ_CHECK(got < 9 || memcmp(answer, "HTTP/1.1 ", 9) == 0);
    close(ends[0]);
    FUZZ_CHECK(ftruncate(upload, 0) == 0);
    return 0;
}
