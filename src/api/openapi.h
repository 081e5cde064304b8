/*
 * The OpenAPI 3.1 document, made from the tables that route and check: endpoints.def, operations.def, schemas.def, errors.def and
 * the rows of the step types. Pure; any thread.
 */
#ifndef API_OPENAPI_H
#define API_OPENAPI_H

#include "base/json.h"

/* `server` is the base URL that the document names. New reference. */
json_t *openapi_document(const char *server);

/* --- its parts --- */

/* Every schema by its name, step parameters as "step_TYPE". New reference. */
json_t *openapi_schemas(void);
/* The schema of a type of schemas.def, with the description when there is one. New reference. */
json_t *openapi_type(const char *type, const char *more, const char *doc);
/* {"$ref": the schema}; any object for "". New reference. */
json_t *openapi_ref(const char *schema);

#endif
