"""fanotify: what is done to the files of whole filesystems, and by which process.

Sources: fanotify(7), fanotify_init(2), fanotify_mark(2), open_by_handle_at(2), include/uapi/linux/fanotify.h.

A group reports each event with the handle of the directory and the name in it, so that no path has to be
resolved while the event is read, and no descriptor is opened for it. Handles never come back: they hold
the generation of the inode.
"""

import ctypes
import errno
import os
import struct
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

ACCESS, MODIFY, ATTRIB = 0x1, 0x2, 0x4
CLOSE_WRITE, CLOSE_NOWRITE, OPEN = 0x8, 0x10, 0x20
CREATE, DELETE = 0x100, 0x200
OPEN_EXEC, OVERFLOW, RENAME = 0x1000, 0x4000, 0x10000000
ONDIR = 0x40000000

CONTENT = MODIFY | ATTRIB | CLOSE_WRITE | CLOSE_NOWRITE | OPEN | OPEN_EXEC
"""Not ``ACCESS``: 1.2 µs for each read of a large file, and an open for reading tells enough."""
NAMES = CREATE | DELETE | RENAME | ONDIR

_CLOEXEC, _NONBLOCK, _UNLIMITED_QUEUE, _UNLIMITED_MARKS = 0x1, 0x2, 0x10, 0x20
_REPORT_DFID_NAME_TARGET = 0x400 | 0x800 | 0x200 | 0x1000
_ADD, _FILESYSTEM = 0x1, 0x100
_EMPTY_PATH = 0x1000

_META = struct.Struct("=IBxHQii")
"""event_len, vers, metadata_len, mask, fd, pid."""
_VERSION = 3
_FID, _DFID_NAME, _OLD_NAME, _NEW_NAME = 1, 2, 10, 12
_HANDLE = struct.Struct("=Ii")
_MOST_HANDLE_BYTES = 128
_MISSING = {errno.ENOSYS: "the kernel has no fanotify", errno.EINVAL: "the kernel is older than Linux 5.17"}
_UNSUPPORTED = frozenset({errno.EOPNOTSUPP, errno.ENODEV, errno.EXDEV, errno.EINVAL, errno.ENOSYS})


class Raw(NamedTuple):
    """One event of the kernel; ``directory`` and ``target`` are keys as made by ``key_of``.

    ``new_directory`` and ``new_name`` are those of a rename. Equal events of one process on one file
    that wait in the queue are joined by the kernel, which ors their masks.
    """

    mask: int
    pid: int
    directory: bytes
    name: bytes
    target: bytes
    new_directory: bytes = b""
    new_name: bytes = b""
    stat: tuple[int, ...] | None = None
    """How the file stood then, in the order of ``FileStat``: never from fanotify, which does not say it."""


class UnsupportedError(Exception):
    """This kernel, or the filesystem of a directory, cannot report what we ask for."""


def _library() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


class Group:
    """A fanotify group of this process; needs CAP_SYS_ADMIN.

    ``limited`` asks for the queue of limited length (``fs.fanotify.max_queued_events``). Raises
    ``PermissionError`` without the capability and ``UnsupportedError`` where the kernel is too old.
    """

    def __init__(self, *, limited: bool = False) -> None:
        if sys.platform != "linux":
            raise UnsupportedError("fanotify is a part of Linux")
        self._c = _library()
        flags = _CLOEXEC | _NONBLOCK | _UNLIMITED_MARKS | _REPORT_DFID_NAME_TARGET
        flags |= 0 if limited else _UNLIMITED_QUEUE
        self.descriptor = self._c.fanotify_init(flags, os.O_RDONLY | os.O_CLOEXEC | os.O_LARGEFILE)
        if self.descriptor < 0:
            number = ctypes.get_errno()
            if number in _MISSING:
                raise UnsupportedError(_MISSING[number])
            raise OSError(number, f"fanotify_init: {os.strerror(number)}")

    def mark(self, path: bytes, mask: int) -> None:
        """Report what ``mask`` names for the whole filesystem of ``path``.

        Raises ``UnsupportedError`` for a filesystem without file handles or an id of its own.
        """
        argument = ctypes.c_uint64(mask)
        if self._c.fanotify_mark(self.descriptor, _ADD | _FILESYSTEM, argument, -100, path) < 0:
            number = ctypes.get_errno()
            if number in _UNSUPPORTED:
                raise UnsupportedError(
                    f"its filesystem has no file handles for fanotify ({os.strerror(number)})"
                )
            raise OSError(number, f"fanotify_mark: {os.strerror(number)}")

    def marked(self, mask: int) -> frozenset[int]:
        """Return the devices, as ``st_dev``, whose filesystem is marked with at least this mask.

        Source: proc_pid_fdinfo(5). A mark ends with its filesystem, when that is unmounted everywhere.
        """
        found = set()
        with open(f"/proc/self/fdinfo/{self.descriptor}", encoding="ascii") as lines:
            for line in lines:
                fields = dict(field.split(":", 1) for field in line.split()[1:] if ":" in field)
                if line.startswith("fanotify sdev:") and int(fields["mask"], 16) & mask == mask:
                    device = int(fields["sdev"], 16)
                    found.add(os.makedev(device >> 20, device & 0xFFFFF))
        return frozenset(found)

    def read(self, size_bytes: int = 1 << 16) -> bytes:
        """Return what waits in the queue, at most some hundred events; b"" if nothing does."""
        try:
            return os.read(self.descriptor, size_bytes)
        except BlockingIOError:
            return b""

    def close(self) -> None:
        """End the group; the kernel forgets its marks."""
        with suppress(OSError):
            os.close(self.descriptor)


