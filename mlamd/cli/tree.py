"""A lineage graph as a tree of text, or in Graphviz's language."""

import json
from collections import defaultdict
from dataclasses import dataclass

import click

from mlamd.cli import folded as folds
from mlamd.cli import text
from mlamd.cli.document import Nodes
from mlamd.lineage.folding import Dataset
from mlamd.lineage.graph import Edge, Graph
from mlamd.lineage.view import View
from mlamd.model.derived import FileVersion
from mlamd.model.evidence import Grade, Origin

End = tuple[str, int]

_ORIGIN = {
    Origin.EXISTING: "was there before",
    Origin.FOUND: "changed unseen",
    Origin.WRITTEN: "writer unknown",
    Origin.SCANNED: "writer unknown",
    Origin.PARTIAL: "writer unknown",
}


@dataclass(frozen=True, slots=True)
class _Branch:
    """A node below another, with the edge that leads there; folded files share one branch."""

    end: End
    edge: Edge | None
    dataset: Dataset | None = None


@dataclass(frozen=True, slots=True)
class _Line:
    """A branch that waits to be printed, and what stands before it and before what is below it."""

    branch: _Branch
    head: str
    rest: str


class _Tree:
    def __init__(self, view: View, graph: Graph, folded: list[Dataset], *, down: bool) -> None:
        self.view = view
        self.graph = graph
        self.down = down
        self.dataset_of = {number: dataset for dataset in folded for number in dataset.members}
        self.below: dict[End, list[Edge]] = defaultdict(list)
        for edge in graph.edges.values():
            self.below[edge.source if down else edge.target].append(edge)
        self.shown: set[End] = set()
        self.nodes = Nodes(view, graph)
        self.carrying = self._carrying()

    def print(self) -> None:
        """Print depth first, with a stack of its own: lineages are deeper than Python's."""
        waiting = [_Line(_Branch(self._top(), None), "", "")]
        while waiting:
            line = waiting.pop()
            end = line.branch.end
            branches = self._children(end)
            again = end in self.shown
            note = "  (see above)" if again and branches else ""
            text.say(line.head + self._label(line.branch) + note)
            if again:
                continue
            self.shown.add(end)
            last = len(branches) - 1
            waiting += [
                _Line(
                    branch,
                    line.rest + ("└─ " if place == last else "├─ "),
                    line.rest + ("   " if place == last else "│  "),
                )
                for place, branch in reversed(list(enumerate(branches)))
            ]

    def _top(self) -> End:
        """Return the focus, or, for a run of one step, that step."""
        kind, number = self.graph.focus
        steps = [step for step in self.graph.steps if self.graph.steps[step].run == number]
        only = kind == "run" and len(steps) == 1 and self.nodes.is_run(steps[0])
        return ("step", steps[0]) if only else self.graph.focus

    def _branches(self, end: End) -> list[_Branch]:
        branches: list[_Branch] = []
        seen: set[int] = set()
        for edge in self.below[end]:
            other = edge.target if self.down else edge.source
            dataset = self.dataset_of.get(other[1]) if other[0] == "file" else None
            if dataset is not None:
                if id(dataset) in seen:
                    continue
                seen.add(id(dataset))
            if edge.relation == "started" and other not in self.carrying:
                continue
            branches.append(_Branch(other, edge, dataset))
        return sorted(branches, key=self._order)

    def _carrying(self) -> set[End]:
        """Return the ends through which a file is reached: starting a program alone says nothing."""
        above: dict[End, list[End]] = defaultdict(list)
        for end, edges in self.below.items():
            for edge in edges:
                above[edge.target if self.down else edge.source].append(end)
        waiting = [end for end in above if end[0] == "file"]
        carrying = set(waiting)
        while waiting:
            for end in above[waiting.pop()]:
                if end not in carrying:
                    carrying.add(end)
                    waiting.append(end)
        return carrying

    def _order(self, branch: _Branch) -> tuple[int, bytes]:
        if branch.end[0] == "file":
            return 1, self.graph.files[branch.end[1]].path
        return 0, b"%016d" % branch.end[1]

    def _children(self, end: End) -> list[_Branch]:
        if end[0] == "run":
            steps = [number for number, step in self.graph.steps.items() if step.run == end[1]]
            return [_Branch(("step", number), None) for number in steps]
        return self._branches(end)

    def _label(self, branch: _Branch) -> str:
        end, edge = branch.end, branch.edge
        mark = ""
        if edge is not None and edge.relation != "started":
            colour = "yellow" if edge.grade is Grade.AMBIGUOUS else "bright_black"
            mark = "  " + click.style(text.evidence(edge.grade), fg=colour)
        if end[0] == "file":
            if branch.dataset is not None:
                return _dataset(branch.dataset) + mark
            return self._file(self.graph.files[end[1]]) + mark
        if end[0] == "run":
            run = self.graph.runs[end[1]]
            return f"run {text.short(run.id)}  {text.command_line(run.command)}"
        step = self.graph.steps[end[1]]
        word = _WORDS.get((edge.relation, edge.via), "") if edge is not None else ""
        identity = text.short(self.nodes.id(end))
        name = click.style(f"{word}run {identity}  {text.command_line(step.command)}", bold=True)
        return f"{name}  {text.when(step.started_ns)}{mark}"

    def _file(self, version: FileVersion) -> str:
        note = "" if version.writers else f", {_ORIGIN[version.origin]}"
        if version.gone_ns is not None:
            note += ", removed since"
        return f"{text.shown(version.path)}  ({version.id}, {text.digest(version)}{note})"


