#include "step/backdrop.h"
#include "step/fuse.h"
#include "step/still.h"
#include "step/subject.h"

#include <string.h>

static const char *const options[] = {"RemoveBackground", "ReplaceBackground", "RestyleBackground",
                                      NULL};
static const char *const alignments[] = {"left", "center", "right", NULL};

static const struct step_param params[] = {
    {.name = "image_url",
     .type = STEP_PARAM_IMAGE,
     .doc = "The picture of the subject; either this or a video."},
    {.name = "video_url",
     .type = STEP_PARAM_VIDEO,
     .doc = "The video of the subject; its sound stays."},
    {.name = "option",
     .type = STEP_PARAM_CHOICE,
     .default_json = "\"RemoveBackground\"",
     .values = options,
     .doc = "Transparent (a video: one colour), another background, or the own one in the manner "
            "of background_url."},
    {.name = "background_url",
     .type = STEP_PARAM_IMAGE,
     .doc = "The picture behind the subject, or whose manner the background takes."},
    {.name = "background_video_url",
     .type = STEP_PARAM_VIDEO,
     .doc = "The video behind the subject."},
    {.name = "color", .type = STEP_PARAM_COLOR, .doc = "The colour behind the subject."},
    {.name = "scene",
     .type = STEP_PARAM_TEXT,
     .max_length = 200,
     .doc = "The scene behind the subject, by its name or in words; a person in a still is lit by "
            "it."},
    {.name = "chroma_key_color",
     .type = STEP_PARAM_TEXT,
     .default_json = "\"origin\"",
     .max_length = 20,
     .doc = "The colour of a screen, such as #00FF00, that is taken out; when another one of its "
            "hue fills the frame, that is meant. origin finds the subject itself."},
    {.name = "chroma_tolerance",
     .type = STEP_PARAM_NUMBER,
     .default_json = "0.1",
     .min = 0,
     .max = 1,
     .doc = "How far from the key a colour may be and is still taken out."},
    {.name = "mask_url",
     .type = STEP_PARAM_IMAGE,
     .doc = "What is kept, in white, or by its transparency; without it the subject is found."},
    {.name = "overlay_scale",
     .type = STEP_PARAM_NUMBER,
     .min = 0.02,
     .max = 1,
     .doc = "Height of the subject as a share of the background's. Without it a still keeps its "
            "frame and place; before a picture or video a video has 0.6666."},
    {.name = "alignment",
     .type = STEP_PARAM_CHOICE,
     .values = alignments,
     .doc = "Where the subject stands; center when it is laid over the background."},
    {.name = "x_offset",
     .type = STEP_PARAM_INTEGER,
     .default_json = "0",
     .min = -8192,
     .max = 8192,
     .doc = "Pixels to the right of there."},
    {.name = "y_offset",
     .type = STEP_PARAM_INTEGER,
     .default_json = "0",
     .min = -8192,
     .max = 8192,
     .doc = "Pixels below there."},
    {.name = "start_time",
     .type = STEP_PARAM_NUMBER,
     .default_json = "0",
     .min = 0,
     .max = VIDEO_DURATION_MAX_S,
     .doc = "Second of the background video at which the result begins."},
};

/* A still before a video is a video too. */
static bool begins(const json_t *given)
{
    const char *option = json_member_string(given, "option");
    const json_t *behind = json_object_get(given, "background_video_url");
    return step_fuse_of_video(given) ||
           (option && strcmp(option, "ReplaceBackground") == 0 && behind && !json_is_null(behind));
}

#ifndef STEP_DESCRIPTORS_ONLY

#include "media/compose.h"
#include "media/face.h"
#include "media/image.h"
#include "media/parallax.h"
#include "media/restyle.h"

#include <math.h>

enum { STILL_SIDE_MAX = 4096, SURVEY_FRAMES = 12 };
#define OVERLAY_SCALE 0.6666
/* Pixels of all frames together that are cut out within the time limit: eight minutes of 1920 x 1080 at 30 frames a second. */
#define VIDEO_WORK_MAX 30e9

