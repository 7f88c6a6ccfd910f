"""How events are stored: blocks of consecutive events, each under the number of its first one.

A block is ``version (1 byte) | crc32 of the rest (4, big-endian) | zlib stream``; inflated, the
stream is a sequence of msgpack arrays ``[tag, field, field, ...]``. A version that this code does
not know raises ``StoreTooNewError``; a block whose checksum fails raises ``StoreDamagedError``.
A decoder fills fields that an older writer did not know with their defaults.
"""

import struct
import zlib
from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Any

from mlamd.errors import StoreDamagedError, StoreTooNewError
from mlamd.model import codec, events
from mlamd.model.evidence import Grade, Origin, Via
from mlamd.model.files import FileStat

VERSION = 1
_HEADER = struct.Struct(">BI")

TAGS: dict[int, type[events.Event]] = {
    1: events.SessionStarted,
    2: events.SessionEnded,
    3: events.Named,
    4: events.RunStarted,
    5: events.RunEnded,
    6: events.StepStarted,
    7: events.StepEnded,
    8: events.Sealed,
    9: events.Digested,
    10: events.WriterAdded,
    11: events.Read,
    12: events.Moved,
    13: events.Linked,
    14: events.Removed,
    15: events.Flowed,
    16: events.Gap,
    19: events.Touched,
    17: events.Used,
    18: events.Sampled,
    20: events.Documented,
    21: events.Recognised,
    22: events.Surrounded,
    23: events.GpuSampled,
}
"""Tags are never reused."""


def _stat(value: list[int] | None) -> FileStat | None:
    return None if value is None else FileStat(*value)


def _actors(value: list[list[int]]) -> events.Actors:
    return tuple((step, Grade(grade)) for step, grade in value)


def _name(value: bytes | list[str]) -> bytes | tuple[str, ...]:
    return value if isinstance(value, bytes) else tuple(value)


def _rereads(value: list[list[int]]) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(row) for row in value)


_DECODERS: dict[tuple[type[Any], str], Callable[[Any], Any]] = {
    (events.SessionStarted, "sensors"): tuple,
    (events.Named, "value"): _name,
    (events.StepEnded, "rereads"): _rereads,
    (events.Sealed, "stat"): _stat,
    (events.Sealed, "origin"): Origin,
    (events.Sealed, "writers"): _actors,
    (events.WriterAdded, "grade"): Grade,
    (events.Read, "grade"): Grade,
    (events.Moved, "stat"): _stat,
    (events.Moved, "movers"): _actors,
    (events.Removed, "removers"): _actors,
    (events.Touched, "stat"): _stat,
    (events.Flowed, "via"): Via,
    (events.Flowed, "grade"): Grade,
    (events.Surrounded, "documents"): tuple,
}

_FIELDS = {kind: tuple(kind.__dataclass_fields__) for kind in TAGS.values()}
_TAG_OF = {kind: tag for tag, kind in TAGS.items()}
_GETTERS = {kind: attrgetter(*fields) for kind, fields in _FIELDS.items()}
_CONVERTERS = {
    kind: tuple(
        (index, _DECODERS[kind, field]) for index, field in enumerate(fields) if (kind, field) in _DECODERS
    )
    for kind, fields in _FIELDS.items()
}


def encode(batch: Iterable[events.Event]) -> bytes:
    """Encode events into one block."""
    pack = codec.packer().pack
    body = zlib.compress(
        b"".join([pack((_TAG_OF[type(event)], *_GETTERS[type(event)](event))) for event in batch]), 1
    )
    return _HEADER.pack(VERSION, zlib.crc32(body)) + body


def _event(row: Sequence[Any]) -> events.Event:
    kind = TAGS.get(row[0])
    if kind is None:
        raise StoreTooNewError(f"the journal holds an event of unknown kind {row[0]}: upgrade mlamd")
    values = list(row[1:])
    for index, convert in _CONVERTERS[kind]:
        if index < len(values):
            values[index] = convert(values[index])
    return kind(*values)


def decode(block: bytes) -> list[events.Event]:
    """Decode one block; see the module for what it raises."""
    if len(block) < _HEADER.size:
        raise StoreDamagedError("a block of the journal is cut off: run `mlamd verify`")
    version, checksum = _HEADER.unpack_from(block)
    if version > VERSION:
        raise StoreTooNewError(f"the journal has format {version}, this mlamd reads {VERSION}: upgrade mlamd")
    body = block[_HEADER.size :]
    if zlib.crc32(body) != checksum:
        raise StoreDamagedError("a block of the journal fails its checksum: run `mlamd verify`")
    return [_event(row) for row in codec.unpack_all(zlib.decompress(body))]
