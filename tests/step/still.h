/*
 * Stills of the tests of steps: drawing the given ones, looking at the made ones. Colours are the values of red, green, blue
 * and alpha, of which a picture takes as many as it has channels. A fault fails the cmocka test that runs. One thread.
 */
#ifndef TESTS_STEP_STILL_H
#define TESTS_STEP_STILL_H

#include "host.h"
#include "media/image.h"

extern const uint8_t still_red[4], still_green[4], still_blue[4], still_grey[4], still_white[4],
    still_black[4], still_clear[4];

/* --- drawing: what is returned is the caller's, NAME lies in the test's folder --- */

void still_fill(struct picture *picture, int x, int y, int width, int height, const uint8_t *color);
struct picture *still_flat(int width, int height, int channels, const uint8_t *color);
void still_write(const char *name, const struct picture *picture, enum image_format format);
void still_write_flat(const char *name, int width, int height, int channels, const uint8_t *color);

/* --- looking: `slack` is how far each value may be off --- */

struct picture *still_load(const char *path);
/* A result that is a still: the record and the file agree with what is expected. The caller's. */
struct picture *still_result(const struct host *host, size_t index, const char *content_type,
                             int width, int height);
bool still_is(const struct picture *picture, int x, int y, const uint8_t *color, int slack);
void still_check(const struct picture *picture, int x, int y, const uint8_t *color, int slack);
/* Every pixel of a rectangle. */
void still_check_part(const struct picture *picture, int x, int y, int width, int height,
                      const uint8_t *color, int slack);

#endif
