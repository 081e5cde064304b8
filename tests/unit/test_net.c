/* The address guard and the fetcher, against a server on loopback that answers well and badly. */
#include "net/net.h"

#include "base/clock.h"
#include "base/table.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

/*
 * The linker sends every call of net_address_public() here, so that 127.0.0.2 can play the public
 * host and 127.0.0.1 stays what it is: without that, no redirect from the one to the other could be
 * tested on one machine.
 */
bool __wrap_net_address_public(const struct sockaddr *address);
bool __real_net_address_public(const struct sockaddr *address);

bool __wrap_net_address_public(const struct sockaddr *address)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)address;
    if (address->sa_family == AF_INET && v4->sin_addr.s_addr == htonl(0x7f000002))
        return true;
    return __real_net_address_public(address);
}

/*
 * libcurl resolves names by this function of the program instead of the one of the C library. "turning.test" is the name of an
 * attacker: public when it is asked for the first time, loopback from then on.
 */
static atomic_int turning_calls;

__attribute__((visibility("default"))) int getaddrinfo(const char *name, const char *service,
                                                       const struct addrinfo *hints,
                                                       struct addrinfo **ret);

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **ret)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    if (name && strcmp(name, "turning.test") == 0)
        name = atomic_fetch_add(&turning_calls, 1) == 0 ? "127.0.0.2" : "127.0.0.1";
    else if (name && strcmp(name, "inside.test") == 0)
        name = "127.0.0.1";
    return real(name, service, hints, ret);
}

/* --- addresses ----------------------------------------------------------------------------------
 */

static bool text_is_public(const char *text)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
        return __real_net_address_public((const struct sockaddr *)&v4);
    assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
    return __real_net_address_public((const struct sockaddr *)&v6);
}

static void test_public_addresses_are_public(void **state)
{
    static const char *const texts[] = {
        "1.1.1.1",         "8.8.8.8",         "9.255.255.255",   "11.0.0.0",
        "100.63.255.255",  "100.128.0.0",     "126.255.255.255", "128.0.0.0",
        "169.253.255.255", "169.255.0.0",     "172.15.255.255",  "172.32.0.0",
        "192.0.1.0",       "192.167.255.255", "192.169.0.0",     "198.17.255.255",
        "198.20.0.0",      "203.0.114.0",     "223.255.255.255", "2606:4700::1111",
        "2a00:1450::200e", "2400:cb00::1",    "2001:4860::8888", "64:ff9b::808:808",
        "3ffe::1",
    };
    (void)state;
    for (size_t i = 0; i < TABLE_SIZE(texts); i++) {
        if (!text_is_public(texts[i]))
            fail_msg("%s should be public", texts[i]);
    }
}

static void test_other_addresses_are_not(void **state)
{
    static const char *const texts[] = {
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.0",
        "10.255.255.255",
        "100.64.0.0",
        "100.100.100.200",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.255",
        "169.254.0.1",
        "169.254.169.254",
        "172.16.0.0",
        "172.31.255.255",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.1",
        "192.168.255.255",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.7",
        "203.0.113.9",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "168.63.129.16",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:10.1.2.3",
        "::ffff:0:10.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::808:808",
        "2002:7f00:1::1",
        "2002:a00:1::",
        "2001::1",
        "2001:0:7f00:1::",
        "2001:db8::1",
        "2001:2::1",
        "3fff::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "100::1",
        "5f00::1",
        "4000::1",
        "ffff::",
    };
    const struct sockaddr local = {.sa_family = AF_UNIX};
    (void)state;
    for (size_t i = 0; i < TABLE_SIZE(texts); i++) {
        if (text_is_public(texts[i]))
            fail_msg("%s should not be public", texts[i]);
    }
    assert_false(__real_net_address_public(&local));
}

/* --- the server ---------------------------------------------------------------------------------
 */

enum { REQUEST_BYTES = 1 << 16, STEP_MS = 20, WAIT_MS = 10000 };

struct server {
    int fd, port, connections;
    pthread_t thread;
    pthread_mutex_t lock;
    char last[REQUEST_BYTES]; /* the request that came last, with its body */
};

static struct server server = {.lock = PTHREAD_MUTEX_INITIALIZER};

struct route {
    const char *path, *answer;
};

#define OK_HEAD "HTTP/1.1 200 OK\r\nConnection: close\r\n"
#define MOVE_HEAD "Connection: close\r\nContent-Length: 0\r\n"

