/* URLs that claim to be the server's own: nothing but what was signed passes, and that does. */
#include "fuzz.h"

#include "engine/media_url.h"

static const char secret[] = "a secret that nobody guesses";

static void check_signed(const struct media_url *url)
{
    struct arena *a = arena_new();
    struct media_url again;
    struct err err;
    const char *text = media_url_sign(a, secret, "http://127.0.0.1:8080", url, "image/png");
    FUZZ_CHECK(media_url_verify(secret, text, url->expires, &again, &err) == 0);
    FUZZ_CHECK(again.owner == url->owner && again.expires == url->expires);
    FUZZ_CHECK(strcmp(again.id, url->id) == 0 && strcmp(again.sha256, url->sha256) == 0);
    FUZZ_CHECK(media_url_verify(secret, text, url->expires + 1, &again, &err) == ERR_FORBIDDEN);
    FUZZ_CHECK(media_url_verify("another secret", text, url->expires, &again, &err) ==
               ERR_NOT_FOUND);
    arena_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    struct media_url url;
    struct err err;
    FUZZ_CHECK(media_url_verify(secret, text, 0, &url, &err) == ERR_NOT_FOUND);
    free(text);
    if (size >= 12) {
        memset(&url, 0, sizeof(url));
        url.owner = data[0] & 1 ? MEDIA_ASSET : MEDIA_WORKFLOW;
        uint32_t expires;
        memcpy(&expires, data + 1, sizeof(expires));
        url.expires = expires;
        uuid_new(url.id);
        sha256_hex(data, size, url.sha256);
        check_signed(&url);
    }
    return 0;
}
