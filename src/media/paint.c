#include "media/paint.h"

#include "base/arena.h"
#include "media/nn/nn.h"
#include "media/raster.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/*
 * DESIGN. A net sees the picture in tiles that overlap by as many pixels as one of its values
 * depends on, so that the seams cannot be told; outside the picture the edge goes on. All tiles of
 * a pass have one size, for which the net is opened once.
 */
enum { PAINT_TILE_PIXELS_MAX = 72 * 1024, PAINT_SIDE_LEAST = 16, PAINT_PIXELS_MOST = 1 << 20 };

struct painter {
    const char *name;
    int factor;  /* output pixels per input pixel */
    int border;  /* pixels around a tile that its values depend on */
    bool eats;   /* puts the border out no more */
    double cost; /* million multiplications per input pixel */
};

static const struct painter painter_clean = {"painter_clean", 2, 7, true, 0.51};
static const struct painter painter_draw = {"painter_draw", 4, 18, false, 0.62};

/* --- progress over several passes --- */

struct paint_progress {
    const struct media_monitor *outer;
    double start, length; /* the part of the whole that runs now, 0..1 */
};

static bool paint_advance(void *context, double fraction)
{
    const struct paint_progress *progress = context;
    return media_advance(progress->outer, fmin(1, progress->start + progress->length * fraction));
}

/* --- one pass --- */

struct tiling {
    int columns, rows;
    int width, height; /* of a tile without its border */
};

/* The cheapest division into equal tiles of bounded size. */
static struct tiling tiling_find(int width, int height, int border)
{
    struct tiling best = {0};
    double least = INFINITY;
    for (int columns = 1; columns <= width; columns++) {
        int tile_width = (width + columns - 1) / columns;
        int tile_height = PAINT_TILE_PIXELS_MAX / (tile_width + 2 * border) - 2 * border;
        if (tile_height < 1)
            continue;
        int rows = (height + tile_height - 1) / tile_height;
        tile_height = (height + rows - 1) / rows;
        double cost =
            (double)columns * rows * (tile_width + 2 * border) * (tile_height + 2 * border);
        if (cost >= least)
            continue;
        least = cost;
        best = (struct tiling){columns, rows, tile_width, tile_height};
    }
    return best;
}

/* The part of the picture from `left`, `top` on; outside it the edge goes on. */
static void tile_fill(const struct raster *picture, int left, int top, float *input,
                      struct nn_shape shape)
{
    for (int y = 0; y < shape.height; y++) {
        int from_y = top + y < 0 ? 0 : top + y >= picture->height ? picture->height - 1 : top + y;
        const float *row = raster_row(picture, from_y);
        for (int x = 0; x < shape.width; x++, input += 3) {
            int from_x = left + x < 0                 ? 0
                         : left + x >= picture->width ? picture->width - 1
                                                      : left + x;
            memcpy(input, row + 3 * from_x, 3 * sizeof(float));
        }
    }
}

/* Copies what lies inside the result; `skip` output pixels at each side are border. */
static void tile_take(const float *output, struct nn_shape shape, int skip, struct raster *result,
                      int left, int top)
{
    int width = shape.width - 2 * skip, height = shape.height - 2 * skip;
    width = left + width > result->width ? result->width - left : width;
    height = top + height > result->height ? result->height - top : height;
    for (int y = 0; y < height; y++) {
        const float *from = output + 3 * ((size_t)(y + skip) * (size_t)shape.width + (size_t)skip);
        float *to = raster_row(result, top + y) + 3 * left;
        for (int i = 0; i < 3 * width; i++)
            to[i] = raster_clamp(from[i], 0, 1);
    }
}

