"""What a pickle would give, described: objects that are not made, names that are not imported."""

import struct
from dataclasses import dataclass, field

_SCALARS = {"f2": "e", "f4": "f", "f8": "d", "i1": "b", "i2": "h", "i4": "i", "i8": "q"} | {
    "u1": "B", "u2": "H", "u4": "I", "u8": "Q", "b1": "?"
}  # fmt: skip

MOST_FIELDS = 1_000
"""How many attributes of an object are looked at: many objects may share one dict of very many."""


@dataclass(slots=True, eq=False)
class Name:
    """Something that unpickling would import."""

    module: str
    name: str

    @property
    def dotted(self) -> str:
        """The whole name."""
        return f"{self.module}.{self.name}"


@dataclass(slots=True, eq=False)
class Pairs:
    """A dict. Its keys may be anything, so it is a list of pairs."""

    pairs: list[tuple[object, object]] = field(default_factory=list)

    def texts(self, most: int = MOST_FIELDS) -> dict[str, object]:
        """Return what is under keys of text, among the first ``most``."""
        return {key: value for key, value in self.pairs[:most] if isinstance(key, str)}


@dataclass(slots=True, eq=False)
class Made:
    """An object that unpickling would make: by calling ``maker``, then setting its state, items and pairs."""

    maker: object
    arguments: object = ()
    state: object = None
    items: list[object] = field(default_factory=list)
    pairs: list[tuple[object, object]] = field(default_factory=list)

    @property
    def of(self) -> Name | None:
        """The class, or the function, that makes it."""
        if isinstance(self.maker, Name):
            first = self.arguments[0] if isinstance(self.arguments, tuple) and self.arguments else None
            if self.maker.module in {"copyreg", "copy_reg"} and isinstance(first, Name):
                return first
            return self.maker
        return None

    def fields(self) -> dict[str, object]:
        """Return its attributes: those of its ``__dict__`` and of its slots."""
        found: dict[str, object] = {}
        for part in self.state if isinstance(self.state, tuple) else (self.state,):
            if isinstance(part, Pairs):
                found |= part.texts()
        return found


@dataclass(slots=True, eq=False)
class Stored:
    """What the pickle only refers to, by a key: torch's storages."""

    key: object


def text_of(value: object) -> str:
    """Return text, or bytes as text."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return value if isinstance(value, str) else "?"


def dtype_of(value: object) -> tuple[str, int]:
    """Return the name of a pickled numpy dtype, such as ``f8``, and the size of an element in bytes."""
    if not isinstance(value, Made) or not isinstance(value.arguments, tuple) or not value.arguments:
        return "?", 0
    name = text_of(value.arguments[0])
    digits = name[1:] if name[1:].isdecimal() and len(name) < 12 else "0"
    size = int(digits) * (4 if name[:1] == "U" else 1)
    if isinstance(value.state, tuple) and len(value.state) > 5 and isinstance(value.state[5], int):
        size = value.state[5] if value.state[5] > 0 else size
    return name, size


def number_of(made: Made) -> object:
    """Return the value of a pickled numpy scalar; the object itself if it is none."""
    of, arguments = made.of, made.arguments
    if of is None or of.name != "scalar" or not isinstance(arguments, tuple) or len(arguments) != 2:
        return made
    code = _SCALARS.get(dtype_of(arguments[0])[0])
    raw = arguments[1]
    if isinstance(raw, Made) and isinstance(raw.arguments, tuple) and raw.arguments:
        raw = text_of(raw.arguments[0]).encode("latin-1", "replace")
    if code is None or not isinstance(raw, bytes) or len(raw) != struct.calcsize(code):
        return made
    value: object = struct.unpack("<" + code, raw)[0]
    return value
