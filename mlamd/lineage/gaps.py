"""Which gaps touch an answer: those in whose stretch and scope something of it may have been missed."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from mlamd.lineage.view import View
from mlamd.model.derived import FileVersion, KnownGap, Run, Step
from mlamd.model.evidence import Origin

if TYPE_CHECKING:
    from mlamd.lineage.graph import Graph

_NOW = 1 << 62


def span(started_ns: int, ended_ns: int | None) -> tuple[int, int]:
    """Return the stretch of time of a run or step."""
    return started_ns, _NOW if ended_ns is None else ended_ns


def _unknown_stretch(view: View, version: FileVersion) -> tuple[int, int] | None:
    """Return when a version that nobody is known to have written must have come about."""
    if version.writers or version.origin is Origin.EXISTING:
        return None
    before = 0
    if version.previous:
        before = view.version(version.previous).sealed_ns
    return before, version.sealed_ns


def touching(view: View, stretches: Iterable[tuple[int, int]], paths: Iterable[bytes]) -> list[KnownGap]:
    """Return the gaps that overlap a stretch and whose scope holds one of the paths."""
    wanted = list(stretches)
    names = set(paths)
    found = []
    for gap in view.gaps():
        overlaps = any(gap.from_ns <= end and gap.to_ns >= start for start, end in wanted)
        if overlaps and (not gap.scope or _covers(gap.scope, names)):
            found.append(gap)
    return found


def _covers(scope: bytes, paths: set[bytes]) -> bool:
    return scope in paths or any(path.startswith(scope + b"/") for path in paths)


def of_graph(view: View, graph: "Graph") -> list[KnownGap]:
    """Return the gaps that touch a graph: while one of its steps ran, or a writer went unseen."""
    stretches = [span(step.started_ns, step.ended_ns) for step in graph.steps.values()]
    for version in graph.files.values():
        unknown = _unknown_stretch(view, version)
        if unknown is not None:
            stretches.append(unknown)
    return touching(view, stretches, (version.path for version in graph.files.values()))


def of_versions(view: View, versions: Iterable[FileVersion]) -> list[KnownGap]:
    """Return the gaps that touch the history of files: from the first version known until now."""
    listed = list(versions)
    if not listed:
        return []
    first = min(version.sealed_ns for version in listed)
    return touching(view, [(first, _NOW)], (version.path for version in listed))


def of_runs(view: View, runs: Iterable[Run | Step]) -> list[KnownGap]:
    """Return the gaps that fell into runs, or, of a time with no runs at all, none."""
    stretches = [span(run.started_ns, run.ended_ns) for run in runs]
    return [
        gap
        for gap in view.gaps()
        if any(gap.from_ns <= end and gap.to_ns >= start for start, end in stretches)
    ]
