/*
 * Halftone: four inks through screens of dots at four angles, as in a printed magazine seen close. Finer in faces, which stay
 * readable.
 */
#include "media/style/style.h"

#include <math.h>

enum { INKS = 4 };

/* Cyan, magenta, yellow, black: what is left of red, green and blue under each, and the cosine and sine of its screen. */
static const float inks[INKS][3] = {
    {0.05f, 0.62f, 0.88f}, {0.90f, 0.10f, 0.50f}, {1.00f, 0.88f, 0.05f}, {0.08f, 0.08f, 0.10f}};
static const float turns[INKS][2] = {
    {0.9659258f, 0.2588190f}, {0.2588190f, 0.9659258f}, {1, 0}, {0.7071068f, 0.7071068f}};

struct halftone {
    const struct raster *rgb, *faces;
    struct raster *page;
    float pitch;
};

/* How much of an ink a colour asks for. */
static void halftone_split(const float rgb[3], float ret[INKS])
{
    float most = fmaxf(rgb[0], fmaxf(rgb[1], rgb[2]));
    float black = raster_smoothstep(0.35f, 1.0f, 1 - most);
    for (int c = 0; c < 3; c++)
        ret[c] = raster_clamp((1 - rgb[c] - black * 0.75f) / (1 - black * 0.75f), 0, 1);
    ret[3] = black;
}

/* Dots that grow, meet and leave round holes; 0..1 covered, with an edge of about a pixel. */
static float halftone_dot(float x, float y, float pitch, const float turn[2], float amount)
{
    const float round = 6.2831853f;
    float u = (x * turn[0] + y * turn[1]) / pitch, v = (y * turn[0] - x * turn[1]) / pitch;
    float spot = 0.5f + 0.25f * (cosf(u * round) + cosf(v * round));
    float soft = 1.5f / pitch;
    return raster_smoothstep(1 - amount - soft, 1 - amount + soft, spot) *
           raster_smoothstep(0.01f, 0.05f, amount);
}

static void halftone_band(void *context, int first, int last)
{
    const struct halftone *job = context;
    static const float paper[3] = {0.985f, 0.975f, 0.945f};
    for (int y = first; y < last; y++) {
        const float *rgb = raster_row(job->rgb, y), *face = raster_row(job->faces, y);
        float *to = raster_row(job->page, y);
        for (int x = 0; x < job->page->width; x++, rgb += 3, to += 3) {
            float amounts[INKS], covers[INKS];
            halftone_split(rgb, amounts);
            for (int i = 0; i < INKS; i++) {
                float wide = halftone_dot((float)x, (float)y, job->pitch, turns[i], amounts[i]);
                covers[i] = wide;
                if (face[x] > 0) {
                    float fine =
                        halftone_dot((float)x, (float)y, job->pitch * 0.5f, turns[i], amounts[i]);
                    covers[i] += (fine - wide) * face[x];
                }
            }
            for (int c = 0; c < 3; c++) {
                to[c] = paper[c];
                for (int i = 0; i < INKS; i++)
                    to[c] *= 1 - covers[i] * (1 - inks[i][c]);
            }
        }
    }
}

static int halftone_run(const struct style_job *job, struct picture **ret_picture, struct err *err)
{
    float scale = style_scale(job);
    struct raster *rgb = style_photo(job), *faces = style_faces(job);
    raster_blur(rgb, 1.2f * scale);
    size_t count = (size_t)rgb->width * (size_t)rgb->height;
    for (size_t i = 0; i < count; i++) {
        float *pixel = rgb->values + 3 * i;
        float light = 0.299f * pixel[0] + 0.587f * pixel[1] + 0.114f * pixel[2];
        float lifted = powf(raster_clamp(light, 0, 1), 0.85f);
        for (int c = 0; c < 3; c++)
            pixel[c] = raster_clamp(lifted + (pixel[c] - light) * 1.25f, 0, 1);
    }
    int rc = style_progress(job, 0.4, err);
    struct raster *page = raster_new(job->photo->width, job->photo->height, 3);
    struct halftone halftone = {rgb, faces, page, 8.5f * scale};
    raster_bands(page->height, halftone_band, &halftone);
    if (rc == 0)
        *ret_picture = raster_picture(page, RASTER_AS_IS);
    raster_free(rgb);
    raster_free(faces);
    raster_free(page);
    return rc;
}

const struct style style_halftone = {
    "halftone", "Halftone print", "halftone|newspaper|newsprint|magazine print|ben-day dots|dots",
    STYLE_CROPS, halftone_run};
