#include "step/still.h"

#ifndef STEP_DESCRIPTORS_ONLY

int step_still_load(struct step_part part, const struct step_input *input, int fit_width,
                    int fit_height, enum image_fit fit, struct picture **ret_picture,
                    struct err *err)
{
    const struct media_monitor monitor = {&part, step_part_advance};
    return image_load_watched(input->fd, input->path, fit_width, fit_height, fit, &monitor,
                              ret_picture, err);
}

int step_still_add(struct step_part part, const struct picture *picture, enum image_format format,
                   int quality, struct err *err)
{
    const struct media_monitor monitor = {&part, step_part_advance};
    int fd CLEANUP(fd) = -1;
    int rc = step_run_open_output(part.run, &fd, err);
    if (rc == 0)
        rc = image_save_watched(picture, format, quality, fd, &monitor, err);
    if (rc == 0)
        step_run_add_file(part.run, TAKE_FD(fd), image_format_content_type(format), picture->width,
                          picture->height, 0);
    return rc;
}

#endif
