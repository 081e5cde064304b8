#include "cmd/options.h"

#include "base/json.h"
#include "base/log.h"
#include "cmd/suggest.h"

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OPTION_NAME_MAX = 200 };

enum param_type {
    TYPE_TEXT,
    TYPE_NAME,
    TYPE_FLAG,
    TYPE_INTEGER,
    TYPE_COUNT,
    TYPE_BYTES,
    TYPE_QUOTA, /* bytes, 0 for no limit */
    TYPE_SECRET,
    TYPE_LIST
};

static const struct {
    unsigned group;
    const char *flag;
    enum param_type type;
    const char *otherwise, *placeholder, *help;
} option_rows[PARAM_COUNT] = {
#define PARAM(group, name, flag, type, otherwise, placeholder, help)                               \
    {PARAM_GROUP_##group, flag, TYPE_##type, otherwise, placeholder, help},
#include "cmd/params.def"
#undef PARAM
};

/* Numbers with k, M or G where the type allows it; false when it is none or out of range. */
static bool option_number(const char *text, bool bytes, int64_t *ret_value)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    int shift = 0;
    if (end == text || errno || value < 0)
        return false;
    if (bytes && *end) {
        shift = *end == 'k' ? 10 : *end == 'M' ? 20 : *end == 'G' ? 30 : -1;
        end++;
    }
    if (shift < 0 || *end || value > (INT64_MAX >> shift) || (!bytes && value > INT32_MAX))
        return false;
    *ret_value = value << shift;
    return true;
}

static bool option_truth(const char *text, bool *ret_value)
{
    *ret_value = strcmp(text, "1") == 0 || strcmp(text, "true") == 0 || strcmp(text, "yes") == 0;
    return *ret_value || strcmp(text, "0") == 0 || strcmp(text, "false") == 0 ||
           strcmp(text, "no") == 0 || *text == '\0';
}

static void option_add(struct arena *a, const char ***list, size_t *count, const char *text)
{
    const char **grown = arena_array(a, *count + 1, sizeof(*grown));
    if (*count)
        memcpy(grown, *list, *count * sizeof(*grown));
    grown[(*count)++] = text;
    *list = grown;
}

/* The setting by the name under which this source has it: "--workers", "REELD_WORKERS", "workers". */
static const char *option_name(struct arena *a, enum param param, enum param_source source)
{
    const char *flag = option_rows[param].flag;
    if (source != SOURCE_ENVIRONMENT)
        return arena_printf(a, "%s%s", source == SOURCE_FLAG ? "--" : "", flag);
    char *name = arena_printf(a, "REELD_%s", flag);
    for (char *at = name; *at; at++)
        *at = (char)(*at == '-' ? '_' : toupper((unsigned char)*at));
    return name;
}

static bool option_is_name(const char *text)
{
    CLEANUP(json) json_t *utf8 = json_string(text);
    for (const char *at = text; *at; at++) {
        if (iscntrl((unsigned char)*at))
            return false;
    }
    return utf8 && *text && strlen(text) <= OPTION_NAME_MAX;
}

/* NULL when the text is a value of the type, else what the type takes. */
static const char *option_fault(enum param param, const char *text)
{
    enum log_level level;
    int64_t number = 0;
    bool truth;
    switch (option_rows[param].type) {
    case TYPE_INTEGER:
        return option_number(text, false, &number) ? NULL : "a whole number from 0";
    case TYPE_COUNT:
        return option_number(text, false, &number) && number > 0 ? NULL : "a whole number from 1";
    case TYPE_BYTES:
        return option_number(text, true, &number) && number > 0
                   ? NULL
                   : "a number of bytes, such as 65536, 64k, 16M or 2G";
    case TYPE_QUOTA:
        return option_number(text, true, &number)
                   ? NULL
                   : "a number of bytes, such as 64k, 16M or 2G, or 0";
    case TYPE_FLAG:
        return option_truth(text, &truth) ? NULL : "1 or 0";
    case TYPE_NAME:
        return option_is_name(text) ? NULL : "a line of text of at most 200 bytes";
    default:
        if (param == PARAM_LOG_LEVEL && !log_level_parse(text, &level))
            return "error, warning, info or debug";
        return *text ? NULL : "a value that is not empty";
    }
}

