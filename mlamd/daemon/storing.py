"""The writer of a store: group commit to the journal, then, less often, the catalog."""

import time
from collections.abc import Callable

import trio

from mlamd.catalog.catalog import Catalog
from mlamd.errors import StoreFullError
from mlamd.journal.log import Journal
from mlamd.model.events import Event, Gap
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
        self.journal = Journal(workspace.store, write=True)
        self.catalog = Catalog(workspace.store, write=True)
        self.catalog.catch_up(self.journal)
        self.next_number = self.journal.next_number()
        self.stored = self.next_number - 1
        self._buffer: list[Event] = []
        self._unfolded: list[Event] = []
        self._fold_from = self.next_number
        self._folded_at = time.monotonic()
        self._retry_at = 0.0
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
        """Store what is waiting; fold it into the catalog if that is due or asked for."""
        if force or time.monotonic() >= self._retry_at:
            while self._buffer:
                batch = self._buffer[:MOST_EVENTS]
                if not await self._commit_batch(batch):
                    return
                del self._buffer[: len(batch)]
        overdue = time.monotonic() - self._folded_at > _FOLD_EVERY_S
        if self._unfolded and (fold or overdue or len(self._unfolded) >= _FOLD_EVENTS):
            await trio.to_thread.run_sync(self._fold)

    async def _commit_batch(self, batch: list[Event]) -> bool:
        try:
            following = await trio.to_thread.run_sync(self.journal.append, batch, self.next_number)
        except StoreFullError as error:
            self.trouble = str(error)
            self._retry_at = time.monotonic() + _RETRY_S
            return False
        self.trouble = ""
        self.next_number = following
        self.stored = following - 1
        self._unfolded += batch
        return True

    def _fold(self) -> None:
        try:
            self._fold_from = self.catalog.fold(self._fold_from, self._unfolded)
        except StoreFullError as error:
            self.trouble = str(error)
            return
        self._unfolded = []
        self._folded_at = time.monotonic()
        self.on_folded()
        self.journal.check_readers()
        self.catalog.check_readers()

    def take_dropped(self) -> int:
        """Return how many events were dropped since the last call."""
        dropped, self.dropped = self.dropped, 0
        return dropped

    def close(self) -> None:
        """Close the store."""
        self.catalog.close()
        self.journal.close()


def gaps_in(events: list[Event]) -> int:
    """Count the gaps among events."""
    return sum(isinstance(event, Gap) for event in events)
