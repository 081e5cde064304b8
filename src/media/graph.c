#include "media/graph.h"

#include "base/arena.h"
#include <assert.h>
#include <libavfilter/avfilter.h>
#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
#include <libavutil/opt.h>
#include <math.h>
#include <string.h>

struct graph_input {
    struct video_source *source;
    AVFilterContext *filter;
    bool ended;
};

struct graph {
    AVFilterGraph *filters;
    struct graph_input inputs[GRAPH_INPUTS_MAX];
    int input_count;
    AVFilterContext *sinks[2]; /* video, audio; NULL when there is none */
    bool sink_ended[2];
    AVFrame *feed;
};

struct graph *graph_new(void)
{
    return mem_alloc(sizeof(struct graph));
}

void graph_free(struct graph *graph)
{
    if (!graph)
        return;
    avfilter_graph_free(&graph->filters);
    av_frame_free(&graph->feed);
    free(graph);
}

int graph_add_source(struct graph *graph, struct video_source *source)
{
    assert(graph->input_count < GRAPH_INPUTS_MAX && source->decoder);
    graph->inputs[graph->input_count].source = source;
    return graph->input_count++;
}

static int graph_make_buffer(struct graph *graph, struct graph_input *input, const char *name,
                             struct err *err)
{
    const struct video_source *source = input->source;
    bool is_sound = !source->is_video;
    AVBufferSrcParameters *parameters = av_buffersrc_parameters_alloc();
    const AVFilter *filter = avfilter_get_by_name(is_sound ? "abuffer" : "buffer");
    input->filter = avfilter_graph_alloc_filter(graph->filters, filter, name);
    int rc = parameters && input->filter ? 0 : AVERROR(ENOMEM);
    if (rc == 0 && is_sound) {
        parameters->format = source->format;
        parameters->time_base = source->stream->time_base;
        parameters->sample_rate = source->sample_rate;
        rc = av_channel_layout_copy(&parameters->ch_layout, &source->layout);
    } else if (rc == 0) {
        parameters->format = source->format;
        parameters->width = source->coded_width;
        parameters->height = source->coded_height;
        parameters->time_base = source->stream->time_base;
        parameters->sample_aspect_ratio = (AVRational){1, 1};
    }
    if (rc >= 0)
        rc = av_buffersrc_parameters_set(input->filter, parameters);
    if (rc >= 0)
        rc = avfilter_init_str(input->filter, NULL);
    if (parameters)
        av_channel_layout_uninit(&parameters->ch_layout);
    av_free(parameters);
    return rc < 0 ? video_file_fault(rc, "preparing the filters", err) : 0;
}

/* Puts one more open pad into the list that the parser links by label. */
static int graph_add_pad(AVFilterInOut **list, AVFilterContext *filter, const char *label)
{
    AVFilterInOut *pad = avfilter_inout_alloc();
    if (!pad)
        return AVERROR(ENOMEM);
    pad->name = av_strdup(label);
    pad->filter_ctx = filter;
    pad->next = *list;
    *list = pad;
    return 0;
}

static int graph_make_sink(struct graph *graph, bool is_audio, AVFilterInOut **pads,
                           struct err *err)
{
    static const char *const labels[2] = {"video", "audio"};
    AVFilterContext *sink = NULL;
    const AVFilter *filter = avfilter_get_by_name(is_audio ? "abuffersink" : "buffersink");
    int rc = avfilter_graph_create_filter(&sink, filter, is_audio ? "to_audio" : "to_video", NULL,
                                          NULL, graph->filters);
    if (rc >= 0)
        rc = graph_add_pad(pads, sink, labels[is_audio]);
    graph->sinks[is_audio] = sink;
    return rc < 0 ? video_file_fault(rc, "preparing the filters", err) : 0;
}

static int graph_link(struct graph *graph, const char *description, AVFilterInOut **outputs,
                      AVFilterInOut **inputs, struct err *err)
{
    for (int i = 0; i < graph->input_count; i++) {
        char label[16];
        snprintf(label, sizeof(label), "in%d", i);
        int rc = graph_make_buffer(graph, &graph->inputs[i], label, err);
        if (rc == 0)
            rc = graph_add_pad(outputs, graph->inputs[i].filter, label);
        if (rc < 0)
            return rc;
    }
    int rc = avfilter_graph_parse_ptr(graph->filters, description, inputs, outputs, NULL);
    if (rc >= 0)
        rc = avfilter_graph_config(graph->filters, NULL);
    return rc < 0 ? video_file_fault(rc, "preparing the filters", err) : 0;
}

