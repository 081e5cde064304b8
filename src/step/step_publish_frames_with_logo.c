#include "media/image.h"
#include "media/video.h"
#include "step/logo.h"
#include "step/still.h"

#include <math.h>
#include <string.h>

/* A step may have no more results. */
enum { FRAMES_MAX = 64, FRAMES_DEFAULT = 4, FRAME_QUALITY = 90 };

static const char *const formats[] = {"jpeg", "png", "webp", NULL};

static const struct step_param params[] = {
    {.name = "image_urls",
     .type = STEP_PARAM_IMAGES,
     .max_items = 16,
     .doc = "The pictures to publish; either these or a video."},
    {.name = "video_url", .type = STEP_PARAM_VIDEO, .doc = "The video whose frames are published."},
    {.name = "count",
     .type = STEP_PARAM_INTEGER,
     .min = 1,
     .max = FRAMES_MAX,
     .doc = "How many frames of the video, evenly spread; 4 without this and every_s."},
    {.name = "every_s",
     .type = STEP_PARAM_NUMBER,
     .min = 0.04,
     .max = VIDEO_DURATION_MAX_S,
     .doc = "Seconds between the frames of the video, from its start; at most 64 frames."},
    {.name = "logo_url",
     .type = STEP_PARAM_IMAGE,
     .doc = "A picture that is laid over every result; none leaves them as they are."},
    {.name = "position",
     .type = STEP_PARAM_CHOICE,
     .default_json = "\"bottom-right\"",
     .values = step_logo_positions,
     .doc = "Where the logo stands."},
    {.name = "format",
     .type = STEP_PARAM_CHOICE,
     .default_json = "\"jpeg\"",
     .values = formats,
     .doc = "File format of the results; JPEG shows transparent parts white."},
};

#ifndef STEP_DESCRIPTORS_ONLY

struct publisher {
    struct step_run *run;
    const struct step_input *logo_file; /* NULL */
    enum image_format format;
    struct step_logo logo; /* for pictures of the size below */
    int width, height;
};

static void cleanup_publisher(struct publisher *publisher)
{
    cleanup_step_logo(&publisher->logo);
}

static enum image_format read_format(const char *name)
{
    return strcmp(name, "png") == 0    ? IMAGE_PNG
           : strcmp(name, "webp") == 0 ? IMAGE_WEBP
                                       : IMAGE_JPEG;
}

/* Frames of one size share one logo. */
static int fit_logo(struct publisher *publisher, const struct picture *picture, struct err *err)
{
    if (publisher->logo.rgba && publisher->width == picture->width &&
        publisher->height == picture->height)
        return 0;
    const struct step_logo_settings settings = {
        .position = step_run_text(publisher->run, "position"),
        .scale = STEP_LOGO_SCALE,
        .margin = STEP_LOGO_MARGIN,
    };
    picture_free(TAKE(publisher->logo.rgba));
    publisher->width = picture->width;
    publisher->height = picture->height;
    return step_logo_load(publisher->logo_file, &settings, picture->width, picture->height,
                          &publisher->logo, err);
}

static int publish(struct publisher *publisher, struct picture *picture, struct step_part part,
                   struct err *err)
{
    int rc = publisher->logo_file ? fit_logo(publisher, picture, err) : 0;
    if (rc < 0)
        return rc;
    if (publisher->logo_file)
        image_draw(picture, publisher->logo.rgba, publisher->logo.x, publisher->logo.y, 1);
    return step_still_add(part, picture, publisher->format, FRAME_QUALITY, err);
}

static int publish_images(struct publisher *publisher, const struct step_input *const *inputs,
                          size_t count, struct err *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        struct picture *picture CLEANUP(picture) = NULL;
        struct step_part part = {publisher->run, (double)i / (double)count, 0.5 / (double)count};
        rc = step_still_load(part, inputs[i], 0, 0, IMAGE_FIT_WITHIN, &picture, err);
        part.from += part.length;
        if (rc == 0)
            rc = publish(publisher, picture, part, err);
        if (rc == 0)
            rc = step_run_progress(publisher->run, (double)(i + 1) / (double)count, err);
    }
    return rc;
}

/* How many frames, and the seconds of the first and between two. */
static int plan_frames(const struct step_run *run, const struct video_info *info, int *ret_count,
                       double *ret_first, double *ret_step, struct err *err)
{
    double duration = (double)info->duration_ms / 1000;
    double every = step_run_number(run, "every_s", 0);
    int64_t count = step_run_integer(run, "count", 0);
    if (every > 0 && count > 0)
        return err_set(err, ERR_INVALID, "/every_s", "Either count or every_s is given, not both.");
    if (every > 0) {
        double frames = fmax(1, ceil(duration / every - 1e-6));
        if (frames > FRAMES_MAX)
            return err_set(err, ERR_INVALID, "/every_s",
                           "Every %g s of %g s would be %.0f frames; at most %d are made.", every,
                           duration, frames, FRAMES_MAX);
        *ret_count = (int)frames;
        *ret_first = 0;
        *ret_step = every;
        return 0;
    }
    *ret_count = count > 0 ? (int)count : FRAMES_DEFAULT;
    *ret_step = duration / *ret_count;
    *ret_first = *ret_step / 2;
    return 0;
}

static int publish_video(struct publisher *publisher, const struct step_input *input,
                         struct err *err)
{
    struct video_reader *reader CLEANUP(video_reader) = NULL;
    int count = 0;
    double first = 0, step = 0;
    int rc = video_reader_new(input->fd, input->path, &reader, err);
    if (rc == 0)
        rc = plan_frames(publisher->run, video_reader_info(reader), &count, &first, &step, err);
    for (int i = 0; rc == 0 && i < count; i++) {
        struct picture *picture CLEANUP(picture) = NULL;
        rc = video_reader_at(reader, first + i * step, &picture, err);
        if (rc == 0)
            rc = publish(publisher, picture,
                         (struct step_part){publisher->run, (i + 0.5) / count, 0.5 / count}, err);
        if (rc == 0)
            rc = step_run_progress(publisher->run, (double)(i + 1) / count, err);
    }
    return rc;
}

static int run(struct step_run *run, struct err *err)
{
    const struct step_input *const *images;
    size_t count = step_run_inputs(run, "image_urls", &images);
    const struct step_input *video = step_run_input(run, "video_url");
    if ((count > 0) == (video != NULL))
        return err_set(err, ERR_INVALID, "/image_urls",
                       "Either image_urls or video_url is needed, and not both.");
    struct publisher publisher CLEANUP(publisher) = {
        .run = run,
        .logo_file = step_run_input(run, "logo_url"),
        .format = read_format(step_run_text(run, "format")),
    };
    return video ? publish_video(&publisher, video, err)
                 : publish_images(&publisher, images, count, err);
}

#endif

const struct step_type step_publish_frames_with_logo = {
    .name = "publish_frames_with_logo",
    .summary =
        "Makes finished stills of pictures or of frames of a video, with a logo when asked for.",
    .params = params,
    .param_count = sizeof(params) / sizeof(params[0]),
    .result = STEP_RESULT_IMAGES,
    .place = STEP_PLACE_MEDIA,
    .credits = 5,
    .weight = 4,
    .timeout_s = 600,
    .run = STEP_RUN(run),
};
