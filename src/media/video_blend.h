/*
 * A logo laid over yuv420p frames in place, for passes that render their own frames. Internal to
 * the video files of media/.
 */
#ifndef MEDIA_VIDEO_BLEND_H
#define MEDIA_VIDEO_BLEND_H

#include "media/video.h"
#include "media/video_file.h"

struct video_blend;

/* BT.709, limited range. The part of the logo inside `width` x `height` is kept; nothing of `logo`
 * is needed afterwards. */
struct video_blend *video_blend_new(const struct video_logo *logo, int width, int height);
void video_blend_free(struct video_blend *blend); /* NULL allowed */
/* Draws into a writable frame that is seen at `seconds`. */
void video_blend_draw(const struct video_blend *blend, AVFrame *frame, double seconds);

#endif
