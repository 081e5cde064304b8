#include "http/internal.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Beside the head, a connection's memory holds what libmicrohttpd keeps of each header, and the answer's headers. Half of it is
 * cleared, and with that really used, when an answer begins, all of it after a request: so it is not larger. */
enum { SERVER_CONNECTION_SPARE_BYTES = 4 << 10, SERVER_BACKLOG = 1024 };

/* libmicrohttpd forgets a request whose query is too much for the connection's memory: it ends with the connection. */
struct server_connection {
    struct http_request *request; /* NULL when it was completed */
};

static void server_connected(void *context, struct MHD_Connection *connection, void **slot,
                             enum MHD_ConnectionNotificationCode code)
{
    struct server_connection *own = *slot;
    (void)context, (void)connection;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        *slot = mem_alloc(sizeof(*own));
        return;
    }
    if (own && own->request)
        request_free(own->request);
    free(own);
    *slot = NULL;
}

static struct server_connection *server_connection_of(struct MHD_Connection *connection)
{
    return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

static void *server_request_line(void *context, const char *target,
                                 struct MHD_Connection *connection)
{
    struct server_connection *own = server_connection_of(connection);
    own->request = request_new(context, connection, target);
    /* request.c reads the query. libmicrohttpd would store every pair of it in the memory of the connection, and hang when that
     * is full: so it gets to see an empty one. The text is its own buffer, which it writes to itself right after this. */
    char *query = strchr(target, '?');
    if (query)
        query[1] = '\0';
    return own->request;
}

/* Escapes are decoded by request.c, which refuses broken ones. */
static size_t server_keep_escapes(void *context, struct MHD_Connection *connection, char *text)
{
    (void)context, (void)connection;
    return strlen(text);
}

static void server_completed(void *context, struct MHD_Connection *connection, void **slot,
                             enum MHD_RequestTerminationCode code)
{
    struct http_request *request = *slot;
    (void)context, (void)code;
    if (!request)
        return;
    const struct http_application *application = &request->server->application;
    server_connection_of(connection)->request = NULL;
    if (application->log && request->queued)
        application->log(application->context, request, request->status,
                         clock_monotonic_us() - request->started_us);
    request_free(request);
    *slot = NULL;
}

static void server_head(struct http_request *request, const char *method, const char *version)
{
    const struct http_application *application = &request->server->application;
    const char *reason;
    request->head_done = true;
    request->is_1_0 = strcmp(version, "HTTP/1.0") == 0;
    request_set_head(request, method);
    int status = framing_check(request, method, version, &reason);
    if (status != 0) {
        response_fault(request, status, reason, true);
        return;
    }
    if (!application->head(application->context, request, &request->plan))
        return;
    if (request->announces_body && request->plan.mode == HTTP_BODY_NONE)
        response_fault(request, 413, "This request takes no body.", true);
    else if (request->announced > body_length_max(request))
        response_fault(request, 413, NULL, true);
    else
        body_begin(request);
}

static void server_body(struct http_request *request)
{
    const struct http_application *application = &request->server->application;
    body_end(request);
    if (request->fault_status != 0)
        response_fault(request, request->fault_status, request->fault_reason,
                       request->fault_status != 400 || request->drained > 0);
    else
        application->body(application->context, request);
}

/* After a call of the application: send what it answered, or sleep until it does. */
static enum MHD_Result server_settle(struct http_request *request, bool wait)
{
    pthread_mutex_lock(&request->lock);
    bool answered = request->response != NULL;
    if (request->stream_over) {
        pthread_mutex_unlock(&request->lock);
        request->status = 200;
        request->queued = true;
        return MHD_NO;
    }
    if (!answered && wait) {
        request->suspended = true;
        MHD_suspend_connection(request->connection);
    }
    pthread_mutex_unlock(&request->lock);
    return answered ? response_queue(request) : MHD_YES;
}

static enum MHD_Result server_handle(void *context, struct MHD_Connection *connection,
                                     const char *url, const char *method, const char *version,
                                     const char *upload, size_t *upload_size, void **slot)
{
    struct http_request *request = *slot;
    (void)context, (void)connection, (void)url;
    if (request->queued)
        return MHD_YES;
    if (!request->body_done && atomic_load(&request->server->stopped))
        return MHD_NO;
    if (!request->head_done) {
        server_head(request, method, version);
        return server_settle(request, false);
    }
    if (*upload_size > 0) {
        bool go_on = body_take(request, upload, *upload_size);
        *upload_size = 0;
        return go_on ? MHD_YES : MHD_NO;
    }
    if (!request->body_done)
        server_body(request);
    return server_settle(request, true);
}

static void server_swallow_log(void *context, const char *format, va_list arguments)
{
    (void)context, (void)format, (void)arguments;
}

static int server_address(const struct http_settings *settings,
                          struct sockaddr_storage *ret_address, socklen_t *ret_size,
                          struct err *err)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)ret_address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret_address;
    memset(ret_address, 0, sizeof(*ret_address));
    if (inet_pton(AF_INET, settings->address, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)settings->port);
        *ret_size = sizeof(*v4);
        return 0;
    }
    if (inet_pton(AF_INET6, settings->address, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)settings->port);
        *ret_size = sizeof(*v6);
        return 0;
    }
    return err_set(err, ERR_INVALID, NULL, "'%s' is no IP address to listen on.",
                   settings->address);
}

