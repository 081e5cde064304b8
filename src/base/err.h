/*
 * Errors are values: a code, a sentence for a person, and the place in the input.
 *
 * A fallible function returns 0 or a negative `enum err_code` and takes `struct err *err` last. Whoever
 * detects the fault fills it with err_set(); whoever propagates adds nothing. `err` may be NULL where
 * the caller does not want the sentence. Any thread.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdarg.h>
#include <stdbool.h>

enum err_ordinal {
#define ERR(name, http_status, wire, retryable, text) ERR_ORDINAL_##name,
#include "base/errors.def"
#undef ERR
    ERR_COUNT
};

enum err_code {
    ERR_OK = 0,
#define ERR(name, http_status, wire, retryable, text) ERR_##name = -1 - (int)ERR_ORDINAL_##name,
#include "base/errors.def"
#undef ERR
};

enum { ERR_MESSAGE_MAX = 512, ERR_PATH_MAX = 256 };

struct err {
    enum err_code code;            /* ERR_OK when nothing was set */
    char message[ERR_MESSAGE_MAX]; /* a whole sentence, UTF-8, cut at a character boundary */
    char path[ERR_PATH_MAX];       /* JSON Pointer, parameter or file name; "" when there is none */
    int column;                    /* from 1 inside an expression; 0 when there is none */
};

/* Fills *err (when not NULL) and returns `code`. `path` may be NULL. */
int err_set(struct err *err, enum err_code code, const char *path, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
int err_vset(struct err *err, enum err_code code, const char *path, const char *format,
             va_list args) __attribute__((format(printf, 4, 0)));

/* Fills *err with the code's own sentence and returns `code`. */
int err_set_default(struct err *err, enum err_code code);

#ifdef __clang_analyzer__
/* It cannot look into err.c, and would take a fault for a success. */
#define err_set(err, code, ...) (err_set(err, code, __VA_ARGS__), (int)(code))
#define err_set_default(err, code) (err_set_default(err, code), (int)(code))
#endif

/* The word on the wire ("NOT_FOUND"), the HTTP status and whether a retry may help.
 * `code` must be an enum err_code other than ERR_OK. */
const char *err_wire(enum err_code code);
int err_http_status(enum err_code code);
bool err_retryable(enum err_code code);
const char *err_text(enum err_code code);

/* The code whose wire word is `wire`; ERR_INTERNAL when there is none. */
enum err_code err_from_wire(const char *wire);

#endif
