#include "media/parallax.h"

#include "base/arena.h"
#include "media/parallax_rows.h"
#include "media/particle/particle.h"
#include "media/raster.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/*
 * DESIGN. Where a pixel comes from is computed at the corners of small cells and runs linearly between them, in 16.16 fixed
 * point; colours are mixed in bytes of 32-bit pixels. A frame is made in strips that stay in the processor's cache from
 * the plate to the finished pixels. Two threads share the strips, and each pixel depends on nothing but the frame's numbers,
 * so the same input gives the same bytes on any machine.
 */
enum {
    CELL_X = 16,
    CELL_Y = 8,
    STRIP = 16,       /* rows, even */
    RUN_SLACK = 2048, /* a 32nd of a pixel */
    GRAIN_SIDE = 256,
    FRONT_NEARNESS_PERCENT = 160,
    LINEAR_STEPS = 8192
};

#define NEARNESS_MAX 2.0f

struct parallax {
    struct layers info; /* without pictures */
    float seconds;
    struct sheet clean, subject, front; /* pixels NULL when there is none */
    int columns, rows;                  /* corners of cells */
    float *nearness;                    /* of the plate at the corners */
    int32_t *source_x, *source_y;       /* where the plate's corners come from, 16.16 */
    uint16_t *vignette;                 /* 0..256 for blocks of 8 pixels */
    int8_t *grain;                      /* GRAIN_SIDE rows of GRAIN_SIDE pixels, each four times */
    struct particle_mark *marks;        /* of one frame */
    size_t mark_count;
    uint16_t linear[256]; /* of sRGB, 0..LINEAR_STEPS */
    uint8_t encoded[LINEAR_STEPS + 1];
};

/* --- preparing --------------------------------------------------------------------------------- */

static void sheet_bounds(struct sheet *sheet)
{
    sheet->left = sheet->width;
    sheet->top = sheet->height;
    for (int y = 0; y < sheet->height; y++) {
        const uint32_t *row = sheet->pixels + (size_t)y * (size_t)sheet->width;
        for (int x = 0; x < sheet->width; x++) {
            if (row[x] >> 24 == 0)
                continue;
            sheet->left = x < sheet->left ? x : sheet->left;
            sheet->right = x + 1 > sheet->right ? x + 1 : sheet->right;
            sheet->top = y < sheet->top ? y : sheet->top;
            sheet->bottom = y + 1;
        }
    }
}

