#include "media/raster.h"

#include "base/arena.h"

#include <assert.h>
#include <math.h>
#include <pthread.h>
#include <string.h>

enum { ENCODE_STEPS = 4096 };

static float linear_table[256];
static float encode_table[ENCODE_STEPS + 1]; /* over the square root, which keeps the darks apart */
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

static void tables_fill(void)
{
    for (int i = 0; i < 256; i++) {
        double v = i / 255.0;
        linear_table[i] = (float)(v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4));
    }
    for (int i = 0; i <= ENCODE_STEPS; i++) {
        double root = (double)i / ENCODE_STEPS;
        double v = root * root;
        v = v <= 0.0031308 ? v * 12.92 : 1.055 * pow(v, 1 / 2.4) - 0.055;
        encode_table[i] = (float)(v * 255);
    }
}

const float *raster_linear_table(void)
{
    pthread_once(&tables_once, tables_fill);
    return linear_table;
}

float raster_encode(float linear)
{
    pthread_once(&tables_once, tables_fill);
    float position = sqrtf(raster_clamp(linear, 0, 1)) * ENCODE_STEPS;
    int index = (int)position;
    if (index >= ENCODE_STEPS)
        return encode_table[ENCODE_STEPS];
    float part = position - (float)index;
    return encode_table[index] + (encode_table[index + 1] - encode_table[index]) * part;
}

struct raster *raster_new(int width, int height, int channels)
{
    assert(width > 0 && height > 0 && channels > 0 && channels <= RASTER_CHANNELS_MAX);
    assert((size_t)width * (size_t)height <= PICTURE_PIXELS_MAX);
    struct raster *raster = mem_alloc(sizeof(*raster));
    raster->width = width;
    raster->height = height;
    raster->channels = channels;
    raster->values = mem_array((size_t)width * (size_t)height, sizeof(float) * (size_t)channels);
    return raster;
}

struct raster *raster_copy(const struct raster *source)
{
    struct raster *raster = mem_dup(source, sizeof(*source));
    size_t count = (size_t)source->width * (size_t)source->height * (size_t)source->channels;
    raster->values = mem_dup(source->values, count * sizeof(float));
    return raster;
}

void raster_free(struct raster *raster)
{
    if (!raster)
        return;
    free(raster->values);
    free(raster);
}

float raster_at(const struct raster *raster, float x, float y, int channel)
{
    x = raster_clamp(x, 0, (float)(raster->width - 1));
    y = raster_clamp(y, 0, (float)(raster->height - 1));
    int x0 = (int)x, y0 = (int)y;
    int x1 = x0 + 1 < raster->width ? x0 + 1 : x0;
    int y1 = y0 + 1 < raster->height ? y0 + 1 : y0;
    float fx = x - (float)x0, fy = y - (float)y0;
    const float *a = raster_row(raster, y0), *b = raster_row(raster, y1);
    int c = raster->channels;
    float top = a[x0 * c + channel] + (a[x1 * c + channel] - a[x0 * c + channel]) * fx;
    float low = b[x0 * c + channel] + (b[x1 * c + channel] - b[x0 * c + channel]) * fx;
    return top + (low - top) * fy;
}

void raster_at3(const struct raster *raster, float x, float y, float ret[3])
{
    x = raster_clamp(x, 0, (float)(raster->width - 1));
    y = raster_clamp(y, 0, (float)(raster->height - 1));
    int x0 = (int)x, y0 = (int)y, channels = raster->channels;
    int next = x0 + 1 < raster->width ? channels : 0;
    float fx = x - (float)x0, fy = y - (float)y0;
    const float *a = raster_row(raster, y0) + x0 * channels;
    const float *b = y0 + 1 < raster->height ? a + (size_t)raster->width * (size_t)channels : a;
    for (int c = 0; c < 3; c++) {
        float top = a[c] + (a[next + c] - a[c]) * fx, low = b[c] + (b[next + c] - b[c]) * fx;
        ret[c] = top + (low - top) * fy;
    }
}

