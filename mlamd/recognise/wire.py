"""Reads protocol buffers without their definitions: https://protobuf.dev/programming-guides/encoding/."""

import struct
from collections.abc import Iterator

from mlamd.recognise.finding import RecogniseError

Part = int | bytes
"""A number (also of a fixed width, as its bits), or bytes."""

_MOST_SHIFT = 63


def varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a number of variable length and where it ends; raises ``RecogniseError`` if it does not."""
    found = shift = 0
    while at < len(data) and shift <= _MOST_SHIFT:
        byte = data[at]
        at += 1
        found |= (byte & 0x7F) << shift
        if byte < 0x80:
            return found & 0xFFFF_FFFF_FFFF_FFFF, at
        shift += 7
    raise RecogniseError("a number without an end")


def fields(data: bytes) -> Iterator[tuple[int, Part]]:
    """Yield the fields of a message: number and value; raises ``RecogniseError`` for what is no message."""
    at, end = 0, len(data)
    while at < end:
        key, at = varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = varint(data, at)
            yield key >> 3, value
            continue
        if kind == 2:
            size, at = varint(data, at)
        else:
            size = {1: 8, 5: 4}.get(kind, -1)
        if size < 0 or at + size > end:
            raise RecogniseError("a field that goes beyond the end")
        piece = data[at : at + size]
        at += size
        yield key >> 3, piece if kind == 2 else int.from_bytes(piece, "little")


def first(data: bytes, number: int) -> Part | None:
    """Return the last field of that number, as the format wants it where there is more than one."""
    found: Part | None = None
    for one, value in fields(data):
        if one == number:
            found = value
    return found


def message(value: Part | None) -> bytes:
    """Return an embedded message; an empty one for what is none."""
    return value if isinstance(value, bytes) else b""


def text(value: Part | None) -> str:
    """Return a string field; bytes that are no UTF-8 are replaced."""
    return message(value).decode("utf-8", "replace")


def signed(value: int) -> int:
    """Return an ``int64``."""
    return value - (1 << 64) if value >> 63 else value


def double(bits: int) -> float:
    """Return a ``double`` from its bits."""
    return float(struct.unpack("<d", bits.to_bytes(8, "little"))[0])


def single(bits: int) -> float:
    """Return a ``float`` from its bits, with no more digits than it has: 0.9, not 0.8999999761581421."""
    piece = (bits & 0xFFFF_FFFF).to_bytes(4, "little")
    exact = float(struct.unpack("<f", piece)[0])
    short = float(f"{exact:.7g}")
    try:
        return short if struct.pack("<f", short) == piece else float(f"{exact:.9g}")
    except OverflowError:
        return exact
