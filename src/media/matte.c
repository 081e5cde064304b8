#include "media/matte.h"

#include "base/arena.h"
#include "media/image.h"
#include "media/matte_settle.h"
#include "media/nn/nn.h"
#include "media/raster.h"

#include <math.h>
#include <string.h>

/*
 * DESIGN. The net sees 256 pixels. A guided filter finds, at up to 900 pixels, how the mask follows the photo's colours there; its
 * smooth coefficients then meet the full photo. Where person and background differ clearly in colour, the mix of the two that a pixel
 * is made of corrects the edge once more: that is what keeps the old background out of it.
 */
enum { MATTE_NET_SIDE = 256, MATTE_GUIDE_SIDE_MAX = 900, MATTE_COLOUR_SIDE_MAX = 640 };
static const float matte_least_firm = 0.5f, matte_least_share = 0.015f, matte_kept_piece = 0.12f;

/* --- connected pieces --------------------------------------------------------------------------- */

struct pieces {
    int width, height;
    int *labels; /* 0: not in a piece */
    int *stack;
};

/* Marks the piece around `start` of the pixels whose side of `level` is `above`; its
 * area, and whether it touches another border than the lower one. */
static int piece_fill(struct pieces *pieces, const float *values, float level, bool above,
                      int start, int label, bool *ret_border)
{
    int area = 0, top = 0;
    pieces->stack[top++] = start;
    pieces->labels[start] = label;
    *ret_border = false;
    while (top > 0) {
        int at = pieces->stack[--top], x = at % pieces->width, y = at / pieces->width;
        const int steps[4] = {x > 0 ? at - 1 : -1, x + 1 < pieces->width ? at + 1 : -1,
                              y > 0 ? at - pieces->width : -1,
                              y + 1 < pieces->height ? at + pieces->width : -1};
        area++;
        for (int k = 0; k < 4; k++) {
            int next = steps[k];
            if (next < 0) {
                *ret_border |= k != 3;
            } else if (pieces->labels[next] == 0 && (values[next] > level) == above) {
                pieces->labels[next] = label;
                pieces->stack[top++] = next;
            }
        }
    }
    return area;
}

static void pieces_start(struct pieces *pieces, const struct raster *mask)
{
    size_t count = (size_t)mask->width * (size_t)mask->height;
    *pieces = (struct pieces){mask->width, mask->height, mem_array(count, sizeof(int)),
                              mem_array(count, sizeof(int))};
}

static void pieces_finish(struct pieces *pieces)
{
    free(pieces->labels);
    free(pieces->stack);
}

/* Keeps the largest piece and others of its order: several people are several pieces. The share of the picture that is left. */
static float keep_people(struct raster *mask)
{
    enum { PIECES_MAX = 4096 };
    struct pieces pieces;
    int areas[PIECES_MAX] = {0}, count = 0, largest = 0, left = 0;
    int size = mask->width * mask->height;
    bool border;
    pieces_start(&pieces, mask);
    for (int i = 0; i < size && count + 1 < PIECES_MAX; i++) {
        if (mask->values[i] > 0.5f && pieces.labels[i] == 0) {
            count++;
            areas[count] = piece_fill(&pieces, mask->values, 0.15f, true, i, count, &border);
            largest = areas[count] > largest ? areas[count] : largest;
        }
    }
    for (int i = 0; i < size; i++) {
        int label = pieces.labels[i];
        if (label == 0 || (float)areas[label] < matte_kept_piece * (float)largest)
            mask->values[i] = 0;
        left += mask->values[i] > 0.5f;
    }
    pieces_finish(&pieces);
    return (float)left / (float)size;
}

/* A small gap belongs to the person when the net only hesitates there, or when it is tiny. The lower border closes it as well: a
 * belt that leaves the picture is no view through. */
