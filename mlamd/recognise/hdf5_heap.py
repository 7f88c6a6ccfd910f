"""HDF5's fractal heaps, where groups with many links keep them (section III.G of the specification).

The links are read where they lie in the heap's blocks, one after another. After links were removed, some that
come behind the gap may be missing; then there are fewer than the group says, and whoever asks can tell.
"""

import struct
from collections.abc import Iterator

from mlamd.recognise.cursor import Cursor
from mlamd.recognise.finding import Reader, RecogniseError

NOWHERE = 0xFFFF_FFFF_FFFF_FFFF
_MOST_BLOCKS = 500
_MOST_BLOCK_BYTES = 1 << 20
_HEADER = struct.Struct("<4sB2HBI12QH2Q2HQH")


class Heap:
    """A heap at a place; ``blocks`` yields what its blocks hold."""

    def __init__(self, reader: Reader, base: int, place: int) -> None:
        self._reader = reader
        self._base = base
        fields = _HEADER.unpack(self._cursor(place, 256).take(_HEADER.size))
        if fields[0] != b"FRHP" or fields[1] != 0:
            raise RecogniseError("no heap where it should be")
        self._filtered = fields[3] > 0
        self._sums = bool(fields[4] & 2)
        self._width, self._first, self._largest, bits = fields[18:22]
        self._root, self._rows = fields[23], fields[24]
        self._offset_bytes = (bits + 7) // 8
        self._left = _MOST_BLOCKS
        self.objects = fields[13]
        """How many links there are."""

    def blocks(self) -> Iterator[bytes]:
        """Yield the contents of the direct blocks, in order."""
        if self._filtered or self._root == NOWHERE:
            return
        if self._rows == 0:
            yield self._direct(self._root, self._first)
            return
        yield from self._indirect(self._root, self._rows)

    def _indirect(self, place: int, rows: int) -> Iterator[bytes]:
        """Yield the direct blocks that an indirect one lists; what deeper ones hold is beyond all bounds."""
        cursor = self._cursor(place, 4_096)
        if cursor.take(4) != b"FHIB":
            raise RecogniseError("no block of a heap where it should be")
        cursor.skip(9 + self._offset_bytes)
        for row in range(min(rows, 64)):
            size = self._first << max(0, row - 1)
            if size > self._largest:
                return
            for _ in range(min(self._width, _MOST_BLOCKS)):
                child = cursor.u64()
                if child != NOWHERE:
                    yield self._direct(child, size)

    def _direct(self, place: int, size: int) -> bytes:
        self._left -= 1
        if self._left < 0:
            raise RecogniseError("a heap of too many blocks")
        cursor = self._cursor(place, 64)
        if cursor.take(4) != b"FHDB":
            raise RecogniseError("no block of a heap where it should be")
        head = 13 + self._offset_bytes + (4 if self._sums else 0)
        cursor.skip(head - 4)
        return cursor.take(max(0, min(size, _MOST_BLOCK_BYTES) - head))

    def _cursor(self, place: int, block: int) -> Cursor:
        return Cursor(self._reader, self._base + place, block=block)


def links_in(block: bytes) -> Iterator[tuple[str, int]]:
    """Yield names and addresses of the hard links that lie in a block one after another."""
    at = 0
    while at + 4 < len(block) and block[at] == 1:
        name, address, at = link(block, at)
        if address:
            yield name, address


def link(data: bytes, at: int = 0) -> tuple[str, int, int]:
    """Read the description of a link: its name, its address (0 if it is no hard one), and where it ends."""
    flags, place = data[at + 1], at + 2
    kind = data[place] if flags & 8 else 0
    place += (1 if flags & 8 else 0) + (8 if flags & 4 else 0) + (1 if flags & 16 else 0)
    width = 1 << (flags & 3)
    length = int.from_bytes(data[place : place + width], "little")
    place += width
    name = data[place : place + min(length, 500)].decode("utf-8", "backslashreplace")
    place += length
    if kind == 0:
        return name, struct.unpack_from("<Q", data, place)[0], place + 8
    # A soft or an external link: what it leads to has a length.
    return name, 0, place + 2 + struct.unpack_from("<H", data, place)[0]
