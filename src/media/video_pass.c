#include "media/video_pass.h"

#include <math.h>

void video_pass_finish(struct video_pass *pass)
{
    video_sink_free(pass->sink);
    graph_free(pass->graph);
    video_source_free(pass->video);
    video_source_free(pass->sound);
    video_source_free(pass->copied_sound);
}

bool video_pass_can_copy_sound(const AVStream *stream)
{
    switch (stream->codecpar->codec_id) {
    case AV_CODEC_ID_AAC:
    case AV_CODEC_ID_MP3:
    case AV_CODEC_ID_AC3:
    case AV_CODEC_ID_EAC3:
    case AV_CODEC_ID_ALAC:
    case AV_CODEC_ID_FLAC:
    case AV_CODEC_ID_OPUS:
        return true;
    default:
        return false;
    }
}

bool video_pass_can_lay_sound(const struct video_source *sound, double seconds)
{
    const AVCodecParameters *parameters = sound->stream->codecpar;
    return ((parameters->codec_id == AV_CODEC_ID_AAC && parameters->extradata_size > 0) ||
            parameters->codec_id == AV_CODEC_ID_MP3) &&
           (double)sound->duration_us / 1e6 > seconds - 0.03;
}

bool video_pass_can_copy_picture(const struct video_source *video)
{
    const AVCodecParameters *parameters = video->stream->codecpar;
    return parameters->codec_id == AV_CODEC_ID_H264 && parameters->extradata_size > 6 &&
           parameters->extradata[0] == 1 && parameters->field_order <= AV_FIELD_PROGRESSIVE &&
           video->format == AV_PIX_FMT_YUV420P && video->quarter_turns == 0 &&
           (!video->matrix || video->matrix[4] > 0) && video->width == video->coded_width &&
           video->height == video->coded_height;
}

bool video_pass_is_constant(const struct video_source *video)
{
    AVRational average = video->stream->avg_frame_rate, exact = video->stream->r_frame_rate;
    return average.num > 0 && exact.num > 0 &&
           fabs(av_q2d(average) - av_q2d(exact)) < 0.001 * av_q2d(exact) && av_q2d(exact) <= 60.01;
}

/* Whether copied pictures of a constant rate have times that are only near their frames, as in Matroska, which counts in
 * milliseconds from when a sound's decoder starts. */
static bool video_pass_has_coarse_times(const struct video_source *video)
{
    return video && av_cmp_q(video->stream->time_base, (AVRational){1, 2000}) > 0 &&
           video_pass_is_constant(video);
}

int video_pass_decode_picture(struct video_pass *pass, int fd, const char *path, struct err *err)
{
    video_source_free(TAKE(pass->video));
    return video_source_open(fd, path, AVMEDIA_TYPE_VIDEO, VIDEO_SOURCE_VIDEO_FILES,
                             VIDEO_SOURCE_FRAMES, &pass->video, err);
}

int video_pass_open_graph(struct video_pass *pass, const char *filters, struct err *err)
{
    struct buffer text CLEANUP(buffer) = {0};
    pass->graph = graph_new();
    if (!pass->copied_video) {
        int input = graph_add_source(pass->graph, pass->video);
        buffer_printf(&text, "[in%d]", input);
        graph_append_picture(&text, pass->video, pass->video->rate);
        buffer_append_text(&text, "[video]");
    }
    if (pass->sound) {
        int input = graph_add_source(pass->graph, pass->sound);
        buffer_printf(&text, "%s[in%d]", text.size ? ";" : "", input);
        graph_append_sound(&text, pass->sound);
        buffer_printf(&text, "%s%s", *filters ? "," : "", filters);
        graph_append_sound_end(&text);
    }
    return graph_open(pass->graph, text.bytes, !pass->copied_video, pass->sound != NULL, err);
}

int video_pass_open_sink(struct video_pass *pass, int fd, struct video_sink_settings settings,
                         struct err *err)
{
    const AVCodecParameters *parameters = settings.copy_video.parameters;
    settings.width = pass->video->width;
    settings.height = pass->video->height;
    settings.rate = pass->video->rate;
    settings.copy_video = video_sink_copy(pass->copied_video);
    if (parameters)
        settings.copy_video.parameters = parameters;
    settings.copy_audio = video_sink_copy(pass->copied_sound);
    if (video_pass_has_coarse_times(pass->copied_video))
        settings.copy_video.time_base = av_inv_q(pass->video->rate);
    return video_sink_new(fd, &settings, &pass->sink, err);
}

int video_pass_run(struct video_pass *pass, struct graph_run run, struct err *err)
{
    run.graph = pass->graph;
    run.sink = pass->sink;
    run.rate = pass->video->rate;
    run.copy_video = pass->copied_video;
    run.copy_video_to_frames = video_pass_has_coarse_times(pass->copied_video);
    run.copy_audio = pass->copied_sound;
    int rc = graph_run(&run, err);
    return rc < 0 ? rc : video_sink_finish(pass->sink, err);
}

void video_pass_result(const struct video_pass *pass, struct video_result *ret_result)
{
    *ret_result = (struct video_result){
        .width = pass->video->width,
        .height = pass->video->height,
        .duration_ms = video_sink_duration_ms(pass->sink),
    };
}
