"""In what surroundings a run ran: the environment of its steps, installed packages, code and machine."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mlamd.journal.documents import CODE, CONTAINER, HOST, PACKAGES
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
    container: Mapping[str, Any] = field(default_factory=dict)
    scheduler: Mapping[str, Any] = field(default_factory=dict)
    workers: Mapping[str, Any] = field(default_factory=dict)
    """What the others tell of where it was put (``mlamd.lineage.placement``)."""


def surroundings(view: View, run: Run) -> Surroundings:
    """Return the surroundings of a run; variables are those of all its steps, of the earlier one first."""
    variables: dict[str, str] = {}
    known: dict[str, Mapping[str, Any]] = {}
    each: list[dict[str, str]] = []
    for number in view.steps_of(run.number):
        pairs = (variable.partition("=") for variable in view.step(number).variables)
        each.append({name: value for name, _, value in pairs})
        variables = each[-1] | variables
        for sort, what in view.surroundings(number).items():
            known.setdefault(sort, what)
    host = known.get(HOST, {})
    return Surroundings(
        variables,
        known.get(PACKAGES, {}),
        known.get(CODE, {}),
        host,
        placement.container(known.get(CONTAINER), host, variables),
        placement.scheduler(variables),
        placement.workers(each),
    )
