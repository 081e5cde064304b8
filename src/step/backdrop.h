/* What comes behind somebody: a colour, a picture, a video or a scene, by the parameters of a step. */
#ifndef STEP_BACKDROP_H
#define STEP_BACKDROP_H

#include "media/scene.h"
#include "media/video.h"
#include "step/step.h"

enum step_backdrop_kind {
    STEP_BACKDROP_NONE, /* nothing was given */
    STEP_BACKDROP_COLOR,
    STEP_BACKDROP_IMAGE,
    STEP_BACKDROP_VIDEO,
    STEP_BACKDROP_SCENE
};

struct step_backdrop {
    enum step_backdrop_kind kind;
    uint8_t color[3];
    struct picture *image; /* RGB, as loaded */
    struct video_reader *reader;
    double start_s; /* of the video */
    const struct scene *scene;
    const struct scene_variant *variant;
    struct media_assets assets;
    uint32_t seed;
    struct picture *still; /* what step_backdrop_at() gave last, when it does not change */
};

void step_backdrop_finish(struct step_backdrop *backdrop);

static inline void cleanup_step_backdrop(struct step_backdrop *backdrop)
{
    step_backdrop_finish(backdrop);
}

/* Reads `background_url`, `background_video_url`, `color`, `scene` and `start_time`. ERR_INVALID for more than one of them and for
 * an unknown scene; errors of loading. */
int step_backdrop_open(struct step_run *run, struct step_backdrop *ret_backdrop, struct err *err);

/* The size of a picture or video, within 1920 x 1920; false for what has none of its own. */
bool step_backdrop_size(const struct step_backdrop *backdrop, int *ret_width, int *ret_height);

/* What is seen at a time of the result: RGB of this size, which it covers. New picture. */
int step_backdrop_at(struct step_backdrop *backdrop, double seconds, int width, int height,
                     struct picture **ret_picture, struct err *err);

#endif
