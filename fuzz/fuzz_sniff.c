/* The kind of a file, told by its first bytes: the same however much follows them. */
#include "fuzz.h"

#include "base/sniff.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t given = size < SNIFF_BYTES ? size : SNIFF_BYTES;
    uint8_t *exact =
        malloc(given ? given : 1); /* of this size, so that a byte too many is noticed */
    if (!exact)
        abort();
    memcpy(exact, data, given);
    const char *type = sniff_content_type(exact, given);
    FUZZ_CHECK(!type || strchr(type, '/'));
    free(exact);
    return 0;
}
