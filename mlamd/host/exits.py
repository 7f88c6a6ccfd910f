"""When and how processes that are not our children end, through pidfds.

A pidfd becomes readable the moment its process ends (pidfd_open(2)). How it ended is read from the
zombie's ``/proc/PID/stat`` or, once it was reaped, with ``PIDFD_GET_INFO`` and ``PIDFD_INFO_EXIT`` (Linux
6.15; include/uapi/linux/pidfd.h). Where neither answers, the run's status stays unknown.
"""

import os
import select
import struct
from collections import OrderedDict
from contextlib import suppress

from mlamd.model.processes import ProcessKey

_GET_INFO = (3 << 30) | (64 << 16) | (0xFF << 8) | 11
_INFO_EXIT = 1 << 3
_INFO = struct.Struct("=QQ11Ii")
_MOST = 256


class ExitWatch:
    """Holds at most 256 pidfds; the oldest gives way. ``wait`` belongs to one thread, ``wake`` to all."""

    def __init__(self) -> None:
        self._held: OrderedDict[ProcessKey, int] = OrderedDict()
        self._keys: dict[int, ProcessKey] = {}
        self._poll = select.poll()
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._poll.register(self._wake, select.POLLIN)

    def watch(self, key: ProcessKey) -> None:
        """Begin to hold a process; one that is gone is ignored."""
        if key in self._held:
            return
        try:
            descriptor = os.pidfd_open(key.pid)
        except OSError:
            return
        self._held[key] = descriptor
        self._keys[descriptor] = key
        self._poll.register(descriptor, select.POLLIN)
        if len(self._held) > _MOST:
            self.drop(next(iter(self._held)))

    def wake(self) -> None:
        """Let ``wait`` return."""
        os.eventfd_write(self._wake, 1)

    def wait(self, timeout_s: float) -> tuple[list[ProcessKey], bool]:
        """Wait for an end, a ``wake`` or the time; return who ended since, and whether we were woken."""
        ended = []
        woken = False
        for descriptor, _ in self._poll.poll(timeout_s * 1000):
            if descriptor == self._wake:
                woken = True
                os.eventfd_read(self._wake)
            else:
                self._poll.unregister(descriptor)
                ended.append(self._keys[descriptor])
        return ended, woken

    def exit_code(self, key: ProcessKey) -> int | None:
        """Return the exit code of a held process that was reaped, None for any other."""
        descriptor = self._held.get(key)
        return None if descriptor is None else _exit_code(descriptor)

    def drop(self, key: ProcessKey) -> None:
        """Let go of a process."""
        descriptor = self._held.pop(key, None)
        if descriptor is None:
            return
        del self._keys[descriptor]
        with suppress(KeyError):
            self._poll.unregister(descriptor)
        os.close(descriptor)

    def close(self) -> None:
        """Let go of everything."""
        for key in list(self._held):
            self.drop(key)
        os.close(self._wake)


def _exit_code(descriptor: int) -> int | None:
    import fcntl  # noqa: PLC0415  (not on Windows)

    buffer = bytearray(_INFO.pack(_INFO_EXIT, *([0] * 13)))
    try:
        fcntl.ioctl(descriptor, _GET_INFO, buffer)
    except OSError:
        return None
    fields = _INFO.unpack(buffer)
    if not fields[0] & _INFO_EXIT:
        return None
    return os.waitstatus_to_exitcode(fields[-1])
