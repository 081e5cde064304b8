#include "media/video_sink.h"

#include "media/video_blend.h"
#include "media/video_moving.h"
#include "media/video_private.h"

#include "base/arena.h"
#include <assert.h>
#include <libavutil/channel_layout.h>
#include <libavutil/cpu.h>
#include <libavutil/opt.h>
#include <math.h>
#include <unistd.h>

/*
 * DESIGN. x264 decides the same for the same frames only when its thread count is fixed and its own
 * rate buffer (VBV) is off: with frame threads the buffer looks at how far other threads have come.
 * So quality is constant (CRF), and a bound on the bit rate is kept here: packets leave the encoder
 * after a fixed number of frames, so raising the CRF by what has left so far is deterministic.
 */

enum {
    VIDEO_SINK_THREADS = 3,
    VIDEO_SINK_KEY_SECONDS = 8,
    VIDEO_SINK_AUDIO_BITS = 160000,
    VIDEO_SINK_CRF = 21,
    VIDEO_SINK_CRF_WORST = 36,
    VIDEO_SINK_WINDOW_S = 2, /* of bits that may be ahead of the bound */
    /* Frames above this are few in memory: two threads, a short look ahead. */
    VIDEO_SINK_LARGE_PIXELS = 4096 * 2304,
    VIDEO_SINK_LARGE_THREADS = 2,
};

struct video_sink_stream {
    AVCodecContext *encoder; /* NULL: copied */
    AVStream *stream;        /* NULL: there is none */
    const char *path;        /* of the file that is copied; NULL: encoded */
    int64_t end_us;
    int64_t last_dts; /* copied; in the stream's time base */
};

/* One of the two. */
struct video_sink_mark {
    struct video_blend *blend;
    struct video_moving_mark *moving;
};

struct video_sink {
    AVFormatContext *muxer;
    AVPacket *packet;
    int fd;
    struct video_sink_stream video, audio;
    bool first_video_packet;
    double crf, bits_per_frame; /* the bound */
    double bits_ahead;
    struct video_sink_mark marks[VIDEO_MARKS_MAX];
    size_t mark_count;
};

/* 12 Mb/s for 1080p at 30, less than proportional in both directions. */
static double video_sink_bound(const struct video_sink_settings *settings)
{
    double rate = av_q2d(settings->rate);
    double relative = (double)settings->width * settings->height * rate / (1920.0 * 1080 * 30);
    return 12e6 * pow(relative, 0.75) / rate;
}

/* By whether the processor has AVX-512, and whether frames are large. */
#define VIDEO_SINK_SHORT "rc-lookahead=4:sync-lookahead=0"
static const char *const video_sink_options[2][2] = {{NULL, VIDEO_SINK_SHORT},
                                                     {"asm=avx2", "asm=avx2:" VIDEO_SINK_SHORT}};

static int video_sink_open_x264(struct video_sink *sink, const struct video_sink_settings *settings,
                                struct err *err)
{
    const AVCodec *codec = avcodec_find_encoder_by_name("libx264");
    AVCodecContext *encoder = codec ? avcodec_alloc_context3(codec) : NULL;
    sink->video.encoder = encoder;
    if (!encoder)
        return err_set(err, ERR_UNAVAILABLE, NULL, "The H.264 encoder is missing.");
    encoder->width = settings->width;
    encoder->height = settings->height;
    encoder->pix_fmt = AV_PIX_FMT_YUV420P;
    encoder->time_base = av_inv_q(settings->rate);
    encoder->framerate = settings->rate;
    encoder->sample_aspect_ratio = (AVRational){1, 1};
    encoder->color_range = AVCOL_RANGE_MPEG;
    encoder->color_primaries = AVCOL_PRI_BT709;
    encoder->color_trc = AVCOL_TRC_BT709;
    encoder->colorspace = AVCOL_SPC_BT709;
    encoder->chroma_sample_location = AVCHROMA_LOC_LEFT;
    encoder->profile = FF_PROFILE_H264_HIGH;
    bool is_large = settings->width * settings->height > VIDEO_SINK_LARGE_PIXELS;
    encoder->thread_count = is_large ? VIDEO_SINK_LARGE_THREADS : VIDEO_SINK_THREADS;
    encoder->gop_size = (int)lrint(VIDEO_SINK_KEY_SECONDS * av_q2d(settings->rate)) + 1;
    encoder->flags |= AV_CODEC_FLAG_GLOBAL_HEADER | AV_CODEC_FLAG_BITEXACT;
    sink->crf = VIDEO_SINK_CRF;
    sink->bits_per_frame = video_sink_bound(settings);
    av_opt_set(encoder->priv_data, "preset", "veryfast", 0);
    av_opt_set(encoder->priv_data, "profile", "high", 0);
    av_opt_set_double(encoder->priv_data, "crf", sink->crf, 0);
    /* The encoder's code for AVX-512 reads beyond its rows (macroblock tree, widths that are no
     * multiple of 256): the same frames then give other bytes with other leftovers in memory. */
    bool has_avx512 = (av_get_cpu_flags() & AV_CPU_FLAG_AVX512) != 0;
    const char *options = video_sink_options[has_avx512][is_large];
    if (options)
        av_opt_set(encoder->priv_data, "x264-params", options, 0);
    int rc = avcodec_open2(encoder, codec, NULL);
    return rc < 0 ? video_file_fault(rc, "starting the H.264 encoder", err) : 0;
}

