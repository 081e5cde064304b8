/*
 * How long a stream of a file is. Internal to the video files of media/. One thread.
 *
 * Headers say it for every stream (MP4), for all of them together (Matroska), with what coders add at both ends (MP3), or not
 * at all (what was written into a pipe). Where it is not said for the stream alone, its packets are looked at, all of them.
 */
#ifndef MEDIA_VIDEO_DURATION_H
#define MEDIA_VIDEO_DURATION_H

#include "media/video_source.h"

/* Where the time of the file begins, in microseconds of its own times. */
int64_t video_duration_begin(const AVFormatContext *demuxer);

/* The stream is picked. */
bool video_duration_needs_scan(const struct video_source *source);

/* Microseconds from the file's begin to the end of the picked stream, and of the longest one. */
struct video_duration {
    int64_t end_us, longest_us;
};

/* Leaves the file read to its end. */
struct video_duration video_duration_scan(struct video_source *source);

/* Sets `duration_us` and `promised_us` of the source; `scanned` is NULL when nothing was. ERR_BAD_INPUT when it is too long. */
int video_duration_set(struct video_source *source, const struct video_duration *scanned,
                       struct err *err);

/* Whether something of that length ends so early that it was cut off. */
bool video_duration_is_short(int64_t promised_us, int64_t found_us);

#endif
