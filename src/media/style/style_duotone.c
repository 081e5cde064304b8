/*
 * Duotone: the photo's tones between two colours, the dark one in the shadows. The person keeps all of its contrast, what lies behind
 * is drawn together towards the lighter colour.
 */
#include "media/style/style.h"

#include "base/table.h"

#include <math.h>

/* From the shadows up; encoded. The middle keeps mixed greys from turning muddy. */
static const float duotones[][3][3] = {
    {{0.16f, 0.03f, 0.36f}, {0.86f, 0.18f, 0.42f}, {1.00f, 0.90f, 0.62f}},
    {{0.03f, 0.10f, 0.28f}, {0.06f, 0.55f, 0.62f}, {0.85f, 1.00f, 0.78f}},
    {{0.09f, 0.05f, 0.30f}, {0.30f, 0.36f, 0.93f}, {1.00f, 0.86f, 0.88f}},
    {{0.20f, 0.04f, 0.12f}, {0.93f, 0.32f, 0.18f}, {1.00f, 0.95f, 0.76f}},
    {{0.02f, 0.16f, 0.18f}, {0.12f, 0.52f, 0.40f}, {1.00f, 0.84f, 0.44f}},
};

struct duotone {
    const struct raster *tone, *matte;
    const float (*colours)[3];
    struct raster *page;
    uint32_t seed;
};

static void duotone_band(void *context, int first, int last)
{
    const struct duotone *job = context;
    for (int y = first; y < last; y++) {
        const float *tone = raster_row(job->tone, y), *matte = raster_row(job->matte, y);
        float *to = raster_row(job->page, y);
        for (int x = 0; x < job->page->width; x++, to += 3) {
            float grain = (raster_noise((uint32_t)x, (uint32_t)y, job->seed) - 0.5f) * 0.035f;
            float behind = 0.30f + 0.62f * tone[x];
            float t = raster_clamp(behind + (tone[x] - behind) * matte[x] + grain, 0, 1) * 2;
            int from = t < 1 ? 0 : 1;
            float part = t - (float)from;
            for (int c = 0; c < 3; c++)
                to[c] = job->colours[from][c] +
                        (job->colours[from + 1][c] - job->colours[from][c]) * part;
        }
    }
}

static int duotone_run(const struct style_job *job, struct picture **ret_picture, struct err *err)
{
    struct raster *rgb = style_photo(job), *tone = style_luminance(rgb), *matte = style_matte(job);
    raster_free(rgb);
    style_stretch(tone, matte, 0.02f);
    size_t count = (size_t)tone->width * (size_t)tone->height;
    for (size_t i = 0; i < count; i++) {
        float v = tone->values[i];
        tone->values[i] = v + 0.55f * (raster_smoothstep(0, 1, v) - v);
    }
    int rc = style_progress(job, 0.5, err);
    struct raster *page = raster_new(job->photo->width, job->photo->height, 3);
    struct duotone duotone = {tone, matte, duotones[job->seed % TABLE_SIZE(duotones)], page,
                              job->seed};
    raster_bands(page->height, duotone_band, &duotone);
    if (rc == 0)
        *ret_picture = raster_picture(page, RASTER_AS_IS);
    raster_free(tone);
    raster_free(matte);
    raster_free(page);
    return rc;
}

const struct style style_duotone = {"duotone", "Duotone", "duotone|two-tone|two tone|bichrome",
                                    STYLE_CROPS, duotone_run};
