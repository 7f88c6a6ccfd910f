"""Pending rows over committed ones.

The recorder folds a batch into an overlay and writes it out in the order of the keys; a reader folds
the journal's tail into one and never writes it. Rows are lists (or bytes) as ``tables`` says.
"""

from collections.abc import Iterator
from typing import Any, Protocol

from mlamd.catalog.tables import TABLES
from mlamd.errors import StoreDamagedError
from mlamd.model import codec

Row = Any


class Base(Protocol):
    """Committed rows."""

    def get(self, table: str, key: bytes) -> bytes | None:
        """Return the packed row of a key."""
        ...

    def scan(self, table: str, start: bytes, *, reverse: bool = False) -> Iterator[tuple[bytes, bytes]]:
        """Yield keys and packed rows from ``start`` on, or, in reverse, from the last before it."""
        ...


class Empty:
    """A base without rows."""

    def get(self, table: str, key: bytes) -> bytes | None:
        """Return None."""
        del table, key
        return None

    def scan(self, table: str, start: bytes, *, reverse: bool = False) -> Iterator[tuple[bytes, bytes]]:
        """Yield nothing."""
        del table, start, reverse
        return iter(())


class Overlay:
    """Reads through to ``base`` what is not pending. To be used by one thread at a time."""

    def __init__(self, base: Base) -> None:
        self.base = base
        self.pending: dict[str, dict[bytes, Row]] = {table: {} for table in TABLES}

    def put(self, table: str, key: bytes, row: Row) -> None:
        """Set a row; the caller must not change it afterwards but through ``get`` and ``put``."""
        self.pending[table][key] = row

    def get(self, table: str, key: bytes) -> Row | None:
        """Return a row, or None. A row may be changed in place only if it is ``put`` again."""
        row = self.pending[table].get(key)
        if row is not None:
            return row
        packed = self.base.get(table, key)
        return None if packed is None else _unpacked(table, packed)

    def prefixed(self, table: str, prefix: bytes) -> Iterator[tuple[bytes, Row]]:
        """Yield the rows whose key begins with ``prefix``, in order."""
        for key, row in self.scan(table, prefix):
            if not key.startswith(prefix):
                return
            yield key, row

    def keys(self, table: str, prefix: bytes) -> Iterator[bytes]:
        """Yield the keys that begin with ``prefix``, in order, without looking at their rows."""
        for key, _ in self._merged(table, prefix, reverse=False):
            if not key.startswith(prefix):
                return
            yield key

    def scan(self, table: str, start: bytes = b"", *, reverse: bool = False) -> Iterator[tuple[bytes, Row]]:
        """Yield keys and rows from ``start`` on, or, in reverse, those before it (b"" for all)."""
        for key, row in self._merged(table, start, reverse=reverse):
            yield key, (_unpacked(table, row.packed) if isinstance(row, _Packed) else row)

    def _merged(self, table: str, start: bytes, *, reverse: bool) -> Iterator[tuple[bytes, Row]]:
        pending = self.pending[table]
        if reverse:
            ours = sorted((key for key in pending if not start or key < start), reverse=True)
        else:
            ours = sorted(key for key in pending if key >= start)
        position = 0
        for key, packed in self.base.scan(table, start, reverse=reverse):
            while position < len(ours) and ((ours[position] > key) if reverse else (ours[position] < key)):
                yield ours[position], pending[ours[position]]
                position += 1
            if position < len(ours) and ours[position] == key:
                yield key, pending[key]
                position += 1
            else:
                yield key, _Packed(packed)
        for key in ours[position:]:
            yield key, pending[key]


def _unpacked(table: str, packed: bytes) -> Row:
    try:
        return codec.unpack(packed) if packed else packed
    except ValueError as error:
        raise StoreDamagedError(
            f"a row of the catalog's table {table} is damaged: `mlamd stop`, `mlamd verify --rebuild`"
        ) from error


class _Packed:
    """A row as it is stored, not yet unpacked."""

    __slots__ = ("packed",)

    def __init__(self, packed: bytes) -> None:
        self.packed = packed
