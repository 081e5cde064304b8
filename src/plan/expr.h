/*
 * The one grammar of references, substitution and conditions: text to an AST, an AST and values to a value. Pure; the AST lives
 * in the arena it was parsed with and may be read by any number of threads.
 */
#ifndef PLAN_EXPR_H
#define PLAN_EXPR_H

#include "plan/plan.h"

enum expr_kind {
    EXPR_LITERAL,
    EXPR_REFERENCE,
    EXPR_LIST,
    EXPR_NOT,
    EXPR_AND,
    EXPR_OR,
    EXPR_COMPARE,
    EXPR_COALESCE
};
enum expr_operator { EXPR_EQ, EXPR_NE, EXPR_LT, EXPR_LE, EXPR_GT, EXPR_GE, EXPR_IN };
enum expr_root { EXPR_OPTIONS, EXPR_INPUTS, EXPR_STEPS, EXPR_WORKFLOW, EXPR_ITEM, EXPR_INDEX };

/* What can be said about a value before it is known. */
enum expr_type {
    EXPR_ANY,
    EXPR_NULL,
    EXPR_BOOLEAN,
    EXPR_NUMBER,
    EXPR_STRING,
    EXPR_ARRAY,
    EXPR_OBJECT
};

struct expr_part {
    const char *name; /* NULL for an index */
    int64_t index;
};

struct expr {
    enum expr_kind kind;
    int column;            /* from 1 */
    const json_t *literal; /* owned by the arena */
    enum expr_root root;
    const struct expr_part *parts;
    size_t part_count;
    int step; /* index of the step a reference names, set by expr_bind(); -1 */
    enum expr_operator operation;
    struct expr *first; /* operands, or the items of a list, chained by next */
    struct expr *next;
};

/* A string with substitutions: pieces of text and expressions in turn. */
struct expr_text {
    const char *text; /* NULL: an expression */
    struct expr *expr;
    struct expr_text *next;
};

struct expr_fault {
    int column;
    const char *message;
};

/* Parses a `when`. NULL and *ret_fault. */
struct expr *expr_parse_when(struct arena *a, const char *text, struct expr_fault *ret_fault);
/* Parses a string with {{ }}. NULL and *ret_fault; a string without any is one piece of text. */
struct expr_text *expr_parse_text(struct arena *a, const char *text, struct expr_fault *ret_fault);
/* Whether the string is one whole {{ }} and keeps its value's type. */
bool expr_text_is_whole(const struct expr_text *text);

/* --- what names mean --- */

struct expr_scope {
    const struct plan_template *template;
    bool in_fan_out; /* item and index are there */
};

/* Checks every name against the template and sets the steps; faults have this path. */
void expr_bind(struct expr *expr, const struct expr_scope *scope, const char *path,
               struct plan_faults *faults);
/* What is known of its value; warns of comparisons that are always false, faults orderings between types. */
enum expr_type expr_check(const struct expr *expr, const struct expr_scope *scope, const char *path,
                          struct plan_faults *faults);
/* Calls visit for every step that is referred to. `optional`: an alternative stands behind it. */
void expr_visit_steps(const struct expr *expr, bool optional,
                      void (*visit)(void *context, int step, bool optional), void *context);

/* --- values --- */

enum expr_state {
    EXPR_VALUE,
    EXPR_SKIPPED, /* it needs the output of a skipped step: `step` */
    EXPR_PENDING, /* it depends on a step that is not over: `step` */
    EXPR_FAULT    /* `message`, `column` */
};

struct expr_value {
    enum expr_state state;
    json_t *json; /* new reference, for EXPR_VALUE */
    int step;
    int column;
    const char *message; /* arena */
};

struct expr_environment {
    struct arena *arena;
    const struct plan_view *view;
    const json_t *item; /* NULL outside a fan-out */
    int64_t index;
};

struct expr_value expr_evaluate(const struct expr *expr,
                                const struct expr_environment *environment);
/* The value of a string with substitutions. */
struct expr_value expr_text_evaluate(const struct expr_text *text,
                                     const struct expr_environment *environment);

const char *expr_type_name(enum expr_type type);

#endif
