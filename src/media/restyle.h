/*
 * The manner of one picture for another: its colours, and drawn with a soft brush. Any thread.
 */
#ifndef MEDIA_RESTYLE_H
#define MEDIA_RESTYLE_H

#include "base/err.h"
#include "media/assets.h"
#include "media/monitor.h"
#include "media/picture.h"

/* Mean and spread of brightness and of the two directions of colour. */
struct restyle_manner {
    float mean[3], spread[3];
};

struct restyle_manner restyle_read(const struct picture *picture); /* RGB or RGBA */
/* Gives the RGB picture, which has the manner `own`, that of `wanted`, in place. */
void restyle_colours(struct picture *picture, const struct restyle_manner *own,
                     const struct restyle_manner *wanted);

/* The RGB photo drawn softly in the colours of `wanted`; without the painter nets in its colours alone. New picture.
 * ERR_CANCELLED. */
int restyle_photo(const struct picture *photo, const struct restyle_manner *wanted,
                  const struct media_assets *assets, const struct media_monitor *monitor,
                  struct picture **ret_picture, struct err *err);

#endif
