/*
 * The reading end: one stream of one untrusted file, as decoded frames or as packets. Internal to
 * the video files of media/. One thread.
 *
 * Every stream has its own reader, so an input used for picture and sound is opened twice: nothing
 * has to be queued however the file is interleaved. Containers are told by their first bytes and
 * opened as just that; decoders come from a fixed list; no file or address that a container names
 * is ever opened.
 */
#ifndef MEDIA_VIDEO_SOURCE_H
#define MEDIA_VIDEO_SOURCE_H

#include "media/video.h"
#include "media/video_file.h"

struct SwrContext;
struct SwsContext;

enum video_source_use {
    VIDEO_SOURCE_FRAMES, /* decoded */
    VIDEO_SOURCE_PACKETS /* as they are, for copying; no format when it takes a picture to know it */
};

struct video_source {
    AVFormatContext *demuxer;
    AVStream *stream;
    AVCodecContext *decoder; /* NULL for packets */
    const char *path;        /* names the input in sentences; the caller's */
    bool is_video;
    /* Facts, after opening. Video: size as coded and as it is to be seen (upright, square pixels,
     * even). */
    int coded_width, coded_height, width, height;
    bool interlaced;
    int quarter_turns;     /* clockwise, to be applied; with the matrix below */
    const int32_t *matrix; /* NULL when upright */
    AVRational rate;       /* constant frame rate that the results get, 1 to 60 */
    int64_t duration_us;   /* of this stream, from the file's start */
    int64_t promised_us;   /* as the header says for this stream; 0 when it does not */
    AVFrame *first; /* decoded while opening, until it is read; its format is the format of all that
                       follow */
    /* The format of every frame that is handed out. */
    int format;
    enum AVColorSpace color_space;
    enum AVColorRange color_range;
    enum AVColorPrimaries color_primaries;
    enum AVColorTransferCharacteristic color_transfer;
    int sample_rate;
    AVChannelLayout layout;
    /* Progress. */
    int fd, containers; /* as it was opened */
    AVPacket *packet;
    int64_t start;    /* of the file, in the stream's time base */
    int64_t next_pts; /* where the next frame is expected, from the file's start */
    int64_t packets, faults;
    bool draining;
    bool loops;                /* frames begin again at the end, without end; set after opening */
    int64_t round_pts;         /* where the round began, 0 in the first */
    struct SwsContext *scaler; /* when a later frame has another size or format */
    struct SwrContext *resampler;
};

/* Which containers are taken. */
enum { VIDEO_SOURCE_VIDEO_FILES = 1, VIDEO_SOURCE_AUDIO_FILES = 2 };

/* Opens the best stream of `type`. A file without one gives 0 and NULL for audio inside video
 * files, else ERR_BAD_INPUT. */
int video_source_open(int fd, const char *path, enum AVMediaType type, int containers,
                      enum video_source_use use, struct video_source **ret_source, struct err *err);
void video_source_free(struct video_source *source); /* NULL allowed */
CLEANUP_DEFINE(video_source, struct video_source, video_source_free);

/* ERR_BAD_INPUT: there is nothing in the stream. */
int video_source_empty(const struct video_source *source, struct err *err);

/* The public facts about an opened video. */
void video_source_info(const struct video_source *source, struct video_info *ret_info);

/* 1 and a frame with pts from the file's start in the stream's time base, 0 at the end,
 * ERR_BAD_INPUT when the file is damaged. */
int video_source_frame(struct video_source *source, AVFrame *frame, struct err *err);
/* 1 and a packet with times from the file's start, 0 at the end. */
int video_source_packet(struct video_source *source, AVPacket *packet, struct err *err);
/* Goes to the key frame at or before the time. Frames only. */
int video_source_seek(struct video_source *source, double seconds, struct err *err);
/* Goes to the very beginning, which gives the same frames as the first time. Frames only. */
int video_source_rewind(struct video_source *source, struct err *err);

#endif
