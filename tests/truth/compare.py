"""Recorded edges against true ones: recall and precision by grade of evidence, and violations.

A *violation* is a false edge presented as certain: one that is graded ``observed``; or, where several
candidates were recorded for one version or for one read and not all of them are true, one that is
not marked ambiguous.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.truth.ancestry import RecordedFlow
from tests.truth.edges import Flow, StepKey, Touch, Truth

GRADES = ("observed", "inferred", "ambiguous", "declared", "unknown")
"""From the surest to the least sure; ``unknown`` is a write without a writer, which claims nothing."""

_RELATIONS = ("read", "wrote")


class Unit(NamedTuple):
    """One true edge: a step, what it did, and the printed name of the file."""

    step: StepKey
    relation: str
    name: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One recorded edge, as far as it is compared."""

    relation: str
    path: str
    pid: int | None
    command: tuple[str, ...]
    step: str | None
    version: str | None
    at_ns: int
    grade: str

    @property
    def text(self) -> str:
        """One line about it."""
        return f"{self.pid} {self.relation} {self.path} [{self.grade}] ({' '.join(self.command)[:60]})"


@dataclass(slots=True)
class Score:
    """Counts of one grade, or of all grades together.

    ``recorded`` leaves out edges that the kernel allows but does not require; ``found`` counts the
    true edges that were recorded, ``correct`` the recorded edges that are true.
    """

    true: int = 0
    recorded: int = 0
    correct: int = 0
    found: int = 0

    @property
    def recall(self) -> float:
        """Share of the true edges that were recorded; 1 if there were none."""
        return self.found / self.true if self.true else 1.0

    @property
    def precision(self) -> float:
        """Share of the recorded edges that are true; 1 if there were none."""
        return self.correct / self.recorded if self.recorded else 1.0

    def add(self, other: "Score") -> None:
        """Add the counts of another workload."""
        self.true += other.true
        self.recorded += other.recorded
        self.correct += other.correct
        self.found += other.found


@dataclass(slots=True)
class Comparison:
    """The outcome for one workload."""

    scores: dict[str, Score] = field(default_factory=dict)
    """By grade, and ``all`` for the files and ``pipes`` for what went through pipes."""
    missing: list[str] = field(default_factory=list)
    false: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)


def entries_of(data: Iterable[dict[str, Any]]) -> list[Entry]:
    """Return the reads and writes of a log's ``data``; data roots are left aside."""
    return [
        Entry(
            item["action"],
            item["path"],
            item.get("pid"),
            tuple(item.get("command") or ()),
            item.get("step"),
            item.get("version"),
            item.get("at_ns") or 0,
            _grade(item),
        )
        for item in data
        if item["action"] in _RELATIONS and not item["path"].startswith("/")
    ]


def _grade(item: dict[str, Any]) -> str:
    if item.get("step") is None and item.get("pid") is None:
        return "unknown"
    return "ambiguous" if item.get("ambiguous") else item.get("evidence") or "unknown"


