"""The log of events: numbered from 1, appended by one writer, read by anybody.

Tables of the environment ``journal``:

``events``  8-byte big-endian number of a block's first event → block (see ``envelope``)
``meta``    ``format`` → version of the layout (ASCII decimal); ``next`` → the number
            that the next event gets (8 bytes big-endian), written in the transaction of its block;
            ``source`` → up to where a sensor that keeps what it told has been taken in: its epoch, a blank
            and the number of its last frame (ASCII), written in the transaction of what came of it
"""

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import lmdb

from mlamd.errors import StoreDamagedError, StoreTooNewError
from mlamd.journal.environment import Environment

if TYPE_CHECKING:
    from mlamd.model.events import Event

FORMAT = 1
BLOCK_EVENTS = 4096
_TABLES = ("events", "meta")
_NUMBER = struct.Struct(">Q")


class Journal:
    """An open journal. One writer only: who opens it with ``write`` holds the lock of the store."""

    def __init__(self, store: Path, *, write: bool = False) -> None:
        self.directory = store / "journal"
        self._environment = Environment(self.directory, _TABLES, write=write)
        self._events = self._environment.table("events")
        self._meta = self._environment.table("meta")
        self._check_format(write=write)

    def _check_format(self, *, write: bool) -> None:
        with self._environment.reading() as transaction:
            stored = transaction.get(b"format", db=self._meta)
        if stored is None and write:
            self._environment.writing(
                lambda transaction: transaction.put(b"format", str(FORMAT).encode(), db=self._meta)
            )
        elif stored is not None and int(stored) > FORMAT:
            raise StoreTooNewError(
                f"{self.directory} has format {int(stored)}, this mlamd knows {FORMAT}: upgrade mlamd"
            )

    def next_number(self) -> int:
        """Return the number that the next event will get."""
        with self._environment.reading() as transaction:
            return self._next(transaction)

    def _next(self, transaction: lmdb.Transaction) -> int:
        stored = transaction.get(b"next", db=self._meta)
        return 1 if stored is None else int(_NUMBER.unpack(stored)[0])

    def source(self) -> str:
        """Return up to where a sensor has been taken in, "" if none ever was."""
        with self._environment.reading() as transaction:
            return bytes(transaction.get(b"source", b"", db=self._meta)).decode("ascii", "replace")

    def append(self, events: "Sequence[Event]", first: int, source: str = "") -> int:
        """Store events durably from number ``first`` on, in one transaction; return the next number.

        ``source`` is noted with them; see above.
        """
        from mlamd.journal import envelope  # noqa: PLC0415  (as below)

        blocks = [
            (first + start, envelope.encode(events[start : start + BLOCK_EVENTS]))
            for start in range(0, len(events), BLOCK_EVENTS)
        ]
        following = first + len(events)

        def work(transaction: lmdb.Transaction) -> None:
            for number, block in blocks:
                if not transaction.put(_NUMBER.pack(number), block, db=self._events, append=True):
                    raise StoreDamagedError(f"event {number} of {self.directory} exists already")
            transaction.put(b"next", _NUMBER.pack(following), db=self._meta)
            if source:
                transaction.put(b"source", source.encode(), db=self._meta)

        self._environment.writing(work, sum(len(block) for _, block in blocks))
        return following

    def blocks(self, start: int = 1) -> "Iterator[tuple[int, list[Event]]]":
        """Yield (number of the first event, events) for every block that reaches ``start``.

        Each block is read in a transaction of its own, so that a long reading does not let the
        file grow; events that are appended meanwhile are read too.
        """
        position = start
        while True:
            with self._environment.reading() as transaction:
                found = None
                if position < self._next(transaction):
                    found = self._block_at(transaction, position)
            if found is None:
                return
            from mlamd.journal import envelope  # noqa: PLC0415  (most questions decode nothing)

            number, block = found
            events = envelope.decode(block)
            if number + len(events) <= position:
                return
            if number < position:
                events = events[position - number :]
                number = position
            yield number, events
            position = number + len(events)

    def _block_at(self, transaction: lmdb.Transaction, position: int) -> tuple[int, bytes] | None:
        """Find the block that holds the event ``position``, or None behind the end."""
        with transaction.cursor(db=self._events) as cursor:
            key = _NUMBER.pack(position)
            if not cursor.set_range(key):
                if not cursor.last():
                    return None
            elif bytes(cursor.key()) != key and not cursor.prev():
                raise StoreDamagedError(f"{self.directory} does not begin with event 1: see `mlamd verify`")
            return _NUMBER.unpack(cursor.key())[0], bytes(cursor.value())

    def used_bytes(self) -> int:
        """Return the size of the data file in use."""
        return self._environment.used_bytes()

    def check_readers(self) -> int:
        """Free the slots of readers that died; return how many there were."""
        return self._environment.check_readers()

    def close(self) -> None:
        """Close the environment; a closed journal must not be used."""
        self._environment.close()