static int video_sink_open_aac(struct video_sink *sink, struct err *err)
{
    const AVCodec *codec = avcodec_find_encoder_by_name("aac");
    AVCodecContext *encoder = codec ? avcodec_alloc_context3(codec) : NULL;
    sink->audio.encoder = encoder;
    if (!encoder)
        return err_set(err, ERR_UNAVAILABLE, NULL, "The AAC encoder is missing.");
    encoder->sample_rate = VIDEO_SINK_AUDIO_RATE;
    encoder->sample_fmt = AV_SAMPLE_FMT_FLTP;
    av_channel_layout_default(&encoder->ch_layout, 2);
    encoder->bit_rate = VIDEO_SINK_AUDIO_BITS;
    encoder->time_base = (AVRational){1, VIDEO_SINK_AUDIO_RATE};
    encoder->flags |= AV_CODEC_FLAG_GLOBAL_HEADER | AV_CODEC_FLAG_BITEXACT;
    int rc = avcodec_open2(encoder, codec, NULL);
    return rc < 0 ? video_file_fault(rc, "starting the AAC encoder", err) : 0;
}

/* What a muxer says of streams that were not made here is said of their file. */
static int video_sink_fault(const struct video_sink_stream *stream, int av_code, const char *doing,
                            struct err *err)
{
    bool content = av_code == AVERROR_INVALIDDATA || av_code == AVERROR(EINVAL) ||
                   av_code == AVERROR_PATCHWELCOME || av_code == AVERROR(ENOSYS);
    if (!stream->path || !content)
        return video_file_fault(av_code, doing, err);
    return err_set(err, ERR_BAD_INPUT, stream->path,
                   "The file of %s is damaged and cannot be copied.", stream->path);
}

/* Whose fault it may be when the muxer refuses the whole. */
static const struct video_sink_stream *video_sink_copied(const struct video_sink *sink)
{
    return sink->audio.path ? &sink->audio : &sink->video;
}

static int video_sink_add_stream(struct video_sink *sink, struct video_sink_stream *to,
                                 const struct video_sink_copy *copy, struct err *err)
{
    to->stream = avformat_new_stream(sink->muxer, NULL);
    if (!to->stream)
        return video_file_fault(AVERROR(ENOMEM), "adding a stream", err);
    int rc;
    to->path = copy->path;
    to->last_dts = AV_NOPTS_VALUE;
    if (copy->parameters) {
        rc = avcodec_parameters_copy(to->stream->codecpar, copy->parameters);
        to->stream->codecpar->codec_tag = 0;
        to->stream->codecpar->bit_rate = 0; /* what comes is counted */
        to->stream->time_base = copy->time_base;
        to->stream->avg_frame_rate = copy->rate;
        to->stream->sample_aspect_ratio = copy->parameters->sample_aspect_ratio;
    } else {
        rc = avcodec_parameters_from_context(to->stream->codecpar, to->encoder);
        to->stream->time_base = to->encoder->time_base;
        to->stream->avg_frame_rate = to->encoder->framerate;
    }
    return rc < 0 ? video_file_fault(rc, "adding a stream", err) : 0;
}

