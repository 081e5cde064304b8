/* Handing out a picture as a result: shared by the steps that make stills. */
#ifndef STEP_STILL_H
#define STEP_STILL_H

#include "media/image.h"
#include "step/step.h"

/* Encodes the picture into a new output and adds it to the results. `quality` as in image_save().
 */
int step_still_add(struct step_run *run, const struct picture *picture, enum image_format format,
                   int quality, struct err *err);

#endif
