#include "media/audio.h"

#include "base/arena.h"
#include "media/graph.h"
#include <math.h>

enum {
    AUDIO_STEP = VIDEO_SINK_AUDIO_RATE / 10, /* samples; four steps are a gating block */
    AUDIO_CORRECTIONS_MAX = 4,
};
#define AUDIO_TOLERANCE_LU 0.5
#define AUDIO_GAIN_MAX_DB 40.0
/* Leaves room for the peaks between samples and those that coding adds. */
#define AUDIO_PEAK 0.84

struct audio_biquad {
    double b0, b1, b2, a1, a2;
};

/* K-weighting at 48 kHz as the recommendation prints it. */
static const struct audio_biquad audio_shelf = {
    1.53512485958697, -2.69169618940638, 1.19839281085285, -1.69065929318241, 0.73248077421585};
static const struct audio_biquad audio_high_pass = {1.0, -2.0, 1.0, -1.99004745483398,
                                                    0.99007225036621};

struct audio_meter {
    double state[2][4]; /* a channel: two delays of each filter */
    double sum;         /* of the step that is being filled */
    size_t filled;
    double *steps; /* mean squares */
    size_t step_count, step_capacity;
    double peak;
};

struct audio_meter *audio_meter_new(void)
{
    return mem_alloc(sizeof(struct audio_meter));
}

void audio_meter_free(struct audio_meter *meter)
{
    if (!meter)
        return;
    free(meter->steps);
    free(meter);
}

static double audio_filter(const struct audio_biquad *filter, double state[2], double in)
{
    double out = filter->b0 * in + state[0];
    state[0] = filter->b1 * in - filter->a1 * out + state[1];
    state[1] = filter->b2 * in - filter->a2 * out;
    return out;
}

static void audio_meter_close_step(struct audio_meter *meter)
{
    if (meter->step_count == meter->step_capacity) {
        meter->step_capacity = meter->step_capacity ? meter->step_capacity * 2 : 1024;
        meter->steps = mem_resize(meter->steps, meter->step_capacity, sizeof(double));
    }
    meter->steps[meter->step_count++] = meter->sum / AUDIO_STEP;
    meter->sum = 0;
    meter->filled = 0;
}

void audio_meter_add(struct audio_meter *meter, const float *left, const float *right, size_t count)
{
    const float *channels[2] = {left, right};
    for (size_t i = 0; i < count; i++) {
        for (int c = 0; c < 2; c++) {
            double sample = isfinite(channels[c][i]) ? (double)channels[c][i] : 0;
            meter->peak = fmax(meter->peak, fabs(sample));
            sample = audio_filter(&audio_shelf, meter->state[c], sample);
            sample = audio_filter(&audio_high_pass, meter->state[c] + 2, sample);
            meter->sum += sample * sample;
        }
        if (++meter->filled == AUDIO_STEP)
            audio_meter_close_step(meter);
    }
}

static double audio_lufs(double mean_square)
{
    return mean_square > 0 ? -0.691 + 10 * log10(mean_square) : -INFINITY;
}

/* Mean of the blocks that are louder than `gate`. */
static double audio_gated(const struct audio_meter *meter, double gate)
{
    double sum = 0;
    size_t count = 0;
    for (size_t i = 3; i < meter->step_count; i++) {
        const double *steps = meter->steps + i - 3;
        double block = (steps[0] + steps[1] + steps[2] + steps[3]) / 4;
        if (audio_lufs(block) > gate) {
            sum += block;
            count++;
        }
    }
    return count > 0 ? sum / (double)count : 0;
}

double audio_meter_loudness(const struct audio_meter *meter)
{
    double ungated = audio_gated(meter, -70);
    return ungated > 0 ? audio_lufs(audio_gated(meter, fmax(-70, audio_lufs(ungated) - 10)))
                       : -INFINITY;
}

double audio_meter_peak(const struct audio_meter *meter)
{
    return meter->peak;
}

