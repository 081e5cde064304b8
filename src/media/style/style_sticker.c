/*
 * Sticker: the person as a cartoon, cut out with a white rim of even width and a soft shadow, on a plain ground or on none.
 */
#include "media/style/style.h"

#include "base/table.h"

#include <math.h>
#include <string.h>

static const float grounds[][2][3] = {
    {{0.70f, 0.86f, 0.98f}, {0.47f, 0.70f, 0.95f}}, {{1.00f, 0.85f, 0.62f}, {0.99f, 0.68f, 0.42f}},
    {{0.80f, 0.93f, 0.80f}, {0.53f, 0.80f, 0.62f}}, {{0.93f, 0.82f, 0.98f}, {0.74f, 0.60f, 0.93f}},
    {{1.00f, 0.83f, 0.84f}, {0.97f, 0.60f, 0.64f}},
};

struct sticker {
    const struct raster *drawn, *matte, *distance, *shadow;
    struct raster *page; /* RGBA */
    float rim, cx, cy;
    const float (*ground)[3]; /* NULL: transparent */
};

/* What lies under the sticker: straight RGBA. */
static void sticker_ground(const struct sticker *job, int x, int y, float to[4])
{
    float dark = raster_row(job->shadow, y)[x] * 0.42f;
    if (!job->ground) {
        to[0] = to[1] = to[2] = 0.05f;
        to[3] = dark;
        return;
    }
    float dx = ((float)x - job->cx) / (float)job->page->width;
    float dy = ((float)y - job->cy) / (float)job->page->height;
    float far = raster_smoothstep(0.05f, 0.75f, sqrtf(dx * dx + dy * dy));
    for (int c = 0; c < 3; c++) {
        float ground = job->ground[0][c] + (job->ground[1][c] - job->ground[0][c]) * far;
        to[c] = ground * (1 - dark) + 0.10f * ground * dark;
    }
    to[3] = 1;
}

static void sticker_lay(float to[4], const float colour[3], float cover)
{
    float alpha = cover + to[3] * (1 - cover);
    for (int c = 0; c < 3 && alpha > 0; c++)
        to[c] = (colour[c] * cover + to[c] * to[3] * (1 - cover)) / alpha;
    to[3] = alpha;
}

static void sticker_band(void *context, int first, int last)
{
    static const float white[3] = {0.992f, 0.992f, 0.988f};
    const struct sticker *job = context;
    for (int y = first; y < last; y++) {
        const float *drawn = raster_row(job->drawn, y), *matte = raster_row(job->matte, y);
        const float *distance = raster_row(job->distance, y);
        float *to = raster_row(job->page, y);
        for (int x = 0; x < job->page->width; x++, drawn += 3, to += 4) {
            sticker_ground(job, x, y, to);
            sticker_lay(to, white, raster_clamp(job->rim - distance[x] + 0.5f, 0, 1));
            sticker_lay(to, drawn, raster_smoothstep(0.35f, 0.65f, matte[x]));
        }
    }
}

/* The outline of scissors: without holes of the size of the rim and without thin ends. */
static struct raster *sticker_outline(const struct raster *matte, float rim, float scale)
{
    struct raster *round = raster_copy(matte);
    raster_blur(round, 3.5f * scale);
    struct raster *wide = style_distance(round, rim * 3);
    size_t count = (size_t)wide->width * (size_t)wide->height;
    /* Grown by more than the rim and shrunk again, hollows fill. */
    for (size_t i = 0; i < count; i++)
        round->values[i] = wide->values[i] > rim * 1.8f ? 1.0f : 0.0f;
    raster_free(wide);
    struct raster *back = style_distance(round, rim * 3);
    for (size_t i = 0; i < count; i++)
        round->values[i] = rim * 1.8f - back->values[i];
    raster_free(back);
    return round;
}

static struct raster *sticker_shadow(const struct raster *distance, float rim, float scale)
{
    struct raster *shadow = raster_new(distance->width, distance->height, 1);
    int dx = (int)(5 * scale), dy = (int)(11 * scale);
    for (int y = 0; y < shadow->height; y++) {
        for (int x = 0; x < shadow->width; x++) {
            int sx = x - dx < 0 ? 0 : x - dx, sy = y - dy < 0 ? 0 : y - dy;
            raster_row(shadow, y)[x] = raster_row(distance, sy)[sx] < rim ? 1.0f : 0.0f;
        }
    }
    raster_blur(shadow, 10 * scale);
    return shadow;
}

static struct picture *sticker_picture(const struct raster *page, bool transparent)
{
    struct picture *rgba = raster_picture(page, RASTER_AS_IS);
    if (transparent)
        return rgba;
    struct picture *rgb = picture_new(rgba->width, rgba->height, 3);
    size_t count = (size_t)rgb->width * (size_t)rgb->height;
    for (size_t i = 0; i < count; i++)
        memcpy(rgb->pixels + i * 3, rgba->pixels + i * 4, 3);
    picture_free(rgba);
    return rgb;
}

static int sticker_run(const struct style_job *job, struct picture **ret_picture, struct err *err)
{
    float scale = style_scale(job), rim = 15 * scale;
    struct raster *drawn = NULL;
    int rc = style_cartoon_draw(job, true, &drawn, err);
    if (rc < 0)
        return rc;
    struct raster *matte = style_matte(job);
    raster_blur(matte, 0.8f * scale);
    struct raster *distance = sticker_outline(matte, rim, scale);
    struct raster *shadow = sticker_shadow(distance, rim, scale);
    struct raster *page = raster_new(job->photo->width, job->photo->height, 4);
    struct sticker sticker = {drawn,
                              matte,
                              distance,
                              shadow,
                              page,
                              rim,
                              (float)page->width * 0.5f,
                              (float)page->height * 0.45f,
                              job->transparent ? NULL : grounds[job->seed % TABLE_SIZE(grounds)]};
    raster_bands(page->height, sticker_band, &sticker);
    *ret_picture = sticker_picture(page, job->transparent);
    struct raster *all[] = {drawn, matte, distance, shadow, page};
    for (size_t i = 0; i < TABLE_SIZE(all); i++)
        raster_free(all[i]);
    return 0;
}

const struct style style_sticker = {"sticker", "Sticker", "sticker|die cut|die-cut|cut out sticker",
                                    STYLE_CUTS_OUT, sticker_run};
