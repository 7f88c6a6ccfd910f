"""One line of a log: how far the program is, and the values that it tells.

The forms are those that frameworks print and people write: ``loss: 0.5``, ``loss=0.5``, ``loss 0.5``,
``'loss': '0.5'``, ``| loss | 0.5 |``, with a step before or after them. A number that may be read in two ways
(``1,234.56`` and ``0,25``) is left out.
"""

import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from mlamd.recognise.metric_names import is_metric, is_step

LONGEST_LINE = 2_000
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_SPLITS = "train|training|val|valid|validation|test|eval|dev"
_WHICH = f"{_SPLITS}|best|last|final|current|average|avg|mean|running|total|max|min"
_NUMBER = r"[-+]?(?:(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?|nan|inf(?:inity)?)"
_PAIR = re.compile(
    rf"""(?<![\w./-])((?:(?:{_WHICH})[ ]){{0,2}}[A-Za-z_][\w./@-]{{0,60}})["']?"""
    rf"""(?:\s{{0,3}}[:=]\s{{0,8}}\[?|\s+(?:\|\s{{1,40}})?\[?|\[)["']?({_NUMBER})"""
    r"""(?:\s?/\s?(\d+))?(?![\w/-]|[:.,]\d)""",
    re.IGNORECASE,
)
_SPLIT = re.compile(rf"(?<![a-z])(?:{_SPLITS})(?![a-z])", re.IGNORECASE)
_SPLIT_EPOCH = re.compile(rf"^(?:{_SPLITS})_(?=[a-z]+$)")
_MAY_HOLD = re.compile(r"\d|nan|inf", re.IGNORECASE)
_SURE_GAP = re.compile(r"[:=]")
_OWNER = re.compile(r"(?<=\w)'s (?=\w)")
_BOX = re.compile("[│┃]")
_ROUND = re.compile(r"\[(\d{1,9})\]\s")
"""The round before what XGBoost and LightGBM print."""
_CATBOOST = re.compile(r"(\d{1,9}):\s+learn:\s")
_WEAK = frozenset("return returns value metric error score map ap hits recall precision".split())
_NO_NAMES = frozenset("is are was of eta v_num version".split())
_STEP_NAMES = {
    "it": "iteration",
    "ep": "epoch",
    "itr": "iteration",
    "steps": "step",
    "iters": "iteration",
    "num_updates": "update",
}


class Line(NamedTuple):
    """The steps and the values of a line, by name; ``epoch`` is one of the steps."""

    steps: dict[str, float]
    values: dict[str, float]


class _Pair(NamedTuple):
    name: str
    value: float
    of: int
    """The number after a ``/``, or 0."""
    sure: bool
    """True if a ``:`` or ``=`` stands between."""
    at: int


_NOTHING = Line({}, {})


def is_weak(name: str) -> bool:
    """Return True for names of metrics that prose has too."""
    return name.lower() in _WEAK


def read_line(line: str) -> Line:
    """Return the steps and the values of a line; values only where one of them has the name of a metric.

    Next to a metric, any name with ``:`` or ``=`` counts; a name with only a space must be a metric's. Of a
    value ``a/b`` of a metric the quotient counts.
    """
    if not 4 <= len(line) <= LONGEST_LINE or not _MAY_HOLD.search(line):
        return _NOTHING
    line = _BOX.sub(" ", _OWNER.sub("_", _ANSI.sub("", line)))
    catboost = _CATBOOST.match(line)
    first = catboost or _ROUND.match(line)
    steps: dict[str, float] = {"iteration": float(first[1])} if first else {}
    told: list[_Pair] = []
    metric = bool(catboost)
    for pair in _pairs(line):
        lowered = pair.name.lower()
        plain = _SPLIT_EPOCH.sub("", lowered)
        step = _STEP_NAMES.get(plain, plain)
        known = is_metric(pair.name)
        if is_step(step):
            steps.setdefault(step, pair.value)
        elif known and (pair.sure or lowered not in _WEAK):
            metric = True
            told.append(pair)
        elif pair.sure and not pair.of and lowered not in _NO_NAMES:
            told.append(pair)
    return Line(steps, _by_name(line, told) if metric else {})


def _pairs(line: str) -> Iterator[_Pair]:
    for found in _PAIR.finditer(line):
        if found[3] and not (found[2].isdecimal() and int(found[3])):
            continue
        sure = bool(_SURE_GAP.search(line, found.end(1), found.start(2)))
        name = found[1].replace(" ", "_").rstrip(".")
        yield _Pair(name, float(found[2]), int(found[3] or 0), sure, found.start())


def _by_name(line: str, told: list[_Pair]) -> dict[str, float]:
    """Return the values by name. What a line tells twice is told of two splits, or left out."""
    often = Counter(pair.name for pair in told)
    named: list[tuple[str, float]] = []
    for pair in told:
        name = pair.name if often[pair.name] == 1 else f"{_split_before(line, pair.at)}{pair.name}"
        named.append((name, pair.value / pair.of if pair.of else pair.value))
    values: dict[str, set[str]] = {}
    for name, value in named:
        values.setdefault(name, set()).add(repr(value))
    return {name: value for name, value in named if len(values[name]) == 1}


def _split_before(line: str, at: int) -> str:
    """Return the last name of a split before a place in a line, with ``_`` after it."""
    found = ""
    for one in _SPLIT.finditer(line, 0, at):
        found = one[0] + "_"
    return found
