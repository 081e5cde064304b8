/*
 * The reader of multipart/form-data (RFC 7578): bytes in pieces of any size, parts out. Pure: no I/O. Strict where two readers could
 * differ: a line that begins like the delimiter is one or the form is broken, and lines end with CR LF.
 */
#ifndef HTTP_MULTIPART_H
#define HTTP_MULTIPART_H

#include <stdbool.h>
#include <stddef.h>

struct multipart;

/* What is told of the form, in order; each part begins, then its bytes come in any pieces, none for an empty one. */
struct multipart_sink {
    void *context;
    /* `name` and `file_name` as they were sent, until it returns; NULL when the part has none. */
    void (*begin)(void *context, const char *name, const char *file_name);
    void (*data)(void *context, const char *bytes, size_t size);
};

/* NULL when the Content-Type (NULL: there is none) names no boundary. */
struct multipart *multipart_new(const char *content_type, const struct multipart_sink *sink);
/* False: the form is broken; nothing more may be given then. */
bool multipart_take(struct multipart *m, const char *bytes, size_t size);
/* Whether no part is left open. */
bool multipart_is_complete(const struct multipart *m);
void multipart_free(struct multipart *m); /* NULL allowed */

#endif
