#include "media/image_planes.h"

#include "media/image_internal.h"
#include "media/resample.h"

#include "base/arena.h"

#include <assert.h>
#include <string.h>
#include <turbojpeg.h>

/* A warning means damage: such a picture is left to the loader that says what is wrong with it. Scans are limited, since a small
 * file may announce very many. */
enum { PLANES = 3, STRICTLY = TJFLAG_STOPONWARNING | TJFLAG_LIMITSCANS };

struct image_planes {
    int width, height;
    struct resample_plane planes[PLANES]; /* brightness, blueness, redness */
};

static void to_planes(const uint8_t rgb[3], uint8_t ret[PLANES])
{
    int r = rgb[0], g = rgb[1], b = rgb[2];
    ret[0] = (uint8_t)((19595 * r + 38470 * g + 7471 * b + 32768) >> 16);
    ret[1] = (uint8_t)((-11059 * r - 21709 * g + 32768 * b + (128 << 16) + 32767) >> 16);
    ret[2] = (uint8_t)((32768 * r - 27439 * g - 5329 * b + (128 << 16) + 32767) >> 16);
}

struct image_planes *image_planes_new(int width, int height, const uint8_t rgb[3])
{
    assert(width > 0 && width <= PICTURE_SIDE_MAX && height > 0 && height <= PICTURE_SIDE_MAX);
    assert((size_t)width * (size_t)height <= PICTURE_PIXELS_MAX);
    struct image_planes *planes = mem_alloc(sizeof(*planes));
    uint8_t fill[PLANES];
    to_planes(rgb, fill);
    planes->width = width;
    planes->height = height;
    for (int i = 0; i < PLANES; i++) {
        struct resample_plane *plane = &planes->planes[i];
        plane->width = tjPlaneWidth(i, width, TJSAMP_420);
        plane->height = tjPlaneHeight(i, height, TJSAMP_420);
        plane->stride = (size_t)plane->width;
        plane->samples = mem_array(plane->stride, (size_t)plane->height);
        memset(plane->samples, fill[i], plane->stride * (size_t)plane->height);
    }
    return planes;
}

void image_planes_free(struct image_planes *planes)
{
    if (!planes)
        return;
    for (int i = 0; i < PLANES; i++)
        free(planes->planes[i].samples);
    free(planes);
}

bool image_planes_takes(const struct image_planes *planes, const struct image_rectangle *place)
{
    return place->x % 2 == 0 && place->y % 2 == 0 &&
           (place->width % 2 == 0 || place->x + place->width == planes->width) &&
           (place->height % 2 == 0 || place->y + place->height == planes->height);
}

/* The part of a plane that belongs to a rectangle. */
static struct resample_plane part(const struct image_planes *planes, int index,
                                  const struct image_rectangle *place)
{
    const struct resample_plane *plane = &planes->planes[index];
    int half = index > 0 ? 2 : 1;
    return (struct resample_plane){
        .samples = plane->samples + (size_t)(place->y / half) * plane->stride + place->x / half,
        .width = (place->width + half - 1) / half,
        .height = (place->height + half - 1) / half,
        .stride = plane->stride,
    };
}

/* --- from JPEG ---------------------------------------------------------------------------------- */

struct jpeg {
    tjhandle handle;
    int width, height, sampling;
};

static void cleanup_jpeg(struct jpeg *jpeg)
{
    if (jpeg->handle)
        tjDestroy(jpeg->handle);
}

static bool jpeg_open(struct jpeg *jpeg, tjhandle handle, const struct image_file *file)
{
    int space;
    jpeg->handle = handle;
    return handle &&
           tjDecompressHeader3(handle, file->bytes, file->size, &jpeg->width, &jpeg->height,
                               &jpeg->sampling, &space) == 0 &&
           space == TJCS_YCbCr && jpeg->sampling != TJSAMP_GRAY;
}

/* The decoder itself makes it up to 8 times smaller, but not smaller than what is wanted of it. */
static void jpeg_shrink(struct jpeg *jpeg, int width, int height)
{
    int shrink = 1;
    while (shrink < 8 && jpeg->width / (shrink * 2) >= width &&
           jpeg->height / (shrink * 2) >= height)
        shrink *= 2;
    jpeg->width = TJSCALED(jpeg->width, ((tjscalingfactor){1, shrink}));
    jpeg->height = TJSCALED(jpeg->height, ((tjscalingfactor){1, shrink}));
}

/* The window of the whole that has the shape of the rectangle, in the middle. */
static struct resample_window cover_window(int width, int height,
                                           const struct image_rectangle *place)
{
    double factor = (double)place->width / width, other = (double)place->height / height;
    if (other > factor)
        factor = other;
    double wide = place->width / factor, high = place->height / factor;
    return (struct resample_window){(width - wide) / 2, (height - high) / 2, wide, high};
}

