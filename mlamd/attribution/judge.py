"""From accesses to events: who did it, to which version, with which evidence."""

from collections.abc import Callable

from mlamd.attribution.inference import SLACK_NS, candidates
from mlamd.attribution.jobs import is_prompt
from mlamd.attribution.ledger import Ledger
from mlamd.attribution.noise import Sort
from mlamd.attribution.people import People
from mlamd.attribution.pipes import Pipes
from mlamd.attribution.places import Places
from mlamd.attribution.roles import Role
from mlamd.attribution.runs import Runs
from mlamd.attribution.state import Access, Memory, Open, PathState, Process, StepState
from mlamd.attribution.versions import Versions
from mlamd.model import events
from mlamd.model import observations as seen
from mlamd.model.events import Actors
from mlamd.model.evidence import Grade, Origin
from mlamd.model.files import FileStat
from mlamd.model.processes import ProcessKey

_TICK_NS = 10_000_000
"""The kernel stamps files with a clock this coarse (stat(3type); HZ=100)."""


class Judge:
    """Judges one access after the other; ``people`` are those who are, or were lately, alive."""

    def __init__(
        self,
        places: Places,
        memory: Memory,
        people: People,
        emit: Callable[[events.Event], None],
    ) -> None:
        self._places = places
        self._memory = memory
        self._people = people
        self._emit = emit
        self.versions = Versions(memory, emit)
        self.runs = Runs(memory, emit, self.versions.name)
        self.ledger = Ledger(memory.counters()[3], emit)
        self.pipes = Pipes(emit)
        self.maybe_appended: set[int] = set()
        """Versions of which the previous content may be the beginning, still to be found out."""
        self._waiting: dict[bytes, Access] = {}
        """Closes of files that somebody else, who is not known to have ended, had open for writing."""
        self._judges: dict[str, Callable[[Access], None]] = {
            "bind": self._bind,
            "read": self._read,
            "change": self._change,
            "write": self._write,
            "arrive": self._arrive,
            "scan": self._scan,
            "link": self._link,
            "remove": self._remove,
            "move": self._move,
        }

    def judge(self, access: Access) -> None:
        """Make the events of one access."""
        self._judges[access.kind](access)
        if access.changes:
            self.versions.path(access.path).changing -= 1

    def found(self, observation: seen.FileFound) -> None:
        """Take note of what a scan after a gap met."""
        path = self._places.lineage(observation.path)
        if path is not None:
            state = self.versions.path(path)
            at_ns = min(max(observation.stat.mtime_ns, observation.since_ns), observation.at_ns)
            self.versions.seal(state, at_ns, observation.stat, Origin.FOUND)

    def missing(self, observation: seen.FileMissing) -> None:
        """Take note of what a scan after a gap did not meet."""
        path = self._places.relative(observation.path)
        state = self.versions.peek(path) if path is not None else None
        if state is None or not state.version:
            return
        target = self._places.lineage(observation.moved_to) if observation.moved_to is not None else None
        if target is None:
            self.versions.remove(state, observation.at_ns, ())
        else:
            self.versions.move(state, self.versions.path(target), observation.at_ns, observation.stat, ())

    def lost(self, observation: seen.Lost) -> None:
        """Store a gap."""
        scope = self._places.relative(observation.scope) if observation.scope else None
        number = self.versions.name(scope) if scope else 0
        self.ledger.gap(
            observation.from_ns, observation.at_ns, number, observation.reason, observation.detail
        )

    def _actors(self, access: Access) -> list[tuple[Process, Grade]]:
        if access.process is not None:
            process = self._people.everybody.get(access.process)
            return [] if process is None else [(process, Grade.OBSERVED)]
        if access.holder is not None:
            return [(access.holder, Grade.INFERRED)]
        unseen = self._people.may_have_hidden(access.from_ns - SLACK_NS, access.to_ns)
        people, absolute = self._people.candidates.values(), self._places.absolute(access.path)
        return candidates(access, people, absolute, unseen=unseen)

    def _steps(self, access: Access, *, count_unseen: bool = True) -> Actors:
        """Return the steps that did something; nobody known is noted in the ledger."""
        found = self._actors(access)
        if not found and count_unseen:
            self._unseen(access, access.to_ns)
        steps: dict[int, Grade] = {}
        for process, grade in found:
            step = self._step_of(process, self._moment(process, access, access.to_ns))
            steps.setdefault(step.step, grade)
        return tuple(steps.items())

    def _unseen(self, access: Access, at_ns: int) -> None:
        """Note in the ledger that nobody is known, or that it must not be told who it was."""
        key = access.process
        others = key is not None and not key.boot and not key.pid
        self.ledger.unseen(at_ns, self.versions.name(access.path), "others" if others else access.kind)

    def _moment(self, process: Process, access: Access, at_ns: int) -> int:
        return at_ns if access.process is None else self._when(process, access.opened, at_ns)

    def _step_of(self, process: Process, at_ns: int) -> StepState:
        step = self.runs.step_of(process, at_ns)
        self.pipes.touched(process.owner, self.runs, at_ns)
        return step

    def _note_reads(
        self, found: tuple[tuple[Process, Grade], ...], version: int, state: PathState, access: Access
    ) -> None:
        at_ns = access.from_ns
        writers = {step for step, _ in state.writers}
        counted: set[int] = set()
        for process, grade in found:
            step = self._step_of(process, self._moment(process, access, at_ns))
            if step.step in counted:
                continue
            counted.add(step.step)
            times = step.reads.get(version, 0)
            step.reads[version] = times + 1
            if times == 0 and not (step.resumed and self._memory.has_read(step.step, version)):
                self._emit(events.Read(step.step, version, at_ns, grade))
            if step.step not in writers:
                state.fresh = False

    def _bind(self, access: Access) -> None:
        state = self.versions.path(access.path)
        opened = access.opened
        stat = access.stat
        if access.process is not None and opened is not None:
            self._bind_by(access.process, state, opened, access)
            return
        if opened is not None and state.version and stat is not None and stat.same_content(state.stat):
            opened.bound = state.version

    def _bind_by(self, key: ProcessKey, state: PathState, opened: Open, access: Access) -> None:
        """Note which version and which program an open is of; what was there gets a version."""
        process = self._people.everybody.get(key)
        opened.image_ns = process.image_ns if process is not None else 0
        if access.stat is not None and not opened.truncated:
            opened.bound = self._version_at_open(state, access)
            opened.intact = access.stat.same_content(state.stat)

    def _when(self, process: Process, opened: Open | None, at_ns: int) -> int:
        """Return a time by which the step is found: that of the program that opened, however its stamp lies.

        The stamps of a sensor that reads in batches are bounds; the order of what it tells is true.
        """
        if opened is not None and opened.image_ns and opened.image_ns != process.image_ns:
            return at_ns
        return max(at_ns, process.image_ns)

    def _read(self, access: Access) -> None:
        found = tuple(self._actors(access))
        if access.process is not None and found and found[0][0].role is Role.RECORDER:
            return  # who looks into files for the record is none of their readers
        if access.process is None:
            # At a prompt, somebody short-lived is the likelier reader; the shell would carry it on for hours.
            found = tuple((process, grade) for process, grade in found if not is_prompt(process))
        state = self.versions.path(access.path)
        if not found:
            self._unseen(access, access.from_ns)
            return
        opened = access.opened
        version = opened.bound if opened is not None else 0
        if not version:
            version = self._version_at_open(state, access)
        self._note_reads(found, version, state, access)

    def _version_at_open(self, state: PathState, access: Access) -> int:
        """Return the version that was opened; content still being written is sealed as it was seen."""
        stat = access.stat
        being_written = state.modified and any(opened is not access.opened for opened in state.opens)
        if being_written and stat is not None and not stat.same_content(state.stat):
            first = next((opened for opened in state.opens if opened.changed), state.opens[0])
            writer = Access("write", access.path, first.at_ns, access.to_ns, None, first, process=first.key)
            actors = self._steps(writer, count_unseen=False) if not first.changed else self._writers(first)
            version = self.versions.seal(
                state, access.from_ns, stat, Origin.PARTIAL, actors, derived=bool(state.version)
            )
            state.modified = True
            return version
        if stat is not None and not stat.same_content(state.stat) and _looked_late(state, access, stat):
            return state.version or self.versions.existing(state, None, access.from_ns)
        return self.versions.existing(state, stat, access.from_ns)

    def _write(self, access: Access) -> None:
        state = self.versions.path(access.path)
        state.closing = max(0, state.closing - 1)
        if _unchanged(state, access):
            return
        if access.process is not None and self._is_being_written(state):
            state.hands = _joined(state.hands, self._hands(access))
            self._waiting[access.path] = access
            return
        self._seal_write(state, access, self._hands(access))

    def _seal_write(self, state: PathState, access: Access, actors: Actors) -> None:
        """Make a version of what was written, by these and by those whose closes waited for this one."""
        self._waiting.pop(access.path, None)
        opened = access.opened
        self._note_content_before(state, access)
        derived = self._in_place(state, opened, access)
        read_too = opened is not None and opened.accessed and not opened.told
        if derived and access.process is None and opened is not None and read_too:
            found = tuple(self._actors(access))
            self._note_reads(found, opened.bound or state.version, state, access)
        actors, state.hands = _joined(state.hands, actors), ()
        before = state.version
        version = self.versions.seal(
            state, access.to_ns, access.stat, Origin.WRITTEN, actors, derived=derived
        )
        if before and version != before and not derived and (access.process is None or _is_unsaid(access)):
            self.maybe_appended.add(version)

    def _hands(self, access: Access) -> Actors:
        """Return the steps that wrote: who changed content, or who made the file; else who closed it."""
        opened = access.opened
        if opened is not None and opened.unsaid:
            return self._writers(opened) or self._steps(access)
        return self._steps(access)

    def _change(self, access: Access) -> None:
        """Note which step changes content, while its process is known."""
        process = self._people.everybody.get(access.process) if access.process is not None else None
        if process is not None and access.opened is not None:
            step = self._step_of(process, max(access.to_ns, process.image_ns))
            access.opened.hands.setdefault(step.step, Grade.OBSERVED)

    def _writers(self, opened: Open) -> Actors:
        steps = dict(opened.hands)
        process = self._people.everybody.get(opened.key) if opened.key is not None else None
        if process is not None and (opened.truncated or not steps):
            at_ns = opened.changed.get(process.key, opened.at_ns)
            step = self._step_of(process, self._when(process, opened, at_ns))
            steps.setdefault(step.step, Grade.OBSERVED)
        return tuple(steps.items())

    def _is_being_written(self, state: PathState) -> bool:
        """Say whether a living process is known to have the file open for writing."""
        writers = [
            self._people.everybody.get(opened.key)
            for opened in state.opens
            if opened.key is not None and (opened.changed or not opened.unsaid)
        ]
        return any(process is not None and process.gone_ns is None for process in writers)

    def _note_content_before(self, state: PathState, access: Access) -> None:
        """Make a version of what stood in a file that was opened for appending or for an update."""
        opened = access.opened
        if access.process is None or opened is None or opened.truncated or state.hands or opened.unsaid:
            return
        if opened.stat is not None and opened.stat.size_bytes:
            self.versions.existing(state, opened.stat, opened.at_ns)

    def _in_place(self, state: PathState, opened: Open | None, access: Access) -> bool:
        """Say whether the old content flowed into the new: same inode, not emptied at the open.

        Where a sensor does not name modes, a file that still stood there as it was known when it was
        looked at, after the open, was not emptied by it. Where that look came too late, content that
        was read before it was written tells, or the digests do (``maybe_appended``).
        """
        stat = access.stat
        if not state.version or state.stat is None or stat is None or opened is None or opened.truncated:
            return False
        same_file = stat[:2] == state.stat[:2] and stat.size_bytes > 0
        untouched = opened.bound == state.version and (opened.intact or not opened.unsaid)
        untouched = untouched or (opened.unsaid and not state.modified)
        told = access.process is not None and not opened.unsaid
        return same_file and (told or opened.accessed or untouched)

    def _arrive(self, access: Access) -> None:
        state = self.versions.path(access.path)
        self.versions.seal(state, access.to_ns, access.stat, Origin.WRITTEN, self._steps(access))

    def _scan(self, access: Access) -> None:
        state = self.versions.path(access.path)
        superseded = state.sealed_ns > access.to_ns
        if superseded or state.closing or (state.opens and state.modified):
            return
        if access.stat is not None and access.stat.same_content(state.stat):
            return
        self.versions.seal(state, access.to_ns, access.stat, Origin.SCANNED, self._steps(access))

    def _link(self, access: Access) -> None:
        state = self.versions.path(access.path)
        if access.stat is not None and not access.stat.same_content(state.stat):
            other = self.versions.inode_path(access.stat, access.path)
            self.versions.link(state, access.stat, access.to_ns, other)

    def _remove(self, access: Access) -> None:
        if access.is_directory:
            self._finish_below(access.path, access)
            for state in self.versions.below(access.path):
                self.versions.remove(state, access.to_ns, self._steps(access, count_unseen=False))
            return
        known = self.versions.peek(access.path)
        self._finish_write(known, access, None)
        if known is not None and known.version:
            self.versions.remove(known, access.to_ns, self._steps(access, count_unseen=False))

    def _move(self, access: Access) -> None:
        if access.is_directory:
            self._finish_below(access.source, access)
            for state in self.versions.below(access.source):
                target = access.path + state.path[len(access.source) :]
                self._move_one(state, target, access, None)
            return
        moved = self.versions.peek(access.source)
        self._finish_write(moved, access, access.stat)
        if moved is None or not moved.version:
            self._moved_unknown(access)
        else:
            self._move_one(moved, access.path, access, access.stat)

    def _finish_write(self, state: PathState | None, access: Access, stat: FileStat | None) -> None:
        """Seal what one has closed, before its name is gone, and another still seems to have open.

        Of that other one we may only not have heard yet that it has ended.
        """
        if state is None or state.path not in self._waiting or not state.hands:
            return
        close = self._waiting[state.path]
        close.stat, close.to_ns = stat, access.to_ns
        actors: Actors = ()
        for opened in state.opens:
            if opened.borrowed and opened.changed:
                actors = _joined(actors, self._writers(opened))
        state.opens = [opened for opened in state.opens if not opened.borrowed]
        self._seal_write(state, close, actors)

    def _finish_below(self, directory: bytes, access: Access) -> None:
        prefix = directory + b"/"
        for path in [path for path in self._waiting if path.startswith(prefix)]:
            self._finish_write(self.versions.peek(path), access, None)

    def _moved_unknown(self, access: Access) -> None:
        """Give a history to a file without one, if its new name had stood for something known.

        One that was written under a name that is noise has no history, and begins one now.
        """
        if self._places.noise.sort(access.path) is not Sort.LINEAGE or access.stat is None:
            return
        if self._places.noise.sort(access.source) is not Sort.LINEAGE:
            self._arrive(access)
            return
        known = self.versions.peek(access.path)
        if known is not None and known.version and not access.stat.same_content(known.stat):
            self.versions.seal(known, access.to_ns, access.stat, Origin.WRITTEN, self._steps(access))

    def _move_one(self, state: PathState, target: bytes, access: Access, stat: FileStat | None) -> None:
        actors = self._steps(access, count_unseen=False)
        if self._places.noise.sort(target) is not Sort.LINEAGE:
            self.versions.remove(state, access.to_ns, actors)
        else:
            self.versions.move(state, self.versions.path(target), access.to_ns, stat, actors)


