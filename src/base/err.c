#include "base/err.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* What the analyzer sees in their place. */
#undef err_set
#undef err_set_default

struct err_row {
    int http_status;
    const char *wire;
    bool retryable;
    const char *text;
};

static const struct err_row err_rows[ERR_COUNT] = {
#define ERR(name, http_status, wire, retryable, text) {http_status, wire, retryable, text},
#include "base/errors.def"
#undef ERR
};

static const struct err_row *err_row(enum err_code code)
{
    int index = -1 - (int)code;
    assert(index >= 0 && index < ERR_COUNT);
    return &err_rows[index];
}

/* Cuts a truncated string before an incomplete UTF-8 sequence, so that it stays valid in JSON. */
static void err_trim_utf8(char *text, size_t length)
{
    size_t start = length;
    while (start > 0 && ((unsigned char)text[start - 1] & 0xC0) == 0x80)
        start--;
    if (start == 0)
        return;
    unsigned char lead = (unsigned char)text[start - 1];
    size_t need = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    if (length - (start - 1) < need)
        text[start - 1] = '\0';
}

int err_vset(struct err *err, enum err_code code, const char *path, const char *format,
             va_list args)
{
    if (!err)
        return code;
    err->code = code;
    err->column = 0;
    int length = vsnprintf(err->message, sizeof(err->message), format, args);
    if (length >= (int)sizeof(err->message))
        err_trim_utf8(err->message, sizeof(err->message) - 1);
    length = snprintf(err->path, sizeof(err->path), "%s", path ? path : "");
    if (length >= (int)sizeof(err->path))
        err_trim_utf8(err->path, sizeof(err->path) - 1);
    return code;
}

int err_set(struct err *err, enum err_code code, const char *path, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    err_vset(err, code, path, format, args);
    va_end(args);
    return code;
}

int err_set_default(struct err *err, enum err_code code)
{
    return err_set(err, code, NULL, "%s", err_text(code));
}

const char *err_wire(enum err_code code)
{
    return err_row(code)->wire;
}

int err_http_status(enum err_code code)
{
    return err_row(code)->http_status;
}

bool err_retryable(enum err_code code)
{
    return err_row(code)->retryable;
}

const char *err_text(enum err_code code)
{
    return err_row(code)->text;
}

enum err_code err_from_wire(const char *wire)
{
    for (int i = 0; i < ERR_COUNT; i++) {
        if (strcmp(err_rows[i].wire, wire) == 0)
            return (enum err_code)(-1 - i);
    }
    return ERR_INTERNAL;
}
