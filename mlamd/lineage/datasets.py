"""What is in a directory, who made it and who used it."""

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from mlamd.lineage.directories import Directory
from mlamd.lineage.folding import ending, endings, merkle_of
from mlamd.lineage.meanings import kind_by_use
from mlamd.lineage.view import View
from mlamd.model.derived import FileVersion, Run
from mlamd.model.evidence import Grade

IMAGES = frozenset("png jpg jpeg gif bmp tif tiff webp ppm pgm".split())
"""The endings of pictures; all but the last two are looked into."""
SPLITS = frozenset("train training val valid validation dev test testing eval evaluation holdout".split())
"""What the parts of a dataset are called that a model is fitted to, chosen by or tested with."""


@dataclass(frozen=True, slots=True)
class Share:
    """The pictures of one class, and, where there are any, of one split. ``name`` is "" without classes."""

    split: str
    name: str
    files: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Contents:
    """What files are. ``kinds`` and ``formats`` are of those that were looked at, ``endings`` of all."""

    files: int
    size_bytes: int
    digest: str
    endings: tuple[tuple[str, int], ...]
    looked_at: int
    kinds: tuple[tuple[str, int], ...]
    formats: tuple[tuple[str, int], ...]
    pictures: int
    sizes: tuple[tuple[tuple[int, int, str], int], ...]
    """Width, height and mode of the pictures that were looked at, and how many there are of each."""
    shares: tuple[Share, ...]


@dataclass(slots=True)
class _Tally:
    seen: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    formats: Counter[str] = field(default_factory=Counter)
    sizes: Counter[tuple[int, int, str]] = field(default_factory=Counter)


def contents(view: View, directory: Directory) -> Contents:
    """Say what the files of a directory are."""
    members = directory.members
    tally = _Tally()
    for version in members.values():
        _look(view, version, tally)
    pictures = {path: version for path, version in members.items() if ending(path) in IMAGES}
    return Contents(
        len(members),
        sum(version.size_bytes or 0 for version in members.values()),
        merkle_of(directory.path, ((path, version.digest) for path, version in members.items())),
        endings(members),
        tally.seen,
        _ranked(tally.kinds),
        _ranked(tally.formats),
        len(pictures),
        _ranked(tally.sizes),
        shares(pictures),
    )


_Key = TypeVar("_Key", str, tuple[int, int, str])


def _ranked(counts: Counter[_Key]) -> tuple[tuple[_Key, int], ...]:
    """Return what was counted, the most frequent first, the rest by name."""
    return tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _look(view: View, version: FileVersion, tally: _Tally) -> None:
    meaning = view.meaning(version.number)
    if meaning is None:
        return
    tally.seen += 1
    tally.kinds[kind_by_use(view, version)] += 1
    if meaning.format:
        tally.formats[meaning.format] += 1
    width, height = meaning.facts.get("width"), meaning.facts.get("height")
    if isinstance(width, int) and isinstance(height, int):
        tally.sizes[width, height, str(meaning.facts.get("mode", ""))] += 1


def shares(pictures: Mapping[bytes, FileVersion]) -> tuple[Share, ...]:
    """Return the classes of an image tree: the directories side by side in which its pictures lie.

    Directories that are named as splits are (``train/``, ``val/``) are not classes, but those in them are.
    Nothing if all pictures lie in one directory.
    """
    parents = {os.path.dirname(path) for path in pictures}
    if len(parents) < 2:
        return ()
    base = os.path.commonpath(list(parents))
    counts: dict[tuple[str, str], tuple[int, int]] = {}
    for path, version in pictures.items():
        place = _share(path[len(base) :].lstrip(b"/").split(b"/")[:-1])
        files, size = counts.get(place, (0, 0))
        counts[place] = files + 1, size + (version.size_bytes or 0)
    return tuple(Share(split, name, *counts[split, name]) for split, name in sorted(counts))


def _share(parts: list[bytes]) -> tuple[str, str]:
    words = [part.decode("utf-8", "surrogateescape") for part in [*parts[:2], b"", b""][:2]]
    return (words[0], words[1]) if words[0].lower() in SPLITS else ("", words[0])


@dataclass(frozen=True, slots=True)
class Part:
    """What one run made of a directory, or read there. ``grade`` is the evidence that holds for all of it."""

    run: Run
    files: int
    digest: str
    """The Merkle digest of these files, "" if one of them has none."""
    grade: Grade
    at_ns: int
    """When the first of them was read, or sealed."""
    changed: int
    """How many of them are not there any more in the state that was asked for, or with other content."""


class _Parts:
    """Makes parts; runs that touched the same versions share what is reckoned of these."""

    def __init__(self, view: View, directory: Directory) -> None:
        self._view = view
        self._directory = directory
        self._known: dict[tuple[int, ...], tuple[str, int]] = {}

    def part(self, run: Run, files: Mapping[int, tuple[int, Grade]]) -> Part:
        """Return what a run did with some versions; each has a time and the evidence for it."""
        versions = tuple(sorted(files))
        known = self._known.get(versions)
        if known is None:
            known = self._known[versions] = self._reckoned(versions)
        times, grades = zip(*files.values(), strict=True)
        return Part(run, len(files), known[0], max(grades), min(times), known[1])

    def _reckoned(self, versions: tuple[int, ...]) -> tuple[str, int]:
        directory = self._directory
        files = [(directory.places[number], self._view.version(number)) for number in versions]
        digest = merkle_of(directory.path, ((path, version.digest) for path, version in files))
        return digest, sum(not _is_there(directory, path, version) for path, version in files)


def makers(view: View, directory: Directory) -> tuple[list[Part], int]:
    """Return what each run wrote of a directory, newest first, and how many files nobody is known to have."""
    wrote: dict[int, dict[int, tuple[int, Grade]]] = {}
    unknown = 0
    for version in directory.members.values():
        unknown += not version.writers
        for writer in version.writers:
            made = wrote.setdefault(view.step(writer.step).run, {})
            made[version.number] = version.sealed_ns, writer.grade
    parts = _Parts(view, directory)
    found = [parts.part(view.run(run), made) for run, made in wrote.items()]
    return sorted(found, key=lambda part: (part.at_ns, part.run.number), reverse=True), unknown


def users(view: View, directory: Directory, most: int = 0) -> list[Part]:
    """Return what each run read there that it had not written, the newest run first (0: all of them)."""
    parts = _Parts(view, directory)
    found: list[Part] = []
    for run in view.runs(None):
        read = _read(view, directory, run)
        if read:
            found.append(parts.part(run, read))
        if most and len(found) >= most:
            break
    return found


def _read(view: View, directory: Directory, run: Run) -> dict[int, tuple[int, Grade]]:
    """Return the versions of a directory that a run read and had not made: when first, and the evidence."""
    steps = set(view.steps_of(run.number))
    first, last = min(directory.places), max(directory.places)
    made = {number for step in steps for number in view.writes(step) if number in directory.places}
    read: dict[int, tuple[int, Grade]] = {}
    for step in steps:
        for number, at_ns, grade in view.reads_between(step, first, last):
            if number in read:
                at_ns, grade = min(read[number][0], at_ns), min(read[number][1], grade)  # noqa: PLW2901
            if number in directory.places and number not in made:
                read[number] = at_ns, grade
    return read


def _is_there(directory: Directory, path: bytes, version: FileVersion) -> bool:
    member = directory.members.get(path)
    if member is None or member.number == version.number:
        return member is not None
    return version.digest is not None and member.digest == version.digest
