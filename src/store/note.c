#include "store/internal.h"

#include "base/clock.h"

struct note_op {
    struct store_op op;
    const char *workflow_id;
    struct store_note note;
    enum query_id query;
};

static int note_run(struct store *store, struct store_op *op, struct err *err)
{
    const struct note_op *add = (const struct note_op *)op;
    return db_run(store->writer, add->query,
                  DB_VALUES(DB_TEXT(add->workflow_id), DB_INT(add->note.at),
                            DB_TEXT(add->note.step_id), DB_TEXT(add->note.level),
                            DB_TEXT(add->note.text), DB_INT(STORE_NOTES_MAX)),
                  NULL, err);
}

/* A note that could not be kept is nobody's fault to act on. */
static void note_done(void *context, int rc, const struct err *err)
{
    (void)context;
    (void)rc;
    (void)err;
}

static void note_submit(struct store *store, const char *workflow_id, const struct store_note *note,
                        enum query_id query)
{
    struct note_op *add = store_op_new(sizeof(*add), note_run, note_done, NULL);
    add->workflow_id = store_op_text(&add->op, workflow_id);
    add->query = query;
    add->note = (struct store_note){
        .at = note->at ? note->at : clock_wall_us(),
        .step_id = store_op_text(&add->op, note->step_id),
        .level = store_op_text(&add->op, note->level),
        .text = store_op_text(&add->op, note->text),
    };
    store_op_submit(store, &add->op);
}

void store_note_add(struct store *store, const char *workflow_id, const struct store_note *note)
{
    note_submit(store, workflow_id, note, QUERY_NOTE_ADD);
}

void store_note_add_once(struct store *store, const char *workflow_id,
                         const struct store_note *note)
{
    note_submit(store, workflow_id, note, QUERY_NOTE_ADD_ONCE);
}

int store_note_list(struct store *store, struct arena *a, const char *workflow_id,
                    struct store_note **ret_notes, size_t *ret_count, struct err *err)
{
    struct db *db;
    struct db_rows rows;
    struct store_note *notes = arena_array(a, STORE_NOTES_MAX, sizeof(*notes));
    size_t count = 0;
    int rc = store_reader_borrow(store, &db, err);
    if (rc < 0)
        return rc;
    for (rc = db_query(db, QUERY_NOTE_LIST, DB_VALUES(DB_TEXT(workflow_id)), &rows, err);
         rc == 1 && count < STORE_NOTES_MAX; rc = db_next(&rows, err))
        notes[count++] = (struct store_note){
            .at = db_int(&rows, 0),
            .step_id = db_text(&rows, a, 1),
            .level = db_text(&rows, a, 2),
            .text = db_text(&rows, a, 3),
        };
    db_rows_end(&rows);
    store_reader_return(store, db);
    *ret_notes = notes;
    *ret_count = count;
    return rc < 0 ? rc : 0;
}
