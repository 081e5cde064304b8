/*
 * What a layer covers: whether a rectangle of it has anything in it, and whether one sees through it anywhere. So that what is
 * hidden is not rendered and what is empty is not blended. Any thread once it is made.
 */
#ifndef MEDIA_PARALLAX_COVER_H
#define MEDIA_PARALLAX_COVER_H

#include "media/parallax_rows.h"

enum parallax_cover {
    PARALLAX_COVER_NONE, /* everything is transparent */
    PARALLAX_COVER_PART,
    PARALLAX_COVER_WHOLE /* everything is opaque */
};

/* Over tiles of the sheet: how many above and left of a corner have anything in them, and how many are not opaque. */
struct parallax_tiles {
    int columns, rows;
    uint32_t *seen, *open; /* (columns + 1) * (rows + 1) each */
};

void parallax_tiles_init(struct parallax_tiles *tiles, const struct sheet *sheet);
void parallax_tiles_finish(struct parallax_tiles *tiles);

/* Of the pixels left..right, top..bottom, both included, on tiles that may be a little larger. Beyond the sheet its edge goes on. */
enum parallax_cover parallax_tiles_cover(const struct parallax_tiles *tiles, int left, int top,
                                         int right, int bottom);

#endif
