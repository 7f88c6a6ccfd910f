"""The mutable records of the state machine, and the port to what was recorded before."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from mlamd.attribution.roles import Role, is_fork, is_worker, role_of
from mlamd.model.events import Actors, Used
from mlamd.model.evidence import Grade
from mlamd.model.files import FileStat
from mlamd.model.observations import ProcessUsed
from mlamd.model.processes import HeldFile, ProcessFacts, ProcessKey, UnfinishedStep


class Memory(Protocol):
    """What was recorded before, asked by the state machine about paths and steps it has no record of."""

    def name(self, value: bytes | tuple[str, ...]) -> int:
        """Return the number of a name, or 0."""
        ...

    def path(self, name: int) -> tuple[int, int, FileStat | None]:
        """Return the current version of a path (0: none), the last one, and its stat."""
        ...

    def below(self, prefix: bytes) -> Iterable[bytes]:
        """Return the paths with a current version that begin with ``prefix``."""
        ...

    def inode(self, device: int, inode: int) -> bytes | None:
        """Return a path whose current version has this inode."""
        ...

    def run(self, public: str) -> int:
        """Return the number of the run with this public id, or 0."""
        ...

    def has_read(self, step: int, version: int) -> bool:
        """Say whether an earlier recorder stored this edge."""
        ...

    def counters(self) -> list[int]:
        """Return the last numbers of runs, steps, versions, gaps and names."""
        ...

    def unfinished(self) -> Iterable[UnfinishedStep]:
        """Return the steps of runs that had not ended when the last recorder stopped."""
        ...

    def usage(self, step: int) -> Used | None:
        """Return what the ended processes of a step are known to have used."""
        ...


@dataclass(eq=False, slots=True)
class Totals:
    """What several ended processes used together; units as in ``ProcessUsed``."""

    processes: int = 0
    user_us: int = 0
    system_us: int = 0
    peak_rss_bytes: int = 0
    read_bytes: int = 0
    written_bytes: int = 0
    block_delay_ns: int | None = None

    @classmethod
    def of(cls, stored: Used) -> "Totals":
        """Return what was stored."""
        return cls(
            stored.processes,
            stored.user_us,
            stored.system_us,
            stored.peak_rss_bytes,
            stored.read_bytes,
            stored.written_bytes,
            stored.block_delay_ns,
        )

    def add(self, used: ProcessUsed) -> None:
        """Add one process."""
        self._add(1, used)

    def join(self, other: "Totals") -> None:
        """Add what others used."""
        self._add(other.processes, other)

    def _add(self, processes: int, more: "ProcessUsed | Totals") -> None:
        self.processes += processes
        self.user_us += more.user_us
        self.system_us += more.system_us
        self.peak_rss_bytes = max(self.peak_rss_bytes, more.peak_rss_bytes)
        self.read_bytes += more.read_bytes
        self.written_bytes += more.written_bytes
        if more.block_delay_ns is not None:
            self.block_delay_ns = (self.block_delay_ns or 0) + more.block_delay_ns

    def event(self, step: int, at_ns: int) -> Used:
        """Return what is to be stored of a step."""
        return Used(
            step,
            at_ns,
            self.processes,
            self.user_us,
            self.system_us,
            self.peak_rss_bytes,
            self.read_bytes,
            self.written_bytes,
            self.block_delay_ns,
        )


@dataclass(eq=False, slots=True)
class RunState:
    """A run of which processes are alive or accesses are still held."""

    run: int
    public: str
    key: object
    """What makes processes belong to it: the root's key, or (shell, process group)."""
    live: set[ProcessKey] = field(default_factory=set)
    members: list["Process"] = field(default_factory=list)
    """The processes of its steps."""
    last_ns: int = 0
    exit_code: int | None = None
    exit_order: tuple[int, int] = (0, 0)
    ended: bool = False
    started_ns: int = 0
    first: "StepState | None" = None
    """The first step that this recorder knows of it."""


@dataclass(eq=False, slots=True)
class StepState:
    """A program execution that touched the workspace."""

    step: int
    run: RunState
    process: "Process"
    started_ns: int
    reads: dict[int, int] = field(default_factory=dict)
    """Version → how often it was opened."""
    resumed: bool = False
    """True if an earlier recorder stored edges of it, so that ``Memory.has_read`` must be asked."""
    linked: set[int] = field(default_factory=set)
    """Steps that data is known to have come from."""
    ended: bool = False
    used: Totals | None = None
    """What those of its processes that have ended used, once something is known."""
    told_ns: int = 0
    """When that was stored last."""


