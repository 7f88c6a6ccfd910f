"""Thrift's compact protocol, as far as Parquet's footer needs it.

Written after thrift-compact-protocol.md of the Thrift project.
"""

from collections.abc import Iterator

from mlamd.recognise.cursor import Cursor
from mlamd.recognise.finding import RecogniseError
from mlamd.recognise.protobuf import varint

TRUE, FALSE, BYTE, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = 1, 2, 3, 7, 8, 9, 10, 11, 12
_MOST_DEPTH = 24
_MOST_STEPS = 120_000


class Compact:
    """Reads values one after another. A struct is a dict of its fields' numbers; text stays bytes."""

    def __init__(self, cursor: Cursor) -> None:
        self.cursor = cursor
        self._steps = _MOST_STEPS

    def fields(self) -> Iterator[tuple[int, int]]:
        """Yield number and type of each field of a struct; the caller reads each value with ``value``."""
        number = 0
        while True:
            self._step()
            head = self.cursor.byte()
            if head == 0:
                return
            number = number + (head >> 4) if head >> 4 else _signed(varint(self.cursor))
            yield number, head & 15

    def list_head(self) -> tuple[int, int]:
        """Return how many items a list has, and their type."""
        head = self.cursor.byte()
        count = head >> 4 if head >> 4 != 15 else varint(self.cursor)
        return count, head & 15

    def value(self, kind: int, depth: int = 0) -> object:
        """Return a value of a type."""
        self._step()
        if depth > _MOST_DEPTH:
            raise RecogniseError("its footer is too deep")
        if kind in {TRUE, FALSE}:
            return kind == TRUE
        if kind == BYTE:
            return self.cursor.byte()
        if kind < DOUBLE:
            return _signed(varint(self.cursor))
        if kind in {DOUBLE, BINARY}:
            size = 8 if kind == DOUBLE else varint(self.cursor)
            kept = self.cursor.take(min(size, 1_024))
            self.cursor.skip(size - len(kept))
            return kept
        if kind == STRUCT:
            return {number: self.value(inner, depth + 1) for number, inner in self.fields()}
        return self._many(kind, depth)

    def _many(self, kind: int, depth: int) -> object:
        if kind in {LIST, SET}:
            count, inner = self.list_head()
            # In a list a truth value is a byte of its own.
            inner = BYTE if inner in {TRUE, FALSE} else inner
            return [self.value(inner, depth + 1) for _ in range(count)]
        if kind != MAP:
            raise RecogniseError("its footer is damaged")
        count = varint(self.cursor)
        kinds = self.cursor.byte() if count else 0
        return [(self.value(kinds >> 4, depth + 1), self.value(kinds & 15, depth + 1)) for _ in range(count)]

    def _step(self) -> None:
        self._steps -= 1
        if self._steps < 0:
            raise RecogniseError("its footer is too long")


def _signed(value: int) -> int:
    return (value >> 1) ^ -(value & 1)