/* The muxer reads its own output once, to move the index to the front. */
static int video_sink_reopen(AVFormatContext *muxer, AVIOContext **io, const char *url, int flags,
                             AVDictionary **options)
{
    (void)url;
    (void)options;
    const struct video_sink *sink = muxer->opaque;
    if (flags & AVIO_FLAG_WRITE)
        return AVERROR(EPERM);
    *io = video_file_reader(sink->fd);
    return *io ? 0 : AVERROR(ENOMEM);
}

static int video_sink_reclose(AVFormatContext *muxer, AVIOContext *io)
{
    (void)muxer;
    video_file_close(&io);
    return 0;
}

static int video_sink_open_muxer(struct video_sink *sink,
                                 const struct video_sink_settings *settings, struct err *err)
{
    int rc = avformat_alloc_output_context2(&sink->muxer, NULL, "mp4", NULL);
    if (rc < 0)
        return video_file_fault(rc, "starting the MP4 file", err);
    AVFormatContext *muxer = sink->muxer;
    muxer->pb = video_file_writer(sink->fd);
    if (!muxer->pb)
        return video_file_fault(AVERROR(ENOMEM), "starting the MP4 file", err);
    muxer->opaque = sink;
    muxer->io_open = video_sink_reopen;
    muxer->io_close2 = video_sink_reclose;
    muxer->flags |= AVFMT_FLAG_BITEXACT | AVFMT_FLAG_CUSTOM_IO;
    muxer->max_interleave_delta = 0;
    /* FLAC is in the standard, but this library is older than that. */
    muxer->strict_std_compliance = FF_COMPLIANCE_EXPERIMENTAL;
    if (settings->title && *settings->title)
        av_dict_set(&muxer->metadata, "title", settings->title, 0);
    return 0;
}

static int video_sink_start(struct video_sink *sink, const struct video_sink_settings *settings,
                            struct err *err)
{
    int rc = video_sink_open_muxer(sink, settings, err);
    if (rc == 0 && !settings->copy_video.parameters)
        rc = video_sink_open_x264(sink, settings, err);
    if (rc == 0)
        rc = video_sink_add_stream(sink, &sink->video, &settings->copy_video, err);
    if (rc == 0 && settings->audio && !settings->copy_audio.parameters)
        rc = video_sink_open_aac(sink, err);
    if (rc == 0 && (settings->audio || settings->copy_audio.parameters))
        rc = video_sink_add_stream(sink, &sink->audio, &settings->copy_audio, err);
    if (rc < 0)
        return rc;
    AVDictionary *options = NULL;
    av_dict_set(&options, "movflags", "+faststart", 0);
    rc = avformat_write_header(sink->muxer, &options);
    av_dict_free(&options);
    return rc < 0 ? video_sink_fault(video_sink_copied(sink), rc, "starting the MP4 file", err) : 0;
}

struct video_sink_copy video_sink_copy(const struct video_source *source)
{
    if (!source)
        return (struct video_sink_copy){0};
    const AVStream *stream = source->stream;
    return (struct video_sink_copy){stream->codecpar, stream->time_base, stream->avg_frame_rate,
                                    source->path};
}

static int video_sink_open_marks(struct video_sink *sink,
                                 const struct video_sink_settings *settings, struct err *err)
{
    int rc = 0;
    assert(settings->marks.count <= VIDEO_MARKS_MAX);
    for (size_t i = 0; rc == 0 && i < settings->marks.count; i++) {
        const struct video_logo *logo = &settings->marks.logos[i];
        struct video_sink_mark *mark = &sink->marks[sink->mark_count++];
        if (logo->moving)
            rc = video_moving_new(logo, settings->rate, &mark->moving, err);
        else
            mark->blend = video_blend_new(logo, settings->width, settings->height);
    }
    return rc;
}

int video_sink_new(int fd, const struct video_sink_settings *settings, struct video_sink **ret_sink,
                   struct err *err)
{
    assert(settings->copy_video.parameters || (settings->width > 0 && settings->width % 2 == 0 &&
                                               settings->height > 0 && settings->height % 2 == 0));
    if (ftruncate(fd, 0) < 0)
        return err_set(err, ERR_STORAGE, NULL, "The result could not be written.");
    struct video_sink *sink = mem_alloc(sizeof(*sink));
    sink->fd = fd;
    sink->first_video_packet = true;
    sink->packet = av_packet_alloc();
    int rc = sink->packet ? video_sink_open_marks(sink, settings, err)
                          : video_file_fault(AVERROR(ENOMEM), "starting the MP4 file", err);
    if (rc == 0)
        rc = video_sink_start(sink, settings, err);
    if (rc < 0)
        video_sink_free(sink);
    else
        *ret_sink = sink;
    return rc;
}

