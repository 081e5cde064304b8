"""Good pictures: the PATTERN in every kind of file that is taken."""
import io
import struct
import subprocess
import tempfile
import pathlib

import numpy
from PIL import Image, PngImagePlugin

from corpus import chunks
from corpus.pattern import COLORS, HEIGHT, WIDTH, pattern

GREY = (40, 100, 160, 220)
SECRET = "SecretName"
SECRETS = (b"Secret", b"2019:03", b"2019-03")  # what no result may hold


def saved(image, kind, **more):
    out = io.BytesIO()
    image.save(out, kind, **more)
    return out.getvalue()


def exif(orientation=1):
    """Camera, owner, time and place."""
    tags = Image.Exif()
    tags[0x0112] = orientation
    tags[0x010F], tags[0x0110], tags[0x013B], tags[0x0132] = "SecretMaker", "SecretPhone", SECRET, "2019:03:04 05:06:07"
    tags.get_ifd(0x8825).update({1: "N", 2: (48.0, 8.0, 13.0), 3: "E", 4: (11.0, 34.0, 31.0)})
    return tags.tobytes()


XMP = (b'<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
       b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/" dc:creator="SecretName"/>'
       b'</rdf:RDF></x:xmpmeta><?xpacket end="w"?>')

# how the upright picture is stored for an orientation of EXIF
STORED = {1: lambda p: p, 2: lambda p: p[:, ::-1], 3: lambda p: p[::-1, ::-1], 4: lambda p: p[::-1], 5: lambda p: p.transpose(1, 0, 2),
          6: lambda p: numpy.rot90(p, 1), 7: lambda p: numpy.rot90(p, 2).transpose(1, 0, 2), 8: lambda p: numpy.rot90(p, -1)}

DISPLAY_P3 = ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407))
ADOBE_RGB = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
SRGB = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410))


def in_space(colors, primaries, gamma):
    """sRGB colours as another space writes them, 0..1."""
    value = numpy.array(colors) / 255
    linear = numpy.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    xyz = linear @ numpy.array(SRGB)
    other = xyz @ numpy.linalg.inv(numpy.array(primaries))
    return numpy.clip(other, 0, 1) ** (1 / gamma)


def profiled(kind, primaries, gamma, name, **more):
    colors = numpy.round(in_space(COLORS, primaries, gamma) * 255).astype(int)
    image = Image.fromarray(pattern(colors=[tuple(color) for color in colors]))
    return saved(image, kind, icc_profile=chunks.icc(primaries, gamma, name), **more)


def jpegs():
    image = Image.fromarray(pattern())
    good = {"quality": 95, "subsampling": 0}
    yield "baseline.jpg", saved(image, "JPEG", quality=95)
    yield "progressive.jpg", saved(image, "JPEG", progressive=True, **good)
    for orientation, store in STORED.items():
        stored = Image.fromarray(numpy.ascontiguousarray(store(pattern())))
        yield f"turned{orientation}.jpg", saved(stored, "JPEG", exif=exif(orientation), **good)
    yield "grey.jpg", saved(Image.fromarray(pattern(colors=[(v,) * 3 for v in GREY])).convert("L"), "JPEG", quality=95)
    yield "cmyk.jpg", saved(image.convert("CMYK"), "JPEG", **good)
    planes = chunks.ycc_planes(pattern())
    yield "sampled_411.jpg", chunks.jpeg_flat(planes, [(4, 1), (1, 1), (1, 1)])
    yield "sampled_440.jpg", chunks.jpeg_flat(planes, [(1, 2), (1, 1), (1, 1)])
    # Adobe's YCCK holds ink upside down, and its colours upside down again
    adobe = chunks.jpeg_segment(0xEE, b"Adobe\0d\0\0\0\0\2")
    yield "ycck.jpg", chunks.jpeg_flat([*chunks.ycc_planes(255 - pattern()), numpy.full((HEIGHT, WIDTH), 255.0)], [(1, 1)] * 4, adobe)
    yield "p3.jpg", profiled("JPEG", DISPLAY_P3, 2.2, "Display P3", **good)
    yield "adobe_rgb.jpg", profiled("JPEG", ADOBE_RGB, 563 / 256, "Adobe RGB (1998)", **good)
    second = saved(Image.fromarray(pattern()[::-1, ::-1]), "JPEG")
    first = saved(image, "JPEG", **good)
    mpf = b"MPF\0MM\0*\0\0\0\x08" + struct.pack(">H", 3) + struct.pack(">HHI4s", 0xB000, 7, 4, b"0100")
    mpf += struct.pack(">HHII", 0xB001, 4, 1, 2) + struct.pack(">HHII", 0xB002, 7, 32, 50) + bytes(4)
    at = 2 + 4 + len(mpf) + 32
    mpf += struct.pack(">IIIHH", 0x20030000, len(first) + at - 2, 0, 0, 0) + struct.pack(">IIIHH", 0, len(second), len(first) + at - 10, 0, 0)
    yield "extra_pictures.jpg", first[:2] + chunks.jpeg_segment(0xE2, mpf) + first[2:] + second
    private = chunks.jpeg_segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP) + chunks.jpeg_segment(0xFE, b"SecretComment")
    private += chunks.jpeg_segment(0xED, b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\x0f\x1c\x02\x50\0\x0aSecretName\0")
    whole = saved(image, "JPEG", exif=exif(), **good)
    yield "private.jpg", whole[:2] + private + whole[2:]


def pngs():
    rgb = pattern().astype(int)
    grey = pattern(colors=[(v,) * 3 for v in GREY]).astype(int)[..., :1]
    index = pattern(colors=[(i,) * 3 for i in range(4)]).astype(int)[..., :1]
    bit = pattern(colors=[(v,) * 3 for v in (0, 1, 1, 0)]).astype(int)[..., :1]
    alpha = pattern(colors=[(v,) * 3 for v in (255, 255, 255, 0)]).astype(int)[..., :1]
    palette = chunks.png_chunk(b"PLTE", b"".join(bytes(color) for color in COLORS))
    yield "rgb.png", chunks.png(rgb, 2)
    yield "bit.png", chunks.png(bit, 0, 1)
    for depth in (2, 4, 8):
        yield f"palette{depth}.png", chunks.png(index, 3, depth, before=palette)
    yield "palette_alpha.png", chunks.png(index, 3, 2, before=palette + chunks.png_chunk(b"tRNS", b"\xff\xff\xff\0"))
    yield "key_alpha.png", chunks.png(rgb, 2, before=chunks.png_chunk(b"tRNS", struct.pack(">3H", *COLORS[3])))
    yield "deep.png", chunks.png(rgb * 257, 2, 16)
    yield "deep_alpha.png", chunks.png(numpy.concatenate([rgb, alpha], 2) * 257, 6, 16)
    yield "deep_grey.png", chunks.png(grey * 257, 0, 16)
    yield "grey_alpha.png", chunks.png(numpy.concatenate([grey, alpha], 2), 4)
    yield "interlaced.png", chunks.png(rgb, 2, interlaced=True)
    yield "interlaced_deep_alpha.png", chunks.png(numpy.concatenate([rgb, alpha], 2) * 257, 6, 16, interlaced=True)
    usual = chunks.png_chunk(b"gAMA", struct.pack(">I", 45455))
    chroma = chunks.png_chunk(b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000))
    yield "gamma.png", chunks.png(rgb, 2, before=usual + chroma)
    frames = [Image.fromarray(pattern()), Image.fromarray(pattern()[::-1])]
    yield "animated.png", saved(frames[0], "PNG", save_all=True, append_images=frames[1:], duration=100)
    yield "p3.png", profiled("PNG", DISPLAY_P3, 2.2, "Display P3")
    info = PngImagePlugin.PngInfo()
    info.add_text("Author", SECRET)
    info.add_text("Comment", "SecretComment", zip=True)
    info.add_itxt("XML:com.adobe.xmp", XMP.decode())
    yield "private.png", saved(frames[0], "PNG", pnginfo=info, exif=exif())


