#include "media/parallax.h"

#include "base/arena.h"
#include "base/table.h"
#include "media/parallax_cover.h"
#include "media/parallax_rows.h"
#include "media/particle/particle.h"
#include "media/raster.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/*
 * DESIGN. Where a pixel comes from is computed at the corners of small cells and runs linearly between them, in 16.16 fixed
 * point; colours are mixed in bytes of 32-bit pixels. Cells of the plate that are hidden are left out. A frame is made in strips
 * that stay in the processor's cache from the plate to the finished pixels. Two threads share the strips, and each pixel depends
 * on nothing but the frame's numbers, so the same input gives the same bytes on any machine.
 */
enum {
    CELL_X = ROWS_CELL,
    CELL_Y = 8,
    STRIP = 2 * CELL_Y, /* rows */
    GRAIN_SIDE = 256,
    LINEAR_STEPS = 8192
};

#define NEARNESS_MAX 2.0f
#define FRONT_NEARNESS 1.6f

/* A layer that moves as a whole. */
struct whole {
    struct sheet sheet; /* pixels NULL when there is none */
    struct parallax_tiles tiles;
    float nearness;
    uint8_t *covers; /* enum parallax_cover of each of a frame's cells */
};

struct parallax {
    struct layers info; /* without pictures */
    float seconds;
    struct sheet clean;
    struct whole wholes[2]; /* the subject, and what stands before it */
    int columns, rows;      /* corners of cells */
    float *nearness;        /* of the plate at the corners */
    int32_t *source;        /* where the plate's corners come from, 16.16: rows of x, then of y */
    uint8_t *bare;          /* 1 for each of a frame's cells where the plate may be seen */
    uint16_t *vignette;     /* 0..256 for blocks of 8 pixels */
    int8_t *grain;          /* GRAIN_SIDE rows of GRAIN_SIDE pixels, each four times */
    struct particle_mark *marks; /* of one frame */
    size_t mark_count;
    uint16_t linear[256]; /* of sRGB, 0..LINEAR_STEPS */
    uint8_t encoded[LINEAR_STEPS + 1];
};

/* --- preparing --------------------------------------------------------------------------------- */

static void sheet_init(struct sheet *sheet, const struct picture *picture)
{
    sheet->width = picture->width;
    sheet->height = picture->height;
    size_t count = (size_t)picture->width * (size_t)picture->height;
    sheet->pixels = mem_array(count + (size_t)picture->width + SHEET_SPARE, sizeof(uint32_t));
    const uint8_t *from = picture->pixels;
    for (size_t i = 0; i < count; i++, from += picture->channels) {
        uint32_t alpha = picture->channels == 4 ? from[3] : 255;
        uint32_t red = from[0], green = from[1], blue = from[2];
        if (alpha == 0)
            continue;
        if (alpha < 255) {
            red = (red * alpha + 127) / 255;
            green = (green * alpha + 127) / 255;
            blue = (blue * alpha + 127) / 255;
        }
        sheet->pixels[i] = red | green << 8 | blue << 16 | alpha << 24;
    }
}

static size_t cell_count(const struct parallax *p)
{
    return (size_t)(p->columns - 1) * (size_t)(p->rows - 1);
}

static void prepare_whole(const struct parallax *p, struct whole *whole,
                          const struct picture *picture, float nearness)
{
    if (!picture)
        return;
    sheet_init(&whole->sheet, picture);
    parallax_tiles_init(&whole->tiles, &whole->sheet);
    whole->nearness = nearness;
    whole->covers = mem_array(cell_count(p), 1);
}

/* Nearness of the plate at the corners, smoothed so that the plate bends and never tears. */
static void prepare_nearness(struct parallax *p, const struct layers *layers)
{
    const struct scene range = {.near_m = layers->near_m, .far_m = layers->far_m};
    float by_value[256];
    for (int i = 0; i < 256; i++) {
        float nearness = (float)(layers->subject_m / scene_metres(&range, i));
        by_value[i] = nearness > NEARNESS_MAX ? NEARNESS_MAX : nearness;
    }
    int width = layers->width + 2 * layers->margin, height = layers->height + 2 * layers->margin;
    struct raster *map = raster_new(p->columns, p->rows, 1);
    for (int j = 0; j < p->rows; j++) {
        for (int i = 0; i < p->columns; i++) {
            int x = (i * CELL_X + layers->margin) * layers->depth->width / width;
            int y = (j * CELL_Y + layers->margin) * layers->depth->height / height;
            x = x < layers->depth->width ? x : layers->depth->width - 1;
            y = y < layers->depth->height ? y : layers->depth->height - 1;
            raster_row(map, j)[i] = by_value[*picture_at(layers->depth, x, y)];
        }
    }
    raster_blur(map, 1.3f);
    p->nearness = TAKE(map->values);
    raster_free(map);
}

