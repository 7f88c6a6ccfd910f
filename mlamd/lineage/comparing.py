"""What differs between two runs apart from their files: parameters, metrics, code, and where they ran."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from mlamd.lineage.libraries import cuda
from mlamd.lineage.metrics import metrics
from mlamd.lineage.parameters import parameters
from mlamd.lineage.surroundings import Surroundings, surroundings
from mlamd.lineage.view import View
from mlamd.model.derived import Run
from mlamd.recognise.facts import bounded


@dataclass(frozen=True, slots=True)
class Difference:
    """A name with its value in each run; None where that run has none."""

    name: str
    left: Any
    right: Any


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs in one respect, by name, and how many names were the same."""

    differing: tuple[Difference, ...]
    same: int


def compare(
    view: View, left: Run, right: Run, lower: Collection[str] = (), higher: Collection[str] = ()
) -> dict[str, Comparison]:
    """Return the comparisons by what was compared: ``parameters``, ``metrics`` (last values), and so on.

    What is known of neither run is left out. ``lower`` and ``higher`` are as in ``metrics``.
    """
    around = [surroundings(view, run) for run in (left, right)]
    pairs = {
        "parameters": [_parameters(view, run) for run in (left, right)],
        "metrics": [_metrics(view, run, lower, higher) for run in (left, right)],
        "packages": [_packages(one) for one in around],
        "code": [_code(one) for one in around],
        "variables": [dict(one.variables) for one in around],
        "cuda": [cuda(one.native, one.packages, one.host) for one in around],
        "machine": [_machine(one) for one in around],
        "container": [dict(one.container) for one in around],
    }
    return {sort: _compared(*sides) for sort, sides in pairs.items() if any(sides)}


def _compared(left: Mapping[str, Any], right: Mapping[str, Any]) -> Comparison:
    names = sorted(left.keys() | right.keys())
    differing = [name for name in names if left.get(name) != right.get(name)]
    rows = tuple(Difference(name, left.get(name), right.get(name)) for name in differing)
    return Comparison(rows, len(names) - len(differing))


def _parameters(view: View, run: Run) -> dict[str, Any]:
    """Return the values of parameters; of one that has several in a run, all of them."""
    found: dict[str, Any] = {}
    for parameter in parameters(view, run):
        known = found.get(parameter.name)
        found[parameter.name] = parameter.value if known is None else f"{known}, {parameter.value}"
    return found


def _metrics(view: View, run: Run, lower: Collection[str], higher: Collection[str]) -> dict[str, Any]:
    return {metric.name: bounded(metric.last) for metric in metrics(view, run, lower, higher)}


def _packages(around: Surroundings) -> dict[str, Any]:
    """Return the versions of packages; those of conda that are distributions too are there twice."""
    of_conda = {f"conda {name}": version for name, version in (around.packages.get("conda") or {}).items()}
    found = {**(around.packages.get("packages") or {}), **of_conda}
    return {"python": around.packages.get("version"), **found} if around.packages else {}


def _machine(around: Surroundings) -> dict[str, Any]:
    """Return the machine; the container stands for itself."""
    return {name: value for name, value in around.host.items() if name != "container"}


def _code(around: Surroundings) -> dict[str, Any]:
    """Return what tells states of code apart; the patch itself is too long to be shown."""
    code = around.code
    if not code:
        return {}
    return {name: code.get(name) for name in ("commit", "branch", "dirty", "diff")}
