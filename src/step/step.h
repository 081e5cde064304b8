/*
 * Step types: what a step of a template can be. A type is one file, step_NAME.c, that ends in its
 * descriptor `const struct step_type step_NAME`, and one row in steps.def.
 *
 * The server links the descriptors alone (STEP_RUN() is NULL there: it decodes nothing); worker
 * processes link them with their functions. plan/, engine/ and api/ read the parameter rows: they feed
 * validation, the editor's schema, OpenAPI and the documentation.
 */
#ifndef STEP_STEP_H
#define STEP_STEP_H

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum step_param_type {
    STEP_PARAM_TEXT,    /* string; max_length characters */
    STEP_PARAM_INTEGER, /* min..max */
    STEP_PARAM_NUMBER,  /* min..max */
    STEP_PARAM_BOOLEAN,
    STEP_PARAM_CHOICE, /* string out of `values` */
    STEP_PARAM_COLOR,  /* "#RGB", "#RRGGBB", "#RRGGBBAA" or "transparent" */
    STEP_PARAM_GRID,   /* "WxH", 1 to 8 each, at most 16 cells */
    STEP_PARAM_TEXTS,  /* array of strings; max_items, max_length each */
    STEP_PARAM_IMAGE,  /* media reference: http(s), data: or reeld's own URL */
    STEP_PARAM_IMAGES, /* array of them; max_items */
    STEP_PARAM_VIDEO,
    STEP_PARAM_VIDEOS,
    STEP_PARAM_AUDIO,
    STEP_PARAM_MEDIA, /* one image or video */
    STEP_PARAM_MEDIA_LIST,
    STEP_PARAM_OBJECT
};

struct step_param {
    const char *name;
    enum step_param_type type;
    bool required;
    const char *default_json;  /* JSON text, or NULL for none */
    double min, max;           /* both 0: unbounded */
    int max_length;            /* 0: 5,000 characters */
    int max_items;             /* 0: 16 */
    const char *const *values; /* for CHOICE, ended by NULL */
    const char *doc;           /* one sentence */
};

enum step_result_kind {
    STEP_RESULT_TEXT,
    STEP_RESULT_IMAGE,
    STEP_RESULT_IMAGES,
    STEP_RESULT_VIDEO,
    STEP_RESULT_AUDIO,
    STEP_RESULT_ANY
};

enum step_place {
    STEP_PLACE_MEDIA, /* in a jailed media worker */
    STEP_PLACE_NET,   /* in the net worker */
    STEP_PLACE_ENGINE /* in the engine: child runs */
};

/* One input file, open for reading at offset 0; content unverified. */
struct step_input {
    int fd;
    uint64_t size;    /* bytes */
    const char *path; /* JSON Pointer of the parameter, for error sentences */
};

/* What a run needs from the process it is in. The worker implements it over the wire, tests in
 * memory. All functions are called on the thread that runs the step. */
struct step_host {
    void *context;
    /* `fraction` 0..1 of this run. */
    void (*progress)(void *context, double fraction);
    bool (*cancelled)(void *context);
    /* An empty file open for reading and writing, owned by the run until it is handed to a result. */
    int (*open_output)(void *context, int *ret_fd, struct err *err);
    /* A read-only asset of the pack by its name ("scenes/arctic/scene.json"); bytes live as long as the
     * process. ERR_NOT_FOUND when the pack has none. */
    int (*asset)(void *context, const char *name, const void **ret_bytes, size_t *ret_size,
                 struct err *err);
    /* A sentence for the log of the workflow. */
    void (*note)(void *context, const char *sentence);
};

/* One result. Either `text` or `fd` is used. */
struct step_output {
    const char *content_type; /* static or arena */
    const char *text;         /* arena; NULL for a file */
    int fd;                   /* -1 for a text */
    int width, height;        /* pixels; 0 where it does not apply */
    int64_t duration_ms;      /* 0 where it does not apply */
};

struct step_fuse;

struct step_run {
    /* the step that is run in the same pass, on the video of this one; NULL */
    struct step_run *next;
    double progress_from, progress_to; /* its part of the job's progress; both 0: all of it */
    struct arena *arena;
    const struct step_type *type;
    const json_t *
        params; /* checked, defaults filled; a media parameter is {"input": N} or an array of those */
    const json_t *local; /* the template's hints for the offline engine; an object, maybe empty */
    const struct step_input *inputs;
    size_t input_count;
    uint64_t seed; /* same inputs, params and seed give the same bytes */
    struct step_host host;
    struct step_output *outputs; /* arena, filled by step_run_add_* */
    size_t output_count;
    /* "local", or who served a generative step; NULL when nothing was generated */
    const char *provider;
};

