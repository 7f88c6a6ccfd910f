"""TensorBoard's event files, read without TensorFlow.

A file is a sequence of TFRecords (length, checksum, data, checksum); each is an ``Event`` message, and may
have a ``Summary``. Field numbers are those of ``event.proto``, ``summary.proto``, ``tensor.proto`` and of
the plugin's ``plugin_data.proto`` in https://github.com/tensorflow/tensorboard.
"""

import struct
from collections.abc import Iterator

from mlamd.masking.text import mask_setting
from mlamd.recognise.facts import MOST_ITEMS, bounded
from mlamd.recognise.finding import Fact, Finding, RecogniseError, Subject
from mlamd.recognise.series import SeriesBook
from mlamd.recognise.stream import Stream
from mlamd.recognise.wire import Part, double, fields, first, message, signed, single, text, varint

_MOST_RECORDS = 60_000
_MOST_VALUES = 150_000
_MOST_RECORD_BYTES = 256 << 10
"""A larger record has images or graphs; it is jumped over."""

_HPARAMS = "_hparams_/"
_FORMATS = {1: "<f", 2: "<d", 3: "<i", 9: "<q", 19: "<e", 4: "<B", 5: "<h", 6: "<b", 22: "<I", 23: "<Q"}
"""Numbers of types in ``types.proto``, and how ``tensor_content`` holds one value."""


class TensorBoardRecogniser:
    """Event files by name or by the version that their first record tells."""

    name = "tensorboard"
    rank = 40

    def recognise(self, subject: Subject) -> Finding | None:
        """Return the scalars as series, and the hyperparameters as settings."""
        if ".tfevents." not in subject.name and b"brain.Event:" not in subject.head[:64]:
            return None
        if not subject.head:
            return Finding("metrics", "tfevents", {"tracker": "tensorboard"})
        try:
            return Finding("metrics", "tfevents", _Events().read(Stream(subject.reader)))
        except RecogniseError as error:
            return Finding("metrics", "tfevents", {"tracker": "tensorboard", "trouble": str(error)})


def records(stream: Stream) -> Iterator[bytes]:
    """Yield the data of TFRecords; a record that is cut off ends them, a large one is left out.

    Checksums are not compared: the length of the next record shows soon enough whether this one was right.
    """
    while True:
        header = stream.take(12)
        if len(header) < 12:
            return
        size = struct.unpack("<Q", header[:8])[0]
        if size > _MOST_RECORD_BYTES:
            if size > 1 << 40:
                raise RecogniseError("not a TFRecord")
            stream.skip(size + 4)
            yield b""
            continue
        data = stream.take(size)
        if len(data) < size:
            return
        stream.skip(4)
        yield data


class _Events:
    def __init__(self) -> None:
        self.book = SeriesBook()
        self.settings: dict[str, Fact] = {}
        self.others: set[str] = set()
        self.left = _MOST_VALUES

    def read(self, stream: Stream) -> dict[str, Fact]:
        facts: dict[str, Fact] = {"tracker": "tensorboard"}
        for count, data in enumerate(records(stream)):
            if count >= _MOST_RECORDS or self.left <= 0:
                facts["truncated"] = True
                break
            try:
                self._event(data)
            except (RecogniseError, struct.error) as error:
                if count == 0:
                    raise RecogniseError("not an event file") from error
                facts["trouble"] = "damaged records"
                break
        if self.settings:
            facts["settings"] = self.settings
        if self.others:
            facts["other_tags"] = [*sorted(self.others)]
        return facts | self.book.facts()

    def _event(self, data: bytes) -> None:
        step, summaries = 0, []
        for number, value in fields(data):
            if number == 2 and isinstance(value, int):
                step = signed(value)
            elif number == 5 and isinstance(value, bytes):
                summaries.append(value)
        for summary in summaries:
            for number, value in fields(summary):
                if number == 1 and isinstance(value, bytes):
                    self.left -= 1
                    self._value(step, value)

    def _value(self, step: int, data: bytes) -> None:
        held: dict[int, Part] = dict(fields(data))
        tag = text(held.get(1))
        if tag.startswith(_HPARAMS):
            self._hparams(message(held.get(9)))
            return
        simple, tensor = held.get(2), held.get(8)
        found: float | None = None
        if isinstance(simple, int):
            found = single(simple)
        elif isinstance(tensor, bytes):
            found = _scalar(tensor)
        if found is not None:
            self.book.add(tag, step, found)
        elif tag and len(self.others) < MOST_ITEMS:
            self.others.add(tag[:200])

    def _hparams(self, metadata: bytes) -> None:
        """Take the hyperparameters of a session; what an experiment says of their ranges is left out."""
        session = message(first(message(first(message(first(metadata, 1)), 2)), 3))
        for number, entry in fields(session):
            if number != 1 or len(self.settings) >= MOST_ITEMS:
                continue
            pair = dict(fields(message(entry)))
            name = text(pair.get(1))
            self.settings[name] = bounded(mask_setting(name, _struct_value(message(pair.get(2)))))


def _scalar(tensor: bytes) -> float | None:
    """Return the value of a tensor without dimensions, or of one value; None for any other."""
    kind, content, values = 0, b"", []
    for number, value in fields(tensor):
        if number == 1 and isinstance(value, int):
            kind = value
        elif number == 2 and isinstance(value, bytes) and value:
            return None
        elif number == 4 and isinstance(value, bytes):
            content = value
        elif number in {5, 6, 7, 10, 11}:
            values.append((number, value))
    form = _FORMATS.get(kind)
    if form and len(content) == struct.calcsize(form):
        if kind == 1:
            return single(int.from_bytes(content, "little"))
        return float(struct.unpack(form, content)[0])
    return _listed(*values[0]) if len(values) == 1 else None


def _listed(number: int, value: Part) -> float | None:
    if isinstance(value, bytes):
        if number in {5, 6} and len(value) == (4 if number == 5 else 8):
            value = int.from_bytes(value, "little")
        elif number in {7, 10, 11} and value:
            value = varint(value, 0)[0]
        else:
            return None
    if number == 5:
        return single(value)
    return double(value) if number == 6 else float(signed(value))


def _struct_value(data: bytes) -> Fact:
    """Return a ``google.protobuf.Value``; lists and mappings as no more than a mark."""
    for number, value in fields(data):
        if number == 2 and isinstance(value, int):
            found = double(value)
            return int(found) if found.is_integer() and abs(found) < 2**53 else found
        if number == 3:
            return text(value)
        if number == 4:
            return bool(value)
        if number in {5, 6}:
            return "…"
    return None
