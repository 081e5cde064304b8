/* Connected pieces of a mask and gaps in it. Inside of media/matte*.c. Any size; what is above half is inside. */
#ifndef MEDIA_MATTE_PIECES_H
#define MEDIA_MATTE_PIECES_H

#include "media/raster.h"

/* Keeps the largest piece, others of its order, and much smaller ones too of which the net is sure (`net` NULL: none). The share of
 * the mask that is left. */
float matte_keep_largest(struct raster *mask, const struct raster *net);

/* Fills gaps of fewer cells than these: one inside belongs to the person, and so does a tiny one at the border. */
void matte_fill_gaps(struct raster *mask, int most_inside, int most_at_border);

/* Fills wide gaps of which the net has half an idea and that are shut off, but for a crack, from what is around: the dark inside of
 * something dark before a dark ground. */
void matte_fill_enclosed(struct raster *mask, const struct raster *net);

#endif
