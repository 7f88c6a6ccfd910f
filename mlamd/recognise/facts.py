"""Bounds of facts: what a file says of itself may be huge, or nonsense."""

import math
from collections.abc import Mapping, Sequence

from mlamd.recognise.finding import Fact

MOST_ITEMS = 2_000
"""How many columns, settings or tensors are listed; how many there are is told beside them."""
MOST_TEXT = 1_000
MOST_DEPTH = 12


def bounded(value: object, depth: int = 0) -> Fact:
    """Return a value as facts may hold it: cut short, and with text for what JSON does not know."""
    if value is None or isinstance(value, bool | int):
        return value if not isinstance(value, int) or abs(value) < 1 << 63 else str(value)[:MOST_TEXT]
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, str):
        return value if len(value) <= MOST_TEXT else value[:MOST_TEXT] + "…"
    if isinstance(value, bytes | bytearray):
        return bounded(bytes(value[:MOST_TEXT]).decode("utf-8", "backslashreplace"))
    if depth >= MOST_DEPTH:
        return "…"
    if isinstance(value, Mapping):
        pairs = list(value.items())[:MOST_ITEMS]
        return {str(key)[:MOST_TEXT]: bounded(item, depth + 1) for key, item in pairs}
    if isinstance(value, Sequence | set | frozenset):
        return [bounded(item, depth + 1) for item in list(value)[:MOST_ITEMS]]
    return bounded(str(value))


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
                found[name] = bounded(item)
            continue
        for key, part in reversed(inner):
            waiting.append((f"{name}.{key}" if name else key, part, depth + 1))
    return found
