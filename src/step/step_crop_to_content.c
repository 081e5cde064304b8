#include "step/fuse.h"
#include "step/still.h"

#include "media/video.h"

static const char *const aspect_ratios[] = {"21:9", "16:9", "3:2",  "4:3",  "1:1",
                                            "3:4",  "2:3",  "9:16", "9:21", NULL};

static const struct step_param params[] = {
    {.name = "image_url",
     .type = STEP_PARAM_IMAGE,
     .doc = "The picture that loses its border; either this or a video."},
    {.name = "video_url",
     .type = STEP_PARAM_VIDEO,
     .doc = "The video that loses the border that all its frames have; its sound stays."},
    {.name = "padding",
     .type = STEP_PARAM_INTEGER,
     .default_json = "0",
     .min = 0,
     .max = 2000,
     .doc = "Pixels of border that stay, or are added, on every side."},
    {.name = "aspect_ratio",
     .type = STEP_PARAM_CHOICE,
     .values = aspect_ratios,
     .doc = "Shape of the result, reached by more border; without it the shape of the content."},
    {.name = "threshold",
     .type = STEP_PARAM_NUMBER,
     .default_json = "0.06",
     .min = 0,
     .max = 1,
     .doc = "How far a pixel may be from the border's colour, or how opaque, and still be "
            "border."},
};

#ifndef STEP_DESCRIPTORS_ONLY

#include "media/content.h"
#include "media/image.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Pixels of all frames together that are read twice and encoded within the time limit: an hour of 1280 x 720 at 25 frames a
 * second. */
#define VIDEO_WORK_MAX 85e9

/* The box with the padding, then as much wider or higher as the shape needs, the content in its middle. */
static struct cutout_box box_around(const struct step_run *run, const struct cutout_box *content)
{
    const char *shape = step_run_text(run, "aspect_ratio");
    int padding = (int)step_run_integer(run, "padding", 0), across, down;
    struct cutout_box box = {content->x - padding, content->y - padding,
                             content->width + 2 * padding, content->height + 2 * padding};
    if (!shape || sscanf(shape, "%d:%d", &across, &down) != 2)
        return box;
    int width = (int)fmax(box.width, ceil((double)box.height * across / down));
    int height = (int)fmax(box.height, ceil((double)box.width * down / across));
    box.x -= (width - box.width) / 2;
    box.y -= (height - box.height) / 2;
    box.width = width;
    box.height = height;
    return box;
}

static int check_size(const struct cutout_box *box, int most, struct err *err)
{
    if (box->width <= most && box->height <= most &&
        (double)box->width * box->height <= PICTURE_PIXELS_MAX)
        return 0;
    return err_set(err, ERR_INVALID, "/padding",
                   "The result would be %d x %d pixels; sides of at most %d are made.", box->width,
                   box->height, most);
}

static int crop_image(struct step_run *run, const struct step_input *input, struct err *err)
{
    struct picture *picture CLEANUP(picture) = NULL;
    struct cutout_box content = {0};
    uint8_t border[4];
    int rc = step_still_load((struct step_part){run, 0, 0.4}, input, 0, 0, IMAGE_FIT_WITHIN,
                             &picture, err);
    if (rc == 0)
        rc = step_run_progress(run, 0.4, err);
    if (rc < 0)
        return rc;
    if (!content_find(picture, step_run_number(run, "threshold", 0), &content, border))
        step_run_note(run, "The picture is nothing but border, so it stays whole.");
    struct cutout_box box = box_around(run, &content);
    rc = check_size(&box, PICTURE_SIDE_MAX, err);
    if (rc < 0)
        return rc;
    struct picture *cut CLEANUP(picture) = content_cut(picture, &box, border);
    rc = step_still_add((struct step_part){run, 0.5, 0.5}, cut, IMAGE_PNG, 0, err);
    return rc < 0 ? rc : step_run_progress(run, 1, err);
}

/* --- a video ------------------------------------------------------------------------------------
 */

struct timing {
    double rate;
    int64_t count;
};

static struct timing timing_of(const struct video_info *info)
{
    double rate = (double)info->rate_numerator / info->rate_denominator;
    return (struct timing){rate, (int64_t)fmax(1, llrint((double)info->duration_ms / 1000 * rate))};
}

/* Refuses what could not be done in the time that a step has. */
static int check_work(const struct video_info *info, const char *path, struct err *err)
{
    const struct timing timing = timing_of(info);
    double pixels = (double)info->width * info->height;
    if (pixels * (double)timing.count <= VIDEO_WORK_MAX)
        return 0;
    return err_set(err, ERR_INVALID, path,
                   "The video of %s is %.0f s long; of this size and rate %.0f s are taken.", path,
                   (double)info->duration_ms / 1000,
                   floor(VIDEO_WORK_MAX / (pixels * timing.rate)));
}

