#include "fixture.h"

#include "base/table.h"

#include <stdio.h>
#include <string.h>

static char *new_workflow(struct fixture *f, char id[UUID_TEXT_SIZE])
{
    uuid_new(id);
    const struct store_workflow workflow = fixture_workflow(id, "acme", 0);
    assert_int_equal(fixture_create(f->store, &workflow), 0);
    return id;
}

static void say(struct fixture *f, const char *workflow_id, const char *text)
{
    store_note_add(f->store, workflow_id,
                   &(struct store_note){.step_id = "draw", .level = "info", .text = text});
}

/* Notes are written in the order of all writes: whatever was acknowledged later is behind them. */
static void settle(struct fixture *f)
{
    fixture_credit(f->store, "acme", 1);
}

static size_t count_notes(struct fixture *f, const char *workflow_id, struct store_note **ret_notes)
{
    size_t count;
    assert_int_equal(store_note_list(f->store, f->arena, workflow_id, ret_notes, &count, NULL), 0);
    return count;
}

static void test_notes_stay_in_their_order(void **state)
{
    struct fixture *f = *state;
    char id[UUID_TEXT_SIZE], other[UUID_TEXT_SIZE];
    struct store_note *notes;
    fixture_credit(f->store, "acme", 100);
    new_workflow(f, id);
    new_workflow(f, other);
    say(f, id, "one");
    say(f, other, "elsewhere");
    store_note_add(
        f->store, id,
        &(struct store_note){.at = 123456, .step_id = "move", .level = "warning", .text = "two"});
    settle(f);
    fixture_reopen(f);
    assert_int_equal(count_notes(f, id, &notes), 2);
    assert_string_equal(notes[0].text, "one");
    assert_string_equal(notes[0].step_id, "draw");
    assert_string_equal(notes[0].level, "info");
    assert_true(notes[0].at > 123456);
    assert_string_equal(notes[1].text, "two");
    assert_string_equal(notes[1].step_id, "move");
    assert_string_equal(notes[1].level, "warning");
    assert_int_equal(notes[1].at, 123456);
    assert_int_equal(count_notes(f, other, &notes), 1);
}

static void test_what_is_said_once_is_not_said_again(void **state)
{
    struct fixture *f = *state;
    char id[UUID_TEXT_SIZE];
    struct store_note *notes;
    static const struct store_note said[] = {
        {.step_id = "draw", .level = "info", .text = "skipped"},
        {.step_id = "move", .level = "info", .text = "skipped"},
        {.step_id = "draw", .level = "info", .text = "skipped otherwise"},
    };
    fixture_credit(f->store, "acme", 100);
    new_workflow(f, id);
    for (size_t i = 0; i < 2 * TABLE_SIZE(said); i++)
        store_note_add_once(f->store, id, &said[i % TABLE_SIZE(said)]);
    settle(f);
    assert_int_equal(count_notes(f, id, &notes), 3);
    for (size_t i = 0; i < TABLE_SIZE(said); i++) {
        assert_string_equal(notes[i].step_id, said[i].step_id);
        assert_string_equal(notes[i].text, said[i].text);
    }
}

static void test_notes_of_nothing_are_dropped(void **state)
{
    struct fixture *f = *state;
    struct store_note *notes;
    fixture_credit(f->store, "acme", 100);
    say(f, "0197b0c4-7f3a-7b4e-9c1d-2f6a5e8d9b10", "nobody hears");
    settle(f);
    assert_int_equal(count_notes(f, "0197b0c4-7f3a-7b4e-9c1d-2f6a5e8d9b10", &notes), 0);
    assert_int_equal(fixture_balance(f->store, "acme"), 101);
}

static void test_there_is_an_end_to_notes(void **state)
{
    struct fixture *f = *state;
    char id[UUID_TEXT_SIZE], text[32];
    struct store_note *notes;
    fixture_credit(f->store, "acme", 100);
    new_workflow(f, id);
    for (int i = 0; i < STORE_NOTES_MAX + 10; i++) {
        snprintf(text, sizeof(text), "note %d", i);
        say(f, id, text);
    }
    settle(f);
    assert_int_equal(count_notes(f, id, &notes), STORE_NOTES_MAX);
    snprintf(text, sizeof(text), "note %d", STORE_NOTES_MAX - 1);
    assert_string_equal(notes[STORE_NOTES_MAX - 1].text, text);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_notes_stay_in_their_order, fixture_new, fixture_free),
        cmocka_unit_test_setup_teardown(test_what_is_said_once_is_not_said_again, fixture_new,
                                        fixture_free),
        cmocka_unit_test_setup_teardown(test_notes_of_nothing_are_dropped, fixture_new,
                                        fixture_free),
        cmocka_unit_test_setup_teardown(test_there_is_an_end_to_notes, fixture_new, fixture_free),
    };
    fixture_main(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
