#include "media/image.h"
#include "media/image_planes.h"
#include "step/grid.h"
#include "step/still.h"

#include <string.h>

static const struct step_param params[] = {
    {.name = "image_url",
     .type = STEP_PARAM_IMAGE,
     .required = true,
     .doc = "The picture that is a grid of pictures."},
    {.name = "grid_pattern",
     .type = STEP_PARAM_GRID,
     .default_json = "\"2x2\"",
     .doc = "Columns and rows as WxH."},
    {.name = "gap",
     .type = STEP_PARAM_INTEGER,
     .default_json = "0",
     .min = 0,
     .max = 500,
     .doc = "Pixels between the cells, which are left out."},
    {.name = "trim",
     .type = STEP_PARAM_INTEGER,
     .default_json = "0",
     .min = 0,
     .max = 500,
     .doc = "Pixels that are cut off at every side of each cell."},
};

#ifndef STEP_DESCRIPTORS_ONLY

enum { SPLIT_JPEG_QUALITY = 92 };

static struct image_rectangle cell_area(int width, int height, const struct step_grid *grid,
                                        int gap, int trim, int index)
{
    struct image_rectangle area;
    step_grid_cell(width, grid->columns, gap, index % grid->columns, &area.x, &area.width);
    step_grid_cell(height, grid->rows, gap, index / grid->columns, &area.y, &area.height);
    area.x += trim;
    area.y += trim;
    area.width -= 2 * trim;
    area.height -= 2 * trim;
    return area;
}

/* The smallest cell must keep a pixel. */
static int check_size(const struct image_info *picture, const struct step_grid *grid, int gap,
                      int trim, const char *path, struct err *err)
{
    int width = (picture->width - (grid->columns - 1) * gap) / grid->columns - 2 * trim;
    int height = (picture->height - (grid->rows - 1) * gap) / grid->rows - 2 * trim;
    if (picture->width > (grid->columns - 1) * gap && picture->height > (grid->rows - 1) * gap &&
        width >= 1 && height >= 1)
        return 0;
    return err_set(
        err, ERR_BAD_INPUT, path,
        "The picture of %s is %d x %d pixels: too small for a grid of %d x %d cells with "
        "a gap of %d and a trim of %d.",
        path, picture->width, picture->height, grid->columns, grid->rows, gap, trim);
}

static int add_cut(struct step_run *run, const struct image_cut *cut,
                   const struct image_rectangle *area, struct err *err)
{
    int fd CLEANUP(fd) = -1;
    int rc = step_run_open_output(run, &fd, err);
    if (rc == 0)
        rc = image_write(cut->bytes, cut->size, fd, err);
    if (rc == 0)
        step_run_add_file(run, TAKE_FD(fd), image_format_content_type(IMAGE_JPEG), area->width,
                          area->height, 0);
    return rc;
}

/* Adds the cells as the file itself has them and says so; *ret_done stays false when that cannot be. */
static int cut_cells(struct step_run *run, const struct step_input *input,
                     const struct image_rectangle *areas, int count, bool *ret_done,
                     struct err *err)
{
    struct image_cut cuts[STEP_GRID_CELLS_MAX];
    int rc = 0, made = image_cut(input->fd, input->path, areas, count, SPLIT_JPEG_QUALITY, cuts);
    for (int i = 0; rc == 0 && i < made; i++) {
        rc = step_run_progress(run, (double)i / count, err);
        if (rc == 0)
            rc = add_cut(run, &cuts[i], &areas[i], err);
    }
    image_cuts_free(cuts, count);
    *ret_done = made > 0;
    return rc;
}

static int crop_cells(struct step_run *run, const struct step_input *input,
                      const struct image_rectangle *areas, int count, enum image_format format,
                      struct err *err)
{
    struct picture *picture CLEANUP(picture) = NULL;
    double each = 0.7 / count;
    int rc = step_still_load((struct step_part){run, 0, 0.3}, input, 0, 0, IMAGE_FIT_WITHIN,
                             &picture, err);
    for (int i = 0; rc == 0 && i < count; i++) {
        struct picture *cell CLEANUP(picture) =
            image_crop(picture, areas[i].x, areas[i].y, areas[i].width, areas[i].height);
        rc = step_still_add((struct step_part){run, 0.3 + i * each, each}, cell, format,
                            SPLIT_JPEG_QUALITY, err);
    }
    return rc;
}

static int run(struct step_run *run, struct err *err)
{
    const struct step_input *input = step_run_input(run, "image_url");
    int gap = (int)step_run_integer(run, "gap", 0), trim = (int)step_run_integer(run, "trim", 0);
    struct image_rectangle areas[STEP_GRID_CELLS_MAX] = {0};
    struct step_grid grid;
    struct image_info info;
    bool done = false;
    int rc = step_grid_read(run, &grid, err);
    if (rc == 0)
        rc = image_probe(input->fd, input->path, &info, err);
    if (rc == 0)
        rc = check_size(&info, &grid, gap, trim, input->path, err);
    if (rc != 0)
        return rc;
    int count = grid.columns * grid.rows;
    for (int i = 0; i < count; i++)
        areas[i] = cell_area(info.width, info.height, &grid, gap, trim, i);
    bool is_jpeg = strcmp(info.content_type, image_format_content_type(IMAGE_JPEG)) == 0;
    if (is_jpeg)
        rc = cut_cells(run, input, areas, count, &done, err);
    if (rc == 0 && !done)
        rc = crop_cells(run, input, areas, count, is_jpeg ? IMAGE_JPEG : IMAGE_PNG, err);
    return rc < 0 ? rc : step_run_progress(run, 1, err);
}

#endif

const struct step_type step_split_grid_images = {
    .name = "split_grid_images",
    .summary = "Cuts a grid of pictures into its cells, row by row.",
    .params = params,
    .param_count = sizeof(params) / sizeof(params[0]),
    .result = STEP_RESULT_IMAGES,
    .place = STEP_PLACE_MEDIA,
    .credits = 2,
    .weight = 2,
    .timeout_s = 120,
    .run = STEP_RUN(run),
};
