#include "media/matte_edge.h"

#include "base/arena.h"
#include "media/matte.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/*
 * DESIGN. On the grid three things are found that change slowly from cell to cell: the linear model that turns a colour into the mask
 * around there (a guided filter), the colours of person and background around there, and how far it is to the mask's edge. They are kept side by
 * side, so that one walk over the photo interpolates all of them and turns each pixel's own, full resolution colour into coverage and
 * foreground colour. Far from the edge nothing has to be computed.
 */
enum {
    FIELD_MODEL = 0, /* three factors and an offset */
    FIELD_FRONT = 4, /* RGB */
    FIELD_BACK = 7,  /* RGB */
    FIELD_FIRM = 10, /* 0 surely outside .. 1 surely inside */
    FIELD_COUNT = 12 /* one is unused: a multiple of four */
};
static const float firm_outside = 0.02f, firm_inside = 0.98f;

/* --- the photo on the grid --- */

/* Adds a row of the photo to the sums of its cells; with the number of channels known where it is inlined. */
static inline __attribute__((always_inline)) void add_row(const uint8_t *pixel, const int *starts,
                                                          unsigned *sums, int channels)
{
    for (int cell = 0; cell < MATTE_GRID; cell++, sums += channels) {
        unsigned sum[3] = {0};
        for (int x = starts[cell]; x < starts[cell + 1]; x++, pixel += channels) {
            for (int c = 0; c < channels; c++)
                sum[c] += pixel[c];
        }
        for (int c = 0; c < channels; c++)
            sums[c] += sum[c];
    }
}

/* Means of the pixels that fall into each cell. */
static struct raster *grid_of_means(const struct picture *photo)
{
    int channels = photo->channels;
    struct raster *grid = raster_new(MATTE_GRID, MATTE_GRID, channels);
    int *starts = mem_array(MATTE_GRID + 1, sizeof(int));
    unsigned *sums = mem_array((size_t)MATTE_GRID * (size_t)channels, sizeof(unsigned));
    for (int i = 0; i <= MATTE_GRID; i++)
        starts[i] = (int)((int64_t)i * photo->width / MATTE_GRID);
    for (int cell_y = 0; cell_y < MATTE_GRID; cell_y++) {
        int top = (int)((int64_t)cell_y * photo->height / MATTE_GRID);
        int bottom = (int)((int64_t)(cell_y + 1) * photo->height / MATTE_GRID);
        memset(sums, 0, (size_t)MATTE_GRID * (size_t)channels * sizeof(unsigned));
        for (int y = top; y < bottom; y++) {
            if (channels == 3)
                add_row(picture_at(photo, 0, y), starts, sums, 3);
            else
                add_row(picture_at(photo, 0, y), starts, sums, 1);
        }
        float *row = raster_row(grid, cell_y);
        for (int cell = 0; cell < MATTE_GRID; cell++) {
            float scale =
                1 / (255.0f * (float)((starts[cell + 1] - starts[cell]) * (bottom - top)));
            for (int c = 0; c < channels; c++)
                row[cell * channels + c] = (float)sums[cell * channels + c] * scale;
        }
    }
    free(starts);
    free(sums);
    return grid;
}

struct raster *matte_grid(const struct picture *photo)
{
    const struct raster_part whole = {0, 0, photo->width, photo->height, false};
    assert(photo->channels == 3 || photo->channels == 1);
    if (photo->width >= 2 * MATTE_GRID && photo->height >= 2 * MATTE_GRID)
        return grid_of_means(photo);
    return raster_sample(photo, &whole, MATTE_GRID, MATTE_GRID, RASTER_AS_IS);
}

/* --- the guided filter --- */