/* %d is the port. */
static const struct route routes[] = {
    {"/hello", OK_HEAD "Content-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"},
    {"/until-close", OK_HEAD "\r\nwithout a length"},
    {"/zipped", OK_HEAD "Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08!"},
    {"/cut", OK_HEAD "Content-Length: 100\r\n\r\nonly this"},
    {"/garbage", "SSH-2.0-OpenSSH_9.2\r\n"},
    {"/missing", "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone"},
    {"/busy", "HTTP/1.1 503 Busy\r\nRetry-After: 17\r\nContent-Length: 0\r\n\r\n"},
    {"/301", "HTTP/1.1 301 Moved\r\nLocation: /hello\r\n" MOVE_HEAD "\r\n"},
    {"/302", "HTTP/1.1 302 Found\r\nLocation: hello\r\n" MOVE_HEAD "\r\n"},
    {"/303", "HTTP/1.1 303 See\r\nLocation: /hello?a=b#c\r\n" MOVE_HEAD "\r\n"},
    {"/307", "HTTP/1.1 307 Again\r\nLocation: /hello\r\n" MOVE_HEAD "\r\n"},
    {"/308", "HTTP/1.1 308 Again\r\nLocation: /hello\r\n" MOVE_HEAD "\r\n"},
    {"/loop", "HTTP/1.1 302 Found\r\nLocation: /loop\r\n" MOVE_HEAD "\r\n"},
    {"/to-loopback",
     "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%d/hello\r\n" MOVE_HEAD "\r\n"},
    {"/to-other", "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.2:%d/hello\r\n" MOVE_HEAD "\r\n"},
    {"/to-file", "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n" MOVE_HEAD "\r\n"},
    {"/to-user", "HTTP/1.1 302 Found\r\nLocation: http://a:b@127.0.0.1/\r\n" MOVE_HEAD "\r\n"},
};

static void server_say(int fd, const char *text)
{
    size_t length = strlen(text);
    while (length > 0) {
        ssize_t sent = send(fd, text, length, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        text += sent;
        length -= (size_t)sent;
    }
}

static void server_wait_for_close(int fd)
{
    struct pollfd poller = {.fd = fd, .events = POLLIN};
    poll(&poller, 1, WAIT_MS);
}

/* The answers that take time or go on for long. */
static void server_misbehave(int fd, const char *path)
{
    char line[1100];
    if (strcmp(path, "/announced") == 0)
        server_say(fd, OK_HEAD "Content-Length: 1000000\r\n\r\n0123456789");
    if (strcmp(path, "/drip") == 0)
        server_say(fd, OK_HEAD "Content-Length: 1000\r\n\r\n0123456789");
    if (strcmp(path, "/slow-loop") == 0) {
        usleep(100000);
        server_say(fd, "HTTP/1.1 302 Found\r\nLocation: /slow-loop\r\n" MOVE_HEAD "\r\n");
        return;
    }
    if (strcmp(path, "/long-headers") == 0)
        server_say(fd, "HTTP/1.1 200 OK\r\n");
    if (strcmp(path, "/endless") == 0)
        server_say(fd, OK_HEAD "Transfer-Encoding: chunked\r\n\r\n");
    if (strcmp(path, "/long-404") == 0)
        server_say(fd, "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n");
    bool header = strcmp(path, "/long-headers") == 0;
    bool chunks = strcmp(path, "/endless") == 0 || strcmp(path, "/long-404") == 0;
    snprintf(line, sizeof(line), "%s%0*d\r\n", header ? "X-Fill: " : "400\r\n",
             header ? 1000 : 1024, 7);
    for (int i = 0; i < 4096 && (header || chunks); i++)
        server_say(fd, line);
    server_wait_for_close(fd);
}

static bool server_request_is_whole(const char *text)
{
    const char *body = strstr(text, "\r\n\r\n");
    const char *length = strstr(text, "Content-Length: ");
    return body && (!length || strlen(body + 4) >= (size_t)atoi(length + 16));
}

static void server_answer(int fd, char *request)
{
    char answer[1024];
    size_t size = 0;
    request[0] = '\0';
    while (!server_request_is_whole(request)) {
        ssize_t got = recv(fd, request + size, REQUEST_BYTES - 1 - size, 0);
        if (got <= 0)
            return;
        size += (size_t)got;
        request[size] = '\0';
    }
    pthread_mutex_lock(&server.lock);
    memcpy(server.last, request, size + 1);
    pthread_mutex_unlock(&server.lock);
    char *path = strchr(request, ' ') + 1;
    path[strcspn(path, " ?")] = '\0';
    for (size_t i = 0; i < TABLE_SIZE(routes); i++) {
        if (strcmp(routes[i].path, path) == 0) {
            char *port = strstr(routes[i].answer, "%d");
            int before = port ? (int)(port - routes[i].answer) : 0;
            if (port)
                snprintf(answer, sizeof(answer), "%.*s%d%s", before, routes[i].answer, server.port,
                         port + 2);
            server_say(fd, port ? answer : routes[i].answer);
            return;
        }
    }
    server_misbehave(fd, path);
}

static void *server_main(void *context)
{
    char *request = malloc(REQUEST_BYTES);
    (void)context;
    for (int fd; request && (fd = accept(server.fd, NULL, NULL)) >= 0; close(fd)) {
        pthread_mutex_lock(&server.lock);
        server.connections++;
        pthread_mutex_unlock(&server.lock);
        server_answer(fd, request);
    }
    free(request);
    return NULL;
}

static int server_start(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof(address);
    (void)state;
    server.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(server.fd, (struct sockaddr *)&address, size) < 0 || listen(server.fd, 16) < 0 ||
        getsockname(server.fd, (struct sockaddr *)&address, &size) < 0)
        return -1;
    server.port = ntohs(address.sin_port);
    return pthread_create(&server.thread, NULL, server_main, NULL);
}

