"""Types of values that are written as text, in CSV or JSON lines; and what looks like metrics."""

import re
from collections.abc import Iterable, Mapping

from mlamd.recognise.finding import Fact

_INTEGER = re.compile(r"[+-]?\d{1,19}")
_NUMBER = re.compile(
    r"[+-]?(\d{1,40}\.?\d{0,40}|\.\d{1,40})([eE][+-]?\d{1,4})?|[+-]?(nan|inf|NaN|Inf|infinity)"
)
_DATE = re.compile(r"\d{4}[-/]\d{1,2}[-/]\d{1,2}")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?")
_NOTHING = frozenset({"", "NA", "N/A", "NaN", "nan", "null", "NULL", "None"})
_TRUTHS = frozenset({"true", "false", "True", "False", "TRUE", "FALSE"})
_METRICS = re.compile(
    r"(^|[^a-z])(loss|acc|accuracy|auc|auroc|f1|precision|recall|rmse|mse|mae|mape|r2|perplexity|ppl|bleu|rouge|"
    r"iou|map|epoch|step|iter|iteration|lr|learning_rate|metric|score|error|logloss|val)([^a-z]|$)"
)
MOST_METRIC_ROWS = 20_000


def type_of_text(text: str) -> str:
    """Return ``int``, ``float``, ``bool``, ``date``, ``timestamp`` or ``string``; "" for a missing value."""
    text = text.strip()
    if text in _NOTHING:
        return ""
    if len(text) > 60:
        return "string"
    for name, form in (("int", _INTEGER), ("float", _NUMBER), ("date", _DATE), ("timestamp", _MOMENT)):
        if form.fullmatch(text):
            return name
    return "bool" if text in _TRUTHS else "string"


def common(kinds: Iterable[str]) -> str:
    """Return the type that fits all values of a column."""
    found = set(kinds) - {""}
    if not found:
        return "empty"
    if len(found) == 1:
        return found.pop()
    if found == {"int", "float"}:
        return "float"
    return "timestamp" if found == {"date", "timestamp"} else "string"


def looks_like_metrics(columns: Mapping[str, Fact], rows: int) -> bool:
    """Tell whether these are few rows of numbers, one of them named as only metrics of a run are."""
    numeric = [name for name, kind in columns.items() if kind in {"int", "float"}]
    named = [name for name in columns if _METRICS.search(name.lower())]
    return (
        0 < rows <= MOST_METRIC_ROWS
        and len(columns) <= 100
        and bool(named)
        and 2 * len(numeric) >= len(columns)
    )
