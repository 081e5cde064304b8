#include "media/grade.h"

#include "base/table.h"

#include <math.h>

enum { GRADE_LIGHT_MAX = 2 };

/* Leaves everything below 0.8 as it is and rolls the rest off towards 1. */
static double shoulder(double v)
{
    const double knee = 0.8;
    if (v <= knee)
        return v;
    return knee + (1 - knee) * (1 - exp(-(v - knee) / (1 - knee)));
}

static double encode(double v)
{
    return v <= 0.0031308 ? v * 12.92 : 1.055 * pow(v, 1 / 2.4) - 0.055;
}

/* Contrast turns around the encoded mid-grey; the ends stay where they are. */
static double contrast(double v, double strength)
{
    const double middle = 0.46;
    if (v <= 0 || v >= 1)
        return v;
    double side = v < middle ? middle : 1 - middle;
    double t = v < middle ? v / middle : (1 - v) / (1 - middle);
    double bent = pow(t, strength) * side;
    return v < middle ? bent : 1 - bent;
}

void grade_init(struct grade *grade, const struct scene_grade *settings)
{
    grade->gain = exp2f(settings->exposure);
    grade->saturation = settings->saturation;
    for (int c = 0; c < 3; c++) {
        for (int i = 0; i <= GRADE_STEPS; i++) {
            double root = (double)i / GRADE_STEPS;
            double v = encode(shoulder(root * root * GRADE_LIGHT_MAX));
            double high = v * v * (3 - 2 * v);
            v *= settings->shadows[c] +
                 ((double)settings->highlights[c] - settings->shadows[c]) * high;
            v = contrast(v, settings->contrast);
            grade->curves[c][i] = (float)(v < 0 ? 0 : v > 1 ? 255 : v * 255);
        }
    }
}

struct grade_job {
    const struct grade *grade;
    const struct raster *linear;
    struct picture *picture;
};

static inline __attribute__((always_inline)) void
grade_row(const struct grade *grade, const float *from, uint8_t *to, int width, int y, int channels)
{
    const float steps = GRADE_STEPS, by = 1.0f / GRADE_LIGHT_MAX;
    for (int x = 0; x < width; x++, from += channels, to += channels) {
        if (channels == 4) {
            to[3] = (uint8_t)(raster_clamp(from[3], 0, 1) * 255 + 0.5f);
            if (to[3] == 0)
                continue;
        }
        float noise = raster_noise((uint32_t)x, (uint32_t)y, 0x51ed270bu);
        float light = (0.2126f * from[0] + 0.7152f * from[1] + 0.0722f * from[2]) * grade->gain;
        int index[3];
        for (int c = 0; c < 3; c++) {
            float v = light + (from[c] * grade->gain - light) * grade->saturation;
            v = v < 0 ? 0 : v;
            v = v > GRADE_LIGHT_MAX ? GRADE_LIGHT_MAX : v;
            index[c] = (int)(sqrtf(v * by) * steps + 0.5f);
        }
        for (int c = 0; c < 3; c++) {
            int done = (int)(grade->curves[c][index[c]] + noise);
            to[c] = (uint8_t)(done > 255 ? 255 : done);
        }
    }
}

static void grade_band(void *context, int first, int last)
{
    const struct grade_job *job = context;
    for (int y = first; y < last; y++) {
        const float *from = raster_row(job->linear, y);
        uint8_t *to = picture_at(job->picture, 0, y);
        if (job->linear->channels == 3)
            grade_row(job->grade, from, to, job->linear->width, y, 3);
        else
            grade_row(job->grade, from, to, job->linear->width, y, 4);
    }
}

struct picture *grade_apply(const struct grade *grade, const struct raster *linear)
{
    struct grade_job job = {grade, linear,
                            picture_new(linear->width, linear->height, linear->channels)};
    raster_bands(linear->height, grade_band, &job);
    return job.picture;
}

void grade_neutral(struct scene_grade *settings)
{
    *settings = (struct scene_grade){0, 1, 1, {1, 1, 1}, {1, 1, 1}};
}

/* --- words ------------------------------------------------------------------------------------- */

