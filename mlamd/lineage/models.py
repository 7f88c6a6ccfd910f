"""Models that are saved as a directory: which files belong together, and what they say of the whole.

Sources: the directories that ``save_pretrained`` of transformers and peft write, TensorFlow's SavedModel, a
model of Keras 3 saved with ``zipped=False``, what MLflow logs (``MLmodel``), and the arrays that joblib puts
beside a file.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mlamd.lineage.view import View
from mlamd.model.derived import FileVersion
from mlamd.recognise.facts import mapping

_BESIDE = frozenset(
    """
    config.json generation_config.json adapter_config.json training_args.bin model.safetensors.index.json
    pytorch_model.bin.index.json tokenizer.json tokenizer_config.json tokenizer.model spiece.model
    special_tokens_map.json added_tokens.json vocab.json vocab.txt merges.txt preprocessor_config.json
    processor_config.json chat_template.jinja chat_template.json
    optimizer.pt scheduler.pt scaler.pt rng_state.pth
    """.split()
)
"""What transformers and peft write beside the weights."""
_WEIGHTS = re.compile(r".*\.safetensors|(pytorch_model|adapter_model|model).*\.bin|(tf|flax)_model\.\w+")
_NO_WEIGHTS = re.compile(r"(training_args|optimizer|scheduler|scaler|rng_state)\b.*")
_SHARD = re.compile(r"(.+)-(\d+)-of-(\d+)(\.\w+)")
_ARRAYS = re.compile(r"(.+)_\d+\.npy(\.z)?")
_KERAS = frozenset({"config.json", "metadata.json", "model.weights.h5"})


@dataclass(frozen=True, slots=True)
class Model:
    """A model in a directory. Texts are "" and numbers None where the files do not tell."""

    directory: bytes
    form: str
    """``huggingface``, ``savedmodel``, ``keras``, ``mlflow`` or ``joblib``."""
    members: tuple[int, ...]
    framework: str
    class_name: str
    architecture: str
    tensors: int | None = None
    parameters: int | None = None
    """How many numbers its weights have; those that are split over several files are added up."""
    dtypes: Mapping[str, int] = field(default_factory=dict)
    partial: bool = False
    """True if some of its weights are not known."""


_Files = dict[str, FileVersion]
"""The newest version of each file of one directory, by name."""


def models(view: View, versions: Iterable[FileVersion]) -> list[Model]:
    """Return the models that are saved as directories among files; each has two files or more."""
    listed = list(versions)
    places: dict[bytes, _Files] = defaultdict(dict)
    for version in sorted(listed, key=lambda version: version.number):
        directory, _, name = version.path.rpartition(b"/")
        places[directory][name.decode("utf-8", "surrogateescape")] = version
    found: dict[bytes, Model] = {}
    for directory in sorted(places):
        form, belongs = _form(view, places[directory])
        if not form or _inside(directory, found):
            continue
        members = [version for version in listed if _is_member(version.path, directory, form, belongs)]
        if len({version.path for version in members}) > 1:
            found[directory] = _model(view, directory, form, members)
    return list(found.values())


def _form(view: View, files: _Files) -> tuple[str, frozenset[str]]:
    """Return as what a directory is a model ("" if it is none), and the names that belong to it."""
    if "saved_model.pb" in files and _format(view, files["saved_model.pb"]) == "savedmodel":
        return "savedmodel", frozenset()
    if "MLmodel" in files:
        return "mlflow", frozenset()
    if "model.weights.h5" in files and files.keys() >= _KERAS:
        return "keras", _KERAS
    described = "config.json" in files and _format(view, files["config.json"]) == "huggingface-config"
    if described or "adapter_config.json" in files:
        return "huggingface", frozenset(name for name in files if name in _BESIDE or _WEIGHTS.fullmatch(name))
    stems = {match[1] for match in map(_ARRAYS.fullmatch, files) if match}
    for stem in stems & files.keys():
        if _format(view, files[stem]) in {"joblib", "pickle"}:
            return "joblib", frozenset(name for name in files if name == stem or _is_array(name, stem))
    return "", frozenset()


def _format(view: View, version: FileVersion) -> str:
    meaning = view.meaning(version.number)
    return "" if meaning is None else meaning.format


def _is_array(name: str, stem: str) -> bool:
    match = _ARRAYS.fullmatch(name)
    return match is not None and match[1] == stem


def _inside(directory: bytes, found: Iterable[bytes]) -> bool:
    """Say whether a directory is a part of a model that takes all that is below it."""
    return any(directory.startswith(one + b"/") for one in found)


def _is_member(path: bytes, directory: bytes, form: str, belongs: frozenset[str]) -> bool:
    if form in {"savedmodel", "mlflow"}:
        return bool(directory) and path.startswith(directory + b"/")
    place, _, name = path.rpartition(b"/")
    return place == directory and name.decode("utf-8", "surrogateescape") in belongs


def _model(view: View, directory: bytes, form: str, members: list[FileVersion]) -> Model:
    newest = {version.path: version for version in members}
    facts: list[tuple[str, str, Mapping[str, Any]]] = []
    for path, version in sorted(newest.items()):
        meaning = view.meaning(version.number)
        if meaning is not None:
            name = path.rpartition(b"/")[2].decode("utf-8", "replace")
            facts.append((name, meaning.kind, meaning.facts))
    says = [one for _, kind, one in facts if kind == "model"]
    says.sort(key=lambda one: "class" not in one)
    settings = [mapping(one.get("settings")) for _, kind, one in facts if kind == "config"]
    class_name = _first(says, "class") or _first(settings, "class_name")
    return Model(
        directory,
        form,
        tuple(sorted(version.number for version in members)),
        _first(says, "framework") or {"savedmodel": "tensorflow", "keras": "keras"}.get(form, ""),
        class_name,
        _first(says, "architecture") or _first(settings, "peft_type"),
        **_weights((name, one) for name, kind, one in facts if kind == "model"),
    )


def _first(facts: Iterable[Mapping[str, Any]], name: str) -> str:
    return next((str(one[name]) for one in facts if one.get(name)), "")


def _weights(facts: Iterable[tuple[str, Mapping[str, Any]]]) -> dict[str, Any]:
    """Add up the shards of a set of weights; of several sets (of other types, say) take the largest."""
    sets: dict[str, list[tuple[str, Mapping[str, Any]]]] = defaultdict(list)
    for name, one in facts:
        if isinstance(one.get("parameters"), int) and not _NO_WEIGHTS.fullmatch(name):
            shard = _SHARD.fullmatch(name)
            sets[shard[1] + shard[4] if shard else name].append((name, one))
    if not sets:
        return {}
    largest = max(sets.values(), key=lambda parts: sum(one["parameters"] for _, one in parts))
    dtypes: Counter[str] = Counter()
    for _, one in largest:
        dtypes.update({str(name): int(count) for name, count in mapping(one.get("dtypes")).items()})
    shard = _SHARD.fullmatch(largest[0][0])
    return {
        "tensors": sum(int(one.get("tensors", 0)) for _, one in largest),
        "parameters": sum(one["parameters"] for _, one in largest),
        "dtypes": dict(sorted(dtypes.items())),
        "partial": (shard is not None and int(shard[3]) != len(largest))
        or any(bool(one.get("partial")) for _, one in largest),
    }
