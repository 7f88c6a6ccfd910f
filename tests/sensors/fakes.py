"""Files and processes as tests want them, at the sensors' ports."""

from collections.abc import Iterable

from mlamd.host.files import Digests
from mlamd.host.processes import Pulse
from mlamd.model.files import FileStat
from mlamd.model.observations import SourceMark
from mlamd.model.processes import HeldFile, HeldPipe, ProcessFacts, ProcessKey


class FakeFiles:
    """A file host of which every answer is set by hand."""

    def __init__(self) -> None:
        self.stats: dict[bytes, FileStat] = {}
        self.marks: dict[bytes, SourceMark] = {}

    def stat(self, path: bytes) -> FileStat | None:
        return self.stats.get(path)

    def digest(self, path: bytes, stat: FileStat, prefix_bytes: int = 0) -> Digests:
        raise NotImplementedError(path, stat, prefix_bytes)

    def source_mark(self, path: bytes) -> SourceMark | None:
        return self.marks.get(path)


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
