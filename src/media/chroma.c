#include "media/chroma.h"

#include "media/raster.h"

#include <math.h>
#include <string.h>

/*
 * DESIGN. Light and shade on a coloured screen change how bright it is, not its hue: there the distance is taken in the plane of
 * colour, with little weight on brightness. A key without colour (white, black, grey) has only brightness to go by. Between the
 * distance of the ground and that of what is surely not, coverage grows linearly: that is what mixing does at an edge.
 */
struct plane {
    float y, b, r; /* brightness, and colour towards blue and red; 0..1 and around 0 */
};

static struct plane plane_of(float red, float green, float blue)
{
    float y = 0.299f * red + 0.587f * green + 0.114f * blue;
    return (struct plane){y, 0.564f * (blue - y), 0.713f * (red - y)};
}

struct cut {
    const struct picture *frame;
    struct picture *matte, *colours;
    float key[3];
    struct plane plane;
    float chroma; /* of the key: its distance from grey */
    float weight; /* of brightness */
    float near, far;
};

static float distance_from(const struct cut *cut, const struct plane *plane)
{
    float y = (plane->y - cut->plane.y) * cut->weight;
    float b = plane->b - cut->plane.b, r = plane->r - cut->plane.r;
    return sqrtf(y * y + b * b + r * r);
}

/* Takes the key's share out of the colour, then what is left of its cast: colour towards the key that the pixel would not have on
 * its own, more of it the nearer the pixel is to the key. */
static void clean(const struct cut *cut, float alpha, float distance, float colour[3])
{
    for (int c = 0; c < 3 && alpha < 1; c++)
        colour[c] =
            raster_clamp((colour[c] - (1 - alpha) * cut->key[c]) / fmaxf(alpha, 0.12f), 0, 1);
    if (cut->chroma < 0.08f)
        return;
    struct plane plane = plane_of(colour[0], colour[1], colour[2]);
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

static void cut_rows(void *context, int first, int last)
{
    const struct cut *cut = context;
    for (int y = first; y < last; y++) {
        const uint8_t *pixel = picture_at(cut->frame, 0, y);
        uint8_t *alpha_at = picture_at(cut->matte, 0, y), *to = picture_at(cut->colours, 0, y);
        for (int x = 0; x < cut->frame->width; x++, pixel += 3, to += 3, alpha_at++) {
            float colour[3] = {(float)pixel[0] / 255, (float)pixel[1] / 255, (float)pixel[2] / 255};
            const struct plane plane = plane_of(colour[0], colour[1], colour[2]);
            float distance = distance_from(cut, &plane);
            float alpha = raster_clamp((distance - cut->near) / (cut->far - cut->near), 0, 1);
            *alpha_at = (uint8_t)(alpha * 255 + 0.5f);
            clean(cut, alpha, distance, colour);
            for (int c = 0; c < 3; c++)
                to[c] = (uint8_t)(colour[c] * 255 + 0.5f);
        }
    }
}

void chroma_cut(const struct picture *frame, const struct chroma_key *key,
                struct picture **ret_matte, struct picture **ret_colours)
{
    struct cut cut = {
        .frame = frame,
        .matte = picture_new(frame->width, frame->height, 1),
        .colours = picture_new(frame->width, frame->height, 3),
        .key = {(float)key->colour[0] / 255, (float)key->colour[1] / 255,
                (float)key->colour[2] / 255},
    };
    cut.plane = plane_of(cut.key[0], cut.key[1], cut.key[2]);
    cut.chroma = hypotf(cut.plane.b, cut.plane.r);
    cut.weight = 1 - 0.75f * raster_smoothstep(0.05f, 0.2f, cut.chroma);
    cut.near = (float)key->tolerance;
    /* A pixel half of the key and half of a grey lies half the key's own way from it. */
    cut.far = cut.near + fmaxf(0.06f, 0.6f * (cut.chroma - cut.near));
    raster_bands(frame->height, cut_rows, &cut);
    *ret_matte = cut.matte;
    *ret_colours = cut.colours;
}
