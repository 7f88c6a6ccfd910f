"""FlatBuffers: tables in one piece of bytes, whose fields are found by their numbers.

Written after the internals page of the FlatBuffers documentation. Every access may raise ``RecogniseError``.
"""

import struct

from mlamd.recognise.finding import RecogniseError


def number(data: bytes, at: int, form: str) -> int:
    """Return a number at a place, in ``struct``'s notation."""
    if at < 0 or at + struct.calcsize(form) > len(data):
        raise RecogniseError("a reference that leads out of it")
    return int(struct.unpack_from("<" + form, data, at)[0])


class Table:
    """A table at a place; ``Table.root(data)`` is the outermost."""

    __slots__ = ("at", "data")

    def __init__(self, data: bytes, at: int) -> None:
        self.data = data
        self.at = at

    @classmethod
    def root(cls, data: bytes) -> "Table":
        """Return the table that the first bytes refer to."""
        return cls(data, number(data, 0, "I"))

    def place(self, field: int) -> int:
        """Return where a field is, 0 if it is not set."""
        layout = self.at - number(self.data, self.at, "i")
        if 4 + 2 * field >= number(self.data, layout, "H"):
            return 0
        offset = number(self.data, layout + 4 + 2 * field, "H")
        return self.at + offset if offset else 0

    def value(self, field: int, form: str, default: int = 0) -> int:
        """Return a number."""
        place = self.place(field)
        return number(self.data, place, form) if place else default

    def table(self, field: int) -> "Table | None":
        """Return a table that a field refers to."""
        place = self.place(field)
        return Table(self.data, place + number(self.data, place, "I")) if place else None

    def vector(self, field: int) -> tuple[int, int]:
        """Return where the items of a vector begin, and how many there are."""
        place = self.place(field)
        if not place:
            return 0, 0
        begin = place + number(self.data, place, "I")
        return begin + 4, number(self.data, begin, "I")

    def text(self, field: int, most: int = 4_096) -> str:
        """Return text, at most so many bytes of it."""
        begin, length = self.vector(field)
        return self.data[begin : begin + min(length, most)].decode("utf-8", "backslashreplace")

    def tables(self, field: int, most: int) -> list["Table"]:
        """Return the tables of a vector, at most so many."""
        begin, count = self.vector(field)
        places = range(begin, begin + 4 * min(count, most), 4)
        return [Table(self.data, place + number(self.data, place, "I")) for place in places]