/* One run of the step. */
struct job {
    struct step_run *run;
    const struct step_input *image, *video;
    char option; /* 'm' remove, 'p' replace, 's' restyle: the letter that tells them apart */
    struct step_subject subject;
    struct step_backdrop backdrop;
    struct restyle_manner own, wanted; /* of a video's frames and of background_url */
    struct restyle_stream *restyle;    /* of a video's frames; NULL */
    int width, height;                 /* of the result */
    bool laid_over;                    /* the subject leaves its own frame */
    struct cutout_box from, to;        /* where it is and where it goes */
};

static void cleanup_job(struct job *job)
{
    step_subject_finish(&job->subject);
    step_backdrop_finish(&job->backdrop);
    restyle_stream_free(job->restyle);
}

/* --- where the subject goes ---------------------------------------------------------------------
 */

static bool is_placed(const struct step_run *run)
{
    return step_run_number(run, "overlay_scale", -1) > 0 || step_run_text(run, "alignment") ||
           step_run_integer(run, "x_offset", 0) != 0 || step_run_integer(run, "y_offset", 0) != 0;
}

/* Frame of the result; `width`, `height` are the subject's. */
static void choose_frame(struct job *job, int width, int height)
{
    int own_width, own_height;
    bool moves = job->video || job->backdrop.kind == STEP_BACKDROP_VIDEO;
    bool has_frame =
        job->option == 'p' && step_backdrop_size(&job->backdrop, &own_width, &own_height);
    job->laid_over = job->option == 'p' && (is_placed(job->run) || (moves && has_frame));
    job->width = job->laid_over && has_frame ? own_width : width;
    job->height = job->laid_over && has_frame ? own_height : height;
    if (moves) {
        job->width = job->width > 1 ? job->width & ~1 : 2;
        job->height = job->height > 1 ? job->height & ~1 : 2;
    }
}

/* `found` is the subject in its own frame, whose last row is `bottom`: who is cut off there stands on the result's edge. */
static void place(struct job *job, const struct cutout_box *found, int bottom)
{
    const char *alignment = step_run_text(job->run, "alignment");
    double scale = step_run_number(job->run, "overlay_scale", OVERLAY_SCALE);
    double factor = fmin(scale * job->height / found->height, (double)job->width / found->width);
    int width = (int)fmax(1, lrint(found->width * factor));
    int height = (int)fmax(1, lrint(found->height * factor));
    int room = job->width - width;
    job->from = *found;
    job->to = (struct cutout_box){
        .x = alignment && strcmp(alignment, "left") == 0    ? 0
             : alignment && strcmp(alignment, "right") == 0 ? room
                                                            : room / 2,
        .y = found->y + found->height >= bottom ? job->height - height : (job->height - height) / 2,
        .width = width,
        .height = height,
    };
    job->to.x += (int)step_run_integer(job->run, "x_offset", 0);
    job->to.y += (int)step_run_integer(job->run, "y_offset", 0);
}

static void place_whole(struct job *job)
{
    job->from = job->to = (struct cutout_box){0, 0, job->width, job->height};
}

static void note_subject(const struct job *job)
{
    const char *what = job->video ? "video" : "picture";
    if (job->subject.kind == STEP_SUBJECT_NONE)
        step_run_note(job->run, "No subject was found in the %s, so it stays whole.", what);
    else if (job->subject.kind == STEP_SUBJECT_OBJECT)
        step_run_note(job->run,
                      "No person was found in the %s; what stands before its even ground was cut "
                      "out.",
                      what);
}

/* --- a still ------------------------------------------------------------------------------------
 */

