"""Arrow IPC: files (Feather version 2 is the same) and streams. Only schemas and lengths are read.

Written after Arrow's columnar format, Schema.fbs, Message.fbs and File.fbs.
"""

from mlamd.recognise.cursor import Cursor
from mlamd.recognise.facts import MOST_ITEMS
from mlamd.recognise.finding import Fact, Finding, Reader, RecogniseError, Subject
from mlamd.recognise.flatbuffer import Table, number

_MAGIC = b"ARROW1"
_FOLLOWS = 0xFFFFFFFF
_MOST_FOOTER = 8 << 20
_MOST_BATCHES = 1_000
_MOST_MESSAGE = 1 << 20
_RECORDS = 3
_TYPES = (
    "none", "null", "int", "float", "binary", "string", "bool", "decimal", "date", "time", "timestamp",
    "interval", "list", "struct", "union", "fixed_size_binary", "fixed_size_list", "map", "duration",
    "large_binary", "large_string", "large_list", "run_end_encoded", "binary_view", "string_view",
)  # fmt: skip


class ArrowFiles:
    """Facts: ``columns`` with their types, ``column_count``, ``rows``, ``batches``."""

    name = "arrow"
    rank = 10

    def recognise(self, subject: Subject) -> Finding | None:
        """Return a table, by the magic of a file, or a name and the first message of a stream."""
        if subject.head.startswith(_MAGIC):
            return Finding("dataset", "arrow", _file_facts(subject.reader))
        if subject.head.startswith(b"FEA1"):
            return Finding("dataset", "feather-v1")
        if subject.suffix in {".arrow", ".arrows"} and subject.head.startswith(b"\xff\xff\xff\xff"):
            return Finding("dataset", "arrow-stream", _stream_facts(subject.reader))
        return None


def _file_facts(reader: Reader) -> dict[str, Fact]:
    end = reader.read(max(0, reader.size_bytes - 10), 10)
    if len(end) < 10 or not end.endswith(_MAGIC):
        raise RecogniseError("it has no footer")
    length = int.from_bytes(end[:4], "little")
    if length > min(_MOST_FOOTER, reader.size_bytes - 10):
        raise RecogniseError("its footer is too long")
    footer = Table.root(reader.read(reader.size_bytes - 10 - length, length))
    schema = footer.table(1)
    if schema is None:
        raise RecogniseError("it has no schema")
    facts = _columns(schema)
    begin, batches = footer.vector(3)
    facts["batches"] = batches
    rows = 0
    for index in range(min(batches, _MOST_BATCHES)):
        place = begin + 24 * index
        offset, size = number(footer.data, place, "Q"), number(footer.data, place + 8, "I")
        rows += _rows(_message(Cursor(reader, offset, offset + size, block=1)))
    if batches > _MOST_BATCHES:
        rows = rows * batches // _MOST_BATCHES
        facts["rows_estimated"] = True
    return facts | {"rows": rows}


def _stream_facts(reader: Reader) -> dict[str, Fact]:
    cursor = Cursor(reader, 0, block=1_024)
    schema = _message(cursor)
    header = schema.table(2) if schema is not None else None
    if schema is None or header is None or schema.value(1, "B") != 1:
        raise RecogniseError("its first message is no schema")
    facts = _columns(header)
    batches = rows = 0
    while cursor.left >= 8 and batches < _MOST_BATCHES:
        message = _message(cursor)
        if message is None:
            break
        batches += message.value(1, "B") == _RECORDS
        rows += _rows(message)
        cursor.skip(min(message.value(3, "Q"), cursor.left))
    if batches == _MOST_BATCHES:
        rows = rows * reader.size_bytes // max(1, cursor.at)
        facts["rows_estimated"] = True
    return facts | {"rows": rows, "batches": batches}


def _message(cursor: Cursor) -> Table | None:
    """Return the next message, None at the end of a stream. Older ones have no marker before their length."""
    length = cursor.u32()
    if length == _FOLLOWS:
        length = cursor.u32()
    if length == 0:
        return None
    if length > _MOST_MESSAGE:
        raise RecogniseError("a description of a batch is too long")
    return Table.root(cursor.take(min(length, cursor.left)))


def _rows(message: Table | None) -> int:
    if message is None or message.value(1, "B") != _RECORDS:
        return 0
    batch = message.table(2)
    rows = batch.value(0, "q") if batch is not None else 0
    if rows < 0:
        raise RecogniseError("a batch of fewer than no rows")
    return rows


def _columns(schema: Table) -> dict[str, Fact]:
    fields = schema.tables(1, MOST_ITEMS)
    return {
        "columns": {field.text(0, 200): _type(field) for field in fields},
        "column_count": schema.vector(1)[1],
    }


def _type(field: Table) -> str:
    kind = field.value(2, "B")
    name = _TYPES[kind] if kind < len(_TYPES) else f"type {kind}"
    detail = field.table(3)
    if field.table(4) is not None:
        return "dictionary"
    if detail is None:
        return name
    if name == "int":
        return f"{'int' if detail.value(1, 'B') else 'uint'}{detail.value(0, 'i')}"
    if name == "float":
        return {0: "float16", 1: "float32"}.get(detail.value(0, "h"), "float64")
    return name
