"""The first rows of a text with delimiters: its delimiter, encoding, comments, and its header."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

from mlamd.recognise.finding import RecogniseError
from mlamd.recognise.headers import is_header
from mlamd.recognise.lines import lines_in

_DELIMITERS = ",\t;|"
_SAMPLE_ROWS = 500
_SAMPLE_CELLS = 20_000
_MOST_COMMENTS = 100


@dataclass(frozen=True, slots=True)
class Sample:
    """The first rows, without the header and the comments before it, and how they are written."""

    header: list[str] | None
    """The names of the columns; those without one are called ``column 3``, doubles ``a.1``. None without."""
    rows: list[list[str]]
    width: int
    comments: int
    """How many lines of comments are before the first row."""
    commented: bool
    """True if the last of them is the header."""
    lines: int
    """How many lines all of this takes."""
    size_bytes: int
    delimiter: str
    encoding: str

    @property
    def names(self) -> list[str]:
        """The names of the columns, ``column 1`` and so on without a header."""
        return self.header or [f"column {place + 1}" for place in range(self.width)]

    @property
    def taken(self) -> int:
        """How many records the file has that are no rows: comments, and the header if it is none of them."""
        return self.comments + (self.header is not None and not self.commented)


def sample_of(head: bytes, usual: str, *, whole: bool) -> Sample:
    """Return the first rows of a table; ``usual`` is the delimiter that its name tells.

    Raises ``RecogniseError`` for what is no text, or no table.
    """
    text, encoding = _decoded(head)
    if not whole and "\n" in text:
        text = text[: text.rindex("\n") + 1]
    comments, size = _comments(text)
    body = text[size:]
    delimiter = _delimiter(body, usual)
    rows, length = _rows(body, delimiter)
    commented = _header_in(comments, rows, delimiter)
    header: list[str] | None = commented
    if commented is None and rows and is_header(rows[0], rows[1:]):
        header, rows = rows[0], rows[1:]
    used = text[: size + length]
    return Sample(
        header=_distinct(header) if header is not None else None,
        rows=rows,
        width=len(header if header is not None else rows[0] if rows else []),
        comments=len(comments),
        commented=commented is not None,
        lines=lines_in([used.encode("utf-8", "replace")]).total,
        size_bytes=len(used.encode("utf-16-le" if encoding == "utf-16" else "utf-8", "replace")),
        delimiter=delimiter,
        encoding=encoding,
    )


def records(text: str, sample: Sample) -> Iterator[list[str]]:
    """Yield the rows of a whole text, of which ``sample`` are the first, without header and comments.

    Raises ``csv.Error``.
    """
    body = text.split("\n", sample.comments)[-1] if sample.comments else text
    rows = (row for row in csv.reader(io.StringIO(body, newline=""), delimiter=sample.delimiter) if row)
    if sample.header is not None and not sample.commented:
        next(rows, None)
    return rows


def _decoded(head: bytes) -> tuple[str, str]:
    encoding = "utf-8"
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
        head = head[: len(head) // 2 * 2]
    text = head.decode(encoding, "backslashreplace").removeprefix("\ufeff")
    if "\0" in text:
        raise RecogniseError("no text")
    if encoding == "utf-8" and not _is_utf8(head):
        encoding = "unknown"
    return text, encoding


def _is_utf8(head: bytes) -> bool:
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return error.start > len(head) - 4  # a letter that the head's end cuts
    return True


def _comments(text: str) -> tuple[list[str], int]:
    """Return the lines with ``#`` that a text begins with, and how many letters they take."""
    found: list[str] = []
    at = 0
    while text.startswith("#", at) and len(found) < _MOST_COMMENTS:
        end = text.find("\n", at)
        if end < 0:
            break
        found.append(text[at:end].strip("\r"))
        at = end + 1
    return (found, at) if text[at:].strip() else ([], 0)


def _header_in(comments: list[str], rows: list[list[str]], delimiter: str) -> list[str] | None:
    """Return the header that is the last comment, as ``numpy.savetxt`` writes it."""
    if not comments or not rows or delimiter not in comments[-1]:
        return None
    names = [name.strip() for name in comments[-1].lstrip("# ").split(delimiter)]
    return names if len(names) == len(rows[0]) else None


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


def _rows(text: str, delimiter: str) -> tuple[list[list[str]], int]:
    """Return the first rows, and how many letters of the text they take."""
    rows: list[list[str]] = []
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
    return rows, lines.tell()


def _distinct(header: list[str]) -> list[str]:
    """Return names without doubles, as pandas names them."""
    found: list[str] = []
    seen: dict[str, int] = {}
    for place, cell in enumerate(header):
        name = cell.strip()[:200] or f"column {place + 1}"
        seen[name] = seen.get(name, -1) + 1
        found.append(f"{name}.{seen[name]}" if seen[name] else name)
    return found
