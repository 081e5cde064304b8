/*
 * One pass: decoded inputs through a libavfilter graph into at most one picture and one sound
 * stream. Internal to the video files of media/. One thread.
 *
 * A graph is described in libavfilter's language; descriptions are composed from numbers only,
 * never from text of a client. Inputs are labelled in0, in1, ... in the order they are added,
 * results are labelled "video" and "audio".
 */
#ifndef MEDIA_GRAPH_H
#define MEDIA_GRAPH_H

#include "base/buffer.h"
#include "media/monitor.h"
#include "media/video_sink.h"
#include "media/video_source.h"

enum { GRAPH_INPUTS_MAX = 40 };

struct graph;

struct graph *graph_new(void);
void graph_free(struct graph *graph); /* NULL allowed; sources stay the caller's */
CLEANUP_DEFINE(graph, struct graph, graph_free);

/* Return the number of the new input, from 0. Sources are read while the graph runs. */
int graph_add_source(struct graph *graph, struct video_source *source);

/* Builds it. */
int graph_open(struct graph *graph, const char *description, bool has_video, bool has_audio,
               struct err *err);

/* 1 and a frame with its time in graph_time_base(), 0 when all results have ended. */
int graph_next(struct graph *graph, AVFrame *frame, bool *ret_is_audio, struct err *err);
AVRational graph_time_base(const struct graph *graph, bool is_audio);
/* Instead of graph_next(): sends one frame through a graph of one input without memory. `from` is
 * kept. */
int graph_convert(struct graph *graph, AVFrame *from, AVFrame *ret_frame, struct err *err);

/* --- parts of descriptions, appended --- */

enum graph_fit { GRAPH_FIT_COVER, GRAPH_FIT_CONTAIN };

/* From a decoded picture stream to upright, square, BT.709 limited-range yuv420p of its own even
 * size at `rate`, from time 0. High dynamic range is tone-mapped, wide gamut is brought into
 * BT.709. */
void graph_append_picture(struct buffer *text, const struct video_source *source, AVRational rate);
/* The same frame by frame, to RGB. */
void graph_append_rgb(struct buffer *text, const struct video_source *source);
/* The same, but scaled into a box of even size: cover crops, contain leaves black bars. */
void graph_append_picture_in(struct buffer *text, const struct video_source *source,
                             AVRational rate, int width, int height, enum graph_fit fit);
/* From decoded sound to stereo at VIDEO_SINK_AUDIO_RATE from time 0 to its promised end, holes
 * filled with silence. */
void graph_append_sound(struct buffer *text, const struct video_source *source);
/* The same from time 0 to `seconds`, of a source that begins again when it ends before. */
void graph_append_sound_until(struct buffer *text, const struct video_source *source,
                              double seconds);
/* What every sound result ends with: the sink's format, label "audio". */
void graph_append_sound_end(struct buffer *text);

/* Keeps sums of sounds below full scale; it looks ahead, which must not make them late. */
#define GRAPH_LIMITER "alimiter=limit=0.89:level=disabled:latency=1"

/* --- running --- */

struct graph_run {
    struct graph *graph;
    struct video_sink *sink;
    AVRational rate;     /* of the graph's pictures */
    int64_t duration_us; /* for progress; 0 unknown */
    const struct media_monitor *monitor;
    double progress_from, progress_to;
    /* Streams that are copied beside the graph's results; NULL. */
    struct video_source *copy_video, *copy_audio;
    bool copy_video_to_frames;         /* its times go to the nearest frame at `rate` */
    struct AVBSFContext *video_filter; /* for copied video; NULL */
    int64_t copy_audio_until_us;       /* copied sound ends before this; 0: at its end */
    /* Sees every picture before it is encoded; NULL. */
    int (*observe)(void *context, const AVFrame *frame, struct err *err);
    void *observe_context;
};

/* Runs the graph (NULL: none) and the copies into the sink until all have ended; does not finish
 * the sink. ERR_CANCELLED. */
int graph_run(const struct graph_run *run, struct err *err);

#endif
