/* The reader of forms: one byte for the kind of boundary, then the form. However it is cut into pieces, it tells the same. */
#include "fuzz.h"

#include "base/buffer.h"
#include "http/multipart.h"

struct told {
    struct buffer text;
    size_t parts, data;
};

static void tell_begin(void *context, const char *name, const char *file_name)
{
    struct told *told = context;
    told->parts++;
    buffer_printf(&told->text, "\n[%s][%s]", name ? name : "-", file_name ? file_name : "-");
}

static void tell_data(void *context, const char *bytes, size_t size)
{
    struct told *told = context;
    FUZZ_CHECK(told->parts > 0 && size > 0);
    told->data += size;
    buffer_append(&told->text, bytes, size);
}

/* 0: broken, 1: a part is open, 2: complete. */
static int read_form(const char *type, const char *bytes, size_t size, size_t piece,
                     struct told *told)
{
    const struct multipart_sink sink = {told, tell_begin, tell_data};
    struct multipart *m = multipart_new(type, &sink);
    FUZZ_CHECK(m);
    bool good = true;
    for (size_t at = 0; good && at < size; at += piece)
        good = multipart_take(m, bytes + at, piece < size - at ? piece : size - at);
    int end = !good ? 0 : multipart_is_complete(m) ? 2 : 1;
    multipart_free(m);
    return end;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const types[] = {
        "multipart/form-data; boundary=X",
        "multipart/form-data; charset=utf-8; boundary=\"-- X\"",
        "multipart/form-data;boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW",
    };
    if (size == 0)
        return 0;
    /* What comes in the place of a whole type must not do harm either. */
    char *type = fuzz_text(data, size);
    const struct multipart_sink nowhere = {NULL, NULL, NULL};
    multipart_free(multipart_new(type, &nowhere));
    free(type);
    const char *form = (const char *)data + 1;
    struct told whole = {0}, bytes = {0}, pieces = {0};
    int end = read_form(types[data[0] % 3], form, size - 1, size, &whole);
    FUZZ_CHECK(read_form(types[data[0] % 3], form, size - 1, 1, &bytes) == end);
    FUZZ_CHECK(read_form(types[data[0] % 3], form, size - 1, 7, &pieces) == end);
    FUZZ_CHECK(whole.parts == bytes.parts && whole.parts == pieces.parts);
    FUZZ_CHECK(whole.data <= size && whole.text.size == bytes.text.size &&
               whole.text.size == pieces.text.size);
    if (whole.text.size > 0) {
        FUZZ_CHECK(memcmp(whole.text.bytes, bytes.text.bytes, whole.text.size) == 0);
        FUZZ_CHECK(memcmp(whole.text.bytes, pieces.text.bytes, whole.text.size) == 0);
    }
    buffer_finish(&whole.text);
    buffer_finish(&bytes.text);
    buffer_finish(&pieces.text);
    return 0;
}
