/*
 * The edge of a cut-out: how a rough mask follows the photo's colours, and what colour the person has where the old background shows
 * through. Inside of media/.
 */
#ifndef MEDIA_MATTE_EDGE_H
#define MEDIA_MATTE_EDGE_H

#include "media/picture.h"
#include "media/raster.h"

/* Everything rough happens on a square grid over the whole photo, whatever its shape: that is what the net sees. */
enum { MATTE_GRID = 256 };

/* The photo (RGB or 1 channel) on the grid, 0..1. */
struct raster *matte_grid(const struct picture *photo);

/* The colours of the cells that have weight (1 channel, 0..1), spread over those that have none: on half the grid, RGB and one
 * unused. */
struct raster *matte_spread(const struct raster *guide, const struct raster *weight);

/* Photo-sized matte from a mask on the grid, which is surely right but for about three cells around its edge, and the colours:
 * the photo's inside, the person's spread under the soft edge and outside. `guide` is the photo on the grid. */
void matte_refine(const struct picture *photo, const struct raster *guide,
                  const struct raster *mask, struct picture **ret_matte,
                  struct picture **ret_colours);

#endif
