/*
 * Choosing the picture that stands for a video: bright enough, rich in detail, rather early.
 * Internal to the video files of media/.
 */
#ifndef MEDIA_VIDEO_POSTER_H
#define MEDIA_VIDEO_POSTER_H

#include "media/video.h"
#include "media/video_file.h"

struct video_poster {
    int64_t every, seen; /* frames */
    AVFrame *best;
    double best_score;
};

/* Looks at about a dozen frames of a video of this length. */
void video_poster_init(struct video_poster *poster, int64_t frame_count);
void video_poster_finish(struct video_poster *poster);

static inline void cleanup_video_poster(struct video_poster *poster)
{
    video_poster_finish(poster);
}

/* Shows it the next frame: yuv420p. Keeps a reference when it is the best so far. */
int video_poster_observe(void *context, const AVFrame *frame, struct err *err);

/* How well an 8-bit luma plane or interleaved picture stands for its video: higher is better; under
 * 0 for one without content. */
double video_poster_score(const uint8_t *pixels, ptrdiff_t stride, int pixel_size, int width,
                          int height);

/* The best as RGB; ERR_INTERNAL when it saw none. */
int video_poster_picture(const struct video_poster *poster, struct picture **ret_picture,
                         struct err *err);

#endif
