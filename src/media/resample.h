/*
 * Scaling of one plane of samples with a Lanczos kernel (three lobes, widened when the plane becomes smaller), in whole numbers:
 * the same samples give the same result on every processor. Pure; any thread.
 */
#ifndef MEDIA_RESAMPLE_H
#define MEDIA_RESAMPLE_H

#include <stddef.h>
#include <stdint.h>

struct resample_plane {
    uint8_t *samples;
    int width, height;
    size_t stride; /* bytes from row to row */
};

/* A part of a plane in samples from its top left corner; may begin and end between two. Lies inside. */
struct resample_window {
    double x, y, width, height;
};

/* Fills `target` with the window of `source`; what the kernel reaches beyond the plane is its edge. */
void resample(const struct resample_plane *source, const struct resample_window *window,
              const struct resample_plane *target);

#endif