int audio_measure(struct video_source *source, const char *filters,
                  const struct media_monitor *monitor, double progress_from, double progress_to,
                  struct audio_loudness *ret_loudness, struct err *err)
{
    struct audio_meter *meter CLEANUP(audio_meter) = audio_meter_new();
    struct graph *graph CLEANUP(graph) = graph_new();
    AVFrame *frame CLEANUP(av_frame) = av_frame_alloc();
    struct buffer text CLEANUP(buffer) = {0};
    graph_add_source(graph, source);
    buffer_append_text(&text, "[in0]");
    graph_append_sound(&text, source);
    buffer_printf(&text, "%s%s", *filters ? "," : "", filters);
    graph_append_sound_end(&text);
    if (!frame)
        return video_file_fault(AVERROR(ENOMEM), "measuring loudness", err);
    int rc = graph_open(graph, text.bytes, false, true, err);
    if (rc < 0)
        return rc;
    double total = (double)source->duration_us / 1e6 * VIDEO_SINK_AUDIO_RATE, done = 0;
    bool is_audio;
    while ((rc = graph_next(graph, frame, &is_audio, err)) > 0) {
        audio_meter_add(meter, (const float *)frame->data[0], (const float *)frame->data[1],
                        (size_t)frame->nb_samples);
        done += frame->nb_samples;
        av_frame_unref(frame);
        double part = total > 0 ? fmin(done / total, 1) : 0;
        if (!media_advance(monitor, progress_from + (progress_to - progress_from) * part))
            return err_set_default(err, ERR_CANCELLED);
    }
    *ret_loudness = (struct audio_loudness){audio_meter_loudness(meter), audio_meter_peak(meter)};
    return rc;
}

static int audio_measure_file(int fd, const char *path, const char *filters,
                              const struct media_monitor *monitor, double progress_from,
                              double progress_to, struct audio_loudness *ret_loudness,
                              struct err *err)
{
    struct video_source *source CLEANUP(video_source) = NULL;
    int rc = video_source_open(fd, path, AVMEDIA_TYPE_AUDIO,
                               VIDEO_SOURCE_VIDEO_FILES | VIDEO_SOURCE_AUDIO_FILES,
                               VIDEO_SOURCE_FRAMES, &source, err);
    if (rc < 0)
        return rc;
    return audio_measure(source, filters, monitor, progress_from, progress_to, ret_loudness, err);
}

int audio_normalise(int fd, const char *path, const struct media_monitor *monitor,
                    double progress_from, double progress_to, char ret_filters[AUDIO_FILTERS_SIZE],
                    struct err *err)
{
    struct audio_loudness found;
    ret_filters[0] = '\0';
    int rc = audio_measure_file(fd, path, "", monitor, progress_from, progress_to, &found, err);
    if (rc < 0 || !isfinite(found.lufs) ||
        fabs(found.lufs - AUDIO_TARGET_LUFS) <= AUDIO_TOLERANCE_LU)
        return rc;
    double gain = fmin(AUDIO_TARGET_LUFS - found.lufs, AUDIO_GAIN_MAX_DB);
    bool fits = found.peak * pow(10, gain / 20) <= AUDIO_PEAK;
    for (int i = 0; i < AUDIO_CORRECTIONS_MAX; i++) {
        int length = snprintf(ret_filters, AUDIO_FILTERS_SIZE, "volume=%.3fdB", gain);
        if (fits)
            return 0;
        snprintf(ret_filters + length, (size_t)(AUDIO_FILTERS_SIZE - length),
                 ",alimiter=limit=%.2f:level=disabled:attack=5:release=50:latency=1", AUDIO_PEAK);
        rc = audio_measure_file(fd, path, ret_filters, monitor, progress_to, progress_to, &found,
                                err);
        double missing = AUDIO_TARGET_LUFS - found.lufs;
        if (rc < 0 || fabs(missing) < AUDIO_TOLERANCE_LU / 5)
            return rc;
        gain = fmin(gain + missing, AUDIO_GAIN_MAX_DB);
    }
    return 0;
}
