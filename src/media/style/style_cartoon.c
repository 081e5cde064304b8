/*
 * Cartoon: the painter nets draw the picture over from a small copy of it; then tones in soft steps and more colour.
 * Without the nets, flattened colours and contours have to do.
 */
#include "media/style/style.h"

#include <math.h>

struct cartoon {
    struct raster *rgb;
    const struct raster *ink, *faces, *matte;
    float colour;
};

static void cartoon_band(void *context, int first, int last)
{
    const struct cartoon *job = context;
    for (int y = first; y < last; y++) {
        float *row = raster_row(job->rgb, y);
        const float *ink = raster_row(job->ink, y), *face = raster_row(job->faces, y);
        for (int x = 0; x < job->rgb->width; x++, row += 3) {
            float light = 0.299f * row[0] + 0.587f * row[1] + 0.114f * row[2];
            float banded = style_band(light, 8, 4.2f - 2.4f * face[x]);
            banded = light + (banded - light) * 0.75f;
            banded = powf(raster_clamp(banded, 0, 1), 0.86f);
            float chroma = 1.06f + 0.34f * job->colour;
            float line = ink[x] * (0.80f - 0.25f * face[x]);
            for (int c = 0; c < 3; c++) {
                float v = banded + (row[c] - light) * chroma;
                /* Lines are a dark of the colour they lie on. */
                float dark = row[c] * 0.20f + (c == 2 ? 0.055f : 0.03f);
                row[c] = raster_clamp(v, 0, 1) * (1 - line) + dark * line;
            }
        }
    }
}

static struct raster *cartoon_ink(const struct raster *light, const struct raster *faces,
                                  float scale)
{
    struct raster *ink = style_lines(light, 1.25f * scale, 0.013f);
    style_drop_specks(ink, (int)(60 * scale * scale));
    struct raster *fine = style_lines(light, 0.85f * scale, 0.020f);
    style_drop_specks(fine, (int)(30 * scale * scale));
    size_t count = (size_t)ink->width * (size_t)ink->height;
    for (size_t i = 0; i < count; i++)
        ink->values[i] += (fine->values[i] - ink->values[i]) * faces->values[i];
    raster_free(fine);
    raster_blur(ink, 0.45f * scale);
    return ink;
}

int style_cartoon_draw(const struct style_job *job, struct raster **ret_rgb, struct err *err)
{
    float scale = style_scale(job);
    struct raster *rgb = style_photo(job);
    style_flatten(rgb, 4.5f * scale, 0.05f);
    struct raster *light = style_luminance(rgb), *faces = style_faces(job),
                  *matte = style_matte(job);
    struct raster *ink = cartoon_ink(light, faces, scale);
    int rc = style_progress(job, 0.6, err);
    style_flatten(rgb, 8 * scale, 0.07f);
    style_flatten(rgb, 6 * scale, 0.05f);
    struct cartoon cartoon = {rgb, ink, faces, matte, 0.5f + job->strength};
    raster_bands(rgb->height, cartoon_band, &cartoon);
    raster_free(light);
    raster_free(faces);
    raster_free(matte);
    raster_free(ink);
    if (rc < 0)
        raster_free(rgb);
    else
        *ret_rgb = rgb;
    return rc;
}

static int cartoon_run(const struct style_job *job, struct picture **ret_picture, struct err *err)
{
    struct raster *rgb = NULL;
    int rc = style_cartoon_draw(job, &rgb, err);
    if (rc == 0)
        *ret_picture = raster_picture(rgb, RASTER_AS_IS);
    raster_free(rgb);
    return rc;
}

const struct style style_cartoon = {"cartoon", "Cartoon",
                                    "cartoon|animated|animation|anime|pixar|disney|cel shaded|toon",
                                    STYLE_CROPS, cartoon_run};
