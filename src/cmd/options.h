/* Settings of a command: flags, environment, file and defaults, out of params.def. */
#ifndef CMD_OPTIONS_H
#define CMD_OPTIONS_H

#include "base/arena.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

enum param {
#define PARAM(groups, name, flag, type, otherwise, placeholder, help) PARAM_##name,
#include "cmd/params.def"
#undef PARAM
    PARAM_COUNT
};

enum param_group {
    PARAM_GROUP_COMMON = 1,
    PARAM_GROUP_SERVE = 2,
    PARAM_GROUP_ENGINE = 4,
    PARAM_GROUP_RUN = 8,
    PARAM_GROUP_KEY = 16,
    PARAM_GROUP_CUSTOMER = 32,
    PARAM_GROUP_CREDITS = 64,
    PARAM_GROUP_INPUT = 128,
    PARAM_GROUP_FSCK = 256
};

enum param_source { SOURCE_DEFAULT, SOURCE_FILE, SOURCE_ENVIRONMENT, SOURCE_FLAG };

struct option_value {
    const char *text; /* NULL when nothing was given and there is no default */
    enum param_source source;
};

struct options {
    struct arena *arena;
    unsigned groups; /* what this command takes */
    struct option_value values[PARAM_COUNT];
    const char *file;    /* the settings file, NULL when there is none */
    const char **images; /* of the only LIST */
    size_t image_count;
    const char **arguments; /* what is no flag */
    size_t argument_count;
};

/* Reads argv (without the program and the command), the environment and the file. ERR_INVALID with a sentence for wrong usage. */
int options_read(struct options *options, struct arena *a, unsigned groups, int argc, char **argv,
                 struct err *err);

const char *option_text(const struct options *options, enum param param);
bool option_flag(const struct options *options, enum param param);
/* Checked when they were read. */
int64_t option_integer(const struct options *options, enum param param);
bool option_given(const struct options *options, enum param param);

struct option_shown {
    const char *name;   /* as the settings file has it */
    const char *value;  /* NULL when nothing is set; "********" for a secret that is */
    const char *source; /* "default", "flag", "environment" or "file" */
    const char *place;  /* "--listen", "REELD_LISTEN", the path of the file; "" for a default */
};

/* One setting of this command, in the order of the table; false beyond the last. What only concerns one call (help, json) is
 * left out. `*at` begins with 0. */
bool option_next(const struct options *options, int *at, struct option_shown *ret_shown);

/* The flags of these groups with their help, for people. */
void options_print_help(unsigned groups);

#endif
