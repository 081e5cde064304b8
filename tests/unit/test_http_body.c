/* HTTP on a socket of loopback: forms, bodies that become files, ranges. */
#include "http_fixture.h"

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/table.h"
#include "http/http.h"
#include "http/range.h"

#include <string.h>
#include <unistd.h>

/* --- uploads ------------------------------------------------------------------------------------ */

#define FORM_TYPE "Content-Type: multipart/form-data; boundary=XY\r\n"
#define PART(name, rest) "--XY\r\nContent-Disposition: form-data; name=\"" name "\"" rest

static const struct {
    const char *what, *head, *body;
    int status;
    const char *part;
} form_rows[] = {
    {"file", FORM_TYPE, PART("file", "; filename=\"a.png\"\r\n\r\nhello\r\n--XY--\r\n"), 200,
     "body 5  name a.png"},
    {"field", FORM_TYPE, PART("file", "\r\n\r\nhello\r\n--XY--\r\n"), 200, "body 5  name none"},
    {"other fields", FORM_TYPE,
     PART("a", "\r\n\r\n1\r\n") PART("file", "; filename=\"a\"\r\n\r\nhello\r\n")
         PART("b", "\r\n\r\n2\r\n--XY--\r\n"),
     200, "body 5  name a "},
    {"any file", FORM_TYPE, PART("upload", "; filename=\"a\"\r\n\r\nhi\r\n--XY--\r\n"), 200,
     "body 2  name a "},
    {"quoted boundary", "Content-Type: multipart/form-data; boundary=\"XY\"\r\n",
     PART("file", "\r\n\r\nhello\r\n--XY--\r\n"), 200, "body 5"},
    {"path in the name", FORM_TYPE,
     PART("file", "; filename=\"/etc/a.png\"\r\n\r\nhi\r\n--XY--\r\n"), 200, "name a.png"},
    {"bytes in the name", FORM_TYPE, PART("file", "; filename=\"\xff\"\r\n\r\nhi\r\n--XY--\r\n"),
     200, "name none"},
    {"empty file", FORM_TYPE, PART("file", "; filename=\"a\"\r\n\r\n\r\n--XY--\r\n"), 200,
     "body 0 "},
    {"two files", FORM_TYPE,
     PART("file", "; filename=\"a\"\r\n\r\n1\r\n")
         PART("file", "; filename=\"b\"\r\n\r\n2\r\n--XY--\r\n"),
     400, "fault 400: The form has more than one file."},
    {"quotes in the name", FORM_TYPE,
     PART("file", "; filename=\"a\\\"b.png\"\r\n\r\nhi\r\n--XY--\r\n"), 200, "name a\"b.png"},
    {"names without quotes", FORM_TYPE,
     "--XY\r\ncontent-disposition: form-data; NAME=file; FileName=a.png\r\n\r\nhi\r\n--XY--\r\n",
     200, "body 2  name a.png"},
    {"lines before the first part", FORM_TYPE,
     "not read\r\n" PART("file", "\r\n\r\nhello\r\n--XY-- \r\nnor this"), 200, "body 5"},
    {"blanks behind a delimiter", FORM_TYPE,
     "--XY \t\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nhello\r\n--XY--", 200,
     "body 5"},
    {"what looks like a delimiter", FORM_TYPE,
     PART("file", "\r\n\r\n-\r\n-\r\r\n--X\r\n--XY--\r\n"), 200, "body 10 "},
    {"longer than the delimiter", FORM_TYPE,
     PART("file", "\r\n\r\nhello\r\n--XYZ\r\n\r\n--XY--\r\n"), 400,
     "fault 400: The form is broken."},
    {"folded head", FORM_TYPE,
     "--XY\r\nContent-Disposition: form-data;\r\n name=\"file\"\r\n\r\nhello\r\n--XY--\r\n", 400,
     "fault 400: The form is broken."},
    {"two names for a part", FORM_TYPE,
     PART("a", "\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nhello\r\n--XY--\r\n"), 400,
     "fault 400: The form is broken."},
    {"another disposition", FORM_TYPE,
     "--XY\r\nContent-Disposition: attachment; filename=\"a\"\r\n\r\nhello\r\n--XY--\r\n", 400,
     "fault 400: The form is broken."},
    {"no file", FORM_TYPE, PART("a", "\r\n\r\n1\r\n--XY--\r\n"), 400,
     "fault 400: The form has no file."},
    {"no boundary", "Content-Type: multipart/form-data\r\n",
     PART("file", "\r\n\r\nhi\r\n--XY--\r\n"), 400, "fault 400"},
    {"other boundary", FORM_TYPE, "--Y\r\n\r\nhello\r\n--Y--\r\n", 400, "fault 400: The form"},
    {"cut in the data", FORM_TYPE, PART("file", "; filename=\"a\"\r\n\r\nhel"), 400,
     "fault 400: The form ends too early."},
    {"cut in the head", FORM_TYPE, PART("file", "; filen"), 400, "fault 400: The form"},
    {"no end", FORM_TYPE, PART("file", "; filename=\"a\"\r\n\r\nhello\r\n"), 400,
     "fault 400: The form ends too early."},
    {"nothing", FORM_TYPE, "", 400, "fault 400: The form has no file."},
    {"too large", FORM_TYPE,
     PART("file", "; filename=\"a\"\r\n\r\n"
                  "0123456789012345678901234567890123456789012345678901234567890123456789"
                  "0123456789012345678901234567890123456789\r\n--XY--\r\n"),
     413, "fault 413: none"},
};

