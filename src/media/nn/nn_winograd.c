#include "media/nn/nn_winograd.h"

#include <math.h>
#include <string.h>
#include <xnnpack.h>

/*
 * DESIGN. Squares are taken in groups whose spread inputs and products stay in the processor's cache. Value k of every square of a
 * group lies in plane k: rows of channels, which is what a product of matrices reads. The planes begin at different lines of the
 * cache, since all of them are written at once.
 */
enum {
    SQUARE = 4,          /* results each way */
    SPREAD = SQUARE + 2, /* inputs each way */
    PLANES = SPREAD * SPREAD,
    GROUP = 70, /* squares: XNNPACK takes 5 or 7 rows at once */
    LANES = 8,
    LINE_FLOATS = 16, /* of the cache */
    CHANNELS_LEAST = 32,
    PIXELS_LEAST = 1024
};

/* clang 14 gives such functions a name of its own, which nobody finds. */
#if defined(__x86_64__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) &&                \
    !defined(__SANITIZE_THREAD__)
#define WINOGRAD_FAST __attribute__((target_clones("avx2", "default")))
#else
#define WINOGRAD_FAST
#endif
#define WINOGRAD_INLINE static inline __attribute__((always_inline))

typedef float lanes __attribute__((vector_size(LANES * sizeof(float))));

struct nn_winograd {
    const struct nn_op *op;
    struct nn_shape in, out;
    const float *x;
    float *y;
    int columns, squares;       /* of results; squares in all */
    size_t in_plane, out_plane; /* floats from one plane to the next */
    xnn_operator_t products[PLANES];
};

bool nn_winograd_suits(const struct nn_op *op, struct nn_shape in, struct nn_shape out)
{
    return op->kind == NN_conv && op->kernel[0] == 3 && op->kernel[1] == 3 && op->stride == 1 &&
           in.channels >= CHANNELS_LEAST && in.channels % LANES == 0 &&
           out.channels >= CHANNELS_LEAST && out.channels % LANES == 0 &&
           out.width * out.height >= PIXELS_LEAST;
}

/* --- weights ----------------------------------------------------------------------------------- */

/* Three weights become six. */
static void weights_line(const double g[3], double ret[SPREAD])
{
    double sum = g[0] + g[2], other = g[0] / 4 + g[2];
    ret[0] = g[0] / 4;
    ret[1] = -(sum + g[1]) / 6;
    ret[2] = -(sum - g[1]) / 6;
    ret[3] = (other + g[1] / 2) / 6;
    ret[4] = (other - g[1] / 2) / 6;
    ret[5] = g[2];
}

/* Nine weights become 36, at `stride` floats each. */
static void weights_spread(const float *weights, size_t step, float *ret, size_t stride)
{
    double rows[3][SPREAD], column[3], spread[SPREAD];
    for (size_t j = 0; j < 3; j++) {
        const double g[3] = {weights[(3 * j + 0) * step], weights[(3 * j + 1) * step],
                             weights[(3 * j + 2) * step]};
        weights_line(g, rows[j]);
    }
    for (size_t i = 0; i < SPREAD; i++) {
        for (size_t j = 0; j < 3; j++)
            column[j] = rows[j][i];
        weights_line(column, spread);
        for (size_t j = 0; j < SPREAD; j++)
            ret[(j * SPREAD + i) * stride] = (float)spread[j];
    }
}

static bool make_products(struct nn_winograd *winograd)
{
    size_t inputs = (size_t)winograd->in.channels, outputs = (size_t)winograd->out.channels;
    size_t plane = inputs * outputs;
    float *spread = mem_array(PLANES * plane, sizeof(float));
    bool sound = true;
    for (size_t o = 0; o < outputs; o++) {
        for (size_t i = 0; i < inputs; i++)
            weights_spread(winograd->op->weights + o * 9 * inputs + i, inputs,
                           spread + o * inputs + i, plane);
    }
    for (size_t k = 0; sound && k < PLANES; k++)
        sound = xnn_create_fully_connected_nc_f32(inputs, outputs, inputs, outputs,
                                                  spread + k * plane, NULL, -INFINITY, INFINITY, 0,
                                                  &winograd->products[k]) == xnn_status_success;
    free(spread);
    return sound;
}

