#include "media/graph.h"

#include <assert.h>
#include <math.h>

/* The documented base: the whole fits a square of this side. */
enum { VIDEO_GRID_SIDE_MAX = 1920, VIDEO_GRID_CELL_MIN = 32 };

struct video_grid {
    const struct video_grid_settings *settings;
    struct video_source *videos[VIDEO_GRID_CELLS_MAX];
    struct video_source *sounds[VIDEO_GRID_CELLS_MAX];
    size_t count, sound_count;
    int cell_width, cell_height, width, height, gap;
    AVRational rate;
    int64_t duration_us;
    struct graph *graph;
    struct video_sink *sink;
    struct video_marks marks;
};

static void cleanup_video_grid(struct video_grid *grid)
{
    video_sink_free(grid->sink);
    graph_free(grid->graph);
    for (size_t i = 0; i < grid->count; i++)
        video_source_free(grid->videos[i]);
    for (size_t i = 0; i < grid->sound_count; i++)
        video_source_free(grid->sounds[i]);
}

static int video_grid_open_sound(struct video_grid *grid, const struct video_input *input,
                                 struct err *err)
{
    bool wanted = grid->settings->audio == VIDEO_GRID_AUDIO_MIX ||
                  (grid->settings->audio == VIDEO_GRID_AUDIO_FIRST && grid->sound_count == 0);
    struct video_source *sound = NULL;
    int rc = wanted ? video_source_open(input->fd, input->path, AVMEDIA_TYPE_AUDIO,
                                        VIDEO_SOURCE_VIDEO_FILES, VIDEO_SOURCE_FRAMES, &sound, err)
                    : 0;
    if (sound)
        grid->sounds[grid->sound_count++] = sound;
    return rc;
}

static int video_grid_open(struct video_grid *grid, const struct video_input *inputs,
                           size_t input_count, struct err *err)
{
    for (size_t i = 0; i < input_count; i++) {
        struct video_source *video = NULL;
        int rc = video_source_open(inputs[i].fd, inputs[i].path, AVMEDIA_TYPE_VIDEO,
                                   VIDEO_SOURCE_VIDEO_FILES, VIDEO_SOURCE_FRAMES, &video, err);
        if (rc < 0)
            return rc;
        grid->videos[grid->count++] = video;
        rc = video_grid_open_sound(grid, &inputs[i], err);
        if (rc < 0)
            return rc;
        if (i == 0 || av_cmp_q(video->rate, grid->rate) > 0)
            grid->rate = video->rate;
        bool longer = video->duration_us > grid->duration_us;
        if (i == 0 || longer == grid->settings->longest)
            grid->duration_us = video->duration_us;
    }
    return 0;
}

static int video_grid_measure(struct video_grid *grid, struct err *err)
{
    const struct video_grid_settings *settings = grid->settings;
    const struct video_source *first = grid->videos[0];
    grid->gap = settings->gap & ~1;
    double gaps_x = (settings->columns - 1) * grid->gap, gaps_y = (settings->rows - 1) * grid->gap;
    double factor = fmin(1, fmin((VIDEO_GRID_SIDE_MAX - gaps_x) / settings->columns / first->width,
                                 (VIDEO_GRID_SIDE_MAX - gaps_y) / settings->rows / first->height));
    grid->cell_width = (int)floor(first->width * factor + 0.01) & ~1;
    grid->cell_height = (int)floor(first->height * factor + 0.01) & ~1;
    if (grid->cell_width < VIDEO_GRID_CELL_MIN || grid->cell_height < VIDEO_GRID_CELL_MIN)
        return err_set(err, ERR_INVALID, "/gap",
                       "The cells would be %d x %d pixels; at least %d each way are needed.",
                       grid->cell_width, grid->cell_height, VIDEO_GRID_CELL_MIN);
    grid->width = settings->columns * grid->cell_width + (int)gaps_x;
    grid->height = settings->rows * grid->cell_height + (int)gaps_y;
    return 0;
}

