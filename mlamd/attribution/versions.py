"""Paths and their versions: what stands where, and which events a change of it makes."""

from collections.abc import Callable

from mlamd.attribution.state import Memory, PathState
from mlamd.model import events
from mlamd.model.events import Actors
from mlamd.model.evidence import Grade, Origin
from mlamd.model.files import FileStat

_MOST_KEPT = 30_000
_SAVE_NS = 2_000_000_000


class Versions:
    """The book of paths and versions. Paths are relative to the workspace, or absolute outside."""

    def __init__(self, memory: Memory, emit: Callable[[events.Event], None]) -> None:
        self._memory = memory
        self._emit = emit
        counters = memory.counters()
        self._last_version, self._last_name = counters[2], counters[4]
        self._paths: dict[bytes, PathState] = {}
        self._numbered: dict[int, bytes] = {}
        self._inodes: dict[tuple[int, ...], set[bytes]] = {}
        """The paths at which an inode was met."""
        self._words: dict[tuple[str, ...], int] = {}
        self._listed: dict[int, tuple[str, ...]] = {}

    def name(self, value: bytes | tuple[str, ...]) -> int:
        """Return the number of a name; a new one is made known first."""
        if isinstance(value, tuple):
            number = self._words.get(value)
            if number is None:
                number = self._words[value] = self._memory.name(value) or self._new_name(value)
                self._listed[number] = value
            return number
        return self.path(value).name

    def path_of(self, number: int) -> bytes:
        """Return the path that has this number; it must have been asked for since the last ``forget``."""
        return self._numbered[number]

    def words_of(self, number: int) -> tuple[str, ...]:
        """Return the list that has this number; it must have been asked for since the last ``forget``."""
        return self._listed[number]

    def _new_name(self, value: bytes | tuple[str, ...]) -> int:
        self._last_name += 1
        self._emit(events.Named(self._last_name, value))
        return self._last_name

    def path(self, path: bytes) -> PathState:
        """Return what is known of a path."""
        state = self._paths.get(path)
        if state is None:
            number = self._memory.name(path)
            if number:
                version, last, stat = self._memory.path(number)
                state = PathState(path, number, version, last, stat)
                if version:
                    self._stands(state, version, stat)
            else:
                state = PathState(path, self._new_name(path))
            self._paths[path] = state
            self._numbered[state.name] = path
        return state

    def touched(self, path: bytes) -> PathState | None:
        """Return what is known of a path if it was touched lately."""
        return self._paths.get(path)

    def peek(self, path: bytes) -> PathState | None:
        """Return what is known of a path without giving it a number."""
        state = self._paths.get(path)
        if state is None and self._memory.name(path):
            state = self.path(path)
        return state

    def seal(
        self,
        state: PathState,
        at_ns: int,
        stat: FileStat | None,
        origin: Origin,
        actors: Actors = (),
        *,
        derived: bool = False,
    ) -> int:
        """Make a new version of a path current, unless nothing changed; return its number."""
        if state.version and stat is not None and stat.same_content(state.stat):
            unchanged = not state.modified or (
                state.stat is not None and stat.ctime_ns == state.stat.ctime_ns
            )
            if unchanged:
                self._same_again(state, stat, at_ns, actors)
                return state.version
        self._last_version += 1
        version = self._last_version
        previous = state.version or state.last
        self._emit(events.Sealed(version, state.name, at_ns, stat, None, origin, previous, derived, actors))
        state.fresh = origin is Origin.WRITTEN and not previous
        state.version = state.last = version
        state.stat, state.writers, state.sealed_ns = stat, actors, at_ns
        state.modified, state.stray_ns = False, 0
        self._stands(state, version, stat)
        if stat is not None and stat.links > 1:
            self._carry_over(state, version, stat, at_ns)
        return version

    def _stands(self, state: PathState, version: int, stat: FileStat | None) -> None:
        """Take note of which version, and which inode, stands at a path now."""
        state.note(version, stat)
        if stat is not None:
            self._inodes.setdefault(stat[:2], set()).add(state.path)

    def _carry_over(self, state: PathState, version: int, stat: FileStat, at_ns: int) -> None:
        """Let the other names of an inode that has changed share the new version."""
        for path in sorted(self._inodes.get(stat[:2], ())):
            other = self.path(path)
            if other is not state and other.version and other.stat is not None and other.stat[:2] == stat[:2]:
                self._share(other, version, stat, state, at_ns)

    def _share(self, state: PathState, version: int, stat: FileStat, origin: PathState, at_ns: int) -> None:
        self._emit(events.Linked(version, state.name, at_ns))
        state.version = state.last = version
        state.stat, state.writers, state.sealed_ns = stat, origin.writers, origin.sealed_ns
        state.fresh = False
        self._stands(state, version, stat)

    def _same_again(self, state: PathState, stat: FileStat, at_ns: int, actors: Actors) -> None:
        known = {step for step, _ in state.writers}
        new = tuple((step, grade) for step, grade in actors if step not in known)
        if known:
            # Several processes wrote before anybody could look: one version, and the kernel names them all.
            new = tuple((step, grade) for step, grade in new if grade is Grade.OBSERVED)
        if new and (known or state.sealed_ns):
            for step, grade in new:
                later_ns = at_ns if at_ns > state.sealed_ns else 0
                self._emit(events.WriterAdded(state.version, step, grade, later_ns))
            state.writers = (*state.writers, *new)
        state.stat = stat
        state.modified = False

    def restat(self, state: PathState, stat: FileStat, at_ns: int) -> None:
        """Take note that the attributes of a file are others now, and its content is still the same."""
        known = state.stat
        same_file = state.version and known is not None and known[:3] == stat[:3]
        if same_file and known is not None and known.mtime_ns != stat.mtime_ns:
            self._emit(events.Touched(state.version, state.name, at_ns, stat))
            state.stat = stat
            state.note(state.version, stat)

    def existing(self, state: PathState, stat: FileStat | None, at_ns: int) -> int:
        """Return the version that somebody opened: the one we know, or one made for what was there."""
        if state.version and (stat is None or state.stat is None or stat.same_content(state.stat)):
            return state.version
        if stat is None:
            return self.seal(state, at_ns, None, Origin.EXISTING) if not state.version else state.version
        for version, known in reversed(state.recent):
            if stat.same_content(known):
                return version
        if stat.links > 1:
            self.link(state, stat, at_ns, self.inode_path(stat, state.path))
            if stat.same_content(state.stat):
                return state.version
        origin = Origin.EXISTING if not state.last else Origin.FOUND
        return self.seal(state, min(stat.mtime_ns, at_ns), stat, origin)

    def move(
        self, source: PathState, target: PathState, at_ns: int, stat: FileStat | None, actors: Actors
    ) -> None:
        """Give the version at ``source`` the name of ``target``."""
        version, replaced = source.version, target.version
        stat = stat or source.stat
        temporary = source.fresh and _same_hands(source, at_ns, actors)
        self._emit(events.Moved(version, source.name, target.name, at_ns, stat, replaced, temporary, actors))
        target.version = target.last = version
        target.stat, target.sealed_ns = stat, source.sealed_ns
        target.writers = source.writers or actors
        target.fresh = source.fresh and not replaced
        target.modified, target.opens, target.hands = source.modified, source.opens, ()
        self._stands(target, version, stat)
        source.last = 0 if temporary else version
        source.version, source.stat, source.opens = 0, None, []
        source.fresh = source.modified = False
        source.recent.clear()

    def link(self, state: PathState, stat: FileStat, at_ns: int, other: bytes | None) -> None:
        """Give a version that stands elsewhere the further name of ``state``."""
        origin = self.peek(other) if other is not None else None
        if origin is None or not origin.version or origin is state or not stat.same_content(origin.stat):
            return
        self._share(state, origin.version, stat, origin, at_ns)

    def remove(self, state: PathState, at_ns: int, actors: Actors) -> None:
        """Take note that nothing stands at a path any more."""
        if not state.version:
            return
        self._emit(events.Removed(state.version, state.name, at_ns, actors))
        state.version, state.stat, state.writers = 0, None, ()
        state.fresh = state.modified = False
        state.recent.clear()

    def inode_path(self, stat: FileStat, apart_from: bytes) -> bytes | None:
        """Return another path at which this inode is known to stand."""
        for path in sorted(self._inodes.get(stat[:2], ())):
            state = self.path(path)
            known = state.stat
            if known is not None and known[:2] == stat[:2] and path != apart_from and state.version:
                return path
        other = self._memory.inode(stat.device, stat.inode)
        return other if other != apart_from else None

    def below(self, directory: bytes) -> list[PathState]:
        """Return the paths below a directory at which something is known to stand."""
        prefix = directory + b"/"
        paths = {path for path in self._paths if path.startswith(prefix)}
        paths.update(self._memory.below(prefix))
        return [state for path in sorted(paths) if (state := self.path(path)).version]

    def forget_opens(self) -> None:
        """Expect no closes any more: they may be among what was lost."""
        for state in self._paths.values():
            state.opens, state.hands = [], ()
            state.stray_ns = 0

    def forget(self) -> None:
        """Drop what the memory knows too; only to be called when every event has been folded."""
        if len(self._paths) > _MOST_KEPT:
            self._paths = {
                path: state
                for path, state in self._paths.items()
                if state.opens or state.closing or state.changing or state.modified
            }
            self._numbered = {state.name: path for path, state in self._paths.items()}
            self._inodes.clear()
        if len(self._words) > _MOST_KEPT // 10:
            self._words.clear()
            self._listed.clear()


def _same_hands(source: PathState, at_ns: int, movers: Actors) -> bool:
    """Say whether a rename belongs to the save that wrote the file."""
    writers = {step for step, _ in source.writers}
    if writers and movers:
        return not writers.isdisjoint(step for step, _ in movers)
    return at_ns - source.sealed_ns < _SAVE_NS
