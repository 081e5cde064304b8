/* Stars: points far away that twinkle and never move against the sky. */
#include "media/particle/particle.h"

#include <math.h>

static void stars_place(const struct particle_air *air, uint32_t number, float phase,
                        struct particle_mark *mark)
{
    float blink = 6.2831853f * particle_cycle(air, particle_random(air, number, 1), phase,
                                              0.3f + 0.5f * particle_random(air, number, 2));
    float size = particle_random(air, number, 3);
    mark->shape = PARTICLE_DISC;
    mark->nearness = 0;
    mark->x = (particle_random(air, number, 4) * 1.2f - 0.1f) * air->width;
    mark->y = particle_random(air, number, 5) * 0.62f - 0.06f;
    mark->radius = 0.0005f + 0.0010f * size * size * size;
    mark->softness = 0.9f;
    mark->opacity = (0.25f + 0.5f * size * size) * (0.75f + 0.25f * sinf(blink));
    float warm = particle_random(air, number, 6);
    mark->colour[0] = 0.80f + 0.20f * warm;
    mark->colour[1] = 0.88f;
    mark->colour[2] = 1.0f - 0.18f * warm;
    mark->glow = 1;
}

const struct particle_kind particle_stars = {"stars", 260, stars_place};
