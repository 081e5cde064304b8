#include "media/image_internal.h"

#include "base/arena.h"
#include "base/sniff.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* Compressed pictures are far below this; what is over it is no photo. */
enum { IMAGE_FILE_MIB_MAX = 64 };

/* Into memory: a map would end the process when the file became shorter. */
int image_file_read(int fd, const char *path, struct image_file *ret_file, struct err *err)
{
    struct stat status;
    if (fstat(fd, &status) < 0)
        return err_set(err, ERR_STORAGE, path, "The picture %s cannot be read: %s.", path,
                       strerror(errno));
    if (status.st_size == 0)
        return err_set(err, ERR_BAD_INPUT, path, "The picture %s is empty.", path);
    if (status.st_size > (off_t)IMAGE_FILE_MIB_MAX << 20)
        return err_set(err, ERR_TOO_LARGE, path, "The picture %s has more than %d MiB.", path,
                       IMAGE_FILE_MIB_MAX);
    size_t size = (size_t)status.st_size, done = 0;
    char *bytes CLEANUP(free) = mem_alloc(size);
    while (done < size) {
        ssize_t count = pread(fd, bytes + done, size - done, (off_t)done);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return err_set(err, ERR_STORAGE, path, "The picture %s cannot be read: %s.", path,
                           count < 0 ? strerror(errno) : "it became shorter");
        done += (size_t)count;
    }
    *ret_file = (struct image_file){TAKE(bytes), size};
    return 0;
}

void image_file_free(struct image_file *file)
{
    free((void *)(uintptr_t)file->bytes);
}

/* One loader, chosen by the bytes: libvips is never asked to guess. NULL when it cannot open the
 * picture. */
static VipsImage *open_as(const char *type, const struct image_file *file, int shrink)
{
    VipsImage *image = NULL;
    void *bytes = (void *)(uintptr_t)file->bytes;
    const VipsAccess access = VIPS_ACCESS_SEQUENTIAL;
    const VipsFailOn fail = VIPS_FAIL_ON_ERROR;
    if (strcmp(type, "image/jpeg") == 0)
        vips_jpegload_buffer(bytes, file->size, &image, "access", access, "fail_on", fail, "shrink",
                             shrink, NULL);
    else if (strcmp(type, "image/png") == 0)
        vips_pngload_buffer(bytes, file->size, &image, "access", access, "fail_on", fail, NULL);
    else if (strcmp(type, "image/webp") == 0)
        vips_webpload_buffer(bytes, file->size, &image, "access", access, "fail_on", fail, "scale",
                             1.0 / shrink, NULL);
    else if (strcmp(type, "image/gif") == 0)
        vips_gifload_buffer(bytes, file->size, &image, "access", access, "fail_on", fail, NULL);
    else
        vips_heifload_buffer(bytes, file->size, &image, "access", access, "fail_on", fail, NULL);
    return image && strcmp(type, "image/gif") == 0 ? image_gif_clear(image, file) : image;
}

