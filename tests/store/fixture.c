#include "fixture.h"

#include "shared/folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *fixture_backend;

void fixture_main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s BACKEND\n", argv[0]);
        exit(2);
    }
    fixture_backend = argv[1];
}

int fixture_new_closed(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    strcpy(f->directory, "/tmp/reeld-store-XXXXXX");
    if (!mkdtemp(f->directory))
        return -1;
    snprintf(f->location, sizeof(f->location), "%s:%s/store.db", fixture_backend, f->directory);
    f->arena = arena_new();
    *state = f;
    return 0;
}

void fixture_open(struct fixture *f)
{
    struct err err = {0};
    int rc = store_open(f->location, &f->store, &err);
    if (rc < 0)
        fprintf(stderr, "%s\n", err.message);
    assert_int_equal(rc, 0);
}

void fixture_close(struct fixture *f)
{
    store_close(f->store);
    f->store = NULL;
}

void fixture_reopen(struct fixture *f)
{
    fixture_close(f);
    fixture_open(f);
}

int fixture_new(void **state)
{
    if (fixture_new_closed(state) < 0)
        return -1;
    fixture_open(*state);
    return 0;
}

int fixture_free(void **state)
{
    struct fixture *f = *state;
    store_close(f->store);
    arena_free(f->arena);
    int rc = folder_remove_tree(f->directory);
    free(f);
    return rc;
}

struct store_workflow fixture_workflow(const char *id, const char *customer, int64_t price)
{
    return (struct store_workflow){
        .id = id,
        .customer = customer,
        .user = "user",
        .title = "A title",
        .description = "A description",
        .visibility_status = "1",
        .event_id = "no_event",
        .template_id = "football_fan",
        .template_version = 3,
        .template_json = "{\"template_id\":\"football_fan\",\"steps\":[]}",
        .options_json = "{\"team\":\"Tromsø\"}",
        .image_urls_json = "[\"https://example.org/a.jpg\"]",
        .webhook_url = "https://example.org/hook",
        .client_type = "test",
        .price = price,
    };
}

int fixture_create(struct store *store, const struct store_workflow *workflow)
{
    struct store_wait wait;
    store_wait_init(&wait);
    store_workflow_create(store, workflow, store_wait_done, &wait);
    return store_wait_finish(&wait, NULL);
}

int fixture_transition(struct store *store, const struct store_transition *transition)
{
    struct store_wait wait;
    store_wait_init(&wait);
    store_workflow_transition(store, transition, store_wait_done, &wait);
    return store_wait_finish(&wait, NULL);
}

int fixture_credit(struct store *store, const char *customer, int64_t amount)
{
    struct store_wait wait;
    store_wait_init(&wait);
    store_credit_add(store, customer, amount, "test", store_wait_done, &wait);
    return store_wait_finish(&wait, NULL);
}

int fixture_key(struct store *store, const char *customer, const char *id, const char *sha256)
{
    const struct store_key key = {.id = id, .customer = customer, .user = "user", .label = "rk_ab"};
    struct store_wait wait;
    store_wait_init(&wait);
    store_key_create(store, &key, sha256, store_wait_done, &wait);
    return store_wait_finish(&wait, NULL);
}

int fixture_revoke(struct store *store, const char *id)
{
    struct store_wait wait;
    store_wait_init(&wait);
    store_key_revoke(store, id, store_wait_done, &wait);
    return store_wait_finish(&wait, NULL);
}

struct store_workflow_full *fixture_get(struct fixture *f, const char *id)
{
    struct store_workflow_full *full = NULL;
    assert_int_equal(store_workflow_get(f->store, f->arena, NULL, id, &full, NULL), 0);
    return full;
}

int64_t fixture_balance(struct store *store, const char *customer)
{
    enum { PAGE = 500 };
    int64_t balance, reserved, before = 0, expected, sequence;
    size_t count;
    assert_int_equal(store_credit_balance(store, customer, &balance, &reserved, NULL), 0);
    expected = balance;
    sequence = -1;
    do {
        CLEANUP(arena) struct arena *a = arena_new();
        struct store_ledger_row *rows;
        assert_int_equal(store_ledger_list(store, a, customer, before, PAGE, &rows, &count, NULL),
                         0);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(rows[i].balance, expected);
            assert_true(sequence == -1 || rows[i].sequence == sequence - 1);
            sequence = rows[i].sequence;
            expected -= rows[i].amount;
        }
        before = sequence;
    } while (count == PAGE && before > 1);
    assert_int_equal(expected, 0);
    assert_true(sequence == -1 || sequence == 1);
    return balance;
}
