/* What the tests of plan/ share: JSON that can be read in C, templates from it. */
#ifndef TEST_PLAN_FIXTURE_H
#define TEST_PLAN_FIXTURE_H

#include "plan/plan.h"

#include "base/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ONE_STEP "'steps': [{'id': 'a', 'flow': 'chat'}], 'outputs': [{'step': 'a'}]}"
#define WITH_OPTIONS(options) "{'id': 't', 'available_options': [" options "], " ONE_STEP

/* JSON with ' for " and ` for ', so that it can be read here. */
static inline json_t *json_of(const char *text)
{
    char *changed = mem_strdup(text);
    for (char *c = changed; *c; c++)
        *c = *c == '\'' ? '"' : *c == '`' ? '\'' : *c;
    json_error_t error;
    json_t *json = json_loads(changed, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);
    if (!json)
        fail_msg("%s: %s", error.text, changed);
    free(changed);
    return json;
}

static inline void assert_json(const json_t *found, const char *expected)
{
    CLEANUP(arena) struct arena *a = arena_new();
    CLEANUP(json) json_t *wanted = json_of(expected);
    if (!json_equal(found, wanted))
        fail_msg("%s instead of %s", found ? json_arena_text(a, found) : "nothing", expected);
}

static inline struct plan_template *template_of(const char *text)
{
    CLEANUP(arena) struct arena *a = arena_new();
    CLEANUP(json) json_t *definition = json_of(text);
    struct plan_faults faults;
    plan_faults_init(&faults, a);
    struct plan_template *t = plan_template_new(definition, &faults);
    if (!t)
        fail_msg("%s %s", faults.items[0].path, faults.items[0].message);
    return t;
}

static inline const struct plan_fault *fault_at(const struct plan_faults *faults, const char *path,
                                                const char *code)
{
    for (size_t i = 0; i < faults->count; i++) {
        if (strcmp(faults->items[i].path, path) == 0 && strcmp(faults->items[i].code, code) == 0)
            return &faults->items[i];
    }
    return NULL;
}

#endif
