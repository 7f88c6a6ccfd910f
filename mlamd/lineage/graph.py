"""Ancestors and descendants: the graph around a file version or a run.

Order matters: of what a step read, an output depends only on what was opened before it was sealed, and was
itself sealed before; so each visit of a step carries a bound in time. Data that came by a pipe is bounded
likewise; what a parent had read, by the moment when it started the child.
"""

from collections import deque
from dataclasses import dataclass, field

from mlamd.lineage.view import View
from mlamd.model.derived import FileVersion, Flow, Run, Step
from mlamd.model.evidence import Grade, Via

FOREVER = 1 << 62

Bound = tuple[int, int]
"""A time and the number of a version sealed then: several may be sealed at one time, in their order."""


@dataclass(frozen=True, slots=True)
class Edge:
    """An edge, pointing the way the data flows; ends are ("file" | "step" | "run", number)."""

    source: tuple[str, int]
    target: tuple[str, int]
    relation: str
    """``read``, ``wrote``, ``derived`` or ``started``."""
    grade: Grade
    at_ns: int = 0
    count: int = 1
    via: str = ""
    """``pipe`` or ``job`` for a ``read`` between two steps."""


@dataclass(slots=True)
class Graph:
    """What was reached from the focus; nodes in the order in which they were reached."""

    focus: tuple[str, int]
    files: dict[int, FileVersion] = field(default_factory=dict)
    steps: dict[int, Step] = field(default_factory=dict)
    runs: dict[int, Run] = field(default_factory=dict)
    edges: dict[tuple[tuple[str, int], tuple[str, int], str, str], Edge] = field(default_factory=dict)
    cut: bool = False
    """True if the depth limit left something out."""

    def add(self, edge: Edge) -> None:
        """Add an edge once."""
        self.edges.setdefault((edge.source, edge.target, edge.relation, edge.via), edge)


class _Walk:
    """A walk in one direction, breadth first; ``depth`` counts steps, None for no limit."""

    def __init__(self, view: View, graph: Graph, depth: int | None) -> None:
        self.view = view
        self.graph = graph
        self.depth = FOREVER if depth is None else depth
        self.bounds: dict[int, Bound] = {}
        self.queue: deque[tuple[str, int, Bound, int]] = deque()

    def file(self, version: int, level: int) -> None:
        if version not in self.graph.files:
            self.graph.files[version] = self.view.version(version)
            self.queue.append(("file", version, (0, 0), level))

    def step(self, step: int) -> Step:
        known = self.graph.steps.get(step)
        if known is None:
            known = self.graph.steps[step] = self.view.step(step)
            if known.run not in self.graph.runs:
                self.graph.runs[known.run] = self.view.run(known.run)
        return known

    def started(self, flow: Flow) -> None:
        """Add the edge between two steps that a flow is."""
        relation = "started" if flow.via is Via.START else "read"
        via = {Via.START: "", Via.PIPE: "pipe", Via.JOB: "job"}[flow.via]
        edge = Edge(("step", flow.source), ("step", flow.target), relation, flow.grade, flow.at_ns, 1, via)
        self.graph.add(edge)


def _bound_through(flow: Flow, bound: Bound) -> Bound:
    return min(bound, (flow.at_ns, FOREVER)) if flow.via is Via.START and flow.at_ns else bound


def _wrote(step: int, version: FileVersion) -> bool:
    return any(writer.step == step for writer in version.writers)


def _written_ns(version: FileVersion, step: int) -> int:
    """Return when a step had written a version."""
    later_ns = next((writer.later_ns for writer in version.writers if writer.step == step), 0)
    return later_ns or version.sealed_ns


class _Up(_Walk):
    def visit_file(self, number: int, level: int) -> None:
        version = self.graph.files[number]
        if version.derived and version.previous and level >= self.depth:
            self.graph.cut = True
        elif version.derived and version.previous:
            self.graph.add(
                Edge(
                    ("file", version.previous),
                    ("file", number),
                    "derived",
                    _weakest(version),
                    version.sealed_ns,
                )
            )
            self.file(version.previous, level + 1)
        for writer in version.writers:
            if level >= self.depth:
                self.graph.cut = True
                return
            self.graph.add(
                Edge(("step", writer.step), ("file", number), "wrote", writer.grade, version.sealed_ns)
            )
            self.enter(writer.step, (writer.later_ns or version.sealed_ns, number), level + 1)

    def enter(self, step: int, bound: Bound, level: int) -> None:
        self.step(step)
        if self.bounds.get(step, (-1, 0)) < bound:
            self.bounds[step] = bound
            self.queue.append(("step", step, bound, level))

    def visit_step(self, number: int, bound: Bound, level: int) -> None:
        for reading in self.view.reads(number):
            if reading.at_ns <= bound[0] and self._is_older(reading.version, number, bound):
                self.graph.add(
                    Edge(
                        ("file", reading.version),
                        ("step", number),
                        "read",
                        reading.grade,
                        reading.at_ns,
                        reading.count,
                    )
                )
                self.file(reading.version, level)
        for flow in self.view.flows_into(number):
            self.started(flow)
            self.enter(flow.source, _bound_through(flow, bound), level)

    def _is_older(self, number: int, step: int, bound: Bound) -> bool:
        """Say whether a version had been sealed by then: nothing is made of itself, or of what came later."""
        version = self.view.version(number)
        if version.sealed_ns == bound[0] and _wrote(step, version):
            return number < bound[1]
        return number != bound[1] and version.sealed_ns <= bound[0]


