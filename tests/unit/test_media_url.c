#include "engine/media_url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct media_url example(void)
{
    struct media_url url = {.owner = MEDIA_ASSET, .expires = 2000};
    uuid_new(url.id);
    sha256_hex("bytes", 5, url.sha256);
    return url;
}

static void test_signed_urls_verify_on_any_host(void **state)
{
    (void)state;
    CLEANUP(arena) struct arena *a = arena_new();
    const struct media_url url = example();
    struct media_url read;
    const char *text = media_url_sign(a, "secret", "https://a.example", &url, "image/png");
    assert_non_null(strstr(text, ".png?expires=2000&signature="));
    assert_int_equal(media_url_verify("secret", text, 1999, &read, NULL), 0);
    assert_int_equal(read.owner, MEDIA_ASSET);
    assert_string_equal(read.id, url.id);
    assert_string_equal(read.sha256, url.sha256);
    assert_int_equal(media_url_verify("secret", strstr(text, "/media/"), 1999, &read, NULL), 0);
    assert_int_equal(
        media_url_verify("secret", arena_printf(a, "%s&download=1", text), 1, &read, NULL), 0);
    assert_int_equal(media_url_verify("secret", text, 2001, &read, NULL), ERR_FORBIDDEN);
    assert_int_equal(media_url_verify("other", text, 1999, &read, NULL), ERR_NOT_FOUND);
}

/* No character of the signed part may change. */
static void test_any_change_breaks_the_signature(void **state)
{
    (void)state;
    CLEANUP(arena) struct arena *a = arena_new();
    const struct media_url url = example();
    const char *text = media_url_sign(a, "secret", "", &url, "video/mp4");
    size_t extension = (size_t)(strstr(text, ".mp4") - text);
    for (size_t i = 0; i < strlen(text); i++) {
        char *changed = arena_strdup(a, text);
        struct media_url read;
        if (i >= extension && i < extension + 4)
            continue; /* the extension is for people */
        changed[i] = changed[i] == '1' ? '2' : '1';
        assert_int_equal(media_url_verify("secret", changed, 1000, &read, NULL), ERR_NOT_FOUND);
    }
}

static void test_strangers_are_no_media_urls(void **state)
{
    (void)state;
    static const char *const strangers[] = {
        "",
        "/media/",
        "https://example.org/media/asset/x/y.png",
        "/media/workflow/../../etc/passwd",
        "data:image/png;base64,AAAA",
        "/media/asset/00000000-0000-7000-8000-000000000000/",
    };
    struct media_url read;
    for (size_t i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++)
        assert_int_equal(media_url_verify("secret", strangers[i], 0, &read, NULL), ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signed_urls_verify_on_any_host),
        cmocka_unit_test(test_any_change_breaks_the_signature),
        cmocka_unit_test(test_strangers_are_no_media_urls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
