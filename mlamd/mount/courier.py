"""Brings what the witness has taken down to the process that attributes it, in the kernel's pauses.

Each message is ``[number, until_ns, lost, rows]``: the number of the last request that was heard (0: none),
the monotonic time until when everything is told, and how many rows were dropped before these. The descriptors
that rows speak of come with it, in their order (``SCM_RIGHTS``, unix(7)). The other end sends numbers, four
bytes each, to have everything told at once, and maps: contents whose digests are ``known``, files that are
``stale``. Nobody waits for a slow other end: what it does not take is kept, up to a bound, and then dropped.
"""

import array
import os
import select
import socket
import struct
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from mlamd.model import codec
from mlamd.mount.keeper import KEPT, Keeper
from mlamd.mount.witness import Row

REQUEST = struct.Struct("=I")
_CREDENTIALS = struct.Struct("=iII")
"""``struct ucred``: pid, uid, gid (unix(7))."""
MOST_BYTES = 1 << 17
_MANY = 256
_MOST_ROWS = 200_000
_FEW = 16
_HEARD_S = 2.0
_RETRY_MS = 5
_MOST_DESCRIPTORS = 100
"""In one message; the kernel takes 253 (unix(7))."""
_BESIDE_BYTES = socket.CMSG_SPACE(_MOST_DESCRIPTORS * 4)
_FLAGS = socket.MSG_DONTWAIT | socket.MSG_CMSG_CLOEXEC


