"""Hostile media: bombs, lies, loops and other files that pose as media. Each is made here, small, and named by what it does.

PICTURES, VIDEOS, SOUNDS and POSERS yield (name, bytes). CANARY and ADDRESS stand for a file and an address that must never be touched."""
import functools
import gzip
import io
import struct
import tarfile
import zipfile
import zlib

import numpy
from PIL import Image

from corpus import chunks, mutate
from corpus.mutate import Node
from corpus.pattern import pattern
from corpus.pictures import saved
from corpus.sounds import tone, wav

MAGIC = {"jpg": b"\xff\xd8\xff\xe0\0\x10JFIF\0", "png": b"\x89PNG\r\n\x1a\n", "gif": b"GIF89a", "webp": b"RIFF\xff\xff\xff\x7fWEBPVP8 ",
         "avif": b"\0\0\0\x18ftypavif\0\0\0\0avifmif1", "mp4": b"\0\0\0\x18ftypisom\0\0\0\0isommp41", "mkv": b"\x1a\x45\xdf\xa3\x93\x42\x82\x88matroska",
         "wav": b"RIFF\xff\xff\xff\x7fWAVEfmt ", "ogg": b"OggS\0\2", "flac": b"fLaC\0\0\0\x22", "mp3": b"ID3\4\0\0\x7f\x7f\x7f\x7f", "aac": b"\xff\xf1\x50\x80"}


# --- pictures ---


def png_of(width, height, kind=2, depth=8, rows=64, before=b""):
    """A PNG that says to be so large and holds a few rows of nothing."""
    channels = {0: 1, 2: 3, 3: 1, 6: 4}[kind]
    row = 1 + (width * channels * depth + 7) // 8
    data = zlib.compress(bytes(min(row * min(rows, height), 1 << 20)), 9)
    head = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunks.png_chunk(b"IHDR", head) + before + chunks.png_chunk(b"IDAT", data) + chunks.png_chunk(b"IEND", b"")


@functools.lru_cache
def deflated(size):
    """So many zeros, packed without being held."""
    packer, out = zlib.compressobj(1), []
    for _ in range(size >> 20):
        out.append(packer.compress(bytes(1 << 20)))
    return b"".join([*out, packer.flush()])


def jpeg_scans(width, height, count):
    """A progressive picture whose first coefficients are sent over and over."""
    plane = numpy.full((8, 8), 128.0)
    data = bytearray(chunks.jpeg_flat([plane], [(1, 1)]))
    at = data.find(b"\xff\xc0")
    data[at + 1] = 0xC2
    data[at + 5:at + 9] = struct.pack(">HH", height, width)
    start = data.find(b"\xff\xda")
    scan = struct.pack(">BBHBBBBBB", 0xFF, 0xDA, 8, 1, 1, 0, 0, 0, 0) + b"\x00" * 16
    return bytes(data[:start]) + scan * count + b"\xff\xd9"


def exif_of(entries, following):
    tiff = b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries) & 0xFFFF) + b"".join(entries) + struct.pack("<I", following)
    return chunks.jpeg_segment(0xE1, b"Exif\0\0" + tiff)


