#include "step/still.h"

#ifndef STEP_DESCRIPTORS_ONLY

int step_still_add(struct step_run *run, const struct picture *picture, enum image_format format,
                   int quality, struct err *err)
{
    int fd CLEANUP(fd) = -1;
    int rc = step_run_open_output(run, &fd, err);
    if (rc == 0)
        rc = image_save(picture, format, quality, fd, err);
    if (rc == 0)
        step_run_add_file(run, TAKE_FD(fd), image_format_content_type(format), picture->width,
                          picture->height, 0);
    return rc;
}

#endif
