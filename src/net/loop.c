#include "net/internal.h"

#include "base/arena.h"
#include "base/clock.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * DESIGN. One easy handle per hop. libcurl resolves the name once, on a thread of its own, and
 * connects to one of the addresses it got; the socket callback is asked with exactly the address
 * that the connection is made to, and refuses what is not public. So there is no moment between the
 * check and the connection in which a name could change its mind. One refused address ends the
 * request, also where the name has public ones beside it. Redirects are followed here, hop by hop,
 * by the same path.
 */
enum {
    LOOP_HEADER_BYTES_MAX = 64 << 10,
    LOOP_CONNECT_TIMEOUT_MS = 15000,
    LOOP_DROPPED_BYTES_MAX =
        1 << 20 /* of an answer that nobody reads; the rest is not waited for */
};
#define LOOP_PROGRESS_STEP 0.01

struct request {
    struct request *next;
    struct net_loop *loop;
    uint64_t id;
    struct net_request settings; /* its pointers are the owned copies below */
    char *url, *method, *body;
    struct curl_slist *headers;
    CURL *easy; /* NULL while nothing is under way */
    int64_t deadline_us;
    int redirects;
    bool address_refused, too_large, write_failed, headers_too_large;
    double told_fraction; /* of the progress that was told last */
    struct err fault;     /* code 0: none; told at the next step */
    uint64_t received, header_bytes;
};

struct net_loop {
    CURLM *multi;
    struct request *requests;
    uint64_t last_id;
};

int net_loop_new(struct net_loop **ret_loop, struct err *err)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return err_set(err, ERR_UNAVAILABLE, NULL, "libcurl cannot be used.");
    struct net_loop *loop = mem_alloc(sizeof(*loop));
    loop->multi = curl_multi_init();
    if (!loop->multi) {
        free(loop);
        return err_set(err, ERR_UNAVAILABLE, NULL, "libcurl cannot be used.");
    }
    /* A connection that another request left open was checked for that one's settings only. */
    curl_multi_setopt(loop->multi, CURLMOPT_MAXCONNECTS, 1L);
    *ret_loop = loop;
    return 0;
}

static void request_drop_easy(struct request *request)
{
    if (!request->easy)
        return;
    curl_multi_remove_handle(request->loop->multi, request->easy);
    curl_easy_cleanup(request->easy);
    request->easy = NULL;
}

static void request_free(struct request *request)
{
    request_drop_easy(request);
    curl_slist_free_all(request->headers);
    free(request->url);
    free(request->method);
    free(request->body);
    free(request);
}

static void loop_unlink(struct net_loop *loop, struct request *request)
{
    struct request **at = &loop->requests;
    while (*at != request)
        at = &(*at)->next;
    *at = request->next;
}

void net_loop_free(struct net_loop *loop)
{
    if (!loop)
        return;
    while (loop->requests) {
        struct request *request = loop->requests;
        loop->requests = request->next;
        request_free(request);
    }
    curl_multi_cleanup(loop->multi);
    curl_global_cleanup();
    free(loop);
}