struct step_type {
    const char *name;
    const char *summary; /* one sentence */
    const struct step_param *params;
    size_t param_count;
    enum step_result_kind result;
    enum step_place place;
    bool generative; /* may be sent to a provider; completions carry who served it */
    int credits;     /* price hint for a template without prices */
    double weight;   /* share of progress; 1.0 is about a second of work */
    int timeout_s;   /* default time limit of one attempt */
    /* Fusion (see step/fuse.h), decided from completed parameters.
     * `fuse_begins`: whether it encodes a video and draws what its followers want over it; NULL: never.
     * `fuse_input`: the parameter that takes the video of the step before it, when it can be such a follower; NULL: it cannot.
     * `fuse_follows`: whether it leaves size, count and times of the pictures, so that it is one; NULL: always.
     * `fuse` is NULL in the server. */
    bool (*fuse_begins)(const json_t *params);
    const char *fuse_input;
    bool (*fuse_follows)(const json_t *params);
    const struct step_fuse *fuse;
    /* Fills outputs; 0 or a negative error. NULL in the server. */
    int (*run)(struct step_run *run, struct err *err);
};

#ifdef STEP_DESCRIPTORS_ONLY
#define STEP_RUN(function) NULL
#define STEP_FUSE(fuse) NULL
#else
#define STEP_RUN(function) (function)
#define STEP_FUSE(fuse) (&(fuse))
#endif

/* --- the table ---------------------------------------------------------------------------------- */

extern const struct step_type *const step_types[]; /* sorted by name */
extern const size_t step_type_count;

/* NULL when there is none. */
const struct step_type *step_type_find(const char *name);
/* For `fuse_begins`: any parameters; those that hold a `video_url`. */
bool step_fuse_always(const json_t *params);
bool step_fuse_of_video(const json_t *params);
const struct step_param *step_param_find(const struct step_type *type, const char *name);
/* Characters of a text, items of a list: as the row says, or as holds for all; 0 for other types. */
int step_param_length_most(const struct step_param *param);
int step_param_items_most(const struct step_param *param);
bool step_param_is_media(enum step_param_type type);      /* one reference or several */
bool step_param_is_media_list(enum step_param_type type); /* an array of references */

/* Called once for every fault; `path` is a JSON Pointer below the given base. */
typedef void (*step_fault)(void *context, const char *path, const char *code, const char *message);

/* Checks `params` (an object) against the type's rows: unknown names ("extra_forbidden"), missing required
 * ones ("missing"), wrong types ("type_error"), values out of range or choice ("value_error"). A value for
 * which `is_open(context, value)` is true (a reference that is known only later) is taken as it is;
 * `is_open` may be NULL. A JSON null means not given. Returns the number of faults. Pure. */
size_t step_params_check(struct arena *a, const struct step_type *type, const json_t *params,
                         const char *base_path, bool (*is_open)(void *context, const json_t *value),
                         step_fault report, void *context);

/* A new object with every declared parameter: given, default, or null. Order of the rows. */
json_t *step_params_complete(const struct step_type *type, const json_t *params);

/* --- for worker processes ---------------------------------------------------------------------- */

/* Prepares the media libraries of this process (libvips, libav*, XNNPACK read the CPU and their plug-ins here). Once, before
 * the jail closes and before other threads start. */
int step_process_init(struct err *err);

/* Parts of the job's progress for the head of a chain and what its followers do behind it; before the head runs. */
void step_fuse_share(struct step_run *head);

/* --- for the run functions (worker side) ------------------------------------------------------- */

const char *step_run_text(const struct step_run *run, const char *name); /* NULL when null */
int64_t step_run_integer(const struct step_run *run, const char *name, int64_t otherwise);
double step_run_number(const struct step_run *run, const char *name, double otherwise);
bool step_run_boolean(const struct step_run *run, const char *name, bool otherwise);
const struct step_input *step_run_input(const struct step_run *run,
                                        const char *name); /* NULL when null */
/* Arena array of pointers; 0 when the parameter is null or empty. */
size_t step_run_inputs(const struct step_run *run, const char *name,
                       const struct step_input *const **ret_inputs);

/* Reports progress; ERR_CANCELLED when the run was cancelled, which the caller passes on. */
int step_run_progress(struct step_run *run, double fraction, struct err *err);
/* The same for a struct media_monitor, whose context is the run. */
bool step_run_advance(void *run, double fraction);
/* A part of the run for work that reports 0..1, and its struct media_monitor's function, whose context is the part. */
struct step_part {
    struct step_run *run;
    double from, length;
};
bool step_part_advance(void *part, double fraction);
int step_run_open_output(struct step_run *run, int *ret_fd, struct err *err);
/* Takes over `fd`. */
void step_run_add_file(struct step_run *run, int fd, const char *content_type, int width,
                       int height, int64_t duration_ms);
void step_run_add_text(struct step_run *run, const char *text);
/* `context` is the run, as it is in a struct media_assets. */
int step_run_asset(void *context, const char *name, const void **ret_bytes, size_t *ret_size,
                   struct err *err);
void step_run_note(struct step_run *run, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
