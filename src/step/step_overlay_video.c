#include "media/image.h"
#include "media/video.h"
#include "step/fuse.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const layouts[] = {
    "left-small",   "left-medium", "left-large",   "center-small", "center-medium",
    "center-large", "right-small", "right-medium", "right-large",  NULL};
static const char *const shapes[] = {"rectangle", "rounded", "circle", NULL};
static const char *const audios[] = {"base", "overlay", "mix", NULL};
static const char *const ends[] = {"shortest", "base", NULL};

static const struct step_param params[] = {
    {.name = "video_url",
     .type = STEP_PARAM_VIDEO,
     .required = true,
     .doc = "The video that fills the frame."},
    {.name = "overlay_url",
     .type = STEP_PARAM_MEDIA,
     .required = true,
     .doc = "The video or picture that is shown within it."},
    {.name = "layout",
     .type = STEP_PARAM_CHOICE,
     .default_json = "\"right-small\"",
     .values = layouts,
     .doc = "Where it stands above the lower edge, and its size: small, medium and large are 28, "
            "42 and 66 % of the shorter "
            "side high, and at most 1.8 times as wide."},
    {.name = "shape",
     .type = STEP_PARAM_CHOICE,
     .default_json = "\"rectangle\"",
     .values = shapes,
     .doc = "Its outline; a circle crops it to its middle."},
    {.name = "start_time",
     .type = STEP_PARAM_NUMBER,
     .default_json = "0",
     .min = 0,
     .max = VIDEO_DURATION_MAX_S,
     .doc = "Second of the video at which it appears."},
    {.name = "audio",
     .type = STEP_PARAM_CHOICE,
     .default_json = "\"base\"",
     .values = audios,
     .doc = "Whose sound is heard; the overlay's only when it has one."},
    {.name = "end",
     .type = STEP_PARAM_CHOICE,
     .default_json = "\"base\"",
     .values = ends,
     .doc = "Whether the result is as long as the video, or ends with the overlay if that ends "
            "first."},
};

/* The overlay's end may be that of the pictures. */
static bool follows(const json_t *given)
{
    const char *end = json_member_string(given, "end");
    return end && strcmp(end, "base") == 0;
}

#ifndef STEP_DESCRIPTORS_ONLY

/* Shares of the shorter side. */
#define OVERLAY_MARGIN 0.04
#define OVERLAY_ASPECT_MAX 1.8
#define OVERLAY_CORNER 0.12 /* of its own shorter side */

struct place {
    int x, y, width, height; /* even */
};

/* Where something of `width` x `height` goes. */
static struct place place_overlay(const struct step_run *run, const struct video_info *base,
                                  int width, int height)
{
    const char *layout = step_run_text(run, "layout");
    bool is_circle = strcmp(step_run_text(run, "shape"), "circle") == 0;
    double side = fmin(base->width, base->height), margin = side * OVERLAY_MARGIN;
    double share = strstr(layout, "large") ? 0.66 : strstr(layout, "medium") ? 0.42 : 0.28;
    double aspect = is_circle ? 1 : fmin((double)width / height, OVERLAY_ASPECT_MAX);
    double high = side * share, wide = fmin(high * aspect, base->width - 2 * margin);
    high = fmin(high, wide / aspect);
    struct place place = {.width = (int)fmax(2, lrint(wide)) & ~1,
                          .height = (int)fmax(2, lrint(high)) & ~1};
    double left = layout[0] == 'l'   ? margin
                  : layout[0] == 'c' ? (base->width - place.width) / 2.0
                                     : base->width - margin - place.width;
    place.x = (int)lrint(left) & ~1;
    place.y = (int)lrint(base->height - margin - place.height) & ~1;
    return place;
}

/* How much of the pixel at x, y lies within a rectangle with round corners. */
static double cover(const struct place *place, double radius, int x, int y)
{
    double half_width = place->width / 2.0, half_height = place->height / 2.0;
    double u = fabs(x + 0.5 - half_width) - (half_width - radius);
    double v = fabs(y + 0.5 - half_height) - (half_height - radius);
    double outside = hypot(fmax(u, 0), fmax(v, 0)) + fmin(fmax(u, v), 0) - radius;
    return fmin(1, fmax(0, 0.5 - outside));
}

/* One channel, 255 within the outline; NULL for a rectangle. */
static struct picture *make_mask(const struct step_run *run, const struct place *place)
{
    const char *shape = step_run_text(run, "shape");
    if (strcmp(shape, "rectangle") == 0)
        return NULL;
    double side = fmin(place->width, place->height);
    double radius = strcmp(shape, "circle") == 0 ? side / 2 : side * OVERLAY_CORNER;
    struct picture *mask = picture_new(place->width, place->height, 1);
    for (int y = 0; y < place->height; y++) {
        for (int x = 0; x < place->width; x++)
            *picture_at(mask, x, y) = (uint8_t)lrint(255 * cover(place, radius, x, y));
    }
    return mask;
}