static void fill_holes(struct raster *mask, float level)
{
    enum { TINY = 60 };
    struct pieces pieces;
    int size = mask->width * mask->height;
    pieces_start(&pieces, mask);
    for (int i = 0; i < size; i++) {
        bool border;
        if (mask->values[i] > level || pieces.labels[i] != 0)
            continue;
        int area = piece_fill(&pieces, mask->values, level, false, i, i + 1, &border);
        float sum = 0;
        for (int k = i; !border && area < size / 80 && k < size; k++)
            sum += pieces.labels[k] == i + 1 ? mask->values[k] : 0;
        bool hesitates = sum > 0.3f * (float)area || area < TINY;
        for (int k = i; !border && area < size / 80 && hesitates && k < size; k++) {
            if (pieces.labels[k] == i + 1)
                mask->values[k] = 1;
        }
    }
    pieces_finish(&pieces);
}

/* Of what the net takes for somebody, the share that it is sure of. People are nearly all sure; a cup is a guess. */
static float net_firmness(const struct raster *mask)
{
    size_t count = (size_t)mask->width * (size_t)mask->height, sure = 0, perhaps = 1;
    for (size_t i = 0; i < count; i++) {
        sure += mask->values[i] > 0.95f;
        perhaps += mask->values[i] > 0.2f;
    }
    return (float)sure / (float)perhaps;
}

/* NULL with *rc 0 when the net sees nobody. */
static struct raster *net_mask(const struct picture *photo, const struct media_assets *assets,
                               const struct media_monitor *monitor, int *rc, struct err *err)
{
    CLEANUP(nn) struct nn_net *net = NULL;
    struct nn_shape shape;
    *rc = nn_open("selfie", assets, 0, 0, &net, err);
    if (*rc < 0)
        return NULL;
    struct picture *small = image_resize(photo, MATTE_NET_SIDE, MATTE_NET_SIDE);
    float *input = nn_input(net, &shape);
    for (size_t i = 0; i < (size_t)MATTE_NET_SIDE * MATTE_NET_SIDE * 3; i++)
        input[i] = (float)small->pixels[i] / 255;
    *rc = nn_run(net, monitor, err);
    if (*rc < 0) {
        picture_free(small);
        return NULL;
    }
    CLEANUP(raster) struct raster *mask = raster_new(MATTE_NET_SIDE, MATTE_NET_SIDE, 1);
    memcpy(mask->values, nn_output(net, 0, &shape),
           (size_t)MATTE_NET_SIDE * MATTE_NET_SIDE * sizeof(float));
    bool somebody = net_firmness(mask) > matte_least_firm;
    if (somebody) {
        fill_holes(mask, 0.93f);
        matte_settle(small, mask);
    }
    picture_free(small);
    return somebody ? TAKE(mask) : NULL;
}

/* --- the guided filter -------------------------------------------------------------------------- */

/* Means over a box by running sums, in place; every channel. */
static void box_mean(struct raster *raster, int radius)
{
    raster_blur(raster, (float)radius * 0.6f);
}

/* Per pixel: red, green, blue, mask and their products, then averaged. */
static struct raster *guide_moments(const struct raster *guide, const struct raster *mask,
                                    int radius)
{
    struct raster *moments = raster_new(guide->width, guide->height, 13);
    size_t count = (size_t)guide->width * (size_t)guide->height;
    for (size_t i = 0; i < count; i++) {
        const float *c = guide->values + 3 * i;
        float p = mask->values[i];
        const float row[13] = {c[0],        c[1],        c[2],        p,           c[0] * p,
                               c[1] * p,    c[2] * p,    c[0] * c[0], c[0] * c[1], c[0] * c[2],
                               c[1] * c[1], c[1] * c[2], c[2] * c[2]};
        memcpy(moments->values + 13 * i, row, sizeof(row));
    }
    box_mean(moments, radius);
    return moments;
}