def events_in(data: bytes) -> Iterator[Raw]:
    """Take apart what ``Group.read`` returned; an overflow has an empty ``directory``."""
    position, end = 0, len(data)
    unpack = _META.unpack_from
    while position < end:
        length, version, start, mask, _, pid = unpack(data, position)
        if version != _VERSION:
            raise UnsupportedError(f"the kernel speaks version {version} of fanotify, we know {_VERSION}")
        yield _event(data, position + start, position + length, mask, pid)
        position += length


def _event(data: bytes, position: int, end: int, mask: int, pid: int) -> Raw:
    directory = name = target = new_directory = new_name = b""
    while position < end:
        kind = data[position]
        after = position + (data[position + 2] | data[position + 3] << 8)
        key_end = position + 20 + data[position + 12]
        key = data[position + 4 : key_end]
        if kind in {_DFID_NAME, _OLD_NAME}:
            directory, name = key, data[key_end : data.index(0, key_end, after)]
        elif kind == _NEW_NAME:
            new_directory, new_name = key, data[key_end : data.index(0, key_end, after)]
        elif kind == _FID:
            target = key
        position = after
    return Raw(mask, pid, directory, name, target, new_directory, new_name)


class _FileHandle(ctypes.Structure):
    _fields_ = (
        ("handle_bytes", ctypes.c_uint),
        ("handle_type", ctypes.c_int),
        ("f_handle", ctypes.c_ubyte * _MOST_HANDLE_BYTES),
    )


class Handles:
    """Names files as events do, and finds them again. To be used by one thread."""

    def __init__(self) -> None:
        self._c = _library()
        self._handle = _FileHandle()
        self._mount = ctypes.c_int()
        self._fsids: dict[int, bytes] = {}

    def forget(self) -> None:
        """Expect another filesystem at each mount: their numbers come again."""
        self._fsids.clear()

    def key_of(self, path: bytes, *, follow: bool = False) -> bytes | None:
        """Return filesystem id and handle of what stands at a path, None if nothing does, or no handle."""
        return self._key(-100, path, 0x400 if follow else 0, path)

    def key_of_open(self, descriptor: int) -> bytes | None:
        """Return the same of what a descriptor stands for; ``O_PATH`` is enough."""
        return self._key(descriptor, b"", _EMPTY_PATH, descriptor)

    def _key(self, start: int, path: bytes, flags: int, target: bytes | int) -> bytes | None:
        self._handle.handle_bytes = _MOST_HANDLE_BYTES
        done = self._c.name_to_handle_at(
            start, path, ctypes.byref(self._handle), ctypes.byref(self._mount), flags
        )
        if done < 0:
            return None
        fsid = self._fsids.get(self._mount.value)
        if fsid is None:
            try:
                fsid = self._fsids[self._mount.value] = struct.pack("=Q", os.statvfs(target).f_fsid)
            except OSError:
                return None
        size = self._handle.handle_bytes
        return fsid + ctypes.string_at(ctypes.addressof(self._handle), 8 + size)

    def path_of(self, key: bytes, mount: int) -> bytes | None:
        """Return the path at which the file of a key stands now; needs CAP_DAC_READ_SEARCH.

        ``mount`` is a descriptor of anything on its filesystem.
        """
        size, kind = _HANDLE.unpack_from(key, 8)
        handle = _FileHandle(size, kind)
        ctypes.memmove(handle.f_handle, key[16:], size)
        descriptor = self._c.open_by_handle_at(mount, ctypes.byref(handle), os.O_PATH | os.O_CLOEXEC)
        if descriptor < 0:
            return None
        try:
            return os.readlink(f"/proc/self/fd/{descriptor}").encode("utf-8", "surrogateescape")
        except OSError:
            return None
        finally:
            os.close(descriptor)
