/*
 * Region memory: everything that one request, plan, transition or step run allocates, freed at once.
 *
 * Out of memory ends the process with MEM_EXHAUSTED_STATUS (jobs are durable, restarts are cheap), so nothing here
 * fails; the status lets whoever watches the process say why it died.
 * An arena belongs to one thread at a time. Sizes that come from input pass a limit before they come
 * here.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/cleanup.h"
#include <stdarg.h>
#include <stddef.h>

enum { MEM_EXHAUSTED_STATUS = 86 };

struct arena;

struct arena *arena_new(void);
void arena_free(struct arena *a);  /* NULL allowed */
void arena_reset(struct arena *a); /* forgets all allocations, keeps one block */

/* Zeroed, aligned for any object. `count` * `size` may not overflow (asserted). */
void *arena_alloc(struct arena *a, size_t size);
void *arena_array(struct arena *a, size_t count, size_t size);

char *arena_strdup(struct arena *a, const char *text);
char *arena_strndup(struct arena *a, const char *text, size_t length);
void *arena_memdup(struct arena *a, const void *bytes, size_t size);
char *arena_printf(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *a, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

/* Calls release(object) when the arena is reset or freed, last added first. */
void arena_defer(struct arena *a, void (*release)(void *object), void *object);

/* malloc family that never returns NULL, for long-lived objects. */
void *mem_alloc(size_t size); /* zeroed */
void *mem_array(size_t count, size_t size);
void *mem_resize(void *memory, size_t count, size_t size);
char *mem_strdup(const char *text);
void *mem_dup(const void *bytes, size_t size);

CLEANUP_DEFINE(arena, struct arena, arena_free);

#endif
