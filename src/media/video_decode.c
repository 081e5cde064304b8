/* Frames and packets of an opened source; see video_source.h. */
#include "media/video_duration.h"

#include <libavutil/frame.h>
#include <libswresample/swresample.h>
#include <libswscale/swscale.h>

enum { VIDEO_DECODE_FAULTS_FREE = 8 /* damaged packets that are passed over anyway */ };

/* At the end: whether the file held what its header promises. */
static int video_decode_check_end(const struct video_source *source, struct err *err)
{
    if (source->packets == 0 && source->is_video)
        return video_source_empty(source, err);
    int64_t end_us = av_rescale_q(source->next_pts, source->stream->time_base, AV_TIME_BASE_Q);
    if (source->packets == 0 || !video_duration_is_short(source->promised_us, end_us))
        return 0;
    return err_set(err, ERR_BAD_INPUT, source->path,
                   "The file of %s is cut off: it promises %.1f seconds and holds %.1f.",
                   source->path, (double)source->promised_us / AV_TIME_BASE,
                   (double)end_us / AV_TIME_BASE);
}

/* Remembers how far copied packets reach. */
static void video_decode_note_packet(struct video_source *source, const AVPacket *packet)
{
    int64_t pts = packet->pts != AV_NOPTS_VALUE ? packet->pts : packet->dts;
    if (!source->decoder && pts != AV_NOPTS_VALUE && pts + packet->duration > source->next_pts)
        source->next_pts = pts + packet->duration;
}

int video_source_packet(struct video_source *source, AVPacket *packet, struct err *err)
{
    for (;;) {
        int rc = av_read_frame(source->demuxer, packet);
        if (rc < 0) /* a file that ends early is told by its last time */
            return source->decoder ? 0 : video_decode_check_end(source, err);
        if (packet->stream_index == source->stream->index)
            break;
        av_packet_unref(packet);
    }
    source->packets++;
    if (packet->pts != AV_NOPTS_VALUE)
        packet->pts -= source->start;
    if (packet->dts != AV_NOPTS_VALUE)
        packet->dts -= source->start;
    video_decode_note_packet(source, packet);
    if (packet->pts != AV_NOPTS_VALUE &&
        av_rescale_q(packet->pts, source->stream->time_base, AV_TIME_BASE_Q) >
            (int64_t)(VIDEO_DURATION_MAX_S + 60) * AV_TIME_BASE)
        return err_set(err, ERR_BAD_INPUT, source->path,
                       "The file of %s runs longer than the %d seconds that are taken.",
                       source->path, VIDEO_DURATION_MAX_S);
    return 1;
}

static int video_decode_feed(struct video_source *source, struct err *err)
{
    int rc = video_source_packet(source, source->packet, err);
    if (rc < 0)
        return rc;
    if (rc == 0) {
        source->draining = true;
        avcodec_send_packet(source->decoder, NULL);
        return 0;
    }
    if (avcodec_send_packet(source->decoder, source->packet) < 0)
        source->faults++;
    av_packet_unref(source->packet);
    if (source->faults > VIDEO_DECODE_FAULTS_FREE && source->faults * 10 > source->packets)
        return err_set(err, ERR_BAD_INPUT, source->path,
                       "The file of %s is damaged and cannot be decoded.", source->path);
    return 0;
}

/* A later frame of another size or pixel format takes the first one's. */
static int video_decode_match_picture(struct video_source *source, AVFrame *frame, struct err *err)
{
    if (frame->width == source->coded_width && frame->height == source->coded_height &&
        frame->format == source->format)
        return 0;
    AVFrame *matched CLEANUP(av_frame) = av_frame_alloc();
    source->scaler =
        sws_getCachedContext(source->scaler, frame->width, frame->height, frame->format,
                             source->coded_width, source->coded_height, source->format,
                             SWS_BICUBIC | SWS_ACCURATE_RND | SWS_BITEXACT, NULL, NULL, NULL);
    if (!matched || !source->scaler)
        return err_set(err, ERR_BAD_INPUT, source->path,
                       "The video of %s changes its format in the middle.", source->path);
    matched->width = source->coded_width;
    matched->height = source->coded_height;
    matched->format = source->format;
    int rc = av_frame_copy_props(matched, frame);
    if (rc >= 0)
        rc = av_frame_get_buffer(matched, 0);
    if (rc >= 0)
        rc = sws_scale(source->scaler, (const uint8_t *const *)frame->data, frame->linesize, 0,
                       frame->height, matched->data, matched->linesize);
    if (rc < 0)
        return video_file_fault(rc, "scaling a frame", err);
    av_frame_unref(frame);
    av_frame_move_ref(frame, matched);
    return 0;
}

/* One resampler goes on from frame to frame: each keeps a little of the sound back, which the next frame continues. */
static int video_decode_resample(struct video_source *source, AVFrame *matched,
                                 const AVFrame *frame)
{
    int rc = AVERROR_INPUT_CHANGED;
    if (source->resampler) {
        int64_t kept = swr_get_delay(source->resampler, source->sample_rate);
        if (frame->pts != AV_NOPTS_VALUE)
            matched->pts = frame->pts - av_rescale_q(kept, (AVRational){1, source->sample_rate},
                                                     source->stream->time_base);
        rc = swr_convert_frame(source->resampler, matched, frame);
    }
    if (rc != AVERROR_INPUT_CHANGED)
        return rc;
    matched->pts = frame->pts;
    swr_free(&source->resampler);
    source->resampler = swr_alloc();
    return source->resampler ? swr_convert_frame(source->resampler, matched, frame)
                             : AVERROR(ENOMEM);
}

