"""Takes down who does what in the mount, while the process that does it is held by the kernel.

One append for each operation. A process whose program has not been
looked at yet is looked at before it is let go on, so that no command line is missed. Sources:
proc_pid_environ(5), proc_pid_stat(5), kcmp(2), fs/proc/base.c (``environ_read``, ``comm_show``).
"""

import ctypes
import os
import stat
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from mlamd.host.fanotify import (
    ACCESS,
    CLOSE_NOWRITE,
    CLOSE_WRITE,
    CREATE,
    MODIFY,
    OPEN,
    OPEN_EXEC,
)
from mlamd.host.files import file_stat
from mlamd.host.procfs import look_at_image, parent_of, read
from mlamd.mount.backing import EXEC, Backing, Handle
from mlamd.mount.keeper import Keeper
from mlamd.mount.nodes import Node

DEED, IMAGE, _, CHANGED = range(4)  # see ``keeper.KEPT``
Row = tuple[object, ...]
"""``(DEED, at_ns, mask, process, path, new path, status)``; ``(IMAGE, at_ns, process, image)``, where the
image is what ``look_at_image`` returned; ``(CHANGED, at_ns, path)`` of what bypassed the mount. Times are
monotonic, paths relative to the root. The status is how a regular file stood then (the fields of
``FileStat``), or None."""

_MOST_KEPT = 4_000
_FORKED = 0x40
"""``PF_FORKNOEXEC`` (include/linux/sched.h)."""
_KCMP = {"x86_64": 312, "aarch64": 272}.get(os.uname().machine, -1)
_KCMP_VM = 1
_LOOKS = 12
_TRIES, _TRY_S = 4, 0.0001
_MOST_ABOVE = 64
_LONGEST = 256
"""More than the name of the function that is looked for."""
_WAITING = b"request_wait_answer"
"""fs/fuse/dev.c"""
_AWAKE = b"0"


class _Task:
    """A thread that has asked for something: whose it is, and two ways to see that it is still the same."""

    __slots__ = ("alive", "image", "process", "waits")

    def __init__(self, process: int, alive: int, image: int) -> None:
        self.process = process
        self.alive = alive
        """A descriptor that cannot be read once the thread has ended."""
        self.image = image
        """A descriptor that says nothing once its process runs another program."""
        self.waits = -1
        """A descriptor that says what it sleeps in, -1 if it was not asked for yet."""

    def close(self) -> None:
        os.close(self.alive)
        os.close(self.image)
        if self.waits >= 0:
            os.close(self.waits)


