#include "base/clock.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

int64_t clock_wall_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_monotonic_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Most times that are written lie in the second of the one before. */
static const char *clock_second(int64_t seconds, size_t *ret_length)
{
    static _Thread_local char text[CLOCK_TEXT_SIZE];
    static _Thread_local size_t length;
    static _Thread_local int64_t written;
    if (length == 0 || seconds != written) {
        time_t when = (time_t)seconds;
        struct tm tm;
        gmtime_r(&when, &tm);
        length = strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
        written = seconds;
    }
    *ret_length = length;
    return text;
}

void clock_format(int64_t wall_us, char ret_text[CLOCK_TEXT_SIZE])
{
    enum { DIGITS = 6 };
    int64_t seconds = wall_us / 1000000;
    int64_t micros = wall_us % 1000000;
    size_t length;
    if (micros < 0) {
        micros += 1000000;
        seconds -= 1;
    }
    memcpy(ret_text, clock_second(seconds, &length), CLOCK_TEXT_SIZE);
    ret_text[length] = '.';
    for (int i = DIGITS; i > 0; i--, micros /= 10)
        ret_text[length + (size_t)i] = (char)('0' + micros % 10);
    memcpy(ret_text + length + 1 + DIGITS, "+00:00", sizeof("+00:00"));
}

static int clock_digits(const char **at, int count)
{
    int value = 0;
    for (int i = 0; i < count; i++) {
        if (!isdigit((unsigned char)(*at)[i]))
            return -1;
        value = value * 10 + ((*at)[i] - '0');
    }
    *at += count;
    return value;
}

/* Reads `separator` when it is not 0 and then `count` digits between `low` and `high`. */
static bool clock_field(const char **at, char separator, int count, int low, int high, int *ret)
{
    if (separator) {
        if (**at != separator)
            return false;
        ++*at;
    }
    *ret = clock_digits(at, count);
    return *ret >= low && *ret <= high;
}

static bool clock_fraction(const char **at, int64_t *ret_micros)
{
    *ret_micros = 0;
    if (**at != '.')
        return true;
    ++*at;
    int digits = 0;
    for (int64_t scale = 100000; isdigit((unsigned char)**at); ++*at, digits++) {
        *ret_micros += (**at - '0') * scale;
        scale /= 10;
    }
    return digits >= 1 && digits <= 9;
}

static bool clock_offset(const char **at, int64_t *ret_seconds)
{
    *ret_seconds = 0;
    if (**at == 'Z' || **at == 'z') {
        ++*at;
        return true;
    }
    if (**at != '+' && **at != '-')
        return false;
    int sign = *(*at)++ == '-' ? -1 : 1;
    int hours, minutes;
    if (!clock_field(at, 0, 2, 0, 23, &hours) || !clock_field(at, ':', 2, 0, 59, &minutes))
        return false;
    *ret_seconds = sign * (hours * 3600 + minutes * 60);
    return true;
}

int clock_parse(const char *text, int64_t *ret_wall_us, struct err *err)
{
    const char *at = text;
    struct tm tm = {0};
    int year, month;
    int64_t micros, offset;
    bool valid =
        clock_field(&at, 0, 4, 1970, 9999, &year) && clock_field(&at, '-', 2, 1, 12, &month) &&
        clock_field(&at, '-', 2, 1, 31, &tm.tm_mday) && (*at == ' ' || *at == 'T' || *at == 't') &&
        at++ && clock_field(&at, 0, 2, 0, 23, &tm.tm_hour) &&
        clock_field(&at, ':', 2, 0, 59, &tm.tm_min) &&
        clock_field(&at, ':', 2, 0, 60, &tm.tm_sec) && clock_fraction(&at, &micros) &&
        clock_offset(&at, &offset) && *at == '\0';
    if (valid) {
        tm.tm_year = year - 1900;
        tm.tm_mon = month - 1;
        struct tm normal = tm;
        time_t when = timegm(&normal);
        if (normal.tm_mday == tm.tm_mday) {
            *ret_wall_us = ((int64_t)when - offset) * 1000000 + micros;
            return 0;
        }
    }
    return err_set(err, ERR_INVALID, NULL,
                   "A time is written like 2026-05-16 16:34:59.780864+00:00.");
}