/* A person in a scene is framed and lit as image_2_image does it. */
static int into_scene(struct job *job, const struct picture *photo, const struct cutout *cutout,
                      struct picture **ret_picture, struct err *err)
{
    struct step_backdrop *backdrop = &job->backdrop;
    struct face *faces = mem_array(FACE_MAX, sizeof(*faces));
    size_t count = 0;
    struct picture *rgb CLEANUP(picture) = image_on_white(photo);
    struct compose_subject subject = {.colours = cutout->colours, .matte = cutout->matte};
    if (face_find(rgb, &backdrop->assets, NULL, faces, &count, NULL) == 0 && count > 0) {
        subject.has_face = true;
        subject.eyes_x = (faces[0].left_eye_x + faces[0].right_eye_x) / 2;
        subject.eyes_y = (faces[0].left_eye_y + faces[0].right_eye_y) / 2;
        subject.face_width = faces[0].width;
        subject.face_height = faces[0].height;
    }
    free(faces);
    struct compose_settings settings = {
        .scene = backdrop->scene,
        .variant = backdrop->variant,
        .width = job->width,
        .height = job->height,
        .seed = backdrop->seed,
    };
    struct step_part part = {job->run, 0.4, 0.5};
    const struct media_monitor monitor = {&part, step_part_advance};
    struct layers *layers CLEANUP(layers) = NULL;
    int rc =
        scene_plate(&backdrop->assets, backdrop->scene, backdrop->variant, &settings.plate, err);
    if (rc == 0)
        rc = compose_scene(&subject, &settings, &monitor, &layers, err);
    if (rc < 0)
        return rc;
    struct parallax *parallax CLEANUP(parallax) = parallax_new(layers, 5);
    *ret_picture = picture_new(job->width, job->height, 3);
    parallax_render(parallax, &parallax_still, 0, 0, *ret_picture);
    return 0;
}

static int restyled(struct job *job, const struct picture *photo, struct picture **ret_picture,
                    struct err *err)
{
    struct step_part part = {job->run, 0.4, 0.5};
    const struct media_monitor monitor = {&part, step_part_advance};
    struct picture *rgb CLEANUP(picture) = image_on_white(photo);
    return restyle_photo(rgb, &job->wanted, &job->subject.assets, &monitor, ret_picture, err);
}

static int make_still(struct job *job, const struct picture *photo, const struct cutout *cutout,
                      struct picture **ret_picture, struct err *err)
{
    bool found = cutout->matte != NULL;
    struct cutout_box box;
    int rc;
    if (!found && job->option != 's') {
        *ret_picture = picture_copy(photo);
        return 0;
    }
    if (job->option == 'm') {
        *ret_picture = cutout_picture(cutout);
        return 0;
    }
    if (job->option == 's') {
        rc = restyled(job, photo, ret_picture, err);
    } else if (job->backdrop.kind == STEP_BACKDROP_SCENE && !job->laid_over &&
               job->subject.kind == STEP_SUBJECT_PERSON) {
        return into_scene(job, photo, cutout, ret_picture, err);
    } else {
        rc = step_backdrop_at(&job->backdrop, 0, job->width, job->height, ret_picture, err);
    }
    if (rc < 0 || !found)
        return rc;
    place_whole(job);
    if (job->laid_over && cutout_bounds(cutout->matte, &box))
        place(job, &box, photo->height);
    cutout_lay(*ret_picture, cutout, &job->from, &job->to);
    return 0;
}

/* --- a video ------------------------------------------------------------------------------------
 */

/* What is laid over each frame. */
struct overlay {
    struct video_reader *reader; /* of the subject; NULL for a still */
    const struct cutout *still;
};

static int draw_video_subject(struct job *job, struct video_reader *reader, double seconds,
                              struct picture *frame, struct err *err)
{
    struct picture *own CLEANUP(picture) = NULL;
    struct cutout cutout CLEANUP(cutout) = {0};
    int rc = video_reader_at(reader, seconds, &own, err);
    if (rc == 0 && job->option == 's') {
        memcpy(frame->pixels, own->pixels, (size_t)own->width * (size_t)own->height * 3);
        restyle_stream_next(job->restyle, frame);
    }
    if (rc == 0)
        rc = step_subject_cut_next(&job->subject, own, &cutout, err);
    if (rc == 0 && cutout.matte)
        cutout_lay(frame, &cutout, &job->from, &job->to);
    return rc;
}

