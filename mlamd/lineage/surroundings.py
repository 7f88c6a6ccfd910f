"""In what surroundings a run ran: the environment of its steps, installed packages, code and machine."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlamd.journal.documents import CODE, CONTAINER, HOST, NATIVE, PACKAGES, VARIABLES
from mlamd.lineage import placement
from mlamd.lineage.view import View
from mlamd.model.derived import Run


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Of each sort the first that is known of a step of the run; empty where nothing is known."""

    variables: Mapping[str, str] = field(default_factory=dict)
    packages: Mapping[str, Any] = field(default_factory=dict)
    code: Mapping[str, Any] = field(default_factory=dict)
    host: Mapping[str, Any] = field(default_factory=dict)
    native: Mapping[str, Any] = field(default_factory=dict)
    container: Mapping[str, Any] = field(default_factory=dict)
    scheduler: Mapping[str, Any] = field(default_factory=dict)
    workers: Mapping[str, Any] = field(default_factory=dict)
    """What the others tell of where it was put (``mlamd.lineage.placement``)."""


def untracked_read(view: View, run: Run, read: Iterable[bytes], workspace: bytes) -> list[bytes]:
    """Return which of the files that a run read git did not know while one of its steps ran, sorted.

    Paths are as they are stored, ``workspace`` is the absolute path that they are relative to. Of very many
    untracked files only the first are known (``host.repositories``).
    """
    states = (view.surroundings(step).get(CODE) for step in view.steps_of(run.number))
    unknown: set[bytes] = set()
    for code in {id(code): code for code in states if code}.values():
        root = os.fsencode(str(code.get("root")))
        unknown |= {os.path.join(root, os.fsencode(str(name))) for name in code.get("untracked") or ()}
    return sorted(path for path in set(read) if os.path.join(workspace, path) in unknown)


def surroundings(view: View, run: Run) -> Surroundings:
    """Return the surroundings of a run; variables are those of all its steps, of the earlier one first."""
    variables: dict[str, str] = {}
    known: dict[str, Mapping[str, Any]] = {}
    each: list[dict[str, str]] = []
    for number in view.steps_of(run.number):
        pairs = (variable.partition("=") for variable in view.step(number).variables)
        around = view.surroundings(number)
        each.append({name: value for name, _, value in pairs} | around.pop(VARIABLES, {}))
        variables = each[-1] | variables
        for sort, what in around.items():
            known.setdefault(sort, what)
    host = known.get(HOST, {})
    return Surroundings(
        variables,
        known.get(PACKAGES, {}),
        known.get(CODE, {}),
        host,
        known.get(NATIVE, {}),
        placement.container(known.get(CONTAINER), host, variables),
        placement.scheduler(variables),
        placement.workers(each),
    )