static void prepare_finish(struct parallax *p)
{
    int blocks = (p->info.width + 7) / 8;
    p->vignette = mem_array((size_t)blocks * (size_t)p->info.height, sizeof(uint16_t));
    float aspect = (float)p->info.width / (float)p->info.height;
    for (int y = 0; y < p->info.height; y++) {
        float v = ((float)y + 0.5f) / (float)p->info.height * 2 - 1;
        for (int b = 0; b < blocks; b++) {
            float u = ((float)b * 8 + 4) / (float)p->info.width * 2 - 1;
            float wide = aspect > 1 ? 1 : aspect, tall = aspect > 1 ? 1 / aspect : 1;
            float r = sqrtf(u * u * wide + v * v * tall) * 0.78f;
            float dark = raster_smoothstep(0.35f, 1.15f, r) * p->info.vignette;
            p->vignette[(size_t)y * (size_t)blocks + (size_t)b] =
                (uint16_t)(256 * (1 - dark) + 0.5f);
        }
    }
    struct raster *noise = raster_new(GRAIN_SIDE, GRAIN_SIDE, 1);
    for (uint32_t i = 0; i < GRAIN_SIDE * GRAIN_SIDE; i++)
        noise->values[i] = raster_noise(i, 1, 0x6a09e667u) + raster_noise(i, 2, 0x6a09e667u) - 1;
    raster_blur(noise, 0.55f);
    p->grain = mem_array((size_t)GRAIN_SIDE * GRAIN_SIDE * 4, 1);
    for (size_t i = 0; i < (size_t)GRAIN_SIDE * GRAIN_SIDE * 4; i++)
        p->grain[i] =
            (int8_t)lrintf(raster_clamp(noise->values[i / 4] * 26 * p->info.grain, -30, 30));
    raster_free(noise);
}

static void prepare_tables(struct parallax *p)
{
    for (int i = 0; i < 256; i++)
        p->linear[i] = (uint16_t)lrintf(raster_linear_table()[i] * LINEAR_STEPS);
    for (int i = 0; i <= LINEAR_STEPS; i++)
        p->encoded[i] = (uint8_t)(raster_encode((float)i / LINEAR_STEPS) + 0.5f);
}

/* The air of one kind of particle. */
static struct particle_air parallax_air(const struct parallax *p, size_t index)
{
    const struct layers *info = &p->info;
    struct particle_air air = {.seed = info->seed + (uint32_t)index * 7919u,
                               .amount = info->particles[index].amount,
                               .width = (float)info->width / (float)info->height,
                               .seconds = p->seconds,
                               .colour_count = info->colour_count};
    memcpy(air.light, info->light, sizeof(air.light));
    memcpy(air.colours, info->colours, sizeof(air.colours));
    return air;
}

static void prepare_marks(struct parallax *p)
{
    size_t most = 0;
    for (size_t i = 0; i < p->info.particle_count; i++) {
        const struct particle_kind *kind = particle_find(p->info.particles[i].kind);
        struct particle_air air = parallax_air(p, i);
        most += kind ? particle_count(kind, &air) : 0;
    }
    p->marks = mem_array(most + 1, sizeof(*p->marks));
}

struct parallax *parallax_new(const struct layers *layers, float seconds)
{
    assert(layers->clean && layers->depth);
    struct parallax *p = mem_alloc(sizeof(*p));
    p->info = *layers;
    p->info.clean = p->info.depth = p->info.subject = p->info.front = NULL;
    p->seconds = seconds;
    sheet_init(&p->clean, layers->clean);
    p->columns = (layers->width + CELL_X - 1) / CELL_X + 1;
    p->rows = (layers->height + CELL_Y - 1) / CELL_Y + 1;
    size_t corners = (size_t)p->columns * (size_t)p->rows;
    p->source = mem_array(2 * corners, sizeof(int32_t));
    p->bare = mem_array(cell_count(p), 1);
    prepare_whole(p, &p->wholes[0], layers->subject, 1);
    prepare_whole(p, &p->wholes[1], layers->front, FRONT_NEARNESS);
    prepare_nearness(p, layers);
    prepare_finish(p);
    prepare_tables(p);
    prepare_marks(p);
    return p;
}

