/*
 * The directions that the edges of a picture run in, as a hand with a brush would follow them, and means along them.
 */
#include "media/style/style.h"

#include <math.h>

/* Of the gradients, averaged around: xx, xy, yy. */
static struct raster *flow_tensor(const struct raster *luminance, float sigma)
{
    struct raster *tensor = raster_new(luminance->width, luminance->height, 3);
    for (int y = 0; y < tensor->height; y++) {
        float *to = raster_row(tensor, y);
        const float *row = raster_row(luminance, y);
        const float *above = raster_row(luminance, y > 0 ? y - 1 : y);
        const float *below = raster_row(luminance, y + 1 < tensor->height ? y + 1 : y);
        for (int x = 0; x < tensor->width; x++, to += 3) {
            float dx = row[x + 1 < tensor->width ? x + 1 : x] - row[x > 0 ? x - 1 : x];
            float dy = below[x] - above[x];
            to[0] = dx * dx;
            to[1] = dx * dy;
            to[2] = dy * dy;
        }
    }
    raster_blur(tensor, sigma);
    return tensor;
}

struct raster *style_flow(const struct raster *luminance, float sigma, uint32_t seed)
{
    struct raster *flow = flow_tensor(luminance, sigma);
    for (int y = 0; y < flow->height; y++) {
        float *at = raster_row(flow, y);
        for (int x = 0; x < flow->width; x++, at += 3) {
            float difference = at[0] - at[2],
                  apart = sqrtf(difference * difference + 4 * at[1] * at[1]);
            float strength = apart / (at[0] + at[2] + 1e-4f);
            /* Where nothing leads it the hand goes its own ways. */
            float own = 6.2831853f *
                        raster_smooth_noise((float)x / (sigma * 22), (float)y / (sigma * 22), seed);
            float angle = 0.5f * atan2f(2 * at[1], difference) + 1.5707963f;
            float lead = raster_smoothstep(0.05f, 0.35f, strength) *
                         raster_smoothstep(2e-5f, 4e-4f, at[0] + at[2]);
            /* Directions have no sign: they mix as doubled angles. */
            float cosine = cosf(2 * angle) * lead + cosf(own) * (1 - lead);
            float sine = sinf(2 * angle) * lead + sinf(own) * (1 - lead);
            float mixed = 0.5f * atan2f(sine, cosine);
            at[0] = cosf(mixed);
            at[1] = sinf(mixed);
            at[2] = lead;
        }
    }
    return flow;
}

struct along {
    const struct raster *flow, *source;
    struct raster *result;
    int steps;
    float step;
};

/* One half of the way from a pixel: adds what lies on it. */
static void along_half(const struct along *job, float x, float y, float sign, float *sums,
                       float *weight)
{
    int channels = job->source->channels;
    float before_x = 0, before_y = 0;
    for (int i = 1; i <= job->steps; i++) {
        int ix = (int)x, iy = (int)y;
        if (ix < 0 || iy < 0 || ix >= job->source->width || iy >= job->source->height)
            return;
        const float *flow = raster_row(job->flow, iy) + (size_t)ix * 3;
        float dx = flow[0] * sign, dy = flow[1] * sign;
        /* The flow has no sign: it goes on as it came. */
        if (i > 1 && dx * before_x + dy * before_y < 0) {
            dx = -dx;
            dy = -dy;
        }
        before_x = dx;
        before_y = dy;
        x += dx * job->step;
        y += dy * job->step;
        ix = (int)x;
        iy = (int)y;
        if (ix < 0 || iy < 0 || ix >= job->source->width || iy >= job->source->height)
            return;
        const float *from = raster_row(job->source, iy) + (size_t)ix * (size_t)channels;
        float w = 1 - (float)i / (float)(job->steps + 1);
        for (int c = 0; c < channels; c++)
            sums[c] += from[c] * w;
        *weight += w;
    }
}

static void along_band(void *context, int first, int last)
{
    const struct along *job = context;
    int channels = job->source->channels;
    for (int y = first; y < last; y++) {
        for (int x = 0; x < job->source->width; x++) {
            const float *here = raster_row(job->source, y) + (size_t)x * (size_t)channels;
            float *to = raster_row(job->result, y) + (size_t)x * (size_t)channels;
            float sums[4], weight = 1;
            for (int c = 0; c < channels; c++)
                sums[c] = here[c];
            along_half(job, (float)x + 0.5f, (float)y + 0.5f, 1, sums, &weight);
            along_half(job, (float)x + 0.5f, (float)y + 0.5f, -1, sums, &weight);
            for (int c = 0; c < channels; c++)
                to[c] = sums[c] / weight;
        }
    }
}

struct raster *style_along(const struct raster *source, const struct raster *flow, int steps,
                           float step)
{
    struct along job = {flow, source, raster_new(source->width, source->height, source->channels),
                        steps, step};
    raster_bands(source->height, along_band, &job);
    return job.result;
}
