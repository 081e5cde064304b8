#include "media/image_planes.h"

#include "media/image_internal.h"

#include "base/arena.h"

#include <string.h>
#include <turbojpeg.h>

void image_cuts_free(struct image_cut *cuts, int count)
{
    for (int i = 0; i < count; i++) {
        free(cuts[i].bytes);
        cuts[i].bytes = NULL;
    }
}

/* Whether every area begins where blocks do. */
static bool areas_fit(const struct image_rectangle *areas, int count, int sampling)
{
    for (int i = 0; i < count; i++) {
        if (areas[i].x % tjMCUWidth[sampling] != 0 || areas[i].y % tjMCUHeight[sampling] != 0)
            return false;
    }
    return true;
}

static int cut(tjhandle handle, const struct image_file *file, const struct image_rectangle *areas,
               int count, struct image_cut *ret_cuts)
{
    int width, height, sampling, space;
    if (tjDecompressHeader3(handle, file->bytes, file->size, &width, &height, &sampling, &space) !=
            0 ||
        space != TJCS_YCbCr || !areas_fit(areas, count, sampling))
        return 0;
    CLEANUP(free) tjtransform *transforms = mem_array((size_t)count, sizeof(*transforms));
    CLEANUP(free) unsigned char **bytes = mem_array((size_t)count, sizeof(*bytes));
    CLEANUP(free) unsigned long *sizes = mem_array((size_t)count, sizeof(*sizes));
    for (int i = 0; i < count; i++) {
        transforms[i].r = (tjregion){areas[i].x, areas[i].y, areas[i].width, areas[i].height};
        transforms[i].op = TJXOP_NONE;
        transforms[i].options = TJXOPT_CROP | TJXOPT_COPYNONE;
    }
    bool done = tjTransform(handle, file->bytes, file->size, count, bytes, sizes, transforms,
                            TJFLAG_STOPONWARNING | TJFLAG_LIMITSCANS) == 0;
    for (int i = 0; i < count; i++) {
        ret_cuts[i].size = sizes[i];
        if (done)
            ret_cuts[i].bytes = image_mark(bytes[i], &ret_cuts[i].size, IMAGE_JPEG, true);
        tjFree(bytes[i]);
    }
    return done ? count : 0;
}

int image_cut_lossless(int fd, const char *path, const struct image_rectangle *areas, int count,
                       struct image_cut *ret_cuts)
{
    struct image_file file;
    struct err err;
    int width, height, cuts = 0;
    memset(ret_cuts, 0, (size_t)count * sizeof(*ret_cuts));
    if (image_file_read(fd, path, &file, &err) < 0)
        return 0;
    tjhandle handle = image_file_is_plain_jpeg(&file, &width, &height) ? tjInitTransform() : NULL;
    if (handle) {
        cuts = cut(handle, &file, areas, count, ret_cuts);
        tjDestroy(handle);
    }
    image_file_free(&file);
    return cuts;
}
