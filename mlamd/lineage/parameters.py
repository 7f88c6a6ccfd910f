"""The parameters of a run, from the command lines of its steps and what the files that they used mean."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from mlamd.lineage.view import View
from mlamd.model.derived import Run, Step
from mlamd.model.evidence import Via
from mlamd.recognise.declarations import is_read
from mlamd.recognise.facts import mapping
from mlamd.recognise.launch import find_program, is_tool, runs_python
from mlamd.recognise.parameters import Parameter, resolve

__all__ = ["Parameter", "parameters"]

_KERNELS = frozenset({"ipykernel_launcher", "ipykernel"})
_Named = tuple[str, Mapping[str, Any]]
_PART = re.compile(r"defaults\.\d+(?:\.|$)")
"""In Hydra's list of the files that make up a configuration."""


def parameters(view: View, run: Run) -> list[Parameter]:
    """Return the parameters of a run, sorted by name; where steps differ in one, it is there for each.

    ``steps`` are the ids of the steps that have it so.
    """
    found: dict[tuple[str, str, str], Parameter] = {}
    for number in view.steps_of(run.number):
        step = view.step(number)
        for parameter in _of_step(view, step):
            key = (parameter.name, repr(parameter.value), parameter.where)
            known = found.get(key, parameter)
            found[key] = replace(known, steps=(*known.steps, step.id))
    return sorted(found.values(), key=lambda parameter: parameter.name)


def _of_step(view: View, step: Step) -> list[Parameter]:
    """Return those of one step; nothing if it ran neither a script nor an interpreter."""
    read = sorted(view.reads(step.number), key=lambda reading: reading.at_ns)
    sources: list[_Named] = []
    configs: list[_Named] = []
    written: list[_Named] = []
    files: dict[str, list[str]] = {}
    models: list[_Named] = []
    for path, kind, facts in _meanings(view, (reading.version for reading in read), made=False):
        if kind == "source":
            sources.append((path, facts))
        elif kind == "config":
            configs.append((path, _settings(facts)))
        elif "words" in facts:
            files[path] = facts["words"]
    for path, kind, facts in _meanings(view, view.writes(step.number), made=True):
        if kind == "model":
            models.append((path, mapping(facts.get("hyperparameters"))))
        elif kind == "config" and ("/.hydra/" in f"/{path}" or _is_logged(facts)):
            written.append((path, _settings(facts)))
    configs = _without_parts(configs, written)
    if _KERNELS.intersection(step.command):
        starters = [flow.source for flow in view.flows_into(step.number) if flow.via is Via.START]
        configs += _injected(view, starters)
        return resolve((), [*sources, *_notebooks(view, starters)], configs, models)
    injected = _injected(view, [step.number])
    if injected:  # whoever runs a notebook with parameters has no others
        return resolve((), list(_notebooks(view, [step.number])), injected, models)
    interpreted = runs_python(step.executable or "".join(step.command[:1]))
    if not is_read(step.command, sources) and (not interpreted or is_tool(find_program(step.command))):
        return []
    return resolve(step.command, sources, configs, models, files)


def _is_logged(facts: Mapping[str, Any]) -> bool:
    """Say whether a tracker wrote what its run had set, and not what it knows of the run itself."""
    return "tracker" in facts and "lifecycle_stage" not in mapping(facts.get("settings"))


def _settings(facts: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the settings of a configuration without Hydra's list of its parts."""
    return {
        name: value
        for name, value in mapping(facts.get("settings")).items()
        if not _PART.match(name) and not (name == "defaults" and isinstance(value, list))
    }


def _without_parts(read: list[_Named], written: list[_Named]) -> list[_Named]:
    """Return the configurations that count: what Hydra composed, if it did, in place of its parts.

    Its own settings are none of the run's.
    """
    composed = [one for one in written if one[0].endswith(".hydra/config.yaml")]
    return composed or [one for one in (*read, *written) if not one[0].endswith(".hydra/hydra.yaml")]


def _notebooks(view: View, steps: Iterable[int]) -> Iterable[_Named]:
    """Return the notebooks that were read by who started a kernel, with what their cells assign.

    A kernel is sent the cells, it does not read the file.
    """
    for step in steps:
        read = (reading.version for reading in view.reads(step))
        for path, kind, facts in _meanings(view, read, made=False):
            if kind == "notebook":
                assigned = {name: {"value": value} for name, value in mapping(facts.get("constants")).items()}
                yield path, {**facts, "defaults": {**assigned, **mapping(facts.get("defaults"))}}


def _injected(view: View, steps: Iterable[int]) -> list[_Named]:
    """Return what was put into the notebooks that steps wrote, as papermill does it, by path."""
    found: dict[str, Mapping[str, Any]] = {}
    for step in steps:
        for path, kind, facts in _meanings(view, view.writes(step), made=True):
            if kind == "notebook" and facts.get("settings"):
                found[path] = mapping(facts["settings"])
    return list(found.items())


def _meanings(
    view: View, versions: Iterable[int], *, made: bool
) -> Iterable[tuple[str, str, Mapping[str, Any]]]:
    for number in versions:
        meaning = view.meaning(number)
        if meaning is not None:
            path = view.version(number).path.decode("utf-8", "surrogateescape")
            yield path, meaning.made if made else meaning.kind, meaning.facts
