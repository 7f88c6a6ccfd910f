"""Keeps what is about to be lost: contents that somebody has read, and of which no digest is known.

Only what the kernel is about to change is kept, and only until somebody has digested it. What is removed or
replaced stays open; what is changed in place is cloned, where the file system can do that (FICLONE,
ioctl_ficlone(2)), or copied, up to a size. Nobody waits for more than that copy.
"""

import fcntl
import os
import stat
import time
from collections import deque
from contextlib import suppress

from mlamd.host.files import file_stat
from mlamd.mount.backing import Backing
from mlamd.mount.nodes import Node

KEPT = 2
"""The kind of a row ``(KEPT, at_ns, descriptor, path, status, why not)``; see ``witness.Row``."""

MOST_COPIED_BYTES = 16 << 20
_MOST_OPEN = 256
_ROOM_BYTES = 1 << 30
_FICLONE = 0x40049409
"""``_IOW(0x94, 9, int)`` (include/uapi/linux/fs.h)."""
_BLOCK_BYTES = 1 << 20

Known = tuple[int, int, int, int]
"""Device, inode, size and time of modification of a content."""


class Keeper:
    """Decides what is worth it. ``rows`` is where it is told; who takes a row closes its descriptor.

    What cannot be opened any more is not told: that a content was gone is noticed by who wanted to read it.
    """

    def __init__(self, backing: Backing, rows: "deque[tuple[object, ...]]") -> None:
        self._backing = backing
        self._rows = rows
        self.open = 0
        """How many descriptors are in ``rows``."""
        backing.before_loss = self.before_loss

    def read(self, node: Node, status: os.stat_result) -> None:
        """Note that somebody reads a file."""
        content = (status.st_size, status.st_mtime_ns)
        if content != node.digested and status.st_size and stat.S_ISREG(status.st_mode):
            node.unkept = content

    def known(self, contents: list[Known]) -> None:
        """Note of which contents the digests are known by now."""
        for device, inode, size, mtime_ns in contents:
            node = self._backing.nodes.with_identity(device, inode)
            if node is not None:
                node.digested = size, mtime_ns
                if node.unkept == node.digested:
                    node.unkept = None

    def before_change(self, node: Node) -> None:
        """Keep the content of a file that is about to be changed in place, if it is worth it."""
        if node.unkept is None:
            return
        node.unkept = None
        try:
            source = self._backing.open_to_read(node)
        except OSError:
            return
        try:
            status = os.fstat(source)
            self._tell(*self._copied(source, status, node))
        finally:
            os.close(source)

    def _copied(
        self, source: int, status: os.stat_result, node: Node
    ) -> tuple[int, Node, os.stat_result, str]:
        if self.open >= _MOST_OPEN:
            return -1, node, status, "too many files were changed at once"
        if not self._has_room(node):
            return -1, node, status, "the disk is nearly full"
        copy = -1
        try:
            flags = os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC
            copy = os.open(b"/proc/self/fd/%d" % self._backing.descriptor, flags, 0o600)
            if not _cloned(copy, source):
                if status.st_size > MOST_COPIED_BYTES:
                    os.close(copy)
                    return -1, node, status, "it was changed in place, and too large to be copied before that"
                _copy(copy, source)
        except OSError as error:
            if copy >= 0:
                os.close(copy)
            return -1, node, status, error.strerror or str(error)
        return copy, node, status, ""

    def before_loss(self, node: Node) -> None:
        """Keep the content of a file that is about to lose its last name."""
        if node.unkept is None:
            return
        node.unkept = None
        if self.open >= _MOST_OPEN or not self._has_room(node):
            return
        try:
            descriptor = self._backing.open_to_read(node)
        except OSError:
            return
        self._tell(descriptor, node, os.fstat(descriptor), "")

    def _has_room(self, node: Node) -> bool:
        """Say whether the disk can do without the room that a content takes until it is digested."""
        found = os.fstatvfs(self._backing.descriptor)
        return found.f_bavail * found.f_frsize > _ROOM_BYTES + node.size

    def _tell(self, descriptor: int, node: Node, status: os.stat_result, why: str) -> None:
        path = self._backing.nodes.path(node)
        if path is None:
            if descriptor >= 0:
                os.close(descriptor)
            return
        self.open += descriptor >= 0
        self._rows.append((KEPT, time.monotonic_ns(), descriptor, path, file_stat(status), why))

    def close(self, row: tuple[object, ...]) -> None:
        """Close the descriptor of a row that was taken out."""
        if row[0] == KEPT and isinstance(row[2], int) and row[2] >= 0:
            self.open -= 1
            os.close(row[2])


def _cloned(copy: int, source: int) -> bool:
    try:
        fcntl.ioctl(copy, _FICLONE, source)
    except OSError:
        return False
    return True


def _copy(copy: int, source: int) -> None:
    with suppress(OSError):
        while os.copy_file_range(source, copy, _BLOCK_BYTES):
            pass
        return
    os.lseek(source, 0, os.SEEK_SET)
    os.ftruncate(copy, 0)
    os.lseek(copy, 0, os.SEEK_SET)
    while block := os.read(source, _BLOCK_BYTES):
        os.write(copy, block)
