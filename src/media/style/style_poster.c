/*
 * Poster: four inks on warm paper, printed through screens that do not quite meet. The person in flat tones with a line
 * screen between two of them, rays behind.
 */
#include "media/style/style.h"

#include "base/table.h"

#include <math.h>
#include <string.h>

struct palette {
    float dark[3], low[3], high[3], paper[3]; /* from the shadows up */
    float ground[3], ray[3];
};

static const struct palette palettes[] = {
    {{0.05f, 0.13f, 0.25f},
     {0.80f, 0.16f, 0.16f},
     {0.45f, 0.64f, 0.67f},
     {0.97f, 0.92f, 0.80f},
     {0.86f, 0.22f, 0.18f},
     {0.93f, 0.36f, 0.25f}},
    {{0.12f, 0.09f, 0.20f},
     {0.86f, 0.30f, 0.22f},
     {0.98f, 0.68f, 0.32f},
     {0.99f, 0.93f, 0.78f},
     {0.11f, 0.40f, 0.44f},
     {0.16f, 0.49f, 0.51f}},
    {{0.07f, 0.12f, 0.16f},
     {0.10f, 0.42f, 0.48f},
     {0.94f, 0.66f, 0.30f},
     {0.98f, 0.93f, 0.82f},
     {0.95f, 0.72f, 0.28f},
     {0.98f, 0.80f, 0.40f}},
    {{0.13f, 0.08f, 0.17f},
     {0.55f, 0.16f, 0.42f},
     {0.96f, 0.52f, 0.45f},
     {0.99f, 0.91f, 0.80f},
     {0.20f, 0.23f, 0.52f},
     {0.27f, 0.31f, 0.62f}},
};

struct poster {
    const struct palette *palette;
    const struct raster *tone, *matte;
    struct raster *page;
    float scale, cx, cy;
    uint32_t seed;
};

/* How much of an ink's screen is open at a pixel, and how worn the print is there. */
static float poster_wear(const struct poster *job, int x, int y, uint32_t ink)
{
    float fine = raster_smooth_noise((float)x / (1.4f * job->scale), (float)y / (1.4f * job->scale),
                                     job->seed + ink);
    float wide = raster_smooth_noise((float)x / (38 * job->scale), (float)y / (38 * job->scale),
                                     job->seed + ink + 9);
    return 1 - 0.75f * raster_smoothstep(0.80f + 0.12f * wide, 1.0f, fine);
}

static float poster_edge(float tone, float threshold, float softness)
{
    return 1 - raster_smoothstep(threshold - softness, threshold + softness, tone);
}

static void lay(float to[3], const float ink[3], float cover)
{
    for (int c = 0; c < 3; c++)
        to[c] += (ink[c] - to[c]) * cover;
}

static void poster_ground(const struct poster *job, int x, int y, float to[3])
{
    float dx = (float)x - job->cx, dy = (float)y - job->cy;
    float angle = atan2f(dy, dx), distance = sqrtf(dx * dx + dy * dy);
    float ray = raster_smoothstep(-0.5f, 0.5f, sinf(angle * 14) * distance / (10 * job->scale));
    memcpy(to, job->palette->paper, sizeof(float) * 3);
    lay(to, job->palette->ground, poster_wear(job, x, y, 40));
    lay(to, job->palette->ray,
        ray * poster_wear(job, x, y, 60) *
            raster_smoothstep(60 * job->scale, 240 * job->scale, distance));
}

static void poster_person(const struct poster *job, int x, int y, float to[3])
{
    int shift = (int)(1.2f * job->scale + 0.5f);
    int xs = x + shift < job->tone->width ? x + shift : x;
    float tone = raster_row(job->tone, y)[x], moved = raster_row(job->tone, y)[xs];
    float soft = 0.012f;
    memcpy(to, job->palette->paper, sizeof(float) * 3);
    /* Lines of the screen carry the step between paper and the light ink. */
    float line = 0.5f + 0.5f * sinf((float)y * 6.2831853f / (5.2f * job->scale));
    float light = poster_edge(tone, 0.60f, soft);
    float between = poster_edge(tone, 0.71f, soft) * raster_smoothstep(0.42f, 0.62f, line);
    lay(to, job->palette->high, fmaxf(light, between) * poster_wear(job, x, y, 1));
    lay(to, job->palette->low, poster_edge(moved, 0.42f, soft) * poster_wear(job, x, y, 2));
    lay(to, job->palette->dark, poster_edge(tone, 0.235f, soft) * poster_wear(job, x, y, 3));
}

