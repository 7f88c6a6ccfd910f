"""The machine interface: how things are written in the JSON documents. See docs/reference/json.md."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from mlamd.model.evidence import Grade

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mlamd.lineage.diff import Change, RunDiff
    from mlamd.lineage.folding import Dataset, Rule
    from mlamd.lineage.graph import Graph
    from mlamd.lineage.history import Entry
    from mlamd.lineage.inputs import Used
    from mlamd.lineage.models import Model
    from mlamd.lineage.uses import Uses
    from mlamd.lineage.view import View
    from mlamd.lineage.why import Why
    from mlamd.model.derived import FileVersion, KnownGap, Run, Step

SCHEMA = "mlamd/1"


def dump(kind: str, data: Any, gaps: Iterable[KnownGap], warnings: Iterable[str] = ()) -> str:
    """Return one document; every character is ASCII, bytes that are not UTF-8 are surrogate escapes."""
    listed = [gap_row(gap) for gap in gaps]
    listed += [
        {"id": None, "from_ns": None, "to_ns": None, "reason": "not-answering", "detail": warning, "count": 1}
        | path_fields(b"", "scope")
        for warning in warnings
    ]
    return json.dumps({"schema": SCHEMA, "kind": kind, "data": data, "gaps": listed}, indent=1)


def path_fields(path: bytes, name: str = "path") -> dict[str, str]:
    """Return a path as text, and in base64 beside it if it is not UTF-8."""
    text = path.decode("utf-8", "surrogateescape")
    fields = {name: text}
    try:
        path.decode("utf-8")
    except UnicodeDecodeError:
        import base64  # noqa: PLC0415  (rarely needed)

        fields[f"{name}_b64"] = base64.b64encode(path).decode()
    return fields


def text_path_fields(path: str, name: str) -> dict[str, str]:
    """Return a path that is kept as text with surrogate escapes."""
    return path_fields(path.encode("utf-8", "surrogateescape"), name)


def grade_fields(grade: Grade | None) -> dict[str, Any]:
    """Return the evidence of an edge."""
    if grade is None:
        return {"evidence": None, "ambiguous": False}
    return {"evidence": grade.evidence, "ambiguous": grade is Grade.AMBIGUOUS}


def gap_row(gap: KnownGap) -> dict[str, Any]:
    """Return one gap."""
    return {
        "id": gap.number,
        "from_ns": gap.from_ns,
        "to_ns": gap.to_ns,
        **path_fields(gap.scope, "scope"),
        "reason": gap.reason,
        "detail": gap.detail,
        "count": gap.count,
    }


def run_row(run: Run, counts: tuple[int, int] | None = None) -> dict[str, Any]:
    """Return one run."""
    inputs, outputs = counts if counts is not None else (run.inputs, run.outputs)
    return {
        "id": run.id,
        "command": list(run.command),
        **text_path_fields(run.cwd, "cwd"),
        "kind": run.kind,
        "status": run.status,
        "exit_code": run.exit_code,
        "started_ns": run.started_ns,
        "ended_ns": run.ended_ns,
        "inputs": inputs,
        "outputs": outputs,
    }


def step_row(view: View, step: Step) -> dict[str, Any]:
    """Return one step; its control group and container only where it has one of its own."""
    return {
        "id": step.id,
        "run": view.run(step.run).id,
        "pid": step.pid,
        "command": list(step.command),
        **text_path_fields(step.cwd, "cwd"),
        **text_path_fields(step.executable, "executable"),
        "started_ns": step.started_ns,
        "ended_ns": step.ended_ns,
        "exit_code": step.exit_code,
        **(text_path_fields(step.cgroup, "cgroup") if step.cgroup else {}),
        **({"container": step.container} if step.container else {}),
        **({"inner_pid": step.inner_pid} if step.inner_pid else {}),
    }


def version_row(version: FileVersion) -> dict[str, Any]:
    """Return one file version."""
    return {
        "version": version.id,
        **path_fields(version.path),
        "digest": version.digest.hex() if version.digest else None,
        "undigested": version.undigested or None,
        "size_bytes": version.size_bytes,
        "sealed_ns": version.sealed_ns,
        "origin": version.origin.name.lower(),
        "gone_ns": version.gone_ns,
    }


def used_row(used: Used) -> dict[str, Any]:
    """Return a version that a run read or wrote."""
    return version_row(used.version) | {"at_ns": used.at_ns, "count": used.count} | grade_fields(used.grade)


def entry_row(entry: Entry) -> dict[str, Any]:
    """Return one line of a log."""
    source = path_fields(entry.source, "source") if entry.source else {}
    return {
        "at_ns": entry.at_ns,
        "action": entry.action,
        **path_fields(entry.path),
        **source,
        "version": entry.version.id,
        "digest": entry.version.digest.hex() if entry.version.digest else None,
        "size_bytes": entry.version.size_bytes,
        "derived": entry.version.derived if entry.action == "wrote" else False,
        "run": entry.run.id if entry.run else None,
        "step": entry.step.id if entry.step else None,
        "pid": entry.step.pid if entry.step else None,
        "command": list(entry.step.command) if entry.step else None,
        "kind": entry.run.kind if entry.run else None,
        **grade_fields(entry.grade),
        "count": entry.count,
    }


class Nodes:
    """Ids and types of nodes: the step of a run with one step is shown as that run."""

    def __init__(self, view: View, graph: Graph) -> None:
        self._view = view
        self._graph = graph
        self._single: dict[int, bool] = {}

    def is_run(self, step: int) -> bool:
        """Say whether a step stands for its whole run."""
        run = self._graph.steps[step].run
        if run not in self._single:
            self._single[run] = len(self._view.steps_of(run)) == 1
        return self._single[run]

    def id(self, end: tuple[str, int]) -> str:
        """Return the id of an edge's end."""
        kind, number = end
        if kind == "file":
            return f"v{number}"
        if kind == "run":
            return self._graph.runs[number].id
        step = self._graph.steps[number]
        return self._graph.runs[step.run].id if self.is_run(number) else step.id


