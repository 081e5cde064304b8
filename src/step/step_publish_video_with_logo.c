#include "media/image.h"
#include "media/video.h"
#include "step/fuse.h"
#include "step/logo.h"
#include "step/still.h"

enum { POSTER_QUALITY = 88 };

static const struct step_param params[] = {
    {.name = "video_url",
     .type = STEP_PARAM_VIDEO,
     .required = true,
     .doc = "The video to publish."},
    {.name = "logo_url",
     .type = STEP_PARAM_IMAGE,
     .doc = "A picture that is laid over the whole video; none leaves it as it is."},
    {.name = "position",
     .type = STEP_PARAM_CHOICE,
     .default_json = "\"bottom-right\"",
     .values = step_logo_positions,
     .doc = "Where the logo stands."},
    {.name = "title",
     .type = STEP_PARAM_TEXT,
     .max_length = 200,
     .doc = "The title that is written into the file."},
    {.name = "poster",
     .type = STEP_PARAM_BOOLEAN,
     .default_json = "false",
     .doc = "Whether a still that stands for the video comes as a second result."},
};

#ifndef STEP_DESCRIPTORS_ONLY

/* Loads the logo at its final size and places it. */
static int place_logo(const struct step_run *run, const struct step_input *file,
                      const struct video_info *info, struct step_logo *ret_logo, struct err *err)
{
    const struct step_logo_settings settings = {
        .position = step_run_text(run, "position"),
        .scale = STEP_LOGO_SCALE,
        .margin = STEP_LOGO_MARGIN,
    };
    return step_logo_load(file, &settings, info->width, info->height, ret_logo, err);
}

static int mark(struct step_run *run, const struct video_info *info, struct step_logo *ret_logo,
                struct video_logo *ret_mark, struct err *err)
{
    const struct step_input *file = step_run_input(run, "logo_url");
    int rc = file ? place_logo(run, file, info, ret_logo, err) : 0;
    if (rc == 0 && file)
        *ret_mark = (struct video_logo){
            .rgba = ret_logo->rgba, .x = ret_logo->x, .y = ret_logo->y, .opacity = 1};
    return rc;
}

/* The name goes when a step behind it makes the file anew. */
static const char *title_of(const struct step_run *run)
{
    return run->next ? NULL : step_run_text(run, "title");
}

static int publish(struct step_run *run, const struct video_input *video,
                   const struct video_marks *marks, struct picture **ret_poster,
                   struct video_result *ret_result, int *ret_fd, struct err *err)
{
    const struct media_monitor monitor = {run, step_run_advance};
    const struct video_publish_settings settings = {
        .marks = *marks,
        .title = title_of(run),
        .poster = step_run_boolean(run, "poster", false),
    };
    int rc = step_run_open_output(run, ret_fd, err);
    return rc < 0 ? rc
                  : video_publish(video->fd, video->path, &settings, *ret_fd, &monitor, ret_result,
                                  ret_poster, err);
}

static int add_poster(struct step_run *run, const struct picture *poster, struct err *err)
{
    int rc = poster ? step_still_add((struct step_part){run, 1, 0}, poster, IMAGE_JPEG,
                                     POSTER_QUALITY, err)
                    : 0;
    return rc < 0 ? rc : step_run_progress(run, 1, err);
}

/* The logo is in the pictures already, which are copied. */
static int finish(struct step_run *run, int made_fd, const struct video_result *made,
                  struct err *err)
{
    struct picture *poster CLEANUP(picture) = NULL;
    struct video_result result;
    int fd CLEANUP(fd) = -1;
    (void)made;
    int rc = publish(run, &(struct video_input){made_fd, "/video_url"}, &(struct video_marks){0},
                     &poster, &result, &fd, err);
    if (rc < 0)
        return rc;
    step_run_add_file(run, TAKE_FD(fd), "video/mp4", result.width, result.height,
                      result.duration_ms);
    return add_poster(run, poster, err);
}

static int run(struct step_run *run, struct err *err)
{
    const struct step_input *video = step_run_input(run, "video_url");
    const struct video_input input = {video->fd, video->path};
    struct step_marks marks CLEANUP(step_marks) = {0};
    struct step_logo loaded CLEANUP(step_logo) = {0};
    struct picture *poster CLEANUP(picture) = NULL;
    struct video_logo logo = {0};
    struct video_info info = {0};
    struct video_result result;
    int fd CLEANUP(fd) = -1;
    bool draws = run->next || step_run_input(run, "logo_url");
    int rc = draws ? video_probe(video->fd, video->path, &info, err) : 0;
    if (rc == 0)
        rc = mark(run, &info, &loaded, &logo, err);
    if (rc == 0 && logo.rgba)
        step_marks_add(&marks, &loaded, &logo);
    if (rc == 0)
        rc = step_marks_read(run, info.width, info.height, info.duration_ms, &marks, err);
    if (rc < 0)
        return rc;
    const struct video_marks all = step_marks_all(&marks);
    rc = publish(run, &input, &all, &poster, &result, &fd, err);
    if (rc == 0)
        rc = step_fuse_finish(run, TAKE_FD(fd), &result, err);
    return rc < 0 ? rc : add_poster(run, poster, err);
}

static const struct step_fuse fuse = {.mark = mark, .finish = finish};

#endif

const struct step_type step_publish_video_with_logo = {
    .name = "publish_video_with_logo",
    .summary = "Makes a web-ready MP4 at -16 LUFS, with a logo and a poster when asked for.",
    .params = params,
    .param_count = sizeof(params) / sizeof(params[0]),
    .result = STEP_RESULT_VIDEO,
    .place = STEP_PLACE_MEDIA,
    .credits = 10,
    .weight = 10,
    .timeout_s = 900,
    .fuse_begins = step_fuse_always,
    .fuse_input = "video_url",
    .fuse = STEP_FUSE(fuse),
    .run = STEP_RUN(run),
};