class _Down(_Walk):
    """Downwards the bound is the earliest time from which a step carries the data."""

    def visit_file(self, number: int, level: int) -> None:
        for step in self.view.readers(number):
            if level >= self.depth:
                self.graph.cut = True
                return
            reading = self.view.reading(step, number)
            self.graph.add(
                Edge(("file", number), ("step", step), "read", reading.grade, reading.at_ns, reading.count)
            )
            self.enter(step, (max(reading.at_ns, self.graph.files[number].sealed_ns), number), level + 1)
        for following in self._followers(number):
            if level >= self.depth:
                self.graph.cut = True
                return
            self.graph.add(
                Edge(
                    ("file", number),
                    ("file", following.number),
                    "derived",
                    _weakest(following),
                    following.sealed_ns,
                )
            )
            self.file(following.number, level + 1)

    def _followers(self, number: int) -> list[FileVersion]:
        """Return the versions that were derived from this one: they stand at the same path."""
        version = self.view.version(number)
        newest = max(self.view.current(version.path))
        found = []
        for later in self.view.history(newest):
            if later.number <= number:
                break
            if later.derived and later.previous == number:
                found.append(later)
        return found

    def enter(self, step: int, bound: Bound, level: int) -> None:
        self.step(step)
        if self.bounds.get(step, (FOREVER, 0)) > bound:
            self.bounds[step] = bound
            self.queue.append(("step", step, bound, level))

    def visit_step(self, number: int, bound: Bound, level: int) -> None:
        for written in self.view.writes(number):
            version = self.view.version(written)
            if not self._is_younger(version, number, bound):
                continue
            grade = next(
                (writer.grade for writer in version.writers if writer.step == number), Grade.INFERRED
            )
            self.graph.add(Edge(("step", number), ("file", written), "wrote", grade, version.sealed_ns))
            self.file(written, level)
        for flow in self.view.flows_from(number):
            if flow.via is Via.START and flow.at_ns and flow.at_ns < bound[0]:
                continue
            self.started(flow)
            self.enter(flow.target, max(bound, (flow.at_ns, 0)), level)

    def _is_younger(self, version: FileVersion, step: int, bound: Bound) -> bool:
        """Say whether a version can be made of the one that was read: the reverse of ``_Up._is_older``."""
        at_ns = _written_ns(version, step)
        origin = self.graph.files.get(bound[1])
        if origin is not None and at_ns == origin.sealed_ns == bound[0] and _wrote(step, origin):
            return version.number > bound[1]
        return version.number != bound[1] and at_ns >= bound[0]


def _weakest(version: FileVersion) -> Grade:
    grades = [writer.grade for writer in version.writers]
    return max((grade for grade in grades if grade is not Grade.DECLARED), default=Grade.INFERRED)


def walk(
    view: View, focus: Run | Step | FileVersion, *, down: bool = False, depth: int | None = None
) -> Graph:
    """Return the ancestors (or descendants) of a file version, a step or all steps of a run."""
    walker_type = _Down if down else _Up
    if isinstance(focus, FileVersion):
        graph = Graph(("file", focus.number))
        walker = walker_type(view, graph, depth)
        walker.file(focus.number, 0)
    else:
        steps = [focus.number] if isinstance(focus, Step) else view.steps_of(focus.number)
        graph = Graph(("step", focus.number) if isinstance(focus, Step) else ("run", focus.number))
        walker = walker_type(view, graph, depth)
        if isinstance(focus, Run):
            graph.runs[focus.number] = focus
        for step in steps:
            walker.enter(step, (0, 0) if down else (FOREVER, 0), 1)
    while walker.queue:
        kind, number, bound, level = walker.queue.popleft()
        if kind == "file":
            walker.visit_file(number, level)
        elif walker.bounds[number] == bound:
            walker.visit_step(number, bound, level)
    return graph
