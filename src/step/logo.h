/* Where a logo stands and how large it is: shared by the steps that lay one over something. */
#ifndef STEP_LOGO_H
#define STEP_LOGO_H

#include "media/picture.h"
#include "step/step.h"

/* Values of a `position` parameter, row by row: top-left, top-center, ..., bottom-right. */
extern const char *const step_logo_positions[];

/* Defaults of `scale` and `margin`, also for steps that have no such parameters. */
#define STEP_LOGO_SCALE 0.16
#define STEP_LOGO_MARGIN 0.035

struct step_logo_settings {
    const char *position; /* one of step_logo_positions; unknown or NULL: bottom-right */
    double scale;  /* height as a share of the shorter side; at most 2.5 times as wide; never over
                      the picture */
    double margin; /* to the edges, as a share of the shorter side */
};

struct step_logo {
    struct picture *rgba; /* in its final size */
    int x, y;             /* left upper corner */
};

static inline void cleanup_step_logo(struct step_logo *logo)
{
    picture_free(logo->rgba);
}

/* Loads the logo in the size for a picture of width x height. Errors are those of image_load(). */
int step_logo_load(const struct step_input *file, const struct step_logo_settings *settings,
                   int width, int height, struct step_logo *ret_logo, struct err *err);

#endif