static int server_listen(const struct http_settings *settings, int *ret_fd, int *ret_port,
                         struct err *err)
{
    struct sockaddr_storage address;
    socklen_t size;
    int rc = server_address(settings, &address, &size, err);
    if (rc < 0)
        return rc;
    CLEANUP(fd) int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const int on = 1;
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        bind(fd, (struct sockaddr *)&address, size) < 0 || listen(fd, SERVER_BACKLOG) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) < 0)
        return err_set(err, ERR_UNAVAILABLE, NULL, "Cannot listen on %s port %d: %s.",
                       settings->address, settings->port, strerror(errno));
    *ret_port = ntohs(address.ss_family == AF_INET ? ((struct sockaddr_in *)&address)->sin_port
                                                   : ((struct sockaddr_in6 *)&address)->sin6_port);
    *ret_fd = TAKE_FD(fd);
    return 0;
}

/* Takes over `fd`. */
static struct MHD_Daemon *server_daemon(struct http_loop *loop, int fd, int connections_max)
{
    const struct http_settings *settings = &loop->server->settings;
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
                     MHD_USE_SUPPRESS_DATE_NO_CLOCK | (settings->tls_cert_pem ? MHD_USE_TLS : 0);
    struct MHD_OptionItem options[16];
    size_t count = 0;
    size_t memory = settings->header_bytes_max + SERVER_CONNECTION_SPARE_BYTES;
#define OPTION(name, value, pointer)                                                               \
    options[count++] = (struct MHD_OptionItem){(name), (intptr_t)(value), (pointer)}
    OPTION(MHD_OPTION_EXTERNAL_LOGGER, server_swallow_log, NULL);
    OPTION(MHD_OPTION_LISTEN_SOCKET, fd, NULL);
    OPTION(MHD_OPTION_URI_LOG_CALLBACK, server_request_line, loop);
    OPTION(MHD_OPTION_UNESCAPE_CALLBACK, server_keep_escapes, NULL);
    OPTION(MHD_OPTION_NOTIFY_COMPLETED, server_completed, loop);
    OPTION(MHD_OPTION_NOTIFY_CONNECTION, server_connected, loop);
    /* framing.c is stricter than the strict level, whose answer to a missing Host has its head twice. */
    OPTION(MHD_OPTION_STRICT_FOR_CLIENT, 0, NULL);
    OPTION(MHD_OPTION_CONNECTION_MEMORY_LIMIT, memory, NULL);
    OPTION(MHD_OPTION_CONNECTION_LIMIT, connections_max, NULL);
    OPTION(MHD_OPTION_CONNECTION_TIMEOUT, settings->idle_timeout_s, NULL);
    if (settings->tls_cert_pem) {
        OPTION(MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)settings->tls_cert_pem);
        /* The versions before are broken. */
        OPTION(MHD_OPTION_HTTPS_PRIORITIES, 0,
               (void *)(uintptr_t) "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2");
        OPTION(MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)settings->tls_key_pem);
    }
    OPTION(MHD_OPTION_END, 0, NULL);
#undef OPTION
    struct MHD_Daemon *daemon =
        MHD_start_daemon(flags, (uint16_t)loop->server->port, NULL, NULL, server_handle, loop,
                         MHD_OPTION_ARRAY, options, MHD_OPTION_END);
    if (!daemon)
        close(fd);
    return daemon;
}

/* The loops that run are counted, so that freeing the server ends just these. */
static bool server_start(struct http_server *server, int fd)
{
    int wanted = server->settings.threads > 1 ? server->settings.threads : 1;
    int share = (server->settings.connections_max + wanted - 1) / wanted;
    server->loops = mem_array((size_t)wanted, sizeof(*server->loops));
    for (int i = 0; i < wanted; i++) {
        struct http_loop *loop = &server->loops[i];
        int own_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        loop->server = server;
        loop->daemon = own_fd >= 0 ? server_daemon(loop, own_fd, share) : NULL;
        if (!loop->daemon)
            return false;
        if (!loop_start(loop)) {
            MHD_stop_daemon(loop->daemon);
            return false;
        }
        server->loop_count++;
    }
    return true;
}

int http_server_new(const struct http_settings *settings,
                    const struct http_application *application, struct http_server **ret_server,
                    struct err *err)
{
    CLEANUP(fd) int fd = -1;
    int port = 0;
    int rc = server_listen(settings, &fd, &port, err);
    if (rc < 0)
        return rc;
    struct http_server *server = mem_alloc(sizeof(*server));
    server->settings = *settings;
    server->application = *application;
    server->port = port;
    if (!server_start(server, fd)) {
        http_server_free(server);
        return err_set(err, ERR_UNAVAILABLE, NULL, "The HTTP server could not be started%s.",
                       settings->tls_cert_pem ? " (are the TLS certificate and key right?)" : "");
    }
    *ret_server = server;
    return 0;
}

int http_server_port(const struct http_server *server)
{
    return server->port;
}

void http_server_quiesce(struct http_server *server)
{
    if (server->quiesced)
        return;
    server->quiesced = true;
    for (int i = 0; i < server->loop_count; i++) {
        MHD_socket fd = MHD_quiesce_daemon(server->loops[i].daemon);
        if (fd != MHD_INVALID_SOCKET)
            close(fd);
    }
}

void http_server_stop(struct http_server *server)
{
    if (atomic_exchange(&server->stopped, true))
        return;
    for (int i = 0; i < server->loop_count; i++)
        loop_stop(&server->loops[i]);
}

void http_server_free(struct http_server *server)
{
    if (!server)
        return;
    http_server_stop(server);
    for (int i = 0; i < server->loop_count; i++)
        loop_free(&server->loops[i]);
    free(server->loops);
    free(server);
}
