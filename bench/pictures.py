"""Photo-like pictures: noise of many sizes, the same every time."""
import numpy
from PIL import Image


def _octave(random, side, width, height):
    rows = max(2, side * height // width)
    small = (random.random((rows, side, 3)) * 255).astype(numpy.uint8)
    return Image.fromarray(small).resize((width, height), Image.BILINEAR)


def pixels(width, height, seed=1):
    """An RGB picture with the detail of a photo."""
    random = numpy.random.default_rng(seed)
    whole = _octave(random, 6, width, height)
    side, share = 24, 0.45
    while side <= width:
        whole = Image.blend(whole, _octave(random, side, width, height), share)
        side, share = side * 4, share * 0.55
    return whole


def photo(path, width=4000, height=3000, seed=1, quality=92):
    """The same as a JPEG, 2 to 4 MB at 12 megapixels."""
    pixels(width, height, seed).save(path, quality=quality)
    return path
