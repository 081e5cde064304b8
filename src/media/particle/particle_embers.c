/* Embers: glowing points that rise and curl. */
#include "media/particle/particle.h"

#include <math.h>

static void embers_place(const struct particle_air *air, uint32_t number, float phase,
                         struct particle_mark *mark)
{
    float depth = particle_random(air, number, 0);
    mark->nearness = depth < 0.85f ? 0.3f + 0.6f * depth : 1.2f + (depth - 0.85f) * 5;
    float life =
        particle_cycle(air, particle_random(air, number, 1), phase, 0.10f + 0.12f * mark->nearness);
    float curl = 6.2831853f * particle_cycle(air, particle_random(air, number, 2), phase, 0.4f);
    mark->shape = PARTICLE_DISC;
    mark->y = 1.06f - 1.15f * life;
    mark->x = particle_random(air, number, 3) * air->width + 0.03f * sinf(curl) * life;
    mark->radius = (0.0008f + 0.0013f * mark->nearness) * (1.1f - 0.5f * life);
    mark->softness = 0.9f;
    mark->opacity = (1 - life) * (0.6f + 0.4f * sinf(curl * 2));
    mark->colour[0] = 1.0f;
    mark->colour[1] = 0.62f - 0.25f * life;
    mark->colour[2] = 0.25f - 0.15f * life;
    mark->glow = 1;
}

const struct particle_kind particle_embers = {"embers", 160, embers_place};
