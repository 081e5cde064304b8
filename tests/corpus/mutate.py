"""Mutations that know the formats: a file is read as a tree of boxes, chunks, segments or pages, which are left out, doubled, moved, nested,
given lengths that lie, filled with the extremes of numbers and put together again with right checksums, so that the decoders behind the first
check are met. The same seed gives the same bytes."""
import struct
import zlib

EDGES = (0, 1, 2, 7, 8, 16, 255, 256, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF, 0x7FFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF)


class Node:
    """A part of a file: a tag and either bytes or parts. `lie` takes the place of the length that is written."""

    def __init__(self, tag, body, lie=None):
        self.tag, self.body, self.lie = tag, body, lie

    def copy(self):
        return Node(self.tag, [child.copy() for child in self.body] if isinstance(self.body, list) else self.body, self.lie)


# --- ISO boxes: MP4, MOV, M4A, AVIF, HEIF ---

ISO_PARENTS = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"udta", b"moof", b"traf", b"mvex", b"dinf", b"iprp", b"ipco"}


def iso_read(data, depth=0):
    nodes, at = [], 0
    while at + 8 <= len(data):
        size, tag = struct.unpack_from(">I4s", data, at)
        head = 8
        if size == 1 and at + 16 <= len(data):
            size, head = struct.unpack_from(">Q", data, at + 8)[0], 16
        if size == 0 or size > len(data) - at:
            size = len(data) - at
        if size < head:
            break
        body = data[at + head:at + size]
        nodes.append(Node(tag, iso_read(body, depth + 1) if tag in ISO_PARENTS and depth < 8 else body))
        at += size
    if at < len(data):
        nodes.append(Node(None, data[at:]))
    return nodes


def iso_write(nodes):
    out = []
    for node in nodes:
        body = iso_write(node.body) if isinstance(node.body, list) else node.body
        if node.tag is None:
            out.append(body)
        elif node.lie is None:
            out.append(struct.pack(">I", len(body) + 8) + node.tag + body)
        elif node.lie > 0xFFFFFFFF:
            out.append(struct.pack(">I4sQ", 1, node.tag, node.lie) + body)
        else:
            out.append(struct.pack(">I", node.lie) + node.tag + body)
    return b"".join(out)


# --- EBML: MKV, WebM ---

EBML_PARENTS = {0x18538067, 0x1549A966, 0x1654AE6B, 0xAE, 0xE0, 0xE1, 0x1C53BB6B, 0xBB, 0xB7, 0x1F43B675, 0xA0, 0x114D9B74, 0x4DBB, 0x6D80, 0x6240, 0x1941A469}


def vint(data, at, keep_marker):
    first = data[at]
    length = 9 - first.bit_length() if first else 9
    if length > 8 or at + length > len(data):
        raise IndexError
    value = int.from_bytes(data[at:at + length], "big")
    return value if keep_marker else value & ((1 << 7 * length) - 1), length


def ebml_read(data, depth=0):
    nodes, at = [], 0
    try:
        while at < len(data):
            tag, tag_length = vint(data, at, True)
            size, size_length = vint(data, at + tag_length, False)
            start = at + tag_length + size_length
            if size == (1 << 7 * size_length) - 1 or start + size > len(data):
                size = len(data) - start
            body = data[start:start + size]
            nodes.append(Node(tag, ebml_read(body, depth + 1) if tag in EBML_PARENTS and depth < 8 else body))
            at = start + size
    except IndexError:
        nodes.append(Node(None, data[at:]))
    return nodes