def pictures():
    plain = saved(Image.fromarray(pattern()), "JPEG")
    small = pattern(16, 16).astype(int)
    yield "bomb.png", png_of(60000, 60000)
    yield "wide_bomb.png", png_of(2 ** 31 - 1, 1)
    yield "at_the_limit_and_cut.png", png_of(16384, 6103, 0, 1)
    yield "nothing.png", png_of(0, 0)
    yield "text_bomb.png", png_of(16, 16, before=chunks.png_chunk(b"zTXt", b"Comment\0\0" + deflated(64 << 20)))
    yield "profile_bomb.png", png_of(16, 16, before=chunks.png_chunk(b"iCCP", b"icc\0\0" + deflated(64 << 20)))
    yield "animated_bomb.png", png_of(16, 16, before=chunks.png_chunk(b"acTL", struct.pack(">II", 2 ** 31 - 1, 0)))
    yield "many_chunks.png", png_of(16, 16, before=chunks.png_chunk(b"tEXt", b"a\0b") * 20000)
    yield "long_data.png", chunks.png(small, 2, after=chunks.png_chunk(b"IDAT", deflated(64 << 20)))
    yield "lying.png", chunks.png(small, 2, size=(4000, 4000))
    yield "bomb.jpg", plain.replace(struct.pack(">HH", 96, 128), struct.pack(">HH", 65500, 65500), 1)
    yield "scans.jpg", jpeg_scans(8192, 8192, 2000)
    loop = struct.pack("<HHII", 0x8769, 4, 1, 8)  # a directory that is its own part
    yield "exif_loop.jpg", plain[:2] + exif_of([loop], 8) + plain[2:]
    far = struct.pack("<HHII", 0x010F, 2, 0xFFFFFFFF, 0xFFFFFFF0)
    yield "exif_far.jpg", plain[:2] + exif_of([far] * 2000, 0xFFFFFFFF) + plain[2:]
    profile = bytearray(chunks.icc(((0.4, 0.2, 0.0), (0.4, 0.7, 0.1), (0.1, 0.1, 0.7)), 2.2, "lies"))
    profile[128:132] = struct.pack(">I", 0xFFFFFFFF)
    yield "profile_of_many.jpg", saved(Image.fromarray(pattern()), "JPEG", icc_profile=bytes(profile))
    profile[128:132] = struct.pack(">I", 9)
    profile[136:144] = struct.pack(">II", 0xFFFFFFF0, 0xFFFFFFF0)
    yield "profile_far.jpg", saved(Image.fromarray(pattern()), "JPEG", icc_profile=bytes(profile))
    yield "profile_of_itself.png", png_of(16, 16, before=chunks.png_chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(profile))))
    image = chunks.gif_image([0] * 16, 0, 0, 4, 4, 2, (0, 1, None))
    yield "bomb.gif", chunks.gif(65535, 65535, [(0, 0, 0)] * 4, [image])
    yield "many.gif", chunks.gif(64, 64, [(9, 9, 9)] * 4, [image] * 20000)
    yield "large_frame.gif", chunks.gif(4, 4, [(0, 0, 0)] * 4, [chunks.gif_image([0] * 16, 0, 0, 65535, 65535, 2)])
    yield "outside.gif", chunks.gif(4, 4, [(0, 0, 0)] * 4, [chunks.gif_image([0] * 16, 60000, 60000, 4, 4, 2)])
    yield "endless_blocks.gif", chunks.gif(4, 4, [(0, 0, 0)] * 4, [], b"\x21\xfe" + (b"\xff" + bytes(255)) * 4000)
    webp = mutate.riff_read(saved(Image.fromarray(pattern()), "WEBP", lossless=True))
    head = bytearray(webp[0].body[0].body)
    head[1:5] = b"\xff\xff\xff\x0f"
    webp[0].body[0].body = bytes(head)
    yield "bomb.webp", mutate.riff_write(webp)
    canvas = Node(b"VP8X", b"\x02\0\0\0" + b"\xff\xff\xff" * 2)
    yield "canvas_bomb.webp", mutate.riff_write([Node(b"WEBP", [canvas, Node(b"ANIM", bytes(6)), *webp[0].body])])
    yield "svg.png", b"\x89PNG\r\n\x1a\n<svg xmlns='http://www.w3.org/2000/svg'/>"


def pictures_of(files):
    """Out of good files: lies within AVIF and HEIF, whose boxes are not written by hand."""
    for name in ("plain.avif", "plain.heic"):
        good = files[name].read_bytes()
        at = good.find(b"ispe")
        for word, size in (("bomb", (65000, 65000)), ("long", (2 ** 31 - 1, 2 ** 31 - 1)), ("nothing", (0, 0))):
            yield f"{word}_{name}", good[:at + 8] + struct.pack(">II", *size) + good[at + 16:]
        at = good.find(b"iloc")
        yield f"loop_{name}", good[:at + 8] + b"\xff" * 12 + good[at + 20:]


# --- videos ---


