#include "media/particle/particle.h"

#include "base/table.h"
#include "media/raster.h"

#include <math.h>
#include <string.h>

#define PARTICLE(name) extern const struct particle_kind particle_##name;
#include "media/particle/particles.def"
#undef PARTICLE

static const struct particle_kind *const particle_kinds[] = {
#define PARTICLE(name) &particle_##name,
#include "media/particle/particles.def"
#undef PARTICLE
};

const struct particle_kind *particle_find(const char *name)
{
    for (size_t i = 0; name && i < TABLE_SIZE(particle_kinds); i++) {
        if (strcmp(particle_kinds[i]->name, name) == 0)
            return particle_kinds[i];
    }
    return NULL;
}

size_t particle_count(const struct particle_kind *kind, const struct particle_air *air)
{
    return (size_t)((float)kind->most * raster_clamp(air->amount, 0, 1) + 0.5f);
}

float particle_random(const struct particle_air *air, uint32_t number, uint32_t use)
{
    return raster_noise(air->seed, number, use);
}

float particle_cycle(const struct particle_air *air, float start, float phase,
                     float rounds_per_second)
{
    float rounds = roundf(rounds_per_second * air->seconds);
    if (rounds < 1)
        rounds = 1;
    float at = start + phase * rounds;
    return at - floorf(at);
}

/* --- drawing ----------------------------------------------------------------------------------- */

/* Coverage 0..1 of the pixel at offset u, v (pixels) from the mark. */
struct brush {
    enum particle_shape shape;
    float radius, edge;        /* pixels */
    float dx, dy, length2;     /* streak */
    float cosine, sine, other; /* sheet */
};

static float brush_cover(const struct brush *brush, float u, float v)
{
    float distance;
    switch (brush->shape) {
    case PARTICLE_STREAK: {
        float t = raster_clamp((u * brush->dx + v * brush->dy) / brush->length2, 0, 1);
        float a = u - brush->dx * t, b = v - brush->dy * t;
        float cover = raster_clamp(
            (brush->radius + brush->edge - sqrtf(a * a + b * b)) / (2 * brush->edge), 0, 1);
        return cover * (1 - fabsf(2 * t - 1) * 0.7f);
    }
    case PARTICLE_SHEET: {
        float a = fabsf(u * brush->cosine + v * brush->sine) - brush->radius;
        float b = fabsf(v * brush->cosine - u * brush->sine) - brush->other;
        return raster_clamp(0.5f - a / (2 * brush->edge), 0, 1) *
               raster_clamp(0.5f - b / (2 * brush->edge), 0, 1);
    }
    case PARTICLE_RING: {
        distance = sqrtf(u * u + v * v);
        float inside =
            raster_clamp((brush->radius + brush->edge - distance) / (2 * brush->edge), 0, 1);
        float rim = raster_smoothstep(brush->radius * 0.72f, brush->radius, distance);
        return inside * (0.62f + 0.38f * rim);
    }
    case PARTICLE_DISC:
        break;
    }
    distance = sqrtf(u * u + v * v);
    float t = raster_clamp((brush->radius + brush->edge - distance) / (2 * brush->edge), 0, 1);
    return t * t * (3 - 2 * t);
}

static void blend(uint32_t *pixel, const struct particle_mark *mark, float cover)
{
    uint32_t result = 0xff000000u;
    for (int c = 0; c < 3; c++) {
        float below = (float)((*pixel >> (8 * c)) & 255) * (1 / 255.0f);
        float colour = mark->colour[c];
        float over = below + (colour - below) * cover;
        float lit = below + colour * cover * (1 - below);
        float v = over + (lit - over) * mark->glow;
        result |= (uint32_t)(raster_clamp(v, 0, 1) * 255 + 0.5f) << (8 * c);
    }
    *pixel = result;
}

static void brush_init(struct brush *brush, const struct particle_mark *mark, float scale)
{
    brush->shape = mark->shape;
    brush->radius = mark->radius * scale;
    brush->edge = 0.6f + brush->radius * mark->softness;
    brush->dx = mark->dx * scale;
    brush->dy = mark->dy * scale;
    brush->length2 = brush->dx * brush->dx + brush->dy * brush->dy + 1e-6f;
    brush->cosine = cosf(mark->angle);
    brush->sine = sinf(mark->angle);
    brush->other = brush->radius * mark->aspect;
}

void particle_draw(const struct particle_mark *mark, uint32_t *pixels, int width, int height,
                   int first, int last)
{
    float scale = (float)height;
    float most = mark->radius * 2.5f + 2 / scale; /* of any shape and edge */
    if ((mark->y + most + fmaxf(0, mark->dy)) * scale < (float)first ||
        (mark->y - most + fminf(0, mark->dy)) * scale > (float)last)
        return;
    struct brush brush;
    brush_init(&brush, mark, scale);
    float cx = mark->x * scale, cy = mark->y * scale;
    float reach = brush.radius * (mark->shape == PARTICLE_SHEET ? 1.45f : 1.0f) + brush.edge + 1;
    float left = cx - reach + fminf(0, brush.dx), right = cx + reach + fmaxf(0, brush.dx);
    float top = cy - reach + fminf(0, brush.dy), bottom = cy + reach + fmaxf(0, brush.dy);
    if (right < 0 || bottom < (float)first || left > (float)width || top > (float)last)
        return;
    int x0 = left < 0 ? 0 : (int)left, x1 = right > (float)width ? width : (int)right + 1;
    int y0 = top < (float)first ? first : (int)top,
        y1 = bottom > (float)last ? last : (int)bottom + 1;
    if (x1 > width)
        x1 = width;
    if (y1 > last)
        y1 = last;
    for (int y = y0; y < y1; y++) {
        uint32_t *row = pixels + (size_t)(y - first) * (size_t)width;
        for (int x = x0; x < x1; x++) {
            float cover = brush_cover(&brush, (float)x + 0.5f - cx, (float)y + 0.5f - cy);
            if (cover > 0.002f)
                blend(&row[x], mark, cover * mark->opacity);
        }
    }
}
