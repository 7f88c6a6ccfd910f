"""Parquet: schema and number of rows from the footer, however large the file is.

Written after parquet.thrift of the Parquet format.
"""

from mlamd.recognise.cursor import Cursor
from mlamd.recognise.facts import MOST_ITEMS
from mlamd.recognise.finding import Fact, Finding, RecogniseError, Subject
from mlamd.recognise.thrift import BINARY, LIST, Compact

_MAGIC = b"PAR1"
_MOST_FOOTER = 4 << 20
_PHYSICAL = ("bool", "int32", "int64", "int96", "float32", "float64", "binary", "fixed_size_binary")
_CONVERTED = dict(enumerate((
    "string", "map", "map", "list", "enum", "decimal", "date", "time", "time", "timestamp", "timestamp",
    "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "json", "bson", "interval",
)))  # fmt: skip
_LOGICAL = {
    1: "string", 2: "map", 3: "list", 4: "enum", 5: "decimal", 6: "date", 7: "time", 8: "timestamp",
    11: "null", 12: "json", 13: "bson", 14: "uuid", 15: "float16"
}  # fmt: skip


class Parquet:
    """Facts: ``columns`` with their types, ``column_count``, ``rows``, ``row_groups``, ``written_by``."""

    name = "parquet"
    rank = 10

    def recognise(self, subject: Subject) -> Finding | None:
        """Return a table, by its magic."""
        if not subject.head.startswith(_MAGIC):
            return None
        reader = subject.reader
        end = reader.read(max(0, reader.size_bytes - 8), 8)
        if len(end) < 8 or reader.size_bytes < 12 or end[4:] != _MAGIC:
            raise RecogniseError("it has no footer")
        length = int.from_bytes(end[:4], "little")
        if length > reader.size_bytes - 12:
            raise RecogniseError("its footer is longer than the file")
        begin = reader.size_bytes - 8 - length
        cursor = Cursor(reader, begin, begin + min(length, _MOST_FOOTER))
        return Finding("dataset", "parquet", _facts(Compact(cursor)))


def _facts(footer: Compact) -> dict[str, Fact]:
    facts: dict[str, Fact] = {}
    try:
        for number, kind in footer.fields():
            if number == 2 and kind == LIST:
                facts |= _columns(footer)
            elif number == 4 and kind == LIST:
                count, inner = footer.list_head()
                facts["row_groups"] = count
                for _ in range(count):
                    footer.value(inner)
            else:
                value = footer.value(kind)
                if number == 3 and isinstance(value, int):
                    facts["rows"] = value
                elif number == 6 and kind == BINARY and isinstance(value, bytes):
                    facts["written_by"] = value[:200].decode("utf-8", "backslashreplace")
    except RecogniseError:
        # The schema and the rows stand in front. What comes after may be too long to be read.
        if "rows" not in facts or "columns" not in facts:
            raise
        facts["partial"] = True
    if "columns" not in facts or "rows" not in facts:
        raise RecogniseError("its footer says nothing")
    return facts


def _columns(footer: Compact) -> dict[str, Fact]:
    count, inner = footer.list_head()
    columns: dict[str, Fact] = {}
    leaves = 0
    path: list[list[object]] = []
    for place in range(count):
        element = footer.value(inner)
        if not isinstance(element, dict):
            raise RecogniseError("its schema is damaged")
        raw, children = element.get(4), element.get(5)
        name = raw[:200].decode("utf-8", "backslashreplace") if isinstance(raw, bytes) else "?"
        while path and path[-1][1] == 0:
            path.pop()
        if path and isinstance(path[-1][1], int):
            path[-1][1] -= 1
        if isinstance(children, int) and children > 0 and len(path) < 30:
            path.append([name if place else "", children])
            continue
        leaves += 1
        if len(columns) < MOST_ITEMS:
            columns[".".join([str(part[0]) for part in path if part[0]] + [name])] = _type(element)
    return {"columns": columns, "column_count": leaves}


def _type(element: dict[int, object]) -> str:
    logical = element.get(10)
    if isinstance(logical, dict) and logical:
        number = next(iter(logical))
        if number == 10 and isinstance(logical[10], dict):
            width, signed = logical[10].get(1), logical[10].get(2)
            return f"{'int' if signed else 'uint'}{width}"
        if number in _LOGICAL:
            return _LOGICAL[number]
    converted, physical = element.get(6), element.get(1)
    if isinstance(converted, int) and converted in _CONVERTED:
        return _CONVERTED[converted]
    return _PHYSICAL[physical] if isinstance(physical, int) and 0 <= physical < len(_PHYSICAL) else "?"
