/* Where a picture has something in it: inside its transparent or even border. Any thread. */
#ifndef MEDIA_CONTENT_H
#define MEDIA_CONTENT_H

#include "media/cutout.h"

/* The smallest box with everything that is not border. Of a picture with transparent places (RGBA), what is less opaque than
 * `threshold` (0..1) is border; else lines at each side that differ from the side's own colour by no more than it, but for a few
 * pixels. `ret_border` is what to continue the border with: RGBA. False, and the whole as the box, when all is border. */
bool content_find(const struct picture *picture, double threshold, struct cutout_box *ret_box,
                  uint8_t ret_border[4]);

/* The part, which may lie partly outside, where `border` goes on. Same channels. New picture. */
struct picture *content_cut(const struct picture *picture, const struct cutout_box *box,
                            const uint8_t border[4]);

#endif
