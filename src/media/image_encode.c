#include "media/image_internal.h"

#include "base/arena.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

const char *image_format_content_type(enum image_format format)
{
    return format == IMAGE_PNG ? "image/png" : format == IMAGE_JPEG ? "image/jpeg" : "image/webp";
}

static VipsImage *flattened(VipsImage *image)
{
    VipsImage *flat = NULL;
    VipsArrayDouble *white = vips_array_double_newv(3, 255.0, 255.0, 255.0);
    if (vips_flatten(image, &flat, "background", white, NULL) != 0)
        abort(); /* out of memory, the only cause */
    vips_area_unref(VIPS_AREA(white));
    g_object_unref(image);
    return flat;
}

int image_save_bytes(const struct picture *picture, enum image_format format, int quality,
                     void **ret_bytes, size_t *ret_size, struct err *err)
{
    VipsImage *image = image_view(picture);
    void *bytes = NULL;
    int rc;
    if (format == IMAGE_JPEG && picture->channels == 4)
        image = flattened(image);
    if (format == IMAGE_PNG)
        rc = vips_pngsave_buffer(image, &bytes, ret_size, "compression", 4, "filter",
                                 VIPS_FOREIGN_PNG_FILTER_SUB, "strip", TRUE, NULL);
    else if (format == IMAGE_JPEG)
        rc = vips_jpegsave_buffer(image, &bytes, ret_size, "Q", quality, "optimize_coding", TRUE,
                                  "strip", TRUE, NULL);
    else
        rc = vips_webpsave_buffer(image, &bytes, ret_size, "Q", quality, "effort", 4, "strip", TRUE, NULL);
    g_object_unref(image);
    if (rc != 0) {
        image_forget_fault();
        return err_set(err, ERR_INTERNAL, NULL, "The picture could not be encoded.");
    }
    *ret_bytes = mem_dup(bytes, *ret_size);
    g_free(bytes);
    return 0;
}

int image_save(const struct picture *picture, enum image_format format, int quality, int fd,
               struct err *err)
{
    CLEANUP(free) void *bytes = NULL;
    size_t size;
    int rc = image_save_bytes(picture, format, quality, &bytes, &size, err);
    if (rc < 0)
        return rc;
    bool failed = ftruncate(fd, 0) < 0 || lseek(fd, 0, SEEK_SET) < 0;
    for (size_t done = 0; !failed && done < size;) {
        ssize_t written = write(fd, (const char *)bytes + done, size - done);
        if (written < 0 && errno != EINTR)
            failed = true;
        done += written > 0 ? (size_t)written : 0;
    }
    return failed ? err_set(err, ERR_STORAGE, NULL, "The result could not be written: %s.", strerror(errno))
                  : 0;
}