void raster_line(const struct raster *raster, float y, float *ret_line)
{
    y = raster_clamp(y, 0, (float)(raster->height - 1));
    int y0 = (int)y, y1 = y0 + 1 < raster->height ? y0 + 1 : y0;
    float part = y - (float)y0;
    const float *a = raster_row(raster, y0), *b = raster_row(raster, y1);
    size_t count = (size_t)raster->width * (size_t)raster->channels;
    for (size_t i = 0; i < count; i++)
        ret_line[i] = a[i] + (b[i] - a[i]) * part;
}

/* --- row bands ---------------------------------------------------------------------------------
 */

struct band {
    void (*work)(void *context, int first, int last);
    void *context;
    int first, last;
};

static void *band_main(void *argument)
{
    struct band *band = argument;
    band->work(band->context, band->first, band->last);
    return NULL;
}

void raster_bands(int rows, void (*work)(void *context, int first, int last), void *context)
{
    struct band other = {work, context, rows / 2, rows};
    pthread_t thread;
    bool started = rows >= 32 && pthread_create(&thread, NULL, band_main, &other) == 0;
    work(context, 0, started ? other.first : rows);
    if (started)
        pthread_join(thread, NULL);
}

/* --- resampling --------------------------------------------------------------------------------
 */

/* For every place along one axis: the first source index and the weights of `taps` neighbours,
 * clamped to the source. */
struct axis {
    int taps;
    int *index;     /* places * taps */
    float *weights; /* places * taps */
};

static float catmull_rom(float x)
{
    x = fabsf(x);
    if (x < 1)
        return (1.5f * x - 2.5f) * x * x + 1;
    if (x < 2)
        return ((-0.5f * x + 2.5f) * x - 4) * x + 2;
    return 0;
}

static void axis_init(struct axis *axis, double start, double length, int source_size, int places,
                      bool mirrored)
{
    double step = length / places;
    /* Enlarging takes the sharp kernel as it is, shrinking widens it so that nothing aliases. */
    double widen = step > 1 ? step : 1;
    axis->taps = 2 * (int)ceil(2 * widen) + 1;
    axis->index = mem_array((size_t)places * (size_t)axis->taps, sizeof(int));
    axis->weights = mem_array((size_t)places * (size_t)axis->taps, sizeof(float));
    for (int place = 0; place < places; place++) {
        int at = mirrored ? places - 1 - place : place;
        double centre = start + (at + 0.5) * step - 0.5;
        int first = (int)floor(centre) - axis->taps / 2;
        float sum = 0;
        int *index = axis->index + (size_t)place * (size_t)axis->taps;
        float *weights = axis->weights + (size_t)place * (size_t)axis->taps;
        for (int t = 0; t < axis->taps; t++) {
            weights[t] = catmull_rom((float)((first + t - centre) / widen));
            sum += weights[t];
            int i = first + t;
            index[t] = i < 0 ? 0 : i >= source_size ? source_size - 1 : i;
        }
        for (int t = 0; t < axis->taps; t++)
            weights[t] /= sum;
    }
}

static void axis_finish(struct axis *axis)
{
    free(axis->index);
    free(axis->weights);
}

struct resample {
    const struct picture *picture; /* one of the two */
    const struct raster *raster;
    const float *table; /* 8 bit to float */
    struct axis across, down;
    struct raster *result;
};

static void resample_load_row(const struct resample *job, int y, float *row)
{
    if (job->raster) {
        size_t count = (size_t)job->raster->width * (size_t)job->raster->channels;
        memcpy(row, raster_row(job->raster, y), count * sizeof(float));
        return;
    }
    int channels = job->picture->channels;
    const uint8_t *from = picture_at(job->picture, 0, y);
    for (int x = 0; x < job->picture->width; x++) {
        for (int c = 0; c < channels; c++, from++)
            *row++ = c == 3 ? (float)*from * (1 / 255.0f) : job->table[*from];
    }
}

