#include "media/video_source.h"

#include "base/arena.h"
#include "media/video_duration.h"
#include <libavutil/avstring.h>
#include <libavutil/display.h>
#include <libavutil/intreadwrite.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <libswresample/swresample.h>
#include <libswscale/swscale.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

enum {
    VIDEO_SOURCE_STREAMS_MAX = 32,
    VIDEO_SOURCE_CHANNELS_MAX = 8,
    VIDEO_SOURCE_RATE_MAX = 60,
    VIDEO_SOURCE_SINGLE_THREAD_PIXELS = 1920 * 1088
};
#define VIDEO_SOURCE_DECODERS                                                                      \
    "h264,hevc,vp8,vp9,libdav1d,mpeg4,mjpeg,prores,aac,mp3float,ac3,eac3,alac,flac,opus,vorbis,"   \
    "pcm_s16le,pcm_s16be,pcm_s24le,pcm_s32le,pcm_f32le,pcm_u8"

/* The container by its first bytes; NULL when it is none that is taken. */
static const char *video_source_container(const uint8_t head[12], int containers)
{
    static const char *const atoms[] = {"ftyp", "moov", "mdat", "wide", "free", "skip"};
    for (size_t i = 0; i < sizeof(atoms) / sizeof(atoms[0]); i++) {
        if (memcmp(head + 4, atoms[i], 4) == 0)
            return "mov";
    }
    if (memcmp(head, "\x1a\x45\xdf\xa3", 4) == 0)
        return "matroska";
    if (!(containers & VIDEO_SOURCE_AUDIO_FILES))
        return NULL;
    if (memcmp(head, "RIFF", 4) == 0 && memcmp(head + 8, "WAVE", 4) == 0)
        return "wav";
    if (memcmp(head, "OggS", 4) == 0)
        return "ogg";
    if (memcmp(head, "fLaC", 4) == 0)
        return "flac";
    if (head[0] == 0xff && (head[1] & 0xf6) == 0xf0)
        return "aac";
    if (memcmp(head, "ID3", 3) == 0 || (head[0] == 0xff && (head[1] & 0xe0) == 0xe0))
        return "mp3";
    return NULL;
}

static int video_source_refuse_kind(const struct video_source *source, int containers,
                                    struct err *err)
{
    if (containers & VIDEO_SOURCE_AUDIO_FILES)
        return err_set(
            err, ERR_BAD_INPUT, source->path,
            "The file of %s is no sound that is taken here (WAV, MP3, AAC, OGG, FLAC, or "
            "the sound of MP4, MOV, WebM, MKV).",
            source->path);
    return err_set(err, ERR_BAD_INPUT, source->path,
                   "The file of %s is no video that is taken here (MP4, MOV, WebM, MKV).",
                   source->path);
}

static int video_source_damaged(const struct video_source *source, struct err *err)
{
    return err_set(err, ERR_BAD_INPUT, source->path,
                   "The file of %s is damaged and cannot be decoded.", source->path);
}

int video_source_empty(const struct video_source *source, struct err *err)
{
    return err_set(err, ERR_BAD_INPUT, source->path, "The %s of %s is empty.",
                   source->is_video ? "video" : "sound", source->path);
}

/* The head of the first sample of an H.264 stream in a packet: its units with their lengths, the last one cut. NULL when there is none
 * to be had. */
static AVPacket *video_source_first_head(const AVStream *stream, int fd)
{
    enum { HEAD = 4096, LENGTH = 4 };
    const AVIndexEntry *entry = avformat_index_get_entry((AVStream *)stream, 0);
    uint8_t head[HEAD];
    ssize_t size =
        entry ? pread(fd, head, entry->size < HEAD ? (size_t)entry->size : HEAD, (off_t)entry->pos)
              : 0;
    ssize_t at = 0, last = -1;
    while (at + LENGTH < size) {
        last = at;
        at += LENGTH + (ssize_t)AV_RB32(head + at);
    }
    AVPacket *packet = last >= 0 ? av_packet_alloc() : NULL;
    if (!packet || av_new_packet(packet, (int)size) < 0) {
        av_packet_free(&packet);
        return NULL;
    }
    memcpy(packet->data, head, (size_t)size);
    AV_WB32(packet->data + last, (uint32_t)(size - last - LENGTH));
    return packet;
}

/* Pixel format and colours stand in the heads of units that only the decoder reads, but the start of a picture is enough for that.
 * False when it was not. */
