"""Which of inotify's events are our own reading.

inotify does not say who opened a file. Before the recorder opens one, it announces the path; the
next open and close of that path are then taken for ours. Where a user opens the same file at the
same moment, the counts still come out right, as both opens are reported. An announced open that does
not show up is forgotten after a second.
"""

import threading
import time

_OPEN_S = 1.0
_CLOSE_S = 900.0


class OwnReads:
    """Announced opens; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._opens: dict[bytes, list[float]] = {}
        self._closes: dict[bytes, list[float]] = {}

    def announce(self, path: bytes) -> None:
        """Say that we are about to open ``path`` for reading."""
        with self._lock:
            self._opens.setdefault(path, []).append(time.monotonic() + _OPEN_S)

    def took_open(self, path: bytes) -> bool:
        """Say whether an open that was reported is ours; it is then no longer expected."""
        if not self._opens:
            return False
        with self._lock:
            if not _take(self._opens, path):
                return False
            self._closes.setdefault(path, []).append(time.monotonic() + _CLOSE_S)
            return True

    def took_close(self, path: bytes) -> bool:
        """Say whether a close that was reported is ours; it is then no longer expected."""
        if not self._closes:
            return False
        with self._lock:
            return _take(self._closes, path)

    def forget(self) -> None:
        """Expect nothing any more, as after an overflow."""
        with self._lock:
            self._opens.clear()
            self._closes.clear()


def _take(expected: dict[bytes, list[float]], path: bytes) -> bool:
    times = expected.get(path)
    if times is None:
        return False
    now = time.monotonic()
    live = [time_ for time_ in times if time_ >= now]
    found = bool(live)
    if len(live) > 1:
        expected[path] = live[1:]
    else:
        del expected[path]
    return found