static int server_stop(void **state)
{
    (void)state;
    shutdown(server.fd, SHUT_RDWR);
    pthread_join(server.thread, NULL);
    return close(server.fd);
}

static int server_connections(void)
{
    pthread_mutex_lock(&server.lock);
    int connections = server.connections;
    pthread_mutex_unlock(&server.lock);
    return connections;
}

static bool server_heard(const char *text)
{
    pthread_mutex_lock(&server.lock);
    bool heard = strstr(server.last, text) != NULL;
    pthread_mutex_unlock(&server.lock);
    return heard;
}

/* --- requests -----------------------------------------------------------------------------------
 */

struct answer {
    int calls, rc, progress_calls;
    long status;
    uint64_t size;
    int64_t retry_after_s, took_ms;
    double last_fraction;
    char message[ERR_MESSAGE_MAX], content_type[64], file[8192];
    size_t file_size;
};

static void answer_done(void *context, const struct net_result *result)
{
    struct answer *answer = context;
    answer->calls++;
    answer->rc = result->rc;
    answer->status = result->status;
    answer->size = result->size;
    answer->retry_after_s = result->retry_after_s;
    snprintf(answer->message, sizeof(answer->message), "%s",
             result->rc < 0 ? result->err.message : "");
    snprintf(answer->content_type, sizeof(answer->content_type), "%s",
             result->content_type ? result->content_type : "none");
}

static void answer_progress(void *context, double fraction)
{
    struct answer *answer = context;
    answer->progress_calls++;
    answer->last_fraction = fraction;
}

/* `url` may hold one %d for the port. */
static struct net_request request_of(char *buffer, size_t size, const char *url)
{
    const char *port = strstr(url, "%d");
    snprintf(buffer, size, "%.*s", port ? (int)(port - url) : (int)strlen(url), url);
    if (port)
        snprintf(buffer + strlen(buffer), size - strlen(buffer), "%d%s", server.port, port + 2);
    return (struct net_request){.url = buffer,
                                .method = "GET",
                                .output_fd = -1,
                                .max_bytes = 4096,
                                .timeout_ms = WAIT_MS,
                                .max_redirects = 5,
                                .allow_private = true,
                                .progress = answer_progress,
                                .done = answer_done};
}

