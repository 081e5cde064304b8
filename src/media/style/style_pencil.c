/*
 * Pencil: graphite on paper. Contours first, then tone laid in strokes of one direction, crossed where it is dark; the
 * paper's tooth shows in both, and what lies behind the person fades into the paper.
 */
#include "media/style/style.h"

#include <math.h>

struct pencil {
    const struct raster *tone, *lines, *faces, *ground;
    struct raster *page;
    float scale;
    uint32_t seed;
};

static float pencil_cover(const struct pencil *job, int x, int y, float dark, float face)
{
    float tooth =
        raster_smooth_noise((float)x / (1.15f * job->scale), (float)y / (1.15f * job->scale), 77);
    float first =
        style_hatch((float)x / job->scale, (float)y / job->scale, -0.92f, 2.3f, job->seed + 10);
    float cover = raster_smoothstep(0.70f - dark * 1.05f, 1.12f - dark * 0.62f, first);
    if (dark > 0.46f) {
        float second =
            style_hatch((float)x / job->scale, (float)y / job->scale, -0.28f, 2.6f, job->seed + 20);
        float more = raster_smoothstep(0.98f - dark * 0.80f, 1.22f - dark * 0.48f, second);
        cover += (1 - cover) * more * raster_smoothstep(0.46f, 0.66f, dark);
    }
    /* Faces are shaded with the side of the lead: even, with little stroke. */
    float even = dark * dark * 0.42f + dark * 0.44f;
    float soft = 0.34f + 0.34f * face;
    cover = cover * (0.30f + 0.70f * dark) * (1 - soft) + even * soft;
    cover *= 0.66f + 0.62f * tooth;
    return raster_clamp(cover, 0, 1);
}

static void pencil_band(void *context, int first, int last)
{
    const struct pencil *job = context;
    for (int y = first; y < last; y++) {
        const float *tone = raster_row(job->tone, y), *lines = raster_row(job->lines, y);
        const float *face = raster_row(job->faces, y), *ground = raster_row(job->ground, y);
        float *to = raster_row(job->page, y);
        for (int x = 0; x < job->page->width; x++, to += 3) {
            float dark = (1 - tone[x]) * ground[x];
            float cover = dark > 0.004f ? pencil_cover(job, x, y, dark, face[x]) : 0;
            float tooth = raster_smooth_noise((float)x / (1.3f * job->scale),
                                              (float)y / (1.3f * job->scale), 78);
            float line =
                lines[x] * raster_smoothstep(0.02f, 0.5f, ground[x]) * (0.62f + 0.5f * tooth);
            float graphite =
                1 - (1 - cover * (0.78f + 0.14f * dark)) * (1 - raster_clamp(line, 0, 1) * 0.80f);
            float fibre = raster_smooth_noise((float)x / (6 * job->scale),
                                              (float)y / (3.2f * job->scale), 79);
            float paper = 1 - 0.028f * tooth - 0.022f * fibre;
            static const float white[3] = {0.972f, 0.962f, 0.938f},
                               lead[3] = {0.155f, 0.160f, 0.175f};
            for (int c = 0; c < 3; c++)
                to[c] = white[c] * paper * (1 - graphite) + lead[c] * graphite;
        }
    }
}

/* Luminance spread to the paper's range: the lights stay paper, the darks keep their drawing. */
static struct raster *pencil_tone(const struct raster *light, const struct raster *faces,
                                  float scale)
{
    struct raster *tone = raster_copy(light);
    struct raster *wide = raster_resize(light, light->width / 8 + 1, light->height / 8 + 1);
    raster_blur(wide, 7 * scale);
    size_t width = (size_t)tone->width;
    for (int y = 0; y < tone->height; y++) {
        for (size_t x = 0; x < width; x++) {
            float around = raster_at(wide, (float)x / 8, (float)y / 8, 0);
            float *value = raster_row(tone, y) + x;
            float face = raster_row(faces, y)[x];
            /* Part of the dodge of a darkroom sketch: what is as light as its surroundings becomes paper. */
            float dodged = raster_clamp(*value / (around * 0.88f + 0.10f), 0, 1);
            float mix = 0.34f + 0.06f * face;
            float v = *value * (1 - mix) + dodged * mix;
            *value = raster_smoothstep(-0.06f, 0.97f + 0.11f * face, v);
        }
    }
    raster_free(wide);
    return tone;
}

static int pencil_run(const struct style_job *job, struct picture **ret_picture, struct err *err)
{
    float scale = style_scale(job);
    struct raster *rgb = style_photo(job);
    style_flatten(rgb, 3 * scale, 0.06f);
    struct raster *light = style_luminance(rgb), *faces = style_faces(job),
                  *ground = style_matte(job);
    raster_free(rgb);
    int rc = style_progress(job, 0.25, err);
    if (job->matte)
        style_run_out(ground, scale, job->seed);
    struct raster *tone = pencil_tone(light, faces, scale);
    struct raster *lines = style_lines(light, 1.0f * scale, 0.016f);
    struct raster *fine = style_lines(light, 0.8f * scale, 0.0095f);
    size_t count = (size_t)lines->width * (size_t)lines->height;
    for (size_t i = 0; i < count; i++)
        lines->values[i] += (fine->values[i] * 0.8f - lines->values[i]) * faces->values[i];
    style_drop_specks(lines, (int)(16 * scale * scale));
    if (rc == 0)
        rc = style_progress(job, 0.5, err);
    struct raster *page = raster_new(job->photo->width, job->photo->height, 3);
    struct pencil pencil = {tone, lines, faces, ground, page, scale, job->seed};
    raster_bands(page->height, pencil_band, &pencil);
    if (rc == 0)
        *ret_picture = raster_picture(page, RASTER_AS_IS);
    struct raster *all[] = {light, faces, ground, tone, lines, fine, page};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        raster_free(all[i]);
    return rc;
}

const struct style style_pencil = {
    "pencil", "Pencil drawing", "pencil|sketch|graphite|drawing|pencil sketch|hand drawn|charcoal",
    STYLE_SKETCHES, pencil_run};
