#include "media/video_duration.h"

#include <libavutil/avstring.h>
#include <libavutil/intreadwrite.h>

enum { DISCARD_END_AT = 4, DISCARD_SIZE = 10 }; /* of AV_PKT_DATA_SKIP_SAMPLES */

static bool video_duration_is(const AVFormatContext *demuxer, const char *format)
{
    return av_match_name(format, demuxer->iformat->name);
}

int64_t video_duration_begin(const AVFormatContext *demuxer)
{
    int64_t begin = demuxer->start_time == AV_NOPTS_VALUE ? 0 : demuxer->start_time;
    /* Matroska puts what the decoder of a sound needs to start before 0, where nothing is heard. */
    return begin < 0 && video_duration_is(demuxer, "matroska") ? 0 : begin;
}

/* What the header says of this stream or of the whole file; 0 when it was guessed from a bit rate. */
static int64_t video_duration_said(const struct video_source *source)
{
    enum { LATE_US = AV_TIME_BASE / 10 };
    const AVFormatContext *demuxer = source->demuxer;
    const AVStream *stream = source->stream;
    if (demuxer->duration_estimation_method == AVFMT_DURATION_FROM_BITRATE)
        return 0;
    if (stream->duration <= 0 && video_duration_begin(demuxer) > LATE_US &&
        video_duration_is(demuxer, "matroska"))
        return 0; /* counted from time 0 by some */
    if (stream->duration <= 0)
        return demuxer->duration > 0 ? demuxer->duration : 0;
    int64_t begin = stream->start_time != AV_NOPTS_VALUE ? stream->start_time - source->start : 0;
    return av_rescale_q(stream->duration + begin, stream->time_base, AV_TIME_BASE_Q);
}

bool video_duration_needs_scan(const struct video_source *source)
{
    const AVFormatContext *demuxer = source->demuxer;
    if (video_duration_is(demuxer, "mp3"))
        return true;
    if (demuxer->nb_streams > 1 && video_duration_is(demuxer, "matroska"))
        return true;
    return video_duration_said(source) == 0;
}

/* Samples at the end of a packet that are no sound. */
static uint32_t video_duration_discarded(const AVPacket *packet)
{
    size_t size = 0;
    const uint8_t *skip = av_packet_get_side_data(packet, AV_PKT_DATA_SKIP_SAMPLES, &size);
    return skip && size >= DISCARD_SIZE ? AV_RL32(skip + DISCARD_END_AT) : 0;
}

/* In microseconds from the file's begin. */
static int64_t video_duration_packet_end(const struct video_source *source, const AVPacket *packet)
{
    const AVStream *stream = source->demuxer->streams[packet->stream_index];
    int64_t pts = packet->pts != AV_NOPTS_VALUE ? packet->pts : packet->dts;
    if (pts == AV_NOPTS_VALUE)
        return 0;
    int64_t end = av_rescale_q(pts + packet->duration, stream->time_base, AV_TIME_BASE_Q);
    if (stream->codecpar->sample_rate > 0)
        end -= av_rescale(video_duration_discarded(packet), AV_TIME_BASE,
                          stream->codecpar->sample_rate);
    return end - video_duration_begin(source->demuxer);
}

struct video_duration video_duration_scan(struct video_source *source)
{
    struct video_duration found = {0};
    for (unsigned i = 0; i < source->demuxer->nb_streams; i++)
        source->demuxer->streams[i]->discard = AVDISCARD_DEFAULT;
    while (av_read_frame(source->demuxer, source->packet) >= 0) {
        int64_t end_us = video_duration_packet_end(source, source->packet);
        if (source->packet->stream_index == source->stream->index && end_us > found.end_us)
            found.end_us = end_us;
        if (end_us > found.longest_us)
            found.longest_us = end_us;
        av_packet_unref(source->packet);
    }
    return found;
}

bool video_duration_is_short(int64_t promised_us, int64_t found_us)
{
    int64_t missing_us = promised_us - found_us;
    return missing_us >= AV_TIME_BASE / 2 && missing_us >= promised_us / 10;
}

int video_duration_set(struct video_source *source, const struct video_duration *scanned,
                       struct err *err)
{
    int64_t said_us = video_duration_said(source);
    bool is_own = source->stream->duration > 0 || source->demuxer->nb_streams == 1;
    source->duration_us = said_us;
    source->promised_us = is_own ? said_us : 0;
    if (scanned && scanned->end_us > 0) {
        source->duration_us = scanned->end_us;
        source->promised_us = said_us == 0 ? 0
                              : video_duration_is_short(said_us, scanned->longest_us)
                                  ? said_us
                                  : scanned->end_us;
    } else if (said_us == 0 && source->stream->duration > 0) { /* better a guess than none */
        source->duration_us =
            av_rescale_q(source->stream->duration, source->stream->time_base, AV_TIME_BASE_Q);
    }
    if (source->duration_us <= (int64_t)VIDEO_DURATION_MAX_S * AV_TIME_BASE)
        return 0;
    return err_set(err, ERR_BAD_INPUT, source->path,
                   "The file of %s is %lld seconds long; at most %d are taken.", source->path,
                   (long long)(source->duration_us / AV_TIME_BASE), VIDEO_DURATION_MAX_S);
}
