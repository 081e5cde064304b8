/*
 * Structured log lines on standard error, text for people or JSON for machines. Only programs and their
 * processes' main loops log; libraries return errors. Any thread; one line is one write.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

/* Lines above `level` are dropped. `process` names the process in every line ("server", "worker-1").
 * Call before other threads start. `process` is kept by reference. */
void log_setup(enum log_level level, bool as_json, const char *process);

/* Reads "error", "warning", "info", "debug"; false when it is none of them. */
bool log_level_parse(const char *text, enum log_level *ret_level);

/* Whether a line of this level would be written: for callers whose values cost something to make. */
bool log_wants(enum log_level level);

/* One line with the message and pairs of key and value, ended by NULL:
 * log_line(LOG_INFO, "workflow finished", "workflow", id, "status", status, NULL). A NULL value is
 * left out with its key. */
void log_line(enum log_level level, const char *message, ...) __attribute__((sentinel));

#endif
