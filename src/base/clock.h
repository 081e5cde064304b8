/*
 * Time. Wall time is microseconds since 1970 UTC, monotonic time is microseconds since an arbitrary
 * start. On the wire a wall time reads `2026-05-16 16:34:59.780864+00:00`. Any thread.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "base/err.h"
#include <stddef.h>
#include <stdint.h>

enum { CLOCK_TEXT_SIZE = 40 };

int64_t clock_wall_us(void);
int64_t clock_monotonic_us(void);

/* Writes the wire form, always 32 characters for the years 0 to 9999. */
void clock_format(int64_t wall_us, char ret_text[CLOCK_TEXT_SIZE]);

/* Reads the wire form and RFC 3339 (`T` or blank, `Z` or offset, up to 9 fraction digits).
 * ERR_INVALID when it is not a time. */
int clock_parse(const char *text, int64_t *ret_wall_us, struct err *err);

#endif
