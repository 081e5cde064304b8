#include "media/video.h"

#include <libavcodec/avcodec.h>
#include <libavfilter/avfilter.h>
#include <libavutil/cpu.h>
#include <libavutil/log.h>
#include <malloc.h>

/* What a build of the libraries may lack; without these nothing works. */
static const char *const video_encoders[] = {"libx264", "aac"};
static const char *const video_filters[] = {"scale",  "fps",      "overlay", "xstack", "format",
                                            "volume", "alimiter", "amix",    "ebur128"};

/* Frames are large and come and go: a page that is given back and taken again is cleared each time,
 * which costs a twentieth of an encode. A worker keeps up to this much instead. */
enum { VIDEO_KEPT_BYTES = 512 << 20, VIDEO_MAPPED_FROM_BYTES = 32 << 20 };

int video_init(struct err *err)
{
    av_log_set_level(AV_LOG_QUIET);
    av_get_cpu_flags();
    mallopt(M_MMAP_THRESHOLD, VIDEO_MAPPED_FROM_BYTES);
    mallopt(M_TRIM_THRESHOLD, VIDEO_KEPT_BYTES);
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