_WORDS = {
    ("read", "pipe"): "by a pipe from ",
    ("read", "job"): "in one job with ",
    ("started", ""): "started by ",
}


def _dataset(dataset: Dataset) -> str:
    return f"{folds.name(dataset)}  ({folds.size(dataset)}; --files lists them)"


def print_tree(view: View, graph: Graph, folded: list[Dataset], *, down: bool) -> None:
    """Print a graph as a tree from its focus; what was shown once is not shown again."""
    _Tree(view, graph, folded, down=down).print()
    if graph.cut:
        text.say("(cut off at --depth)")


def print_dot(view: View, graph: Graph, folded: list[Dataset]) -> None:
    """Print a graph for ``dot``. Source: the DOT language of Graphviz."""
    nodes = Nodes(view, graph)
    dataset_of = {number: dataset for dataset in folded for number in dataset.members}

    def name(end: End) -> str:
        if end[0] == "file" and end[1] in dataset_of:
            return f"d{dataset_of[end[1]].members[0]}"
        return nodes.id(end)

    text.say("digraph lineage {")
    text.say("  rankdir=LR; node [fontname=sans];")
    lines = []
    for number, version in graph.files.items():
        dataset = dataset_of.get(number)
        label = (
            _dataset(dataset)
            if dataset is not None
            else f"{text.shown(version.path)}\n{text.digest(version)}"
        )
        lines.append(f"  {json.dumps(name(('file', number)))} [shape=note, label={_quoted(label)}];")
    for number, step in graph.steps.items():
        label = f"{text.command_line(step.command, 60)}\n{text.short(step.id)}"
        lines.append(f"  {json.dumps(nodes.id(('step', number)))} [shape=box, label={_quoted(label)}];")
    for edge in graph.edges.values():
        style = "dashed" if edge.grade is Grade.AMBIGUOUS else "solid"
        ends = f"{json.dumps(name(edge.source))} -> {json.dumps(name(edge.target))}"
        lines.append(f"  {ends} [label={_quoted(edge.relation)}, style={style}];")
    for line in dict.fromkeys(lines):
        text.say(line)
    text.say("}")


def _quoted(label: str) -> str:
    escaped = label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
