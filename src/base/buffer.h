/*
 * A growable byte string. Growth aborts when memory runs out; what comes from input passes a limit
 * first. One thread at a time.
 */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

struct buffer {
    char *bytes; /* NUL-terminated behind `size` whenever it is not NULL */
    size_t size;
    size_t capacity;
};

void buffer_finish(struct buffer *b); /* frees the bytes, leaves an empty buffer */
void buffer_reserve(struct buffer *b, size_t more);
void buffer_append(struct buffer *b, const void *bytes, size_t size);
void buffer_append_text(struct buffer *b, const char *text);
void buffer_append_char(struct buffer *b, char c);
void buffer_append_integer(struct buffer *b, int64_t number);
void buffer_printf(struct buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buffer_consume(struct buffer *b, size_t size);    /* removes from the front */
char *buffer_take(struct buffer *b, size_t *ret_size); /* caller frees; ret_size may be NULL */

static inline void cleanup_buffer(struct buffer *b)
{
    buffer_finish(b);
}

#endif
