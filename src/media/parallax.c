#include "media/parallax.h"

#include "base/arena.h"
#include "media/particle/particle.h"
#include "media/raster.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/*
 * DESIGN. Where a pixel comes from is computed at the corners of small cells and runs linearly between them, in 16.16 fixed
 * point; colours are mixed in eighths of bytes of 32-bit pixels. Two threads share the rows, and each pixel depends
 * on nothing but the frame's numbers, so the same input gives the same bytes on any machine.
 */
enum {
    CELL_X = 16,
    CELL_Y = 8,
    GRAIN_SIDE = 256,
    FRONT_NEARNESS_PERCENT = 160,
    LINEAR_STEPS = 8192
};

#define NEARNESS_MAX 2.0f

struct sheet {
    uint32_t *pixels; /* RGBX or premultiplied RGBA, with one more row below for reading pairs */
    int width, height;
    int left, top, right, bottom; /* what is not transparent */
};

struct parallax {
    struct layers info; /* without pictures */
    float seconds;
    struct sheet clean, subject, front; /* pixels NULL when there is none */
    int columns, rows;                  /* corners of cells */
    float *nearness;                    /* of the plate at the corners */
    int32_t *source_x, *source_y;       /* where the plate's corners come from, 16.16 */
    uint16_t *vignette;                 /* 0..256 for blocks of 8 pixels */
    int8_t *grain;                      /* GRAIN_SIDE rows of GRAIN_SIDE pixels, each four times */
    uint32_t *frame;
    uint16_t linear[256]; /* of sRGB, 0..LINEAR_STEPS */
    uint8_t encoded[LINEAR_STEPS + 1];
};

typedef uint8_t lanes8 __attribute__((vector_size(8)));
typedef int16_t lanes16 __attribute__((vector_size(16)));

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
    sheet->pixels = mem_array(count + (size_t)picture->width + 2, sizeof(uint32_t));
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
    p->frame = mem_array((size_t)p->columns * CELL_X * (size_t)layers->height, sizeof(uint32_t));
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
    free(p->frame);
    free(p);
}

/* --- warping ----------------------------------------------------------------------------------- */

