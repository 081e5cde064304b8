/* Somebody or something cut out, laid over another picture. Any thread. */
#ifndef MEDIA_CUTOUT_H
#define MEDIA_CUTOUT_H

#include "media/picture.h"
#include <stdbool.h>

struct cutout {
    struct picture *matte;   /* 1 channel; NULL when there is nothing */
    struct picture *colours; /* RGB, the same size */
};

void cutout_finish(struct cutout *cutout); /* leaves it blank */

static inline void cleanup_cutout(struct cutout *cutout)
{
    cutout_finish(cutout);
}

struct cutout_box {
    int x, y, width, height; /* pixels */
};

/* What the matte covers by more than one in twenty; false when that is nothing. */
bool cutout_bounds(const struct picture *matte, struct cutout_box *ret_box);
/* The smallest box around both; a box of width 0 is none. */
struct cutout_box cutout_union(const struct cutout_box *a, const struct cutout_box *b);

/* Lays the part `from` of the cut-out over the RGB `base`, resized to fill `to`, which may lie partly outside. */
void cutout_lay(struct picture *base, const struct cutout *cutout, const struct cutout_box *from,
                const struct cutout_box *to);

/* RGBA of the whole; fully transparent pixels are black. New picture. */
struct picture *cutout_picture(const struct cutout *cutout);

#endif
