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
    float share;                 /* of the picture that is person */
    float doubt;                 /* share of the person's cells of which the net is not sure */
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

/* Keeps the largest piece and others of its order. The share of the picture that is left. */
float matte_keep_largest(struct raster *mask);
/* Fills gaps of fewer cells than these: one inside belongs to the person, and so does a tiny one at the border. */
void matte_fill_gaps(struct raster *mask, int most_inside, int most_at_border);

#endif