/* Everything that is content in any frame. */
static int find_content(struct step_run *run, struct video_reader *reader,
                        struct cutout_box *ret_content, uint8_t ret_border[4], struct err *err)
{
    const struct video_info *info = video_reader_info(reader);
    const struct timing timing = timing_of(info);
    double threshold = step_run_number(run, "threshold", 0);
    bool has_border = false;
    *ret_content = (struct cutout_box){0};
    for (int64_t i = 0; i < timing.count; i++) {
        struct picture *frame CLEANUP(picture) = NULL;
        struct cutout_box box;
        uint8_t border[4];
        int rc = video_reader_at(reader, (double)i / timing.rate, &frame, err);
        if (rc == 0)
            rc = step_run_progress(run, 0.4 * (double)i / (double)timing.count, err);
        if (rc < 0)
            return rc;
        bool found = content_find(frame, threshold, &box, border);
        if (found)
            *ret_content = cutout_union(ret_content, &box);
        if (found && !has_border)
            memcpy(ret_border, border, 4);
        has_border |= found;
    }
    if (has_border)
        return 0;
    step_run_note(run, "The video is nothing but border, so it stays whole.");
    *ret_content = (struct cutout_box){0, 0, info->width, info->height};
    return 0;
}

static int render(struct step_run *run, struct video_reader *reader, const struct cutout_box *box,
                  const uint8_t border[4], struct video_writer *writer, struct err *err)
{
    const struct timing timing = timing_of(video_reader_info(reader));
    int rc = 0;
    for (int64_t i = 0; rc == 0 && i < timing.count; i++) {
        struct picture *frame CLEANUP(picture) = NULL;
        rc = video_reader_at(reader, (double)i / timing.rate, &frame, err);
        if (rc < 0)
            return rc;
        struct picture *cut CLEANUP(picture) = content_cut(frame, box, border);
        rc = video_writer_frame(writer, cut, err);
        if (rc == 0)
            rc = step_run_progress(run, 0.4 + 0.6 * (double)(i + 1) / (double)timing.count, err);
    }
    return rc < 0 ? rc : video_writer_finish(writer, err);
}

/* Sides that H.264 takes: even, and not too small. */
static void make_even(struct cutout_box *box)
{
    int width = (box->width + 1) & ~1, height = (box->height + 1) & ~1;
    width = width < VIDEO_SIDE_MIN ? VIDEO_SIDE_MIN : width;
    height = height < VIDEO_SIDE_MIN ? VIDEO_SIDE_MIN : height;
    box->x -= (width - box->width) / 2;
    box->y -= (height - box->height) / 2;
    box->width = width;
    box->height = height;
}

static int crop_video(struct step_run *run, const struct step_input *input, struct err *err)
{
    struct video_reader *reader CLEANUP(video_reader) = NULL;
    struct video_writer *writer CLEANUP(video_writer) = NULL;
    struct step_marks marks CLEANUP(step_marks) = {0};
    struct cutout_box content = {0};
    uint8_t border[4] = {0};
    int fd CLEANUP(fd) = -1;
    int rc = video_reader_new(input->fd, input->path, &reader, err);
    if (rc == 0)
        rc = check_work(video_reader_info(reader), input->path, err);
    if (rc == 0)
        rc = find_content(run, reader, &content, border, err);
    if (rc < 0)
        return rc;
    const struct video_info *info = video_reader_info(reader);
    const struct timing timing = timing_of(info);
    struct cutout_box box = box_around(run, &content);
    make_even(&box);
    const struct video_result made = {box.width, box.height,
                                      llrint((double)timing.count / timing.rate * 1000)};
    rc = check_size(&box, 4096, err);
    if (rc == 0)
        rc = step_marks_read(run, made.width, made.height, made.duration_ms, &marks, err);
    if (rc < 0)
        return rc;
    const struct video_writer_sound sound = {input->fd, input->path, 0};
    const struct video_writer_settings settings = {
        .width = box.width,
        .height = box.height,
        .rate_numerator = info->rate_numerator,
        .rate_denominator = info->rate_denominator,
        .frame_count = timing.count,
        .marks = step_marks_all(&marks),
        .sound = &sound,
    };
    rc = step_run_open_output(run, &fd, err);
    if (rc == 0)
        rc = video_writer_new(fd, &settings, &writer, err);
    if (rc == 0)
        rc = render(run, reader, &box, border, writer, err);
    return rc < 0 ? rc : step_fuse_finish(run, TAKE_FD(fd), &made, err);
}

static int run(struct step_run *run, struct err *err)
{
    const struct step_input *image = step_run_input(run, "image_url");
    const struct step_input *video = step_run_input(run, "video_url");
    if (!image == !video)
        return err_set(err, ERR_INVALID, "/image_url",
                       "Either image_url or video_url is needed, and not both.");
    return image ? crop_image(run, image, err) : crop_video(run, video, err);
}

#endif

const struct step_type step_crop_to_content = {
    .name = "crop_to_content",
    .summary = "Takes transparent or even borders off a picture or a video.",
    .params = params,
    .param_count = sizeof(params) / sizeof(params[0]),
    .result = STEP_RESULT_ANY,
    .place = STEP_PLACE_MEDIA,
    .credits = 5,
    .weight = 4,
    .timeout_s = 3600,
    .fuse_begins = step_fuse_of_video,
    .run = STEP_RUN(run),
};
