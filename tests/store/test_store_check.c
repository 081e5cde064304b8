/* The proof of what is stored; tests/cmd/test_fsck.py breaks every rule one by one. */
#include "fixture.h"

#include <string.h>

struct found {
    int count;
    char object[64], sentence[200];
};

static void found_visit(void *context, const char *object, const char *id, const char *sentence)
{
    struct found *found = context;
    assert_non_null(id);
    found->count++;
    strncpy(found->object, object, sizeof(found->object) - 1);
    strncpy(found->sentence, sentence, sizeof(found->sentence) - 1);
}

static struct found verify(struct fixture *f)
{
    struct found found = {0};
    struct store_check_counts counts;
    assert_int_equal(store_verify(f->store, found_visit, &found, &counts, NULL), 0);
    assert_int_equal(counts.faults, found.count);
    assert_int_equal(counts.customers, 1);
    assert_int_equal(counts.workflows, 1);
    assert_int_equal(counts.ledger_rows, 3);
    return found;
}

static int size_visit(void *context, const char *sha256, int64_t size, const char *owner)
{
    (void)size;
    assert_int_equal(strlen(sha256), SHA256_HEX_SIZE - 1);
    assert_non_null(strstr(owner, "workflow "));
    ++*(int *)context;
    return 0;
}

/* A workflow that succeeded, with a text and a file; the file is kept for it, or not. */
static void finish_workflow(struct fixture *f, bool kept)
{
    static const char results[] = "[{\"text\":\"a text\"},{\"blob\":\""
                                  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
                                  "\"},{\"text\":\"another\"}]";
    static const struct store_blob blobs[] = {
        {"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", 0}};
    char id[UUID_TEXT_SIZE];
    uuid_new(id);
    assert_int_equal(fixture_credit(f->store, "acme", 100), 0);
    const struct store_workflow w = fixture_workflow(id, "acme", 7);
    assert_int_equal(fixture_create(f->store, &w), 0);
    const struct store_task task = {.step_id = "write",
                                    .item_count = 1,
                                    .state = STORE_TASK_SUCCESS,
                                    .attempt = 1,
                                    .params_json = "{}",
                                    .result_json = results,
                                    .used_credits = 7};
    const struct store_transition t = {.workflow_id = id,
                                       .expected_revision = 1,
                                       .status = STORE_SUCCESS,
                                       .progress = 100,
                                       .used_credits = 7,
                                       .finished_at = 1,
                                       .result_json = "[]",
                                       .tasks = &task,
                                       .task_count = 1,
                                       .ledger_kind = "settle",
                                       .blobs = blobs,
                                       .blob_count = kept ? 1 : 0};
    assert_int_equal(fixture_transition(f->store, &t), 0);
}

static void test_texts_and_files(void **state)
{
    struct fixture *f = *state;
    int blobs = 0;
    finish_workflow(f, true);
    const struct found found = verify(f);
    if (found.count > 0)
        fail_msg("%s: %s", found.object, found.sentence);
    assert_int_equal(store_blob_each(f->store, size_visit, &blobs, NULL), 0);
    assert_int_equal(blobs, 1);
}

static void test_a_file_that_is_not_kept(void **state)
{
    struct fixture *f = *state;
    int blobs = 0;
    finish_workflow(f, false);
    const struct found found = verify(f);
    assert_int_equal(found.count, 1);
    assert_string_equal(found.object, "step");
    assert_non_null(strstr(found.sentence, "not kept"));
    assert_int_equal(store_blob_each(f->store, size_visit, &blobs, NULL), 0);
    assert_int_equal(blobs, 0);
}

int main(int argc, char **argv)
{
    fixture_main(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_texts_and_files, fixture_new, fixture_free),
        cmocka_unit_test_setup_teardown(test_a_file_that_is_not_kept, fixture_new, fixture_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
