"""The writer of a store: group commit to the journal, then, less often, the catalog."""

import time
from collections.abc import Callable
from pathlib import Path

import trio

from mlamd.catalog.catalog import Catalog, hold_against
from mlamd.catalog.state import watermark
from mlamd.errors import StoreDamagedError, StoreFullError
from mlamd.journal.log import Journal
from mlamd.model.events import Event
from mlamd.workspace import Workspace

MOST_EVENTS = 4096
_FOLD_EVERY_S = 1.0
_FOLD_EVENTS = 20_000
_RETRY_S = 5.0
_MOST_WAITING = 1_000_000


class Writer:
    """Stores events in their order; the journal first, always.

    On a full disk events wait in memory and the commit is tried again every few seconds; beyond a
    million of them the newest are dropped, which ``dropped`` tells.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.catalog = Catalog(workspace.store, write=True)
        with self.catalog.tables() as tables:
            folded = watermark(tables)
        self.journal = _journal(workspace.store, folded)
        self.catalog.catch_up(self.journal)
        self._committing = trio.Lock()
        self.next_number = self.journal.next_number()
        self.stored = self.next_number - 1
        self._buffer: list[Event] = []
        self._unfolded: list[Event] = []
        self._fold_from = self.next_number
        self._folded_at = time.monotonic()
        self._retry_at = 0.0
        self.source = self.noted = self.journal.source()
        """Up to where a sensor has been taken in, by what was added, and by what is stored."""
        self._noted_at = 0.0
        self.on_noted: Callable[[str], None] = lambda _: None
        self.trouble = ""
        self.dropped = 0
        self.on_folded: Callable[[], None] = lambda: None

    @property
    def waiting(self) -> int:
        """How many events are not committed yet."""
        return len(self._buffer)

    @property
    def unfolded(self) -> int:
        """How many events are in the journal, but not in the catalog."""
        return len(self._unfolded)

    def add(self, events: list[Event]) -> None:
        """Take events to be stored with the next commit."""
        room = _MOST_WAITING - len(self._buffer)
        if len(events) > room:
            self.dropped += len(events) - room
            events = events[:room]
        self._buffer += events

    async def commit(self, *, fold: bool = False, force: bool = False) -> None:
        """Store what is waiting; fold it into the catalog if that is due or asked for.

        Several tasks may call it; one after the other gets its turn.
        """
        async with self._committing:
            await self._commit(fold=fold, force=force)

    async def _commit(self, *, fold: bool, force: bool) -> None:
        if force or time.monotonic() >= self._retry_at:
            while self._buffer:
                batch = self._buffer[:MOST_EVENTS]
                source = self.source if len(batch) == len(self._buffer) else ""
                if not await self._commit_batch(batch, source):
                    return
                del self._buffer[: len(batch)]
            if self.behind and (force or time.monotonic() - self._noted_at > _FOLD_EVERY_S):
                await self._commit_batch([], self.source)
        overdue = time.monotonic() - self._folded_at > _FOLD_EVERY_S
        due = self._unfolded and (fold or overdue or len(self._unfolded) >= _FOLD_EVENTS)
        if due and await trio.to_thread.run_sync(self._fold):
            self.on_folded()

    @property
    def behind(self) -> bool:
        """True if the sensor has been taken in further than is stored."""
        return self.source != self.noted

    async def _commit_batch(self, batch: list[Event], source: str) -> bool:
        try:
            following = await trio.to_thread.run_sync(self.journal.append, batch, self.next_number, source)
        except StoreFullError as error:
            self.trouble = str(error)
            self._retry_at = time.monotonic() + _RETRY_S
            return False
        self.trouble = ""
        self.next_number = following
        self.stored = following - 1
        self._unfolded += batch
        if source and source != self.noted:
            self.noted, self._noted_at = source, time.monotonic()
            self.on_noted(source)
        return True

    def _fold(self) -> bool:
        try:
            self._fold_from = self.catalog.fold(self._fold_from, self._unfolded)
        except StoreFullError as error:
            self.trouble = str(error)
            return False
        self._unfolded = []
        self._folded_at = time.monotonic()
        self.journal.check_readers()
        self.catalog.check_readers()
        return True

    def take_dropped(self) -> int:
        """Return how many events were dropped since the last call."""
        dropped, self.dropped = self.dropped, 0
        return dropped

    def close(self) -> None:
        """Close the store."""
        self.catalog.close()
        self.journal.close()


def _journal(store: Path, folded: int) -> Journal:
    """Open the journal; it must hold at least the events that are in the catalog already."""
    if folded > 1 and not (store / "journal" / "data.mdb").exists():
        raise StoreDamagedError(f"{store}/journal/data.mdb is missing: restore it from a copy")
    journal = Journal(store, write=True)
    hold_against(journal, folded)
    return journal
