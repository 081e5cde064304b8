/* An engine on a store and blobs of its own, with workers that misbehave on command
 * (fake_worker.c). */
#ifndef TESTS_UNIT_ENGINE_FIXTURE_H
#define TESTS_UNIT_ENGINE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/uuid.h"
#include "engine/engine.h"
#include "shared/folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FIXTURE_SANITIZED 1
#else
#define FIXTURE_SANITIZED 0
#endif

enum { FIXTURE_CREDITS = 1000000, FIXTURE_PRICE = 5 };

struct fixture {
    char directory[64];
    char path[160]; /* of what was asked for last */
    char program[160];
    struct store *store;
    struct blob_store *blobs;
    struct engine *engine;
    struct engine_settings settings;
    struct arena *arena;
    const char *webhook_url; /* of the workflows that are made; NULL at first */
};

static const char *fixture_fake_worker; /* the program; set in main() */

static inline const char *fixture_path(struct fixture *f, const char *name)
{
    snprintf(f->path, sizeof(f->path), "%s/%s", f->directory, name);
    return f->path;
}

static inline json_t *fixture_render(void *context, struct arena *a,
                                     const struct store_workflow_full *workflow)
{
    (void)context, (void)a;
    return json_pack("{s:s}", "id", workflow->workflow.id);
}

static inline void fixture_start(struct fixture *f)
{
    struct err err;
    if (store_open(fixture_path(f, "reeld.db"), &f->store, &err) < 0 ||
        blob_open(fixture_path(f, "blobs"), &f->blobs, &err) < 0)
        fail_msg("%s", err.message);
    f->settings.store = f->store;
    f->settings.blobs = f->blobs;
    if (engine_new(&f->settings, &f->engine, &err) < 0)
        fail_msg("%s", err.message);
    engine_serve_webhooks(f->engine, fixture_render, NULL);
}

static inline void fixture_stop(struct fixture *f, int grace_s)
{
    engine_drain(f->engine, grace_s);
    engine_free(f->engine);
    store_close(f->store);
    blob_close(f->blobs);
    f->engine = NULL;
}

static inline int fixture_new(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct store_wait wait;
    strcpy(f->directory, "/tmp/reeld-engine-XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    f->arena = arena_new();
    strcpy(f->program, fixture_path(f, "worker"));
    assert_int_equal(symlink(fixture_fake_worker, f->program), 0);
    f->settings = (struct engine_settings){
        .media_secret = "secret",
        .workers = 2,
        .worker_program = f->program,
        .net_program = f->program,
        .pack_fd = -1,
        .worker_memory_bytes = 512 << 20,
        .worker_output_bytes = 4 << 20,
        .worker_cpu_seconds = 1,
        .input_bytes_max = 1 << 20,
        .fetch_timeout_s = 30,
        .fetch_redirects_max = 3,
        .active_max = 256,
    };
    fixture_start(f);
    store_wait_init(&wait);
    store_credit_add(f->store, "acme", FIXTURE_CREDITS, "test", store_wait_done, &wait);
    assert_int_equal(store_wait_finish(&wait, NULL), 0);
    *state = f;
    return 0;
}

static inline int fixture_free(void **state)
{
    struct fixture *f = *state;
    fixture_stop(f, 0);
    arena_free(f->arena);
    int rc = folder_remove_tree(f->directory);
    free(f);
    return rc;
}

/* A workflow of these steps (JSON with ' for "); its outputs are those of the step `last`. The id
 * lives in the arena. */
static inline const char *fixture_submit(struct fixture *f, const char *steps)
{
    char *id = arena_alloc(f->arena, UUID_TEXT_SIZE);
    char *json = arena_printf(f->arena,
                              "{'id':'t','label':'T','credits':{'image':%d},'available_options':[],"
                              "'steps':[%s],'outputs':[{'step':'last'}]}",
                              FIXTURE_PRICE, steps);
    for (char *c = json; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    uuid_new(id);
    const struct store_workflow workflow = {.id = id,
                                            .customer = "acme",
                                            .user = "user",
                                            .template_id = "t",
                                            .template_version = 1,
                                            .template_json = json,
                                            .options_json = "{}",
                                            .image_urls_json = "[]",
                                            .webhook_url = f->webhook_url,
                                            .price = FIXTURE_PRICE};
    struct store_wait wait;
    store_wait_init(&wait);
    store_workflow_create(f->store, &workflow, store_wait_done, &wait);
    assert_int_equal(store_wait_finish(&wait, NULL), 0);
    engine_submit_created(f->engine, &workflow);
    return id;
}

/* One step with this prompt and further members. */
static inline const char *fixture_submit_prompt(struct fixture *f, const char *prompt,
                                                const char *more)
{
    return fixture_submit(f, arena_printf(f->arena,
                                          "{'id':'last','flow':'chat','params':{'prompt':'%s'}%s}",
                                          prompt, more));
}

static inline struct store_workflow_full *fixture_get(struct fixture *f, const char *id)
{
    struct store_workflow_full *full;
    assert_int_equal(store_workflow_get(f->store, f->arena, NULL, id, &full, NULL), 0);
    return full;
}

/* Until the workflow is final; far beyond what anything here takes. */
static inline struct store_workflow_full *fixture_finish(struct fixture *f, const char *id)
{
    for (int64_t until = clock_monotonic_us() + 120000000;;) {
        CLEANUP(arena) struct arena *a = arena_new();
        struct store_workflow_full *full;
        assert_int_equal(store_workflow_get(f->store, a, NULL, id, &full, NULL), 0);
        if (full->workflow.status >= STORE_SUCCESS)
            return fixture_get(f, id);
        if (clock_monotonic_us() > until)
            fail_msg("the workflow does not end");
        usleep(5000);
    }
}

/* How often a line is in the log of the fake workers. */
static inline int fixture_log_count(struct fixture *f, const char *text)
{
    char line[300];
    int count = 0;
    FILE *log = fopen(fixture_path(f, "log"), "r");
    while (log && fgets(line, sizeof(line), log)) {
        line[strcspn(line, "\n")] = '\0';
        count += strcmp(line, text) == 0;
    }
    if (log)
        fclose(log);
    return count;
}

static inline void fixture_wait_log(struct fixture *f, const char *text)
{
    for (int i = 0; fixture_log_count(f, text) == 0; i++) {
        assert_true(i < 12000);
        usleep(10000);
    }
}

/* Balance and reserved credits, the ledger being its sum. */
static inline void fixture_assert_spent(struct fixture *f, int64_t spent)
{
    int64_t balance, reserved;
    assert_int_equal(store_credit_balance(f->store, "acme", &balance, &reserved, NULL), 0);
    assert_int_equal(balance, FIXTURE_CREDITS - spent);
    assert_int_equal(reserved, 0);
}

#endif
