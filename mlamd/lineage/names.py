"""One grammar for naming things, everywhere.

``@-1`` the last run, ``@-2`` the one before; a run's id or a unique prefix of it; ``ID.2`` its second
step; a path: its newest version; ``PATH@-1`` the one before; ``PATH@2026-11-20T10:00`` what stood there
then; ``PATH@RUN`` (also ``PATH@@-1``) the version that the run wrote, else read; a content digest or
a unique prefix of at least 6 digits; ``v17`` a version by its id. A path goes before everything else
that looks the same.
"""

import os
import re
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from mlamd.errors import AmbiguousNameError, UnknownNameError
from mlamd.lineage.view import View
from mlamd.model.derived import FileVersion, Run, Step

_BACK = re.compile(r"-([1-9][0-9]{0,8})$")
_HEX = re.compile(r"[0-9a-f]{1,64}$")
_STEP = re.compile(r"([0-9a-f]{1,16})\.([1-9][0-9]{0,6})$")
_VERSION = re.compile(r"v([1-9][0-9]{0,11})$")
_LEAST_DIGEST = 6


@dataclass(frozen=True, slots=True)
class Place:
    """Where relative paths start: the workspace, and the directory that the user stands in."""

    root: bytes
    cwd: bytes

    def stored(self, path: bytes) -> bytes:
        """Return a path as the store has it: relative to the workspace, or absolute outside."""
        absolute = os.path.normpath(os.path.join(self.cwd, path))
        if absolute == self.root:
            return b"."
        prefix = self.root.rstrip(b"/") + b"/"
        return absolute.removeprefix(prefix)


Named = Run | Step | FileVersion


def resolve(view: View, text: str, place: Place) -> Named:
    """Return what a text names; raises ``UnknownNameError`` and ``AmbiguousNameError``."""
    version = _path(view, text, place)
    if version is not None:
        return version
    head, at, tail = text.rpartition("@")
    if head.endswith("@") and head != "@" and _BACK.match(tail):
        head, tail = head[:-1], f"@{tail}"
    if at and head:
        version = _path_at(view, head, tail, place)
        if version is not None:
            return version
    found: Named | None = _run_or_step(view, text) or _by_digest(view, text)
    if found is None:
        raise UnknownNameError(_unknown(text, place))
    return found


def resolve_run(view: View, text: str, place: Place) -> Run:
    """Return the run that a text names; a step stands for its run, a file for the run that wrote it."""
    found: Named | None = _run_or_step(view, text) if text.startswith("@") else None
    if found is None:
        found = resolve(view, text, place)
    if isinstance(found, Step):
        return view.run(found.run)
    if isinstance(found, FileVersion):
        if not found.writers:
            raise UnknownNameError(f"no run is known to have written {_shown(found.path)}")
        return view.run(view.step(found.writers[0].step).run)
    return found


def resolve_version(view: View, text: str, place: Place) -> FileVersion:
    """Return the file version that a text names."""
    found = resolve(view, text, place)
    if not isinstance(found, FileVersion):
        raise UnknownNameError(f"{text} is a run: name a file, as in PATH or PATH@{text}")
    return found


def _shown(path: bytes) -> str:
    return path.decode("utf-8", "replace")


def _unknown(text: str, place: Place) -> str:
    path = os.path.join(place.cwd, os.fsencode(text))
    if os.path.isfile(path):
        return f"nothing is recorded of {text} yet: a file counts when it is read, or closed after writing"
    if os.path.isdir(path):
        return f"{text} is a directory: name a file in it, or see `mlamd show {text}`"
    return f"nothing recorded is called {text!r}: see `mlamd runs` and `mlamd log`"


def _path(view: View, text: str, place: Place) -> FileVersion | None:
    version, last = view.current(place.stored(os.fsencode(text)))
    newest = version or last
    return view.version(newest) if newest else None


def _path_at(view: View, head: str, tail: str, place: Place) -> FileVersion | None:
    newest = _path(view, head, place)
    if newest is None:
        return None
    back = _BACK.match(tail)
    if back:
        found = next(islice(view.history(newest.number), int(back.group(1)), None), None)
        if found is None:
            raise UnknownNameError(f"{head} has no version {tail}: see `mlamd log {head}`")
        return found
    moment = parse_time(tail)
    if moment is not None:
        for version in view.history(newest.number):
            if version.sealed_ns <= moment:
                return version
        raise UnknownNameError(f"no version of {head} is known from before {tail}")
    run = _run_or_step(view, tail)
    if run is None:
        raise UnknownNameError(
            f"{tail!r} is neither a run nor a time: write {head}@RUN or {head}@2026-11-20T10:00"
        )
    return _path_of_run(view, newest, run, head, tail)


def _path_of_run(view: View, newest: FileVersion, run: Run | Step, head: str, tail: str) -> FileVersion:
    steps = [run.number] if isinstance(run, Step) else view.steps_of(run.number)
    written = {version for step in steps for version in view.writes(step)}
    read = {reading.version for step in steps for reading in view.reads(step)}
    for wanted in (written, read):
        for version in view.history(newest.number):
            if version.number in wanted:
                return version
    raise UnknownNameError(f"{tail} neither wrote nor read {head}")


def parse_time(text: str) -> int | None:
    """Return a local (or, with an offset, absolute) ISO 8601 time in nanoseconds, or None."""
    if not re.match(r"\d{4}-\d{2}", text):
        return None
    try:
        return int(datetime.fromisoformat(text).astimezone().timestamp() * 1_000_000_000)
    except (ValueError, OverflowError):
        return None


def _run_or_step(view: View, text: str) -> Run | Step | None:
    if text.startswith("@"):
        back = _BACK.match(text[1:])
        if not back:
            return None
        run = next(islice(view.runs(), int(back.group(1)) - 1, None), None)
        if run is None:
            raise UnknownNameError(f"there is no run {text}: fewer are recorded, see `mlamd runs`")
        return run
    step = _STEP.match(text)
    if step:
        run_number = _unique_run(view, step.group(1))
        steps = view.steps_of(run_number) if run_number else []
        place = int(step.group(2))
        return view.step(steps[place - 1]) if place <= len(steps) else None
    if _HEX.match(text):
        number = _unique_run(view, text)
        return view.run(number) if number else None
    return None


def _unique_run(view: View, prefix: str) -> int:
    found = view.run_ids(prefix)
    if len(found) > 1:
        names = ", ".join(public[:10] for public, _ in found[:4])
        raise AmbiguousNameError(f"{len(found)} runs begin with {prefix!r} ({names}, ...): give more digits")
    return found[0][1] if found else 0


def _by_digest(view: View, text: str) -> FileVersion | None:
    named = _VERSION.match(text)
    if named:
        try:
            return view.version(int(named.group(1)))
        except KeyError:
            return None
    if len(text) < _LEAST_DIGEST or not _HEX.match(text):
        return None
    even = text[: len(text) // 2 * 2]
    versions = [view.version(number) for number in view.digests(bytes.fromhex(even))]
    fitting = [version for version in versions if version.digest and version.digest.hex().startswith(text)]
    contents = {version.digest for version in fitting}
    if len(contents) > 1:
        raise AmbiguousNameError(
            f"{len(contents)} contents have a digest that begins with {text!r}: give more digits"
        )
    return max(fitting, key=lambda version: version.number) if fitting else None
