/* What the tests of stills share: a picture of four colours, files of it that libvips writes, and
 * looking at pixels. */
#ifndef TESTS_UNIT_IMAGE_FIXTURE_H
#define TESTS_UNIT_IMAGE_FIXTURE_H

#include "media/image.h"
#include "shared/fault.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <vips/vips.h>

enum { WIDTH = 96, HEIGHT = 64 };
static const uint8_t red[4] = {230, 30, 20, 255}, green[4] = {20, 180, 40, 255};
static const uint8_t blue[4] = {30, 40, 220, 255}, grey[4] = {200, 200, 200, 255};

#define VIPS(call)                                                                                 \
    do {                                                                                           \
        if ((call) != 0)                                                                           \
            fail_msg("%s: %s", #call, vips_error_buffer());                                        \
    } while (0)

struct bytes {
    void *at;
    size_t size;
};

/* --- making files --- */

/* Red and green above, blue and grey below. */
static inline struct picture *quarters(int channels)
{
    struct picture *picture = picture_new(WIDTH, HEIGHT, channels);
    for (int y = 0; y < HEIGHT; y++) {
        for (int x = 0; x < WIDTH; x++) {
            const uint8_t *color =
                y < HEIGHT / 2 ? (x < WIDTH / 2 ? red : green) : (x < WIDTH / 2 ? blue : grey);
            memcpy(picture_at(picture, x, y), color, (size_t)channels);
        }
    }
    return picture;
}

static inline VipsImage *source_image(const struct picture *picture)
{
    VipsImage *image = vips_image_new_from_memory_copy(
        picture->pixels,
        (size_t)picture->width * (size_t)picture->height * (size_t)picture->channels,
        picture->width, picture->height, picture->channels, VIPS_FORMAT_UCHAR);
    VipsImage *tagged = NULL;
    VIPS(vips_copy(image, &tagged, "interpretation", VIPS_INTERPRETATION_sRGB, NULL));
    g_object_unref(image);
    return tagged;
}

static inline VipsImage *quarters_image(void)
{
    struct picture *picture CLEANUP(picture) = quarters(3);
    return source_image(picture);
}

/* Takes over `image`; `suffix` names the saver and its options. */
static inline struct bytes saved(VipsImage *image, const char *suffix)
{
    struct bytes bytes = {0};
    if (vips_image_write_to_buffer(image, suffix, &bytes.at, &bytes.size, NULL) != 0)
        fail_msg("%s: %s", suffix, vips_error_buffer());
    g_object_unref(image);
    return bytes;
}

static inline struct picture *load(struct bytes bytes)
{
    struct picture *picture = NULL;
    OK(image_load_bytes(bytes.at, bytes.size, "/image_url", &picture, &fault));
    return picture;
}

static inline int file_of(struct bytes bytes)
{
    int fd = memfd_create("file", 0);
    assert_int_equal(write(fd, bytes.at, bytes.size), (ssize_t)bytes.size);
    return fd;
}

/* --- judging --- */

static inline void check_at(const struct picture *picture, double x, double y, const uint8_t *color,
                            int slack)
{
    const uint8_t *pixel =
        picture_at(picture, (int)(x * picture->width), (int)(y * picture->height));
    for (int c = 0; c < 3; c++) {
        if (abs(pixel[c] - color[c]) > slack)
            fail_msg("at %g, %g: %d %d %d instead of %d %d %d", x, y, pixel[0], pixel[1], pixel[2],
                     color[0], color[1], color[2]);
    }
}

static inline void check_quarters(const struct picture *picture, int slack)
{
    check_at(picture, 0.25, 0.25, red, slack);
    check_at(picture, 0.75, 0.25, green, slack);
    check_at(picture, 0.25, 0.75, blue, slack);
    check_at(picture, 0.75, 0.75, grey, slack);
}

#endif