/* Means over squares of 2 * radius + 1 cells, every channel; the edge goes on. */
static void box_mean(struct raster *raster, int radius)
{
    enum { SIDE = MATTE_GRID };
    size_t channels = (size_t)raster->channels, row_values = SIDE * channels;
    float *sums = mem_array(row_values, sizeof(float));
    float *copy = mem_dup(raster->values, SIDE * row_values * sizeof(float));
    float scale = 1 / (float)((2 * radius + 1) * (2 * radius + 1));
    for (int y = -radius; y < radius; y++) {
        const float *row = copy + (size_t)(y < 0 ? 0 : y) * row_values;
        for (size_t i = 0; i < row_values; i++)
            sums[i] += row[i];
    }
    for (int y = 0; y < SIDE; y++) {
        int in = y + radius >= SIDE ? SIDE - 1 : y + radius, out = y - radius < 0 ? 0 : y - radius;
        const float *entering = copy + (size_t)in * row_values;
        const float *leaving = copy + (size_t)out * row_values;
        float *to = raster_row(raster, y), line[16] = {0};
        for (size_t i = 0; i < row_values; i++)
            sums[i] += entering[i];
        for (int x = -radius; x < radius; x++) {
            for (size_t c = 0; c < channels; c++)
                line[c] += sums[(size_t)(x < 0 ? 0 : x) * channels + c];
        }
        for (int x = 0; x < SIDE; x++) {
            size_t add = (size_t)(x + radius >= SIDE ? SIDE - 1 : x + radius) * channels;
            size_t drop = (size_t)(x - radius < 0 ? 0 : x - radius) * channels;
            for (size_t c = 0; c < channels; c++) {
                line[c] += sums[add + c];
                *to++ = line[c] * scale;
                line[c] -= sums[drop + c];
            }
        }
        for (size_t i = 0; i < row_values; i++)
            sums[i] -= leaving[i];
    }
    free(sums);
    free(copy);
}

enum { MOMENTS = 14 };

/* Per cell: red, green, blue, mask and their products, then averaged. */
static struct raster *guide_moments(const struct raster *guide, const struct raster *mask,
                                    int radius)
{
    struct raster *moments = raster_new(MATTE_GRID, MATTE_GRID, MOMENTS);
    for (size_t i = 0; i < (size_t)MATTE_GRID * MATTE_GRID; i++) {
        const float *c = guide->values + 3 * i;
        float p = mask->values[i];
        const float row[MOMENTS] = {c[0],        c[1],        c[2],        p,           c[0] * p,
                                    c[1] * p,    c[2] * p,    c[0] * c[0], c[0] * c[1], c[0] * c[2],
                                    c[1] * c[1], c[1] * c[2], c[2] * c[2], p * p};
        memcpy(moments->values + MOMENTS * i, row, sizeof(row));
    }
    box_mean(moments, radius);
    return moments;
}

/* The linear model mask = a . colour + b that fits a neighbourhood best; how much of the mask's edge there it explains, 0..1. */
static float guide_solve(const float m[MOMENTS], float ret_model[4])
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
    float explained = ret_model[0] * x + ret_model[1] * y + ret_model[2] * z;
    return explained / fmaxf(m[13] - m[3] * m[3], 1e-4f);
}

static struct raster *guide_models(const struct raster *guide, const struct raster *mask,
                                   int radius)
{
    struct raster *moments = guide_moments(guide, mask, radius);
    struct raster *models = raster_new(MATTE_GRID, MATTE_GRID, 5);
    for (size_t i = 0; i < (size_t)MATTE_GRID * MATTE_GRID; i++) {
        float *model = models->values + 5 * i;
        model[4] = guide_solve(moments->values + MOMENTS * i, model);
    }
    raster_free(moments);
    box_mean(models, radius);
    return models;
}

/* --- colours on both sides ----------------------------------------------------------------------
 */

/* Halves of halves: sums of weighted colours and of weights. */
enum { PYRAMID_LEVELS = 8 }; /* 128 .. 1 */

static struct raster *halved(const struct raster *sums)
{
    struct raster *half = raster_new(sums->width / 2, sums->height / 2, 4);
    for (int y = 0; y < half->height; y++) {
        const float *a = raster_row(sums, 2 * y), *b = raster_row(sums, 2 * y + 1);
        float *to = raster_row(half, y);
        for (int x = 0; x < half->width; x++, a += 8, b += 8, to += 4) {
            for (int c = 0; c < 4; c++)
                to[c] = 0.25f * (a[c] + a[c + 4] + b[c] + b[c + 4]);
        }
    }
    return half;
}

/* Turns sums into colours: the level's own where its weights are worth it, else the coarser level's. */
static void settle(struct raster *sums, const struct raster *coarser)
{
    for (int y = 0; y < sums->height; y++) {
        float *at = raster_row(sums, y);
        for (int x = 0; x < sums->width; x++, at += 4) {
            float far[3] = {0.5f, 0.5f, 0.5f};
            float trust = coarser ? raster_smoothstep(0.02f, 0.4f, at[3]) : at[3] > 0;
            if (coarser && trust < 1)
                raster_at3(coarser, (float)x * 0.5f - 0.25f, (float)y * 0.5f - 0.25f, far);
            for (int c = 0; c < 3; c++) {
                float own = at[c] / fmaxf(at[3], 1e-9f);
                at[c] = far[c] + (own - far[c]) * trust;
            }
        }
    }
}

