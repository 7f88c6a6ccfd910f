"""Opening of LMDB files: one place for every option, and for everything that can be wrong.

LMDB maps its file into memory, so a file that was cut off would end the process with a bus error
at the first read behind its end; the size is therefore held against the meta pages before opening.
Layout of the meta page: ``struct MDB_meta`` of mdb.c (LMDB 0.9).
"""

import errno
import os
import shutil
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import lmdb

from mlamd.errors import AccessError, MlamdError, StoreDamagedError, StoreFullError

LIB_VERSION = 0
"""LMDB 0.9: its files and those of 1.0 cannot be read by each other, so it is always named."""

INITIAL_MAP_BYTES = 64 << 20
_MAGIC = 0xBEEFC0DE
_META_BYTES = 152
_NEARLY_FULL_BYTES = 1 << 20
_T = TypeVar("_T")


def _check_size(data: Path) -> None:
    with data.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        first = file.read(_META_BYTES)
        if len(first) < _META_BYTES:
            raise StoreDamagedError(f"{data} is cut off: restore it from a copy, or run `mlamd verify`")
        page_size = struct.unpack_from("=I", first, 40)[0]
        metas = []
        for number in (0, 1):
            file.seek(number * page_size)
            meta = file.read(_META_BYTES)
            if len(meta) == _META_BYTES and struct.unpack_from("=I", meta, 16)[0] == _MAGIC:
                last_page, transaction = struct.unpack_from("=QQ", meta, 136)
                metas.append((transaction, last_page))
    if not metas or not 512 <= page_size <= 65536:
        raise StoreDamagedError(f"{data} is no LMDB file any more: restore it from a copy")
    if size < (max(metas)[1] + 1) * page_size:
        _check_structure(data)


def _check_structure(data: Path) -> None:
    """Walk a file that is shorter than it says: pages that were never used may be missing."""
    damage = find_damage(data)
    if damage:
        raise StoreDamagedError(f"{data} is cut off or overwritten ({damage}): run `mlamd verify`")


def find_damage(data: Path) -> str:
    """Walk a file page by page, without LMDB; return the first fault, "" for a sound file."""
    from lmdb import verify  # noqa: PLC0415  (slow to import, and seldom needed)

    try:
        faults: list[str] = verify.verify(str(data), subdir=False)  # type: ignore[no-untyped-call]
    except (verify.VerifyError, OSError, ValueError, struct.error) as error:
        return str(error) or type(error).__name__
    return faults[0] if faults else ""


