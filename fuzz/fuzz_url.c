/* URLs from clients and from the Location of an answer: what passes is http(s) without a user, has
 * a host and passes again. */
#include "fuzz.h"

#include "net/internal.h"

static void check_passed(const char *url)
{
    char *again = NULL;
    struct err err;
    FUZZ_CHECK(strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0);
    FUZZ_CHECK(url_check(url, &again, &err) == 0);
    FUZZ_CHECK(strcmp(url, again) == 0);
    FUZZ_CHECK(url_same_origin(url, again));
    char *host = url_host(url);
    FUZZ_CHECK(*host != '\0');
    FUZZ_CHECK(!memchr(strchr(url, ':') + 3, '@', strcspn(strchr(url, ':') + 3, "/?#")));
    free(host);
    free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size), *url = NULL;
    struct err err;
    if (url_check(text, &url, &err) == 0)
        check_passed(url);
    else
        FUZZ_CHECK(err.code == ERR_FETCH_REFUSED);
    free(url);
    url = NULL;
    if (url_follow("https://a.example:8443/dir/file?q=1", text, &url, &err) == 0)
        check_passed(url);
    free(url);
    free(text);
    return 0;
}