static int option_set(struct options *options, enum param param, const char *text,
                      enum param_source source, struct err *err)
{
    struct option_value *value = &options->values[param];
    const char *takes = option_fault(param, text);
    if (takes) {
        const char *name = option_name(options->arena, param, source);
        return err_set(err, ERR_INVALID, option_rows[param].flag, "%s takes %s, not %s.", name,
                       takes, *text ? text : "nothing");
    }
    if (source < value->source)
        return 0;
    text = arena_strdup(options->arena, text);
    if (option_rows[param].type == TYPE_LIST)
        option_add(options->arena, &options->images, &options->image_count, text);
    *value = (struct option_value){text, source};
    return 0;
}

static int option_find(const struct options *options, const char *flag, size_t length)
{
    for (int i = 0; i < PARAM_COUNT; i++) {
        if ((options->groups & option_rows[i].group) && strlen(option_rows[i].flag) == length &&
            strncmp(option_rows[i].flag, flag, length) == 0)
            return i;
    }
    return -1;
}

static int option_unknown(const struct options *options, const char *flag, struct err *err)
{
    struct suggest suggest;
    suggest_init(&suggest, flag);
    for (int i = 0; i < PARAM_COUNT; i++) {
        if (options->groups & option_rows[i].group)
            suggest_offer(&suggest, option_rows[i].flag);
    }
    if (suggest.best)
        return err_set(err, ERR_INVALID, flag, "There is no option --%s here; did you mean --%s?",
                       flag, suggest.best);
    return err_set(err, ERR_INVALID, flag, "There is no option --%s here.", flag);
}

/* One "--flag", "--flag=value" or "--flag value"; *at moves over what was used. */
static int option_read_flag(struct options *options, int argc, char **argv, int *at,
                            struct err *err)
{
    const char *flag = argv[*at] + 2;
    size_t length = strcspn(flag, "=");
    int param = option_find(options, flag, length);
    const char *value = flag[length] == '=' ? flag + length + 1 : NULL;
    if (param < 0)
        return option_unknown(options, arena_strndup(options->arena, flag, length), err);
    if (option_rows[param].type == TYPE_FLAG)
        return option_set(options, (enum param)param, value ? value : "1", SOURCE_FLAG, err);
    if (!value && *at + 1 == argc)
        return err_set(err, ERR_INVALID, flag, "--%s needs a value.", flag);
    if (!value)
        value = argv[++*at];
    return option_set(options, (enum param)param, value, SOURCE_FLAG, err);
}

