"""From observations of files to accesses: opens are paired with closes, noise is left out."""

from collections.abc import Callable

from mlamd.attribution import bytecode
from mlamd.attribution.noise import Sort
from mlamd.attribution.places import Places
from mlamd.attribution.state import Access, Open, PathState, Process
from mlamd.attribution.versions import Versions
from mlamd.model import observations as seen
from mlamd.model.processes import HeldFile, ProcessKey

_TRUNCATE_NS = 20_000_000
_QUIET_NS = 200_000_000
_REDIRECTED_NS = 100_000_000
"""How long it takes at most from a shell's opening of a file to the program that it is opened for."""


class Intake:
    """Makes accesses; ``pass_on`` takes each in the order in which it happened."""

    names_processes = False
    """True if the sensor says who opens a file, so that looks at descriptors only add the mode."""

    def __init__(self, places: Places, versions: Versions, pass_on: Callable[[Access], None]) -> None:
        self._places = places
        self._versions = versions
        self._pass_on = pass_on
        self._strays: dict[bytes, PathState] = {}
        self._pending: dict[ProcessKey, list[tuple[PathState, Open]]] = {}
        """Opens by processes that the sensor names, which have not been closed yet."""

    def opened(self, observation: seen.FileOpened) -> None:
        """Take in an open; its version is noted now, who did it is judged later."""
        path = self._places.relative(observation.path)
        if path is None:
            return
        sort = self._places.noise.sort(path)
        if sort is Sort.BYTECODE:
            self._bytecode(path, observation)
            return
        if sort is not Sort.LINEAGE:
            return
        state = self._versions.path(path)
        stat, at_ns, process = observation.stat, observation.at_ns, observation.process
        if process is not None:
            self._opened_by(process, state, observation)
            return
        truncated = at_ns - state.stray_ns < _TRUNCATE_NS or (stat is not None and stat.size_bytes == 0)
        state.stray_ns = 0
        opened = Open(at_ns, stat, truncated, since_ns=observation.since_ns or at_ns)
        state.opens.append(opened)
        self._pass_on(Access("bind", path, at_ns, at_ns, stat, opened))

    def _opened_by(self, process: ProcessKey, state: PathState, observation: seen.FileOpened) -> None:
        """Take in an open by a process that the sensor names; if it names no mode, what follows tells."""
        stat, at_ns, path = observation.stat, observation.at_ns, state.path
        if observation.reads is None and observation.writes is None:
            created = observation.created or state.maker == process
            state.maker = None
            early = next((one for one in state.opens if one.borrowed and one.key == process), None)
            if early is not None and not early.changed:
                state.opens.remove(early)  # a look had found this very open, before it was told
            emptied = created or (stat is not None and stat.size_bytes == 0)
            opened = Open(at_ns, stat, emptied, key=process, unsaid=True)
            state.opens.append(opened)
            self._pending.setdefault(process, []).append((state, opened))
            if not (created or observation.changed):
                self._pass_on(Access("bind", path, at_ns, at_ns, stat, opened, process=process))
            return
        emptied = stat.size_bytes == 0 if stat is not None else not observation.reads
        opened = Open(at_ns, stat, truncated=bool(observation.writes) and emptied, key=process)
        if observation.writes:
            state.opens.append(opened)
        if observation.reads and not opened.truncated:
            self._pass_on(Access("read", path, at_ns, at_ns, stat, opened, process=process))

    def created(self, observation: seen.FileCreated) -> None:
        """Take in that a file was made; the open that made it comes next."""
        path = self._places.lineage(observation.path)
        if path is not None:
            self._versions.path(path).maker = observation.process

    def read(self, observation: seen.FileRead) -> None:
        """Take in that content was read, through an open of its own or of another process."""
        path = self._places.lineage(observation.path)
        if path is None:
            return
        state, process = self._versions.path(path), observation.process
        opened = _newest(state.opens, process) or next((one for one in state.opens if one.unsaid), None)
        if opened is None:
            opened = Open(observation.at_ns, observation.stat, truncated=False, key=process, unsaid=True)
            state.opens.append(opened)
            self._pending.setdefault(process, []).append((state, opened))
        opened.accessed = True
        self._hear(state, opened, process, observation.at_ns)

    def _hear(self, state: PathState, opened: Open, process: ProcessKey, at_ns: int) -> None:
        """Pass on that a process reads through an open file, once; what it wrote there itself is no input."""
        if process in opened.heard or opened.truncated:
            return
        opened.heard.add(process)
        from_ns = opened.at_ns if process == opened.key else at_ns
        self._pass_on(Access("read", state.path, from_ns, at_ns, opened.stat, opened, process=process))

    def _bytecode(self, path: bytes, observation: seen.FileOpened) -> None:
        """Take in a read of the source in whose place a cache was read, if it names it as it is now."""
        source = bytecode.source_path(path)
        mark, stat = observation.source_mark, observation.stat
        if source is None or mark is None or not bytecode.names(mark, stat):
            return
        if observation.writes or self._places.noise.sort(source) is not Sort.LINEAGE:
            return
        at_ns = observation.at_ns
        opened = Open(at_ns, stat, truncated=False, since_ns=observation.since_ns or at_ns)
        self._pass_on(Access("read", source, at_ns, at_ns, stat, opened, process=observation.process))

    def modified(self, observation: seen.FileModified) -> None:
        """Take in that content was changed."""
        path = self._places.lineage(observation.path)
        if path is None:
            return
        state = self._versions.path(path)
        if observation.process is not None:
            self._modified_by(observation.process, state, observation)
        elif state.opens:
            state.modified = True
        else:
            state.stray_ns = observation.at_ns
            self._strays[path] = state

    def _modified_by(self, process: ProcessKey, state: PathState, observation: seen.FileModified) -> None:
        """Take in a change by a process that the sensor names; without any open it is ``truncate``."""
        at_ns = observation.at_ns
        opened = _newest(state.opens, process) or _of_a_writer(state.opens)
        if opened is not None:
            if opened.borrowed:
                opened.stat = observation.stat
            self._changed(process, state, opened, at_ns)
            return
        opened = Open(at_ns, state.stat, truncated=False, key=process, bound=state.version, unsaid=True)
        self._changed(process, state, opened, at_ns)
        state.closing += 1
        self._pass_on(Access("write", state.path, at_ns, at_ns, observation.stat, opened, process=process))

    def _changed(self, process: ProcessKey, state: PathState, opened: Open, at_ns: int) -> None:
        """Note that content was changed through an open, and by which step: it may be gone at the close."""
        opened.changed.setdefault(process, at_ns)
        state.modified = True
        self._pass_on(Access("change", state.path, at_ns, at_ns, opened=opened, process=process))

    def touched(self, observation: seen.FileTouched) -> None:
        """Take in that attributes were changed; a file that is being written is looked at later."""
        path = self._places.lineage(observation.path)
        state = self._versions.touched(path) if path is not None else None
        if state is None and path is not None:
            state = self._versions.peek(path)
        if state is not None and not state.modified:
            self._versions.restat(state, observation.stat, observation.at_ns)

    def closed(self, observation: seen.FileClosed) -> None:
        """Take in a close, and with it the access that it ends."""
        path = self._places.lineage(observation.path)
        if path is None:
            return
        state = self._versions.path(path)
        if observation.process is not None and not observation.wrote:
            self._closed_by(observation.process, state, observation.at_ns)
            return
        opened = _match(state.opens, observation)
        if opened is not None:
            opened.accessed = observation.read
        at_ns = observation.at_ns
        from_ns = at_ns if opened is None else opened.at_ns
        if not observation.wrote:
            if opened is not None and opened.told:
                return
            stat = observation.stat if opened is None else opened.stat
            self._pass_on(Access("read", path, from_ns, at_ns, stat, opened))
            return
        access = Access("write", path, from_ns, at_ns, observation.stat, opened, process=observation.process)
        state.closing += 1
        if state.modified:
            self._announce(access)
        self._pass_on(access)

    def _closed_by(self, process: ProcessKey, state: PathState, at_ns: int) -> None:
        """Take in the close of a file that was opened for reading only, by a known process."""
        mine = [one for one in state.opens if one.key == process and one.unsaid]
        opened = next((one for one in mine if process not in one.changed), None)
        joined = next((one for one in mine if not one.truncated), None) if opened is None else None
        if joined is not None:  # one event told of two opens: one for reading, and one that is still open
            read = Open(joined.at_ns, None, truncated=False, key=process, bound=state.version, unsaid=True)
            self._hear(state, read, process, at_ns)
            return
        opened = opened or next((one for one in state.opens if one.unsaid and not one.changed), None)
        if opened is None or opened.key is None:
            return
        state.opens.remove(opened)
        opened.closed = True
        opened.truncated = False
        state.lately = opened
        self._hear(state, opened, opened.key, at_ns)
        if opened.changed:
            self._hand_back(state, opened, at_ns)

    def gone(self, key: ProcessKey, at_ns: int) -> None:
        """Expect no more of a process that has ended; what it changed, another one may close."""
        for state, opened in self._pending.pop(key, ()):
            if opened.closed or opened not in state.opens:
                continue
            if not opened.changed:
                state.opens.remove(opened)
            elif opened.borrowed:
                state.opens.remove(opened)
                self._hand_back(state, opened, at_ns)

    def _hand_back(self, state: PathState, opened: Open, at_ns: int) -> None:
        """Let what was changed through an open of another process be its own, or that other's to close."""
        others = next((one for one in state.opens if one.unsaid and (one.changed or one.truncated)), None)
        if others is not None:
            others.changed = opened.changed | others.changed
            others.hands = opened.hands | others.hands
            return
        process, changed_ns = max(opened.changed.items(), key=lambda item: item[1])
        opened.key = process
        state.closing += 1
        at_ns = max(at_ns, changed_ns)
        self._pass_on(Access("write", state.path, at_ns, at_ns, opened.stat, opened, process=process))

    def unresolved(self, before_ns: int) -> dict[ProcessKey, list[bytes]]:
        """Return who holds files open since before a time, for nobody knows what; paths are absolute."""
        found: dict[ProcessKey, list[bytes]] = {}
        for key, entries in list(self._pending.items()):
            entries[:] = [(state, opened) for state, opened in entries if not opened.closed]
            paths = [
                self._places.absolute(state.path)
                for state, opened in entries
                if opened.at_ns < before_ns and not (opened.heard or opened.changed or opened.looked)
            ]
            for _, opened in entries:
                opened.looked = opened.looked or opened.at_ns < before_ns
            if paths:
                found[key] = paths
            elif not entries:
                del self._pending[key]
        return found

    def _announce(self, access: Access) -> None:
        """Let those who look at the path before the access is judged know that its content will change."""
        access.changes = True
        self._versions.path(access.path).changing += 1

    def moved(self, observation: seen.FileMoved) -> None:
        """Take in a rename."""
        source, path = self._places.relative(observation.source), self._places.relative(observation.path)
        if source is None or path is None:
            if source is not None:
                self.removed(
                    seen.FileRemoved(observation.at_ns, observation.source, observation.is_directory)
                )
            elif path is not None and not observation.is_directory:
                self.arrived(seen.FileArrived(observation.at_ns, observation.path, observation.stat))
            return
        at_ns = observation.at_ns
        access = Access("move", path, at_ns, at_ns, observation.stat, source=source)
        access.is_directory, access.process = observation.is_directory, observation.process
        if not observation.is_directory and self._places.lineage(observation.path) is not None:
            self._announce(access)
        self._pass_on(access)

    def arrived(self, observation: seen.FileArrived) -> None:
        """Take in a file that came from outside."""
        path = self._places.lineage(observation.path)
        if path is not None:
            at_ns = observation.at_ns
            access = Access("arrive", path, at_ns, at_ns, observation.stat, process=observation.process)
            self._announce(access)
            self._pass_on(access)

    def linked(self, observation: seen.FileLinked) -> None:
        """Take in a new hard link."""
        path = self._places.lineage(observation.path)
        if path is not None:
            at_ns = observation.at_ns
            self._pass_on(Access("link", path, at_ns, at_ns, observation.stat, process=observation.process))

    def removed(self, observation: seen.FileRemoved) -> None:
        """Take in that a name vanished."""
        path = self._places.relative(observation.path)
        if path is None or self._places.noise.sort(path) is Sort.IGNORED:
            return
        at_ns = observation.at_ns
        access = Access("remove", path, at_ns, at_ns, process=observation.process)
        access.is_directory = observation.is_directory
        self._pass_on(access)

    def appeared(self, observation: seen.FileFound) -> None:
        """Take in a file that stood in a directory before that could be watched."""
        path = self._places.lineage(observation.path)
        if path is not None:
            since_ns, at_ns = observation.since_ns, observation.at_ns
            process = observation.process
            self._pass_on(Access("scan", path, since_ns, at_ns, observation.stat, process=process))

    def held(self, process: Process, observation: seen.ProcessHeld) -> None:
        """Take in that a process holds files: opens for reading need not wait for their close."""
        for file in observation.files:
            if self._held_by(process, file, observation.at_ns):
                continue
            path = self._places.lineage(file.path) if file.reads else None
            state = self._versions.touched(path) if path is not None else None
            if path is None or state is None:
                continue
            opened = next((one for one in state.opens if _may_be(one, file)), None)
            if opened is None or any(one.told for one in state.opens):
                continue
            opened.told = True
            at_ns = opened.at_ns
            self._pass_on(Access("read", path, at_ns, observation.at_ns, opened.stat, opened, holder=process))

    def _held_by(self, process: Process, file: HeldFile, at_ns: int) -> bool:
        """Let a look at descriptors tell the mode of opens, where the sensor names processes."""
        key = process.key
        path = self._places.lineage(file.path)
        if path is None or not self.names_processes:
            return path is None
        state = self._versions.path(path)
        if any(one.key is None for one in state.opens):
            return False
        opened = _newest(state.opens, key)
        if opened is None and not file.writes:
            lately = [] if state.lately is None else [state.lately]
            opened = _lent([*state.opens, *lately], _line_of(process), at_ns)
            if opened is None and any(one.unsaid for one in state.opens):
                return True  # it got the file from who opened it long before, and may never read it
        if opened is None:
            opened = Open(at_ns, None, truncated=False, key=key, bound=state.version, unsaid=True)
            opened.borrowed = True
            state.opens.append(opened)
            self._pending.setdefault(key, []).append((state, opened))
        opened.looked = True
        if file.reads:
            self._hear(state, opened, key, at_ns)
        return True

    def overdue(self, now_ns: int) -> list[tuple[bytes, int]]:
        """Return files that were changed without an open (``truncate``), once they are quiet.

        The caller looks at them and reports each as ``FileFound``; with each comes the time of the
        change. Paths are absolute.
        """
        found = []
        for path, state in list(self._strays.items()):
            if not state.stray_ns or state.opens:
                del self._strays[path]
            elif now_ns - state.stray_ns > _QUIET_NS:
                del self._strays[path]
                found.append((self._places.absolute(path), state.stray_ns))
                state.stray_ns = 0
        return found


