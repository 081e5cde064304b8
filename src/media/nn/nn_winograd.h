/*
 * Convolutions of 3 x 3 with a quarter of the multiplications (Winograd's F(4 x 4, 3 x 3)): squares of 4 x 4 results are computed from
 * 6 x 6 inputs that are spread into 36 values, of which each needs one product of matrices; XNNPACK multiplies them. Results differ from
 * those of a plain convolution in the last bits only. One thread at a time.
 */
#ifndef MEDIA_NN_NN_WINOGRAD_H
#define MEDIA_NN_NN_WINOGRAD_H

#include "media/nn/nn_graph.h"

#include <stdbool.h>

struct nn_winograd;

/* Whether it is worth it for this operator. */
bool nn_winograd_suits(const struct nn_op *op, struct nn_shape in, struct nn_shape out);
/* `x` and `y` are the tensors, `op` is kept; NULL when XNNPACK cannot multiply here. */
struct nn_winograd *nn_winograd_new(const struct nn_op *op, struct nn_shape in, const float *x,
                                    struct nn_shape out, float *y);
void nn_winograd_free(struct nn_winograd *winograd); /* NULL allowed */
/* Bytes that a run needs beside, aligned to 64. */
size_t nn_winograd_scratch(const struct nn_winograd *winograd);
/* Bytes of the spread weights. */
size_t nn_winograd_weights(const struct nn_winograd *winograd);
/* False when XNNPACK failed. */
bool nn_winograd_run(const struct nn_winograd *winograd, float *scratch);

#endif
