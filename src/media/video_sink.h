/*
 * The writing end: a web-ready MP4 with H.264 and AAC, encoded or copied. Internal to the video
 * files of media/. One thread.
 *
 * Encoded video: High profile, yuv420p, BT.709 limited range, constant frame rate from time 0. The
 * same frames give the same bytes: thread counts are fixed, neither versions nor times are written.
 */
#ifndef MEDIA_VIDEO_SINK_H
#define MEDIA_VIDEO_SINK_H

#include "media/video.h"
#include "media/video_source.h"

enum { VIDEO_SINK_AUDIO_RATE = 48000, VIDEO_SINK_AUDIO_FRAME = 1024 };

/* A stream that is copied instead of encoded. */
struct video_sink_copy {
    const AVCodecParameters *parameters; /* NULL: encoded */
    AVRational time_base, rate;
    const char *path; /* names its file in sentences; lives as long as the sink */
};

struct video_sink_settings {
    int width, height;                             /* even; unused when the video is copied */
    AVRational rate;                               /* frames a second */
    bool audio;                                    /* encode stereo AAC at VIDEO_SINK_AUDIO_RATE */
    const char *title;                             /* NULL */
    struct video_marks marks;                      /* for video_sink_mark() */
    struct video_sink_copy copy_video, copy_audio; /* read during video_sink_new() only */
};

struct video_sink;

/* Of what `source` reads, or nothing for NULL. */
struct video_sink_copy video_sink_copy(const struct video_source *source);

/* `fd` is truncated and stays the caller's. */
int video_sink_new(int fd, const struct video_sink_settings *settings, struct video_sink **ret_sink,
                   struct err *err);
/* Draws the marks into a frame of the sink's format, pts in frames, that is to be encoded. */
int video_sink_mark(struct video_sink *sink, AVFrame *frame, struct err *err);
/* yuv420p of the sink's size, pts in frames. The frame stays the caller's. */
int video_sink_video(struct video_sink *sink, AVFrame *frame, struct err *err);
/* Planar float stereo of VIDEO_SINK_AUDIO_FRAME samples (the last may be shorter), pts in samples.
 */
int video_sink_audio(struct video_sink *sink, AVFrame *frame, struct err *err);
/* A packet for a copied stream, in `time_base`; its content is taken, the packet left blank. Times that do not grow are
 * moved; what MP4 cannot hold is ERR_BAD_INPUT. */
int video_sink_packet(struct video_sink *sink, bool is_audio, AVPacket *packet,
                      AVRational time_base, struct err *err);
/* Drains the encoders and completes the file. */
int video_sink_finish(struct video_sink *sink, struct err *err);
/* Of the longest stream, once finished; milliseconds, rounded. */
int64_t video_sink_duration_ms(const struct video_sink *sink);
void video_sink_free(struct video_sink *sink); /* NULL allowed */
CLEANUP_DEFINE(video_sink, struct video_sink, video_sink_free);

#endif
