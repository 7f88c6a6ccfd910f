"""Letting a burst of file events pass before it is taken in.

Who makes thousands of files at once needs the processors and the disk for that. The sensor has noted who did
what by then, and its queue is long; our own work, which takes several times as long, can come a moment
later. Whoever asks a question ends the waiting.
"""

import socket
import threading
import time
from collections.abc import Callable

STEP_S = 0.05
MOST_S = 1.0
"""The longest wait. What is changed twice meanwhile is looked at once; so it must stay short."""
_BURST_BYTES = 12_000
"""What a sensor sends in one step if it is a burst: some 150 deeds, 3,000 a second."""
_CALM_BYTES = 4_000
_MOST_BYTES = 1 << 18


class Burst:
    """Decides when the feed reads on. ``let_pass`` is for its thread, the others for any."""

    def __init__(
        self, clock_s: Callable[[], float] = time.monotonic, most_s: float = MOST_S, step_s: float = STEP_S
    ) -> None:
        self._clock_s = clock_s
        self._most_s = most_s
        self._step_s = step_s
        self._hurry = threading.Event()
        self._since_s = clock_s()
        self._bytes = 0
        self._behind = False
        self.waits = False

    def hurry(self) -> None:
        """Wait no more, until ``calm``."""
        self._hurry.set()

    def calm(self) -> None:
        """Nobody waits for an answer any longer."""
        self._hurry.clear()

    def let_pass(self, connection: socket.socket) -> None:
        """Return when something can be read, and reading it disturbs nobody or can wait no longer."""
        size = _waiting(connection)
        now_s = self._clock_s()
        if self._behind:  # it was waited for already: now everything is read
            self._behind = size > _CALM_BYTES
            return
        if now_s - self._since_s > self._step_s:
            self._since_s, self._bytes = now_s, 0
        self._bytes += size
        if self._bytes < _BURST_BYTES or self._hurry.is_set():
            return
        self.waits = True
        try:
            self._wait(connection, size, now_s + self._most_s)
        finally:
            self.waits = False
        self._since_s, self._bytes, self._behind = self._clock_s(), 0, True

    def _wait(self, connection: socket.socket, before: int, until_s: float) -> None:
        """Wait for a step in which little came; a socket that is full does not tell."""
        full = connection.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 4
        while not self._hurry.wait(self._step_s) and self._clock_s() < until_s:
            size = _waiting(connection)
            if size - before < _CALM_BYTES and size < full:
                return
            before = size


def _waiting(connection: socket.socket) -> int:
    """Return how many bytes can be read at once, waiting for the first ones; 0 at the end."""
    return len(connection.recv(_MOST_BYTES, socket.MSG_PEEK))
