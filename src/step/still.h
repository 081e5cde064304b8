/* Handing out a picture as a result: shared by the steps that make stills. */
#ifndef STEP_STILL_H
#define STEP_STILL_H

#include "media/image.h"
#include "step/step.h"

/* Decodes a picture as image_load() does, which is that part of the run. */
int step_still_load(struct step_part part, const struct step_input *input, int fit_width,
                    int fit_height, enum image_fit fit, struct picture **ret_picture,
                    struct err *err);

/* Encodes the picture into a new output, which is that part of the run, and adds it to the results. `quality` as in
 * image_save(). */
int step_still_add(struct step_part part, const struct picture *picture, enum image_format format,
                   int quality, struct err *err);

#endif
