#include "media/video.h"
#include "step/fuse.h"
#include "step/grid.h"

#include <string.h>

static const char *const fits[] = {"cover", "contain", NULL};
static const char *const ends[] = {"shortest", "longest", NULL};
static const char *const audios[] = {"first", "mix", "none", NULL};

static const struct step_param params[] = {
    {.name = "video_urls",
     .type = STEP_PARAM_VIDEOS,
     .required = true,
     .max_items = VIDEO_GRID_CELLS_MAX,
     .doc = "The videos, row by row; cells without one stay black."},
    {.name = "grid_pattern",
     .type = STEP_PARAM_GRID,
     .default_json = "\"1x2\"",
     .doc = "Columns and rows as WxH."},
    {.name = "gap",
     .type = STEP_PARAM_INTEGER,
     .default_json = "0",
     .min = 0,
     .max = 200,
     .doc = "Black pixels between the cells."},
    {.name = "fit",
     .type = STEP_PARAM_CHOICE,
     .default_json = "\"cover\"",
     .values = fits,
     .doc = "Whether a video of another shape is cropped to its cell or gets bars."},
    {.name = "end",
     .type = STEP_PARAM_CHOICE,
     .default_json = "\"shortest\"",
     .values = ends,
     .doc = "Which video ends the result; with the longest, shorter ones hold their last picture."},
    {.name = "audio",
     .type = STEP_PARAM_CHOICE,
     .default_json = "\"first\"",
     .values = audios,
     .doc = "The sound of the first video that has any, of all mixed, or none."},
};

#ifndef STEP_DESCRIPTORS_ONLY

static enum video_grid_audio audio_mode(const char *name)
{
    return strcmp(name, "mix") == 0    ? VIDEO_GRID_AUDIO_MIX
           : strcmp(name, "none") == 0 ? VIDEO_GRID_AUDIO_NONE
                                       : VIDEO_GRID_AUDIO_FIRST;
}

static int run(struct step_run *run, struct err *err)
{
    const struct step_input *const *files;
    size_t count = step_run_inputs(run, "video_urls", &files);
    struct step_marks marks CLEANUP(step_marks) = {.head = run};
    struct step_grid grid;
    int rc = step_grid_read(run, &grid, err);
    if (rc < 0)
        return rc;
    const struct video_grid_settings settings = {
        .columns = grid.columns,
        .rows = grid.rows,
        .gap = (int)step_run_integer(run, "gap", 0),
        .contain = strcmp(step_run_text(run, "fit"), "contain") == 0,
        .longest = strcmp(step_run_text(run, "end"), "longest") == 0,
        .audio = audio_mode(step_run_text(run, "audio")),
        .painter = step_marks_painter(&marks),
    };
    int cells = settings.columns * settings.rows;
    if (count == 0 || count > (size_t)cells)
        return err_set(err, ERR_INVALID, "/video_urls",
                       "A grid of %d x %d takes 1 to %d videos; %zu were given.", settings.columns,
                       settings.rows, cells, count);
    struct video_input *inputs = arena_array(run->arena, count, sizeof(*inputs));
    for (size_t i = 0; i < count; i++)
        inputs[i] = (struct video_input){files[i]->fd, files[i]->path};

    int fd CLEANUP(fd) = -1;
    struct video_result result = {0};
    const struct media_monitor monitor = {run, step_run_advance};
    rc = step_run_open_output(run, &fd, err);
    if (rc == 0)
        rc = video_grid(inputs, count, &settings, fd, &monitor, &result, err);
    return rc < 0 ? rc : step_fuse_finish(run, TAKE_FD(fd), &result, err);
}

#endif

const struct step_type step_tile_grid_videos = {
    .name = "tile_grid_videos",
    .summary = "Tiles videos into one grid video; the whole fits 1920 x 1920 pixels.",
    .params = params,
    .param_count = sizeof(params) / sizeof(params[0]),
    .result = STEP_RESULT_VIDEO,
    .place = STEP_PLACE_MEDIA,
    .credits = 10,
    .weight = 20,
    .timeout_s = 900,
    .fuse_begins = step_fuse_always,
    .run = STEP_RUN(run),
};
