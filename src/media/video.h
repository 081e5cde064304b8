/*
 * Moving pictures and sound on libav*: probing, decoding, one decode-filter-encode pass, encoding. Runs in worker processes
 * only. video_init() once per process, before any jail. One object belongs to one thread at a time.
 */
#ifndef MEDIA_VIDEO_H
#define MEDIA_VIDEO_H

#include "base/err.h"
#include "media/monitor.h"
#include "media/picture.h"
#include <stdbool.h>
#include <stdint.h>

int video_init(struct err *err);

/* Documented input limits; beyond them a sentence refuses. */
enum { VIDEO_SIDE_MAX = 8192, VIDEO_DURATION_MAX_S = 3600 };

struct video_info {
    int width, height; /* upright, square pixels */
    int rate_numerator, rate_denominator;
    int64_t duration_ms;
    int64_t frame_count; /* 0 when unknown */
    bool has_audio;
    int audio_rate, audio_channels;
};

/* Reads the container from the file. `path` names the input in sentences. ERR_BAD_INPUT when it is no video that is taken
 * here (MP4, MOV, WebM, MKV). */
int video_probe(int fd, const char *path, struct video_info *ret_info, struct err *err);

/* --- encoding rendered frames --- */

struct video_writer;

struct video_writer_settings {
    int width, height; /* even */
    int rate_numerator, rate_denominator;
    int64_t frame_count; /* for the average bit rate bounds; 0 unknown */
    const char *title;   /* metadata, NULL */
    /* Only the next step reads the file: cheap to write, nearly free of loss, two to four times the bytes. */
    bool intermediate;
};

/* Web-ready MP4 into `fd`: H.264 High, yuv420p, BT.709 tagged, faststart, deterministic. */
int video_writer_new(int fd, const struct video_writer_settings *settings,
                     struct video_writer **ret_writer, struct err *err);
/* Appends one RGB picture of the writer's size. */
int video_writer_frame(struct video_writer *writer, const struct picture *rgb, struct err *err);
/* Writes the trailer. The writer is then only freed. */
int video_writer_finish(struct video_writer *writer, struct err *err);
void video_writer_free(struct video_writer *writer); /* NULL allowed; without finish the file is void */
CLEANUP_DEFINE(video_writer, struct video_writer, video_writer_free);

#endif
