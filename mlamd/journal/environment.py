"""Opening of LMDB files: one place for every option, and for everything that can be wrong.

LMDB maps its file into memory, so a file that was cut off would end the process with a bus error
at the first read behind its end; the size is therefore held against the meta pages before opening.
Layout of the meta page: ``struct MDB_meta`` of mdb.c (LMDB 0.9).
"""

import errno
import os
import struct
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
_T = TypeVar("_T")


def _check_size(data: Path) -> None:
    with data.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size == 0:
            return
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
    from lmdb import verify  # noqa: PLC0415  (slow to import, and almost never needed)

    try:
        verify.verify(str(data), subdir=False)
    except verify.VerifyError as error:
        raise StoreDamagedError(f"{data} is cut off or overwritten ({error}): see `mlamd verify`") from error


def open_environment(directory: Path, *, write: bool) -> lmdb.Environment:
    """Open one LMDB environment.

    Raises ``StoreDamagedError`` for a file that is missing, cut off or not LMDB's, ``AccessError``
    and ``StoreFullError`` for what the operating system refuses.
    """
    data = directory / "data.mdb"
    try:
        if data.exists():
            _check_size(data)
        elif not write:
            raise StoreDamagedError(f"{data} is missing: restore it from a copy, or run `mlamd start`")
        else:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return lmdb.open(
            str(directory),
            lib_version=LIB_VERSION,
            map_size=INITIAL_MAP_BYTES if write else 0,
            max_dbs=24,
            max_readers=512,
            readonly=not write,
            readahead=False,
            meminit=False,
            mode=0o600,
        )
    except (lmdb.Error, OSError) as error:
        raise translate(error, directory) from error


def translate(error: Exception, directory: Path) -> MlamdError:
    """Turn an error of LMDB or of the operating system into the line that a user gets."""
    number = error.errno if isinstance(error, OSError) else 0
    text = str(error)
    if number in {errno.ENOSPC, errno.EDQUOT} or "No space left" in text or isinstance(error, lmdb.DiskError):
        return StoreFullError(
            f"the disk of {directory} is full: free some space; nothing that was stored is lost"
        )
    if isinstance(error, lmdb.ReadonlyError | PermissionError | lmdb.LockError) or "ermission denied" in text:
        return AccessError(f"no permission to use {directory}: check its owner and mode ({text})")
    return StoreDamagedError(f"{directory} cannot be read ({text}): run `mlamd verify`")


@contextmanager
def reading(environment: lmdb.Environment, directory: Path) -> Iterator[lmdb.Transaction]:
    """Begin a short read transaction; a map resized by the writer is adopted first."""
    try:
        try:
            transaction = environment.begin(buffers=False)
        except lmdb.MapResizedError:
            environment.set_mapsize(0)
            transaction = environment.begin(buffers=False)
        except lmdb.ReadersFullError:
            environment.reader_check()
            transaction = environment.begin(buffers=False)
    except lmdb.Error as error:
        raise translate(error, directory) from error
    with transaction:
        yield transaction


def writing(
    environment: lmdb.Environment,
    directory: Path,
    work: Callable[[lmdb.Transaction], _T],
    need_bytes: int = 0,
) -> _T:
    """Run ``work`` in a write transaction, growing the map before and, if need be, after a refusal.

    ``work`` must be repeatable: it is run again from the start after the map has grown.
    """
    info = environment.info()
    used = (info["last_pgno"] + 1) * 4096
    if used + 4 * need_bytes + (8 << 20) > info["map_size"]:
        _grow(environment, used + 4 * need_bytes)
    while True:
        try:
            with environment.begin(write=True) as transaction:
                return work(transaction)
        except lmdb.MapFullError:
            _grow(environment, 0)
        except lmdb.MapResizedError:
            environment.set_mapsize(0)
        except (lmdb.Error, OSError) as error:
            raise translate(error, directory) from error


def _grow(environment: lmdb.Environment, at_least: int) -> None:
    size: int = environment.info()["map_size"]
    while True:
        size *= 2
        if size > at_least:
            break
    environment.set_mapsize(size)


def database(environment: lmdb.Environment, name: bytes, *, write: bool) -> Any:
    """Open a named database; in a store that lacks it this raises ``lmdb.NotFoundError``."""
    return environment.open_db(name, create=write)
