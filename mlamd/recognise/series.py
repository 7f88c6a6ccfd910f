"""Values over steps, bounded: thinned evenly, with first, last, least and greatest kept exactly."""

import math
from collections.abc import Iterable, Mapping
from typing import Any, TypeGuard

from mlamd.recognise.facts import MOST_ITEMS, MOST_TEXT, bounded, flattened
from mlamd.recognise.finding import Fact
from mlamd.recognise.metric_names import is_metric, is_step

MOST_POINTS = 1_000
"""How many points of a series are kept."""
MOST_IN_ALL = 100_000
"""How many points of all series of a file are kept."""

Number = int | float


class Series:
    """One series, to which points are added in their order."""

    __slots__ = ("_points", "_stride", "count", "first", "greatest", "last", "least")

    def __init__(self) -> None:
        self.count = 0
        self.first: tuple[Number, Number] | None = None
        self.last: tuple[Number, Number] | None = None
        self.least: tuple[Number, Number] | None = None
        self.greatest: tuple[Number, Number] | None = None
        self._points: list[tuple[Number, Number]] = []
        self._stride = 1

    def add(self, step: Number, value: Number) -> None:
        """Add a point; a value that is no number counts, but is never least nor greatest."""
        point = (step, value)
        if self.first is None:
            self.first = point
        self.last = point
        if not math.isnan(value):
            if self.least is None or value < self.least[1]:
                self.least = point
            if self.greatest is None or value > self.greatest[1]:
                self.greatest = point
        if self.count % self._stride == 0:
            self._points.append(point)
            if len(self._points) >= MOST_POINTS:
                self._points = self._points[::2]
                self._stride *= 2
        self.count += 1

    def points(self, most: int) -> list[tuple[Number, Number]]:
        """Return at most that many points, the first and the last among them."""
        kept = self._points
        while len(kept) >= most > 2:
            kept = kept[::2]
        return kept if self.last is None or (kept and kept[-1] is self.last) else [*kept, self.last]

    def summary(self) -> dict[str, Fact]:
        """Return the exact ends of the series."""
        found: dict[str, Fact] = {"count": self.count}
        for name, point in (("first", self.first), ("last", self.last)):
            found[name] = bounded(point[1]) if point else None
        for name, point in (("best_min", self.least), ("best_max", self.greatest)):
            found[name] = bounded(point[1]) if point else None
            found[f"{name}_step"] = bounded(point[0]) if point else None
        return found


class SeriesBook:
    """All series of a file by name."""

    def __init__(self) -> None:
        self.series: dict[str, Series] = {}

    def add(self, name: str, step: Number, value: Number) -> None:
        """Add a point to the series of that name; of too many names, the later ones are left out."""
        found = self.series.get(name)
        if found is None:
            if len(self.series) >= MOST_ITEMS or not name:
                return
            found = self.series[name[:MOST_TEXT]] = Series()
        found.add(step, value)

    def facts(self) -> dict[str, Fact]:
        """Return the facts ``series`` and ``summary``; none without series."""
        if not self.series:
            return {}
        most = max(2, min(MOST_POINTS, MOST_IN_ALL // len(self.series)))
        drawn: dict[str, Fact] = {}
        for name, one in self.series.items():
            points = one.points(most)
            steps: list[Fact] = [bounded(step) for step, _ in points]
            values: list[Fact] = [bounded(value) for _, value in points]
            drawn[name] = {"steps": steps, "values": values}
        return {"series": drawn, "summary": {name: one.summary() for name, one in self.series.items()}}


def is_number(value: object) -> TypeGuard[Number]:
    """Return True for an integer or float; truth values are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def of_lists(lists: Mapping[str, object]) -> SeriesBook | None:
    """Return series from lists of numbers, as Keras' history has them; None if there are none."""
    book = SeriesBook()
    for name, values in lists.items():
        if isinstance(values, list) and len(values) > 1 and all(map(is_number, values)):
            for step, value in enumerate(values):
                book.add(name, step, value)
    return book if book.series else None


def of_records(records: Iterable[object], step_names: tuple[str, ...]) -> SeriesBook:
    """Return series from mappings that each have a step and some values, nested ones by dotted names.

    The first of the names that a record has is its step, and the place of the record if it has none.
    """
    book = SeriesBook()
    for place, held in enumerate(records):
        if not isinstance(held, Mapping):
            continue
        record = _flat(held)
        steps = [record[name] for name in step_names if is_number(record.get(name))]
        step = steps[0] if steps else place
        for name, value in record.items():
            if name not in step_names and is_number(value):
                book.add(str(name), step, value)
    return book


def looks_like_log(records: Iterable[object]) -> bool:
    """Return True if some records have a step, and a number whose name is that of a metric."""
    flat = (_flat(record) for record in records if isinstance(record, Mapping))
    return any(
        any(is_step(str(name)) for name in record)
        and any(is_metric(str(name)) and is_number(value) for name, value in record.items())
        for record in flat
    )


def _flat(record: Mapping[Any, Any]) -> Mapping[Any, Any]:
    return flattened(record) if any(isinstance(value, Mapping) for value in record.values()) else record
