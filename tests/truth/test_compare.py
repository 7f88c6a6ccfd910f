"""The comparison itself, on records that are right, wrong, and wrong with certainty."""

from typing import Any

import pytest

from tests.truth.ancestry import RecordedFlow, compare_descent, true_ancestors
from tests.truth.compare import Comparison, Judge, entries_of
from tests.truth.edges import Flow, Step, StepKey, Touch, Truth

SHELL, CAT, FIT = StepKey(1, 0), StepKey(2, 0), StepKey(3, 0)


def touch(step: StepKey, name: str, at: int, *, required: bool = True, also: str = "") -> Touch:
    return Touch(step, name, frozenset({name, also} - {""}), at, required)


@pytest.fixture
def truth() -> Truth:
    """``cat a | fit > model``, and ``fit`` reads ``late`` after it has closed the model."""
    return Truth(
        steps={
            SHELL: Step(SHELL, ("bash",), None, 0, 0.0, [1, 2, 3]),
            CAT: Step(CAT, ("cat", "a"), SHELL, 1, 1.0, [2]),
            FIT: Step(FIT, ("fit",), SHELL, 2, 1.0, [3, 30]),
        },
        reads=[touch(CAT, "a", 3), touch(FIT, "late", 9), touch(FIT, "maybe", 4, required=False)],
        writes=[touch(FIT, "model", 8, also="best")],
        flows=[Flow(CAT, FIT, 4)],
        anchor=SHELL,
    )


def record(action: str, path: str, pid: int | None, **more: Any) -> dict[str, Any]:
    step = None if pid is None else f"r.{pid}"
    return {"action": action, "path": path, "pid": pid, "step": step, "version": f"v-{path}"} | {
        "evidence": "inferred",
        "ambiguous": False,
        "at_ns": 5,
        "command": None,
        **more,
    }


def compare(truth: Truth, *records: dict[str, Any]) -> Comparison:
    return Judge(truth, truth).compare(entries_of(records))


def test_a_right_record_is_complete_and_precise(truth: Truth) -> None:
    outcome = compare(
        truth,
        record("read", "a", 2),
        record("read", "late", 30),
        record("wrote", "best", 3, evidence="observed"),
    )
    score = outcome.scores["all"]
    assert (score.true, score.recorded, score.recall, score.precision) == (3, 3, 1.0, 1.0)
    assert outcome.scores["observed"].found == 1
    assert not outcome.missing + outcome.false + outcome.violations


def test_what_the_kernel_allows_counts_neither_way(truth: Truth) -> None:
    outcome = compare(truth, record("read", "maybe", 3))
    assert outcome.scores["all"].recorded == 0
    assert not outcome.false
    assert len(outcome.missing) == 3


def test_a_false_edge_lowers_precision_and_is_a_violation_only_if_certain(truth: Truth) -> None:
    guessed = compare(truth, record("read", "a", 2), record("read", "a", 99))
    assert guessed.scores["all"].precision == 0.5
    assert len(guessed.false) == 2 - 1
    assert compare(truth, record("wrote", "a", 2)).violations == []
    assert len(compare(truth, record("read", "late", 2, evidence="observed")).violations) == 1


def test_rivals_must_be_marked(truth: Truth) -> None:
    marked = [record("wrote", "model", pid, ambiguous=True) for pid in (2, 3)]
    assert not compare(truth, *marked).violations
    assert compare(truth, *marked).scores["ambiguous"].precision == 0.5
    bare = [record("wrote", "model", pid) for pid in (2, 3)]
    assert len(compare(truth, *bare).violations) == 2
    reads = [record("read", "a", 2), record("read", "a", 3, at_ns=6)]
    assert not compare(truth, *reads).violations


def test_a_write_by_nobody_known_claims_nothing(truth: Truth) -> None:
    outcome = compare(truth, record("wrote", "model", None, evidence=None))
    assert outcome.scores["unknown"].recorded == 1
    assert outcome.scores["all"].recorded == 0
    assert not outcome.false


def test_steps_before_the_judged_ones_are_left_out(truth: Truth) -> None:
    judged = truth.since(0.5)
    judged.steps.pop(CAT)
    judged.reads = [one for one in judged.reads if one.step != CAT]
    outcome = Judge(truth, judged).compare(entries_of([record("read", "b", 2), record("read", "b", 1)]))
    assert len(outcome.false) == 1


def test_pipes_are_judged_like_edges(truth: Truth) -> None:
    outcome = Comparison()
    right = RecordedFlow((2, ("cat", "a")), (3, ()), "observed", ambiguous=False)
    wrong = RecordedFlow((3, ()), (2, ()), "observed", ambiguous=False)
    Judge(truth, truth).compare_flows(outcome, {right, wrong}, set(truth.flows))
    assert (outcome.scores["pipes"].recall, outcome.scores["pipes"].precision) == (1.0, 0.5)
    assert len(outcome.violations) == 1


def test_ancestors_obey_pipes_and_order(truth: Truth) -> None:
    assert set(true_ancestors(truth, "model").reads) == {"a"}
    lineage = {
        "focus": "m",
        "nodes": [
            {"id": "m", "type": "file", "path": "model"},
            {"id": "s", "type": "step", "pid": 3, "command": ["fit"]},
            {"id": "l", "type": "file", "path": "late"},
            {"id": "d", "type": "file", "path": "below"},
        ],
        "edges": [
            {"source": "s", "target": "m", "relation": "wrote", "evidence": "inferred"},
            {"source": "l", "target": "s", "relation": "read", "evidence": "inferred"},
            {"source": "m", "target": "d", "relation": "derived", "evidence": "inferred"},
        ],
    }
    descent, flows, needed = compare_descent(truth, ("model",), lambda _: lineage)
    assert descent.false == ("model <- late",)
    assert descent.missing == ("model <- a",)
    assert not flows
    assert needed == set(truth.flows)