class Judge:
    """Knows what is true in one session; ``judged`` is the part of ``whole`` that is looked at."""

    def __init__(self, whole: Truth, judged: Truth, since_ns: int = 0) -> None:
        self._whole = whole
        self._judged = judged
        self._since_ns = since_ns
        self._touches: defaultdict[tuple[StepKey, str], list[Touch]] = defaultdict(list)
        self._units: dict[Unit, Touch] = {}
        for relation, touches in zip(_RELATIONS, (judged.reads, judged.writes), strict=True):
            for touch in touches:
                self._touches[touch.step, relation].append(touch)
                # The shell itself is no run: what it does may be recorded or not.
                if touch.required and touch.step != judged.anchor:
                    self._units[Unit(touch.step, relation, touch.name)] = touch

    def concerns(self, entry: Entry) -> bool:
        """Say whether an entry is about the judged part of the session."""
        if entry.pid is None:
            return entry.at_ns >= self._since_ns
        keys = self._whole.of_pid(entry.pid, entry.command)
        return not keys or any(key in self._judged.steps for key in keys)

    def matches(self, entry: Entry) -> tuple[set[Unit], bool]:
        """Return the required edges that an entry states, and whether it is allowed at all."""
        if entry.pid is None:
            return set(), False
        units: set[Unit] = set()
        allowed = False
        for key in self._judged.of_pid(entry.pid, entry.command):
            for touch in self._touches[key, entry.relation]:
                if entry.path in touch.names:
                    allowed = True
                    unit = Unit(key, entry.relation, touch.name)
                    units |= {unit} & self._units.keys()
        return units, allowed

    def compare(self, entries: Iterable[Entry]) -> Comparison:
        """Compare the file edges."""
        outcome = Comparison()
        mine = [entry for entry in entries if self.concerns(entry)]
        verdicts = {entry: self.matches(entry) for entry in mine}
        for grade in GRADES:
            graded = [entry for entry in mine if entry.grade == grade]
            outcome.scores[grade] = self._score(graded, verdicts)
        known = [entry for entry in mine if entry.grade != "unknown"]
        outcome.scores["all"] = self._score(known, verdicts)
        found = {unit for entry in known for unit in verdicts[entry][0]}
        outcome.missing = [
            self._judged.text(touch, unit.relation)
            for unit, touch in self._units.items()
            if unit not in found
        ]
        wrong = {entry for entry in known if not verdicts[entry][1]}
        outcome.false = sorted({entry.text for entry in wrong})
        outcome.violations = sorted({entry.text for entry in _violations(known, wrong)})
        return outcome

    def _score(self, entries: list[Entry], verdicts: dict[Entry, tuple[set[Unit], bool]]) -> Score:
        units: set[Unit] = set()
        correct: set[tuple[object, ...]] = set()
        recorded: set[tuple[object, ...]] = set()
        for entry in entries:
            stated, allowed = verdicts[entry]
            units |= stated
            keys = (tuple(self._judged.of_pid(entry.pid, entry.command)) if entry.pid else ()) or entry.pid
            if stated or not allowed:
                recorded.add((keys, entry.relation, entry.path))
            if stated:
                correct.add((keys, entry.relation, entry.path))
        return Score(len(self._units), len(recorded), len(correct), len(units))

    def compare_flows(self, outcome: Comparison, recorded: set[RecordedFlow], needed: set[Flow]) -> None:
        """Add the pipes to an outcome: those that lead to the outputs must be there, and no false one."""
        allowed = {(flow.source, flow.target) for flow in self._whole.flows}
        required = {(flow.source, flow.target) for flow in needed}
        score = outcome.scores["pipes"] = Score(true=len(required))
        found: set[tuple[StepKey, StepKey]] = set()
        for flow in recorded:
            ends = [self._whole.of_pid(pid or -1, words) for pid, words in (flow.source, flow.target)]
            pairs = {(source, target) for source in ends[0] for target in ends[1]}
            found |= pairs & required
            score.correct += bool(pairs & required)
            score.recorded += bool(pairs & required) or not pairs & allowed
            if not pairs & allowed:
                text = f"{flow.source[0]} pipe {flow.target[0]} [{flow.evidence}]"
                outcome.false.append(text)
                if flow.evidence == "observed" and not flow.ambiguous:
                    outcome.violations.append(text)
        score.found = len(found)
        outcome.missing += [f"{source.pid} pipe {target.pid}" for source, target in required - found]


def _violations(known: list[Entry], wrong: set[Entry]) -> set[Entry]:
    certain = {entry for entry in wrong if entry.grade == "observed"}
    rivals: defaultdict[tuple[object, ...], set[Entry]] = defaultdict(set)
    for entry in known:
        if entry.version is not None:
            moment = entry.at_ns if entry.relation == "read" else None
            rivals[entry.relation, entry.path, entry.version, moment].add(entry)
    for group in rivals.values():
        if len({(entry.pid, entry.step) for entry in group}) > 1 and group & wrong:
            certain |= {entry for entry in group if entry.grade == "inferred"}
    return certain
