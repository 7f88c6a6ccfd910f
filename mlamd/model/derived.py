"""What is derived from the events: the things that people ask about."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlamd.model.evidence import Grade, Origin, Via

EXPERIMENTS = frozenset({"job", "notebook"})
"""The kinds of runs that are listed unless all are asked for, sampled, and known with their surroundings."""


@dataclass(frozen=True, slots=True)
class Run:
    """A job that the user started. ``inputs`` and ``outputs`` are numbers of versions, None while it runs."""

    number: int
    id: str
    started_ns: int
    kind: str
    command: tuple[str, ...]
    cwd: str
    uid: int
    ended_ns: int | None
    exit_code: int | None
    inputs: int | None
    outputs: int | None
    alive: bool
    """True if it has not ended as far as a living recorder knows."""

    @property
    def status(self) -> str:
        """``running``, ``succeeded``, ``failed``, ``killed`` or ``unknown``."""
        if self.ended_ns is None:
            return "running" if self.alive else "unknown"
        if self.exit_code is None:
            return "unknown"
        if self.exit_code == 0:
            return "succeeded"
        return "failed" if self.exit_code > 0 else "killed"


@dataclass(frozen=True, slots=True)
class Step:
    """One program execution inside a run that touched the workspace."""

    number: int
    id: str
    """The id of the run, a dot, and the place among its steps, from 1."""
    run: int
    started_ns: int
    pid: int
    command: tuple[str, ...]
    cwd: str
    executable: str
    ended_ns: int | None
    exit_code: int | None
    rereads: tuple[tuple[int, int, int], ...]
    cgroup: str = ""
    container: str = ""
    inner_pid: int = 0
    variables: tuple[str, ...] = ()
    """Those of its environment that say how it computes, ``NAME=VALUE`` each."""
    program: str = ""
    """The path by which it was started, "" if that is the executable's own."""


@dataclass(frozen=True, slots=True)
class Writer:
    """A step that wrote a version."""

    step: int
    grade: Grade
    later_ns: int = 0
    """When it had written, if that was after the version was sealed."""


@dataclass(frozen=True, slots=True)
class EarlierName:
    """A name that a version had until somebody renamed it."""

    path: bytes
    until_ns: int
    movers: tuple[Writer, ...]


@dataclass(frozen=True, slots=True)
class FileVersion:
    """The content of a path between two changes."""

    number: int
    path: bytes
    sealed_ns: int
    size_bytes: int | None
    mtime_ns: int | None
    digest: bytes | None
    origin: Origin
    previous: int
    derived: bool
    writers: tuple[Writer, ...]
    replaced: int
    """The version that stood at the name that a rename gave this one, or 0."""
    earlier_names: tuple["EarlierName", ...]
    """Names that it had before, the oldest first."""
    gone_ns: int | None
    removers: tuple[Writer, ...]
    undigested: str
    """Why there is no digest, if that is known."""

    @property
    def id(self) -> str:
        """``v`` and the number."""
        return f"v{self.number}"


@dataclass(frozen=True, slots=True)
class Reading:
    """A step opened a version for reading, ``count`` times, first at ``at_ns``."""

    step: int
    version: int
    at_ns: int
    grade: Grade
    count: int


@dataclass(frozen=True, slots=True)
class Flow:
    """Data went from a step to another without a file; ``at_ns`` bounds it, 0 for no bound."""

    source: int
    target: int
    via: Via
    at_ns: int
    grade: Grade


@dataclass(frozen=True, slots=True)
class KnownGap:
    """A stretch of time in which something may have been missed."""

    number: int
    from_ns: int
    to_ns: int
    scope: bytes
    """A path, b"" for everywhere."""
    reason: str
    detail: str
    count: int


@dataclass(frozen=True, slots=True)
class GpuSample:
    """What a run used of one GPU in ``span_ns`` until ``at_ns``; as in ``observations.GpuSampled``."""

    at_ns: int
    gpu: int
    name: str
    span_ns: int
    processes: int
    utilisation_percent: int | None
    memory_bytes: int | None
    power_mw: int | None


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a version is: ``kind`` to who reads it, ``made`` to who wrote it; see ``recognise.finding``."""

    kind: str
    format: str
    made: str
    facts: Mapping[str, Any]
    reason: str = ""
    """Why it could not be looked at, or not be understood."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What the processes of a step that had ended at ``at_ns`` had used; units as in ``events.Used``."""

    step: int
    at_ns: int
    processes: int
    user_us: int
    system_us: int
    peak_rss_bytes: int
    read_bytes: int
    written_bytes: int
    block_delay_ns: int | None


@dataclass(frozen=True, slots=True)
class Sample:
    """What the living processes of a run used in ``span_ns`` until ``at_ns``; as in ``events.Sampled``."""

    at_ns: int
    span_ns: int
    processes: int
    threads: int
    user_us: int
    system_us: int
    rss_bytes: int
    pss_bytes: int | None
    read_bytes: int
    written_bytes: int
