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

/* 0..1: the strokes of a hatch that runs along `angle`; long noise along, short noise across, and the hand's wobble. */
static float pencil_hatch(const struct pencil *job, float x, float y, float angle, float width,
                          uint32_t use)
{
    float cosine = cosf(angle), sine = sinf(angle);
    float along = (x * cosine + y * sine) / job->scale,
          across = (y * cosine - x * sine) / job->scale;
    across += 5.0f * raster_smooth_noise(along / 90, across / 130, job->seed + use);
    float strokes = raster_smooth_noise(along / 46, across / width, job->seed + use + 1);
    float fine = raster_smooth_noise(along / 19, across / (width * 0.45f), job->seed + use + 2);
    return 0.68f * strokes + 0.32f * fine;
}

static float pencil_cover(const struct pencil *job, int x, int y, float dark, float face)
{
    float tooth =
        raster_smooth_noise((float)x / (1.15f * job->scale), (float)y / (1.15f * job->scale), 77);
    float first = pencil_hatch(job, (float)x, (float)y, -0.92f, 2.3f, 10);
    float cover = raster_smoothstep(0.70f - dark * 1.05f, 1.12f - dark * 0.62f, first);
    if (dark > 0.46f) {
        float second = pencil_hatch(job, (float)x, (float)y, -0.28f, 2.6f, 20);
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

/* The last row that the person reaches. */
static int pencil_bottom(const struct raster *ground)
{
    for (int y = ground->height - 1; y > 0; y--) {
        for (int x = 0; x < ground->width; x += 4) {
            if (raster_row(ground, y)[x] > 0.5f)
                return y;
        }
    }
    return 0;
}

/* Behind the person the page stays nearly white; where the photo or the page ends, the drawing runs out. */
static void pencil_ground(struct raster *ground, float scale, uint32_t seed)
{
    struct raster *wide = raster_resize(ground, ground->width / 8 + 1, ground->height / 8 + 1);
    float height = (float)ground->height, width = (float)ground->width;
    float bottom = fminf((float)pencil_bottom(ground), 0.955f * height);
    raster_blur(wide, 4.5f * scale);
    for (int y = 0; y < ground->height; y++) {
        float left = (bottom - (float)y) / (0.10f * height);
        for (int x = 0; x < ground->width; x++) {
            float *value = raster_row(ground, y) + x;
            float near = raster_at(wide, (float)x / 8, (float)y / 8, 0);
            *value = fmaxf(*value, 0.30f * near * near);
            float side = fminf((float)x, width - (float)x) / (0.11f * width) - 0.35f;
            float least = fminf(left, side);
            if (least > 1.5f)
                continue;
            float ragged =
                raster_smooth_noise((float)x / (34 * scale), (float)y / (60 * scale), seed + 5);
            *value *= raster_smoothstep(0.02f, 0.75f, least - 0.45f * ragged + 0.05f);
        }
    }
    raster_free(wide);
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
        pencil_ground(ground, scale, job->seed);
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
