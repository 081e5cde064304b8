#include "media/nn/nn.h"

#include "base/arena.h"
#include "base/sha256.h"
#include "base/table.h"
#include "media/nn/nn_graph.h"
#include "media/nn/nn_winograd.h"

#include <math.h>
#include <string.h>
#include <xnnpack.h>

/* One operator of XNNPACK each, or a convolution in fewer multiplications; all run on the caller's thread. */
struct nn_net {
    struct nn_graph *graph;
    struct arena *arena; /* of the graph */
    char *block;
    xnn_operator_t *operators;      /* NULL where there is another of these */
    struct nn_winograd **winograds; /* NULL where there is none */
    float *scratch;                 /* of their runs */
    size_t scratch_bytes;
};

static bool nn_is_ready;

int nn_init(struct err *err)
{
    nn_is_ready = xnn_initialize(NULL) == xnn_status_success;
    return nn_is_ready ? 0
                       : err_set(err, ERR_UNAVAILABLE, NULL, "XNNPACK cannot use this processor.");
}

static float *tensor_at(const struct nn_net *net, int index)
{
    return (float *)(void *)(net->block + net->graph->tensors[index].offset);
}

static enum xnn_status make_window(const struct nn_op *op, struct nn_shape in, float *x, float *y,
                                   xnn_operator_t *ret)
{
    uint32_t kh = (uint32_t)op->kernel[0], kw = (uint32_t)op->kernel[1],
             stride = (uint32_t)op->stride;
    uint32_t top = (uint32_t)op->pad[0], right = (uint32_t)op->pad[1],
             bottom = (uint32_t)op->pad[2], left = (uint32_t)op->pad[3];
    size_t ic = (size_t)in.channels, oc = (size_t)op->channels;
    enum xnn_status status;
    if (op->kind == NN_deconv) {
        status = xnn_create_deconvolution2d_nhwc_f32(top, right, bottom, left, kh, kw, stride,
                                                     stride, 1, 1, 1, ic, oc, ic, oc, op->weights,
                                                     op->bias, op->min, op->max, 0, ret);
        return status != xnn_status_success
                   ? status
                   : xnn_setup_deconvolution2d_nhwc_f32(*ret, 1, (size_t)in.height,
                                                        (size_t)in.width, 0, 0, x, y, NULL);
    }
    bool depthwise = op->kind == NN_depthwise;
    status = xnn_create_convolution2d_nhwc_f32(
        top, right, bottom, left, kh, kw, stride, stride, 1, 1, depthwise ? (uint32_t)ic : 1,
        depthwise ? 1 : ic, depthwise ? 1 : oc, ic, oc, op->weights, op->bias, op->min, op->max,
        depthwise ? XNN_FLAG_DEPTHWISE_CONVOLUTION : 0, ret);
    return status != xnn_status_success
               ? status
               : xnn_setup_convolution2d_nhwc_f32(*ret, 1, (size_t)in.height, (size_t)in.width, x,
                                                  y, NULL);
}

static enum xnn_status make_pair(const struct nn_net *net, const struct nn_op *op, float *y,
                                 xnn_operator_t *ret)
{
    struct nn_shape a = net->graph->tensors[op->inputs[0]].shape,
                    b = net->graph->tensors[op->inputs[1]].shape;
    const size_t first[4] = {1, (size_t)a.height, (size_t)a.width, (size_t)a.channels};
    const size_t second[4] = {1, (size_t)b.height, (size_t)b.width, (size_t)b.channels};
    float *x = tensor_at(net, op->inputs[0]), *z = tensor_at(net, op->inputs[1]);
    if (op->kind == NN_add) {
        enum xnn_status status = xnn_create_add_nd_f32(op->min, op->max, 0, ret);
        return status != xnn_status_success
                   ? status
                   : xnn_setup_add_nd_f32(*ret, 4, first, 4, second, x, z, y, NULL);
    }
    enum xnn_status status = xnn_create_multiply_nd_f32(op->min, op->max, 0, ret);
    return status != xnn_status_success
               ? status
               : xnn_setup_multiply_nd_f32(*ret, 4, first, 4, second, x, z, y, NULL);
}

