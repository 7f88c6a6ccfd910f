"""Time, injected: nothing above this room asks the system for it."""

import time
from typing import Protocol


class Clock(Protocol):
    """Wall clock time in nanoseconds since the epoch."""

    def now_ns(self) -> int:
        """Return the time now."""
        ...


class SystemClock:
    """The machine's clock."""

    def now_ns(self) -> int:
        """Return ``time.time_ns()``."""
        return time.time_ns()


class ManualClock:
    """A clock that tests move by hand."""

    def __init__(self, now_ns: int = 1_000_000_000_000_000_000) -> None:
        self._now_ns = now_ns

    def now_ns(self) -> int:
        """Return the time that was set last."""
        return self._now_ns

    def advance(self, ns: int) -> int:
        """Move on by ``ns`` and return the new time."""
        self._now_ns += ns
        return self._now_ns
