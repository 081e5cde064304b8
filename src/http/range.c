#include "http/range.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

/* Digits up to the first other character; false without any or over 64 bits. */
static bool range_number(const char **text, uint64_t *ret_number)
{
    const char *at = *text;
    uint64_t number = 0;
    while (isdigit((unsigned char)*at)) {
        if (number > (UINT64_MAX - 9) / 10)
            return false;
        number = number * 10 + (uint64_t)(*at++ - '0');
    }
    bool any = at > *text;
    *text = at;
    *ret_number = number;
    return any;
}

static struct http_range range_between(uint64_t first, uint64_t last, uint64_t size)
{
    if (first >= size)
        return (struct http_range){HTTP_RANGE_UNSATISFIABLE, 0, 0};
    if (last >= size)
        last = size - 1;
    return (struct http_range){HTTP_RANGE_PART, first, last - first + 1};
}

struct http_range http_range_parse(const char *header, uint64_t size)
{
    const struct http_range whole = {HTTP_RANGE_WHOLE, 0, size};
    uint64_t first, last;
    if (strncasecmp(header, "bytes=", 6) != 0)
        return whole;
    const char *at = header + 6;
    if (*at == '-') {
        at++;
        if (!range_number(&at, &last) || *at != '\0')
            return whole;
        if (last == 0 || size == 0)
            return (struct http_range){HTTP_RANGE_UNSATISFIABLE, 0, 0};
        return range_between(last < size ? size - last : 0, size - 1, size);
    }
    if (!range_number(&at, &first) || *at++ != '-')
        return whole;
    if (*at == '\0')
        return range_between(first, UINT64_MAX, size);
    if (!range_number(&at, &last) || *at != '\0' || last < first)
        return whole;
    return range_between(first, last, size);
}
