#include "media/image.h"
#include "media/video.h"
#include "step/fuse.h"
#include "step/logo.h"
#include "step/still.h"

static const struct step_param params[] = {
    {.name = "image_url",
     .type = STEP_PARAM_IMAGE,
     .doc = "The picture that gets the logo; either this or a video."},
    {.name = "video_url",
     .type = STEP_PARAM_VIDEO,
     .doc = "The video that gets the logo; its sound stays as it is."},
    {.name = "logo_url", .type = STEP_PARAM_IMAGE, .required = true, .doc = "The logo."},
    {.name = "position",
     .type = STEP_PARAM_CHOICE,
     .default_json = "\"bottom-right\"",
     .values = step_logo_positions,
     .doc = "Where the logo stands."},
    {.name = "scale",
     .type = STEP_PARAM_NUMBER,
     .default_json = "0.16",
     .min = 0.01,
     .max = 1,
     .doc = "Height of the logo as a share of the shorter side; wide logos are made smaller to be "
            "at most 2.5 times as wide as that."},
    {.name = "margin",
     .type = STEP_PARAM_NUMBER,
     .default_json = "0.035",
     .min = 0,
     .max = 0.4,
     .doc = "Space to the edges as a share of the shorter side."},
    {.name = "opacity",
     .type = STEP_PARAM_NUMBER,
     .default_json = "1",
     .min = 0,
     .max = 1,
     .doc = "From 0, not seen, to 1, as it is."},
    {.name = "start_time",
     .type = STEP_PARAM_NUMBER,
     .default_json = "0",
     .min = 0,
     .max = VIDEO_DURATION_MAX_S,
     .doc = "Second of the video from which the logo is seen."},
    {.name = "end_time",
     .type = STEP_PARAM_NUMBER,
     .min = 0,
     .max = VIDEO_DURATION_MAX_S,
     .doc = "Second of the video until which the logo is seen; none for its end."},
};

static bool follows(const json_t *given)
{
    return json_is_null(json_object_get(given, "image_url"));
}

#ifndef STEP_DESCRIPTORS_ONLY

static int load_logo(const struct step_run *run, int width, int height, struct step_logo *ret_logo,
                     struct err *err)
{
    const struct step_logo_settings settings = {
        .position = step_run_text(run, "position"),
        .scale = step_run_number(run, "scale", STEP_LOGO_SCALE),
        .margin = step_run_number(run, "margin", STEP_LOGO_MARGIN),
    };
    return step_logo_load(step_run_input(run, "logo_url"), &settings, width, height, ret_logo, err);
}

static int overlay_image(struct step_run *run, const struct step_input *input, struct err *err)
{
    struct picture *picture CLEANUP(picture) = NULL;
    struct step_logo logo CLEANUP(step_logo) = {0};
    int rc = step_still_load((struct step_part){run, 0, 0.4}, input, 0, 0, IMAGE_FIT_WITHIN,
                             &picture, err);
    if (rc == 0)
        rc = load_logo(run, picture->width, picture->height, &logo, err);
    if (rc == 0)
        rc = step_run_progress(run, 0.5, err);
    if (rc < 0)
        return rc;
    image_draw(picture, logo.rgba, logo.x, logo.y, step_run_number(run, "opacity", 1));
    rc = step_still_add((struct step_part){run, 0.5, 0.5}, picture, IMAGE_PNG, 0, err);
    return rc < 0 ? rc : step_run_progress(run, 1, err);
}

static int check_times(double start_s, double end_s, bool has_end, const struct video_info *info,
                       const char *path, struct err *err)
{
    double duration_s = (double)info->duration_ms / 1000;
    if (has_end && end_s <= start_s)
        return err_set(err, ERR_INVALID, "/end_time",
                       "The logo would end at %g s, which is not after its start at %g s.", end_s,
                       start_s);
    if (start_s >= duration_s)
        return err_set(err, ERR_INVALID, "/start_time",
                       "The logo would start at %g s; the video of %s is %g s long.", start_s, path,
                       duration_s);
    return 0;
}

static int mark(struct step_run *run, const struct video_info *info, struct step_logo *ret_logo,
                struct video_logo *ret_mark, struct err *err)
{
    double end_s = step_run_number(run, "end_time", -1);
    double start_s = step_run_number(run, "start_time", 0);
    int rc = check_times(start_s, end_s, end_s >= 0, info, "/video_url", err);
    if (rc == 0)
        rc = load_logo(run, info->width, info->height, ret_logo, err);
    if (rc < 0)
        return rc;
    *ret_mark = (struct video_logo){
        .rgba = ret_logo->rgba,
        .x = ret_logo->x,
        .y = ret_logo->y,
        .opacity = step_run_number(run, "opacity", 1),
        .start_s = start_s,
        .end_s = end_s >= 0 ? end_s : 0,
    };
    return 0;
}

static int overlay_video(struct step_run *run, const struct step_input *input, struct err *err)
{
    struct video_info info;
    struct step_marks marks CLEANUP(step_marks) = {0};
    struct step_logo logo CLEANUP(step_logo) = {0};
    struct video_logo placed;
    int fd CLEANUP(fd) = -1;
    int rc = video_probe(input->fd, input->path, &info, err);
    if (rc == 0)
        rc = mark(run, &info, &logo, &placed, err);
    if (rc < 0)
        return rc;
    step_marks_add(&marks, &logo, &placed);
    rc = step_marks_read(run, info.width, info.height, info.duration_ms, &marks, err);
    if (rc == 0)
        rc = step_run_open_output(run, &fd, err);
    if (rc < 0)
        return rc;
    const struct video_marks all = step_marks_all(&marks);
    const struct media_monitor monitor = {run, step_run_advance};
    const struct video_input video = {input->fd, input->path};
    struct video_result result;
    rc = video_overlay(&video, &all, fd, &monitor, &result, err);
    return rc < 0 ? rc : step_fuse_finish(run, TAKE_FD(fd), &result, err);
}

static int run(struct step_run *run, struct err *err)
{
    const struct step_input *image = step_run_input(run, "image_url");
    const struct step_input *video = step_run_input(run, "video_url");
    if (!image == !video)
        return err_set(err, ERR_INVALID, "/image_url",
                       "Either image_url or video_url is needed, and not both.");
    return image ? overlay_image(run, image, err) : overlay_video(run, video, err);
}

static const struct step_fuse fuse = {.mark = mark};

#endif

const struct step_type step_overlay_logo = {
    .name = "overlay_logo",
    .summary = "Lays a logo over a picture or a video.",
    .params = params,
    .param_count = sizeof(params) / sizeof(params[0]),
    .result = STEP_RESULT_ANY,
    .place = STEP_PLACE_MEDIA,
    .credits = 5,
    .weight = 8,
    .timeout_s = 900,
    .fuse_begins = step_fuse_of_video,
    .fuse_input = "video_url",
    .fuse_follows = follows,
    .fuse = STEP_FUSE(fuse),
    .run = STEP_RUN(run),
};
