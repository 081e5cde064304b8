/* Dust in the light: tiny, slow, breathing in brightness; it only adds light. */
#include "media/particle/particle.h"

#include <math.h>

static void dust_place(const struct particle_air *air, uint32_t number, float phase,
                       struct particle_mark *mark)
{
    float depth = particle_random(air, number, 0);
    mark->nearness = depth < 0.8f ? 0.3f + 0.6f * depth : 1.2f + (depth - 0.8f) * 3;
    float way = 6.2831853f * particle_cycle(air, particle_random(air, number, 1), phase, 0.1f);
    float blink = 6.2831853f * particle_cycle(air, particle_random(air, number, 2), phase, 0.35f);
    mark->shape = PARTICLE_DISC;
    mark->x = particle_random(air, number, 3) * air->width + 0.022f * sinf(way) * mark->nearness;
    mark->y = particle_random(air, number, 4) + 0.016f * cosf(way) * mark->nearness;
    mark->radius = (0.0007f + 0.0012f * particle_random(air, number, 5)) * (0.6f + mark->nearness);
    mark->softness = mark->nearness > 1 ? 0.9f : 0.6f;
    mark->opacity = (0.20f + 0.32f * particle_random(air, number, 6)) * (0.6f + 0.4f * sinf(blink));
    for (int c = 0; c < 3; c++)
        mark->colour[c] = 0.35f + 0.65f * air->light[c];
    mark->glow = 1;
}

const struct particle_kind particle_dust = {"dust", 240, dust_place};
