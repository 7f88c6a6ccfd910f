"""Universal Binary JSON, as XGBoost writes it (draft 12, with counted and typed containers).

Long lists are passed over: what is learned is not looked at.
"""

import struct

from mlamd.recognise.cursor import Cursor
from mlamd.recognise.finding import RecogniseError

_NUMBERS = {
    ord("i"): ">b", ord("U"): ">B", ord("I"): ">h", ord("l"): ">i", ord("L"): ">q",
    ord("d"): ">f", ord("D"): ">d",
}  # fmt: skip
_MOST_DEPTH = 20
_MOST_STEPS = 150_000
_MOST_LISTED = 100


class Ubjson:
    """Reads one value, bounded in depth and in how many values there are in it."""

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor
        self._steps = _MOST_STEPS

    def value(self, kind: int | None = None, depth: int = 0) -> object:
        """Return the next value: objects as dicts, of lists the first items."""
        self._steps -= 1
        if self._steps < 0 or depth > _MOST_DEPTH:
            raise RecogniseError("it is too long or too deep")
        kind = self._cursor.byte() if kind is None else kind
        if kind in _NUMBERS:
            number: object = struct.unpack(
                _NUMBERS[kind], self._cursor.take(struct.calcsize(_NUMBERS[kind]))
            )[0]
            return number
        if kind == ord("S"):
            return self._text()
        if kind == ord("{"):
            return self._object(depth)
        if kind == ord("["):
            return self._list(depth)
        if kind == ord("C"):
            return chr(self._cursor.byte())
        constants = {ord("Z"): None, ord("T"): True, ord("F"): False}
        if kind not in constants:
            raise RecogniseError("no value where one should be")
        return constants[kind]

    def _text(self) -> str:
        length = self._length(self._cursor.byte())
        kept = self._cursor.take(min(length, 4_096))
        self._cursor.skip(length - len(kept))
        return kept.decode("utf-8", "backslashreplace")

    def _length(self, kind: int) -> int:
        number = self.value(kind) if kind in _NUMBERS else None
        if not isinstance(number, int) or number < 0:
            raise RecogniseError("a length that is none")
        return number

    def _typed(self) -> tuple[int | None, int | None, int]:
        """Return the type of all items and how many there are, where it is said, and the byte after that."""
        kind = count = None
        following = self._cursor.byte()
        if following == ord("$"):
            kind = self._cursor.byte()
            following = self._cursor.byte()
        if following == ord("#"):
            count = self._length(self._cursor.byte())
            following = 0
        return kind, count, following

    def _object(self, depth: int) -> dict[str, object]:
        found: dict[str, object] = {}
        kind, count, following = self._typed()
        while len(found) < count if count is not None else following != ord("}"):
            if count is not None:
                following = self._cursor.byte()
            length = self._length(following)
            name = self._cursor.take(min(length, 4_096)).decode("utf-8", "backslashreplace")
            self._cursor.skip(max(0, length - 4_096))
            found[name] = self.value(kind, depth + 1)
            if count is None:
                following = self._cursor.byte()
        return found

    def _list(self, depth: int) -> list[object]:
        found: list[object] = []
        kind, count, following = self._typed()
        if kind in _NUMBERS and count is not None:
            self._cursor.skip(count * struct.calcsize(_NUMBERS[kind]))
            return found
        place = 0
        while place < count if count is not None else following != ord("]"):
            item = self.value(kind if count is not None else following, depth + 1)
            if len(found) < _MOST_LISTED:
                found.append(item)
            place += 1
            if count is None:
                following = self._cursor.byte()
        return found
