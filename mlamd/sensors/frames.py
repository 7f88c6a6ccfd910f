"""How a sensor process tells a recorder what it saw: frames over a Unix socket.

A frame is its length (4 bytes, big-endian) and one msgpack value. The recorder begins with a map
(``Hello``); the sensor answers with a map (``Welcome``, or ``{"error": text}``); then it sends arrays of
items, each an array ``[kind, field, ...]``, and the recorder sends ``["sync", number]``, which comes back
as an item when all that had happened before has been sent. The fields are those of the types in their
order; a process is ``[pid, start]``, with a third element 0 if it cannot or must not be known.

A sensor that keeps what it told until it is stored numbers its frames: ``[NUMBER, number]`` ends each.
"""

import struct
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from typing import Any

from mlamd.model import codec
from mlamd.model import observations as seen
from mlamd.model.files import FileStat
from mlamd.model.processes import HeldFile, HeldPipe, ProcessFacts, ProcessKey
from mlamd.sensors.signals import Deed, Kept

PROTOCOL = 2
MOST_BYTES = 1 << 24
LENGTH = struct.Struct(">I")

DEED, SEEN, HELD, GONE, USED, POLLED, LOST, SYNC, NUMBER, KEPT, ENDED = range(11)

_SIGNS = frozenset({SYNC, NUMBER, ENDED})
_USED_FIELDS = tuple(field.name for field in fields(seen.ProcessUsed))[2:]
_FACT_FIELDS = tuple(field.name for field in fields(ProcessFacts))

Item = Deed | Kept | seen.Observation


@dataclass(frozen=True, slots=True)
class Synced:
    """The answer to a request for synchronisation."""

    number: int


@dataclass(frozen=True, slots=True)
class Ended:
    """The last that a sensor tells: it will not come back, and why."""

    why: str


@dataclass(frozen=True, slots=True)
class Numbered:
    """The end of a numbered frame; ``epoch`` names the sensor that counts."""

    epoch: str
    number: int


def frame(value: object) -> bytes:
    """Pack one value with its length."""
    body = codec.pack(value)
    return LENGTH.pack(len(body)) + body


def _key(key: ProcessKey) -> list[int]:
    return [key.pid, key.start] if key.boot else [key.pid, key.start, 0]


def _facts(facts: ProcessFacts) -> list[Any]:
    row = [getattr(facts, name) for name in _FACT_FIELDS]
    row[0] = _key(facts.key)
    row[2] = None if facts.parent is None else _key(facts.parent)
    return row


def row_of(item: Item) -> list[Any]:
    """Turn what is told into a plain list."""
    if isinstance(item, Deed):
        row = [DEED, item.mask, item.from_ns, item.at_ns, item.path, _key(item.process), item.target]
        return row if item.stat is None else [*row, list(item.stat)]
    if isinstance(item, Kept):
        return [KEPT, item.at_ns, item.path, list(item.stat), item.digest, item.reason]
    if isinstance(item, seen.ProcessSeen):
        return [SEEN, item.at_ns, _facts(item.facts), item.since_ns]
    if isinstance(item, seen.ProcessHeld):
        files = [list(astuple(file)) for file in item.files]
        pipes = [list(astuple(pipe)) for pipe in item.pipes]
        return [HELD, item.at_ns, _key(item.key), files, pipes, item.whole]
    if isinstance(item, seen.ProcessGone):
        return [GONE, item.at_ns, _key(item.key), item.exit_code]
    if isinstance(item, seen.ProcessUsed):
        return [USED, item.at_ns, _key(item.key), *(getattr(item, name) for name in _USED_FIELDS)]
    if isinstance(item, seen.ProcessesPolled):
        return [POLLED, item.at_ns, item.began_ns]
    if isinstance(item, seen.Lost):
        return [LOST, item.at_ns, item.from_ns, item.scope, item.reason, item.detail]
    raise TypeError(f"a sensor does not tell of {type(item).__name__}")


def synced(number: int) -> bytes:
    """Return the frame that answers a request for synchronisation."""
    return frame([[SYNC, number]])


def ended(why: str) -> bytes:
    """Return the frame that says that a sensor has ended for good."""
    return frame([[ENDED, why]])


class Reader:
    """Turns the bytes of a sensor into items; ``boot`` is that of this machine."""

    def __init__(self, boot: str, epoch: str = "") -> None:
        self._boot = boot
        self._epoch = epoch

    def _process(self, row: list[int]) -> ProcessKey:
        return ProcessKey("" if len(row) > 2 else self._boot, row[0], row[1])

    def items(self, value: Iterable[list[Any]]) -> list[Item | Synced | Numbered | Ended]:
        """Return what a frame after the greeting holds; raises ``ValueError`` for anything else."""
        try:
            return [self._sign(row) if row[0] in _SIGNS else self._item(row) for row in value]
        except (TypeError, IndexError, KeyError) as error:
            raise ValueError(f"the sensor sent something else than items: {error}") from error

    def _sign(self, row: list[Any]) -> Synced | Numbered | Ended:
        """Return what a sensor says of what it tells."""
        if row[0] == NUMBER:
            return Numbered(self._epoch, row[1])
        return Ended(row[1]) if row[0] == ENDED else Synced(row[1])

    def _item(self, row: list[Any]) -> Item:
        kind = row[0]
        if kind == DEED:
            stat = FileStat(*row[7]) if len(row) > 7 else None
            return Deed(row[1], row[2], row[3], row[4], self._process(row[5]), row[6], stat)
        if kind == SEEN:
            facts = list(row[2])
            facts[0] = self._process(facts[0])
            facts[2] = None if facts[2] is None else self._process(facts[2])
            facts[9], facts[16] = tuple(facts[9]), tuple(facts[16])
            return seen.ProcessSeen(row[1], ProcessFacts(*facts), row[3])
        if kind == HELD:
            files = tuple(HeldFile(*file) for file in row[3])
            pipes = tuple(HeldPipe(*pipe) for pipe in row[4])
            return seen.ProcessHeld(row[1], self._process(row[2]), files, pipes, row[5])
        if kind == GONE:
            return seen.ProcessGone(row[1], self._process(row[2]), row[3])
        if kind == USED:
            return seen.ProcessUsed(row[1], self._process(row[2]), *row[3:])
        if kind == POLLED:
            return seen.ProcessesPolled(row[1], row[2], frozenset())
        if kind == LOST:
            return seen.Lost(*row[1:])
        if kind == KEPT:
            return Kept(row[1], row[2], FileStat(*row[3]), row[4], row[5])
        raise ValueError(f"the sensor sent an item of unknown kind {kind!r}")


class Splitter:
    """Cuts a stream of bytes into the values of its frames."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most = most_bytes
        self._waiting = bytearray()

    def feed(self, data: bytes) -> list[Any]:
        """Return the values that are complete by now; raises ``ValueError`` for what is no frame."""
        waiting = self._waiting
        waiting += data
        values = []
        position = 0
        while len(waiting) - position >= LENGTH.size:
            (size,) = LENGTH.unpack_from(waiting, position)
            if size > self._most:
                raise ValueError(f"a frame of {size} bytes is too large")
            end = position + LENGTH.size + size
            if len(waiting) < end:
                break
            values.append(codec.unpack(bytes(waiting[position + LENGTH.size : end])))
            position = end
        del waiting[:position]
        return values
