"""Images: PNG, JPEG, GIF, BMP, TIFF and WebP. Size and mode, in Pillow's names, from the header alone.

Who reads an image uses it as data; who writes one has most often made a figure.
"""

import struct

from mlamd.recognise.cursor import Cursor
from mlamd.recognise.finding import Fact, Finding, Reader, RecogniseError, Subject

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_MODES = {0: "L", 2: "RGB", 3: "P", 4: "LA", 6: "RGBA"}
_JPEG_MODES = {1: "L", 3: "RGB", 4: "CMYK"}
_MOST_SEGMENTS = 200
_TIFF_WIDTHS = {1: "B", 3: "H", 4: "I"}


class Images:
    """Facts: ``width``, ``height``, ``mode``."""

    name = "images"
    rank = 10

    def recognise(self, subject: Subject) -> Finding | None:
        """Return an image, by its magic."""
        head = subject.head
        form = ""
        if head.startswith(_PNG):
            form, facts = "png", _png(head)
        elif head.startswith(b"\xff\xd8\xff"):
            form, facts = "jpeg", _jpeg(subject.reader)
        elif head.startswith((b"GIF87a", b"GIF89a")):
            form, facts = "gif", _facts(*_numbers("<2H", head, 6), "P")
        elif head.startswith(b"BM") and head[6:10] == b"\0\0\0\0" and len(head) > 30:
            form, facts = "bmp", _bmp(head)
        elif head.startswith((b"II*\0", b"MM\0*")):
            form, facts = "tiff", _tiff(subject.reader, "<" if head[0] == 0x49 else ">")
        elif head.startswith(b"RIFF") and head[8:12] == b"WEBP":
            form, facts = "webp", _webp(head)
        if not form:
            return None
        made = "figure" if form in {"png", "jpeg", "gif", "webp"} else ""
        return Finding("dataset", form, facts, made)


def _facts(width: int, height: int, mode: str) -> dict[str, Fact]:
    return {"width": width, "height": abs(height), "mode": mode}


def _numbers(form: str, data: bytes, at: int) -> tuple[int, int]:
    if len(data) < at + struct.calcsize(form):
        raise RecogniseError("it ends early")
    first, second = struct.unpack_from(form, data, at)
    return int(first), int(second)


def _png(head: bytes) -> dict[str, Fact]:
    if len(head) < 33 or head[12:16] != b"IHDR":
        raise RecogniseError("it has no header")
    width, height = _numbers(">2I", head, 16)
    depth, color = head[24], head[25]
    mode = _PNG_MODES.get(color, "?")
    if color == 0 and depth in {1, 16}:
        mode = "1" if depth == 1 else "I;16"
    return _facts(width, height, mode)


def _jpeg(reader: Reader) -> dict[str, Fact]:
    cursor = Cursor(reader, 2)
    for _ in range(_MOST_SEGMENTS):
        if cursor.byte() != 0xFF:
            raise RecogniseError("a segment is not where it should be")
        marker = cursor.byte()
        while marker == 0xFF and cursor.left:
            marker = cursor.byte()
        if marker in {0x01, *range(0xD0, 0xD8)}:
            continue
        length = int.from_bytes(cursor.take(2), "big")
        if 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:
            data = cursor.take(6)
            height, width = _numbers(">2H", data, 1)
            return _facts(width, height, _JPEG_MODES.get(data[5], "?"))
        if marker in {0xD9, 0xDA}:
            break
        cursor.skip(length - 2)
    raise RecogniseError("it says no size")


def _bmp(head: bytes) -> dict[str, Fact]:
    if int.from_bytes(head[14:18], "little") < 40:
        width, height = _numbers("<2H", head, 18)
        return _facts(width, height, "?")
    width, height = _numbers("<2i", head, 18)
    bits = int.from_bytes(head[28:30], "little")
    mode = _palette(head, bits) if bits <= 8 else {24: "RGB", 32: "RGBA"}.get(bits, "?")
    return _facts(width, height, mode)


def _palette(head: bytes, bits: int) -> str:
    """Return the mode of a BMP with a palette; one of all shades of grey in order counts for nothing."""
    colors = int.from_bytes(head[46:50], "little") or 1 << bits
    begin = 14 + int.from_bytes(head[14:18], "little")
    shades = (0, 255) if colors == 2 else range(min(colors, 256))
    if head[begin : begin + 4 * len(shades)] == b"".join(bytes((one, one, one, 0)) for one in shades):
        return "1" if colors <= 2 else "L"
    return "P"


def _webp(head: bytes) -> dict[str, Fact]:
    kind = head[12:16]
    if len(head) < 30:
        raise RecogniseError("it ends early")
    if kind == b"VP8 ":
        width, height = _numbers("<2H", head, 26)
        return _facts(width & 0x3FFF, height & 0x3FFF, "RGB")
    if kind == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        return _facts((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, "RGBA" if bits >> 28 & 1 else "RGB")
    if kind == b"VP8X":
        width, height = int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1
        return _facts(width, height, "RGBA" if head[20] & 0x10 else "RGB")
    raise RecogniseError("of an unknown form")


def _tiff(reader: Reader, order: str) -> dict[str, Fact]:
    start = struct.unpack(order + "I", Cursor(reader, 4, block=16).take(4))[0]
    cursor = Cursor(reader, start, block=4_096)
    count = struct.unpack(order + "H", cursor.take(2))[0]
    tags: dict[int, int] = {}
    for _ in range(min(count, 500)):
        entry = cursor.take(12)
        tag, kind, _ = struct.unpack(order + "2HI", entry[:8])
        if kind in _TIFF_WIDTHS:
            tags[tag] = struct.unpack_from(order + _TIFF_WIDTHS[kind], entry, 8)[0]
    if 256 not in tags or 257 not in tags:
        raise RecogniseError("it says no size")
    samples, colors, bits = tags.get(277, 1), tags.get(262, 1), tags.get(258, 1)
    modes = {(1, 1): "L", (3, 2): "RGB", (4, 2): "RGBA", (1, 3): "P", (4, 5): "CMYK"}
    mode = modes.get((samples, colors), "?")
    if mode == "L":
        mode = _gray(bits, tags.get(339, 1))
    return _facts(tags[256], tags[257], mode)


def _gray(bits: int, sample: int) -> str:
    if bits == 32:
        return "F" if sample == 3 else "I"
    return {1: "1", 16: "I;16"}.get(bits, "L")
