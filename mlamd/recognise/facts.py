"""Bounds of facts: what a file says of itself may be huge, or nonsense."""

import math
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

Fact = None | bool | int | float | str | Sequence["Fact"] | Mapping[str, "Fact"]
"""What facts are made of: the values of JSON."""

MOST_ITEMS = 2_000
"""How many columns, settings or tensors are listed; how many there are is told beside them."""
MOST_TEXT = 1_000
MOST_DEPTH = 12
MOST_PARTS = 20_000
"""How many values a fact has in all, so that one that refers to itself ten times ten times stays small."""


def bounded(value: object) -> Fact:
    """Return a value as facts may hold it: cut short, and with text for what JSON does not know.

    However often a part occurs in it, no more than ``MOST_PARTS`` parts come out.
    """
    return _bounded(value, 0, [MOST_PARTS])


def _bounded(value: object, depth: int, left: list[int]) -> Fact:
    left[0] -= 1
    if isinstance(value, Mapping | Sequence | set | frozenset) and not isinstance(
        value, str | bytes | bytearray
    ):
        if depth >= MOST_DEPTH or left[0] <= 0:
            return "…"
        if isinstance(value, Mapping):
            pairs = islice(value.items(), MOST_ITEMS)
            return {_text(str(key)): _bounded(one, depth + 1, left) for key, one in pairs if left[0] > 0}
        return [_bounded(one, depth + 1, left) for one in islice(value, MOST_ITEMS) if left[0] > 0]
    return _plain(value)


def _plain(value: object) -> Fact:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < 1 << 63 else _long(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, bytes | bytearray):
        return bytes(value[:MOST_TEXT]).decode("utf-8", "backslashreplace")
    return _text(value if isinstance(value, str) else str(value))


def _text(text: str) -> str:
    """Return text that can be stored: halves of letters, which JSON lets through, are escaped."""
    short = text if len(text) <= MOST_TEXT else text[: MOST_TEXT - 1] + "…"
    return short if short.isascii() else short.encode("utf-8", "backslashreplace").decode()[:MOST_TEXT]


def _long(value: int) -> str:
    """Return an integer beyond 64 bits as text; one of more digits than Python converts, as a power."""
    digits = value.bit_length() * 3 // 10
    return str(value) if digits < MOST_TEXT else f"about 10**{digits}"


def flattened(value: object, prefix: str = "") -> dict[str, Fact]:
    """Return nested settings with dotted names; lists of plain values stay lists, others get numbers."""
    found: dict[str, Fact] = {}
    left = [MOST_PARTS]
    waiting: list[tuple[str, object, int]] = [(prefix, value, 0)]
    while waiting and len(found) < MOST_ITEMS:
        name, item, depth = waiting.pop()
        inner: list[tuple[str, object]] = []
        if isinstance(item, Mapping):
            inner = [(_text(str(key)), part) for key, part in islice(item.items(), MOST_ITEMS)]
        elif isinstance(item, list | tuple) and any(
            isinstance(part, Mapping | list | tuple) for part in item
        ):
            inner = [(str(place), part) for place, part in enumerate(item[:MOST_ITEMS])]
        if not inner or depth >= MOST_DEPTH:
            if name:
                found[name] = _bounded(item, 0, left)
            continue
        for key, part in reversed(inner):
            waiting.append((f"{name}.{key}" if name else key, part, depth + 1))
    return found


def mapping(value: object) -> Mapping[str, Any]:
    """Return a map as it is, an empty one for anything else: what a file says may be of any type."""
    return value if isinstance(value, Mapping) else {}


def listed(value: object) -> list[Any]:
    """Return a list as it is, an empty one for anything else."""
    return value if isinstance(value, list) else []
