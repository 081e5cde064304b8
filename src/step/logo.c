#include "step/logo.h"

#include "media/image.h"

#include <math.h>
#include <string.h>

const char *const step_logo_positions[] = {
    "top-left",     "top-center",  "top-right",     "center-left",  "center",
    "center-right", "bottom-left", "bottom-center", "bottom-right", NULL};

#ifndef STEP_DESCRIPTORS_ONLY

/* A logo that is wider than this, in its heights, is made smaller instead. */
#define LOGO_ASPECT_MAX 2.5

static int position_index(const char *name)
{
    for (int i = 0; name && step_logo_positions[i]; i++) {
        if (strcmp(step_logo_positions[i], name) == 0)
            return i;
    }
    return 8;
}

/* `third` 0, 1, 2: at the start, in the middle, at the end. */
static int place(int third, int side, int size, int margin)
{
    return third == 0 ? margin : third == 1 ? (side - size) / 2 : side - size - margin;
}

int step_logo_load(const struct step_input *file, const struct step_logo_settings *settings,
                   int width, int height, struct step_logo *ret_logo, struct err *err)
{
    double side = fmin(width, height), box = fmax(1, side * settings->scale);
    int margin = (int)lrint(side * settings->margin);
    double box_width = fmax(1, fmin(box * LOGO_ASPECT_MAX, width - 2 * margin));
    double box_height = fmax(1, fmin(box, height - 2 * margin));
    struct picture *loaded CLEANUP(picture) = NULL;
    int rc = image_load(file->fd, file->path, (int)ceil(box_width) * 2, (int)ceil(box_height) * 2,
                        IMAGE_FIT_WITHIN, &loaded, err);
    if (rc < 0)
        return rc;
    double factor = fmin(box_height / loaded->height, box_width / loaded->width);
    struct picture *scaled CLEANUP(picture) =
        image_resize(loaded, (int)fmax(1, lrint(loaded->width * factor)),
                     (int)fmax(1, lrint(loaded->height * factor)));
    int index = position_index(settings->position);
    *ret_logo = (struct step_logo){
        .rgba = image_with_alpha(scaled),
        .x = place(index % 3, width, scaled->width, margin),
        .y = place(index / 3, height, scaled->height, margin),
    };
    return 0;
}

#endif