/* False when turbojpeg does not take the picture, or not without a warning. */
static bool draw_jpeg(struct image_planes *planes, const struct image_file *file,
                      const struct image_rectangle *place)
{
    struct jpeg jpeg CLEANUP(jpeg) = {0};
    if (!jpeg_open(&jpeg, tjInitDecompress(), file))
        return false;
    jpeg_shrink(&jpeg, place->width, place->height);
    unsigned char *decoded[PLANES];
    int strides[PLANES];
    size_t sizes[PLANES], sum = 0;
    for (int i = 0; i < PLANES; i++) {
        strides[i] = tjPlaneWidth(i, jpeg.width, jpeg.sampling);
        sizes[i] = (size_t)strides[i] * (size_t)tjPlaneHeight(i, jpeg.height, jpeg.sampling);
        sum += sizes[i];
    }
    CLEANUP(free) unsigned char *memory = mem_array(sum, 1);
    for (int i = 0; i < PLANES; i++)
        decoded[i] = i == 0 ? memory : decoded[i - 1] + sizes[i - 1];
    if (tjDecompressToYUVPlanes(jpeg.handle, file->bytes, file->size, decoded, jpeg.width, strides,
                                jpeg.height, STRICTLY) != 0)
        return false;
    struct resample_window whole = cover_window(jpeg.width, jpeg.height, place);
    for (int i = 0; i < PLANES; i++) {
        int height = tjPlaneHeight(i, jpeg.height, jpeg.sampling);
        const struct resample_plane source = {decoded[i], strides[i], height, (size_t)strides[i]};
        /* Planes of colour may be smaller than the picture, and are rounded up. */
        double x = i == 0 ? 1 : 8.0 / tjMCUWidth[jpeg.sampling];
        double y = i == 0 ? 1 : 8.0 / tjMCUHeight[jpeg.sampling];
        const struct resample_window window = {whole.x * x, whole.y * y, whole.width * x,
                                               whole.height * y};
        const struct resample_plane target = part(planes, i, place);
        resample(&source, &window, &target);
    }
    return true;
}

/* --- from anything else ------------------------------------------------------------------------- */

static void over(const uint8_t *pixel, int channels, const uint8_t rgb[3], uint8_t ret[3])
{
    int alpha = channels == 4 ? pixel[3] : 255;
    for (int c = 0; c < 3; c++)
        ret[c] = (uint8_t)((pixel[c] * alpha + rgb[c] * (255 - alpha) + 127) / 255);
}

static void draw_picture(struct image_planes *planes, const struct picture *picture,
                         const struct image_rectangle *place, const uint8_t rgb[3])
{
    const struct resample_plane bright = part(planes, 0, place), blue = part(planes, 1, place),
                                red = part(planes, 2, place);
    for (int y = 0; y < picture->height; y += 2) {
        for (int x = 0; x < picture->width; x += 2) {
            int sums[3] = {0}, count = 0;
            uint8_t flat[3], mean[3], ycc[PLANES];
            for (int i = 0; i < 4; i++) {
                int px = x + i % 2, py = y + i / 2;
                if (px >= picture->width || py >= picture->height)
                    continue;
                over(picture_at(picture, px, py), picture->channels, rgb, flat);
                to_planes(flat, ycc);
                bright.samples[(size_t)py * bright.stride + px] = ycc[0];
                for (int c = 0; c < 3; c++)
                    sums[c] += flat[c];
                count++;
            }
            for (int c = 0; c < 3; c++)
                mean[c] = (uint8_t)((sums[c] + count / 2) / count);
            to_planes(mean, ycc);
            blue.samples[(size_t)(y / 2) * blue.stride + x / 2] = ycc[1];
            red.samples[(size_t)(y / 2) * red.stride + x / 2] = ycc[2];
        }
    }
}

int image_planes_draw(struct image_planes *planes, int fd, const char *path,
                      const struct image_rectangle *place, const uint8_t rgb[3], struct err *err)
{
    assert(image_planes_takes(planes, place));
    struct image_file file;
    int width, height;
    int rc = image_file_read(fd, path, &file, err);
    if (rc < 0)
        return rc;
    bool drawn =
        image_file_is_plain_jpeg(&file, &width, &height) && draw_jpeg(planes, &file, place);
    if (!drawn) {
        struct picture *loaded CLEANUP(picture) = NULL;
        rc = image_file_decode(&file, path, place->width, place->height, IMAGE_FIT_COVER, NULL,
                               &loaded, err);
        if (rc == 0) {
            struct picture *fitted CLEANUP(picture) =
                image_cover(loaded, place->width, place->height, 0.5, 0.5);
            draw_picture(planes, fitted, place, rgb);
        }
    }
    image_file_free(&file);
    return rc;
}

int image_planes_save(const struct image_planes *planes, int quality, int fd, struct err *err)
{
    const unsigned char *samples[PLANES];
    int strides[PLANES];
    unsigned char *encoded = NULL;
    unsigned long encoded_size = 0;
    for (int i = 0; i < PLANES; i++) {
        samples[i] = planes->planes[i].samples;
        strides[i] = (int)planes->planes[i].stride;
    }
    struct jpeg jpeg CLEANUP(jpeg) = {.handle = tjInitCompress()};
    if (!jpeg.handle ||
        tjCompressFromYUVPlanes(jpeg.handle, samples, planes->width, strides, planes->height,
                                TJSAMP_420, &encoded, &encoded_size, quality, 0) != 0)
        abort(); /* out of memory, the only cause */
    size_t size = encoded_size;
    CLEANUP(free) void *marked = image_mark(encoded, &size, IMAGE_JPEG, true);
    tjFree(encoded);
    return image_write(marked, size, fd, err);
}
