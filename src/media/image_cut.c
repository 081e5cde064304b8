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

enum { CUT_PLANES = 3, CUT_STRICTLY = TJFLAG_STOPONWARNING | TJFLAG_LIMITSCANS };

struct source {
    const struct image_file *file;
    int width, height, sampling;
};

static bool areas_begin_at(const struct image_rectangle *areas, int count, int width, int height)
{
    for (int i = 0; i < count; i++) {
        if (areas[i].x % width != 0 || areas[i].y % height != 0)
            return false;
    }
    return true;
}

/* Takes over `bytes`. */
static void keep(struct image_cut *cut, unsigned char *bytes, unsigned long size)
{
    cut->size = size;
    cut->bytes = image_mark(bytes, &cut->size, IMAGE_JPEG, true);
    tjFree(bytes);
}

static bool cut_blocks(tjhandle handle, const struct source *source,
                       const struct image_rectangle *areas, int count, struct image_cut *ret_cuts)
{
    CLEANUP(free) tjtransform *transforms = mem_array((size_t)count, sizeof(*transforms));
    CLEANUP(free) unsigned char **bytes = mem_array((size_t)count, sizeof(*bytes));
    CLEANUP(free) unsigned long *sizes = mem_array((size_t)count, sizeof(*sizes));
    for (int i = 0; i < count; i++) {
        transforms[i].r = (tjregion){areas[i].x, areas[i].y, areas[i].width, areas[i].height};
        transforms[i].op = TJXOP_NONE;
        transforms[i].options = TJXOPT_CROP | TJXOPT_COPYNONE;
    }
    bool done = tjTransform(handle, source->file->bytes, source->file->size, count, bytes, sizes,
                            transforms, CUT_STRICTLY) == 0;
    for (int i = 0; i < count; i++) {
        if (done)
            keep(&ret_cuts[i], bytes[i], sizes[i]);
        else
            tjFree(bytes[i]);
    }
    return done;
}

static void encode_area(const struct source *source, const struct image_rectangle *area,
                        unsigned char *const *planes, const int *strides, int quality,
                        struct image_cut *ret_cut)
{
    const unsigned char *parts[CUT_PLANES];
    unsigned char *bytes = NULL;
    unsigned long size = 0;
    for (int i = 0; i < CUT_PLANES; i++) {
        int across = i == 0 ? 1 : tjMCUWidth[source->sampling] / 8;
        int down = i == 0 ? 1 : tjMCUHeight[source->sampling] / 8;
        parts[i] = planes[i] + (size_t)(area->y / down) * (size_t)strides[i] + area->x / across;
    }
    tjhandle encoder = tjInitCompress();
    if (!encoder || tjCompressFromYUVPlanes(encoder, parts, area->width, strides, area->height,
                                            source->sampling, &bytes, &size, quality, 0) != 0)
        abort(); /* out of memory, the only cause */
    tjDestroy(encoder);
    keep(ret_cut, bytes, size);
}

static bool cut_planes(tjhandle handle, const struct source *source,
                       const struct image_rectangle *areas, int count, int quality,
                       struct image_cut *ret_cuts)
{
    unsigned char *planes[CUT_PLANES];
    int strides[CUT_PLANES];
    size_t starts[CUT_PLANES], sum = 0;
    for (int i = 0; i < CUT_PLANES; i++) {
        strides[i] = tjPlaneWidth(i, source->width, source->sampling);
        starts[i] = sum;
        sum += (size_t)strides[i] * (size_t)tjPlaneHeight(i, source->height, source->sampling);
    }
    CLEANUP(free) unsigned char *memory = mem_array(sum, 1);
    for (int i = 0; i < CUT_PLANES; i++)
        planes[i] = memory + starts[i];
    if (tjDecompressToYUVPlanes(handle, source->file->bytes, source->file->size, planes,
                                source->width, strides, source->height, CUT_STRICTLY) != 0)
        return false;
    for (int i = 0; i < count; i++)
        encode_area(source, &areas[i], planes, strides, quality, &ret_cuts[i]);
    return true;
}

static bool cut(tjhandle handle, const struct image_file *file, const struct image_rectangle *areas,
                int count, int quality, struct image_cut *ret_cuts)
{
    struct source source = {.file = file};
    int space;
    if (tjDecompressHeader3(handle, file->bytes, file->size, &source.width, &source.height,
                            &source.sampling, &space) != 0 ||
        space != TJCS_YCbCr)
        return false;
    int width = tjMCUWidth[source.sampling], height = tjMCUHeight[source.sampling];
    if (areas_begin_at(areas, count, width, height))
        return cut_blocks(handle, &source, areas, count, ret_cuts);
    return areas_begin_at(areas, count, width / 8, height / 8) &&
           cut_planes(handle, &source, areas, count, quality, ret_cuts);
}

int image_cut(int fd, const char *path, const struct image_rectangle *areas, int count, int quality,
              struct image_cut *ret_cuts)
{
    struct image_file file;
    struct err err;
    int width, height;
    bool done = false;
    memset(ret_cuts, 0, (size_t)count * sizeof(*ret_cuts));
    if (image_file_read(fd, path, &file, &err) < 0)
        return 0;
    tjhandle handle = image_file_is_plain_jpeg(&file, &width, &height) ? tjInitTransform() : NULL;
    if (handle) {
        done = cut(handle, &file, areas, count, quality, ret_cuts);
        tjDestroy(handle);
    }
    image_file_free(&file);
    return done ? count : 0;
}
