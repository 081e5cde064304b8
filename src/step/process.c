#include "step/step.h"

#include "media/image.h"
#include "media/nn/nn.h"
#include "media/video.h"

int step_process_init(struct err *err)
{
    int rc = image_init(err);
    if (rc == 0)
        rc = video_init(err);
    /* Without the nets the steps say so and do with less. */
    if (rc == 0)
        nn_init(NULL);
    return rc;
}
