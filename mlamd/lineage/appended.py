"""What a run added to a file that was there before it: of each series only its own points.

A log that is opened to append holds the lines of earlier runs too. What the version before the run's first
write is known to hold is left out, if the newer one begins with it.
"""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from mlamd.lineage.view import View
from mlamd.model.derived import FileVersion
from mlamd.recognise.facts import mapping
from mlamd.recognise.series import Number, is_number


@dataclass(frozen=True, slots=True)
class Points:
    """A series as facts tell it: how many points, those that are kept by their places, and what is exact."""

    count: int
    places: tuple[int, ...]
    """Where the kept points stand in the series, from 0."""
    steps: tuple[Any, ...]
    values: tuple[Any, ...]
    """Also those that are no numbers, and infinite ones, which never are ``least`` or ``greatest``."""
    last: Number
    least: Number
    greatest: Number
    exact: bool = True
    """False if ``least`` or ``greatest`` is that of the kept points, or other runs' points may be in it."""

    def numbers(self) -> list[tuple[Number, Number]]:
        """Return the kept points that are numbers."""
        pairs = zip(self.steps, self.values, strict=True)
        return [(step, value) for step, value in pairs if is_number(step) and is_number(value)]


@dataclass(frozen=True, slots=True)
class Before:
    """What a file held before a run wrote it; ``facts`` is None where that is not known."""

    facts: Mapping[str, Any] | None
    alone: bool = True
    """False if another run wrote it between two writes of this one."""


def before(view: View, newest: FileVersion, mine: Collection[int], started_ns: int) -> Before | None:
    """Return what a file held before a run first wrote it, None if nothing of that is left in ``newest``.

    ``mine`` are the numbers of the versions that the run wrote, which began at ``started_ns``.
    """
    found: FileVersion | None = None
    foreign = False
    alone = True
    version = newest
    while version.derived and version.previous and not (foreign and version.sealed_ns < started_ns):
        try:
            version = view.version(version.previous)
        except KeyError:
            return Before(None)
        if version.number not in mine:
            found = found or version
            foreign = True
        elif foreign:
            found, foreign, alone = None, False, False
    if found is None:
        return None if alone else Before({}, alone=False)
    meaning = view.meaning(found.number)
    if meaning is None:
        return Before({} if not found.size_bytes else None, alone)
    return Before(meaning.facts, alone)


def points_of(facts: Mapping[str, Any], name: str) -> Points | None:
    """Return a series of some facts; a single number is a series of one value. None if it has no number."""
    drawn = mapping(mapping(facts.get("series")).get(name))
    if not drawn:
        value = told(mapping(facts.get("scalars")).get(name))
        return Points(1, (0,), (0,), (value,), value, value, value) if is_number(value) else None
    steps, values = drawn.get("steps") or (), drawn.get("values") or ()
    pairs = [(step, told(value)) for step, value in zip(steps, values, strict=False)]
    numbers = [value for _, value in pairs if is_number(value)]
    if not numbers:
        return None
    finite = [value for value in numbers if math.isfinite(value)] or numbers[-1:]
    summary = mapping(mapping(facts.get("summary")).get(name))

    def known(key: str, otherwise: Number) -> Number:
        value = told(summary.get(key))
        return value if is_number(value) else otherwise

    count = summary.get("count")
    if not isinstance(count, int) or count < len(pairs):
        count = len(pairs)
    return Points(
        count,
        _places(count, len(pairs)),
        tuple(step for step, _ in pairs),
        tuple(value for _, value in pairs),
        known("last", numbers[-1]),
        known("best_min", min(finite)),
        known("best_max", max(finite)),
    )


def told(value: object) -> Any:
    """Return a value as it was before it was stored: what is no number, or infinite, is text there."""
    return float(value) if isinstance(value, str) and value in {"nan", "inf", "-inf"} else value


def _places(count: int, kept: int) -> tuple[int, ...]:
    """Return where the kept points stand: every second, fourth, … and the last, as ``Series`` keeps them."""
    stride = 1
    while stride <= count:
        places = range(0, count, stride)
        if len(places) == kept:
            return tuple(places)
        if len(places) == kept - 1:
            return (*places, count - 1)
        stride *= 2
    return tuple(range(kept))


def added(points: Points, name: str, facts: Mapping[str, Any], earlier: Before) -> Points | None:
    """Return what was added to a series, None if nothing was; all of it where that cannot be told."""
    cut = bool(facts.get("truncated"))
    if earlier.facts is None:
        return _inexact(points)
    old = points_of(earlier.facts, name)
    if old is None:
        return points if earlier.alone and not (cut and earlier.facts) else _inexact(points)
    if not _begins_with(points, old):
        return _inexact(points) if cut else points
    if points.count <= old.count:
        return None
    rest = _rest(points, old)
    return rest if earlier.alone and not cut else _inexact(rest)


def _begins_with(points: Points, old: Points) -> bool:
    """Return True if the points that both keep of the older series are the same."""
    if points.count < old.count:
        return False
    kept = dict(zip(points.places, points.values, strict=True))
    return all(
        _same(kept.get(place, value), value) for place, value in zip(old.places, old.values, strict=True)
    )


def _same(one: object, other: object) -> bool:
    return one == other or (one != one and other != other)  # noqa: PLR0124  (what is no number)


def _rest(points: Points, old: Points) -> Points:
    first = next(at for at, place in enumerate(points.places) if place >= old.count)
    places, steps, values = points.places[first:], points.steps[first:], points.values[first:]
    numbers = [value for value in values if is_number(value) and math.isfinite(value)] or [points.last]
    whole = len(places) == points.count - old.count
    # What is less than everything before is of the rest, also where its point was not kept.
    fell, rose = points.least < old.least, points.greatest > old.greatest
    return Points(
        points.count - old.count,
        places,
        steps,
        values,
        points.last,
        points.least if fell else min(numbers),
        points.greatest if rose else max(numbers),
        points.exact and (whole or (fell and rose)),
    )


def _inexact(points: Points) -> Points:
    return replace(points, exact=False)
