"""Figures as text and as JSON."""

from dataclasses import asdict
from typing import Any

from tests.truth.compare import GRADES, Score
from tests.truth.edges import Truth
from tests.truth.judgement import Verdict

_HEAD = (
    "workload",
    "true",
    "rec",
    "ok",
    "recall",
    "prec",
    *GRADES,
    "pipes",
    "anc.recall",
    "anc.prec",
    "viol",
)
_LENGTHS = (16, 5, 5, 5, 6, 6, 10, 10, 10, 10, 8, 6, 10, 8, 5)


def _row(cells: tuple[object, ...]) -> str:
    first, *rest = zip(cells, _LENGTHS, strict=True)
    return f"{first[0]!s:<{first[1]}}" + "".join(f" {cell!s:>{length}}" for cell, length in rest)


def head() -> str:
    """Return the head of the table. A grade's column is ``correct/recorded``, of pipes ``found/true``."""
    return _row(_HEAD)


def line(verdict: Verdict) -> str:
    """Return a workload's line of the table."""
    scores, descent = verdict.comparison.scores, verdict.descent
    total, pipes = scores["all"], scores["pipes"]
    grades = [f"{scores[grade].correct}/{scores[grade].recorded}" for grade in GRADES[:-1]]
    return _row(
        (
            verdict.workload,
            total.true,
            total.recorded,
            total.correct,
            f"{total.recall:.2f}",
            f"{total.precision:.2f}",
            *grades,
            scores["unknown"].recorded,
            f"{pipes.found}/{pipes.true}",
            f"{descent.recall:.2f}",
            f"{descent.precision:.2f}",
            len(verdict.comparison.violations),
        )
    )


def details(verdict: Verdict, most: int = 5) -> list[str]:
    """Return what is missing, false or a violation, at most ``most`` lines of each."""
    comparison, descent = verdict.comparison, verdict.descent
    lists = (
        ("missing", comparison.missing),
        ("false", comparison.false),
        ("missing ancestor", descent.missing),
        ("false ancestor", descent.false),
        ("VIOLATION", comparison.violations),
    )
    lines: list[str] = []
    for name, texts in lists:
        shown = list(texts)[:most]
        lines += [f"    {name}: {text}" for text in shown]
        if len(texts) > most:
            lines.append(f"    {name}: and {len(texts) - most} more")
    return lines


def totals(verdicts: list[Verdict], mode: str) -> list[str]:
    """Return the sums over all workloads, a line for each grade."""
    lines = [f"mode {mode}, {len(verdicts)} workloads"]
    for grade in (*GRADES, "all", "pipes"):
        total = Score()
        for verdict in verdicts:
            total.add(verdict.comparison.scores[grade])
        if grade == "unknown":
            lines.append(f"  {grade:<10} {total.recorded} writes without a writer")
            continue
        lines.append(
            f"  {grade:<10} true {total.true:>5}  recorded {total.recorded:>5}  correct {total.correct:>5}"
            f"  recall {total.recall:.3f}  precision {total.precision:.3f}"
        )
    return lines


def document(verdicts: list[Verdict], mode: str) -> dict[str, Any]:
    """Return everything as one JSON value."""
    return {"mode": mode, "workloads": [_plain(verdict) for verdict in verdicts]}


def _plain(verdict: Verdict) -> dict[str, Any]:
    plain = asdict(verdict)
    for name, score in verdict.comparison.scores.items():
        plain["comparison"]["scores"][name] |= {"recall": score.recall, "precision": score.precision}
    return plain


def true_edges(truth: Truth) -> list[str]:
    """Return the true edges of a workload, a line each."""
    lines = [f"  step {key.pid}.{key.image} {' '.join(step.argv)[:80]}" for key, step in truth.steps.items()]
    for relation, touches in (("read", truth.reads), ("wrote", truth.writes)):
        texts = [
            f"  {touch.step.pid}.{touch.step.image} {relation} {touch.name}"
            + ("" if touch.required else " (optional)")
            + (
                f"  after reading {', '.join(sorted(truth.read_before(touch)))}"
                if relation == "wrote"
                else ""
            )
            for touch in touches
        ]
        lines += dict.fromkeys(texts)
    lines += [
        f"  {flow.source.pid}.{flow.source.image} pipe {flow.target.pid}.{flow.target.image}"
        + ("" if flow.required else " (optional)")
        for flow in truth.flows
    ]
    return lines
