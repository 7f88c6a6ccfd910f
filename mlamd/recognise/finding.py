"""What a recogniser is given and what it says: the interface of all of them.

A recogniser is registered under the entry point group ``mlamd.recognisers`` (see ``registry``); mlamd's own
are registered in the same way. It is called in a process of its own, which is ended if it takes too long.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from mlamd.recognise.facts import Fact, bounded

__all__ = ["HEAD_BYTES", "KINDS", "Fact", "Finding", "Reader", "RecogniseError", "Recogniser", "Subject"]

HEAD_BYTES = 65_536
"""How much of a file's beginning every recogniser is given."""

KINDS = frozenset(
    {
        "dataset",
        "model",
        "source",
        "notebook",
        "config",
        "metrics",
        "log",
        "figure",
        "environment",
        "generic",
    }
)


class RecogniseError(Exception):
    """A file is of a recognised format, but cannot be understood; the message says why, in a few words."""


class Reader(Protocol):
    """Reads a file from outside, by offset; every call counts against a budget of bytes."""

    @property
    def size_bytes(self) -> int:
        """Return the size of the file."""
        ...

    def read(self, offset: int, size: int) -> bytes:
        """Return at most ``size`` bytes from ``offset`` on, fewer at the end.

        Raises ``RecogniseError`` when the budget is used up, or the file is not what it was any more.
        """
        ...

    def path(self) -> str:
        """Return a path that libraries can open for reading; it is good as long as the reader is."""
        ...


@dataclass(frozen=True, slots=True)
class Subject:
    """A file to be recognised. ``path`` is relative to the workspace; ``head`` at most ``HEAD_BYTES``."""

    path: bytes
    head: bytes
    reader: Reader

    @property
    def name(self) -> str:
        """The last part of the path, in lower case; bytes that are no UTF-8 are escaped."""
        return self.path.rpartition(b"/")[2].decode("utf-8", "backslashreplace").lower()

    @property
    def suffix(self) -> str:
        """What stands after the last dot of the name, with the dot; "" without one."""
        stem, dot, end = self.name.rpartition(".")
        return dot + end if stem else ""

    @property
    def whole(self) -> bool:
        """True if the head is all of the file."""
        return self.reader.size_bytes <= len(self.head)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a file is. ``kind`` is one of ``KINDS``, ``format`` a short name such as ``parquet``.

    ``made`` is its kind where a run made it, if that differs: a table is a dataset to who reads it, and
    may be the metrics of who wrote it. Keys of ``facts`` are documented in docs/reference/facts.md; whatever
    is given there is cut to the bounds of ``mlamd.recognise.facts.bounded``.
    """

    kind: str
    format: str
    facts: Mapping[str, Fact] = field(default_factory=dict)
    made: str = ""

    def __post_init__(self) -> None:
        cut = bounded(self.facts)
        object.__setattr__(self, "facts", cut if isinstance(cut, dict) else {})


class Recogniser(Protocol):
    """Tells what some files are. The one with the lowest ``rank`` is asked first.

    Who goes by the first bytes has a rank below 50, who goes by names and then looks inside one below 90.
    """

    name: str
    rank: int

    def recognise(self, subject: Subject) -> Finding | None:
        """Return what the file is, None if it is none of mine.

        Raises ``RecogniseError`` for a file that is mine, but damaged or of an unknown version. It must not
        execute anything of the file, must end within a second, and read no more than it needs.
        """
        ...


_SAMPLED = frozenset(
    b"png jpg jpeg gif bmp tif tiff webp ppm pgm wav flac mp3 ogg aiff npy dcm nii mp4 avi mkv".split()
)
_TRACKERS = (b"mlruns/", b".hydra/", b"dvclive/", b".guild/", b"multirun/", b"wandb/")


def is_sampled(path: bytes) -> bool:
    """Say whether of very many such files in one directory only some need to be looked at."""
    return path.rpartition(b"/")[2].rpartition(b".")[2].lower() in _SAMPLED


def depends_on_path(path: bytes) -> bool:
    """Say whether what a file is depends on its directory, as it does where trackers write."""
    return any(mark in path for mark in _TRACKERS) or path.startswith(b"metrics/") or b"/metrics/" in path
