"""Who runs what: the processes of the machine as the kernel's process connector tells of them.

A process is looked at in ``/proc`` the moment that it execs, as a short one will be gone soon. What could
not be read in time is known by its process, parent and times only. A process that has only forked looks
like its parent.
"""

import os
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

from mlamd.host.connector import Connector, Kind, ProcessEvent
from mlamd.host.taskstats import Spent, TaskStats
from mlamd.model.processes import HeldFile, HeldPipe, ProcessFacts, ProcessKey

PROCESSES_LOST = "the kernel's queue of process events was full"
_KEEP_NS = 5_000_000_000
_LATER_NS = 50_000_000
_LATEST_NS = 3_000_000_000
_MOST_CHANNELS = 20_000

Held = tuple[tuple[HeldFile, ...], tuple[HeldPipe, ...]]


class Table(Protocol):
    """The part of the process table's port that is needed here."""

    boot: str

    def pids(self) -> Iterable[int]:
        """Return the ids of all processes."""
        ...

    def look(self, pid: int) -> ProcessFacts | None:
        """Look at one process."""
        ...

    def held(self, pid: int) -> Held | None:
        """Look at the descriptors of a process."""
        ...

    def opened(self, pid: int, paths: Collection[bytes]) -> tuple[HeldFile, ...]:
        """Return those of some files that a process has open now."""
        ...

    def threads(self, pid: int) -> int:
        """Return how many threads a process has."""
        ...

    def start_of(self, monotonic_ns: int) -> tuple[int, int]:
        """Return start and wall clock of a process that was forked at a monotonic time."""
        ...

    def container(self, pid: int) -> tuple[str, str, int]:
        """Return control group, container id and pid in its own namespace."""
        ...


@dataclass(slots=True)
class Usage:
    """What the threads of a process that have ended have used."""

    user_us: int = 0
    system_us: int = 0
    peak_rss_bytes: int = 0
    read_bytes: int = 0
    write_bytes: int = 0
    block_delay_ns: int = 0
    threads: int = 0

    def add(self, spent: Spent) -> None:
        """Add the account of one thread."""
        self.user_us += spent.user_us
        self.system_us += spent.system_us
        self.peak_rss_bytes = max(self.peak_rss_bytes, spent.peak_rss_bytes)
        self.read_bytes += spent.read_bytes
        self.write_bytes += spent.write_bytes
        self.block_delay_ns += spent.block_delay_ns
        self.threads += 1

    def join(self, other: "Usage | None") -> None:
        """Add what another process has used."""
        if other is not None:
            self.user_us += other.user_us
            self.system_us += other.system_us
            self.peak_rss_bytes = max(self.peak_rss_bytes, other.peak_rss_bytes)
            self.read_bytes += other.read_bytes
            self.write_bytes += other.write_bytes
            self.block_delay_ns += other.block_delay_ns
            self.threads += other.threads


class Known:
    """A process. ``facts`` are those of its newest image."""

    __slots__ = (
        "code",
        "complete",
        "ended_ns",
        "facts",
        "forked",
        "forks",
        "looked",
        "parent",
        "place",
        "threads",
        "usage",
    )

    def __init__(self, facts: ProcessFacts, parent: "Known | None", threads: int, *, looked: bool) -> None:
        self.facts = facts
        self.parent = parent
        self.threads = threads
        self.looked = looked
        """False for one that has only forked, and was never looked at itself."""
        self.place: bytes | None = None
        """The key of the directory in which its program began, if it was looked at then."""
        self.forks: deque[Known] = deque(maxlen=16)
        """Its last children."""
        self.forked = False
        """True if the kernel told of the fork that made it."""
        self.complete = True
        """False if its image could not be looked at in time."""
        self.code: int | None = None
        self.ended_ns = 0
        self.usage: Usage | None = None

    @property
    def key(self) -> ProcessKey:
        """Its identity."""
        return self.facts.key


@dataclass(slots=True)
class Change:
    """A fork, exec or end of a process, with what was seen of it then; or only a later look at it."""

    kind: Kind | None
    at_ns: int
    known: Known
    facts: ProcessFacts
    held: Held | None = None
    done: bool = False


