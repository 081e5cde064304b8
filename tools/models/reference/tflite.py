"""Runs a .tflite net in numpy, straight from the published file: the second implementation that the goldens come from.

It shares nothing with tools/models/convert or src/media/nn: an own reader, the operators as TensorFlow Lite documents them,
float64 sums. Only the operators of the three nets are here; another one ends with its number.
"""
import struct

import numpy as np

FLOAT32, FLOAT16, INT32 = 0, 1, 2
TYPES = {FLOAT32: "<f4", FLOAT16: "<f2", INT32: "<i4"}
SAME, VALID = 0, 1


class Table:
    """A table of a flatbuffer: fields by their number in TensorFlow Lite's schema."""

    def __init__(self, data, at):
        self.data, self.at = data, at

    @classmethod
    def root(cls, data):
        return cls(data, struct.unpack_from("<I", data, 0)[0])

    def _place(self, number):
        index = self.at - struct.unpack_from("<i", self.data, self.at)[0]
        size = struct.unpack_from("<H", self.data, index)[0]
        offset = struct.unpack_from("<H", self.data, index + 4 + 2 * number)[0] if 4 + 2 * number < size else 0
        return self.at + offset if offset else None

    def _target(self, number):
        place = self._place(number)
        return None if place is None else place + struct.unpack_from("<I", self.data, place)[0]

    def number(self, number, form, otherwise=0):
        place = self._place(number)
        return otherwise if place is None else struct.unpack_from("<" + form, self.data, place)[0]

    def table(self, number):
        target = self._target(number)
        return None if target is None else Table(self.data, target)

    def array(self, number, kind):
        target = self._target(number)
        if target is None:
            return np.zeros(0, kind)
        count = struct.unpack_from("<I", self.data, target)[0]
        return np.frombuffer(self.data, kind, count, target + 4)

    def tables(self, number):
        target = self._target(number)
        if target is None:
            return []
        count = struct.unpack_from("<I", self.data, target)[0]
        places = [target + 4 + 4 * k for k in range(count)]
        return [Table(self.data, place + struct.unpack_from("<I", self.data, place)[0]) for place in places]


def activated(values, kind):
    if kind == 0:
        return values
    if kind == 1:
        return np.maximum(values, 0)
    if kind == 3:
        return np.clip(values, 0, 6)
    raise NotImplementedError(f"activation {kind}")


