#include "base/log.h"

#include "base/buffer.h"
#include "base/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static enum log_level log_threshold = LOG_INFO;
static bool log_json;
static const char *log_process = "reeld";
static const char *const log_level_names[] = {"error", "warning", "info", "debug"};

void log_setup(enum log_level level, bool as_json, const char *process)
{
    log_threshold = level;
    log_json = as_json;
    log_process = process;
}

bool log_level_parse(const char *text, enum log_level *ret_level)
{
    for (int i = 0; i <= LOG_DEBUG; i++) {
        if (strcmp(text, log_level_names[i]) == 0) {
            *ret_level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

bool log_wants(enum log_level level)
{
    return level <= log_threshold;
}

/* Control characters are escaped in both forms, so that input cannot forge a line. */
static void log_append_escaped(struct buffer *b, const char *text)
{
    for (;;) {
        size_t plain = 0;
        while ((unsigned char)text[plain] >= 0x20 && text[plain] != '"' && text[plain] != '\\' &&
               text[plain] != 0x7F)
            plain++;
        buffer_append(b, text, plain);
        text += plain;
        if (!*text)
            break;
        if (*text == '"' || *text == '\\')
            buffer_printf(b, "\\%c", *text);
        else
            buffer_printf(b, "\\u%04x", (unsigned)(unsigned char)*text);
        text++;
    }
}

static void log_append_pair(struct buffer *b, const char *key, const char *value)
{
    buffer_append_text(b, log_json ? ",\"" : " ");
    buffer_append_text(b, key);
    buffer_append_text(b, log_json ? "\":\"" : "=\"");
    log_append_escaped(b, value);
    buffer_append_char(b, '"');
}

void log_line(enum log_level level, const char *message, ...)
{
    if (!log_wants(level))
        return;
    char time[CLOCK_TEXT_SIZE];
    clock_format(clock_wall_us(), time);
    struct buffer b = {0};
    if (log_json) {
        buffer_printf(&b, "{\"time\":\"%s\",\"level\":\"%s\",\"process\":\"%s\",\"message\":\"",
                      time, log_level_names[level], log_process);
        log_append_escaped(&b, message);
        buffer_append_char(&b, '"');
    } else {
        buffer_printf(&b, "%s %-7s %s: ", time, log_level_names[level], log_process);
        log_append_escaped(&b, message);
    }
    va_list args;
    va_start(args, message);
    for (const char *key; (key = va_arg(args, const char *));) {
        const char *value = va_arg(args, const char *);
        if (value)
            log_append_pair(&b, key, value);
    }
    va_end(args);
    buffer_append_text(&b, log_json ? "}\n" : "\n");
    /* Nobody is left to be told when standard error itself fails. */
    ssize_t written = write(STDERR_FILENO, b.bytes, b.size);
    (void)written;
    buffer_finish(&b);
}