/* The linear model mask = a . colour + b that fits a neighbourhood best. */
static void guide_solve(const float m[13], float ret_model[4])
{
    const float eps = 1e-4f;
    float xx = m[7] - m[0] * m[0] + eps, xy = m[8] - m[0] * m[1], xz = m[9] - m[0] * m[2];
    float yy = m[10] - m[1] * m[1] + eps, yz = m[11] - m[1] * m[2], zz = m[12] - m[2] * m[2] + eps;
    float x = m[4] - m[0] * m[3], y = m[5] - m[1] * m[3], z = m[6] - m[2] * m[3];
    float cx = yy * zz - yz * yz, cy = xz * yz - xy * zz, cz = xy * yz - xz * yy;
    float determinant = xx * cx + xy * cy + xz * cz;
    determinant = fabsf(determinant) < 1e-14f ? 1e-14f : determinant;
    ret_model[0] = (cx * x + cy * y + cz * z) / determinant;
    ret_model[1] = (cy * x + (xx * zz - xz * xz) * y + (xy * xz - xx * yz) * z) / determinant;
    ret_model[2] = (cz * x + (xy * xz - xx * yz) * y + (xx * yy - xy * xy) * z) / determinant;
    ret_model[3] = m[3] - ret_model[0] * m[0] - ret_model[1] * m[1] - ret_model[2] * m[2];
}

static struct raster *guide_models(const struct raster *guide, const struct raster *mask,
                                   int radius)
{
    struct raster *moments = guide_moments(guide, mask, radius);
    struct raster *models = raster_new(guide->width, guide->height, 4);
    size_t count = (size_t)guide->width * (size_t)guide->height;
    for (size_t i = 0; i < count; i++)
        guide_solve(moments->values + 13 * i, models->values + 4 * i);
    raster_free(moments);
    box_mean(models, radius);
    return models;
}

/* 1 surely inside, 0 surely outside, between them near the edge. */
static struct raster *guide_firmness(const struct raster *mask, int radius)
{
    struct raster *firm = raster_copy(mask);
    size_t count = (size_t)mask->width * (size_t)mask->height;
    for (size_t i = 0; i < count; i++)
        firm->values[i] = mask->values[i] > 0.5f ? 1 : 0;
    raster_blur(firm, (float)radius);
    return firm;
}

struct refine {
    const struct picture *photo;
    struct picture *matte;
    const struct raster *models, *firm;
};

static void refine_rows(void *context, int first, int last)
{
    const struct refine *job = context;
    float sx = (float)job->models->width / (float)job->photo->width;
    float sy = (float)job->models->height / (float)job->photo->height;
    for (int y = first; y < last; y++) {
        const uint8_t *pixel = picture_at(job->photo, 0, y);
        uint8_t *out = picture_at(job->matte, 0, y);
        for (int x = 0; x < job->photo->width; x++, pixel += 3) {
            float gx = ((float)x + 0.5f) * sx - 0.5f, gy = ((float)y + 0.5f) * sy - 0.5f;
            float firm = raster_at(job->firm, gx, gy, 0), value = firm > 0.5f;
            if (firm > 0.01f && firm < 0.99f) {
                value = raster_at(job->models, gx, gy, 3);
                for (int c = 0; c < 3; c++)
                    value += raster_at(job->models, gx, gy, c) * (float)pixel[c] / 255;
                value = (value - 0.1f) / 0.8f;
            }
            out[x] = (uint8_t)(raster_clamp(value, 0, 1) * 255 + 0.5f);
        }
    }
}

static struct picture *refine(const struct picture *photo, const struct raster *rough)
{
    double scale = (double)MATTE_GUIDE_SIDE_MAX /
                   (photo->width > photo->height ? photo->width : photo->height);
    scale = scale < 1 ? scale : 1;
    int width = (int)fmax(1, photo->width * scale), height = (int)fmax(1, photo->height * scale);
    const struct raster_part whole = {0, 0, photo->width, photo->height, false};
    struct raster *guide = raster_sample(photo, &whole, width, height, RASTER_AS_IS);
    struct raster *mask = raster_resize(rough, width, height);
    int radius = (width > height ? width : height) / 80;
    radius = radius < 3 ? 3 : radius;
    struct raster *models = guide_models(guide, mask, radius), *firm = guide_firmness(mask, radius);
    struct refine job = {photo, picture_new(photo->width, photo->height, 1), models, firm};
    raster_bands(photo->height, refine_rows, &job);
    raster_free(guide);
    raster_free(mask);
    raster_free(models);
    raster_free(firm);
    return job.matte;
}

