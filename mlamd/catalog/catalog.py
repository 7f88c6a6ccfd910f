"""The catalog on disk: the recorder folds into it, everybody else reads it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lmdb

from mlamd.catalog.overlay import Empty, Overlay
from mlamd.catalog.state import watermark
from mlamd.catalog.tables import FORMAT, LATER, TABLES, key
from mlamd.errors import StoreDamagedError, StoreTooNewError
from mlamd.journal.environment import Environment
from mlamd.journal.log import Journal
from mlamd.model import codec

if TYPE_CHECKING:
    from mlamd.model.events import Event

_FORMAT_KEY = key(3)


class _Committed:
    """The rows of one read transaction."""

    def __init__(self, transaction: lmdb.Transaction, databases: dict[str, Any]) -> None:
        self._transaction = transaction
        self._databases = databases

    def get(self, table: str, key: bytes) -> bytes | None:
        database = self._databases[table]
        value = None if database is None else self._transaction.get(key, db=database)
        return None if value is None else bytes(value)

    def scan(self, table: str, start: bytes, *, reverse: bool = False) -> Iterator[tuple[bytes, bytes]]:
        if self._databases[table] is None:
            return
        with self._transaction.cursor(db=self._databases[table]) as cursor:
            if reverse:
                found = cursor.prev() if start and cursor.set_range(start) else cursor.last()
                while found:
                    yield bytes(cursor.key()), bytes(cursor.value())
                    found = cursor.prev()
            elif cursor.set_range(start):
                for place, row in cursor.iternext():
                    yield bytes(place), bytes(row)


class Catalog:
    """An open catalog. Only the recorder opens it with ``write``."""

    def __init__(self, store: Path, *, write: bool = False, directory: str = "catalog") -> None:
        self.directory = store / directory
        self._environment = Environment(self.directory, TABLES, write=write, later=LATER)
        self._databases = {table: self._environment.table(table) for table in TABLES}
        with self.tables() as tables:
            stored = tables.get("meta", _FORMAT_KEY)
        if stored is not None and stored > FORMAT:
            raise StoreTooNewError(
                f"{self.directory} has format {stored}, this mlamd knows {FORMAT}: upgrade mlamd"
            )

    @contextmanager
    def tables(self) -> Iterator[Overlay]:
        """Begin one short read transaction; ask one question in it, then leave."""
        with self._environment.reading() as transaction:
            yield Overlay(_Committed(transaction, self._databases))

    def fold(self, first: int, events: "list[Event]") -> int:
        """Fold events into the tables, in one transaction with the watermark; return the watermark."""
        from mlamd.catalog import fold as folding  # noqa: PLC0415  (only needed where there is something to fold)

        def work(transaction: lmdb.Transaction) -> int:
            overlay = Overlay(_Committed(transaction, self._databases))
            following = folding.fold(overlay, first, events)
            overlay.put("meta", _FORMAT_KEY, FORMAT)
            self._write(transaction, overlay)
            return following

        return self._environment.writing(work, 200 * len(events))

    def _write(self, transaction: lmdb.Transaction, overlay: Overlay) -> None:
        pack = codec.packer().pack
        for table, rows in overlay.pending.items():
            if not rows:
                continue
            items = [(place, b"" if row == b"" else pack(row)) for place, row in sorted(rows.items())]
            with transaction.cursor(db=self._databases[table]) as cursor:
                cursor.putmulti(items)

    def catch_up(self, journal: Journal) -> int:
        """Fold everything that the journal has and the catalog has not; return the watermark."""
        with self.tables() as tables:
            position = watermark(tables)
        for number, events in journal.blocks(position):
            position = self.fold(number, events)
        return position

    def dump(self) -> Iterator[tuple[str, bytes, bytes]]:
        """Yield every table, key and packed row, in order."""
        with self._environment.reading() as transaction:
            committed = _Committed(transaction, self._databases)
            for table in TABLES:
                for place, row in committed.scan(table, b""):
                    yield table, bytes(place), bytes(row)

    def used_bytes(self) -> int:
        """Return the size of the data file in use."""
        return self._environment.used_bytes()

    def check_readers(self) -> int:
        """Free the slots of readers that died; return how many there were."""
        return self._environment.check_readers()

    def close(self) -> None:
        """Close the environment; a closed catalog must not be used."""
        self._environment.close()


@contextmanager
def current(store: Path) -> Iterator[Overlay]:
    """Read a store as it is now: the catalog, and over it the journal's tail, folded in memory."""
    if not (store / "journal" / "data.mdb").exists() and not _was_written(store):
        yield Overlay(Empty())
        return
    journal = Journal(store)
    try:
        catalog = Catalog(store)
        try:
            with catalog.tables() as tables:
                hold_against(journal, watermark(tables))
                fold_rest(tables, journal, watermark(tables))
                yield tables
        finally:
            catalog.close()
    finally:
        journal.close()


def _was_written(store: Path) -> bool:
    """Say whether anything was ever recorded; a recorder makes the catalog before the journal."""
    if not (store / "catalog" / "data.mdb").exists():
        return False
    catalog = Catalog(store)
    try:
        with catalog.tables() as tables:
            return watermark(tables) > 1
    finally:
        catalog.close()


def hold_against(journal: Journal, watermark: int) -> None:
    """Raise ``StoreDamagedError`` if a catalog knows events that its journal has lost."""
    if watermark > journal.next_number():
        raise StoreDamagedError(
            f"{journal.directory} ends before event {watermark - 1}, which was stored: restore it from a copy"
        )


def fold_rest(tables: Overlay, journal: Journal, position: int) -> None:
    """Fold what a journal holds from an event on, in memory."""
    for number, events in journal.blocks(position):
        from mlamd.catalog import fold as folding  # noqa: PLC0415  (only needed where there is something to fold)

        folding.fold(tables, number, events)


def in_memory(journal: Journal) -> Overlay:
    """Fold a whole journal in memory, for stores whose catalog is damaged, and for tests."""
    tables = Overlay(Empty())
    fold_rest(tables, journal, 1)
    return tables
