/*
 * Risograph: three loud inks on rough paper, each a little out of place, with the grain of the drum in all tones.
 */
#include "media/style/style.h"

#include "base/table.h"

#include <math.h>

enum { INKS = 3 };

/* The ink of the shadows, of reds and of yellows: what is left of red, green and blue under it. */
static const float sets[][INKS][3] = {
    {{0.10f, 0.28f, 0.66f}, {1.00f, 0.38f, 0.52f}, {1.00f, 0.89f, 0.20f}},
    {{0.02f, 0.44f, 0.42f}, {0.98f, 0.45f, 0.30f}, {1.00f, 0.86f, 0.34f}},
    {{0.27f, 0.20f, 0.52f}, {1.00f, 0.42f, 0.36f}, {0.98f, 0.84f, 0.30f}},
    {{0.16f, 0.22f, 0.36f}, {0.95f, 0.36f, 0.45f}, {0.56f, 0.86f, 0.78f}},
};

struct risograph {
    const struct raster *rgb, *matte;
    struct raster *page;
    const float (*inks)[3];
    int shift[INKS][2];
    float scale;
    uint32_t seed;
};

/* How much of an ink a place asks for. */
static float riso_amount(const struct risograph *job, int ink, int x, int y)
{
    int sx = x + job->shift[ink][0], sy = y + job->shift[ink][1];
    sx = sx < 0 ? 0 : sx >= job->rgb->width ? job->rgb->width - 1 : sx;
    sy = sy < 0 ? 0 : sy >= job->rgb->height ? job->rgb->height - 1 : sy;
    const float *rgb = raster_row(job->rgb, sy) + (size_t)sx * 3;
    float cover = raster_row(job->matte, sy)[sx];
    float light = 0.299f * rgb[0] + 0.587f * rgb[1] + 0.114f * rgb[2];
    float amount;
    if (ink == 0)
        amount = fmaxf(0, 1.04f - light * 1.22f - 0.30f * (rgb[0] - rgb[2]));
    else if (ink == 1)
        amount = 0.10f + 1.05f * (1 - rgb[1]) - 0.50f * (1 - rgb[0]);
    else
        amount = 0.10f + 1.20f * (1 - rgb[2]) - 0.45f * (1 - light);
    /* Behind the person less of everything is printed. */
    amount *= 0.62f + 0.38f * cover;
    return raster_clamp(amount, 0, 1);
}

/* Grain: more of the drum's grit gets through the darker it is to be; full tones stay nearly full. */
static float riso_cover(const struct risograph *job, int ink, int x, int y)
{
    float amount = riso_amount(job, ink, x, y), size = 1.15f * job->scale;
    uint32_t use = job->seed + (uint32_t)ink * 77;
    float grit = 0.65f * raster_smooth_noise((float)x / size, (float)y / size, use) +
                 0.35f * raster_noise((uint32_t)x, (uint32_t)y, use + 1);
    float printed = raster_smoothstep(grit - 0.16f, grit + 0.16f, 0.08f + amount * 0.86f);
    float wide =
        raster_smooth_noise((float)x / (60 * job->scale), (float)y / (60 * job->scale), use + 2);
    return printed * (0.90f + 0.10f * wide) * raster_smoothstep(0.02f, 0.12f, amount);
}

static void riso_band(void *context, int first, int last)
{
    const struct risograph *job = context;
    static const float paper[3] = {0.972f, 0.955f, 0.915f};
    for (int y = first; y < last; y++) {
        float *to = raster_row(job->page, y);
        for (int x = 0; x < job->page->width; x++, to += 3) {
            float fibre = raster_smooth_noise((float)x / (2.5f * job->scale),
                                              (float)y / (2 * job->scale), 91);
            for (int c = 0; c < 3; c++)
                to[c] = paper[c] * (1 - 0.03f * fibre);
            for (int ink = 0; ink < INKS; ink++) {
                float cover = riso_cover(job, ink, x, y);
                for (int c = 0; c < 3; c++)
                    to[c] *= 1 - cover * (1 - job->inks[ink][c]);
            }
        }
    }
}

static int risograph_run(const struct style_job *job, struct picture **ret_picture, struct err *err)
{
    float scale = style_scale(job);
    struct raster *rgb = style_photo(job), *matte = style_matte(job);
    style_flatten(rgb, 3 * scale, 0.05f);
    int rc = style_progress(job, 0.4, err);
    struct raster *page = raster_new(job->photo->width, job->photo->height, 3);
    struct risograph riso = {.rgb = rgb,
                             .matte = matte,
                             .page = page,
                             .inks = sets[job->seed % TABLE_SIZE(sets)],
                             .scale = scale,
                             .seed = job->seed};
    for (int ink = 1; ink < INKS; ink++) {
        for (int axis = 0; axis < 2; axis++) {
            float off = raster_noise(job->seed, (uint32_t)ink, (uint32_t)axis) - 0.5f;
            riso.shift[ink][axis] = (int)lrintf(off * 6 * scale);
        }
    }
    raster_bands(page->height, riso_band, &riso);
    if (rc == 0)
        *ret_picture = raster_picture(page, RASTER_AS_IS);
    raster_free(rgb);
    raster_free(matte);
    raster_free(page);
    return rc;
}

const struct style style_risograph = {"risograph", "Risograph print",
                                      "risograph|riso|zine|riso print", STYLE_CROPS, risograph_run};
