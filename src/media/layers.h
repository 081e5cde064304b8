/*
 * A picture in layers: the clean plate, how far everything is, the person, what stands in front and what is in the air.
 * A still and every frame of a clip are made of them by parallax.h. A still in PNG carries its layers in private
 * ancillary chunks (rdMT, rdCL, rdDE, rdSU, rdFR: any other program skips them), so that a clip made of it later moves by real
 * depth. What is read back comes from outside: it is bounded and checked, and a damaged set is as good as none.
 */
#ifndef MEDIA_LAYERS_H
#define MEDIA_LAYERS_H

#include "base/buffer.h"
#include "base/err.h"
#include "media/picture.h"
#include "media/scene.h"
#include <stdbool.h>
#include <stdint.h>

enum { LAYERS_COLOURS_MAX = 4, LAYERS_NAME_MAX = 32 };

struct layers {
    int width, height;     /* of the finished picture */
    int margin;            /* pixels around it on every side in clean, subject and front */
    struct picture *clean; /* RGB, graded */
    /* 1 channel, any size over the same area: distance as scene_metres() has it */
    struct picture *depth;
    struct picture *subject; /* RGBA, graded; NULL when there is none */
    struct picture *front;   /* RGBA, graded; NULL when there is none */
    double near_m, far_m;    /* of `depth` */
    double subject_m;        /* distance of the subject */
    double focus_x, focus_y; /* 0..1 of the picture: what the camera turns around */
    /* The largest face, pixels of the picture; width 0 when there is none. */
    double face_x, face_y, face_width, face_height;
    float vignette, grain;                                 /* 0..1 strengths */
    char scene[LAYERS_NAME_MAX], variant[LAYERS_NAME_MAX]; /* "" when derived from a photo */
    struct scene_particles particles[SCENE_PARTICLES_MAX];
    size_t particle_count;
    float light[3];                       /* encoded: what lights the particles */
    float colours[LAYERS_COLOURS_MAX][3]; /* encoded: of confetti */
    size_t colour_count;
    uint32_t seed;
};

struct layers *layers_new(void);
void layers_free(struct layers *layers); /* NULL allowed; frees the pictures */
CLEANUP_DEFINE(layers, struct layers, layers_free);

/* Adds the chunks to a PNG in memory, before its end. */
int layers_embed(const struct layers *layers, const void *png, size_t png_size,
                 struct buffer *ret_png, struct err *err);

enum { LAYERS_FILE_MAX = 96 * 1024 * 1024 };

/* The chunks of a file, still encoded; they point into the file's bytes. */
struct layers_parts {
    const uint8_t *meta, *clean, *depth, *subject, *front;
    size_t meta_size, clean_size, depth_size, subject_size, front_size;
};

/* False when the bytes are no PNG, or one without a complete and undamaged set (each checksum is verified). */
bool layers_find(const void *bytes, size_t size, struct layers_parts *ret_parts);
/* Reads the description alone into `layers`; false when a value is missing or out of range. */
bool layers_read_meta(const uint8_t *json, size_t size, struct layers *layers);
/* Decodes. NULL when the file carries none that can be used. */
struct layers *layers_read(const void *bytes, size_t size);

#endif