void parallax_free(struct parallax *p)
{
    if (!p)
        return;
    free(p->clean.pixels);
    for (size_t i = 0; i < TABLE_SIZE(p->wholes); i++) {
        free(p->wholes[i].sheet.pixels);
        free(p->wholes[i].covers);
        parallax_tiles_finish(&p->wholes[i].tiles);
    }
    free(p->bare);
    free(p->nearness);
    free(p->source);
    free(p->vignette);
    free(p->grain);
    free(p->marks);
    free(p);
}

/* --- through the camera ------------------------------------------------------------------------ */

struct shot {
    struct parallax *p;
    const struct parallax_pose *pose;
    float phase, cosine, sine;
    uint32_t frame;
    struct picture *rgb; /* NULL: planes */
    const struct picture_planes *planes;
};

/* Rows first..last of a frame on their way, `stride` pixels each, and room for one row's work. */
struct strip {
    const struct shot *shot;
    uint32_t *pixels, *line;
    int32_t *x, *y; /* corners */
    int32_t *plate; /* those of the plate, x and y, and their steps to the next row */
    uint8_t *wanted;
    uint16_t *gains[2];
    int first, last, stride;
};

/* Where in a sheet of that nearness the frame's pixel x, y comes from. */
static void shot_source(const struct shot *shot, float nearness, float x, float y, float *ret_x,
                        float *ret_y)
{
    const struct layers *info = &shot->p->info;
    const struct parallax_pose *pose = shot->pose;
    float width = (float)info->width;
    float cx = (float)info->focus_x * width, cy = (float)info->focus_y * (float)info->height;
    float reach = 1 - pose->dolly * nearness;
    float shrink = (reach > 0.2f ? reach : 0.2f) / pose->zoom;
    float u = (x - cx) * shot->cosine + (y - cy) * shot->sine;
    float v = (y - cy) * shot->cosine - (x - cx) * shot->sine;
    float moved_x = pose->shift_x * (nearness - pose->anchor) + pose->pan_x;
    float moved_y = pose->shift_y * (nearness - pose->anchor) + pose->pan_y;
    *ret_x = cx + u * shrink + moved_x * width + (float)info->margin;
    *ret_y = cy + v * shrink + moved_y * width + (float)info->margin;
}

static int32_t fixed(float v)
{
    return (int32_t)lrintf(raster_clamp(v, -16000, 16000) * 65536);
}

static uint32_t *strip_row(const struct strip *strip, int y)
{
    return strip->pixels + (size_t)(y - strip->first) * (size_t)strip->stride;
}

/* The plate's corners of a row of pixels, which comes after the one before it; 1/65536 of a pixel are left over. */
static void plate_corners(const struct strip *strip, int y)
{
    const struct parallax *p = strip->shot->p;
    int count = 2 * p->columns;
    int32_t *restrict at = strip->plate, *restrict step = at + count;
    if (y % CELL_Y > 0) {
        for (int i = 0; i < count; i++)
            at[i] += step[i];
        return;
    }
    size_t row = (size_t)(y / CELL_Y) * (size_t)count;
    const int32_t *restrict top = p->source + row, *restrict low = top + count;
    for (int i = 0; i < count; i++) {
        at[i] = top[i];
        step[i] = (low[i] - top[i]) / CELL_Y;
    }
}

static void strip_clean(const struct strip *strip, int y)
{
    const struct parallax *p = strip->shot->p;
    plate_corners(strip, y);
    const struct rows_cells cells = {.sheet = &p->clean,
                                     .x = strip->plate,
                                     .y = strip->plate + p->columns,
                                     .wanted =
                                         p->bare + (size_t)(y / CELL_Y) * (size_t)(p->columns - 1),
                                     .count = p->columns - 1};
    rows_cells(&cells, strip_row(strip, y));
}

/* Edges mix in linear light, as the light behind a hair does. */
static uint32_t over_pixel(const struct parallax *p, uint32_t below, uint32_t over)
{
    uint32_t alpha = over >> 24;
    uint32_t result = 0xff000000u;
    for (int shift = 0; shift < 24; shift += 8) {
        uint32_t full = (((over >> shift) & 255) * 255 + alpha / 2) / alpha;
        uint32_t light = p->linear[(below >> shift) & 255] * (255 - alpha) +
                         p->linear[full > 255 ? 255 : full] * alpha;
        result |= (uint32_t)p->encoded[light / 255] << shift;
    }
    return result;
}