/* The middle of a picture in exactly the size of its place, with its outline. */
static struct picture *cut_picture(const struct picture *picture, const struct place *place,
                                   const struct picture *mask)
{
    double factor =
        fmax((double)place->width / picture->width, (double)place->height / picture->height);
    struct picture *scaled CLEANUP(picture) =
        image_resize(picture, (int)fmax(place->width, lrint(picture->width * factor)),
                     (int)fmax(place->height, lrint(picture->height * factor)));
    struct picture *full CLEANUP(picture) = image_with_alpha(scaled);
    struct picture *cut = picture_new(place->width, place->height, 4);
    int left = (full->width - place->width) / 2, top = (full->height - place->height) / 2;
    for (int y = 0; y < place->height; y++) {
        memcpy(picture_at(cut, 0, y), picture_at(full, left, top + y), (size_t)place->width * 4);
        for (int x = 0; mask && x < place->width; x++) {
            uint8_t *alpha = picture_at(cut, x, y) + 3;
            *alpha = (uint8_t)((*alpha * *picture_at(mask, x, y) + 127) / 255);
        }
    }
    return cut;
}

static int mark_picture(struct step_run *run, const struct step_input *over,
                        const struct video_info *base, struct step_logo *ret_logo,
                        struct video_logo *ret_mark, struct err *err)
{
    struct picture *picture CLEANUP(picture) = NULL;
    if (strcmp(step_run_text(run, "audio"), "overlay") == 0)
        return err_set(err, ERR_INVALID, "/audio", "The overlay is a picture and has no sound.");
    int rc = image_load(over->fd, over->path, 0, 0, IMAGE_FIT_WITHIN, &picture, err);
    if (rc < 0)
        return rc;
    struct place place = place_overlay(run, base, picture->width, picture->height);
    struct picture *mask CLEANUP(picture) = make_mask(run, &place);
    ret_logo->rgba = cut_picture(picture, &place, mask);
    *ret_mark =
        (struct video_logo){.rgba = ret_logo->rgba, .x = place.x, .y = place.y, .opacity = 1};
    return 0;
}

static int mark_video(struct step_run *run, const struct step_input *over,
                      const struct video_info *base, struct step_logo *ret_logo,
                      struct video_logo *ret_mark, struct err *err)
{
    struct video_info inset;
    int rc = video_probe(over->fd, over->path, &inset, err);
    if (rc < 0)
        return rc;
    if (strcmp(step_run_text(run, "audio"), "overlay") == 0 && !inset.has_audio)
        return err_set(err, ERR_INVALID, "/audio", "The overlay of %s has no sound.", over->path);
    struct place place = place_overlay(run, base, inset.width, inset.height);
    struct video_moving *moving = arena_alloc(run->arena, sizeof(*moving));
    ret_logo->rgba = make_mask(run, &place);
    *moving = (struct video_moving){
        .input = {over->fd, over->path},
        .width = place.width,
        .height = place.height,
        .mask = ret_logo->rgba,
    };
    *ret_mark = (struct video_logo){.moving = moving, .x = place.x, .y = place.y, .opacity = 1};
    return 0;
}

static int mark(struct step_run *run, const struct video_info *base, struct step_logo *ret_logo,
                struct video_logo *ret_mark, struct err *err)
{
    const struct step_input *over = step_run_input(run, "overlay_url");
    const struct step_input *own = step_run_input(run, "video_url");
    struct image_info picture;
    double start_s = step_run_number(run, "start_time", 0);
    if (start_s * 1000 >= (double)base->duration_ms)
        return err_set(err, ERR_INVALID, "/start_time",
                       "The overlay would start at %g s; the video of %s is %g s long.", start_s,
                       own ? own->path : "/video_url", (double)base->duration_ms / 1000);
    bool is_picture = image_probe(over->fd, over->path, &picture, NULL) == 0;
    int rc = (is_picture ? mark_picture : mark_video)(run, over, base, ret_logo, ret_mark, err);
    ret_mark->start_s = start_s;
    return rc;
}

static enum video_inset_audio audio_mode(const struct step_run *run)
{
    const char *audio = step_run_text(run, "audio");
    return strcmp(audio, "mix") == 0       ? VIDEO_INSET_AUDIO_MIX
           : strcmp(audio, "overlay") == 0 ? VIDEO_INSET_AUDIO_OVERLAY
                                           : VIDEO_INSET_AUDIO_BASE;
}

