"""Pictures of every format that is taken: the same colours in the same places, upright, in sRGB, and nothing of the source beside them."""
import io

import numpy
import pytest
from PIL import Image

from corpus import chunks, judge, mutate, pictures
from corpus.pattern import COLORS, HEIGHT, WIDTH, apart, pattern, quarters

CLEAR = (*[255] * 3, 0)  # opacity by quarter
# what a PNG of ours holds
CHUNKS = {b"IHDR", b"sRGB", b"pHYs", b"IDAT", b"IEND"}
# by name: the largest difference of a channel; lossless ones are exact
TOLERANCE = {"lossy.webp": 2, "alpha.webp": 2, "private.webp": 2, "p3.jpg": 3, "adobe_rgb.jpg": 3, "p3.png": 2, "p3.webp": 2}


def published(worker, data, kind="png"):
    answer = judge.judge(worker.run("publish_frames_with_logo", {"image_urls": [data], "format": kind}))
    assert answer.kind == "done", answer
    return answer.outputs[0]


def pixels_of(data):
    return numpy.array(Image.open(io.BytesIO(data)))


def names(*endings):
    made = [name for maker in (pictures.jpegs, pictures.pngs, pictures.webps, pictures.gifs) for name, _ in maker()]
    return [name for name in [*made, "plain.avif", "alpha.avif", "plain.heic"] if name.endswith(endings)]


GREYS = {"grey.jpg", "deep_grey.png", "grey_alpha.png"}
OTHERS = GREYS | {"bit.png", "cmyk.jpg", "ycck.jpg", "offset.gif"}


@pytest.mark.parametrize("name", [name for name in names("") if name not in OTHERS])
def test_colours_and_places(worker, files, name):
    pixels = pixels_of(published(worker, files[name].read_bytes()))
    assert pixels.shape[:2] == (HEIGHT, WIDTH)
    exact = name.endswith((".png", ".gif")) or name in ("lossless.webp", "animated.webp", "turned6.webp")
    clear = "alpha" in name or name == "clear.gif"
    if clear:
        opacity = [mean[3] for mean in quarters(pixels)]
        assert opacity == pytest.approx(CLEAR, abs=0), opacity
        pixels = pixels.copy()
        pixels[HEIGHT // 2:, WIDTH // 2:, :3] = COLORS[3]  # nothing is seen there
    else:
        assert pixels.shape[2] == 3
    assert apart(pixels[..., :3]) <= TOLERANCE.get(name, 0 if exact else 1.5)


@pytest.mark.parametrize("name", sorted(GREYS))
def test_grey_is_grey(worker, files, name):
    pixels = pixels_of(published(worker, files[name].read_bytes()))
    assert apart(pixels[..., :3], [(value,) * 3 for value in pictures.GREY]) <= 1
    assert pixels.shape[2] == (4 if "alpha" in name else 3)


def test_one_bit(worker, files):
    pixels = pixels_of(published(worker, files["bit.png"].read_bytes()))
    assert apart(pixels, [(value,) * 3 for value in (0, 255, 255, 0)]) == 0


def test_inks_are_managed(worker, files):
    """Without a profile an ink is what a press makes of it, duller than on a screen; however the file codes it."""
    one, other = (pixels_of(published(worker, files[name].read_bytes())) for name in ("cmyk.jpg", "ycck.jpg"))
    assert apart(one, quarters(other)) <= 2
    assert 20 < apart(one) < 70
    for mean, color in zip(quarters(one), COLORS):
        assert numpy.argmax(mean) == numpy.argmax(color)


def test_what_a_gif_does_not_cover_is_clear(worker, files):
    """Its first image fills the right half alone."""
    pixels = pixels_of(published(worker, files["offset.gif"].read_bytes()))
    assert [mean[3] for mean in quarters(pixels)] == [0, 255, 0, 255]
    assert quarters(pixels)[1][:3] == COLORS[1] and quarters(pixels)[3][:3] == COLORS[3]


@pytest.mark.parametrize("kind,width,height", [("png", 61, 37), ("png", 1, 1), ("jpg", 17, 1), ("png", 1, 500)])
def test_odd_sizes(worker, kind, width, height):
    source = pattern(width, height) if min(width, height) > 1 else numpy.full((height, width, 3), COLORS[0], numpy.uint8)
    data = chunks.png(source.astype(int), 2) if kind == "png" else pictures.saved(Image.fromarray(source), "JPEG", quality=95)
    pixels = pixels_of(published(worker, data))
    assert pixels.shape == (height, width, 3)
    assert numpy.abs(pixels.astype(int) - source).max() <= (0 if kind == "png" else 4)


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
@pytest.mark.parametrize("name", names("") and [name for name in names("") if name.startswith(("private", "turned6"))])
def test_nothing_private_is_passed_on(worker, files, name, kind):
    source = files[name].read_bytes()
    assert any(secret in source for secret in pictures.SECRETS) or name == "turned6.webp"
    data = published(worker, source, kind)
    for secret in (*pictures.SECRETS, b"Exif", b"<x:xmp", b"8BIM", b"MPF"):
        assert secret not in data
    if kind == "png":
        assert {node.tag for node in mutate.png_read(data)} <= CHUNKS
    image = Image.open(io.BytesIO(data))
    assert not image.getexif() and "icc_profile" not in image.info or kind != "png"


@pytest.mark.parametrize("flow,params", [
    ("tile_grid_images", {"image_urls": ["X"] * 2, "grid_pattern": "2x1"}),
    ("split_grid_images", {"image_url": "X", "grid_pattern": "1x1"}),
    ("crop_to_content", {"image_url": "X"}),
    ("overlay_logo", {"image_url": "X", "logo_url": "X", "scale": 0.02}),
    ("replace_background", {"image_url": "X", "chroma_key_color": "#00FF00"})])
@pytest.mark.parametrize("name", ["private.jpg", "turned7.jpg", "p3.jpg", "ycck.jpg", "private.png", "interlaced_deep_alpha.png", "private.webp", "alpha.avif", "plain.heic",
                                  "clear.gif"])
def test_every_step_takes_every_format(worker, files, flow, params, name):
    source = files[name].read_bytes()
    filled = {key: [source for _ in value] if key == "image_urls" else source if value == "X" else value for key, value in params.items()}
    answer = judge.judge(worker.run(flow, filled))
    assert answer.kind == "done", answer
    for data in answer.outputs:
        assert not any(secret in data for secret in pictures.SECRETS)
        pixels = pixels_of(data)
        half = pixels[:, :pixels.shape[1] // 2] if flow == "tile_grid_images" else pixels
        if name in ("private.jpg", "turned7.jpg", "private.png", "private.webp", "plain.heic") and flow != "replace_background":
            assert apart(half[..., :3]) < 6, (flow, name, quarters(half))


@pytest.mark.parametrize("name", ["BMP", "TIFF", "PPM", "TGA", "ICO", "PCX", "JPEG2000"])
def test_other_formats_are_refused(worker, name):
    data = pictures.saved(Image.fromarray(pattern()), name)
    answer = judge.judge(worker.run("publish_frames_with_logo", {"image_urls": [data]}), ["/image_urls/0"])
    assert answer.code == "BAD_INPUT" and "is no picture that is taken here" in answer.sentence