class Environment:
    """One open LMDB file with its tables; ``write`` for the process that holds the store's lock.

    Tables of ``later`` may be missing from a file that an older program made: ``table`` then returns None
    to a reader, and a writer makes them.

    Threads may share it: while one reads, no other resizes the map, which would end the reading.
    """

    def __init__(
        self, directory: Path, names: tuple[str, ...], *, write: bool, later: frozenset[str] = frozenset()
    ) -> None:
        self.directory = directory
        self._write = write
        self._resizing = threading.RLock()
        data = directory / "data.mdb"
        try:
            if data.exists():
                _check_size(data)
            elif not write:
                raise StoreDamagedError(f"{data} is missing: run `mlamd verify`")
            else:
                _create(directory, names)
            self._lmdb = _opened(directory, write=write)
            self._tables = {name: self._open(name, optional=name in later) for name in names}
        except lmdb.NotFoundError as error:
            raise StoreDamagedError(f"{data} lacks a table ({error}): run `mlamd verify`") from error
        except (lmdb.Error, OSError) as error:
            raise translate(error, directory) from error

    def _open(self, name: str, *, optional: bool) -> Any:
        try:
            return self._lmdb.open_db(name.encode(), create=self._write)
        except lmdb.NotFoundError:
            if optional:
                return None
            raise

    def table(self, name: str) -> Any:
        """Return LMDB's handle of a table, None for an optional one that is missing."""
        return self._tables[name]

    @contextmanager
    def reading(self) -> Iterator[lmdb.Transaction]:
        """Begin a short read transaction; a map resized by another process is adopted first."""
        with self._resizing:
            try:
                with self._begin() as transaction:
                    yield transaction
            except lmdb.Error as error:
                raise translate(error, self.directory) from error

    def _begin(self) -> lmdb.Transaction:
        try:
            return self._lmdb.begin(buffers=False)
        except lmdb.MapResizedError:
            self._lmdb.set_mapsize(0)
        except lmdb.ReadersFullError:
            self._lmdb.reader_check()
        return self._lmdb.begin(buffers=False)

    def writing(self, work: Callable[[lmdb.Transaction], _T], need_bytes: int = 0) -> _T:
        """Run ``work`` in a write transaction, growing the map before and, if need be, after a refusal.

        ``work`` must be repeatable: it is run again from the start after the map has grown.
        """
        used = self.used_bytes()
        if used + 4 * need_bytes + (8 << 20) > self._lmdb.info()["map_size"]:
            self._grow(used + 4 * need_bytes)
        while True:
            try:
                with self._lmdb.begin(write=True) as transaction:
                    return work(transaction)
            except lmdb.MapFullError:
                self._grow(0)
            except lmdb.MapResizedError:
                with self._resizing:
                    self._lmdb.set_mapsize(0)
            except (lmdb.Error, OSError) as error:
                raise translate(error, self.directory) from error

    def _grow(self, at_least: int) -> None:
        with self._resizing:
            size: int = self._lmdb.info()["map_size"]
            while True:
                size *= 2
                if size > at_least:
                    break
            self._lmdb.set_mapsize(size)

    def used_bytes(self) -> int:
        """Return the size of the data file in use."""
        return int((self._lmdb.info()["last_pgno"] + 1) * self._lmdb.stat()["psize"])

    def check_readers(self) -> int:
        """Free the slots of readers that died; return how many there were."""
        return int(self._lmdb.reader_check())

    def close(self) -> None:
        """Close the file; a closed environment must not be used."""
        self._lmdb.close()


def _opened(directory: Path, *, write: bool) -> lmdb.Environment:
    return lmdb.open(
        str(directory),
        lib_version=LIB_VERSION,
        map_size=INITIAL_MAP_BYTES if write else 0,
        max_dbs=64,
        max_readers=512,
        readonly=not write,
        readahead=False,
        meminit=False,
        mode=0o600,
    )


def _create(directory: Path, names: tuple[str, ...]) -> None:
    """Make an empty file with its tables aside, then put it in place: readers never see half of it."""
    making = directory.with_name(f"{directory.name}.making")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(mode=0o700, parents=True)
    environment = _opened(making, write=True)
    for name in names:
        environment.open_db(name.encode())
    environment.close()
    directory.mkdir(mode=0o700, exist_ok=True)
    (making / "data.mdb").replace(directory / "data.mdb")
    shutil.rmtree(making, ignore_errors=True)


def translate(error: Exception, directory: Path) -> MlamdError:
    """Turn an error of LMDB or of the operating system into the line that a user gets."""
    number = error.errno if isinstance(error, OSError) else 0
    text = str(error)
    full = number in {errno.ENOSPC, errno.EDQUOT} or "No space left" in text
    # A page of which the disk took only a part is an input/output error to LMDB (``mdb_page_flush``).
    full = full or ("Input/output error" in text and _is_nearly_full(directory))
    if full or isinstance(error, lmdb.DiskError):
        return StoreFullError(
            f"the disk of {directory} is full: free some space; nothing that was stored is lost"
        )
    if isinstance(error, lmdb.ReadonlyError | PermissionError | lmdb.LockError) or "ermission denied" in text:
        return AccessError(f"no permission to use {directory}: check its owner and mode ({text})")
    return StoreDamagedError(f"{directory} cannot be read ({text}): run `mlamd verify`")


def _is_nearly_full(directory: Path) -> bool:
    try:
        found = os.statvfs(directory)
    except (AttributeError, OSError):
        return False
    return found.f_bavail * found.f_frsize < _NEARLY_FULL_BYTES
