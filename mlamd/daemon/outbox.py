"""The bounded queue from a sensor to one recorder, and the thread that sends it.

The recorder may be stopped or slow: then frames wait here, up to a number of bytes, and what comes after
that is counted and told as lost, with its times. The kernel's queue is read all the same, and nobody else
waits.
"""

import signal
import socket
import threading
import time
from collections import deque
from contextlib import suppress

from mlamd.model import codec
from mlamd.model.observations import Lost
from mlamd.sensors import frames
from mlamd.sensors.frames import LENGTH, Item

MOST_BYTES = 256 << 20
_FRAME_BYTES = 1 << 16


def array(count: int, body: bytes) -> bytes:
    """Return the frame of an array of values that are packed already (msgpack: array 32)."""
    return LENGTH.pack(len(body) + 5) + b"\xdd" + LENGTH.pack(count) + body


class Outbox:
    """Takes items from the sensor's thread; a thread of its own sends them until the socket ends."""

    def __init__(self, connection: socket.socket | None, most_bytes: int = MOST_BYTES) -> None:
        self._connection = connection
        self._most = most_bytes
        self._packer = codec.packer()
        self._rows: list[bytes] = []
        self._rows_bytes = 0
        self._frames: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._dropped = 0
        self._dropped_ns = 0
        self.lost = False
        """True if something was lost: who is there may not be known any more."""
        self._news = threading.Condition()
        self._ended = False
        self._thread: threading.Thread | None = None

    def _begin(self) -> None:
        self._thread = threading.Thread(target=self._send, name="sensor outbox", daemon=True)
        self._thread.start()

    @property
    def waiting_bytes(self) -> int:
        """How much has not been sent yet."""
        return self._waiting_bytes

    def tell(self, item: Item) -> None:
        """Append one item; it is sent with the next ``flush``."""
        if self._dropped and not self._has_room():
            self._dropped += 1
            return
        if self._dropped:
            self._tell_loss()
        if self._is_full():
            self._dropped, self._dropped_ns = 1, getattr(item, "from_ns", item.at_ns)
            return
        self._append(self._packer.pack(frames.row_of(item)))

    def _is_full(self) -> bool:
        return self._waiting_bytes > self._most

    def _has_room(self) -> bool:
        return self._waiting_bytes < self._most // 2

    def _tell_loss(self) -> None:
        now_ns = time.time_ns()
        detail = f"{self._dropped} observations were too many for the sensor while the recorder did not read"
        lost = Lost(now_ns, self._dropped_ns, b"", "sensor-full", detail)
        self._dropped = 0
        self.lost = True
        self._append(self._packer.pack(frames.row_of(lost)))

    def _append(self, row: bytes) -> None:
        self._rows.append(row)
        self._rows_bytes += len(row)
        if self._rows_bytes > _FRAME_BYTES:
            self.flush()

    def flush(self) -> None:
        """Hand what was told to the thread."""
        if self._dropped and self._has_room():
            self._tell_loss()
        if self._rows:
            count, body = len(self._rows), b"".join(self._rows)
            self._rows, self._rows_bytes = [], 0
            self._put_rows(count, body)

    def _put_rows(self, count: int, body: bytes) -> None:
        self.put(array(count, body))

    def put(self, frame: bytes) -> None:
        """Append a whole frame."""
        with self._news:
            self._frames.append(frame)
            self._waiting_bytes += len(frame)
            self._news.notify()
        if self._thread is None:
            self._begin()

    def _send(self) -> None:
        # The reader has to know that it was stopped before it goes on; see ``Capture``.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCONT})
        connection = self._connection
        while connection is not None:
            with self._news:
                while not self._frames and not self._ended:
                    self._news.wait()
                if not self._frames:
                    return
                frame = self._frames[0]
            try:
                connection.sendall(frame)
            except OSError:
                return
            with self._news:
                self._frames.popleft()
                self._waiting_bytes -= len(frame)
                self._news.notify_all()

    def finish(self, timeout_s: float) -> None:
        """Wait until everything has been sent, but no longer than that."""
        with self._news:
            self._news.wait_for(self._is_through, timeout_s)

    def _is_through(self) -> bool:
        return not self._frames or self._thread is None or not self._thread.is_alive()

    def close(self) -> None:
        """End the thread; what waits is lost if the recorder has gone."""
        with self._news:
            self._ended = True
            self._news.notify()
        if self._connection is not None:
            with suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)
