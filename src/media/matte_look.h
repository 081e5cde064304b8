/*
 * What the net sees in a picture, on the grid of matte_edge.h: the net's word, decided by colours where it is not sure, the
 * largest pieces, holes filled. Inside of media/matte*.c.
 */
#ifndef MEDIA_MATTE_LOOK_H
#define MEDIA_MATTE_LOOK_H

#include "media/nn/nn.h"
#include "media/raster.h"

struct matte_sight {
    struct raster *guide, *mask; /* the picture and its people, on the grid */
    struct raster *seen; /* the net's own word, where it is connected: wider than the mask */
    float share;         /* of the picture that is person */
    float doubt;         /* share of the person's cells of which the net is not sure */
};

void matte_sight_finish(struct matte_sight *sight); /* leaves it blank */

/* The frame before, so that the mask of a video does not flicker. */
struct matte_memory {
    struct raster *guide, *mask;
};

void matte_memory_forget(struct matte_memory *memory); /* leaves it blank */

/* `net` is "selfie"; `memory` NULL for a photo, else it goes on to the next frame of the same part. */
int matte_look(struct nn_net *net, const struct picture *photo, struct matte_memory *memory,
               struct matte_sight *ret_sight, struct err *err);

#endif
