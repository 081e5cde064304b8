/* Rain: thin slanted streaks, long before the lens and short in the distance. */
#include "media/particle/particle.h"

static void rain_place(const struct particle_air *air, uint32_t number, float phase,
                       struct particle_mark *mark)
{
    float depth = particle_random(air, number, 0);
    mark->nearness = depth < 0.9f ? 0.2f + 0.7f * depth : 1.3f + (depth - 0.9f) * 6;
    float fall = 1.0f + 0.9f * mark->nearness;
    float down = particle_cycle(air, particle_random(air, number, 1), phase, fall) * 1.3f - 0.15f;
    mark->shape = PARTICLE_STREAK;
    mark->y = down;
    mark->x = (particle_random(air, number, 2) * 1.3f - 0.1f) * air->width - 0.07f * down;
    mark->dy = 0.014f + 0.030f * mark->nearness;
    mark->dx = -0.07f * mark->dy;
    mark->radius = 0.0003f + 0.0005f * mark->nearness;
    mark->softness = 1;
    mark->opacity = mark->nearness > 1 ? 0.13f : 0.16f + 0.16f * mark->nearness;
    for (int c = 0; c < 3; c++)
        mark->colour[c] = 0.55f + 0.45f * air->light[c];
    mark->glow = 0.8f;
}

const struct particle_kind particle_rain = {"rain", 620, rain_place};
