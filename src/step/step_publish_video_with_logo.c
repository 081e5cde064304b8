#include "media/image.h"
#include "media/video.h"
#include "step/step.h"

#include <math.h>
#include <string.h>

enum { POSTER_QUALITY = 88 };
/* Of the shorter side of the video. */
#define LOGO_SHARE 0.16
#define MARGIN_SHARE 0.035

/* Row by row: index % 3 is the column, index / 3 the row. */
static const char *const positions[] = {
    "top-left",     "top-center",  "top-right",     "center-left",  "center",
    "center-right", "bottom-left", "bottom-center", "bottom-right", NULL};

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
     .values = positions,
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

static bool advance(void *context, double fraction)
{
    return step_run_progress(context, fraction, NULL) == 0;
}

static int position_index(const char *name)
{
    int index = 0;
    while (positions[index] && strcmp(positions[index], name) != 0)
        index++;
    return positions[index] ? index : 8;
}

static struct picture *with_alpha(const struct picture *source)
{
    struct picture *rgba = picture_new(source->width, source->height, 4);
    size_t count = (size_t)source->width * (size_t)source->height;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *from = source->pixels + i * (size_t)source->channels;
        uint8_t *to = rgba->pixels + i * 4;
        memcpy(to, from, 3);
        to[3] = source->channels == 4 ? from[3] : 255;
    }
    return rgba;
}

/* Loads the logo at its final size and places it. */
static int place_logo(struct step_run *run, const struct step_input *file,
                      const struct video_info *info, struct picture **ret_picture,
                      struct video_logo *ret_logo, struct err *err)
{
    double side = fmin(info->width, info->height);
    int box = (int)lrint(side * LOGO_SHARE), margin = (int)lrint(side * MARGIN_SHARE);
    struct picture *loaded CLEANUP(picture) = NULL;
    int rc = image_load(file->fd, file->path, box * 8, box * 2, false, &loaded, err);
    if (rc < 0)
        return rc;
    double factor = fmin((double)box / loaded->height, box * 2.5 / loaded->width);
    int width = (int)fmax(1, lrint(loaded->width * factor));
    int height = (int)fmax(1, lrint(loaded->height * factor));
    struct picture *scaled CLEANUP(picture) = image_resize(loaded, width, height);
    struct picture *rgba = with_alpha(scaled);
    int index = position_index(step_run_text(run, "position"));
    int free_x = info->width - width, free_y = info->height - height;
    *ret_logo = (struct video_logo){
        .rgba = rgba,
        .x = index % 3 == 0   ? margin
             : index % 3 == 1 ? free_x / 2
                              : free_x - margin,
        .y = index / 3 == 0   ? margin
             : index / 3 == 1 ? free_y / 2
                              : free_y - margin,
        .opacity = 1,
    };
    *ret_picture = rgba;
    return 0;
}

static int add_poster(struct step_run *run, const struct picture *poster, struct err *err)
{
    int fd CLEANUP(fd) = -1;
    int rc = step_run_open_output(run, &fd, err);
    if (rc == 0)
        rc = image_save(poster, IMAGE_JPEG, POSTER_QUALITY, fd, err);
    if (rc == 0)
        step_run_add_file(run, TAKE_FD(fd), "image/jpeg", poster->width, poster->height, 0);
    return rc;
}

static int run(struct step_run *run, struct err *err)
{
    const struct step_input *video = step_run_input(run, "video_url");
    const struct step_input *logo_file = step_run_input(run, "logo_url");
    struct picture *logo_picture CLEANUP(picture) = NULL, *poster CLEANUP(picture) = NULL;
    struct video_logo logo;
    struct video_info info;
    int rc = logo_file ? video_probe(video->fd, video->path, &info, err) : 0;
    if (rc == 0 && logo_file)
        rc = place_logo(run, logo_file, &info, &logo_picture, &logo, err);
    if (rc < 0)
        return rc;

    int fd CLEANUP(fd) = -1;
    struct video_result result;
    const struct media_monitor monitor = {run, advance};
    const struct video_publish_settings settings = {
        .logo = logo_file ? &logo : NULL,
        .title = step_run_text(run, "title"),
        .poster = step_run_boolean(run, "poster", false),
    };
    rc = step_run_open_output(run, &fd, err);
    if (rc == 0)
        rc = video_publish(video->fd, video->path, &settings, fd, &monitor, &result, &poster, err);
    if (rc < 0)
        return rc;
    step_run_add_file(run, TAKE_FD(fd), "video/mp4", result.width, result.height,
                      result.duration_ms);
    return poster ? add_poster(run, poster, err) : 0;
}

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
    .run = STEP_RUN(run),
};
