"""How many lines a file has: counted, or for a large file estimated from pieces all over it."""

from collections.abc import Iterable
from typing import NamedTuple

from mlamd.recognise.finding import Reader

MOST_COUNTED = 32 << 20
"""Up to this size all lines are counted; that takes some 20 ms."""
_PIECE = 1 << 20
_PIECES = 16
_SAMPLE = 65_536


class Lines(NamedTuple):
    """How many lines are not empty, whether that is exact, and whether there are quotes in them."""

    total: int
    exact: bool
    quoted: bool


def lines_of(reader: Reader) -> Lines:
    """Count, or estimate, the lines of a file."""
    size = reader.size_bytes
    if size <= MOST_COUNTED:
        return lines_in(reader.read(place, _PIECE) for place in range(0, size, _PIECE))
    pieces = [reader.read((size - _SAMPLE) * place // (_PIECES - 1), _SAMPLE) for place in range(_PIECES)]
    counted = lines_in(pieces)
    seen = max(1, sum(len(piece) for piece in pieces))
    return Lines(size * counted.total // seen, exact=False, quoted=counted.quoted)


def lines_in(pieces: Iterable[bytes]) -> Lines:
    """Count the lines of what comes in pieces."""
    count, unfinished, quoted = 0, False, False
    for piece in pieces:
        quoted = quoted or b'"' in piece
        if b"\n\n" in piece or b"\n\r\n" in piece:
            first, *others, _ = piece.split(b"\n")
            count += bool(unfinished or first.strip(b"\r")) + sum(1 for line in others if line.strip(b"\r"))
        else:
            count += piece.count(b"\n") - (piece.startswith((b"\n", b"\r\n")) and not unfinished)
        _, end, rest = piece.rpartition(b"\n")
        unfinished = bool(rest.strip(b"\r")) or (unfinished and not end)
    return Lines(count + unfinished, exact=True, quoted=quoted)
