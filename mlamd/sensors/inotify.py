"""The inotify sensor, on top of watchdog's descriptor thread. Source: inotify(7).

One watch for each directory that is not noise. A new directory is marked first and scanned then, so
that nothing in it is missed; what the scan meets is reported as found. Events come in batches: after
a batch the thread rests a millisecond, in which the kernel joins equal ones.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from itertools import count
from typing import ClassVar

from watchdog.observers.inotify_c import (
    CallbackId,
    InotifyConstants,
    InotifyEvent,
    InotifyFD,
    Mask,
    WatchDescriptor,
)

from mlamd.errors import AccessError, WatchLimitError, WorkspaceGoneError
from mlamd.host.clock import Clock
from mlamd.sensors.signals import Act, Deliver, Signal

_REST_S = 0.001
_WAITED_NS = 5_000_000
"""A read that took longer than this found the queue empty; its events are then no older than this."""
_BUFFER_BYTES = 1 << 18

_MASK = Mask(
    InotifyConstants.IN_OPEN
    | InotifyConstants.IN_ACCESS
    | InotifyConstants.IN_MODIFY
    | InotifyConstants.IN_CLOSE_WRITE
    | InotifyConstants.IN_CLOSE_NOWRITE
    | InotifyConstants.IN_MOVED_FROM
    | InotifyConstants.IN_MOVED_TO
    | InotifyConstants.IN_CREATE
    | InotifyConstants.IN_DELETE
    | InotifyConstants.IN_DELETE_SELF
    | InotifyConstants.IN_ONLYDIR
    | InotifyConstants.IN_DONT_FOLLOW
)
_ROOT_MASK = Mask(_MASK | InotifyConstants.IN_MOVE_SELF)

_ACTS = (
    (InotifyConstants.IN_OPEN, Act.OPEN),
    (InotifyConstants.IN_MODIFY, Act.MODIFY),
    (InotifyConstants.IN_CLOSE_WRITE, Act.CLOSE_WRITE),
    (InotifyConstants.IN_CLOSE_NOWRITE, Act.CLOSE_READ),
    (InotifyConstants.IN_CREATE, Act.CREATE),
    (InotifyConstants.IN_DELETE, Act.DELETE),
    (InotifyConstants.IN_MOVED_FROM, Act.MOVED_FROM),
    (InotifyConstants.IN_MOVED_TO, Act.MOVED_TO),
)
_ACT_OF = {int(bit): act for bit, act in _ACTS}
_FILE_BITS = sum(_ACT_OF) | int(InotifyConstants.IN_ACCESS)
_DIRECTORY = int(InotifyConstants.IN_ISDIR)
_READ = int(InotifyConstants.IN_ACCESS)
_MOST_READ = 50_000
_PAIR_NS = 100_000_000
"""How long the second half of a rename may take to follow the first."""


class _Batched(InotifyFD):
    """Reads large batches, with a short rest between them."""

    def __init__(self) -> None:
        super().__init__()
        self.plain: Callable[[InotifyEvent], None] = self.handle_event
        self.read_ns = time.time_ns()
        self.before_ns = self.read_ns

    def run(self) -> None:
        """Read until stopped; what is plain goes to the sensor without watchdog's bookkeeping."""
        while self.should_keep_running():
            for event in self.read_events():
                if int(event.mask) & _FILE_BITS:
                    self.plain(event)
                else:
                    self.handle_event(event)

    def read_events(self, *, event_buffer_size: int = _BUFFER_BYTES) -> list[InotifyEvent]:
        """Return the next batch; ``before_ns`` and ``read_ns`` bracket when it happened."""
        time.sleep(_REST_S)
        asked_ns = time.time_ns()
        found = super().read_events(event_buffer_size=max(event_buffer_size, _BUFFER_BYTES))
        before_ns, self.read_ns = self.read_ns, time.time_ns()
        waited = self.read_ns - asked_ns > _WAITED_NS
        self.before_ns = self.read_ns - _WAITED_NS if waited else before_ns
        return found


