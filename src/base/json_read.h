/* Behind json_parse(): the quick reader of plain JSON. Any thread. */
#ifndef BASE_JSON_READ_H
#define BASE_JSON_READ_H

#include "base/json.h"

/* NULL when the text is not JSON, or JSON that is not plain: with real or very large numbers, escapes by number, or nesting deeper
 * than JSON_DEPTH_MAX. Never a value that the library would read otherwise. */
json_t *json_read_plain(const char *text, size_t size);

#endif