struct raster *matte_spread(const struct raster *guide, const struct raster *weight)
{
    struct raster *levels[PYRAMID_LEVELS];
    struct raster *whole = raster_new(MATTE_GRID, MATTE_GRID, 4);
    for (size_t i = 0; i < (size_t)MATTE_GRID * MATTE_GRID; i++) {
        for (size_t c = 0; c < 3; c++)
            whole->values[4 * i + c] = guide->values[3 * i + c] * weight->values[i];
        whole->values[4 * i + 3] = weight->values[i];
    }
    levels[0] = halved(whole);
    raster_free(whole);
    for (int i = 1; i < PYRAMID_LEVELS; i++)
        levels[i] = halved(levels[i - 1]);
    for (int i = PYRAMID_LEVELS - 1; i >= 0; i--) {
        settle(levels[i], i + 1 < PYRAMID_LEVELS ? levels[i + 1] : NULL);
        if (i + 1 < PYRAMID_LEVELS)
            raster_free(levels[i + 1]);
    }
    return levels[0];
}

/* What one side of the edge looks like around every cell. `coverage` is the matte. */
static struct raster *side_colours(const struct raster *guide, const struct raster *coverage,
                                   bool front)
{
    struct raster *sure CLEANUP(raster) = raster_new(MATTE_GRID, MATTE_GRID, 1);
    for (size_t i = 0; i < (size_t)MATTE_GRID * MATTE_GRID; i++) {
        float weight = front ? coverage->values[i] : 1 - coverage->values[i];
        weight *= weight * weight;
        sure->values[i] = weight * weight;
    }
    return matte_spread(guide, sure);
}

static void fields_set_colours(struct raster *fields, const struct raster *guide,
                               const struct raster *coverage)
{
    struct raster *front = side_colours(guide, coverage, true);
    struct raster *back = side_colours(guide, coverage, false);
    for (int y = 0; y < MATTE_GRID; y++) {
        float *at = raster_row(fields, y);
        for (int x = 0; x < MATTE_GRID; x++, at += FIELD_COUNT) {
            float half_x = (float)x * 0.5f - 0.25f, half_y = (float)y * 0.5f - 0.25f;
            raster_at3(front, half_x, half_y, at + FIELD_FRONT);
            raster_at3(back, half_x, half_y, at + FIELD_BACK);
        }
    }
    raster_free(front);
    raster_free(back);
}

/* --- the walk over the photo --------------------------------------------------------------------
 */

struct walk {
    const struct picture *photo;
    const struct raster *fields;
    const int *columns;  /* cell left of each column of the photo */
    const float *shares; /* of the cell right of it */
    struct picture *matte, *colours;
    bool given; /* the matte is there and stays */
};

/* The fields between two rows of cells, with one more cell at the right. */
static void fields_row(const struct walk *walk, int y, float *line)
{
    float at = raster_clamp(((float)y + 0.5f) * MATTE_GRID / (float)walk->photo->height - 0.5f, 0,
                            MATTE_GRID - 1);
    int above = (int)at, below = above + 1 < MATTE_GRID ? above + 1 : above;
    const float *a = raster_row(walk->fields, above), *b = raster_row(walk->fields, below);
    float share = at - (float)above;
    for (int i = 0; i < MATTE_GRID * FIELD_COUNT; i++)
        line[i] = a[i] + (b[i] - a[i]) * share;
    memcpy(line + (size_t)MATTE_GRID * FIELD_COUNT, line + (size_t)(MATTE_GRID - 1) * FIELD_COUNT,
           FIELD_COUNT * sizeof(float));
}

/* What the pixel's colour says by the colours of both sides alone: how much of it is person, as far as `trust` allows. */
struct mix {
    float share, trust;
};

static struct mix mix_of(const float field[FIELD_COUNT], const float colour[3])
{
    float along = 0, apart = 0, off = 0;
    for (int c = 0; c < 3; c++) {
        float difference = field[FIELD_FRONT + c] - field[FIELD_BACK + c];
        float from_back = colour[c] - field[FIELD_BACK + c];
        along += from_back * difference;
        apart += difference * difference;
        off += from_back * from_back;
    }
    float share = along / fmaxf(apart, 1e-4f);
    /* The sides must differ, and the colour must lie between them and not beside. */
    float trust = raster_smoothstep(0.04f, 0.20f, apart);
    trust *= 1 - raster_smoothstep(0.05f, 0.25f, (off - share * along) / fmaxf(apart, 1e-4f));
    return (struct mix){raster_clamp(share, 0, 1), trust};
}

