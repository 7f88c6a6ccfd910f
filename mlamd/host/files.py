"""Looks at files: stat and content digest."""

import os
import stat as modes
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple, Protocol

from blake3 import blake3

from mlamd.model.files import FileStat
from mlamd.model.observations import SourceMark

_CHUNK_BYTES = 1 << 20
_GENTLE_AFTER_BYTES = 16 << 20
_GENTLY_S = 0.002
"""A large file is read at some 400 MB/s at most: at full speed we would take memory bandwidth from others."""


class Digests(NamedTuple):
    """Digest of a content and of its first bytes, as far as asked for; ``reason`` if there is none.

    ``lost`` says that the content is there no more.
    """

    whole: bytes | None
    prefix: bytes | None
    reason: str
    lost: bool = False


class ContentError(Exception):
    """A content cannot be read; the message says why. ``lost`` as in ``Digests``."""

    def __init__(self, reason: str, *, lost: bool = False) -> None:
        super().__init__(reason)
        self.lost = lost


class FileHost(Protocol):
    """What the recorder asks about files. Paths are absolute bytes."""

    def stat(self, path: bytes) -> FileStat | None:
        """Return the stat of a regular file (links are not followed), or None for anything else."""
        ...

    def special(self, path: bytes) -> bool:
        """Say whether something stands at a path that is no regular file: a FIFO, a device, a link."""
        ...

    def digest(self, path: bytes, stat: FileStat, prefix_bytes: int = 0) -> Digests:
        """Return the BLAKE3 digest of exactly the content that ``stat`` names, or why there is none."""
        ...

    def opened(self, path: bytes, stat: FileStat) -> AbstractContextManager[int]:
        """Give a descriptor of exactly the content that ``stat`` names, as long as the block lasts.

        Raises ``ContentError`` if it is not there, and, at the end of the block, if it has changed.
        """
        ...

    def source_mark(self, path: bytes) -> SourceMark | None:
        """Return what the header of a ``.pyc`` says of its source."""
        ...

    def reach(self, path: bytes) -> bytes:
        """Return the path by which the file is to be looked at."""
        ...


def file_stat(result: os.stat_result) -> FileStat:
    """Turn the result of a system call into the fields that we keep."""
    return FileStat(
        result.st_dev, result.st_ino, result.st_size, result.st_mtime_ns, result.st_ctime_ns, result.st_nlink
    )


class OwnAccess(Protocol):
    """Who must know of our own opens, as a watch of the directory cannot tell them from others'."""

    def announce(self, path: bytes) -> None:
        """Take note that we are about to open a path."""
        ...

    def retract(self, path: bytes) -> None:
        """Take note that the open failed."""
        ...

    def separate(self) -> None:
        """Keep our next event apart from equal ones of others."""
        ...


class _Unwatched:
    """Nobody watches."""

    def announce(self, path: bytes) -> None:
        del path

    def retract(self, path: bytes) -> None:
        del path

    def separate(self) -> None:
        return


