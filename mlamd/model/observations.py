"""What a sensor saw, undigested.

Times are wall clock nanoseconds. Paths are absolute bytes. ``process`` is None where the sensor
cannot tell who did it (inotify); the attribution then infers.
"""

from dataclasses import dataclass

from mlamd.model.files import FileStat
from mlamd.model.processes import HeldFile, HeldPipe, ProcessFacts, ProcessKey


@dataclass(frozen=True, slots=True)
class FileOpened:
    """A file was opened; ``reads`` and ``writes`` are None where the sensor does not know the mode."""

    at_ns: int
    path: bytes
    stat: FileStat | None = None
    process: ProcessKey | None = None
    reads: bool | None = None
    writes: bool | None = None
    source_mark: "SourceMark | None" = None
    since_ns: int = 0
    """The earliest time at which it can have happened, 0 for ``at_ns``."""
    created: bool = False
    """True if this open made the file."""
    changed: bool = False
    """True if the process changed the content at the same time: ``stat`` may be that of afterwards."""


@dataclass(frozen=True, slots=True)
class SourceMark:
    """What the header of a ``.pyc`` says about its source (PEP 552): mtime and size, or neither."""

    mtime_s: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class FileModified:
    """Content was changed through an open file or by ``truncate``."""

    at_ns: int
    path: bytes
    process: ProcessKey | None = None
    stat: FileStat | None = None


@dataclass(frozen=True, slots=True)
class FileRead:
    """Content was read through an open file, by the process that opened it or one that got it from there."""

    at_ns: int
    path: bytes
    process: ProcessKey
    stat: FileStat | None = None


@dataclass(frozen=True, slots=True)
class FileCreated:
    """A process made a file; it will be seen to open it."""

    at_ns: int
    path: bytes
    process: ProcessKey


@dataclass(frozen=True, slots=True)
class FileTouched:
    """Attributes of a file were changed, and not its content: times, mode, owner, number of links."""

    at_ns: int
    path: bytes
    stat: FileStat


@dataclass(frozen=True, slots=True)
class FileClosed:
    """A file was closed; ``wrote`` says that it had been open for writing.

    ``read`` says, where the sensor does not know the mode, that content was read since the open.
    """

    at_ns: int
    path: bytes
    wrote: bool
    stat: FileStat | None = None
    process: ProcessKey | None = None
    read: bool = False


@dataclass(frozen=True, slots=True)
class FileMoved:
    """A rename inside the watched trees."""

    at_ns: int
    source: bytes
    path: bytes
    is_directory: bool
    stat: FileStat | None = None
    process: ProcessKey | None = None


@dataclass(frozen=True, slots=True)
class FileArrived:
    """A file came in by a rename from outside the watched trees."""

    at_ns: int
    path: bytes
    stat: FileStat | None
    process: ProcessKey | None = None


@dataclass(frozen=True, slots=True)
class FileLinked:
    """A hard link was made: ``path`` is a further name of the file with this inode."""

    at_ns: int
    path: bytes
    stat: FileStat
    process: ProcessKey | None = None


@dataclass(frozen=True, slots=True)
class FileRemoved:
    """A name vanished: unlinked, or moved out of the watched trees."""

    at_ns: int
    path: bytes
    is_directory: bool
    process: ProcessKey | None = None


@dataclass(frozen=True, slots=True)
class FileFound:
    """A scan met this file. ``since_ns`` is the earliest time at which it can have changed."""

    at_ns: int
    path: bytes
    stat: FileStat
    since_ns: int
    live: bool
    """True for a directory that appeared while we watched, so that somebody alive did it."""
    process: ProcessKey | None = None
    """Who put it there, where the sensor says so."""


@dataclass(frozen=True, slots=True)
class FileMissing:
    """A scan did not meet a file that was known; ``moved_to`` if its inode was met elsewhere."""

    at_ns: int
    path: bytes
    moved_to: bytes | None = None
    stat: FileStat | None = None


@dataclass(frozen=True, slots=True)
class ProcessSeen:
    """A process was looked at for the first time, or after it had replaced its program image."""

    at_ns: int
    facts: ProcessFacts
    since_ns: int = 0
    """When the process became what it is; 0 where nobody saw that."""


@dataclass(frozen=True, slots=True)
class ProcessHeld:
    """The descriptors of a process were looked at."""

    at_ns: int
    key: ProcessKey
    files: tuple[HeldFile, ...]
    pipes: tuple[HeldPipe, ...]
    whole: bool = True
    """False for a look at some of them only, which says nothing of pipes."""


@dataclass(frozen=True, slots=True)
class ProcessGone:
    """A process ended; ``exit_code`` is negative for a signal, None if nobody could tell."""

    at_ns: int
    key: ProcessKey
    exit_code: int | None


@dataclass(frozen=True, slots=True)
class ProcessesPolled:
    """A look at all processes ended: every process alive at ``began_ns`` has been reported.

    ``idle`` are those that are known not to have run on any processor since the look before;
    ``hidden`` are those that had a child since then which nobody has seen.
    """

    at_ns: int
    began_ns: int
    idle: frozenset[ProcessKey]
    hidden: frozenset[ProcessKey] = frozenset()


@dataclass(frozen=True, slots=True)
class Lost:
    """Something may have been missed between the two times, below ``scope`` (b"" for everywhere)."""

    at_ns: int
    from_ns: int
    scope: bytes
    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ProcessUsed:
    """What one process had used when it ended, all of its threads together, its children not counted.

    From the kernel's accounting (Documentation/accounting/taskstats-struct.rst). Bytes are those that
    went to or came from storage, not those that the page cache served. ``block_delay_ns`` is how long it
    waited for block devices; None where the kernel does not count that (sysctl kernel.task_delayacct=0).
    """

    at_ns: int
    key: ProcessKey
    user_us: int
    system_us: int
    peak_rss_bytes: int
    read_bytes: int
    written_bytes: int
    block_delay_ns: int | None
    threads: int


@dataclass(frozen=True, slots=True)
class RunSampled:
    """One or several looks at the living processes of a run, in the ``span_ns`` that end at ``at_ns``.

    ``processes``, ``threads``, ``rss_bytes`` and ``pss_bytes`` are totals over the processes, and of
    several looks the largest; the others are what was used in the span, as far as it could be seen.
    ``rss_bytes`` counts shared pages once for each process, ``pss_bytes`` once; it is None where nobody
    looked.
    """

    at_ns: int
    run: int
    span_ns: int
    processes: int
    threads: int
    user_us: int
    system_us: int
    rss_bytes: int
    pss_bytes: int | None
    read_bytes: int
    written_bytes: int


@dataclass(frozen=True, slots=True)
class GpuSampled:
    """One or several looks at what a run uses of one GPU, in the ``span_ns`` that end at ``at_ns``.

    ``processes`` and ``memory_bytes`` are the most at a time, ``utilisation_percent`` and ``power_mw`` (of
    the whole card) averages; each is None where the driver does not tell.
    """

    at_ns: int
    run: int
    gpu: int
    name: str
    span_ns: int
    processes: int
    utilisation_percent: int | None
    memory_bytes: int | None
    power_mw: int | None


Observation = (
    FileOpened
    | FileModified
    | FileRead
    | FileCreated
    | FileTouched
    | FileClosed
    | FileMoved
    | FileArrived
    | FileLinked
    | FileRemoved
    | FileFound
    | FileMissing
    | ProcessSeen
    | ProcessHeld
    | ProcessGone
    | ProcessesPolled
    | ProcessUsed
    | RunSampled
    | GpuSampled
    | Lost
)
