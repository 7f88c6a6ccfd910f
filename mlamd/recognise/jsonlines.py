"""JSON lines: one JSON object a line."""

from mlamd.recognise.facts import MOST_ITEMS
from mlamd.recognise.finding import Fact, Finding, RecogniseError, Subject
from mlamd.recognise.jsonvalue import loaded
from mlamd.recognise.lines import lines_of
from mlamd.recognise.metric_names import is_step
from mlamd.recognise.values import common, looks_like_metrics

_SUFFIXES = frozenset({".jsonl", ".ndjson", ".jsonlines"})
_SAMPLE_LINES = 500


class JsonLines:
    """Facts: ``columns`` (the fields) with types, ``column_count``, ``rows``."""

    name = "jsonlines"
    rank = 70

    def recognise(self, subject: Subject) -> Finding | None:
        """Return a table, by its name, if its first line is JSON."""
        if subject.suffix not in _SUFFIXES:
            return None
        lines = subject.head.split(b"\n")
        if not subject.whole:
            lines.pop()
        lines = [line for line in lines if line.strip()]
        if not lines:
            if not subject.whole:
                raise RecogniseError("its first line is too long")
            return Finding("dataset", "jsonl", {"rows": 0, "columns": {}, "column_count": 0})
        kinds: dict[str, list[str]] = {}
        for line in lines[:_SAMPLE_LINES]:
            value = loaded(line)
            for key, item in list(value.items())[:MOST_ITEMS] if isinstance(value, dict) else []:
                if len(kinds) < MOST_ITEMS:
                    kinds.setdefault(key[:200], []).append(_type(item))
        columns: dict[str, Fact] = {key: common(found) for key, found in kinds.items()}
        facts: dict[str, Fact] = {"columns": columns, "column_count": len(columns)}
        rows, exact, _ = lines_of(subject.reader)
        if not exact:
            facts["rows_estimated"] = True
        made = "metrics" if any(map(is_step, columns)) and looks_like_metrics(columns, rows) else ""
        return Finding("dataset", "jsonl", facts | {"rows": rows}, made)


def _type(value: object) -> str:
    names = {bool: "bool", int: "int", float: "float", str: "string", list: "list", dict: "object"}
    return names.get(type(value), "")