static int video_decode_match_sound(struct video_source *source, AVFrame *frame, struct err *err)
{
    if (frame->ch_layout.order == AV_CHANNEL_ORDER_UNSPEC)
        av_channel_layout_default(&frame->ch_layout, frame->ch_layout.nb_channels);
    if (frame->sample_rate == source->sample_rate && frame->format == source->format &&
        av_channel_layout_compare(&frame->ch_layout, &source->layout) == 0) {
        swr_free(&source->resampler);
        return 0;
    }
    AVFrame *matched CLEANUP(av_frame) = av_frame_alloc();
    if (!matched)
        return video_file_fault(AVERROR(ENOMEM), "resampling", err);
    matched->sample_rate = source->sample_rate;
    matched->format = source->format;
    int rc = av_channel_layout_copy(&matched->ch_layout, &source->layout);
    if (rc >= 0)
        rc = video_decode_resample(source, matched, frame);
    if (rc < 0)
        return err_set(err, ERR_BAD_INPUT, source->path,
                       "The sound of %s changes its format in the middle.", source->path);
    av_frame_unref(frame);
    av_frame_move_ref(frame, matched);
    return 0;
}

/* Gives the frame a time from the file's start and remembers where it ends. */
static void video_decode_stamp(struct video_source *source, AVFrame *frame)
{
    AVRational base = source->stream->time_base;
    int64_t duration = frame->pkt_duration;
    frame->pts = frame->best_effort_timestamp != AV_NOPTS_VALUE
                     ? frame->best_effort_timestamp + source->round_pts
                     : source->next_pts;
    if (!source->is_video && frame->sample_rate > 0)
        duration = av_rescale_q(frame->nb_samples, (AVRational){1, frame->sample_rate}, base);
    else if (duration <= 0 && source->stream->avg_frame_rate.num > 0)
        duration = av_rescale_q(1, av_inv_q(source->stream->avg_frame_rate), base);
    if (frame->pts + duration > source->next_pts)
        source->next_pts = frame->pts + duration;
}

/* Where a round of frames that begin again has to end; decoders go on to the end of their last block. */
static int64_t video_decode_round_end(const struct video_source *source)
{
    return source->promised_us > 0
               ? source->round_pts +
                     av_rescale_q(source->promised_us, AV_TIME_BASE_Q, source->stream->time_base)
               : source->next_pts;
}

/* Cuts what goes beyond the end of the round. False when nothing is left. */
static bool video_decode_cut_round(const struct video_source *source, AVFrame *frame)
{
    if (!source->loops || source->promised_us == 0)
        return true;
    int64_t left = av_rescale_q(video_decode_round_end(source) - frame->pts,
                                source->stream->time_base, (AVRational){1, frame->sample_rate});
    if (left < frame->nb_samples)
        frame->nb_samples = left > 0 ? (int)left : 0;
    return frame->nb_samples > 0;
}

/* At the end of the frames: 0, or 1 when they begin again. */
static int video_decode_end(struct video_source *source, struct err *err)
{
    int rc = source->round_pts > 0 ? 0 : video_decode_check_end(source, err);
    if (rc < 0 || !source->loops || source->next_pts <= source->round_pts)
        return rc;
    source->round_pts = video_decode_round_end(source);
    source->next_pts = source->round_pts;
    rc = video_source_rewind(source, err);
    return rc < 0 ? rc : 1;
}

/* The next one as it is coded. */
static int video_decode_next(struct video_source *source, AVFrame *frame, struct err *err)
{
    for (;;) {
        int rc = avcodec_receive_frame(source->decoder, frame);
        if (rc == AVERROR_EOF) {
            rc = video_decode_end(source, err);
            if (rc <= 0)
                return rc;
            continue;
        }
        if (rc == AVERROR(EAGAIN)) {
            rc = video_decode_feed(source, err);
            if (rc < 0)
                return rc;
            continue;
        }
        if (rc < 0) {
            source->faults++;
            if (source->draining)
                return video_decode_check_end(source, err);
            continue;
        }
        video_decode_stamp(source, frame);
        if (source->is_video || video_decode_cut_round(source, frame))
            return 1;
        av_frame_unref(frame);
    }
}

int video_source_frame(struct video_source *source, AVFrame *frame, struct err *err)
{
    if (source->first) {
        av_frame_move_ref(frame, source->first);
        av_frame_free(&source->first);
        return 1;
    }
    bool is_first = source->is_video ? source->coded_width == 0 : source->sample_rate == 0;
    for (;;) {
        int rc = video_decode_next(source, frame, err);
        if (rc <= 0 || is_first)
            return rc;
        rc = source->is_video ? video_decode_match_picture(source, frame, err)
                              : video_decode_match_sound(source, frame, err);
        if (rc < 0)
            return rc;
        if (source->is_video || frame->nb_samples > 0)
            return 1;
        av_frame_unref(frame); /* so short that the resampler has kept all of it */
    }
}

int video_source_seek(struct video_source *source, double seconds, struct err *err)
{
    int64_t target = (int64_t)(seconds / av_q2d(source->stream->time_base)) + source->start;
    av_frame_free(&source->first);
    if (av_seek_frame(source->demuxer, source->stream->index, target, AVSEEK_FLAG_BACKWARD) < 0)
        return err_set(err, ERR_BAD_INPUT, source->path,
                       "The file of %s is damaged: it cannot be searched.", source->path);
    avcodec_flush_buffers(source->decoder);
    source->draining = false;
    return 0;
}
