/*
 * A worker that misbehaves on command, in the place of reeld-worker and of the net worker: speaks
 * the wire like them and lives in the same jail. What a step's `prompt` (or the path of a fetched
 * URL) says is done; every job is noted in the file `log` beside the program.
 */
#include "base/clock.h"
#include "wire/wire.h"
#include "worker/child.h"
#include "worker/jail.h"
#include "worker/worker.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fake {
    struct wire *wire;
    int log_fd, cpu_seconds;
    int64_t job;
    const char *prompt;
    bool cancelled;
};

static void fake_note(const struct fake *fake, const char *text)
{
    char line[300];
    int size = snprintf(line, sizeof(line), "%.200s\n", text);
    if (write(fake->log_fd, line, (size_t)size) != size)
        _exit(3);
}

/* How often a line is in the log. */
static int fake_count(const struct fake *fake, const char *text)
{
    static char log[1 << 20];
    ssize_t size = pread(fake->log_fd, log, sizeof(log) - 1, 0);
    int count = 0;
    log[size > 0 ? size : 0] = '\0';
    for (char *line = strtok(log, "\n"); line; line = strtok(NULL, "\n"))
        count += strcmp(line, text) == 0;
    return count;
}

static void fake_send(struct fake *fake, json_t *message)
{
    if (!message || wire_send(fake->wire, message, NULL, 0, NULL) < 0)
        _exit(0);
    json_decref(message);
}

static void fake_done(struct fake *fake, json_t *results)
{
    fake_send(fake, json_pack("{s:s, s:I, s:s, s:o}", "type", "done", "job", (json_int_t)fake->job,
                              "provider", "fake", "results", results));
}

static void fake_failed(struct fake *fake, enum err_code code, const char *sentence)
{
    struct err fault;
    err_set(&fault, code, NULL, "%s", sentence);
    child_send_failed(fake->wire, fake->job, &fault, NULL);
}

static int fake_output(struct fake *fake)
{
    fake_send(fake, json_pack("{s:s, s:I}", "type", "output", "job", (json_int_t)fake->job));
    for (;;) {
        CLEANUP(wire_message) struct wire_message message = {0};
        if (wire_receive(fake->wire, &message, NULL) != 1)
            _exit(0);
        if (message.fd_count != 1)
            continue;
        int fd = message.fds[0];
        message.fds[0] = -1;
        return fd;
    }
}

static bool fake_is_cancelled(struct fake *fake)
{
    while (wire_has_message(fake->wire)) {
        CLEANUP(wire_message) struct wire_message message = {0};
        if (wire_receive(fake->wire, &message, NULL) != 1)
            _exit(0);
        fake->cancelled = true;
    }
    return fake->cancelled;
}

static void fake_slow(struct fake *fake, int milliseconds)
{
    for (int at = 0; at < milliseconds; at += 10) {
        fake_send(fake, json_pack("{s:s, s:I, s:f}", "type", "progress", "job",
                                  (json_int_t)fake->job, "fraction", at / (double)milliseconds));
        usleep(10000);
        if (fake_is_cancelled(fake)) {
            fake_note(fake, "cancelled");
            fake_failed(fake, ERR_CANCELLED, "The workflow was cancelled.");
            return;
        }
    }
    fake_done(fake, json_pack("[{s:s, s:s}]", "content_type", "text/plain", "text", "slow"));
}

/* --- what a broken, or taken over, worker may do ------------------------------------------------
 */

static void fake_die(struct fake *fake, const char *how)
{
    if (strcmp(how, "crash") == 0)
        raise(SIGABRT); /* sanitizers catch the others */
    if (strcmp(how, "exit") == 0)
        _exit(7);
    if (strcmp(how, "memory") == 0) {
        for (;;)
            memset(mem_alloc(16 << 20), 1, 16 << 20);
    }
    if (strcmp(how, "cpu") == 0) {
        jail_set_cpu_budget(fake->cpu_seconds);
        for (volatile uint64_t i = 0;; i++)
            continue;
    }
    if (strcmp(how, "output") == 0) {
        int fd = fake_output(fake);
        for (off_t at = 0; pwrite(fd, "x", 1, at) == 1; at += 1 << 20)
            continue;
    }
    for (;;) /* "hang" */
        usleep(100000);
}