struct shot {
    struct parallax *p;
    const struct parallax_pose *pose;
    float phase, cosine, sine;
    uint32_t frame;
    struct picture *rgb;
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

/* Of a place in a sheet: the two pixels there, mixed with the two below; eight lanes of 16 bit. */
static inline lanes16 mix_rows(const struct sheet *sheet, int32_t x, int32_t y)
{
    const uint32_t *above = sheet->pixels + (size_t)(y >> 16) * (size_t)sheet->width + (x >> 16);
    lanes8 a, b;
    memcpy(&a, above, sizeof(a));
    memcpy(&b, above + sheet->width, sizeof(b));
    lanes16 top = __builtin_convertvector(a, lanes16), low = __builtin_convertvector(b, lanes16);
    return top + (((low - top) * (int16_t)((y >> 9) & 127)) >> 7);
}

/* `count` (even) pixels of a run that lies within the sheet. */
static void sheet_run_inside(const struct sheet *sheet, int32_t x, int32_t y, int32_t step_x,
                             int32_t step_y, int count, uint32_t *to)
{
    for (int i = 0; i < count; i += 2) {
        lanes16 first = mix_rows(sheet, x, y);
        int16_t part = (int16_t)((x >> 9) & 127);
        x += step_x;
        y += step_y;
        lanes16 second = mix_rows(sheet, x, y);
        int16_t other = (int16_t)((x >> 9) & 127);
        x += step_x;
        y += step_y;
        const lanes16 parts = {part, part, part, part, other, other, other, other};
        lanes16 left = __builtin_shufflevector(first, second, 0, 1, 2, 3, 8, 9, 10, 11);
        lanes16 right = __builtin_shufflevector(first, second, 4, 5, 6, 7, 12, 13, 14, 15);
        lanes8 done = __builtin_convertvector(left + (((right - left) * parts) >> 7), lanes8);
        memcpy(to + i, &done, sizeof(done));
    }
}

/* The same where the run leaves the sheet: its edge goes on. */
static void sheet_run_outside(const struct sheet *sheet, int32_t x, int32_t y, int32_t step_x,
                              int32_t step_y, int count, uint32_t *to)
{
    int32_t right = (sheet->width - 1) << 16, bottom = (sheet->height - 1) << 16;
    for (int i = 0; i < count; i++, x += step_x, y += step_y) {
        uint32_t pair[2];
        int32_t at_x = x < 0       ? 0
                       : x > right ? right
                                   : x,
                at_y = y < 0        ? 0
                       : y > bottom ? bottom
                                    : y;
        sheet_run_inside(sheet, at_x, at_y, 0, 0, 2, pair);
        to[i] = pair[0];
    }
}

/* `count` (even) pixels from a run through the sheet. */
static void sheet_run(const struct sheet *sheet, int32_t x, int32_t y, int32_t step_x,
                      int32_t step_y, int count, uint32_t *to)
{
    int32_t right = (sheet->width - 1) << 16, bottom = (sheet->height - 1) << 16;
    int64_t end_x = x + (int64_t)step_x * count, end_y = y + (int64_t)step_y * count;
    bool inside = x >= 0 && x < right && end_x >= 0 && end_x < right && y >= 0 && y < bottom &&
                  end_y >= 0 && end_y < bottom;
    (inside ? sheet_run_inside : sheet_run_outside)(sheet, x, y, step_x, step_y, count, to);
}

static void shot_clean_row(const struct shot *shot, int y, uint32_t *row)
{
    const struct parallax *p = shot->p;
    int j = y / CELL_Y, part = y % CELL_Y;
    const int32_t *top_x = p->source_x + (size_t)j * (size_t)p->columns,
                  *low_x = top_x + p->columns;
    const int32_t *top_y = p->source_y + (size_t)j * (size_t)p->columns,
                  *low_y = top_y + p->columns;
    int32_t x = top_x[0] + (low_x[0] - top_x[0]) / CELL_Y * part;
    int32_t at_y = top_y[0] + (low_y[0] - top_y[0]) / CELL_Y * part;
    for (int i = 0; i + 1 < p->columns; i++) {
        int32_t next_x = top_x[i + 1] + (low_x[i + 1] - top_x[i + 1]) / CELL_Y * part;
        int32_t next_y = top_y[i + 1] + (low_y[i + 1] - top_y[i + 1]) / CELL_Y * part;
        sheet_run(&p->clean, x, at_y, (next_x - x) / CELL_X, (next_y - at_y) / CELL_X, CELL_X,
                  row + i * CELL_X);
        x = next_x;
        at_y = next_y;
    }
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

/* Lays a sheet that moves as a whole over rows first..last of the frame. */
static void shot_sheet(const struct shot *shot, const struct sheet *sheet, float nearness,
                       int first, int last)
{
    int width = shot->p->info.width, stride = (shot->p->columns - 1) * CELL_X;
    float x0, y0, x1, y1, x2, y2;
    shot_source(shot, nearness, 0, 0, &x0, &y0);
    shot_source(shot, nearness, (float)width, 0, &x1, &y1);
    shot_source(shot, nearness, 0, (float)width, &x2, &y2);
    float step_x = (x1 - x0) / (float)width, step_y = (y1 - y0) / (float)width;
    float down_x = (x2 - x0) / (float)width, down_y = (y2 - y0) / (float)width;
    uint32_t *line = mem_array((size_t)stride + 2, sizeof(uint32_t));
    for (int y = first; y < last; y++) {
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
        sheet_run(sheet, fixed(sx + step_x * (float)from), fixed(sy + step_y * (float)from),
                  fixed(step_x), fixed(step_y), (to - from + 1) & ~1, line);
        uint32_t *row = shot->p->frame + (size_t)y * (size_t)stride;
        for (int x = from; x < to; x++) {
            uint32_t over = line[x - from], alpha = over >> 24;
            if (alpha > 0)
                row[x] = alpha == 255 ? over : over_pixel(shot->p, row[x], over);
        }
    }
    free(line);
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

static void shot_particles(const struct shot *shot, bool before, int first, int last)
{
    const struct parallax *p = shot->p;
    for (size_t i = 0; i < p->info.particle_count; i++) {
        const struct particle_kind *kind = particle_find(p->info.particles[i].kind);
        struct particle_air air = {.seed = p->info.seed + (uint32_t)i * 7919u,
                                   .amount = p->info.particles[i].amount,
                                   .width = (float)p->info.width / (float)p->info.height,
                                   .seconds = p->seconds,
                                   .colour_count = p->info.colour_count};
        memcpy(air.light, p->info.light, sizeof(air.light));
        memcpy(air.colours, p->info.colours, sizeof(air.colours));
        size_t count = kind ? particle_count(kind, &air) : 0;
        for (uint32_t n = 0; n < count; n++) {
            struct particle_mark mark = {0};
            kind->place(&air, n, shot->phase, &mark);
            if ((mark.nearness > 1) != before)
                continue;
            shot_particle(shot, &mark);
            particle_draw(&mark, p->frame, (p->columns - 1) * CELL_X, p->info.height, first, last);
        }
    }
}

/* Vignette, breathing light and grain, then to three bytes a pixel. */
static void shot_finish_row(const struct shot *shot, int y)
{
    const struct parallax *p = shot->p;
    int width = p->info.width, stride = (p->columns - 1) * CELL_X, blocks = (width + 7) / 8;
    const uint8_t *from = (const uint8_t *)(p->frame + (size_t)y * (size_t)stride);
    const uint16_t *vignette = p->vignette + (size_t)y * (size_t)blocks;
    uint32_t turn = raster_hash(shot->frame, 17, 3);
    const int8_t *grain =
        p->grain + (size_t)(((uint32_t)y + (turn >> 8)) % GRAIN_SIDE) * GRAIN_SIDE * 4;
    uint32_t start = (turn % GRAIN_SIDE) & ~7u;
    int light = (int)lrintf(raster_clamp(shot->pose->light, 0, 1) * 256);
    uint8_t *to = picture_at(shot->rgb, 0, y);
    for (int b = 0; b < blocks; b++) {
        int gain = (vignette[b] * light) >> 8;
        const uint8_t *block = from + b * 32;
        const int8_t *noise = grain + ((uint32_t)b * 8 + start) % GRAIN_SIDE * 4;
        uint8_t done[32];
        for (int i = 0; i < 32; i++) {
            int v = ((block[i] * gain + 128) >> 8) + noise[i];
            v = v < 0 ? 0 : v;
            done[i] = (uint8_t)(v > 255 ? 255 : v);
        }
        int count = width - b * 8;
        if (count > 8) {
            /* Four bytes at once: the next pixel covers the last of them. */
            for (int i = 0; i < 8; i++, to += 3)
                memcpy(to, done + i * 4, 4);
            continue;
        }
        for (int i = 0; i < count; i++, to += 3)
            memcpy(to, done + i * 4, 3);
    }
}

static void shot_band(void *context, int first, int last)
{
    const struct shot *shot = context;
    const struct parallax *p = shot->p;
    size_t stride = (size_t)(p->columns - 1) * CELL_X;
    for (int y = first; y < last; y++)
        shot_clean_row(shot, y, p->frame + (size_t)y * stride);
    shot_particles(shot, false, first, last);
    if (p->subject.pixels && p->subject.right > 0)
        shot_sheet(shot, &p->subject, 1, first, last);
    if (p->front.pixels && p->front.right > 0)
        shot_sheet(shot, &p->front, FRONT_NEARNESS_PERCENT / 100.0f, first, last);
    shot_particles(shot, true, first, last);
    for (int y = first; y < last; y++)
        shot_finish_row(shot, y);
}

void parallax_render(struct parallax *p, const struct parallax_pose *pose, float phase,
                     uint32_t frame, struct picture *rgb)
{
    assert(rgb->width == p->info.width && rgb->height == p->info.height && rgb->channels == 3);
    struct shot shot = {p, pose, phase, cosf(pose->roll), sinf(pose->roll), frame, rgb};
    for (int j = 0; j < p->rows; j++) {
        for (int i = 0; i < p->columns; i++) {
            size_t at = (size_t)j * (size_t)p->columns + (size_t)i;
            float x, y;
            shot_source(&shot, p->nearness[at], (float)(i * CELL_X), (float)(j * CELL_Y), &x, &y);
            p->source_x[at] = fixed(x);
            p->source_y[at] = fixed(y);
        }
    }
    raster_bands(p->info.height, shot_band, &shot);
}
