#include "media/video.h"
#include "step/step.h"

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

#ifndef STEP_DESCRIPTORS_ONLY

static enum video_merge_mode mode_named(const char *name)
{
    int mode = 0;
    while (modes[mode + 1] && strcmp(modes[mode], name) != 0)
        mode++;
    return (enum video_merge_mode)mode;
}

static int run(struct step_run *run, struct err *err)
{
    const struct step_input *video = step_run_input(run, "video_url");
    const struct step_input *audio = step_run_input(run, "audio_url");
    const struct video_merge_settings settings = {
        .mode = mode_named(step_run_text(run, "attach_mode")),
        .volume = step_run_number(run, "volume", 1),
        .fade_s = step_run_number(run, "fade_s", 0),
        .keep_original = step_run_boolean(run, "keep_original", false),
    };
    const struct video_input inputs[] = {{video->fd, video->path}, {audio->fd, audio->path}};
    const struct media_monitor monitor = {run, step_run_advance};
    struct video_result result;
    int fd CLEANUP(fd) = -1;
    int rc = step_run_open_output(run, &fd, err);
    if (rc == 0)
        rc = video_merge(&inputs[0], &inputs[1], &settings, fd, &monitor, &result, err);
    if (rc != 0)
        return rc;
    step_run_add_file(run, TAKE_FD(fd), "video/mp4", result.width, result.height,
                      result.duration_ms);
    return step_run_progress(run, 1, err);
}

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
    .run = STEP_RUN(run),
};
