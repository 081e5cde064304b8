/* Times as clients write them: what is read is written in the wire form and read again as the same.
 */
#include "fuzz.h"

#include "base/clock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    char written[CLOCK_TEXT_SIZE];
    int64_t time, again;
    struct err err;
    if (clock_parse(text, &time, &err) == 0) {
        clock_format(time, written);
        if (strlen(written) == 32) { /* the years 0 to 9999 */
            FUZZ_CHECK(clock_parse(written, &again, &err) == 0);
            FUZZ_CHECK(again == time);
        }
    }
    free(text);
    return 0;
}
