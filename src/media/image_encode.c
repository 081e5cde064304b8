#include "media/image_internal.h"

#include "base/buffer.h"
#include "base/cleanup.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

const char *image_format_content_type(enum image_format format)
{
    return format == IMAGE_PNG ? "image/png" : format == IMAGE_JPEG ? "image/jpeg" : "image/webp";
}

/*
 * How files say that they are sRGB. libvips marks none of those that it strips of metadata: PNG
 * gets a chunk (length, type, perceptual intent, checksum) behind its header, JPEG the JFIF segment
 * and the profile behind its first marker. WebP without a profile is sRGB by definition.
 */
enum { PNG_HEADER = 33, JPEG_START = 2 };
static const char png_srgb[] = "\0\0\0\1sRGB\0\xae\xce\x1c\xe9";
static const char jpeg_jfif[] = "\xff\xe0\0\x10JFIF\0\1\1\1\0\x48\0\x48\0\0"; /* 72 dots per inch */
static const char jpeg_profile_name[] = "ICC_PROFILE\0\1\1";                  /* part 1 of 1 */

static void append_jpeg_mark(struct buffer *b, bool has_colour)
{
    buffer_append(b, jpeg_jfif, sizeof(jpeg_jfif) - 1);
    VipsBlob *profile = NULL;
    if (!has_colour || vips_profile_load("srgb", &profile, NULL) != 0 || !profile)
        return;
    size_t profile_size;
    const void *bytes = vips_blob_get(profile, &profile_size);
    size_t segment = 2 + sizeof(jpeg_profile_name) - 1 + profile_size;
    assert(segment <= 0xffff);
    buffer_append(b, "\xff\xe2", 2);
    buffer_append_char(b, (char)(segment >> 8));
    buffer_append_char(b, (char)(segment & 0xff));
    buffer_append(b, jpeg_profile_name, sizeof(jpeg_profile_name) - 1);
    buffer_append(b, bytes, profile_size);
    vips_area_unref(VIPS_AREA(profile));
}

/* Of a JFIF segment that the encoder wrote itself, in place of which comes ours; 0 without one. */
static size_t jfif_size(const uint8_t *bytes, size_t size)
{
    enum { MARKER = 2, SEGMENT = 18 };
    return size > SEGMENT && memcmp(bytes, jpeg_jfif, MARKER) == 0 ? SEGMENT : 0;
}

/* libvips adds EXIF to WebP even when it is to strip: copies all chunks but that one. */
static void *without_exif(const uint8_t *bytes, size_t *size)
{
    enum { RIFF_HEADER = 12, CHUNK_HEADER = 8, HAS_EXIF = 8 };
    struct buffer b = {0};
    buffer_append(&b, bytes, RIFF_HEADER);
    for (size_t at = RIFF_HEADER; at + CHUNK_HEADER <= *size;) {
        const uint8_t *length = bytes + at + 4;
        size_t whole = CHUNK_HEADER + (length[0] | (size_t)length[1] << 8 |
                                       (size_t)length[2] << 16 | (size_t)length[3] << 24);
        whole += whole & 1;
        assert(whole <= *size - at);
        size_t start = b.size;
        if (memcmp(bytes + at, "EXIF", 4) != 0)
            buffer_append(&b, bytes + at, whole);
        if (memcmp(bytes + at, "VP8X", 4) == 0)
            b.bytes[start + CHUNK_HEADER] &= ~HAS_EXIF;
        at += whole;
    }
    size_t content = b.size - CHUNK_HEADER;
    for (int i = 0; i < 4; i++)
        b.bytes[4 + i] = (char)(content >> (8 * i) & 0xff);
    return buffer_take(&b, size);
}

void *image_mark(const void *bytes, size_t *size, enum image_format format, bool has_colour)
{
    if (format == IMAGE_WEBP)
        return without_exif(bytes, size);
    struct buffer b = {0};
    size_t at = format == IMAGE_PNG ? PNG_HEADER : JPEG_START;
    assert(*size > at);
    buffer_reserve(&b, *size);
    buffer_append(&b, bytes, at);
    if (format == IMAGE_JPEG)
        at += jfif_size((const uint8_t *)bytes + at, *size - at);
    if (format == IMAGE_PNG)
        buffer_append(&b, png_srgb, sizeof(png_srgb) - 1);
    else
        append_jpeg_mark(&b, has_colour);
    buffer_append(&b, (const char *)bytes + at, *size - at);
    return buffer_take(&b, size);
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

static int save_bytes(const struct picture *picture, enum image_format format, int quality,
                      const struct media_monitor *monitor, void **ret_bytes, size_t *ret_size,
                      struct err *err)
{
    struct image_watch watch = {.monitor = monitor};
    VipsImage *image = image_view(picture);
    image_watch(image, &watch);
    void *bytes = NULL;
    int rc;
    if (format == IMAGE_JPEG && picture->channels == 4)
        image = flattened(image);
    if (format == IMAGE_PNG)
        rc = vips_pngsave_buffer(image, &bytes, ret_size, "compression", 2, "filter",
                                 VIPS_FOREIGN_PNG_FILTER_SUB, "strip", TRUE, NULL);
    else if (format == IMAGE_JPEG)
        rc = vips_jpegsave_buffer(image, &bytes, ret_size, "Q", quality, "optimize_coding", TRUE,
                                  "strip", TRUE, NULL);
    else
        rc = vips_webpsave_buffer(image, &bytes, ret_size, "Q", quality, "effort", 2, "strip", TRUE,
                                  NULL);
    g_object_unref(image);
    if (rc != 0) {
        vips_error_clear();
        return watch.stopped
                   ? err_set_default(err, ERR_CANCELLED)
                   : err_set(err, ERR_INTERNAL, NULL, "The picture could not be encoded.");
    }
    *ret_bytes = image_mark(bytes, ret_size, format, picture->channels > 1);
    g_free(bytes);
    return 0;
}

int image_save_bytes(const struct picture *picture, enum image_format format, int quality,
                     void **ret_bytes, size_t *ret_size, struct err *err)
{
    return save_bytes(picture, format, quality, NULL, ret_bytes, ret_size, err);
}

int image_write(const void *bytes, size_t size, int fd, struct err *err)
{
    bool failed = ftruncate(fd, 0) < 0 || lseek(fd, 0, SEEK_SET) < 0;
    for (size_t done = 0; !failed && done < size;) {
        ssize_t written = write(fd, (const char *)bytes + done, size - done);
        if (written < 0 && errno != EINTR)
            failed = true;
        done += written > 0 ? (size_t)written : 0;
    }
    return failed ? err_set(err, ERR_STORAGE, NULL, "The result could not be written: %s.",
                            strerror(errno))
                  : 0;
}

int image_save(const struct picture *picture, enum image_format format, int quality, int fd,
               struct err *err)
{
    return image_save_watched(picture, format, quality, fd, NULL, err);
}

int image_save_watched(const struct picture *picture, enum image_format format, int quality, int fd,
                       const struct media_monitor *monitor, struct err *err)
{
    CLEANUP(free) void *bytes = NULL;
    size_t size;
    int rc = save_bytes(picture, format, quality, monitor, &bytes, &size, err);
    return rc < 0 ? rc : image_write(bytes, size, fd, err);
}
