"""Reads a file from its beginning on in pieces, and jumps over what is not wanted."""

from mlamd.recognise.finding import Reader

_PIECE_BYTES = 1 << 20


class Stream:
    """A place in a file that moves on."""

    def __init__(self, reader: Reader, offset: int = 0) -> None:
        self._reader = reader
        self._piece = b""
        self._start = offset
        self._at = 0

    @property
    def offset(self) -> int:
        """The place in the file."""
        return self._start + self._at

    def take(self, size: int) -> bytes:
        """Return the next bytes, fewer at the end of the file."""
        if self._at + size > len(self._piece):
            self._start += self._at
            self._at = 0
            self._piece = self._reader.read(self._start, max(size, _PIECE_BYTES))
        found = self._piece[self._at : self._at + size]
        self._at += len(found)
        return found

    def skip(self, size: int) -> None:
        """Go on without reading."""
        if self._at + size <= len(self._piece):
            self._at += size
            return
        self._start += self._at + size
        self._piece, self._at = b"", 0
