/*
 * The template language: JSON definitions to templates, options to checked options, a template and what has
 * happened so far to what may run next. Pure: no I/O except catalog.c, no clock, no randomness; fuzzed.
 *
 * A struct plan_template is immutable after it was made and may be read by any number of threads.
 */
#ifndef PLAN_PLAN_H
#define PLAN_PLAN_H

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "step/step.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Limits of the language; the schema endpoint reports them. */
enum {
    PLAN_DEFINITION_BYTES_MAX = 256 * 1024,
    PLAN_EXPRESSION_LENGTH_MAX = 1000,
    PLAN_EXPRESSION_DEPTH_MAX = 32,
    PLAN_EXPRESSION_NODES_MAX = 200,
    PLAN_STEPS_MAX = 64,
    PLAN_OPTIONS_MAX = 64,
    PLAN_OUTPUTS_MAX = 64,
    PLAN_FAN_OUT_MAX = 16,
    PLAN_EXTENDS_DEPTH_MAX = 8, /* bases behind each other */
    PLAN_FAULTS_MAX = 200,
    PLAN_OPTION_LENGTH_MAX = 5000, /* characters */
    PLAN_OPTION_ITEMS_MAX = 64,
    PLAN_OPTION_VALUES_MAX = 500,
    PLAN_GRID_CELLS_MAX = 16,
    PLAN_ATTEMPTS_MAX = 20,
    PLAN_DELAY_S_MAX = 3600,
    PLAN_BACKOFF_MAX = 10,
    PLAN_TIMEOUT_S_MAX = 86400,
    PLAN_CREDITS_MAX = 1000000
};

/* --- faults ------------------------------------------------------------------------------------ */

struct plan_fault {
    const char *path;    /* JSON Pointer into the definition or the request ("/steps/0/when") */
    int column;          /* from 1 inside an expression, else 0 */
    const char *code;    /* "missing", "type_error", "unknown_step", "cycle", "syntax", ... */
    const char *message; /* a sentence */
    bool warning;
};

/* A collected list, in the arena it was made with; PLAN_FAULTS_MAX at most, then one that says so. */
struct plan_faults {
    struct arena *arena;
    struct plan_fault *items;
    size_t count;
    size_t capacity;
    size_t error_count; /* without warnings */
};

void plan_faults_init(struct plan_faults *faults, struct arena *a);
void plan_fault_add(struct plan_faults *faults, const char *path, int column, const char *code,
                    const char *format, ...) __attribute__((format(printf, 5, 6)));
void plan_warning_add(struct plan_faults *faults, const char *path, int column, const char *code,
                      const char *format, ...) __attribute__((format(printf, 5, 6)));

/* --- templates --------------------------------------------------------------------------------- */

struct plan_template;

/* Reads and validates a flattened definition (no `extends`). Every fault is collected; NULL is returned when
 * there is at least one that is not a warning. The caller frees. */
struct plan_template *plan_template_new(const json_t *definition, struct plan_faults *faults);
/* The same for a definition that was validated before it was stored: whether its outputs can be empty, which takes the longest, is
 * not looked at again. */
struct plan_template *plan_template_reload(const json_t *definition, struct plan_faults *faults);
void plan_template_free(struct plan_template *t); /* NULL allowed */
CLEANUP_DEFINE(plan_template, struct plan_template, plan_template_free);

/* Merges the chain of `extends` into one definition: `lookup` returns the definition of an id (borrowed) or NULL.
 * New reference, or NULL with faults. */
json_t *plan_flatten(const json_t *definition,
                     const json_t *(*lookup)(void *context, const char *id), void *context,
                     struct plan_faults *faults);

const json_t *plan_template_definition(const struct plan_template *t); /* the flattened form */
const char *plan_template_text(const struct plan_template *t); /* the same, written out once */
const char *plan_template_id(const struct plan_template *t);
const char *plan_template_category(const struct plan_template *t);
size_t plan_template_step_count(const struct plan_template *t);
/* Layer of a step, from 0: one more than the highest layer it depends on. */
int plan_template_layer(const struct plan_template *t, size_t step);

struct plan_retry {
    int max_attempts; /* 1 or more */
    double delay_s;   /* before the second attempt */
    double backoff;   /* factor from attempt to attempt, 1 or more */
};

struct plan_step_info {
    const char *id;
    const struct step_type *type;
    struct plan_retry retry; /* max_attempts 1 when the template says nothing */
    int timeout_s;           /* the template's, else the step type's */
    bool continue_on_error;
    int credits; /* the template's, else the step type's */
    bool for_each;
    const char *provider; /* "auto" or a name */
    const json_t *local;  /* an object, maybe empty */
};

/* Borrowed from the template. */
struct plan_step_info plan_template_step(const struct plan_template *t, size_t step);
/* -1 when there is none. */
int plan_template_step_index(const struct plan_template *t, const char *id);

/* --- options ----------------------------------------------------------------------------------- */

/* Checks what a client gave against available_options and fills defaults and images: each unfilled image option
 * takes the next of `image_urls` (array of strings or NULL), a multi-image option all that are left. Fault paths
 * begin with "/options/KEY" or "/image_urls/N". Lists given as text become arrays. *ret_options (new
 * reference) has every declared key: value, default or null. Returns the number of errors; then *ret_options is
 * not set. */
size_t plan_options_check(const struct plan_template *t, const json_t *options,
                          const json_t *image_urls, struct plan_faults *faults,
                          json_t **ret_options);

/* The same for options that need not be whole: what is missing is no fault, and null. For estimates. */
size_t plan_options_check_given(const struct plan_template *t, const json_t *options,
                                struct plan_faults *faults, json_t **ret_options);

