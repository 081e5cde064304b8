/* The reader of JSON: what it takes it writes, and reads again as the same; what the quick reader takes the library reads alike. */
#include "fuzz.h"

#include "base/json.h"
#include "base/json_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { SIZE_MAX_TAKEN = 64 * 1024 };
    struct err err;
    json_t *json = json_read_plain((const char *)data, size), *again = NULL;
    size_t written;
    if (json) {
        again =
            json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
        FUZZ_CHECK(json_equal(json, again));
        json_decref(json);
        json_decref(again);
    }
    if (json_parse((const char *)data, size, SIZE_MAX_TAKEN, &json, &err) < 0) {
        FUZZ_CHECK(err.code == ERR_BAD_REQUEST ||
                   (err.code == ERR_TOO_LARGE && size > SIZE_MAX_TAKEN));
        FUZZ_CHECK(err.message[0] != '\0');
        return 0;
    }
    char *text = json_text(json, &written);
    FUZZ_CHECK(strlen(text) == written);
    FUZZ_CHECK(json_parse(text, written, 16 * SIZE_MAX_TAKEN, &again, &err) == 0);
    FUZZ_CHECK(json_equal(json, again));
    free(text);
    json_decref(json);
    json_decref(again);
    return 0;
}
