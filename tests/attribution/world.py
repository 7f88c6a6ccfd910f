"""A small world of processes and files, whose deeds become observations.

``world.tree("bash -i") / "python train.py"`` starts processes; ``world.reads("a.csv", by=job)`` and its
siblings do things to files. An anonymous world leaves out who did it, as inotify does, and reports
processes only when it is polled; an identified one names the process, and reports it at once. An exact
one is identified, but knows no modes, as fanotify: what follows an open tells it, or a look at descriptors.
"""

import shlex
from collections.abc import Iterable
from dataclasses import replace

from mlamd.attribution.machine import Attributor
from mlamd.attribution.noise import Noise
from mlamd.host.clock import ManualClock
from mlamd.model import observations as seen
from mlamd.model.evidence import Grade
from mlamd.model.files import FileStat
from mlamd.model.processes import HeldFile, HeldPipe, ProcessFacts, ProcessKey
from tests.attribution.book import Book
from tests.attribution.fakes import FakeMemory

ROOT = b"/w"
MS = 1_000_000
S = 1_000_000_000
TTY = 34816
BOOT = "b00t"
_SHELLS = {"bash", "zsh", "fish", "sh"}


class Node:
    """A process; ``/`` starts a child of it."""

    def __init__(self, world: "World", facts: ProcessFacts, parent: "Node | None") -> None:
        self.world = world
        self.facts = facts
        self.parent = parent
        self.news = True
        self.alive = True
        self.held: tuple[tuple[HeldFile, ...], tuple[HeldPipe, ...]] | None = None

    @property
    def key(self) -> ProcessKey:
        return self.facts.key

    @property
    def label(self) -> str:
        return " ".join(self.facts.argv)

    def __truediv__(self, command: str) -> "Node":
        return self.start(command)

    def start(self, command: str, *, pid: int = 0, group: int = 0, **facts: object) -> "Node":
        """Fork and exec, and take some time to load.

        A child of an interactive shell gets a process group of its own.
        """
        return self.world.start(command, self, pid=pid, group=group, **facts)

    def fork(self) -> "Node":
        """Fork without exec."""
        return self.world.start(shlex.join(self.facts.argv), self, group=self.facts.group)

    def exec(self, command: str) -> "Node":
        """Replace the program image."""
        argv, executable = _program(command)
        self.world.tick()
        self.facts = replace(self.facts, argv=argv, executable=executable, name=executable.rpartition("/")[2])
        self.news = True
        self.world.announce(self)
        return self

    def holds(self, *, files: Iterable[HeldFile] = (), reads: str = "", writes: str = "") -> "Node":
        """Hold files and pipes; ``reads`` and ``writes`` are names of channels, parted by blanks."""
        channels = sorted({*reads.split(), *writes.split()})
        pipes = tuple(HeldPipe(name, name in reads.split(), name in writes.split()) for name in channels)
        self.held = (tuple(files), pipes)
        if self.world.identified:
            self.world.show_held(self)
        return self

    def exit(self, code: int | None = 0) -> None:
        """End; reported at once, as a pidfd does, if the process was ever seen."""
        self.alive = False
        at_ns = self.world.tick()
        if not self.news:
            self.world.see(seen.ProcessGone(at_ns, self.key, code))
        self.world.nodes.remove(self)


def _program(command: str) -> tuple[tuple[str, ...], str]:
    argv = tuple(shlex.split(command))
    first = argv[0].lstrip("-").partition(":")[0] if argv else "kthread"
    return argv, first if first.startswith("/") else f"/usr/bin/{first}"


