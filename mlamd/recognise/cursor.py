"""A place in a file that moves on as the file is read; what most formats are parsed with."""

import struct

from mlamd.recognise.finding import Reader, RecogniseError

MOST_PIECE = 16 << 20
"""The largest piece that is taken at once. A format that says more than that of one part is not believed."""

_U16 = struct.Struct("<H")
_U32 = struct.Struct("<I")
_U64 = struct.Struct("<Q")


class Cursor:
    """Reads on from an offset, in blocks. Every method raises ``RecogniseError`` beyond ``end``.

    A file with small parts far from one another is read with a small ``block``, so that little is read
    in vain.
    """

    def __init__(self, reader: Reader, at: int = 0, end: int | None = None, block: int = 65_536) -> None:
        self._reader = reader
        self._end = reader.size_bytes if end is None else min(end, reader.size_bytes)
        self._block = block
        self._start = at
        self._buffer = b""
        self._place = 0

    @property
    def at(self) -> int:
        """The offset of the next byte."""
        return self._start + self._place

    @property
    def left(self) -> int:
        """How many bytes there are up to the end."""
        return self._end - self.at

    def take(self, size: int) -> bytes:
        """Return the next ``size`` bytes."""
        stop = self._place + size
        if stop > len(self._buffer) or size < 0:
            self._fill(size)
            stop = self._place + size
        piece = self._buffer[self._place : stop]
        self._place = stop
        return piece

    def byte(self) -> int:
        """Return the next byte."""
        place = self._place
        if place >= len(self._buffer):
            self._fill(1)
            place = 0
        self._place = place + 1
        return self._buffer[place]

    def skip(self, size: int) -> None:
        """Go on by ``size`` bytes, without reading them."""
        if size < 0 or size > self.left:
            raise RecogniseError("it ends early")
        if self._place + size <= len(self._buffer):
            self._place += size
        else:
            self._start, self._buffer, self._place = self.at + size, b"", 0

    def u8(self) -> int:
        """Return an unsigned number of one byte."""
        return self.byte()

    def u16(self) -> int:
        """Return an unsigned number of two bytes, the lowest first."""
        return int(_U16.unpack(self.take(2))[0])

    def u32(self) -> int:
        """Return an unsigned number of four bytes, the lowest first."""
        return int(_U32.unpack(self.take(4))[0])

    def u64(self) -> int:
        """Return an unsigned number of eight bytes, the lowest first."""
        return int(_U64.unpack(self.take(8))[0])

    def line(self, most: int) -> bytes:
        """Return what stands before the next line feed, which is passed over; at most ``most`` bytes."""
        found = self._buffer.find(b"\n", self._place)
        while found < 0:
            had = len(self._buffer) - self._place
            if had > most:
                raise RecogniseError("a line of it is too long")
            self._fill(had + 1)
            found = self._buffer.find(b"\n", self._place + had)
        piece = self._buffer[self._place : found]
        self._place = found + 1
        return piece

    def _fill(self, size: int) -> None:
        if size < 0 or size > self.left:
            raise RecogniseError("it ends early")
        if size > MOST_PIECE:
            raise RecogniseError("a part of it is too large")
        rest = self._buffer[self._place :]
        start = self.at
        wanted = min(max(size, self._block), self._end - start)
        more = self._reader.read(start + len(rest), wanted - len(rest))
        self._start, self._buffer, self._place = start, rest + more, 0
        if len(self._buffer) < size:
            raise RecogniseError("it ends early")
