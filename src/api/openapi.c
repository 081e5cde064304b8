#include "api/openapi.h"

#include "api/internal.h"
#include "base/table.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

struct openapi_endpoint {
    const char *noun, *verb, *method, *path, *summary;
    enum api_access access;
    enum api_body body;
};

static const struct openapi_endpoint openapi_endpoints[] = {
#define ENDPOINT(noun, verb, method, path, access, body, summary)                                  \
    {#noun, #verb, method, path, summary, API_##access, API_BODY_##body},
#include "api/endpoints.def"
#undef ENDPOINT
};

static const struct {
    const char *noun, *doc;
} openapi_tags[] = {
#define TAG(noun, doc) {#noun, doc},
#define PARAMETER(noun, verb, place, name, type, more, doc)
#define BODY(noun, verb, schema)
#define ANSWER(noun, verb, status, form, schema, doc)
#include "api/operations.def"
#undef TAG
#undef PARAMETER
#undef BODY
#undef ANSWER
};

static const struct openapi_parameter {
    const char *noun, *verb, *place, *name, *type, *more, *doc;
} openapi_parameters[] = {
#define TAG(noun, doc)
#define PARAMETER(noun, verb, place, name, type, more, doc)                                        \
    {#noun, #verb, #place, name, #type, more, doc},
#define BODY(noun, verb, schema)
#define ANSWER(noun, verb, status, form, schema, doc)
#include "api/operations.def"
#undef TAG
#undef PARAMETER
#undef BODY
#undef ANSWER
};

static const struct {
    const char *noun, *verb, *schema;
} openapi_bodies[] = {
#define TAG(noun, doc)
#define PARAMETER(noun, verb, place, name, type, more, doc)
#define BODY(noun, verb, schema) {#noun, #verb, schema},
#define ANSWER(noun, verb, status, form, schema, doc)
#include "api/operations.def"
#undef TAG
#undef PARAMETER
#undef BODY
#undef ANSWER
};

static const struct openapi_answer {
    const char *noun, *verb;
    int status;
    const char *form, *schema, *doc;
} openapi_answers[] = {
#define TAG(noun, doc)
#define PARAMETER(noun, verb, place, name, type, more, doc)
#define BODY(noun, verb, schema)
#define ANSWER(noun, verb, status, form, schema, doc) {#noun, #verb, status, #form, schema, doc},
#include "api/operations.def"
#undef TAG
#undef PARAMETER
#undef BODY
#undef ANSWER
};

static const struct {
    int status;
    const char *text;
} openapi_errors[] = {
#define ERR(name, status, wire, retryable, text) {status, text},
#include "base/errors.def"
#undef ERR
};

enum { OPENAPI_WORD_MAX = 16 };

/* A method or a place, as the document writes them. */
static void openapi_lower(const char *word, char ret_lower[OPENAPI_WORD_MAX])
{
    snprintf(ret_lower, OPENAPI_WORD_MAX, "%s", word);
    for (char *at = ret_lower; *at; at++)
        *at = (char)tolower((unsigned char)*at);
}

static bool openapi_is_of(const struct openapi_endpoint *endpoint, const char *noun,
                          const char *verb)
{
    return strcmp(endpoint->noun, noun) == 0 && strcmp(endpoint->verb, verb) == 0;
}

/* --- answers ------------------------------------------------------------------------------------ */

static json_t *openapi_page_of(const char *schema)
{
    return json_pack("{s:s, s:[s, s], s:b, s:{s:{s:s, s:o}, s:{s:[s, s], s:s}}}", "type", "object",
                     "required", "data", "next_cursor", "additionalProperties", 0, "properties",
                     "data", "type", "array", "items", openapi_ref(schema), "next_cursor", "type",
                     "string", "null", "description",
                     "The cursor of the next page; null on the last.");
}

static json_t *openapi_content(const char *form, const char *schema)
{
    if (strcmp(form, "NOTHING") == 0)
        return NULL;
    if (strcmp(form, "STRING") == 0)
        return json_pack("{s:{s:{s:s}}}", "text/plain", "schema", "type", "string");
    if (strcmp(form, "EVENTS") == 0)
        return json_pack("{s:{s:{s:s}}}", "text/event-stream", "schema", "type", "string");
    if (strcmp(form, "HTML") == 0)
        return json_pack("{s:{s:{s:s}}}", "text/html", "schema", "type", "string");
    if (strcmp(form, "BYTES") == 0)
        return json_pack("{s:{}}", "*/*");
    json_t *body = strcmp(form, "PAGE") == 0 ? openapi_page_of(schema) : openapi_ref(schema);
    if (strcmp(form, "LISTED") == 0)
        body = json_pack("{s:s, s:o}", "type", "array", "items", body);
    if (strcmp(form, "DATA") == 0 || strcmp(form, "LISTED") == 0)
        body = json_pack("{s:s, s:[s], s:b, s:{s:o}}", "type", "object", "required", "data",
                         "additionalProperties", 0, "properties", "data", body);
    return json_pack("{s:{s:o}}", "application/json", "schema", body);
}

static void openapi_set_answer(json_t *answers, int status, const char *form, const char *schema,
                               const char *doc)
{
    char key[16];
    json_t *content = openapi_content(form, schema);
    json_t *answer = json_pack("{s:s}", "description", doc);
    snprintf(key, sizeof(key), "%d", status);
    if (content)
        json_object_set_new(answer, "content", content);
    json_object_set_new(answers, key, answer);
}

/* The sentence of the first error with this status. */
static const char *openapi_error_text(int status)
{
    for (size_t i = 0; i < TABLE_SIZE(openapi_errors); i++) {
        if (openapi_errors[i].status == status)
            return openapi_errors[i].text;
    }
    return err_text(ERR_INTERNAL);
}

static void openapi_set_fault(json_t *answers, int status)
{
    openapi_set_answer(answers, status, "PLAIN", status == 422 ? "faults" : "fault",
                       openapi_error_text(status));
}

/* Whether there is something in the query that can be wrong. */
static bool openapi_checks_query(const struct openapi_endpoint *endpoint)
{
    for (size_t i = 0; i < TABLE_SIZE(openapi_parameters); i++) {
        const struct openapi_parameter *parameter = &openapi_parameters[i];
        if (openapi_is_of(endpoint, parameter->noun, parameter->verb) &&
            strcmp(parameter->place, "QUERY") == 0 && strcmp(parameter->type, "TEXT") != 0 &&
            endpoint->access == API_KEY)
            return true;
    }
    return false;
}

static bool openapi_takes_body(const struct openapi_endpoint *endpoint)
{
    return endpoint->body == API_BODY_JSON || endpoint->body == API_BODY_UPLOAD ||
           endpoint->body == API_BODY_FORM;
}

/* What follows from the row alone comes first, so that a row of operations.def wins. */
static json_t *openapi_responses(const struct openapi_endpoint *endpoint)
{
    json_t *answers = json_object();
    bool said = false;
    if (endpoint->access == API_KEY)
        openapi_set_fault(answers, 401);
    if (openapi_takes_body(endpoint)) {
        openapi_set_fault(answers, 400);
        openapi_set_fault(answers, 413);
        openapi_set_fault(answers, 415);
    }
    if (strchr(endpoint->path, '{'))
        openapi_set_fault(answers, 404);
    if (openapi_checks_query(endpoint))
        openapi_set_fault(answers, 422);
    for (size_t i = 0; i < TABLE_SIZE(openapi_answers); i++) {
        const struct openapi_answer *answer = &openapi_answers[i];
        if (!openapi_is_of(endpoint, answer->noun, answer->verb))
            continue;
        openapi_set_answer(answers, answer->status, answer->form, answer->schema, answer->doc);
        said |= answer->status < 300;
    }
    if (!said)
        openapi_set_answer(answers, 200, "PLAIN", "", "Done.");
    json_object_set_new(answers, "default",
                        json_pack("{s:s}", "$ref", "#/components/responses/fault"));
    return answers;
}

/* --- parameters and bodies ---------------------------------------------------------------------- */

static json_t *openapi_parameter(const char *place, const char *name, json_t *schema,
                                 const char *doc)
{
    char lower[OPENAPI_WORD_MAX];
    openapi_lower(place, lower);
    return json_pack("{s:s, s:s, s:b, s:s, s:o}", "name", name, "in", lower, "required",
                     strcmp(place, "PATH") == 0, "description", doc, "schema", schema);
}

static bool openapi_has_parameter(const json_t *parameters, const char *name, size_t length)
{
    size_t index;
    const json_t *parameter;
    json_array_foreach(parameters, index, parameter)
    {
        const char *known = json_member_string(parameter, "name");
        if (known && strlen(known) == length && strncmp(known, name, length) == 0)
            return true;
    }
    return false;
}

/* Whatever braces the path has that no row describes. */
static void openapi_add_braces(json_t *parameters, const char *path)
{
    for (const char *at = strchr(path, '{'); at; at = strchr(at, '{')) {
        size_t length = strcspn(++at, "}");
        if (openapi_has_parameter(parameters, at, length))
            continue;
        char name[32];
        snprintf(name, sizeof(name), "%.*s", (int)length, at);
        json_array_append_new(
            parameters,
            openapi_parameter("PATH", name, openapi_type("TEXT", "", ""), "The id of the object."));
    }
}

static json_t *openapi_parameters_of(const struct openapi_endpoint *endpoint)
{
    json_t *parameters = json_array();
    for (size_t i = 0; i < TABLE_SIZE(openapi_parameters); i++) {
        const struct openapi_parameter *row = &openapi_parameters[i];
        if (openapi_is_of(endpoint, row->noun, row->verb))
            json_array_append_new(
                parameters, openapi_parameter(row->place, row->name,
                                              openapi_type(row->type, row->more, ""), row->doc));
    }
    openapi_add_braces(parameters, endpoint->path);
    if (endpoint->access == API_KEY) {
        json_array_append_new(parameters,
                              json_pack("{s:s}", "$ref", "#/components/parameters/username"));
        json_array_append_new(parameters,
                              json_pack("{s:s}", "$ref", "#/components/parameters/client_type"));
    }
    return parameters;
}

static json_t *openapi_request_body(const struct openapi_endpoint *endpoint)
{
    const char *schema = "";
    if (endpoint->body == API_BODY_UPLOAD)
        return json_pack("{s:b, s:{s:{s:o}, s:{}}}", "required", 1, "content",
                         "multipart/form-data", "schema", openapi_ref("upload"),
                         "application/octet-stream");
    for (size_t i = 0; i < TABLE_SIZE(openapi_bodies); i++) {
        if (openapi_is_of(endpoint, openapi_bodies[i].noun, openapi_bodies[i].verb))
            schema = openapi_bodies[i].schema;
    }
    return json_pack("{s:b, s:{s:{s:o}}}", "required", 1, "content",
                     endpoint->body == API_BODY_FORM ? "multipart/form-data" : "application/json",
                     "schema", openapi_ref(schema));
}

static json_t *openapi_operation(const struct openapi_endpoint *endpoint)
{
    char id[64], description[160];
    snprintf(id, sizeof(id), "%s_%s", endpoint->noun, endpoint->verb);
    snprintf(description, sizeof(description), "%s.", endpoint->summary);
    json_t *operation =
        json_pack("{s:s, s:s, s:s, s:[s]}", "operationId", id, "summary", endpoint->summary,
                  "description", description, "tags", endpoint->noun);
    json_t *parameters = openapi_parameters_of(endpoint);
    if (json_array_size(parameters) > 0)
        json_object_set(operation, "parameters", parameters);
    json_decref(parameters);
    if (openapi_takes_body(endpoint))
        json_object_set_new(operation, "requestBody", openapi_request_body(endpoint));
    json_object_set_new(operation, "responses", openapi_responses(endpoint));
    if (endpoint->access == API_OPEN)
        json_object_set_new(operation, "security", json_array());
    return operation;
}

/* --- the document ------------------------------------------------------------------------------- */

static json_t *openapi_paths(void)
{
    json_t *paths = json_object();
    for (size_t i = 0; i < TABLE_SIZE(openapi_endpoints); i++) {
        const struct openapi_endpoint *endpoint = &openapi_endpoints[i];
        char method[OPENAPI_WORD_MAX];
        openapi_lower(endpoint->method, method);
        json_t *path = json_object_get(paths, endpoint->path);
        if (!path) {
            path = json_object();
            json_object_set_new(paths, endpoint->path, path);
        }
        json_object_set_new(path, method, openapi_operation(endpoint));
    }
    return paths;
}

/* Tags in the order of the table, then those of endpoints without a row. */
static json_t *openapi_tag_list(void)
{
    json_t *tags = json_array();
    for (size_t i = 0; i < TABLE_SIZE(openapi_tags); i++)
        json_array_append_new(tags, json_pack("{s:s, s:s}", "name", openapi_tags[i].noun,
                                              "description", openapi_tags[i].doc));
    for (size_t i = 0; i < TABLE_SIZE(openapi_endpoints); i++) {
        const char *noun = openapi_endpoints[i].noun;
        if (!openapi_has_parameter(tags, noun, strlen(noun)))
            json_array_append_new(tags, json_pack("{s:s, s:s}", "name", noun, "description",
                                                  openapi_endpoints[i].summary));
    }
    return tags;
}

static json_t *openapi_components(void)
{
    json_t *keys =
        json_pack("{s:{s:s, s:s, s:s, s:s}, s:{s:s, s:s, s:s}}", "key", "type", "apiKey", "in",
                  "header", "name", "X-Api-Key", "description", "A key of a customer.", "bearer",
                  "type", "http", "scheme", "bearer", "description", "The same key.");
    json_t *parameters =
        json_pack("{s:o, s:o}", "username",
                  openapi_parameter("HEADER", "Username", openapi_type("TEXT", "128", ""),
                                    "The user inside the customer; the key's own without it."),
                  "client_type",
                  openapi_parameter("HEADER", "X-Client-Type", openapi_type("TEXT", "", ""),
                                    "A free tag of the client, stored."));
    json_t *faults = json_object();
    openapi_set_answer(
        faults, 0, "PLAIN", "fault",
        "Any other fault: no such method (405), a URL (414) or headers (431) over the "
        "limit, too many requests (429), a fault of the server (500, 503).");
    json_t *components =
        json_pack("{s:o, s:o, s:{s:O}, s:o}", "securitySchemes", keys, "parameters", parameters,
                  "responses", "fault", json_object_get(faults, "0"), "schemas", openapi_schemas());
    json_decref(faults);
    return components;
}

json_t *openapi_document(const char *server)
{
    return json_pack(
        "{s:s, s:{s:s, s:s, s:s, s:{s:s, s:s}, s:{s:s, s:s}}, s:[{s:s}], s:[{s:[]}, {s:[]}], s:o, "
        "s:o, s:o}",
        "openapi", "3.1.0", "info", "title", "reeld", "version", REELD_VERSION, "description",
        "A workflow server for pictures and clips. Every answer carries X-Request-Id, the client's "
        "own when it sent one. Objects of other customers answer as if they did not exist. "
        "Bytes that cannot be read as HTTP/1.1 at all (a broken request line, header, length or "
        "chunk, a head far over its limit) are refused with 400, 413, 414, 431 or 505 and a page "
        "of HTML instead of JSON, without X-Request-Id, and the connection is closed.",
        "license", "name", "Apache-2.0", "identifier", "Apache-2.0", "contact", "name",
        "The people who run this server", "url", server, "servers", "url", server, "security",
        "key", "bearer", "tags", openapi_tag_list(), "paths", openapi_paths(), "components",
        openapi_components());
}
