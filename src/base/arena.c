#include "base/arena.h"

#include <assert.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* The first block holds what a small request needs; there may be ten thousand of them. It is of a size that glibc keeps for each
 * thread, which makes the arena of a short request cheap; later blocks double up to the last size. */
enum { ARENA_FIRST_SIZE = 960, ARENA_BLOCK_SIZE = 8192 };

struct arena_block {
    struct arena_block *next;
    size_t size;
    size_t used;
    alignas(max_align_t) unsigned char bytes[];
};

struct arena_deferred {
    struct arena_deferred *next;
    void (*release)(void *object);
    void *object;
};

struct arena {
    struct arena_block *blocks; /* the newest first */
    struct arena_deferred *deferred;
};

static void *mem_checked(void *memory)
{
    static const char sentence[] = "out of memory\n";
    if (memory)
        return memory;
    ssize_t written = write(STDERR_FILENO, sentence, sizeof(sentence) - 1);
    (void)written;
    _exit(MEM_EXHAUSTED_STATUS);
}

static struct arena_block *arena_block_new(size_t size)
{
    struct arena_block *block = mem_checked(malloc(sizeof(*block) + size));
    block->next = NULL;
    block->size = size;
    block->used = 0;
    return block;
}

struct arena *arena_new(void)
{
    struct arena *a = mem_checked(malloc(sizeof(*a)));
    a->blocks = arena_block_new(ARENA_FIRST_SIZE);
    a->deferred = NULL;
    return a;
}

static void arena_run_deferred(struct arena *a)
{
    while (a->deferred) {
        struct arena_deferred *deferred = a->deferred;
        a->deferred = deferred->next;
        deferred->release(deferred->object);
    }
}

void arena_free(struct arena *a)
{
    if (!a)
        return;
    arena_run_deferred(a);
    for (struct arena_block *block = a->blocks; block;) {
        struct arena_block *next = block->next;
        free(block);
        block = next;
    }
    free(a);
}

void arena_reset(struct arena *a)
{
    arena_run_deferred(a);
    for (struct arena_block *block = a->blocks->next; block;) {
        struct arena_block *next = block->next;
        free(block);
        block = next;
    }
    a->blocks->next = NULL;
    a->blocks->used = 0;
}

void *arena_alloc(struct arena *a, size_t size)
{
    assert(size <= SIZE_MAX / 2);
    size_t rounded = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    if (a->blocks->size - a->blocks->used < rounded) {
        size_t wanted =
            2 * a->blocks->size < ARENA_BLOCK_SIZE ? 2 * a->blocks->size : ARENA_BLOCK_SIZE;
        wanted = rounded > wanted ? rounded : wanted;
        struct arena_block *block = arena_block_new(wanted);
        block->next = a->blocks;
        a->blocks = block;
    }
    void *memory = a->blocks->bytes + a->blocks->used;
    a->blocks->used += rounded;
    memset(memory, 0, rounded);
    return memory;
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
    assert(size == 0 || count <= SIZE_MAX / 2 / size);
    return arena_alloc(a, count * size);
}

char *arena_strdup(struct arena *a, const char *text)
{
    return arena_strndup(a, text, strlen(text));
}

char *arena_strndup(struct arena *a, const char *text, size_t length)
{
    char *copy = arena_alloc(a, length + 1);
    memcpy(copy, text, length);
    return copy;
}

void *arena_memdup(struct arena *a, const void *bytes, size_t size)
{
    void *copy = arena_alloc(a, size);
    if (size)
        memcpy(copy, bytes, size);
    return copy;
}

char *arena_vprintf(struct arena *a, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    assert(length >= 0);
    char *text = arena_alloc(a, (size_t)length + 1);
    vsnprintf(text, (size_t)length + 1, format, args);
    return text;
}

char *arena_printf(struct arena *a, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = arena_vprintf(a, format, args);
    va_end(args);
    return text;
}

void arena_defer(struct arena *a, void (*release)(void *object), void *object)
{
    struct arena_deferred *deferred = arena_alloc(a, sizeof(*deferred));
    deferred->release = release;
    deferred->object = object;
    deferred->next = a->deferred;
    a->deferred = deferred;
}

void *mem_alloc(size_t size)
{
    return mem_checked(calloc(1, size ? size : 1));
}

void *mem_array(size_t count, size_t size)
{
    return mem_checked(calloc(count ? count : 1, size ? size : 1));
}

void *mem_resize(void *memory, size_t count, size_t size)
{
    return mem_checked(reallocarray(memory, count ? count : 1, size ? size : 1));
}

char *mem_strdup(const char *text)
{
    return mem_dup(text, strlen(text) + 1);
}

void *mem_dup(const void *bytes, size_t size)
{
    void *copy = mem_alloc(size);
    memcpy(copy, bytes, size);
    return copy;
}
