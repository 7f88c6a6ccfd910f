"""Tables of metrics: CSV and TSV with a column of steps, as Keras, Lightning, DVCLive and people write them.

Cells may be empty: Lightning writes training and validation in rows of their own. Tables without steps are
single numbers: one row of them, or rows with a label (``metric,value``, ``class,precision,recall``).
"""

import csv
from collections.abc import Iterable, Sequence
from itertools import islice

from mlamd.recognise.finding import Fact, Finding, RecogniseError, Subject
from mlamd.recognise.metric_names import STEPS, direction, is_metric, is_step, is_vague, names_metrics
from mlamd.recognise.series import SeriesBook
from mlamd.recognise.table import Sample, records, sample_of
from mlamd.recognise.text import decoded, is_text
from mlamd.recognise.values import MOST_METRIC_ROWS

_MOST_BYTES = 16 << 20
_MOST_CELLS = 1_000_000
_MOST_COLUMNS = 2_000
_MOST_LABELS = 50
_TIMES = frozenset({"wall time", "wall_time", "timestamp", "time", "walltime"})
_INDEX = frozenset({"column 1", "index", "unnamed: 0", "fold"})
"""Names of columns that only number the rows; the first one without a name does."""
_LABELS = frozenset(
    """
    metric metrics measure name model class classifier label split set dataset subset task category method
    estimator algorithm variant
    """.split()
) | {"column 1"}


class MetricsTableRecogniser:
    """CSV and TSV whose header has a step, and a name of a metric that data rarely have."""

    name = "metrics-csv"
    rank = 52

    def recognise(self, subject: Subject) -> Finding | None:
        """Return the columns as series; None for tables of other things."""
        if subject.suffix not in {".csv", ".tsv"} or not subject.head.strip() or not is_text(subject.head):
            return None
        usual = "\t" if subject.suffix == ".tsv" else ","
        sample = sample_of(subject.head, usual, whole=subject.whole)
        if not _tells_metrics(sample.header or []):
            return None
        content = subject.reader.read(0, _MOST_BYTES)
        cut = subject.reader.size_bytes > len(content)
        if cut:
            content = content[: content.rfind(b"\n") + 1]
        try:
            book = _book(records(decoded(content), sample), sample.names)
        except csv.Error as error:
            raise RecogniseError("bad CSV") from error
        if not book.series and sample.rows:
            return None
        facts = book.facts()
        if cut:
            facts["truncated"] = True
        if b"dvclive/" in subject.path:
            facts["tracker"] = "dvclive"
        return Finding("metrics", "tsv" if sample.delimiter == "\t" else "csv", facts)


def _tells_metrics(header: Sequence[str]) -> bool:
    """Return True for a step beside a metric. ``round`` and ``return`` are as often data of other things."""
    metrics = [name for name in header if is_metric(name) and not is_step(name)]
    exported = any(name.lower() == "wall time" for name in header)
    return any(map(is_step, header)) and any(exported or not is_vague(name) for name in metrics)


def numbers_of(text: str, sample: Sample, file_name: str) -> dict[str, Fact]:
    """Return the facts ``series`` or ``scalars`` of a table that looks like metrics; none if it has none."""
    try:
        rows = list(islice(records(text, sample), MOST_METRIC_ROWS))
    except csv.Error:
        return {}
    names = sample.names[:_MOST_COLUMNS]
    if any(map(is_step, names)):
        return _book(rows, names).facts()
    if len(rows) == 1:
        return _scalars((name, _number(rows[0], place)) for place, name in enumerate(names))
    return _labelled(rows, names, file_name) or _unlabelled(rows, names)


def _labelled(rows: list[list[str]], names: Sequence[str], file_name: str) -> dict[str, Fact]:
    """Return the numbers of a few rows that each have a name of their own, by that and their column's."""
    texts = [place for place in range(len(names)) if all(_number(row, place) is None for row in rows)]
    if len(rows) > _MOST_LABELS or not texts:
        return {}
    at = texts[0]
    labels = [row[at].strip() if at < len(row) else "" for row in rows]
    if "" in labels or len(set(labels)) < len(labels):
        return {}
    if names[at].lower() not in _LABELS and not names_metrics(file_name):
        return {}
    others = [place for place in range(len(names)) if place not in texts]
    alone = len(others) == 1 and (is_vague(names[others[0]]) or names[others[0]].lower() == "score")
    return _scalars(
        (label if alone else f"{label}.{names[place]}", _number(row, place))
        for label, row in zip(labels, rows, strict=True)
        for place in others
    )


def _unlabelled(rows: list[list[str]], names: Sequence[str]) -> dict[str, Fact]:
    """Return the columns as series over the rows, if they all are metrics."""
    book = SeriesBook()
    others = [
        place for place, name in enumerate(names) if name.lower() not in _TIMES and name.lower() not in _INDEX
    ]
    if not all(is_metric(names[place]) or direction(names[place]) for place in others):
        return {}
    for step, row in enumerate(rows):
        for place in others:
            value = _number(row, place)
            if value is not None:
                book.add(names[place], step, value)
    return book.facts()


def _scalars(pairs: Iterable[tuple[str, float | None]]) -> dict[str, Fact]:
    scalars: dict[str, Fact] = {
        name: value for name, value in pairs if value is not None and name.lower() not in _INDEX
    }
    return {"scalars": scalars} if scalars else {}


def _book(rows: Iterable[list[str]], names: Sequence[str]) -> SeriesBook:
    """Return the columns of numbers; the finest step of a row that is filled is its step."""
    names = names[:_MOST_COLUMNS]
    steps = [place for place, name in enumerate(names) if is_step(name)]
    steps.sort(key=lambda place: STEPS.index(names[place].lower().replace(" ", "_")))
    others = [place for place, name in enumerate(names) if place not in steps and name.lower() not in _TIMES]
    book = SeriesBook()
    cells = 0
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
                book.add(names[place], int(step) if step.is_integer() else step, value)
    return book


def _number(row: list[str], place: int) -> float | None:
    if place >= len(row) or not row[place]:
        return None
    try:
        return float(row[place].strip().removesuffix("%"))
    except ValueError:
        return None