int graph_open(struct graph *graph, const char *description, bool has_video, bool has_audio,
               struct err *err)
{
    graph->filters = avfilter_graph_alloc();
    graph->feed = av_frame_alloc();
    if (!graph->filters || !graph->feed)
        return video_file_fault(AVERROR(ENOMEM), "preparing the filters", err);
    graph->filters->nb_threads = 1;
    av_opt_set(graph->filters, "scale_sws_opts", "flags=bicubic+accurate_rnd+bitexact", 0);
    AVFilterInOut *outputs = NULL, *inputs = NULL;
    int rc = 0;
    if (has_video)
        rc = graph_make_sink(graph, false, &inputs, err);
    if (rc == 0 && has_audio)
        rc = graph_make_sink(graph, true, &inputs, err);
    if (rc == 0)
        rc = graph_link(graph, description, &outputs, &inputs, err);
    avfilter_inout_free(&outputs);
    avfilter_inout_free(&inputs);
    if (rc == 0 && has_audio)
        av_buffersink_set_frame_size(graph->sinks[1], VIDEO_SINK_AUDIO_FRAME);
    return rc;
}

AVRational graph_time_base(const struct graph *graph, bool is_audio)
{
    return av_buffersink_get_time_base(graph->sinks[is_audio]);
}

/* Where an input ends: pictures that say to be shorter than one of the result's still are one. */
static int64_t graph_end(const struct video_source *source)
{
    int64_t least = source->is_video ? av_rescale_q_rnd(1, av_inv_q(source->rate),
                                                        source->stream->time_base, AV_ROUND_UP)
                                     : 0;
    return source->next_pts > least ? source->next_pts : least;
}

/* Sends the next frame, or the end, into one input. */
static int graph_feed(struct graph *graph, struct graph_input *input, struct err *err)
{
    int rc = video_source_frame(input->source, graph->feed, err);
    if (rc < 0)
        return rc;
    if (rc == 0) {
        input->ended = true;
        rc = av_buffersrc_close(input->filter, graph_end(input->source), 0);
    } else {
        if (input->source->is_video) /* turns and shapes are applied by the description */
            graph->feed->sample_aspect_ratio = (AVRational){1, 1};
        rc = av_buffersrc_add_frame(input->filter, graph->feed);
    }
    return rc < 0 && rc != AVERROR_EOF ? video_file_fault(rc, "filtering", err) : 0;
}

/* The input that the graph has asked for most often in vain. */
static struct graph_input *graph_hungry(struct graph *graph)
{
    struct graph_input *hungry = NULL;
    unsigned most = 0;
    for (int i = 0; i < graph->input_count; i++) {
        struct graph_input *input = &graph->inputs[i];
        unsigned failed = av_buffersrc_get_nb_failed_requests(input->filter);
        if (!input->ended && (!hungry || failed > most)) {
            hungry = input;
            most = failed;
        }
    }
    return hungry;
}

/* 1 and a frame that waits in a sink, 0 when none does. */
static int graph_take(struct graph *graph, AVFrame *frame, bool *ret_is_audio, struct err *err)
{
    for (int i = 0; i < 2; i++) {
        if (!graph->sinks[i] || graph->sink_ended[i])
            continue;
        int rc =
            av_buffersink_get_frame_flags(graph->sinks[i], frame, AV_BUFFERSINK_FLAG_NO_REQUEST);
        if (rc == AVERROR_EOF)
            graph->sink_ended[i] = true;
        else if (rc < 0 && rc != AVERROR(EAGAIN))
            return video_file_fault(rc, "filtering", err);
        if (rc >= 0) {
            *ret_is_audio = i == 1;
            return 1;
        }
    }
    return 0;
}

int graph_next(struct graph *graph, AVFrame *frame, bool *ret_is_audio, struct err *err)
{
    for (;;) {
        int rc = graph_take(graph, frame, ret_is_audio, err);
        if (rc != 0)
            return rc;
        rc = avfilter_graph_request_oldest(graph->filters);
        if (rc == AVERROR_EOF)
            return graph_take(graph, frame, ret_is_audio, err);
        if (rc >= 0)
            continue;
        if (rc != AVERROR(EAGAIN))
            return video_file_fault(rc, "filtering", err);
        struct graph_input *input = graph_hungry(graph);
        if (!input)
            return graph_take(graph, frame, ret_is_audio, err);
        rc = graph_feed(graph, input, err);
        if (rc < 0)
            return rc;
    }
}

int graph_convert(struct graph *graph, AVFrame *from, AVFrame *ret_frame, struct err *err)
{
    int rc =
        av_buffersrc_add_frame_flags(graph->inputs[0].filter, from, AV_BUFFERSRC_FLAG_KEEP_REF);
    if (rc >= 0)
        rc = av_buffersink_get_frame(graph->sinks[0], ret_frame);
    return rc < 0 ? video_file_fault(rc, "converting a frame", err) : 0;
}
