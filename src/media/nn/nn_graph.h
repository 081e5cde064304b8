/* A net as it was read: operators in order, shapes, and where in one block of memory each tensor lies. */
#ifndef MEDIA_NN_NN_GRAPH_H
#define MEDIA_NN_NN_GRAPH_H

#include "base/arena.h"
#include "media/nn/nn.h"

#include <stdint.h>

enum nn_kind {
#define OP(name) NN_##name,
#include "media/nn/ops.def"
#undef OP
    NN_KIND_COUNT
};

enum { NN_INPUTS_MAX = 2, NN_OUTPUTS_MAX = 8, NN_OPS_MAX = 1024 };

struct nn_op {
    enum nn_kind kind;
    int inputs[NN_INPUTS_MAX]; /* tensors */
    int input_count;
    int kernel[2], stride, pad[4]; /* top, right, bottom, left */
    int channels, block, size[2];
    float min, max, slope;
    float *weights, *bias; /* arena, XNN_EXTRA_BYTES behind them; NULL when there are none */
    size_t weight_count, bias_count;
};

struct nn_tensor {
    struct nn_shape shape;
    size_t count;    /* floats */
    size_t offset;   /* bytes into the block */
    int first, last; /* operators between which it must be kept */
};

struct nn_graph {
    struct nn_op *ops;
    struct nn_tensor *tensors; /* op_count + 1; 0 is the input */
    int op_count;
    int outputs[NN_OUTPUTS_MAX];
    int output_count;
    size_t block_bytes;
};

/* Reads a .net file and plans its memory; every number is checked. `extra` bytes are kept behind each tensor. ERR_INVALID,
 * ERR_TOO_LARGE. */
int nn_graph_read(struct arena *a, const void *bytes, size_t size, int width, int height,
                  size_t extra, struct nn_graph **ret_graph, struct err *err);

#endif
