"""Models that somebody wrote as a plain JSON or YAML document: matrices of weights under a telling name."""

from collections.abc import Mapping, Sequence

from mlamd.masking.text import mask_setting
from mlamd.recognise.facts import bounded, flattened
from mlamd.recognise.finding import Fact, Finding
from mlamd.recognise.series import is_number

_WEIGHTS = frozenset({"weights", "weight", "coef", "coef_", "coefs", "coefs_", "coefficients", "state_dict"})
_BIASES = frozenset({"bias", "biases", "intercept", "intercept_", "intercepts", "intercepts_"})
_SETTINGS = frozenset({"params", "parameters", "hyperparameters", "hyperparams", "config", "settings"})
_MOST_DEPTH = 8


def recognise_model(held: Mapping[str, object], form: str) -> Finding | None:
    """Return a model with ``tensors``, ``parameters`` and ``hyperparameters``; None for what is none.

    One row of weights may be a setting (of classes, of a sum of losses): it counts beside a bias only.
    """
    tensors: dict[str, tuple[int, int]] = {}
    for name, value in held.items():
        if str(name).lower() in _WEIGHTS | _BIASES:
            _collect(str(name), value, tensors)
    deep = any(depth > 1 for _, depth in tensors.values())
    both = all(
        any(name.partition(".")[0].lower() in sort for name in tensors) for sort in (_WEIGHTS, _BIASES)
    )
    if not (deep or both):
        return None
    facts: dict[str, Fact] = {
        "tensors": len(tensors),
        "parameters": sum(elements for elements, _ in tensors.values()),
    }
    settings: dict[str, Fact] = {}
    for name, value in held.items():
        if str(name).lower() in _SETTINGS:
            settings |= {key: bounded(mask_setting(key, one)) for key, one in flattened(value).items()}
    if settings:
        facts["hyperparameters"] = settings
    return Finding("model", form, facts)


def _collect(name: str, value: object, tensors: dict[str, tuple[int, int]], depth: int = 0) -> None:
    """Note elements and dimensions of every tensor below a name."""
    if isinstance(value, Mapping) and depth < _MOST_DEPTH:
        for key, one in value.items():
            _collect(f"{name}.{key}", one, tensors, depth + 1)
        return
    elements, dimensions = _shape(value, 0)
    if elements:
        tensors[name] = elements, dimensions


def _shape(value: object, depth: int) -> tuple[int, int]:
    """Return how many numbers a nested list has, and its depth; 0 of both if it holds anything else."""
    if is_number(value):
        return 1, 0
    if not isinstance(value, Sequence) or isinstance(value, str) or not value or depth > _MOST_DEPTH:
        return 0, 0
    parts = [_shape(one, depth + 1) for one in value]
    if not all(elements for elements, _ in parts):
        return 0, 0
    return sum(elements for elements, _ in parts), 1 + parts[0][1]
