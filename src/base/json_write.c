/*
 * DESIGN. The library's own writer looks for loops by keeping the address of every container as a text in a table, which costs more
 * than the writing. What is written here was read by json_parse() or built by us; a bound on the depth is enough.
 */
#include "base/json.h"

#include <stdlib.h>
#include <string.h>

/* Well above what json_parse() lets through and we put around it. */
enum { JSON_WRITE_DEPTH_MAX = 8 * JSON_DEPTH_MAX };

static void json_write_value(struct buffer *b, const json_t *json, int depth);

/* The bytes that a string shows as an escape of two characters: the second of them. */
static char json_short_escape(unsigned char c)
{
    switch (c) {
    case '"':
    case '\\':
        return (char)c;
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return '\0';
    }
}

void json_append_string(struct buffer *b, const char *text, size_t length)
{
    buffer_reserve(b, length + 2);
    buffer_append_char(b, '"');
    for (size_t at = 0; at < length;) {
        size_t plain = at;
        while (plain < length && (unsigned char)text[plain] >= 0x20 && text[plain] != '"' &&
               text[plain] != '\\')
            plain++;
        buffer_append(b, text + at, plain - at);
        at = plain;
        if (at == length)
            break;
        unsigned char c = (unsigned char)text[at++];
        char escape = json_short_escape(c);
        if (escape)
            buffer_append(b, (const char[]){'\\', escape}, 2);
        else
            buffer_printf(b, "\\u%04X", c);
    }
    buffer_append_char(b, '"');
}

static void json_write_array(struct buffer *b, const json_t *array, int depth)
{
    buffer_append_char(b, '[');
    for (size_t i = 0; i < json_array_size(array); i++) {
        if (i > 0)
            buffer_append_char(b, ',');
        json_write_value(b, json_array_get(array, i), depth);
    }
    buffer_append_char(b, ']');
}

static void json_write_object(struct buffer *b, const json_t *object, int depth)
{
    json_t *members = (json_t *)object; /* iterating changes nothing */
    bool first = true;
    buffer_append_char(b, '{');
    for (void *at = json_object_iter(members); at; at = json_object_iter_next(members, at)) {
        if (!first)
            buffer_append_char(b, ',');
        first = false;
        json_append_string(b, json_object_iter_key(at), json_object_iter_key_len(at));
        buffer_append_char(b, ':');
        json_write_value(b, json_object_iter_value(at), depth);
    }
    buffer_append_char(b, '}');
}

/* How many digits tell a real from its neighbours is the library's knowledge. */
static void json_write_real(struct buffer *b, const json_t *real)
{
    char text[64];
    size_t size = json_dumpb(real, text, sizeof(text), JSON_ENCODE_ANY);
    if (size == 0 || size > sizeof(text))
        abort();
    buffer_append(b, text, size);
}

static void json_write_value(struct buffer *b, const json_t *json, int depth)
{
    if (!json || depth == JSON_WRITE_DEPTH_MAX)
        abort(); /* a value that could not be built, or one that contains itself */
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        json_write_object(b, json, depth + 1);
        break;
    case JSON_ARRAY:
        json_write_array(b, json, depth + 1);
        break;
    case JSON_STRING:
        json_append_string(b, json_string_value(json), json_string_length(json));
        break;
    case JSON_INTEGER:
        buffer_append_integer(b, json_integer_value(json));
        break;
    case JSON_REAL:
        json_write_real(b, json);
        break;
    case JSON_TRUE:
        buffer_append(b, "true", 4);
        break;
    case JSON_FALSE:
        buffer_append(b, "false", 5);
        break;
    case JSON_NULL:
        buffer_append(b, "null", 4);
        break;
    }
}

void json_append_text(struct buffer *b, const json_t *json)
{
    json_write_value(b, json, 0);
}

char *json_text(const json_t *json, size_t *ret_size)
{
    struct buffer b = {0};
    json_append_text(&b, json);
    return buffer_take(&b, ret_size);
}

char *json_arena_text(struct arena *a, const json_t *json)
{
    CLEANUP(buffer) struct buffer b = {0};
    json_append_text(&b, json);
    return arena_strndup(a, b.bytes, b.size);
}