def _file_node(version: FileVersion) -> dict[str, Any]:
    label = version.path.decode("utf-8", "replace")
    return {"id": version.id, "type": "file", "label": label} | version_row(version)


def _step_node(view: View, graph: Graph, nodes: Nodes, number: int) -> dict[str, Any]:
    step = graph.steps[number]
    label = " ".join(step.command)
    if nodes.is_run(number):
        row = run_row(graph.runs[step.run], _counts(view, graph.runs[step.run]))
        return {**row, "type": "run", "label": label, "pid": step.pid}
    return {**step_row(view, step), "type": "step", "label": label}


def _counts(view: View, run: Run) -> tuple[int, int] | None:
    if run.inputs is not None and run.outputs is not None:
        return None
    from mlamd.catalog.fold import counts  # noqa: PLC0415  (only for runs under way)

    return counts(view.tables, run.number)


def counted_run_row(view: View, run: Run) -> dict[str, Any]:
    """Return one run; the counts of a run under way are those up to now."""
    return run_row(run, _counts(view, run))


def graph_data(view: View, graph: Graph, folded: list[Dataset]) -> dict[str, Any]:
    """Return the nodes and edges of a graph."""
    nodes = Nodes(view, graph)
    rows = [_file_node(version) for version in graph.files.values()]
    rows += [_step_node(view, graph, nodes, number) for number in graph.steps]
    edges = [
        {
            "source": nodes.id(edge.source),
            "target": nodes.id(edge.target),
            "relation": edge.relation,
            **grade_fields(edge.grade),
            "at_ns": edge.at_ns,
            "count": edge.count,
            **({"via": edge.via} if edge.via else {}),
        }
        for edge in graph.edges.values()
    ]
    focus = nodes.id(graph.focus)
    if graph.focus[0] == "run" and all(row["id"] != focus for row in rows):
        run = graph.runs[graph.focus[1]]
        label = " ".join(run.command)
        rows.append({**run_row(run, _counts(view, run)), "type": "run", "label": label})
        edges += [
            {
                "source": focus,
                "target": step.id,
                "relation": "started",
                "evidence": "observed",
                "ambiguous": False,
                "at_ns": step.started_ns,
                "count": 1,
            }
            for step in graph.steps.values()
            if step.run == run.number
        ]
    datasets = [dataset_row(dataset) for dataset in folded]
    return {"focus": focus, "nodes": rows, "edges": edges, "datasets": datasets, "cut": graph.cut}