static curl_socket_t request_socket(void *context, curlsocktype purpose,
                                    struct curl_sockaddr *address)
{
    struct request *request = context;
    (void)purpose;
    if (!request->settings.allow_private && !net_address_public(&address->addr)) {
        request->address_refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static size_t request_header(char *bytes, size_t size, size_t count, void *context)
{
    struct request *request = context;
    (void)bytes;
    request->header_bytes += size * count;
    request->headers_too_large = request->header_bytes > LOOP_HEADER_BYTES_MAX;
    return request->headers_too_large ? 0 : size * count;
}

static bool request_status_is_success(struct request *request)
{
    long status = 0;
    curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &status);
    return status >= 200 && status < 300;
}

static size_t request_write(char *bytes, size_t size, size_t count, void *context)
{
    struct request *request = context;
    size_t total = size * count;
    bool kept = request_status_is_success(request);
    uint64_t most = kept ? request->settings.max_bytes : LOOP_DROPPED_BYTES_MAX;
    request->received += total;
    if (request->received > most) {
        request->too_large = kept;
        return 0;
    }
    for (size_t done = 0; kept && request->settings.output_fd >= 0 && done < total;) {
        ssize_t written = write(request->settings.output_fd, bytes + done, total - done);
        if (written < 0 && errno != EINTR) {
            request->write_failed = true;
            return 0;
        }
        done += written > 0 ? (size_t)written : 0;
    }
    return total;
}

static int request_progress(void *context, curl_off_t total, curl_off_t now, curl_off_t to_send,
                            curl_off_t sent)
{
    struct request *request = context;
    (void)to_send, (void)sent;
    if (request->address_refused)
        return 1;
    if (total > 0 && (uint64_t)total > request->settings.max_bytes &&
        request_status_is_success(request)) {
        request->too_large = true;
        return 1;
    }
    if (total <= 0 || !request->settings.progress || !request_status_is_success(request))
        return 0;
    double fraction = (double)now / (double)total;
    if (fraction >= request->told_fraction + LOOP_PROGRESS_STEP) {
        request->told_fraction = fraction;
        request->settings.progress(request->settings.context, fraction);
    }
    return 0;
}

static void request_configure(struct request *request, long left_ms)
{
    CURL *easy = request->easy;
    curl_easy_setopt(easy, CURLOPT_PRIVATE, request);
    curl_easy_setopt(easy, CURLOPT_URL, request->url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT,
                     1L); /* a slow name server does not hold up the loop */
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "reeld/" REELD_VERSION);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, left_ms);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                     left_ms < LOOP_CONNECT_TIMEOUT_MS ? left_ms : LOOP_CONNECT_TIMEOUT_MS);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, request_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, request);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, request_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, request);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, request_write);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, request);
    curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, request_progress);
    curl_easy_setopt(easy, CURLOPT_XFERINFODATA, request);
    curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
    if (request->headers)
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, request->headers);
    if (strcmp(request->method, "POST") == 0) {
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                         (curl_off_t)request->settings.body_size);
    }
}

static void request_hop(struct request *request)
{
    int64_t left_ms = (request->deadline_us - clock_monotonic_us()) / 1000;
    if (left_ms <= 0) {
        err_set(&request->fault, ERR_TIMEOUT, NULL, "The address did not answer in time.");
        return;
    }
    request->easy = curl_easy_init();
    if (!request->easy)
        abort(); /* out of memory, the only cause */
    request->received = request->header_bytes = 0;
    request->told_fraction = 0;
    request_configure(request, (long)left_ms);
    curl_multi_add_handle(request->loop->multi, request->easy);
}

void net_start(struct net_loop *loop, const struct net_request *settings, uint64_t *ret_id)
{
    struct request *request = mem_alloc(sizeof(*request));
    request->loop = loop;
    request->id = ++loop->last_id;
    request->settings = *settings;
    request->settings.url = NULL;
    request->settings.headers = NULL;
    request->settings.body = NULL;
    request->settings.method = NULL;
    request->method = mem_strdup(settings->method);
    request->body =
        settings->body_size ? mem_dup(settings->body, settings->body_size) : mem_strdup("");
    request->deadline_us = clock_monotonic_us() + settings->timeout_ms * 1000;
    for (const char *const *header = settings->headers; header && *header; header++)
        request->headers = curl_slist_append(request->headers, *header);
    request->next = loop->requests;
    loop->requests = request;
    *ret_id = request->id;
    if (url_check(settings->url, &request->url, &request->fault) == 0) {
        request->fault.code = 0;
        request_hop(request);
    }
}

void net_cancel(struct net_loop *loop, uint64_t id)
{
    for (struct request *request = loop->requests; request; request = request->next) {
        if (request->id == id) {
            loop_unlink(loop, request);
            request_free(request);
            return;
        }
    }
}

static int request_judge_address(const struct request *request, struct err *err)
{
    char *host = url_host(request->url);
    int rc = err_set(err, ERR_FETCH_REFUSED, NULL,
                     "The address of %s is not public and may not be reached.", host);
    free(host);
    return rc;
}

/* What a failed transfer means; of the URL only the host is repeated, the rest may carry a secret.
 */
static int request_judge(struct request *request, CURLcode code, struct err *err)
{
    if (request->address_refused)
        return request_judge_address(request, err);
    if (request->too_large)
        return err_set(err, ERR_TOO_LARGE, NULL, "The content is over the limit of %llu bytes.",
                       (unsigned long long)request->settings.max_bytes);
    if (request->write_failed)
        return err_set(err, ERR_STORAGE, NULL, "The content could not be stored.");
    if (request->headers_too_large)
        return err_set(err, ERR_FETCH_FAILED, NULL, "The headers of the answer are over %d bytes.",
                       LOOP_HEADER_BYTES_MAX);
    if (code == CURLE_OK ||
        (code == CURLE_WRITE_ERROR && request->received > LOOP_DROPPED_BYTES_MAX))
        return 0;
    if (code == CURLE_OPERATION_TIMEDOUT)
        return err_set(err, ERR_TIMEOUT, NULL, "The address did not answer in time.");
    if (code == CURLE_COULDNT_RESOLVE_HOST)
        return err_set(err, ERR_FETCH_FAILED, NULL, "The host name is not known.");
    return err_set(err, ERR_FETCH_FAILED, NULL, "The transfer failed: %s.",
                   curl_easy_strerror(code));
}