/* Value by value. */
static enum xnn_status make_curve(const struct nn_op *op, struct nn_shape in, float *x, float *y,
                                  xnn_operator_t *ret)
{
    size_t c = (size_t)in.channels, n = (size_t)in.height * (size_t)in.width;
    enum xnn_status status = xnn_status_unsupported_parameter;
    switch (op->kind) {
    case NN_hardswish:
        status = xnn_create_hardswish_nc_f32(c, c, c, 0, ret);
        return status ? status : xnn_setup_hardswish_nc_f32(*ret, n, x, y, NULL);
    case NN_sigmoid:
        status = xnn_create_sigmoid_nc_f32(c, c, c, 0, ret);
        return status ? status : xnn_setup_sigmoid_nc_f32(*ret, n, x, y, NULL);
    case NN_relu:
        status = xnn_create_clamp_nc_f32(c, c, c, 0, INFINITY, 0, ret);
        return status ? status : xnn_setup_clamp_nc_f32(*ret, n, x, y, NULL);
    case NN_leaky:
        status = xnn_create_leaky_relu_nc_f32(c, c, c, op->slope, 0, ret);
        return status ? status : xnn_setup_leaky_relu_nc_f32(*ret, n, x, y, NULL);
    case NN_prelu:
        status = xnn_create_prelu_nc_f32(c, c, c, op->weights, 0, ret);
        return status ? status : xnn_setup_prelu_nc_f32(*ret, n, x, y, NULL);
    default:
        return status;
    }
}

/* Moves and gathers. */
static enum xnn_status make_layout(const struct nn_op *op, struct nn_shape in, struct nn_shape out,
                                   float *x, float *y, xnn_operator_t *ret)
{
    static const float nothing = 0;
    size_t c = (size_t)in.channels, h = (size_t)in.height, w = (size_t)in.width;
    uint32_t kh = (uint32_t)op->kernel[0], kw = (uint32_t)op->kernel[1];
    const size_t shape[4] = {1, h, w, c}, before[4] = {0},
                 after[4] = {0, 0, 0, (size_t)(out.channels - in.channels)};
    enum xnn_status status = xnn_status_unsupported_parameter;
    switch (op->kind) {
    case NN_average:
        status = xnn_create_global_average_pooling_nwc_f32(c, c, c, -INFINITY, INFINITY, 0, ret);
        return status ? status
                      : xnn_setup_global_average_pooling_nwc_f32(*ret, 1, h * w, x, y, NULL);
    case NN_max:
        status = xnn_create_max_pooling2d_nhwc_f32(0, 0, 0, 0, kh, kw, kh, kw, 1, 1, c, c, c,
                                                   -INFINITY, INFINITY, 0, ret);
        return status ? status : xnn_setup_max_pooling2d_nhwc_f32(*ret, 1, h, w, x, y, NULL);
    case NN_resize:
        status = xnn_create_resize_bilinear2d_nhwc_f32(c, c, c, 0, ret);
        return status ? status
                      : xnn_setup_resize_bilinear2d_nhwc_f32(*ret, 1, h, w, (size_t)out.height,
                                                             (size_t)out.width, x, y, NULL);
    case NN_shuffle:
        status = xnn_create_depth_to_space_nhwc_x32((size_t)out.channels, c, (size_t)out.channels,
                                                    (uint32_t)op->block, 0, ret);
        return status ? status : xnn_setup_depth_to_space_nhwc_x32(*ret, 1, h, w, x, y, NULL);
    case NN_widen:
        status = xnn_create_constant_pad_nd_x32(&nothing, 0, ret);
        return status ? status
                      : xnn_setup_constant_pad_nd_x32(*ret, 4, shape, before, after, x, y, NULL);
    default:
        return status;
    }
}

static enum xnn_status make_operator(const struct nn_net *net, int index, xnn_operator_t *ret)
{
    const struct nn_op *op = &net->graph->ops[index];
    struct nn_shape in = net->graph->tensors[op->inputs[0]].shape,
                    out = net->graph->tensors[index + 1].shape;
    float *x = tensor_at(net, op->inputs[0]), *y = tensor_at(net, index + 1);
    switch (op->kind) {
    case NN_conv:
    case NN_depthwise:
    case NN_deconv:
        return make_window(op, in, x, y, ret);
    case NN_add:
    case NN_mul:
        return make_pair(net, op, y, ret);
    case NN_average:
    case NN_max:
    case NN_resize:
    case NN_shuffle:
    case NN_widen:
        return make_layout(op, in, out, x, y, ret);
    default:
        return make_curve(op, in, x, y, ret);
    }
}

static void *aligned_zeros(size_t bytes)
{
    void *memory;
    if (posix_memalign(&memory, 64, bytes) != 0)
        abort(); /* out of memory, the only cause */
    return memset(memory, 0, bytes);
}

/* Whether the operator is made. */
static bool make_any(struct nn_net *net, int index)
{
    const struct nn_op *op = &net->graph->ops[index];
    struct nn_shape in = net->graph->tensors[op->inputs[0]].shape,
                    out = net->graph->tensors[index + 1].shape;
    if (!nn_winograd_suits(op, in, out))
        return make_operator(net, index, &net->operators[index]) == xnn_status_success;
    struct nn_winograd *winograd =
        nn_winograd_new(op, in, tensor_at(net, op->inputs[0]), out, tensor_at(net, index + 1));
    if (!winograd)
        return false;
    size_t bytes = nn_winograd_scratch(winograd);
    net->scratch_bytes = bytes > net->scratch_bytes ? bytes : net->scratch_bytes;
    net->winograds[index] = winograd;
    return true;
}

