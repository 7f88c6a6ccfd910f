"""The metrics of a run: what it wrote into files of metrics and logs, as series and single numbers."""

from collections.abc import Collection
from dataclasses import dataclass

from mlamd.lineage.appended import Points, added, before, points_of
from mlamd.lineage.inputs import outputs
from mlamd.lineage.view import View
from mlamd.model.derived import FileVersion, Run
from mlamd.recognise.facts import mapping
from mlamd.recognise.metric_names import direction
from mlamd.recognise.series import Number


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric as one file tells it; a single number is a series of one value without a step."""

    name: str
    version: FileVersion
    last: Number
    least: Number
    greatest: Number
    count: int
    direction: str
    """``down`` if less is better, ``up`` if more is, "" if the name does not tell."""
    steps: tuple[Number, ...]
    values: tuple[Number, ...]
    """Its points, thinned out if there were very many."""
    exact: bool = True
    """False if values of earlier runs may be among its, or its best is only that of ``values``."""

    @property
    def best(self) -> Number | None:
        """The best value, None where it is not known what is better."""
        return {"down": self.least, "up": self.greatest}.get(self.direction)


def direction_of(name: str, lower: Collection[str] = (), higher: Collection[str] = ()) -> str:
    """Return what is better, by the lists of a user or by the name."""
    if name in lower or name in higher:
        return "down" if name in lower else "up"
    return direction(name)


def metrics(view: View, run: Run, lower: Collection[str] = (), higher: Collection[str] = ()) -> list[Metric]:
    """Return the metrics of a run, by name and file; of a file that it wrote often, the newest version.

    Of a file that it appended to, only what it added (``mlamd.lineage.appended``).
    """
    made = outputs(view, run)
    mine = {item.version.number for item in made}
    found: list[Metric] = []
    for version in {item.version.path: item.version for item in made}.values():
        meaning = view.meaning(version.number)
        if meaning is None or meaning.made not in {"metrics", "log"}:
            continue
        series, scalars = mapping(meaning.facts.get("series")), mapping(meaning.facts.get("scalars"))
        earlier = before(view, version, mine, run.started_ns) if series else None
        for name in {**series, **scalars}:
            points = points_of(meaning.facts, name)
            if points is not None and earlier is not None and name in series:
                points = added(points, name, meaning.facts, earlier)
            if points is not None:
                better = direction_of(name, lower, higher)
                found.append(_metric(name, version, points, better, stepped=name in series))
    return sorted(found, key=lambda metric: (metric.name, metric.version.path))


def _metric(name: str, version: FileVersion, points: Points, better: str, *, stepped: bool) -> Metric:
    pairs = points.numbers()
    return Metric(
        name,
        version,
        points.last,
        points.least,
        points.greatest,
        points.count,
        better,
        tuple(step for step, _ in pairs) if stepped else (),
        tuple(value for _, value in pairs),
        points.exact,
    )
