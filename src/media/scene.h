/*
 * Scenes: rendered plates with a description (assets/scenes/NAME/scene.json), found by the words of a
 * prompt. Decoded plates stay in the process, a bounded number of them, so that the next picture in the same scene is
 * quick. One thread at a time.
 *
 * Directions point towards the light: x right, y up, z to the camera. Colours are linear light. Boxes are fractions
 * of the plate from its upper left corner.
 */
#ifndef MEDIA_SCENE_H
#define MEDIA_SCENE_H

#include "base/arena.h"
#include "base/err.h"
#include "media/assets.h"
#include "media/picture.h"
#include <stdbool.h>
#include <stddef.h>

enum { SCENE_PARTICLES_MAX = 8, SCENE_VARIANTS_MAX = 12, SCENE_KEYWORDS_MAX = 48 };

struct scene_light {
    float direction[3]; /* length 1 */
    float colour[3];
    float strength;
};

struct scene_grade {
    float exposure; /* stops */
    float contrast, saturation;
    float shadows[3], highlights[3]; /* tints around 1 */
};

struct scene_particles {
    char kind[16];
    float amount; /* 0..1 */
};

struct scene_words {
    const char *words[SCENE_KEYWORDS_MAX];
    size_t count;
};

struct scene_variant {
    const char *name, *plate, *depth, *front; /* file names; front may be NULL */
    const char *like; /* the variant whose plates these are in another light; NULL */
    bool mood;        /* where that one was chosen, seeds may take this one */
    struct scene_words keywords;
    struct scene_light key, rim, ambient;
    struct {
        float colour[3], amount, start_m, end_m;
    } haze;
    struct {
        float colour[3], amount, metres;
    } air; /* fog over the plate, most at infinity, two thirds of it at `metres`; amount 0 for none */
    struct scene_grade grade;
    struct scene_particles particles[SCENE_PARTICLES_MAX];
    size_t particle_count;
};

struct scene_box {
    double x, y, width, height;
};

struct scene {
    const char *id, *label, *description;
    struct scene_words keywords;
    double focal_mm, sensor_mm, horizon, height_m;
    double near_m, far_m;
    double ground_near, ground_far, reflects;
    bool receives_shadow;
    struct scene_box half, full;
    double half_distance_m, full_distance_m, feet_y;
    double crop_wide_y, crop_tall_x; /* where the centre of a wide and of a tall crop lies */
    struct scene_variant variants[SCENE_VARIANTS_MAX];
    size_t variant_count, default_variant;
};

/* Every scene of the pack, in the order of scenes/index.json. In the arena. A pack without scenes gives 0 of them. */
int scene_list(struct arena *a, const struct media_assets *assets,
               const struct scene *const **ret_scenes, size_t *ret_count, struct err *err);

/* The scene or variant whose id or keyword is the longest that occurs in the text as whole words; NULL when none does. */
const struct scene *scene_match(const struct scene *const *scenes, size_t count, const char *text);
const struct scene_variant *scene_match_variant(const struct scene *scene, const char *text);
/* By id or name; NULL. */
const struct scene *scene_find(const struct scene *const *scenes, size_t count, const char *id);
const struct scene_variant *scene_find_variant(const struct scene *scene, const char *name);

/* The variant itself or one of the moods like it. */
const struct scene_variant *scene_mood(const struct scene *scene,
                                       const struct scene_variant *variant, uint32_t seed);

/* Length of the word or phrase when `text` holds it between word boundaries (case ignored), else 0. */
size_t scene_word_in(const char *word, const char *text);
/* The same for the longest of several, with '|' between them; one of over 31 bytes is never found. */
size_t scene_words_in(const char *words, const char *text);

struct scene_plate {
    struct picture *colour; /* RGB */
    struct picture *depth;  /* 1 channel: metres = near * (far / near) ^ (v / 255) */
    struct picture *front;  /* RGBA or NULL */
};

/* The decoded pictures of a variant; they belong to the process and stay valid until the next call. */
int scene_plate(const struct media_assets *assets, const struct scene *scene,
                const struct scene_variant *variant, const struct scene_plate **ret_plate,
                struct err *err);

/* Distance of a depth value. */
double scene_metres(const struct scene *scene, int value);

#endif