/* Cuts the encoder's note about itself (an unregistered SEI unit) out of its first packet. */
static void video_sink_strip_note(AVPacket *packet)
{
    const uint8_t *end = packet->data + packet->size;
    uint8_t *unit = packet->data;
    while (unit + 5 < end) {
        int start = unit[2] == 1 ? 3 : 4;
        uint8_t *next = unit + start;
        while (next + 3 < end &&
               !(next[0] == 0 && next[1] == 0 && (next[2] == 1 || (next[2] == 0 && next[3] == 1))))
            next++;
        if (next + 3 >= end)
            return;
        if ((unit[start] & 31) == 6 && unit[start + 1] == 5) {
            memmove(unit, next, (size_t)(end - next));
            av_shrink_packet(packet, packet->size - (int)(next - unit));
            return;
        }
        unit = next;
    }
}

static void video_sink_hold_rate(struct video_sink *sink, int packet_size)
{
    double window =
        sink->bits_per_frame * av_q2d(sink->video.encoder->framerate) * VIDEO_SINK_WINDOW_S;
    sink->bits_ahead = fmax(0, sink->bits_ahead + packet_size * 8.0 - sink->bits_per_frame);
    double excess = sink->bits_ahead / window;
    double crf = excess < 1 ? VIDEO_SINK_CRF
                            : fmin(VIDEO_SINK_CRF + floor(excess * 4), VIDEO_SINK_CRF_WORST);
    if (crf != sink->crf)
        av_opt_set_double(sink->video.encoder->priv_data, "crf", crf, 0);
    sink->crf = crf;
}

/* Files repeat times, go back or leave them out; MP4 takes only times of decoding that grow and pictures that are seen not before. */
static void video_sink_order(struct video_sink_stream *to, AVPacket *packet)
{
    bool follows = to->last_dts != AV_NOPTS_VALUE;
    if (packet->dts == AV_NOPTS_VALUE)
        packet->dts = follows ? to->last_dts + 1 : packet->pts == AV_NOPTS_VALUE ? 0 : packet->pts;
    if (follows && packet->dts <= to->last_dts)
        packet->dts = to->last_dts + 1;
    if (packet->pts == AV_NOPTS_VALUE || packet->pts < packet->dts)
        packet->pts = packet->dts;
    to->last_dts = packet->dts;
}

static int video_sink_write(struct video_sink *sink, struct video_sink_stream *to, AVPacket *packet,
                            AVRational time_base, struct err *err)
{
    packet->stream_index = to->stream->index;
    av_packet_rescale_ts(packet, time_base, to->stream->time_base);
    if (to->path)
        video_sink_order(to, packet);
    int64_t end_us =
        av_rescale_q(packet->pts + packet->duration, to->stream->time_base, AV_TIME_BASE_Q);
    if (end_us > to->end_us)
        to->end_us = end_us;
    packet->pos = -1;
    int rc = av_interleaved_write_frame(sink->muxer, packet);
    return rc < 0 ? video_sink_fault(to, rc, "writing the MP4 file", err) : 0;
}

static int video_sink_drain(struct video_sink *sink, struct video_sink_stream *from,
                            struct err *err)
{
    bool is_video = from == &sink->video;
    for (;;) {
        int rc = avcodec_receive_packet(from->encoder, sink->packet);
        if (rc == AVERROR(EAGAIN) || rc == AVERROR_EOF)
            return 0;
        if (rc < 0)
            return video_file_fault(rc, "encoding", err);
        if (is_video) {
            sink->packet->duration = 1;
            video_sink_hold_rate(sink, sink->packet->size);
            if (sink->first_video_packet)
                video_sink_strip_note(sink->packet);
            sink->first_video_packet = false;
        }
        rc = video_sink_write(sink, from, sink->packet, from->encoder->time_base, err);
        if (rc < 0)
            return rc;
    }
}

static int video_sink_encode(struct video_sink *sink, struct video_sink_stream *to, AVFrame *frame,
                             struct err *err)
{
    int rc = avcodec_send_frame(to->encoder, frame);
    if (rc < 0)
        return video_file_fault(rc, "encoding", err);
    return video_sink_drain(sink, to, err);
}

