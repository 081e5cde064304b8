/* Confetti: small sheets that tumble as they fall; a sheet seen from its edge is thin, one that faces the light flashes. */
#include "media/particle/particle.h"

#include <math.h>

static void confetti_place(const struct particle_air *air, uint32_t number, float phase,
                           struct particle_mark *mark)
{
    float depth = particle_random(air, number, 0);
    mark->nearness = depth < 0.9f ? 0.15f + 0.7f * depth * depth : 1.3f + (depth - 0.9f) * 8;
    float turn = 6.2831853f * particle_cycle(air, particle_random(air, number, 1), phase,
                                             0.5f + 0.9f * particle_random(air, number, 2));
    float spin = 6.2831853f * particle_cycle(air, particle_random(air, number, 3), phase, 0.3f);
    float fall = 0.09f + 0.10f * mark->nearness;
    mark->shape = PARTICLE_SHEET;
    mark->y = particle_cycle(air, particle_random(air, number, 4), phase, fall) * 1.2f - 0.1f;
    mark->x = (particle_random(air, number, 5) * 1.2f - 0.1f) * air->width +
              sinf(spin) * 0.03f * mark->nearness;
    float tilt = cosf(turn);
    mark->radius =
        (0.0030f + 0.0068f * mark->nearness) * (0.7f + 0.6f * particle_random(air, number, 6));
    mark->aspect = 0.10f + 0.50f * fabsf(tilt);
    mark->angle = particle_random(air, number, 7) * 6.2831853f + spin;
    mark->softness =
        mark->nearness > 1 ? 0.35f + 0.12f * mark->nearness : 0.10f + 0.3f * (1 - mark->nearness);
    mark->opacity = mark->nearness > 1 ? 0.72f : 0.55f + 0.4f * mark->nearness;
    size_t colour = (size_t)(particle_random(air, number, 8) * (float)air->colour_count);
    if (colour >= air->colour_count)
        colour = air->colour_count - 1;
    float flash = tilt > 0.86f ? (tilt - 0.86f) * 3.2f : 0;
    for (int c = 0; c < 3; c++) {
        float lit = air->colours[colour][c] * (0.62f + 0.38f * fabsf(tilt));
        mark->colour[c] = lit + (1 - lit) * flash;
    }
    mark->glow = 0;
}

const struct particle_kind particle_confetti = {"confetti", 300, confetti_place};