static int draw_frame(struct job *job, const struct overlay *overlay, double seconds,
                      struct video_writer *writer, struct err *err)
{
    struct picture *frame CLEANUP(picture) = NULL;
    int rc = step_backdrop_at(&job->backdrop, seconds, job->width, job->height, &frame, err);
    if (rc == 0 && overlay->reader)
        rc = draw_video_subject(job, overlay->reader, seconds, frame, err);
    else if (rc == 0)
        cutout_lay(frame, overlay->still, &job->from, &job->to);
    return rc < 0 ? rc : video_writer_frame(writer, frame, err);
}

/* Refuses what could not be done in the time that a step has. */
static int check_work(const struct job *job, const struct video_info *timing, const char *path,
                      double length_s, struct err *err)
{
    double rate = (double)timing->rate_numerator / timing->rate_denominator;
    double pixels = fmax((double)job->width * job->height, (double)timing->width * timing->height);
    double most = job->option == 's' ? VIDEO_WORK_MAX / 2 : VIDEO_WORK_MAX;
    double most_s = floor(most / (pixels * rate));
    if (length_s <= most_s)
        return 0;
    return err_set(err, ERR_INVALID, path,
                   "The video of %s is %.0f s long; of this size and rate %.0f s are taken.", path,
                   length_s, most_s);
}

/* Renders the result at the rate and for the time of `timing`, with the sound of `sound`. */
static int render(struct job *job, const struct overlay *overlay, const struct video_info *timing,
                  double length_s, const struct video_writer_sound *sound, struct err *err)
{
    double from = overlay->reader ? 0.1 : 0.4;
    double rate = (double)timing->rate_numerator / timing->rate_denominator;
    int64_t count = (int64_t)fmax(1, llrint(length_s * rate));
    const struct video_result made = {job->width, job->height, llrint((double)count / rate * 1000)};
    struct step_marks marks CLEANUP(step_marks) = {0};
    int fd CLEANUP(fd) = -1;
    struct video_writer *writer CLEANUP(video_writer) = NULL;
    int rc = step_marks_read(job->run, made.width, made.height, made.duration_ms, &marks, err);
    const struct video_writer_settings settings = {
        .width = job->width,
        .height = job->height,
        .rate_numerator = timing->rate_numerator,
        .rate_denominator = timing->rate_denominator,
        .frame_count = count,
        .marks = step_marks_all(&marks),
        .sound = sound,
    };
    if (rc == 0)
        rc = step_run_open_output(job->run, &fd, err);
    if (rc == 0)
        rc = video_writer_new(fd, &settings, &writer, err);
    for (int64_t i = 0; rc == 0 && i < count; i++) {
        rc = draw_frame(job, overlay, (double)i / rate, writer, err);
        if (rc == 0)
            rc = step_run_progress(job->run, from + (1 - from) * (double)(i + 1) / (double)count,
                                   err);
    }
    if (rc == 0)
        rc = video_writer_finish(writer, err);
    return rc < 0 ? rc : step_fuse_finish(job->run, TAKE_FD(fd), &made, err);
}

/* A look through the whole video: in which way the subject is found, and everywhere it is. */
static int survey(struct job *job, struct video_reader *reader, struct cutout_box *ret_found,
                  struct err *err)
{
    const struct video_info *info = video_reader_info(reader);
    enum step_subject_kind wanted = job->subject.kind, found = STEP_SUBJECT_NONE;
    *ret_found = (struct cutout_box){0};
    for (int i = 0; i < SURVEY_FRAMES; i++) {
        struct picture *frame CLEANUP(picture) = NULL;
        struct cutout cutout CLEANUP(cutout) = {0};
        struct cutout_box box;
        double seconds = (double)info->duration_ms / 1000 * (i + 0.5) / SURVEY_FRAMES;
        int rc = video_reader_at(reader, seconds, &frame, err);
        job->subject.kind = wanted;
        if (rc == 0)
            rc = step_subject_cut(&job->subject, frame, NULL, &cutout, err);
        if (rc == 0 && i == 0)
            job->own = restyle_read(frame);
        if (rc == 0)
            rc = step_run_progress(job->run, 0.1 * (i + 1) / SURVEY_FRAMES, err);
        if (rc < 0)
            return rc;
        /* Somebody in one frame is enough; a thing counts while there is nobody. */
        if (job->subject.kind < found)
            *ret_found = (struct cutout_box){0};
        if (job->subject.kind <= found && cutout.matte && cutout_bounds(cutout.matte, &box)) {
            found = job->subject.kind;
            *ret_found = cutout_union(ret_found, &box);
        }
    }
    job->subject.kind = found;
    return 0;
}

