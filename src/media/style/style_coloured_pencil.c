/*
 * Coloured pencil: layers of strokes on toothed paper, each in one part of the colour, light ones first and a dark one for shadows
 * and contours. The person is drawn out, the rest runs out into the page.
 */
#include "media/style/style.h"

#include <math.h>

struct crayon {
    const struct raster *rgb, *lines, *faces, *ground;
    struct raster *page;
    float scale;
    uint32_t seed;
};

/* How much one layer of strokes covers where `amount` 0..1 is wanted. */
static float crayon_layer(const struct crayon *job, float x, float y, float amount, float angle,
                          float tooth, float face, uint32_t use)
{
    float strokes = style_hatch(x, y, angle, 2.6f, job->seed + use);
    float open = raster_smoothstep(0.66f - amount * 0.95f, 1.06f - amount * 0.62f, strokes);
    float even = 0.30f + 0.40f * face;
    float cover = open * (0.25f + 0.75f * amount) * (1 - even) + amount * even;
    return raster_clamp(cover * (0.62f + 0.62f * tooth), 0, 1);
}

static void crayon_pixel(const struct crayon *job, int px, int py, const float rgb[3], float ground,
                         float face, float line, float to[3])
{
    /* Wax multiplies with what lies under it: yellow, red, blue and a brown black. */
    static const float sticks[4][3] = {
        {0.99f, 0.84f, 0.12f}, {0.90f, 0.20f, 0.24f}, {0.16f, 0.40f, 0.78f}, {0.20f, 0.15f, 0.14f}};
    static const float angles[4] = {-0.95f, -0.75f, -1.15f, -0.60f};
    float x = (float)px / job->scale, y = (float)py / job->scale;
    float tooth = raster_smooth_noise(x / 1.25f, y / 1.25f, 77);
    float most = fmaxf(rgb[0], fmaxf(rgb[1], rgb[2]));
    float amounts[4];
    float black = raster_smoothstep(0.45f, 1.0f, 1 - most);
    for (int c = 0; c < 3; c++)
        amounts[2 - c] = raster_clamp((1 - rgb[c]) * 1.05f - black * 0.35f, 0, 1);
    amounts[3] = black;
    for (int i = 0; i < 4; i++) {
        float amount = amounts[i] * ground;
        if (amount < 0.01f)
            continue;
        float cover = crayon_layer(job, x, y, amount, angles[i], tooth, face, 30 * (uint32_t)i);
        for (int c = 0; c < 3; c++)
            to[c] *= 1 - cover * (1 - sticks[i][c]) * 0.92f;
    }
    float drawn = line * raster_smoothstep(0.02f, 0.5f, ground) * (0.55f + 0.45f * tooth);
    for (int c = 0; c < 3; c++)
        to[c] *= 1 - drawn * (0.86f - 0.30f * rgb[c]);
}

static void crayon_band(void *context, int first, int last)
{
    const struct crayon *job = context;
    for (int y = first; y < last; y++) {
        const float *rgb = raster_row(job->rgb, y), *lines = raster_row(job->lines, y);
        const float *face = raster_row(job->faces, y), *ground = raster_row(job->ground, y);
        float *to = raster_row(job->page, y);
        for (int x = 0; x < job->page->width; x++, rgb += 3, to += 3) {
            float fibre =
                raster_smooth_noise((float)x / (5 * job->scale), (float)y / (3 * job->scale), 79);
            static const float paper[3] = {0.985f, 0.978f, 0.955f};
            for (int c = 0; c < 3; c++)
                to[c] = paper[c] * (1 - 0.03f * fibre);
            crayon_pixel(job, x, y, rgb, ground[x], face[x], lines[x], to);
        }
    }
}

/* Lighter and more colourful than the photo: pencils never get as dark. */
static void crayon_colours(struct raster *rgb)
{
    size_t count = (size_t)rgb->width * (size_t)rgb->height;
    for (size_t i = 0; i < count; i++) {
        float *pixel = rgb->values + 3 * i;
        float light = 0.299f * pixel[0] + 0.587f * pixel[1] + 0.114f * pixel[2];
        float lifted = 0.06f + 0.96f * powf(raster_clamp(light, 0, 1), 0.72f);
        for (int c = 0; c < 3; c++)
            pixel[c] = raster_clamp(lifted + (pixel[c] - light) * 1.30f, 0, 1);
    }
}

static int coloured_pencil_run(const struct style_job *job, struct picture **ret_picture,
                               struct err *err)
{
    float scale = style_scale(job);
    struct raster *rgb = style_photo(job);
    style_flatten(rgb, 3 * scale, 0.05f);
    struct raster *light = style_luminance(rgb), *faces = style_faces(job);
    struct raster *ground = style_matte(job);
    if (job->matte)
        style_run_out(ground, scale, job->seed);
    struct raster *lines = style_lines(light, 1.0f * scale, 0.014f);
    style_drop_specks(lines, (int)(20 * scale * scale));
    int rc = style_progress(job, 0.4, err);
    crayon_colours(rgb);
    struct raster *page = raster_new(job->photo->width, job->photo->height, 3);
    struct crayon crayon = {rgb, lines, faces, ground, page, scale, job->seed};
    raster_bands(page->height, crayon_band, &crayon);
    if (rc == 0)
        *ret_picture = raster_picture(page, RASTER_AS_IS);
    struct raster *all[] = {rgb, light, faces, ground, lines, page};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        raster_free(all[i]);
    return rc;
}

const struct style style_coloured_pencil = {
    "coloured_pencil", "Coloured pencil",
    "coloured pencil|colored pencil|colour pencil|color pencil|crayon|crayons|pencil crayon",
    STYLE_SKETCHES, coloured_pencil_run};
