/*
 * Steps in one pass: a step that encodes a video, the head, draws what the steps behind it would draw. Its followers never see
 * a file before that; those that change sound or metadata then do so one after the other, with the pictures copied.
 *
 * A run without followers goes through the same functions and nothing is drawn.
 */
#ifndef STEP_FUSE_H
#define STEP_FUSE_H

#include "media/video.h"
#include "step/logo.h"
#include "step/step.h"

struct step_fuse {
    /* What the step draws over a video of that size and length; *ret_mark stays zero when nothing. A picture that it needs
     * belongs to `ret_logo`. NULL: it draws nothing. */
    int (*mark)(struct step_run *run, const struct video_info *info, struct step_logo *ret_logo,
                struct video_logo *ret_mark, struct err *err);
    /* Fills the outputs of a follower, a video first, from that of the step before it, of which it keeps nothing and whose pictures
     * stay; NULL: that video is its result. */
    int (*finish)(struct step_run *run, int fd, const struct video_result *made, struct err *err);
};

struct step_marks {
    struct step_logo loaded[VIDEO_MARKS_MAX];
    struct video_logo logos[VIDEO_MARKS_MAX];
    size_t count;
    struct step_run *head; /* for step_marks_painter() */
};

static inline void cleanup_step_marks(struct step_marks *marks)
{
    for (size_t i = 0; i < VIDEO_MARKS_MAX; i++)
        cleanup_step_logo(&marks->loaded[i]);
}

/* What the followers of `head` draw, in their order; the head's own go before, with step_marks_add(). */
int step_marks_read(struct step_run *head, int width, int height, int64_t duration_ms,
                    struct step_marks *marks, struct err *err);
/* Takes over the picture of `logo`. */
void step_marks_add(struct step_marks *marks, struct step_logo *logo,
                    const struct video_logo *mark);
struct video_marks step_marks_all(const struct step_marks *marks);
/* The same for a pass that finds out itself what it makes: step_marks_read() when it asks. `marks` has its head and outlives it. */
struct video_painter step_marks_painter(struct step_marks *marks);

/* Hands the finished video to the head and its followers; takes over `fd`. */
int step_fuse_finish(struct step_run *head, int fd, const struct video_result *made,
                     struct err *err);

#endif
