#include "media/image_internal.h"

#include "base/arena.h"
#include "base/sniff.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* Compressed pictures are far below this; what is over it is no photo. */
#define IMAGE_FILE_BYTES_MAX (256ull << 20)

struct file {
    const void *bytes;
    size_t size;
};

static int file_map(int fd, const char *path, struct file *ret_file, struct err *err)
{
    struct stat status;
    if (fstat(fd, &status) < 0)
        return err_set(err, ERR_STORAGE, path, "The picture %s cannot be read: %s.", path, strerror(errno));
    if (status.st_size == 0)
        return err_set(err, ERR_BAD_INPUT, path, "The picture %s is empty.", path);
    if ((uint64_t)status.st_size > IMAGE_FILE_BYTES_MAX)
        return err_set(err, ERR_TOO_LARGE, path, "The picture %s has more than 256 MiB.", path);
    void *bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED)
        return err_set(err, ERR_STORAGE, path, "The picture %s cannot be read: %s.", path, strerror(errno));
    *ret_file = (struct file){bytes, (size_t)status.st_size};
    return 0;
}

/* One loader, chosen by the bytes: libvips is never asked to guess. NULL when it cannot open the picture. */
static VipsImage *open_as(const char *type, const struct file *file)
{
    VipsImage *image = NULL;
    void *bytes = (void *)(uintptr_t)file->bytes;
    const VipsAccess access = VIPS_ACCESS_SEQUENTIAL;
    const VipsFailOn fail = VIPS_FAIL_ON_TRUNCATED;
    if (strcmp(type, "image/jpeg") == 0)
        vips_jpegload_buffer(bytes, file->size, &image, "access", access, "fail_on", fail, NULL);
    else if (strcmp(type, "image/png") == 0)
        vips_pngload_buffer(bytes, file->size, &image, "access", access, "fail_on", fail, NULL);
    else if (strcmp(type, "image/webp") == 0)
        vips_webpload_buffer(bytes, file->size, &image, "access", access, "fail_on", fail, NULL);
    else if (strcmp(type, "image/gif") == 0)
        vips_gifload_buffer(bytes, file->size, &image, "access", access, "fail_on", fail, NULL);
    else
        vips_heifload_buffer(bytes, file->size, &image, "access", access, "fail_on", fail, NULL);
    return image;
}

static int open_checked(const struct file *file, const char *path, VipsImage **ret_image,
                        const char **ret_type, struct err *err)
{
    size_t start = file->size < SNIFF_BYTES ? file->size : SNIFF_BYTES;
    const char *type = sniff_content_type(file->bytes, start);
    if (!type || strncmp(type, "image/", 6) != 0)
        return err_set(err, ERR_BAD_INPUT, path,
                       "The input %s is no picture that is taken here (JPEG, PNG, WebP, GIF, AVIF, HEIF).",
                       path);
    VipsImage *image = open_as(type, file);
    if (!image) {
        image_forget_fault();
        return err_set(err, ERR_BAD_INPUT, path, "The picture %s is damaged.", path);
    }
    if (image->Xsize > PICTURE_SIDE_MAX || image->Ysize > PICTURE_SIDE_MAX ||
        (uint64_t)image->Xsize * (uint64_t)image->Ysize > PICTURE_PIXELS_MAX) {
        int rc = err_set(err, ERR_TOO_LARGE, path,
                         "The picture %s has %d x %d pixels; at most 100 million and 16384 a side are taken.",
                         path, image->Xsize, image->Ysize);
        g_object_unref(image);
        return rc;
    }
    *ret_image = image;
    *ret_type = type;
    return 0;
}

static bool is_turned(VipsImage *image)
{
    int orientation = vips_image_get_orientation(image);
    return orientation >= 5 && orientation <= 8;
}

/* How much of the full size is wanted, 1 for all of it. */
static double fit_scale(int width, int height, int fit_width, int fit_height, bool cover)
{
    if (fit_width == 0 || fit_height == 0)
        return 1;
    double x = (double)fit_width / width, y = (double)fit_height / height;
    double scale = cover ? (x > y ? x : y) : (x < y ? x : y);
    return scale < 1 ? scale : 1;
}

typedef int (*change)(VipsImage *image, VipsImage **ret_image);

static int to_upright(VipsImage *image, VipsImage **ret_image)
{
    return vips_autorot(image, ret_image, NULL);
}