/* With the number of channels known where it is inlined. */
static inline __attribute__((always_inline)) void across(const struct resample *job, int channels,
                                                         const float *from, float *to)
{
    int taps = job->across.taps;
    const int *index = job->across.index;
    const float *weights = job->across.weights;
    for (int x = 0; x < job->result->width; x++, index += taps, weights += taps, to += channels) {
        float sums[RASTER_CHANNELS_MAX] = {0};
        for (int t = 0; t < taps; t++) {
            const float *pixel = from + (size_t)index[t] * (size_t)channels;
            for (int c = 0; c < channels; c++)
                sums[c] += pixel[c] * weights[t];
        }
        for (int c = 0; c < channels; c++)
            to[c] = sums[c];
    }
}

static void resample_across(const struct resample *job, const float *from, float *to)
{
    switch (job->result->channels) {
    case 1:
        across(job, 1, from, to);
        break;
    case 3:
        across(job, 3, from, to);
        break;
    case 4:
        across(job, 4, from, to);
        break;
    default:
        across(job, job->result->channels, from, to);
    }
}

/* Source rows are resampled across once and kept in a ring as long as the rows below need them. */
static void resample_band(void *context, int first, int last)
{
    const struct resample *job = context;
    int taps = job->down.taps;
    int source_width = job->raster ? job->raster->width : job->picture->width;
    size_t row_values = (size_t)job->result->width * (size_t)job->result->channels;
    float *source = mem_array((size_t)source_width * (size_t)job->result->channels, sizeof(float));
    float *ring = mem_array((size_t)taps * row_values, sizeof(float));
    int *held = mem_array((size_t)taps, sizeof(int));
    for (int t = 0; t < taps; t++)
        held[t] = -1;
    for (int y = first; y < last; y++) {
        float *to = raster_row(job->result, y);
        for (int t = 0; t < taps; t++) {
            float weight = job->down.weights[(size_t)y * (size_t)taps + (size_t)t];
            int row = job->down.index[(size_t)y * (size_t)taps + (size_t)t];
            int slot = row % taps;
            float *line = ring + (size_t)slot * row_values;
            if (weight == 0)
                continue;
            if (held[slot] != row) {
                resample_load_row(job, row, source);
                resample_across(job, source, line);
                held[slot] = row;
            }
            for (size_t i = 0; i < row_values; i++)
                to[i] += line[i] * weight;
        }
    }
    free(source);
    free(ring);
    free(held);
}

static struct raster *resample_run(struct resample *job, const struct raster_part *part,
                                   int source_width, int source_height)
{
    int width = job->result->width, height = job->result->height;
    axis_init(&job->across, part->x, part->width, source_width, width, part->mirrored);
    axis_init(&job->down, part->y, part->height, source_height, height, false);
    raster_bands(height, resample_band, job);
    axis_finish(&job->across);
    axis_finish(&job->down);
    return job->result;
}

struct raster *raster_sample(const struct picture *source, const struct raster_part *part,
                             int width, int height, enum raster_light light)
{
    float as_is[256];
    for (int i = 0; i < 256; i++)
        as_is[i] = (float)i * (1 / 255.0f);
    struct resample job = {
        .picture = source,
        .table = light == RASTER_LINEAR && source->channels >= 3 ? raster_linear_table() : as_is,
        .result = raster_new(width, height, source->channels),
    };
    return resample_run(&job, part, source->width, source->height);
}

struct raster *raster_sample_region(const struct picture *source, const struct raster_part *part,
                                    int width, int height, const struct raster_region *region,
                                    enum raster_light light)
{
    double across = part->width / width, down = part->height / height;
    int from = part->mirrored ? width - region->x - region->width : region->x;
    const struct raster_part own = {part->x + from * across, part->y + region->y * down,
                                    region->width * across, region->height * down, part->mirrored};
    return raster_sample(source, &own, region->width, region->height, light);
}

struct shrink {
    const struct raster *source;
    struct raster *result;
    int factor;
};

