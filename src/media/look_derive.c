/* Layers of a picture that carries none. */
#include "media/look.h"

#include <math.h>
#include <string.h>

/* Margin in parts of the longer side; the picture is cropped by it, since nothing is known beyond its edge. */
#define DERIVED_MARGIN 0.034

enum { DEPTH_SHRINK = 8 };
#define NEAR_M 1.0
#define FAR_M 40.0
#define SUBJECT_M 2.0

/*
 * DESIGN. Push and pull: known pixels are averaged into ever smaller pictures; then, from the smallest up, what is unknown takes
 * the colour of the level below. Holes close smoothly whatever their shape.
 */
static void pull(struct raster *rgbw)
{
    if (rgbw->width < 3 || rgbw->height < 3)
        return;
    struct raster *half = raster_new((rgbw->width + 1) / 2, (rgbw->height + 1) / 2, 4);
    for (int y = 0; y < rgbw->height; y++) {
        const float *row = raster_row(rgbw, y);
        float *to = raster_row(half, y / 2);
        for (int x = 0; x < rgbw->width; x++, row += 4) {
            for (int c = 0; c < 3; c++)
                to[x / 2 * 4 + c] += row[c] * row[3];
            to[x / 2 * 4 + 3] += row[3];
        }
    }
    size_t count = (size_t)half->width * (size_t)half->height;
    for (size_t i = 0; i < count; i++) {
        float *cell = half->values + i * 4;
        for (int c = 0; c < 3 && cell[3] > 0; c++)
            cell[c] /= cell[3];
        cell[3] = fminf(cell[3], 1);
    }
    pull(half);
    for (int y = 0; y < rgbw->height; y++) {
        float *row = raster_row(rgbw, y);
        for (int x = 0; x < rgbw->width; x++, row += 4) {
            if (row[3] >= 1)
                continue;
            for (int c = 0; c < 3; c++) {
                float below =
                    raster_at(half, ((float)x + 0.5f) / 2 - 0.5f, ((float)y + 0.5f) / 2 - 0.5f, c);
                row[c] = below + (row[c] - below) * row[3];
            }
            row[3] = 1;
        }
    }
    raster_free(half);
}

/* The rest of the picture with the person's place filled in. `matte` 0..1 or NULL. */
static struct picture *derive_clean(const struct raster *photo, const struct raster *matte)
{
    if (!matte)
        return raster_picture(photo, RASTER_AS_IS);
    struct raster *grown = raster_resize(matte, matte->width / 4, matte->height / 4);
    raster_blur(grown, (float)matte->height / 4 * 0.010f);
    struct raster *rgbw = raster_new(photo->width, photo->height, 4);
    for (int y = 0; y < photo->height; y++) {
        const float *from = raster_row(photo, y);
        float *to = raster_row(rgbw, y);
        for (int x = 0; x < photo->width; x++, from += 3, to += 4) {
            float near =
                raster_at(grown, ((float)x + 0.5f) / 4 - 0.5f, ((float)y + 0.5f) / 4 - 0.5f, 0);
            memcpy(to, from, sizeof(float) * 3);
            to[3] = 1 - raster_smoothstep(0.01f, 0.07f, near);
        }
    }
    raster_free(grown);
    pull(rgbw);
    struct raster *rgb = raster_new(photo->width, photo->height, 3);
    size_t count = (size_t)rgb->width * (size_t)rgb->height;
    for (size_t i = 0; i < count; i++)
        memcpy(rgb->values + i * 3, rgbw->values + i * 4, sizeof(float) * 3);
    raster_free(rgbw);
    struct picture *picture = raster_picture(rgb, RASTER_AS_IS);
    raster_free(rgb);
    return picture;
}

/* A floor that rises to a horizon behind the person; without a person the middle comes forward. */
static struct picture *derive_depth(int width, int height, bool person)
{
    struct picture *depth = picture_new(width / DEPTH_SHRINK + 1, height / DEPTH_SHRINK + 1, 1);
    for (int y = 0; y < depth->height; y++) {
        double v = (y + 0.5) / depth->height;
        for (int x = 0; x < depth->width; x++) {
            double u = (x + 0.5) / depth->width - 0.5, w = v - 0.52;
            double floor = fmax(0, (v - 0.48) / 0.52);
            double nearness = 0.22 + 0.55 * floor * floor;
            if (!person)
                nearness = 0.30 + 0.25 * floor + 0.55 * exp(-(u * u * 7 + w * w * 7));
            double metres = SUBJECT_M / nearness;
            *picture_at(depth, x, y) =
                (uint8_t)lrint(255 * log(metres / NEAR_M) / log(FAR_M / NEAR_M));
        }
    }
    return depth;
}

static struct picture *derive_subject(const struct portrait *portrait,
                                      const struct raster_part *part, const struct raster *matte)
{
    struct raster *colours =
        raster_sample(portrait->colours, part, matte->width, matte->height, RASTER_AS_IS);
    struct raster *rgba = raster_new(matte->width, matte->height, 4);
    size_t count = (size_t)rgba->width * (size_t)rgba->height;
    for (size_t i = 0; i < count; i++) {
        memcpy(rgba->values + i * 4, colours->values + i * 3, sizeof(float) * 3);
        rgba->values[i * 4 + 3] = raster_clamp(matte->values[i], 0, 1);
    }
    raster_free(colours);
    struct picture *picture = raster_picture(rgba, RASTER_AS_IS);
    raster_free(rgba);
    return picture;
}

static void derive_look(struct layers *layers, uint64_t seed)
{
    static const float white[3] = {0.98f, 0.96f, 0.92f};
    layers->near_m = NEAR_M;
    layers->far_m = FAR_M;
    layers->subject_m = SUBJECT_M;
    layers->vignette = 0.12f;
    layers->grain = 0.10f;
    layers->seed = raster_hash((uint32_t)seed, (uint32_t)(seed >> 32), 0xde21);
    memcpy(layers->light, white, sizeof(white));
    memcpy(layers->colours[0], white, sizeof(white));
    layers->colour_count = 1;
}

struct layers *look_derive(const struct portrait *portrait, int width, int height, uint64_t seed)
{
    CLEANUP(layers) struct layers *layers = layers_new();
    int longer = width > height ? width : height;
    layers->width = width;
    layers->height = height;
    layers->margin = (int)(longer * DERIVED_MARGIN) & ~1;
    derive_look(layers, seed);
    struct raster_part part;
    portrait_cover(portrait, width + 2 * layers->margin, height + 2 * layers->margin, &part);
    int whole_width = width + 2 * layers->margin, whole_height = height + 2 * layers->margin;
    struct raster *photo =
        raster_sample(portrait->photo, &part, whole_width, whole_height, RASTER_AS_IS);
    struct raster *matte = NULL;
    if (portrait->matte) {
        matte = raster_sample(portrait->matte, &part, whole_width, whole_height, RASTER_AS_IS);
        layers->subject = derive_subject(portrait, &part, matte);
    }
    layers->clean = derive_clean(photo, matte);
    layers->depth = derive_depth(whole_width, whole_height, matte != NULL);
    layers->focus_x = 0.5;
    layers->focus_y = 0.45;
    if (portrait->face_count > 0)
        layers->focus_x = fmax(0.1, fmin(0.9, (portrait->eyes_x - part.x) / part.width));
    raster_free(photo);
    raster_free(matte);
    return TAKE(layers);
}