struct nn_winograd *nn_winograd_new(const struct nn_op *op, struct nn_shape in, const float *x,
                                    struct nn_shape out, float *y)
{
    struct nn_winograd *winograd = mem_alloc(sizeof(*winograd));
    int columns = (out.width + SQUARE - 1) / SQUARE, rows = (out.height + SQUARE - 1) / SQUARE;
    winograd->op = op;
    winograd->in = in;
    winograd->out = out;
    winograd->x = x;
    winograd->y = y;
    winograd->columns = columns;
    winograd->squares = columns * rows;
    winograd->in_plane = GROUP * (size_t)in.channels + LINE_FLOATS;
    winograd->out_plane = GROUP * (size_t)out.channels + LINE_FLOATS;
    if (make_products(winograd))
        return winograd;
    nn_winograd_free(winograd);
    return NULL;
}

void nn_winograd_free(struct nn_winograd *winograd)
{
    if (!winograd)
        return;
    for (size_t k = 0; k < PLANES; k++) {
        if (winograd->products[k])
            xnn_delete_operator(winograd->products[k]);
    }
    free(winograd);
}

size_t nn_winograd_scratch(const struct nn_winograd *winograd)
{
    /* And one square of inputs from beyond the edge; each part may be read a little beyond its end. */
    size_t square = (size_t)PLANES * (size_t)winograd->in.channels;
    return (PLANES * (winograd->in_plane + winograd->out_plane) + square) * sizeof(float) +
           XNN_EXTRA_BYTES;
}

size_t nn_winograd_weights(const struct nn_winograd *winograd)
{
    return PLANES * (size_t)winograd->in.channels * (size_t)winograd->out.channels * sizeof(float);
}

/* --- inputs ------------------------------------------------------------------------------------ */

/* Six inputs in a line become six, `step` apart. */
WINOGRAD_INLINE void input_line(const lanes *d, size_t step, lanes *ret)
{
    const lanes d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step], d4 = d[4 * step],
                d5 = d[5 * step];
    lanes even = d4 - 4 * d2, odd = d3 - 4 * d1, near = d4 - d2, far = 2 * (d3 - d1);
    ret[0] = 4 * d0 - 5 * d2 + d4;
    ret[1] = even + odd;
    ret[2] = even - odd;
    ret[3] = near + far;
    ret[4] = near - far;
    ret[5] = 4 * d1 - 5 * d3 + d5;
}

/* 36 inputs, rows `stride` floats apart, go to as many planes. */
WINOGRAD_FAST static void input_spread(const float *x, size_t stride, size_t channels, float *to,
                                       size_t plane)
{
    for (size_t c = 0; c < channels; c += LANES) {
        lanes line[SPREAD], rows[PLANES], spread[SPREAD];
        for (size_t j = 0; j < SPREAD; j++) {
            for (size_t i = 0; i < SPREAD; i++)
                memcpy(&line[i], x + j * stride + i * channels + c, sizeof(lanes));
            input_line(line, 1, rows + j * SPREAD);
        }
        for (size_t i = 0; i < SPREAD; i++) {
            input_line(rows + i, SPREAD, spread);
            for (size_t j = 0; j < SPREAD; j++)
                memcpy(to + (j * SPREAD + i) * plane + c, &spread[j], sizeof(lanes));
        }
    }
}

/* The inputs of a square; those beyond the edge are zero, for which they are copied. */
static const float *input_square(const struct nn_winograd *winograd, int square, float *copy,
                                 size_t *ret_stride)
{
    struct nn_shape in = winograd->in;
    size_t channels = (size_t)in.channels;
    int left = square % winograd->columns * SQUARE - winograd->op->pad[3];
    int top = square / winograd->columns * SQUARE - winograd->op->pad[0];
    *ret_stride = (size_t)in.width * channels;
    if (left >= 0 && top >= 0 && left + SPREAD <= in.width && top + SPREAD <= in.height)
        return winograd->x + ((size_t)top * (size_t)in.width + (size_t)left) * channels;
    memset(copy, 0, PLANES * channels * sizeof(float));
    for (int j = 0; j < SPREAD; j++) {
        for (int i = 0; i < SPREAD; i++) {
            if (left + i < 0 || top + j < 0 || left + i >= in.width || top + j >= in.height)
                continue;
            size_t pixel = (size_t)(top + j) * (size_t)in.width + (size_t)(left + i);
            memcpy(copy + (size_t)(j * SPREAD + i) * channels, winograd->x + pixel * channels,
                   channels * sizeof(float));
        }
    }
    *ret_stride = SPREAD * channels;
    return copy;
}

