/* The parsed form of a template, shared by the files of plan/. Immutable after plan_template_new(). */
#ifndef PLAN_INTERNAL_H
#define PLAN_INTERNAL_H

#include "plan/expr.h"
#include "plan/plan.h"

enum option_component {
    OPTION_TEXT,
    OPTION_TEXTAREA,
    OPTION_LIST,
    OPTION_NUMBER,
    OPTION_TOGGLE,
    OPTION_SELECT,
    OPTION_MULTISELECT,
    OPTION_COLOR,
    OPTION_IMAGE,
    OPTION_IMAGES,
    OPTION_VIDEO,
    OPTION_VIDEOS,
    OPTION_AUDIO,
    OPTION_GRID,
    OPTION_COMPONENT_COUNT
};

const char *option_component_name(enum option_component component);
/* OPTION_COMPONENT_COUNT when there is none. */
enum option_component option_component_find(const char *name);
bool option_is_image(enum option_component component);
enum expr_type option_type(enum option_component component);

struct plan_option {
    const char *key;
    enum option_component component;
    bool required;
    const json_t *otherwise;   /* the default, or NULL */
    const char *const *values; /* of select and multiselect */
    size_t value_count;
    bool has_min, has_max;
    double min, max;
    int64_t max_length, max_items; /* 0: the component's own */
};

/* A JSON value with its strings parsed: what substitution walks. */
struct plan_value {
    const json_t *plain;    /* a value without any expression in it; else NULL */
    struct expr_text *text; /* a string with expressions */
    enum expr_type
        type; /* of that string when it is substituted, as far as value_bind() can tell */
    bool is_object;
    const char **keys;        /* of an object */
    struct plan_value *items; /* of an object or array */
    size_t count;
};

struct plan_step {
    const char *id;
    const struct step_type *type;
    struct plan_value params, local;
    struct expr *when;
    const char *when_text; /* as it is written */
    struct expr_text *for_each;
    const char *when_path, *for_each_path, *params_path, *local_path;
    int *needs; /* step indices that are not told by references */
    size_t need_count;
    bool *depends; /* by step index: all dependencies */
    int layer;
    struct plan_step_info info;
};

struct plan_output {
    int step;
    struct expr *when;
    const char *path;
};

struct plan_template {
    struct arena *arena;
    json_t *definition;
    const char *text; /* of the definition */
    const char *id, *category;
    struct plan_option *options;
    size_t option_count;
    struct plan_step *steps;
    size_t step_count;
    struct plan_output *outputs;
    size_t output_count;
    json_t *empty; /* {} */
};

const struct plan_option *template_option(const struct plan_template *t, const char *key);
bool plan_id_valid(const char *text);

/* Reads one option definition. False with faults. */
bool option_read(struct plan_template *t, const json_t *definition, const char *path,
                 struct plan_option *option, struct plan_faults *faults);
/* Checks one given value and returns it in its normal form (new reference), or NULL with faults. */
json_t *option_check(const struct plan_option *option, const json_t *value, const char *path,
                     struct plan_faults *faults);

/* Parses every string of a value. */
void value_read(struct arena *a, const json_t *json, const char *path, struct plan_value *value,
                struct plan_faults *faults);
void value_bind(struct plan_value *value, const struct expr_scope *scope, const char *path,
                struct plan_faults *faults);
void value_visit_steps(const struct plan_value *value,
                       void (*visit)(void *context, int step, bool optional), void *context);
/* *ret_json is a new reference when the state is EXPR_VALUE. The other states as in expr_evaluate(). */
struct expr_value value_evaluate(const struct plan_value *value,
                                 const struct expr_environment *environment);
/* What is known so far, with `unknown` (a reference to it each) wherever nothing is. New reference. */
json_t *value_evaluate_known(const struct plan_value *value,
                             const struct expr_environment *environment, json_t *unknown);

/* Steps decided before their dependencies are known: used by plan_decide() and plan_preview(). */
enum when_result { WHEN_TRUE, WHEN_FALSE, WHEN_SKIPPED, WHEN_PENDING, WHEN_FAULT };
enum when_result when_evaluate(const struct expr *when, const struct expr_environment *environment,
                               struct expr_value *ret_value);

/* Layers of the steps that are not left out (`left_out` may be NULL), from 0; -1 for those that are, and for those in
 * or behind a cycle. Returns how many have one. */
size_t template_layer_steps(const struct plan_template *t, const bool *left_out, int *ret_layers);

/* Resolves every name and sets the dependencies; then the layers, or the fault of a cycle. */
void template_bind(struct plan_template *t, struct plan_faults *faults);
void template_layers(struct plan_template *t, struct plan_faults *faults);

/* Whether a decision settles what becomes of a step without running it. */
bool decision_settles(const struct plan_template *t, size_t step,
                      const struct plan_decision *decision, struct plan_outcome *ret_outcome);

/* Whether it is known by now that a fan-out has nothing to run for, even where something else is still open. */
bool step_has_no_items(struct arena *a, const struct plan_view *view, size_t step);

/* Settles in `outcomes` (those of the view, all pending) what is sure whatever the steps bring: the ones that are skipped, and
 * the fan-outs over nothing. */
void decide_skips(struct arena *a, const struct plan_view *view, struct plan_outcome *outcomes);

/* Finds conditions on options under which no output is active. */
void outputs_check(const struct plan_template *t, struct plan_faults *faults);

#endif