/* Where the corners of a row's cells come from. */
static void whole_corners(const struct shot *shot, const struct whole *whole, int row, int32_t *x,
                          int32_t *y)
{
    int cells = shot->p->columns - 1;
    float from_x, from_y, to_x, to_y;
    shot_source(shot, whole->nearness, 0, (float)row, &from_x, &from_y);
    shot_source(shot, whole->nearness, (float)(cells * CELL_X), (float)row, &to_x, &to_y);
    x[0] = fixed(from_x);
    y[0] = fixed(from_y);
    int32_t step_x = fixed((to_x - from_x) / (float)cells),
            step_y = fixed((to_y - from_y) / (float)cells);
    for (int i = 0; i < cells; i++) {
        x[i + 1] = x[i] + step_x;
        y[i + 1] = y[i] + step_y;
    }
}

static void blend_cell(const struct parallax *p, uint32_t *row, const uint32_t *over)
{
    for (int i = 0; i < CELL_X; i++) {
        uint32_t alpha = over[i] >> 24;
        if (alpha > 0)
            row[i] = alpha == 255 ? over[i] : over_pixel(p, row[i], over[i]);
    }
}

/* Lays a layer that moves as a whole over a row. */
static void strip_whole(const struct strip *strip, const struct whole *whole, int y)
{
    const struct parallax *p = strip->shot->p;
    int count = p->columns - 1, seen = 0;
    const uint8_t *covers = whole->covers + (size_t)(y / CELL_Y) * (size_t)count;
    uint32_t *row = strip_row(strip, y);
    for (int i = 0; i < count; i++) {
        strip->wanted[i] = covers[i] != PARALLAX_COVER_NONE;
        seen += strip->wanted[i];
    }
    if (seen == 0)
        return;
    whole_corners(strip->shot, whole, y, strip->x, strip->y);
    const struct rows_cells cells = {&whole->sheet, strip->x, strip->y, strip->wanted, count};
    rows_cells(&cells, strip->line);
    for (int i = 0; i < count; i++) {
        const uint32_t *over = strip->line + i * CELL_X;
        if (covers[i] == PARALLAX_COVER_WHOLE)
            memcpy(row + i * CELL_X, over, CELL_X * sizeof(*over));
        else if (covers[i] == PARALLAX_COVER_PART)
            blend_cell(p, row + i * CELL_X, over);
    }
}

/* Moves a particle with the camera: the inverse of shot_source() for small moves. */
static void shot_particle(const struct shot *shot, struct particle_mark *mark)
{
    const struct layers *info = &shot->p->info;
    float height = (float)info->height;
    float x, y;
    shot_source(shot, mark->nearness, mark->x * height, mark->y * height, &x, &y);
    float scale =
        shot->pose->zoom / (1 - shot->pose->dolly * (mark->nearness > 1 ? 1 : mark->nearness));
    mark->x -= (x - (float)info->margin) / height - mark->x;
    mark->y -= (y - (float)info->margin) / height - mark->y;
    mark->radius *= scale;
}

/* A face is the calmest spot: what flies before it fades. */
static void spare_face(const struct layers *info, struct particle_mark *mark)
{
    if (mark->nearness <= 1 || info->face_width <= 0)
        return;
    float height = (float)info->height, radius = mark->radius * height;
    float u = mark->x * height - (float)(info->face_x + info->face_width / 2);
    float v = mark->y * height - (float)(info->face_y + info->face_height / 2);
    u /= (float)info->face_width * 0.5f + radius;
    v /= (float)info->face_height * 0.5f + radius;
    mark->opacity *= raster_smoothstep(0.9f, 1.3f, sqrtf(u * u + v * v));
}

/* Where everything in the air is in this frame. */
static void shot_place_marks(const struct shot *shot)
{
    struct parallax *p = shot->p;
    p->mark_count = 0;
    for (size_t i = 0; i < p->info.particle_count; i++) {
        const struct particle_kind *kind = particle_find(p->info.particles[i].kind);
        struct particle_air air = parallax_air(p, i);
        size_t count = kind ? particle_count(kind, &air) : 0;
        for (uint32_t n = 0; n < count; n++) {
            struct particle_mark *mark = &p->marks[p->mark_count++];
            *mark = (struct particle_mark){0};
            kind->place(&air, n, shot->phase, mark);
            shot_particle(shot, mark);
            spare_face(&p->info, mark);
        }
    }
}

