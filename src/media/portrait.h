/*
 * A photo with what the nets see in it: the person's matte, the foreground colours and the faces. One thread at a time.
 */
#ifndef MEDIA_PORTRAIT_H
#define MEDIA_PORTRAIT_H

#include "base/err.h"
#include "media/compose.h"
#include "media/monitor.h"
#include "media/picture.h"
#include "media/style/style.h"

struct portrait {
    struct picture *photo;                    /* RGB */
    struct picture *matte;                    /* 1 channel; NULL when there is nobody */
    struct picture *colours;                  /* RGB foreground colours; NULL without a matte */
    struct style_face faces[STYLE_FACES_MAX]; /* the largest first */
    size_t face_count;
    bool thing;            /* what was cut out is no person */
    double eyes_x, eyes_y; /* of the largest face */
    const char *fault;     /* static: why nothing could be looked for; NULL */
};

/* Takes over `photo` (RGB or RGBA, flattened onto white; its own transparency is the matte). Without a person a thing before an even
 * ground is cut out. Missing nets are no error: see `fault`. */
int portrait_open(struct picture *photo, const struct media_assets *assets,
                  const struct media_monitor *monitor, struct portrait **ret_portrait,
                  struct err *err);
void portrait_free(struct portrait *portrait); /* NULL allowed */
CLEANUP_DEFINE(portrait, struct portrait, portrait_free);

/* For compose.h; the pictures stay the portrait's. Only with a matte. */
void portrait_subject(const struct portrait *portrait, struct compose_subject *ret_subject);

/* The part of the photo that fills the shape, eyes near the upper third where there is a face. */
void portrait_cover(const struct portrait *portrait, int width, int height,
                    struct raster_part *ret_part);
/* The part, partly outside the photo, that shows the whole person in the shape. Only with a matte. */
void portrait_contain(const struct portrait *portrait, int width, int height,
                      struct raster_part *ret_part);

/* The same with a face that fills about a quarter of the height; the head stays whole. Without a face like
 * portrait_contain(). */
void portrait_near(const struct portrait *portrait, int width, int height,
                   struct raster_part *ret_part);

/* Photo, matte (0 outside the photo) and faces of a part at a size, for a style. The caller frees both pictures. */
void portrait_style_job(const struct portrait *portrait, const struct raster_part *part, int width,
                        int height, struct style_job *ret_job);

#endif