class Courier:
    """The end of who answers the kernel; others come to ``listener``, and the last who came is told.

    Each is greeted with our pid and the descriptor ``directory``. While there is nobody, rows are kept, up to
    a bound. ``on_stale`` gets files that were changed without passing the mount.
    """

    def __init__(
        self,
        listener: socket.socket,
        directory: int,
        rows: deque[Row],
        keeper: Keeper,
        on_stale: Callable[[list[bytes]], None] = lambda _: None,
    ) -> None:
        listener.setblocking(False)
        self._listener = listener
        self._directory = directory
        self._channel: socket.socket | None = None
        self._rows = rows
        self._keeper = keeper
        self._on_stale = on_stale
        self._packer = codec.packer()
        self.options: frozenset[str] = frozenset()
        """What the mount was made with: whoever comes is told."""
        self._heard = 0
        self._asked = False
        self._stuck = b""
        self._count = 0
        """How many rows the message has that is under way, or stuck."""
        self._with: list[Row] = []
        """The rows of the message that is under way, or stuck, whose descriptors go with it."""
        self._lost = 0
        self.door = listener.fileno()

    def accept(self) -> int:
        """Let the next one in, in the place of who was there; return its descriptor, -1 if nobody came."""
        try:
            channel, _ = self._listener.accept()
        except OSError:
            return -1
        uid = _CREDENTIALS.unpack(channel.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1]
        if uid not in {0, os.getuid()}:
            channel.close()
            return -1
        self.close()
        channel.setblocking(False)
        self._channel = channel
        self._heard, self._asked = 0, False
        if self._stuck:  # it answers what another one had asked
            self._lose()
        with suppress(OSError):
            socket.send_fds(channel, [codec.pack([os.getpid(), sorted(self.options)])], [self._directory])
        return channel.fileno()

    def close(self) -> None:
        """Part with who is there."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    @property
    def waits(self) -> bool:
        """True if something is to be sent, and somebody is there."""
        return self._channel is not None and bool(self._rows or self._asked or self._stuck)

    @property
    def full(self) -> bool:
        """True if so much waits that it should be sent before the next request."""
        return len(self._rows) >= _MANY

    @property
    def pause_ms(self) -> int | None:
        """How long to wait for the other end to take more, None for ever."""
        return _RETRY_MS if self._stuck and self._channel is not None else None

    def hear(self) -> bool:
        """Take the next message; return False when the other end is gone."""
        if self._channel is None:
            return False
        try:
            data = self._channel.recv(MOST_BYTES)
        except BlockingIOError:
            return True
        except OSError:
            data = b""
        if not data:
            self.close()
            return False
        if len(data) > REQUEST.size:
            message = codec.unpack(data)
            if "stale" in message:
                self._on_stale(message["stale"])
            else:
                self._keeper.known([tuple(content) for content in message["known"]])
            return True
        (self._heard,) = REQUEST.unpack(data)
        self._asked = True
        return True

    def send(self) -> None:
        """Send what waits, as far as the other end takes it."""
        if self._channel is None or (self._stuck and not self._put(self._stuck)):
            while len(self._rows) > _MOST_ROWS:
                self._keeper.close(self._rows.popleft())
                self._lost += 1
            return
        while self._rows or self._asked:
            # Everything until now is in the rows: there is one thread, and it is here.
            now_ns = time.monotonic_ns()
            some: list[Row] = []
            size = 0
            while self._rows and len(some) < _MANY * 4 and size < MOST_BYTES // 4:
                row = self._rows.popleft()
                if row[0] == KEPT and row[2] != -1:
                    self._with.append(row)
                some.append(row)
                size += _size(row)
                if len(self._with) >= _MOST_DESCRIPTORS:
                    break
            self._count = len(some)
            until_ns = now_ns if not self._rows else 0
            message = self._packer.pack([self._heard, until_ns, self._lost, some])
            self._lost = 0
            self._asked = self._asked and bool(self._rows)
            if not self._put(message):
                return

    def _lose(self) -> None:
        """Give up the message that is stuck."""
        self._lost += self._count
        self._stuck = b""
        for row in self._with:
            self._keeper.close(row)
        self._with.clear()

    def fail(self, why: str) -> None:
        """Say why there is no mount."""
        self._put(self._packer.pack([why]))

    def _put(self, message: bytes) -> bool:
        if self._channel is None:
            return False
        try:
            if self._with:
                numbers = array.array("i", [row[2] for row in self._with if isinstance(row[2], int)])
                self._channel.sendmsg([message], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, numbers)])
            else:
                self._channel.send(message)
        except BlockingIOError:
            self._stuck = message
            return False
        except OSError:
            self._lost += self._count
        self._stuck = b""
        for row in self._with:
            self._keeper.close(row)
        self._with.clear()
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
            data, beside, _, _ = channel.recvmsg(MOST_BYTES * 4, _BESIDE_BYTES, _FLAGS)
        except BlockingIOError:
            return found
        except OSError:
            return found or None
        if not data:
            return found or None
        message = codec.unpack(data)
        descriptors = _descriptors(beside)
        for row in message[3] if len(message) > 3 else ():
            if row[0] == KEPT and row[2] != -1:
                # Fewer come than were sent where this process may have no more.
                row[2] = descriptors.pop(0) if descriptors else -1
        found.append(message)


def _descriptors(beside: list[tuple[int, int, bytes]]) -> list[int]:
    """Return what came as ``SCM_RIGHTS`` (unix(7))."""
    found = array.array("i")
    for level, kind, data in beside:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            found.frombytes(data[: len(data) - len(data) % found.itemsize])
    return list(found)


def ask(channel: socket.socket, number: int) -> None:
    """Ask for everything to be told; the number comes back. Raises ``OSError`` when nobody is there."""
    channel.send(REQUEST.pack(number), socket.MSG_DONTWAIT)


def tell_known(channel: socket.socket, contents: list[list[int]]) -> None:
    """Say of which contents the digests are known. Raises ``OSError`` when nobody is there, or listens."""
    for start in range(0, len(contents), _MANY):
        channel.send(codec.pack({"known": contents[start : start + _MANY]}), socket.MSG_DONTWAIT)


def tell_stale(channel: socket.socket, paths: list[bytes]) -> None:
    """Say which files, relative to the root, were changed without passing the mount; waits to be heard."""
    for start in range(0, len(paths), _FEW):
        if select.select([], [channel], [], _HEARD_S)[1]:
            channel.send(codec.pack({"stale": paths[start : start + _FEW]}), socket.MSG_DONTWAIT)


def greeted(channel: socket.socket, timeout_s: float) -> tuple[int, int, list[str]]:
    """Return with what who answers the kernel greets: the covered directory, its pid, and its options.

    Raises ``OSError`` if that one does not.
    """
    channel.settimeout(timeout_s)
    data, beside, _, _ = channel.recvmsg(1024, _BESIDE_BYTES, socket.MSG_CMSG_CLOEXEC)
    channel.settimeout(None)
    descriptors = _descriptors(beside)
    if not data or not descriptors:
        raise ConnectionError("nobody answers for the mount")
    pid, options = codec.unpack(data)
    return descriptors[0], pid, options
