/* Lights out of focus: large, faint discs near the edges, pulsing slowly. */
#include "media/particle/particle.h"

#include <math.h>

static void bokeh_place(const struct particle_air *air, uint32_t number, float phase,
                        struct particle_mark *mark)
{
    float pulse = 6.2831853f * particle_cycle(air, particle_random(air, number, 1), phase, 0.15f);
    float way = 6.2831853f * particle_cycle(air, particle_random(air, number, 2), phase, 0.08f);
    mark->shape = PARTICLE_RING;
    mark->nearness = 0.12f + 0.3f * particle_random(air, number, 3);
    mark->x = particle_random(air, number, 4) * air->width + 0.01f * sinf(way);
    mark->y = 0.05f + 0.6f * particle_random(air, number, 5) + 0.008f * cosf(way);
    mark->radius = 0.010f + 0.022f * particle_random(air, number, 6);
    mark->softness = 0.08f;
    mark->opacity = 0.10f + 0.10f * particle_random(air, number, 7) + 0.04f * sinf(pulse);
    size_t colour = (size_t)(particle_random(air, number, 8) * (float)air->colour_count);
    if (colour >= air->colour_count)
        colour = air->colour_count - 1;
    for (int c = 0; c < 3; c++)
        mark->colour[c] = 0.4f * air->light[c] + 0.6f * air->colours[colour][c];
    mark->glow = 1;
}

const struct particle_kind particle_bokeh = {"bokeh", 46, bokeh_place};