static void request_end(struct request *request, struct net_result *result)
{
    loop_unlink(request->loop, request);
    request->settings.done(request->settings.context, result);
    request_free(request);
}

/* Headers may carry a key that was meant for the first host alone. */
static void request_move(struct request *request, char *url)
{
    if (!url_same_origin(request->url, url)) {
        curl_slist_free_all(request->headers);
        request->headers = NULL;
    }
    free(request->url);
    request->url = url;
}

/* Whether the answer sends somewhere else; then *ret_rc tells whether that can be done. */
static bool request_redirects(struct request *request, long status, int *ret_rc, struct err *err)
{
    struct curl_header *location;
    bool moved = status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
    if (!moved || request->settings.max_redirects == 0 ||
        curl_easy_header(request->easy, "Location", 0, CURLH_HEADER, -1, &location) != CURLHE_OK)
        return false;
    char *url = NULL;
    *ret_rc =
        ++request->redirects > request->settings.max_redirects
            ? err_set(err, ERR_FETCH_REFUSED, NULL, "The address redirects more than %d times.",
                      request->settings.max_redirects)
            : url_follow(request->url, location->value, &url, err);
    if (*ret_rc < 0)
        return true;
    request_move(request, url);
    if (status == 303 || (status < 303 && strcmp(request->method, "POST") == 0)) {
        free(request->method);
        request->method = mem_strdup("GET");
    }
    return true;
}

static void request_finished(struct request *request, CURLcode code)
{
    struct net_result result = {.retry_after_s = -1};
    struct curl_header *type;
    curl_off_t retry_after = 0;
    curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &result.status);
    result.rc = request_judge(request, code, &result.err);
    if (result.rc == 0 && request_redirects(request, result.status, &result.rc, &result.err) &&
        result.rc == 0) {
        request_drop_easy(request);
        request_hop(request);
        return;
    }
    if (curl_easy_header(request->easy, "Content-Type", 0, CURLH_HEADER, -1, &type) == CURLHE_OK)
        result.content_type = type->value;
    if (curl_easy_getinfo(request->easy, CURLINFO_RETRY_AFTER, &retry_after) == CURLE_OK &&
        retry_after > 0)
        result.retry_after_s = retry_after;
    result.size = request_status_is_success(request) ? request->received : 0;
    request_end(request, &result);
}

/* From the start after each one: a callback may start and cancel others. */
static void loop_tell_faults(struct net_loop *loop)
{
    for (struct request *request = loop->requests; request;) {
        /* The analyzer does not see that ending a request takes it off the list. */
        if (request->fault.code == 0) { /* NOLINT(clang-analyzer-unix.Malloc) */
            request = request->next;
            continue;
        }
        struct net_result result = {
            .rc = request->fault.code, .err = request->fault, .retry_after_s = -1};
        request_end(request, &result);
        request = loop->requests;
    }
}

static bool loop_has_faults(const struct net_loop *loop)
{
    for (const struct request *request = loop->requests; request; request = request->next) {
        if (request->fault.code != 0)
            return true;
    }
    return false;
}

bool net_loop_step(struct net_loop *loop, int extra_fd, int timeout_ms)
{
    struct curl_waitfd extra = {.fd = extra_fd, .events = CURL_WAIT_POLLIN};
    int running, left;
    CURLMsg *message;
    curl_multi_perform(loop->multi, &running);
    curl_multi_poll(loop->multi, &extra, extra_fd >= 0, loop_has_faults(loop) ? 0 : timeout_ms,
                    NULL);
    curl_multi_perform(loop->multi, &running);
    while ((message = curl_multi_info_read(loop->multi, &left))) {
        struct request *request;
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode code = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&request);
        request_finished(request, code);
    }
    loop_tell_faults(loop);
    return extra_fd >= 0 && (extra.revents & CURL_WAIT_POLLIN) != 0;
}
