#include "media/audio.h"
#include "media/video_pass.h"
#include "media/video_poster.h"

#include <libavcodec/bsf.h>
#include <math.h>

/*
 * DESIGN. Each of the two streams is looked at by itself: what is web-ready already is copied, so
 * that publishing the result of another step costs next to nothing and no generation of quality;
 * only what has to change is decoded.
 */

enum { VIDEO_PUBLISH_POSTER_LOOKS = 7 };
/* Where progress stands after measuring the sound, and when the poster is looked for. */
#define VIDEO_PUBLISH_MEASURE 0.1
#define VIDEO_PUBLISH_LOOK 0.9

static void cleanup_bsf(AVBSFContext **filter)
{
    av_bsf_free(filter);
}

static bool video_publish_is_tagged(const AVCodecParameters *parameters)
{
    return parameters->color_primaries == AVCOL_PRI_BT709 &&
           parameters->color_trc == AVCOL_TRC_BT709 && parameters->color_space == AVCOL_SPC_BT709;
}

static bool video_publish_is_untagged(const AVCodecParameters *parameters)
{
    return parameters->height >= 720 && parameters->color_primaries == AVCOL_PRI_UNSPECIFIED &&
           parameters->color_trc == AVCOL_TRC_UNSPECIFIED &&
           parameters->color_space == AVCOL_SPC_UNSPECIFIED;
}

/* Whether the pictures can stay as they are coded. */
static bool video_publish_can_copy_picture(const struct video_source *video)
{
    const AVCodecParameters *parameters = video->stream->codecpar;
    return video_pass_can_copy_picture(video) && parameters->profile == FF_PROFILE_H264_HIGH &&
           video->color_range == AVCOL_RANGE_MPEG &&
           (video_publish_is_tagged(parameters) || video_publish_is_untagged(parameters)) &&
           video_pass_is_constant(video);
}

static bool video_publish_can_copy_sound(const AVStream *stream)
{
    const AVCodecParameters *parameters = stream->codecpar;
    return parameters->codec_id == AV_CODEC_ID_AAC && parameters->profile == FF_PROFILE_AAC_LOW &&
           parameters->ch_layout.nb_channels == 2 &&
           (parameters->sample_rate == 44100 || parameters->sample_rate == 48000);
}

/* For copied pictures that say nothing about their colour. */
static int video_publish_tag(const AVStream *stream, AVBSFContext **ret_filter, struct err *err)
{
    if (!video_publish_is_untagged(stream->codecpar))
        return 0;
    int rc = av_bsf_list_parse_str("h264_metadata=colour_primaries=1:transfer_characteristics=1:"
                                   "matrix_coefficients=1:video_full_range_flag=0",
                                   ret_filter);
    if (rc >= 0)
        rc = avcodec_parameters_copy((*ret_filter)->par_in, stream->codecpar);
    if (rc >= 0) {
        (*ret_filter)->time_base_in = stream->time_base;
        rc = av_bsf_init(*ret_filter);
    }
    return rc < 0 ? video_file_fault(rc, "copying a stream", err) : 0;
}

static int video_publish_open(struct video_pass *pass, int fd, const char *path,
                              const struct video_publish_settings *settings,
                              const struct media_monitor *monitor,
                              char ret_filters[AUDIO_FILTERS_SIZE], struct err *err)
{
    int rc = video_source_open(fd, path, AVMEDIA_TYPE_VIDEO, VIDEO_SOURCE_VIDEO_FILES,
                               VIDEO_SOURCE_PACKETS, &pass->video, err);
    if (rc == 0 && settings->marks.count == 0 && video_publish_can_copy_picture(pass->video))
        pass->copied_video = pass->video;
    else if (rc == 0)
        rc = video_pass_decode_picture(pass, fd, path, err);
    if (rc == 0)
        rc = video_source_open(fd, path, AVMEDIA_TYPE_AUDIO, VIDEO_SOURCE_VIDEO_FILES,
                               VIDEO_SOURCE_PACKETS, &pass->copied_sound, err);
    if (rc < 0 || !pass->copied_sound)
        return rc;
    rc = audio_normalise(fd, path, monitor, 0, VIDEO_PUBLISH_MEASURE, ret_filters, err);
    if (rc < 0 || (!*ret_filters && video_publish_can_copy_sound(pass->copied_sound->stream)))
        return rc;
    video_source_free(TAKE(pass->copied_sound));
    return video_source_open(fd, path, AVMEDIA_TYPE_AUDIO, VIDEO_SOURCE_VIDEO_FILES,
                             VIDEO_SOURCE_FRAMES, &pass->sound, err);
}