class Seen(NamedTuple):
    """What was seen of a program: its standard files and pipes, the handle of its directory.

    ``shared`` are the ends of these pipes that its parent held then.
    """

    facts: ProcessFacts
    standard: Held = ((), ())
    place: bytes | None = None
    shared: tuple[HeldPipe, ...] = ()


@dataclass(slots=True)
class _Waiting:
    """A child with pipes that were new; its parent is looked at ``due_ns``."""

    due_ns: int
    pause_ns: int
    channels: set[str]
    before: Held
    """What the parent held when the child began."""


Look = Callable[[ProcessEvent, ProcessFacts], Seen | None]
"""Returns what was seen of the program that an exec has begun, given the facts before; None if too late."""


class Executions:
    """The book of processes; ``wanted`` says of whom the descriptors are worth a look."""

    def __init__(
        self,
        table: Table,
        look: Look,
        wanted: Callable[[Known, ProcessFacts], bool],
        wall_ns: Callable[[int], int],
    ) -> None:
        self._table = table
        self._look = look
        self._wanted = wanted
        self._wall_ns = wall_ns
        self._known: dict[int, Known] = {}
        self._ended: deque[Known] = deque()
        self._readers: dict[str, set[Known]] = {}
        """By channel, who was seen to hold its reading end when a program began."""
        self._unshared: set[str] = set()
        """Channels of which somebody was seen to hold both ends, and nobody else any."""
        self._later: dict[Known, _Waiting] = {}
        """Children of whom the parent may have the other end of a pipe."""

    def of(self, pid: int) -> Known | None:
        """Return the process that has, or had last, this id; one that nobody told of is looked at now."""
        known = self._known.get(pid)
        return known if known is not None or not pid else self._met(pid)

    def everybody(self) -> list[Known]:
        """Return all that are alive, parents before their children."""
        return sorted(
            (known for known in self._known.values() if not known.ended_ns),
            key=lambda known: (known.key.start, known.key.pid),
        )

    def survey(self) -> list[Known]:
        """Look at everybody; return who is new. Those that are gone, and nobody told of, end now."""
        alive = set(self._table.pids())
        found = [self._met(pid) for pid in sorted(alive) if self._is_new(pid)]
        return [known for known in found if known is not None]

    def vanished(self, at_ns: int) -> list[Change]:
        """Return the ends of those that are gone without a word: the kernel's queue was full."""
        alive = set(self._table.pids())
        gone = [known for pid, known in self._known.items() if pid not in alive and not known.ended_ns]
        return [change for known in gone for change in self._end(known, at_ns)]

    def _is_new(self, pid: int) -> bool:
        known = self._known.get(pid)
        return known is None or bool(known.ended_ns)

    def _met(self, pid: int) -> Known | None:
        """Look at a process that nobody told of, and at its ancestors as far as they are not known."""
        chain: list[ProcessFacts] = []
        seen: set[int] = set()
        while pid and pid not in seen and (not chain or pid not in self._known):
            facts = self._table.look(pid)
            if facts is None:
                break
            seen.add(pid)
            chain.append(facts)
            pid = facts.parent_pid if facts.parent is not None else 0
        known: Known | None = None
        for facts in reversed(chain):
            above = self._known.get(facts.parent_pid)
            number = facts.key.pid
            known = self._known[number] = Known(facts, above, self._table.threads(number), looked=True)
        return known

    def again(self, at_ns: int) -> list[Change]:
        """Look at everybody again, after events were lost; return what differs from what was known."""
        changes = self.vanished(at_ns)
        for pid in sorted(self._table.pids()):
            known = self._known.get(pid)
            facts = self._table.look(pid)
            if facts is None:
                continue
            if known is not None and not known.ended_ns and abs(known.key.start - facts.key.start) > 1:
                changes += self._end(known, at_ns)
            if known is None or known.ended_ns:
                found = self._met(pid)
                if found is not None:
                    changes.append(Change(Kind.FORK, at_ns, found, found.facts))
            elif (facts.argv, facts.executable) != (known.facts.argv, known.facts.executable):
                known.facts = replace(facts, key=known.key, started_ns=known.facts.started_ns)
                known.threads, known.looked = self._table.threads(pid), True
                changes.append(Change(Kind.EXEC, at_ns, known, known.facts))
        return changes

    def read(self, connector: Connector, accounts: TaskStats | None) -> tuple[list[Change], bool]:
        """Take in what waits in the kernel; return what it means, and whether some of it was lost.

        Everybody is looked at again then.
        """
        events, lost = connector.read()
        changes: list[Change] = []
        for event in events:
            if event.kind == Kind.EXIT and accounts is not None:
                self.spent(accounts.read())
            changes += self.take(event)
        if lost:
            changes += self.again(time.time_ns())
        return changes, lost

    def take(self, event: ProcessEvent) -> list[Change]:
        """Take in one event of the connector; return what it means for its process."""
        if event.kind == Kind.EXIT:
            return self._exit(event)
        change = self._exec(event) if event.kind == Kind.EXEC else self._fork(event)
        return [] if change is None else [change]

    def _fork(self, event: ProcessEvent) -> Change | None:
        if event.process != event.thread:
            known = self._known.get(event.process)
            if known is not None:
                known.threads += 1
            return None
        known = self._known.get(event.process)
        if known is not None and not known.ended_ns and not known.forked:
            known.forked = True
            return None
        parent = self.of(event.parent)
        at_ns = self._wall_ns(event.monotonic_ns)
        if parent is None:
            found = self._met(event.process)
            return None if found is None else Change(Kind.FORK, at_ns, found, found.facts)
        start, started_ns = self._table.start_of(event.monotonic_ns)
        facts = replace(
            parent.facts,
            key=ProcessKey(self._table.boot, event.process, start),
            parent_pid=event.parent,
            parent=parent.key,
            started_ns=min(started_ns, at_ns),
            own=False,
        )
        known = self._known[event.process] = Known(facts, parent, 1, looked=False)
        parent.forks.append(known)
        known.forked = True
        if facts.terminal and self._wanted(known, facts):
            self.look_again(known)
        return Change(Kind.FORK, at_ns, known, known.facts)

    def look_again(self, known: Known) -> ProcessFacts:
        """Look at the group and session of a process that has only forked; they change after the fork."""
        facts = None if known.ended_ns else self._table.look(known.key.pid)
        if facts is not None and abs(facts.key.start - known.key.start) <= 1:
            known.facts = replace(
                known.facts, group=facts.group, session=facts.session, terminal=facts.terminal
            )
        return known.facts

    def _exec(self, event: ProcessEvent) -> Change | None:
        pid = event.process
        known = self._known.get(pid)
        seen = self._look(event, known.facts) if known is not None else None
        at_ns = self._wall_ns(event.monotonic_ns)
        if known is None:
            known = self._met(pid)
            return None if known is None else Change(Kind.EXEC, at_ns, known, known.facts)
        facts = known.facts
        known.threads, known.looked = 1, True
        known.complete = seen is not None
        seen = seen or Seen(replace(facts, argv=(), name="", executable=""))
        known.facts, known.place = seen.facts, seen.place
        wanted = self._wanted(known, known.facts)
        if wanted and known.complete:
            self.look_at_container(known)
        change = Change(Kind.EXEC, at_ns, known, known.facts)
        if wanted and known.complete:
            self.look_at_descriptors(change, seen)
        return change

    def look_at_container(self, known: Known) -> None:
        """Add the control group to the facts of a process."""
        cgroup, container, inner_pid = self._table.container(known.key.pid)
        known.facts = replace(known.facts, cgroup=cgroup, container=container, inner_pid=inner_pid)

    def look_at_descriptors(self, change: Change, seen: Seen) -> None:
        """Add what a process holds, or held at first: a short program may have closed it by now.

        If it has pipes that nobody else was known to share, its parent may have the other end. Who starts a
        pipeline has both ends in its hands for a moment; so the parent is looked at a little later, and
        again while it still has both.
        """
        known = change.known
        held = _both(self._table.held(known.key.pid) or ((), ()), seen.standard)
        if not (held[0] or held[1]):
            return
        change.held = held
        channels = {pipe.channel for pipe in held[1]}
        unknown = channels - self._readers.keys()
        new = unknown | channels & self._unshared
        self._unshared -= new
        self._unshared |= unknown & _both_ends(held[1])
        for pipe in held[1]:
            readers = self._readers.setdefault(pipe.channel, set())
            if pipe.reads:
                readers.add(known)
        if new and known.parent is not None and not known.parent.ended_ns:
            before = _both(self._table.held(known.parent.key.pid) or ((), ()), ((), seen.shared))
            self._later[known] = _Waiting(change.at_ns + _LATER_NS, _LATER_NS, new, before)
        if len(self._readers) > _MOST_CHANNELS:
            self._readers.clear()
            self._unshared.clear()

    @property
    def waits(self) -> bool:
        """True if somebody is to be looked at soon."""
        return bool(self._later)

    def later(self, now_ns: int) -> list[Change]:
        """Return looks at parents that are due."""
        changes = []
        for child, waiting in list(self._later.items()):
            parent = child.parent
            if waiting.due_ns > now_ns or parent is None:
                continue
            files, pipes = self._table.held(parent.key.pid) or ((), ())
            if _both_ends(pipes) & waiting.channels and waiting.pause_ns < _LATEST_NS:
                waiting.pause_ns *= 2
                waiting.due_ns = now_ns + waiting.pause_ns
                continue
            del self._later[child]
            held = files, pipes + self._kept(child, parent, waiting.before)
            changes.append(Change(None, now_ns, parent, parent.facts, held))
        return changes

    def _kept(self, child: Known, parent: Known, before: Held) -> tuple[HeldPipe, ...]:
        """Return the reading ends that a parent held when its child began, and gave to nobody else.

        Who makes a pipeline makes the next child at once; who reads what the child prints waits for its end,
        of which we hear a moment later than it does. What was seen of a program tells what it was given.
        """
        began_ns = child.facts.started_ns
        until_ns = child.ended_ns or began_ns + _LATER_NS
        for other in parent.forks:
            seen = other.looked and other.complete
            if other is not child and not seen and began_ns <= other.facts.started_ns <= until_ns:
                return ()
        return tuple(
            pipe
            for pipe in before[1]
            if pipe.reads and not pipe.writes and not self._readers.get(pipe.channel, set()) - {child, parent}
        )

    def opened(self, known: Known, paths: Collection[bytes]) -> tuple[HeldFile, ...]:
        """Return those of some files that a process has open now."""
        return () if known.ended_ns else self._table.opened(known.key.pid, paths)

    def _exit(self, event: ProcessEvent) -> list[Change]:
        known = self._known.get(event.process)
        if known is None or known.ended_ns:
            return []
        known.threads -= 1
        if event.thread == event.process:
            known.code = os.waitstatus_to_exitcode(event.status)
        if known.threads > 0:
            return []
        return self._end(known, self._wall_ns(event.monotonic_ns))

    def _end(self, known: Known, at_ns: int) -> list[Change]:
        """Note an end; before it comes what this one kept of the pipes of its last children."""
        kept: tuple[HeldPipe, ...] = ()
        for child in [child for child in self._later if child.parent is known]:
            kept += self._kept(child, known, self._later.pop(child).before)
        known.ended_ns = at_ns
        self._ended.append(known)
        last = [Change(None, at_ns, known, known.facts, ((), kept))] if kept else []
        return [*last, Change(Kind.EXIT, at_ns, known, known.facts)]

    def spent(self, accounts: Iterable[Spent]) -> None:
        """Take in what threads have used; comes before the event of their end."""
        for spent in accounts:
            known = self._known.get(spent.process)
            if known is None:
                continue
            if known.usage is None:
                known.usage = Usage()
            known.usage.add(spent)
            if not known.facts.name:
                known.facts = replace(known.facts, name=spent.name)

    def forget(self, now_ns: int) -> None:
        """Drop those that ended some time ago, unless their id is in use again."""
        while self._ended and now_ns - self._ended[0].ended_ns >= _KEEP_NS:
            known = self._ended.popleft()
            if self._known.get(known.key.pid) is known:
                del self._known[known.key.pid]


def _both_ends(pipes: Collection[HeldPipe]) -> set[str]:
    """Return the channels of which both ends are among these."""
    return {pipe.channel for pipe in pipes if pipe.reads} & {pipe.channel for pipe in pipes if pipe.writes}


def _both(now: Held, first: Held) -> Held:
    """Join two looks at the descriptors of one program; of what both saw, the mode of the later one holds."""
    paths, channels = {file.path for file in now[0]}, {pipe.channel for pipe in now[1]}
    files = tuple(file for file in first[0] if file.path not in paths)
    pipes = tuple(pipe for pipe in first[1] if pipe.channel not in channels)
    return (*now[0], *files), (*now[1], *pipes)
