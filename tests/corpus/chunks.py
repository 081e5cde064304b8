"""Writers of picture formats by hand: what no program here writes, and what none would."""
import struct
import zlib

import numpy

# --- PNG ---


def png_chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_rows(samples, depth):
    """Filtered rows of a (height, width, channels) array of samples."""
    height = samples.shape[0]
    flat = samples.reshape(height, -1)
    if depth == 16:
        rows = flat.astype(">u2").view(numpy.uint8).reshape(height, -1)
    elif depth == 8:
        rows = flat.astype(numpy.uint8)
    else:
        bits = (flat[:, :, None] >> numpy.arange(depth - 1, -1, -1)) & 1
        rows = numpy.packbits(bits.reshape(height, -1).astype(numpy.uint8), axis=1)
    return b"".join(b"\0" + row.tobytes() for row in rows)


ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def png(samples, color_type, depth=8, interlaced=False, before=b"", after=b"", size=None):
    """`before` and `after` are chunks around the data; `size` a width and height that lie."""
    height, width = samples.shape[:2]
    shown = size or (width, height)
    head = png_chunk(b"IHDR", struct.pack(">IIBBBBB", *shown, depth, color_type, 0, 0, int(interlaced)))
    if interlaced:
        data = b"".join(png_rows(samples[y::dy, x::dx], depth) for x, y, dx, dy in ADAM7)
    else:
        data = png_rows(samples, depth)
    return b"\x89PNG\r\n\x1a\n" + head + before + png_chunk(b"IDAT", zlib.compress(data)) + after + png_chunk(b"IEND", b"")


# --- JPEG, of flat blocks: enough for quarters of one colour, in any sampling ---

# the usual table of DC differences, and one of a single AC code: end of block
DC_LENGTHS = (0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0)


def huffman_codes():
    codes, code, value = {}, 0, 0
    for length, count in enumerate(DC_LENGTHS, 1):
        for _ in range(count):
            codes[value] = format(code, f"0{length}b")
            code, value = code + 1, value + 1
        code <<= 1
    return codes


def jpeg_segment(marker, body):
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def dc_bits(difference, codes):
    size = abs(difference).bit_length()
    value = difference if difference >= 0 else difference + (1 << size) - 1
    return codes[size] + (format(value, f"0{size}b") if size else "")


def jpeg_flat(planes, sampling, before=b"", quality=8):
    """Planes of 0..255 samples of equal size, each with its (horizontal, vertical) sampling; `before` are segments."""
    height, width = planes[0].shape
    h_max, v_max = max(h for h, _ in sampling), max(v for _, v in sampling)
    codes, bits, last = huffman_codes(), [], [0] * len(planes)
    for top in range(0, height, 8 * v_max):
        for left in range(0, width, 8 * h_max):
            for i, (plane, (h, v)) in enumerate(zip(planes, sampling)):
                step_y, step_x = 8 * v_max // v, 8 * h_max // h
                for y in range(v):
                    for x in range(h):
                        block = plane[top + y * step_y:top + (y + 1) * step_y, left + x * step_x:left + (x + 1) * step_x]
                        value = round((float(block.mean()) - 128) * 8 / quality)
                        bits.append(dc_bits(value - last[i], codes) + "0")
                        last[i] = value
    text = "".join(bits)
    text += "1" * (-len(text) % 8)
    scan = bytes(int(text[i:i + 8], 2) for i in range(0, len(text), 8)).replace(b"\xff", b"\xff\x00")
    ids = range(1, len(planes) + 1)
    frame = struct.pack(">BHHB", 8, height, width, len(planes))
    frame += b"".join(struct.pack("BBB", i, h << 4 | v, 0) for i, (h, v) in zip(ids, sampling))
    tables = jpeg_segment(0xC4, bytes([0x00, *DC_LENGTHS, *range(12)])) + jpeg_segment(0xC4, bytes([0x10, 1, *[0] * 15, 0]))
    start = bytes([len(planes), *(byte for i in ids for byte in (i, 0)), 0, 63, 0])
    return (b"\xff\xd8" + before + jpeg_segment(0xDB, bytes([0] + [quality] * 64)) + jpeg_segment(0xC0, frame) + tables +
            jpeg_segment(0xDA, start) + scan + b"\xff\xd9")


def ycc_planes(pixels):
    r, g, b = (pixels[..., i].astype(float) for i in range(3))
    y = 0.299 * r + 0.587 * g + 0.114 * b
    return [y, 128 + (b - y) / 1.772, 128 + (r - y) / 1.402]


# --- GIF ---


def gif_codes(indices, bits):
    """Pixels as codes that never compress: a clear code before the table would grow."""
    clear, size = 1 << bits, bits + 1
    out, buffer, held = bytearray(), 0, 0
    codes = [clear]
    for i, index in enumerate(indices):
        if i and i % ((1 << bits) - 2) == 0:
            codes.append(clear)
        codes.append(index)
    for code in [*codes, clear + 1]:
        buffer |= code << held
        held += size
        while held >= 8:
            out.append(buffer & 255)
            buffer >>= 8
            held -= 8
    out.append(buffer & 255)
    return bytes([bits]) + b"".join(bytes([len(out[i:i + 255])]) + bytes(out[i:i + 255]) for i in range(0, len(out), 255)) + b"\0"


def gif_image(indices, left, top, width, height, bits, control=None):
    """`control`: (disposal, delay, transparent index or None)."""
    head = b""
    if control:
        disposal, delay, transparent = control
        head = struct.pack("<BBBBHBB", 0x21, 0xF9, 4, disposal << 2 | (transparent is not None), delay, transparent or 0, 0)
    return head + struct.pack("<BHHHHB", 0x2C, left, top, width, height, 0) + gif_codes(indices, bits)


def gif(width, height, palette, images, more=b""):
    bits = max(2, (len(palette) - 1).bit_length())
    colors = b"".join(bytes(color) for color in palette) + bytes(3 * ((1 << bits) - len(palette)))
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80 | bits - 1, 0, 0) + colors + more + b"".join(images) + b"\x3b"


# --- ICC ---


def icc(primaries, gamma, description, white=(0.9642, 1.0, 0.8249)):
    """A matrix profile of version 2; `primaries` are XYZ columns adapted to D50."""
    def s15(*values):
        return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))

    text = description.encode("ascii") + b"\0"
    desc = b"desc" + struct.pack(">II", 0, len(text)) + text + bytes(12 + 67)
    curve = b"curv" + struct.pack(">IIH", 0, 1, round(gamma * 256)) + b"\0\0"
    xyz = [b"XYZ " + bytes(4) + s15(*column) for column in (white, *primaries)]
    tags = [(b"desc", desc), (b"cprt", b"text" + bytes(4) + b"none\0"), (b"wtpt", xyz[0]), (b"rXYZ", xyz[1]), (b"gXYZ", xyz[2]), (b"bXYZ", xyz[3]),
            (b"rTRC", curve), (b"gTRC", curve), (b"bTRC", curve)]
    table, data, at = struct.pack(">I", len(tags)), b"", 128 + 4 + 12 * len(tags)
    for name, body in tags:
        body += bytes(-len(body) % 4)
        table += name + struct.pack(">II", at + len(data), len(body))
        data += body
    size = 128 + len(table) + len(data)
    head = struct.pack(">I4sI4s4s4s12x4s28x", size, b"none", 0x02100000, b"mntr", b"RGB ", b"XYZ ", b"acsp") + s15(*white)
    return head.ljust(128, b"\0") + table + data