class Process:
    """A process as far as it was seen."""

    __slots__ = (
        "active",
        "argued",
        "begun_ns",
        "exit_code",
        "facts",
        "files",
        "first_seen_ns",
        "gone_ns",
        "held_at_ns",
        "image_ns",
        "key",
        "owner",
        "parent",
        "pipes",
        "role",
        "run",
        "step",
        "steps",
    )

    def __init__(self, facts: ProcessFacts, parent: "Process | None", seen_ns: int) -> None:
        self.key = facts.key
        self.parent = parent
        self.first_seen_ns = seen_ns
        self.gone_ns: int | None = None
        self.exit_code: int | None = None
        self.active: deque[tuple[int, int]] = deque(maxlen=64)
        self.files: deque[tuple[int, tuple[HeldFile, ...]]] = deque(maxlen=16)
        self.pipes: dict[str, tuple[bool, bool]] = {}
        self.held_at_ns: int | None = None
        self.step: StepState | None = None
        self.steps: list[StepState] = []
        self.run: RunState | None = None
        self.image_ns = facts.started_ns
        self.begun_ns = facts.started_ns
        """The earliest time at which it can have begun: it was not there at the look before."""
        self.owner: Process = self
        self.adopt(facts)

    def adopt(self, facts: ProcessFacts) -> None:
        """Take over the facts of a new program image.

        ``owner`` becomes the process whose step this one belongs to: itself, or the ancestor that
        it was forked from without exec, or whose framework's worker it is.
        """
        self.facts = facts
        parent = self.parent
        # What the recorder starts works for it: git, who looks at files.
        works = parent is not None and parent.role is Role.RECORDER
        self.role: Role = Role.RECORDER if works else role_of(facts)
        self.argued: frozenset[bytes] | None = None
        ours = (
            parent is not None
            and not parent.role.anchors
            and (is_fork(facts, parent.facts) or is_worker(facts, parent.facts))
        )
        self.owner = parent.owner if ours and parent is not None else self

    def ran_within(self, from_ns: int, to_ns: int) -> bool:
        """Say whether the process may have run between two times; True where nobody looked."""
        if self.first_seen_ns > from_ns:
            return True
        return any(start <= to_ns and end >= from_ns for start, end in self.active)


@dataclass(eq=False, slots=True)
class Open:
    """One open of a file that has not been closed yet."""

    at_ns: int
    stat: FileStat | None
    truncated: bool
    bound: int = 0
    """The version that stood there at the open, once that is known."""
    since_ns: int = 0
    """The earliest time at which it can have happened."""
    told: bool = False
    """True if the reading was judged already, as a process was seen holding the file."""
    accessed: bool = False
    """True if content is known to have been read before the close."""
    key: ProcessKey | None = None
    """Who opened it, where the sensor says so; of a sensor that knows the mode, only for writing."""
    unsaid: bool = False
    """True if the sensor names the process, but not the mode: what is done with the file tells it."""
    image_ns: int = 0
    """When the program began that opened it."""
    heard: set[ProcessKey] = field(default_factory=set)
    """Processes whose reading through it has been judged."""
    changed: dict[ProcessKey, int] = field(default_factory=dict)
    """Processes that have changed content through it, and when first."""
    hands: dict[int, Grade] = field(default_factory=dict)
    """Their steps: some may have ended, and be forgotten, when the file is closed."""
    looked: bool = False
    """True if a look at the descriptors has told the mode."""
    lent: bool = False
    """True if a program has begun with it, right after the open."""
    closed: bool = False
    borrowed: bool = False
    """True if a look at the descriptors found it: another process may have opened it, and closed it."""
    intact: bool = False
    """True if a look after the open found the content as it was before."""


@dataclass(eq=False, slots=True)
class PathState:
    """A path that was touched since the recorder started, or that an earlier one knew."""

    path: bytes
    name: int
    version: int = 0
    last: int = 0
    stat: FileStat | None = None
    writers: Actors = ()
    sealed_ns: int = 0
    fresh: bool = False
    """True while the version is the first at this name, written by ``writers`` and read by nobody else."""
    opens: list[Open] = field(default_factory=list)
    modified: bool = False
    """True if content was changed since the last seal."""
    stray_ns: int = 0
    """When content was changed while nobody was known to have the file open."""
    closing: int = 0
    """Closes after writing that are held and not yet judged."""
    changing: int = 0
    """Accesses that are held and not yet judged, and that are known to change what stands here."""
    hands: Actors = ()
    """Steps that have closed the file after writing while others still had it open."""
    lately: Open | None = None
    """The last open for reading that was closed."""
    maker: ProcessKey | None = None
    """Who made the file, until its open is seen."""
    recent: list[tuple[int, FileStat | None]] = field(default_factory=list)
    """The last few versions that stood here, the newest at the end."""

    def note(self, version: int, stat: FileStat | None) -> None:
        """Add to ``recent``."""
        self.recent.append((version, stat))
        del self.recent[:-4]


@dataclass(eq=False, slots=True)
class Access:
    """Something that was done to a file by somebody who has yet to be named."""

    kind: str
    """``bind``, ``read``, ``change``, ``write``, ``move``, ``remove``, ``arrive``, ``link``, ``scan``."""
    path: bytes
    from_ns: int
    to_ns: int
    stat: FileStat | None = None
    opened: Open | None = None
    source: bytes = b""
    is_directory: bool = False
    process: ProcessKey | None = None
    changes: bool = False
    """True if it is counted in ``PathState.changing``."""
    holder: Process | None = None
    """Who was seen holding the file, if that is how the access is known."""

    @property
    def earliest_ns(self) -> int:
        """The earliest time at which it can have begun."""
        return self.opened.since_ns if self.opened is not None and self.opened.since_ns else self.from_ns