static struct answer fetch(struct net_request request)
{
    struct answer answer = {0};
    struct net_loop *loop;
    uint64_t id;
    int64_t start = clock_monotonic_us();
    int file = memfd_create("answer", MFD_CLOEXEC);
    assert_int_equal(net_loop_new(&loop, NULL), 0);
    request.context = &answer;
    request.output_fd = file;
    net_start(loop, &request, &id);
    assert_int_equal(answer.calls, 0);
    while (answer.calls == 0 && clock_monotonic_us() - start < 2 * WAIT_MS * 1000LL)
        assert_false(net_loop_step(loop, -1, STEP_MS));
    assert_int_equal(answer.calls, 1);
    answer.took_ms = (clock_monotonic_us() - start) / 1000;
    ssize_t got = pread(file, answer.file, sizeof(answer.file), 0);
    assert_true(got >= 0);
    answer.file_size = (size_t)got;
    net_loop_free(loop);
    close(file);
    return answer;
}

static struct answer get(const char *url)
{
    char buffer[256];
    return fetch(request_of(buffer, sizeof(buffer), url));
}

static void assert_failed(const struct answer *answer, int rc, const char *part)
{
    if (answer->rc != rc || !strstr(answer->message, part))
        fail_msg("%d \"%s\" instead of %d \"%s\"", answer->rc, answer->message, rc, part);
}

static void test_a_body_lands_in_the_file(void **state)
{
    (void)state;
    struct answer answer = get("http://127.0.0.1:%d/hello");
    assert_int_equal(answer.rc, 0);
    assert_int_equal(answer.status, 200);
    assert_int_equal(answer.size, 5);
    assert_int_equal(answer.file_size, 5);
    assert_memory_equal(answer.file, "hello", 5);
    assert_string_equal(answer.content_type, "text/plain");
    assert_int_equal(answer.retry_after_s, -1);
    assert_true(answer.progress_calls >= 1);
    assert_true(answer.last_fraction == 1.0);
    assert_true(server_heard("GET /hello HTTP/1.1\r\n"));
    answer = get("http://127.0.0.1:%d/until-close");
    assert_int_equal(answer.rc, 0);
    assert_int_equal(answer.size, strlen("without a length"));
    assert_string_equal(answer.content_type, "none");
    assert_int_equal(answer.progress_calls, 0);
}

static void test_bodies_are_not_unpacked(void **state)
{
    (void)state;
    struct answer answer = get("http://127.0.0.1:%d/zipped");
    assert_int_equal(answer.rc, 0);
    assert_int_equal(answer.file_size, 4);
    assert_memory_equal(answer.file, "\x1f\x8b\x08!", 4);
    assert_false(server_heard("Accept-Encoding"));
}

static void test_an_error_status_is_an_answer_without_a_body(void **state)
{
    (void)state;
    struct answer answer = get("http://127.0.0.1:%d/missing");
    assert_int_equal(answer.rc, 0);
    assert_int_equal(answer.status, 404);
    assert_int_equal(answer.size, 0);
    assert_int_equal(answer.file_size, 0);
    answer = get("http://127.0.0.1:%d/long-404");
    assert_int_equal(answer.rc, 0);
    assert_int_equal(answer.status, 404);
    answer = get("http://127.0.0.1:%d/busy");
    assert_int_equal(answer.status, 503);
    assert_int_equal(answer.retry_after_s, 17);
}

static void test_broken_answers_fail(void **state)
{
    (void)state;
    struct answer answer = get("http://127.0.0.1:%d/cut");
    assert_failed(&answer, ERR_FETCH_FAILED, "The transfer failed");
    answer = get("http://127.0.0.1:%d/garbage");
    assert_failed(&answer, ERR_FETCH_FAILED, "The transfer failed");
    answer = get("http://127.0.0.1:%d/long-headers");
    assert_failed(&answer, ERR_FETCH_FAILED, "The headers of the answer are over 65536 bytes");
    answer = get("http://127.0.0.1:1/");
    assert_failed(&answer, ERR_FETCH_FAILED, "The transfer failed");
}

/* --- limits -------------------------------------------------------------------------------------
 */

static void test_size_limit(void **state)
{
    char url[64];
    (void)state;
    struct answer answer = get("http://127.0.0.1:%d/announced");
    assert_failed(&answer, ERR_TOO_LARGE, "over the limit of 4096 bytes");
    assert_true(answer.took_ms < WAIT_MS / 2); /* at the header: the server never sends the rest */
    answer = get("http://127.0.0.1:%d/endless");
    assert_failed(&answer, ERR_TOO_LARGE, "over the limit of 4096 bytes");
    assert_true(answer.file_size <= 4096);
    struct net_request request = request_of(url, sizeof(url), "http://127.0.0.1:%d/hello");
    request.max_bytes = 5;
    answer = fetch(request);
    assert_int_equal(answer.rc, 0);
    request.max_bytes = 4;
    answer = fetch(request);
    assert_failed(&answer, ERR_TOO_LARGE, "over the limit of 4 bytes");
}

