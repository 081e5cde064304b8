#include "media/graph.h"

#include "base/arena.h"
#include <math.h>
#include <string.h>

enum { VIDEO_READER_SEEK_S = 4 /* a shorter way is decoded through */ };

struct video_reader {
    struct video_source *source;
    struct graph *graph;
    struct video_info info;
    AVFrame *shown;    /* the last one at or before the time asked for; blank before the first */
    AVFrame *upcoming; /* the one after it; blank at the end */
    AVFrame *rgb;
    bool ended;
};

void video_source_info(const struct video_source *source, struct video_info *ret_info)
{
    *ret_info = (struct video_info){
        .width = source->width,
        .height = source->height,
        .rate_numerator = source->rate.num,
        .rate_denominator = source->rate.den,
        .duration_ms = (source->duration_us + 500) / 1000,
        .frame_count = source->stream->nb_frames > 0 ? source->stream->nb_frames : 0,
    };
    int audio = av_find_best_stream(source->demuxer, AVMEDIA_TYPE_AUDIO, -1, -1, NULL, 0);
    if (audio < 0)
        return;
    const AVCodecParameters *parameters = source->demuxer->streams[audio]->codecpar;
    ret_info->has_audio = true;
    ret_info->audio_rate = parameters->sample_rate;
    ret_info->audio_channels = parameters->ch_layout.nb_channels;
}

int video_probe(int fd, const char *path, struct video_info *ret_info, struct err *err)
{
    struct video_source *source CLEANUP(video_source) = NULL;
    int rc = video_source_open(fd, path, AVMEDIA_TYPE_VIDEO, VIDEO_SOURCE_VIDEO_FILES,
                               VIDEO_SOURCE_FRAMES, &source, err);
    if (rc == 0)
        video_source_info(source, ret_info);
    return rc;
}

static int video_reader_open(struct video_reader *reader, int fd, const char *path, struct err *err)
{
    int rc = video_source_open(fd, path, AVMEDIA_TYPE_VIDEO, VIDEO_SOURCE_VIDEO_FILES,
                               VIDEO_SOURCE_FRAMES, &reader->source, err);
    if (rc < 0)
        return rc;
    reader->shown = av_frame_alloc();
    reader->upcoming = av_frame_alloc();
    reader->rgb = av_frame_alloc();
    if (!reader->shown || !reader->upcoming || !reader->rgb)
        return video_file_fault(AVERROR(ENOMEM), "opening an input", err);
    video_source_info(reader->source, &reader->info);
    reader->graph = graph_new();
    graph_add_source(reader->graph, reader->source);
    struct buffer text CLEANUP(buffer) = {0};
    buffer_append_text(&text, "[in0]");
    graph_append_rgb(&text, reader->source);
    buffer_append_text(&text, "[video]");
    return graph_open(reader->graph, text.bytes, true, false, err);
}

int video_reader_new(int fd, const char *path, struct video_reader **ret_reader, struct err *err)
{
    struct video_reader *reader = mem_alloc(sizeof(*reader));
    int rc = video_reader_open(reader, fd, path, err);
    if (rc < 0)
        video_reader_free(reader);
    else
        *ret_reader = reader;
    return rc;
}

void video_reader_free(struct video_reader *reader)
{
    if (!reader)
        return;
    graph_free(reader->graph);
    video_source_free(reader->source);
    av_frame_free(&reader->shown);
    av_frame_free(&reader->upcoming);
    av_frame_free(&reader->rgb);
    free(reader);
}

const struct video_info *video_reader_info(const struct video_reader *reader)
{
    return &reader->info;
}

/* Decodes until the frame after `pts`. */
static int video_reader_advance(struct video_reader *reader, int64_t pts, struct err *err)
{
    while (!reader->ended) {
        if (!reader->upcoming->buf[0]) {
            int rc = video_source_frame(reader->source, reader->upcoming, err);
            if (rc < 0)
                return rc;
            reader->ended = rc == 0;
            if (rc == 0)
                break;
        }
        if (reader->upcoming->pts > pts && reader->shown->buf[0])
            break;
        av_frame_unref(reader->shown);
        av_frame_move_ref(reader->shown, reader->upcoming);
    }
    return 0;
}

static int video_reader_search(struct video_reader *reader, double seconds, struct err *err)
{
    int rc = video_source_seek(reader->source, seconds, err);
    av_frame_unref(reader->shown);
    av_frame_unref(reader->upcoming);
    reader->ended = false;
    return rc;
}

static int video_reader_picture(struct video_reader *reader, struct picture **ret_picture,
                                struct err *err)
{
    AVFrame *rgb = reader->rgb;
    reader->shown->sample_aspect_ratio = (AVRational){1, 1};
    int rc = graph_convert(reader->graph, reader->shown, rgb, err);
    if (rc < 0)
        return rc;
    struct picture *picture = picture_new(reader->info.width, reader->info.height, 3);
    for (int y = 0; y < picture->height; y++)
        memcpy(picture_at(picture, 0, y), rgb->data[0] + (ptrdiff_t)y * rgb->linesize[0],
               (size_t)picture->width * 3);
    av_frame_unref(rgb);
    *ret_picture = picture;
    return 0;
}

/* The latest time of a picture that is seen at `seconds` once the video has its constant rate: a picture is shown from the frame
 * that is nearest to its time, here as in passes. */
static int64_t video_reader_last_pts(const struct video_reader *reader, double seconds)
{
    double rate = (double)reader->info.rate_numerator / reader->info.rate_denominator;
    double frame = floor((seconds + 0.001) * rate);
    return (int64_t)ceil((frame + 0.5) / rate / av_q2d(reader->source->stream->time_base)) - 1;
}

int video_reader_at(struct video_reader *reader, double seconds, struct picture **ret_picture,
                    struct err *err)
{
    AVRational base = reader->source->stream->time_base;
    double last = (double)reader->info.duration_ms / 1000;
    double wanted = seconds < 0 ? 0 : last > 0 && seconds > last ? last : seconds;
    int64_t pts = video_reader_last_pts(reader, wanted);
    double at = reader->shown->buf[0] ? (double)reader->shown->pts * av_q2d(base) : 0;
    int rc = 0;
    if ((reader->shown->buf[0] && reader->shown->pts > pts) || wanted > at + VIDEO_READER_SEEK_S)
        rc = video_reader_search(reader, wanted, err);
    if (rc == 0)
        rc = video_reader_advance(reader, pts, err);
    if (rc == 0 && !reader->shown->buf[0]) { /* nothing decodable behind that key frame */
        rc = video_reader_search(reader, 0, err);
        if (rc == 0)
            rc = video_reader_advance(reader, pts, err);
    }
    if (rc < 0)
        return rc;
    if (!reader->shown->buf[0])
        return err_set(err, ERR_BAD_INPUT, reader->source->path,
                       "The video of %s has no picture at %.2f seconds.", reader->source->path,
                       seconds);
    return video_reader_picture(reader, ret_picture, err);
}
