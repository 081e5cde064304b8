/*
 * The manner of one picture for another: its colours, and drawn with a soft brush. Any thread.
 */
#ifndef MEDIA_RESTYLE_H
#define MEDIA_RESTYLE_H

#include "base/cleanup.h"
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

/* The same for frames of a video, one after the other: a soft brush whose strokes stay where the frames do, though they have
 * noise. One thread at a time. */
struct restyle_stream;
struct restyle_stream *restyle_stream_new(const struct restyle_manner *own,
                                          const struct restyle_manner *wanted);
void restyle_stream_free(struct restyle_stream *stream); /* NULL allowed */
CLEANUP_DEFINE(restyle_stream, struct restyle_stream, restyle_stream_free);
/* The next RGB frame, in place; all have one size. */
void restyle_stream_next(struct restyle_stream *stream, struct picture *frame);

#endif
