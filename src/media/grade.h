/*
 * One grade over everything: exposure, saturation, contrast around mid-grey with a soft shoulder, tints of shadows and highlights.
 * Linear light in, 8-bit sRGB out, by tables and with a noise below one step, so that skies show no bands. Any thread.
 */
#ifndef MEDIA_GRADE_H
#define MEDIA_GRADE_H

#include "media/picture.h"
#include "media/raster.h"
#include "media/scene.h"

enum { GRADE_STEPS = 4096 };

struct grade {
    float gain, saturation;
    float curves[3]
                [GRADE_STEPS + 1]; /* over the square root of half the light: 0..2; gives 0..255 */
};

void grade_init(struct grade *grade, const struct scene_grade *settings);
/* RGB or RGBA (alpha stays) of the same size. */
struct picture *grade_apply(const struct grade *grade, const struct raster *linear);

/* Towards the light words of a prompt ("golden hour", "night", "neon", ...): changes the settings and says whether a
 * word was found. */
bool grade_words(struct scene_grade *settings, const char *text);
/* Neutral: nothing changes. */
void grade_neutral(struct scene_grade *settings);

#endif
