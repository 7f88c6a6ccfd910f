"""inotify, as far as to say in which directories something was changed. Source: inotify(7)."""

import ctypes
import os
import struct
from collections.abc import Iterator

MODIFY, ATTRIB, CLOSE_WRITE = 0x2, 0x4, 0x8
MOVED_FROM, MOVED_TO, CREATE, DELETE = 0x40, 0x80, 0x100, 0x200
OVERFLOW = 0x4000
ONLYDIR, DONT_FOLLOW, ONESHOT = 0x1000000, 0x2000000, 0x80000000

_EVENT = struct.Struct("=iIII")
"""wd, mask, cookie, len; the name follows."""
_BUFFER_BYTES = 1 << 16


class Inotify:
    """A queue of events. Raises ``OSError`` if the user may have no further one."""

    def __init__(self) -> None:
        self._c = ctypes.CDLL(None, use_errno=True)
        self.descriptor = self._c.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        if self.descriptor < 0:
            raise _error()

    def watch(self, path: bytes, mask: int) -> int:
        """Watch a directory; return the number of the watch. Raises ``OSError``."""
        number: int = self._c.inotify_add_watch(self.descriptor, path, ctypes.c_uint32(mask))
        if number < 0:
            raise _error()
        return number

    def events(self) -> Iterator[tuple[int, int]]:
        """Yield watch and mask of what has come, without waiting."""
        while True:
            try:
                data = os.read(self.descriptor, _BUFFER_BYTES)
            except BlockingIOError:
                return
            position = 0
            while position < len(data):
                watch, mask, _, length = _EVENT.unpack_from(data, position)
                position += _EVENT.size + length
                yield watch, mask

    def close(self) -> None:
        """End."""
        os.close(self.descriptor)


def _error() -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))