/* Room for what happened between the frames that were looked at. */
static void widen(struct cutout_box *box, int width, int height)
{
    int room = (box->width > box->height ? box->width : box->height) / 16;
    int right = box->x + box->width + room, bottom = box->y + box->height + room;
    box->x = box->x > room ? box->x - room : 0;
    box->y = box->y > room ? box->y - room : 0;
    box->width = (right < width ? right : width) - box->x;
    box->height = (bottom < height ? bottom : height) - box->y;
}

static int run_video(struct job *job, struct err *err)
{
    struct video_reader *reader CLEANUP(video_reader) = NULL;
    struct cutout_box found;
    int rc = video_reader_new(job->video->fd, job->video->path, &reader, err);
    if (rc < 0)
        return rc;
    const struct video_info *info = video_reader_info(reader);
    double length_s = (double)info->duration_ms / 1000;
    choose_frame(job, info->width, info->height);
    rc = check_work(job, info, job->video->path, length_s, err);
    if (rc == 0)
        rc = survey(job, reader, &found, err);
    if (rc < 0)
        return rc;
    note_subject(job);
    if (job->option == 's')
        job->restyle = restyle_stream_new(&job->own, &job->wanted);
    if (job->subject.kind == STEP_SUBJECT_NONE) {
        /* Stays whole: a mask that keeps everything. */
        job->subject.kind = STEP_SUBJECT_MASK;
        job->subject.mask = picture_new(1, 1, 1);
        job->subject.mask->pixels[0] = job->option == 's' ? 0 : 255;
        found = (struct cutout_box){0, 0, info->width, info->height};
    }
    if (job->laid_over) {
        widen(&found, info->width, info->height);
        place(job, &found, info->height);
    } else {
        place_whole(job);
    }
    if (job->option == 'm')
        step_run_note(job->run, "An MP4 holds no transparency: the background is one colour.");
    const struct overlay overlay = {.reader = reader};
    const struct video_writer_sound sound = {job->video->fd, job->video->path, 0};
    return render(job, &overlay, info, length_s, &sound, err);
}

/* A still before a moving background. */
static int run_still_before_video(struct job *job, const struct cutout *cutout, int bottom,
                                  struct err *err)
{
    const struct step_input *file = step_run_input(job->run, "background_video_url");
    const struct video_info *info = video_reader_info(job->backdrop.reader);
    const struct overlay overlay = {.still = cutout};
    const struct video_writer_sound sound = {file->fd, file->path, job->backdrop.start_s};
    struct cutout_box box = {0};
    cutout_bounds(cutout->matte, &box);
    double length_s = (double)info->duration_ms / 1000 - job->backdrop.start_s;
    int rc = check_work(job, info, file->path, length_s, err);
    place(job, &box, bottom);
    return rc < 0 ? rc : render(job, &overlay, info, length_s, &sound, err);
}

