"""Content digests: small files at once, large ones behind the recording, in two threads at most."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, replace

import trio

from mlamd.host.files import Digests, FileHost
from mlamd.model.events import Digested, Event, Moved, Sealed, Touched
from mlamd.model.files import FileStat
from mlamd.sensors.signals import Kept

_THREADS = 2
_PATIENCE_S = 1.0
_MOST_KEPT = 20_000
_GONE = "it was changed or removed before it could be read"

Content = tuple[int, bytes]
"""Size in bytes and digest of a version."""

Mark = tuple[int, ...]
"""What tells contents apart: the first four fields of ``FileStat``."""


@dataclass(slots=True)
class _Task:
    """A version without a digest; ``before`` is the content it may have been appended to."""

    version: int
    path: bytes
    stat: FileStat
    before: Content | None


class Digester:
    """Fills in the digests of sealed versions, and finds out which were made by appending.

    ``at_once_bytes`` is the size up to which that happens before the event is stored; ``content``
    answers for versions that were digested long ago. ``known`` is told of each that was digested: version,
    path, stat and digest.
    """

    def __init__(
        self,
        files: FileHost,
        at_once_bytes: int,
        most_bytes: int,
        content: Callable[[int], Content | None] = lambda version: None,  # noqa: ARG005  (a default)
        known: Callable[[int, bytes, FileStat, bytes], None] = lambda *_: None,
    ) -> None:
        self._files = files
        self._at_once_bytes = at_once_bytes
        self._most_bytes = most_bytes
        self._content = content
        self._on_known = known
        self._known: OrderedDict[int, Content] = OrderedDict()
        self._waiting: deque[_Task] = deque()
        self._tasks: dict[int, _Task] = {}
        self._unreadable: dict[int, tuple[float, Mark | None]] = {}
        """Versions of which the content was gone: since when that is known, and what it was."""
        self._given_up: OrderedDict[Mark, int] = OrderedDict()
        self._saved: OrderedDict[Mark, Kept] = OrderedDict()
        """What a sensor has kept of contents before they were lost."""
        self._known_marks: list[Mark] = []
        self._done: list[Event] = []
        self._news = trio.Event()

    @property
    def waiting(self) -> int:
        """How many files are still to be digested."""
        return len(self._tasks)

    def complete(self, event: Sealed, path: bytes, *, maybe_appended: bool) -> Sealed:
        """Return the event with its digest if the file is small; else remember to digest it."""
        stat = event.stat
        if stat is None:
            self._unreadable[event.version] = time.monotonic(), None
            return event
        task = _Task(
            event.version, path, stat, self._before(event.previous, stat) if maybe_appended else None
        )
        if stat.size_bytes > self._at_once_bytes:
            self._later(task)
            return event
        found = self._digest(task)
        if found.whole is None:
            self._unreadable[event.version] = time.monotonic(), stat[:4]
            return event
        self._keep(task, found.whole)
        return replace(event, digest=found.whole, derived=event.derived or _appended(task, found))

    def digest_of(self, version: int) -> bytes | None:
        """Return the digest of a version, if it is known."""
        content = self._known.get(version) or self._content(version)
        return None if content is None else content[1]

    def _before(self, previous: int, stat: FileStat) -> Content | None:
        content = self._known.get(previous) or self._content(previous)
        return content if content is not None and 0 < content[0] < stat.size_bytes else None

    def _digest(self, task: _Task) -> Digests:
        found = self._files.digest(task.path, task.stat, task.before[0] if task.before else 0)
        saved = self._saved.get(task.stat[:4]) if found.whole is None else None
        return found if saved is None or saved.digest is None else Digests(saved.digest, None, "")

    def kept(self, item: Kept) -> list[Event]:
        """Take in that a sensor has kept a content; return what is known by that of versions."""
        mark = item.stat[:4]
        self._saved[mark] = item
        self._saved.move_to_end(mark)
        if len(self._saved) > _MOST_KEPT:
            self._saved.popitem(last=False)
        if item.digest is None and not item.reason:
            return []
        versions = [version for version, (_, waits) in self._unreadable.items() if waits == mark]
        for version in versions:
            del self._unreadable[version]
        late = self._given_up.pop(mark, None)
        versions += [] if late is None else [late]
        return [Digested(version, item.digest, item.reason) for version in versions]

    def take_known(self) -> list[Mark]:
        """Return the contents that have been digested since the last call."""
        known, self._known_marks = self._known_marks, []
        return known

    def _keep(self, task: _Task, digest: bytes) -> None:
        self._known_marks.append(task.stat[:4])
        self._on_known(task.version, task.path, task.stat, digest)
        self._known[task.version] = (task.stat.size_bytes, digest)
        if len(self._known) > _MOST_KEPT:
            self._known.popitem(last=False)

    def resume(self, version: int, path: bytes, stat: FileStat) -> None:
        """Remember to digest a version that an earlier recorder did not come to."""
        self._later(_Task(version, path, stat, None))

    def touched(self, event: Touched, path: bytes) -> Event | None:
        """Look again at a file that could not be digested, as its times were set right after its close."""
        return self._again(event.version, path, event.stat)

    def moved(self, event: Moved, path: bytes) -> Event | None:
        """Follow a file that was renamed before it could be digested."""
        waiting = self._tasks.get(event.version)
        if waiting is not None:
            waiting.path = path
        return None if event.stat is None else self._again(event.version, path, event.stat)

    def _again(self, version: int, path: bytes, stat: FileStat) -> Event | None:
        """Digest what could not be read before, at once if it is small."""
        if version not in self._unreadable:
            return None
        del self._unreadable[version]
        task = _Task(version, path, stat, None)
        if stat.size_bytes > self._at_once_bytes:
            self._later(task)
            return None
        found = self._digest(task)
        return None if self._is_lost(task, found) else self._event(task, found)

    def _is_lost(self, task: _Task, found: Digests) -> bool:
        """Say whether the content was gone; it may have been kept, or be looked at again."""
        if found.whole is None and found.lost:
            self._unreadable[task.version] = time.monotonic(), task.stat[:4]
            return True
        return False

    def given_up(self, *, final: bool = False) -> list[Event]:
        """Return events for versions whose content was gone before anybody could read it."""
        before = time.monotonic() - (0 if final else _PATIENCE_S)
        given_up: list[Event] = []
        for version, (since, mark) in list(self._unreadable.items()):
            saved = self._saved.get(mark) if mark is not None else None
            if since > before or (saved is not None and not saved.reason and not final):
                continue  # it may come, or is being read
            del self._unreadable[version]
            if mark is not None:
                self._given_up[mark] = version
                if len(self._given_up) > _MOST_KEPT:
                    self._given_up.popitem(last=False)
            reason = saved.reason if saved is not None else ""
            given_up.append(Digested(version, None, reason or _GONE))
        return given_up

    def _later(self, task: _Task) -> None:
        if task.stat.size_bytes > self._most_bytes:
            self._done.append(Digested(task.version, None, "it is larger than digest_most_bytes"))
            return
        self._tasks[task.version] = task
        self._waiting.append(task)
        self._news.set()

    def take(self) -> list[Event]:
        """Return what has been digested since the last call."""
        done, self._done = self._done, []
        return done

    async def run(self) -> None:
        """Digest until cancelled."""
        limit = trio.Semaphore(_THREADS)
        async with trio.open_nursery() as nursery:
            while True:
                while not self._waiting:
                    self._news = trio.Event()
                    await self._news.wait()
                await limit.acquire()
                nursery.start_soon(self._one, self._waiting.popleft(), limit)

    async def _one(self, task: _Task, limit: trio.Semaphore) -> None:
        try:
            path = task.path
            found = await trio.to_thread.run_sync(self._digest, task)
            if found.whole is None and task.path != path:
                found = await trio.to_thread.run_sync(self._digest, task)
            if not self._is_lost(task, found):
                self._done.append(self._event(task, found))
            self._tasks.pop(task.version, None)
        finally:
            limit.release()

    def _event(self, task: _Task, found: Digests) -> Digested:
        if found.whole is not None:
            self._keep(task, found.whole)
        return Digested(task.version, found.whole, found.reason, _appended(task, found))


def _appended(task: _Task, found: Digests) -> bool:
    return task.before is not None and found.prefix == task.before[1]
