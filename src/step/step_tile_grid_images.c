#include "media/image.h"
#include "step/grid.h"
#include "step/still.h"

#include <math.h>
#include <string.h>

/* The documented base: without a width the whole fits a square of this side. */
enum { GRID_SIDE_BASE = 1920, GRID_CELLS_MAX = 16 };

static const char *const fits[] = {"cover", "contain", NULL};

static const struct step_param params[] = {
    {.name = "image_urls",
     .type = STEP_PARAM_IMAGES,
     .required = true,
     .max_items = GRID_CELLS_MAX,
     .doc = "The pictures, row by row; cells without one show the background. Cells have the shape "
            "of the first."},
    {.name = "grid_pattern",
     .type = STEP_PARAM_GRID,
     .default_json = "\"2x2\"",
     .doc = "Columns and rows as WxH."},
    {.name = "gap",
     .type = STEP_PARAM_INTEGER,
     .default_json = "0",
     .min = 0,
     .max = 200,
     .doc = "Pixels between the cells."},
    {.name = "background",
     .type = STEP_PARAM_COLOR,
     .default_json = "\"#FFFFFF\"",
     .doc = "What is seen in gaps, empty cells, bars and through transparent pictures."},
    {.name = "fit",
     .type = STEP_PARAM_CHOICE,
     .default_json = "\"cover\"",
     .values = fits,
     .doc = "Whether a picture of another shape is cropped to its cell or gets bars."},
    {.name = "width",
     .type = STEP_PARAM_INTEGER,
     .min = 64,
     .max = 8192,
     .doc = "Pixels of the whole from left to right. Without it the whole fits 1920 x 1920 and no "
            "cell is larger than the first picture."},
};

#ifndef STEP_DESCRIPTORS_ONLY

struct tiling {
    struct step_grid grid;
    int gap;
    bool contain;
    struct picture *canvas;
};

static void cleanup_tiling(struct tiling *tiling)
{
    picture_free(tiling->canvas);
}

static struct picture *new_canvas(int width, int height, const uint8_t rgba[4])
{
    struct picture *canvas = picture_new(width, height, rgba[3] == 255 ? 3 : 4);
    size_t count = (size_t)width * (size_t)height, channels = (size_t)canvas->channels;
    for (size_t i = 0; i < count; i++)
        memcpy(canvas->pixels + i * channels, rgba, channels);
    return canvas;
}

/* Makes the canvas in the size that the first picture and the parameters ask for. */
static int open_canvas(const struct step_run *run, const struct step_input *first,
                       struct tiling *tiling, struct err *err)
{
    struct image_info info;
    uint8_t background[4];
    int rc = image_color(step_run_text(run, "background"), background, err);
    if (rc == 0)
        rc = image_probe(first->fd, first->path, &info, err);
    if (rc < 0)
        return rc;
    int columns = tiling->grid.columns, rows = tiling->grid.rows;
    double gaps_x = (columns - 1) * tiling->gap, gaps_y = (rows - 1) * tiling->gap;
    double factor = fmin(1, fmin((GRID_SIDE_BASE - gaps_x) / columns / info.width,
                                 (GRID_SIDE_BASE - gaps_y) / rows / info.height));
    int64_t given = step_run_integer(run, "width", 0);
    if (given > 0)
        factor = ((double)given - gaps_x) / columns / info.width;
    double cell_width = info.width * factor, cell_height = info.height * factor;
    if (cell_width < 1 || cell_height < 1)
        return err_set(err, ERR_INVALID, "/gap",
                       "With gaps of %d pixels no space is left for cells.", tiling->gap);
    double width = given > 0 ? (double)given : columns * floor(cell_width + 0.01) + gaps_x;
    double height = rows * floor(cell_height + 0.5) + gaps_y;
    if (height > PICTURE_SIDE_MAX || width * height > PICTURE_PIXELS_MAX)
        return err_set(err, ERR_TOO_LARGE, "/width",
                       "The grid would be %.0f x %.0f pixels; sides of at most %d and %u million "
                       "pixels are made.",
                       width, height, PICTURE_SIDE_MAX, PICTURE_PIXELS_MAX / 1000000);
    tiling->canvas = new_canvas((int)width, (int)height, background);
    return 0;
}

static struct picture *fit_picture(const struct picture *picture, int width, int height,
                                   bool contain)
{
    if (!contain)
        return image_cover(picture, width, height, 0.5, 0.5);
    double factor = fmin((double)width / picture->width, (double)height / picture->height);
    return image_resize(picture, (int)fmax(1, lrint(picture->width * factor)),
                        (int)fmax(1, lrint(picture->height * factor)));
}

static int draw_cell(struct tiling *tiling, const struct step_input *input, int index,
                     struct err *err)
{
    int x, y, width, height;
    step_grid_cell(tiling->canvas->width, tiling->grid.columns, tiling->gap,
                   index % tiling->grid.columns, &x, &width);
    step_grid_cell(tiling->canvas->height, tiling->grid.rows, tiling->gap,
                   index / tiling->grid.columns, &y, &height);
    struct picture *loaded CLEANUP(picture) = NULL;
    int rc = image_load(input->fd, input->path, width, height, !tiling->contain, &loaded, err);
    if (rc < 0)
        return rc;
    struct picture *fitted CLEANUP(picture) = fit_picture(loaded, width, height, tiling->contain);
    struct picture *rgba CLEANUP(picture) = image_with_alpha(fitted);
    image_draw(tiling->canvas, rgba, x + (width - rgba->width) / 2, y + (height - rgba->height) / 2,
               1);
    return 0;
}

static int run(struct step_run *run, struct err *err)
{
    const struct step_input *const *inputs;
    size_t count = step_run_inputs(run, "image_urls", &inputs);
    struct tiling tiling CLEANUP(tiling) = {
        .gap = (int)step_run_integer(run, "gap", 0),
        .contain = strcmp(step_run_text(run, "fit"), "contain") == 0,
    };
    int rc = step_grid_read(run, &tiling.grid, err);
    if (rc < 0)
        return rc;
    int cells = tiling.grid.columns * tiling.grid.rows;
    if (count == 0 || count > (size_t)cells)
        return err_set(err, ERR_INVALID, "/image_urls",
                       "A grid of %d x %d takes 1 to %d pictures; %zu were given.",
                       tiling.grid.columns, tiling.grid.rows, cells, count);
    rc = open_canvas(run, inputs[0], &tiling, err);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = step_run_progress(run, (double)i / (double)(count + 1), err);
        if (rc == 0)
            rc = draw_cell(&tiling, inputs[i], (int)i, err);
    }
    if (rc == 0)
        rc = step_run_progress(run, (double)count / (double)(count + 1), err);
    if (rc == 0)
        rc = step_still_add(run, tiling.canvas, IMAGE_PNG, 0, err);
    return rc < 0 ? rc : step_run_progress(run, 1, err);
}

#endif

const struct step_type step_tile_grid_images = {
    .name = "tile_grid_images",
    .summary = "Tiles pictures into one grid picture.",
    .params = params,
    .param_count = sizeof(params) / sizeof(params[0]),
    .result = STEP_RESULT_IMAGE,
    .place = STEP_PLACE_MEDIA,
    .credits = 2,
    .weight = 2,
    .timeout_s = 120,
    .run = STEP_RUN(run),
};
