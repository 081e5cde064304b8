/* Pages of lists, newest first: which one is asked for, and the answer with it. */
#include "api/internal.h"

#include <stdlib.h>
#include <string.h>

enum { PAGE_ROWS_DEFAULT = 20, PAGE_ROWS_MAX = 100 };

struct page_reading {
    struct page *page;
    page_visit visit;
    void *context;
};

/* At most `most`; 0 when it is no such number. */
static int64_t page_number(const char *text, int64_t most)
{
    enum { DIGITS_MAX = 18 };
    size_t digits = strspn(text, "0123456789");
    int64_t number = digits > 0 && digits <= DIGITS_MAX ? strtoll(text, NULL, 10) : 0;
    return text[digits] || number > most ? 0 : number;
}

static void page_read_limit(struct page *page, const char *value)
{
    page->limit = (int)page_number(value, PAGE_ROWS_MAX);
    if (page->limit == 0)
        plan_fault_add(&page->faults, "/limit", 0, "value_error", "limit is a number from 1 to %d.",
                       PAGE_ROWS_MAX);
}

static void page_read_cursor(struct page *page, const char *value)
{
    page->before_id = value;
    page->before_number = page_number(value, INT64_MAX);
    if (page->is_by_number ? page->before_number == 0 : !uuid_valid(value))
        plan_fault_add(&page->faults, "/cursor", 0, "value_error",
                       "cursor is the next_cursor of an earlier page.");
}

static bool page_visit_query(void *context, const char *name, const char *value)
{
    const struct page_reading *reading = context;
    if (strcmp(name, "limit") == 0)
        page_read_limit(reading->page, value);
    else if (strcmp(name, "cursor") == 0)
        page_read_cursor(reading->page, value);
    else if (reading->visit)
        reading->visit(reading->context, name, value, &reading->page->faults);
    return true;
}

bool page_read(struct api_call *call, struct page *page, page_visit visit, void *context)
{
    struct page_reading reading = {page, visit, context};
    page->limit = PAGE_ROWS_DEFAULT;
    plan_faults_init(&page->faults, call->arena);
    http_request_query(call->request, page_visit_query, &reading);
    if (page->faults.error_count > 0)
        reply_faults(call, "query", &page->faults);
    return page->faults.error_count == 0;
}

int page_rows_wanted(const struct page *page)
{
    return page->limit + 1;
}

void page_reply(struct api_call *call, const struct page *page, const void *rows, size_t count,
                const struct page_kind *kind)
{
    bool more = count > (size_t)page->limit;
    size_t shown = more ? (size_t)page->limit : count;
    const char *row = rows, *next = NULL;
    json_t *data = json_array();
    for (size_t i = 0; i < shown; i++, row += kind->row_size) {
        json_array_append_new(data, kind->render(call, row));
        if (more && i + 1 == shown)
            next = kind->cursor(call, row);
    }
    reply_json(call, 200, json_pack("{s:o, s:s?}", "data", data, "next_cursor", next));
}