static void sheet_init(struct sheet *sheet, const struct picture *picture)
{
    if (!picture)
        return;
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
    sheet_bounds(sheet);
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
    sheet_init(&p->subject, layers->subject);
    sheet_init(&p->front, layers->front);
    p->columns = (layers->width + CELL_X - 1) / CELL_X + 1;
    p->rows = (layers->height + CELL_Y - 1) / CELL_Y + 1;
    size_t corners = (size_t)p->columns * (size_t)p->rows;
    p->source_x = mem_array(corners, sizeof(int32_t));
    p->source_y = mem_array(corners, sizeof(int32_t));
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
    free(p->subject.pixels);
    free(p->front.pixels);
    free(p->nearness);
    free(p->source_x);
    free(p->source_y);
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

/* Rows first..last of a frame on their way, `stride` pixels each. */
struct strip {
    const struct shot *shot;
    uint32_t *pixels;
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

/* Whether a run that began at `from` with `step` is still right at a corner `pixels` further. */
static bool run_reaches(int32_t from, int32_t step, int pixels, int32_t corner)
{
    int32_t off = from + step * pixels - corner;
    return off > -RUN_SLACK && off < RUN_SLACK;
}

/* Cells in which the plate is equally far make one run. */
static void strip_clean(const struct strip *strip, int y)
{
    const struct parallax *p = strip->shot->p;
    uint32_t *row = strip_row(strip, y);
    int j = y / CELL_Y, part = y % CELL_Y;
    const int32_t *top_x = p->source_x + (size_t)j * (size_t)p->columns,
                  *low_x = top_x + p->columns;
    const int32_t *top_y = p->source_y + (size_t)j * (size_t)p->columns,
                  *low_y = top_y + p->columns;
    int32_t x = top_x[0] + (low_x[0] - top_x[0]) / CELL_Y * part;
    int32_t at_y = top_y[0] + (low_y[0] - top_y[0]) / CELL_Y * part;
    int32_t step_x = 0, step_y = 0, from_x = x, from_y = at_y;
    int first = 0;
    for (int i = 1; i < p->columns; i++) {
        int32_t next_x = top_x[i] + (low_x[i] - top_x[i]) / CELL_Y * part;
        int32_t next_y = top_y[i] + (low_y[i] - top_y[i]) / CELL_Y * part;
        int pixels = (i - first) * CELL_X;
        if (i - 1 == first) {
            step_x = (next_x - x) / CELL_X;
            step_y = (next_y - at_y) / CELL_X;
        } else if (!run_reaches(from_x, step_x, pixels, next_x) ||
                   !run_reaches(from_y, step_y, pixels, next_y)) {
            rows_sheet(&p->clean, from_x, from_y, step_x, step_y, pixels - CELL_X,
                       row + first * CELL_X);
            first = i - 1;
            from_x = x;
            from_y = at_y;
            step_x = (next_x - x) / CELL_X;
            step_y = (next_y - at_y) / CELL_X;
        }
        x = next_x;
        at_y = next_y;
    }
    rows_sheet(&p->clean, from_x, from_y, step_x, step_y, (p->columns - 1 - first) * CELL_X,
               row + first * CELL_X);
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

/* Lays a sheet that moves as a whole over the strip. */
static void strip_sheet(const struct strip *strip, const struct sheet *sheet, float nearness)
{
    const struct shot *shot = strip->shot;
    int width = shot->p->info.width;
    if (!sheet->pixels || sheet->right == 0)
        return;
    float x0, y0, x1, y1, x2, y2;
    shot_source(shot, nearness, 0, 0, &x0, &y0);
    shot_source(shot, nearness, (float)width, 0, &x1, &y1);
    shot_source(shot, nearness, 0, (float)width, &x2, &y2);
    float step_x = (x1 - x0) / (float)width, step_y = (y1 - y0) / (float)width;
    float down_x = (x2 - x0) / (float)width, down_y = (y2 - y0) / (float)width;
    uint32_t *line = strip->pixels + (size_t)STRIP * (size_t)strip->stride;
    for (int y = strip->first; y < strip->last; y++) {
        float sx = x0 + down_x * (float)y, sy = y0 + down_y * (float)y;
        float low_y = sy < sy + step_y * (float)width ? sy : sy + step_y * (float)width;
        float high_y = sy > sy + step_y * (float)width ? sy : sy + step_y * (float)width;
        if (high_y < (float)sheet->top - 1 || low_y > (float)sheet->bottom)
            continue;
        int from = (int)floorf(((float)sheet->left - 1 - sx) / step_x) - 1;
        int to = (int)ceilf(((float)sheet->right - sx) / step_x) + 1;
        from = from < 0 ? 0 : from & ~1;
        to = to > width ? width : to;
        if (from >= to)
            continue;
        rows_sheet(sheet, fixed(sx + step_x * (float)from), fixed(sy + step_y * (float)from),
                   fixed(step_x), fixed(step_y), to - from, line);
        uint32_t *row = strip_row(strip, y);
        for (int x = from; x < to; x++) {
            uint32_t over = line[x - from], alpha = over >> 24;
            if (alpha > 0)
                row[x] = alpha == 255 ? over : over_pixel(shot->p, row[x], over);
        }
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
static void strip_finish(const struct strip *strip, int y, uint16_t *gains)
{
    const struct shot *shot = strip->shot;
    const struct parallax *p = shot->p;
    int blocks = strip->stride / ROWS_BLOCK, seen = (p->info.width + 7) / 8;
    const uint16_t *vignette = p->vignette + (size_t)y * (size_t)seen;
    int light = (int)lrintf(raster_clamp(shot->pose->light, 0, 1) * 256);
    for (int b = 0; b < blocks; b++)
        gains[b] = (uint16_t)((vignette[b < seen ? b : seen - 1] * light) >> 8);
    uint32_t turn = raster_hash(shot->frame, 17, 3);
    const struct rows_finish finish = {
        .gains = gains,
        .grain = p->grain + (size_t)(((uint32_t)y + (turn >> 8)) % GRAIN_SIDE) * GRAIN_SIDE * 4,
        .blocks = blocks,
        .grain_start = (int)(turn % GRAIN_SIDE) / ROWS_BLOCK,
        .grain_blocks = GRAIN_SIDE / ROWS_BLOCK,
    };
    rows_finish(&finish, strip_row(strip, y));
}

static void strip_deliver(const struct strip *strip)
{
    const struct shot *shot = strip->shot;
    const struct picture_planes *to = shot->planes;
    int blocks = (shot->p->info.width + ROWS_BLOCK - 1) / ROWS_BLOCK;
    for (int y = strip->first; shot->rgb && y < strip->last; y++)
        rows_rgb(strip_row(strip, y), shot->rgb->width, picture_at(shot->rgb, 0, y));
    for (int y = strip->first; to && y < strip->last; y += 2) {
        uint8_t *light = to->planes[0] + (ptrdiff_t)y * to->strides[0];
        rows_yuv(strip_row(strip, y), strip_row(strip, y + 1), blocks, light,
                 light + to->strides[0], to->planes[1] + (ptrdiff_t)(y / 2) * to->strides[1],
                 to->planes[2] + (ptrdiff_t)(y / 2) * to->strides[2]);
    }
}

static void shot_strips(void *context, int first, int last)
{
    const struct shot *shot = context;
    const struct parallax *p = shot->p;
    struct strip strip = {.shot = shot, .stride = (p->columns - 1) * CELL_X};
    size_t stride = (size_t)strip.stride;
    strip.pixels = mem_array((STRIP + 1) * stride + 4, sizeof(uint32_t)); /* and a line */
    uint16_t *gains = mem_array(stride / ROWS_BLOCK, sizeof(*gains));
    for (int n = first; n < last; n++) {
        strip.first = n * STRIP;
        strip.last = strip.first + STRIP < p->info.height ? strip.first + STRIP : p->info.height;
        for (int y = strip.first; y < strip.last; y++)
            strip_clean(&strip, y);
        strip_particles(&strip, false);
        strip_sheet(&strip, &p->subject, 1);
        strip_sheet(&strip, &p->front, FRONT_NEARNESS_PERCENT / 100.0f);
        strip_particles(&strip, true);
        for (int y = strip.first; y < strip.last; y++)
            strip_finish(&strip, y, gains);
        strip_deliver(&strip);
    }
    free(gains);
    free(strip.pixels);
}

static void shot_take(struct shot *shot)
{
    struct parallax *p = shot->p;
    shot->cosine = cosf(shot->pose->roll);
    shot->sine = sinf(shot->pose->roll);
    for (int j = 0; j < p->rows; j++) {
        for (int i = 0; i < p->columns; i++) {
            size_t at = (size_t)j * (size_t)p->columns + (size_t)i;
            float x, y;
            shot_source(shot, p->nearness[at], (float)(i * CELL_X), (float)(j * CELL_Y), &x, &y);
            p->source_x[at] = fixed(x);
            p->source_y[at] = fixed(y);
        }
    }
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
