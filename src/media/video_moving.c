#include "media/video_moving.h"

#include "base/arena.h"
#include "media/graph.h"

#include <math.h>
#include <string.h>

struct video_moving_mark {
    struct video_source *source;
    struct graph *graph;
    AVFrame *frame;  /* the last one that was read */
    int64_t number;  /* of it; -1: none yet */
    int64_t first;   /* frame of the result that shows its first one */
    int x, y;        /* even */
    uint8_t *alphas; /* of the mask, for colours: one for 2 x 2 pixels; NULL */
    const struct picture *mask;
    bool ended;
};

/* How opaque 2 x 2 pixels are together. */
static uint8_t *video_moving_halve(const struct picture *mask)
{
    uint8_t *alphas = mem_array((size_t)mask->width / 2 * ((size_t)mask->height / 2), 1);
    uint8_t *to = alphas;
    for (int y = 0; y + 1 < mask->height; y += 2) {
        const uint8_t *row = picture_at(mask, 0, y), *next = picture_at(mask, 0, y + 1);
        for (int x = 0; x + 1 < mask->width; x += 2)
            *to++ = (uint8_t)((row[x] + row[x + 1] + next[x] + next[x + 1] + 2) / 4);
    }
    return alphas;
}

static int video_moving_open(struct video_moving_mark *mark, const struct video_moving *moving,
                             AVRational rate, struct err *err)
{
    struct buffer text CLEANUP(buffer) = {0};
    int rc = video_source_open(moving->input.fd, moving->input.path, AVMEDIA_TYPE_VIDEO,
                               VIDEO_SOURCE_VIDEO_FILES, VIDEO_SOURCE_FRAMES, &mark->source, err);
    if (rc < 0)
        return rc;
    mark->graph = graph_new();
    buffer_printf(&text, "[in%d]", graph_add_source(mark->graph, mark->source));
    graph_append_picture_in(&text, mark->source, rate, moving->width, moving->height,
                            GRAPH_FIT_COVER);
    buffer_append_text(&text, ",format=yuv420p[video]");
    return graph_open(mark->graph, text.bytes, true, false, err);
}

int video_moving_new(const struct video_logo *logo, AVRational rate,
                     struct video_moving_mark **ret_mark, struct err *err)
{
    const struct video_moving *moving = logo->moving;
    struct video_moving_mark *mark = mem_alloc(sizeof(*mark));
    mark->x = logo->x & ~1;
    mark->y = logo->y & ~1;
    mark->number = -1;
    mark->first = (int64_t)ceil((logo->start_s - 0.0005) * av_q2d(rate));
    mark->mask = moving->mask;
    mark->alphas = moving->mask ? video_moving_halve(moving->mask) : NULL;
    mark->frame = av_frame_alloc();
    int rc = mark->frame ? video_moving_open(mark, moving, rate, err)
                         : video_file_fault(AVERROR(ENOMEM), "starting", err);
    if (rc < 0)
        video_moving_free(mark);
    else
        *ret_mark = mark;
    return rc;
}

void video_moving_free(struct video_moving_mark *mark)
{
    if (!mark)
        return;
    graph_free(mark->graph);
    video_source_free(mark->source);
    av_frame_free(&mark->frame);
    free(mark->alphas);
    free(mark);
}

/* Reads on to its frame `number`; without one when it has ended before. */
static int video_moving_reach(struct video_moving_mark *mark, int64_t number, struct err *err)
{
    while (!mark->ended && mark->number < number) {
        bool is_audio;
        av_frame_unref(mark->frame);
        int rc = graph_next(mark->graph, mark->frame, &is_audio, err);
        if (rc < 0)
            return rc;
        mark->ended = rc == 0;
        mark->number++;
    }
    return 0;
}

static void video_moving_row(uint8_t *to, const uint8_t *from, const uint8_t *alphas, int count)
{
    if (!alphas) {
        memcpy(to, from, (size_t)count);
        return;
    }
    for (int x = 0; x < count; x++)
        to[x] = (uint8_t)((to[x] * (255 - alphas[x]) + from[x] * alphas[x] + 127) / 255);
}

int video_moving_draw(struct video_moving_mark *mark, AVFrame *frame, struct err *err)
{
    const AVFrame *from = mark->frame;
    int rc = frame->pts < mark->first ? 0 : video_moving_reach(mark, frame->pts - mark->first, err);
    if (rc < 0 || frame->pts < mark->first || mark->ended)
        return rc;
    for (int plane = 0; plane < 3; plane++) {
        int step = plane == 0 ? 1 : 2, width = from->width / step;
        for (int y = 0; y < from->height / step; y++) {
            const uint8_t *alphas = !mark->mask  ? NULL
                                    : plane == 0 ? picture_at(mark->mask, 0, y)
                                                 : mark->alphas + (size_t)y * (size_t)width;
            uint8_t *to = frame->data[plane] +
                          (ptrdiff_t)(mark->y / step + y) * frame->linesize[plane] + mark->x / step;
            video_moving_row(to, from->data[plane] + (ptrdiff_t)y * from->linesize[plane], alphas,
                             width);
        }
    }
    return 0;
}