class Tasks:
    """Who the threads are that ask; ``process`` looks at programs that are new."""

    def __init__(self, rows: "deque[Row]") -> None:
        self._rows = rows
        self._c = ctypes.CDLL(None, use_errno=True)
        self._tasks: dict[int, _Task] = {}

    def process(self, thread: int) -> int:
        """Return the process of a thread that is held now."""
        task = self._tasks.get(thread)
        if task is not None:
            try:
                if os.pread(task.alive, 1, 0) and os.pread(task.image, 1, 0):
                    return task.process
            except OSError:
                pass
            del self._tasks[thread]
            task.close()
        return self._met(thread)

    def waiting(self, process: int) -> bytes:
        """Return in which function of the kernel the first thread of a process sleeps (proc_pid_wchan(5)).

        Raises ``OSError`` if it has ended. To open that file takes longer than to read it.
        """
        task = self._tasks.get(process)
        if task is None:
            return read(f"/proc/{process}/wchan")
        if task.waits < 0:
            task.waits = os.open(f"/proc/{process}/wchan", os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.pread(task.waits, _LONGEST, 0)
        except ProcessLookupError:  # another one may have its number now
            return read(f"/proc/{process}/wchan")

    def _met(self, thread: int) -> int:
        if not thread:  # the kernel itself
            return 0
        if len(self._tasks) >= _MOST_KEPT:
            self.clear()
        process = thread_group(thread)
        if not self._borrows(thread):
            with suppress(OSError):
                self._keep(thread, process)
        self._rows.append((IMAGE, time.monotonic_ns(), process, look_at_image(process)))
        return process

    def _keep(self, thread: int, process: int) -> None:
        alive = os.open(f"/proc/{thread}/comm", os.O_RDONLY | os.O_CLOEXEC)
        try:
            image = os.open(f"/proc/{thread}/environ", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            os.close(alive)
            raise
        self._tasks[thread] = _Task(process, alive, image)

    def _borrows(self, thread: int) -> bool:
        """Say whether a child may still use its parent's memory (vfork(2)): an exec would not be noticed."""
        try:
            data = read(f"/proc/{thread}/stat")
            fields = data[data.rindex(b")") + 2 :].split(b" ", 7)
        except (OSError, ValueError):
            return True
        if not int(fields[6]) & _FORKED:
            return False
        return bool(self._c.syscall(_KCMP, thread, int(fields[1]), _KCMP_VM, 0, 0) in {0, -1})

    def clear(self) -> None:
        """Forget everybody."""
        for task in self._tasks.values():
            task.close()
        self._tasks.clear()


class Witness:
    """Takes down what is done to the files of a backing directory; ``rows`` is what nobody fetched yet."""

    def __init__(self, backing: Backing) -> None:
        self.rows: deque[Row] = deque()
        self._tasks = Tasks(self.rows)
        self._path = backing.nodes.path
        self.keeper = Keeper(backing, self.rows)
        backing.was_changed = self._was_changed

    def _was_changed(self, node: Node) -> None:
        """Take down that a file was changed behind our back."""
        path = self._path(node)
        if path is not None:
            self.rows.append((CHANGED, time.monotonic_ns(), path))

    def _tell(
        self,
        mask: int,
        process: int,
        path: bytes | None,
        status: os.stat_result,
        new_path: bytes = b"",
    ) -> None:
        if path is not None:
            stood = file_stat(status) if stat.S_ISREG(status.st_mode) else None
            self.rows.append((DEED, time.monotonic_ns(), mask, process, path, new_path, stood))

    def did(
        self, thread: int, mask: int, path: bytes | None, status: os.stat_result, new_path: bytes = b""
    ) -> None:
        """Take down something that a thread did to a name; ``status`` is that of the file."""
        if path is not None:
            self._tell(mask, self._tasks.process(thread), path, status, new_path)

    def opened(self, thread: int, handle: Handle, status: os.stat_result | None = None) -> None:
        """Take down an open, and remember whose it is; to empty a file is told as to make it.

        ``status`` is that of the file, if it is known.

        Whoever opens a file for reading is taken to read it: what is in the kernel's cache is read without a
        word.
        """
        handle.process = self._tasks.process(thread)
        mask = OPEN | (CREATE if handle.emptied else 0) | (OPEN_EXEC if handle.flags & EXEC else 0)
        if handle.flags & os.O_ACCMODE == os.O_RDONLY and not handle.emptied:
            mask |= ACCESS
        status = status or os.fstat(handle.descriptor)
        if handle.flags & os.O_ACCMODE != os.O_WRONLY and not handle.emptied:
            self.keeper.read(handle.node, status)
        self._tell(mask, handle.process, self._path(handle.node), status)

    def closed(self, handle: Handle, status: os.stat_result | None, *, last: bool) -> None:
        """Take down a close: of any descriptor if something was written or nothing can be; else of the last.

        The kernel tells of the last one only after a process has ended. ``status`` is that of the file, if it
        is known.
        """
        mode = handle.flags & os.O_ACCMODE
        first = not handle.closed
        mask = ACCESS if mode == os.O_RDWR and first and not handle.emptied else 0
        process = handle.process
        if handle.changed:
            mask |= MODIFY | CLOSE_WRITE
            process = process if last else closer(process, self._tasks.waiting)
        elif not first:
            return
        elif mode == os.O_RDONLY:
            mask |= CLOSE_NOWRITE
        elif last or (handle.emptied and not self._holds(process, handle)):
            mask |= CLOSE_WRITE | (MODIFY if handle.emptied and not handle.made else 0)
        else:
            return
        handle.changed, handle.closed = False, True
        self._tell(mask, process, self._path(handle.node), status or os.fstat(handle.descriptor))

    def _holds(self, process: int, handle: Handle) -> bool:
        """Say whether a process still has a file open: a shell closes one descriptor of what it redirects."""
        path = self._path(handle.node)
        try:
            numbers = os.listdir(f"/proc/{process}/fd")
        except OSError:
            return True
        for number in numbers:
            with suppress(OSError):
                target = os.fsencode(os.readlink(f"/proc/{process}/fd/{number}"))
                if path is not None and target.endswith(b"/" + path):
                    return True
        return False


def closer(process: int, waiting_in: Callable[[int], bytes]) -> int:
    """Return who waits for us to answer a close: the one that opened the file, or one that got it from there.

    The kernel says who, but pyfuse3 does not pass it on. A process that waits for a file system of this kind
    does so in one function (proc_pid_wchan(5)), soon after it has asked. If it cannot be told, it is taken to
    be the one that opened. ``waiting_in`` says in what the first thread of a process sleeps.
    """
    # It is asleep some microseconds after it has asked: to look through all of /proc takes longer.
    with suppress(OSError):
        for _ in range(_LOOKS):
            found = waiting_in(process)
            if found == _WAITING:
                return process
            if found != _AWAKE:
                break
            os.sched_yield()  # it may have been put aside for us before it slept
    if _is_childless(process):
        return process
    for _ in range(_TRIES):
        if _waits(process):
            return process
        waiting = [int(name) for name in os.listdir("/proc") if name.isdigit() and _waits(int(name))]
        others = [other for other in waiting if _descends(other, process)]
        if len(others) == 1:
            return others[0]
        time.sleep(_TRY_S)
    return process


def _is_childless(process: int) -> bool:
    """Say whether a process is there, and none that comes from it: only such a one would be taken for it."""
    try:
        return not any(
            read(f"/proc/{process}/task/{task}/children") for task in os.listdir(f"/proc/{process}/task")
        )
    except OSError:  # it has ended, or the kernel does not tell (CONFIG_PROC_CHILDREN)
        return False


def _descends(process: int, above: int) -> bool:
    """Say whether a process comes from another one, or may do so: that one has ended."""
    seen = 0
    while process > 1 and seen < _MOST_ABOVE:
        if process == above:
            return True
        process, seen = parent_of(process), seen + 1
    return process == 1 and not os.path.exists(f"/proc/{above}/fd")


def _waits(process: int) -> bool:
    base = f"/proc/{process}/task"
    try:
        tasks = os.listdir(base)
    except OSError:
        return False
    for task in tasks:
        with suppress(OSError):
            if read(f"{base}/{task}/wchan") == _WAITING:
                return True
    return False


def thread_group(thread: int) -> int:
    """Return the process that a thread belongs to."""
    try:
        with open(f"/proc/{thread}/status", "rb") as lines:
            for line in lines:
                if line.startswith(b"Tgid:"):
                    return int(line[5:])
    except (OSError, ValueError):
        pass
    return thread
