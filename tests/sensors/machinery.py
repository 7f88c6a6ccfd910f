"""A kernel that is told by hand what to report: processes, and the two streams of a batch."""

import os
from collections.abc import Collection
from dataclasses import replace

from mlamd.host.connector import Kind, ProcessEvent
from mlamd.host.fanotify import (
    CLOSE_NOWRITE,
    CLOSE_WRITE,
    CREATE,
    DELETE,
    MODIFY,
    ONDIR,
    OPEN,
    OPEN_EXEC,
    RENAME,
    Raw,
)
from mlamd.host.taskstats import Spent
from mlamd.model import observations as seen
from mlamd.model.processes import HeldFile, HeldPipe, ProcessFacts, ProcessKey
from mlamd.sensors.capture import Batch
from mlamd.sensors.directories import SKIPPED, Directories, Listed
from mlamd.sensors.executions import Change, Executions, Held, Seen
from mlamd.sensors.signals import Deed
from mlamd.sensors.subscription import Subscription, Told

BOOT = "b00t"
ROOT = b"/w"
WROTE = CREATE | OPEN | MODIFY | CLOSE_WRITE
READ = OPEN | CLOSE_NOWRITE


class FakeTable:
    """The process table's port."""

    boot = BOOT

    def __init__(self) -> None:
        self.facts: dict[int, ProcessFacts] = {}
        self.descriptors: dict[int, Held] = {}
        self.counts: dict[int, int] = {}

    def put(self, pid: int, parent: int, *argv: str, cwd: str = "/", uid: int = 0) -> ProcessFacts:
        above = self.facts.get(parent)
        key = ProcessKey(BOOT, pid, pid)
        made = ProcessFacts(
            key,
            parent,
            above.key if above else None,
            pid,
            pid,
            0,
            uid,
            pid,
            argv[0],
            argv,
            cwd,
            f"/bin/{argv[0]}",
        )
        self.facts[pid] = made
        return made

    def pids(self) -> list[int]:
        return list(self.facts)

    def look(self, pid: int) -> ProcessFacts | None:
        return self.facts.get(pid)

    def held(self, pid: int) -> Held | None:
        return self.descriptors.get(pid)

    def opened(self, pid: int, paths: Collection[bytes]) -> tuple[HeldFile, ...]:
        files = self.descriptors.get(pid, ((), ()))[0]
        return tuple(file for file in files if file.path in paths)

    def threads(self, pid: int) -> int:
        return self.counts.get(pid, 1)

    def start_of(self, monotonic_ns: int) -> tuple[int, int]:
        return monotonic_ns, monotonic_ns

    def container(self, pid: int) -> tuple[str, str, int]:
        del pid
        return "/", "", 0


class FakeHandles:
    """Names files by their paths."""

    def __init__(self) -> None:
        self.standing: dict[int, bytes] = {}
        self.links: set[bytes] = set()

    def key_of(self, path: bytes, *, follow: bool = False) -> bytes | None:
        if path.startswith(b"/proc/"):
            assert follow
            place = self.standing.get(int(path.split(b"/")[2]))
            return None if place is None else b"key:" + place
        return b"key:" + path


