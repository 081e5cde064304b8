/*
 * Things in the air: snow, confetti, dust, ... A kind is a row in particles.def and a file that says where its n-th
 * particle is at a moment; the drawing is common. Everything is a closed function of seed, number and phase, so that a
 * clip closes and any frame can be drawn first. Any thread.
 */
#ifndef MEDIA_PARTICLE_PARTICLE_H
#define MEDIA_PARTICLE_PARTICLE_H

#include <stddef.h>
#include <stdint.h>

enum particle_shape {
    PARTICLE_DISC,   /* soft ball */
    PARTICLE_STREAK, /* line from x, y to x + dx, y + dy */
    PARTICLE_SHEET,  /* turned rectangle: radius by radius * aspect */
    PARTICLE_RING    /* disc out of focus: even, with a brighter rim */
};

/* Lengths are in frame heights, x in frame heights too (0..width / height), y 0..1 downwards. */
struct particle_mark {
    enum particle_shape shape;
    float x, y, dx, dy, radius, aspect, angle;
    float nearness;  /* subject = 1, infinitely far = 0, before the subject > 1 */
    float softness;  /* of the edge, 0 crisp .. 1 */
    float colour[3]; /* encoded, 0..1 */
    float opacity;
    float glow; /* 0 covers, 1 only adds light */
};

struct particle_air {
    uint32_t seed;
    float amount;        /* 0..1 */
    float width;         /* of the frame in heights */
    float seconds;       /* length of the loop */
    float light[3];      /* encoded colour of what lights them */
    float colours[4][3]; /* encoded; confetti and the like take these */
    size_t colour_count; /* at least 1 */
};

struct particle_kind {
    const char *name;
    size_t most; /* particles at amount 1 */
    /* Particle `number` at `phase` 0..1 of the loop. */
    void (*place)(const struct particle_air *air, uint32_t number, float phase,
                  struct particle_mark *mark);
};

/* NULL when there is none of that name. */
const struct particle_kind *particle_find(const char *name);
size_t particle_count(const struct particle_kind *kind, const struct particle_air *air);

/* Draws into rows first..last of an RGBX frame `height` rows high; `pixels` is row `first`, 32 bits each. x and y of the mark are
 * already moved by the camera. */
void particle_draw(const struct particle_mark *mark, uint32_t *pixels, int width, int height,
                   int first, int last);

/* For the kinds: repeatable 0..1 for particle and use, and whole loops so that the phase closes. */
float particle_random(const struct particle_air *air, uint32_t number, uint32_t use);
/* Fraction of start + phase * (the whole number of rounds nearest to `rounds_per_second`, at least one). */
float particle_cycle(const struct particle_air *air, float start, float phase,
                     float rounds_per_second);

#endif