def dataset_row(dataset: Dataset) -> dict[str, Any]:
    """Return a set of files that text shows as one."""
    return {
        **path_fields(dataset.directory),
        "file_count": dataset.files,
        "files": [f"v{number}" for number in dataset.members],
        "size_bytes": dataset.size_bytes,
        "digest": dataset.digest or None,
        "endings": dict(dataset.endings),
    }


def model_row(model: Model) -> dict[str, Any]:
    """Return a model that is saved as a directory."""
    return {
        **path_fields(model.directory),
        "form": model.form,
        "files": [f"v{number}" for number in model.members],
        "framework": model.framework or None,
        "class": model.class_name or None,
        "architecture": model.architecture or None,
        "tensors": model.tensors,
        "parameters": model.parameters,
        "dtypes": dict(model.dtypes),
        "partial": model.partial,
    }


def why_data(view: View, answer: Why, rule: Rule) -> dict[str, Any]:
    """Return the answer of ``why``."""
    from mlamd.lineage.folding import fold  # noqa: PLC0415  (not every document needs it)

    return {
        **version_row(answer.version),
        "derived_from": version_row(answer.derived_from) if answer.derived_from else None,
        "same_as": version_row(answer.same_as) if answer.same_as else None,
        "causes": [
            {
                "run": counted_run_row(view, cause.run),
                "step": step_row(view, cause.step),
                **grade_fields(cause.grade),
                "inputs": [version_row(version) | grade_fields(grade) for version, grade in cause.inputs],
                "datasets": [
                    dataset_row(one) for one in fold([version for version, _ in cause.inputs], rule)
                ],
            }
            for cause in answer.causes
        ],
    }


def uses_data(view: View, answer: Uses, rule: Rule) -> dict[str, Any]:
    """Return the answer of ``uses``."""
    from mlamd.lineage.folding import fold_made  # noqa: PLC0415  (as above)

    return {
        **version_row(answer.version),
        "readers": [
            {
                "run": counted_run_row(view, use.run),
                "step": step_row(view, use.step),
                "at_ns": use.at_ns,
                "count": use.count,
                **grade_fields(use.grade),
            }
            for use in answer.readers
        ],
        "made": [version_row(version) for version in answer.made],
        "datasets": [dataset_row(dataset) for dataset in fold_made(answer.made, rule)],
    }


def _change(change: Change) -> dict[str, Any]:
    return {
        **path_fields(change.path),
        "left": version_row(change.left) if change.left else None,
        "right": version_row(change.right) if change.right else None,
        "certain": change.certain,
    }


def diff_data(view: View, answer: RunDiff) -> dict[str, Any]:
    """Return the answer of ``diff``."""
    return {
        "left": counted_run_row(view, answer.left),
        "right": counted_run_row(view, answer.right),
        "command": [list(side) for side in answer.command] if answer.command else None,
        "cwd": list(answer.cwd) if answer.cwd else None,
        "inputs": [_change(change) for change in answer.inputs],
        "outputs": [_change(change) for change in answer.outputs],
        "same_inputs": answer.same_inputs,
        "same_outputs": answer.same_outputs,
    }


RUN_FIELDS = (
    "id",
    "command",
    "cwd",
    "kind",
    "status",
    "exit_code",
    "started_ns",
    "ended_ns",
    "inputs",
    "outputs",
)
"""The columns of ``runs --csv``."""

ENTRY_FIELDS = (
    "at_ns",
    "action",
    "path",
    "version",
    "digest",
    "size_bytes",
    "run",
    "step",
    "pid",
    "command",
    "evidence",
    "ambiguous",
    "count",
)
"""The columns of ``log --csv``."""
