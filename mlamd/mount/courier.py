"""Brings what the witness has taken down to the process that attributes it, in the kernel's pauses.

Each message is ``[number, until_ns, lost, rows]``: the number of the last request that was heard (0: none),
the monotonic time until when everything is told, and how many rows were dropped before these. The other end
sends numbers, four bytes each, to have everything told at once. Nobody waits for a slow other end: what it
does not take is kept, up to a bound, and dropped after that.
"""

import errno
import socket
import struct
import time
from collections import deque
from collections.abc import Callable

from mlamd.model import codec
from mlamd.mount.witness import Row

REQUEST = struct.Struct("=I")
MOST_BYTES = 1 << 17
_MANY = 256
_MOST_ROWS = 200_000
_RETRY_MS = 5


class Courier:
    """The end of who answers the kernel. ``on_end`` is called once, when the other end is gone."""

    def __init__(self, channel: socket.socket, rows: deque[Row], on_end: Callable[[], None]) -> None:
        channel.setblocking(False)
        self._channel = channel
        self._rows = rows
        self._on_end = on_end
        self._packer = codec.packer()
        self._heard = 0
        self._asked = False
        self._stuck = b""
        self._lost = 0
        self.descriptor = channel.fileno()

    @property
    def waits(self) -> bool:
        """True if something is to be sent."""
        return bool(self._rows or self._asked or self._stuck)

    @property
    def full(self) -> bool:
        """True if so much waits that it should be sent before the next request."""
        return len(self._rows) >= _MANY

    @property
    def pause_ms(self) -> int | None:
        """How long to wait for the other end to take more, None for ever."""
        return _RETRY_MS if self._stuck else None

    def hear(self) -> bool:
        """Take the requests that wait; return False when the other end is gone."""
        try:
            data = self._channel.recv(4096)
        except BlockingIOError:
            return True
        except OSError:
            data = b""
        if not data:
            self._rows.clear()
            self._on_end()
            return False
        (self._heard,) = REQUEST.unpack_from(data, len(data) - REQUEST.size)
        self._asked = True
        return True

    def send(self) -> None:
        """Send what waits, as far as the other end takes it."""
        if self._stuck and not self._put(self._stuck):
            while len(self._rows) > _MOST_ROWS:
                self._rows.popleft()
                self._lost += 1
            return
        while self._rows or self._asked:
            # Everything until now is in the rows: there is one thread, and it is here.
            now_ns = time.monotonic_ns()
            some: list[Row] = []
            size = 0
            while self._rows and len(some) < _MANY * 4 and size < MOST_BYTES // 4:
                row = self._rows.popleft()
                some.append(row)
                size += _size(row)
            until_ns = now_ns if not self._rows else 0
            message = self._packer.pack([self._heard, until_ns, self._lost, some])
            self._lost = 0
            self._asked = self._asked and bool(self._rows)
            if not self._put(message):
                return

    def fail(self, why: str) -> None:
        """Say why there is no mount."""
        self._put(self._packer.pack([why]))

    def _put(self, message: bytes) -> bool:
        try:
            self._channel.send(message)
        except BlockingIOError:
            self._stuck = message
            return False
        except OSError as error:
            self._lost += error.errno == errno.EMSGSIZE
        self._stuck = b""
        return True


def _size(row: Row) -> int:
    """Return about how many bytes a row takes: most are short, a command line may be long."""
    parts = [part for field in row for part in (field if isinstance(field, list) else (field,))]
    return 64 + sum(len(part) for part in parts if isinstance(part, bytes))


def messages(channel: socket.socket) -> list[list[object]] | None:
    """Return the messages that wait at the other end, None when this one is gone."""
    found: list[list[object]] = []
    while True:
        try:
            data = channel.recv(MOST_BYTES * 4, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return found
        except OSError:
            return found or None
        if not data:
            return found or None
        found.append(codec.unpack(data))


def ask(channel: socket.socket, number: int) -> None:
    """Ask for everything to be told; the number comes back. Raises ``OSError`` when nobody is there."""
    channel.send(REQUEST.pack(number), socket.MSG_DONTWAIT)


def pair() -> tuple[socket.socket, socket.socket]:
    """Return the two ends of a channel: messages go whole or not at all."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
