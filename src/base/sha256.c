#include "base/sha256.h"

#include "base/arena.h"

#include <errno.h>
#include <nettle/base64.h>
#include <nettle/hmac.h>
#include <nettle/memops.h>
#include <string.h>
#include <unistd.h>

void sha256_bytes(const void *bytes, size_t size, uint8_t ret_digest[SHA256_SIZE])
{
    struct sha256_ctx context;
    sha256_init(&context);
    sha256_update(&context, size, bytes);
    sha256_digest(&context, SHA256_SIZE, ret_digest);
}

void sha256_hex(const void *bytes, size_t size, char ret_hex[SHA256_HEX_SIZE])
{
    uint8_t digest[SHA256_SIZE];
    sha256_bytes(bytes, size, digest);
    hex_encode(digest, sizeof(digest), ret_hex);
}

int sha256_fd(int fd, char ret_hex[SHA256_HEX_SIZE], uint64_t *ret_size, struct err *err)
{
    enum { CHUNK = 256 * 1024 };
    uint8_t *chunk = mem_alloc(CHUNK);
    struct sha256_ctx context;
    sha256_init(&context);
    uint64_t offset = 0;
    ssize_t got;
    while ((got = pread(fd, chunk, CHUNK, (off_t)offset)) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            break;
        sha256_update(&context, (size_t)got, chunk);
        offset += (uint64_t)got;
    }
    free(chunk);
    if (got < 0)
        return err_set(err, ERR_STORAGE, NULL, "A file could not be read: %s.", strerror(errno));
    uint8_t digest[SHA256_SIZE];
    sha256_digest(&context, SHA256_SIZE, digest);
    hex_encode(digest, sizeof(digest), ret_hex);
    if (ret_size)
        *ret_size = offset;
    return 0;
}

void hmac_sha256(const void *key, size_t key_size, const void *bytes, size_t size,
                 uint8_t ret_digest[SHA256_SIZE])
{
    struct hmac_sha256_ctx context;
    hmac_sha256_set_key(&context, key_size, key);
    hmac_sha256_update(&context, size, bytes);
    hmac_sha256_digest(&context, SHA256_SIZE, ret_digest);
}

void hex_encode(const void *bytes, size_t size, char *ret_hex)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *at = bytes;
    for (size_t i = 0; i < size; i++) {
        ret_hex[2 * i] = digits[at[i] >> 4];
        ret_hex[2 * i + 1] = digits[at[i] & 15];
    }
    ret_hex[2 * size] = '\0';
}

bool sha256_hex_valid(const char *text)
{
    return strspn(text, "0123456789abcdef") == SHA256_HEX_SIZE - 1 &&
           text[SHA256_HEX_SIZE - 1] == '\0';
}

char *base64_encode(const void *bytes, size_t size)
{
    size_t length = BASE64_ENCODE_RAW_LENGTH(size);
    char *text = mem_alloc(length + 1);
    base64_encode_raw(text, size, bytes);
    return text;
}

void *base64_decode(const char *text, size_t length, size_t *ret_size)
{
    struct base64_decode_ctx context;
    base64_decode_init(&context);
    uint8_t *bytes = mem_alloc(BASE64_DECODE_LENGTH(length) + 1);
    size_t size = BASE64_DECODE_LENGTH(length) + 1;
    if (!base64_decode_update(&context, &size, bytes, length, text) ||
        !base64_decode_final(&context)) {
        free(bytes);
        return NULL;
    }
    *ret_size = size;
    return bytes;
}

bool bytes_equal_constant_time(const void *a, const void *b, size_t size)
{
    return memeql_sec(a, b, size) != 0;
}