def ebml_write(nodes):
    out = []
    for node in nodes:
        body = ebml_write(node.body) if isinstance(node.body, list) else node.body
        if node.tag is None:
            out.append(body)
            continue
        size = len(body) if node.lie is None else node.lie & ((1 << 56) - 1)
        out.append(node.tag.to_bytes((node.tag.bit_length() + 7) // 8, "big") + struct.pack(">Q", 1 << 56 | size) + body)
    return b"".join(out)


# --- RIFF: WAV, WebP ---


def riff_read(data):
    nodes, at = [], 12
    while at + 8 <= len(data):
        tag, size = struct.unpack_from("<4sI", data, at)
        nodes.append(Node(tag, data[at + 8:at + 8 + size]))
        at += 8 + size + size % 2
    return [Node(data[8:12], nodes)]


def riff_write(nodes):
    out = []
    for form in nodes:
        parts = []
        for node in form.body if isinstance(form.body, list) else []:
            body = node.body if isinstance(node.body, bytes) else b""
            size = len(body) if node.lie is None else node.lie & 0xFFFFFFFF
            parts.append(struct.pack("<4sI", node.tag, size) + body + bytes(len(body) % 2))
        body = b"".join(parts)
        size = len(body) + 4 if form.lie is None else form.lie & 0xFFFFFFFF
        out.append(b"RIFF" + struct.pack("<I", size) + form.tag + body)
    return b"".join(out)


# --- PNG ---


def png_read(data):
    nodes, at = [], 8
    while at + 12 <= len(data):
        size, tag = struct.unpack_from(">I4s", data, at)
        nodes.append(Node(tag, data[at + 8:at + 8 + size]))
        at += 12 + size
    return nodes


def png_write(nodes):
    out = [b"\x89PNG\r\n\x1a\n"]
    for node in nodes:
        size = len(node.body) if node.lie is None else node.lie & 0xFFFFFFFF
        out.append(struct.pack(">I", size) + node.tag + node.body + struct.pack(">I", zlib.crc32(node.tag + node.body)))
    return b"".join(out)


# --- JPEG: the scan is the body of its segment ---


def jpeg_read(data):
    nodes, at = [], 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker, size = data[at + 1], struct.unpack_from(">H", data, at + 2)[0]
        end = at + 2 + size
        if marker == 0xDA:
            while end + 1 < len(data) and not (data[end] == 0xFF and data[end + 1] not in (0, *range(0xD0, 0xD8))):
                end += 1
        nodes.append(Node(marker, data[at + 4:end], size if marker == 0xDA else None))
        at = end
    nodes.append(Node(None, data[at:]))
    return nodes


def jpeg_write(nodes):
    out = [b"\xff\xd8"]
    for node in nodes:
        if node.tag is None:
            out.append(node.body)
        else:
            size = min(len(node.body) + 2, 0xFFFF) if node.lie is None else node.lie & 0xFFFF
            out.append(struct.pack(">BBH", 0xFF, node.tag, size) + node.body)
    return b"".join(out)


# --- OGG ---


def ogg_crc_table():
    table = []
    for i in range(256):
        value = i << 24
        for _ in range(8):
            value = (value << 1 ^ 0x04C11DB7) & 0xFFFFFFFF if value & 0x80000000 else value << 1
        table.append(value)
    return table


OGG_CRC = ogg_crc_table()


def ogg_read(data):
    nodes, at = [], 0
    while at + 27 <= len(data) and data[at:at + 4] == b"OggS":
        count = data[at + 26]
        end = at + 27 + count + sum(data[at + 27:at + 27 + count])
        nodes.append(Node(data[at:at + 27 + count], data[at + 27 + count:end]))
        at = end
    return nodes


def ogg_write(nodes):
    out = []
    for node in nodes:
        page = bytearray(node.tag + node.body)
        page[22:26] = bytes(4)
        crc = 0
        for byte in page:
            crc = (crc << 8 & 0xFFFFFFFF) ^ OGG_CRC[crc >> 24 ^ byte]
        page[22:26] = struct.pack("<I", crc)
        out.append(bytes(page))
    return b"".join(out)


# --- FLAC, GIF: a head and the rest in pieces ---


def flac_read(data):
    nodes, at = [], 4
    while at + 4 <= len(data):
        size = int.from_bytes(data[at + 1:at + 4], "big")
        nodes.append(Node(data[at] & 0x7F, data[at + 4:at + 4 + size]))
        last, at = data[at] & 0x80, at + 4 + size
        if last:
            break
    nodes.append(Node(None, data[at:]))
    return nodes


def flac_write(nodes):
    out = [b"fLaC"]
    blocks = [node for node in nodes if node.tag is not None]
    for node in nodes:
        if node.tag is None:
            out.append(node.body)
        else:
            size = len(node.body) if node.lie is None else node.lie
            out.append(bytes([node.tag | (0x80 if node is blocks[-1] else 0)]) + (size & 0xFFFFFF).to_bytes(3, "big") + node.body)
    return b"".join(out)


def gif_read(data):
    head = 13 + (3 << (data[10] & 7) + 1 if data[10] & 0x80 else 0)
    nodes, at = [Node(None, data[:head])], head
    while at < len(data):
        end = at + (10 if data[at] == 0x2C else 2)
        if data[at] == 0x2C:
            end += (3 << (data[at + 9] & 7) + 1 if data[at + 9] & 0x80 else 0) + 1
        while data[at] != 0x3B and end < len(data) and data[end]:
            end += data[end] + 1
        nodes.append(Node(None, data[at:end + 1]))
        at = end + 1
    return nodes


def plain_write(nodes):
    return b"".join(node.body for node in nodes)


# MP3, AAC: pieces of a frame's length
def frames_read(data):
    return [Node(None, data[i:i + 256]) for i in range(0, len(data), 256)]


def format_of(data):
    """(read, write) of the file's format."""
    if data[4:8] in (b"ftyp", b"moov", b"wide"):
        return iso_read, iso_write
    for magic, read, write in ((b"\x1a\x45\xdf\xa3", ebml_read, ebml_write), (b"RIFF", riff_read, riff_write), (b"\x89PNG", png_read, png_write),
                               (b"\xff\xd8", jpeg_read, jpeg_write), (b"OggS", ogg_read, ogg_write), (b"fLaC", flac_read, flac_write),
                               (b"GIF8", gif_read, plain_write)):
        if data.startswith(magic):
            return read, write
    return frames_read, plain_write


# --- what is done to a tree ---


def everywhere(nodes):
    """(list, index) of every node."""
    found = []
    for i, node in enumerate(nodes):
        found.append((nodes, i))
        if isinstance(node.body, list):
            found += everywhere(node.body)
    return found


def put_number(data, random):
    """One of the EDGES, or a near miss of what is there, in place of 1 to 8 bytes."""
    size = random.choice((1, 2, 4, 4, 8))
    if len(data) < size:
        return data
    at = random.randrange(min(len(data) - size + 1, 4096))
    order = random.choice(("big", "big", "little"))
    value = random.choice(EDGES) if random.random() < 0.7 else int.from_bytes(data[at:at + size], order) + random.choice((-1, 1, -2, 256, -256))
    return data[:at] + (value % (1 << 8 * size)).to_bytes(size, order) + data[at + size:]


def flip(data, random):
    out = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 8)) if out else 0):
        out[random.randrange(len(out))] ^= 1 << random.randrange(8)
    return bytes(out)


