#include "media/video_poster.h"

#include <libswscale/swscale.h>
#include <math.h>

enum {
    VIDEO_POSTER_LOOKS = 12,
    VIDEO_POSTER_GRID = 4 /* every fourth pixel each way is looked at */
};

void video_poster_init(struct video_poster *poster, int64_t frame_count)
{
    *poster = (struct video_poster){
        .every = frame_count > VIDEO_POSTER_LOOKS ? frame_count / VIDEO_POSTER_LOOKS : 1};
}

void video_poster_finish(struct video_poster *poster)
{
    av_frame_free(&poster->best);
}

double video_poster_score(const uint8_t *pixels, ptrdiff_t stride, int pixel_size, int width,
                          int height)
{
    double sum = 0, squares = 0, edges = 0;
    int64_t count = 0;
    for (int y = 0; y < height; y += VIDEO_POSTER_GRID) {
        const uint8_t *row = pixels + y * stride;
        for (int x = VIDEO_POSTER_GRID; x < width; x += VIDEO_POSTER_GRID) {
            int value = row[x * pixel_size], before = row[(x - 1) * pixel_size];
            sum += value;
            squares += (double)value * value;
            edges += abs(value - before);
            count++;
        }
    }
    if (count == 0)
        return 0;
    double mean = sum / (double)count;
    double deviation = sqrt(fmax(0, squares / (double)count - mean * mean));
    double exposure = 1 - fabs(mean - 118) / 118; /* black and white both near 0 */
    if (deviation < 6)
        return exposure - 1;
    return fmax(exposure, 0) * 40 + fmin(deviation, 60) + fmin(edges / (double)count, 12) * 2;
}

int video_poster_observe(void *context, const AVFrame *frame, struct err *err)
{
    struct video_poster *poster = context;
    int64_t index = poster->seen++;
    if (index % poster->every != poster->every / 2)
        return 0;
    /* An earlier frame wins unless a later one is clearly better. */
    double score =
        video_poster_score(frame->data[0], frame->linesize[0], 1, frame->width, frame->height);
    if (poster->best && score <= poster->best_score + 3)
        return 0;
    av_frame_free(&poster->best);
    poster->best = av_frame_clone(frame);
    poster->best_score = score;
    return poster->best ? 0 : video_file_fault(AVERROR(ENOMEM), "choosing a poster", err);
}

int video_poster_picture(const struct video_poster *poster, struct picture **ret_picture,
                         struct err *err)
{
    const AVFrame *frame = poster->best;
    if (!frame)
        return err_set(err, ERR_INTERNAL, NULL, "No picture was seen that could be the poster.");
    struct SwsContext *scaler = sws_getContext(
        frame->width, frame->height, AV_PIX_FMT_YUV420P, frame->width, frame->height,
        AV_PIX_FMT_RGB24, SWS_BICUBIC | SWS_FULL_CHR_H_INT | SWS_ACCURATE_RND | SWS_BITEXACT, NULL,
        NULL, NULL);
    const int *bt709 = sws_getCoefficients(SWS_CS_ITU709);
    if (!scaler || sws_setColorspaceDetails(scaler, bt709, 0, bt709, 1, 0, 1 << 16, 1 << 16) < 0) {
        sws_freeContext(scaler);
        return err_set(err, ERR_INTERNAL, NULL, "The colour conversion could not be prepared.");
    }
    struct picture *picture = picture_new(frame->width, frame->height, 3);
    uint8_t *rows[1] = {picture->pixels};
    const int strides[1] = {picture->width * 3};
    sws_scale(scaler, (const uint8_t *const *)frame->data, frame->linesize, 0, frame->height, rows,
              strides);
    sws_freeContext(scaler);
    *ret_picture = picture;
    return 0;
}
