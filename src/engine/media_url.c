#include "engine/media_url.h"

#include "base/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const media_owner_names[] = {"workflow", "asset"};

static const struct {
    const char *content_type, *extension;
} media_extensions[] = {
    {"image/png", "png"},   {"image/jpeg", "jpg"},       {"image/webp", "webp"},
    {"image/gif", "gif"},   {"image/avif", "avif"},      {"image/heif", "heif"},
    {"image/heic", "heic"}, {"video/mp4", "mp4"},        {"video/quicktime", "mov"},
    {"video/webm", "webm"}, {"video/x-matroska", "mkv"}, {"audio/mpeg", "mp3"},
    {"audio/mp4", "m4a"},   {"audio/aac", "aac"},        {"audio/wav", "wav"},
    {"audio/ogg", "ogg"},   {"audio/flac", "flac"},      {"text/plain", "txt"},
};

const char *media_extension(const char *content_type)
{
    for (size_t i = 0; i < TABLE_SIZE(media_extensions); i++) {
        if (strcmp(media_extensions[i].content_type, content_type) == 0)
            return media_extensions[i].extension;
    }
    return "bin";
}

static void media_url_signature(const char *secret, const struct media_url *url,
                                char ret_hex[SHA256_HEX_SIZE])
{
    char text[256];
    int length = snprintf(text, sizeof(text), "%s/%s/%s?%lld", media_owner_names[url->owner],
                          url->id, url->sha256, (long long)url->expires);
    uint8_t digest[SHA256_SIZE];
    hmac_sha256(secret, strlen(secret), text, (size_t)length, digest);
    hex_encode(digest, sizeof(digest), ret_hex);
}

char *media_url_sign(struct arena *a, const char *secret, const char *base,
                     const struct media_url *url, const char *content_type)
{
    char signature[SHA256_HEX_SIZE];
    media_url_signature(secret, url, signature);
    return arena_printf(a, "%s/media/%s/%s/%s.%s?expires=%lld&signature=%s", base,
                        media_owner_names[url->owner], url->id, url->sha256,
                        media_extension(content_type), (long long)url->expires, signature);
}

/* Copies the text up to one of the characters of `end`; false when it does not fit exactly `size` - 1 characters. */
static bool media_url_part(const char **at, const char *end, char *ret, size_t size)
{
    size_t length = strcspn(*at, end);
    if (length != size - 1)
        return false;
    memcpy(ret, *at, length);
    ret[length] = '\0';
    *at += length;
    return true;
}

static bool media_url_skip(const char **at, const char *text)
{
    size_t length = strlen(text);
    if (strncmp(*at, text, length) != 0)
        return false;
    *at += length;
    return true;
}

static bool media_url_owner(const char **at, enum media_owner *ret_owner)
{
    for (size_t i = 0; i < TABLE_SIZE(media_owner_names); i++) {
        if (media_url_skip(at, media_owner_names[i])) {
            *ret_owner = (enum media_owner)i;
            return true;
        }
    }
    return false;
}

static bool media_url_read(const char *text, struct media_url *ret_url,
                           char ret_signature[SHA256_HEX_SIZE])
{
    const char *at = strstr(text, "/media/");
    if (!at)
        return false;
    at += strlen("/media/");
    if (!media_url_owner(&at, &ret_url->owner) || !media_url_skip(&at, "/") ||
        !media_url_part(&at, "/", ret_url->id, sizeof(ret_url->id)) || !media_url_skip(&at, "/") ||
        !media_url_part(&at, ".", ret_url->sha256, sizeof(ret_url->sha256)))
        return false;
    at += strcspn(at, "?");
    if (!media_url_skip(&at, "?expires="))
        return false;
    char *end;
    ret_url->expires = strtoll(at, &end, 10);
    at = end;
    return media_url_skip(&at, "&signature=") &&
           media_url_part(&at, "&", ret_signature, SHA256_HEX_SIZE) && uuid_valid(ret_url->id) &&
           sha256_hex_valid(ret_url->sha256);
}

int media_url_verify(const char *secret, const char *url, int64_t now_s, struct media_url *ret_url,
                     struct err *err)
{
    char given[SHA256_HEX_SIZE], expected[SHA256_HEX_SIZE];
    if (!media_url_read(url, ret_url, given))
        return err_set_default(err, ERR_NOT_FOUND);
    media_url_signature(secret, ret_url, expected);
    if (!bytes_equal_constant_time(given, expected, SHA256_HEX_SIZE - 1))
        return err_set_default(err, ERR_NOT_FOUND);
    if (ret_url->expires < now_s)
        return err_set(err, ERR_FORBIDDEN, NULL,
                       "The URL of this file has expired; read its object again for a new one.");
    return 0;
}