static void fake_lie(struct fake *fake, const char *lie)
{
    json_int_t job = (json_int_t)fake->job;
    json_t *result = NULL;
    if (strcmp(lie, "type") == 0)
        fake_send(fake, json_pack("{s:s, s:I}", "type", "promote", "job", job));
    else if (strcmp(lie, "job") == 0)
        fake_send(fake, json_pack("{s:s, s:I, s:[]}", "type", "done", "job", job + 1, "results"));
    else if (strcmp(lie, "results") == 0)
        fake_send(fake,
                  json_pack("{s:s, s:I, s:s}", "type", "done", "job", job, "results", "many"));
    else if (strcmp(lie, "frame") == 0 &&
             write(wire_fd(fake->wire), "\xFF\xFF\xFF\xFF\0\0\0\0", 8) != 8)
        _exit(3);
    else if (strcmp(lie, "flood") == 0)
        for (;;)
            fake_send(fake, json_pack("{s:s, s:I, s:f}", "type", "progress", "job", job, "fraction",
                                      0.5));
    else if (strcmp(lie, "outputs") == 0)
        for (;;)
            close(fake_output(fake));
    else if (strcmp(lie, "then") == 0)
        fake_send(fake, json_pack("{s:s, s:I, s:[], s:[[]]}", "type", "done", "job", job, "results",
                                  "then"));
    else if (strcmp(lie, "output") == 0)
        result = json_pack("{s:s, s:i}", "content_type", "image/png", "output", 3);
    else if (strcmp(lie, "header") == 0)
        result = json_pack("{s:s, s:s}", "content_type", "text/plain\r\nX-Evil: 1", "text", "x");
    else if (strcmp(lie, "blob") == 0)
        result = json_pack("{s:s, s:s}", "content_type", "image/png", "blob",
                           "0000000000000000000000000000000000000000000000000000000000000000");
    if (result)
        fake_done(fake, json_pack("[o]", result));
}

static void fake_file(struct fake *fake, const char *text)
{
    int fd = fake_output(fake);
    if (write(fd, text, strlen(text)) != (ssize_t)strlen(text)) {
        fake_failed(fake, ERR_STORAGE, "The result could not be written.");
        return;
    }
    fake_done(fake,
              json_pack("[{s:s, s:i, s:i}]", "content_type", "image/png", "output", 0, "width", 7));
}

/* Says more than anybody will read, some of it not even words. */
static void fake_chatter(struct fake *fake, int count)
{
    json_int_t job = (json_int_t)fake->job;
    fake_send(fake, json_pack("{s:s, s:I, s:i}", "type", "note", "job", job, "text", 1));
    for (int i = 0; i < count; i++)
        fake_send(fake, json_pack("{s:s, s:I, s:s}", "type", "note", "job", job, "text", "Well."));
    fake_done(fake, json_pack("[{s:s, s:s}]", "content_type", "text/plain", "text", "said"));
}

static void fake_run(struct fake *fake)
{
    const char *prompt = fake->prompt;
    if (strncmp(prompt, "die:", 4) == 0)
        fake_die(fake, prompt + 4);
    else if (strncmp(prompt, "die-once:", 9) == 0 && fake_count(fake, prompt) == 1)
        fake_die(fake, prompt + 9);
    else if (strncmp(prompt, "lie:", 4) == 0)
        fake_lie(fake, prompt + 4);
    else if (strncmp(prompt, "slow:", 5) == 0)
        fake_slow(fake, atoi(prompt + 5));
    else if (strncmp(prompt, "chatter:", 8) == 0)
        fake_chatter(fake, atoi(prompt + 8));
    else if (strncmp(prompt, "file:", 5) == 0)
        fake_file(fake, prompt + 5);
    else if (strncmp(prompt, "fail:", 5) == 0)
        fake_failed(fake, err_from_wire(prompt + 5), "Said to fail.");
    else if (strncmp(prompt, "fail-twice:", 11) == 0 && fake_count(fake, prompt) <= 2)
        fake_failed(fake, err_from_wire(prompt + 11), "Said to fail.");
    else
        fake_done(fake, json_pack("[{s:s, s:s}]", "content_type", "text/plain", "text", prompt));
}