static float refined(const float field[FIELD_COUNT], const float colour[3])
{
    const struct mix mix = mix_of(field, colour);
    float firm = field[FIELD_FIRM], alpha = field[FIELD_MODEL + 3];
    for (int c = 0; c < 3; c++)
        alpha += field[FIELD_MODEL + c] * colour[c];
    alpha = raster_clamp((alpha - 0.1f) / 0.8f, 0, 1);
    /* A shirt may have the background's colour inside, and the wall the shirt's. */
    float near = mix.share < alpha ? 1 - raster_smoothstep(0.75f, 0.97f, firm)
                                   : raster_smoothstep(0.10f, 0.35f, firm);
    float share = raster_clamp((mix.share - 0.06f) / 0.88f, 0, 1);
    alpha += (share - alpha) * mix.trust * near;
    alpha *= raster_smoothstep(firm_outside, 0.25f, firm);
    return alpha + (1 - alpha) * raster_smoothstep(0.75f, firm_inside, firm);
}

/* The person's own colour of a pixel that is partly background. */
static void cleaned(const float field[FIELD_COUNT], const float colour[3], float alpha,
                    uint8_t ret_colour[3])
{
    const struct mix mix = mix_of(field, colour);
    float keep = raster_smoothstep(0.93f, 1, alpha) * (1 - mix.trust * (1 - mix.share));
    /* How much of the pixel's own colour is the person's; coverage may be more than that. */
    float own = alpha + (fminf(alpha, mix.share) - alpha) * mix.trust;
    for (int c = 0; c < 3; c++) {
        float front = field[FIELD_FRONT + c];
        float rest = colour[c] - own * front - (1 - own) * field[FIELD_BACK + c];
        float value = front + alpha * rest;
        value += (colour[c] - value) * keep;
        ret_colour[c] = (uint8_t)(raster_clamp(value, 0, 1) * 255 + 0.5f);
    }
}

static void walk_pixel(const struct walk *walk, const float *left, float share,
                       const uint8_t *pixel, uint8_t *alpha_at, uint8_t *colour_at)
{
    float field[FIELD_COUNT];
    for (int i = 0; i < FIELD_COUNT; i++)
        field[i] = left[i] + (left[i + FIELD_COUNT] - left[i]) * share;
    const float colour[3] = {(float)pixel[0] * (1 / 255.0f), (float)pixel[1] * (1 / 255.0f),
                             (float)pixel[2] * (1 / 255.0f)};
    if (!walk->given)
        *alpha_at = (uint8_t)(refined(field, colour) * 255 + 0.5f);
    if (*alpha_at == 255)
        memcpy(colour_at, pixel, 3);
    else
        cleaned(field, colour, (float)*alpha_at / 255, colour_at);
}

static void walk_rows(void *context, int first, int last)
{
    const struct walk *walk = context;
    float *line = mem_array((size_t)(MATTE_GRID + 1) * FIELD_COUNT, sizeof(float));
    for (int y = first; y < last; y++) {
        const uint8_t *pixel = picture_at(walk->photo, 0, y);
        uint8_t *alpha = picture_at(walk->matte, 0, y), *colour = picture_at(walk->colours, 0, y);
        fields_row(walk, y, line);
        for (int x = 0; x < walk->photo->width; x++, pixel += 3, colour += 3, alpha++) {
            const float *left = line + (size_t)walk->columns[x] * FIELD_COUNT;
            float here = left[FIELD_FIRM], next = left[FIELD_COUNT + FIELD_FIRM];
            if (walk->given ? *alpha == 255 : here >= firm_inside && next >= firm_inside) {
                *alpha = 255;
                memcpy(colour, pixel, 3);
            } else if (walk->given ? *alpha == 0 : here <= firm_outside && next <= firm_outside) {
                const float *front = left + FIELD_FRONT;
                for (int c = 0; c < 3; c++)
                    colour[c] = (uint8_t)((front[c] +
                                           (front[FIELD_COUNT + c] - front[c]) * walk->shares[x]) *
                                              255 +
                                          0.5f);
            } else {
                walk_pixel(walk, left, walk->shares[x], pixel, alpha, colour);
            }
        }
    }
    free(line);
}