/* How long the result is: an overlay may end it. */
static int measure(const struct step_run *run, const struct video_info *base,
                   const struct video_logo *own, int64_t *ret_ms, struct err *err)
{
    struct video_info inset;
    *ret_ms = base->duration_ms;
    if (!own->moving || follows(run->params))
        return 0;
    int rc = video_probe(own->moving->input.fd, own->moving->input.path, &inset, err);
    int64_t ends_ms = rc == 0 ? inset.duration_ms + llrint(own->start_s * 1000) : *ret_ms;
    if (ends_ms < *ret_ms)
        *ret_ms = ends_ms;
    return rc;
}

static int draw(struct step_run *run, const struct video_input *video,
                const struct video_marks *marks, int fd, struct video_result *ret_result,
                struct err *err)
{
    const struct media_monitor monitor = {run, step_run_advance};
    const struct video_inset_settings settings = {
        .marks = *marks,
        .shortest = !follows(run->params),
        .audio = audio_mode(run),
    };
    return marks->logos[0].moving ? video_inset(video, &settings, fd, &monitor, ret_result, err)
                                  : video_overlay(video, marks, fd, &monitor, ret_result, err);
}

/* The overlay is in the pictures already, which are copied; what it changes of the sound is left. */
static int finish(struct step_run *run, int made_fd, const struct video_result *made,
                  struct err *err)
{
    const struct step_input *over = step_run_input(run, "overlay_url");
    const struct media_monitor monitor = {run, step_run_advance};
    const struct video_input video = {made_fd, "/video_url"};
    const struct video_moving moving = {.input = {over->fd, over->path}};
    const struct video_logo inset = {.moving = &moving,
                                     .start_s = step_run_number(run, "start_time", 0)};
    const struct video_inset_settings settings = {
        .marks = {&inset, 1}, .drawn = true, .audio = audio_mode(run)};
    struct image_info picture;
    struct video_result result = *made;
    int fd CLEANUP(fd) = -1;
    if (settings.audio == VIDEO_INSET_AUDIO_BASE ||
        image_probe(over->fd, over->path, &picture, NULL) == 0) {
        step_run_add_file(run, made_fd, "video/mp4", made->width, made->height, made->duration_ms);
        return 0;
    }
    int rc = step_run_open_output(run, &fd, err);
    if (rc == 0)
        rc = video_inset(&video, &settings, fd, &monitor, &result, err);
    if (rc < 0)
        return rc;
    step_run_add_file(run, TAKE_FD(fd), "video/mp4", result.width, result.height,
                      result.duration_ms);
    return step_run_progress(run, 1, err);
}

static int run(struct step_run *run, struct err *err)
{
    const struct step_input *base = step_run_input(run, "video_url");
    const struct video_input video = {base->fd, base->path};
    struct step_marks marks CLEANUP(step_marks) = {0};
    struct step_logo loaded CLEANUP(step_logo) = {0};
    struct video_logo own = {0};
    struct video_info info;
    struct video_result result;
    int64_t length_ms = 0;
    int fd CLEANUP(fd) = -1;
    int rc = video_probe(base->fd, base->path, &info, err);
    if (rc == 0)
        rc = mark(run, &info, &loaded, &own, err);
    if (rc == 0)
        rc = measure(run, &info, &own, &length_ms, err);
    if (rc < 0)
        return rc;
    step_marks_add(&marks, &loaded, &own);
    rc = step_marks_read(run, info.width, info.height, length_ms, &marks, err);
    if (rc == 0)
        rc = step_run_open_output(run, &fd, err);
    if (rc < 0)
        return rc;
    const struct video_marks all = step_marks_all(&marks);
    rc = draw(run, &video, &all, fd, &result, err);
    return rc < 0 ? rc : step_fuse_finish(run, TAKE_FD(fd), &result, err);
}

static const struct step_fuse fuse = {.mark = mark, .finish = finish};

#endif

const struct step_type step_overlay_video = {
    .name = "overlay_video",
    .summary = "Shows a video or a picture within another video.",
    .params = params,
    .param_count = sizeof(params) / sizeof(params[0]),
    .result = STEP_RESULT_VIDEO,
    .place = STEP_PLACE_MEDIA,
    .credits = 10,
    .weight = 12,
    .timeout_s = 900,
    .fuse_begins = step_fuse_always,
    .fuse_input = "video_url",
    .fuse_follows = follows,
    .fuse = STEP_FUSE(fuse),
    .run = STEP_RUN(run),
};
