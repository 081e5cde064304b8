"""Runs a net in ncnn's form (.param text, .bin weights) in numpy, channels first, as ncnn documents its layers, in float64."""
import numpy as np


def conv(values, weights, bias, stride, pad):
    values = np.pad(values, ((0, 0), (pad, pad), (pad, pad)))
    size = weights.shape[2:]
    every = np.lib.stride_tricks.sliding_window_view(values, size, axis=(1, 2))[:, ::stride, ::stride]
    return np.tensordot(weights, every, axes=([1, 2, 3], [0, 3, 4])) + bias[:, None, None]


def deconv(values, weights, bias, stride, pad):
    """`weights` [out][in][y][x]; the pad is cut off all around."""
    channels, _, height, width = weights.shape
    rows, columns = values.shape[1:]
    result = np.zeros((channels, (rows - 1) * stride + height, (columns - 1) * stride + width))
    for y in range(height):
        for x in range(width):
            result[:, y:y + (rows - 1) * stride + 1:stride,
                   x:x + (columns - 1) * stride + 1:stride] += np.tensordot(weights[:, :, y, x], values, axes=(1, 0))
    result = result[:, pad:result.shape[1] - pad, pad:result.shape[2] - pad]
    return result + bias[:, None, None]


def pixel_shuffle(values, factor):
    """Channel c * factor^2 + y * factor + x becomes pixel y, x of channel c."""
    channels, rows, columns = values.shape
    parts = values.reshape(channels // factor ** 2, factor, factor, rows, columns)
    return parts.transpose(0, 3, 1, 4, 2).reshape(channels // factor ** 2, rows * factor, columns * factor)


class Net:
    def __init__(self, param, binary):
        self.layers = [line.split() for line in param.decode().splitlines()[2:] if line.strip()]
        self.binary = binary

    def weights(self, count):
        """A layer's weights behind their mark, halves padded to four bytes."""
        mark = int(np.frombuffer(self.binary, "<u4", 1, self.at)[0])
        assert mark == 0x01306B47, hex(mark)
        found = np.frombuffer(self.binary, "<f2", count, self.at + 4).astype(np.float64)
        self.at += 4 + (2 * count + 3) // 4 * 4
        return found

    def plain(self, count):
        found = np.frombuffer(self.binary, "<f4", count, self.at).astype(np.float64)
        self.at += 4 * count
        return found

    def run(self, picture):
        """The picture [row, column, colour] as the net's last picture in one row of numbers. animevideo shrinks its result at the end:
        that layer is left out here and in the .net file."""
        self.at = 0
        made = {}
        for layer in self.layers:
            kind, count_in, count_out = layer[0], int(layer[2]), int(layer[3])
            ins, outs = layer[4:4 + count_in], layer[4 + count_in:4 + count_in + count_out]
            given = dict(item.split("=", 1) for item in layer[4 + count_in + count_out:])
            if kind == "Interp" and float(given["1"]) < 1:
                break
            result = self.apply(kind, given, [made[name] for name in ins], picture)
            made.update({name: result for name in outs})
        assert self.at == len(self.binary), (self.at, len(self.binary))
        return result.transpose(1, 2, 0).ravel()

    def apply(self, kind, given, ins, picture):
        if kind == "Input":
            return picture.astype(np.float64).transpose(2, 0, 1)
        if kind == "Split":
            return ins[0]
        if kind in ("Convolution", "Deconvolution"):
            channels, size, stride, pad = (int(given.get(key, value)) for key, value in
                                           (("0", 0), ("1", 0), ("3", 1), ("4", 0)))
            weights = self.weights(int(given["6"])).reshape(channels, -1, size, size)
            bias = self.plain(channels)
            result = (conv if kind == "Convolution" else deconv)(ins[0], weights, bias, stride, pad)
            if given.get("9", "0") == "2":
                slope = float(given["-23310"].split(",")[1])
                return np.where(result >= 0, result, result * slope)
            assert given.get("9", "0") == "0"
            return result
        if kind == "PReLU":
            slope = self.plain(int(given["0"]))[:, None, None]
            return np.where(ins[0] >= 0, ins[0], ins[0] * slope)
        if kind == "PixelShuffle":
            return pixel_shuffle(ins[0], int(given["0"]))
        if kind == "Interp":
            factor = int(float(given["1"]))
            assert given["0"] == "1"  # nearest
            return ins[0].repeat(factor, 1).repeat(factor, 2)
        if kind == "BinaryOp":
            assert given.get("0", "0") == "0"
            return ins[0] + ins[1]
        raise NotImplementedError(kind)