static void strip_particles(const struct strip *strip, bool before)
{
    const struct parallax *p = strip->shot->p;
    for (size_t i = 0; i < p->mark_count; i++) {
        if ((p->marks[i].nearness > 1) == before)
            particle_draw(&p->marks[i], strip->pixels, strip->stride, p->info.height, strip->first,
                          strip->last);
    }
}

/* --- finishing --------------------------------------------------------------------------------- */

/* Vignette, breathing light and grain. */
static struct rows_finish strip_finish(const struct strip *strip, int y, uint16_t *gains)
{
    const struct shot *shot = strip->shot;
    const struct parallax *p = shot->p;
    int blocks = strip->stride / ROWS_BLOCK, seen = (p->info.width + 7) / 8;
    const uint16_t *vignette = p->vignette + (size_t)y * (size_t)seen;
    int light = (int)lrintf(raster_clamp(shot->pose->light, 0, 1) * 256);
    for (int b = 0; b < seen; b++)
        gains[b] = (uint16_t)((vignette[b] * light) >> 8);
    for (int b = seen; b < blocks; b++)
        gains[b] = gains[seen - 1];
    uint32_t turn = raster_hash(shot->frame, 17, 3);
    return (struct rows_finish){
        .gains = gains,
        .grain = p->grain + (size_t)(((uint32_t)y + (turn >> 8)) % GRAIN_SIDE) * GRAIN_SIDE * 4,
        .blocks = blocks,
        .grain_start = (int)(turn % GRAIN_SIDE) / ROWS_BLOCK,
        .grain_blocks = GRAIN_SIDE / ROWS_BLOCK,
    };
}

static void strip_deliver_rgb(const struct strip *strip, struct picture *rgb)
{
    for (int y = strip->first; y < strip->last; y++) {
        const struct rows_finish finish = strip_finish(strip, y, strip->gains[0]);
        rows_finish(&finish, strip_row(strip, y));
        rows_rgb(strip_row(strip, y), rgb->width, picture_at(rgb, 0, y));
    }
}

static void strip_deliver_planes(const struct strip *strip, const struct picture_planes *planes)
{
    for (int y = strip->first; y < strip->last; y += 2) {
        uint8_t *light = planes->planes[0] + (ptrdiff_t)y * planes->strides[0];
        const struct rows_planes to = {light, light + planes->strides[0],
                                       planes->planes[1] + (ptrdiff_t)(y / 2) * planes->strides[1],
                                       planes->planes[2] + (ptrdiff_t)(y / 2) * planes->strides[2]};
        struct rows_finish upper = strip_finish(strip, y, strip->gains[0]);
        struct rows_finish lower = strip_finish(strip, y + 1, strip->gains[1]);
        /* The planes' rows have no room for more. */
        upper.blocks = lower.blocks = (planes->width + ROWS_BLOCK - 1) / ROWS_BLOCK;
        rows_planes(&upper, strip_row(strip, y), &lower, strip_row(strip, y + 1), &to);
    }
}

static void strip_init(struct strip *strip, const struct shot *shot)
{
    const struct parallax *p = shot->p;
    size_t columns = (size_t)p->columns, stride = (columns - 1) * CELL_X;
    *strip = (struct strip){.shot = shot, .stride = (int)stride};
    strip->pixels = mem_array((STRIP + 1) * stride, sizeof(uint32_t));
    strip->line = strip->pixels + STRIP * stride;
    strip->x = mem_array(6 * columns, sizeof(int32_t));
    strip->y = strip->x + columns;
    strip->plate = strip->y + columns;
    strip->wanted = mem_array(columns, 1);
    strip->gains[0] = mem_array(2 * stride / ROWS_BLOCK, sizeof(uint16_t));
    strip->gains[1] = strip->gains[0] + stride / ROWS_BLOCK;
}

static void strip_finish_all(struct strip *strip)
{
    free(strip->pixels);
    free(strip->x);
    free(strip->wanted);
    free(strip->gains[0]);
}

static void shot_strips(void *context, int first, int last)
{
    const struct shot *shot = context;
    const struct parallax *p = shot->p;
    struct strip strip;
    strip_init(&strip, shot);
    for (int n = first; n < last; n++) {
        strip.first = n * STRIP;
        strip.last = strip.first + STRIP < p->info.height ? strip.first + STRIP : p->info.height;
        for (int y = strip.first; y < strip.last; y++)
            strip_clean(&strip, y);
        strip_particles(&strip, false);
        for (size_t i = 0; i < TABLE_SIZE(p->wholes); i++) {
            for (int y = strip.first; p->wholes[i].sheet.pixels && y < strip.last; y++)
                strip_whole(&strip, &p->wholes[i], y);
        }
        strip_particles(&strip, true);
        if (shot->rgb)
            strip_deliver_rgb(&strip, shot->rgb);
        else
            strip_deliver_planes(&strip, shot->planes);
    }
    strip_finish_all(&strip);
}