static bool video_source_read_head(AVStream *stream, int fd)
{
    enum { LENGTHS_AT = 4, LENGTHS_OF_4 = 3 };
    AVCodecParameters *parameters = stream->codecpar;
    if (parameters->codec_id != AV_CODEC_ID_H264 || parameters->extradata_size <= LENGTHS_AT ||
        parameters->extradata[0] != 1 ||
        (parameters->extradata[LENGTHS_AT] & LENGTHS_OF_4) != LENGTHS_OF_4)
        return false;
    AVPacket *packet = video_source_first_head(stream, fd);
    const AVCodec *codec = avcodec_find_decoder(AV_CODEC_ID_H264);
    AVCodecContext *decoder = packet && codec ? avcodec_alloc_context3(codec) : NULL;
    bool known = false;
    if (decoder && avcodec_parameters_to_context(decoder, parameters) >= 0) {
        decoder->max_pixels = VIDEO_PIXELS_MAX;
        decoder->thread_count = 1;
        decoder->error_concealment = 0;
        decoder->skip_loop_filter = AVDISCARD_ALL;
        if (avcodec_open2(decoder, codec, NULL) >= 0)
            avcodec_send_packet(decoder, packet);
        known = decoder->pix_fmt != AV_PIX_FMT_NONE;
        if (known) {
            parameters->format = decoder->pix_fmt;
            parameters->color_range = decoder->color_range;
            parameters->color_space = decoder->colorspace;
            parameters->color_primaries = decoder->color_primaries;
            parameters->color_trc = decoder->color_trc;
            if (decoder->sample_aspect_ratio.num > 0)
                parameters->sample_aspect_ratio = decoder->sample_aspect_ratio;
        }
    }
    avcodec_free_context(&decoder);
    av_packet_free(&packet);
    return known;
}

/* Reads the header and a few frames of every stream, so that sizes and formats are known. */
static int video_source_analyse(struct video_source *source, int fd, struct err *err)
{
    AVFormatContext *demuxer = source->demuxer;
    AVDictionary *options[VIDEO_SOURCE_STREAMS_MAX] = {NULL};
    unsigned streams = demuxer->nb_streams;
    if (streams > VIDEO_SOURCE_STREAMS_MAX)
        return err_set(err, ERR_BAD_INPUT, source->path, "The file of %s has more than %d streams.",
                       source->path, VIDEO_SOURCE_STREAMS_MAX);
    for (unsigned i = 0; i < streams; i++) {
        av_dict_set_int(&options[i], "max_pixels", VIDEO_PIXELS_MAX, 0);
        av_dict_set(&options[i], "threads", "1", 0);
        /* One picture says all that is looked for, and what it shows does not matter. */
        if (demuxer->streams[i]->codecpar->codec_id == AV_CODEC_ID_H264) {
            bool known = video_source_read_head(demuxer->streams[i], fd);
            av_dict_set(&options[i], "skip_frame", known ? "all" : "nokey", 0);
            av_dict_set(&options[i], "skip_idct", "all", 0);
            av_dict_set(&options[i], "skip_loop_filter", "all", 0);
        }
    }
    int rc = avformat_find_stream_info(demuxer, streams ? options : NULL);
    for (unsigned i = 0; i < streams; i++)
        av_dict_free(&options[i]);
    return rc < 0 ? video_source_damaged(source, err) : 0;
}

static int video_source_open_demuxer(struct video_source *source, struct err *err)
{
    int fd = source->fd, containers = source->containers;
    uint8_t head[12] = {0};
    ssize_t got = pread(fd, head, sizeof(head), 0);
    const char *name =
        got == (ssize_t)sizeof(head) ? video_source_container(head, containers) : NULL;
    const AVInputFormat *format = name ? av_find_input_format(name) : NULL;
    if (!format)
        return video_source_refuse_kind(source, containers, err);
    source->demuxer = avformat_alloc_context();
    AVIOContext *io = video_file_reader(fd);
    if (!source->demuxer || !io) {
        video_file_close(&io);
        return video_file_fault(AVERROR(ENOMEM), "opening an input", err);
    }
    source->demuxer->pb = io;
    source->demuxer->max_streams = VIDEO_SOURCE_STREAMS_MAX;
    video_file_isolate(source->demuxer);
    av_opt_set(source->demuxer, "codec_whitelist", VIDEO_SOURCE_DECODERS, 0);
    av_opt_set(source->demuxer, "protocol_whitelist", "", 0);
    if (avformat_open_input(&source->demuxer, "", format, NULL) < 0) {
        video_file_close(&io); /* the context was freed, its stream is not the library's */
        return video_source_damaged(source, err);
    }
    return video_source_analyse(source, fd, err);
}

