#include "base/buffer.h"

#include "base/arena.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buffer_finish(struct buffer *b)
{
    free(b->bytes);
    *b = (struct buffer){0};
}

void buffer_reserve(struct buffer *b, size_t more)
{
    assert(more < SIZE_MAX / 4 && b->size < SIZE_MAX / 4);
    size_t needed = b->size + more + 1;
    if (needed <= b->capacity)
        return;
    size_t capacity = b->capacity ? b->capacity : 256;
    while (capacity < needed)
        capacity *= 2;
    b->bytes = mem_resize(b->bytes, capacity, 1);
    b->capacity = capacity;
}

void buffer_append(struct buffer *b, const void *bytes, size_t size)
{
    buffer_reserve(b, size);
    if (size)
        memcpy(b->bytes + b->size, bytes, size);
    b->size += size;
    b->bytes[b->size] = '\0';
}

void buffer_append_text(struct buffer *b, const char *text)
{
    buffer_append(b, text, strlen(text));
}

void buffer_append_char(struct buffer *b, char c)
{
    buffer_reserve(b, 1);
    b->bytes[b->size++] = c;
    b->bytes[b->size] = '\0';
}

void buffer_append_integer(struct buffer *b, int64_t number)
{
    char digits[20];
    size_t at = sizeof(digits);
    uint64_t rest = number < 0 ? -(uint64_t)number : (uint64_t)number;
    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (number < 0)
        digits[--at] = '-';
    buffer_append(b, digits + at, sizeof(digits) - at);
}

void buffer_printf(struct buffer *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    assert(length >= 0);
    buffer_reserve(b, (size_t)length);
    va_start(args, format);
    vsnprintf(b->bytes + b->size, (size_t)length + 1, format, args);
    va_end(args);
    b->size += (size_t)length;
}

void buffer_consume(struct buffer *b, size_t size)
{
    assert(size <= b->size);
    if (size == 0)
        return;
    memmove(b->bytes, b->bytes + size, b->size - size);
    b->size -= size;
    b->bytes[b->size] = '\0';
}

char *buffer_take(struct buffer *b, size_t *ret_size)
{
    buffer_reserve(b, 0);
    b->bytes[b->size] = '\0';
    char *bytes = b->bytes;
    if (ret_size)
        *ret_size = b->size;
    *b = (struct buffer){0};
    return bytes;
}
