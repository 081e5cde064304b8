/*
 * Edge-preserving smoothing by a bilateral grid: colours are averaged in cells of place and luminance, so that only
 * what is near in both mixes.
 */
#include "media/style/style.h"

#include "base/arena.h"

#include <math.h>

struct grid {
    int width, height, depth;
    float space, range;
    float *cells; /* r, g, b, weight */
};

static float luma(const float *rgb)
{
    return 0.299f * rgb[0] + 0.587f * rgb[1] + 0.114f * rgb[2];
}

static float *grid_cell(const struct grid *grid, int x, int y, int z)
{
    return grid->cells +
           (((size_t)y * (size_t)grid->width + (size_t)x) * (size_t)grid->depth + (size_t)z) * 4;
}

static void grid_fill(struct grid *grid, const struct raster *rgb)
{
    for (int y = 0; y < rgb->height; y++) {
        const float *row = raster_row(rgb, y);
        for (int x = 0; x < rgb->width; x++, row += 3) {
            float *cell = grid_cell(grid, (int)((float)x / grid->space + 0.5f) + 1,
                                    (int)((float)y / grid->space + 0.5f) + 1,
                                    (int)(raster_clamp(luma(row), 0, 1) / grid->range + 0.5f) + 1);
            for (int c = 0; c < 3; c++)
                cell[c] += row[c];
            cell[3] += 1;
        }
    }
}

/* Weights 1 2 1 along one direction. */
static void grid_blur(struct grid *grid, size_t step)
{
    size_t count = (size_t)grid->width * (size_t)grid->height * (size_t)grid->depth * 4;
    float *copy = mem_dup(grid->cells, count * sizeof(float));
    for (size_t i = step; i + step < count; i++)
        grid->cells[i] = 0.25f * (copy[i - step] + copy[i + step]) + 0.5f * copy[i];
    free(copy);
}

struct slice {
    const struct grid *grid;
    struct raster *rgb;
};

static void slice_pixel(const struct grid *grid, int x, int y, float *pixel)
{
    float px = (float)x / grid->space + 1, py = (float)y / grid->space + 1;
    float pz = raster_clamp(luma(pixel), 0, 1) / grid->range + 1;
    int ix = (int)px, iy = (int)py, iz = (int)pz;
    float fx = px - (float)ix, fy = py - (float)iy, fz = pz - (float)iz;
    float sums[4] = {0};
    for (int corner = 0; corner < 8; corner++) {
        int dx = corner & 1, dy = (corner >> 1) & 1, dz = corner >> 2;
        float weight = (dx ? fx : 1 - fx) * (dy ? fy : 1 - fy) * (dz ? fz : 1 - fz);
        const float *cell = grid_cell(grid, ix + dx, iy + dy, iz + dz);
        for (int c = 0; c < 4; c++)
            sums[c] += cell[c] * weight;
    }
    for (int c = 0; c < 3 && sums[3] > 1e-4f; c++)
        pixel[c] = sums[c] / sums[3];
}

static void slice_band(void *context, int first, int last)
{
    const struct slice *job = context;
    for (int y = first; y < last; y++) {
        float *row = raster_row(job->rgb, y);
        for (int x = 0; x < job->rgb->width; x++)
            slice_pixel(job->grid, x, y, row + x * 3);
    }
}

void style_flatten(struct raster *rgb, float space, float range)
{
    struct grid grid = {.space = space < 2 ? 2 : space, .range = range};
    grid.width = (int)((float)rgb->width / grid.space) + 4;
    grid.height = (int)((float)rgb->height / grid.space) + 4;
    grid.depth = (int)(1 / range) + 4;
    size_t cells = (size_t)grid.width * (size_t)grid.height * (size_t)grid.depth;
    grid.cells = mem_array(cells * 4, sizeof(float));
    grid_fill(&grid, rgb);
    grid_blur(&grid, 4);
    grid_blur(&grid, (size_t)grid.depth * 4);
    grid_blur(&grid, (size_t)grid.depth * (size_t)grid.width * 4);
    struct slice job = {&grid, rgb};
    raster_bands(rgb->height, slice_band, &job);
    free(grid.cells);
}