static int open_checked(const struct image_file *file, const char *path, VipsImage **ret_image,
                        const char **ret_type, struct err *err)
{
    size_t start = file->size < SNIFF_BYTES ? file->size : SNIFF_BYTES;
    const char *type = sniff_content_type(file->bytes, start);
    if (!type || strncmp(type, "image/", 6) != 0)
        return err_set(
            err, ERR_BAD_INPUT, path,
            "The input %s is no picture that is taken here (JPEG, PNG, WebP, GIF, AVIF, HEIF).",
            path);
    VipsImage *image = open_as(type, file, 1);
    if (!image)
        return image_fault(path, err);
    if (image->Xsize > PICTURE_SIDE_MAX || image->Ysize > PICTURE_SIDE_MAX ||
        (uint64_t)image->Xsize * (uint64_t)image->Ysize > PICTURE_PIXELS_MAX) {
        int rc = err_set(
            err, ERR_TOO_LARGE, path,
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
static double fit_scale(int width, int height, int fit_width, int fit_height, enum image_fit fit)
{
    if (fit_width == 0 || fit_height == 0)
        return 1;
    double x = (double)fit_width / width, y = (double)fit_height / height;
    double scale = fit == IMAGE_FIT_WITHIN ? (x < y ? x : y) : (x > y ? x : y);
    return scale < 1 ? scale : 1;
}

typedef int (*change)(VipsImage *image, VipsImage **ret_image);

static int to_upright(VipsImage *image, VipsImage **ret_image)
{
    return vips_autorot(image, ret_image, NULL);
}

/* Whether the picture's own profile is that of sRGB: ours, or the one that cameras and editors write. */
static bool has_srgb_profile(VipsImage *image)
{
    static const char usual_name[] = "sRGB IEC61966-2.1";
    enum { NAME_WITHIN = 1024 };
    const void *profile, *ours;
    size_t size, ours_size;
    VipsBlob *blob = NULL;
    if (vips_image_get_blob(image, VIPS_META_ICC_NAME, &profile, &size) != 0)
        return false;
    if (memmem(profile, size < NAME_WITHIN ? size : NAME_WITHIN, usual_name,
               sizeof(usual_name) - 1))
        return true;
    if (vips_profile_load("srgb", &blob, NULL) != 0 || !blob)
        return false;
    ours = vips_blob_get(blob, &ours_size);
    bool same = size == ours_size && memcmp(profile, ours, size) == 0;
    vips_area_unref(VIPS_AREA(blob));
    return same;
}

/* Into 8-bit sRGB or sRGB with alpha, through the picture's own profile when it has a usable one.
 */
static int to_srgb(VipsImage *image, VipsImage **ret_image)
{
    bool has_profile = vips_image_get_typeof(image, VIPS_META_ICC_NAME) != 0;
    if ((has_profile && !has_srgb_profile(image)) || image->Type == VIPS_INTERPRETATION_CMYK) {
        if (vips_icc_transform(image, ret_image, "srgb", "embedded", TRUE, "input_profile",
                               image->Type == VIPS_INTERPRETATION_CMYK ? "cmyk" : "srgb", "intent",
                               VIPS_INTENT_RELATIVE, NULL) == 0)
            return 0;
        vips_error_clear();
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

/* How many times smaller the decoder itself can make the picture without going below a size. */
static int shrink_of(const char *type, const VipsImage *full, int width, int height)
{
    int shrink = 1,
        most = strcmp(type, "image/jpeg") == 0 || strcmp(type, "image/webp") == 0 ? 8 : 1;
    while (shrink < most && full->Xsize / (shrink * 2) >= width &&
           full->Ysize / (shrink * 2) >= height)
        shrink *= 2;
    return shrink;
}

/* The wanted size, shrunk while decoding where the format can. Takes over `full`. */
static VipsImage *open_shrunk(const char *type, const struct image_file *file, VipsImage *full,
                              double scale, enum image_fit fit)
{
    int width = (int)(full->Xsize * scale + 0.5), height = (int)(full->Ysize * scale + 0.5);
    width = width > 0 ? width : 1;
    height = height > 0 ? height : 1;
    int shrink = shrink_of(type, full, width, height);
    if (shrink > 1) {
        g_object_unref(full);
        full = open_as(type, file, shrink);
    }
    if (!full || (fit == IMAGE_FIT_LEAST && full->Xsize < 2 * width && full->Ysize < 2 * height))
        return full;
    return image_scale(full, width, height);
}

/* Turning reads columns, so the rows must lie in memory first. Takes over *image. */
static int turn(VipsImage **image, struct image_watch *watch)
{
    image_watch(*image, watch);
    VipsImage *memory = vips_image_copy_memory(*image);
    g_object_unref(*image);
    *image = memory;
    if (!memory)
        return -1;
    vips_image_set_progress(memory, FALSE);
    return apply(image, to_upright);
}

int image_file_decode(const struct image_file *file, const char *path, int fit_width,
                      int fit_height, enum image_fit fit, const struct media_monitor *monitor,
                      struct picture **ret_picture, struct err *err)
{
    static const change changes[] = {to_srgb, to_bytes, to_bands};
    struct image_watch watch = {.monitor = monitor};
    VipsImage *image = NULL;
    const char *type;
    int rc = open_checked(file, path, &image, &type, err);
    if (rc < 0)
        return rc;
    bool turned = is_turned(image);
    double scale = fit_scale(turned ? image->Ysize : image->Xsize,
                             turned ? image->Xsize : image->Ysize, fit_width, fit_height, fit);
    if (scale < 1)
        image = open_shrunk(type, file, image, scale, fit);
    bool sound = image != NULL;
    for (size_t i = 0; sound && i < sizeof(changes) / sizeof(changes[0]); i++)
        sound = apply(&image, changes[i]) == 0;
    bool is_turning = sound && vips_image_get_orientation(image) > 1;
    if (is_turning)
        sound = turn(&image, &watch) == 0;
    if (!sound) {
        if (image)
            g_object_unref(image);
        rc = image_fault(path, err);
        return watch.stopped ? err_set_default(err, ERR_CANCELLED) : rc;
    }
    /* What lies in memory is soon turned. */
    return image_render_watched(image, path, is_turning ? NULL : monitor, ret_picture, err);
}

bool image_file_is_plain_jpeg(const struct image_file *file, int *ret_width, int *ret_height)
{
    struct err err;
    VipsImage *image;
    const char *type;
    if (open_checked(file, "", &image, &type, &err) < 0)
        return false;
    bool plain = strcmp(type, "image/jpeg") == 0 && image->Type == VIPS_INTERPRETATION_sRGB &&
                 image->Bands == 3 && image->BandFmt == VIPS_FORMAT_UCHAR &&
                 vips_image_get_orientation(image) == 1 &&
                 (vips_image_get_typeof(image, VIPS_META_ICC_NAME) == 0 || has_srgb_profile(image));
    *ret_width = image->Xsize;
    *ret_height = image->Ysize;
    g_object_unref(image);
    return plain;
}

int image_probe(int fd, const char *path, struct image_info *ret_info, struct err *err)
{
    struct image_file file;
    VipsImage *image = NULL;
    const char *type;
    int rc = image_file_read(fd, path, &file, err);
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
    image_file_free(&file);
    return rc;
}

int image_load(int fd, const char *path, int fit_width, int fit_height, enum image_fit fit,
               struct picture **ret_picture, struct err *err)
{
    return image_load_watched(fd, path, fit_width, fit_height, fit, NULL, ret_picture, err);
}

int image_load_watched(int fd, const char *path, int fit_width, int fit_height, enum image_fit fit,
                       const struct media_monitor *monitor, struct picture **ret_picture,
                       struct err *err)
{
    struct image_file file;
    int rc = image_file_read(fd, path, &file, err);
    if (rc < 0)
        return rc;
    rc = image_file_decode(&file, path, fit_width, fit_height, fit, monitor, ret_picture, err);
    image_file_free(&file);
    return rc;
}

int image_load_bytes(const void *bytes, size_t size, const char *path, struct picture **ret_picture,
                     struct err *err)
{
    const struct image_file file = {bytes, size};
    return image_file_decode(&file, path, 0, 0, IMAGE_FIT_WITHIN, NULL, ret_picture, err);
}
