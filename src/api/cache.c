#include "api/internal.h"

#include "base/clock.h"
#include "base/hash.h"

#include <stdatomic.h>
#include <string.h>

/*
 * DESIGN. Polling clients ask for the same object again and again. Its text is kept in a slot chosen by its id until a commit
 * changes the object, at most for CACHE_LIFE_US or half the life of the signed URLs in it. A slot has a ticket that every change
 * moves: a text that was rendered from rows read before a change is not kept. Large objects must not add up to a large server: when
 * CACHE_BYTES_MAX are kept, it begins anew.
 */
enum {
    CACHE_SLOTS = 4096,
    CACHE_LIFE_US = 60 * 1000000,
    CACHE_TEXT_MAX = 256 * 1024,
    CACHE_BYTES_MAX = 32 << 20
};

struct cache_text {
    atomic_int references;
    size_t size;
    char bytes[];
};

struct cache_slot {
    char id[UUID_TEXT_SIZE];
    char *customer, *base;
    int64_t until;
    uint64_t ticket;
    struct cache_text *text;
};

struct cache {
    int64_t life_us;
    pthread_mutex_t lock;
    struct cache_slot slots[CACHE_SLOTS]; /* under lock, as the next */
    size_t bytes;                         /* of all texts in slots */
};

struct cache *cache_new(int url_life_s)
{
    struct cache *cache = mem_alloc(sizeof(*cache));
    int64_t half_us = (int64_t)url_life_s * 500000;
    cache->life_us = half_us < CACHE_LIFE_US ? half_us : CACHE_LIFE_US;
    pthread_mutex_init(&cache->lock, NULL);
    return cache;
}

void cache_release(void *object)
{
    struct cache_text *text = object;
    if (atomic_fetch_sub(&text->references, 1) == 1)
        free(text);
}

static void cache_empty(struct cache *cache, struct cache_slot *slot)
{
    if (slot->text) {
        cache->bytes -= slot->text->size;
        cache_release(slot->text);
    }
    free(slot->customer);
    free(slot->base);
    slot->text = NULL;
    slot->customer = slot->base = NULL;
}

static void cache_empty_all(struct cache *cache)
{
    for (size_t i = 0; i < CACHE_SLOTS; i++)
        cache_empty(cache, &cache->slots[i]);
}

void cache_free(struct cache *cache)
{
    if (!cache)
        return;
    cache_empty_all(cache);
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}

static struct cache_slot *cache_slot(struct cache *cache, const char *id)
{
    return &cache->slots[hash_text(id) % CACHE_SLOTS];
}

uint64_t cache_ticket(struct cache *cache, const char *id)
{
    pthread_mutex_lock(&cache->lock);
    uint64_t ticket = cache_slot(cache, id)->ticket;
    pthread_mutex_unlock(&cache->lock);
    return ticket;
}

struct cache_text *cache_get(struct cache *cache, const char *id, const char *customer,
                             const char *base, int64_t now, uint64_t *ret_ticket)
{
    struct cache_text *text = NULL;
    pthread_mutex_lock(&cache->lock);
    struct cache_slot *slot = cache_slot(cache, id);
    *ret_ticket = slot->ticket;
    if (slot->text && strcmp(slot->id, id) == 0 && strcmp(slot->customer, customer) == 0 &&
        strcmp(slot->base, base) == 0 && slot->until > now) {
        text = slot->text;
        atomic_fetch_add(&text->references, 1);
    }
    pthread_mutex_unlock(&cache->lock);
    return text;
}

void cache_put(struct cache *cache, const char *id, const char *customer, const char *base,
               uint64_t ticket, const char *bytes, size_t size)
{
    if (size > CACHE_TEXT_MAX)
        return;
    struct cache_text *text = mem_alloc(sizeof(*text) + size);
    atomic_init(&text->references, 1);
    text->size = size;
    memcpy(text->bytes, bytes, size);
    pthread_mutex_lock(&cache->lock);
    struct cache_slot *slot = cache_slot(cache, id);
    if (slot->ticket == ticket) {
        cache_empty(cache, slot);
        if (cache->bytes + size > CACHE_BYTES_MAX)
            cache_empty_all(cache);
        cache->bytes += size;
        memcpy(slot->id, id, strnlen(id, sizeof(slot->id) - 1) + 1);
        slot->customer = mem_strdup(customer);
        slot->base = mem_strdup(base);
        slot->until = clock_monotonic_us() + cache->life_us;
        slot->text = text;
        text = NULL;
    }
    pthread_mutex_unlock(&cache->lock);
    free(text);
}

void cache_drop(struct cache *cache, const char *id)
{
    pthread_mutex_lock(&cache->lock);
    struct cache_slot *slot = cache_slot(cache, id);
    slot->ticket++;
    cache_empty(cache, slot);
    pthread_mutex_unlock(&cache->lock);
}

const char *cache_bytes(const struct cache_text *text, size_t *ret_size)
{
    *ret_size = text->size;
    return text->bytes;
}