class InotifySensor:
    """Watches directory trees; ``skip`` says which directories are noise (absolute paths)."""

    name: ClassVar[str] = "inotify"

    def __init__(
        self, roots: tuple[bytes, ...], skip: Callable[[bytes], bool], deliver: Deliver, clock: Clock
    ) -> None:
        self._roots = roots
        self._skip = skip
        self._deliver = deliver
        self._clock = clock
        self._paths: dict[WatchDescriptor, bytes] = {}
        self._watches: dict[bytes, WatchDescriptor] = {}
        self._identities: dict[WatchDescriptor, CallbackId] = {}
        self._marking = threading.RLock()
        """Held while watches are added, moved or dropped: ``refresh`` runs in another thread."""
        self._moving: dict[int, tuple[bytes, int]] = {}
        self._read: set[bytes] = set()
        self._last_ns = 0
        self._numbers = count(1)
        try:
            self._descriptor = _Batched()
        except OSError as error:
            raise WatchLimitError(
                f"no further inotify instance is allowed ({error}): raise fs.inotify.max_user_instances"
            ) from error

    def start(self) -> None:
        """Mark all trees, then begin to read.

        Raises ``WatchLimitError`` if the kernel allows no further watches, ``AccessError`` and
        ``WorkspaceGoneError`` for a root that cannot be watched.
        """
        self._descriptor.plain = self.on_event
        for root in self._roots:
            self._mark_root(root)
        self._descriptor.start()

    def stop(self) -> None:
        """End the thread; what it has read is delivered."""
        self._descriptor.stop()
        if self._descriptor.is_alive():
            self._descriptor.join(2)

    def alive(self) -> bool:
        """Say whether the reading thread still runs."""
        return self._descriptor.is_alive()

    def watched(self) -> int:
        """Return the number of watched directories."""
        return len(self._paths)

    def watch_extra(self, directory: bytes) -> None:
        """Watch one more directory, without those below it."""
        self._mark(directory)

    def refresh(self) -> None:
        """Mark directories that are not marked yet, after an overflow or a change of what is noise."""
        for root in self._roots:
            try:
                for directory in self._directories(root):
                    with self._marking:
                        self._mark(directory, again=True)
            except OSError as error:
                self._unwatchable(root, error)

    def _mark_root(self, root: bytes) -> None:
        if not os.path.isdir(root):
            raise WorkspaceGoneError(f"{os.fsdecode(root)} is no directory: nothing to record")
        if not os.access(root, os.R_OK | os.X_OK):
            raise AccessError(f"no permission to read {os.fsdecode(root)}: check its owner and mode")
        try:
            for directory in self._directories(root):
                self._mark(directory)
        except OSError as error:
            limit = _limit()
            raise WatchLimitError(
                f"the kernel allows {limit} inotify watches, which is too few for {os.fsdecode(root)}: raise "
                "fs.inotify.max_user_watches, or leave directories out in .mlamdignore"
            ) from error

    def _directories(self, top: bytes) -> Iterator[bytes]:
        """Yield ``top`` and the directories below it; a directory is yielded before it is read."""
        waiting = [top]
        while waiting:
            directory = waiting.pop()
            yield directory
            try:
                with os.scandir(directory) as entries:
                    waiting.extend(
                        entry.path
                        for entry in entries
                        if entry.is_dir(follow_symlinks=False) and not self._skip(entry.path)
                    )
            except FileNotFoundError:
                continue
            except OSError as error:
                self._unwatchable(directory, error)

    def _mark(self, directory: bytes, *, again: bool = False) -> WatchDescriptor | None:
        """Watch one directory; raises ``OSError`` only if no watches are left.

        ``again`` asks the kernel even if the name is watched: another directory may stand there by now.
        """
        known = self._watches.get(directory)
        if known is not None and not again:
            return known
        if not os.access(directory, os.R_OK):
            if os.path.lexists(directory):
                self._unwatchable(directory, PermissionError("no permission to watch it"))
            return None
        identity = CallbackId(next(self._numbers))
        mask = _ROOT_MASK if directory in self._roots else _MASK
        try:
            descriptor = self._descriptor.add_callback(directory, mask, self, identity)
        except (FileNotFoundError, NotADirectoryError):
            return None
        if descriptor == -1:
            return None
        self._enter(directory, descriptor, identity)
        return descriptor

    def _enter(self, directory: bytes, descriptor: WatchDescriptor, identity: CallbackId) -> None:
        """Note a watch; the directory may have been known by another name, the name for another directory."""
        if descriptor in self._identities:
            self._descriptor.remove_callbacks([(descriptor, self._identities[descriptor])])
            name = self._paths.get(descriptor)
            if name is not None and self._watches.get(name) == descriptor:
                del self._watches[name]
        stale = self._watches.get(directory)
        if stale is not None and stale != descriptor:
            self._drop(stale)
        self._identities[descriptor] = identity
        self._paths[descriptor] = directory
        self._watches[directory] = descriptor

    def _drop(self, descriptor: WatchDescriptor) -> None:
        """Watch something no more."""
        self._paths.pop(descriptor, None)
        identity = self._identities.pop(descriptor, None)
        if identity is not None:
            self._descriptor.remove_callbacks([(descriptor, identity)])

    def _unwatchable(self, directory: bytes, error: OSError) -> None:
        now_ns = self._clock.now_ns()
        self._deliver(
            Signal(
                Act.LOST, now_ns, directory, from_ns=now_ns, detail=f"unwatchable: {error.strerror or error}"
            )
        )

    # --- called by watchdog's thread ---------------------------------------------------------

    def on_event(self, event: InotifyEvent) -> None:
        """Take one event of a watched directory."""
        if self._moving:
            with self._marking:
                self._left(self._descriptor.read_ns - _PAIR_NS)
        directory = self._paths.get(event.wd)
        if directory is None:
            return
        mask = int(event.mask)
        act = _ACT_OF.get(mask & _FILE_BITS)
        if not event.name or (act is None and not mask & _READ):
            self._special(directory, event)
            return
        path = directory + b"/" + event.name
        if act is None:
            self._read.add(path)
            return
        at_ns = self._stamp()
        if not mask & _DIRECTORY:
            from_ns = self._descriptor.before_ns
            if act is Act.CLOSE_WRITE or act is Act.CLOSE_READ:
                self._deliver(Signal(act, at_ns, path, from_ns=from_ns, read=self._was_read(path)))
            else:
                self._deliver(Signal(act, at_ns, path, cookie=event.cookie, from_ns=from_ns))
        elif act in {Act.CREATE, Act.MOVED_FROM, Act.MOVED_TO, Act.DELETE}:
            try:
                with self._marking:
                    self._directory(act, at_ns, path, event.cookie)
            except OSError as error:
                self._unwatchable(path, error)

    def _was_read(self, path: bytes) -> bool:
        """Say whether content was read since the last close; ``IN_ACCESS`` itself is never passed on."""
        if path in self._read:
            self._read.discard(path)
            return True
        if len(self._read) > _MOST_READ:
            self._read.clear()
        return False

    def _stamp(self) -> int:
        """Return the time of an event; those of one batch keep their order by a nanosecond each."""
        self._last_ns = max(self._descriptor.read_ns, self._last_ns + 1)
        return self._last_ns

    def _special(self, directory: bytes, event: InotifyEvent) -> None:
        ended = event.is_delete_self or event.is_move_self or event.mask & InotifyConstants.IN_UNMOUNT
        if ended and directory in self._roots:
            self._deliver(Signal(Act.GONE, self._descriptor.read_ns, directory, is_directory=True))

    def _directory(self, act: Act, at_ns: int, path: bytes, cookie: int) -> None:
        self._deliver(
            Signal(act, at_ns, path, is_directory=True, cookie=cookie, from_ns=self._descriptor.before_ns)
        )
        if act is Act.MOVED_FROM:
            self._moving[cookie] = path, at_ns
        elif act is Act.MOVED_TO:
            source, _ = self._moving.pop(cookie, (b"", 0))
            if source not in self._watches:
                self._left(at_ns)
                self._appeared(path)
            elif self._skip(path):
                self._unmark(source)
            else:
                self._renamed(source, path)
        elif act is Act.CREATE:
            self._appeared(path)

    def _left(self, before_ns: int) -> None:
        """Watch directories no more that had left by then and have not arrived anywhere."""
        for cookie, (path, at_ns) in list(self._moving.items()):
            if at_ns < before_ns:
                del self._moving[cookie]
                self._unmark(path)

    def _renamed(self, source: bytes, path: bytes) -> None:
        """Follow a directory to its new name.

        Both names may stand for other directories by now; what the kernel says of the new one decides.
        """
        watched = self._watches[source]
        if self._mark(path, again=True) in {watched, None}:
            self._rename(source, path)
        else:
            self._appeared(path)

    def _appeared(self, path: bytes) -> None:
        """Mark a new directory and those below it, then report what already stands there."""
        if self._skip(path):
            return
        try:
            for directory in self._directories(path):
                self._mark(directory)
                self._report(directory)
        except OSError as error:
            self._unwatchable(path, error)

    def _report(self, directory: bytes) -> None:
        """Report the files that stand in a directory."""
        from_ns = self._descriptor.before_ns
        try:
            with os.scandir(directory) as entries:
                for entry in entries:
                    if entry.is_file(follow_symlinks=False):
                        self._deliver(Signal(Act.FOUND, self._clock.now_ns(), entry.path, from_ns=from_ns))
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            return

    def _rename(self, source: bytes, path: bytes) -> None:
        prefix = source + b"/"
        for old, descriptor in list(self._watches.items()):
            if old == source or old.startswith(prefix):
                del self._watches[old]
                new = path + old[len(source) :]
                self._watches[new] = descriptor
                self._paths[descriptor] = new

    def _unmark(self, top: bytes) -> None:
        prefix = top + b"/"
        for path, descriptor in list(self._watches.items()):
            if path == top or path.startswith(prefix):
                del self._watches[path]
                self._drop(descriptor)

    def on_watch_deleted(self, wd: WatchDescriptor) -> None:
        """Take note that the kernel dropped a watch."""
        with self._marking:
            self._identities.pop(wd, None)
            path = self._paths.pop(wd, None)
            if path is not None and self._watches.get(path) == wd:
                del self._watches[path]

    def on_queue_overflow(self) -> None:
        """Take note that the kernel dropped events."""
        now_ns = self._clock.now_ns()
        with self._marking:
            self._left(now_ns)
        self._deliver(
            Signal(
                Act.LOST,
                now_ns,
                b"",
                from_ns=self._descriptor.before_ns,
                detail="overflow: the kernel's queue was full",
            )
        )


def _limit() -> str:
    try:
        with open("/proc/sys/fs/inotify/max_user_watches", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return "only so many"
