#include "media/restyle.h"

#include "base/arena.h"
#include "media/raster.h"
#include "media/style/style.h"

#include <math.h>
#include <string.h>

/*
 * DESIGN. The painter nets take seconds a frame. Here colours are flattened between edges, which a brush does too, on a copy of some
 * hundred thousand pixels. What makes such frames flicker is noise that tips a place to one side or the other; so each
 * place goes towards its new colour only as far as the frame has changed there against what was shown.
 */
struct restyle_stream {
    struct restyle_manner own, wanted;
    struct raster *seen;    /* of the frames, without their noise; NULL before the first */
    struct raster *painted; /* as it was shown */
};

static const double restyle_stream_pixels = 5e5;
/* Brush and steps of brightness, as oil has them; lengths at 1024 pixels. */
static const float restyle_stream_brush = 7, restyle_stream_range = 0.09f;
/* Changes that are noise for certain, and for certain none; how far a place goes for noise. */
static const float restyle_stream_noise = 0.04f, restyle_stream_change = 0.11f,
                   restyle_stream_least = 0.12f;

struct restyle_stream *restyle_stream_new(const struct restyle_manner *own,
                                          const struct restyle_manner *wanted)
{
    struct restyle_stream *stream = mem_alloc(sizeof(*stream));
    stream->own = *own;
    stream->wanted = *wanted;
    return stream;
}

void restyle_stream_free(struct restyle_stream *stream)
{
    if (!stream)
        return;
    raster_free(stream->seen);
    raster_free(stream->painted);
    free(stream);
}

static float largest_change(const float *a, const float *b)
{
    return fmaxf(fabsf(a[0] - b[0]), fmaxf(fabsf(a[1] - b[1]), fabsf(a[2] - b[2])));
}

/* What was seen and painted before goes towards what is now. */
static void settle(struct restyle_stream *stream, const struct raster *now,
                   const struct raster *painted)
{
    size_t count = (size_t)now->width * (size_t)now->height;
    for (size_t i = 0; i < 3 * count; i += 3) {
        float *seen = stream->seen->values + i, *shown = stream->painted->values + i;
        float change = raster_smoothstep(restyle_stream_noise, restyle_stream_change,
                                         largest_change(now->values + i, seen));
        float part = restyle_stream_least + (1 - restyle_stream_least) * change;
        for (int c = 0; c < 3; c++) {
            seen[c] += (now->values[i + (size_t)c] - seen[c]) * part;
            shown[c] += (painted->values[i + (size_t)c] - shown[c]) * part;
        }
    }
}

void restyle_stream_next(struct restyle_stream *stream, struct picture *frame)
{
    double pixels = (double)frame->width * frame->height;
    double factor = fmin(1, sqrt(restyle_stream_pixels / pixels));
    int width = (int)fmax(1, lrint(frame->width * factor));
    int height = (int)fmax(1, lrint(frame->height * factor));
    const struct raster_part whole = {0, 0, frame->width, frame->height, false};
    struct raster *now = raster_sample(frame, &whole, width, height, RASTER_AS_IS);
    struct raster *painted = raster_copy(now);
    float longer = (float)(width > height ? width : height);
    style_flatten(painted, restyle_stream_brush * longer / 1024, restyle_stream_range);
    if (stream->seen) {
        settle(stream, now, painted);
        raster_free(now);
        raster_free(painted);
    } else {
        stream->seen = now;
        stream->painted = painted;
    }
    struct raster *large = raster_resize(stream->painted, frame->width, frame->height);
    struct picture *picture CLEANUP(picture) = raster_picture(large, RASTER_AS_IS);
    raster_free(large);
    memcpy(frame->pixels, picture->pixels, (size_t)pixels * 3);
    restyle_colours(frame, &stream->own, &stream->wanted);
}
