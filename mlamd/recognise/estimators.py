"""Facts about what a pickle would give: a model of scikit-learn or another library, a table, plain values."""

from collections import deque
from dataclasses import dataclass

from mlamd.recognise.facts import MOST_ITEMS, bounded
from mlamd.recognise.finding import Fact
from mlamd.recognise.pickled import Made, Name, Pairs, Stored, dtype_of, number_of
from mlamd.recognise.sklearn_names import NOT_PARAMETERS
from mlamd.recognise.tensors import Tally

FRAMEWORKS = {
    "sklearn": "scikit-learn",
    "xgboost": "xgboost",
    "lightgbm": "lightgbm",
    "catboost": "catboost",
    "torch": "pytorch",
    "pytorch_lightning": "pytorch",
    "keras": "keras",
    "tensorflow": "tensorflow",
    "statsmodels": "statsmodels",
    "imblearn": "imbalanced-learn",
    "transformers": "transformers",
    "spacy": "spacy",
    "gensim": "gensim",
    "prophet": "prophet",
    "pmdarima": "pmdarima",
    "lifelines": "lifelines",
    "hdbscan": "hdbscan",
    "umap": "umap-learn",
    "surprise": "scikit-surprise",
    "implicit": "implicit",
    "stable_baselines3": "stable-baselines3",
    "skorch": "skorch",
}
"""Packages whose objects are models, and the names of their distributions."""
TABLES = frozenset({"pandas", "numpy", "polars", "pyarrow", "scipy", "datetime", "collections", "builtins"})
DANGEROUS = frozenset((
    "os", "posix", "nt", "subprocess", "sys", "socket", "shutil", "runpy", "importlib", "ctypes", "code",
    "pty", "pickle", "webbrowser", "commands",
))  # fmt: skip
_CALLS = frozenset((
    "eval", "exec", "compile", "open", "getattr", "setattr", "delattr", "__import__", "globals", "input",
    "breakpoint",
))  # fmt: skip
_NO_MODELS = ("torch._utils", "torch.storage", "torch.utils.data", "sklearn.utils")
"""Modules of these packages whose objects are data."""
_MOST_DEPTH = 5
_MOST_SEEN = 2_000
_MOST_SHOWN = 20_000


@dataclass(frozen=True, slots=True)
class Content:
    """What a pickle holds: its kind, and facts about it."""

    kind: str
    facts: dict[str, Fact]


def content_of(top: object) -> Content:
    """Tell what the object that a pickle would give is: a model, a table, plain values, or something else."""
    model = _first_model(top)
    if model is not None:
        return Content("model", _model_facts(model, top))
    if not isinstance(top, Made) or top.of is None:
        return Content("dataset", {"class": _class_of(top)})
    facts: dict[str, Fact] = {"class": top.of.dotted}
    if _package(top.of) in TABLES or top.of.module.startswith(_NO_MODELS):
        return Content("dataset", facts | _array_facts(top))
    return Content("generic", facts | {"hyperparameters": settings(top)})


def dangerous(names: list[str]) -> list[str]:
    """Return those of the imported names that a pickle of data has no use for."""
    found = []
    for name in names:
        module, _, last = name.rpartition(".")
        package = module.partition(".")[0]
        if package in DANGEROUS or (package in {"builtins", "__builtin__"} and last in _CALLS):
            found.append(name)
    return found[:50]


def settings(made: Made) -> dict[str, Fact]:
    """Return an estimator's hyperparameters, those of estimators in it after two underscores.

    They are its public attributes: what fitting learns ends with an underscore, by scikit-learn's convention.
    """
    found: dict[str, Fact] = {}
    view = _View(_MOST_SHOWN)
    waiting: deque[tuple[str, dict[str, object], int]] = deque([("", _own_settings(made), 0)])
    seen = {id(made)}
    while waiting:
        prefix, own, depth = waiting.popleft()
        for key, value in own.items():
            found[prefix + key] = view.show(value)
            parts = _named_parts(value) if isinstance(value, list) else {key: value}
            for name, part in parts.items():
                if not isinstance(part, Made) or depth >= _MOST_DEPTH or id(part) in seen:
                    continue
                seen.add(id(part))
                inner = _own_settings(part)
                if inner and name != key:
                    found[prefix + name] = view.show(part)
                waiting.append((f"{prefix}{name}__", inner, depth + 1))
            if len(found) >= MOST_ITEMS or len(seen) > MOST_ITEMS:
                return found
    return found