static int run_still(struct job *job, struct err *err)
{
    struct picture *photo CLEANUP(picture) = NULL, *made CLEANUP(picture) = NULL;
    struct cutout cutout CLEANUP(cutout) = {0};
    struct step_part part = {job->run, 0.1, 0.3};
    const struct media_monitor monitor = {&part, step_part_advance};
    int rc = step_still_load((struct step_part){job->run, 0, 0.1}, job->image, STILL_SIDE_MAX,
                             STILL_SIDE_MAX, IMAGE_FIT_WITHIN, &photo, err);
    if (rc == 0)
        rc = step_run_progress(job->run, 0.1, err);
    if (rc == 0)
        rc = step_subject_cut(&job->subject, photo, &monitor, &cutout, err);
    if (rc == 0)
        rc = step_run_progress(job->run, 0.4, err);
    if (rc < 0)
        return rc;
    note_subject(job);
    choose_frame(job, photo->width, photo->height);
    if (job->option == 'p' && job->backdrop.kind == STEP_BACKDROP_VIDEO) {
        if (!cutout.matte) {
            cutout.colours = image_on_white(photo);
            cutout.matte = picture_new(photo->width, photo->height, 1);
            memset(cutout.matte->pixels, 255, (size_t)photo->width * (size_t)photo->height);
        }
        return run_still_before_video(job, &cutout, photo->height, err);
    }
    rc = make_still(job, photo, &cutout, &made, err);
    if (rc == 0)
        rc = step_still_add((struct step_part){job->run, 0.9, 0.1}, made, IMAGE_PNG, 0, err);
    return rc < 0 ? rc : step_run_progress(job->run, 1, err);
}

/* --- what was asked -----------------------------------------------------------------------------
 */

static int check_backdrop(struct job *job, struct err *err)
{
    const struct step_backdrop *backdrop = &job->backdrop;
    if (job->option == 'p' && backdrop->kind == STEP_BACKDROP_NONE)
        return err_set(err, ERR_INVALID, "/background_url",
                       "ReplaceBackground needs one of background_url, background_video_url, color "
                       "and scene.");
    if (job->option == 's' && backdrop->kind != STEP_BACKDROP_IMAGE)
        return err_set(err, ERR_INVALID, "/background_url",
                       "RestyleBackground needs background_url, the picture whose manner is "
                       "taken.");
    if (job->option == 'm' && backdrop->kind != STEP_BACKDROP_NONE &&
        !(backdrop->kind == STEP_BACKDROP_COLOR && job->video))
        return err_set(err, ERR_INVALID, "/option",
                       "RemoveBackground takes no background; ReplaceBackground does.");
    return 0;
}

static int run(struct step_run *run, struct err *err)
{
    struct job job CLEANUP(job) = {
        .run = run,
        .image = step_run_input(run, "image_url"),
        .video = step_run_input(run, "video_url"),
        .option = step_run_text(run, "option")[2],
    };
    if (!job.image == !job.video)
        return err_set(err, ERR_INVALID, "/image_url",
                       "Either image_url or video_url is needed, and not both.");
    int rc = step_backdrop_open(run, &job.backdrop, err);
    if (rc == 0)
        rc = check_backdrop(&job, err);
    if (rc == 0)
        rc = step_subject_open(run, &job.subject, err);
    if (rc < 0)
        return rc;
    run->provider = "local";
    if (job.option == 's')
        job.wanted = restyle_read(job.backdrop.image);
    if (job.option == 'm' && job.backdrop.kind == STEP_BACKDROP_NONE) {
        static const uint8_t screen[3] = {0, 177, 64}; /* that keyers expect */
        job.backdrop.kind = STEP_BACKDROP_COLOR;
        memcpy(job.backdrop.color, screen, 3);
    }
    return job.video ? run_video(&job, err) : run_still(&job, err);
}

#endif

const struct step_type step_replace_background = {
    .name = "replace_background",
    .summary = "Cuts the subject of a picture or video out, and puts something else behind it.",
    .params = params,
    .param_count = sizeof(params) / sizeof(params[0]),
    .result = STEP_RESULT_ANY,
    .place = STEP_PLACE_MEDIA,
    .generative = true,
    .credits = 10,
    .weight = 6,
    .timeout_s = 1800,
    .fuse_begins = begins,
    .run = STEP_RUN(run),
};
