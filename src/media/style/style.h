/*
 * Styles: a picture drawn, printed or cut out. A style is a row in styles.def and a file that ends in its descriptor. All lengths scale
 * with the longer side; faces are treated more gently than the rest; a person stands out from the background
 * where that helps. One thread at a time (two work inside).
 */
#ifndef MEDIA_STYLE_STYLE_H
#define MEDIA_STYLE_STYLE_H

#include "base/err.h"
#include "media/monitor.h"
#include "media/picture.h"
#include "media/raster.h"
#include "media/scene.h"

enum { STYLE_FACES_MAX = 8 };

struct style_face {
    double x, y, width, height; /* upper left corner and size, pixels */
};

struct style_job {
    const struct picture *photo; /* RGB, the size of the result */
    const struct picture *matte; /* 1 channel, the same size; NULL when there is no person */
    struct style_face faces[STYLE_FACES_MAX];
    size_t face_count;
    float strength; /* 0..1: how far from the photo */
    uint32_t seed;
    bool transparent; /* where the style can leave the background out */
    const struct media_assets *assets;
    const struct media_monitor *monitor;
    const char **
        note; /* NULL, or where a static sentence goes when something was missing and done otherwise */
};

enum style_framing {
    STYLE_CROPS,    /* fills the frame with the photo */
    STYLE_CUTS_OUT, /* shows the whole person on a ground of its own; `matte` is 0 outside the photo */
    STYLE_SKETCHES /* the same, but near enough that the face counts; the rest may leave the page */
};

struct style {
    const char *name, *label;
    const char *words; /* of prompts, separated by | */
    enum style_framing framing;
    /* RGB or RGBA of the photo's size. ERR_CANCELLED. */
    int (*run)(const struct style_job *job, struct picture **ret_picture, struct err *err);
};

extern const struct style *const styles[];
extern const size_t style_count;

const struct style *style_find(const char *name); /* NULL when there is none */
const struct style *
style_match(const char *text); /* the longest of the words in the text, or NULL */

/* --- what styles are made of; rasters hold encoded values 0..1 (RASTER_AS_IS) --- */

/* Progress of a style, 0..1. */
int style_progress(const struct style_job *job, double fraction, struct err *err);
/* Scale of lengths: 1 at 1024 pixels. */
float style_scale(const struct style_job *job);
struct raster *style_photo(const struct style_job *job);
/* 1 channel 0..1: the matte, or 1 everywhere. */
struct raster *style_matte(const struct style_job *job);
/* 1 channel: 1 inside faces, falling off softly around. */
struct raster *style_faces(const struct style_job *job);
struct raster *style_luminance(const struct raster *rgb);
/* Spreads tones (1 channel) over the whole range: `share` of what `matte` covers ends as black and as much as white. In place. */
void style_stretch(struct raster *tone, const struct raster *matte, float share);
/* Smooths what differs by less than `range`, keeps edges; `space` in pixels. In place, RGB. */
void style_flatten(struct raster *rgb, float space, float range);
/* Dark lines where the luminance dips: 1 channel, 0 paper .. 1 ink. `width` in pixels, `threshold` the depth of a dip. */
struct raster *style_lines(const struct raster *luminance, float width, float threshold);
/* Erases connected pieces (values over one half) smaller than `area` pixels. */
void style_drop_specks(struct raster *ink, int area);
/* Pixels from the nearest place where the mask is over one half, 0 inside; at most `most`. */
struct raster *style_distance(const struct raster *mask, float most);
/* Soft steps: `bands` of them over 0..1, `hardness` from 1 (hardly) to 12 (flat). */
float style_band(float value, float bands, float hardness);
/* The directions of edges around, `sigma` pixels wide: cosine, sine and how much the picture leads (0: the seed does). */
struct raster *style_flow(const struct raster *luminance, float sigma, uint32_t seed);
/* Weighted means along the flow, `steps` of `step` pixels to both sides; up to 4 channels. */
struct raster *style_along(const struct raster *source, const struct raster *flow, int steps,
                           float step);
/* 0..1: the strokes of a hatch that runs along `angle` (radians), `width` across; long noise along, short noise across, and the hand's
 * wobble. x, y and `width` in pixels at scale 1. */
float style_hatch(float x, float y, float angle, float width, uint32_t seed);
/* `ground` (the person's matte) becomes how much is drawn: behind the person the page stays nearly white, and where the photo or
 * the page ends, the drawing runs out raggedly. In place. */
void style_run_out(struct raster *ground, float scale, uint32_t seed);
/* The photo as a cartoon: flat tones, cleaned colours, drawn contours. RGB. `person`: only that is wanted, the rest may be black. */
int style_cartoon_draw(const struct style_job *job, bool person, struct raster **ret_rgb,
                       struct err *err);

#endif
