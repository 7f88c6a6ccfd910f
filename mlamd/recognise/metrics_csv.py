"""Tables of metrics: CSV and TSV with a column of steps, as Keras, Lightning, DVCLive and people write them.

Cells may be empty: Lightning writes training and validation in rows of their own.
"""

import csv
import io
from collections.abc import Iterator

from mlamd.recognise.finding import Finding, RecogniseError, Subject
from mlamd.recognise.metric_names import STEPS, is_metric, is_step
from mlamd.recognise.series import SeriesBook
from mlamd.recognise.text import decoded, is_text

_MOST_BYTES = 16 << 20
_MOST_CELLS = 1_000_000
_MOST_COLUMNS = 2_000
_NOT_METRICS = frozenset({"wall time", "wall_time", "timestamp", "time", "walltime"})


class MetricsTableRecogniser:
    """CSV and TSV whose header has a step, and a name of a metric."""

    name = "metrics-csv"
    rank = 52

    def recognise(self, subject: Subject) -> Finding | None:
        """Return the columns as series; None for tables of other things."""
        if subject.suffix not in {".csv", ".tsv"} or not is_text(subject.head):
            return None
        first = decoded(subject.head).partition("\n")[0].strip("\r")
        mark = max("\t;,", key=first.count)
        header = [name.strip().strip('"') for name in first.split(mark)][:_MOST_COLUMNS]
        steps = [place for place, name in enumerate(header) if is_step(name)]
        if not steps or not any(is_metric(name) for name in header if not is_step(name)):
            return None
        content = subject.reader.read(0, _MOST_BYTES)
        cut = subject.reader.size_bytes > len(content)
        if cut:
            content = content[: content.rfind(b"\n") + 1]
        book = _book(csv.reader(io.StringIO(decoded(content), newline=""), delimiter=mark), header, steps)
        if not book.series and len(content.splitlines()) > 1:
            return None
        facts = book.facts()
        if cut:
            facts["truncated"] = True
        if b"dvclive/" in subject.path:
            facts["tracker"] = "dvclive"
        return Finding("metrics", "tsv" if mark == "\t" else "csv", facts)


def _book(rows: Iterator[list[str]], header: list[str], steps: list[int]) -> SeriesBook:
    """Return the columns of numbers; the finest step of a row that is filled is its step."""
    steps = sorted(steps, key=lambda place: STEPS.index(header[place].lower().replace(" ", "_")))
    others = [
        place for place, name in enumerate(header) if place not in steps and name.lower() not in _NOT_METRICS
    ]
    book = SeriesBook()
    cells = 0
    try:
        next(rows, None)
        for row in rows:
            cells += len(row)
            if cells > _MOST_CELLS:
                break
            step = next((found for place in steps if (found := _number(row, place)) is not None), None)
            if step is None:
                continue
            for place in others:
                value = _number(row, place)
                if value is not None:
                    book.add(header[place], int(step) if step.is_integer() else step, value)
    except csv.Error as error:
        raise RecogniseError("bad CSV") from error
    return book


def _number(row: list[str], place: int) -> float | None:
    if place >= len(row) or not row[place]:
        return None
    try:
        return float(row[place])
    except ValueError:
        return None
