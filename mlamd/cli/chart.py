"""Small charts of Unicode block characters."""

from collections.abc import Sequence
from math import isfinite

_BLOCKS = " ▁▂▃▄▅▆▇█"
MISSING = "·"
"""Stands where nothing is known."""


def rows(values: Sequence[float | None], height: int = 3) -> list[str]:
    """Return the lines of a bar chart, the highest first; the largest value fills the height.

    What is known to be nothing still has the lowest block, so that it differs from what is not known.
    """
    top = max((value for value in values if value is not None), default=0.0)
    bars = [None if value is None else _eighths(value, top, height) for value in values]
    return ["".join(_cell(bar, place) for bar in bars) for place in reversed(range(height))]


def _eighths(value: float, top: float, height: int) -> int:
    return max(1, round(8 * height * value / top)) if top > 0 else 1


def _cell(bar: int | None, place: int) -> str:
    if bar is None:
        return MISSING if place == 0 else " "
    return _BLOCKS[min(8, max(0, bar - 8 * place))]


def line(values: Sequence[float], width: int) -> str:
    """Return a course in one line, from the lowest block for the least to the highest for the greatest.

    What is no number, or infinite, is ``MISSING``.
    """
    if len(values) > width:
        values = [values[place * (len(values) - 1) // (width - 1)] for place in range(width)]
    finite = [value for value in values if isfinite(value)]
    if not finite:
        return MISSING * len(values)
    least = min(finite)
    span = max(finite) - least

    def block(value: float) -> str:
        if not isfinite(value):
            return MISSING
        return _BLOCKS[1 + round(7 * (value - least) / span)] if span else _BLOCKS[4]

    return "".join(map(block, values)) if isfinite(span) else ""
