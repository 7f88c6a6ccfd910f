"""What one recorder is told: the deeds in its directories, and the processes that have to do with them.

Merges the two streams of a batch. The file queue has no times, but an exec opens its program in it; there the
process becomes another. A process is told of, with all its ancestors, before its first deed.
"""

import os
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Protocol

from mlamd.host import fanotify
from mlamd.host.connector import Kind
from mlamd.host.fanotify import (
    ACCESS,
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
from mlamd.host.taskstats import counts_delays
from mlamd.model import observations as seen
from mlamd.model.files import FileStat
from mlamd.model.processes import ProcessFacts, ProcessKey, concerns
from mlamd.sensors.capture import Batch
from mlamd.sensors.directories import Directories
from mlamd.sensors.executions import Change, Executions, Held, Known, Usage
from mlamd.sensors.signals import Deed

_LOADERS = (b"ld-linux", b"ld-musl", b"ld.so", b"ld64.so")
_CHANGES = CREATE | DELETE | RENAME | fanotify.ATTRIB
_THROUGH = ACCESS | MODIFY | CLOSE_WRITE | CLOSE_NOWRITE
"""What is done through an open file."""
_ANYBODY = -1
_SOMEBODY = -1
"""Stands for the pid of a process of which it is not known whose it was."""
_LOADING_NS = 1_000_000_000
_MOST_LOADING = 10_000
_MOST_DEAD = 32
_MOST_LEFT = 1_000

Told = Deed | seen.Observation


class Access(Protocol):
    """Says what a user may know; ``flush`` is called where permissions of directories have changed."""

    def foresee(self, raws: Iterable[Raw], path_of: Callable[[bytes], bytes | None]) -> None:
        """Get ready for the questions that these events will bring."""
        ...

    def allowed(self, path: bytes, key: bytes, *, changed: bool, theirs: bool) -> bool:
        """Say whether the user may know what happened to a file in the directory of this key.

        ``changed`` says that what was true of the path before may be so no more; ``theirs`` that the user's
        own process did it.
        """
        ...

    def flush(self) -> None:
        """Forget all answers."""
        ...


class Everything:
    """The view of root, and of a recorder's own sensor."""

    def foresee(self, raws: Iterable[Raw], path_of: Callable[[bytes], bytes | None]) -> None:
        """See ``Access``."""

    def allowed(self, path: bytes, key: bytes, *, changed: bool, theirs: bool) -> bool:
        """Allow."""
        del path, key, changed, theirs
        return True

    def flush(self) -> None:
        """See ``Access``."""


class Subscription:
    """Turns batches into what ``tell`` gets; ``uid`` is whose processes are told of, -1 for everybody's.

    ``own`` are processes that are never told of as doing something: the recorder and the sensor.
    """

    def __init__(
        self,
        roots: tuple[bytes, ...],
        directories: Directories,
        executions: Executions,
        tell: Callable[[Told], None],
        uid: int = _ANYBODY,
        access: Access | None = None,
    ) -> None:
        self._text_roots = tuple(os.fsdecode(root) for root in roots)
        self._prefixes = tuple(root.rstrip(b"/") + b"/" for root in roots)
        self.directories = directories
        self._executions = executions
        self._tell = tell
        self._uid = uid
        self._access = access or Everything()
        self.own: set[int] = set()
        self.unread = 0
        """How many programs were told of without their command line."""
        self._relevant: set[Known] = set()
        self._shown: set[Known] = set()
        self._left: dict[Known, None] = {}
        """Those of whose end was told lately."""
        self._changes: deque[Change] = deque()
        self._of: dict[int, deque[Change]] = {}
        self._leaving: list[bytes] = []
        self._programs: dict[int, tuple[bytes, int]] = {}
        """By process: the program that it has opened to execute, and when, until the exec is heard of."""
        self._held: dict[int, list[Deed]] = {}
        """What such processes have done since; whether as the old program or the new, the exec will tell."""
        self._begun: set[int] = set()
        """Processes that have become another program in this batch."""
        self._after: dict[int, list[tuple[Change, Deed]]] = {}
        """What processes have done through files by the time of an exec that has not been told of yet."""
        self._used: dict[Known, Usage] = {}
        self._lasting: dict[Known, set[bytes]] = {}
        """What was opened in this batch, or those that it followed at once, and not closed in it."""
        self._delays = counts_delays()

    # --- processes ---------------------------------------------------------------------------

    def wants(self, known: Known, facts: ProcessFacts) -> bool:
        """Say, the moment a process is seen, whether it has to do with the recorded directories."""
        relevant = known in self._relevant
        if not relevant and not self._is_theirs(facts):
            return False
        if not concerns(facts, self._text_roots):
            place = self.directories.path(known.place) if known.place else None
            if place is None and not relevant:
                place = self.directories.standing(known.key.pid)
            if place is not None:
                known.facts = replace(known.facts, cwd=os.fsdecode(place))
            elif not relevant and known.parent not in self._relevant:
                return False
        self._relevant.add(known)
        return True

    def _is_theirs(self, facts: ProcessFacts) -> bool:
        return self._uid in {_ANYBODY, facts.uid}

    def survey(self, at_ns: int, held: Callable[[int], Held | None]) -> None:
        """Tell of everybody who has to do with the directories now, and what they hold."""
        for known in self._executions.everybody():
            if self.wants(known, known.facts) and known.key.pid not in self.own:
                self._show(known, known.facts, at_ns)
                self._tell_held(known, held(known.key.pid), at_ns)

    def survey_again(self, at_ns: int, held: Callable[[int], Held | None]) -> None:
        """Tell anew who is there, as something that was told of them may have been lost."""
        self._shown.clear()
        self.survey(at_ns, held)

    def _show(self, known: Known, facts: ProcessFacts, at_ns: int, since_ns: int = 0) -> None:
        """Tell of a process as it is now, after its ancestors."""
        for above in self._untold_above(known):
            self._show_one(above, above.facts, at_ns)
            if above.ended_ns:
                self._tell(seen.ProcessGone(at_ns, above.key, None))
                self._shown.discard(above)
        self._show_one(known, facts, at_ns, since_ns)

    def _untold_above(self, known: Known) -> list[Known]:
        """Return the ancestors that have not been told of, the highest first; of the dead the nearest."""
        chain: list[Known] = []
        dead = 0
        node = known.parent
        while node is not None and node not in self._shown and dead < _MOST_DEAD:
            chain.append(node)
            dead += bool(node.ended_ns)
            node = node.parent
        return chain[::-1]

    def _show_one(self, known: Known, facts: ProcessFacts, at_ns: int, since_ns: int = 0) -> None:
        newest = known.facts if known.looked else self._executions.look_again(known)
        facts = replace(facts, group=newest.group, session=newest.session, terminal=newest.terminal)
        self._shown.add(known)
        if known.key.pid in self.own:
            facts = replace(facts, own=True)
        if not self._is_theirs(facts):
            facts = replace(facts, argv=(), cwd="", executable="", cgroup="", container="", inner_pid=0)
            facts = replace(facts, variables=(), program="")
        self._tell(seen.ProcessSeen(at_ns, facts, since_ns))

    def _tell_held(self, known: Known, held: Held | None, at_ns: int) -> None:
        if held is not None and self._is_theirs(known.facts):
            files = tuple(file for file in held[0] if self._inside(file.path))
            self._tell(seen.ProcessHeld(at_ns, known.key, files, held[1]))

    def _inside(self, path: bytes) -> bool:
        return path.startswith(self._prefixes)

    def _apply(self, change: Change) -> None:
        """Tell of a change, if its process is one that we tell of; everything before it comes first."""
        if change.done:
            return
        known = change.known
        line = self._of.get(known.key.pid)
        while line:
            first = line.popleft()
            if first is not change and not first.done:
                self._tell_change(first)
            if first is change:
                break
        if line is not None and not line:
            del self._of[known.key.pid]
        self._tell_change(change)

    def _tell_change(self, change: Change) -> None:
        change.done = True
        known = change.known
        if change.kind is Kind.EXIT:
            self._release(known.key.pid)
            for _, deed in self._after.pop(known.key.pid, ()):
                self._tell(deed)
            self._ended(change)
        elif change.kind is Kind.EXEC and (known in self._shown or known in self._relevant):
            self._catch_up_above(known)
            self._show(known, change.facts, change.at_ns, change.at_ns)
            self._tell_held(known, change.held, change.at_ns)
            self.unread += not known.complete
            self._tell_after(change)
        elif change.kind is None and known in self._shown:
            self._tell_held(known, change.held, change.at_ns)
        if change.kind is Kind.EXEC:
            self._begun.add(known.key.pid)
            self._release(known.key.pid)

    def _tell_after(self, change: Change) -> None:
        """Tell what a program has done through files that it got from the one before it."""
        waiting = self._after.pop(change.known.key.pid, [])
        for end, deed in waiting:
            if end is change:
                self._tell(deed)
        left = [(end, deed) for end, deed in waiting if end is not change]
        if left:
            self._after[change.known.key.pid] = left

    def _release(self, pid: int) -> None:
        """Tell what a process has done since it opened a program."""
        for deed in self._held.pop(pid, ()):
            self._tell(deed)

    def _give_up(self, at_ns: int) -> None:
        """Expect no exec any more where it was not heard of for long: it has failed."""
        for pid in [pid for pid, (_, opened_ns) in self._programs.items() if at_ns - opened_ns > _LOADING_NS]:
            del self._programs[pid]
            self._release(pid)

    def _catch_up_above(self, known: Known) -> None:
        """Let the parent be, before its child is told of, what it was when it forked."""
        above = known.parent
        if above is None:
            return
        for change in list(self._of.get(above.key.pid, ())):
            if change.at_ns > known.facts.started_ns:
                break
            if change.kind is not Kind.EXIT:
                self._apply(change)

    def _ended(self, change: Change) -> None:
        """Tell of an end and what was used; of one that was not told of, it counts for an ancestor."""
        known = change.known
        theirs = self._is_theirs(known.facts)
        usage = self._used.pop(known, Usage())
        if theirs and self._has_to_do(known):
            usage.join(known.usage)
            shown = known
            while shown not in self._shown and shown.parent is not None:
                shown = shown.parent
            if shown is known and usage.threads:
                self._tell_used(change, usage)
            elif shown in self._shown:
                self._used.setdefault(shown, Usage()).join(usage)
        if known in self._shown:
            self._tell(seen.ProcessGone(change.at_ns, known.key, known.code if theirs else None))
            self._left[known] = None
            if len(self._left) > _MOST_LEFT:
                del self._left[next(iter(self._left))]
        self._shown.discard(known)
        self._relevant.discard(known)

    def _has_to_do(self, known: Known) -> bool:
        """Say whether a process, or the one whose program it runs since its fork, has to do with us."""
        image: Known | None = known
        while image is not None:
            if image in self._relevant or image in self._shown:
                return True
            image = None if image.looked else image.parent
        return False

    def _tell_used(self, change: Change, usage: Usage) -> None:
        self._tell(
            seen.ProcessUsed(
                change.at_ns,
                change.known.key,
                usage.user_us,
                usage.system_us,
                usage.peak_rss_bytes,
                usage.read_bytes,
                usage.write_bytes,
                usage.block_delay_ns if self._delays else None,
                usage.threads,
            )
        )

    # --- files -------------------------------------------------------------------------------

    def take(self, batch: Batch) -> None:
        """Tell of one batch."""
        self._begun.clear()
        if self._programs:
            self._give_up(batch.at_ns)
        for change in batch.changes:
            copy = replace(change, done=False)
            self._changes.append(copy)
            self._of.setdefault(change.known.key.pid, deque()).append(copy)
            self._begin_at_once(copy)
        path_of = self.directories.path
        self._access.foresee(batch.raws, path_of)
        for raw in batch.raws:
            if raw.mask & OPEN_EXEC:
                self._program_opened(raw, batch.at_ns)
            directory = path_of(raw.directory)
            if directory is None and not (raw.new_directory and path_of(raw.new_directory)):
                continue
            if raw.pid not in self.own:
                self._deed(raw, directory, batch)
            elif raw.mask & ONDIR:
                self._directory(raw, directory)
        for key in self._leaving:
            self.directories.removed(key)
        self._leaving.clear()
        for reason, detail in batch.lost:
            self._tell(seen.Lost(batch.at_ns, batch.from_ns, b"", reason, detail))
        if not batch.more:  # most of what was opened is closed soon
            self._look_at_modes()
        self._ripen(batch.ripe_ns)

    def _look_at_modes(self) -> None:
        """Tell for what files were opened that are still open: no event says it, a descriptor does."""
        for known, paths in self._lasting.items():
            if paths and known in self._shown:
                files = self._executions.opened(known, paths)
                if files:
                    self._tell(seen.ProcessHeld(time.time_ns(), known.key, files, (), whole=False))
        self._lasting.clear()

    def _ripen(self, ripe_ns: int) -> None:
        """Apply what processes have done, as far as all their file events have been read."""
        waiting: deque[Change] = deque()
        for change in self._changes:
            if change.done:
                continue
            if change.at_ns <= ripe_ns:
                self._apply(change)
            else:
                waiting.append(change)
        self._changes = waiting

    def _begin_at_once(self, change: Change) -> None:
        """Let a process be another program from the start of a batch, if that was opened before."""
        if change.kind is not Kind.EXEC:
            return
        name, opened_ns = self._programs.pop(change.known.key.pid, (b"", 0))
        if opened_ns and change.at_ns - opened_ns < _LOADING_NS and _names(change.facts, name):
            self._apply(change)

    def _program_opened(self, raw: Raw, at_ns: int) -> None:
        """Let a process become another program where the queue shows that its program was opened.

        If nothing has been heard of the exec yet, it is under way, and comes before all that comes later.
        """
        if raw.name.startswith(_LOADERS):
            return
        for change in self._of.get(raw.pid, ()):
            if change.kind is Kind.EXEC and not change.done:
                if _names(change.facts, raw.name):
                    self._apply(change)
                return
        known = self._executions.of(raw.pid)
        if raw.pid in self._begun and known is not None and _names(known.facts, raw.name):
            return  # the interpreter of the script that has just begun
        if len(self._programs) < _MOST_LOADING:
            self._programs[raw.pid] = raw.name, at_ns
            self._held.setdefault(raw.pid, [])

    def _deed(self, raw: Raw, directory: bytes | None, batch: Batch) -> None:
        mask = raw.mask
        if mask & ONDIR:
            self._directory(raw, directory)
            if not mask & RENAME:
                return
        path = None if directory is None else directory + b"/" + raw.name
        target = None
        if mask & RENAME:
            above = self.directories.path(raw.new_directory)
            target = None if above is None else above + b"/" + raw.new_name
        path, target = self._visible(raw, path, target)
        if path is None and target is None:
            return
        self._note_lasting(raw, target or path or b"")
        actor = self._actor(raw.pid, batch)
        stat = None if raw.stat is None else FileStat(*raw.stat)
        deed = Deed(mask, batch.from_ns, batch.at_ns, path or b"", actor, target or b"", stat)
        if raw.pid in self._held:
            self._held[raw.pid].append(deed)
            return
        end = self._handed_on(raw.pid, deed.path, mask) if mask & _THROUGH and actor.boot else None
        if end is not None:
            # A shell opens what it redirects, and then becomes the program that uses it: both are joined.
            self._after.setdefault(raw.pid, []).append((end, replace(deed, mask=mask & _THROUGH)))
            if not mask & ~_THROUGH:
                return
            deed = replace(deed, mask=mask & ~_THROUGH)
        self._tell(deed)

    def _handed_on(self, pid: int, path: bytes, mask: int) -> Change | None:
        """Return the last of the programs that a process soon becomes, and which hold this file.

        What the programs before it had read reaches that one too, as one became the other.
        """
        pending = [one for one in self._of.get(pid, ()) if one.kind is Kind.EXEC and not one.done]
        holding = [
            one for one in pending if one.held is not None and any(f.path == path for f in one.held[0])
        ]
        if holding:
            return holding[-1]
        return next((one for one in pending if one.held is None), None) if mask & OPEN else None

    def _visible(
        self, raw: Raw, path: bytes | None, target: bytes | None
    ) -> tuple[bytes | None, bytes | None]:
        """Leave out what the user may not know of: where a file came from, or where it went."""
        changed = bool(raw.mask & _CHANGES)
        known = self._executions.of(raw.pid)
        theirs = known is not None and self._is_theirs(known.facts)
        allowed = self._access.allowed
        if path is not None and not allowed(path, raw.directory, changed=changed, theirs=theirs):
            path = None
        if target is not None and not allowed(target, raw.new_directory, changed=True, theirs=theirs):
            target = None
        return path, target

    def _note_lasting(self, raw: Raw, path: bytes) -> None:
        known = self._executions.of(raw.pid)
        if known is None or not self._is_theirs(known.facts):
            return
        if raw.mask & (CLOSE_WRITE | CLOSE_NOWRITE):
            self._lasting.get(known, set()).discard(path)
        elif raw.mask & OPEN and not raw.mask & (CREATE if raw.stat is None else CREATE | ACCESS):
            # Who knows how a file stands knows, too, who opens it to read only.
            self._lasting.setdefault(known, set()).add(path)

    def _actor(self, pid: int, batch: Batch) -> ProcessKey:
        """Return who did it, after telling of that process; without a boot where it must not be known."""
        known = self._executions.of(pid)
        if known is None:
            return ProcessKey("", pid if self._uid == _ANYBODY else _SOMEBODY, 0)
        if not self._is_theirs(known.facts):
            return ProcessKey("", 0, known.facts.uid)
        if known not in self._shown and known not in self._left:
            facts = known.facts
            for change in self._of.get(pid, ()):
                if change.known is known and change.kind is Kind.FORK:
                    facts = change.facts
                break
            self._catch_up_above(known)
            self._relevant.add(known)
            self._show(known, facts, batch.from_ns)
        return known.key

    def _directory(self, raw: Raw, directory: bytes | None) -> None:
        """Keep the table of directories true."""
        mask, directories = raw.mask, self.directories
        if mask & (fanotify.ATTRIB | RENAME):
            self._access.flush()
        if mask & CREATE and directory is not None:
            directories.made(raw.target, directory, raw.name)
        if mask & RENAME:
            above = directories.path(raw.new_directory)
            directories.moved(raw.target, None if above is None else above + b"/" + raw.new_name)
        if mask & DELETE:
            self._leaving.append(raw.target)


def _names(facts: ProcessFacts, program: bytes) -> bool:
    """Say whether an image is that of a program, or of the script with this name."""
    if not facts.argv:
        return True
    name = os.fsdecode(program)
    if os.path.basename(facts.executable) == name:
        return True
    return any(os.path.basename(word) == name for word in facts.argv[1:4])
