"""What happened, in the order of time: to one path, or in the whole workspace."""

from collections.abc import Iterator
from dataclasses import dataclass

from mlamd.catalog.state import MOST_RECENT, recent
from mlamd.lineage.view import View
from mlamd.model.derived import FileVersion, Run, Step
from mlamd.model.evidence import Grade, Origin

ACTION = {
    Origin.WRITTEN: "wrote",
    Origin.EXISTING: "existing",
    Origin.FOUND: "found",
    Origin.SCANNED: "wrote",
    Origin.PARTIAL: "wrote",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One deed: ``wrote``, ``read``, ``moved``, ``removed``; ``existing`` and ``found`` are nobody's.

    A deed with several candidates has one entry for each, with the grade ``AMBIGUOUS``.
    """

    at_ns: int
    action: str
    version: FileVersion
    path: bytes
    step: Step | None
    run: Run | None
    grade: Grade | None
    count: int = 1
    source: bytes = b""
    """The earlier name, for ``moved``."""


def _entry(view: View, at_ns: int, action: str, version: FileVersion, step: int, grade: Grade) -> Entry:
    known = view.step(step)
    return Entry(at_ns, action, version, version.path, known, view.run(known.run), grade)


def of_version(view: View, version: FileVersion, *, reads: bool) -> Iterator[Entry]:
    """Yield what happened with one version."""
    action = ACTION[version.origin]
    path = version.earlier_names[0].path if version.earlier_names else version.path
    if not version.writers:
        yield Entry(version.sealed_ns, action, version, path, None, None, None)
    for writer in version.writers:
        made = _entry(view, version.sealed_ns, action, version, writer.step, writer.grade)
        yield Entry(made.at_ns, action, version, path, made.step, made.run, made.grade)
    names = [name.path for name in version.earlier_names] + [version.path]
    for earlier, target in zip(version.earlier_names, names[1:], strict=True):
        at_ns, source = earlier.until_ns, earlier.path
        if not earlier.movers:
            yield Entry(at_ns, "moved", version, target, None, None, None, source=source)
        for writer in earlier.movers:
            mover = view.step(writer.step)
            run = view.run(mover.run)
            yield Entry(at_ns, "moved", version, target, mover, run, writer.grade, source=source)
    if reads:
        for step in view.readers(version.number):
            reading = view.reading(step, version.number)
            entry = _entry(view, reading.at_ns, "read", version, step, reading.grade)
            yield Entry(
                reading.at_ns,
                "read",
                version,
                version.path,
                entry.step,
                entry.run,
                reading.grade,
                reading.count,
            )
    if version.gone_ns is not None:
        if not version.removers:
            yield Entry(version.gone_ns, "removed", version, version.path, None, None, None)
        for writer in version.removers:
            yield _entry(view, version.gone_ns, "removed", version, writer.step, writer.grade)


def of_path(view: View, newest: FileVersion, *, reads: bool, limit: int) -> list[Entry]:
    """Return the history of the place where a version stands, newest first (0: no limit)."""
    entries: list[Entry] = []
    for version in view.history(newest.number):
        entries += of_version(view, version, reads=reads)
        if limit and len(entries) >= limit * 4:
            break
    return _newest_first(entries, limit)


def of_workspace(view: View, *, reads: bool, limit: int) -> list[Entry]:
    """Return what happened in the workspace, newest first (0: no limit)."""
    entries: list[Entry] = []
    told: set[int] = set()
    for version in _newest_versions(view):
        told.add(version.number)
        entries += of_version(view, version, reads=reads)
        if 0 < limit <= MOST_RECENT and len(entries) >= limit * 4:
            entries += _recent(view, told, reads=reads)
            break
    return _newest_first(entries, limit)


def _recent(view: View, told: set[int], *, reads: bool) -> Iterator[Entry]:
    """Yield what happened with older versions that somebody moved, removed or read lately."""
    changed, read = recent(view.tables)
    for number in {*changed, *(read if reads else ())} - told:
        yield from of_version(view, view.version(number), reads=reads)


def _newest_versions(view: View) -> Iterator[FileVersion]:
    for place in view.version_numbers(reverse=True):
        yield view.version(place)


def _newest_first(entries: list[Entry], limit: int) -> list[Entry]:
    entries.sort(key=lambda entry: (entry.at_ns, entry.version.number), reverse=True)
    return entries[:limit] if limit else entries
