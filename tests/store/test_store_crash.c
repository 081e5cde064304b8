#include "fixture.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * A child creates and ends workflows from several threads and writes each acknowledged fact to a pipe; it is killed at a
 * random moment. Whatever came through the pipe must be there afterwards, and the ledger must sum. All rounds use one
 * database, so each also opens what the one before left behind.
 */
enum { KILLS = 40, CHILD_THREADS = 4, PRICE = 7 };

struct fact {
    char id[UUID_TEXT_SIZE];
    int64_t revision;
};

struct child {
    struct store *store;
    int pipe;
};

static void child_tell(const struct child *child, const char *id, int64_t revision)
{
    struct fact fact = {.revision = revision};
    memcpy(fact.id, id, sizeof(fact.id));
    if (write(child->pipe, &fact, sizeof(fact)) != sizeof(fact))
        _exit(9);
}

static void *child_work(void *context)
{
    const struct child *child = context;
    for (;;) {
        char id[UUID_TEXT_SIZE];
        uuid_new(id);
        const struct store_workflow w = fixture_workflow(id, "acme", PRICE);
        if (fixture_create(child->store, &w) != 0)
            _exit(8);
        child_tell(child, id, 1);
        const struct store_transition t = {.workflow_id = id,
                                           .expected_revision = 1,
                                           .status = STORE_CANCEL,
                                           .ledger_kind = "release",
                                           .ledger_amount = PRICE};
        if (fixture_transition(child->store, &t) != 0)
            _exit(7);
        child_tell(child, id, 2);
    }
}

static void child_main(const struct fixture *f, int out)
{
    struct child child = {.pipe = out};
    pthread_t threads[CHILD_THREADS];
    if (store_open(f->location, &child.store, NULL) < 0 ||
        fixture_credit(child.store, "acme", 1000) != 0)
        _exit(6);
    for (int i = 0; i < CHILD_THREADS; i++)
        pthread_create(&threads[i], NULL, child_work, &child);
    pthread_join(threads[0], NULL);
    _exit(5);
}

static size_t crash_once(const struct fixture *f, struct fact *facts, size_t room)
{
    int ends[2], status;
    size_t size = 0;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        child_main(f, ends[1]);
    }
    close(ends[1]);
    usleep((useconds_t)(15000 + rand() % 60000));
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    for (;;) {
        assert_true(size < room * sizeof(*facts));
        ssize_t got = read(ends[0], (char *)facts + size, room * sizeof(*facts) - size);
        assert_true(got >= 0);
        if (got == 0)
            break;
        size += (size_t)got;
    }
    close(ends[0]);
    return size / sizeof(*facts);
}

static void crash_check(struct fixture *f, const struct fact *facts, size_t count)
{
    int64_t balance, reserved, unfinished;
    fixture_open(f);
    for (size_t i = 0; i < count; i++) {
        CLEANUP(arena) struct arena *a = arena_new();
        struct store_workflow_full *full;
        assert_int_equal(store_workflow_get(f->store, a, "acme", facts[i].id, &full, NULL), 0);
        assert_true(full->workflow.revision >= facts[i].revision);
        assert_int_equal(full->workflow.status,
                         full->workflow.revision == 2 ? STORE_CANCEL : STORE_QUEUE);
    }
    bool exists;
    assert_int_equal(store_customer_exists(f->store, "acme", &exists, NULL), 0);
    if (exists) {
        int64_t sum = fixture_balance(f->store, "acme");
        store_credit_balance(f->store, "acme", &balance, &reserved, NULL);
        store_workflow_count(f->store, "acme", STORE_QUEUE, &unfinished, NULL);
        assert_int_equal(reserved, unfinished * PRICE);
        assert_int_equal((sum + reserved) % 1000, 0);
    }
    fixture_close(f);
}

static void test_kills_lose_nothing_acknowledged(void **state)
{
    enum { ROOM = 200000 };
    struct fixture *f = *state;
    struct fact *facts = malloc(ROOM * sizeof(*facts));
    size_t total = 0;
    srand((unsigned)getpid());
    for (int i = 0; i < KILLS; i++) {
        size_t count = crash_once(f, facts + total, ROOM - total);
        crash_check(f, facts + total, count);
        total += count;
    }
    crash_check(f, facts, total);
    assert_true(total > KILLS);
    print_message("%zu acknowledged facts survived %d kills\n", total, KILLS);
    free(facts);
}

int main(int argc, char **argv)
{
    fixture_main(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_kills_lose_nothing_acknowledged, fixture_new_closed,
                                        fixture_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
