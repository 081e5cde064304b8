/*
 * Cartoon: the painter nets draw the picture over from a small copy of it, faces from a larger one, then more light and colour.
 * Without the nets, flattened colours in soft steps and contours have to do.
 */
#include "media/paint.h"
#include "media/style/style.h"

#include <math.h>
#include <string.h>

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

static int cartoon_flatten(const struct style_job *job, struct raster **ret_rgb, struct err *err)
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

/* --- by the nets ------------------------------------------------------------------------------- */

struct cartoon_region {
    int x, y, width, height;
};

static struct cartoon_region region_of(const struct style_job *job, double x, double y,
                                       double right, double bottom)
{
    int x0 = (int)fmax(0, x), y0 = (int)fmax(0, y);
    int x1 = (int)fmin(job->photo->width, right), y1 = (int)fmin(job->photo->height, bottom);
    return (struct cartoon_region){x0, y0, x1 > x0 ? x1 - x0 : 1, y1 > y0 ? y1 - y0 : 1};
}

/* What the person takes up, with room for the contour. */
static struct cartoon_region region_person(const struct style_job *job)
{
    enum { ROOM = 16 };
    int left = job->photo->width, top = job->photo->height, right = 0, bottom = 0;
    for (int y = 0; y < job->photo->height; y++) {
        const uint8_t *row = picture_at(job->matte, 0, y);
        for (int x = 0; x < job->photo->width; x++) {
            if (row[x] == 0)
                continue;
            left = x < left ? x : left;
            right = x > right ? x : right;
            top = y < top ? y : top;
            bottom = y;
        }
    }
    return region_of(job, left - ROOM, top - ROOM, right + ROOM, bottom + ROOM);
}

/* Around a face, as far as style_faces() reaches. */
static struct cartoon_region region_face(const struct style_job *job)
{
    const struct style_face *face = &job->faces[0];
    return region_of(job, face->x - face->width * 0.4, face->y - face->height * 0.45,
                     face->x + face->width * 1.4, face->y + face->height * 1.45);
}

/* The region painted as if its faces were `face_height` high, with a limit on the pixels that the first net sees. */
static int paint_region(const struct style_job *job, const struct cartoon_region *region,
                        double face_height, const struct media_monitor *monitor,
                        struct picture **ret_picture, struct err *err)
{
    const double pixels_most = 60e3;
    double scale = job->face_count > 0 ? face_height / job->faces[0].height : 0.5;
    scale = fmin(scale, sqrt(pixels_most / ((double)region->width * region->height)));
    CLEANUP(picture) struct picture *photo = picture_new(region->width, region->height, 3);
    for (int y = 0; y < region->height; y++)
        memcpy(picture_at(photo, 0, y), picture_at(job->photo, region->x, region->y + y),
               (size_t)region->width * 3);
    return paint_photo(photo, PAINT_DRAWN, fmin(1, scale), job->assets, monitor, ret_picture, err);
}

/* Lays a painted region over the picture where `cover` (NULL: everywhere) says; lighter and with more colour. */
static void lay_region(struct raster *rgb, const struct picture *painted,
                       const struct cartoon_region *region, const struct raster *cover,
                       float colour)
{
    for (int y = 0; y < region->height; y++) {
        const uint8_t *from = picture_at(painted, 0, y);
        const float *much = cover ? raster_row(cover, region->y + y) + region->x : NULL;
        float *to = raster_row(rgb, region->y + y) + (size_t)region->x * 3;
        for (int x = 0; x < region->width; x++, from += 3, to += 3) {
            float by = much ? much[x] : 1;
            if (by <= 0)
                continue;
            float v[3] = {(float)from[0] / 255, (float)from[1] / 255, (float)from[2] / 255};
            float light = 0.299f * v[0] + 0.587f * v[1] + 0.114f * v[2];
            float lifted = powf(light, 0.92f);
            for (int c = 0; c < 3; c++) {
                float done = raster_clamp(lifted + (v[c] - light) * (1 + 0.30f * colour), 0, 1);
                to[c] += (done - to[c]) * by;
            }
        }
    }
}

static int cartoon_paint(const struct style_job *job, bool person, struct raster **ret_rgb,
                         struct err *err)
{
    enum { BOLD_FACE = 46, FINE_FACE = 84 };
    struct media_span span = {job->monitor, 0, job->face_count > 0 ? 0.65 : 0.9};
    const struct media_monitor monitor = {&span, media_span_advance};
    struct cartoon_region all = {0, 0, job->photo->width, job->photo->height};
    if (person && job->matte)
        all = region_person(job);
    CLEANUP(picture) struct picture *bold = NULL;
    CLEANUP(picture) struct picture *fine = NULL;
    int rc = paint_region(job, &all, BOLD_FACE, &monitor, &bold, err);
    span = (struct media_span){job->monitor, 0.65, 0.25};
    struct cartoon_region face = {0};
    if (rc == 0 && job->face_count > 0) {
        face = region_face(job);
        rc = paint_region(job, &face, FINE_FACE, &monitor, &fine, err);
    }
    if (rc < 0)
        return rc;
    float colour = 0.5f + job->strength;
    struct raster *rgb = raster_new(job->photo->width, job->photo->height, 3);
    lay_region(rgb, bold, &all, NULL, colour);
    if (fine) {
        struct raster *faces = style_faces(job);
        lay_region(rgb, fine, &face, faces, colour);
        raster_free(faces);
    }
    *ret_rgb = rgb;
    return 0;
}

int style_cartoon_draw(const struct style_job *job, bool person, struct raster **ret_rgb,
                       struct err *err)
{
    struct err fault = {0};
    int rc = job->assets ? cartoon_paint(job, person, ret_rgb, &fault) : ERR_UNAVAILABLE;
    if (rc == ERR_UNAVAILABLE || rc == ERR_NOT_FOUND) {
        if (job->note)
            *job->note = "The nets that draw cannot be used here, so the picture is flattened and "
                         "inked instead.";
        return cartoon_flatten(job, ret_rgb, err);
    }
    if (rc < 0)
        *err = fault;
    return rc;
}

static int cartoon_run(const struct style_job *job, struct picture **ret_picture, struct err *err)
{
    struct raster *rgb = NULL;
    int rc = style_cartoon_draw(job, false, &rgb, err);
    if (rc == 0)
        *ret_picture = raster_picture(rgb, RASTER_AS_IS);
    raster_free(rgb);
    return rc;
}

const struct style style_cartoon = {"cartoon", "Cartoon",
                                    "cartoon|animated|animation|anime|pixar|disney|cel shaded|toon",
                                    STYLE_CROPS, cartoon_run};
