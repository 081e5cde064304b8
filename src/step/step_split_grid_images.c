#include "media/image.h"
#include "step/grid.h"
#include "step/still.h"

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

struct area {
    int x, y, width, height;
};

static struct area cell_area(const struct picture *picture, const struct step_grid *grid, int gap,
                             int trim, int index)
{
    struct area area;
    step_grid_cell(picture->width, grid->columns, gap, index % grid->columns, &area.x, &area.width);
    step_grid_cell(picture->height, grid->rows, gap, index / grid->columns, &area.y, &area.height);
    area.x += trim;
    area.y += trim;
    area.width -= 2 * trim;
    area.height -= 2 * trim;
    return area;
}

/* The smallest cell must keep a pixel. */
static int check_size(const struct picture *picture, const struct step_grid *grid, int gap,
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

static int run(struct step_run *run, struct err *err)
{
    const struct step_input *input = step_run_input(run, "image_url");
    int gap = (int)step_run_integer(run, "gap", 0), trim = (int)step_run_integer(run, "trim", 0);
    struct step_grid grid;
    struct picture *picture CLEANUP(picture) = NULL;
    int rc = step_grid_read(run, &grid, err);
    if (rc == 0)
        rc = image_load(input->fd, input->path, 0, 0, false, &picture, err);
    if (rc == 0)
        rc = check_size(picture, &grid, gap, trim, input->path, err);
    int count = rc == 0 ? grid.columns * grid.rows : 0;
    for (int i = 0; rc == 0 && i < count; i++) {
        struct area area = cell_area(picture, &grid, gap, trim, i);
        struct picture *cell CLEANUP(picture) =
            image_crop(picture, area.x, area.y, area.width, area.height);
        rc = step_run_progress(run, (double)i / count, err);
        if (rc == 0)
            rc = step_still_add(run, cell, IMAGE_PNG, 0, err);
    }
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