static const AVCodec *video_source_decoder(enum AVCodecID id)
{
    const AVCodec *codec = id == AV_CODEC_ID_AV1   ? avcodec_find_decoder_by_name("libdav1d")
                           : id == AV_CODEC_ID_MP3 ? avcodec_find_decoder_by_name("mp3float")
                                                   : avcodec_find_decoder(id);
    return codec && av_match_list(codec->name, VIDEO_SOURCE_DECODERS, ',') ? codec : NULL;
}

/* Also before anything is decoded, by what the file says of itself. */
static int video_source_check_pixels(const struct video_source *source, double width, double height,
                                     struct err *err)
{
    if (width * height <= VIDEO_PIXELS_MAX)
        return 0;
    return err_set(
        err, ERR_BAD_INPUT, source->path,
        "The video of %s is %.0f x %.0f pixels; frames of at most 8192 x 4320 or as many "
        "pixels are taken.",
        source->path, width, height);
}

static int video_source_open_decoder(struct video_source *source, struct err *err)
{
    const AVCodecParameters *parameters = source->stream->codecpar;
    const AVCodec *codec = video_source_decoder(parameters->codec_id);
    if (!codec)
        return err_set(err, ERR_BAD_INPUT, source->path,
                       "The file of %s is coded as '%s', which is not taken here.", source->path,
                       avcodec_get_name(parameters->codec_id));
    source->decoder = avcodec_alloc_context3(codec);
    if (!source->decoder || avcodec_parameters_to_context(source->decoder, parameters) < 0)
        return video_file_fault(AVERROR(ENOMEM), "opening an input", err);
    int64_t pixels = (int64_t)parameters->width * parameters->height;
    int rc = video_source_check_pixels(source, parameters->width, parameters->height, err);
    if (rc < 0)
        return rc;
    source->decoder->pkt_timebase = source->stream->time_base;
    source->decoder->max_pixels = VIDEO_PIXELS_MAX;
    source->decoder->thread_count = pixels > VIDEO_SOURCE_SINGLE_THREAD_PIXELS ? 2 : 1;
    return avcodec_open2(source->decoder, codec, NULL) < 0 ? video_source_damaged(source, err) : 0;
}

/* The usual rate nearest above or at `rate`, so that no frame of a variable stream is lost without
 * need. */
static AVRational video_source_usual_rate(double rate)
{
    static const AVRational usual[] = {{10, 1}, {12, 1},      {15, 1},       {24000, 1001},
                                       {24, 1}, {25, 1},      {30000, 1001}, {30, 1},
                                       {50, 1}, {60000, 1001}};
    for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
        if (rate <= av_q2d(usual[i]) * 1.001)
            return usual[i];
    }
    return (AVRational){VIDEO_SOURCE_RATE_MAX, 1};
}

/* The rate at which all times of the stream fall on frames, unless that wastes too many; then one
 * near its average. */
static AVRational video_source_constant_rate(const struct video_source *source)
{
    AVRational average = source->stream->avg_frame_rate, exact = source->stream->r_frame_rate;
    bool has_average = average.num > 0 && average.den > 0;
    if (exact.num > 0 && exact.den > 0 && exact.num <= 1000000) {
        double rate = av_q2d(exact);
        bool wasteful = has_average && rate > 3 * av_q2d(average);
        if (rate >= 1 && rate <= VIDEO_SOURCE_RATE_MAX && !wasteful)
            return exact;
    }
    return has_average ? video_source_usual_rate(av_q2d(average)) : (AVRational){25, 1};
}

/* Size and turn as they are to be seen. */
static int video_source_set_picture(struct video_source *source, struct err *err)
{
    const AVFrame *frame = source->first;
    source->interlaced =
        frame->interlaced_frame || source->stream->codecpar->field_order > AV_FIELD_PROGRESSIVE;
    source->coded_width = frame->width;
    source->coded_height = frame->height;
    double width = frame->width, height = frame->height;
    AVRational aspect =
        av_guess_sample_aspect_ratio(source->demuxer, source->stream, source->first);
    if (aspect.num > 0 && aspect.den > 0) {
        if (aspect.num > aspect.den)
            width = width * aspect.num / aspect.den;
        else
            height = height * aspect.den / aspect.num;
    }
    size_t size = 0;
    const uint8_t *matrix =
        av_stream_get_side_data(source->stream, AV_PKT_DATA_DISPLAYMATRIX, &size);
    if (matrix && size >= 9 * sizeof(int32_t)) {
        source->matrix = (const int32_t *)(const void *)matrix;
        double turn = -av_display_rotation_get(source->matrix);
        source->quarter_turns = isnan(turn) ? 0 : ((int)lrint(turn / 90) % 4 + 4) % 4;
    }
    bool sideways = source->quarter_turns % 2 == 1;
    double upright[2] = {sideways ? height : width, sideways ? width : height};
    if (fmax(width, height) > VIDEO_SIDE_MAX)
        return err_set(err, ERR_BAD_INPUT, source->path,
                       "The video of %s is %.0f x %.0f pixels; sides of at most %d are taken.",
                       source->path, upright[0], upright[1], VIDEO_SIDE_MAX);
    if (fmin(width, height) < VIDEO_SIDE_MIN)
        return err_set(err, ERR_BAD_INPUT, source->path,
                       "The video of %s is %.0f x %.0f pixels; sides of at least %d are taken.",
                       source->path, upright[0], upright[1], VIDEO_SIDE_MIN);
    int rc = video_source_check_pixels(source, upright[0], upright[1], err);
    if (rc < 0)
        return rc;
    source->width = (int)lrint(upright[0]) & ~1;
    source->height = (int)lrint(upright[1]) & ~1;
    source->rate = video_source_constant_rate(source);
    return 0;
}