def iso(nodes):
    return mutate.iso_write(nodes)


def inside(nodes, path):
    """The node of a path of types, the first one of each."""
    for kind in path:
        node = next(node for node in nodes if node.tag == kind)
        nodes = node.body
    return node


TABLE = (b"moov", b"trak", b"mdia", b"minf", b"stbl")


def changed(data, path, change):
    nodes = mutate.iso_read(data)
    node = inside(nodes, path)
    node.body = change(node.body)
    return iso(nodes)


def videos(files):
    good = files["h264.mp4"].read_bytes()
    for size in (0, 1, 7, 2 ** 31, 2 ** 32 - 1, 2 ** 64 - 1):
        nodes = mutate.iso_read(good)
        inside(nodes, (b"moov",)).lie = size
        yield f"box_of_{size}.mp4", iso(nodes)
    nested = b""
    for _ in range(10000):
        nested = struct.pack(">I4s", len(nested) + 8, b"moov") + nested
    yield "nested.mp4", good[:32] + nested
    nested = b""
    for _ in range(10000):
        nested = struct.pack(">I4s", len(nested) + 8, b"udta") + nested
    yield "nested_within.mp4", good[:32] + struct.pack(">I4s", len(nested) + 8, b"moov") + nested
    for table, body in (("stco", struct.pack(">II", 0, 1) + struct.pack(">I", 0)), ("stco", struct.pack(">II", 0, 2 ** 32 - 1) + bytes(64)),
                        ("stsz", struct.pack(">III", 0, 0, 2 ** 31) + bytes(64)), ("stsz", struct.pack(">III", 0, 1, 2 ** 32 - 1)),
                        ("stts", struct.pack(">IIII", 0, 1, 2 ** 32 - 1, 1)), ("stts", struct.pack(">IIII", 0, 1, 20, 0)),
                        ("stts", struct.pack(">IIII", 0, 1, 20, 2 ** 31 - 1)), ("stsc", struct.pack(">IIIII", 0, 1, 1, 2 ** 32 - 1, 1)),
                        ("ctts", struct.pack(">IIII", 0, 1, 2 ** 32 - 1, 2 ** 31))):
        kind = table.encode()
        yield f"{table}_{zlib.crc32(body):08x}.mp4", changed(good, (*TABLE, kind), lambda _, body=body: body)
    for scale in (0, 1, 10 ** 9, 2 ** 32 - 1):
        yield f"scale_{scale}.mp4", changed(good, (b"moov", b"trak", b"mdia", b"mdhd"), lambda body, scale=scale: body[:12] + struct.pack(">I", scale) + body[16:])
    yield "years.mp4", changed(good, (b"moov", b"trak", b"mdia", b"mdhd"), lambda body: body[:12] + struct.pack(">II", 1, 2 ** 32 - 1) + body[20:])
    edits = struct.pack(">II", 0, 50000) + struct.pack(">IiI", 1000, 0, 65536) * 50000
    yield "edits.mp4", changed(good, (b"moov", b"trak", b"edts", b"elst"), lambda _: edits)
    yield "edit_of_years.mp4", changed(good, (b"moov", b"trak", b"edts", b"elst"), lambda _: struct.pack(">IIIiI", 0, 1, 2 ** 32 - 1, -1, 65536))
    yield "huge_within.mp4", good.replace(struct.pack(">HH", 128, 96), struct.pack(">HH", 65535, 65535))
    yield "tracks.mp4", iso_with_tracks(good, 500)
    reference = b"\0\0\0\0\0\0\0\1" + struct.pack(">I4sI", 12 + len(b"file:///CANARY\0"), b"url ", 0) + b"file:///CANARY\0"
    yield "elsewhere.mp4", changed(good, (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"), lambda _: reference)
    yield from matroskas(files)


def iso_with_tracks(data, count):
    nodes = mutate.iso_read(data)
    moov = inside(nodes, (b"moov",))
    track = next(node for node in moov.body if node.tag == b"trak")
    moov.body += [track.copy() for _ in range(count)]
    return iso(nodes)


def ebml(nodes):
    return mutate.ebml_write(nodes)


def elements(nodes, tag):
    return [(where, i) for where, i in mutate.everywhere(nodes) if where[i].tag == tag]


def matroskas(files):
    good = files["vp9.webm"].read_bytes()
    unknown = (1 << 56) - 1
    nodes = mutate.ebml_read(good)
    for tag in (0x18538067, 0x1F43B675):
        for where, i in elements(nodes, tag):
            where[i].lie = unknown
    yield "unknown_sizes.webm", ebml(nodes)
    nodes = mutate.ebml_read(good)
    for _ in range(5000):
        nodes[1].body.insert(0, Node(0x1F43B675, b"", unknown))
    yield "clusters_within_clusters.webm", ebml(nodes)
    deep = Node(0x1C53BB6B, b"")
    for _ in range(200):
        deep = Node(0x3373, [Node(0x67C8, [deep])])  # tags within tags
    nodes = mutate.ebml_read(good)
    nodes[1].body.append(deep)
    yield "tags_within_tags.webm", ebml(nodes)
    for word, tag, value in (("no_time", 0x2AD7B1, b"\0"), ("slow_time", 0x2AD7B1, b"\xff" * 8), ("width", 0xB0, b"\x7f\xff\xff\xff"), ("track", 0xD7, b"\xff" * 8),
                             ("frame", 0x23E383, b"\1"), ("long", 0x4489, struct.pack(">d", 1e300)), ("endless", 0x4489, struct.pack(">d", float("inf"))),
                             ("rate", 0xB5, struct.pack(">d", 2.0 ** 31)), ("channels", 0x9F, b"\xff"), ("no_rate", 0xB5, struct.pack(">d", 0.0)),
                             ("delay", 0x56AA, b"\x7f" * 8)):
        nodes = mutate.ebml_read(good)
        for where, i in elements(nodes, tag):
            where[i].body = value
        yield f"{word}.webm", ebml(nodes)
    yield "grows.webm", grown(good, files["vp9_large.webm"].read_bytes())
    nodes = mutate.ebml_read(good)
    for where, i in elements(nodes, 0xA3):
        where[i].body = where[i].body[:3] + bytes([where[i].body[3] | 6]) + b"\xff" * 40  # laces of 256 that lie
    yield "laces.webm", ebml(nodes)


def grown(small, large):
    """A stream that becomes enormous in the middle: its codec says so, its header does not."""
    nodes, others = mutate.ebml_read(small), mutate.ebml_read(large)
    frames = [where[i].body for where, i in elements(others, 0xA3)]
    blocks = [(where, i) for where, i in elements(nodes, 0xA3) if where[i].body[0] == 0x81]
    for where, i in blocks[5:]:
        where[i].body = where[i].body[:4] + frames[0][4:]
    return ebml(nodes)


# --- sounds ---


def sounds(files):
    good = wav(tone(8000), 8000)
    for word, at, value in (("rate_2_31", 24, 2 ** 31), ("rate_0", 24, 0), ("rate_1", 24, 1)):
        yield f"{word}.wav", good[:at] + struct.pack("<I", value) + good[at + 4:]
    for word, at, value in (("channels_255", 22, 255), ("channels_0", 22, 0), ("block_0", 32, 0), ("bits_0", 34, 0), ("bits_65535", 34, 65535), ("kind_0", 20, 0)):
        yield f"{word}.wav", good[:at] + struct.pack("<H", value) + good[at + 2:]
    yield "long.wav", good[:40] + struct.pack("<I", 2 ** 31 - 1) + good[44:]
    yield "many_chunks.wav", good[:12] + b"junk\0\0\0\0" * 50000 + good[12:]
    flac = files["plain.flac"].read_bytes()
    yield "rate.flac", flac[:18] + b"\xff\xff\xff\xff" + flac[22:]
    yield "comments.flac", mutate.flac_write([*mutate.flac_read(flac)[:1], *(Node(4, b"\xff" * 64) for _ in range(2000)), mutate.flac_read(flac)[-1]])
    yield "picture.flac", mutate.flac_write([mutate.flac_read(flac)[0], Node(6, b"\0\0\0\3" + b"\xff" * 28), mutate.flac_read(flac)[-1]])
    mp3 = files["plain.mp3"].read_bytes()
    yield "id3.mp3", b"ID3\4\0\0\x0f\x7f\x7f\x7f" + mp3
    yield "id3_again.mp3", b"ID3\4\0\0\0\0\0\0" * 20000 + mp3
    ogg = mutate.ogg_read(files["vorbis.ogg"].read_bytes())
    yield "pages.ogg", mutate.ogg_write([ogg[0].copy() for _ in range(3000)])
    ogg[1].body = b"\x03vorbis" + b"\xff\xff\xff\x7f" * 8 + ogg[1].body[39:]
    yield "comments.ogg", mutate.ogg_write(ogg)


# --- what is no media ---

CANARY, ADDRESS = "CANARY", "ADDRESS"

LAUGHS = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
SVG = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="64" height="64">{}</svg>'
TEXTS = {
    "laughs.svg": f'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY l0 "ha">{LAUGHS}]>' + SVG.format("<text>&l9;</text>"),
    "entity.svg": f'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY x SYSTEM "file://{CANARY}">]>' + SVG.format("<text>&x;</text>"),
    "file.svg": SVG.format(f'<image width="64" height="64" xlink:href="file://{CANARY}"/>'),
    "address.svg": SVG.format(f'<image width="64" height="64" xlink:href="http://{ADDRESS}/x.png"/>'),
    "plain.svg": SVG.format('<rect width="64" height="64"/>'),
    "hls.m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\nfile://{CANARY}\n#EXTINF:3,\nhttp://{ADDRESS}/x.ts\n#EXT-X-ENDLIST\n",
    "dash.mpd": f'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><BaseURL>http://{ADDRESS}/</BaseURL></Period></MPD>',
    "list.ffconcat": f"ffconcat version 1.0\nfile 'file://{CANARY}'\nfile 'http://{ADDRESS}/x.mp4'\n",
    "session.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n",
    "list.pls": f"[playlist]\nFile1=http://{ADDRESS}/x.mp3\n",
    "reference.asx": f'<asx><entry><ref href="http://{ADDRESS}/x"/></entry></asx>',
    "script.mvg": f"push graphic-context\nimage over 0,0 0,0 'https://{ADDRESS}/x.png\"|ls \"-la'\npop graphic-context\n",
    "script.msl": f'<?xml version="1.0"?><image><read filename="{CANARY}"/></image>',
    "page.ps": f"%!PS-Adobe-3.0\n({CANARY}) (r) file pop\nshowpage\n",
    "page.pdf": "%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n",
    "label.txt": f"label:@{CANARY}", "text.xbm": "#define x_width 60000\n#define x_height 60000\nstatic char x_bits[] = {0};\n",
    "page.html": f'<img src="http://{ADDRESS}/x.png">',
}


def zipped():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.png", bytes(1 << 20))
    return out.getvalue()


def tarred():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("../x.png"))
    return out.getvalue()


def posers(canary="/etc/passwd", address="127.0.0.1:1"):
    for name, text in TEXTS.items():
        yield name, text.replace(CANARY, canary).replace(ADDRESS, address).encode()
    yield "archive.zip", zipped()
    yield "archive.tar", tarred()
    yield "archive.gz", gzip.compress(bytes(1 << 20))
    yield "empty", b""
    for byte in (0, 0x47, 0xFF):
        yield f"byte_{byte}", bytes([byte])
    noise = numpy.random.default_rng(7).integers(0, 256, 4096, numpy.uint8).tobytes()
    for name, magic in MAGIC.items():
        yield f"noise.{name}", magic + noise
        yield f"magic.{name}", magic
        yield f"list.{name}", magic + TEXTS["hls.m3u8"].replace(CANARY, canary).replace(ADDRESS, address).encode()
    yield "list_as_box.mp4", b"\0\0\0\x18ftyp" + TEXTS["list.ffconcat"].replace(CANARY, canary).encode()
