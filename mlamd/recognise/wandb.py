"""What Weights & Biases leaves of a run: the log of an offline run, its summary, its configuration.

The log is in LevelDB's log format (blocks of 32 KiB, records in fragments) after a header of 7 bytes; each
record is a ``Record`` of ``wandb_internal.proto`` in https://github.com/wandb/wandb, whose field numbers
these are.
"""

import json
import struct
from collections.abc import Iterator, Mapping

from mlamd.masking.text import mask_setting
from mlamd.recognise.config import numbers_of, settings_of
from mlamd.recognise.document import parse_document
from mlamd.recognise.facts import MOST_ITEMS, bounded
from mlamd.recognise.finding import Fact, Finding, RecogniseError, Subject
from mlamd.recognise.series import SeriesBook, is_number
from mlamd.recognise.stream import Stream
from mlamd.recognise.text import whole_text
from mlamd.recognise.wire import Part, double, fields, first, message, signed, text

_BLOCK_BYTES = 32_768
_MOST_RECORDS = 40_000
_MOST_VALUES = 150_000
_MOST_RECORD_BYTES = 1 << 20
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4
_INTERNAL = frozenset({"_wandb", "_timestamp", "_runtime", "_step"})


def recognise_summary(subject: Subject) -> Finding | None:
    """Return the last values of a run: ``wandb-summary.json``."""
    content = whole_text(subject, 4 << 20)
    held = parse_document(content, "json") if content is not None else None
    if not isinstance(held, Mapping):
        return None
    settings = settings_of(_own(held))
    facts: dict[str, Fact] = {"tracker": "wandb", "scalars": numbers_of(settings), "settings": settings}
    return Finding("metrics", "json", facts)


def recognise_config(subject: Subject) -> Finding | None:
    """Return the settings of a run: ``config.yaml``, where each has a ``value``; None for any other."""
    if b"_wandb" not in subject.head:
        return None
    content = whole_text(subject, 1 << 20)
    held = parse_document(content, "yaml") if content is not None else None
    if not isinstance(held, Mapping) or "_wandb" not in held:
        return None
    plain = {name: one["value"] for name, one in held.items() if isinstance(one, Mapping) and "value" in one}
    plain.pop("_wandb", None)
    return Finding("config", "yaml", {"tracker": "wandb", "settings": settings_of(plain)})


def _own(held: Mapping[str, object]) -> dict[str, object]:
    """Return what the user logged; names that begin with an underscore are wandb's."""
    return {name: value for name, value in held.items() if not name.startswith("_")}


class WandbRecogniser:
    """The transaction log: ``run-ID.wandb``."""

    name = "wandb"
    rank = 41

    def recognise(self, subject: Subject) -> Finding | None:
        """Return the history as series, the summary as scalars, and the configuration as settings."""
        if not subject.head.startswith(b":W&B"):
            return None
        log = _Log()
        truncated = log.read(Stream(subject.reader, 7))
        facts: dict[str, Fact] = {"tracker": "wandb", **log.run, **log.book.facts()}
        facts["settings"] = settings_of(log.config)
        facts["scalars"] = numbers_of(settings_of(_own(log.summary)))
        if truncated:
            facts["truncated"] = True
        return Finding("metrics", "wandb", facts)


def log_records(stream: Stream) -> Iterator[bytes]:
    """Yield the records of a log that starts at offset 7; one that is cut off or too large is left out."""
    whole = bytearray()
    while True:
        left = _BLOCK_BYTES - stream.offset % _BLOCK_BYTES
        if left < 7:
            stream.skip(left)
            continue
        header = stream.take(7)
        if len(header) < 7:
            return
        size, kind = struct.unpack("<HB", header[4:])
        data = stream.take(size)
        if len(data) < size or size > left - 7:
            return
        if kind in {_FULL, _FIRST}:
            whole.clear()
        if len(whole) + size <= _MOST_RECORD_BYTES:
            whole += data
        if kind in {_FULL, _LAST}:
            yield bytes(whole)
            whole.clear()
        elif kind not in {_FIRST, _MIDDLE}:
            return


class _Log:
    def __init__(self) -> None:
        self.book = SeriesBook()
        self.config: dict[str, object] = {}
        self.summary: dict[str, object] = {}
        self.run: dict[str, Fact] = {}
        self.left = _MOST_VALUES

    def read(self, stream: Stream) -> bool:
        """Take all records; return True if there were too many."""
        for count, record in enumerate(log_records(stream)):
            if count >= _MOST_RECORDS or self.left <= 0:
                return True
            try:
                self._record(record)
            except (RecogniseError, ValueError, RecursionError):
                continue
        return False

    def _record(self, record: bytes) -> None:
        for number, value in fields(record):
            if not isinstance(value, bytes):
                continue
            if number == 2:
                self._history(value)
            elif number == 3:
                self.summary |= _items(value)
            elif number == 5:
                self.config |= _items(value)
            elif number == 17:
                self._run(value)

    def _history(self, data: bytes) -> None:
        items = _items(data)
        self.left -= len(items)
        inner = first(message(first(data, 2)), 1)
        step = signed(inner) if isinstance(inner, int) else items.get("_step", 0)
        for name, value in items.items():
            if name not in _INTERNAL and is_number(value) and is_number(step):
                self.book.add(name, step, value)

    def _run(self, data: bytes) -> None:
        held = dict(fields(data))
        self.config |= _items(message(held.get(4)))
        self.config.pop("_wandb", None)
        for number, name in ((1, "run_id"), (3, "project"), (8, "run_name"), (6, "group")):
            if held.get(number):
                self.run[name] = bounded(mask_setting(name, text(held[number])))


def _items(data: bytes) -> dict[str, object]:
    """Return the items of a history, a summary or a configuration: each has a key and a value."""
    found: dict[str, object] = {}
    for number, value in fields(data):
        if number != 1 or not isinstance(value, bytes) or len(found) >= MOST_ITEMS:
            continue
        path: list[str] = []
        held: dict[int, Part] = {}
        for inner, part in fields(value):
            if inner == 2:
                path.append(text(part))
            else:
                held[inner] = part
        name = text(held.get(1)) or ".".join(path)
        found[name] = _value(held)
    return found


def _value(held: dict[int, Part]) -> object:
    """Return a value: JSON in field 16 or 8, or one in the field of its type."""
    for number in (16, 8):
        if number in held:
            return json.loads(text(held[number]))
    integer, number_bits = held.get(5), held.get(6)
    if isinstance(integer, int):
        return signed(integer)
    if isinstance(number_bits, int):
        return double(number_bits)
    if 4 in held:
        return bool(held[4])
    return text(held[7]) if 7 in held else None
