/*
 * Byte streams of libav* over descriptors, and what every caller of libav* needs. Internal to the
 * video files of media/. Streams have their own position: the descriptor's offset is neither used
 * nor moved.
 */
#ifndef MEDIA_VIDEO_FILE_H
#define MEDIA_VIDEO_FILE_H

#include "base/cleanup.h"
#include "base/err.h"
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>

/* NULL when memory ran out. Does not take over `fd`. */
AVIOContext *video_file_reader(int fd);
AVIOContext *video_file_writer(int fd);
void video_file_close(AVIOContext **io); /* leaves NULL */

/* Makes `context` refuse to open any other file or address by itself. */
void video_file_isolate(AVFormatContext *context);

/* Fills the sentence for a negative libav* result of writing or of an encoder. */
int video_file_fault(int av_code, const char *doing, struct err *err);
#ifdef __clang_analyzer__
/* See err_set(). */
#define video_file_fault(...) (video_file_fault(__VA_ARGS__), -1)
#endif

static inline void cleanup_av_frame(AVFrame **frame)
{
    av_frame_free(frame);
}

static inline void cleanup_av_packet(AVPacket **packet)
{
    av_packet_free(packet);
}

#endif
