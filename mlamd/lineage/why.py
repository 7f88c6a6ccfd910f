"""One short answer: which run made this file, when, from what."""

from dataclasses import dataclass

from mlamd.lineage.gaps import of_graph
from mlamd.lineage.graph import Graph, walk
from mlamd.lineage.view import View
from mlamd.model.derived import FileVersion, KnownGap, Run, Step
from mlamd.model.evidence import Grade


@dataclass(frozen=True, slots=True)
class Cause:
    """A step that wrote the file; several of them if the evidence is ambiguous."""

    run: Run
    step: Step
    grade: Grade
    inputs: tuple[tuple[FileVersion, Grade], ...]
    """What reached the step, directly or from the steps of its run, before the file was sealed."""


@dataclass(frozen=True, slots=True)
class Why:
    """The answer. No causes: nobody is known to have written it."""

    version: FileVersion
    causes: tuple[Cause, ...]
    derived_from: FileVersion | None
    gaps: tuple[KnownGap, ...]
    same_as: FileVersion | None = None
    """If nobody is known to have written it: an earlier version with its content, which somebody wrote."""


def _inputs(graph: Graph, step: int) -> tuple[tuple[FileVersion, Grade], ...]:
    """Collect what a step and those that feed it without a file have read, but not made."""
    feeding, waiting = {step}, [step]
    while waiting:
        target = waiting.pop()
        for edge in graph.edges.values():
            if edge.target == ("step", target) and edge.source[0] == "step" and edge.source[1] not in feeding:
                feeding.add(edge.source[1])
                waiting.append(edge.source[1])
    best: dict[int, Grade] = {}
    for edge in graph.edges.values():
        if edge.relation == "read" and edge.source[0] == "file" and edge.target[1] in feeding:
            number = edge.source[1]
            best[number] = min(edge.grade, best.get(number, edge.grade))
    used = [(graph.files[number], grade) for number, grade in best.items()]
    return tuple(sorted(used, key=lambda item: (item[0].path, item[0].number)))


def why(view: View, version: FileVersion) -> Why:
    """Explain one version."""
    graph = walk(view, version, depth=1)
    causes = []
    for writer in version.writers:
        step = view.step(writer.step)
        causes.append(Cause(view.run(step.run), step, writer.grade, _inputs(graph, writer.step)))
    origin = view.version(version.previous) if version.derived and version.previous else None
    same = None if causes else _written_before(view, version)
    return Why(version, tuple(causes), origin, tuple(of_graph(view, graph)), same)


def _written_before(view: View, version: FileVersion) -> FileVersion | None:
    if version.digest is None or not version.size_bytes:
        return None
    alike = (view.version(number) for number in view.digests(version.digest))
    known = [
        one for one in alike if one.digest == version.digest and one.writers and one.number < version.number
    ]
    return max(known, key=lambda one: one.number, default=None)