def shown(value: object) -> Fact:
    """Return a pickled value as a fact: objects by the names of their classes, numpy's numbers as numbers."""
    return _View(_MOST_SHOWN // 10).show(value)


class _View:
    """Shows values, and counts them: a list may hold one list many times, and that one another."""

    def __init__(self, left: int) -> None:
        self._left = left

    def show(self, value: object, depth: int = 0) -> Fact:
        self._left -= 1
        value = number_of(value) if isinstance(value, Made) else value
        if isinstance(value, Made):
            return _class_of(value)
        if isinstance(value, Name):
            return value.dotted
        if isinstance(value, Stored):
            return "stored"
        if isinstance(value, Pairs | list | tuple):
            return "…" if depth > 3 or self._left < 0 else self._many(value, depth)
        return bounded(value)

    def _many(self, value: "Pairs | list[object] | tuple[object, ...]", depth: int) -> Fact:
        if isinstance(value, Pairs):
            pairs = value.pairs[:50]
            return {str(self.show(key, 4))[:200]: self.show(item, depth + 1) for key, item in pairs}
        return [self.show(item, depth + 1) for item in value[:50]]


def _own_settings(made: Made) -> dict[str, object]:
    fields = made.fields()
    hidden = {"estimator_params"}
    if made.of is not None and made.of.module.startswith("sklearn."):
        hidden |= NOT_PARAMETERS.get(made.of.name, frozenset())
    if isinstance(fields.get("estimator_params"), tuple) and fields["estimator_params"]:
        # A forest's own template of its trees, which was never the user's to set.
        hidden |= {"estimator", "base_estimator"}
    public = {
        key: value
        for key, value in fields.items()
        if key and not key.startswith("_") and not key.endswith("_") and key not in hidden
    }
    extra = public.pop("kwargs", None)
    if isinstance(extra, Pairs):
        public |= extra.texts()
    return public


def _named_parts(value: list[object]) -> dict[str, object]:
    """Return the steps of a pipeline, the members of a vote: pairs (or more) that begin with a name."""
    return {
        one[0]: one[1]
        for one in value[:100]
        if isinstance(one, tuple) and len(one) >= 2 and isinstance(one[0], str)
    }


def _package(name: Name) -> str:
    return name.module.partition(".")[0]


def _class_of(value: object) -> str:
    if isinstance(value, Made):
        return value.of.dotted if value.of else "?"
    return "dict" if isinstance(value, Pairs) else type(value).__name__


def _is_model(value: object) -> bool:
    if not isinstance(value, Made) or value.of is None:
        return False
    package = _package(value.of)
    return bool(FRAMEWORKS.get(package)) and not value.of.module.startswith(_NO_MODELS)


def _first_model(top: object) -> Made | None:
    """Return the first model: the object itself, or one that it holds, or in a dict or list in it."""
    waiting: deque[tuple[object, int]] = deque([(top, 0)])
    seen: set[int] = set()
    while waiting:
        one, depth = waiting.popleft()
        if _is_model(one) and isinstance(one, Made):
            return one
        inner: list[object] = []
        if isinstance(one, Pairs):
            inner = [value for _, value in one.pairs[:100]]
        elif isinstance(one, list | tuple):
            inner = list(one[:100])
        elif isinstance(one, Made):
            inner = list(one.fields().values())[:100]
        if depth < 3 and id(one) not in seen and len(seen) < _MOST_SEEN:
            seen.add(id(one))
            waiting.extend((part, depth + 1) for part in inner)
    return None


def _model_facts(model: Made, top: object) -> dict[str, Fact]:
    of = model.of or Name("", "?")
    fields = model.fields()
    facts: dict[str, Fact] = {"framework": FRAMEWORKS.get(_package(of), ""), "class": of.dotted}
    version = fields.get("_sklearn_version")
    if facts["framework"] == "scikit-learn" and isinstance(version, str):
        facts["framework_version"] = version[:100]
    if model is not top:
        facts["inside"] = _class_of(top)
    found = settings(model)
    if found:
        facts["hyperparameters"] = found
    return facts


def _array_facts(top: Made) -> dict[str, Fact]:
    """Return the shape and type of a pickled numpy array."""
    state = top.state
    if top.of is None or not top.of.name.startswith("_reconstruct") or not isinstance(state, tuple):
        return {}
    if len(state) < 3 or not isinstance(state[1], tuple):
        return {}
    return {"dtype": dtype_of(state[2])[0], "shape": shown(state[1])}


def raw_arrays(arrays: list[tuple[str, tuple[object, ...]]]) -> dict[str, Fact]:
    """Return how many arrays joblib wrote beside the opcodes, and of what types."""
    tally = Tally()
    for dtype, shape in arrays:
        tally.add(dtype, shape)
    counted = tally.facts()
    return {"arrays": counted["tensors"], "array_elements": counted["parameters"]} if counted else {}
