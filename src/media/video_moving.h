/*
 * A video laid over yuv420p frames in place, frame by frame, for passes that make their own frames. Internal to the video files of
 * media/. One thread.
 */
#ifndef MEDIA_VIDEO_MOVING_H
#define MEDIA_VIDEO_MOVING_H

#include "media/video.h"
#include "media/video_file.h"

struct video_moving_mark;

/* `logo` has a `moving`, which outlives it; the frames that it is drawn into come at `rate`. Errors of opening a video. */
int video_moving_new(const struct video_logo *logo, AVRational rate,
                     struct video_moving_mark **ret_mark, struct err *err);
void video_moving_free(struct video_moving_mark *mark); /* NULL allowed */
/* Draws into a writable frame; pts in frames, growing from call to call. */
int video_moving_draw(struct video_moving_mark *mark, AVFrame *frame, struct err *err);

#endif