static void test_time_limit(void **state)
{
    static const char *const urls[] = {"http://127.0.0.1:%d/silent", "http://127.0.0.1:%d/drip",
                                       "http://127.0.0.1:%d/slow-loop"};
    char url[64];
    (void)state;
    for (size_t i = 0; i < TABLE_SIZE(urls); i++) {
        struct net_request request = request_of(url, sizeof(url), urls[i]);
        request.timeout_ms = 350;
        request.max_redirects = 1000;
        struct answer answer = fetch(request);
        assert_failed(&answer, ERR_TIMEOUT, "did not answer in time");
        assert_true(answer.took_ms >= 340 && answer.took_ms < WAIT_MS / 2);
    }
}

/* --- redirects ----------------------------------------------------------------------------------
 */

static struct answer post(const char *path)
{
    static const char *const headers[] = {"Content-Type: application/json", "X-Secret: abc", NULL};
    char url[64];
    struct net_request request = request_of(url, sizeof(url), path);
    request.method = "POST";
    request.headers = headers;
    request.body = "{\"a\":1}";
    request.body_size = strlen(request.body);
    return fetch(request);
}

static void test_redirects_are_followed(void **state)
{
    static const char *const urls[] = {"http://127.0.0.1:%d/301", "http://127.0.0.1:%d/302",
                                       "http://127.0.0.1:%d/303", "http://127.0.0.1:%d/307",
                                       "http://127.0.0.1:%d/308"};
    (void)state;
    for (size_t i = 0; i < TABLE_SIZE(urls); i++) {
        struct answer answer = get(urls[i]);
        assert_int_equal(answer.rc, 0);
        assert_int_equal(answer.status, 200);
        assert_memory_equal(answer.file, "hello", 5);
        assert_true(server_heard(i == 2 ? "GET /hello?a=b HTTP" : "GET /hello HTTP"));
        answer = post(urls[i]);
        assert_int_equal(answer.status, 200);
        assert_true(server_heard(i == 2   ? "GET /hello?a=b"
                                 : i <= 2 ? "GET /hello"
                                          : "POST /hello"));
        assert_true(server_heard("{\"a\":1}") == (i > 2));
    }
}

static void test_a_post_arrives_with_its_headers(void **state)
{
    (void)state;
    struct answer answer = post("http://127.0.0.1:%d/hello");
    assert_int_equal(answer.rc, 0);
    assert_true(server_heard("POST /hello HTTP/1.1\r\n"));
    assert_true(server_heard("\r\nContent-Type: application/json\r\n"));
    assert_true(server_heard("\r\nX-Secret: abc\r\n"));
    assert_true(server_heard("\r\n\r\n{\"a\":1}"));
}

static void test_headers_stay_with_the_host_they_were_meant_for(void **state)
{
    (void)state;
    struct answer answer = post("http://127.0.0.1:%d/307");
    assert_int_equal(answer.status, 200);
    assert_true(server_heard("X-Secret"));
    answer = post("http://127.0.0.1:%d/to-other");
    assert_int_equal(answer.status, 200);
    assert_true(server_heard("Host: 127.0.0.2"));
    assert_false(server_heard("X-Secret"));
}

static void test_redirects_have_a_limit(void **state)
{
    char url[64];
    (void)state;
    int before = server_connections();
    struct answer answer = get("http://127.0.0.1:%d/loop");
    assert_failed(&answer, ERR_FETCH_REFUSED, "redirects more than 5 times");
    assert_int_equal(server_connections(), before + 6);
    struct net_request request = request_of(url, sizeof(url), "http://127.0.0.1:%d/302");
    request.max_redirects = 0;
    answer = fetch(request);
    assert_int_equal(answer.rc, 0);
    assert_int_equal(answer.status, 302);
}

