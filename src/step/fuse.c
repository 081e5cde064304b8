#include "step/fuse.h"

#include <assert.h>

/* Of the job, for each follower that works on the finished file: it copies pictures, which is soon done. */
#define FUSE_FINISH_SHARE 0.08

void step_fuse_share(struct step_run *head)
{
    int finishes = 0;
    for (struct step_run *run = head->next; run; run = run->next)
        finishes += run->type->fuse->finish != NULL;
    head->progress_from = 0;
    head->progress_to = 1 - finishes * FUSE_FINISH_SHARE;
    double from = head->progress_to;
    for (struct step_run *run = head->next; run; run = run->next) {
        run->progress_from = from;
        from += run->type->fuse->finish ? FUSE_FINISH_SHARE : 0;
        run->progress_to = from;
    }
}

void step_marks_add(struct step_marks *marks, struct step_logo *logo, const struct video_logo *mark)
{
    assert(marks->count < VIDEO_MARKS_MAX);
    marks->loaded[marks->count] = *logo;
    marks->logos[marks->count++] = *mark;
    *logo = (struct step_logo){0};
}

int step_marks_read(struct step_run *head, int width, int height, int64_t duration_ms,
                    struct step_marks *marks, struct err *err)
{
    const struct video_info info = {.width = width, .height = height, .duration_ms = duration_ms};
    int rc = 0;
    for (struct step_run *run = head->next; rc == 0 && run; run = run->next) {
        struct step_logo logo CLEANUP(step_logo) = {0};
        struct video_logo mark = {0};
        if (!run->type->fuse->mark)
            continue;
        if (marks->count == VIDEO_MARKS_MAX)
            return err_set(err, ERR_INTERNAL, NULL, "Too many steps were put into one pass.");
        rc = run->type->fuse->mark(run, &info, &logo, &mark, err);
        if (rc == 0 && (mark.rgba || mark.moving))
            step_marks_add(marks, &logo, &mark);
    }
    return rc;
}

struct video_marks step_marks_all(const struct step_marks *marks)
{
    return (struct video_marks){marks->logos, marks->count};
}

static int paint(void *context, const struct video_info *info, struct video_marks *ret_marks,
                 struct err *err)
{
    struct step_marks *marks = context;
    int rc = step_marks_read(marks->head, info->width, info->height, info->duration_ms, marks, err);
    *ret_marks = step_marks_all(marks);
    return rc;
}

struct video_painter step_marks_painter(struct step_marks *marks)
{
    return (struct video_painter){paint, marks};
}

int step_fuse_finish(struct step_run *head, int fd, const struct video_result *made,
                     struct err *err)
{
    struct video_result result = *made;
    int rc = step_run_progress(head, 1, err);
    step_run_add_file(head, fd, "video/mp4", made->width, made->height, made->duration_ms);
    for (struct step_run *run = head->next; rc == 0 && run; run = run->next) {
        if (!run->type->fuse->finish) {
            step_run_add_file(run, fd, "video/mp4", result.width, result.height,
                              result.duration_ms);
            continue;
        }
        rc = run->type->fuse->finish(run, fd, &result, err);
        if (rc < 0)
            return rc;
        assert(run->output_count > 0);
        const struct step_output *output = &run->outputs[0];
        fd = output->fd;
        result = (struct video_result){output->width, output->height, output->duration_ms};
    }
    return rc;
}
