#include "media/picture.h"

#include "base/arena.h"

#include <assert.h>

struct picture *picture_new(int width, int height, int channels)
{
    assert(width > 0 && width <= PICTURE_SIDE_MAX && height > 0 && height <= PICTURE_SIDE_MAX);
    assert((size_t)width * (size_t)height <= PICTURE_PIXELS_MAX);
    assert(channels == 1 || channels == 3 || channels == 4);
    struct picture *picture = mem_alloc(sizeof(*picture));
    picture->width = width;
    picture->height = height;
    picture->channels = channels;
    picture->pixels = mem_array((size_t)width * (size_t)height, (size_t)channels);
    return picture;
}

struct picture *picture_copy(const struct picture *source)
{
    struct picture *picture = mem_alloc(sizeof(*picture));
    *picture = *source;
    size_t pixels = (size_t)source->width * (size_t)source->height;
    picture->pixels = mem_dup(source->pixels, pixels * (size_t)source->channels);
    return picture;
}

void picture_free(struct picture *picture)
{
    if (!picture)
        return;
    free(picture->pixels);
    free(picture);
}
