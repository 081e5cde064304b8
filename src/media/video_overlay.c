#include "media/video_pass.h"

static int video_overlay_open(struct video_pass *pass, int fd, const char *path, struct err *err)
{
    int rc = video_source_open(fd, path, AVMEDIA_TYPE_VIDEO, VIDEO_SOURCE_VIDEO_FILES,
                               VIDEO_SOURCE_FRAMES, &pass->video, err);
    if (rc == 0)
        rc = video_source_open(fd, path, AVMEDIA_TYPE_AUDIO, VIDEO_SOURCE_VIDEO_FILES,
                               VIDEO_SOURCE_PACKETS, &pass->copied_sound, err);
    if (rc < 0 || !pass->copied_sound || video_pass_can_copy_sound(pass->copied_sound->stream))
        return rc;
    video_source_free(TAKE(pass->copied_sound));
    return video_source_open(fd, path, AVMEDIA_TYPE_AUDIO, VIDEO_SOURCE_VIDEO_FILES,
                             VIDEO_SOURCE_FRAMES, &pass->sound, err);
}

int video_overlay(const struct video_input *input, const struct video_marks *marks, int fd_out,
                  const struct media_monitor *monitor, struct video_result *ret_result,
                  struct err *err)
{
    struct video_pass pass CLEANUP(video_pass) = {0};
    int rc = video_overlay_open(&pass, input->fd, input->path, err);
    if (rc == 0)
        rc = video_pass_open_graph(&pass, "", err);
    if (rc < 0)
        return rc;
    const struct video_sink_settings sink = {.marks = *marks, .audio = pass.sound != NULL};
    const struct graph_run run = {
        .duration_us = pass.video->duration_us,
        .monitor = monitor,
        .progress_to = 1,
    };
    rc = video_pass_open_sink(&pass, fd_out, sink, err);
    if (rc == 0)
        rc = video_pass_run(&pass, run, err);
    if (rc == 0)
        video_pass_result(&pass, ret_result);
    return rc;
}
