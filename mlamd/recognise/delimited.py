"""CSV and its kin: delimiter, header, the types of columns, and how many rows there are."""

import csv
import io
from itertools import islice

from mlamd.recognise.facts import MOST_ITEMS, mapping
from mlamd.recognise.finding import HEAD_BYTES, Fact, Finding, Reader, Subject
from mlamd.recognise.lines import lines_in, lines_of
from mlamd.recognise.metrics_csv import numbers_of
from mlamd.recognise.readers import UnpackedReader
from mlamd.recognise.table import Sample, sample_of
from mlamd.recognise.text import decoded
from mlamd.recognise.values import common, looks_like_metrics, type_of_text

_SUFFIXES = {".csv": ",", ".tsv": "\t", ".tab": "\t", ".psv": "|"}
_MOST_PARSED = 8 << 20
_NAMES = {",": "comma", "\t": "tab", ";": "semicolon", "|": "pipe"}


class Delimited:
    """Facts: ``delimiter``, ``header``, ``columns`` with types, ``column_count``, ``rows``, ``encoding``.

    Of what looks like metrics of who wrote it also the numbers.
    """

    name = "delimited"
    rank = 70

    def recognise(self, subject: Subject) -> Finding | None:
        """Return a table, by its name; also one that is compressed with gzip."""
        name, packed = subject.name, subject.name.endswith(".gz")
        suffix = "." + name.removesuffix(".gz").rpartition(".")[2]
        if suffix not in _SUFFIXES:
            return None
        if packed:
            reader = UnpackedReader(subject.reader, "gzip", _MOST_PARSED)
            content = reader.read(0, _MOST_PARSED)
            head, whole = content[:HEAD_BYTES], reader.ended and len(content) <= HEAD_BYTES
        else:
            head, whole = subject.head, subject.whole
        if not head.strip():
            return Finding("dataset", suffix[1:], {"rows": 0, "columns": {}, "column_count": 0})
        sample = sample_of(head, _SUFFIXES[suffix], whole=whole)
        facts = _facts(sample)
        if packed:
            rows, exact = _rows_in(content, sample), reader.ended
            if not exact:
                # As many in the rest of the file as in what was unpacked of it.
                rows = rows * subject.reader.size_bytes // max(1, reader.packed_bytes)
        else:
            rows, exact = _count(subject.reader, sample)
        rows = max(0, rows - sample.taken)
        facts["rows"] = rows
        if not exact:
            facts["rows_estimated"] = True
        if sample.header is None or not exact or not looks_like_metrics(mapping(facts["columns"]), rows):
            return Finding("dataset", suffix[1:], facts)
        if not packed:
            content = subject.reader.read(0, _MOST_PARSED)
        numbers = numbers_of(decoded(content), sample, subject.name)
        return Finding("dataset", suffix[1:], facts | numbers, "metrics" if numbers else "")


def _facts(sample: Sample) -> dict[str, Fact]:
    kinds = (
        common(type_of_text(row[place]) for row in sample.rows if place < len(row))
        for place in range(sample.width)
    )
    columns: dict[str, Fact] = dict(islice(zip(sample.names, kinds, strict=True), MOST_ITEMS))
    facts: dict[str, Fact] = {
        "delimiter": _NAMES[sample.delimiter],
        "encoding": sample.encoding,
        "header": sample.header is not None,
        "columns": columns,
        "column_count": sample.width,
    }
    return facts | {"comment_lines": sample.comments} if sample.comments else facts


def _count(reader: Reader, sample: Sample) -> tuple[int, bool]:
    """Return how many rows there are, with the header, and whether that is exact."""
    size = reader.size_bytes
    if size <= _MOST_PARSED:
        return _rows_in(reader.read(0, size), sample), True
    records = len(sample.rows) + sample.taken
    if sample.encoding == "utf-16":
        return size * records // max(1, sample.size_bytes), False
    lines = lines_of(reader)
    return lines.total * records // max(1, sample.lines), lines.exact and not lines.quoted


def _rows_in(content: bytes, sample: Sample) -> int:
    """Return how many rows there are in a file; only in quotes a row may go over several lines."""
    if sample.encoding == "utf-16":
        content = content.decode("utf-16", "replace").encode()
    if b'"' not in content:
        return lines_in([content]).total
    text = content.decode("utf-8", "backslashreplace")
    try:
        return sum(1 for row in csv.reader(io.StringIO(text, newline=""), delimiter=sample.delimiter) if row)
    except csv.Error:
        return lines_in([content]).total
