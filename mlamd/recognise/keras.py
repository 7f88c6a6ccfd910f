"""What Keras says of a model in JSON, the same in its HDF5 files and its archives."""

from collections.abc import Mapping

from mlamd.recognise.facts import MOST_ITEMS, bounded
from mlamd.recognise.finding import Fact, RecogniseError
from mlamd.recognise.jsonvalue import loaded, mapping


def model_facts(version: str, architecture: object, training: object) -> dict[str, Fact]:
    """Return ``class``, ``model_name``, ``layers`` and how the model was compiled.

    ``architecture`` and ``training`` are JSON, as text or parsed, or nothing.
    """
    facts: dict[str, Fact] = {"framework": "keras"}
    if version:
        facts["framework_version"] = version[:100]
    model = _parsed(architecture)
    config = mapping(model.get("config"))
    if isinstance(model.get("class_name"), str):
        facts["class"] = bounded(model["class_name"])
    if isinstance(config.get("name"), str):
        facts["model_name"] = bounded(config["name"])
    layers = config.get("layers")
    if isinstance(layers, list):
        kinds = [mapping(layer).get("class_name") for layer in layers]
        facts["layers"] = bounded([kind for kind in kinds if isinstance(kind, str)])
    settings = compiled(_parsed(training) or mapping(model.get("compile_config")))
    if settings:
        facts["hyperparameters"] = settings
    return facts


def compiled(training: Mapping[str, object]) -> dict[str, Fact]:
    """Return the optimiser and its settings, the loss and the metrics."""
    found: dict[str, Fact] = {}
    optimizer = training.get("optimizer_config", training.get("optimizer"))
    if isinstance(optimizer, str):
        found["optimizer"] = bounded(optimizer)
    elif isinstance(optimizer, dict):
        found["optimizer"] = bounded(optimizer.get("class_name"))
        for key, value in list(mapping(optimizer.get("config")).items())[:MOST_ITEMS]:
            if isinstance(value, bool | int | float | str) and key != "name":
                found[f"optimizer.{key}"] = bounded(value)
    for key in ("loss", "metrics"):
        value = training.get(key)
        if isinstance(value, str | list) and value:
            found[key] = bounded(value)
        elif isinstance(value, dict):
            found[key] = bounded(value.get("class_name", value))
    return found


def _parsed(value: object) -> dict[str, object]:
    if isinstance(value, str):
        try:
            return mapping(loaded(value.encode("utf-8", "replace")))
        except RecogniseError:
            return {}
    return mapping(value)
