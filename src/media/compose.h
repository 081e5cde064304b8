/*
 * A person into a scene, as one photograph: framed by the face, lit by the scene's lights, with the scene's colours around
 * the edges, standing on its ground, before a plate that is out of focus by its depth. All in linear light. The result
 * is layers.h: parallax.h makes the still and the clip of it. One thread at a time (two work inside).
 */
#ifndef MEDIA_COMPOSE_H
#define MEDIA_COMPOSE_H

#include "base/err.h"
#include "media/layers.h"
#include "media/monitor.h"
#include "media/picture.h"
#include "media/raster.h"
#include "media/scene.h"

/* A person cut out of a photo, or whatever the matte found. Pixels of the photo. */
struct compose_subject {
    /* RGB: foreground colours, nothing of the old background at the edge */
    const struct picture *colours;
    const struct picture *matte; /* 1 channel, same size */
    bool thing;                  /* no person: a thing that stands by itself */
    bool has_face;
    double eyes_x, eyes_y; /* between the eyes */
    double face_width, face_height;
};

enum compose_crop { COMPOSE_CROP_AUTO, COMPOSE_CROP_HALF, COMPOSE_CROP_FULL };

struct compose_settings {
    const struct scene *scene;
    const struct scene_variant *variant;
    const struct scene_plate *plate;
    int width, height;
    uint32_t seed; /* varies crop, mirror, light, weather and grade */
    enum compose_crop crop;
    const char *light_words;              /* NULL, or text whose light words move the grade */
    struct scene_particles weather;       /* kind "" for what the variant has, "none" for none */
    float colours[LAYERS_COLOURS_MAX][3]; /* encoded: team colours */
    size_t colour_count;                  /* 0 for none: neutral ones are taken */
};

/* `subject` may be NULL: the scene alone. ERR_CANCELLED. */
int compose_scene(const struct compose_subject *subject, const struct compose_settings *settings,
                  const struct media_monitor *monitor, struct layers **ret_layers, struct err *err);

/* --- its parts (also for tests) --- */

struct compose_place {
    double scale, x, y; /* frame = x + scale * photo, frame pixels without margin */
    bool full;          /* stands on the ground */
    double feet_y;      /* frame */
    double fade_left,
        fade_right; /* frame: the photo cuts the person here within the frame; outside when it does not */
};

/* Head never cut, eyes near the upper third, the cut edges of the photo outside the frame where that can be. */
void compose_frame(const struct compose_subject *subject, const struct compose_settings *settings,
                   struct compose_place *ret_place);

/* Everything of the frame with its margin while it is composed. */
struct compose_canvas {
    const struct compose_settings *settings;
    int width, height, margin;            /* width, height with the margin */
    struct raster_part part;              /* of the plate */
    double plate_scale;                   /* frame pixels per plate pixel */
    struct raster *plate;                 /* RGB linear */
    struct raster *metres;                /* 1 channel, a quarter of the size */
    struct raster *around;                /* RGB, an eighth: the plate's light, blurred */
    struct scene_light key, rim, ambient; /* mirrored and varied */
    double subject_m;
};

void compose_canvas_finish(struct compose_canvas *canvas);
/* Chooses the part of the plate, samples it, blurs it by its depth behind the subject. */
void compose_plate(struct compose_canvas *canvas, const struct compose_settings *settings,
                   const struct compose_place *place);
/* Darkens the ground under and behind somebody who stands on it. `person` covers the canvas. */
void compose_shadow(struct compose_canvas *canvas, const struct raster *person,
                    const struct compose_place *place);
/* Lays the mirror image of somebody who stands there, lit already, on a ground that reflects. */
void compose_reflection(struct compose_canvas *canvas, const struct raster *person,
                        const struct compose_place *place);
/* The person on the canvas (RGBA linear, straight alpha), still in the photo's light. */
struct raster *compose_cut(const struct compose_canvas *canvas,
                           const struct compose_subject *subject,
                           const struct compose_place *place);
/* Exposure, white balance, directional light, rim, wrap and haze, in place. */
void compose_relight(const struct compose_canvas *canvas, const struct compose_subject *subject,
                     const struct compose_place *place, struct raster *person);

#endif
