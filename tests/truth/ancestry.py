"""What a file was really made of, and what a recorded lineage says about that."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.truth.edges import Flow, StepKey, Truth


@dataclass(slots=True)
class Ancestors:
    """The reads and pipes that lead to a file."""

    reads: dict[str, frozenset[str]] = field(default_factory=dict)
    """By printed name: all names that a record may use."""
    flows: set[Flow] = field(default_factory=set)


def true_ancestors(truth: Truth, path: str, *, optional: bool = False) -> Ancestors:
    """Return the ancestors of the newest version of a path, in the order the kernel saw.

    An output depends on what its step had opened before the output was sealed, on what came
    through pipes, and on what the parent had read before it started the step. The shell passes
    nothing on. With ``optional``, edges count that a record may have or not.
    """
    found = Ancestors()
    seen: set[tuple[object, int]] = set()

    def file(names: frozenset[str], before: int) -> None:
        writes = [
            touch
            for touch in truth.writes
            if touch.at < before and touch.names & names and (touch.required or optional)
        ]
        writes.sort(key=lambda touch: touch.at, reverse=True)
        sealed = -1
        for touch in writes:
            if sealed not in {-1, touch.at}:
                return
            step(touch.step, touch.at)
            sealed = -1 if touch.derived else touch.at

    def step(key: StepKey, before: int) -> None:
        if key == truth.anchor or key not in truth.steps or (key, before) in seen:
            return
        seen.add((key, before))
        for touch in truth.reads:
            if touch.step == key and touch.at < before and (touch.required or optional):
                found.reads[touch.name] = touch.names
                if (touch.names, touch.at) not in seen:
                    seen.add((touch.names, touch.at))
                    file(touch.names, touch.at)
        for flow in truth.flows:
            if flow.target == key and flow.since < before and (flow.required or optional):
                found.flows.add(flow)
                step(flow.source, before)
        parent = truth.steps[key].parent
        if parent is not None:
            step(parent, truth.steps[key].began)

    file(frozenset({path}), 1 << 62)
    found.reads.pop(path, None)
    return found


@dataclass(frozen=True, slots=True)
class RecordedFlow:
    """A pipe between two steps, as a lineage shows it."""

    source: tuple[int | None, tuple[str, ...]]
    target: tuple[int | None, tuple[str, ...]]
    evidence: str
    ambiguous: bool


def recorded_ancestors(lineage: dict[str, Any]) -> set[str]:
    """Return the paths of all files upstream of the focus, files outside the workspace left aside."""
    nodes = {node["id"]: node for node in lineage["nodes"]}
    upstream: dict[str, list[str]] = {}
    for edge in lineage["edges"]:
        upstream.setdefault(edge["target"], []).append(edge["source"])
    reached, ahead = set(), [lineage["focus"]]
    while ahead:
        node = ahead.pop()
        if node not in reached:
            reached.add(node)
            ahead += upstream.get(node, [])
    focus = nodes.get(lineage["focus"], {}).get("path")
    paths = {path for node in reached if (path := nodes.get(node, {}).get("path"))}
    return {path for path in paths if path != focus and not path.startswith("/")}


def recorded_flows(lineage: dict[str, Any]) -> set[RecordedFlow]:
    """Return the pipes in a lineage."""
    nodes = {node["id"]: node for node in lineage["nodes"]}

    def end(name: str) -> tuple[int | None, tuple[str, ...]]:
        node = nodes.get(name, {})
        return node.get("pid"), tuple(node.get("command") or ())

    return {
        RecordedFlow(
            end(edge["source"]),
            end(edge["target"]),
            edge.get("evidence") or "unknown",
            bool(edge.get("ambiguous")),
        )
        for edge in lineage["edges"]
        if edge.get("via") == "pipe"
    }


@dataclass(frozen=True, slots=True)
class Descent:
    """How well a record knows the ancestors of the outputs that were asked for."""

    true: int
    recorded: int
    recall: float
    precision: float
    missing: tuple[str, ...]
    false: tuple[str, ...]


def compare_descent(
    truth: Truth, outputs: tuple[str, ...], lineage_of: Callable[[str], dict[str, Any]]
) -> tuple[Descent, set[RecordedFlow], set[Flow]]:
    """Hold recorded lineages against true ones; also return the recorded and the required pipes."""
    missing: list[str] = []
    false: list[str] = []
    flows: set[RecordedFlow] = set()
    needed: set[Flow] = set()
    true = recorded = 0
    for output in outputs:
        must = true_ancestors(truth, output)
        may = true_ancestors(truth, output, optional=True)
        lineage = lineage_of(output)
        found = recorded_ancestors(lineage)
        flows |= recorded_flows(lineage)
        needed |= must.flows
        allowed = _names(must) | _names(may)
        lost = [name for name, names in must.reads.items() if not names & found]
        wrong = sorted(found - allowed)
        true += len(must.reads)
        recorded += len(found)
        missing += [f"{output} <- {name}" for name in sorted(lost)]
        false += [f"{output} <- {name}" for name in wrong]
    recall = 1 - len(missing) / true if true else 1.0
    precision = 1 - len(false) / recorded if recorded else 1.0
    return Descent(true, recorded, recall, precision, tuple(missing), tuple(false)), flows, needed


def _names(ancestors: Ancestors) -> set[str]:
    return {name for names in ancestors.reads.values() for name in names}
