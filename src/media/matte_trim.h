/* Narrow things beside a person that the net takes along. Inside of media/matte*.c. */
#ifndef MEDIA_MATTE_TRIM_H
#define MEDIA_MATTE_TRIM_H

#include "media/raster.h"

/* How much (0..1) a colour (RGB 0..1) that lies outside tells: nearly black it may be anything's shade, hair's above all. */
float matte_tells(const float rgb[3]);

/* How surely (0..1) each cell near the edge of `mask` is none of the person, because its colour is that of the surroundings there
 * and hardly that of the person's inside there, and the net is not surer than that. `net` is what the net said. New raster. */
struct raster *matte_strangers(const struct raster *guide, const struct raster *net,
                               const struct raster *mask);

#endif
