"""Photo-like pictures: noise of many sizes, the same every time."""
import numpy
from PIL import Image


def photo(path, width=4000, height=3000, seed=1, quality=92):
    """A JPEG with the detail of a photo: about 3 MB at 12 megapixels."""
    random = numpy.random.default_rng(seed)
    total = numpy.zeros((height, width, 3), numpy.float32)
    weight, side = 90.0, 6
    while side <= width:
        rows = max(2, side * height // width)
        noise = random.random((rows, side, 3), numpy.float32) - 0.5
        for channel in range(3):
            layer = Image.fromarray(noise[:, :, channel])
            total[:, :, channel] += weight * numpy.asarray(layer.resize((width, height), Image.BICUBIC))
        side, weight = side * 2, weight * 0.62
    pixels = numpy.clip(total * 1.6 + 128, 0, 255).astype(numpy.uint8)
    Image.fromarray(pixels).save(path, quality=quality)
    return path
