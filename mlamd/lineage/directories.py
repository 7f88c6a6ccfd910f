"""A directory as it is, was at a time, or was to a run: the files that are known below it.

``DIR`` is what stands there now, ``DIR@2026-11-20T10:00`` what stood there then, ``DIR@RUN`` what the run
wrote, else read, of it.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mlamd.errors import UnknownNameError
from mlamd.lineage.names import Named, Place, parse_time, resolve, resolve_run
from mlamd.lineage.view import View
from mlamd.model.derived import FileVersion, Run


@dataclass(frozen=True, slots=True)
class Directory:
    """A directory in which versions are known. ``path`` is b"" for the workspace itself."""

    path: bytes
    members: Mapping[bytes, FileVersion]
    """Path and version of each file in the state that was asked for, sorted by path."""
    places: Mapping[int, bytes]
    """Every version that ever stood in the directory, and the path at which it did."""


def resolve_all(view: View, text: str, place: Place) -> Named | Directory:
    """Return what a text names, a directory also. Raises as ``names.resolve`` does.

    A directory that stands on disk goes before a run that is called the same, any other one after it.
    """
    if _on_disk(text, place):
        found = _directory(view, text, place)
        if found is not None:
            return found
    try:
        return resolve(view, text, place)
    except UnknownNameError:
        found = _directory(view, text, place)
        if found is not None:
            return found
        if os.path.isdir(os.path.join(place.cwd, os.fsencode(text))):
            raise UnknownNameError(
                f"{text} is a directory, but nothing is known of files in it yet"
            ) from None
        raise


def _on_disk(text: str, place: Place) -> bool:
    head = _split(text)[0]
    return any(os.path.isdir(os.path.join(place.cwd, os.fsencode(path))) for path in (text, head) if path)


def _split(text: str) -> tuple[str, str]:
    """Take a text apart at the ``@`` that ends a path; without one the second part is empty."""
    head, at, tail = text.rpartition("@")
    if at and head.endswith("@"):
        return head[:-1], f"@{tail}"
    return (head, tail) if at and head else (text, "")


def _directory(view: View, text: str, place: Place) -> Directory | None:
    whole = _known(view, _stored(text, place))
    if whole is not None:
        return whole
    head, tail = _split(text)
    known = _known(view, _stored(head, place)) if tail else None
    if known is None:
        return None
    moment = parse_time(tail)
    run = resolve_run(view, tail, place) if moment is None else None
    members = _of_run(view, known, run) if run is not None else _at(view, known, moment or 0)
    if not members:
        said = "neither wrote nor read" if run is not None else "is before anything is known"
        raise UnknownNameError(f"{tail} {said} in {head}")
    return Directory(known.path, dict(sorted(members.items())), known.places)


def _stored(text: str, place: Place) -> bytes:
    path = place.stored(os.fsencode(text))
    return b"" if path == b"." else path


def _known(view: View, directory: bytes) -> Directory | None:
    """Return a directory as it is now, None if no version is known that ever stood in it."""
    members: dict[bytes, FileVersion] = {}
    places: dict[int, bytes] = {}
    for path, current, last in view.below(directory):
        if current:
            members[path] = view.version(current)
        for version in _stood(view, path, last):
            places[version.number] = path
    return Directory(directory, dict(sorted(members.items())), places) if places else None


def _stood(view: View, path: bytes, last: int) -> Iterator[FileVersion]:
    """Yield the versions that stood at a path, newest first."""
    newest = view.version(last)
    if not newest.previous and not newest.replaced:
        yield newest
        return
    for version in view.history(last):
        if version.path == path or any(name.path == path for name in version.earlier_names):
            yield version


def _stays(version: FileVersion, path: bytes) -> Iterator[tuple[int, int | None]]:
    """Yield from when until when a version stood at a path, or until it was replaced: None is until now."""
    came_ns = version.sealed_ns
    for name in version.earlier_names:
        if name.path == path:
            yield came_ns, name.until_ns
        came_ns = name.until_ns
    if version.path == path:
        yield came_ns, version.gone_ns


def _at(view: View, known: Directory, moment: int) -> dict[bytes, FileVersion]:
    """Return what stood there at a time, in nanoseconds since the epoch."""
    newest: dict[bytes, tuple[int, int | None, FileVersion]] = {}
    for number, path in sorted(known.places.items()):
        version = view.version(number)
        for came_ns, left_ns in _stays(version, path):
            before = newest.get(path)
            if came_ns <= moment and (before is None or before[0] <= came_ns):
                newest[path] = came_ns, left_ns, version
    return {
        path: version for path, (_, left_ns, version) in newest.items() if left_ns is None or left_ns > moment
    }


def _of_run(view: View, known: Directory, run: Run) -> dict[bytes, FileVersion]:
    """Return what a run read there, and, where it wrote too, what it wrote."""
    found: dict[bytes, FileVersion] = {}
    first, last = min(known.places), max(known.places)
    for step in view.steps_of(run.number):
        for number, _, _ in view.reads_between(step, first, last):
            if number in known.places:
                found[known.places[number]] = view.version(number)
    for step in view.steps_of(run.number):
        for number in view.writes(step):
            if number in known.places:
                found[known.places[number]] = view.version(number)
    return found
