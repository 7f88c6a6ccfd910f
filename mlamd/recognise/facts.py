"""Bounds of facts: what a file says of itself may be huge, or nonsense."""

import math
from collections.abc import Mapping, Sequence

Fact = None | bool | int | float | str | Sequence["Fact"] | Mapping[str, "Fact"]
"""What facts are made of: the values of JSON."""

MOST_ITEMS = 2_000
"""How many columns, settings or tensors are listed; how many there are is told beside them."""
MOST_TEXT = 1_000
MOST_DEPTH = 12
MOST_VALUES = 20_000
"""How many values one call of ``bounded`` returns, however they are nested and shared."""


def bounded(value: object) -> Fact:
    """Return a value as facts may hold it: cut short, and with text for what JSON does not know."""
    return _Bounds().cut(value, 0)


class _Bounds:
    """Counts down the values of one call: a list may hold one list a thousand times, and that one again."""

    def __init__(self) -> None:
        self._left = MOST_VALUES

    def cut(self, value: object, depth: int) -> Fact:
        self._left -= 1
        if isinstance(value, bytes | bytearray):
            value = bytes(value[:MOST_TEXT]).decode("utf-8", "backslashreplace")
        if isinstance(value, Mapping | Sequence | set | frozenset) and not isinstance(value, str):
            return self._nested(value, depth)
        return _plain(value)

    def _nested(
        self,
        value: "Mapping[object, object] | Sequence[object] | set[object] | frozenset[object]",
        depth: int,
    ) -> Fact:
        if depth >= MOST_DEPTH or self._left <= 0:
            return "…"
        room = min(MOST_ITEMS, self._left)
        if isinstance(value, Mapping):
            pairs = list(value.items())[:room]
            return {_text(str(key)): self.cut(item, depth + 1) for key, item in pairs if self._left > 0}
        return [self.cut(item, depth + 1) for item in list(value)[:room] if self._left > 0]


def _plain(value: object) -> Fact:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < 1 << 63 else f"{value:#x}"[:MOST_TEXT]
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return _text(value if isinstance(value, str) else str(value))


def _text(text: str) -> str:
    """Return text that can be stored: halves of letters, which JSON lets through, are escaped."""
    short = text if len(text) <= MOST_TEXT else text[: MOST_TEXT - 1] + "…"
    return short if short.isascii() else short.encode("utf-8", "backslashreplace").decode()[:MOST_TEXT]


def flattened(value: object, prefix: str = "") -> dict[str, Fact]:
    """Return nested settings with dotted names; lists of plain values stay lists, others get numbers."""
    found: dict[str, Fact] = {}
    waiting: list[tuple[str, object, int]] = [(prefix, value, 0)]
    while waiting and len(found) < MOST_ITEMS:
        name, item, depth = waiting.pop()
        inner: list[tuple[str, object]] = []
        if isinstance(item, Mapping):
            inner = [(str(key), part) for key, part in list(item.items())[:MOST_ITEMS]]
        elif isinstance(item, list | tuple) and any(
            isinstance(part, Mapping | list | tuple) for part in item
        ):
            inner = [(str(place), part) for place, part in enumerate(item[:MOST_ITEMS])]
        if not inner or depth >= MOST_DEPTH:
            if name:
                found[name[:MOST_TEXT]] = bounded(item)
            continue
        for key, part in reversed(inner):
            waiting.append((f"{name}.{key}" if name else key, part, depth + 1))
    return found
