/* The form of media references and webhook URLs that clients give. */
#include "fuzz.h"

#include "plan/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    struct err err;
    bool any = plan_reference_check(text, false, &err) == 0;
    bool http = plan_reference_check(text, true, &err) == 0;
    bool is_data = strncasecmp(text, "data:", 5) == 0;
    FUZZ_CHECK(!http || any);
    FUZZ_CHECK(!any || http || is_data);
    free(text);
    return 0;
}
