/*
 * Ink: brush contours, solid blacks, and pen hatching that crosses as it gets darker, over a thin grey wash on paper.
 */
#include "media/style/style.h"

#include <math.h>

struct ink {
    const struct raster *tone, *lines, *ground, *faces;
    struct raster *page;
    float scale;
    uint32_t seed;
};

/* Parallel pen strokes at an angle: 0..1 black. They swell with the darkness and tremble a little. */
static float ink_strokes(const struct ink *job, float x, float y, float angle, float dark,
                         uint32_t use)
{
    const float spacing = 6.2f;
    float cosine = cosf(angle), sine = sinf(angle);
    float along = x * cosine + y * sine, across = y * cosine - x * sine;
    across += 1.6f * raster_smooth_noise(along / 30, across / 40, job->seed + use);
    float number = floorf(across / spacing), at = across / spacing - number - 0.5f;
    float pressure =
        0.75f + 0.5f * raster_smooth_noise(along / 55 + number * 7.3f, number, job->seed + use + 1);
    float half = raster_clamp(dark, 0, 1) * 0.30f * pressure, soft = 0.6f / (spacing * job->scale);
    return 1 - raster_smoothstep(half - soft, half + soft, fabsf(at));
}

static float ink_black(const struct ink *job, int px, int py, float dark, float face)
{
    float x = (float)px / job->scale, y = (float)py / job->scale;
    float black = raster_smoothstep(0.80f, 0.86f, dark);
    /* Faces are hatched late and lightly. */
    float start = 0.30f + 0.14f * face;
    const struct {
        float angle, from, full;
    } layers[3] = {
        {-0.80f, start, 0.80f}, {0.72f, start + 0.18f, 0.92f}, {-0.05f, start + 0.34f, 0.98f}};
    for (int i = 0; i < 3; i++) {
        float amount = (dark - layers[i].from) / (layers[i].full - layers[i].from);
        if (amount > 0.04f)
            black = fmaxf(black, ink_strokes(job, x, y, layers[i].angle, amount, 40 * (uint32_t)i) *
                                     raster_smoothstep(0.04f, 0.14f, amount));
    }
    return black;
}

static void ink_band(void *context, int first, int last)
{
    const struct ink *job = context;
    static const float paper[3] = {0.975f, 0.962f, 0.925f}, black[3] = {0.07f, 0.07f, 0.09f};
    for (int y = first; y < last; y++) {
        const float *tone = raster_row(job->tone, y), *lines = raster_row(job->lines, y);
        const float *ground = raster_row(job->ground, y), *face = raster_row(job->faces, y);
        float *to = raster_row(job->page, y);
        for (int x = 0; x < job->page->width; x++, to += 3) {
            float dark = (1 - tone[x]) * raster_smoothstep(0, 0.55f, ground[x]);
            float ink = fmaxf(ink_black(job, x, y, dark, face[x]),
                              lines[x] * raster_smoothstep(0.05f, 0.4f, ground[x]));
            float cloud = raster_smooth_noise((float)x / (70 * job->scale),
                                              (float)y / (70 * job->scale), job->seed + 5);
            float wash = style_band(dark, 4, 7) * (0.24f + 0.16f * cloud) * ground[x];
            float fibre =
                raster_smooth_noise((float)x / (3 * job->scale), (float)y / (2 * job->scale), 80);
            for (int c = 0; c < 3; c++) {
                float page = paper[c] * (1 - 0.03f * fibre) * (1 - wash * (c == 2 ? 0.78f : 0.92f));
                to[c] = page * (1 - ink) + black[c] * ink;
            }
        }
    }
}

static int ink_run(const struct style_job *job, struct picture **ret_picture, struct err *err)
{
    float scale = style_scale(job);
    struct raster *rgb = style_photo(job);
    style_flatten(rgb, 4.5f * scale, 0.06f);
    struct raster *tone = style_luminance(rgb), *faces = style_faces(job),
                  *ground = style_matte(job);
    raster_free(rgb);
    struct raster *lines = style_lines(tone, 1.5f * scale, 0.012f);
    style_drop_specks(lines, (int)(40 * scale * scale));
    struct raster *fine = style_lines(tone, 0.9f * scale, 0.012f);
    style_drop_specks(fine, (int)(24 * scale * scale));
    size_t count = (size_t)lines->width * (size_t)lines->height;
    for (size_t i = 0; i < count; i++)
        lines->values[i] += (fine->values[i] - lines->values[i]) * faces->values[i];
    raster_blur(lines, 0.5f * scale);
    style_stretch(tone, ground, 0.02f);
    raster_blur(tone, 1.6f * scale);
    int rc = style_progress(job, 0.4, err);
    if (job->matte)
        style_run_out(ground, scale, job->seed);
    struct raster *page = raster_new(job->photo->width, job->photo->height, 3);
    struct ink ink = {tone, lines, ground, faces, page, scale, job->seed};
    raster_bands(page->height, ink_band, &ink);
    if (rc == 0)
        *ret_picture = raster_picture(page, RASTER_AS_IS);
    struct raster *all[] = {tone, faces, ground, lines, fine, page};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        raster_free(all[i]);
    return rc;
}

const struct style style_ink = {"ink", "Pen and ink",
                                "ink|pen and ink|ink drawing|ink wash|etching|engraving|line art",
                                STYLE_SKETCHES, ink_run};
