#include "media/image.h"
#include "media/image_planes.h"
#include "step/grid.h"
#include "step/still.h"

#include <math.h>
#include <string.h>

/* The documented base: without a width the whole fits a square of this side. */
enum { GRID_SIDE_BASE = 1920, GRID_JPEG_QUALITY = 90 };

static const char *const fits[] = {"cover", "contain", NULL};

static const struct step_param params[] = {
    {.name = "image_urls",
     .type = STEP_PARAM_IMAGES,
     .required = true,
     .max_items = STEP_GRID_CELLS_MAX,
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

/*
 * DESIGN. Photos that are all JPEG make a JPEG, and where their cells begin at even pixels they stay in its planes from file to file:
 * less than half the work, and nothing is lost to rounding in between. Anything else is laid out in RGB, and is PNG unless all is JPEG.
 */
struct tiling {
    struct step_grid grid;
    int gap, width, height;
    bool contain, all_jpeg;
    uint8_t background[4];
    struct picture *canvas; /* one of the two */
    struct image_planes *planes;
};

static void cleanup_tiling(struct tiling *tiling)
{
    picture_free(tiling->canvas);
    image_planes_free(tiling->planes);
}

static struct image_rectangle cell_place(const struct tiling *tiling, int index)
{
    struct image_rectangle place;
    step_grid_cell(tiling->width, tiling->grid.columns, tiling->gap, index % tiling->grid.columns,
                   &place.x, &place.width);
    step_grid_cell(tiling->height, tiling->grid.rows, tiling->gap, index / tiling->grid.columns,
                   &place.y, &place.height);
    return place;
}

static struct picture *new_canvas(int width, int height, const uint8_t rgba[4])
{
    struct picture *canvas = picture_new(width, height, rgba[3] == 255 ? 3 : 4);
    size_t count = (size_t)width * (size_t)height, channels = (size_t)canvas->channels;
    for (size_t i = 0; i < count; i++)
        memcpy(canvas->pixels + i * channels, rgba, channels);
    return canvas;
}

/* Looks at the pictures: their kind, and the shape of the first. */
static int probe_all(struct tiling *tiling, const struct step_input *const *inputs, size_t count,
                     struct image_info *ret_first, struct err *err)
{
    tiling->all_jpeg = true;
    for (size_t i = 0; i < count; i++) {
        struct image_info info;
        int rc = image_probe(inputs[i]->fd, inputs[i]->path, &info, err);
        if (rc < 0)
            return rc;
        tiling->all_jpeg &= strcmp(info.content_type, "image/jpeg") == 0;
        if (i == 0)
            *ret_first = info;
    }
    return 0;
}

/* The size that the first picture and the parameters ask for. */
static int plan_size(const struct step_run *run, const struct image_info *info,
                     struct tiling *tiling, struct err *err)
{
    int columns = tiling->grid.columns, rows = tiling->grid.rows;
    double gaps_x = (columns - 1) * tiling->gap, gaps_y = (rows - 1) * tiling->gap;
    double factor = fmin(1, fmin((GRID_SIDE_BASE - gaps_x) / columns / info->width,
                                 (GRID_SIDE_BASE - gaps_y) / rows / info->height));
    int64_t given = step_run_integer(run, "width", 0);
    if (given > 0)
        factor = ((double)given - gaps_x) / columns / info->width;
    double cell_width = info->width * factor, cell_height = info->height * factor;
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
    tiling->width = (int)width;
    tiling->height = (int)height;
    return 0;
}

static void open_canvas(struct tiling *tiling, size_t count)
{
    if (tiling->all_jpeg && !tiling->contain && tiling->background[3] == 255) {
        tiling->planes = image_planes_new(tiling->width, tiling->height, tiling->background);
        for (size_t i = 0; i < count; i++) {
            const struct image_rectangle place = cell_place(tiling, (int)i);
            if (!image_planes_takes(tiling->planes, &place)) {
                image_planes_free(TAKE(tiling->planes));
                break;
            }
        }
    }
    if (!tiling->planes)
        tiling->canvas = new_canvas(tiling->width, tiling->height, tiling->background);
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
                     struct step_part part, struct err *err)
{
    const struct image_rectangle place = cell_place(tiling, index);
    if (tiling->planes)
        return image_planes_draw(tiling->planes, input->fd, input->path, &place, tiling->background,
                                 err);
    struct picture *loaded CLEANUP(picture) = NULL;
    int rc = step_still_load(part, input, place.width, place.height,
                             tiling->contain ? IMAGE_FIT_WITHIN : IMAGE_FIT_COVER, &loaded, err);
    if (rc < 0)
        return rc;
    struct picture *fitted CLEANUP(picture) =
        fit_picture(loaded, place.width, place.height, tiling->contain);
    struct picture *rgba CLEANUP(picture) = image_with_alpha(fitted);
    image_draw(tiling->canvas, rgba, place.x + (place.width - rgba->width) / 2,
               place.y + (place.height - rgba->height) / 2, 1);
    return 0;
}

static int add_result(struct step_run *run, const struct tiling *tiling, struct err *err)
{
    int fd CLEANUP(fd) = -1;
    if (tiling->canvas)
        return step_still_add((struct step_part){run, 0.8, 0.2}, tiling->canvas,
                              tiling->all_jpeg && tiling->canvas->channels == 3 ? IMAGE_JPEG
                                                                                : IMAGE_PNG,
                              GRID_JPEG_QUALITY, err);
    int rc = step_run_open_output(run, &fd, err);
    if (rc == 0)
        rc = image_planes_save(tiling->planes, GRID_JPEG_QUALITY, fd, err);
    if (rc == 0)
        step_run_add_file(run, TAKE_FD(fd), image_format_content_type(IMAGE_JPEG), tiling->width,
                          tiling->height, 0);
    return rc;
}

static int run(struct step_run *run, struct err *err)
{
    const struct step_input *const *inputs;
    size_t count = step_run_inputs(run, "image_urls", &inputs);
    struct image_info first;
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
    rc = image_color(step_run_text(run, "background"), tiling.background, err);
    if (rc == 0)
        rc = probe_all(&tiling, inputs, count, &first, err);
    if (rc == 0)
        rc = plan_size(run, &first, &tiling, err);
    if (rc == 0)
        open_canvas(&tiling, count);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        const struct step_part part = {run, 0.8 * (double)i / (double)count, 0.8 / (double)count};
        rc = step_run_progress(run, part.from, err);
        if (rc == 0)
            rc = draw_cell(&tiling, inputs[i], (int)i, part, err);
    }
    if (rc == 0)
        rc = step_run_progress(run, 0.8, err);
    if (rc == 0)
        rc = add_result(run, &tiling, err);
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
