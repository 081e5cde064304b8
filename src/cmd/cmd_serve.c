#include "cmd/cmd.h"
#include "cmd/home.h"

#include "api/api.h"
#include "base/log.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

enum { SERVE_FIRST_CREDITS = 100000, SERVE_PEM_MAX = 1024 * 1024 };

/* "127.0.0.1:8080", "[::1]:8080", ":8080" or "8080". */
static int serve_read_listen(struct arena *a, const char *text, struct http_settings *http,
                             struct err *err)
{
    const char *colon = strrchr(text, ':');
    const char *port = colon ? colon + 1 : text;
    size_t length = colon ? (size_t)(colon - text) : 0;
    char *end;
    long number = strtol(port, &end, 10);
    if (end == port || *end || number < 0 || number > 65535)
        return err_set(err, ERR_INVALID, "listen", "--listen takes ADDRESS:PORT, not %s.", text);
    if (length >= 2 && text[0] == '[' && text[length - 1] == ']')
        http->address = arena_strndup(a, text + 1, length - 2);
    else
        http->address = length ? arena_strndup(a, text, length) : "127.0.0.1";
    http->port = (int)number;
    return 0;
}

static int serve_read_pem(struct arena *a, const char *path, const char **ret_pem, struct err *err)
{
    if (!path)
        return 0;
    CLEANUP(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *pem = arena_alloc(a, SERVE_PEM_MAX);
    ssize_t size = fd >= 0 ? read(fd, pem, SERVE_PEM_MAX - 1) : -1;
    if (size <= 0)
        return err_set(err, ERR_INVALID, path, "The PEM file %s cannot be read.", path);
    *ret_pem = pem;
    return 0;
}

/* NULL stays NULL; slashes at the end go. */
static int serve_read_public_url(struct arena *a, const char *url, const char **ret_url,
                                 struct err *err)
{
    size_t length = url ? strlen(url) : 0;
    *ret_url = NULL;
    if (!url)
        return 0;
    if (plan_reference_check(url, true, err) < 0 || strpbrk(url, "?#"))
        return err_set(err, ERR_INVALID, "public-url",
                       "--public-url takes an http(s) URL without a query, not %s.", url);
    while (url[length - 1] == '/')
        length--;
    *ret_url = arena_strndup(a, url, length);
    return 0;
}

static int serve_http_settings(const struct options *options, struct http_settings *http,
                               struct err *err)
{
    *http = (struct http_settings){
        .threads = (int)option_integer(options, PARAM_HTTP_THREADS),
        .connections_max = (int)option_integer(options, PARAM_CONNECTIONS),
        .idle_timeout_s = (int)option_integer(options, PARAM_IDLE_TIMEOUT),
        .header_bytes_max = (size_t)option_integer(options, PARAM_HEADER_BYTES),
        .uri_bytes_max = (size_t)option_integer(options, PARAM_URI_BYTES),
    };
    int rc = serve_read_listen(options->arena, option_text(options, PARAM_LISTEN), http, err);
    if (rc == 0)
        rc = serve_read_pem(options->arena, option_text(options, PARAM_TLS_CERT),
                            &http->tls_cert_pem, err);
    if (rc == 0)
        rc = serve_read_pem(options->arena, option_text(options, PARAM_TLS_KEY), &http->tls_key_pem,
                            err);
    if (rc == 0 && !http->tls_cert_pem != !http->tls_key_pem)
        rc = err_set(err, ERR_INVALID, NULL, "--tls-cert and --tls-key go together.");
    return rc;
}

/* An empty folder gets a customer, credits and a key, so that the first request can be made. */
static int serve_first_start(struct home *home, struct err *err)
{
    const char *fixed = getenv("REELD_API_KEY");
    char key[80], id[37];
    int64_t customers;
    int rc = store_customer_count(home->store, &customers, err);
    if (rc < 0 || customers > 0)
        return rc;
    home_new_key(key);
    rc = home_create_key(home, "default", "default", fixed && *fixed ? fixed : key, id, err);
    if (rc == 0)
        rc = home_add_credits(home, "default", SERVE_FIRST_CREDITS, "first start", err);
    if (rc == 0 && !(fixed && *fixed))
        printf("A customer `default` with %d credits was made. Its API key, shown only this "
               "once:\n%s\n",
               SERVE_FIRST_CREDITS, key);
    return rc;
}

static int serve_open(struct cmd *cmd, struct home *home, struct err *err)
{
    int rc = home_open_store(home, option_text(&cmd->options, PARAM_DATA), true, err);
    if (rc == 0)
        rc = home_lock(home, err);
    if (rc == 0)
        rc = home_open_blobs(home, err);
    if (rc == 0)
        rc = home_open_catalog(home, option_text(&cmd->options, PARAM_CATALOG), err);
    if (rc == 0)
        rc = home_find_programs(home, err);
    if (rc == 0)
        rc = home_map_pack(home, err);
    return rc;
}

/* `read`: what was read, and could be wrong, before the folder was opened. */
static int serve_start(struct cmd *cmd, struct home *home, const struct api_settings *read,
                       struct engine **ret_engine, struct api **ret_api, struct err *err)
{
    const struct options *options = &cmd->options;
    const int64_t day_s = 24 * 3600;
    struct engine_settings engine_settings = home_engine_settings(home, options);
    engine_settings.keep_workflows_s = option_integer(options, PARAM_KEEP_WORKFLOWS) * day_s;
    engine_settings.keep_assets_s = option_integer(options, PARAM_KEEP_ASSETS) * day_s;
    struct api_settings api_settings = {
        .http = read->http,
        .store = home->store,
        .blobs = home->blobs,
        .catalog = home->catalog,
        .media_secret = home->media_secret,
        .metrics_key = option_text(options, PARAM_METRICS_KEY),
        .pack = home->pack,
        .public_url = read->public_url,
        .json_bytes_max = (uint64_t)option_integer(options, PARAM_BODY_BYTES),
        .asset_bytes_max = (uint64_t)option_integer(options, PARAM_ASSET_BYTES),
        .media_url_life_s = (int)option_integer(options, PARAM_MEDIA_URL_LIFE),
        .waits_max = (int)option_integer(options, PARAM_WAITS),
        .waits_per_key = (int)option_integer(options, PARAM_WAITS_PER_KEY),
        .rate = (int)option_integer(options, PARAM_RATE),
        .rate_burst = (int)option_integer(options, PARAM_RATE_BURST),
        .in_flight = option_integer(options, PARAM_IN_FLIGHT),
        .storage_bytes_max = (uint64_t)option_integer(options, PARAM_STORAGE_BYTES),
    };
    int rc = engine_new(&engine_settings, ret_engine, err);
    api_settings.engine = *ret_engine;
    if (rc == 0)
        rc = api_new(&api_settings, ret_api, err);
    return rc;
}

/* 10,000 waiting clients are 10,000 descriptors. */
static void serve_raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static void serve_print_address(const struct http_settings *http, const struct api *api)
{
    bool brackets = strchr(http->address, ':') != NULL;
    printf("listening on %s://%s%s%s:%d\n", http->tls_cert_pem ? "https" : "http",
           brackets ? "[" : "", http->address, brackets ? "]" : "", api_port(api));
    fflush(stdout);
}

/* From the door inwards: who is called by others is there until they have ended. */
static void serve_stop(const struct cmd *cmd, const struct home *home, struct engine *engine,
                       struct api *api)
{
    api_quiesce(api);
    engine_drain(engine, (int)option_integer(&cmd->options, PARAM_GRACE));
    api_stop(api);
    store_flush(home->store);
}

int cmd_serve(struct cmd *cmd)
{
    int status, signal_number;
    struct err err;
    struct home home = {.pack_fd = -1, .lock_fd = -1};
    struct engine *engine = NULL;
    struct api *api = NULL;
    struct api_settings read = {0};
    sigset_t ending;
    if (!cmd_begin(cmd, PARAM_GROUP_SERVE | PARAM_GROUP_ENGINE, &status))
        return status;
    if (cmd->options.argument_count > 0)
        return cmd_usage(cmd, "serve takes no arguments.");
    /* Every thread inherits the mask, so the signals wait for sigwait() below. */
    sigemptyset(&ending);
    sigaddset(&ending, SIGTERM);
    sigaddset(&ending, SIGINT);
    pthread_sigmask(SIG_BLOCK, &ending, NULL);
    signal(SIGPIPE, SIG_IGN);
    serve_raise_descriptors();
    int rc = serve_http_settings(&cmd->options, &read.http, &err);
    if (rc == 0)
        rc = serve_read_public_url(cmd->options.arena, option_text(&cmd->options, PARAM_PUBLIC_URL),
                                   &read.public_url, &err);
    if (rc == 0)
        rc = serve_open(cmd, &home, &err);
    if (rc == 0)
        rc = serve_first_start(&home, &err);
    if (rc == 0)
        rc = serve_start(cmd, &home, &read, &engine, &api, &err);
    if (rc == 0) {
        serve_print_address(&read.http, api);
        sigwait(&ending, &signal_number);
        log_line(LOG_INFO, "stopping", "signal", strsignal(signal_number), NULL);
        serve_stop(cmd, &home, engine, api);
    }
    engine_free(engine);
    store_close(TAKE(home.store));
    api_free(api);
    home_close(&home);
    return rc == 0 ? CMD_OK : cmd_fail(&err);
}
