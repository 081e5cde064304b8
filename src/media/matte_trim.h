/* Takes off the person's edge what has only colours of the surroundings. Inside of media/matte*.c. One thread. */
#ifndef MEDIA_MATTE_TRIM_H
#define MEDIA_MATTE_TRIM_H

#include "media/raster.h"

/* `guide` (RGB, encoded 0..1), `net` (what the net said, 0..1) and `mask` (0..1, changed in place) are of one size, on the grid
 * of matte_edge.h. */
void matte_trim(const struct raster *guide, const struct raster *net, struct raster *mask);

#endif
