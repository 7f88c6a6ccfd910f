"""Logs: text in which a program says how far it is and how well it does; and all other text."""

import re

from mlamd.recognise.finding import Fact, Finding, Subject
from mlamd.recognise.log_lines import is_weak, read_line
from mlamd.recognise.metric_names import is_metric
from mlamd.recognise.series import SeriesBook
from mlamd.recognise.text import decoded, is_document, is_text

_PART_BYTES = 3 << 19
"""Of a longer log, its beginning and its end are read."""

_SUFFIXES = frozenset({".log", ".out", ".err"})
_NAME = re.compile(r"(?:^|[^a-z])(?:logs?|output|stdout|stderr|console|nohup)(?:$|[^a-z])")
_LINE_ENDS = re.compile(r"[\r\n]+")


class LogRecogniser:
    """Any text that nobody else knew."""

    name = "log"
    rank = 95

    def recognise(self, subject: Subject) -> Finding | None:
        """Return series if the text has any, and what text it is; None for what is no text."""
        if not subject.head or not is_text(subject.head):
            return None
        log = log_of(subject)
        if log is not None:
            return log
        content, cut = _content(subject)
        kind = "log" if subject.suffix in _SUFFIXES else "generic"
        return Finding(kind, "text", _facts(content, cut=cut))


def log_of(subject: Subject) -> Finding | None:
    """Return a log with its series; None for text that tells no metrics, or is hardly a log.

    What is called a log must have a metric. In other files, ``.txt`` or without a suffix, a metric must be
    told more than once, at steps.
    """
    named = subject.suffix in _SUFFIXES or bool(_NAME.search(subject.name))
    if not named:
        if subject.suffix not in {".txt", ""} or is_document(subject.name) or not is_text(subject.head):
            return None
        if not subject.whole and not _Log(decoded(subject.head)).tells_progress():
            return None
    content, cut = _content(subject)
    log = _Log(content)
    if not (log.book.series if named else log.tells_progress()):
        return None
    return Finding("log", "text", _facts(content, cut=cut) | log.book.facts())


def _facts(content: str, *, cut: bool) -> dict[str, Fact]:
    facts: dict[str, Fact] = {"lines": content.count("\n") + (not content.endswith("\n"))}
    return facts | {"truncated": True} if cut else facts


def _content(subject: Subject) -> tuple[str, bool]:
    """Return the text, and True if its middle was left out."""
    size = subject.reader.size_bytes
    if subject.whole:
        return decoded(subject.head), False
    if size <= 2 * _PART_BYTES:
        return decoded(subject.reader.read(0, size)), False
    end = subject.reader.read(size - _PART_BYTES, _PART_BYTES)
    return decoded(subject.reader.read(0, _PART_BYTES)) + "\n" + decoded(end.partition(b"\n")[2]), True


class _Log:
    """The series of a text: values of metrics, at the step or epoch of their line or of one before."""

    def __init__(self, content: str) -> None:
        self.book = SeriesBook()
        self._stepped = 0
        """How many lines with values have a step, or follow an epoch."""
        epoch: float | None = None
        seen: dict[str, int] = {}
        for line in _LINE_ENDS.split(content):
            steps, values = read_line(line)
            epoch = steps.get("epoch", epoch)
            fine = [value for name, value in steps.items() if name != "epoch"]
            self._stepped += bool(values) and (bool(fine) or epoch is not None)
            for name, value in values.items():
                seen[name] = seen.get(name, -1) + 1
                step = fine[0] if fine else epoch if epoch is not None else float(seen[name])
                self.book.add(name, int(step) if step.is_integer() else step, value)

    def tells_progress(self) -> bool:
        """Return True if a metric is told more than once, at steps, by a name that prose rarely has."""
        return self._stepped > 1 and any(
            one.count > 1 and is_metric(name) and not is_weak(name) for name, one in self.book.series.items()
        )
