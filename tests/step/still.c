#include "still.h"

#include "shared/fault.h"
#include "shared/folder.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const uint8_t still_red[4] = {220, 30, 20, 255}, still_green[4] = {20, 180, 40, 255};
const uint8_t still_blue[4] = {30, 40, 220, 255}, still_grey[4] = {200, 200, 200, 255};
const uint8_t still_white[4] = {255, 255, 255, 255}, still_black[4] = {0, 0, 0, 255};
const uint8_t still_clear[4] = {0, 0, 0, 0};

void still_fill(struct picture *picture, int x, int y, int width, int height, const uint8_t *color)
{
    for (int row = y; row < y + height; row++) {
        for (int column = x; column < x + width; column++)
            memcpy(picture_at(picture, column, row), color, (size_t)picture->channels);
    }
}

struct picture *still_flat(int width, int height, int channels, const uint8_t *color)
{
    struct picture *picture = picture_new(width, height, channels);
    still_fill(picture, 0, 0, width, height, color);
    return picture;
}

void still_write(const char *name, const struct picture *picture, enum image_format format)
{
    int fd CLEANUP(fd) = folder_create(name);
    OK(image_save(picture, format, 95, fd, &fault));
}

void still_write_flat(const char *name, int width, int height, int channels, const uint8_t *color)
{
    struct picture *picture CLEANUP(picture) = still_flat(width, height, channels, color);
    still_write(name, picture, IMAGE_PNG);
}

struct picture *still_load(const char *path)
{
    int fd CLEANUP(fd) = open(path, O_RDONLY | O_CLOEXEC);
    struct picture *picture = NULL;
    assert_true(fd >= 0);
    OK(image_load(fd, path, 0, 0, IMAGE_FIT_WITHIN, &picture, &fault));
    return picture;
}

struct picture *still_result(const struct host *host, size_t index, const char *content_type,
                             int width, int height)
{
    assert_true(index < host->run.output_count);
    const struct step_output *output = &host->run.outputs[index];
    struct image_info info;
    struct picture *picture = NULL;
    assert_string_equal(output->content_type, content_type);
    OK(image_probe(output->fd, "result", &info, &fault));
    assert_string_equal(info.content_type, content_type);
    OK(image_load(output->fd, "result", 0, 0, IMAGE_FIT_WITHIN, &picture, &fault));
    assert_int_equal(picture->width, width);
    assert_int_equal(picture->height, height);
    assert_int_equal(output->width, width);
    assert_int_equal(output->height, height);
    return picture;
}

bool still_is(const struct picture *picture, int x, int y, const uint8_t *color, int slack)
{
    const uint8_t *pixel = picture_at(picture, x, y);
    for (int c = 0; c < picture->channels; c++) {
        if (abs(pixel[c] - color[c]) > slack)
            return false;
    }
    return true;
}

void still_check(const struct picture *picture, int x, int y, const uint8_t *color, int slack)
{
    const uint8_t *pixel = picture_at(picture, x, y);
    if (!still_is(picture, x, y, color, slack))
        fail_msg("at %d, %d: %d %d %d instead of %d %d %d", x, y, pixel[0], pixel[1], pixel[2],
                 color[0], color[1], color[2]);
}

void still_check_part(const struct picture *picture, int x, int y, int width, int height,
                      const uint8_t *color, int slack)
{
    for (int row = y; row < y + height; row++) {
        for (int column = x; column < x + width; column++)
            still_check(picture, column, row, color, slack);
    }
}
