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
};

enum {
    SHEET_SPARE = 32,
    ROWS_CELL = 16, /* pixels */
    ROWS_BLOCK = 8
};

/* A row of cells. Cell i shows where the sheet is between corner i and corner i + 1, in 16.16 fixed point; beyond the sheet its
 * edge goes on. Cells that are not wanted are left as they are. */
struct rows_cells {
    const struct sheet *sheet;
    const int32_t *x, *y;  /* count + 1 corners, at most 16000 pixels from the sheet's */
    const uint8_t *wanted; /* 0 or 1 for each cell */
    int count;
};

/* How a row ends: brightness in 1/256 for every block of eight pixels, and grain for each byte of them. */
struct rows_finish {
    const uint16_t *gains; /* `blocks` of them, at most 256 */
    const int8_t *grain;   /* `grain_blocks` blocks of 32 bytes, repeated */
    int blocks, grain_start, grain_blocks;
};

/* Two rows of an encoder's frame, limited-range BT.709: two by two pixels share their chroma. Whole blocks are written. */
struct rows_planes {
    uint8_t *upper_y, *lower_y, *u, *v;
};

void rows_cells(const struct rows_cells *cells, uint32_t *to);
/* In place. */
void rows_finish(const struct rows_finish *finish, uint32_t *row);
/* `width` pixels without their fourth byte. */
void rows_rgb(const uint32_t *row, int width, uint8_t *rgb);
/* Finishes two rows into planes; the rows may be changed. `lower` has the blocks of `upper`. */
void rows_planes(const struct rows_finish *upper, uint32_t *upper_row,
                 const struct rows_finish *lower, uint32_t *lower_row,
                 const struct rows_planes *planes);

/* The two that take most of the time, once for any processor and, where this one can, once for it: the same bytes. */
struct rows_way {
    void (*cells)(const struct rows_cells *cells, uint32_t *to);
    void (*planes)(const struct rows_finish *upper, uint32_t *upper_row,
                   const struct rows_finish *lower, uint32_t *lower_row,
                   const struct rows_planes *planes);
};
extern const struct rows_way rows_way_plain;
/* NULL when the processor cannot. */
const struct rows_way *rows_way_avx2(void);

/* BT.709 in limited range: lightness in 1/256, which is right to a third of a value, colour in 1/65536. */
enum {
    ROWS_Y_RED = 47,
    ROWS_Y_GREEN = 157,
    ROWS_Y_BLUE = 16,
    ROWS_U_RED = -6596,
    ROWS_U_GREEN = -22189,
    ROWS_U_BLUE = 28784,
    ROWS_V_RED = 28784,
    ROWS_V_GREEN = -26145,
    ROWS_V_BLUE = -2639,
    ROWS_HALF = 1 << 15
};

/* Of either way: a cell that lies partly outside, from x, y on. */
void rows_cell_outside(const struct sheet *sheet, int32_t x, int32_t y, int32_t step_x,
                       int32_t step_y, uint32_t *to);

#endif