class LocalFiles:
    """The machine's files; ``own`` is told of every open and close of ours.

    ``forbidden`` are (device, inode) of files that must not be opened: closing any descriptor of LMDB's
    ``lock.mdb`` drops the locks of this process (fcntl(2)), also through a hard link or bind mount.
    """

    def __init__(
        self, own: OwnAccess | None = None, forbidden: frozenset[tuple[int, ...]] = frozenset()
    ) -> None:
        self._own = own or _Unwatched()
        self._forbidden = forbidden
        self._root, self._backing = b"/", b"/"

    def reach_through(self, root: bytes, backing: bytes) -> None:
        """Look at the files below ``root`` by way of another directory: the one that a mount there covers."""
        self._root, self._backing = root + b"/", backing + b"/"

    def reach(self, path: bytes) -> bytes:
        """See ``FileHost``."""
        if path.startswith(self._root):
            return self._backing + path[len(self._root) :]
        return self._backing if path + b"/" == self._root else path

    def stat(self, path: bytes) -> FileStat | None:
        """See ``FileHost``. Never raises: what cannot be looked at is None."""
        try:
            result = os.lstat(self.reach(path))
        except (OSError, ValueError):
            return None
        return file_stat(result) if modes.S_ISREG(result.st_mode) else None

    def special(self, path: bytes) -> bool:
        """See ``FileHost``."""
        try:
            return not modes.S_ISREG(os.lstat(self.reach(path)).st_mode)
        except (OSError, ValueError):
            return False

    def digest(self, path: bytes, stat: FileStat, prefix_bytes: int = 0) -> Digests:
        """See ``FileHost``. Reads in chunks of 1 MiB and never follows a link or waits for a FIFO."""
        try:
            with self.opened(path, stat) as descriptor:
                whole, prefix = _digests(descriptor, prefix_bytes)
        except ContentError as error:
            return Digests(None, None, str(error), error.lost)
        return Digests(whole, prefix, "")

    @contextmanager
    def opened(self, path: bytes, stat: FileStat) -> Iterator[int]:
        """See ``FileHost``. Never follows a link or waits for a FIFO."""
        if stat[:2] in self._forbidden:
            raise ContentError("it belongs to the record")
        try:
            descriptor = self._open(path)
        except OSError as error:
            raise ContentError(_reason(error), lost=isinstance(error, FileNotFoundError)) from error
        try:
            if not stat.same_content(file_stat(os.fstat(descriptor))):
                raise ContentError("it changed before it could be read", lost=True)
            yield descriptor
            if not stat.same_content(file_stat(os.fstat(descriptor))):
                raise ContentError("it changed while it was read", lost=True)
        except OSError as error:
            raise ContentError(_reason(error)) from error
        finally:
            self._close(descriptor)

    def source_mark(self, path: bytes) -> SourceMark | None:
        """See ``FileHost``. The header is 16 bytes: magic, flags, mtime, size (PEP 552)."""
        try:
            descriptor = self._open(path)
        except OSError:
            return None
        try:
            header = os.read(descriptor, 16)
        except OSError:
            return None
        finally:
            self._close(descriptor)
        if len(header) < 16 or header[4:8] != bytes(4):
            return None
        return SourceMark(int.from_bytes(header[8:12], "little"), int.from_bytes(header[12:16], "little"))

    def _open(self, path: bytes) -> int:
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        flags |= getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
        self._own.announce(path)
        self._own.separate()
        try:
            descriptor = os.open(self.reach(path), flags)
        except OSError:
            self._own.retract(path)
            raise
        self._own.separate()
        return descriptor

    def _close(self, descriptor: int) -> None:
        self._own.separate()
        os.close(descriptor)
        self._own.separate()


def digest_of(descriptor: int) -> bytes:
    """Return the BLAKE3 digest of an open file, from its beginning. Raises ``OSError``."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    return _digests(descriptor, 0)[0]


def _digests(descriptor: int, prefix_bytes: int) -> tuple[bytes, bytes | None]:
    hasher = blake3()
    done = 0
    prefix = None
    while True:
        wanted = _CHUNK_BYTES if done >= prefix_bytes else min(_CHUNK_BYTES, prefix_bytes - done)
        chunk = os.read(descriptor, wanted)
        if not chunk:
            return hasher.digest(), prefix
        hasher.update(chunk)
        done += len(chunk)
        if done > _GENTLE_AFTER_BYTES:
            time.sleep(_GENTLY_S)
        if done == prefix_bytes:
            prefix = hasher.digest()


def _reason(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "it was removed before it could be read"
    if isinstance(error, PermissionError):
        return "no permission to read it"
    return error.strerror or str(error)


def free_bytes(path: Path) -> int:
    """Return the space that an ordinary user may still fill on the file system of ``path``."""
    if not hasattr(os, "statvfs"):
        import shutil  # noqa: PLC0415  (Windows only)

        return shutil.disk_usage(path).free
    result = os.statvfs(path)
    return result.f_bavail * result.f_frsize


def identity(path: Path) -> tuple[int, int] | None:
    """Return device and inode of what stands at a path, None if nothing does."""
    try:
        result = path.stat()
    except OSError:
        return None
    return result.st_dev, result.st_ino


def identities(paths: Iterable[Path]) -> frozenset[tuple[int, ...]]:
    """Return device and inode of each file that is there."""
    return frozenset(found for path in paths if (found := identity(path)) is not None)


def modified_ns(path: Path) -> int:
    """Return when a file was last modified, 0 if it is not there."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
