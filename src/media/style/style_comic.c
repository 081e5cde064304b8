/*
 * Comic: lines where a flattened luminance dips, solid blacks, tones in soft bands, more colour, dots in the middle tones only.
 * Faces get finer lines and no dots.
 */
#include "media/style/style.h"

#include <math.h>

struct comic {
    struct raster *rgb;
    const struct raster *ink, *tone, *faces, *matte;
    float dot; /* pixels between dots */
    float colour;
};

/* Ben-Day dots on a grid turned by 45 degrees: larger in darker tones, none in shadows and lights. */
static float comic_dot(const struct comic *job, int x, int y, float tone)
{
    float r = job->dot;
    float u = ((float)x + (float)y) * 0.70710678f, v = ((float)x - (float)y) * 0.70710678f;
    float a = u - floorf(u / r) * r - r / 2, b = v - floorf(v / r) * r - r / 2;
    float size = raster_clamp((0.60f - tone) / 0.5f, 0, 0.46f) * r * 0.8f;
    float cover = raster_clamp(size - sqrtf(a * a + b * b) + 0.5f, 0, 1);
    return cover * raster_smoothstep(0.14f, 0.26f, tone);
}

static void comic_band(void *context, int first, int last)
{
    const struct comic *job = context;
    for (int y = first; y < last; y++) {
        float *row = raster_row(job->rgb, y);
        const float *ink = raster_row(job->ink, y), *face = raster_row(job->faces, y);
        const float *soft = raster_row(job->tone, y), *matte = raster_row(job->matte, y);
        for (int x = 0; x < job->rgb->width; x++, row += 3) {
            float light = 0.299f * row[0] + 0.587f * row[1] + 0.114f * row[2];
            float banded = style_band(light + 0.015f, 7, 5.5f - 2.5f * face[x]);
            banded = powf(raster_clamp(banded, 0, 1), 0.80f);
            float chroma = 1 + (0.42f - 0.10f * face[x]) * job->colour;
            float dots =
                comic_dot(job, x, y, soft[x]) * (1 - face[x]) * (0.20f + 0.16f * (1 - matte[x]));
            for (int c = 0; c < 3; c++) {
                float v =
                    banded + (row[c] - light) * chroma * (0.75f + 0.25f * banded / (light + 0.05f));
                v *= 1 - dots;
                row[c] = raster_clamp(v, 0, 1) * (1 - ink[x]) + 0.045f * ink[x];
            }
        }
    }
}

/* Lines of the whole picture, with finer and fewer ones in faces. */
static struct raster *comic_ink(const struct raster *light, const struct raster *faces, float scale)
{
    struct raster *ink = style_lines(light, 1.45f * scale, 0.011f);
    style_drop_specks(ink, (int)(46 * scale * scale));
    struct raster *fine = style_lines(light, 0.95f * scale, 0.018f);
    style_drop_specks(fine, (int)(26 * scale * scale));
    struct raster *black = raster_copy(light);
    raster_blur(black, 1.5f * scale);
    size_t count = (size_t)ink->width * (size_t)ink->height;
    for (size_t i = 0; i < count; i++)
        black->values[i] = 1 - raster_smoothstep(0.135f, 0.185f, black->values[i]);
    style_drop_specks(black, (int)(70 * scale * scale));
    for (size_t i = 0; i < count; i++) {
        float face = faces->values[i];
        float line = ink->values[i] + (fine->values[i] * 0.85f - ink->values[i]) * face;
        ink->values[i] = fmaxf(line, black->values[i]);
    }
    raster_free(fine);
    raster_free(black);
    raster_blur(ink, 0.5f * scale);
    return ink;
}

/* Comic figures have a contour all around, whatever colour lies behind them. */
static void comic_contour(struct raster *ink, const struct raster *matte, float scale)
{
    struct raster *soft = raster_copy(matte);
    raster_blur(soft, 1.9f * scale);
    size_t count = (size_t)ink->width * (size_t)ink->height;
    for (size_t i = 0; i < count; i++) {
        float m = soft->values[i];
        float line = raster_smoothstep(0.62f, 0.86f, 4 * m * (1 - m));
        ink->values[i] = fmaxf(ink->values[i], line * 0.95f);
    }
    raster_free(soft);
}

static int comic_run(const struct style_job *job, struct picture **ret_picture, struct err *err)
{
    float scale = style_scale(job);
    struct raster *rgb = style_photo(job);
    style_flatten(rgb, 4.5f * scale, 0.055f);
    struct raster *light = style_luminance(rgb), *faces = style_faces(job);
    struct raster *matte = style_matte(job);
    int rc = style_progress(job, 0.3, err);
    struct raster *ink = comic_ink(light, faces, scale);
    if (job->matte)
        comic_contour(ink, matte, scale);
    if (rc == 0)
        rc = style_progress(job, 0.6, err);
    style_flatten(rgb, 9 * scale, 0.075f);
    style_flatten(rgb, 7 * scale, 0.065f);
    struct raster *tone = style_luminance(rgb);
    raster_blur(tone, 3 * scale);
    struct comic comic = {rgb, ink, tone, faces, matte, 6.4f * scale, 0.6f + 0.8f * job->strength};
    raster_bands(rgb->height, comic_band, &comic);
    if (rc == 0)
        *ret_picture = raster_picture(rgb, RASTER_AS_IS);
    struct raster *all[] = {rgb, light, faces, matte, ink, tone};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        raster_free(all[i]);
    return rc;
}

const struct style style_comic = {"comic", "Comic book",
                                  "comic|comic book|comics|graphic novel|superhero|manga|pop art",
                                  STYLE_CROPS, comic_run};
