"""The parameters of a run, from the command lines of its steps and what the files that they used mean."""

from collections.abc import Iterable, Mapping
from typing import Any

from mlamd.lineage.view import View
from mlamd.model.derived import Run, Step
from mlamd.model.evidence import Via
from mlamd.recognise.facts import mapping
from mlamd.recognise.parameters import Parameter, resolve

__all__ = ["Parameter", "parameters"]

_KERNELS = frozenset({"ipykernel_launcher", "ipykernel"})
_INTERPRETERS = ("python", "pypy", "Rscript", "R", "julia")
_Named = tuple[str, Mapping[str, Any]]


def parameters(view: View, run: Run) -> list[Parameter]:
    """Return the parameters of a run, sorted by name; where steps differ in one, it is there for each."""
    found: dict[tuple[str, str, str], Parameter] = {}
    for number in view.steps_of(run.number):
        for parameter in _of_step(view, view.step(number)):
            found.setdefault((parameter.name, repr(parameter.value), parameter.where), parameter)
    return sorted(found.values(), key=lambda parameter: parameter.name)


def _of_step(view: View, step: Step) -> list[Parameter]:
    """Return those of one step; of a program that is no script and read none, nothing is a parameter."""
    read = sorted(view.reads(step.number), key=lambda reading: reading.at_ns)
    sources: list[_Named] = []
    configs: list[_Named] = []
    models: list[_Named] = []
    for path, kind, facts in _meanings(view, (reading.version for reading in read), made=False):
        if kind == "source":
            sources.append((path, facts))
        elif kind == "config":
            configs.append((path, mapping(facts.get("settings"))))
    for path, kind, facts in _meanings(view, view.writes(step.number), made=True):
        if kind == "model":
            models.append((path, mapping(facts.get("hyperparameters"))))
        elif kind == "config" and "/.hydra/" in f"/{path}":
            configs.append((path, mapping(facts.get("settings"))))
    if _KERNELS.intersection(step.command):
        return resolve((), [*sources, *_notebooks(view, step)], configs, models)
    name = step.executable.rpartition("/")[2]
    if not (sources or name.startswith(_INTERPRETERS)):
        return []
    return resolve(step.command, sources, configs, models)


def _notebooks(view: View, step: Step) -> Iterable[_Named]:
    """Return the notebooks that were read by who started a kernel, with what their cells assign.

    A kernel is sent the cells, it does not read the file.
    """
    for flow in view.flows_into(step.number):
        if flow.via is Via.START:
            read = (reading.version for reading in view.reads(flow.source))
            for path, kind, facts in _meanings(view, read, made=False):
                if kind == "notebook":
                    assigned = {
                        name: {"value": value} for name, value in mapping(facts.get("constants")).items()
                    }
                    yield path, {**facts, "defaults": {**assigned, **mapping(facts.get("defaults"))}}


def _meanings(
    view: View, versions: Iterable[int], *, made: bool
) -> Iterable[tuple[str, str, Mapping[str, Any]]]:
    for number in versions:
        meaning = view.meaning(number)
        if meaning is not None:
            path = view.version(number).path.decode("utf-8", "surrogateescape")
            yield path, meaning.made if made else meaning.kind, meaning.facts
