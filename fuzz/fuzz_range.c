/* The Range header: eight bytes for the size of the content, then the header. */
#include "fuzz.h"

#include "http/range.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t length;
    if (size < sizeof(length))
        return 0;
    memcpy(&length, data, sizeof(length));
    char *header = fuzz_text(data + sizeof(length), size - sizeof(length));
    struct http_range range = http_range_parse(header, length);
    if (range.kind != HTTP_RANGE_UNSATISFIABLE) {
        FUZZ_CHECK(range.offset <= length);
        FUZZ_CHECK(range.size <= length - range.offset);
        FUZZ_CHECK(range.kind != HTTP_RANGE_PART || range.size > 0);
        FUZZ_CHECK(range.kind != HTTP_RANGE_WHOLE || (range.offset == 0 && range.size == length));
    }
    free(header);
    return 0;
}
