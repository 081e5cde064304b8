#include "media/video_pass.h"

#include <assert.h>
#include <math.h>

/*
 * DESIGN. What each stream has to go through decides by itself: pictures are decoded only when the result is not as long as
 * they are, sound only when it is changed. How long things are is known before: from headers, else from the times of packets.
 */
enum { VIDEO_MERGE_CONTAINERS = VIDEO_SOURCE_VIDEO_FILES | VIDEO_SOURCE_AUDIO_FILES };
#define VIDEO_MERGE_STRICT_S 0.1
#define VIDEO_MERGE_SPEED_MOST 4.0

struct video_merge {
    const struct video_merge_settings *settings;
    struct video_pass pass;   /* `sound` and `copied_sound` are the new one */
    struct video_source *own; /* the video's own sound, to be mixed; NULL */
    double video_s, audio_s;  /* as given */
    double seconds;           /* of the result: whole frames */
    double slower;            /* the pictures' times by this */
    bool picture_stays;
    struct video_marks marks;
};

static void cleanup_video_merge(struct video_merge *merge)
{
    video_pass_finish(&merge->pass);
    video_source_free(merge->own);
}

static int video_merge_refuse_lengths(const struct video_merge *merge, const char *path,
                                      struct err *err)
{
    if (merge->settings->mode == VIDEO_MERGE_STRICT)
        return err_set(err, ERR_BAD_INPUT, path,
                       "The sound of %s is %.2f seconds long and the video %.2f; with Strict they "
                       "have to be equal.",
                       path, merge->audio_s, merge->video_s);
    return err_set(err, ERR_BAD_INPUT, path,
                   "The sound of %s is %.2f seconds long and the video %.2f; its speed is changed "
                   "by a factor of at most %.0f.",
                   path, merge->audio_s, merge->video_s, VIDEO_MERGE_SPEED_MOST);
}

/* How long the result is and what becomes of the pictures. */
static int video_merge_measure(struct video_merge *merge, const char *path, struct err *err)
{
    const struct video_source *video = merge->pass.video;
    double rate = av_q2d(video->rate), frame = 1 / rate;
    enum video_merge_mode mode = merge->settings->mode;
    merge->video_s = (double)video->duration_us / 1e6;
    merge->audio_s = (double)merge->pass.sound->duration_us / 1e6;
    double wanted = merge->video_s;
    merge->slower = 1;
    if (mode == VIDEO_MERGE_STRICT && fabs(merge->audio_s - merge->video_s) > VIDEO_MERGE_STRICT_S)
        return video_merge_refuse_lengths(merge, path, err);
    if (mode == VIDEO_MERGE_MATCH_AUDIO || mode == VIDEO_MERGE_SPEED_ADJUST)
        wanted = merge->audio_s;
    if (mode == VIDEO_MERGE_SPEED_ADJUST && fabs(wanted - merge->video_s) > frame / 2) {
        merge->slower = wanted / merge->video_s;
        if (merge->slower > VIDEO_MERGE_SPEED_MOST || merge->slower < 1 / VIDEO_MERGE_SPEED_MOST)
            return video_merge_refuse_lengths(merge, path, err);
    }
    merge->seconds = fmax(1, round(wanted * rate)) / rate;
    bool fits = fabs(merge->seconds - merge->video_s) <= frame / 2 && merge->slower == 1;
    merge->picture_stays = fits && video_pass_can_copy_picture(video);
    return 0;
}

/* What is drawn over the pictures, which then cannot stay as they are coded. */
static int video_merge_ask(struct video_merge *merge, struct err *err)
{
    const struct video_painter *painter = &merge->settings->painter;
    const struct video_info info = {
        .width = merge->pass.video->width,
        .height = merge->pass.video->height,
        .duration_ms = llrint(merge->seconds * 1000),
    };
    int rc = painter->marks ? painter->marks(painter->context, &info, &merge->marks, err) : 0;
    if (merge->marks.count > 0)
        merge->picture_stays = false;
    return rc;
}

static bool video_merge_sound_stays(const struct video_merge *merge)
{
    const struct video_merge_settings *settings = merge->settings;
    return settings->volume == 1 && settings->fade_s == 0 && !merge->own &&
           video_pass_can_lay_sound(merge->pass.sound, merge->seconds);
}

static int video_merge_open(struct video_merge *merge, const struct video_input *video,
                            const struct video_input *audio, struct err *err)
{
    struct video_pass *pass = &merge->pass;
    int rc = video_source_open(video->fd, video->path, AVMEDIA_TYPE_VIDEO, VIDEO_SOURCE_VIDEO_FILES,
                               VIDEO_SOURCE_PACKETS, &pass->video, err);
    bool decoded = rc == 0 && !video_pass_can_copy_picture(pass->video);
    if (decoded)
        rc = video_pass_decode_picture(pass, video->fd, video->path, err);
    if (rc == 0)
        rc = video_source_open(audio->fd, audio->path, AVMEDIA_TYPE_AUDIO, VIDEO_MERGE_CONTAINERS,
                               VIDEO_SOURCE_FRAMES, &pass->sound, err);
    if (rc == 0 && merge->settings->keep_original)
        rc = video_source_open(video->fd, video->path, AVMEDIA_TYPE_AUDIO, VIDEO_SOURCE_VIDEO_FILES,
                               VIDEO_SOURCE_FRAMES, &merge->own, err);
    if (rc == 0)
        rc = video_merge_measure(merge, audio->path, err);
    if (rc == 0)
        rc = video_merge_ask(merge, err);
    if (rc == 0 && merge->picture_stays)
        pass->copied_video = pass->video;
    else if (rc == 0 && !decoded)
        rc = video_pass_decode_picture(pass, video->fd, video->path, err);
    if (rc < 0 || !video_merge_sound_stays(merge))
        return rc;
    video_source_free(TAKE(pass->sound));
    return video_source_open(audio->fd, audio->path, AVMEDIA_TYPE_AUDIO, VIDEO_MERGE_CONTAINERS,
                             VIDEO_SOURCE_PACKETS, &pass->copied_sound, err);
}