static inline __attribute__((always_inline)) void shrink_row(const struct shrink *job, int y,
                                                             int channels)
{
    int factor = job->factor;
    float scale = 1.0f / (float)(factor * factor);
    float *to = raster_row(job->result, y);
    for (int x = 0; x < job->result->width; x++, to += channels) {
        float sums[RASTER_CHANNELS_MAX] = {0};
        for (int j = 0; j < factor; j++) {
            const float *from = raster_row(job->source, y * factor + j) + x * factor * channels;
            for (int i = 0; i < factor * channels; i += channels) {
                for (int c = 0; c < channels; c++)
                    sums[c] += from[i + c];
            }
        }
        for (int c = 0; c < channels; c++)
            to[c] = sums[c] * scale;
    }
}

static void shrink_band(void *context, int first, int last)
{
    const struct shrink *job = context;
    for (int y = first; y < last; y++) {
        if (job->source->channels == 3)
            shrink_row(job, y, 3);
        else
            shrink_row(job, y, job->source->channels);
    }
}

struct raster *raster_shrink(const struct raster *source, int factor)
{
    struct shrink job = {
        source, raster_new(source->width / factor, source->height / factor, source->channels),
        factor};
    raster_bands(job.result->height, shrink_band, &job);
    return job.result;
}

struct raster *raster_resize(const struct raster *source, int width, int height)
{
    struct resample job = {.raster = source, .result = raster_new(width, height, source->channels)};
    const struct raster_part all = {0, 0, source->width, source->height, false};
    return resample_run(&job, &all, source->width, source->height);
}

/* --- blur --------------------------------------------------------------------------------------
 */

struct blur {
    struct raster *raster;
    int radius;
};

static inline __attribute__((always_inline)) void blur_row(float *row, float *line, int width,
                                                           int radius, int channels)
{
    float scale = 1.0f / (float)(2 * radius + 1);
    memcpy(line + radius * channels, row, sizeof(float) * (size_t)width * (size_t)channels);
    for (int x = 0; x < radius; x++) {
        for (int c = 0; c < channels; c++)
            line[x * channels + c] = row[c];
    }
    for (int x = width + radius; x <= width + 2 * radius; x++) {
        for (int c = 0; c < channels; c++)
            line[x * channels + c] = row[(width - 1) * channels + c];
    }
    float sums[RASTER_CHANNELS_MAX] = {0};
    for (int x = 0; x <= 2 * radius; x++) {
        for (int c = 0; c < channels; c++)
            sums[c] += line[x * channels + c];
    }
    const float *leaving = line, *entering = line + (2 * radius + 1) * channels;
    for (int x = 0; x < width; x++, row += channels) {
        for (int c = 0; c < channels; c++) {
            row[c] = sums[c] * scale;
            sums[c] += *entering++ - *leaving++;
        }
    }
}

static void blur_across(void *context, int first, int last)
{
    const struct blur *job = context;
    int width = job->raster->width, channels = job->raster->channels, radius = job->radius;
    float *line = mem_array((size_t)(width + 2 * radius + 2) * (size_t)channels, sizeof(float));
    for (int y = first; y < last; y++) {
        float *row = raster_row(job->raster, y);
        if (channels == 1)
            blur_row(row, line, width, radius, 1);
        else if (channels == 3)
            blur_row(row, line, width, radius, 3);
        else
            blur_row(row, line, width, radius, channels);
    }
    free(line);
}

