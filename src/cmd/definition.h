/* Template definitions in files. */
#ifndef CMD_DEFINITION_H
#define CMD_DEFINITION_H

#include "plan/plan.h"

/* Reads FILE; what it extends is looked for as ID.json in its folder and in bases/ below it. *ret_template is NULL unless 0 is
 * returned. ERR_INVALID with the faults collected; other errors say why the file cannot be read. */
int definition_read(const char *path, struct plan_faults *faults,
                    struct plan_template **ret_template, struct err *err);

/* Whether a TEMPLATE argument names a file and not an id. */
bool definition_is_file(const char *text);

/* Adds `argument`, key=value, to `options` as the type that the option has; a repeated key makes a list. Of a media option,
 * key=@FILE is what `add_file` makes of the file. ERR_INVALID. */
int definition_add_option(struct arena *a, const struct plan_template *t, json_t *options,
                          const char *argument,
                          int (*add_file)(void *context, const char *path, const char **ret_url,
                                          struct err *err),
                          void *context, struct err *err);

/* ERR_NOT_FOUND with a sentence, which offers the nearest id when one is near. */
int definition_unknown(const struct plan_catalog *catalog, const char *id, struct err *err);

#endif