def _is_unsaid(access: Access) -> bool:
    return access.opened is not None and access.opened.unsaid


def _looked_late(state: PathState, access: Access, stat: FileStat) -> bool:
    """Say whether a file was changed between an open and our look at it, which then means nothing.

    Either a change that is still held came after the open, or the inode itself says that it did.
    """
    if access.process is None:
        return state.changing > 0 or stat.ctime_ns >= access.earliest_ns
    late = _is_unsaid(access) and state.version > 0 and stat.ctime_ns >= access.earliest_ns - _TICK_NS
    return state.changing > 0 or late


def _unchanged(state: PathState, access: Access) -> bool:
    """Say whether a close after writing changed nothing.

    Where the sensor does not name modes, the look at the file at its open may have come late; it then
    counts only against a file that nobody had touched. An empty file may be new.
    """
    stat, opened = access.stat, access.opened
    if stat is None or state.modified or state.hands or access.changes:
        return False
    as_opened = opened is not None and stat.size_bytes > 0 and stat.same_content(opened.stat)
    if access.process is not None and opened is not None and opened.truncated:
        return False
    if access.process is not None and as_opened:
        # A change through a mapping is not reported, and a look at the open may have come after it.
        return not _is_unsaid(access) or not state.version or stat.same_content(state.stat)
    if stat.same_content(state.stat):
        bound = opened is not None and opened.bound == state.version
        return bound or bool(state.writers) or not state.sealed_ns
    return as_opened and access.process is None and not state.version


def _joined(first: Actors, second: Actors) -> Actors:
    """Join two lists of steps; each stands once."""
    return tuple((dict(second) | dict(first)).items())
