/*
 * Oil: colour drawn out along the edges in two thicknesses of brush, the bristles' ridges lit from above, canvas where the paint is
 * thin. Faces get the fine brush.
 */
#include "media/style/style.h"

#include <math.h>

struct oil {
    struct raster *rgb; /* the thick layer, then the picture */
    const struct raster *fine, *ridges, *faces, *detail;
    float scale;
};

static void oil_band(void *context, int first, int last)
{
    const struct oil *job = context;
    int width = job->rgb->width, height = job->rgb->height;
    for (int y = first; y < last; y++) {
        float *row = raster_row(job->rgb, y);
        const float *fine = raster_row(job->fine, y), *face = raster_row(job->faces, y);
        const float *detail = raster_row(job->detail, y), *ridge = raster_row(job->ridges, y);
        const float *above = raster_row(job->ridges, y > 0 ? y - 1 : y);
        const float *below = raster_row(job->ridges, y + 1 < height ? y + 1 : y);
        for (int x = 0; x < width; x++, row += 3, fine += 3) {
            float near = fmaxf(face[x], raster_smoothstep(0.12f, 0.5f, detail[x]));
            float v[3], light = 0;
            for (int c = 0; c < 3; c++) {
                v[c] = row[c] + (fine[c] - row[c]) * near;
                light += v[c] * (c == 0 ? 0.299f : c == 1 ? 0.587f : 0.114f);
            }
            float slope = (below[x] - above[x]) +
                          0.6f * (ridge[x + 1 < width ? x + 1 : x] - ridge[x > 0 ? x - 1 : x]);
            float relief = -slope * (0.95f - 0.55f * face[x]) * (0.35f + 0.65f * light);
            float body = (ridge[x] - 0.5f) * (0.20f - 0.10f * face[x]);
            float banded = light + (style_band(light, 9, 3.5f) - light) * 0.6f * (1 - face[x]);
            for (int c = 0; c < 3; c++) {
                float colour = banded + (v[c] - light) * 1.28f;
                row[c] = raster_clamp(colour * (1 + body) + relief * 0.55f, 0, 1);
            }
        }
    }
}

/* Noise drawn out along the flow: the bristles. */
static struct raster *oil_ridges(const struct raster *flow, float scale, uint32_t seed)
{
    struct raster *noise = raster_new(flow->width, flow->height, 1);
    float size = 2.1f * scale;
    for (int y = 0; y < noise->height; y++) {
        float *row = raster_row(noise, y);
        for (int x = 0; x < noise->width; x++)
            row[x] = raster_smooth_noise((float)x / size, (float)y / size, seed);
    }
    struct raster *ridges = style_along(noise, flow, 14, 1.6f * scale);
    raster_free(noise);
    size_t count = (size_t)ridges->width * (size_t)ridges->height;
    for (size_t i = 0; i < count; i++)
        ridges->values[i] = raster_clamp(0.5f + (ridges->values[i] - 0.5f) * 2.2f, 0, 1);
    return ridges;
}

/* Where there is something small to paint: 0..1 by the contrast around. */
static struct raster *oil_detail(const struct raster *luminance, float scale)
{
    struct raster *soft = raster_copy(luminance),
                  *detail = raster_new(luminance->width, luminance->height, 1);
    raster_blur(soft, 3 * scale);
    size_t count = (size_t)soft->width * (size_t)soft->height;
    for (size_t i = 0; i < count; i++)
        detail->values[i] = fabsf(luminance->values[i] - soft->values[i]) * 6;
    raster_blur(detail, 3.5f * scale);
    raster_free(soft);
    return detail;
}

static int oil_run(const struct style_job *job, struct picture **ret_picture, struct err *err)
{
    float scale = style_scale(job);
    struct raster *rgb = style_photo(job), *faces = style_faces(job);
    struct raster *light = style_luminance(rgb), *detail = oil_detail(light, scale);
    struct raster *soft = raster_copy(light);
    raster_blur(soft, 1.5f * scale);
    struct raster *flow = style_flow(soft, 3.5f * scale, job->seed);
    raster_free(soft);
    int rc = style_progress(job, 0.2, err);
    struct raster *fine = style_along(rgb, flow, 5, 1.1f * scale);
    style_flatten(rgb, 7 * scale, 0.09f);
    struct raster *thick = style_along(rgb, flow, 12, 1.8f * scale);
    raster_free(rgb);
    if (rc == 0)
        rc = style_progress(job, 0.6, err);
    struct raster *ridges = oil_ridges(flow, scale, job->seed);
    struct oil oil = {thick, fine, ridges, faces, detail, scale};
    raster_bands(thick->height, oil_band, &oil);
    if (rc == 0)
        *ret_picture = raster_picture(thick, RASTER_AS_IS);
    struct raster *all[] = {faces, light, detail, flow, fine, thick, ridges};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        raster_free(all[i]);
    return rc;
}

const struct style style_oil = {
    "oil", "Oil painting",
    "oil|oil painting|oil paint|impressionist|impasto|van gogh|painting|painted", STYLE_CROPS,
    oil_run};
