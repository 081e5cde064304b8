/*
 * DESIGN. The library reads a character at a time, copying and checking each on the way, which costs ten times what the text asks for.
 * This reader takes the common form of JSON in one pass and leaves the rest to the library: whatever it does not take, right or wrong,
 * the library reads again, and it is the library that says what is wrong with a text. Only what both would read alike may be taken here.
 */
#include "base/json_read.h"

#include <string.h>

struct json_reader {
    const char *at, *end;
    int depth;
    struct buffer text; /* a string without its escapes */
};

static json_t *read_value(struct json_reader *reader);

static char read_next(struct json_reader *reader)
{
    while (reader->at < reader->end && (*reader->at == ' ' || *reader->at == '\n' ||
                                        *reader->at == '\r' || *reader->at == '\t'))
        reader->at++;
    if (reader->at == reader->end)
        return '\0';
    return *reader->at;
}

/* Takes the next character when it is `c`. */
static bool read_char(struct json_reader *reader, char c)
{
    bool found = read_next(reader) == c;
    reader->at += found;
    return found;
}

/* The character that an escape stands for; NUL for \u and for what is no escape. */
static char read_escape(char c)
{
    switch (c) {
    case '"':
    case '\\':
    case '/':
        return c;
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return '\0';
    }
}

/* Behind the opening quote. The text lives until the next string is read; whether it is UTF-8 is for the library to say. */
static bool read_string(struct json_reader *reader, const char **ret_text, size_t *ret_size)
{
    const char *from = reader->at;
    reader->text.size = 0;
    for (; reader->at < reader->end; reader->at++) {
        unsigned char c = (unsigned char)*reader->at;
        if (c == '"') {
            *ret_text = from;
            *ret_size = (size_t)(reader->at++ - from);
            if (reader->text.size > 0) {
                buffer_append(&reader->text, from, *ret_size);
                *ret_text = reader->text.bytes;
                *ret_size = reader->text.size;
            }
            return true;
        }
        if (c < 0x20)
            return false;
        if (c != '\\')
            continue;
        buffer_append(&reader->text, from, (size_t)(reader->at - from));
        if (++reader->at == reader->end || !read_escape(*reader->at))
            return false;
        buffer_append_char(&reader->text, read_escape(*reader->at));
        from = reader->at + 1;
    }
    return false;
}

/* Whole numbers with room to spare; others are the library's. */
static json_t *read_number(struct json_reader *reader)
{
    enum { DIGITS_MAX = 18 };
    bool negative = *reader->at == '-';
    const char *digits = reader->at + negative;
    const char *at = digits;
    json_int_t number = 0;
    while (at < reader->end && *at >= '0' && *at <= '9' && at - digits < DIGITS_MAX)
        number = number * 10 + (*at++ - '0');
    bool ends = at == reader->end || strchr(",]} \n\r\t", *at);
    if (at == digits || !ends || (*digits == '0' && at - digits > 1))
        return NULL;
    reader->at = at;
    return json_integer(negative ? -number : number);
}

static json_t *read_word(struct json_reader *reader, const char *word, json_t *value)
{
    size_t length = strlen(word);
    if ((size_t)(reader->end - reader->at) < length || memcmp(reader->at, word, length) != 0)
        return NULL;
    reader->at += length;
    return value;
}

static bool read_items(struct json_reader *reader, json_t *array)
{
    if (read_char(reader, ']'))
        return true;
    do {
        if (json_array_append_new(array, read_value(reader)) < 0)
            return false;
    } while (read_char(reader, ','));
    return read_char(reader, ']');
}

static bool read_members(struct json_reader *reader, json_t *object)
{
    if (read_char(reader, '}'))
        return true;
    do {
        const char *key;
        size_t length, count = json_object_size(object);
        if (!read_char(reader, '"') || !read_string(reader, &key, &length))
            return false;
        CLEANUP(buffer) struct buffer kept = {0};
        if (key == reader->text.bytes) { /* the value may have strings of its own */
            buffer_append(&kept, key, length);
            key = kept.bytes;
        }
        if (!read_char(reader, ':') ||
            json_object_setn_new(object, key, length, read_value(reader)) < 0 ||
            json_object_size(object) == count)
            return false; /* the same key twice among others */
    } while (read_char(reader, ','));
    return read_char(reader, '}');
}

static json_t *read_container(struct json_reader *reader, bool is_object)
{
    CLEANUP(json) json_t *container = is_object ? json_object() : json_array();
    reader->at++;
    if (++reader->depth > JSON_DEPTH_MAX)
        return NULL;
    if (is_object ? !read_members(reader, container) : !read_items(reader, container))
        return NULL;
    reader->depth--;
    return TAKE(container);
}

static json_t *read_value(struct json_reader *reader)
{
    const char *text;
    size_t size;
    char first = read_next(reader);
    switch (first) {
    case '{':
    case '[':
        return read_container(reader, first == '{');
    case '"':
        reader->at++;
        return read_string(reader, &text, &size) ? json_stringn(text, size) : NULL;
    case 't':
        return read_word(reader, "true", json_true());
    case 'f':
        return read_word(reader, "false", json_false());
    case 'n':
        return read_word(reader, "null", json_null());
    default:
        return first == '-' || (first >= '0' && first <= '9') ? read_number(reader) : NULL;
    }
}

json_t *json_read_plain(const char *text, size_t size)
{
    struct json_reader reader = {.at = text, .end = text + size};
    CLEANUP(json) json_t *json = read_value(&reader);
    read_next(&reader);
    buffer_finish(&reader.text);
    return reader.at == reader.end ? TAKE(json) : NULL;
}