static int options_read_arguments(struct options *options, int argc, char **argv, struct err *err)
{
    bool flags_end = false;
    for (int i = 0; i < argc; i++) {
        int rc = 0;
        if (!flags_end && strcmp(argv[i], "--") == 0)
            flags_end = true;
        else if (!flags_end && strcmp(argv[i], "-h") == 0)
            rc = option_set(options, PARAM_HELP, "1", SOURCE_FLAG, err);
        else if (!flags_end && strncmp(argv[i], "--", 2) == 0)
            rc = option_read_flag(options, argc, argv, &i, err);
        else if (!flags_end && argv[i][0] == '-' && isalpha((unsigned char)argv[i][1]))
            rc = err_set(err, ERR_INVALID, argv[i], "There is no option %s here.", argv[i]);
        else
            option_add(options->arena, &options->arguments, &options->argument_count, argv[i]);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int options_read_environment(struct options *options, struct err *err)
{
    for (int i = 0; i < PARAM_COUNT; i++) {
        if (!(options->groups & option_rows[i].group))
            continue;
        const char *value = getenv(option_name(options->arena, (enum param)i, SOURCE_ENVIRONMENT));
        int rc = value && *value
                     ? option_set(options, (enum param)i, value, SOURCE_ENVIRONMENT, err)
                     : 0;
        if (rc < 0)
            return rc;
    }
    return 0;
}

struct options_file {
    struct options *options;
    struct err *err;
    const char *path;
    int rc;
};

static int options_take_line(void *context, const char *section, const char *name,
                             const char *value)
{
    struct options_file *file = context;
    struct options all = *file->options;
    struct err err;
    (void)section;
    if (file->rc < 0)
        return 0;
    all.groups = ~0U;
    int param = option_find(&all, name, strlen(name));
    if (param < 0)
        file->rc = err_set(file->err, ERR_INVALID, file->path, "%s: there is no setting %s.",
                           file->path, name);
    else if ((file->options->groups & option_rows[param].group) &&
             option_set(file->options, (enum param)param, value, SOURCE_FILE, &err) < 0)
        file->rc = err_set(file->err, ERR_INVALID, file->path, "%s: %s", file->path, err.message);
    return file->rc == 0;
}

static int options_read_file(struct options *options, struct err *err)
{
    const char *given = option_text(options, PARAM_CONFIG);
    const char *path =
        given ? given
              : arena_printf(options->arena, "%s/reeld.conf", option_text(options, PARAM_DATA));
    struct options_file file = {options, err, path, 0};
    if (!given && access(path, F_OK) != 0)
        return 0;
    options->file = path;
    int line = ini_parse(path, options_take_line, &file);
    if (line < 0)
        return err_set(err, ERR_INVALID, path, "The settings file %s cannot be read.", path);
    if (line > 0 && file.rc == 0)
        return err_set(err, ERR_INVALID, path, "%s: line %d is no setting.", path, line);
    return file.rc;
}

int options_read(struct options *options, struct arena *a, unsigned groups, int argc, char **argv,
                 struct err *err)
{
    memset(options, 0, sizeof(*options));
    options->arena = a;
    options->groups = groups | PARAM_GROUP_COMMON;
    for (int i = 0; i < PARAM_COUNT; i++)
        options->values[i] = (struct option_value){option_rows[i].otherwise, SOURCE_DEFAULT};
    int rc = options_read_arguments(options, argc, argv, err);
    if (rc == 0)
        rc = options_read_environment(options, err);
    if (rc == 0)
        rc = options_read_file(options, err);
    return rc;
}

const char *option_text(const struct options *options, enum param param)
{
    return options->values[param].text;
}

bool option_flag(const struct options *options, enum param param)
{
    bool truth = false;
    return options->values[param].text && option_truth(options->values[param].text, &truth) &&
           truth;
}

int64_t option_integer(const struct options *options, enum param param)
{
    int64_t number = 0;
    if (options->values[param].text)
        option_number(options->values[param].text, true, &number);
    return number;
}

bool option_given(const struct options *options, enum param param)
{
    return options->values[param].source != SOURCE_DEFAULT;
}

bool option_next(const struct options *options, int *at, struct option_shown *ret_shown)
{
    static const char *const sources[] = {"default", "file", "environment", "flag"};
    for (; *at < PARAM_COUNT; (*at)++) {
        enum param param = (enum param) * at;
        const struct option_value *value = &options->values[param];
        if (!(options->groups & option_rows[param].group) || param == PARAM_HELP ||
            param == PARAM_JSON)
            continue;
        *ret_shown = (struct option_shown){
            .name = option_rows[param].flag,
            .value =
                value->text && option_rows[param].type == TYPE_SECRET ? "********" : value->text,
            .source = sources[value->source],
            .place = value->source == SOURCE_DEFAULT ? ""
                     : value->source == SOURCE_FILE
                         ? options->file
                         : option_name(options->arena, param, value->source),
        };
        (*at)++;
        return true;
    }
    return false;
}

static void options_print_group(unsigned groups)
{
    for (int i = 0; i < PARAM_COUNT; i++) {
        char left[64];
        const char *otherwise = option_rows[i].otherwise;
        if (!(groups & option_rows[i].group))
            continue;
        snprintf(left, sizeof(left), "--%s%s%s", option_rows[i].flag,
                 option_rows[i].placeholder ? " " : "",
                 option_rows[i].placeholder ? option_rows[i].placeholder : "");
        printf("  %-26s %s", left, option_rows[i].help);
        if (otherwise && strcmp(otherwise, "0") != 0)
            printf(" (default: %s)", otherwise);
        printf("\n");
    }
}

void options_print_help(unsigned groups)
{
    if (groups & ~(unsigned)PARAM_GROUP_COMMON) {
        printf("\nOptions:\n");
        options_print_group(groups & ~(unsigned)PARAM_GROUP_COMMON);
    }
    printf("\nOptions of every command:\n");
    options_print_group(PARAM_GROUP_COMMON);
    printf("\n--some-option is also REELD_SOME_OPTION in the environment and some-option = VALUE in"
           " reeld.conf;\na flag wins over the environment, that over the file.\n");
}
