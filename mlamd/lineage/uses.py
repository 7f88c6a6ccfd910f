"""What depends on a file: the runs that read it, and everything made from it."""

from dataclasses import dataclass

from mlamd.lineage.gaps import of_graph
from mlamd.lineage.graph import walk
from mlamd.lineage.view import View
from mlamd.model.derived import FileVersion, KnownGap, Run, Step
from mlamd.model.evidence import Grade


@dataclass(frozen=True, slots=True)
class Use:
    """A step that read the file itself."""

    run: Run
    step: Step
    grade: Grade
    at_ns: int
    count: int


@dataclass(frozen=True, slots=True)
class Uses:
    """The answer; ``made`` is everything that depends on the version, directly or not."""

    version: FileVersion
    readers: tuple[Use, ...]
    made: tuple[FileVersion, ...]
    gaps: tuple[KnownGap, ...]


def uses(view: View, version: FileVersion) -> Uses:
    """Return what depends on one version."""
    graph = walk(view, version, down=True)
    readers = []
    for edge in graph.edges.values():
        if edge.source == ("file", version.number) and edge.target[0] == "step":
            step = graph.steps[edge.target[1]]
            readers.append(Use(graph.runs[step.run], step, edge.grade, edge.at_ns, edge.count))
    made = [other for number, other in graph.files.items() if number != version.number]
    return Uses(
        version,
        tuple(sorted(readers, key=lambda use: use.at_ns)),
        tuple(sorted(made, key=lambda other: (other.path, other.number))),
        tuple(of_graph(view, graph)),
    )
