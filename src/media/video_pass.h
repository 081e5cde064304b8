/*
 * What the whole passes over one video share. Internal to the video files of media/.
 */
#ifndef MEDIA_VIDEO_PASS_H
#define MEDIA_VIDEO_PASS_H

#include "media/graph.h"

struct video_pass {
    struct video_source *video; /* frames; packets and the facts when the picture is copied */
    struct video_source *sound; /* frames; NULL when there is none or it is copied */
    struct video_source *copied_video; /* `video`, or NULL when it is decoded */
    struct video_source *copied_sound; /* packets; NULL */
    struct graph *graph;               /* NULL when both are copied */
    struct video_sink *sink;
};

void video_pass_finish(struct video_pass *pass);

static inline void cleanup_video_pass(struct video_pass *pass)
{
    video_pass_finish(pass);
}

/* Whether MP4 holds and players play sound of this codec as it is. */
bool video_pass_can_copy_sound(const AVStream *stream);

/* Whether the sound of any file can go as it is under pictures of that length: players play it from MP4, and it is as long, or
 * longer and cut between packets. */
bool video_pass_can_lay_sound(const struct video_source *sound, double seconds);

/* Whether MP4 holds and browsers play pictures of this source as they are: H.264 4:2:0, upright, square pixels. */
bool video_pass_can_copy_picture(const struct video_source *video);

/* Whether pictures come at one rate that results may have. */
bool video_pass_is_constant(const struct video_source *video);

/* Opens `video` anew for its frames, when it turned out that it cannot be copied. */
int video_pass_decode_picture(struct video_pass *pass, int fd, const char *path, struct err *err);

/* Makes the graph of the pass: picture unless it is copied, sound through `filters` unless it is
 * copied. */
int video_pass_open_graph(struct video_pass *pass, const char *filters, struct err *err);

/* Opens the sink: size, rate and copied streams are the pass's, unless `settings` names parameters of its own for the copied
 * picture; marks, title and whether sound is encoded are the caller's. */
int video_pass_open_sink(struct video_pass *pass, int fd, struct video_sink_settings settings,
                         struct err *err);

/* Runs graph and copies into the sink and finishes it; progress, length and observer are the caller's. ERR_CANCELLED. */
int video_pass_run(struct video_pass *pass, struct graph_run run, struct err *err);

void video_pass_result(const struct video_pass *pass, struct video_result *ret_result);

#endif
