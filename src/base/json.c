#include "base/json.h"

#include "base/json_read.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* jansson recurses; nesting is bounded before it sees the text. Strings are skipped as JSON reads
 * them, so brackets inside them do not count. */
static bool json_depth_ok(const char *text, size_t size)
{
    int depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '[' || c == '{') {
            if (++depth > JSON_DEPTH_MAX)
                return false;
        } else if (c == ']' || c == '}') {
            depth--;
        }
    }
    return true;
}

int json_parse(const char *text, size_t size, size_t size_max, json_t **ret_json, struct err *err)
{
    if (size > size_max)
        return err_set(err, ERR_TOO_LARGE, NULL, "The JSON text is larger than %zu bytes.",
                       size_max);
    json_error_t fault;
    json_t *json = json_read_plain(text, size);
    if (!json && !json_depth_ok(text, size))
        return err_set(err, ERR_BAD_REQUEST, NULL, "The JSON text nests deeper than %d levels.",
                       JSON_DEPTH_MAX);
    if (!json)
        json = json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &fault);
    if (!json)
        return err_set(err, ERR_BAD_REQUEST, NULL, "Not JSON: %s (line %d, column %d).", fault.text,
                       fault.line, fault.column);
    *ret_json = json;
    return 0;
}

static int json_read_file(int fd, const char *path, size_t size_max, struct buffer *b,
                          struct err *err)
{
    for (;;) {
        buffer_reserve(b, 16384);
        ssize_t got = read(fd, b->bytes + b->size, 16384);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_set(err, ERR_STORAGE, path, "The file %s could not be read: %s.", path,
                           strerror(errno));
        if (got == 0)
            return 0;
        b->size += (size_t)got;
        if (b->size > size_max)
            return err_set(err, ERR_TOO_LARGE, path, "The file %s is larger than %zu bytes.", path,
                           size_max);
    }
}

int json_parse_file(const char *path, size_t size_max, json_t **ret_json, struct err *err)
{
    CLEANUP(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_STORAGE, path,
                       "The file %s could not be opened: %s.", path, strerror(errno));
    CLEANUP(buffer) struct buffer b = {0};
    int rc = json_read_file(fd, path, size_max, &b, err);
    if (rc < 0)
        return rc;
    return json_parse(b.bytes, b.size, size_max, ret_json, err);
}

const char *json_member_string(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

int64_t json_member_integer(const json_t *object, const char *key, int64_t otherwise)
{
    const json_t *member = json_object_get(object, key);
    return json_is_integer(member) ? json_integer_value(member) : otherwise;
}

double json_member_number(const json_t *object, const char *key, double otherwise)
{
    const json_t *member = json_object_get(object, key);
    return json_is_number(member) ? json_number_value(member) : otherwise;
}

bool json_member_bool(const json_t *object, const char *key, bool otherwise)
{
    const json_t *member = json_object_get(object, key);
    return json_is_boolean(member) ? json_is_true(member) : otherwise;
}

const char *json_type_name(const json_t *json)
{
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "a boolean";
    default:
        return "null";
    }
}

char *json_pointer(struct arena *a, const char *base, const char *token)
{
    size_t length = strlen(base);
    char *pointer = arena_alloc(a, length + 2 + 2 * strlen(token));
    memcpy(pointer, base, length);
    char *at = pointer + length;
    *at++ = '/';
    for (; *token; token++) {
        bool escaped = *token == '~' || *token == '/';
        if (escaped)
            *at++ = '~';
        *at++ = (char)(!escaped ? *token : *token == '~' ? '0' : '1');
    }
    return pointer; /* the arena gave zeros */
}

char *json_pointer_index(struct arena *a, const char *base, size_t index)
{
    return arena_printf(a, "%s/%zu", base, index);
}
