"""Protocol buffers' wire format: fields by their numbers, without their descriptions.

Written after the encoding page of the protocol buffers' documentation.
"""

from collections.abc import Iterator
from typing import NamedTuple

from mlamd.recognise.cursor import Cursor
from mlamd.recognise.finding import Reader, RecogniseError

MOST_FIELDS = 200_000


class Field(NamedTuple):
    """A field: its number, and its value, or the length of what follows if it is ``long``."""

    number: int
    value: int
    long: bool = False


class TooManyError(RecogniseError):
    """There are more fields than are read, in all messages together."""


class Wire(Cursor):
    """A cursor over messages, which counts the fields of all of them, however they lie in one another."""

    def __init__(self, reader: Reader, block: int) -> None:
        super().__init__(reader, 0, block=block)
        self.left_fields = MOST_FIELDS


def varint(cursor: Cursor) -> int:
    """Return a number of variable length, at most 64 bits."""
    value = 0
    for shift in range(0, 70, 7):
        byte = cursor.byte()
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF
    raise RecogniseError("a number that does not end")


def fields(cursor: Wire, end: int) -> Iterator[Field]:
    """Yield the fields of a message that ends at an offset, in order.

    Of a long field the cursor stands at its beginning; wherever the caller leaves it before the next
    one, it goes on behind it. Numbers of fixed size are passed over, and yielded as 0.
    """
    while cursor.at < end:
        cursor.left_fields -= 1
        if cursor.left_fields < 0:
            raise TooManyError("a message of too many fields")
        key = varint(cursor)
        number, wire = key >> 3, key & 7
        if number == 0:
            raise RecogniseError("no message: a field of number 0")
        if wire == 0:
            yield Field(number, varint(cursor))
        elif wire == 2:
            length = varint(cursor)
            after = cursor.at + length
            if after > end:
                raise RecogniseError("a field goes beyond its message")
            yield Field(number, length, long=True)
            cursor.skip(after - cursor.at)
        elif wire in {1, 5}:
            yield Field(number, 0)
            cursor.skip(8 if wire == 1 else 4)
        else:
            raise RecogniseError("no message: a field of unknown type")


def text(cursor: Cursor, length: int) -> str:
    """Return a field's text, at most its first 1,000 bytes."""
    return cursor.take(min(length, 1_000)).decode("utf-8", "backslashreplace")