class World:
    """Processes, files and a clock before one attributor; ``settle`` returns the book of its events."""

    def __init__(
        self,
        *,
        identified: bool = False,
        exact: bool = False,
        memory: FakeMemory | None = None,
        patterns: Iterable[str] = (),
        data_roots: tuple[bytes, ...] = (),
        clock: ManualClock | None = None,
    ) -> None:
        self.identified = identified or exact
        self.exact = exact
        self.quick = False
        """True if an exact sensor comes too late to look at the descriptors of who has opened a file."""
        self.memory = memory or FakeMemory()
        self.clock = clock or ManualClock()
        self.attributor = Attributor(ROOT, self.memory, Noise(patterns), data_roots)
        self.nodes: list[Node] = []
        self.files: dict[bytes, FileStat] = {}
        self.book = Book()
        if exact:
            self.attributor.names_processes()
        self._fetched: set[bytes] = set()
        self._openers: dict[bytes, list[ProcessKey | None]] = {}
        self._pid = 100
        self._inode = 10

    @property
    def sure(self) -> Grade:
        """The grade of an edge of which only one process can be the cause."""
        return Grade.OBSERVED if self.identified else Grade.INFERRED

    def tick(self, ns: int = MS) -> int:
        return self.clock.advance(ns)

    def see(self, observation: seen.Observation) -> None:
        self.attributor.observe(observation)

    # --- processes ---------------------------------------------------------------------------

    def tree(self, command: str, *, pid: int = 0, terminal: int | None = None, **facts: object) -> Node:
        """Start a process that nobody here started; a bare shell gets a terminal."""
        if terminal is None:
            terminal = TTY if _program(command)[0][0].lstrip("-") in _SHELLS else 0
        return self.start(command, None, pid=pid, terminal=terminal, **facts)

    def shell(self) -> Node:
        """Start an interactive shell in the workspace."""
        return self.tree("bash -i")

    def start(
        self, command: str, parent: Node | None, *, pid: int = 0, group: int = 0, **facts: object
    ) -> Node:
        self._pid += 1
        pid = pid or self._pid
        above = parent.facts if parent is not None else None
        argv, executable = _program(command)
        if not group:
            jobs = above is not None and above.terminal and above.argv[0].lstrip("-") in _SHELLS
            interactive = jobs and above is not None and not any(w[0] != "-" for w in above.argv[1:])
            group = pid if above is None or interactive else above.group
        at_ns = self.tick(10 * MS)
        made = ProcessFacts(
            key=ProcessKey(BOOT, pid, at_ns // (10 * MS)),
            parent_pid=0 if above is None else above.key.pid,
            parent=None if above is None else above.key,
            group=group,
            session=pid if above is None else above.session,
            terminal=0 if above is None else above.terminal,
            uid=1000,
            started_ns=at_ns - at_ns % (10 * MS),
            name=executable.rpartition("/")[2],
            argv=argv,
            cwd="/w" if above is None else above.cwd,
            executable=executable,
        )
        node = Node(self, replace(made, **facts), parent)  # type: ignore[arg-type]
        self.nodes.append(node)
        self.announce(node)
        self.tick(20 * MS)
        return node

    def announce(self, node: Node) -> None:
        if self.identified:
            self.show(node)

    def show(self, node: Node) -> None:
        """Report a process, its ancestors first, if it is new or has changed."""
        if node.parent is not None and node.parent.alive:
            self.show(node.parent)
        if node.news:
            node.news = False
            self.see(seen.ProcessSeen(self.clock.now_ns(), node.facts))

    def show_held(self, node: Node) -> None:
        if node.held is not None:
            files, pipes = node.held
            self.see(seen.ProcessHeld(self.clock.now_ns(), node.key, files, pipes))

    def poll(self, *, idle: Iterable[Node] = ()) -> None:
        """Look at all processes."""
        began_ns = self.tick()
        for node in list(self.nodes):
            self.show(node)
            self.show_held(node)
        asleep = frozenset(node.key for node in idle)
        self.see(seen.ProcessesPolled(self.tick(), began_ns, asleep))

    # --- files -------------------------------------------------------------------------------

    def path(self, path: str | bytes) -> bytes:
        name = path if isinstance(path, bytes) else path.encode("utf-8", "surrogateescape")
        return name if name.startswith(b"/") else ROOT + b"/" + name

    def put(self, path: str | bytes, size: int = 100) -> FileStat:
        """Let a file be there, without anybody having seen who made it."""
        self._inode += 1
        now_ns = self.tick()
        stat = self.files[self.path(path)] = FileStat(1, self._inode, size, now_ns, now_ns)
        return stat

    def change(self, path: str | bytes, size: int | None = None) -> FileStat:
        """Change the content of a file, without a word to anybody."""
        old = self.files[self.path(path)]
        now_ns = self.tick()
        size = old.size_bytes + 7 if size is None else size
        for name, stat in list(self.files.items()):
            if stat[:2] == old[:2]:
                self.files[name] = old._replace(size_bytes=size, mtime_ns=now_ns, ctime_ns=now_ns)
        return self.files[self.path(path)]

    def _key(self, by: Node | None) -> ProcessKey | None:
        return by.key if by is not None and self.identified else None

    def opens(self, path: str | bytes, by: Node | None = None, *, mode: str = "r", since_ns: int = 0) -> None:
        """Open a file in a mode of Python's ``open``."""
        name = self.path(path)
        created, emptied = mode[0] in "wa" and name not in self.files, False
        if created:
            self.put(path, 0)
        elif mode[0] == "w" and self.files[name].size_bytes:
            self.change(path, 0)
            emptied = True
            if not self.identified:
                self.see(seen.FileModified(self.clock.now_ns(), name))
        reads = mode[0] == "r" or "+" in mode
        writes = mode[0] != "r" or "+" in mode
        stat, key = self.files[name], self._key(by)
        self._openers.setdefault(name, []).append(key)
        if self.exact and key is not None:
            self._opened(name, key, reads=reads, writes=writes, created=created, emptied=emptied)
            return
        modes = (reads, writes) if self.identified else (None, None)
        self.see(seen.FileOpened(self.tick(), name, stat, key, *modes, since_ns=since_ns))

    def _opened(
        self, name: bytes, key: ProcessKey, *, reads: bool, writes: bool, created: bool, emptied: bool
    ) -> None:
        """Tell of an open without its mode; then look, as at all that is still open when a batch is told."""
        stat = self.files[name]
        self.see(seen.FileOpened(self.tick(), name, stat, key, created=created, changed=emptied))
        if emptied:
            self.see(seen.FileModified(self.clock.now_ns(), name, key, stat))
        if not self.quick and not created:
            self.see(seen.ProcessHeld(self.clock.now_ns(), key, (HeldFile(name, reads, writes),), (), whole=False))

    def fetches(self, path: str | bytes) -> None:
        """Read content through an open file; a sensor that knows no modes tells it with the close."""
        self._fetched.add(self.path(path))

    def modifies(self, path: str | bytes, size: int | None = None, by: Node | None = None) -> None:
        """Change content through an open file; by who opened it last, if nobody is named."""
        stat, name = self.change(path, size), self.path(path)
        openers = self._openers.get(name) or [None]
        key = by.key if by is not None else openers[-1]
        if self.exact:
            self.see(seen.FileModified(self.clock.now_ns(), name, key, stat))
        else:
            self.see(seen.FileModified(self.clock.now_ns(), name))

    def closes(self, path: str | bytes, by: Node | None = None, *, wrote: bool = False) -> None:
        name = self.path(path)
        stat = self.files.get(name) if wrote else None
        read = name in self._fetched and not self.identified
        self._fetched.discard(name)
        if self._key(by) in self._openers.get(name, ()):
            self._openers[name].remove(self._key(by))
        self.see(seen.FileClosed(self.tick(), name, wrote, stat, self._key(by), read))

    def reads(self, path: str | bytes, by: Node | None = None) -> None:
        """Open, read and close."""
        if self.path(path) not in self.files:
            self.put(path)
        self.opens(path, by)
        self.fetches(path)
        self.closes(path, by)

    def writes(
        self, path: str | bytes, by: Node | None = None, *, mode: str = "w", size: int | None = None
    ) -> None:
        """Open, change and close."""
        self.opens(path, by, mode=mode)
        if "+" in mode:
            self.fetches(path)
        self.modifies(path, size)
        self.closes(path, by, wrote=True)

    def moves(self, source: str | bytes, path: str | bytes, by: Node | None = None) -> None:
        """Rename a file or a directory."""
        old, new = self.path(source), self.path(path)
        at_ns = self.tick()
        if old in self.files:
            stat = self.files.pop(old)._replace(ctime_ns=at_ns)
            self.files[new] = stat
            self.see(seen.FileMoved(at_ns, old, new, is_directory=False, stat=stat, process=self._key(by)))
            return
        for name in [name for name in self.files if name.startswith(old + b"/")]:
            self.files[new + name[len(old) :]] = self.files.pop(name)
        self.see(seen.FileMoved(at_ns, old, new, is_directory=True, process=self._key(by)))

    def links(self, source: str | bytes, path: str | bytes, by: Node | None = None) -> None:
        """Make a hard link."""
        at_ns = self.tick()
        stat = self.files[self.path(source)]._replace(ctime_ns=at_ns, links=2)
        self.files[self.path(source)] = self.files[self.path(path)] = stat
        self.see(seen.FileLinked(at_ns, self.path(path), stat, self._key(by)))

    def removes(self, path: str | bytes, by: Node | None = None) -> None:
        """Unlink a file, or remove a directory."""
        name = self.path(path)
        is_directory = name not in self.files
        self.files.pop(name, None)
        self.see(seen.FileRemoved(self.tick(), name, is_directory, self._key(by)))

    def finds(self, path: str | bytes, *, since_ns: int = 0, live: bool = False) -> None:
        """Let a scan meet a file."""
        name = self.path(path)
        at_ns = self.tick()
        self.see(seen.FileFound(at_ns, name, self.files[name], since_ns or at_ns, live))

    # --- the end -----------------------------------------------------------------------------

    def settle(self) -> Book:
        """Look at the processes until everything is judged; return what was recorded."""
        self.poll()
        self.tick(2 * S)
        self.poll()
        return self.drain()

    def drain(self) -> Book:
        made = self.attributor.drain()
        self.book.add(made)
        return self.book

    def finish(self) -> Book:
        """Stop the recorder."""
        self.attributor.finish(self.tick())
        return self.drain()

    def restarted(self, *, down_ns: int = S) -> "World":
        """Return the world as a new recorder finds it, which knows what the last one stored."""
        memory = FakeMemory(*self.book.events)
        other = World(identified=self.identified, exact=self.exact, memory=memory, clock=self.clock)
        other.book = self.book
        other.files, other.nodes = self.files, self.nodes
        other._pid, other._inode = self._pid, self._inode
        self.tick(down_ns)
        for node in other.nodes:
            node.world, node.news = other, True
        if other.identified:
            for node in other.nodes:
                other.show(node)
        return other
