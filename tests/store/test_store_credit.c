#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>

static void test_grants_and_take_backs(void **state)
{
    struct fixture *f = *state;
    int64_t balance, reserved;
    assert_int_equal(store_credit_balance(f->store, "acme", &balance, &reserved, NULL),
                     ERR_NOT_FOUND);
    assert_int_equal(fixture_credit(f->store, "acme", -1), ERR_INSUFFICIENT_CREDIT);
    assert_int_equal(store_credit_balance(f->store, "acme", &balance, &reserved, NULL),
                     ERR_NOT_FOUND);
    assert_int_equal(fixture_credit(f->store, "acme", 100), 0);
    assert_int_equal(fixture_credit(f->store, "acme", -101), ERR_INSUFFICIENT_CREDIT);
    assert_int_equal(fixture_credit(f->store, "acme", -100), 0);
    assert_int_equal(fixture_balance(f->store, "acme"), 0);
}

static void test_amounts_stay_in_range(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(fixture_credit(f->store, "acme", STORE_CREDIT_MAX + 1), ERR_INVALID);
    assert_int_equal(fixture_credit(f->store, "acme", INT64_MAX), ERR_INVALID);
    assert_int_equal(fixture_credit(f->store, "acme", INT64_MIN), ERR_INVALID);
    assert_int_equal(fixture_credit(f->store, "acme", STORE_CREDIT_MAX), 0);
    assert_int_equal(fixture_credit(f->store, "acme", 1), ERR_INVALID);
    assert_int_equal(fixture_balance(f->store, "acme"), STORE_CREDIT_MAX);
}

static void test_ledger_pages(void **state)
{
    struct fixture *f = *state;
    struct store_ledger_row *rows;
    size_t count;
    for (int i = 1; i <= 25; i++)
        assert_int_equal(fixture_credit(f->store, "acme", i), 0);
    assert_int_equal(fixture_credit(f->store, "other", 7), 0);
    int64_t before = 0, expected = 25;
    do {
        assert_int_equal(
            store_ledger_list(f->store, f->arena, "acme", before, 10, &rows, &count, NULL), 0);
        for (size_t i = 0; i < count; i++)
            assert_int_equal(rows[i].amount, expected--);
        before = count ? rows[count - 1].sequence : 0;
    } while (count == 10);
    assert_int_equal(expected, 0);
    assert_int_equal(store_ledger_list(f->store, f->arena, "none", 0, 10, &rows, &count, NULL), 0);
    assert_int_equal(count, 0);
}

enum { CUSTOMERS = 3, WORKFLOWS = 200, OPERATIONS = 1500 };

struct model {
    int64_t balance[CUSTOMERS], reserved[CUSTOMERS];
    char names[CUSTOMERS][16];
    struct {
        char id[UUID_TEXT_SIZE];
        int customer;
        int64_t price, revision;
        bool final;
    } workflows[WORKFLOWS];
    int count;
};

static void model_create(struct model *m, struct store *store)
{
    if (m->count == WORKFLOWS)
        return;
    int c = rand() % CUSTOMERS;
    int64_t price = rand() % 60;
    uuid_new(m->workflows[m->count].id);
    const struct store_workflow w = fixture_workflow(m->workflows[m->count].id, m->names[c], price);
    int rc = fixture_create(store, &w);
    assert_int_equal(rc, m->balance[c] >= price ? 0 : ERR_INSUFFICIENT_CREDIT);
    if (rc < 0)
        return;
    m->workflows[m->count].customer = c;
    m->workflows[m->count].price = price;
    m->workflows[m->count].revision = 1;
    m->count++;
    m->balance[c] -= price;
    m->reserved[c] += price;
}

static void model_end(struct model *m, struct store *store)
{
    if (m->count == 0)
        return;
    int i = rand() % m->count;
    int c = m->workflows[i].customer;
    bool success = rand() % 2;
    int64_t back = m->workflows[i].price / 2;
    if (m->workflows[i].final)
        return;
    const struct store_transition t = {
        .workflow_id = m->workflows[i].id,
        .expected_revision = m->workflows[i].revision,
        .status = success ? STORE_SUCCESS : STORE_CANCEL,
        .ledger_kind = success    ? "settle"
                       : back > 0 ? "release"
                                  : NULL,
        .ledger_amount = success ? 0 : back,
    };
    struct store_transition stale = t;
    stale.expected_revision++;
    assert_int_equal(fixture_transition(store, &stale), ERR_STALE);
    assert_int_equal(fixture_transition(store, &t), 0);
    m->workflows[i].final = true;
    m->balance[c] += success ? 0 : back;
    m->reserved[c] -= m->workflows[i].price;
}

static void model_grant(struct model *m, struct store *store)
{
    int c = rand() % CUSTOMERS;
    int64_t amount = rand() % 200 - 90;
    bool fits = m->balance[c] + amount >= 0;
    assert_int_equal(fixture_credit(store, m->names[c], amount),
                     fits ? 0 : ERR_INSUFFICIENT_CREDIT);
    if (fits)
        m->balance[c] += amount;
}

static void test_random_operations_keep_the_sum(void **state)
{
    struct fixture *f = *state;
    struct model *m = calloc(1, sizeof(*m));
    srand(20261124);
    for (int c = 0; c < CUSTOMERS; c++) {
        snprintf(m->names[c], sizeof(m->names[c]), "customer-%d", c);
        assert_int_equal(fixture_credit(f->store, m->names[c], 0), 0);
    }
    for (int i = 0; i < OPERATIONS; i++) {
        int pick = rand() % 3;
        if (pick == 0)
            model_create(m, f->store);
        else if (pick == 1)
            model_end(m, f->store);
        else
            model_grant(m, f->store);
    }
    fixture_reopen(f);
    for (int c = 0; c < CUSTOMERS; c++) {
        int64_t balance, reserved;
        assert_int_equal(fixture_balance(f->store, m->names[c]), m->balance[c]);
        store_credit_balance(f->store, m->names[c], &balance, &reserved, NULL);
        assert_int_equal(reserved, m->reserved[c]);
    }
    assert_true(m->count > 50);
    free(m);
}

int main(int argc, char **argv)
{
    fixture_main(argc, argv);
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_new, fixture_free)
    const struct CMUnitTest tests[] = {
        TEST(test_grants_and_take_backs),
        TEST(test_amounts_stay_in_range),
        TEST(test_ledger_pages),
        TEST(test_random_operations_keep_the_sum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
