/*
 * The person of a photo, cut out: a net finds the person at 256 pixels, and looks again closer when the person fills little of
 * the photo; colours decide where it is not sure; a colour guided filter brings the edge to the photo's resolution; the largest pieces
 * stay, holes are filled; and the colours of the person at the edge come without the old background. One thread at a time.
 */
#ifndef MEDIA_MATTE_H
#define MEDIA_MATTE_H

#include "base/cleanup.h"
#include "base/err.h"
#include "media/assets.h"
#include "media/monitor.h"
#include "media/picture.h"

/* `photo` RGB. *ret_matte (1 channel, the photo's size) and *ret_colours (RGB, the photo with foreground colours spread under
 * the soft edge and outside it) are NULL when there is nobody: less than 1.5 % of the picture, or the net is not sure of
 * nearly half of what it sees. The caller frees both. ERR_NOT_FOUND or ERR_UNAVAILABLE without the net, ERR_CANCELLED. */
int matte_person(const struct picture *photo, const struct media_assets *assets,
                 const struct media_monitor *monitor, struct picture **ret_matte,
                 struct picture **ret_colours, struct err *err);

/* The same for the frames of a video, one after the other, all of one size: what does not move does not flicker. */
struct matte_stream;

int matte_stream_new(const struct media_assets *assets, struct matte_stream **ret_stream,
                     struct err *err);
void matte_stream_free(struct matte_stream *stream); /* NULL allowed */
CLEANUP_DEFINE(matte_stream, struct matte_stream, matte_stream_free);
/* Of this frame, as matte_person() has it. */
int matte_stream_next(struct matte_stream *stream, const struct picture *frame,
                      struct picture **ret_matte, struct picture **ret_colours, struct err *err);

/* A thing, or several, without a person, where it stands before a ground of one colour, of a slow gradient or of a little noise, which
 * is seen around it; without its shadow. NULL when there is none or when it cannot be told from the ground. */
void matte_object(const struct picture *photo, struct picture **ret_matte,
                  struct picture **ret_colours);

/* Foreground colours for any matte: where it is below opaque, the old background's share is taken out. Caller frees. */
struct picture *matte_colours(const struct picture *photo, const struct picture *matte);

#endif
