"""The process connector: every fork, exec and exit on the machine, with its time.

Sources: drivers/connector/cn_proc.c, include/uapi/linux/cn_proc.h, connector(7) of netlink(7). Needs
CAP_NET_ADMIN before Linux 6.6. Decoded here and not by pyroute2: see docs/explanation/dependencies.md.
"""

import errno
import os
import socket
import struct
import sys
import time
from contextlib import suppress
from enum import IntEnum
from typing import NamedTuple

_NETLINK_CONNECTOR = 11
_SO_RCVBUFFORCE = 33
_QUEUE_BYTES = 32 << 20
_LISTEN = 1
_CN_IDX_PROC = _CN_VAL_PROC = 1
_NLMSG_DONE = 3
_NETLINK_HEADER, _CN_HEADER = struct.Struct("=IHHII"), struct.Struct("=IIIIHH")
_AT = _NETLINK_HEADER.size + _CN_HEADER.size
_EVENT = struct.Struct("=IIQ6I")
"""what, cpu, timestamp_ns, then what depends on ``what``."""


class Kind(IntEnum):
    """What happened to a process."""

    FORK = 0x1
    EXEC = 0x2
    EXIT = 0x80000000


_WANTED = int(Kind.FORK) | int(Kind.EXEC) | int(Kind.EXIT)


class ProcessEvent(NamedTuple):
    """One event. ``process`` is the id of the thread group, ``thread`` that of the thread.

    Of a fork, they are the child's, and ``parent`` is the thread group that forked. ``status`` is the
    wait status of an exit.
    """

    kind: int
    monotonic_ns: int
    process: int
    thread: int
    parent: int = 0
    status: int = 0


class QueueFullError(Exception):
    """The kernel dropped events, as nobody read them in time (``ENOBUFS``)."""


class Connector:
    """A subscription; ``read`` never waits. Raises ``PermissionError`` where it is not allowed.

    ``wanted`` are the kinds of events to be woken for; before Linux 6.6 the others come all the same.
    """

    def __init__(self, wanted: int = _WANTED) -> None:
        if sys.platform != "linux":
            raise OSError(errno.ENOSYS, "the process connector is a part of Linux")
        self._socket = socket.socket(
            socket.AF_NETLINK, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, _NETLINK_CONNECTOR
        )
        try:
            with suppress(OSError):
                self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _QUEUE_BYTES)
            self._socket.bind((0, _CN_IDX_PROC))
            self._ask(struct.pack("=I", _LISTEN))
            self._acknowledged()
            # Since Linux 6.6 we can leave out what we do not read; older kernels ignore this request.
            self._ask(struct.pack("=II", _LISTEN, wanted))
            self._socket.setblocking(False)
        except BaseException:
            self._socket.close()
            raise
        self.descriptor = self._socket.fileno()

    def _ask(self, body: bytes) -> None:
        message = _CN_HEADER.pack(_CN_IDX_PROC, _CN_VAL_PROC, 0, 0, len(body), 0) + body
        header = _NETLINK_HEADER.pack(_NETLINK_HEADER.size + len(message), _NLMSG_DONE, 0, 0, os.getpid())
        self._socket.send(header + message)

    def _acknowledged(self) -> None:
        """Wait for the answer to the subscription: an event of kind 0 that holds an error number."""
        self._socket.settimeout(2.0)
        deadline = time.monotonic() + 2.0
        while time.monotonic() < deadline:
            try:
                data = self._socket.recv(4096)
            except TimeoutError:
                break
            if len(data) >= _AT + 20 and struct.unpack_from("=I", data, _AT)[0] == 0:
                number = struct.unpack_from("=I", data, _AT + 16)[0]
                if number:
                    raise OSError(number, os.strerror(number))
                return
        raise OSError(errno.EOPNOTSUPP, "the kernel's process connector does not answer")

    def one(self) -> ProcessEvent | None:
        """Return the next event, None if there is none; raises ``QueueFullError`` after a loss."""
        while True:
            try:
                data = self._socket.recv(4096)
            except BlockingIOError:
                return None
            except OSError as error:
                if error.errno == errno.ENOBUFS:
                    raise QueueFullError from error
                raise
            event = parse(data)
            if event is not None:
                return event

    def read(self) -> tuple[list[ProcessEvent], bool]:
        """Return what has happened since the last call, and whether events were lost."""
        found: list[ProcessEvent] = []
        lost = False
        while True:
            try:
                event = self.one()
            except QueueFullError:
                lost = True
                continue
            if event is None:
                return found, lost
            found.append(event)

    def close(self) -> None:
        """End the subscription."""
        self._socket.close()


def parse(data: bytes) -> ProcessEvent | None:
    """Take one message of the socket apart; None for events that are not about processes coming and going."""
    if len(data) < _AT + 32:
        return None
    what, _, at_ns, first, second, third, fourth, *_ = _EVENT.unpack_from(
        data.ljust(_AT + _EVENT.size, b"\0"), _AT
    )
    if what == Kind.FORK:
        return ProcessEvent(what, at_ns, fourth, third, second)
    if what == Kind.EXEC:
        return ProcessEvent(what, at_ns, second, first)
    if what == Kind.EXIT:
        return ProcessEvent(what, at_ns, second, first, 0, third)
    return None