static void video_merge_append_picture(struct video_merge *merge, struct buffer *text)
{
    struct video_source *video = merge->pass.video;
    assert(video);
    double missing = merge->seconds - merge->video_s * merge->slower;
    buffer_printf(text, "[in%d]", graph_add_source(merge->pass.graph, video));
    if (merge->slower != 1)
        buffer_printf(text, "setpts=PTS*%.9f,", merge->slower);
    graph_append_picture(text, video, video->rate);
    /* A little more than is missing: what is too much is cut. */
    buffer_printf(text, ",tpad=stop_mode=clone:stop_duration=%.6f,trim=end=%.6f[video]",
                  fmax(0, missing) + 1, merge->seconds);
}

/* Tempo filters take half to double speed each. */
static void video_merge_append_tempo(struct buffer *text, double tempo)
{
    double root = sqrt(tempo);
    if (fabs(tempo - 1) > 1e-6)
        buffer_printf(text, ",atempo=%.6f,atempo=%.6f", root, root);
}

static void video_merge_append_sound(struct video_merge *merge, struct buffer *text)
{
    const struct video_merge_settings *settings = merge->settings;
    struct video_source *sound = merge->pass.sound;
    double seconds = merge->seconds, fade = fmin(settings->fade_s, seconds / 2);
    double heard =
        settings->mode == VIDEO_MERGE_MATCH_VIDEO ? seconds : fmin(seconds, merge->audio_s);
    sound->loops = settings->mode == VIDEO_MERGE_MATCH_VIDEO;
    buffer_printf(text, "%s[in%d]", text->size ? ";" : "",
                  graph_add_source(merge->pass.graph, sound));
    graph_append_sound_until(text, sound, heard);
    buffer_printf(text, ",volume=%.6f", settings->volume);
    if (fade > 0)
        buffer_printf(text, ",afade=t=in:d=%.6f,afade=t=out:st=%.6f:d=%.6f", fade,
                      fmax(0, heard - fade), fade);
    if (merge->own) {
        buffer_printf(text, "[new];[in%d]", graph_add_source(merge->pass.graph, merge->own));
        graph_append_sound(text, merge->own);
        video_merge_append_tempo(text, 1 / merge->slower);
        buffer_append_text(text, "[own];[new][own]amix=inputs=2:duration=longest:normalize=0");
    }
    if (merge->own || settings->volume > 1)
        buffer_append_text(text, "," GRAPH_LIMITER);
    buffer_printf(text, ",apad,atrim=end=%.6f", seconds);
    graph_append_sound_end(text);
}

static int video_merge_open_graph(struct video_merge *merge, struct err *err)
{
    struct buffer text CLEANUP(buffer) = {0};
    struct video_pass *pass = &merge->pass;
    if (pass->copied_video && pass->copied_sound)
        return 0;
    pass->graph = graph_new();
    if (!pass->copied_video)
        video_merge_append_picture(merge, &text);
    if (pass->sound)
        video_merge_append_sound(merge, &text);
    return graph_open(pass->graph, text.bytes, !pass->copied_video, pass->sound != NULL, err);
}

static int video_merge_run(struct video_merge *merge, int fd_out,
                           const struct media_monitor *monitor, struct err *err)
{
    struct video_pass *pass = &merge->pass;
    const struct video_sink_settings sink = {.marks = merge->marks, .audio = pass->sound != NULL};
    const struct graph_run run = {
        .duration_us = llrint(merge->seconds * 1e6),
        .monitor = monitor,
        .progress_to = 1,
        .copy_audio_until_us = llrint(merge->seconds * 1e6),
    };
    int rc = video_pass_open_sink(pass, fd_out, sink, err);
    return rc < 0 ? rc : video_pass_run(pass, run, err);
}

int video_merge(const struct video_input *video, const struct video_input *audio,
                const struct video_merge_settings *settings, int fd_out,
                const struct media_monitor *monitor, struct video_result *ret_result,
                struct err *err)
{
    struct video_merge merge CLEANUP(video_merge) = {.settings = settings};
    int rc = video_merge_open(&merge, video, audio, err);
    if (rc == 0)
        rc = video_merge_open_graph(&merge, err);
    if (rc == 0)
        rc = video_merge_run(&merge, fd_out, monitor, err);
    if (rc == 0)
        video_pass_result(&merge.pass, ret_result);
    return rc;
}
