/*
 * Scope-bound ownership. CLEANUP(x) on a declaration calls cleanup_x(&variable) when the scope ends;
 * TAKE(variable) hands the value over and leaves the empty value behind. Any thread.
 */
#ifndef BASE_CLEANUP_H
#define BASE_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

#define CLEANUP(kind) __attribute__((cleanup(cleanup_##kind), unused))

#define TAKE(pointer)                                                                              \
    __extension__({                                                                                \
        __typeof__(pointer) taken_ = (pointer);                                                    \
        (pointer) = NULL;                                                                          \
        taken_;                                                                                    \
    })

#define TAKE_FD(fd)                                                                                \
    __extension__({                                                                                \
        int taken_fd_ = (fd);                                                                      \
        (fd) = -1;                                                                                 \
        taken_fd_;                                                                                 \
    })

/* Defines cleanup_NAME for pointers of TYPE released by FUNCTION, which must accept NULL. */
#define CLEANUP_DEFINE(name, type, function)                                                       \
    static inline void cleanup_##name(type **pointer)                                              \
    {                                                                                              \
        function(*pointer);                                                                        \
    }                                                                                              \
    struct cleanup_##name##_semicolon

static inline void cleanup_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static inline void cleanup_free(void *pointer)
{
    free(*(void **)pointer);
}

#endif
