#include "media/chroma.h"

#include "base/arena.h"
#include "media/matte_edge.h"
#include "media/raster.h"

#include <math.h>
#include <string.h>

/*
 * DESIGN. Light and shade on a coloured screen change how bright it is, not its hue: there the distance is taken in the plane of
 * colour, with little weight on brightness. A key without colour (white, black, grey) has only brightness to go by. Between the
 * distance of the ground and that of what is surely not, coverage grows linearly: that is what mixing does at an edge.
 * The key is not one colour but a plate: what of the frame is surely screen, spread over the rest. Against it a screen that is lit
 * unevenly is even, and what is taken out of an edge is what was there.
 */
struct plane {
    float y, b, r; /* brightness, and colour towards blue and red; 0..1 and around 0 */
};

static struct plane plane_of(const float rgb[3])
{
    float y = 0.299f * rgb[0] + 0.587f * rgb[1] + 0.114f * rgb[2];
    return (struct plane){y, 0.564f * (rgb[2] - y), 0.713f * (rgb[0] - y)};
}

/* What a key colour makes of distances. */
struct reach {
    float key[3];
    struct plane plane;
    float chroma; /* of the key: its distance from grey */
    float weight; /* of brightness */
    float near, far;
};

static struct reach reach_of(const float key[3], float tolerance)
{
    struct reach reach = {.key = {key[0], key[1], key[2]}, .plane = plane_of(key)};
    reach.chroma = hypotf(reach.plane.b, reach.plane.r);
    reach.weight = 1 - 0.75f * raster_smoothstep(0.05f, 0.2f, reach.chroma);
    /* Halfway to grey the ground ends, unless much more was asked for: a pale screen is near to every grey. */
    float half = 1 + (0.5f * reach.chroma - 1) * raster_smoothstep(0.02f, 0.06f, reach.chroma);
    float over = fmaxf(0, tolerance - half);
    reach.near = 0.7f * fminf(tolerance, half) + over;
    /* A pixel half of the key and half of a grey lies half the key's own way from it. */
    reach.far = reach.near + fmaxf(0.06f, 0.6f * (reach.chroma - reach.near));
    return reach;
}

static float distance_from(const struct reach *reach, const struct plane *plane)
{
    float y = (plane->y - reach->plane.y) * reach->weight;
    float b = plane->b - reach->plane.b, r = plane->r - reach->plane.r;
    return sqrtf(y * y + b * b + r * r);
}

/* --- the screen ---------------------------------------------------------------------------------
 */

/* The mean colour of the cells within `radius` of a colour; the share of the cells that are. */
static float mean_around(const struct raster *guide, const float key[3], float radius,
                         float ret_mean[3])
{
    const struct reach reach = reach_of(key, radius);
    int count = guide->width * guide->height, near = 0;
    float sums[3] = {0};
    for (int i = 0; i < count; i++) {
        const struct plane plane = plane_of(guide->values + 3 * i);
        if (distance_from(&reach, &plane) > radius)
            continue;
        near++;
        for (int c = 0; c < 3; c++)
            sums[c] += guide->values[3 * i + c];
    }
    for (int c = 0; c < 3; c++)
        ret_mean[c] = near > 0 ? sums[c] / (float)near : key[c];
    return (float)near / (float)count;
}

/* The mean colour of the cells at the border that have the key's hue, whatever their brightness; the share of them that do. */
static float mean_of_hue(const struct raster *guide, const struct plane *key, float ret_mean[3])
{
    enum { RING = 12 };
    float along = hypotf(key->b, key->r), sums[3] = {0};
    int near = 0, seen = 0;
    for (int i = 0; i < guide->width * guide->height; i++) {
        int x = i % guide->width, y = i / guide->width;
        if (x >= RING && y >= RING && x < guide->width - RING && y < guide->height - RING)
            continue;
        const struct plane plane = plane_of(guide->values + 3 * i);
        float chroma = hypotf(plane.b, plane.r);
        float cosine = (plane.b * key->b + plane.r * key->r) / fmaxf(chroma * along, 1e-6f);
        seen++;
        if (chroma < 0.06f || cosine < 0.85f)
            continue;
        near++;
        for (int c = 0; c < 3; c++)
            sums[c] += guide->values[3 * i + c];
    }
    for (int c = 0; c < 3; c++)
        ret_mean[c] = near > 0 ? sums[c] / (float)near : 0;
    return (float)near / (float)seen;
}

void chroma_meet(const struct picture *frame, struct chroma_key *key)
{
    enum { ROUNDS = 6 };
    const float enough = 0.05f, of_border = 0.3f, radius = 0.1f;
    float mean[3], named[3] = {(float)key->colour[0] / 255, (float)key->colour[1] / 255,
                               (float)key->colour[2] / 255};
    const struct reach reach = reach_of(named, (float)key->tolerance);
    struct raster *guide CLEANUP(raster) = matte_grid(frame);
    if (reach.chroma < 0.08f || mean_around(guide, named, (float)key->tolerance, mean) > enough ||
        mean_of_hue(guide, &reach.plane, mean) < of_border)
        return;
    for (int i = 0; i < ROUNDS; i++) {
        float start[3] = {mean[0], mean[1], mean[2]};
        if (mean_around(guide, start, radius, mean) < enough)
            return;
    }
    for (int c = 0; c < 3; c++)
        key->colour[c] = (uint8_t)(mean[c] * 255 + 0.5f);
}

