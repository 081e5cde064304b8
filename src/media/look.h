/*
 * What is to become of a photo, and making it: hints decide first, then the words of the prompt, and without either the photo is
 * only graded. One thread at a time.
 */
#ifndef MEDIA_LOOK_H
#define MEDIA_LOOK_H

#include "base/arena.h"
#include "media/portrait.h"

struct look_hints {
    const char *prompt;
    const char *scene, *variant, *style, *team, *light, *weather, *crop; /* NULL when not given */
    bool transparent;
    float strength; /* 0..1 */
};

struct look_plan {
    const struct media_assets *assets;
    struct look_hints hints;
    const struct scene *scene; /* NULL: the photo keeps its place */
    const struct scene_variant *variant;
    const struct style *style; /* NULL: a photograph */
    struct scene_particles weather;
    float colours[LAYERS_COLOURS_MAX][3];
    size_t colour_count;
    bool has_subject;
    const char *note; /* arena: a sentence for the log when something could not be done; NULL */
};

struct look_result {
    struct picture *picture; /* RGB or RGBA */
    struct layers *layers;   /* NULL when the picture is not in layers */
    const char *note;        /* static: what was missing and done otherwise; NULL */
};

/* Reads scenes into the arena. Neither an unknown name nor a prompt without a known word is an error. */
int look_plan(struct arena *a, const struct media_assets *assets, const struct look_hints *hints,
              const struct portrait *portrait, struct look_plan *ret_plan, struct err *err);

int look_make(const struct look_plan *plan, const struct portrait *portrait, int width, int height,
              uint64_t seed, const struct media_monitor *monitor, struct look_result *ret_result,
              struct err *err);
void look_result_finish(struct look_result *result);

/* PNG, with the layers when there are any. */
int look_save(const struct look_result *result, int fd, struct err *err);

/* Layers of a picture that carries none: the person before a rest that is filled in behind, with a guess at depth. */
struct layers *look_derive(const struct portrait *portrait, int width, int height, uint64_t seed);
/* Adds what the words of a prompt put into the air; leaves what is there when they say nothing. */
void look_add_weather(struct layers *layers, const char *text);

#endif
