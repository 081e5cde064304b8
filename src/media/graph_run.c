/* Moving frames and packets from their sources into a sink; see graph.h. */
#include "media/graph.h"

#include <libavcodec/bsf.h>
#include <math.h>

struct graph_copy {
    struct video_source *source; /* NULL once it has ended */
    bool is_audio;
    int64_t reached_us;
};

struct graph_state {
    const struct graph_run *run;
    AVFrame *frame;
    AVPacket *packet;
    struct graph_copy copies[2];
    bool graph_ended;
    int64_t reached_us; /* by the graph */
    double fraction;    /* of the media, never falling */
};

static int64_t graph_packet_us(const AVPacket *packet, AVRational base)
{
    int64_t time = packet->dts != AV_NOPTS_VALUE ? packet->dts : packet->pts;
    return time == AV_NOPTS_VALUE ? 0 : av_rescale_q(time, base, AV_TIME_BASE_Q);
}

static int graph_copy_write(struct graph_state *state, struct graph_copy *copy, struct err *err)
{
    AVRational base = copy->source->stream->time_base;
    if (state->packet->pts == AV_NOPTS_VALUE)
        state->packet->pts = state->packet->dts;
    if (!copy->is_audio && state->run->copy_video_to_frames) {
        av_packet_rescale_ts(state->packet, base, av_inv_q(state->run->rate));
        base = av_inv_q(state->run->rate);
    }
    copy->reached_us = graph_packet_us(state->packet, base);
    return video_sink_packet(state->run->sink, copy->is_audio, state->packet, base, err);
}

static int graph_copy_filtered(struct graph_state *state, struct graph_copy *copy, bool has_packet,
                               struct err *err)
{
    AVBSFContext *filter = state->run->video_filter;
    int rc = av_bsf_send_packet(filter, has_packet ? state->packet : NULL);
    if (rc < 0)
        return video_file_fault(rc, "copying a stream", err);
    while ((rc = av_bsf_receive_packet(filter, state->packet)) >= 0) {
        rc = graph_copy_write(state, copy, err);
        if (rc < 0)
            return rc;
    }
    return rc == AVERROR(EAGAIN) || rc == AVERROR_EOF
               ? 0
               : video_file_fault(rc, "copying a stream", err);
}

static int graph_copy_step(struct graph_state *state, struct graph_copy *copy, struct err *err)
{
    int more = video_source_packet(copy->source, state->packet, err);
    if (more < 0)
        return more;
    int rc = 0;
    int64_t until_us = copy->is_audio ? state->run->copy_audio_until_us : 0;
    if (more > 0 && until_us > 0 &&
        graph_packet_us(state->packet, copy->source->stream->time_base) >= until_us) {
        av_packet_unref(state->packet);
        more = 0;
    }
    if (!copy->is_audio && state->run->video_filter)
        rc = graph_copy_filtered(state, copy, more > 0, err);
    else if (more > 0)
        rc = graph_copy_write(state, copy, err);
    if (more == 0)
        copy->source = NULL;
    return rc;
}

static int graph_step(struct graph_state *state, struct err *err)
{
    const struct graph_run *run = state->run;
    bool is_audio = false;
    int rc = graph_next(run->graph, state->frame, &is_audio, err);
    if (rc <= 0) {
        state->graph_ended = true;
        return rc;
    }
    AVRational base = graph_time_base(run->graph, is_audio);
    int64_t time = av_rescale_q(state->frame->pts, base, AV_TIME_BASE_Q);
    if (time > state->reached_us)
        state->reached_us = time;
    state->frame->pts =
        av_rescale_q(state->frame->pts, base,
                     is_audio ? (AVRational){1, VIDEO_SINK_AUDIO_RATE} : av_inv_q(run->rate));
    if (is_audio) {
        rc = video_sink_audio(run->sink, state->frame, err);
    } else {
        rc = video_sink_mark(run->sink, state->frame, err);
        if (rc == 0 && run->observe)
            rc = run->observe(run->observe_context, state->frame, err);
        if (rc == 0)
            rc = video_sink_video(run->sink, state->frame, err);
    }
    av_frame_unref(state->frame);
    return rc;
}

/* The one that is furthest behind goes next, so that the muxer has little to hold back. */
static struct graph_copy *graph_behind(struct graph_state *state)
{
    struct graph_copy *behind = NULL;
    int64_t least = state->graph_ended ? INT64_MAX : state->reached_us;
    for (int i = 0; i < 2; i++) {
        struct graph_copy *copy = &state->copies[i];
        if (copy->source && (copy->reached_us < least || (!behind && state->graph_ended))) {
            behind = copy;
            least = copy->reached_us;
        }
    }
    return behind;
}

static int graph_report(struct graph_state *state, struct err *err)
{
    const struct graph_run *run = state->run;
    int64_t reached_us = state->reached_us;
    for (int i = 0; i < 2; i++) {
        if (state->copies[i].reached_us > reached_us)
            reached_us = state->copies[i].reached_us;
    }
    if (run->duration_us > 0)
        state->fraction =
            fmax(state->fraction, fmin((double)reached_us / (double)run->duration_us, 1));
    double fraction =
        run->progress_from + (run->progress_to - run->progress_from) * state->fraction;
    return media_advance(run->monitor, fraction) ? 0 : err_set_default(err, ERR_CANCELLED);
}

static int graph_loop(struct graph_state *state, struct err *err)
{
    for (;;) {
        struct graph_copy *copy = graph_behind(state);
        if (!copy && state->graph_ended)
            return 0;
        int rc = copy ? graph_copy_step(state, copy, err) : graph_step(state, err);
        if (rc == 0)
            rc = graph_report(state, err);
        if (rc < 0)
            return rc;
    }
}

int graph_run(const struct graph_run *run, struct err *err)
{
    AVFrame *frame CLEANUP(av_frame) = av_frame_alloc();
    AVPacket *packet CLEANUP(av_packet) = av_packet_alloc();
    if (!frame || !packet)
        return video_file_fault(AVERROR(ENOMEM), "starting", err);
    struct graph_state state = {
        .run = run,
        .frame = frame,
        .packet = packet,
        .copies = {{.source = run->copy_video, .reached_us = INT64_MIN},
                   {.source = run->copy_audio, .is_audio = true, .reached_us = INT64_MIN}},
        .graph_ended = !run->graph,
    };
    return graph_loop(&state, err);
}
