/* Template definitions in files. */
#ifndef CMD_DEFINITION_H
#define CMD_DEFINITION_H

#include "plan/plan.h"

/* Reads FILE; what it extends is looked for as ID.json in its folder and in bases/ below it. *ret_template is NULL unless 0 is
 * returned. ERR_INVALID with the faults collected; other errors say why the file cannot be read. */
int definition_read(const char *path, struct plan_faults *faults,
                    struct plan_template **ret_template, struct err *err);

/* ERR_NOT_FOUND with a sentence, which offers the nearest id when one is near. */
int definition_unknown(const struct plan_catalog *catalog, const char *id, struct err *err);

#endif
