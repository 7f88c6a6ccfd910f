"""Which of inotify's events are our own reading.

inotify does not say who opened a file. Before the recorder opens one, it announces the path; the
next open and close of that path are then taken for ours. Where a user opens the same file at the
same moment, the counts still come out right, as both opens are reported. An announced open counts for
events of the next seconds only: those that the sensor stamped, however late they are looked at.

The kernel joins an event with an equal one that stands right before it in the queue, so that our open
and a user's could become one. ``separate`` puts another event between them: a read of a marker file in a
watched directory.
"""

import os
import threading
from pathlib import Path

from mlamd.host.clock import Clock, SystemClock

_OPEN_NS = 5_000_000_000
_CLOSE_NS = 900_000_000_000
_EARLY_NS = 100_000_000
_MOST = 200_000


class OwnReads:
    """Announced opens; safe to use from several threads."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._opens: dict[bytes, list[int]] = {}
        self._closes: dict[bytes, list[int]] = {}
        self._marker = -1
        self._idle = False

    def idle(self) -> None:
        """Take note of nothing any more: the sensor tells our own deeds from others' by the process."""
        self._idle = True

    def mark_with(self, marker: Path) -> None:
        """Begin to separate, with a file in a directory that is watched by now."""
        marker.write_bytes(b"mark")
        self._marker = os.open(marker, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))

    def separate(self) -> None:
        """Put an event of another kind into the sensor's queue."""
        if self._marker >= 0 and hasattr(os, "pread"):
            os.pread(self._marker, 1, 0)

    def close(self) -> None:
        """Give back the marker."""
        if self._marker >= 0:
            os.close(self._marker)
            self._marker = -1

    def retract(self, path: bytes) -> None:
        """Say that an announced open failed, and will not be reported."""
        with self._lock:
            times = self._opens.pop(path, [])[:-1]
            if times:
                self._opens[path] = times

    def announce(self, path: bytes) -> None:
        """Say that we are about to open ``path`` for reading."""
        if self._idle:
            return
        now_ns = self._clock.now_ns()
        with self._lock:
            self._opens.setdefault(path, []).append(now_ns)
            if len(self._opens) > _MOST:
                old = now_ns - _OPEN_NS
                self._opens = {name: times for name, times in self._opens.items() if times[-1] > old}

    def took_open(self, path: bytes, at_ns: int) -> bool:
        """Say whether an open that was reported is ours; it is then no longer expected."""
        if path not in self._opens:
            return False
        with self._lock:
            times = [time_ns for time_ns in self._opens.pop(path, ()) if at_ns - time_ns < _OPEN_NS]
            ours = bool(times) and times[0] - _EARLY_NS <= at_ns
            if ours:
                self._closes.setdefault(path, []).append(times.pop(0))
            if times:
                self._opens[path] = times
            return ours

    def took_close(self, path: bytes, at_ns: int) -> bool:
        """Say whether a close that was reported is ours; it is then no longer expected."""
        if path not in self._closes:
            return False
        with self._lock:
            times = [time_ns for time_ns in self._closes.pop(path, ()) if at_ns - time_ns < _CLOSE_NS]
            if len(times) > 1:
                self._closes[path] = times[1:]
            return bool(times)
