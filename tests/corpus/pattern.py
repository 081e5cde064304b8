"""What good pictures and videos show: four colours in the quarters, so that a turn, a flip or a wrong colour is seen."""
import numpy

WIDTH, HEIGHT = 128, 96
# left upper, right upper, left lower, right lower; none at the edge of what sRGB holds
COLORS = ((200, 60, 60), (60, 160, 80), (70, 80, 190), (220, 200, 80))


def pattern(width=WIDTH, height=HEIGHT, colors=COLORS):
    pixels = numpy.zeros((height, width, 3), numpy.uint8)
    for i, color in enumerate(colors):
        y, x = (i // 2) * (height // 2), (i % 2) * (width // 2)
        pixels[y:y + height - height // 2, x:x + width - width // 2] = color
    return pixels


def quarters(pixels):
    """The mean colour of the middle of each quarter, in the order of COLORS."""
    height, width = pixels.shape[:2]
    means = []
    for i in range(4):
        y, x = (i // 2) * (height // 2), (i % 2) * (width // 2)
        part = pixels[y + height // 8:y + height * 3 // 8, x + width // 8:x + width * 3 // 8]
        means.append(tuple(part.reshape(-1, part.shape[-1]).mean(axis=0)))
    return means


def apart(pixels, colors=COLORS):
    """The largest difference of a channel between the quarters and the colours they should have."""
    return max(abs(value - wanted) for mean, color in zip(quarters(pixels), colors) for value, wanted in zip(mean, color))