class Machine:
    """Processes and directories, and one subscription; deeds and events are collected until ``batch``."""

    def __init__(self, *tree: bytes, uid: int = -1) -> None:
        self.table = FakeTable()
        self.now_ns = 1_000
        self.images: dict[tuple[int, int], Seen | None] = {}
        self.executions = Executions(self.table, self._look, self._wanted, lambda ns: ns)
        self.handles = FakeHandles()
        self.tree = {ROOT, *tree}
        self.keys = {path: b"key:" + path for path in self.tree}
        self.directories = Directories((ROOT,), self.handles, self._met, self._list)  # type: ignore[arg-type]
        self.devices: list[tuple[bytes, int]] = []
        self.told: list[Told] = []
        self.table.put(1, 0, "init")
        self.executions.survey()
        self.directories.build()
        self.subscription = Subscription((ROOT,), self.directories, self.executions, self.told.append, uid)
        self._raws: list[Raw] = []
        self._changes: list[Change] = []

    def _met(self, directory: bytes, device: int) -> None:
        self.devices.append((directory, device))

    def _list(self, directories: list[bytes]) -> list[Listed | None]:
        return [self._entry(directory) for directory in directories]

    def _entry(self, directory: bytes) -> Listed | None:
        if directory not in self.tree:
            return None
        inner = [os.path.basename(path) for path in sorted(self.tree) if os.path.dirname(path) == directory]
        inner = [name for name in inner if name not in SKIPPED]
        return self.keys.setdefault(directory, b"key:" + directory), 1, inner

    def _wanted(self, known: object, facts: ProcessFacts) -> bool:
        return self.subscription.wants(known, facts)  # type: ignore[arg-type]

    def _look(self, event: ProcessEvent, before: ProcessFacts) -> Seen | None:
        seen_now = self.images[event.process, event.monotonic_ns]
        if seen_now is None:
            return None
        return seen_now._replace(facts=replace(seen_now.facts, started_ns=before.started_ns))

    # --- processes ---------------------------------------------------------------------------

    def tick(self) -> int:
        self.now_ns += 10
        return self.now_ns

    def take(self, event: ProcessEvent) -> None:
        self._changes += self.executions.take(event)

    def fork(self, pid: int, parent: int) -> None:
        above = self.table.facts[parent]
        self.table.facts[pid] = replace(
            above, key=ProcessKey(BOOT, pid, pid), parent_pid=parent, parent=above.key
        )
        self.take(ProcessEvent(Kind.FORK, self.tick(), pid, pid, parent))

    def exec(
        self,
        pid: int,
        *argv: str,
        cwd: str = "/w",
        held: Held | None = None,
        seen_in_time: bool = True,
        uid: int = 0,
    ) -> None:
        """Begin a program; the look at it is that of the looker."""
        facts = self.table.facts[pid]
        facts = replace(facts, argv=argv, name=argv[0], executable=f"/bin/{argv[0]}", cwd=cwd, uid=uid)
        self.table.facts[pid] = facts
        self.table.descriptors[pid] = held or ((), ())
        at_ns = self.tick()
        self.images[pid, at_ns] = Seen(facts) if seen_in_time else None
        self.take(ProcessEvent(Kind.EXEC, at_ns, pid, pid))

    def opens_program(self, pid: int, name: bytes) -> None:
        """Let the queue show that a program was opened to be executed."""
        self.raw(OPEN | OPEN_EXEC, pid, b"", name, b"key:/bin")

    def run(self, pid: int, parent: int, *argv: str, cwd: str = "/w") -> None:
        """Fork, open the program and exec it."""
        self.fork(pid, parent)
        self.opens_program(pid, argv[0].encode())
        self.exec(pid, *argv, cwd=cwd)

    def exit(self, pid: int, code: int = 0, spent: Spent | None = None) -> None:
        if spent is not None:
            self.executions.spent([spent])
        self.table.facts.pop(pid, None)
        self.table.descriptors.pop(pid, None)
        self.take(ProcessEvent(Kind.EXIT, self.tick(), pid, pid, 0, code << 8))

    # --- files -------------------------------------------------------------------------------

    def raw(
        self, mask: int, pid: int, directory: bytes, name: bytes, key: bytes = b"", **more: bytes
    ) -> None:
        self.tick()
        key = key or self.keys.setdefault(directory, b"key:" + directory)
        target = more.get("target", b"")
        self._raws.append(Raw(mask, pid, key, name, target, more.get("new", b""), more.get("new_name", b"")))

    def does(self, mask: int, pid: int, path: bytes) -> None:
        """Do something to a file."""
        self.raw(mask, pid, os.path.dirname(path), os.path.basename(path))

    def makes(self, pid: int, path: bytes) -> None:
        """Make a directory."""
        self.tree.add(path)
        self.keys[path] = b"key:%d:" % self.tick() + path
        self.raw(CREATE | ONDIR, pid, os.path.dirname(path), os.path.basename(path), target=self.keys[path])

    def removes(self, pid: int, path: bytes) -> None:
        """Remove a directory."""
        self.tree.discard(path)
        self.raw(DELETE | ONDIR, pid, os.path.dirname(path), os.path.basename(path), target=self.keys[path])

    def renames(self, pid: int, source: bytes, path: bytes, *, directory: bool = False) -> None:
        """Rename a file, or a directory with all that it holds."""
        inside = [name for name in self.tree if name == source or name.startswith(source + b"/")]
        key = self.keys.get(source, b"key:" + source)
        for name in inside:
            self.tree.discard(name)
            self.tree.add(path + name[len(source) :])
            self.keys[path + name[len(source) :]] = self.keys.pop(name, b"key:" + name)
        above, new = os.path.dirname(source), os.path.dirname(path)
        self.raw(
            RENAME | (ONDIR if directory else 0),
            pid,
            above,
            os.path.basename(source),
            target=key,
            new=self.keys.setdefault(new, b"key:" + new),
            new_name=os.path.basename(path),
        )

    # --- batches -----------------------------------------------------------------------------

    def batch(self, *, ripe: bool = True, lost: tuple[tuple[str, str], ...] = ()) -> list[Told]:
        """Hand over what has happened since the last batch; return what is told of it."""
        from_ns, at_ns = self.now_ns - 5, self.tick()
        raws, self._raws = self._raws, []
        changes, self._changes = self._changes, []
        before = len(self.told)
        self.subscription.take(Batch(from_ns, at_ns, raws, changes, at_ns if ripe else 0, list(lost)))
        return self.told[before:]


def words(told: list[Told]) -> list[str]:
    """Return what was told in short: ``cat a`` (a program), ``7: /w/a`` (a deed), ``7 ended 0``."""
    found = []
    for item in told:
        if isinstance(item, seen.ProcessSeen):
            found.append(f"{item.facts.key.pid} is {' '.join(item.facts.argv)}".strip())
        elif isinstance(item, Deed):
            who = item.process.pid if item.process.boot else f"?{item.process.pid}"
            target = f" > {item.target.decode()}" if item.mask & RENAME else ""
            found.append(f"{who}: {item.path.decode()}{target}")
        elif isinstance(item, seen.ProcessHeld):
            names = [file.path.decode() for file in item.files] + [pipe.channel for pipe in item.pipes]
            found += [f"{item.key.pid} holds {' '.join(names)}"] if names else []
        elif isinstance(item, seen.ProcessGone):
            found.append(f"{item.key.pid} ended {item.exit_code}")
        elif isinstance(item, seen.ProcessUsed):
            found.append(f"{item.key.pid} used {item.user_us}")
        elif isinstance(item, seen.Lost):
            found.append(f"lost {item.reason}")
    return found


def pipes(*, reads: str = "", writes: str = "") -> Held:
    """Return a look at descriptors: channels by name, parted by blanks."""
    ends = [HeldPipe(name, reads=True, writes=False) for name in reads.split()]
    ends += [HeldPipe(name, reads=False, writes=True) for name in writes.split()]
    return (), tuple(ends)
