#include "step/fuse.h"

#include <assert.h>

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
        if (marks->count == VIDEO_MARKS_MAX)
            return err_set(err, ERR_INTERNAL, NULL, "Too many steps were put into one pass.");
        rc = run->type->fuse->mark(run, &info, &logo, &mark, err);
        if (rc == 0 && mark.rgba)
            step_marks_add(marks, &logo, &mark);
    }
    return rc;
}

struct video_marks step_marks_all(const struct step_marks *marks)
{
    return (struct video_marks){marks->logos, marks->count};
}

int step_fuse_finish(struct step_run *head, int fd, const struct video_result *made,
                     struct err *err)
{
    int rc = 0;
    step_run_add_file(head, fd, "video/mp4", made->width, made->height, made->duration_ms);
    for (struct step_run *run = head->next; rc == 0 && run; run = run->next) {
        if (run->type->fuse->finish)
            rc = run->type->fuse->finish(run, fd, made, err);
        else
            step_run_add_file(run, fd, "video/mp4", made->width, made->height, made->duration_ms);
    }
    return rc < 0 ? rc : step_run_progress(head, 1, err);
}
