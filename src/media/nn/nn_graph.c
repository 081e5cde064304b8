#include "media/nn/nn_graph.h"

#include "base/json.h"
#include "base/table.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    GRAPH_HEAD_BYTES_MAX = 64,
    GRAPH_JSON_BYTES_MAX = 1 << 20,
    GRAPH_SIDE_MAX = 8192,
    GRAPH_CHANNELS_MAX = 4096
};
#define GRAPH_BLOCK_BYTES_MAX (512ull << 20)

struct reader {
    struct arena *arena;
    struct nn_graph *graph;
    const unsigned char *blob;
    size_t blob_size, extra;
};

static int graph_fault(struct err *err)
{
    return err_set(err, ERR_INVALID, NULL, "The net is broken.");
}

static float half_to_float(unsigned half)
{
    unsigned sign = (half & 0x8000u) << 16, exponent = half >> 10 & 31, mantissa = half & 1023,
             bits;
    float value;
    if (exponent == 0) {
        value = ldexpf((float)mantissa, -24);
        return sign ? -value : value;
    }
    bits = exponent == 31 ? sign | 0x7f800000u | mantissa << 13
                          : sign | (exponent + 112) << 23 | mantissa << 13;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

/* [offset, count, "f16" | "f32"] as floats; false when it is there and broken. */
static bool read_weights(const struct reader *reader, const json_t *place, float **ret_floats,
                         size_t *ret_count)
{
    *ret_floats = NULL;
    *ret_count = 0;
    if (!place || json_is_null(place))
        return true;
    const char *kind = json_string_value(json_array_get(place, 2));
    json_int_t offset = json_integer_value(json_array_get(place, 0));
    json_int_t count = json_integer_value(json_array_get(place, 1));
    bool is_half = kind && strcmp(kind, "f16") == 0;
    if ((!is_half && (!kind || strcmp(kind, "f32") != 0)) || offset < 0 || count <= 0 ||
        (size_t)offset > reader->blob_size ||
        (size_t)count > (reader->blob_size - (size_t)offset) / (is_half ? 2 : 4))
        return false;
    const unsigned char *bytes = reader->blob + offset;
    float *floats = arena_alloc(reader->arena, (size_t)count * sizeof(float) + reader->extra);
    for (json_int_t i = 0; is_half && i < count; i++)
        floats[i] = half_to_float(bytes[2 * i] | (unsigned)bytes[2 * i + 1] << 8);
    if (!is_half)
        memcpy(floats, bytes, (size_t)count * sizeof(float));
    *ret_floats = floats;
    *ret_count = (size_t)count;
    return true;
}

static enum nn_kind kind_of(const char *name)
{
    static const char *const names[] = {
#define OP(name) #name,
#include "media/nn/ops.def"
#undef OP
    };
    for (size_t i = 0; name && i < TABLE_SIZE(names); i++) {
        if (strcmp(names[i], name) == 0)
            return (enum nn_kind)i;
    }
    return NN_KIND_COUNT;
}

static int bounded(const json_t *value, int low, int high, bool *sound)
{
    json_int_t number = json_integer_value(value);
    if (value && (!json_is_integer(value) || number < low || number > high))
        *sound = false;
    return *sound && value ? (int)number : low;
}

static bool read_op(const struct reader *reader, const json_t *json, int index)
{
    struct nn_op *op = &reader->graph->ops[index];
    const json_t *inputs = json_object_get(json, "in"), *kernel = json_object_get(json, "kernel");
    const json_t *pad = json_object_get(json, "pad"), *size = json_object_get(json, "size");
    const char *act = json_string_value(json_object_get(json, "act"));
    bool sound = true;
    op->kind = kind_of(json_string_value(json_object_get(json, "op")));
    op->input_count = (int)json_array_size(inputs);
    if (op->kind == NN_KIND_COUNT || op->input_count < 1 || op->input_count > NN_INPUTS_MAX)
        return false;
    for (int i = 0; i < op->input_count; i++)
        op->inputs[i] = bounded(json_array_get(inputs, (size_t)i), 0, index, &sound);
    for (size_t i = 0; i < 2; i++) {
        op->kernel[i] = bounded(json_array_get(kernel, i), 1, 64, &sound);
        op->size[i] = bounded(json_array_get(size, i), 1, GRAPH_SIDE_MAX, &sound);
    }
    for (size_t i = 0; i < 4; i++)
        op->pad[i] = bounded(json_array_get(pad, i), 0, 64, &sound);
    op->stride = bounded(json_object_get(json, "stride"), 1, 16, &sound);
    op->channels = bounded(json_object_get(json, "channels"), 1, GRAPH_CHANNELS_MAX, &sound);
    op->block = bounded(json_object_get(json, "block"), 1, 8, &sound);
    op->slope = (float)json_number_value(json_object_get(json, "slope"));
    op->min = act || op->kind == NN_relu ? 0 : -INFINITY;
    op->max = act && strcmp(act, "relu6") == 0 ? 6 : INFINITY;
    return sound &&
           read_weights(reader, json_object_get(json, "weights"), &op->weights,
                        &op->weight_count) &&
           read_weights(reader, json_object_get(json, "bias"), &op->bias, &op->bias_count);
}

static bool same_shape(struct nn_shape a, struct nn_shape b)
{
    return a.height == b.height && a.width == b.width && a.channels == b.channels;
}

/* Whether the operator's weights are as many as its shape asks for. */
static bool weights_fit(const struct nn_op *op, size_t weights, size_t bias)
{
    return op->weight_count == weights && (op->bias_count == 0 || op->bias_count == bias);
}

static bool shape_of_window(const struct nn_op *op, struct nn_shape in, struct nn_shape *out)
{
    size_t area = (size_t)op->kernel[0] * (size_t)op->kernel[1], channels = (size_t)op->channels;
    int height = in.height + op->pad[0] + op->pad[2], width = in.width + op->pad[1] + op->pad[3];
    out->channels = op->channels;
    if (op->kind == NN_deconv) {
        out->height = (in.height - 1) * op->stride + op->kernel[0] - op->pad[0] - op->pad[2];
        out->width = (in.width - 1) * op->stride + op->kernel[1] - op->pad[1] - op->pad[3];
        return weights_fit(op, channels * area * (size_t)in.channels, channels);
    }
    if (height < op->kernel[0] || width < op->kernel[1])
        return false;
    out->height = (height - op->kernel[0]) / op->stride + 1;
    out->width = (width - op->kernel[1]) / op->stride + 1;
    if (op->kind == NN_depthwise)
        return op->channels == in.channels && weights_fit(op, channels * area, channels);
    return weights_fit(op, channels * area * (size_t)in.channels, channels);
}

static bool shape_of(const struct nn_graph *graph, const struct nn_op *op, struct nn_shape *out)
{
    struct nn_shape in = graph->tensors[op->inputs[0]].shape, other = in;
    int area = op->block * op->block;
    if (op->input_count == 2)
        other = graph->tensors[op->inputs[1]].shape;
    *out = in;
    switch (op->kind) {
    case NN_conv:
    case NN_depthwise:
    case NN_deconv:
        return shape_of_window(op, in, out);
    case NN_add:
        return op->input_count == 2 && same_shape(in, other);
    case NN_mul:
        return op->input_count == 2 && other.channels == in.channels &&
               (same_shape(in, other) || (other.height == 1 && other.width == 1));
    case NN_average:
        out->height = out->width = 1;
        return true;
    case NN_max:
        out->height = in.height / op->kernel[0];
        out->width = in.width / op->kernel[1];
        return in.height % op->kernel[0] == 0 && in.width % op->kernel[1] == 0;
    case NN_prelu:
        return weights_fit(op, (size_t)in.channels, 0);
    case NN_resize:
        out->height = op->size[0];
        out->width = op->size[1];
        return true;
    case NN_shuffle:
        out->height *= op->block;
        out->width *= op->block;
        out->channels /= area;
        return in.channels % area == 0;
    case NN_widen:
        out->channels = op->channels;
        return op->channels >= in.channels;
    default:
        return true;
    }
}

static bool shape_is_sane(struct nn_shape shape)
{
    return shape.height > 0 && shape.width > 0 && shape.channels > 0 &&
           shape.height <= GRAPH_SIDE_MAX && shape.width <= GRAPH_SIDE_MAX &&
           shape.channels <= GRAPH_CHANNELS_MAX;
}

static size_t tensor_bytes(const struct nn_tensor *tensor, size_t extra)
{
    return (tensor->count * sizeof(float) + extra + 63) & ~(size_t)63;
}

static void plan_lifetimes(struct nn_graph *graph)
{
    for (int i = 0; i <= graph->op_count; i++)
        graph->tensors[i].first = graph->tensors[i].last = i - 1;
    for (int i = 0; i < graph->op_count; i++) {
        for (int k = 0; k < graph->ops[i].input_count; k++)
            graph->tensors[graph->ops[i].inputs[k]].last = i;
    }
    for (int i = 0; i < graph->output_count; i++)
        graph->tensors[graph->outputs[i]].last = graph->op_count;
}

/* First fit: the lowest place that no tensor has which lives at the same time. */
static void plan_offsets(struct nn_graph *graph, size_t extra)
{
    for (int i = 0; i <= graph->op_count; i++) {
        struct nn_tensor *tensor = &graph->tensors[i];
        size_t size = tensor_bytes(tensor, extra);
        for (bool moved = true; moved;) {
            moved = false;
            for (int j = 0; j < i; j++) {
                const struct nn_tensor *other = &graph->tensors[j];
                size_t end = other->offset + tensor_bytes(other, extra);
                if (other->last >= tensor->first && tensor->last >= other->first &&
                    tensor->offset < end && other->offset < tensor->offset + size) {
                    tensor->offset = end;
                    moved = true;
                }
            }
        }
        if (tensor->offset + size > graph->block_bytes)
            graph->block_bytes = tensor->offset + size;
    }
}

static bool read_graph(const struct reader *reader, const json_t *head, int width, int height)
{
    struct nn_graph *graph = reader->graph;
    const json_t *ops = json_object_get(head, "ops"), *outputs = json_object_get(head, "outputs");
    const json_t *input = json_object_get(head, "input");
    bool sound = true;
    int own_height = bounded(json_array_get(input, 0), 0, GRAPH_SIDE_MAX, &sound);
    int own_width = bounded(json_array_get(input, 1), 0, GRAPH_SIDE_MAX, &sound);
    graph->op_count = (int)json_array_size(ops);
    graph->output_count = (int)json_array_size(outputs);
    if (!sound || graph->op_count < 1 || graph->op_count > NN_OPS_MAX || graph->output_count < 1 ||
        graph->output_count > NN_OUTPUTS_MAX)
        return false;
    graph->ops = arena_array(reader->arena, (size_t)graph->op_count, sizeof(*graph->ops));
    graph->tensors =
        arena_array(reader->arena, (size_t)graph->op_count + 1, sizeof(*graph->tensors));
    graph->tensors[0].shape =
        (struct nn_shape){own_height ? own_height : height, own_width ? own_width : width,
                          bounded(json_array_get(input, 2), 1, 64, &sound)};
    for (int i = 0; sound && i <= graph->op_count; i++) {
        struct nn_tensor *tensor = &graph->tensors[i];
        if (i > 0)
            sound = read_op(reader, json_array_get(ops, (size_t)i - 1), i - 1) &&
                    shape_of(graph, &graph->ops[i - 1], &tensor->shape);
        sound = sound && shape_is_sane(tensor->shape);
        if (sound)
            tensor->count = (size_t)tensor->shape.height * (size_t)tensor->shape.width *
                            (size_t)tensor->shape.channels;
    }
    for (int i = 0; i < graph->output_count; i++)
        graph->outputs[i] = bounded(json_array_get(outputs, (size_t)i), 1, graph->op_count, &sound);
    return sound;
}

int nn_graph_read(struct arena *a, const void *bytes, size_t size, int width, int height,
                  size_t extra, struct nn_graph **ret_graph, struct err *err)
{
    char head[GRAPH_HEAD_BYTES_MAX];
    const char *end = memchr(bytes, '\n', size < sizeof(head) ? size : sizeof(head) - 1);
    size_t json_size, head_size = end ? (size_t)(end - (const char *)bytes) : 0;
    memcpy(head, bytes, head_size);
    head[head_size] = '\0';
    if (!end || sscanf(head, "reeld-net 1 %zu", &json_size) != 1 ||
        json_size > GRAPH_JSON_BYTES_MAX || json_size > size - head_size - 1)
        return graph_fault(err);
    CLEANUP(json) json_t *json = NULL;
    int rc = json_parse(end + 1, json_size, GRAPH_JSON_BYTES_MAX, &json, err);
    if (rc < 0)
        return rc;
    struct nn_graph *graph = arena_alloc(a, sizeof(*graph));
    const struct reader reader = {.arena = a,
                                  .graph = graph,
                                  .blob = (const unsigned char *)end + 1 + json_size,
                                  .blob_size = size - head_size - 1 - json_size,
                                  .extra = extra};
    if (!read_graph(&reader, json, width, height))
        return graph_fault(err);
    plan_lifetimes(graph);
    plan_offsets(graph, extra);
    if (graph->block_bytes > GRAPH_BLOCK_BYTES_MAX)
        return err_set(err, ERR_TOO_LARGE, NULL, "The net needs more than 512 MiB.");
    *ret_graph = graph;
    return 0;
}
