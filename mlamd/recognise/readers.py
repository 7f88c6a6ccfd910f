"""Readers over what is not a file of its own: bytes in memory, a part of a file, what is compressed."""

import bz2
import lzma
import zlib

from mlamd.recognise.finding import Reader, RecogniseError

_FEED = 65_536
_LZMA_MEMORY = 96 << 20
PACKINGS = {
    b"\x1f\x8b\x08": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
}
"""First bytes of compressed files that can be read here."""


class MemoryReader:
    """Reads bytes that are already here."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    @property
    def size_bytes(self) -> int:
        """Return how many bytes there are."""
        return len(self._content)

    def read(self, offset: int, size: int) -> bytes:
        """Return a slice."""
        return self._content[offset : offset + size]

    def path(self) -> str:
        """Raise: there is no path."""
        raise RecogniseError("it has no path of its own")


class PartReader:
    """Reads a part of another reader as though it were a file, such as a stored member of an archive."""

    def __init__(self, reader: Reader, offset: int, size: int) -> None:
        self._reader = reader
        self._offset = offset
        self._size = max(0, min(size, reader.size_bytes - offset))

    @property
    def size_bytes(self) -> int:
        """Return the size of the part."""
        return self._size

    def read(self, offset: int, size: int) -> bytes:
        """Return bytes of the part."""
        size = min(size, self._size - offset)
        return self._reader.read(self._offset + offset, size) if size > 0 else b""

    def path(self) -> str:
        """Raise: there is no path."""
        raise RecogniseError("it has no path of its own")


class _Zlib:
    """zlib's decompressor, with the methods of those of ``bz2`` and ``lzma``."""

    def __init__(self, window: int) -> None:
        self._device = zlib.decompressobj(window)

    @property
    def eof(self) -> bool:
        return self._device.eof

    @property
    def needs_input(self) -> bool:
        return not self._device.unconsumed_tail

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._device.decompress(self._device.unconsumed_tail + data, max_length)


class UnpackedReader:
    """Reads what a compressed file holds, forwards only, up to ``most`` bytes of it; then it is at its end.

    ``packing`` is one of ``gzip``, ``zlib``, ``deflate``, ``bzip2``, ``xz`` (also the older lzma). Only the
    first stream of a file is read. ``size_bytes`` is ``most``: how much there is, nobody knows before.
    """

    def __init__(self, reader: Reader, packing: str, most: int, offset: int = 0) -> None:
        self._reader = reader
        self._device = _device(packing)
        self._most = most
        self._fed = offset
        self._at = 0
        self._kept = b""
        self.ended = False
        """True when all of it has been read."""

    @property
    def packed_bytes(self) -> int:
        """Return up to where the compressed file has been read."""
        return self._fed

    @property
    def size_bytes(self) -> int:
        """Return the bound."""
        return self._most

    def read(self, offset: int, size: int) -> bytes:
        """Return bytes from ``offset`` on, which must not lie before what was read last."""
        if offset < self._at:
            raise RecogniseError("a compressed file is read forwards")
        size = min(size, self._most - offset)
        while self._at + len(self._kept) < offset and not self.ended:
            self._at += len(self._kept)
            self._kept = self._more(min(_FEED * 4, offset - self._at))
        self._kept = self._kept[offset - self._at :]
        self._at = offset
        pieces = [self._kept]
        have = len(self._kept)
        while have < size and not self.ended:
            pieces.append(self._more(size - have))
            have += len(pieces[-1])
        whole = b"".join(pieces)
        self._kept = whole[size:]
        self._at = offset + min(size, len(whole))
        return whole[:size]

    def path(self) -> str:
        """Raise: there is no path."""
        raise RecogniseError("it has no path of its own")

    def _more(self, size: int) -> bytes:
        data = b""
        if self._device.needs_input:
            data = self._reader.read(self._fed, _FEED)
            self._fed += len(data)
            if not data:
                self.ended = True
                return b""
        try:
            found = self._device.decompress(data, size)
        except (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError) as error:
            raise RecogniseError(f"cannot be decompressed: {error}") from error
        self.ended = self._device.eof
        return found


def _device(packing: str) -> "_Zlib | bz2.BZ2Decompressor | lzma.LZMADecompressor":
    windows = {"zlib": 15, "gzip": 31, "deflate": -15}
    if packing in windows:
        return _Zlib(windows[packing])
    if packing == "bzip2":
        return bz2.BZ2Decompressor()
    return lzma.LZMADecompressor(memlimit=_LZMA_MEMORY)