/* Whether `reference` is an http(s) URL without userinfo, or a data: URI, in form only. ERR_INVALID with a
 * sentence. Also for webhook URLs (`http_only`). */
int plan_reference_check(const char *reference, bool http_only, struct err *err);

struct plan_price {
    int64_t total; /* what creation reserves */
    /* "image", "video", "audio", or "steps" when the template has no list price */
    const char *applied;
    json_t *list_price; /* borrowed object of the template, or NULL */
};

/* List price for checked (or raw, unchecked) options. Cannot fail; unknown modes fall to the only price there is. */
struct plan_price plan_price(const struct plan_template *t, const json_t *options);

/* {"total_credits","breakdown":{"list_price":{..}|null,"applied","steps":[{"id","flow","credits"}]}}, the steps being those that
 * these options leave. New reference. */
json_t *plan_estimate(const struct plan_template *t, const json_t *options);

/* Splits `used` credits over the template's steps so that the parts sum to it: shares by declared step credits,
 * the rest to the last step that ran. `ran[i]` says whether step i ran. Fills ret_shares[step_count]. */
void plan_share_credits(const struct plan_template *t, const bool *ran, int64_t used,
                        int64_t *ret_shares);

/* --- running ----------------------------------------------------------------------------------- */

enum plan_step_state {
    PLAN_STEP_PENDING, /* not decided yet, or running */
    PLAN_STEP_SUCCESS,
    PLAN_STEP_SKIPPED, /* also a failed one with on_error: continue */
    PLAN_STEP_FAILED
};

/* What became of a step: `result` is an array of {"url": .., "content_type": ..} and {"text": ..}, in item order
 * for a fan-out; NULL unless SUCCESS. */
struct plan_outcome {
    enum plan_step_state state;
    const json_t *result;
};

struct plan_view {
    const struct plan_template *template;
    const json_t *options;    /* from plan_options_check */
    const json_t *image_urls; /* array; NULL: not known yet */
    const char *workflow_id;  /* NULL: there is no workflow yet, nothing of it is known */
    const char *workflow_title, *workflow_event_id;
    const struct plan_outcome *outcomes; /* one per step */
};

enum plan_decision_kind {
    PLAN_WAIT, /* a dependency is pending */
    PLAN_RUN, /* `runs`: an array of {"params": {..}, "local": {..}}, one per item (one without for_each; none for an empty list,
                  which is a success with no results) */
    PLAN_SKIP, /* `reason` says why */
    PLAN_FAIL  /* `code`, `reason`, `path`: a real value is wrong */
};

struct plan_decision {
    enum plan_decision_kind kind;
    /* owned by the arena passed in (released with it); params checked and completed */
    json_t *runs;
    const char *reason; /* arena */
    const char *path;   /* arena; place in the definition */
};

/* Decides one step. The params of PLAN_RUN still hold media references as strings. */
struct plan_decision plan_decide(struct arena *a, const struct plan_view *view, size_t index);

/* A step that can be run in the same pass as the one before it. */
struct plan_follower {
    size_t step;
    const json_t *params,
        *local; /* of its one run, owned by the arena passed in; its `fuse_input` is null */
};

enum { PLAN_FOLLOWERS_MAX = 6 };

/* The chain of steps behind `index`, which is about to make a video in its one run with `params`, that can be made in one pass with
 * it: each of them takes the video of the one before it and nothing else from there, nobody besides takes anything of that one, and only the last
 * is an output. What they are to do is decided already. Returns how many. */
size_t plan_fuse(struct arena *a, const struct plan_view *view, size_t index, const json_t *params,
                 struct plan_follower ret_followers[PLAN_FOLLOWERS_MAX]);

/* The active outputs when every step is decided: an array (owned by the arena) of the result objects in output
 * order, copied from the outcomes. ERR_NO_OUTPUT when there is none. */
int plan_outputs(struct arena *a, const struct plan_view *view, json_t **ret_results,
                 struct err *err);

/* Dry run: {"valid","errors","warnings","layers","skipped_steps","undetermined_steps","outputs","credits"} as the
 * preview endpoint answers it. `t` may be NULL (invalid definition); `faults` are those found so far. New
 * reference. */
json_t *plan_preview(struct arena *a, const struct plan_template *t, const json_t *options,
                     const json_t *image_urls, struct plan_faults *faults);

/* Array of {"path","code","message"[,"column"]} of the errors, or of the warnings. New reference. */
json_t *plan_faults_json(const struct plan_faults *faults, bool warnings);

/* --- the catalog ------------------------------------------------------------------------------- */

/* The built-in templates: every *.json of a directory and, as bases only, of its subdirectory bases/. Immutable
 * after loading. */
struct plan_catalog;

/* Faults name the file in `path`. ERR_INVALID when any template is invalid, ERR_NOT_FOUND without the directory. */
int plan_catalog_load(const char *directory, struct plan_catalog **ret_catalog,
                      struct plan_faults *faults, struct err *err);
void plan_catalog_free(struct plan_catalog *catalog); /* NULL allowed */
size_t plan_catalog_count(const struct plan_catalog *catalog);
const struct plan_template *plan_catalog_at(const struct plan_catalog *catalog,
                                            size_t index); /* by id */
const struct plan_template *plan_catalog_find(const struct plan_catalog *catalog, const char *id);

/* As it was written, `extends` and all; also of bases. Borrowed, NULL when there is none. */
const json_t *plan_catalog_definition(const struct plan_catalog *catalog, const char *id);

/* A row of GET /v2/workflow/templates; `detail` adds available_options, steps, outputs. New reference. */
json_t *plan_template_summary(const struct plan_template *t, bool detail, int64_t version,
                              bool user_designed);

/* What an editor needs: GET /v2/workflow/templates/schema. New reference. */
json_t *plan_schema(void);

#endif
