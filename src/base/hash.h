/* Hashes of short texts for tables in memory (FNV-1a): quick, not for keys that somebody chose to collide. Any thread. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stdint.h>

enum { HASH_PRIME = 16777619 };
#define HASH_START UINT32_C(2166136261)

/* Goes on from `hash`, so that several texts make one. */
static inline uint32_t hash_more(uint32_t hash, const char *text)
{
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * (uint32_t)HASH_PRIME;
    return hash;
}

static inline uint32_t hash_text(const char *text)
{
    return hash_more(HASH_START, text);
}

#endif