static void test_redirects_pass_the_guard(void **state)
{
    char url[64];
    (void)state;
    struct net_request request = request_of(url, sizeof(url), "http://127.0.0.2:%d/to-loopback");
    request.allow_private = false;
    int before = server_connections();
    struct answer answer = fetch(request);
    assert_failed(&answer, ERR_FETCH_REFUSED, "The address of 127.0.0.1 is not public");
    assert_int_equal(answer.file_size, 0);
    assert_int_equal(server_connections(), before + 1);
    answer = get("http://127.0.0.1:%d/to-file");
    assert_failed(&answer, ERR_FETCH_REFUSED, "Only http and https");
    answer = get("http://127.0.0.1:%d/to-user");
    assert_failed(&answer, ERR_FETCH_REFUSED, "user name or password");
}

/* --- refusals -----------------------------------------------------------------------------------
 */

static void test_private_addresses_are_refused_in_every_writing(void **state)
{
    static const char *const urls[] = {
        "http://127.0.0.1:%d/hello",      "http://127.1:%d/hello",
        "http://0x7f000001:%d/hello",     "http://2130706433:%d/hello",
        "http://0177.0.0.1:%d/hello",     "http://localhost:%d/hello",
        "http://[::1]:%d/hello",          "http://[::ffff:127.0.0.1]:%d/hello",
        "http://0.0.0.0:%d/hello",        "http://0:%d/hello",
        "http://169.254.169.254/latest/", "http://[fd00:ec2::254]/",
        "http://[::ffff:7f00:1]:%d/",     "https://127.0.0.1:%d/hello",
        "http://[64:ff9b::7f00:1]/",
    };
    char url[64];
    (void)state;
    int before = server_connections();
    for (size_t i = 0; i < TABLE_SIZE(urls); i++) {
        struct net_request request = request_of(url, sizeof(url), urls[i]);
        request.allow_private = false;
        struct answer answer = fetch(request);
        assert_failed(&answer, ERR_FETCH_REFUSED, "is not public and may not be reached");
        assert_int_equal(answer.status, 0);
    }
    assert_int_equal(server_connections(), before);
    struct net_request request = request_of(url, sizeof(url), "http://127.0.0.2:%d/hello");
    request.allow_private = false;
    assert_int_equal(fetch(request).status, 200); /* the stand-in of a public host */
}

/* A name is judged by the address that the connection is made to, whatever it says before or after. */
static void test_names_that_change_their_mind(void **state)
{
    char url[64];
    (void)state;
    struct net_request request = request_of(url, sizeof(url), "http://turning.test:%d/hello");
    request.allow_private = false;
    atomic_store(&turning_calls, 0);
    int before = server_connections();
    struct answer answer = fetch(request);
    assert_int_equal(answer.rc, 0);
    assert_int_equal(answer.status, 200);
    assert_int_equal(atomic_load(&turning_calls),
                     1); /* no second look between check and connection */
    assert_int_equal(server_connections(), before + 1);
    answer = fetch(request);
    assert_failed(&answer, ERR_FETCH_REFUSED, "The address of turning.test is not public");
    assert_int_equal(atomic_load(&turning_calls), 2);
    request = request_of(url, sizeof(url), "http://inside.test:%d/hello");
    request.allow_private = false;
    answer = fetch(request);
    assert_failed(&answer, ERR_FETCH_REFUSED, "The address of inside.test is not public");
    assert_int_equal(server_connections(), before + 1);
}

static void test_urls_of_other_kinds_are_refused(void **state)
{
    static const struct {
        const char *url, *part;
    } rows[] = {
        {"ftp://127.0.0.1/", "Only http and https"},
        {"file:///etc/passwd", "Only http and https"},
        {"gopher://127.0.0.1:70/_x", "Only http and https"},
        {"dict://127.0.0.1/", "Only http and https"},
        {"javascript://x", "Only http and https"},
        {"http://user@127.0.0.1/", "user name or password"},
        {"http://user:secret@127.0.0.1/", "user name or password"},
        {"http://:secret@127.0.0.1/", "user name or password"},
        {"http://127.0.0.1\\@8.8.8.8/", "broken"},
        {"http://127.0.0.1/a b", "broken"},
        {"http://127.0.0.1/\r\nX: y", "broken"},
        {"http://127.0.0.1:99999/", "broken"},
        {"http://", "broken"},
        {"127.0.0.1/hello", "broken"},
        {"", "broken"},
    };
    (void)state;
    for (size_t i = 0; i < TABLE_SIZE(rows); i++) {
        struct answer answer = get(rows[i].url);
        assert_failed(&answer, ERR_FETCH_REFUSED, rows[i].part);
        assert_null(strstr(answer.message, "secret"));
    }
}

