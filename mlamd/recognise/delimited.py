"""CSV and its kin: delimiter, header, the types of columns, and how many rows there are."""

import csv
import io
from dataclasses import dataclass

from mlamd.recognise.facts import MOST_ITEMS
from mlamd.recognise.finding import HEAD_BYTES, Fact, Finding, Reader, RecogniseError, Subject
from mlamd.recognise.lines import lines_in, lines_of
from mlamd.recognise.readers import UnpackedReader
from mlamd.recognise.values import common, looks_like_metrics, type_of_text

_SUFFIXES = {".csv": ",", ".tsv": "\t", ".tab": "\t", ".psv": "|"}
_DELIMITERS = ",\t;|"
_MOST_PARSED = 8 << 20
_SAMPLE_ROWS = 500
_SAMPLE_CELLS = 20_000
_NAMES = {",": "comma", "\t": "tab", ";": "semicolon", "|": "pipe"}


@dataclass(frozen=True, slots=True)
class _Sample:
    """The first rows, how many lines and bytes they take, and the form of the text."""

    rows: list[list[str]]
    lines: int
    size_bytes: int
    delimiter: str
    encoding: str


class Delimited:
    """Facts: ``delimiter``, ``header``, ``columns`` with types, ``column_count``, ``rows``, ``encoding``."""

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
        sample = _sample(head, _SUFFIXES[suffix], whole=whole)
        facts = _facts(sample)
        if packed:
            rows, exact = _rows_in(content, sample), reader.ended
            if not exact:
                # As many in the rest of the file as in what was unpacked of it.
                rows = rows * subject.reader.size_bytes // max(1, reader.packed_bytes)
        else:
            rows, exact = _count(subject.reader, sample)
        rows = max(0, rows - bool(facts["header"]))
        facts["rows"] = rows
        if not exact:
            facts["rows_estimated"] = True
        columns = facts["columns"]
        metrics = isinstance(columns, dict) and looks_like_metrics(columns, rows) and bool(facts["header"])
        return Finding("dataset", suffix[1:], facts, "metrics" if metrics else "")


def _sample(head: bytes, usual: str, *, whole: bool) -> _Sample:
    encoding = "utf-8"
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
        head = head[: len(head) // 2 * 2]
    text = head.decode(encoding, "backslashreplace").removeprefix("\ufeff")
    if "\0" in text:
        raise RecogniseError("no text")
    if encoding == "utf-8" and not _is_utf8(head):
        encoding = "unknown"
    if not whole and "\n" in text:
        text = text[: text.rindex("\n") + 1]
    delimiter = _delimiter(text, usual)
    rows = []
    cells = 0
    lines = io.StringIO(text, newline="")
    try:
        for row in csv.reader(lines, delimiter=delimiter):
            if row:
                rows.append(row)
                cells += len(row)
            if len(rows) >= _SAMPLE_ROWS or cells > _SAMPLE_CELLS:
                break
    except csv.Error as error:
        raise RecogniseError(f"no table: {error}") from error
    # The rows were read line by line, up to here.
    used = text[: lines.tell()]
    size = len(used.encode("utf-16-le" if encoding == "utf-16" else "utf-8", "replace"))
    return _Sample(rows, lines_in([used.encode("utf-8", "replace")]).total, size, delimiter, encoding)


def _is_utf8(head: bytes) -> bool:
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return error.start > len(head) - 4  # a letter that the head's end cuts
    return True


def _delimiter(text: str, usual: str) -> str:
    """Return the delimiter that parts the first lines most evenly; in doubt what the name says."""
    lines = [line for line in text[:20_000].split("\n")[:20] if line.strip()][:-1] or [text[:2_000]]
    best, best_score = usual, 0
    for one in usual + _DELIMITERS.replace(usual, ""):
        counts = [line.count(one) for line in lines]
        score = min(counts) * (2 if min(counts) == max(counts) else 1)
        if score > best_score:
            best, best_score = one, score
    return best


def _facts(sample: _Sample) -> dict[str, Fact]:
    first, *rest = sample.rows or [[]]
    width = len(first)
    kinds = [common(type_of_text(row[place]) for row in rest if place < len(row)) for place in range(width)]
    of_first = [type_of_text(cell) for cell in first]
    named = all(kind == "string" for kind in of_first) or (
        of_first[:1] == [""] and all(kind == "string" for kind in of_first[1:]) and width > 1
    )
    header = (
        named
        and len(set(first)) == width
        and (not rest or any(kind != "string" for kind in kinds) or all(len(cell) < 60 for cell in first))
    )
    if not header:
        kinds = (
            [common((kind, one)) for kind, one in zip(kinds, of_first, strict=True)]
            if rest
            else [common([one]) for one in of_first]
        )
    columns: dict[str, Fact] = {}
    for place, kind in enumerate(kinds[:MOST_ITEMS]):
        name = first[place][:200] if header and first[place] else f"column {place + 1}"
        columns[name] = kind
    return {
        "delimiter": _NAMES[sample.delimiter],
        "encoding": sample.encoding,
        "header": header,
        "columns": columns,
        "column_count": width,
    }


def _count(reader: Reader, sample: _Sample) -> tuple[int, bool]:
    """Return how many rows there are, with the header, and whether that is exact."""
    size = reader.size_bytes
    if size <= _MOST_PARSED:
        return _rows_in(reader.read(0, size), sample), True
    if sample.encoding == "utf-16":
        return size * len(sample.rows) // max(1, sample.size_bytes), False
    lines = lines_of(reader)
    return lines.total * len(sample.rows) // max(1, sample.lines), lines.exact and not lines.quoted


def _rows_in(content: bytes, sample: _Sample) -> int:
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