static void walk_photo(struct walk *walk)
{
    int width = walk->photo->width;
    int *columns = mem_array((size_t)width, sizeof(int));
    float *shares = mem_array((size_t)width, sizeof(float));
    for (int x = 0; x < width; x++) {
        float at =
            raster_clamp(((float)x + 0.5f) * MATTE_GRID / (float)width - 0.5f, 0, MATTE_GRID - 1);
        columns[x] = (int)at;
        shares[x] = at - (float)columns[x];
    }
    walk->columns = columns;
    walk->shares = shares;
    raster_bands(walk->photo->height, walk_rows, walk);
    free(columns);
    free(shares);
}

/* --- from outside ------------------------------------------------------------------------------
 */

/* The model, the firmness and the coverage they give on the grid itself. */
static struct raster *fields_set_models(struct raster *fields, const struct raster *guide,
                                        const struct raster *mask)
{
    enum { RADIUS = 3 };
    struct raster *models = guide_models(guide, mask, RADIUS), *firm = raster_copy(mask);
    struct raster *coverage = raster_new(MATTE_GRID, MATTE_GRID, 1);
    for (size_t i = 0; i < (size_t)MATTE_GRID * MATTE_GRID; i++)
        firm->values[i] = mask->values[i] > 0.5f;
    raster_blur(firm, 2);
    for (size_t i = 0; i < (size_t)MATTE_GRID * MATTE_GRID; i++) {
        const float *model = models->values + 5 * i, *colour = guide->values + 3 * i;
        float *field = fields->values + FIELD_COUNT * i;
        /* Where both sides look alike colours say nothing, and a fit to them is a haze: there the mask itself has the edge. */
        float fits = raster_smoothstep(0.25f, 0.6f, model[4]);
        for (int c = 0; c < 4; c++)
            field[FIELD_MODEL + c] = fits * model[c];
        field[FIELD_MODEL + 3] += (1 - fits) * mask->values[i];
        float value = field[FIELD_MODEL + 3];
        field[FIELD_FIRM] = firm->values[i];
        for (int c = 0; c < 3; c++)
            value += field[FIELD_MODEL + c] * colour[c];
        value = raster_clamp((value - 0.1f) / 0.8f, 0, 1);
        value *= raster_smoothstep(firm_outside, 0.25f, firm->values[i]);
        coverage->values[i] =
            value + (1 - value) * raster_smoothstep(0.75f, firm_inside, firm->values[i]);
    }
    raster_free(models);
    raster_free(firm);
    return coverage;
}

void matte_refine(const struct picture *photo, const struct raster *guide,
                  const struct raster *mask, struct picture **ret_matte,
                  struct picture **ret_colours)
{
    struct raster *fields = raster_new(MATTE_GRID, MATTE_GRID, FIELD_COUNT);
    struct raster *coverage = fields_set_models(fields, guide, mask);
    /* Colours of the person are taken from well inside, where nothing of the background can be in them. */
    for (size_t i = 0; i < (size_t)MATTE_GRID * MATTE_GRID; i++) {
        float firm = fields->values[FIELD_COUNT * i + FIELD_FIRM];
        float most = 0.1f + 0.9f * raster_smoothstep(0.3f, 0.7f, firm);
        coverage->values[i] = fminf(coverage->values[i], most);
    }
    fields_set_colours(fields, guide, coverage);
    struct walk walk = {.photo = photo,
                        .fields = fields,
                        .matte = picture_new(photo->width, photo->height, 1),
                        .colours = picture_new(photo->width, photo->height, 3)};
    walk_photo(&walk);
    raster_free(coverage);
    raster_free(fields);
    *ret_matte = walk.matte;
    *ret_colours = walk.colours;
}

struct picture *matte_colours(const struct picture *photo, const struct picture *matte)
{
    struct raster *fields = raster_new(MATTE_GRID, MATTE_GRID, FIELD_COUNT);
    struct raster *guide = matte_grid(photo), *coverage = matte_grid(matte);
    struct picture *kept = picture_copy(matte);
    fields_set_colours(fields, guide, coverage);
    struct walk walk = {.photo = photo,
                        .fields = fields,
                        .matte = kept,
                        .colours = picture_new(photo->width, photo->height, 3),
                        .given = true};
    walk_photo(&walk);
    picture_free(kept);
    raster_free(fields);
    raster_free(guide);
    raster_free(coverage);
    return walk.colours;
}
