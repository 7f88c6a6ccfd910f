"""What every process used, told by the kernel when it ends.

Sources: Documentation/accounting/taskstats.rst and taskstats-struct.rst, include/uapi/linux/taskstats.h,
genetlink of netlink(7). Needs CAP_NET_ADMIN. The kernel sends one record for each thread that ends.
"""

import errno
import os
import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

_NETLINK_GENERIC = 16
_SO_RCVBUFFORCE = 33
_QUEUE_BYTES = 16 << 20
_HEADER, _GENERIC, _ATTRIBUTE = struct.Struct("=IHHII"), struct.Struct("=BBH"), struct.Struct("=HH")
_REQUEST = 1
_ERROR = 2
_CONTROL, _GET_FAMILY, _FAMILY_ID, _FAMILY_NAME = 0x10, 3, 1, 2
_GET, _REGISTER_CPUMASK = 1, 3
_STATS, _OF_THREAD = 3, 4

_OLDEST, _MIXED = 12, 15
"""The first version that names the thread group; the one whose fields lie in another order."""


class Spent(NamedTuple):
    """What one thread has used when it ended; ``peak_rss_bytes`` is that of its whole process.

    ``block_delay_ns`` is the time it waited for block devices, 0 if the kernel does not count that.
    """

    process: int
    thread: int
    name: str
    user_us: int
    system_us: int
    peak_rss_bytes: int
    read_bytes: int
    write_bytes: int
    block_delay_ns: int


def counts_delays() -> bool:
    """Say whether the kernel counts delays (sysctl ``kernel.task_delayacct``)."""
    try:
        return Path("/proc/sys/kernel/task_delayacct").read_text(encoding="ascii").strip() == "1"
    except OSError:
        return False


def _attribute(kind: int, value: bytes) -> bytes:
    size = _ATTRIBUTE.size + len(value)
    return _ATTRIBUTE.pack(size, kind) + value + bytes(-size % 4)


def attributes(data: bytes, position: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield kind, start and end of each attribute of a netlink message."""
    while position + _ATTRIBUTE.size <= end:
        size, kind = _ATTRIBUTE.unpack_from(data, position)
        if size < _ATTRIBUTE.size:
            return
        yield kind & 0x3FFF, position + _ATTRIBUTE.size, min(position + size, end)
        position += (size + 3) & ~3


class TaskStats:
    """A subscription to the accounts of all that end; ``read`` never waits.

    Raises ``PermissionError`` without CAP_NET_ADMIN, ``OSError`` where the kernel keeps no accounts.
    """

    def __init__(self) -> None:
        if sys.platform != "linux":
            raise OSError(errno.ENOSYS, "taskstats is a part of Linux")
        self.lost = 0
        self._socket = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_GENERIC
        )
        try:
            with suppress(OSError):
                self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _QUEUE_BYTES)
            self._socket.bind((0, 0))
            self._socket.settimeout(2.0)
            family = self._family()
            mask = f"0-{max(os.cpu_count() or 1, 1) - 1}"
            with suppress(OSError):
                mask = Path("/sys/devices/system/cpu/possible").read_text(encoding="ascii").strip()
            self._send(family, _GET, _attribute(_REGISTER_CPUMASK, mask.encode() + b"\0"), flags=_REQUEST | 4)
            self._acknowledged()
            self._socket.setblocking(False)
        except BaseException:
            self._socket.close()
            raise
        self.descriptor = self._socket.fileno()

    def _send(self, family: int, command: int, body: bytes, flags: int = _REQUEST) -> None:
        message = _GENERIC.pack(command, 1, 0) + body
        self._socket.send(_HEADER.pack(_HEADER.size + len(message), family, flags, 1, 0) + message)

    def _family(self) -> int:
        self._send(_CONTROL, _GET_FAMILY, _attribute(_FAMILY_NAME, b"TASKSTATS\0"))
        data = self._socket.recv(1 << 16)
        self._raise_error(data)
        for kind, start, _ in attributes(data, 20, len(data)):
            if kind == _FAMILY_ID:
                return int(struct.unpack_from("=H", data, start)[0])
        raise OSError(errno.EOPNOTSUPP, "the kernel has no taskstats")

    def _acknowledged(self) -> None:
        while True:
            data = self._socket.recv(1 << 16)
            if _HEADER.unpack_from(data)[1] == _ERROR:
                self._raise_error(data)
                return

    def _raise_error(self, data: bytes) -> None:
        if _HEADER.unpack_from(data)[1] == _ERROR:
            number = -struct.unpack_from("=i", data, 16)[0]
            if number:
                raise OSError(number, os.strerror(number))

    def read(self) -> list[Spent]:
        """Return the accounts that have come since the last call; what was dropped adds to ``lost``."""
        found: list[Spent] = []
        while True:
            try:
                data = self._socket.recv(1 << 14)
            except BlockingIOError:
                return found
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                self.lost += 1
                continue
            spent = parse(data)
            if spent is not None:
                found.append(spent)

    def close(self) -> None:
        """End the subscription."""
        self._socket.close()


def parse(data: bytes) -> Spent | None:
    """Take one message apart; None for anything but the account of a thread."""
    for outer, start, end in attributes(data, 20, len(data)):
        if outer == _OF_THREAD:
            for kind, inner, stop in attributes(data, start, end):
                if kind == _STATS:
                    return _spent(data, inner, stop)
    return None


def _spent(data: bytes, at: int, end: int) -> Spent | None:
    """Read the fields of ``struct taskstats`` that we keep, at their places in its version."""
    if at + 2 > end:
        return None
    (version,) = struct.unpack_from("=H", data, at)
    delays = 16 if version == _MIXED else 0
    rest = 3 * delays
    last = at + 368 + 2 * rest
    if version < _OLDEST or last + 4 > end:
        return None
    (block_delay_ns,) = struct.unpack_from("=Q", data, at + 40 + delays)
    base = at + rest
    name = data[base + 80 : base + 112].split(b"\0", 1)[0].decode("utf-8", "surrogateescape")
    (thread,) = struct.unpack_from("=I", data, base + 128)
    user_us, system_us = _exactly(
        *struct.unpack_from("=QQ", data, base + 152), *struct.unpack_from("=Q", data, base + 72)
    )
    (peak_kib,) = struct.unpack_from("=Q", data, base + 200)
    read_bytes, write_bytes = struct.unpack_from("=QQ", data, base + 248)
    (process,) = struct.unpack_from("=I", data, last)
    return Spent(
        process, thread, name, user_us, system_us, peak_kib << 10, read_bytes, write_bytes, block_delay_ns
    )


def _exactly(user_us: int, system_us: int, run_ns: int) -> tuple[int, int]:
    """Share the run time, which the scheduler counts in nanoseconds, as the ticks were counted."""
    ticks = user_us + system_us
    run_us = run_ns // 1000
    if not run_us:
        return user_us, system_us
    if not ticks:
        return run_us, 0
    user_us = run_us * user_us // ticks
    return user_us, run_us - user_us
