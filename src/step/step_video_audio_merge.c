#include "media/video.h"
#include "step/fuse.h"

#include <string.h>

/* In the order of enum video_merge_mode. */
static const char *const modes[] = {"MatchVideo",  "PadAudio", "MatchAudio",
                                    "SpeedAdjust", "Strict",   NULL};

static const struct step_param params[] = {
    {.name = "video_url",
     .type = STEP_PARAM_VIDEO,
     .required = true,
     .doc = "The video that gets the sound."},
    {.name = "audio_url",
     .type = STEP_PARAM_AUDIO,
     .required = true,
     .doc = "The sound: a file of sound, or a video whose sound is taken."},
    {.name = "attach_mode",
     .type = STEP_PARAM_CHOICE,
     .default_json = "\"MatchVideo\"",
     .values = modes,
     .doc = "What happens when they are not equally long: MatchVideo cuts or repeats the sound, "
            "PadAudio cuts it or adds "
            "silence, MatchAudio cuts the video or holds its last picture, SpeedAdjust changes its "
            "speed up to four times, "
            "Strict fails."},
    {.name = "volume",
     .type = STEP_PARAM_NUMBER,
     .default_json = "1",
     .min = 0,
     .max = 4,
     .doc = "Of the new sound; 1 leaves it as it is."},
    {.name = "keep_original",
     .type = STEP_PARAM_BOOLEAN,
     .default_json = "false",
     .doc = "Whether the video's own sound is mixed with the new one."},
    {.name = "fade_s",
     .type = STEP_PARAM_NUMBER,
     .default_json = "0",
     .min = 0,
     .max = 30,
     .doc = "Seconds over which the new sound comes at its start and goes at its end."},
};

/* In the other modes the pictures end earlier or later, or at other times. */
static bool follows(const json_t *given)
{
    const char *mode = json_member_string(given, "attach_mode");
    return mode && (strcmp(mode, "MatchVideo") == 0 || strcmp(mode, "PadAudio") == 0 ||
                    strcmp(mode, "Strict") == 0);
}

#ifndef STEP_DESCRIPTORS_ONLY

static enum video_merge_mode mode_named(const char *name)
{
    int mode = 0;
    while (modes[mode + 1] && strcmp(modes[mode], name) != 0)
        mode++;
    return (enum video_merge_mode)mode;
}

static int merge(struct step_run *run, const struct video_input *video,
                 struct video_painter painter, int *ret_fd, struct video_result *ret_result,
                 struct err *err)
{
    const struct step_input *audio = step_run_input(run, "audio_url");
    const struct video_input sound = {audio->fd, audio->path};
    const struct video_merge_settings settings = {
        .mode = mode_named(step_run_text(run, "attach_mode")),
        .volume = step_run_number(run, "volume", 1),
        .fade_s = step_run_number(run, "fade_s", 0),
        .keep_original = step_run_boolean(run, "keep_original", false),
        .painter = painter,
    };
    const struct media_monitor monitor = {run, step_run_advance};
    int rc = step_run_open_output(run, ret_fd, err);
    return rc < 0 ? rc : video_merge(video, &sound, &settings, *ret_fd, &monitor, ret_result, err);
}

/* The pictures are copied. */
static int finish(struct step_run *run, int made_fd, const struct video_result *made,
                  struct err *err)
{
    const struct video_input video = {made_fd, "/video_url"};
    struct video_result result;
    int fd CLEANUP(fd) = -1;
    (void)made;
    int rc = merge(run, &video, (struct video_painter){0}, &fd, &result, err);
    if (rc < 0)
        return rc;
    step_run_add_file(run, TAKE_FD(fd), "video/mp4", result.width, result.height,
                      result.duration_ms);
    return step_run_progress(run, 1, err);
}

static int run(struct step_run *run, struct err *err)
{
    const struct step_input *file = step_run_input(run, "video_url");
    const struct video_input video = {file->fd, file->path};
    struct step_marks marks CLEANUP(step_marks) = {.head = run};
    struct video_result result;
    int fd CLEANUP(fd) = -1;
    int rc = merge(run, &video, step_marks_painter(&marks), &fd, &result, err);
    return rc < 0 ? rc : step_fuse_finish(run, TAKE_FD(fd), &result, err);
}

static const struct step_fuse fuse = {.finish = finish};

#endif

const struct step_type step_video_audio_merge = {
    .name = "video_audio_merge",
    .summary = "Gives a video another sound; streams that need no change are copied.",
    .params = params,
    .param_count = sizeof(params) / sizeof(params[0]),
    .result = STEP_RESULT_VIDEO,
    .place = STEP_PLACE_MEDIA,
    .credits = 5,
    .weight = 4,
    .timeout_s = 900,
    .fuse_begins = step_fuse_always,
    .fuse_input = "video_url",
    .fuse_follows = follows,
    .fuse = STEP_FUSE(fuse),
    .run = STEP_RUN(run),
};
