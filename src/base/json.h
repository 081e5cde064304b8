/*
 * The one bounded reader and writer of JSON, on jansson. `json_t` is jansson's reference-counted value;
 * use CLEANUP(json). Duplicate keys, NUL characters in strings, invalid UTF-8 and trailing bytes are
 * refused. A json_t belongs to one thread at a time.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/err.h"
#include <jansson.h>
#include <stdint.h>

enum { JSON_DEPTH_MAX = 64 };

static inline void cleanup_json(json_t **json)
{
    json_decref(*json);
}

/* Parses one value of any type. Bytes over `size_max` give ERR_TOO_LARGE; anything that is not JSON,
 * or nests deeper than JSON_DEPTH_MAX, gives ERR_BAD_REQUEST with line and column in the sentence. */
int json_parse(const char *text, size_t size, size_t size_max, json_t **ret_json, struct err *err);

/* Reads a whole file; ERR_NOT_FOUND when it does not exist, ERR_STORAGE when it cannot be read. */
int json_parse_file(const char *path, size_t size_max, json_t **ret_json, struct err *err);

/* Compact UTF-8 text, object keys in insertion order. */
char *json_text(const json_t *json, size_t *ret_size); /* caller frees; ret_size may be NULL */
char *json_arena_text(struct arena *a, const json_t *json);
void json_append_text(struct buffer *b, const json_t *json);
/* One string with its quotes, escaped where JSON asks for it; `text` is UTF-8. */
void json_append_string(struct buffer *b, const char *text, size_t length);

/* Members with a default: NULL or `otherwise` when the member is missing or of another type. */
const char *json_member_string(const json_t *object, const char *key);
int64_t json_member_integer(const json_t *object, const char *key, int64_t otherwise);
double json_member_number(const json_t *object, const char *key, double otherwise);
bool json_member_bool(const json_t *object, const char *key, bool otherwise);

/* As a sentence goes on: "null", "a boolean", "a number", "a string", "an array" or "an object". */
const char *json_type_name(const json_t *json);

/* Appends `token` to a JSON Pointer with ~ and / escaped, in the arena. */
char *json_pointer(struct arena *a, const char *base, const char *token);
char *json_pointer_index(struct arena *a, const char *base, size_t index);

#endif
