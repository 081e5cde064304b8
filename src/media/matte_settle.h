/* Decides by colour where a person's rough mask is unsure. One thread. */
#ifndef MEDIA_MATTE_SETTLE_H
#define MEDIA_MATTE_SETTLE_H

#include "media/picture.h"
#include "media/raster.h"

/* `small` is the photo (RGB) at the size of `mask` (1 channel, 0..1), which is changed in place. What is surely inside and surely
 * outside stays; in between and along the edge, colours that the surroundings know from one side only decide. */
void matte_settle(const struct picture *small, struct raster *mask);

#endif