/* --- the loop -----------------------------------------------------------------------------------
 */

static void test_a_cancelled_request_says_nothing(void **state)
{
    struct answer silent = {0}, quick = {0}, left = {0};
    struct net_loop *loop;
    char url[64], other[64];
    uint64_t first, second, third;
    (void)state;
    assert_int_equal(net_loop_new(&loop, NULL), 0);
    struct net_request request = request_of(url, sizeof(url), "http://127.0.0.1:%d/silent");
    request.context = &silent;
    net_start(loop, &request, &first);
    for (int i = 0; i < 5; i++)
        net_loop_step(loop, -1, STEP_MS);
    net_cancel(loop, first);
    net_cancel(loop, first); /* an id that is gone is nothing */
    request = request_of(other, sizeof(other), "http://127.0.0.1:%d/hello");
    request.context = &quick;
    net_start(loop, &request, &second);
    assert_true(second != first);
    for (int i = 0; i < 500 && quick.calls == 0; i++)
        net_loop_step(loop, -1, STEP_MS);
    assert_int_equal(quick.calls, 1);
    assert_int_equal(silent.calls, 0);
    request.context = &left;
    net_start(loop, &request, &third);
    net_loop_free(loop); /* with a request under way */
    assert_int_equal(left.calls, 0);
    net_loop_free(NULL);
}

static void test_many_requests_share_one_loop(void **state)
{
    enum { COUNT = 40 };
    struct answer answers[COUNT] = {0};
    struct net_loop *loop;
    char url[64];
    uint64_t id;
    int done = 0;
    (void)state;
    assert_int_equal(net_loop_new(&loop, NULL), 0);
    for (int i = 0; i < COUNT; i++) {
        struct net_request request =
            request_of(url, sizeof(url), i % 4 ? "http://127.0.0.1:%d/302" : "ftp://127.0.0.1/");
        request.context = &answers[i];
        net_start(loop, &request, &id);
    }
    for (int step = 0; step < 1000 && done < COUNT; step++) {
        net_loop_step(loop, -1, STEP_MS);
        done = 0;
        for (int i = 0; i < COUNT; i++)
            done += answers[i].calls;
    }
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(answers[i].calls, 1);
        assert_int_equal(answers[i].rc, i % 4 ? 0 : ERR_FETCH_REFUSED);
        assert_int_equal(answers[i].size, i % 4 ? 5 : 0);
    }
    net_loop_free(loop);
}

static void test_the_loop_watches_another_descriptor(void **state)
{
    struct net_loop *loop;
    int ends[2];
    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(net_loop_new(&loop, NULL), 0);
    assert_false(net_loop_step(loop, ends[0], 10));
    assert_int_equal(write(ends[1], "x", 1), 1);
    int64_t start = clock_monotonic_us();
    assert_true(net_loop_step(loop, ends[0], WAIT_MS));
    assert_true(clock_monotonic_us() - start < WAIT_MS * 500LL);
    net_loop_free(loop);
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_public_addresses_are_public),
        cmocka_unit_test(test_other_addresses_are_not),
        cmocka_unit_test(test_a_body_lands_in_the_file),
        cmocka_unit_test(test_bodies_are_not_unpacked),
        cmocka_unit_test(test_an_error_status_is_an_answer_without_a_body),
        cmocka_unit_test(test_broken_answers_fail),
        cmocka_unit_test(test_size_limit),
        cmocka_unit_test(test_time_limit),
        cmocka_unit_test(test_redirects_are_followed),
        cmocka_unit_test(test_a_post_arrives_with_its_headers),
        cmocka_unit_test(test_headers_stay_with_the_host_they_were_meant_for),
        cmocka_unit_test(test_redirects_have_a_limit),
        cmocka_unit_test(test_redirects_pass_the_guard),
        cmocka_unit_test(test_private_addresses_are_refused_in_every_writing),
        cmocka_unit_test(test_names_that_change_their_mind),
        cmocka_unit_test(test_urls_of_other_kinds_are_refused),
        cmocka_unit_test(test_a_cancelled_request_says_nothing),
        cmocka_unit_test(test_many_requests_share_one_loop),
        cmocka_unit_test(test_the_loop_watches_another_descriptor),
    };
    return cmocka_run_group_tests(tests, server_start, server_stop);
}
