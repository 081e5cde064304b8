#include "base/arena.h"
#include "media/video_sink.h"
#include "media/video_sound.h"

#include <assert.h>
#include <libavutil/imgutils.h>
#include <libswscale/swscale.h>

struct video_writer {
    struct video_sink *sink;
    struct SwsContext *scaler; /* NULL until a picture in RGB comes */
    AVFrame *frame;
    int width, height;
    AVRational rate;
    struct video_blend *logo;  /* NULL */
    struct video_sound *sound; /* NULL */
    int64_t next;
};

/* Exact BT.709 in limited range; the same on every processor. */
static int video_writer_open_scaler(struct video_writer *writer, struct err *err)
{
    writer->scaler = sws_getContext(
        writer->width, writer->height, AV_PIX_FMT_RGB24, writer->width, writer->height,
        AV_PIX_FMT_YUV420P, SWS_BILINEAR | SWS_ACCURATE_RND | SWS_BITEXACT, NULL, NULL, NULL);
    if (!writer->scaler)
        return err_set(err, ERR_INTERNAL, NULL, "The colour conversion could not be prepared.");
    const int *bt709 = sws_getCoefficients(SWS_CS_ITU709);
    if (sws_setColorspaceDetails(writer->scaler, bt709, 1, bt709, 0, 0, 1 << 16, 1 << 16) < 0)
        return err_set(err, ERR_INTERNAL, NULL, "The colour conversion could not be prepared.");
    return 0;
}

static int video_writer_open_frame(struct video_writer *writer, struct err *err)
{
    writer->frame = av_frame_alloc();
    if (!writer->frame)
        return video_file_fault(AVERROR(ENOMEM), "preparing a frame", err);
    writer->frame->format = AV_PIX_FMT_YUV420P;
    writer->frame->width = writer->width;
    writer->frame->height = writer->height;
    int rc = av_frame_get_buffer(writer->frame, 0);
    return rc < 0 ? video_file_fault(rc, "preparing a frame", err) : 0;
}

int video_writer_new(int fd, const struct video_writer_settings *settings,
                     struct video_writer **ret_writer, struct err *err)
{
    struct video_writer *writer = mem_alloc(sizeof(*writer));
    writer->width = settings->width;
    writer->height = settings->height;
    writer->rate = (AVRational){settings->rate_numerator, settings->rate_denominator};
    struct video_sink_settings sink = {
        .width = settings->width,
        .height = settings->height,
        .rate = writer->rate,
        .title = settings->title,
        .marks = settings->marks,
    };
    double seconds = (double)settings->frame_count / av_q2d(writer->rate);
    int rc = settings->sound ? video_sound_new(settings->sound, seconds, &writer->sound, err) : 0;
    if (writer->sound)
        video_sound_settings(writer->sound, &sink);
    if (rc == 0)
        rc = video_sink_new(fd, &sink, &writer->sink, err);
    if (rc == 0)
        rc = video_writer_open_frame(writer, err);
    if (rc < 0)
        video_writer_free(writer);
    else
        *ret_writer = writer;
    return rc;
}

int video_writer_begin(struct video_writer *writer, struct picture_planes *ret_planes,
                       struct err *err)
{
    int rc = av_frame_make_writable(writer->frame);
    if (rc < 0)
        return video_file_fault(rc, "preparing a frame", err);
    ret_planes->width = writer->width;
    ret_planes->height = writer->height;
    for (int i = 0; i < 3; i++) {
        ret_planes->planes[i] = writer->frame->data[i];
        ret_planes->strides[i] = writer->frame->linesize[i];
    }
    return 0;
}

int video_writer_commit(struct video_writer *writer, struct err *err)
{
    writer->frame->pts = writer->next++;
    int rc = video_sink_mark(writer->sink, writer->frame, err);
    if (rc == 0)
        rc = video_sink_video(writer->sink, writer->frame, err);
    if (rc == 0 && writer->sound)
        rc = video_sound_write(writer->sound,
                               av_rescale_q(writer->next, av_inv_q(writer->rate), AV_TIME_BASE_Q),
                               writer->sink, err);
    return rc;
}

int video_writer_frame(struct video_writer *writer, const struct picture *rgb, struct err *err)
{
    assert(rgb->channels == 3 && rgb->width == writer->width && rgb->height == writer->height);
    struct picture_planes planes;
    int rc = writer->scaler ? 0 : video_writer_open_scaler(writer, err);
    if (rc == 0)
        rc = video_writer_begin(writer, &planes, err);
    if (rc < 0)
        return rc;
    const uint8_t *rows[1] = {rgb->pixels};
    const int strides[1] = {rgb->width * 3};
    rc = sws_scale(writer->scaler, rows, strides, 0, writer->height, planes.planes, planes.strides);
    return rc < 0 ? video_file_fault(rc, "converting a frame", err)
                  : video_writer_commit(writer, err);
}

int video_writer_finish(struct video_writer *writer, struct err *err)
{
    return video_sink_finish(writer->sink, err);
}

void video_writer_free(struct video_writer *writer)
{
    if (!writer)
        return;
    video_sink_free(writer->sink);
    video_sound_free(writer->sound);
    sws_freeContext(writer->scaler);
    av_frame_free(&writer->frame);
    free(writer);
}