static int video_publish_open_sink(struct video_pass *pass, int fd,
                                   const struct video_publish_settings *publish,
                                   const AVBSFContext *tagger, struct err *err)
{
    return video_pass_open_sink(pass, fd,
                                (struct video_sink_settings){
                                    .title = publish->title,
                                    .marks = publish->marks,
                                    .audio = pass->sound != NULL,
                                    .copy_video.parameters = tagger ? tagger->par_out : NULL,
                                },
                                err);
}

/* Looks into the file here and there, when its pictures were copied unseen. */
static int video_publish_look(int fd, const char *path, const struct media_monitor *monitor,
                              struct picture **ret_poster, struct err *err)
{
    struct video_reader *reader CLEANUP(video_reader) = NULL;
    struct picture *best CLEANUP(picture) = NULL;
    double best_score = 0;
    int rc = video_reader_new(fd, path, &reader, err);
    for (int i = 0; rc == 0 && i < VIDEO_PUBLISH_POSTER_LOOKS; i++) {
        struct picture *picture CLEANUP(picture) = NULL;
        double part = (i + 0.5) / VIDEO_PUBLISH_POSTER_LOOKS;
        rc = video_reader_at(reader, part * (double)video_reader_info(reader)->duration_ms / 1000,
                             &picture, err);
        if (rc < 0)
            return rc;
        double score = video_poster_score(picture->pixels + 1, (ptrdiff_t)picture->width * 3, 3,
                                          picture->width, picture->height); /* green */
        if (!best || score > best_score + 3) {
            picture_free(best);
            best = TAKE(picture);
            best_score = score;
        }
        if (!media_advance(monitor, VIDEO_PUBLISH_LOOK + (1 - VIDEO_PUBLISH_LOOK) * part))
            return err_set_default(err, ERR_CANCELLED);
    }
    *ret_poster = TAKE(best);
    return rc;
}

static int video_publish_run(struct video_pass *pass, AVBSFContext *tagger,
                             struct video_poster *poster, double progress_to,
                             const struct media_monitor *monitor, struct err *err)
{
    return video_pass_run(pass,
                          (struct graph_run){
                              .duration_us = pass->video->duration_us,
                              .monitor = monitor,
                              .progress_from = VIDEO_PUBLISH_MEASURE,
                              .progress_to = progress_to,
                              .video_filter = tagger,
                              .observe = poster ? video_poster_observe : NULL,
                              .observe_context = poster,
                          },
                          err);
}

int video_publish(int fd_in, const char *path, const struct video_publish_settings *settings,
                  int fd_out, const struct media_monitor *monitor, struct video_result *ret_result,
                  struct picture **ret_poster, struct err *err)
{
    struct video_pass pass CLEANUP(video_pass) = {0};
    struct video_poster poster CLEANUP(video_poster) = {0};
    AVBSFContext *tagger CLEANUP(bsf) = NULL;
    char filters[AUDIO_FILTERS_SIZE] = "";
    *ret_poster = NULL;
    int rc = video_publish_open(&pass, fd_in, path, settings, monitor, filters, err);
    if (rc == 0 && pass.copied_video)
        rc = video_publish_tag(pass.copied_video->stream, &tagger, err);
    if (rc == 0 && (!pass.copied_video || pass.sound))
        rc = video_pass_open_graph(&pass, filters, err);
    if (rc == 0)
        rc = video_publish_open_sink(&pass, fd_out, settings, tagger, err);
    if (rc < 0)
        return rc;
    bool observes = settings->poster && !pass.copied_video;
    bool looks = settings->poster && pass.copied_video;
    video_poster_init(
        &poster, av_rescale_q(pass.video->duration_us, AV_TIME_BASE_Q, av_inv_q(pass.video->rate)));
    rc = video_publish_run(&pass, tagger, observes ? &poster : NULL, looks ? VIDEO_PUBLISH_LOOK : 1,
                           monitor, err);
    if (rc == 0 && observes)
        rc = video_poster_picture(&poster, ret_poster, err);
    else if (rc == 0 && looks)
        rc = video_publish_look(fd_in, path, monitor, ret_poster, err);
    if (rc == 0)
        video_pass_result(&pass, ret_result);
    return rc;
}
