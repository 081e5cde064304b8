/* Neighbours of like colour agree about what they belong to. Inside of media/matte*.c. */
#ifndef MEDIA_MATTE_SETTLE_H
#define MEDIA_MATTE_SETTLE_H

#include "media/raster.h"

/* On the grid of matte_edge.h: every cell of `mask` is drawn towards what it is (0..1), as strongly as `hold` says, and to its four
 * neighbours, the more the less their colours in `guide` differ. A neighbour of the same colour draws with 1; cells with a hold of 0
 * follow their neighbours alone. Colours whose squared distance (0..3) is well below `same` do not differ, however even the rest of the
 * picture is. `mask` becomes what they agree upon. */
void matte_settle(const struct raster *guide, const struct raster *hold, float same,
                  struct raster *mask);

#endif