/* Untagged pictures are what players take them for: BT.709 from 720 rows on, BT.601 below. Of VP8 the decoder says BT.601 whatever it
 * is, so what the file says goes first; without that it is BT.601 at any size. */
static void video_source_set_color(struct video_source *source)
{
    const AVFrame *frame = source->first;
    const AVPixFmtDescriptor *format = av_pix_fmt_desc_get(frame->format);
    bool is_rgb = format && (format->flags & AV_PIX_FMT_FLAG_RGB);
    source->color_range =
        frame->color_range == AVCOL_RANGE_JPEG || is_rgb || frame->format == AV_PIX_FMT_YUVJ420P ||
                frame->format == AV_PIX_FMT_YUVJ422P || frame->format == AV_PIX_FMT_YUVJ444P
            ? AVCOL_RANGE_JPEG
            : AVCOL_RANGE_MPEG;
    const AVCodecParameters *told = source->stream->codecpar;
    source->color_space = told->codec_id != AV_CODEC_ID_VP8            ? frame->colorspace
                          : told->color_space != AVCOL_SPC_UNSPECIFIED ? told->color_space
                                                                       : AVCOL_SPC_BT470BG;
    source->color_primaries = frame->color_primaries;
    source->color_transfer = frame->color_trc;
    if (is_rgb)
        source->color_space = AVCOL_SPC_RGB;
    else if (source->color_space == AVCOL_SPC_UNSPECIFIED || source->color_space == AVCOL_SPC_RGB)
        source->color_space = frame->height < 720 ? AVCOL_SPC_SMPTE170M : AVCOL_SPC_BT709;
}

static int video_source_set_sound(struct video_source *source, struct err *err)
{
    const AVFrame *frame = source->first;
    if (frame->sample_rate < 8000 || frame->sample_rate > 192000 ||
        frame->ch_layout.nb_channels > VIDEO_SOURCE_CHANNELS_MAX)
        return err_set(
            err, ERR_BAD_INPUT, source->path,
            "The sound of %s has %d channels at %d Hz; at most %d at 8,000 to 192,000 Hz "
            "are taken.",
            source->path, frame->ch_layout.nb_channels, frame->sample_rate,
            VIDEO_SOURCE_CHANNELS_MAX);
    source->sample_rate = frame->sample_rate;
    if (frame->ch_layout.order == AV_CHANNEL_ORDER_UNSPEC)
        av_channel_layout_default(&source->layout, frame->ch_layout.nb_channels);
    else
        av_channel_layout_copy(&source->layout, &frame->ch_layout);
    return 0;
}

/* The same facts without a picture, from what was read about the stream; none when that is not enough. */
static int video_source_look(struct video_source *source, struct err *err)
{
    const AVCodecParameters *parameters = source->stream->codecpar;
    AVFrame *frame CLEANUP(av_frame) = av_frame_alloc();
    if (!frame)
        return video_file_fault(AVERROR(ENOMEM), "opening an input", err);
    source->format = parameters->format;
    if (parameters->width <= 0 || parameters->height <= 0 || parameters->format < 0)
        return 0;
    frame->width = parameters->width;
    frame->height = parameters->height;
    frame->format = parameters->format;
    frame->sample_aspect_ratio = parameters->sample_aspect_ratio;
    frame->color_range = parameters->color_range;
    frame->colorspace = parameters->color_space;
    frame->color_primaries = parameters->color_primaries;
    frame->color_trc = parameters->color_trc;
    source->first = frame;
    int rc = video_source_set_picture(source, err);
    if (rc == 0)
        video_source_set_color(source);
    source->first = NULL;
    return rc;
}