/* --- a frame ----------------------------------------------------------------------------------- */

static void shot_place_plate(const struct shot *shot)
{
    struct parallax *p = shot->p;
    for (int j = 0; j < p->rows; j++) {
        const float *nearness = p->nearness + (size_t)j * (size_t)p->columns;
        int32_t *x = p->source + 2 * (size_t)j * (size_t)p->columns, *y = x + p->columns;
        for (int i = 0; i < p->columns; i++) {
            float at_x, at_y;
            shot_source(shot, nearness[i], (float)(i * CELL_X), (float)(j * CELL_Y), &at_x, &at_y);
            x[i] = fixed(at_x);
            y[i] = fixed(at_y);
        }
    }
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

static int most(int a, int b)
{
    return a > b ? a : b;
}

/* What a layer covers of a row of cells, whose first and last rows of pixels have these corners. */
static void cover_cells(const struct whole *whole, const int32_t *const x[2],
                        const int32_t *const y[2], int count, uint8_t *covers, uint8_t *bare)
{
    for (int i = 0; i < count; i++) {
        int left = least(least(x[0][i], x[0][i + 1]), least(x[1][i], x[1][i + 1])) >> 16;
        int right = most(most(x[0][i], x[0][i + 1]), most(x[1][i], x[1][i + 1])) >> 16;
        int top = least(least(y[0][i], y[0][i + 1]), least(y[1][i], y[1][i + 1])) >> 16;
        int bottom = most(most(y[0][i], y[0][i + 1]), most(y[1][i], y[1][i + 1])) >> 16;
        /* Each place is mixed with the next. */
        covers[i] = (uint8_t)parallax_tiles_cover(&whole->tiles, left, top, right + 1, bottom + 1);
        bare[i] &= covers[i] != PARALLAX_COVER_WHOLE;
    }
}

static void shot_place_whole(const struct shot *shot, struct whole *whole)
{
    struct parallax *p = shot->p;
    size_t columns = (size_t)p->columns, count = columns - 1;
    if (!whole->sheet.pixels)
        return;
    int32_t *corners = mem_array(4 * columns, sizeof(int32_t));
    const int32_t *const x[2] = {corners, corners + columns};
    const int32_t *const y[2] = {corners + 2 * columns, corners + 3 * columns};
    for (int j = 0; j + 1 < p->rows; j++) {
        for (size_t k = 0; k < 2; k++)
            whole_corners(shot, whole, j * CELL_Y + (k ? CELL_Y - 1 : 0), corners + k * columns,
                          corners + (2 + k) * columns);
        cover_cells(whole, x, y, (int)count, whole->covers + (size_t)j * count,
                    p->bare + (size_t)j * count);
    }
    free(corners);
}

static void shot_take(struct shot *shot)
{
    struct parallax *p = shot->p;
    shot->cosine = cosf(shot->pose->roll);
    shot->sine = sinf(shot->pose->roll);
    shot_place_plate(shot);
    memset(p->bare, 1, cell_count(p));
    for (size_t i = 0; i < TABLE_SIZE(p->wholes); i++)
        shot_place_whole(shot, &p->wholes[i]);
    shot_place_marks(shot);
    raster_bands((p->info.height + STRIP - 1) / STRIP, shot_strips, shot);
}

void parallax_render(struct parallax *p, const struct parallax_pose *pose, float phase,
                     uint32_t frame, struct picture *rgb)
{
    assert(rgb->width == p->info.width && rgb->height == p->info.height && rgb->channels == 3);
    struct shot shot = {.p = p, .pose = pose, .phase = phase, .frame = frame, .rgb = rgb};
    shot_take(&shot);
}

void parallax_render_planes(struct parallax *p, const struct parallax_pose *pose, float phase,
                            uint32_t frame, const struct picture_planes *planes)
{
    assert(planes->width == p->info.width && planes->height == p->info.height);
    struct shot shot = {.p = p, .pose = pose, .phase = phase, .frame = frame, .planes = planes};
    shot_take(&shot);
}
