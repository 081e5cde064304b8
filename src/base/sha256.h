/*
 * SHA-256, HMAC-SHA-256, hex, base64 and constant-time comparison, on Nettle. Any thread.
 */
#ifndef BASE_SHA256_H
#define BASE_SHA256_H

#include "base/err.h"
#include <nettle/sha2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SHA256_SIZE = 32, SHA256_HEX_SIZE = 65 };

void sha256_bytes(const void *bytes, size_t size, uint8_t ret_digest[SHA256_SIZE]);
void sha256_hex(const void *bytes, size_t size, char ret_hex[SHA256_HEX_SIZE]);

/* Hashes a whole seekable file from its start without moving its offset. ERR_STORAGE when it cannot
 * be read. `ret_size` may be NULL. */
int sha256_fd(int fd, char ret_hex[SHA256_HEX_SIZE], uint64_t *ret_size, struct err *err);

void hmac_sha256(const void *key, size_t key_size, const void *bytes, size_t size,
                 uint8_t ret_digest[SHA256_SIZE]);

/* `ret_hex` takes 2 * size + 1 bytes. */
void hex_encode(const void *bytes, size_t size, char *ret_hex);
bool sha256_hex_valid(const char *text); /* 64 lower-case hex digits and nothing else */

/* Standard alphabet with padding; a new NUL-terminated string, caller frees. */
char *base64_encode(const void *bytes, size_t size);

/* Accepts padding and white space as Nettle does; caller frees. NULL when it is not base64. */
void *base64_decode(const char *text, size_t length, size_t *ret_size);

/* Compares in time that depends on `size` alone. */
bool bytes_equal_constant_time(const void *a, const void *b, size_t size);

#endif
