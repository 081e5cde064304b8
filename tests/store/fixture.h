/* What the store tests share: a store in a folder of its own, and one-line blocking writes. */
#ifndef TESTS_STORE_FIXTURE_H
#define TESTS_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/uuid.h"
#include "store/store.h"

struct fixture {
    char directory[64];
    char location[128];
    struct store *store;
    struct arena *arena;
};

/* The backend that the program was told to test; called first in main(). */
void fixture_main(int argc, char **argv);

/* cmocka's setup and teardown. */
int fixture_new(void **state);
int fixture_free(void **state);
/* Without a store, for tests that open it themselves. */
int fixture_new_closed(void **state);

void fixture_open(struct fixture *f);
void fixture_close(struct fixture *f);
void fixture_reopen(struct fixture *f);

/* A workflow with all texts set; `id` is the caller's buffer. */
struct store_workflow fixture_workflow(const char *id, const char *customer, int64_t price);

int fixture_create(struct store *store, const struct store_workflow *workflow);
int fixture_transition(struct store *store, const struct store_transition *transition);
int fixture_credit(struct store *store, const char *customer, int64_t amount);
int fixture_key(struct store *store, const char *customer, const char *id, const char *sha256);
int fixture_revoke(struct store *store, const char *id);

struct store_workflow_full *fixture_get(struct fixture *f, const char *id);
/* The balance, after checking that the ledger sums to it row by row and that its sequence has no gap. */
int64_t fixture_balance(struct store *store, const char *customer);

#endif
