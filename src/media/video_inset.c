#include "media/video_pass.h"

#include <math.h>

struct video_inset {
    const struct video_inset_settings *settings;
    struct video_pass pass;     /* of the base */
    struct video_source *sound; /* of the inset; NULL */
    int64_t duration_us;
};

static void cleanup_video_inset(struct video_inset *inset)
{
    video_pass_finish(&inset->pass);
    video_source_free(inset->sound);
}

static int video_inset_open_base_sound(struct video_inset *inset, const struct video_input *base,
                                       struct err *err)
{
    struct video_pass *pass = &inset->pass;
    bool is_whole = inset->duration_us == pass->video->duration_us;
    bool is_alone = inset->settings->audio == VIDEO_INSET_AUDIO_BASE || !inset->sound;
    int rc = video_source_open(base->fd, base->path, AVMEDIA_TYPE_AUDIO, VIDEO_SOURCE_VIDEO_FILES,
                               VIDEO_SOURCE_PACKETS, &pass->copied_sound, err);
    if (rc < 0 || !pass->copied_sound ||
        (is_whole && is_alone && video_pass_can_copy_sound(pass->copied_sound->stream)))
        return rc;
    video_source_free(TAKE(pass->copied_sound));
    return video_source_open(base->fd, base->path, AVMEDIA_TYPE_AUDIO, VIDEO_SOURCE_VIDEO_FILES,
                             VIDEO_SOURCE_FRAMES, &pass->sound, err);
}

static int video_inset_open_base(struct video_inset *inset, const struct video_input *base,
                                 struct err *err)
{
    struct video_pass *pass = &inset->pass;
    int rc = inset->settings->drawn ? video_source_open(base->fd, base->path, AVMEDIA_TYPE_VIDEO,
                                                        VIDEO_SOURCE_VIDEO_FILES,
                                                        VIDEO_SOURCE_PACKETS, &pass->video, err)
                                    : video_pass_decode_picture(pass, base->fd, base->path, err);
    if (rc == 0 && inset->settings->drawn)
        pass->copied_video = pass->video;
    return rc;
}

/* How long the result is. */
static int video_inset_measure(struct video_inset *inset, struct err *err)
{
    const struct video_logo *logo = &inset->settings->marks.logos[0];
    const struct video_input *over = &logo->moving->input;
    struct video_source *facts CLEANUP(video_source) = NULL;
    inset->duration_us = inset->pass.video->duration_us;
    if (!inset->settings->shortest)
        return 0;
    int rc = video_source_open(over->fd, over->path, AVMEDIA_TYPE_VIDEO, VIDEO_SOURCE_VIDEO_FILES,
                               VIDEO_SOURCE_PACKETS, &facts, err);
    if (rc < 0 || !facts)
        return rc;
    int64_t ends_us = facts->duration_us + llrint(logo->start_s * 1e6);
    if (ends_us < inset->duration_us)
        inset->duration_us = ends_us;
    return 0;
}

static int video_inset_open(struct video_inset *inset, const struct video_input *base,
                            struct err *err)
{
    const struct video_inset_settings *settings = inset->settings;
    const struct video_input *over = &settings->marks.logos[0].moving->input;
    int rc = video_inset_open_base(inset, base, err);
    if (rc == 0)
        rc = video_inset_measure(inset, err);
    if (rc == 0 && settings->audio != VIDEO_INSET_AUDIO_BASE)
        rc = video_source_open(over->fd, over->path, AVMEDIA_TYPE_AUDIO, VIDEO_SOURCE_VIDEO_FILES,
                               VIDEO_SOURCE_FRAMES, &inset->sound, err);
    if (rc < 0 || settings->audio == VIDEO_INSET_AUDIO_OVERLAY)
        return rc;
    return video_inset_open_base_sound(inset, base, err);
}

static void video_inset_append_picture(struct video_inset *inset, double seconds,
                                       struct buffer *text)
{
    const struct video_source *base = inset->pass.video;
    buffer_printf(text, "[in%d]", graph_add_source(inset->pass.graph, inset->pass.video));
    graph_append_picture(text, base, base->rate);
    buffer_printf(text, ",trim=end=%.6f,format=yuv420p[video]", seconds);
}

/* Exactly as long as the pictures. */
static void video_inset_append_sound(struct video_inset *inset, double seconds, struct buffer *text)
{
    struct graph *graph = inset->pass.graph;
    struct video_source *own = inset->pass.sound, *over = inset->sound;
    if (own) {
        buffer_printf(text, "%s[in%d]", text->size ? ";" : "", graph_add_source(graph, own));
        graph_append_sound(text, own);
        buffer_append_text(text, over ? "[own]" : "");
    }
    if (over) {
        buffer_printf(text, "%s[in%d]", text->size ? ";" : "", graph_add_source(graph, over));
        graph_append_sound(text, over);
        buffer_printf(text, ",adelay=%lld:all=1",
                      (long long)llrint(inset->settings->marks.logos[0].start_s * 1000));
    }
    if (own && over)
        buffer_append_text(
            text, "[other];[own][other]amix=inputs=2:duration=longest:normalize=0," GRAPH_LIMITER);
    buffer_printf(text, ",apad,atrim=end=%.6f", seconds);
    graph_append_sound_end(text);
}

static int video_inset_open_graph(struct video_inset *inset, struct err *err)
{
    struct buffer text CLEANUP(buffer) = {0};
    double rate = av_q2d(inset->pass.video->rate);
    double seconds = fmax(1, round((double)inset->duration_us / 1e6 * rate)) / rate;
    bool has_sound = inset->pass.sound || inset->sound, is_drawn = inset->settings->drawn;
    if (is_drawn && !has_sound)
        return 0;
    inset->pass.graph = graph_new();
    if (!is_drawn)
        video_inset_append_picture(inset, seconds, &text);
    if (has_sound)
        video_inset_append_sound(inset, seconds, &text);
    return graph_open(inset->pass.graph, text.bytes, !is_drawn, has_sound, err);
}

static int video_inset_run(struct video_inset *inset, int fd_out,
                           const struct media_monitor *monitor, struct err *err)
{
    struct video_pass *pass = &inset->pass;
    const struct video_marks none = {0};
    const struct video_sink_settings sink = {
        .marks = inset->settings->drawn ? none : inset->settings->marks,
        .audio = pass->sound || inset->sound,
    };
    const struct graph_run run = {
        .duration_us = inset->duration_us,
        .monitor = monitor,
        .progress_to = 1,
    };
    int rc = video_pass_open_sink(pass, fd_out, sink, err);
    return rc < 0 ? rc : video_pass_run(pass, run, err);
}

int video_inset(const struct video_input *base, const struct video_inset_settings *settings,
                int fd_out, const struct media_monitor *monitor, struct video_result *ret_result,
                struct err *err)
{
    struct video_inset work CLEANUP(video_inset) = {.settings = settings};
    int rc = video_inset_open(&work, base, err);
    if (rc == 0)
        rc = video_inset_open_graph(&work, err);
    if (rc == 0)
        rc = video_inset_run(&work, fd_out, monitor, err);
    if (rc == 0)
        video_pass_result(&work.pass, ret_result);
    return rc;
}
