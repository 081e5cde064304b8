#include "media/video.h"

#include <libavcodec/avcodec.h>
#include <libavfilter/avfilter.h>
#include <libavutil/cpu.h>
#include <libavutil/log.h>

/* What a build of the libraries may lack; without these nothing works. */
static const char *const video_encoders[] = {"libx264", "aac"};
static const char *const video_filters[] = {"scale",  "fps",      "overlay", "xstack", "format",
                                            "volume", "alimiter", "amix",    "ebur128"};

int video_init(struct err *err)
{
    av_log_set_level(AV_LOG_QUIET);
    av_get_cpu_flags();
    for (size_t i = 0; i < sizeof(video_encoders) / sizeof(video_encoders[0]); i++) {
        if (!avcodec_find_encoder_by_name(video_encoders[i]))
            return err_set(err, ERR_UNAVAILABLE, NULL, "libavcodec has no encoder '%s'.",
                           video_encoders[i]);
    }
    for (size_t i = 0; i < sizeof(video_filters) / sizeof(video_filters[0]); i++) {
        if (!avfilter_get_by_name(video_filters[i]))
            return err_set(err, ERR_UNAVAILABLE, NULL, "libavfilter has no filter '%s'.",
                           video_filters[i]);
    }
    return 0;
}
