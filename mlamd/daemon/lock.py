"""One recorder a store: a lock that ends with its holder. Source: flock(2)."""

import errno
import os
import time
from pathlib import Path

from mlamd.errors import AccessError, AlreadyRecordedError, StoreFullError

_PATIENCE_S = 0.25


class StoreLock:
    """Holds the lock of a store until it is closed, or the process ends."""

    def __init__(self, path: Path) -> None:
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise StoreFullError(f"cannot make {path}: the disk is full, free some space") from error
            raise AccessError(
                f"cannot open {path}: {error.strerror}; check the owner of the store"
            ) from error
        if not self._locked():
            pid = os.read(self._descriptor, 32).decode("ascii", "replace").strip()
            os.close(self._descriptor)
            raise AlreadyRecordedError(
                f"this workspace is recorded already, by pid {pid or '?'}: `mlamd status`, `mlamd stop`"
            )
        try:
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)
        except OSError as error:
            raise StoreFullError(f"cannot write {path} ({error.strerror}): free some space") from error

    def _locked(self) -> bool:
        """Take the lock; ``holder`` in another process may have it for a moment."""
        deadline = time.monotonic() + _PATIENCE_S
        while not _try_lock(self._descriptor):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.005)
        return True

    def close(self) -> None:
        """Let go of the lock."""
        os.close(self._descriptor)


def _try_lock(descriptor: int, *, shared: bool = False) -> bool:
    try:
        import fcntl  # noqa: PLC0415  (not on Windows)
    except ImportError:
        import msvcrt  # noqa: PLC0415  (only on Windows)

        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        except OSError:
            return False
        return True
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def holder(path: Path) -> int | None:
    """Return the pid of the recorder that holds the lock, 0 if it cannot be told, None if nobody does."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return None
    except OSError:
        return 0
    try:
        if _try_lock(descriptor, shared=True):  # others who ask at the same time are no recorder
            return None
        text = os.read(descriptor, 32).decode("ascii", "replace").strip()
        return int(text) if text.isdigit() else 0
    finally:
        os.close(descriptor)