/* A cell of the screen in whatever light: not too far from the key, and of its hue and strength of colour when it is as bright. */
static bool is_screen(const struct reach *reach, const float *colour, float tolerance)
{
    const struct plane plane = plane_of(colour);
    float light = reach->plane.y / fmaxf(plane.y, 1e-3f);
    float b = plane.b * light - reach->plane.b, r = plane.r * light - reach->plane.r;
    return distance_from(reach, &plane) <= 2 * tolerance && hypotf(b, r) <= 0.4f * tolerance;
}

/* What the screen looks like everywhere, on half the grid; where nothing of it is around, the key. */
static struct raster *plate_of(const struct picture *frame, const struct reach *reach,
                               float tolerance)
{
    struct raster *guide CLEANUP(raster) = matte_grid(frame);
    struct raster *weight CLEANUP(raster) = raster_new(MATTE_GRID, MATTE_GRID, 1);
    float sum = 0;
    for (int i = 0; i < MATTE_GRID * MATTE_GRID; i++)
        weight->values[i] = is_screen(reach, guide->values + 3 * i, tolerance);
    /* Not beside what is none: such cells have something of it. */
    raster_blur(weight, 2);
    for (int i = 0; i < MATTE_GRID * MATTE_GRID; i++) {
        weight->values[i] = weight->values[i] > 0.98f;
        sum += weight->values[i];
    }
    struct raster *plate = matte_spread(guide, weight);
    for (int i = 0; sum == 0 && i < plate->width * plate->height; i++)
        memcpy(plate->values + (size_t)4 * (size_t)i, reach->key, sizeof(reach->key));
    return plate;
}

/* --- a frame ------------------------------------------------------------------------------------
 */

struct cut {
    const struct picture *frame;
    struct picture *matte, *colours;
    const struct raster *plate;
    float tolerance;
};

/* Takes the key's share out of the colour, then what is left of its cast: colour towards the key that the pixel would not have on
 * its own, more of it the nearer the pixel is to the key. */
static void clean(const struct reach *cut, float alpha, float distance, float colour[3])
{
    for (int c = 0; c < 3 && alpha < 1; c++)
        colour[c] =
            raster_clamp((colour[c] - (1 - alpha) * cut->key[c]) / fmaxf(alpha, 0.12f), 0, 1);
    if (cut->chroma < 0.08f)
        return;
    struct plane plane = plane_of(colour);
    float along = (plane.b * cut->plane.b + plane.r * cut->plane.r) / cut->chroma;
    float reach = 1 - raster_smoothstep(cut->far, cut->far + 0.75f * cut->chroma, distance);
    if (along <= 0 || reach <= 0)
        return;
    plane.b -= along * reach * cut->plane.b / cut->chroma;
    plane.r -= along * reach * cut->plane.r / cut->chroma;
    colour[0] = raster_clamp(plane.y + plane.r / 0.713f, 0, 1);
    colour[2] = raster_clamp(plane.y + plane.b / 0.564f, 0, 1);
    colour[1] = raster_clamp((plane.y - 0.299f * colour[0] - 0.114f * colour[2]) / 0.587f, 0, 1);
}

static void cut_pixel(const struct reach *reach, const uint8_t *pixel, uint8_t *ret_alpha,
                      uint8_t *ret_colour)
{
    float colour[3];
    for (int c = 0; c < 3; c++)
        colour[c] = (float)pixel[c] * (1 / 255.0f);
    const struct plane plane = plane_of(colour);
    float distance = distance_from(reach, &plane);
    float alpha = raster_clamp((distance - reach->near) / (reach->far - reach->near), 0, 1);
    *ret_alpha = (uint8_t)(alpha * 255 + 0.5f);
    if (*ret_alpha == 0) {
        memcpy(ret_colour, pixel, 3);
        return;
    }
    clean(reach, alpha, distance, colour);
    for (int c = 0; c < 3; c++)
        ret_colour[c] = (uint8_t)(colour[c] * 255 + 0.5f);
}

static void cut_rows(void *context, int first, int last)
{
    enum { BLOCK = 8 }; /* pixels over which the plate is one colour */
    const struct cut *cut = context;
    const struct raster *plate = cut->plate;
    int width = cut->frame->width;
    float across = (float)plate->width / (float)width;
    float down = (float)plate->height / (float)cut->frame->height;
    float *line = mem_array((size_t)plate->width * 4, sizeof(float));
    for (int y = first; y < last; y++) {
        raster_line(plate, ((float)y + 0.5f) * down - 0.5f, line);
        for (int start = 0; start < width; start += BLOCK) {
            float key[3];
            raster_along(plate, line, ((float)start + BLOCK / 2) * across - 0.5f, 3, key);
            const struct reach reach = reach_of(key, cut->tolerance);
            for (int x = start; x < width && x < start + BLOCK; x++)
                cut_pixel(&reach, picture_at(cut->frame, x, y), picture_at(cut->matte, x, y),
                          picture_at(cut->colours, x, y));
        }
    }
    free(line);
}

void chroma_cut(const struct picture *frame, const struct chroma_key *key,
                struct picture **ret_matte, struct picture **ret_colours)
{
    const float colour[3] = {(float)key->colour[0] / 255, (float)key->colour[1] / 255,
                             (float)key->colour[2] / 255};
    const struct reach reach = reach_of(colour, (float)key->tolerance);
    struct raster *plate CLEANUP(raster) = plate_of(frame, &reach, (float)key->tolerance);
    struct cut cut = {
        .frame = frame,
        .matte = picture_new(frame->width, frame->height, 1),
        .colours = picture_new(frame->width, frame->height, 3),
        .plate = plate,
        .tolerance = (float)key->tolerance,
    };
    raster_bands(frame->height, cut_rows, &cut);
    *ret_matte = cut.matte;
    *ret_colours = cut.colours;
}