static int video_source_open_frames(struct video_source *source, struct err *err)
{
    int rc = video_source_open_decoder(source, err);
    if (rc < 0)
        return rc;
    AVFrame *frame CLEANUP(av_frame) = av_frame_alloc();
    if (!frame)
        return video_file_fault(AVERROR(ENOMEM), "opening an input", err);
    rc = video_source_frame(source, frame, err);
    if (rc < 0)
        return rc;
    if (rc == 0)
        return video_source_empty(source, err);
    source->first = TAKE(frame);
    source->format = source->first->format;
    if (!source->is_video)
        return video_source_set_sound(source, err);
    rc = video_source_set_picture(source, err);
    video_source_set_color(source);
    return rc;
}

/* Picks the stream; others are skipped while reading. 0 without a stream when there is none of the
 * type. */
static int video_source_pick(struct video_source *source, enum AVMediaType type)
{
    AVFormatContext *demuxer = source->demuxer;
    int index = av_find_best_stream(demuxer, type, -1, -1, NULL, 0);
    if (index < 0 || (demuxer->streams[index]->disposition & AV_DISPOSITION_ATTACHED_PIC))
        return 0;
    for (unsigned i = 0; i < demuxer->nb_streams; i++)
        demuxer->streams[i]->discard = (int)i == index ? AVDISCARD_DEFAULT : AVDISCARD_ALL;
    source->stream = demuxer->streams[index];
    source->start =
        av_rescale_q(video_duration_begin(demuxer), AV_TIME_BASE_Q, source->stream->time_base);
    return 1;
}

static void video_source_close_demuxer(struct video_source *source)
{
    if (source->demuxer) {
        AVIOContext *io = source->demuxer->pb;
        avformat_close_input(&source->demuxer);
        video_file_close(&io);
    }
    source->stream = NULL;
}

static void video_source_close(struct video_source *source)
{
    av_frame_free(&source->first);
    avcodec_free_context(&source->decoder);
    video_source_close_demuxer(source);
}

int video_source_rewind(struct video_source *source, struct err *err)
{
    /* After a search the first times of Ogg are missing: it has to be opened anew. */
    if (!av_match_name("ogg", source->demuxer->iformat->name))
        return video_source_seek(source, 0, err);
    video_source_close_demuxer(source);
    int rc = video_source_open_demuxer(source, err);
    if (rc == 0 && !video_source_pick(source, source->decoder->codec_type))
        rc = video_source_damaged(source, err);
    avcodec_flush_buffers(source->decoder);
    source->draining = false;
    return rc;
}

static int video_source_start(struct video_source *source, enum AVMediaType type,
                              enum video_source_use use, struct err *err)
{
    struct video_duration scanned;
    int attempt = 0;
    for (;; attempt++) {
        int rc = video_source_open_demuxer(source, err);
        if (rc < 0)
            return rc;
        if (!video_source_pick(source, type)) {
            if (!source->is_video && source->containers == VIDEO_SOURCE_VIDEO_FILES)
                return 0;
            return err_set(err, ERR_BAD_INPUT, source->path, "The file of %s holds no %s.",
                           source->path, source->is_video ? "video" : "sound");
        }
        if (attempt > 0 || !video_duration_needs_scan(source))
            break;
        scanned = video_duration_scan(source);
        video_source_close(source);
    }
    int rc = video_duration_set(source, attempt > 0 ? &scanned : NULL, err);
    if (rc == 0 && use == VIDEO_SOURCE_FRAMES)
        rc = video_source_open_frames(source, err);
    else if (rc == 0 && source->is_video)
        rc = video_source_look(source, err);
    return rc;
}

int video_source_open(int fd, const char *path, enum AVMediaType type, int containers,
                      enum video_source_use use, struct video_source **ret_source, struct err *err)
{
    struct video_source *source CLEANUP(video_source) = mem_alloc(sizeof(*source));
    source->path = path;
    source->fd = fd;
    source->containers = containers;
    source->is_video = type == AVMEDIA_TYPE_VIDEO;
    source->packet = av_packet_alloc();
    *ret_source = NULL;
    if (!source->packet)
        return video_file_fault(AVERROR(ENOMEM), "opening an input", err);
    int rc = video_source_start(source, type, use, err);
    if (rc == 0 && source->stream)
        *ret_source = TAKE(source);
    return rc;
}

void video_source_free(struct video_source *source)
{
    if (!source)
        return;
    video_source_close(source);
    av_packet_free(&source->packet);
    av_channel_layout_uninit(&source->layout);
    sws_freeContext(source->scaler);
    swr_free(&source->resampler);
    free(source);
}
