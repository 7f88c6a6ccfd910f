"""Types of values that are written as text, in CSV or JSON lines; and which columns are those of metrics."""

import re
from collections.abc import Iterable, Mapping

from mlamd.recognise.finding import Fact
from mlamd.recognise.metric_names import tell_metrics

_INTEGER = re.compile(r"[+-]?\d{1,19}")
_NUMBER = re.compile(
    r"[+-]?(\d{1,40}\.?\d{0,40}|\.\d{1,40})([eE][+-]?\d{1,4})?|[+-]?(nan|inf|NaN|Inf|infinity)"
)
_DATE = re.compile(r"\d{4}[-/]\d{1,2}[-/]\d{1,2}")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?")
_NOTHING = frozenset({"", "NA", "N/A", "NaN", "nan", "null", "NULL", "None"})
_TRUTHS = frozenset({"true", "false", "True", "False", "TRUE", "FALSE"})
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
    """Tell whether these are few rows of numbers, with the names of metrics."""
    numeric = [name for name, kind in columns.items() if kind in {"int", "float"}]
    return (
        0 < rows <= MOST_METRIC_ROWS
        and len(columns) <= 100
        and 2 * len(numeric) >= len(columns)
        and tell_metrics(columns.keys())
    )