static int nn_build(struct nn_net *net, const char *name, struct err *err)
{
    struct nn_graph *graph = net->graph;
    size_t count = (size_t)graph->op_count;
    net->block = aligned_zeros(graph->block_bytes);
    net->operators = mem_array(count, sizeof(*net->operators));
    net->winograds = mem_array(count, sizeof(struct nn_winograd *));
    for (int i = 0; i < graph->op_count; i++) {
        if (!make_any(net, i))
            return err_set(err, ERR_UNAVAILABLE, name, "The net %s cannot run on this processor.",
                           name);
    }
    if (net->scratch_bytes > 0)
        net->scratch = aligned_zeros(net->scratch_bytes);
    return 0;
}

static const char *nn_sha256_of(const char *name)
{
    static const struct {
        const char *name, *sha256;
    } models[] = {
#define MODEL(name, sha256) {#name, sha256},
#include "media/nn/models.def"
#undef MODEL
    };
    for (size_t i = 0; i < TABLE_SIZE(models); i++) {
        if (strcmp(models[i].name, name) == 0)
            return models[i].sha256;
    }
    return NULL;
}

int nn_open(const char *name, const struct media_assets *assets, int width, int height,
            struct nn_net **ret_net, struct err *err)
{
    CLEANUP(arena) struct arena *a = arena_new();
    const char *sha256 = nn_sha256_of(name);
    const void *bytes;
    size_t size;
    char found[SHA256_HEX_SIZE];
    if (!nn_is_ready)
        return err_set(err, ERR_UNAVAILABLE, name, "The nets cannot run on this machine.");
    if (!sha256)
        return err_set(err, ERR_NOT_FOUND, name, "There is no net %s.", name);
    int rc =
        assets->find(assets->context, arena_printf(a, "models/%s.net", name), &bytes, &size, err);
    if (rc < 0)
        return rc;
    sha256_hex(bytes, size, found);
    if (strcmp(found, sha256) != 0)
        return err_set(err, ERR_UNAVAILABLE, name,
                       "The file of the net %s is not the one that was tested.", name);
    struct nn_net *net = mem_alloc(sizeof(*net));
    rc = nn_graph_read(a, bytes, size, width, height, XNN_EXTRA_BYTES, &net->graph, err);
    net->arena = TAKE(a);
    if (rc == 0)
        rc = nn_build(net, name, err);
    if (rc < 0) {
        nn_free(net);
        return rc;
    }
    *ret_net = net;
    return 0;
}

void nn_free(struct nn_net *net)
{
    if (!net)
        return;
    for (int i = 0; net->operators && i < net->graph->op_count; i++) {
        if (net->operators[i])
            xnn_delete_operator(net->operators[i]);
    }
    for (int i = 0; net->winograds && i < net->graph->op_count; i++)
        nn_winograd_free(net->winograds[i]);
    free(net->operators);
    free(net->winograds);
    free(net->scratch);
    free(net->block);
    arena_free(net->arena);
    free(net);
}

float *nn_input(struct nn_net *net, struct nn_shape *ret_shape)
{
    *ret_shape = net->graph->tensors[0].shape;
    return tensor_at(net, 0);
}

size_t nn_output_count(const struct nn_net *net)
{
    return (size_t)net->graph->output_count;
}

const float *nn_output(const struct nn_net *net, size_t index, struct nn_shape *ret_shape)
{
    int tensor = net->graph->outputs[index];
    *ret_shape = net->graph->tensors[tensor].shape;
    return tensor_at(net, tensor);
}

static bool run_any(struct nn_net *net, int index)
{
    return net->winograds[index]
               ? nn_winograd_run(net->winograds[index], net->scratch)
               : xnn_run_operator(net->operators[index], NULL) == xnn_status_success;
}

int nn_run(struct nn_net *net, const struct media_monitor *monitor, struct err *err)
{
    for (int i = 0; i < net->graph->op_count; i++) {
        if (!media_advance(monitor, (double)i / net->graph->op_count))
            return err_set_default(err, ERR_CANCELLED);
        if (!run_any(net, i))
            return err_set(err, ERR_INTERNAL, NULL, "A net could not be run.");
    }
    return 0;
}

size_t nn_bytes(const struct nn_net *net)
{
    size_t bytes = net->graph->block_bytes + net->scratch_bytes;
    for (int i = 0; i < net->graph->op_count; i++) {
        bytes += net->winograds[i] ? nn_winograd_weights(net->winograds[i]) : 0;
        bytes += (net->graph->ops[i].weight_count + net->graph->ops[i].bias_count) * sizeof(float);
    }
    return bytes;
}