/* --- colours on both sides of the edge ---------------------------------------------------------- */

struct sides {
    struct raster *front, *back; /* RGB: what person and background look like around here */
};

/* Weighted means of the photo's colours, near ones where there are any, else from further away. */
static struct raster *side_colours(const struct raster *photo, const struct raster *matte,
                                   bool front)
{
    struct raster *result = raster_new(photo->width, photo->height, 3);
    size_t count = (size_t)photo->width * (size_t)photo->height;
    static const float reach[] = {0.1f, 0.02f, 0.006f};
    for (size_t pass = 0; pass < 3; pass++) {
        struct raster *sum = raster_new(photo->width, photo->height, 4);
        for (size_t i = 0; i < count; i++) {
            float weight = front ? matte->values[i] : 1 - matte->values[i];
            weight = powf(weight, 6) + 1e-6f; /* what is surely on this side */
            for (int c = 0; c < 3; c++)
                sum->values[4 * i + (size_t)c] = photo->values[3 * i + (size_t)c] * weight;
            sum->values[4 * i + 3] = weight;
        }
        raster_blur(sum, reach[pass] *
                             (float)(photo->width > photo->height ? photo->width : photo->height));
        for (size_t i = 0; i < count; i++) {
            float weight = sum->values[4 * i + 3],
                  trust = pass == 0 ? 1 : raster_smoothstep(0.02f, 0.2f, weight);
            for (int c = 0; c < 3; c++) {
                float *to = &result->values[3 * i + (size_t)c];
                *to += (sum->values[4 * i + (size_t)c] / fmaxf(weight, 1e-9f) - *to) * trust;
            }
        }
        raster_free(sum);
    }
    return result;
}

static void sides_find(const struct picture *photo, const struct picture *matte,
                       struct sides *ret_sides)
{
    double scale = (double)MATTE_COLOUR_SIDE_MAX /
                   (photo->width > photo->height ? photo->width : photo->height);
    scale = scale < 1 ? scale : 1;
    int width = (int)fmax(1, photo->width * scale), height = (int)fmax(1, photo->height * scale);
    const struct raster_part whole = {0, 0, photo->width, photo->height, false};
    struct raster *colours = raster_sample(photo, &whole, width, height, RASTER_AS_IS);
    struct raster *mask = raster_sample(matte, &whole, width, height, RASTER_AS_IS);
    ret_sides->front = side_colours(colours, mask, true);
    ret_sides->back = side_colours(colours, mask, false);
    raster_free(colours);
    raster_free(mask);
}

struct edge {
    const struct picture *photo;
    struct picture *matte;   /* corrected in place without `colours` */
    struct picture *colours; /* NULL: only the matte */
    const struct sides *sides;
};

static void edge_pixel(const struct edge *job, int x, int y)
{
    const struct raster *front_raster = job->sides->front;
    float gx = ((float)x + 0.5f) * (float)front_raster->width / (float)job->photo->width - 0.5f;
    float gy = ((float)y + 0.5f) * (float)front_raster->height / (float)job->photo->height - 0.5f;
    const uint8_t *pixel = picture_at(job->photo, x, y);
    uint8_t *alpha_at = picture_at(job->matte, x, y);
    float front[3], back[3], alpha = (float)*alpha_at / 255, along = 0, apart = 0;
    raster_at3(front_raster, gx, gy, front);
    raster_at3(job->sides->back, gx, gy, back);
    for (int c = 0; c < 3; c++) {
        float difference = front[c] - back[c];
        along += ((float)pixel[c] / 255 - back[c]) * difference;
        apart += difference * difference;
    }
    /* The clearer the two sides differ, the more the pixel's own colour says how much of each it is. */
    float trust = raster_smoothstep(0.06f, 0.30f, apart);
    float mix = raster_clamp(along / fmaxf(apart, 1e-4f), 0, 1);
    if (!job->colours) {
        float corrected =
            alpha + (fminf(alpha, raster_smoothstep(0.12f, 0.92f, mix)) - alpha) * trust;
        *alpha_at = (uint8_t)(corrected * 255 + 0.5f);
        return;
    }
    uint8_t *out = picture_at(job->colours, x, y);
    for (int c = 0; c < 3; c++) {
        float value = (float)pixel[c] / 255;
        float rest = value - alpha * front[c] - (1 - alpha) * back[c];
        float cleaned = front[c] + alpha * rest;
        /* Surely inside the photo's own colour stays. */
        cleaned += (value - cleaned) * raster_smoothstep(0.93f, 1, alpha) * (1 - trust * (1 - mix));
        out[c] = (uint8_t)(raster_clamp(cleaned, 0, 1) * 255 + 0.5f);
    }
}

