#include "cmd/options.h"

#include "base/table.h"

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum param_type { TYPE_TEXT, TYPE_FLAG, TYPE_INTEGER, TYPE_BYTES, TYPE_LIST };

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

static int option_set(struct options *options, enum param param, const char *text,
                      enum param_source source, struct err *err)
{
    enum param_type type = option_rows[param].type;
    int64_t number;
    bool truth;
    if ((type == TYPE_INTEGER || type == TYPE_BYTES) &&
        !option_number(text, type == TYPE_BYTES, &number))
        return err_set(err, ERR_INVALID, option_rows[param].flag,
                       "%s is no number that --%s takes.", text, option_rows[param].flag);
    if (type == TYPE_FLAG && !option_truth(text, &truth))
        return err_set(err, ERR_INVALID, option_rows[param].flag, "%s is set to 1 or 0, not to %s.",
                       option_rows[param].flag, text);
    if (source >= options->values[param].source)
        options->values[param] = (struct option_value){arena_strdup(options->arena, text), source};
    return 0;
}

static void option_add(struct arena *a, const char ***list, size_t *count, const char *text)
{
    const char **grown = arena_array(a, *count + 1, sizeof(*grown));
    if (*count)
        memcpy(grown, *list, *count * sizeof(*grown));
    grown[(*count)++] = text;
    *list = grown;
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

/* One "--flag", "--flag=value" or "--flag value"; *at moves over what was used. */
static int option_read_flag(struct options *options, int argc, char **argv, int *at,
                            struct err *err)
{
    const char *flag = argv[*at] + 2;
    size_t length = strcspn(flag, "=");
    int param = option_find(options, flag, length);
    const char *value = flag[length] == '=' ? flag + length + 1 : NULL;
    if (param < 0)
        return err_set(err, ERR_INVALID, flag, "There is no option --%.*s here.", (int)length,
                       flag);
    if (option_rows[param].type == TYPE_FLAG)
        return option_set(options, (enum param)param, value ? value : "1", SOURCE_FLAG, err);
    if (!value && *at + 1 == argc)
        return err_set(err, ERR_INVALID, flag, "--%s needs a value.", flag);
    if (!value)
        value = argv[++*at];
    if (option_rows[param].type == TYPE_LIST)
        option_add(options->arena, &options->images, &options->image_count, value);
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
        char name[64];
        size_t length = (size_t)snprintf(name, sizeof(name), "REELD_%s", option_rows[i].flag);
        for (size_t k = 0; k < length; k++)
            name[k] = name[k] == '-' ? '_' : (char)toupper((unsigned char)name[k]);
        const char *value = getenv(name);
        int rc = value && (options->groups & option_rows[i].group)
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
    (void)section;
    all.groups = ~0U;
    int param = option_find(&all, name, strlen(name));
    if (param < 0)
        file->rc = err_set(file->err, ERR_INVALID, file->path, "%s: there is no setting %s.",
                           file->path, name);
    else if (file->options->groups & option_rows[param].group)
        file->rc = option_set(file->options, (enum param)param, value, SOURCE_FILE, file->err);
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

void options_print_help(unsigned groups)
{
    printf("\nOptions:\n");
    for (int i = 0; i < PARAM_COUNT; i++) {
        char left[64];
        if (!((groups | PARAM_GROUP_COMMON) & option_rows[i].group))
            continue;
        snprintf(left, sizeof(left), "--%s%s%s", option_rows[i].flag,
                 option_rows[i].placeholder ? " " : "",
                 option_rows[i].placeholder ? option_rows[i].placeholder : "");
        printf("  %-28s %s", left, option_rows[i].help);
        if (option_rows[i].otherwise && strcmp(option_rows[i].otherwise, "0") != 0)
            printf(" (default: %s)", option_rows[i].otherwise);
        printf("\n");
    }
    printf("\nEvery option is also an environment variable (REELD_...) and a key in reeld.conf.\n");
}