struct light_word {
    const char *word;
    float exposure, contrast, saturation; /* added, times, times */
    float shadows[3], highlights[3];      /* times */
};

static const struct light_word light_words[] = {
    {"golden hour", 0.05f, 1.05f, 1.10f, {1.03f, 0.98f, 0.94f}, {1.07f, 1.00f, 0.86f}},
    {"sunset", -0.05f, 1.08f, 1.12f, {1.02f, 0.95f, 1.00f}, {1.10f, 0.96f, 0.82f}},
    {"sunrise", 0.08f, 1.02f, 1.06f, {1.02f, 0.98f, 1.03f}, {1.06f, 1.00f, 0.90f}},
    {"dawn", 0.02f, 0.98f, 1.00f, {0.98f, 0.99f, 1.06f}, {1.05f, 0.99f, 0.95f}},
    {"blue hour", -0.20f, 1.04f, 1.02f, {0.90f, 0.97f, 1.14f}, {0.96f, 0.99f, 1.06f}},
    {"night", -0.45f, 1.12f, 0.92f, {0.88f, 0.96f, 1.14f}, {0.97f, 0.99f, 1.03f}},
    {"moonlight", -0.50f, 1.08f, 0.80f, {0.86f, 0.96f, 1.18f}, {0.93f, 0.98f, 1.07f}},
    {"neon", -0.10f, 1.12f, 1.22f, {1.03f, 0.92f, 1.14f}, {1.02f, 0.98f, 1.06f}},
    {"warm", 0.02f, 1.00f, 1.04f, {1.02f, 1.00f, 0.95f}, {1.05f, 1.01f, 0.92f}},
    {"cosy", 0.02f, 1.00f, 1.02f, {1.03f, 0.99f, 0.94f}, {1.05f, 1.01f, 0.92f}},
    {"cold", 0.00f, 1.03f, 0.94f, {0.94f, 0.99f, 1.07f}, {0.96f, 1.00f, 1.05f}},
    {"cool", 0.00f, 1.02f, 0.97f, {0.95f, 0.99f, 1.06f}, {0.97f, 1.00f, 1.04f}},
    {"bright", 0.22f, 0.98f, 1.05f, {1, 1, 1}, {1, 1, 1}},
    {"sunny", 0.15f, 1.05f, 1.08f, {1.00f, 0.99f, 0.98f}, {1.03f, 1.01f, 0.96f}},
    {"soft", 0.08f, 0.92f, 0.97f, {1.01f, 1.00f, 1.00f}, {1, 1, 0.99f}},
    {"dramatic", -0.15f, 1.24f, 0.94f, {0.97f, 0.99f, 1.03f}, {1.03f, 1.00f, 0.97f}},
    {"cinematic", -0.05f, 1.14f, 0.97f, {0.93f, 1.00f, 1.06f}, {1.05f, 1.00f, 0.93f}},
    {"moody", -0.25f, 1.14f, 0.85f, {0.95f, 1.00f, 1.05f}, {1.02f, 1.00f, 0.96f}},
    {"vintage", 0.05f, 0.92f, 0.82f, {1.06f, 1.00f, 0.96f}, {1.04f, 1.01f, 0.90f}},
    {"vivid", 0.02f, 1.10f, 1.25f, {1, 1, 1}, {1, 1, 1}},
    {"black and white", 0.00f, 1.14f, 0.00f, {1, 1, 1}, {1, 1, 1}},
    {"monochrome", 0.00f, 1.12f, 0.00f, {1, 1, 1}, {1, 1, 1}},
};

bool grade_words(struct scene_grade *settings, const char *text)
{
    const struct light_word *best = NULL;
    size_t best_length = 0;
    for (size_t i = 0; text && i < TABLE_SIZE(light_words); i++) {
        size_t length = scene_word_in(light_words[i].word, text);
        if (length > best_length) {
            best = &light_words[i];
            best_length = length;
        }
    }
    if (!best)
        return false;
    settings->exposure += best->exposure;
    settings->contrast *= best->contrast;
    settings->saturation *= best->saturation;
    for (int c = 0; c < 3; c++) {
        settings->shadows[c] *= best->shadows[c];
        settings->highlights[c] *= best->highlights[c];
    }
    return true;
}