static void edge_rows(void *context, int first, int last)
{
    const struct edge *job = context;
    for (int y = first; y < last; y++) {
        for (int x = 0; x < job->photo->width; x++) {
            uint8_t alpha = *picture_at(job->matte, x, y);
            if (job->colours ? alpha < 255 : alpha > 0)
                edge_pixel(job, x, y);
        }
    }
}

/* Only around the edge: a shirt inside may have the background's colour. */
static void correct_edge(const struct picture *photo, struct picture *matte,
                         const struct sides *sides)
{
    struct picture *before = picture_copy(matte);
    const struct raster_part whole = {0, 0, photo->width, photo->height, false};
    int width = (photo->width + 1) / 2, height = (photo->height + 1) / 2;
    struct raster *near = raster_sample(matte, &whole, width, height, RASTER_AS_IS);
    raster_blur(near, (float)(width > height ? width : height) * 0.004f + 1);
    struct edge job = {photo, matte, NULL, sides};
    raster_bands(photo->height, edge_rows, &job);
    for (int y = 0; y < photo->height; y++) {
        for (int x = 0; x < photo->width; x++) {
            float around = raster_at(near, (float)x / 2, (float)y / 2, 0);
            float inside = raster_smoothstep(0.90f, 0.985f, around);
            uint8_t *at = picture_at(matte, x, y);
            *at = (uint8_t)((float)*at + ((float)*picture_at(before, x, y) - (float)*at) * inside +
                            0.5f);
        }
    }
    raster_free(near);
    picture_free(before);
}

static struct picture *clean_colours(const struct picture *photo, const struct picture *matte,
                                     const struct sides *sides)
{
    struct picture *colours = picture_copy(photo);
    struct edge job = {photo, (struct picture *)(uintptr_t)matte, colours, sides};
    raster_bands(photo->height, edge_rows, &job);
    return colours;
}

static void sides_finish(struct sides *sides)
{
    raster_free(sides->front);
    raster_free(sides->back);
}

struct picture *matte_colours(const struct picture *photo, const struct picture *matte)
{
    struct sides sides;
    sides_find(photo, matte, &sides);
    struct picture *colours = clean_colours(photo, matte, &sides);
    sides_finish(&sides);
    return colours;
}

int matte_person(const struct picture *photo, const struct media_assets *assets,
                 const struct media_monitor *monitor, struct picture **ret_matte,
                 struct picture **ret_colours, struct err *err)
{
    int rc;
    *ret_matte = *ret_colours = NULL;
    CLEANUP(raster) struct raster *rough = net_mask(photo, assets, monitor, &rc, err);
    if (!rough || keep_people(rough) < matte_least_share)
        return rc;
    fill_holes(rough, 0.5f);
    struct sides sides;
    struct picture *matte = refine(photo, rough);
    sides_find(photo, matte, &sides);
    correct_edge(photo, matte, &sides);
    sides_finish(&sides);
    if (!media_advance(monitor, 0.9)) {
        picture_free(matte);
        return err_set_default(err, ERR_CANCELLED);
    }
    *ret_colours = matte_colours(photo, matte);
    *ret_matte = matte;
    return 0;
}
