/* The Range header (RFC 9110, 14). Pure. */
#ifndef HTTP_RANGE_H
#define HTTP_RANGE_H

#include <stdint.h>

enum http_range_kind {
    HTTP_RANGE_WHOLE, /* no range that is understood: the whole content is the answer */
    HTTP_RANGE_PART,
    HTTP_RANGE_UNSATISFIABLE
};

struct http_range {
    enum http_range_kind kind;
    uint64_t offset, size; /* bytes; within the content for WHOLE and PART */
};

/* One byte range of content of `size` bytes; several ranges at once are answered with the whole. */
struct http_range http_range_parse(const char *header, uint64_t size);

#endif
