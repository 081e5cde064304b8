/* Snow: three depths, swaying as it falls; flakes far from the plane of focus are larger and softer. */
#include "media/particle/particle.h"

#include <math.h>

static void snow_place(const struct particle_air *air, uint32_t number, float phase,
                       struct particle_mark *mark)
{
    float depth = particle_random(air, number, 0);
    /* Most flakes are behind; few are close to the lens. */
    mark->nearness = depth < 0.92f ? 0.12f + 0.75f * depth * depth : 1.25f + (depth - 0.92f) * 9;
    float before = mark->nearness > 1 ? 1.0f : 0.0f;
    float fall = 0.10f + 0.16f * mark->nearness;
    float sway = 6.2831853f * particle_cycle(air, particle_random(air, number, 1), phase, 0.22f);
    mark->shape = PARTICLE_DISC;
    mark->y = particle_cycle(air, particle_random(air, number, 2), phase, fall) * 1.16f - 0.08f;
    mark->x = (particle_random(air, number, 3) * 1.2f - 0.1f) * air->width +
              sinf(sway) * 0.018f * mark->nearness;
    float size = 0.6f + 0.8f * particle_random(air, number, 4);
    mark->radius =
        size * (before > 0 ? 0.0042f * mark->nearness : 0.0011f + 0.0022f * mark->nearness);
    mark->softness = before > 0 ? 0.75f : 0.45f;
    mark->opacity = before > 0 ? 0.34f : 0.35f + 0.45f * mark->nearness;
    for (int c = 0; c < 3; c++)
        mark->colour[c] = 0.62f + 0.38f * air->light[c];
    mark->glow = 0.25f;
}

const struct particle_kind particle_snow = {"snow", 520, snow_place};
