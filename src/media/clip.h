/* A clip of a picture in layers: every frame rendered by parallax.h and written by video.h. One thread at a time. */
#ifndef MEDIA_CLIP_H
#define MEDIA_CLIP_H

#include "base/err.h"
#include "media/layers.h"
#include "media/monitor.h"
#include "media/move.h"
#include "media/video.h"

struct clip_settings {
    const struct move *move;
    double seconds; /* of one round */
    int fps;
    int rounds;        /* more than one: the move comes back to where it began */
    bool closed;       /* also a single round closes */
    float strength;    /* 0..1 of the move */
    const char *title; /* NULL */
    struct video_marks marks;
    const struct video_writer_sound *sound; /* NULL */
};

/* H.264 MP4 into `fd`. With `last`, of the same size, the picture turns into that one. ERR_CANCELLED. */
int clip_write(const struct layers *layers, const struct layers *last,
               const struct clip_settings *settings, int fd, const struct media_monitor *monitor,
               struct err *err);

#endif