/* Works on a strip of columns, so that a column's sums stay in the cache. */
static void blur_down(struct raster *raster, int radius, int from, int to)
{
    int height = raster->height, count = to - from;
    size_t stride = (size_t)raster->width * (size_t)raster->channels;
    float scale = 1.0f / (float)(2 * radius + 1);
    float *sums = mem_array((size_t)count, sizeof(float));
    float *copy = mem_array((size_t)count * (size_t)height, sizeof(float));
    for (int y = 0; y < height; y++)
        memcpy(copy + (size_t)y * (size_t)count, raster->values + (size_t)y * stride + from,
               sizeof(float) * (size_t)count);
    for (int y = -radius; y <= radius; y++) {
        int row = y < 0 ? 0 : y >= height ? height - 1 : y;
        for (int i = 0; i < count; i++)
            sums[i] += copy[(size_t)row * (size_t)count + (size_t)i];
    }
    for (int y = 0; y < height; y++) {
        int out = y - radius < 0 ? 0 : y - radius;
        int in = y + radius + 1 >= height ? height - 1 : y + radius + 1;
        const float *leaving = copy + (size_t)out * (size_t)count;
        const float *entering = copy + (size_t)in * (size_t)count;
        float *row = raster->values + (size_t)y * stride + from;
        for (int i = 0; i < count; i++) {
            row[i] = sums[i] * scale;
            sums[i] += entering[i] - leaving[i];
        }
    }
    free(sums);
    free(copy);
}

enum { BLUR_STRIP = 64 };

static void blur_strips(void *context, int first, int last)
{
    const struct blur *job = context;
    int columns = job->raster->width * job->raster->channels;
    for (int from = first * BLUR_STRIP; from < last * BLUR_STRIP && from < columns;
         from += BLUR_STRIP)
        blur_down(job->raster, job->radius, from,
                  from + BLUR_STRIP < columns ? from + BLUR_STRIP : columns);
}

/* Strips are few; the bands' lower limit of rows is met by counting each many times over. */
static void blur_strips_scaled(void *context, int first, int last)
{
    blur_strips(context, (first + 31) / 32, (last + 31) / 32);
}

void raster_blur(struct raster *raster, float sigma)
{
    if (sigma < 0.3f)
        return;
    /* Three boxes of about this width have the variance of the gaussian. */
    float width = sqrtf(4 * sigma * sigma + 1);
    int low = (int)width | 1;
    if ((float)low > width)
        low -= 2;
    float boxes =
        (12 * sigma * sigma - 3 * (float)(low * low) - 12 * (float)low - 9) / (-4 * (float)low - 4);
    int columns = raster->width * raster->channels;
    int strips = (columns + BLUR_STRIP - 1) / BLUR_STRIP;
    for (int pass = 0; pass < 3; pass++) {
        int size = (float)pass + 0.5f < boxes ? low : low + 2;
        struct blur job = {raster, size / 2};
        if (job.radius < 1)
            continue;
        raster_bands(raster->height, blur_across, &job);
        raster_bands(strips * 32, blur_strips_scaled, &job);
    }
}

/* --- the rest ----------------------------------------------------------------------------------
 */

struct picture *raster_picture(const struct raster *raster, enum raster_light light)
{
    assert(raster->channels != 2);
    struct picture *picture = picture_new(raster->width, raster->height, raster->channels);
    size_t count = (size_t)raster->width * (size_t)raster->height * (size_t)raster->channels;
    for (size_t i = 0; i < count; i++) {
        bool encode = light == RASTER_LINEAR && raster->channels >= 3 &&
                      !(raster->channels == 4 && i % 4 == 3);
        float v =
            encode ? raster_encode(raster->values[i]) : raster_clamp(raster->values[i], 0, 1) * 255;
        picture->pixels[i] = (uint8_t)(v + 0.5f);
    }
    return picture;
}

float raster_smooth_noise(float x, float y, uint32_t seed)
{
    float fx = floorf(x), fy = floorf(y);
    uint32_t ix = (uint32_t)(int)fx, iy = (uint32_t)(int)fy;
    float u = x - fx, v = y - fy;
    u = u * u * (3 - 2 * u);
    v = v * v * (3 - 2 * v);
    float a = raster_noise(ix, iy, seed), b = raster_noise(ix + 1, iy, seed);
    float c = raster_noise(ix, iy + 1, seed), d = raster_noise(ix + 1, iy + 1, seed);
    float top = a + (b - a) * u, low = c + (d - c) * u;
    return top + (low - top) * v;
}
