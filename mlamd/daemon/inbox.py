"""The bounded queue between the sensors' threads and the recorder."""

import threading
from collections import deque
from collections.abc import Callable

from mlamd.host.clock import Clock
from mlamd.model.observations import Lost, Observation
from mlamd.sensors.frames import Numbered
from mlamd.sensors.signals import Deed, Kept, Signal

Item = Signal | Deed | Kept | Numbered | Observation

LIMIT = 200_000


class Inbox:
    """Takes items from any thread; what no longer fits is counted and reported as lost."""

    def __init__(self, clock: Clock, wake: Callable[[], None], limit: int = LIMIT) -> None:
        self._clock = clock
        self._wake = wake
        self._limit = limit
        self._items: deque[Item] = deque()
        self._lock = threading.Lock()
        self._dropped = 0
        self._dropped_ns = 0
        self._signalled = False

    @property
    def waiting(self) -> int:
        """How many items wait."""
        return len(self._items)

    def put(self, item: Item) -> None:
        """Append an item; wakes the recorder once for all items until the next ``take``."""
        with self._lock:
            if len(self._items) >= self._limit:
                if not self._dropped:
                    self._dropped_ns = self._clock.now_ns()
                self._dropped += 1
            else:
                self._items.append(item)
            if self._signalled:
                return
            self._signalled = True
        self._wake()

    def take(self) -> list[Item]:
        """Return everything in order; if something was dropped, a ``Lost`` stands at the end."""
        with self._lock:
            items = list(self._items)
            self._items.clear()
            self._signalled = False
            dropped, self._dropped = self._dropped, 0
        if dropped:
            now_ns = self._clock.now_ns()
            detail = f"{dropped} observations did not fit into the recorder's inbox"
            items.append(Lost(now_ns, self._dropped_ns, b"", "inbox-full", detail))
        return items
