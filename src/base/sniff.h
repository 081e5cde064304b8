/* What a file is, told by its first bytes and nothing else. Pure. */
#ifndef BASE_SNIFF_H
#define BASE_SNIFF_H

#include <stddef.h>

enum { SNIFF_BYTES = 4096 };

/* `size` bytes from the start of a file, SNIFF_BYTES of them where it has as many. A static MIME type of the pictures, videos and
 * sounds that reeld takes, or NULL. It says what to decode the file as, not that it is sound. */
const char *sniff_content_type(const unsigned char *bytes, size_t size);

#endif