static void test_forms(void **state)
{
    (void)state;
    for (size_t i = 0; i < TABLE_SIZE(form_rows); i++) {
        CLEANUP(buffer) struct buffer text = {0};
        fixture_upload();
        buffer_printf(&text, "POST /form HTTP/1.1\r\n" HOST CLOSE "%sContent-Length: %zu\r\n\r\n%s",
                      form_rows[i].head, strlen(form_rows[i].body), form_rows[i].body);
        fixture_expect(form_rows[i].what, text.bytes, text.size, form_rows[i].status,
                       form_rows[i].part);
    }
}

#define FILE_PART(name, file, rest) PART(name, "; filename=\"" file "\"\r\n\r\n" rest "\r\n")
#define TEXT_PART(name, rest) PART(name, "\r\n\r\n" rest "\r\n")
#define FIFTY "01234567890123456789012345678901234567890123456789"

static const struct {
    const char *what, *body;
    int status;
    const char *part;
} whole_form_rows[] = {
    {"texts", TEXT_PART("a", "1") TEXT_PART("b", "") TEXT_PART("a", "22") "--XY--\r\n", 200,
     "a[-]1;b[-];a[-]22;"},
    {"files", FILE_PART("f", "x.png", "hello") FILE_PART("f", "y/z", "") "--XY--\r\n", 200,
     "f[x.png]hello(5);f[z](0);"},
    {"both", TEXT_PART("a", "1") FILE_PART("f", "\xff", "hi") TEXT_PART("b", "2") "--XY--\r\n", 200,
     "a[-]1;f[]hi(2);b[-]2;"},
    {"nothing", "--XY--\r\n", 400, "has no parts"},
    {"a name that is none", TEXT_PART("\xff", "1") "--XY--\r\n", 400, "has no name"},
    {"no name", "--XY\r\nContent-Disposition: form-data\r\n\r\n1\r\n--XY--\r\n", 400, "fault 400"},
    {"no end", TEXT_PART("a", "1"), 400, "ends too early"},
    {"texts at the limit", TEXT_PART("a", FIFTY) TEXT_PART("b", FIFTY) "--XY--\r\n", 200,
     "b[-]0123"},
    {"texts over it", TEXT_PART("a", FIFTY) TEXT_PART("b", FIFTY) TEXT_PART("c", "1") "--XY--\r\n",
     413, "fault 413"},
    {"files at their limit",
     FILE_PART("a", "a", FIFTY FIFTY) FILE_PART("b", "b", FIFTY FIFTY) "--XY--\r\n", 200, "(100);"},
    {"files over it",
     FILE_PART("a", "a", FIFTY FIFTY) FILE_PART("b", "b", FIFTY FIFTY "1") "--XY--\r\n", 413,
     "fault 413"},
};

static void post_form(const char *what, const char *body, size_t size, int status, const char *part)
{
    CLEANUP(buffer) struct buffer text = {0};
    buffer_printf(
        &text, "POST /parts HTTP/1.1\r\n" HOST CLOSE FORM_TYPE "Content-Length: %zu\r\n\r\n", size);
    buffer_append(&text, body, size);
    fixture_expect(what, text.bytes, text.size, status, part);
}