/* --- results ----------------------------------------------------------------------------------- */

/* Six sums in a line become four results, `step` apart. */
WINOGRAD_INLINE void output_line(const lanes *m, lanes *ret, size_t step)
{
    lanes near = m[1] + m[2], near_odd = m[1] - m[2], far = m[3] + m[4], far_odd = m[3] - m[4];
    ret[0] = m[0] + near + far;
    ret[step] = near_odd + 2 * far_odd;
    ret[2 * step] = near + 4 * far;
    ret[3 * step] = near_odd + 8 * far_odd + m[5];
}

struct output_place {
    float *y;
    size_t stride;     /* floats from row to row */
    int width, height; /* of the square, at the edge less than four */
};

WINOGRAD_FAST static void output_gather(const float *sums, size_t plane, const struct nn_op *op,
                                        const struct output_place *place)
{
    size_t channels = (size_t)op->channels;
    bool bounded = op->min > -INFINITY || op->max < INFINITY;
    for (size_t c = 0; c < channels; c += LANES) {
        lanes line[SPREAD], columns[SQUARE * SPREAD], results[SQUARE], bias = {0};
        for (size_t i = 0; i < SPREAD; i++) {
            for (size_t j = 0; j < SPREAD; j++)
                memcpy(&line[j], sums + (j * SPREAD + i) * plane + c, sizeof(lanes));
            output_line(line, columns + i, SPREAD);
        }
        if (op->bias)
            memcpy(&bias, op->bias + c, sizeof(lanes));
        for (int j = 0; j < place->height; j++) {
            output_line(columns + (size_t)j * SPREAD, results, 1);
            for (int i = 0; i < place->width; i++) {
                lanes value = results[i] + bias;
                for (int k = 0; bounded && k < LANES; k++)
                    value[k] = fminf(fmaxf(value[k], op->min), op->max);
                memcpy(place->y + (size_t)j * place->stride + (size_t)i * channels + c, &value,
                       sizeof(lanes));
            }
        }
    }
}

static struct output_place output_square(const struct nn_winograd *winograd, int square)
{
    struct nn_shape out = winograd->out;
    int left = square % winograd->columns * SQUARE, top = square / winograd->columns * SQUARE;
    size_t pixel = (size_t)top * (size_t)out.width + (size_t)left;
    return (struct output_place){
        .y = winograd->y + pixel * (size_t)out.channels,
        .stride = (size_t)out.width * (size_t)out.channels,
        .width = out.width - left < SQUARE ? out.width - left : SQUARE,
        .height = out.height - top < SQUARE ? out.height - top : SQUARE,
    };
}

/* --- a run ------------------------------------------------------------------------------------- */

static bool multiply(const struct nn_winograd *winograd, int count, const float *spread,
                     float *sums)
{
    for (size_t k = 0; k < PLANES; k++) {
        xnn_operator_t product = winograd->products[k];
        if (xnn_setup_fully_connected_nc_f32(
                product, (size_t)count, spread + k * winograd->in_plane,
                sums + k * winograd->out_plane, NULL) != xnn_status_success ||
            xnn_run_operator(product, NULL) != xnn_status_success)
            return false;
    }
    return true;
}

bool nn_winograd_run(const struct nn_winograd *winograd, float *scratch)
{
    size_t in_channels = (size_t)winograd->in.channels,
           out_channels = (size_t)winograd->out.channels;
    float *spread = scratch, *sums = spread + PLANES * winograd->in_plane,
          *copy = sums + PLANES * winograd->out_plane;
    for (int first = 0; first < winograd->squares; first += GROUP) {
        int left = winograd->squares - first, count = left < GROUP ? left : GROUP;
        for (int i = 0; i < count; i++) {
            size_t stride;
            const float *x = input_square(winograd, first + i, copy, &stride);
            input_spread(x, stride, in_channels, spread + (size_t)i * in_channels,
                         winograd->in_plane);
        }
        if (!multiply(winograd, count, spread, sums))
            return false;
        for (int i = 0; i < count; i++) {
            const struct output_place place = output_square(winograd, first + i);
            output_gather(sums + (size_t)i * out_channels, winograd->out_plane, winograd->op,
                          &place);
        }
    }
    return true;
}
