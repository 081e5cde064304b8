/* Faces of a photo: a detector finds them, the face mesh checks each and gives its points. One thread at a time. */
#ifndef MEDIA_FACE_H
#define MEDIA_FACE_H

#include "base/err.h"
#include "media/assets.h"
#include "media/monitor.h"
#include "media/picture.h"
#include <stddef.h>

enum { FACE_MAX = 8, FACE_POINTS = 468 };

struct face_point {
    float x, y, z; /* photo pixels; z like x, towards the camera is negative */
};

struct face {
    double x, y, width, height; /* the box of the mesh's oval, photo pixels, upper left corner */
    double left_eye_x, left_eye_y, right_eye_x, right_eye_y; /* as the viewer sees them */
    double score;                                            /* 0..1: the mesh's presence */
    struct face_point points[FACE_POINTS];
};

/* The largest first; *ret_count 0 is no error. `photo` RGB. ERR_NOT_FOUND or ERR_UNAVAILABLE without
 * the nets, ERR_CANCELLED. */
int face_find(const struct picture *photo, const struct media_assets *assets,
              const struct media_monitor *monitor, struct face ret_faces[FACE_MAX],
              size_t *ret_count, struct err *err);

#endif
