/* Read-only files of the pack, for media code that does not know where they come from. */
#ifndef MEDIA_ASSETS_H
#define MEDIA_ASSETS_H

#include "base/err.h"
#include <stddef.h>

/* Names like "scenes/arctic/scene.json"; the bytes live as long as the process. ERR_NOT_FOUND when there is none. */
struct media_assets {
    void *context;
    int (*find)(void *context, const char *name, const void **ret_bytes, size_t *ret_size,
                struct err *err);
};

#endif
