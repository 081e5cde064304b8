#include "media/clip.h"

#include "media/parallax.h"
#include "media/raster.h"
#include "media/video.h"

#include <math.h>

struct clip {
    struct parallax *first, *last; /* last may be NULL */
    const struct clip_settings *settings;
    struct picture *frame, *other; /* only with `last` */
};

/* Bright places of the new picture come first, as light does. */
static void clip_cross(struct clip *clip, float part)
{
    size_t count = (size_t)clip->frame->width * (size_t)clip->frame->height;
    float start = part * 1.4f - 0.4f;
    uint16_t weights[256];
    for (int light = 0; light < 256; light++) {
        float own = start + 0.4f * (float)light / 255;
        weights[light] = (uint16_t)(256 * raster_smoothstep(0, 1, raster_clamp(own / 0.6f, 0, 1)));
    }
    weights[0] = part >= 1 ? 256 : weights[0];
    for (size_t i = 0; i < count; i++) {
        uint8_t *to = clip->frame->pixels + i * 3;
        const uint8_t *from = clip->other->pixels + i * 3;
        int weight = part >= 1 ? 256 : weights[(from[0] * 2 + from[1] * 5 + from[2]) >> 3];
        for (int c = 0; c < 3; c++)
            to[c] = (uint8_t)((to[c] * (256 - weight) + from[c] * weight + 128) >> 8);
    }
}

/* Where the camera is, and the phase of what repeats. */
static float clip_pose(const struct clip *clip, int64_t number, int64_t frames_per_round,
                       struct parallax_pose *ret_pose)
{
    const struct clip_settings *settings = clip->settings;
    bool closed = settings->closed || settings->rounds > 1;
    int64_t steps = closed ? frames_per_round : frames_per_round - 1;
    float t = steps > 0 ? (float)(number % frames_per_round) / (float)steps : 0;
    move_pose(settings->move, t, closed, settings->strength, ret_pose);
    return t;
}

/* Both pictures, one turning into the other. */
static void clip_cross_frame(struct clip *clip, const struct parallax_pose *pose, float t,
                             uint32_t frame)
{
    float part = raster_smoothstep(0.32f, 0.70f, t);
    parallax_render(clip->first, pose, t, frame, clip->frame);
    if (part <= 0)
        return;
    parallax_render(clip->last, pose, t, frame, clip->other);
    clip_cross(clip, part);
}

static int clip_frame(struct clip *clip, int64_t number, int64_t frames_per_round,
                      struct video_writer *writer, struct err *err)
{
    struct parallax_pose pose;
    struct picture_planes planes;
    float t = clip_pose(clip, number, frames_per_round, &pose);
    uint32_t frame = (uint32_t)(number % frames_per_round);
    if (clip->last) {
        clip_cross_frame(clip, &pose, t, frame);
        return video_writer_frame(writer, clip->frame, err);
    }
    int rc = video_writer_begin(writer, &planes, err);
    if (rc < 0)
        return rc;
    parallax_render_planes(clip->first, &pose, t, frame, &planes);
    return video_writer_commit(writer, err);
}

static int clip_frames(struct clip *clip, struct video_writer *writer, int64_t per_round,
                       const struct media_monitor *monitor, struct err *err)
{
    int64_t total = per_round * clip->settings->rounds;
    for (int64_t i = 0; i < total; i++) {
        if (!media_advance(monitor, (double)i / (double)total))
            return err_set_default(err, ERR_CANCELLED);
        int rc = clip_frame(clip, i, per_round, writer, err);
        if (rc < 0)
            return rc;
    }
    return video_writer_finish(writer, err);
}

int clip_write(const struct layers *layers, const struct layers *last,
               const struct clip_settings *settings, int fd, const struct media_monitor *monitor,
               struct err *err)
{
    int64_t per_round = llrint(settings->seconds * settings->fps);
    const struct video_writer_settings video = {
        .width = layers->width,
        .height = layers->height,
        .rate_numerator = settings->fps,
        .rate_denominator = 1,
        .frame_count = per_round * settings->rounds,
        .title = settings->title,
        .marks = settings->marks,
        .sound = settings->sound,
    };
    CLEANUP(video_writer) struct video_writer *writer = NULL;
    int rc = video_writer_new(fd, &video, &writer, err);
    if (rc < 0)
        return rc;
    CLEANUP(parallax) struct parallax *first = parallax_new(layers, (float)settings->seconds);
    CLEANUP(parallax)
    struct parallax *second = last ? parallax_new(last, (float)settings->seconds) : NULL;
    CLEANUP(picture)
    struct picture *frame = last ? picture_new(layers->width, layers->height, 3) : NULL;
    CLEANUP(picture) struct picture *other = last ? picture_copy(frame) : NULL;
    struct clip clip = {first, second, settings, frame, other};
    return clip_frames(&clip, writer, per_round, monitor, err);
}
