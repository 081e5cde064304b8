/*
 * Watercolour: washes with wobbling, darker edges on grained paper, wet in wet behind the person, a thin pencil drawing under it; the
 * paper stays free at its borders.
 */
#include "media/style/style.h"

#include <math.h>

struct wash {
    const struct raster *rgb, *wide, *edges, *lines, *matte, *faces;
    struct raster *page;
    float scale;
    uint32_t seed;
};

/* 0 on the free paper, 1 in the painting; the border is ragged as a wash ends. */
static float wash_inside(const struct wash *job, int x, int y)
{
    float width = (float)job->page->width, height = (float)job->page->height;
    float shorter = width < height ? width : height;
    float away =
        fminf(fminf((float)x, width - (float)x), fminf((float)y, height - (float)y)) / shorter;
    float big = raster_smooth_noise((float)x / (120 * job->scale), (float)y / (120 * job->scale),
                                    job->seed + 1);
    float small = raster_smooth_noise((float)x / (22 * job->scale), (float)y / (22 * job->scale),
                                      job->seed + 2);
    return raster_smoothstep(0.030f, 0.044f, away - 0.034f * big - 0.012f * small + 0.02f);
}

static void wash_pixel(const struct wash *job, int x, int y, float to[3])
{
    float u = (float)x / job->scale, v = (float)y / job->scale;
    /* The hand is not exact: the wash lies a little beside the drawing. */
    float sx =
        (float)x + 5 * job->scale * (raster_smooth_noise(u / 26, v / 26, job->seed + 3) - 0.5f);
    float sy =
        (float)y + 5 * job->scale * (raster_smooth_noise(u / 26, v / 26, job->seed + 4) - 0.5f);
    float cover = raster_at(job->matte, sx, sy, 0), face = raster_row(job->faces, y)[x];
    float near[3], far[3];
    raster_at3(job->rgb, (float)x + (sx - (float)x) * (1 - face),
               (float)y + (sy - (float)y) * (1 - face), near);
    raster_at3(job->wide, sx / 8, sy / 8, far);
    float grain = raster_smooth_noise(u / 1.5f, v / 1.5f, 81),
          bloom = raster_smooth_noise(u / 75, v / 75, job->seed + 5);
    float cloud = raster_smooth_noise(u / 24, v / 24, job->seed + 6);
    float edge = raster_at(job->edges, sx, sy, 0);
    float inside = wash_inside(job, x, y);
    float dried = 4 * inside * (1 - inside);
    static const float paper[3] = {0.985f, 0.978f, 0.958f};
    for (int c = 0; c < 3; c++) {
        float colour = far[c] * 0.55f + 0.45f;
        colour += (near[c] - colour) * cover;
        /* Pigment: what the colour takes from the paper, uneven and gathered at the edges of a wash. */
        float pigment = 1 - colour;
        pigment *= 0.80f + 0.34f * (bloom - 0.5f) * 2 * (1 - 0.6f * face) +
                   0.22f * (cloud - 0.5f) * (1 - 0.5f * face);
        pigment *= 0.90f + 0.20f * grain;
        pigment += (edge * 0.22f * (1 - 0.55f * face) + dried * 0.10f) * (0.25f + pigment);
        to[c] = paper[c] * (1 - 0.025f * grain) * (1 - raster_clamp(pigment, 0, 0.96f) * inside);
    }
    float line =
        raster_row(job->lines, y)[x] * (0.35f + 0.30f * cover) * inside * (0.6f + 0.4f * grain);
    for (int c = 0; c < 3; c++)
        to[c] *= 1 - line * 0.62f;
}

static void wash_band(void *context, int first, int last)
{
    const struct wash *job = context;
    for (int y = first; y < last; y++) {
        float *to = raster_row(job->page, y);
        for (int x = 0; x < job->page->width; x++, to += 3)
            wash_pixel(job, x, y, to);
    }
}

/* Where one wash ends and the next begins: 0..1. */
static struct raster *wash_edges(const struct raster *rgb, float scale)
{
    struct raster *light = style_luminance(rgb), *edges = raster_new(rgb->width, rgb->height, 1);
    raster_blur(light, 1.2f * scale);
    for (int y = 1; y + 1 < edges->height; y++) {
        const float *row = raster_row(light, y), *above = raster_row(light, y - 1),
                    *below = raster_row(light, y + 1);
        for (int x = 1; x + 1 < edges->width; x++) {
            float dx = row[x + 1] - row[x - 1], dy = below[x] - above[x];
            raster_row(edges, y)[x] =
                raster_smoothstep(0.012f, 0.085f, sqrtf(dx * dx + dy * dy) * scale);
        }
    }
    raster_free(light);
    return edges;
}

/* Light washes in soft steps, colours as from a box of paints. */
static void wash_colours(struct raster *rgb, const struct raster *faces, float strength)
{
    size_t count = (size_t)rgb->width * (size_t)rgb->height;
    for (size_t i = 0; i < count; i++) {
        float *pixel = rgb->values + 3 * i;
        float light = 0.299f * pixel[0] + 0.587f * pixel[1] + 0.114f * pixel[2];
        float banded =
            light + (style_band(light, 6, 5) - light) * 0.8f * (1 - 0.6f * faces->values[i]);
        float lifted = 0.10f + 0.90f * powf(raster_clamp(banded, 0, 1), 0.70f);
        for (int c = 0; c < 3; c++)
            pixel[c] = raster_clamp(lifted + (pixel[c] - light) * (1.15f + 0.35f * strength), 0, 1);
    }
}

static int watercolour_run(const struct style_job *job, struct picture **ret_picture,
                           struct err *err)
{
    float scale = style_scale(job);
    struct raster *rgb = style_photo(job), *faces = style_faces(job), *matte = style_matte(job);
    style_flatten(rgb, 4 * scale, 0.06f);
    struct raster *light = style_luminance(rgb);
    struct raster *lines = style_lines(light, 0.9f * scale, 0.014f);
    style_drop_specks(lines, (int)(24 * scale * scale));
    raster_free(light);
    style_flatten(rgb, 9 * scale, 0.09f);
    style_flatten(rgb, 7 * scale, 0.07f);
    int rc = style_progress(job, 0.5, err);
    wash_colours(rgb, faces, job->strength);
    struct raster *edges = wash_edges(rgb, scale), *wide = raster_shrink(rgb, 8);
    raster_blur(wide, 3.5f * scale);
    raster_blur(matte, 1.5f * scale);
    struct raster *page = raster_new(job->photo->width, job->photo->height, 3);
    struct wash wash = {rgb, wide, edges, lines, matte, faces, page, scale, job->seed};
    raster_bands(page->height, wash_band, &wash);
    if (rc == 0)
        *ret_picture = raster_picture(page, RASTER_AS_IS);
    struct raster *all[] = {rgb, faces, matte, lines, edges, wide, page};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        raster_free(all[i]);
    return rc;
}

const struct style style_watercolour = {"watercolour", "Watercolour",
                                        "watercolour|watercolor|aquarelle|water colour|water color",
                                        STYLE_CROPS, watercolour_run};
