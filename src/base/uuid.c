#include "base/uuid.h"

#include "base/clock.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

void random_bytes(void *bytes, size_t size)
{
    unsigned char *at = bytes;
    while (size) {
        ssize_t got = getrandom(at, size, 0);
        if (got < 0)
            abort();
        at += got;
        size -= (size_t)got;
    }
}

/* Milliseconds and a 12-bit sequence, which together strictly grow within the process. */
static uint64_t uuid_next_tick(void)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static uint64_t last; /* under lock */
    uint64_t tick = ((uint64_t)clock_wall_us() / 1000) << 12;
    pthread_mutex_lock(&lock);
    if (tick <= last)
        tick = last + 1;
    last = tick;
    pthread_mutex_unlock(&lock);
    return tick;
}

/* Every request gets an id, so the kernel is asked for many at once. */
static uint64_t uuid_random(void)
{
    enum { KEPT = 32 };
    static _Thread_local uint64_t kept[KEPT];
    static _Thread_local int left;
    if (left == 0) {
        random_bytes(kept, sizeof(kept));
        left = KEPT;
    }
    return kept[--left];
}

/* The lowest `digits` digits. */
static void uuid_hex(char *text, uint64_t number, int digits)
{
    for (int i = digits - 1; i >= 0; i--, number >>= 4)
        text[i] = "0123456789abcdef"[number & 0xF];
}

void uuid_new(char ret_text[UUID_TEXT_SIZE])
{
    uint64_t tick = uuid_next_tick();
    uint64_t millis = tick >> 12;
    uint64_t tail = uuid_random();
    uuid_hex(ret_text, millis >> 16, 8);
    ret_text[8] = '-';
    uuid_hex(ret_text + 9, millis, 4);
    ret_text[13] = '-';
    uuid_hex(ret_text + 14, 0x7000 | (tick & 0xFFF), 4);
    ret_text[18] = '-';
    uuid_hex(ret_text + 19, 0x8000 | (tail >> 48 & 0x3FFF), 4);
    ret_text[23] = '-';
    uuid_hex(ret_text + 24, tail, 12);
    ret_text[UUID_TEXT_SIZE - 1] = '\0';
}

static bool uuid_is_digit(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool uuid_valid(const char *text)
{
    if (strnlen(text, UUID_TEXT_SIZE) != UUID_TEXT_SIZE - 1)
        return false;
    for (int i = 0; i < UUID_TEXT_SIZE - 1; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? text[i] != '-' : !uuid_is_digit(text[i]))
            return false;
    }
    return true;
}
