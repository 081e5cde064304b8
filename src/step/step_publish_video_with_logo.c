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

static int publish(struct step_run *run, const struct video_input *video,
                   const struct video_logo *logo, struct err *err)
{
    struct picture *poster CLEANUP(picture) = NULL;
    int fd CLEANUP(fd) = -1;
    struct video_result result;
    const struct media_monitor monitor = {run, step_run_advance};
    const struct video_publish_settings settings = {
        .logo = logo,
        .title = step_run_text(run, "title"),
        .poster = step_run_boolean(run, "poster", false),
    };
    int rc = step_run_open_output(run, &fd, err);
    if (rc == 0)
        rc = video_publish(video->fd, video->path, &settings, fd, &monitor, &result, &poster, err);
    if (rc != 0)
        return rc;
    step_run_add_file(run, TAKE_FD(fd), "video/mp4", result.width, result.height,
                      result.duration_ms);
    rc = poster ? step_still_add(run, poster, IMAGE_JPEG, POSTER_QUALITY, err) : 0;
    return rc < 0 ? rc : step_run_progress(run, 1, err);
}

/* The logo is in the pictures already, which are copied. */
static int finish(struct step_run *run, int made_fd, const struct video_result *made,
                  struct err *err)
{
    (void)made;
    return publish(run, &(struct video_input){made_fd, "/video_url"}, NULL, err);
}

static int run(struct step_run *run, struct err *err)
{
    const struct step_input *video = step_run_input(run, "video_url");
    struct step_logo loaded CLEANUP(step_logo) = {0};
    struct video_logo logo = {0};
    struct video_info info = {0};
    bool has_logo = step_run_input(run, "logo_url") != NULL;
    int rc = has_logo ? video_probe(video->fd, video->path, &info, err) : 0;
    if (rc == 0)
        rc = mark(run, &info, &loaded, &logo, err);
    if (rc < 0)
        return rc;
    const struct video_input input = {video->fd, video->path};
    return publish(run, &input, has_logo ? &logo : NULL, err);
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
    .fuse_input = "video_url",
    .fuse = STEP_FUSE(fuse),
    .run = STEP_RUN(run),
};
