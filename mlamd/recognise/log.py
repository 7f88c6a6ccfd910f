"""Logs: text in which a program says how far it is and how well it does; and all other text."""

import re
from collections.abc import Iterator

from mlamd.recognise.finding import Fact, Finding, Subject
from mlamd.recognise.metric_names import is_metric, is_step
from mlamd.recognise.series import SeriesBook
from mlamd.recognise.text import decoded, is_text

_PART_BYTES = 3 << 19
"""Of a longer log, its beginning and its end are read."""

_LONGEST_LINE = 2_000
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_NUMBER = r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?|nan|inf|-inf"
_PAIR = re.compile(
    r"""(?<![\w./-])((?:(?:train|training|val|valid|validation|test|eval|dev)[ ])?"""
    r"""[A-Za-z_][\w./@-]{0,60})["']?"""
    rf"""(?:\s{{0,3}}[:=]\s{{0,8}}\[?|\s+\[?|\[)({_NUMBER})(?:\s?/\s?(\d+))?(?![\w/-]|[:.]\d)""",
    re.IGNORECASE,
)
_MAY_HOLD = re.compile(r"\d|nan|inf", re.IGNORECASE)
_PLAIN_GAP = re.compile(r"[:=]")
_NAME = re.compile(r"(?:^|[^a-z])(?:logs?|output|stdout|stderr|console|nohup)(?:$|[^a-z])")
_WEAK = frozenset("return returns value metric error score map ap hits recall precision".split())
_STEP_NAMES = {"it": "iteration", "ep": "epoch", "itr": "iteration", "steps": "step", "iters": "iteration"}


class LogRecogniser:
    """Any text that nobody else knew."""

    name = "log"
    rank = 95

    def recognise(self, subject: Subject) -> Finding | None:
        """Return series if the text has any, and what text it is; None for what is no text."""
        if not subject.head or not is_text(subject.head):
            return None
        content, cut = _content(subject)
        facts: dict[str, Fact] = {"lines": content.count("\n") + (not content.endswith("\n"))}
        is_log = subject.suffix in {".log", ".out", ".err"} or bool(_NAME.search(subject.name))
        book = read_log(content) if is_log or subject.suffix in {".txt", ""} else SeriesBook()
        if cut:
            facts["truncated"] = True
        if book.series and (is_log or _repeated(book)):
            return Finding("log", "text", facts | book.facts())
        is_log = subject.suffix in {".log", ".out", ".err"}
        return Finding("log" if is_log else "generic", "text", facts)


def _repeated(book: SeriesBook) -> bool:
    """Return True if a metric is told more than once, by a name that prose rarely has."""
    return any(
        one.count > 1 and is_metric(name) and name.lower() not in _WEAK for name, one in book.series.items()
    )


def _content(subject: Subject) -> tuple[str, bool]:
    """Return the text, and True if its middle was left out."""
    size = subject.reader.size_bytes
    if subject.whole:
        return decoded(subject.head), False
    if size <= 2 * _PART_BYTES:
        return decoded(subject.reader.read(0, size)), False
    end = subject.reader.read(size - _PART_BYTES, _PART_BYTES)
    return decoded(subject.reader.read(0, _PART_BYTES)) + "\n" + decoded(end.partition(b"\n")[2]), True


def read_log(content: str) -> SeriesBook:
    """Return the series of a text: values of metrics, at the step or epoch of their line or of one before."""
    book = SeriesBook()
    epoch: float | None = None
    seen: dict[str, int] = {}
    for line in re.split(r"[\r\n]+", content):
        if not 4 <= len(line) <= _LONGEST_LINE or not _MAY_HOLD.search(line):
            continue
        steps, values = _line(_ANSI.sub("", line))
        if "epoch" in steps:
            epoch = steps["epoch"]
        fine = [value for name, value in steps.items() if name != "epoch"]
        for name, value in values.items():
            seen[name] = seen.get(name, -1) + 1
            step = fine[0] if fine else epoch if epoch is not None else float(seen[name])
            book.add(name, int(step) if step.is_integer() else step, value)
    return book


def _line(line: str) -> tuple[dict[str, float], dict[str, float]]:
    """Return the steps and the values of a line; values only where one of them has the name of a metric.

    Next to a metric, any name with ``:`` or ``=`` counts; a name with only a space must be a metric's.
    """
    steps: dict[str, float] = {}
    values: dict[str, float] = {}
    metric = False
    for name, value, sure in _pairs(line):
        lowered = name.lower()
        step = _STEP_NAMES.get(lowered, lowered)
        if is_step(step):
            steps.setdefault("epoch" if step == "epoch" else step, value)
        elif is_metric(name) and (sure or lowered not in _WEAK):
            metric = True
            values[name] = value
        elif sure:
            values[name] = value
    return steps, values if metric else {}


def _pairs(line: str) -> Iterator[tuple[str, float, bool]]:
    for found in _PAIR.finditer(line):
        between = line[found.end(1) : found.start(2)]
        yield found[1].replace(" ", "_").rstrip("."), float(found[2]), bool(_PLAIN_GAP.search(between))