int video_sink_mark(struct video_sink *sink, AVFrame *frame, struct err *err)
{
    int rc = sink->mark_count > 0 ? av_frame_make_writable(frame) : 0;
    if (rc < 0)
        return video_file_fault(rc, "drawing over a frame", err);
    double seconds = (double)frame->pts / av_q2d(sink->video.encoder->framerate);
    for (size_t i = 0; rc == 0 && i < sink->mark_count; i++) {
        if (sink->marks[i].moving)
            rc = video_moving_draw(sink->marks[i].moving, frame, err);
        else
            video_blend_draw(sink->marks[i].blend, frame, seconds);
    }
    return rc;
}

int video_sink_video(struct video_sink *sink, AVFrame *frame, struct err *err)
{
    assert(sink->video.encoder && frame->format == AV_PIX_FMT_YUV420P);
    frame->pict_type = AV_PICTURE_TYPE_NONE;
    return video_sink_encode(sink, &sink->video, frame, err);
}

/* Damaged sound decodes to samples that are no numbers or far from any sound; the encoder would refuse the whole. */
static int video_sink_mute_nonsense(AVFrame *frame)
{
    const float most = 1000;
    for (int c = 0; c < frame->ch_layout.nb_channels; c++) {
        for (int i = 0; i < frame->nb_samples; i++) {
            if (fabsf(((const float *)frame->extended_data[c])[i]) <= most)
                continue;
            int rc = av_frame_make_writable(frame);
            if (rc < 0)
                return rc;
            ((float *)frame->extended_data[c])[i] = 0;
        }
    }
    return 0;
}

int video_sink_audio(struct video_sink *sink, AVFrame *frame, struct err *err)
{
    assert(sink->audio.encoder && frame->format == AV_SAMPLE_FMT_FLTP);
    int rc = video_sink_mute_nonsense(frame);
    if (rc < 0)
        return video_file_fault(rc, "encoding", err);
    return video_sink_encode(sink, &sink->audio, frame, err);
}

int video_sink_packet(struct video_sink *sink, bool is_audio, AVPacket *packet,
                      AVRational time_base, struct err *err)
{
    struct video_sink_stream *to = is_audio ? &sink->audio : &sink->video;
    assert(to->stream && !to->encoder);
    const AVCodecParameters *parameters = to->stream->codecpar;
    enum { LENGTHS_AT = 4, LENGTHS_MASK = 3 };
    int rc = 0;
    if (parameters->codec_id == AV_CODEC_ID_H264 && parameters->extradata_size > LENGTHS_AT)
        rc = video_private_strip(packet, (parameters->extradata[LENGTHS_AT] & LENGTHS_MASK) + 1);
    if (rc < 0)
        return video_file_fault(rc, "copying a stream", err);
    return video_sink_write(sink, to, packet, time_base, err);
}

int video_sink_finish(struct video_sink *sink, struct err *err)
{
    int rc = 0;
    if (sink->video.encoder)
        rc = video_sink_encode(sink, &sink->video, NULL, err);
    if (rc == 0 && sink->audio.encoder)
        rc = video_sink_encode(sink, &sink->audio, NULL, err);
    if (rc < 0)
        return rc;
    rc = av_write_trailer(sink->muxer);
    if (rc >= 0) {
        avio_flush(sink->muxer->pb);
        rc = sink->muxer->pb->error;
    }
    return rc < 0 ? video_sink_fault(video_sink_copied(sink), rc, "completing the MP4 file", err)
                  : 0;
}

int64_t video_sink_duration_ms(const struct video_sink *sink)
{
    int64_t end_us =
        sink->video.end_us > sink->audio.end_us ? sink->video.end_us : sink->audio.end_us;
    return (end_us + 500) / 1000;
}

void video_sink_free(struct video_sink *sink)
{
    if (!sink)
        return;
    for (size_t i = 0; i < sink->mark_count; i++) {
        video_blend_free(sink->marks[i].blend);
        video_moving_free(sink->marks[i].moving);
    }
    avcodec_free_context(&sink->video.encoder);
    avcodec_free_context(&sink->audio.encoder);
    av_packet_free(&sink->packet);
    if (sink->muxer) {
        video_file_close(&sink->muxer->pb);
        avformat_free_context(sink->muxer);
    }
    free(sink);
}