def padded(values, kernel, stride, padding, filler=0.0):
    """Room around the picture, so that every window lies inside."""
    if padding == VALID:
        return values
    room = []
    for size, window, step in zip(values.shape[:2], kernel, stride):
        total = max((-(-size // step) - 1) * step + window - size, 0)
        room.append((total // 2, total - total // 2))
    return np.pad(values, (*room, (0, 0)), constant_values=filler)


def windows(values, kernel, stride):
    """[row, column, channel, y, x]"""
    every = np.lib.stride_tricks.sliding_window_view(values, kernel, axis=(0, 1))
    return every[::stride[0], ::stride[1]]


def conv(values, weights, bias, stride, padding):
    kernel = weights.shape[1:3]
    return np.tensordot(windows(padded(values, kernel, stride, padding), kernel, stride), weights,
                        axes=([2, 3, 4], [3, 1, 2])) + bias


def depthwise(values, weights, bias, stride, padding):
    kernel = weights.shape[1:3]
    return np.einsum("rcdyx,yxd->rcd", windows(padded(values, kernel, stride, padding), kernel, stride), weights[0]) + bias


def deconv(values, weights, bias, stride):
    """Every pixel stamps the kernel, scaled, onto the larger picture."""
    channels, height, width, _ = weights.shape
    rows, columns = values.shape[:2]
    result = np.zeros(((rows - 1) * stride[0] + height, (columns - 1) * stride[1] + width, channels))
    for y in range(height):
        for x in range(width):
            result[y:y + (rows - 1) * stride[0] + 1:stride[0],
                   x:x + (columns - 1) * stride[1] + 1:stride[1]] += values @ weights[:, y, x].T
    return result + bias


def resized(values, size):
    """Bilinear, pixel centres at halves."""
    for axis in (0, 1):
        count = values.shape[axis]
        place = np.clip((np.arange(size[axis]) + 0.5) * count / size[axis] - 0.5, 0, count - 1)
        low = np.floor(place).astype(int)
        share = (place - low).reshape([-1 if axis == k else 1 for k in range(3)])
        values = values.take(low, axis) * (1 - share) + values.take(np.minimum(low + 1, count - 1), axis) * share
    return values


class Net:
    def __init__(self, data):
        model = Table.root(data)
        codes = [max(code.number(0, "b"), code.number(3, "i")) for code in model.tables(1)]
        buffers = [buffer.array(0, "u1") for buffer in model.tables(4)]
        graph = model.tables(2)[0]
        self.tensors = graph.tables(0)
        self.inputs, self.outputs = graph.array(1, "<i4"), graph.array(2, "<i4")
        self.operators = [(codes[op.number(0, "I")], op) for op in graph.tables(3)]
        self.constants = {}
        for index, tensor in enumerate(self.tensors):
            content = buffers[tensor.number(2, "I")]
            if len(content):
                self.constants[index] = content.view(TYPES[tensor.number(1, "b")]).reshape(tensor.array(0, "<i4"))

    def shape(self, index):
        return tuple(self.tensors[index].array(0, "<i4"))

    def run(self, picture):
        """All outputs, one after the other, as one row of numbers."""
        made = {int(self.inputs[0]): picture.astype(np.float64)}
        for code, op in self.operators:
            outs = op.array(2, "<i4")
            made[int(outs[0])] = self.apply(code, op, [self.value(made, int(i)) for i in op.array(1, "<i4")], int(outs[0]))
        return np.concatenate([made[int(index)].ravel() for index in self.outputs])

    def value(self, made, index):
        return made[index] if index in made else self.constants[index].astype(np.float64)

    def apply(self, code, op, given, out):
        options = op.table(4)
        if code == 0:  # add
            return activated(given[0] + given[1], options.number(0, "b") if options else 0)
        if code == 1:  # average pool, over everything
            assert self.shape(out)[1:3] == (1, 1)
            return activated(given[0].mean((0, 1), keepdims=True), options.number(5, "b"))
        if code == 2:  # concatenation
            axis = options.number(0, "i")
            first = given[0]
            return np.concatenate(given, axis - 1 if first.ndim == len(self.shape(out)) - 1 else axis)
        if code in (3, 4):  # convolution, depthwise convolution
            stride = options.number(2, "i"), options.number(1, "i")
            result = (conv if code == 3 else depthwise)(*given, stride, options.number(0, "b"))
            return activated(result, options.number(3 if code == 3 else 4, "b"))
        if code == 6:  # dequantize
            return given[0]
        if code == 14:  # logistic
            return (1 + np.tanh(given[0] / 2)) / 2
        if code == 17:  # max pool
            kernel, stride = (options.number(4, "i"), options.number(3, "i")), (options.number(2, "i"), options.number(1, "i"))
            room = padded(given[0], kernel, stride, options.number(0, "b"), -np.inf)
            return activated(windows(room, kernel, stride).max((3, 4)), options.number(5, "b"))
        if code == 18:  # multiply
            return activated(given[0] * given[1], options.number(0, "b") if options else 0)
        if code == 19:  # relu
            return np.maximum(given[0], 0)
        if code == 22:  # reshape; without the first axis, which is 1 everywhere
            return given[0].reshape(self.shape(out)[1:])
        if code == 23:  # resize
            assert options.number(3, "b") and not options.number(2, "b")
            return resized(given[0], given[1].astype(int))
        if code == 32:  # MediaPipe's transposed convolution with bias
            padding, across, down = struct.unpack_from("<iii", op.array(5, "u1").tobytes())
            result = deconv(*given, (down, across))
            assert result.shape == self.shape(out)[1:], (padding, result.shape)
            return result
        if code == 34:  # pad
            return np.pad(given[0], given[1].astype(int)[1:])
        if code == 54:  # prelu
            return np.where(given[0] >= 0, given[0], given[0] * given[1])
        if code == 117:  # hard swish
            return given[0] * np.clip(given[0] + 3, 0, 6) / 6
        raise NotImplementedError(f"operator {code}")