static void video_grid_append_picture(struct video_grid *grid, struct buffer *text)
{
    enum graph_fit fit = grid->settings->contain ? GRAPH_FIT_CONTAIN : GRAPH_FIT_COVER;
    for (size_t i = 0; i < grid->count; i++) {
        buffer_printf(text, "[in%d]", graph_add_source(grid->graph, grid->videos[i]));
        graph_append_picture_in(text, grid->videos[i], grid->rate, grid->cell_width,
                                grid->cell_height, fit);
        buffer_printf(text, "[cell%zu];", i);
    }
    for (size_t i = 0; i < grid->count; i++)
        buffer_printf(text, "[cell%zu]", i);
    if (grid->count > 1) {
        buffer_printf(text, "xstack=inputs=%zu:fill=black:shortest=%d:layout=", grid->count,
                      !grid->settings->longest);
        for (size_t i = 0; i < grid->count; i++) {
            int column = (int)i % grid->settings->columns, row = (int)i / grid->settings->columns;
            buffer_printf(text, "%s%d_%d", i ? "|" : "", column * (grid->cell_width + grid->gap),
                          row * (grid->cell_height + grid->gap));
        }
        buffer_append_char(text, ',');
    }
    buffer_printf(text, "pad=%d:%d:0:0:color=black,format=yuv420p[video]", grid->width,
                  grid->height);
}

/* Of the result: whole pictures. */
static double video_grid_seconds(const struct video_grid *grid)
{
    double rate = av_q2d(grid->rate);
    return fmax(1, round((double)grid->duration_us / 1e6 * rate)) / rate;
}

/* Exactly as long as the pictures. */
static void video_grid_append_sound(struct video_grid *grid, struct buffer *text)
{
    for (size_t i = 0; i < grid->sound_count; i++) {
        buffer_printf(text, ";[in%d]", graph_add_source(grid->graph, grid->sounds[i]));
        graph_append_sound(text, grid->sounds[i]);
        buffer_printf(text, ",volume=%.4f[sound%zu]", 1 / sqrt((double)grid->sound_count), i);
    }
    buffer_append_char(text, ';');
    for (size_t i = 0; i < grid->sound_count; i++)
        buffer_printf(text, "[sound%zu]", i);
    if (grid->sound_count > 1)
        buffer_printf(text, "amix=inputs=%zu:duration=longest:normalize=0," GRAPH_LIMITER ",",
                      grid->sound_count);
    buffer_printf(text, "apad,atrim=end=%.6f", video_grid_seconds(grid));
    graph_append_sound_end(text);
}

static int video_grid_ask(struct video_grid *grid, struct err *err)
{
    const struct video_painter *painter = &grid->settings->painter;
    const struct video_info info = {
        .width = grid->width,
        .height = grid->height,
        .duration_ms = llrint(video_grid_seconds(grid) * 1000),
    };
    return painter->marks ? painter->marks(painter->context, &info, &grid->marks, err) : 0;
}

static int video_grid_run(struct video_grid *grid, int fd_out, const struct media_monitor *monitor,
                          struct err *err)
{
    const struct video_sink_settings settings = {
        .width = grid->width,
        .height = grid->height,
        .rate = grid->rate,
        .audio = grid->sound_count > 0,
        .marks = grid->marks,
    };
    int rc = video_sink_new(fd_out, &settings, &grid->sink, err);
    if (rc < 0)
        return rc;
    const struct graph_run run = {
        .graph = grid->graph,
        .sink = grid->sink,
        .rate = grid->rate,
        .duration_us = grid->duration_us,
        .monitor = monitor,
        .progress_to = 1,
    };
    rc = graph_run(&run, err);
    return rc < 0 ? rc : video_sink_finish(grid->sink, err);
}

int video_grid(const struct video_input *inputs, size_t input_count,
               const struct video_grid_settings *settings, int fd_out,
               const struct media_monitor *monitor, struct video_result *ret_result,
               struct err *err)
{
    assert(input_count > 0 && input_count <= VIDEO_GRID_CELLS_MAX &&
           input_count <= (size_t)(settings->columns * settings->rows));
    struct video_grid grid CLEANUP(video_grid) = {.settings = settings, .graph = graph_new()};
    struct buffer text CLEANUP(buffer) = {0};
    int rc = video_grid_open(&grid, inputs, input_count, err);
    if (rc == 0)
        rc = video_grid_measure(&grid, err);
    if (rc == 0)
        rc = video_grid_ask(&grid, err);
    if (rc < 0)
        return rc;
    video_grid_append_picture(&grid, &text);
    if (grid.sound_count > 0)
        video_grid_append_sound(&grid, &text);
    rc = graph_open(grid.graph, text.bytes, true, grid.sound_count > 0, err);
    if (rc == 0)
        rc = video_grid_run(&grid, fd_out, monitor, err);
    if (rc == 0)
        *ret_result =
            (struct video_result){grid.width, grid.height, video_sink_duration_ms(grid.sink)};
    return rc;
}
