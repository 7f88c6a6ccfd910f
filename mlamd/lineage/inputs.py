"""What went into a run and what came out of it, by path."""

from dataclasses import dataclass

from mlamd.lineage.view import View
from mlamd.model.derived import FileVersion, Reading, Run
from mlamd.model.evidence import Grade


@dataclass(frozen=True, slots=True)
class Used:
    """A version that a run read or wrote, with the strongest evidence for it."""

    version: FileVersion
    grade: Grade
    at_ns: int
    count: int = 1


def inputs(view: View, run: Run) -> list[Used]:
    """Return what a run read without having written it, by path."""
    made = {version for step in view.steps_of(run.number) for version in view.writes(step)}
    best: dict[int, Reading] = {}
    for step in view.steps_of(run.number):
        for reading in view.reads(step):
            known = best.get(reading.version)
            if reading.version not in made and (known is None or reading.grade < known.grade):
                best[reading.version] = reading
    used = [
        Used(view.version(reading.version), reading.grade, reading.at_ns, reading.count)
        for reading in best.values()
    ]
    return sorted(used, key=lambda item: (item.version.path, item.version.number))


def outputs(view: View, run: Run) -> list[Used]:
    """Return what a run wrote, by path."""
    best: dict[int, Used] = {}
    steps = view.steps_of(run.number)
    for step in steps:
        for number in view.writes(step):
            version = view.version(number)
            for writer in version.writers:
                known = best.get(number)
                if writer.step in steps and (known is None or writer.grade < known.grade):
                    best[number] = Used(version, writer.grade, version.sealed_ns)
    return sorted(best.values(), key=lambda item: (item.version.path, item.version.number))
