/*
 * The camera before a picture in layers: the plate bends by its depth, the person and what stands in front move as whole
 * sheets, particles drift between them, then vignette and grain. A still is a frame with the pose that changes nothing.
 * Any thread; one object belongs to one thread at a time.
 */
#ifndef MEDIA_PARALLAX_H
#define MEDIA_PARALLAX_H

#include "media/layers.h"

/* All zero and zoom 1, light 1 is the still. Lengths are in frame widths at the subject's distance. */
struct parallax_pose {
    float shift_x, shift_y; /* the camera moves right, down */
    float anchor; /* 1: turned so that the subject stays where it is; 0: looks straight ahead */
    float pan_x, pan_y; /* the camera turns right, down: everything moves alike */
    float dolly;        /* ahead, in parts of the subject's distance; below 1 */
    float zoom;         /* of the lens */
    float roll;         /* radians, clockwise */
    float light;        /* 0.9..1 of the brightness */
};

static const struct parallax_pose parallax_still = {.zoom = 1, .light = 1};

struct parallax;

/* Copies what it needs of the layers. `seconds`: length of a loop of the particles. */
struct parallax *parallax_new(const struct layers *layers, float seconds);
void parallax_free(struct parallax *parallax); /* NULL allowed */
CLEANUP_DEFINE(parallax, struct parallax, parallax_free);

/* Renders into an RGB picture of the layers' size. `phase` 0..1 of the loop; `frame` varies the grain. */
void parallax_render(struct parallax *parallax, const struct parallax_pose *pose, float phase,
                     uint32_t frame, struct picture *rgb);
/* The same straight into an encoder's frame; both sides even. */
void parallax_render_planes(struct parallax *parallax, const struct parallax_pose *pose,
                            float phase, uint32_t frame, const struct picture_planes *planes);

#endif