def nest(node, random):
    """Puts a part into copies of itself."""
    for _ in range(random.choice((2, 40, 400))):
        node = Node(node.tag, [node])
    return node


def change(nodes, other, random):
    places = everywhere(nodes)
    # small parts are headers, and headers are where lies are told
    small = [(where, i) for where, i in places if isinstance(where[i].body, bytes) and len(where[i].body) < 2048]
    where, i = random.choice(small if small and random.random() < 0.7 else places)
    node, what = where[i], random.randrange(12)
    if what < 4 and isinstance(node.body, bytes):
        node.body = put_number(node.body, random)
    elif what == 4 and isinstance(node.body, bytes):
        node.body = flip(node.body, random)
    elif what == 5:
        node.lie = random.choice(EDGES)
    elif what == 6 and len(places) > 1:
        del where[i]
    elif what == 7:
        where[i:i] = [node.copy() for _ in range(random.choice((1, 1, 3, 200)))]
    elif what == 8:
        from_where, j = random.choice(places)
        where[i], from_where[j] = from_where[j].copy(), node.copy()
    elif what == 9 and isinstance(node.body, bytes):
        node.body = node.body[:random.randrange(len(node.body) + 1)]
    elif what == 10 and other:
        there, j = random.choice(everywhere(other))
        if type(there[j].tag) is type(node.tag):
            where.insert(i, there[j].copy())
    elif what == 11 and isinstance(node.body, list):
        where[i] = nest(node, random)


def deflated(data, random):
    """What a PNG holds, changed within the compression."""
    nodes = png_read(data)
    for node in nodes:
        if node.tag == b"IDAT":
            try:
                node.body = zlib.compress(put_number(flip(zlib.decompress(node.body), random), random), 1)
            except zlib.error:
                pass
    return png_write(nodes)


def mutate(data, others, random):
    """Another file out of this one; `others` are files whose parts may be put in."""
    what = random.randrange(20)
    if what == 0:
        return data[:random.randrange(len(data) + 1)]
    if what == 1:
        return flip(data, random)
    if what == 2:
        other, at = random.choice(others), random.randrange(len(data) + 1)
        return data[:at] + other[random.randrange(len(other)):]
    if what == 3:
        return put_number(data, random)
    if what == 4 and data.startswith(b"\x89PNG"):
        return deflated(data, random)
    read, write = format_of(data)
    nodes = read(data)
    same = [other for other in others if format_of(other)[0] is read]
    other = read(random.choice(same)) if same else []
    for _ in range(random.choice((1, 1, 2, 4))):
        if nodes:
            change(nodes, other, random)
    return write(nodes)
