#include "media/video_sound.h"

#include "base/arena.h"
#include "media/video_pass.h"

#include <math.h>

struct video_sound {
    struct video_source *source;
    struct graph *graph; /* NULL: packets are copied */
    AVFrame *frame;      /* the next one, or blank */
    AVPacket *packet;
    bool ended;
    int64_t start_us;
};

static int video_sound_open_source(struct video_sound *sound, const struct video_writer_sound *file,
                                   enum video_source_use use, struct err *err)
{
    int containers = VIDEO_SOURCE_VIDEO_FILES | (file->repeats ? VIDEO_SOURCE_AUDIO_FILES : 0);
    video_source_free(TAKE(sound->source));
    return video_source_open(file->fd, file->path, AVMEDIA_TYPE_AUDIO, containers, use,
                             &sound->source, err);
}

static int video_sound_open_graph(struct video_sound *sound, const struct video_writer_sound *file,
                                  double seconds, struct err *err)
{
    CLEANUP(buffer) struct buffer text = {0};
    sound->graph = graph_new();
    buffer_printf(&text, "[in%d]", graph_add_source(sound->graph, sound->source));
    sound->source->loops = file->repeats;
    if (file->repeats)
        graph_append_sound_until(&text, sound->source, seconds);
    else
        graph_append_sound(&text, sound->source);
    if (file->start_s > 0)
        buffer_printf(&text, ",atrim=start=%.6f,asetpts=PTS-STARTPTS", file->start_s);
    graph_append_sound_end(&text);
    return graph_open(sound->graph, text.bytes, false, true, err);
}

static int video_sound_open(struct video_sound *sound, const struct video_writer_sound *file,
                            double seconds, struct err *err)
{
    sound->frame = av_frame_alloc();
    sound->packet = av_packet_alloc();
    if (!sound->frame || !sound->packet)
        return video_file_fault(AVERROR(ENOMEM), "opening an input", err);
    sound->start_us = (int64_t)llrint(file->start_s * 1e6);
    int rc = video_sound_open_source(sound, file, VIDEO_SOURCE_PACKETS, err);
    if (rc < 0 || !sound->source)
        return rc;
    if (file->repeats ? video_pass_can_lay_sound(sound->source, file->start_s + seconds)
                      : video_pass_can_copy_sound(sound->source->stream))
        return 0;
    rc = video_sound_open_source(sound, file, VIDEO_SOURCE_FRAMES, err);
    return rc < 0 ? rc : video_sound_open_graph(sound, file, file->start_s + seconds, err);
}

int video_sound_new(const struct video_writer_sound *file, double seconds,
                    struct video_sound **ret_sound, struct err *err)
{
    CLEANUP(video_sound) struct video_sound *sound = mem_alloc(sizeof(*sound));
    int rc = video_sound_open(sound, file, seconds, err);
    *ret_sound = rc == 0 && sound->source ? TAKE(sound) : NULL;
    return rc;
}

void video_sound_free(struct video_sound *sound)
{
    if (!sound)
        return;
    graph_free(sound->graph);
    video_source_free(sound->source);
    av_frame_free(&sound->frame);
    av_packet_free(&sound->packet);
    free(sound);
}

void video_sound_settings(const struct video_sound *sound, struct video_sink_settings *settings)
{
    settings->audio = sound->graph != NULL;
    if (!sound->graph)
        settings->copy_audio = video_sink_copy(sound->source);
}

/* 1 and the time of what comes next, 0 at the end. */
static int video_sound_next(struct video_sound *sound, int64_t *ret_us, struct err *err)
{
    bool is_audio, held = sound->graph ? sound->frame->buf[0] != NULL : sound->packet->buf != NULL;
    AVRational base =
        sound->graph ? graph_time_base(sound->graph, true) : sound->source->stream->time_base;
    int more = 1;
    if (!held)
        more = sound->graph ? graph_next(sound->graph, sound->frame, &is_audio, err)
                            : video_source_packet(sound->source, sound->packet, err);
    if (more <= 0)
        return more;
    int64_t pts = sound->graph ? sound->frame->pts : sound->packet->pts;
    if (pts == AV_NOPTS_VALUE)
        pts = sound->graph ? 0 : sound->packet->dts;
    *ret_us = av_rescale_q(pts, base, AV_TIME_BASE_Q);
    return 1;
}

static int video_sound_send(struct video_sound *sound, struct video_sink *sink, struct err *err)
{
    if (sound->graph) {
        sound->frame->pts = av_rescale_q(sound->frame->pts, graph_time_base(sound->graph, true),
                                         (AVRational){1, VIDEO_SINK_AUDIO_RATE});
        int rc = video_sink_audio(sink, sound->frame, err);
        av_frame_unref(sound->frame);
        return rc;
    }
    AVRational base = sound->source->stream->time_base;
    int64_t shift = av_rescale_q(sound->start_us, AV_TIME_BASE_Q, base);
    sound->packet->pts =
        sound->packet->pts == AV_NOPTS_VALUE ? sound->packet->dts : sound->packet->pts;
    sound->packet->pts -= shift;
    if (sound->packet->dts != AV_NOPTS_VALUE)
        sound->packet->dts -= shift;
    return video_sink_packet(sink, true, sound->packet, base, err);
}

int video_sound_write(struct video_sound *sound, int64_t until_us, struct video_sink *sink,
                      struct err *err)
{
    while (!sound->ended) {
        int64_t at_us;
        int rc = video_sound_next(sound, &at_us, err);
        if (rc <= 0) {
            sound->ended = true;
            return rc;
        }
        int64_t from_us = sound->graph ? 0 : sound->start_us;
        if (at_us - from_us >= until_us)
            return 0;
        if (sound->start_us > 0 && at_us < from_us)
            av_packet_unref(sound->packet); /* before the start */
        else
            rc = video_sound_send(sound, sink, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}