def _may_be(opened: Open, file: HeldFile) -> bool:
    """Say whether an open that nobody is known for may be the one by which a process holds a file."""
    return not opened.told and opened.key is None and (file.writes or not opened.truncated)


def _of_a_writer(opens: list[Open]) -> Open | None:
    """Return an open through which another process may write: one that was written through, at best."""
    some = [one for one in opens if one.unsaid and (one.changed or one.truncated or not one.heard)]
    return max(some, key=lambda one: bool(one.changed or one.truncated), default=None)


def _line_of(process: Process) -> set[ProcessKey]:
    """Return a process and those that it comes from: from whom it can have an open file."""
    line: set[ProcessKey] = set()
    node: Process | None = process
    while node is not None and node.key not in line:
        line.add(node.key)
        node = node.parent
    return line


def _lent(opens: list[Open], line: set[ProcessKey], at_ns: int) -> Open | None:
    """Return an open that was just made for a program to begin with, as a shell does for ``sort < a``.

    It was made by one of ``line``: the process before it became that program, or one that it comes from.
    """
    for opened in opens:
        if opened.key not in line:
            continue
        if opened.unsaid and not opened.lent and at_ns - opened.at_ns < _REDIRECTED_NS:
            opened.lent = True
            return opened
    return None


def _newest(opens: list[Open], process: ProcessKey) -> Open | None:
    """Return the newest open of a process, None if it has none."""
    return next((one for one in reversed(opens) if one.key == process and one.unsaid), None)


def _match(opens: list[Open], closed: seen.FileClosed) -> Open | None:
    """Take the open that a close ends: the process's own; else of writers the one that emptied the file.

    Who emptied it is no mere reader. Of the process's own, one through which it has changed something.
    """
    mine = [one for one in opens if closed.process is not None and one.key == closed.process]
    known = [one for one in opens if one.unsaid] if closed.process is not None and not mine else []
    for chosen in (mine, known):
        best = next((one for one in chosen if one.changed), None) or next(iter(chosen), None)
        if best is not None:
            opens.remove(best)
            best.closed = True
            return best
    for index, opened in enumerate(opens):
        if closed.wrote == opened.truncated:
            return opens.pop(index)
    return opens.pop(0) if opens else None
