"""The facts of the journal: immutable, numbered by the journal, versioned by its envelope.

Runs, steps, versions, gaps, names and documents are numbered from 1 in the order of their first event;
0 means none. Names (paths, command lines, directories) stand once in a ``Named`` event and are referred to
by number. Times are wall clock nanoseconds. The order of the fields is the stored order: new fields
go to the end and have a default.
"""

from dataclasses import dataclass

from mlamd.model.evidence import Grade, Origin, Via
from mlamd.model.files import FileStat

Actors = tuple[tuple[int, Grade], ...]
"""The steps that did something, each with its evidence; empty where nobody is known."""


@dataclass(frozen=True, slots=True)
class SessionStarted:
    """A recorder began to write this store."""

    at_ns: int
    session: str
    mode: str
    sensors: tuple[str, ...]
    boot: str
    host: str
    pid: int
    version: str


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """The recorder stopped after everything it had seen was stored."""

    at_ns: int
    session: str
    reason: str


@dataclass(frozen=True, slots=True)
class Named:
    """A path (bytes) or a list of words, from now on known by its number."""

    name: int
    value: bytes | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A job of the user was first seen; ``public`` is the id that people use."""

    run: int
    public: str
    at_ns: int
    kind: str
    argv: int
    cwd: int
    uid: int


@dataclass(frozen=True, slots=True)
class RunEnded:
    """All processes of a run have ended; ``exit_code`` as in ``ProcessGone``."""

    run: int
    at_ns: int
    exit_code: int | None


@dataclass(frozen=True, slots=True)
class StepStarted:
    """A program execution of a run touched the workspace; ``at_ns`` is when the program began.

    ``boot``, ``pid`` and ``start`` identify its process.
    """

    step: int
    run: int
    at_ns: int
    boot: str
    pid: int
    start: int
    argv: int
    cwd: int
    executable: int
    cgroup: int = 0
    container: int = 0
    inner_pid: int = 0
    """Control group and id of the container (names), pid in its own namespace; 0 where there is none."""
    variables: int = 0
    program: int = 0
    """Variables of its environment, ``NAME=VALUE`` each, and the path by which it was started (names)."""


@dataclass(frozen=True, slots=True)
class StepEnded:
    """The program ended. ``rereads`` are (first version, how many in a row, further opens of each)."""

    step: int
    at_ns: int
    exit_code: int | None
    rereads: tuple[tuple[int, int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Sealed:
    """A new version of a path. ``previous`` is the version that stood there before.

    ``derived`` says that the old content flowed into the new one (append, update in place).
    """

    version: int
    path: int
    at_ns: int
    stat: FileStat | None
    digest: bytes | None
    origin: Origin
    previous: int
    derived: bool
    writers: Actors


@dataclass(frozen=True, slots=True)
class Digested:
    """The content of a version was digested (BLAKE3, 32 bytes), or why it never will be."""

    version: int
    digest: bytes | None
    reason: str = ""
    appended: bool = False
    """True if the content of the previous version is the beginning of this one's."""


@dataclass(frozen=True, slots=True)
class WriterAdded:
    """A further step wrote a version that was already sealed."""

    version: int
    step: int
    grade: Grade
    at_ns: int = 0
    """When it had written, 0 for when the version was sealed."""


@dataclass(frozen=True, slots=True)
class Read:
    """A step opened a version for reading, for the first time."""

    step: int
    version: int
    at_ns: int
    grade: Grade


@dataclass(frozen=True, slots=True)
class Moved:
    """A version changed its name. ``replaced`` is the version that stood at the new one.

    ``temporary`` says that the old name only served an atomic save, and vanishes from the record.
    """

    version: int
    source: int
    path: int
    at_ns: int
    stat: FileStat | None
    replaced: int
    temporary: bool
    movers: Actors


@dataclass(frozen=True, slots=True)
class Linked:
    """A version got a further name (hard link)."""

    version: int
    path: int
    at_ns: int


@dataclass(frozen=True, slots=True)
class Removed:
    """A name vanished from the workspace."""

    version: int
    path: int
    at_ns: int
    removers: Actors


@dataclass(frozen=True, slots=True)
class Flowed:
    """What ``source`` had read until ``at_ns`` (0: at any time) flowed into ``target``."""

    source: int
    target: int
    at_ns: int
    via: Via
    grade: Grade


@dataclass(frozen=True, slots=True)
class Gap:
    """Something may have been missed between the two times, below the path ``scope`` (0: anywhere)."""

    gap: int
    from_ns: int
    to_ns: int
    scope: int
    reason: str
    detail: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class Touched:
    """Attributes of the file at a path were changed, and not its content: this is its stat now."""

    version: int
    path: int
    at_ns: int
    stat: FileStat


@dataclass(frozen=True, slots=True)
class Used:
    """What the processes of a step that have ended until now had used; replaces an older one of the step.

    ``peak_rss_bytes`` is the largest of one process, the others are totals. ``block_delay_ns`` is None
    where the kernel did not count it. Units and meanings are those of ``observations.ProcessUsed``.
    """

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
class Sampled:
    """What the living processes of a run used in the ``span_ns`` until ``at_ns``, and its peaks there.

    The fields are those of ``observations.RunSampled``.
    """

    run: int
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


@dataclass(frozen=True, slots=True)
class GpuSampled:
    """What a run used of one GPU in the ``span_ns`` until ``at_ns``; as in ``observations.GpuSampled``."""

    run: int
    at_ns: int
    gpu: int
    name: str
    span_ns: int
    processes: int
    utilisation_percent: int | None
    memory_bytes: int | None
    power_mw: int | None


@dataclass(frozen=True, slots=True)
class Documented:
    """A piece of knowledge, from now on known by its number; ``value`` as in ``documents.pack``."""

    document: int
    sort: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Recognised:
    """What the content of a version means is in a document (0: it could not be looked at, ``reason``)."""

    version: int
    document: int
    reason: str = ""


TOO_MANY = "too many others waited to be looked at"
"""The reason of a version that nobody came to look at: the next recorder does."""


@dataclass(frozen=True, slots=True)
class Surrounded:
    """In what surroundings a step ran: documents, one of each sort at most.

    A later one of the same step adds to it, and replaces what it has of the same sort.
    """

    step: int
    at_ns: int
    documents: tuple[int, ...]


Event = (
    SessionStarted
    | SessionEnded
    | Named
    | RunStarted
    | RunEnded
    | StepStarted
    | StepEnded
    | Sealed
    | Digested
    | WriterAdded
    | Read
    | Moved
    | Linked
    | Removed
    | Flowed
    | Gap
    | Touched
    | Used
    | Sampled
    | GpuSampled
    | Documented
    | Recognised
    | Surrounded
)