static void fake_media_loop(struct fake *fake)
{
    child_send_ready(fake->wire, NULL);
    for (;;) {
        CLEANUP(wire_message) struct wire_message message = {0};
        if (wire_receive(fake->wire, &message, NULL) != 1)
            _exit(0);
        if (strcmp(json_member_string(message.json, "type"), "run") != 0)
            continue;
        const char *prompt = json_member_string(json_object_get(message.json, "params"), "prompt");
        fake->job = json_member_integer(message.json, "job", 0);
        fake->prompt = prompt ? prompt : "";
        fake->cancelled = false;
        fake_note(fake, fake->prompt);
        fake_run(fake);
    }
}

static void fake_fetch(struct fake *fake, struct wire_message *message)
{
    const char *url = json_member_string(message->json, "url");
    const char *path = strrchr(url, '/') + 1;
    fake->job = json_member_integer(message->json, "job", 0);
    fake_note(fake, path);
    if (strcmp(path, "hang") == 0)
        return;
    if (strcmp(path, "refuse") == 0) {
        fake_failed(fake, ERR_FETCH_REFUSED, "The address may not be reached.");
        return;
    }
    if (strcmp(path, "die") == 0 || (strcmp(path, "die-once") == 0 && fake_count(fake, path) == 1))
        raise(SIGABRT);
    if (write(message->fds[0], path, strlen(path)) != (ssize_t)strlen(path))
        fake_failed(fake, ERR_STORAGE, "The content could not be stored.");
    else
        fake_send(fake,
                  json_pack("{s:s, s:I, s:i, s:n}", "type", "fetched", "job", (json_int_t)fake->job,
                            "size", (int)strlen(path), "content_type"));
}

static void fake_post(struct fake *fake, const struct wire_message *message)
{
    const char *path = strrchr(json_member_string(message->json, "url"), '/') + 1;
    const json_t *headers = json_object_get(message->json, "headers");
    char line[300];
    fake->job = json_member_integer(message->json, "job", 0);
    fake_note(fake, path);
    snprintf(line, sizeof(line), "%s %s", path,
             json_string_value(json_array_get(json_array_get(headers, 2), 1)));
    fake_note(fake, line);
    bool first = fake_count(fake, path) == 1;
    if (first && strcmp(path, "die-once") == 0)
        raise(SIGABRT);
    if (first && strcmp(path, "hang-once") == 0)
        return;
    fake_send(fake,
              json_pack("{s:s, s:I, s:i, s:n}", "type", "posted", "job", (json_int_t)fake->job,
                        "status", strcmp(path, "refuse") == 0 ? 500 : 200, "retry_after_s"));
}

static void fake_net_loop(struct fake *fake)
{
    child_send_ready(fake->wire, NULL);
    for (;;) {
        CLEANUP(wire_message) struct wire_message message = {0};
        if (wire_receive(fake->wire, &message, NULL) != 1)
            _exit(0);
        const char *type = json_member_string(message.json, "type");
        if (strcmp(type, "fetch") == 0)
            fake_fetch(fake, &message);
        else if (strcmp(type, "post") == 0)
            fake_post(fake, &message);
        else
            fake_note(fake, "fetch cancelled");
    }
}

int main(int argc, char **argv)
{
    bool is_net = argc == 7;
    char path[4096];
    if (argc != 5 && argc != 7)
        return 2;
    snprintf(path, sizeof(path), "%.*slog", (int)(strrchr(argv[0], '/') + 1 - argv[0]), argv[0]);
    struct fake fake = {.wire = child_start("fake", 0, WORKER_PACK_FD, true),
                        .cpu_seconds = atoi(argv[argc - 1])};
    fake.log_fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    const struct jail_limits limits = {strtoull(argv[argc - 3], NULL, 10),
                                       strtoull(argv[argc - 2], NULL, 10), 64};
    struct err err;
    if (fake.log_fd < 0 || jail_enter(is_net ? JAIL_NET : JAIL_MEDIA, &limits, &err) < 0)
        return 1;
    if (is_net)
        fake_net_loop(&fake);
    else
        fake_media_loop(&fake);
    return 0;
}