static void poster_band(void *context, int first, int last)
{
    const struct poster *job = context;
    for (int y = first; y < last; y++) {
        float *to = raster_row(job->page, y);
        const float *matte = raster_row(job->matte, y);
        for (int x = 0; x < job->page->width; x++, to += 3) {
            float person[3];
            float cover = raster_smoothstep(0.42f, 0.58f, matte[x]);
            if (cover < 1)
                poster_ground(job, x, y, to);
            if (cover > 0) {
                poster_person(job, x, y, person);
                lay(to, person, cover);
            }
            float paper = 1 - 0.035f * raster_smooth_noise((float)x / (2 * job->scale),
                                                           (float)y / (2 * job->scale), 5);
            for (int c = 0; c < 3; c++)
                to[c] *= paper;
        }
    }
}

/* Faces are lighter and flatter than clothes: their own range is spread, so that eyes and mouth get all the inks. */
static void poster_faces(struct raster *tone, const struct raster *faces, float scale)
{
    struct raster *wide = raster_resize(tone, tone->width / 4, tone->height / 4);
    raster_blur(wide, 7 * scale);
    for (int y = 0; y < tone->height; y++) {
        const float *face = raster_row(faces, y);
        for (int x = 0; x < tone->width; x++) {
            if (face[x] <= 0)
                continue;
            float *value = raster_row(tone, y) + x;
            float around =
                raster_at(wide, ((float)x + 0.5f) / 4 - 0.5f, ((float)y + 0.5f) / 4 - 0.5f, 0);
            float spread = 0.66f + (around - 0.66f) * 0.55f + (*value - around) * 1.9f;
            *value += (raster_clamp(spread, 0, 1) - *value) * face[x];
        }
    }
    raster_free(wide);
}

static int poster_run(const struct style_job *job, struct picture **ret_picture, struct err *err)
{
    float scale = style_scale(job);
    struct raster *rgb = style_photo(job);
    style_flatten(rgb, 6 * scale, 0.07f);
    style_flatten(rgb, 5 * scale, 0.06f);
    struct raster *tone = style_luminance(rgb), *matte = style_matte(job);
    raster_free(rgb);
    raster_blur(tone, 1.0f * scale);
    style_stretch(tone, matte, 0.05f);
    size_t count = (size_t)tone->width * (size_t)tone->height;
    for (size_t i = 0; i < count; i++)
        tone->values[i] = tone->values[i] * 0.92f + 0.04f;
    struct raster *faces = style_faces(job);
    poster_faces(tone, faces, scale);
    raster_free(faces);
    int rc = style_progress(job, 0.4, err);
    struct raster *page = raster_new(job->photo->width, job->photo->height, 3);
    struct poster poster = {&palettes[job->seed % TABLE_SIZE(palettes)],
                            tone,
                            matte,
                            page,
                            scale,
                            (float)page->width * 0.5f,
                            (float)page->height * 0.42f,
                            job->seed};
    if (job->face_count > 0) {
        poster.cx = (float)(job->faces[0].x + job->faces[0].width / 2);
        poster.cy = (float)(job->faces[0].y + job->faces[0].height / 2);
    }
    raster_bands(page->height, poster_band, &poster);
    if (rc == 0)
        *ret_picture = raster_picture(page, RASTER_AS_IS);
    raster_free(tone);
    raster_free(matte);
    raster_free(page);
    return rc;
}

const struct style style_poster = {
    "poster", "Screen-printed poster",
    "poster|screen print|screenprint|propaganda poster|travel poster|silkscreen", STYLE_CROPS,
    poster_run};
