/*
 * Loudness by ITU-R BS.1770 and EBU R 128. Internal to media/. One thread per object.
 */
#ifndef MEDIA_AUDIO_H
#define MEDIA_AUDIO_H

#include "base/cleanup.h"
#include "base/err.h"
#include "media/monitor.h"
#include <stddef.h>

/* What published sound is brought to. */
#define AUDIO_TARGET_LUFS (-16.0)

struct audio_meter;

/* For stereo at 48,000 Hz. */
struct audio_meter *audio_meter_new(void);
void audio_meter_free(struct audio_meter *meter); /* NULL allowed */
CLEANUP_DEFINE(audio_meter, struct audio_meter, audio_meter_free);
void audio_meter_add(struct audio_meter *meter, const float *left, const float *right,
                     size_t count);
/* Integrated loudness in LUFS, gated; -INFINITY for silence or less than 0.4 seconds. */
double audio_meter_loudness(const struct audio_meter *meter);
double audio_meter_peak(const struct audio_meter *meter); /* largest sample, linear */

struct audio_loudness {
    double lufs; /* -INFINITY: silence */
    double peak; /* linear */
};

struct video_source;

/* Measures a whole stream after `filters` (a libavfilter chain from stereo to stereo, or ""). Reads
 * the source to its end. */
int audio_measure(struct video_source *source, const char *filters,
                  const struct media_monitor *monitor, double progress_from, double progress_to,
                  struct audio_loudness *ret_loudness, struct err *err);

enum { AUDIO_FILTERS_SIZE = 160 };

/* The chain that brings the sound of a file to AUDIO_TARGET_LUFS: a gain where peaks allow it, else
 * a gain and a limiter, measured and corrected. "" when it is there already (within 0.5 LU) or is
 * silent. ERR_BAD_INPUT when the file holds no sound. */
int audio_normalise(int fd, const char *path, const struct media_monitor *monitor,
                    double progress_from, double progress_to, char ret_filters[AUDIO_FILTERS_SIZE],
                    struct err *err);

#endif
