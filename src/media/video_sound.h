/*
 * The sound of a file beside pictures that are rendered: copied where MP4 holds it as it is, else encoded. Internal to the video
 * files of media/. One thread.
 */
#ifndef MEDIA_VIDEO_SOUND_H
#define MEDIA_VIDEO_SOUND_H

#include "media/graph.h"

struct video_sound;

/* For frames of that length. NULL when the file has no sound. `start_s` of it is time 0. Names and descriptor stay the caller's. */
int video_sound_new(const struct video_writer_sound *file, double seconds,
                    struct video_sound **ret_sound, struct err *err);
void video_sound_free(struct video_sound *sound); /* NULL allowed */
CLEANUP_DEFINE(video_sound, struct video_sound, video_sound_free);

/* What the sink has to be prepared for. */
void video_sound_settings(const struct video_sound *sound, struct video_sink_settings *settings);

/* Moves sound that begins before `until_us` into the sink. */
int video_sound_write(struct video_sound *sound, int64_t until_us, struct video_sink *sink,
                      struct err *err);

#endif
