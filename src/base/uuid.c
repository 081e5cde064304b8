#include "base/uuid.h"

#include "base/clock.h"

#include <ctype.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
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

void uuid_new(char ret_text[UUID_TEXT_SIZE])
{
    uint64_t tick = uuid_next_tick();
    uint64_t millis = tick >> 12;
    uint64_t tail;
    random_bytes(&tail, sizeof(tail));
    snprintf(ret_text, UUID_TEXT_SIZE, "%08x-%04x-7%03x-%04x-%012llx",
             (unsigned)(millis >> 16 & 0xFFFFFFFF), (unsigned)(millis & 0xFFFF),
             (unsigned)(tick & 0xFFF), (unsigned)(0x8000 | (tail >> 48 & 0x3FFF)),
             (unsigned long long)(tail & 0xFFFFFFFFFFFFULL));
}

bool uuid_valid(const char *text)
{
    if (strnlen(text, UUID_TEXT_SIZE) != UUID_TEXT_SIZE - 1)
        return false;
    for (int i = 0; i < UUID_TEXT_SIZE - 1; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? text[i] != '-' : !isxdigit((unsigned char)text[i]))
            return false;
    }
    return true;
}
