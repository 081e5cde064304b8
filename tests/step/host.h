/*
 * Runs a step in the test's own process: a step_host in memory. The parameters are JSON as a template gives them, with file
 * paths where URLs stand. One thread.
 */
#ifndef TESTS_STEP_HOST_H
#define TESTS_STEP_HOST_H

#include "step/step.h"

struct host {
    struct arena *arena;
    struct step_run run;         /* `outputs`, `provider`; set `seed` before host_run() */
    struct err err;              /* of host_run() */
    const char *asset_directory; /* NULL: there is no asset */
    double cancel_at;            /* cancelled once progress reaches this; above 1 never */
    double progress;             /* last reported */
    bool progress_fell;          /* a report was lower than the one before */
    size_t progress_count, note_count;
    const char *last_note; /* NULL */
    json_t *params, *local;
};

/* `type` is the step's name, `params` its JSON object; single quotes stand for double ones. An unknown type, parameters that
 * fail step_params_check() and files that cannot be opened are told in `err`, and NULL comes back. */
struct host *host_new(const char *type, const char *params, struct err *err);
/* The hints of the template, JSON like `params`. */
void host_set_local(struct host *host, const char *local);
void host_free(struct host *host); /* closes inputs and outputs; NULL allowed */
CLEANUP_DEFINE(host, struct host, host_free);

/* What the step returned; its sentence is in host->err. */
int host_run(struct host *host);

/* The bytes of a file result, in the host's arena. */
const void *host_output_bytes(struct host *host, size_t index, size_t *ret_size);

#endif