def webps():
    image = Image.fromarray(pattern())
    frames = [image, Image.fromarray(pattern()[::-1])]
    clear = image.convert("RGBA")
    clear.putalpha(Image.fromarray(pattern(colors=[(v,) * 3 for v in (255, 255, 255, 0)])[..., 0]))
    yield "lossy.webp", saved(image, "WEBP", quality=95)
    yield "lossless.webp", saved(image, "WEBP", lossless=True)
    yield "alpha.webp", saved(clear, "WEBP", quality=95)
    yield "animated.webp", saved(frames[0], "WEBP", save_all=True, append_images=frames[1:], duration=100, lossless=True)
    yield "turned6.webp", saved(Image.fromarray(numpy.ascontiguousarray(STORED[6](pattern()))), "WEBP", lossless=True, exif=exif(6))
    yield "private.webp", saved(image, "WEBP", quality=95, exif=exif(), xmp=XMP)
    yield "p3.webp", profiled("WEBP", DISPLAY_P3, 2.2, "Display P3", lossless=True)


def gifs():
    index = pattern(colors=[(i,) * 3 for i in range(4)])[..., 0].reshape(-1).tolist()
    palette = [*COLORS, (255, 255, 255)]
    whole = chunks.gif_image(index, 0, 0, WIDTH, HEIGHT, 3)
    loop = b"\x21\xff\x0bNETSCAPE2.0\x03\x01\0\0\0"
    yield "still.gif", chunks.gif(WIDTH, HEIGHT, palette, [whole], b"\x21\xfe\x0dSecretComment\0")
    yield "clear.gif", chunks.gif(WIDTH, HEIGHT, palette, [chunks.gif_image(index, 0, 0, WIDTH, HEIGHT, 3, (1, 10, 3))])
    yield "animated.gif", chunks.gif(WIDTH, HEIGHT, palette, [
        chunks.gif_image(index, 0, 0, WIDTH, HEIGHT, 3, (1, 10, None)), chunks.gif_image([4] * 400, 10, 20, 20, 20, 3, (2, 10, None))], loop)
    # the first image covers the right half alone: the rest is nothing
    half = numpy.array(index).reshape(HEIGHT, WIDTH)[:, WIDTH // 2:].reshape(-1).tolist()
    yield "offset.gif", chunks.gif(WIDTH, HEIGHT, palette, [chunks.gif_image(half, WIDTH // 2, 0, WIDTH // 2, HEIGHT, 3)])


def heifs():
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder) / "pattern.png"
        source.write_bytes(chunks.png(pattern().astype(int), 2))
        clear = pathlib.Path(folder) / "clear.png"
        alpha = pattern(colors=[(v,) * 3 for v in (255, 255, 255, 0)]).astype(int)[..., :1]
        clear.write_bytes(chunks.png(numpy.concatenate([pattern().astype(int), alpha], 2), 6))
        for name, path in (("plain.avif", source), ("alpha.avif", clear), ("plain.heic", source)):
            target = pathlib.Path(folder) / name
            subprocess.run(["vips", "copy", path, f"{target}[Q=95]"], check=True)
            yield name, target.read_bytes()


def make(folder):
    for maker in (jpegs, pngs, webps, gifs, heifs):
        for name, data in maker():
            (folder / name).write_bytes(data)
