"""Who is there, and what they have open, after all that a recorder has been told up to some frame.

A recorder that begins where another one has ended is told this first. Made of the rows of frames.
"""

from collections.abc import Iterable
from typing import Any

from mlamd.host.fanotify import ACCESS, CLOSE_NOWRITE, CLOSE_WRITE, DELETE, OPEN, RENAME
from mlamd.sensors.frames import DEED, GONE, HELD, POLLED, SEEN

Row = list[Any]
_MOST_OPENS = 1_000


class _Process:
    __slots__ = ("held", "opens", "seen")

    def __init__(self, seen: Row) -> None:
        self.seen = seen
        self.held: Row | None = None
        self.opens: dict[bytes, bool] = {}
        """By path: whether it is open for reading only."""


class Standing:
    """``fold`` takes rows in their order; ``rows`` are those that make a recorder know the same."""

    def __init__(self) -> None:
        self._processes: dict[tuple[int, ...], _Process] = {}
        self._at_ns = 0

    def fold(self, rows: Iterable[Row]) -> None:
        """Take in what was told."""
        for row in rows:
            kind = row[0]
            if kind == DEED:
                self._deed(row)
            elif kind == SEEN:
                self._seen(row)
            elif kind == HELD and row[5]:
                process = self._processes.get(tuple(row[2]))
                if process is not None:
                    process.held = row
            elif kind == GONE:
                self._processes.pop(tuple(row[2]), None)

    def _seen(self, row: Row) -> None:
        key = tuple(row[2][0])
        before = self._processes.get(key)
        if before is None:
            self._processes[key] = _Process(row)
        else:  # another program: what it holds is told next
            before.seen, before.held = row, None

    def _deed(self, row: Row) -> None:
        self._at_ns = max(self._at_ns, row[3])
        mask, path = row[1], row[4]
        if mask & (DELETE | RENAME):
            for process in self._processes.values():
                opened = process.opens.pop(path, None)
                if opened is not None and mask & RENAME:
                    process.opens[row[6]] = opened
        one = self._processes.get(tuple(row[5]))
        if one is None:
            return
        if mask & (CLOSE_WRITE | CLOSE_NOWRITE):
            one.opens.pop(path, None)
        elif mask & OPEN and len(one.opens) < _MOST_OPENS:
            one.opens[path] = bool(mask & ACCESS)

    def rows(self) -> list[Row]:
        """Return the processes, those above before those below, and what they hold and have open."""
        found = [process.seen for process in self._processes.values()]
        for key, process in self._processes.items():
            if process.held is not None:
                found.append(process.held)
            if process.opens:
                files = [[path, True, not reads] for path, reads in process.opens.items()]
                found.append([HELD, self._at_ns, list(key), files, [], False])
        return [*found, [POLLED, self._at_ns, self._at_ns]]