/* The picture painted again, `factor` times as large. */
static int paint_pass(const struct painter *painter, const struct raster *picture,
                      const struct media_assets *assets, const struct paint_progress *progress,
                      struct raster **ret_result, struct err *err)
{
    CLEANUP(nn) struct nn_net *net = NULL;
    const struct tiling tiling = tiling_find(picture->width, picture->height, painter->border);
    const int count = tiling.columns * tiling.rows, factor = painter->factor;
    struct nn_shape shape;
    int rc = nn_open(painter->name, assets, tiling.width + 2 * painter->border,
                     tiling.height + 2 * painter->border, &net, err);
    if (rc < 0)
        return rc;
    CLEANUP(raster)
    struct raster *result = raster_new(picture->width * factor, picture->height * factor, 3);
    for (int i = 0; rc == 0 && i < count; i++) {
        int left = i % tiling.columns * tiling.width, top = i / tiling.columns * tiling.height;
        struct paint_progress part = {progress->outer,
                                      progress->start + progress->length * i / count,
                                      progress->length / count};
        const struct media_monitor monitor = {&part, paint_advance};
        if (left >= picture->width || top >= picture->height)
            continue;
        float *input = nn_input(net, &shape);
        tile_fill(picture, left - painter->border, top - painter->border, input, shape);
        rc = nn_run(net, &monitor, err);
        const float *output = nn_output(net, 0, &shape);
        if (rc == 0)
            tile_take(output, shape, painter->eats ? 0 : painter->border * factor, result,
                      left * factor, top * factor);
    }
    if (rc == 0)
        *ret_result = TAKE(result);
    return rc;
}

/* --- the recipe --- */

/* Replaces the picture by what the net makes of it, resized to width x height when the next net is
 * to see less. */
static int paint_step(const struct painter *painter, const struct media_assets *assets,
                      struct paint_progress *progress, double work, int width, int height,
                      struct raster **picture, struct err *err)
{
    struct raster *painted = NULL;
    double cost = painter->cost * (*picture)->width * (*picture)->height;
    progress->length = cost / work;
    int rc = paint_pass(painter, *picture, assets, progress, &painted, err);
    if (rc < 0 || !painted)
        return rc;
    progress->start += progress->length;
    raster_free(*picture);
    *picture = painted;
    if (painted->width != width || painted->height != height) {
        *picture = raster_resize(painted, width, height);
        raster_free(painted);
    }
    return 0;
}

int paint_photo(const struct picture *photo, enum paint_mode mode, double scale,
                const struct media_assets *assets, const struct media_monitor *monitor,
                struct picture **ret_picture, struct err *err)
{
    assert(photo->channels == 3 && scale > 0 && scale <= 1);
    double pixels = (double)photo->width * photo->height;
    scale = fmin(scale, sqrt(PAINT_PIXELS_MOST / pixels));
    int width = (int)fmax(PAINT_SIDE_LEAST, round(photo->width * scale));
    int height = (int)fmax(PAINT_SIDE_LEAST, round(photo->height * scale));
    int larger_width = width * 3 / 2, larger_height = height * 3 / 2;
    const struct raster_part whole = {0, 0, photo->width, photo->height, false};
    CLEANUP(raster)
    struct raster *picture = raster_sample(photo, &whole, width, height, RASTER_AS_IS);
    struct paint_progress progress = {.outer = monitor};
    double first = (double)width * height, second = (double)larger_width * larger_height,
           work = painter_draw.cost * first;
    int rc = 0;
    for (size_t i = 0; i < 3 * first; i++)
        picture->values[i] = raster_clamp(picture->values[i], 0, 1);
    if (mode == PAINT_DRAWN) {
        work = painter_clean.cost * (first + second) + painter_draw.cost * second;
        rc = paint_step(&painter_clean, assets, &progress, work, larger_width, larger_height,
                        &picture, err);
        if (rc == 0)
            rc = paint_step(&painter_clean, assets, &progress, work, larger_width, larger_height,
                            &picture, err);
    }
    if (rc == 0)
        rc = paint_step(&painter_draw, assets, &progress, work, photo->width, photo->height,
                        &picture, err);
    if (rc == 0)
        *ret_picture = raster_picture(picture, RASTER_AS_IS);
    return rc;
}