/* Into 8-bit sRGB or sRGB with alpha, through the picture's own profile when it has a usable one. */
static int to_srgb(VipsImage *image, VipsImage **ret_image)
{
    if (vips_image_get_typeof(image, VIPS_META_ICC_NAME) != 0 || image->Type == VIPS_INTERPRETATION_CMYK) {
        if (vips_icc_transform(image, ret_image, "srgb", "embedded", TRUE, "input_profile",
                               image->Type == VIPS_INTERPRETATION_CMYK ? "cmyk" : "srgb", "intent",
                               VIPS_INTENT_RELATIVE, NULL) == 0)
            return 0;
        image_forget_fault();
    }
    return vips_colourspace(image, ret_image, VIPS_INTERPRETATION_sRGB, NULL);
}

static int to_bytes(VipsImage *image, VipsImage **ret_image)
{
    return vips_cast(image, ret_image, VIPS_FORMAT_UCHAR, NULL);
}

/* Three bands, or four with alpha. */
static int to_bands(VipsImage *image, VipsImage **ret_image)
{
    VipsImage *three[3] = {image, image, image};
    if (image->Bands == 1)
        return vips_bandjoin(three, ret_image, 3, NULL);
    if (image->Bands > 4)
        return vips_extract_band(image, ret_image, 0, "n", 4, NULL);
    return vips_copy(image, ret_image, NULL);
}

/* Takes over *image. */
static int apply(VipsImage **image, change with)
{
    VipsImage *next = NULL;
    int rc = with(*image, &next);
    g_object_unref(*image);
    *image = next;
    return rc;
}

/* Shrinks while decoding where the format can, exactly to the wanted size. */
static VipsImage *open_shrunk(const struct file *file, VipsImage *full, double scale)
{
    VipsImage *image = NULL;
    int width = (int)(full->Xsize * scale + 0.5), height = (int)(full->Ysize * scale + 0.5);
    vips_thumbnail_buffer((void *)(uintptr_t)file->bytes, file->size, &image, width > 0 ? width : 1, "height",
                          height > 0 ? height : 1, "size", VIPS_SIZE_FORCE, "no_rotate", TRUE, "fail_on",
                          VIPS_FAIL_ON_TRUNCATED, NULL);
    return image;
}

static int decode(const struct file *file, const char *path, int fit_width, int fit_height, bool cover,
                  struct picture **ret_picture, struct err *err)
{
    static const change changes[] = {to_srgb, to_bytes, to_bands};
    VipsImage *image;
    const char *type;
    int rc = open_checked(file, path, &image, &type, err);
    if (rc < 0)
        return rc;
    bool turned = is_turned(image);
    double scale = fit_scale(turned ? image->Ysize : image->Xsize, turned ? image->Xsize : image->Ysize,
                             fit_width, fit_height, cover);
    if (scale < 1) {
        VipsImage *shrunk = open_shrunk(file, image, scale);
        g_object_unref(image);
        image = shrunk;
    }
    bool sound = image != NULL;
    for (size_t i = 0; sound && i < sizeof(changes) / sizeof(changes[0]); i++)
        sound = apply(&image, changes[i]) == 0;
    /* Turning reads columns, so the rows must lie in memory first. */
    if (sound && vips_image_get_orientation(image) > 1) {
        VipsImage *memory = vips_image_copy_memory(image);
        g_object_unref(image);
        image = memory;
        sound = memory && apply(&image, to_upright) == 0;
    }
    if (!sound) {
        image_forget_fault();
        if (image)
            g_object_unref(image);
        return err_set(err, ERR_BAD_INPUT, path, "The picture %s is damaged or cut off.", path);
    }
    return image_render(image, path, ret_picture, err);
}

int image_probe(int fd, const char *path, struct image_info *ret_info, struct err *err)
{
    struct file file;
    VipsImage *image;
    const char *type;
    int rc = file_map(fd, path, &file, err);
    if (rc < 0)
        return rc;
    rc = open_checked(&file, path, &image, &type, err);
    if (rc == 0) {
        bool turned = is_turned(image);
        *ret_info = (struct image_info){.width = turned ? image->Ysize : image->Xsize,
                                        .height = turned ? image->Xsize : image->Ysize,
                                        .has_alpha = vips_image_hasalpha(image),
                                        .content_type = type};
        g_object_unref(image);
    }
    munmap((void *)(uintptr_t)file.bytes, file.size);
    return rc;
}

int image_load(int fd, const char *path, int fit_width, int fit_height, bool cover,
               struct picture **ret_picture, struct err *err)
{
    struct file file;
    int rc = file_map(fd, path, &file, err);
    if (rc < 0)
        return rc;
    rc = decode(&file, path, fit_width, fit_height, cover, ret_picture, err);
    munmap((void *)(uintptr_t)file.bytes, file.size);
    return rc;
}

int image_load_bytes(const void *bytes, size_t size, const char *path, struct picture **ret_picture,
                     struct err *err)
{
    const struct file file = {bytes, size};
    return decode(&file, path, 0, 0, false, ret_picture, err);
}
