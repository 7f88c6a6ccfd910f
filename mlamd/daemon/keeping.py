"""Digests what the mount keeps of contents that are about to be lost: small ones at once, others behind."""

import contextlib
import os
import queue
import threading
from collections import deque
from collections.abc import Callable

from mlamd.host.files import digest_of, file_stat
from mlamd.model.files import FileStat
from mlamd.sensors.signals import Kept

_AT_ONCE_BYTES = 1 << 18
_MOST_WAITING = 400
_CHANGED = "it was changed while it was read"


class Keeping:
    """``tell`` gets each content in the order in which it was kept; again, later, where that takes time."""

    def __init__(self, tell: Callable[[Kept], None]) -> None:
        self._tell = tell
        self._waiting: queue.SimpleQueue[tuple[int, Kept]] = queue.SimpleQueue()
        self._done: deque[Kept] = deque()
        self.news, self._writing = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._thread: threading.Thread | None = None

    def take(self, descriptor: int, at_ns: int, path: bytes, stat: FileStat, why_not: str) -> None:
        """Take over a descriptor; -1 if the content could not be kept."""
        item = Kept(at_ns, path, stat, None, why_not)
        if descriptor >= 0 and self._waiting.qsize() >= _MOST_WAITING:
            os.close(descriptor)
            self._tell(Kept(at_ns, path, stat, None, "too many files were lost at once to be digested"))
        elif descriptor < 0:
            self._tell(item)
        elif stat.size_bytes <= _AT_ONCE_BYTES:
            self._tell(_digested(descriptor, item))
        else:
            self._tell(item)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="keeping", daemon=True)
                self._thread.start()
            self._waiting.put((descriptor, item))

    def _run(self) -> None:
        while True:
            descriptor, item = self._waiting.get()
            self._done.append(_digested(descriptor, item))
            with contextlib.suppress(OSError):
                os.write(self._writing, b"x")

    def settle(self) -> None:
        """Tell what has been digested; call it when ``news`` can be read."""
        with contextlib.suppress(OSError):
            os.read(self.news, 4096)
        while self._done:
            self._tell(self._done.popleft())


def _digested(descriptor: int, item: Kept) -> Kept:
    """Return an item with the digest of a content, and close it."""
    try:
        digest = digest_of(descriptor)
        after = file_stat(os.fstat(descriptor))
    except OSError as error:
        return Kept(item.at_ns, item.path, item.stat, None, error.strerror or str(error))
    finally:
        os.close(descriptor)
    same_file = after[:2] == item.stat[:2]
    if after.size_bytes != item.stat.size_bytes or (same_file and not after.same_content(item.stat)):
        return Kept(item.at_ns, item.path, item.stat, None, _CHANGED)
    return Kept(item.at_ns, item.path, item.stat, digest)
