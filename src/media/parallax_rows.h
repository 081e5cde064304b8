/*
 * The inner loops of parallax.c: rows of pixels through the camera, and what every pixel goes through at the end. The same
 * numbers come out on every processor. Pure, any thread.
 */
#ifndef MEDIA_PARALLAX_ROWS_H
#define MEDIA_PARALLAX_ROWS_H

#include <stdint.h>

/* Pixels are four bytes: red, green, blue and alpha (premultiplied) or nothing. */
struct sheet {
    /* with one more row below and SHEET_SPARE pixels, which are read and never seen */
    uint32_t *pixels;
    int width, height;
    int left, top, right, bottom; /* what is not transparent */
};

enum { SHEET_SPARE = 32, ROWS_BLOCK = 8 };

/* `count` pixels, rounded up to four, from a run through the sheet: from x, y in 16.16 fixed point. Beyond the sheet its edge
 * goes on. `to` takes the rounded count. */
void rows_sheet(const struct sheet *sheet, int32_t x, int32_t y, int32_t step_x, int32_t step_y,
                int count, uint32_t *to);

/* How a row ends: brightness in 1/256 for every block of eight pixels, and grain for each byte of them. */
struct rows_finish {
    const uint16_t *gains; /* `blocks` of them, at most 256 */
    const int8_t *grain;   /* `grain_blocks` blocks of 32 bytes, repeated */
    int blocks, grain_start, grain_blocks;
};

/* In place. */
void rows_finish(const struct rows_finish *finish, uint32_t *row);
/* `width` pixels without their fourth byte. */
void rows_rgb(const uint32_t *row, int width, uint8_t *rgb);
/* Two rows to limited-range BT.709, two by two pixels sharing their chroma. Whole blocks are written. */
void rows_yuv(const uint32_t *upper, const uint32_t *lower, int blocks, uint8_t *upper_y,
              uint8_t *lower_y, uint8_t *u, uint8_t *v);

#endif
