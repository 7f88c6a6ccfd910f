"""Files and processes as tests want them, at the sensors' ports."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from mlamd.host.files import Digests
from mlamd.host.processes import Pulse
from mlamd.host.usage import ProcessUsage
from mlamd.model.files import FileStat
from mlamd.model.observations import SourceMark
from mlamd.model.processes import HeldFile, HeldPipe, ProcessFacts, ProcessKey


class FakeFiles:
    """A file host of which every answer is set by hand."""

    def __init__(self) -> None:
        self.stats: dict[bytes, FileStat] = {}
        self.marks: dict[bytes, SourceMark] = {}
        self.specials: set[bytes] = set()

    def stat(self, path: bytes) -> FileStat | None:
        return self.stats.get(path)

    def special(self, path: bytes) -> bool:
        return path in self.specials

    def digest(self, path: bytes, stat: FileStat, prefix_bytes: int = 0) -> Digests:
        raise NotImplementedError(path, stat, prefix_bytes)

    def source_mark(self, path: bytes) -> SourceMark | None:
        return self.marks.get(path)

    def reach(self, path: bytes) -> bytes:
        return path


class FakeProcesses:
    """A process table that is changed by hand."""

    boot = "b00t"

    def __init__(self) -> None:
        self.facts: dict[int, ProcessFacts] = {}
        self.pulses: dict[int, Pulse] = {}
        self.descriptors: dict[int, tuple[tuple[HeldFile, ...], tuple[HeldPipe, ...]]] = {}
        self.codes: dict[ProcessKey, int | None] = {}
        self.watched: list[ProcessKey] = []

    def start(self, pid: int, *argv: str, parent: int = 1, start: int = 1, cwd: str = "/w") -> ProcessKey:
        key = ProcessKey(self.boot, pid, start)
        above = self.facts.get(parent)
        self.facts[pid] = ProcessFacts(
            key, parent, above.key if above else None, pid, pid, 0, 1000, start, argv[0], argv, cwd, argv[0]
        )
        self.pulses[pid] = Pulse(start, (argv[0], 0), 0)
        self.descriptors[pid] = ((), ())
        return key

    def end(self, pid: int, code: int | None = None) -> None:
        self.codes[self.facts.pop(pid).key] = code
        del self.pulses[pid], self.descriptors[pid]

    def pids(self) -> Iterable[int]:
        return list(self.facts)

    def look(self, pid: int) -> ProcessFacts | None:
        return self.facts.get(pid)

    def pulse(self, pid: int) -> Pulse | None:
        return self.pulses.get(pid)

    def held(self, pid: int) -> tuple[tuple[HeldFile, ...], tuple[HeldPipe, ...]] | None:
        return self.descriptors.get(pid)

    def watch_exit(self, key: ProcessKey) -> None:
        self.watched.append(key)

    def exit_code(self, key: ProcessKey) -> int | None:
        return self.codes.get(key)

    def wait(self, timeout_s: float) -> tuple[list[ProcessKey], bool]:
        del timeout_s
        return [], False

    def wake(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """Nothing is held."""


class FakeUsage:
    """Processes that use what a test says, at the sampler's port; ``wait`` does what wait(2) does.

    A look costs ``cost_ns`` of processor time, a look at the proportional size 100 times as much.
    """

    def __init__(self, cost_ns: int = 0) -> None:
        self.living: dict[ProcessKey, UsedBy] = {}
        self.cost_ns = cost_ns
        self.looks = 0
        self.kept: set[ProcessKey] = set()
        self._spent_ns = 0
        self._pid = 100

    def start(self, parent: "UsedBy | None" = None) -> "UsedBy":
        self._pid += 1
        key = ProcessKey("b00t", self._pid, self._pid)
        made = self.living[key] = UsedBy(key, parent.key.pid if parent else 1)
        return made

    def end(self, ended: "UsedBy", waiting: "UsedBy | None" = None) -> None:
        """End a process; its parent, if it waits, is told what it used."""
        del self.living[ended.key]
        if waiting is not None:
            waiting.children_us += ended.user_us + ended.children_us
            waiting.written_bytes += ended.written_bytes

    def look(self, key: ProcessKey) -> ProcessUsage | None:
        self.looks += 1
        self._spent_ns += self.cost_ns
        used = self.living.get(key)
        if used is None:
            return None
        return ProcessUsage(
            used.parent,
            used.user_us,
            0,
            used.children_us,
            0,
            used.threads,
            used.rss_bytes,
            0,
            used.written_bytes,
        )

    def pss(self, key: ProcessKey) -> int | None:
        self._spent_ns += 100 * self.cost_ns
        used = self.living.get(key)
        return None if used is None else used.pss_bytes

    def keep(self, keys: Collection[ProcessKey]) -> None:
        self.kept = set(keys)

    def spent_ns(self) -> int:
        return self._spent_ns


@dataclass
class UsedBy:
    """What a process has used so far."""

    key: ProcessKey
    parent: int
    user_us: int = 0
    children_us: int = field(default=0)
    written_bytes: int = 0
    threads: int = 1
    rss_bytes: int = 1000
    pss_bytes: int | None = 900