static void test_whole_forms(void **state)
{
    CLEANUP(buffer) struct buffer many = {0};
    (void)state;
    for (size_t i = 0; i < TABLE_SIZE(whole_form_rows); i++)
        post_form(whole_form_rows[i].what, whole_form_rows[i].body, strlen(whole_form_rows[i].body),
                  whole_form_rows[i].status, whole_form_rows[i].part);
    for (int i = 0; i < HTTP_FORM_PARTS_MAX; i++)
        buffer_printf(&many, TEXT_PART("a", ""));
    size_t full = many.size;
    buffer_printf(&many, "--XY--\r\n");
    post_form("many parts", many.bytes, many.size, 200, "a[-];");
    many.size = full;
    buffer_printf(&many, TEXT_PART("a", "") "--XY--\r\n");
    post_form("too many parts", many.bytes, many.size, 413, "too many parts");
}

static void test_a_body_goes_into_a_file(void **state)
{
    static const char post[] =
        "POST /file HTTP/1.1\r\n" HOST CLOSE "Content-Length: 5\r\n\r\nhello";
    char kept[16] = {0};
    (void)state;
    int upload_fd = fixture_upload();
    CLEANUP(free) char *answer = fixture_talk(post, sizeof(post) - 1);
    assert_int_equal(fixture_status(answer), 200);
    assert_int_equal(pread(upload_fd, kept, sizeof(kept), 0), 5);
    assert_string_equal(kept, "hello");
}

/* --- ranges ------------------------------------------------------------------------------------- */

static void test_ranges(void **state)
{
    static const struct {
        const char *header;
        uint64_t size;
        enum http_range_kind kind;
        uint64_t offset, part;
    } rows[] = {
        {"bytes=0-0", 10, HTTP_RANGE_PART, 0, 1},
        {"bytes=0-9", 10, HTTP_RANGE_PART, 0, 10},
        {"bytes=0-99", 10, HTTP_RANGE_PART, 0, 10},
        {"bytes=3-", 10, HTTP_RANGE_PART, 3, 7},
        {"bytes=9-", 10, HTTP_RANGE_PART, 9, 1},
        {"BYTES=2-4", 10, HTTP_RANGE_PART, 2, 3},
        {"bytes=-3", 10, HTTP_RANGE_PART, 7, 3},
        {"bytes=-99", 10, HTTP_RANGE_PART, 0, 10},
        {"bytes=10-", 10, HTTP_RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=10-20", 10, HTTP_RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=-0", 10, HTTP_RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=0-", 0, HTTP_RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=-1", 0, HTTP_RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=0-18446744073709551614", 10, HTTP_RANGE_WHOLE, 0, 10},
        {"bytes=99999999999999999999-", 10, HTTP_RANGE_WHOLE, 0, 10},
        {"bytes=1844674407370955160-", 10, HTTP_RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=5-4", 10, HTTP_RANGE_WHOLE, 0, 10},
        {"bytes=0-1,3-4", 10, HTTP_RANGE_WHOLE, 0, 10},
        {"bytes=", 10, HTTP_RANGE_WHOLE, 0, 10},
        {"bytes=-", 10, HTTP_RANGE_WHOLE, 0, 10},
        {"bytes=a-b", 10, HTTP_RANGE_WHOLE, 0, 10},
        {"bytes= 0-1", 10, HTTP_RANGE_WHOLE, 0, 10},
        {"bytes=0-1 ", 10, HTTP_RANGE_WHOLE, 0, 10},
        {"bytes=+1-2", 10, HTTP_RANGE_WHOLE, 0, 10},
        {"bytes=--1", 10, HTTP_RANGE_WHOLE, 0, 10},
        {"items=0-1", 10, HTTP_RANGE_WHOLE, 0, 10},
        {"", 10, HTTP_RANGE_WHOLE, 0, 10},
    };
    (void)state;
    for (size_t i = 0; i < TABLE_SIZE(rows); i++) {
        struct http_range range = http_range_parse(rows[i].header, rows[i].size);
        if (range.kind != rows[i].kind || range.offset != rows[i].offset ||
            range.size != rows[i].part)
            fail_msg("%s of %llu: %d, %llu, %llu", rows[i].header, (unsigned long long)rows[i].size,
                     range.kind, (unsigned long long)range.offset, (unsigned long long)range.size);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_whole_forms),
        cmocka_unit_test(test_a_body_goes_into_a_file),
        cmocka_unit_test(test_ranges),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
